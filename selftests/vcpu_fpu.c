// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended state of guests across exits, migrations and other guests: two vCPUs, each
 * with its own XCR0, compute in the registers that it allows, checked after each exit.
 */
#include "vm.h"

#define ROUNDS	150

static volatile u64 use;		/* what to put into XCR0 */

/* XMM8 to XMM15 and the upper halves of YMM, each from a seed */
static void load_regs(u64 seed)
{
	asm volatile("movq %0, %%xmm0; movq %1, %%xmm15; punpcklqdq %%xmm15, %%xmm0;"
		     "movdqa %%xmm0, %%xmm7; pxor %%xmm15, %%xmm7"
		     : : "r" (seed), "r" (~seed));
	if (use & 4)
		asm volatile("vinsertf128 $1, %%xmm0, %%ymm0, %%ymm5;"
			     "vinsertf128 $1, %%xmm7, %%ymm0, %%ymm15" : :);
	if ((use & 0xe0) == 0xe0)
		asm volatile("vpbroadcastq %0, %%zmm31; vpbroadcastq %1, %%zmm16;"
			     "kmovw %k0, %%k1; kmovw %k1, %%k7"
			     : : "r" (seed), "r" (seed * 3));
	asm volatile("fninit; pushq %0; fildll (%%rsp); add $8, %%rsp" : : "r" (seed >> 8));
}

static void check_regs(u64 seed)
{
	u64 a, b, c;

	asm volatile("movq %%xmm0, %0; movhlps %%xmm0, %%xmm1; movq %%xmm1, %1; movq %%xmm7, %2"
		     : "=r" (a), "=r" (b), "=r" (c));
	GUEST_ASSERT_EQ(a, seed);
	GUEST_ASSERT_EQ(b, ~seed);
	if (use & 4) {
		asm volatile("vextractf128 $1, %%ymm5, %%xmm1; movq %%xmm1, %0;"
			     "vextractf128 $1, %%ymm15, %%xmm1; movq %%xmm1, %1"
			     : "=r" (a), "=r" (b));
		GUEST_ASSERT_EQ(a, seed);
		GUEST_ASSERT_EQ(b, c);
	}
	if ((use & 0xe0) == 0xe0) {
		asm volatile("vextracti64x4 $1, %%zmm31, %%ymm1; movq %%xmm1, %0;"
			     "vextracti64x4 $1, %%zmm16, %%ymm1; movq %%xmm1, %1;"
			     "kmovw %%k7, %k2" : "=r" (a), "=r" (b), "=r" (c));
		GUEST_ASSERT_EQ(a, seed);
		GUEST_ASSERT_EQ(b, seed * 3);
		GUEST_ASSERT_EQ(c, seed * 3 & 0xffff);
	}
	asm volatile("pushq $0; fistpll (%%rsp); popq %0" : "=r" (a));
	GUEST_ASSERT_EQ(a, seed >> 8);
}

static void compute(u64 base)
{
	u64 i, seed;

	if (use) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		GUEST_ASSERT_EQ(xsetbv_safe(0, use), 0);
	}
	for (i = 1; i <= ROUNDS; i++) {
		seed = base * i;
		load_regs(seed);
		GUEST_SYNC(i);
		check_regs(seed);
		load_regs(~seed);
		inl(0x500);
		check_regs(~seed);
	}
}

static struct vcpu *start(u64 xcr0, u64 base)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	GUEST_VAR(vm, use) = xcr0;
	vcpu_start_long_arg(vcpu, compute, base);
	return vcpu;
}

/* The host's registers of the same kind, filled with something else */
static void spoil(u64 v)
{
	asm volatile("movq %0, %%xmm0; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15;"
		     "fninit; fldz; fld1" : : "r" (v));
	if (host_has("avx"))
		asm volatile("vinsertf128 $1, %%xmm0, %%ymm0, %%ymm5;"
			     "vinsertf128 $1, %%xmm0, %%ymm0, %%ymm15" : :);
}

static void together(u64 one, u64 two)
{
	struct vcpu *a = start(one, 0x123456789abcdefull), *b = start(two, 0xfedcba9876543211ull);
	int i;

	for (i = 1; i <= ROUNDS; i++) {
		pin_to_cpu(i % nr_cpus());
		vcpu_sync(a, i);
		vcpu_sync(b, i);
		spoil(i * 0x1111111111111111ull);
		vcpu_exit(a, LODGE_EXIT_IO);
		vcpu_exit(b, LODGE_EXIT_IO);
	}
	vcpu_done(a);
	vcpu_done(b);
}

TEST(without_xsave)
{
	together(0, 0);
}

TEST(sse_and_all)
{
	struct lodge_info info;

	if (!host_has("xsave"))
		SKIP("the processor has no XSAVE");
	lodge_info(&info);
	together(3, info.xcr0_mask);
}

TEST(avx_and_avx512)
{
	struct lodge_info info;

	if (!host_has("avx512f"))
		SKIP("the processor has no AVX-512");
	lodge_info(&info);
	ASSERT_EQ(info.xcr0_mask & 0xe7, 0xe7ull);
	together(7, 0xe7);
}

/* PKRU is the guest's own, and the host's is not seen */
static void pkru(void)
{
	u32 i, v, edx;

	write_cr4(read_cr4() | CR4_OSXSAVE | CR4_PKE);
	GUEST_ASSERT_EQ(xsetbv_safe(0, 0x203), 0);
	for (i = 1; i < 50; i++) {
		asm volatile("wrpkru" : : "a" (i * 0x01010100), "c" (0), "d" (0));
		GUEST_SYNC(i);
		asm volatile("rdpkru" : "=a" (v), "=d" (edx) : "c" (0));
		GUEST_ASSERT_EQ(v, i * 0x01010100);
	}
}

TEST(pkru)
{
	struct vcpu *vcpu;
	u32 i, v, edx, mine = 0x55555554;

	if (!host_has("ospke"))
		SKIP("the processor has no protection keys");
	vcpu = vcpu_long(vm_create(0), 0, pkru);
	asm volatile("wrpkru" : : "a" (mine), "c" (0), "d" (0));
	for (i = 1; i < 50; i++) {
		vcpu_sync(vcpu, i);
		asm volatile("rdpkru" : "=a" (v), "=d" (edx) : "c" (0));
		EXPECT_EQ(v, mine);
	}
	vcpu_done(vcpu);
}
