// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host program that computes in x87, SSE, AVX and AVX-512 registers beside guests
 * that trash them, and across its own guest's runs, sees its own values only.
 */
#include "lib/trash.h"

#define ROUNDS	400

/* All of the registers, stored for comparison; 64-byte slots */
struct regs {
	u8 z[32][64];
	u64 k[8];
	u8 x87[8][16];
	u32 mxcsr;
	u16 fcw;
} __attribute__((aligned(64)));

static struct regs want, got;
static int level;		/* 0 SSE, 1 AVX, 2 AVX-512 */

#define LOW	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
#define HIGH	".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
#define KS	".irp n, 0,1,2,3,4,5,6,7\n"

static void load(struct regs *r)
{
	if (level == 2) {
		asm volatile(LOW "vmovdqu64 64*\\n(%0), %%zmm\\n\n.endr\n"
			     HIGH "vmovdqu64 64*\\n(%0), %%zmm\\n\n.endr\n"
			     KS "kmovw 8*\\n(%1), %%k\\n\n.endr"
			     : : "r" (r->z), "r" (r->k) : "memory");
	} else if (level == 1) {
		asm volatile(LOW "vmovdqu 64*\\n(%0), %%ymm\\n\n.endr" : : "r" (r->z) : "memory");
	} else {
		asm volatile(LOW "movdqu 64*\\n(%0), %%xmm\\n\n.endr" : : "r" (r->z) : "memory");
	}
	asm volatile("ldmxcsr %0; fninit; fldcw %1" : : "m" (r->mxcsr), "m" (r->fcw));
	asm volatile(KS "fldt 16*\\n(%0)\n.endr" : : "r" (r->x87) : "memory");
}

static void store(struct regs *r)
{
	if (level == 2) {
		asm volatile(LOW "vmovdqu64 %%zmm\\n, 64*\\n(%0)\n.endr\n"
			     HIGH "vmovdqu64 %%zmm\\n, 64*\\n(%0)\n.endr\n"
			     KS "kmovw %%k\\n, 8*\\n(%1)\n.endr"
			     : : "r" (r->z), "r" (r->k) : "memory");
	} else if (level == 1) {
		asm volatile(LOW "vmovdqu %%ymm\\n, 64*\\n(%0)\n.endr" : : "r" (r->z) : "memory");
	} else {
		asm volatile(LOW "movdqu %%xmm\\n, 64*\\n(%0)\n.endr" : : "r" (r->z) : "memory");
	}
	asm volatile("stmxcsr %0; fnstcw %1" : "=m" (r->mxcsr), "=m" (r->fcw));
	/* popped in the other order than pushed */
	asm volatile(KS "fstpt 16*(7-\\n)(%0)\n.endr\nfninit" : : "r" (r->x87) : "memory");
}

static void fill(struct regs *r, u64 seed)
{
	unsigned int i, j, bytes = level == 2 ? 64 : level == 1 ? 32 : 16;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < (level == 2 ? 32u : 16u); i++)
		for (j = 0; j < bytes; j++)
			r->z[i][j] = (seed = seed * 6364136223846793005ull + 1) >> 33;
	for (i = 0; i < 8; i++) {
		if (level == 2)
			r->k[i] = (seed >> i) & 0xffff;
		memcpy(r->x87[i], &seed, 8);
		r->x87[i][7] |= 0x80;			/* a normal number */
		r->x87[i][8] = i;
		r->x87[i][9] = 0x40;
	}
	r->mxcsr = 0x3f80;				/* round down */
	r->fcw = 0x077f;				/* likewise */
}

static void pick_level(int l)
{
	if ((l == 1 && !host_has("avx")) || (l == 2 && !host_has("avx512f")))
		SKIP("the processor has no %s", l == 1 ? "AVX" : "AVX-512");
	level = l;
}

/* The calling thread's own guest */
static void across_runs(int l)
{
	struct vcpu *vcpu[2];
	u64 i;

	pick_level(l);
	vcpu[0] = trash_vcpu();
	vcpu[1] = trash_vcpu();
	for (i = 0; i < ROUNDS; i++) {
		fill(&want, i);
		load(&want);
		trash_once(vcpu[i & 1]);
		store(&got);
		ASSERT_EQ(memcmp(&want, &got, sizeof(want)), 0);
	}
}

TEST(sse_across_runs)
{
	across_runs(0);
}

TEST(avx_across_runs)
{
	across_runs(1);
}

TEST(avx512_across_runs)
{
	across_runs(2);
}

/* Guests of other processes on the same CPU, at every scheduling */
static void beside(int l)
{
	volatile u32 spin;
	u64 i, before;

	pick_level(l);
	pin_to_cpu(nr_cpus() - 1);
	trash_beside(nr_cpus() - 1);
	trash_beside(nr_cpus() - 1);
	while (!trash_more(10))
		sched_yield();
	before = trash_rounds();
	for (i = 0; i < ROUNDS || !trash_more(before + ROUNDS); i++) {
		fill(&want, i);
		load(&want);
		if (i & 1)
			raw_yield();
		for (spin = 0; spin < 500; spin++)
			;
		store(&got);
		ASSERT_EQ(memcmp(&want, &got, sizeof(want)), 0);
	}
}

TEST(sse_beside)
{
	beside(0);
}

TEST(avx_beside)
{
	beside(1);
}

TEST(avx512_beside)
{
	beside(2);
}
