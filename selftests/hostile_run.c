// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread writes garbage to the run area all the time while guests leave with accesses to
 * devices, string I/O and hypercalls.  The guest may get garbage, and nothing else happens.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

#define MS	1200
#define DEV	0x50000000ull

static volatile bool stop_writing;

struct writer {
	char *area;
	size_t size;
	int kind;
	u32 seed;
};

/* Kinds: random bytes anywhere, extremes in the known members, the data page */
static void *writer(void *arg)
{
	static const u32 extremes[] = { 0, 1, 2, 4, 8, 9, 255, 4096, 4097, 0x7fffffff,
					0x80000000, 0xfffffff8, ~0u };
	struct writer *w = arg;
	u32 i = 0, r;

	while (!stop_writing) {
		r = random_next(&w->seed);
		switch (w->kind) {
		case 0:
			w->area[r % w->size] = r >> 16;
			break;
		case 1:
			/* every word of the header, but immediate_exit stays mostly zero */
			((volatile u32 *)w->area)[1 + r % 70] = extremes[(r >> 8) % 13];
			break;
		case 2:
			memset(w->area + 16 + r % 64, r >> 16, 1 + r % 32);
			break;
		}
		if (r % 64 == 0)
			*(volatile u8 *)w->area = 0;
		if (++i % 256 == 0)
			usleep(1);
	}
	return NULL;
}

static void devices(void)
{
	u64 v, si, di, n;

	for (;;) {
		v = *(volatile u64 *)DEV;
		*(volatile u32 *)(DEV + 4) = v;
		*(volatile u64 *)(DEV + 0xffd) = v;
		asm volatile("lock; xaddl %k0, (%1)" : "+r" (v) : "r" (DEV) : "memory", "cc");
		si = DEV;
		di = GPA_SCRATCH;
		n = 5;
		asm volatile("rep movsl" : "+S" (si), "+D" (di), "+c" (n) : : "memory");
		asm volatile("movups (%0), %%xmm1; movups %%xmm1, 16(%0)"
			     : : "r" (DEV) : "memory");
	}
}

static void ports(void)
{
	u64 di, n;

	for (;;) {
		(void)inb(0x70);
		(void)inw(0x71);
		(void)inl(0x72);
		di = GPA_SCRATCH;
		n = 700;
		asm volatile("rep insb" : "+D" (di), "+c" (n) : "d" (0x80) : "memory");
		di = GPA_SCRATCH + 0xfffe;
		n = 1200;
		asm volatile("rep insl" : "+D" (di), "+c" (n) : "d" (0x80) : "memory");
		di = GPA_SCRATCH;
		n = 300;
		asm volatile("rep outsw" : "+S" (di), "+c" (n) : "d" (0x80) : "memory");
	}
}

static void calls(void)
{
	u64 v;

	for (;;) {
		asm volatile("vmcall" : "=a" (v) : "0" (1) : "memory");
		*(volatile u64 *)GPA_SCRATCH = v;
		halt();
		(void)inb(0xe9);
		asm volatile("outb %%al, $0xf4" : : "a" (v));
	}
}

/* Runs until the time is up; an instruction that garbage led to may end the guest */
static void run(void (*fn)(void), int kind)
{
	struct vm *vm = vm_create(LODGE_VM_DEBUG_PORTS);
	struct vcpu *vcpu = vcpu_long(vm, 0, fn);
	struct writer w = { (char *)vcpu->run, vcpu->run_size, kind, 1 + kind };
	u64 end = now_ns() + MS * 1000000ull, exits = 0, eintr = 0;
	char *canary = vm_ptr(vm, GPA_SCRATCH + 0x40000);
	pthread_t t[2];
	unsigned int i;

	memset(canary, 0x5a, PAGE);
	stop_writing = false;
	t[0] = thread_start(writer, &w);
	t[1] = thread_start(writer, &w);
	while (now_ns() < end) {
		exits++;
		if (!vcpu_run_try(vcpu))
			continue;
		ASSERT_EQ(errno, EINTR);
		eintr++;
		vcpu->run->immediate_exit = 0;
	}
	stop_writing = true;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(t[i], NULL), 0);
	for (i = 0; i < PAGE; i++)
		ASSERT_EQ(canary[i], 0x5a);
	diag("%llu exits, %llu interrupted", (unsigned long long)exits, (unsigned long long)eintr);
	EXPECT_GT(exits - eintr, 20ull);
	vcpu_free(vcpu);
	vm_free(vm);
}

#define KINDS(fn)								\
	TEST(fn##_bytes)							\
	{									\
		run(fn, 0);							\
	}									\
										\
	TEST(fn##_extremes)							\
	{									\
		run(fn, 1);							\
	}									\
										\
	TEST(fn##_answers)							\
	{									\
		run(fn, 2);							\
	}

KINDS(devices)
KINDS(ports)
KINDS(calls)

/* Not raced: each value of the members that the kernel reads back, at each exit */
static void one_of_each(void)
{
	u64 di = GPA_SCRATCH, n = 64, v;

	v = *(volatile u16 *)DEV;
	asm volatile("rep insw" : "+D" (di), "+c" (n) : "d" (0x80) : "memory");
	GUEST_ASSERT_EQ(n, 0);
	GUEST_ASSERT_EQ(di, GPA_SCRATCH + 128);
	(void)inl(0x71);
	asm volatile("vmcall" : "=a" (v) : "0" (1) : "memory");
	GUEST_DONE();
}

TEST(members)
{
	static const u32 values[] = { 0, 1, 3, 8, 9, 64, 255, 4096, 8192, 0x7fffffff, ~0u };
	unsigned int i, exits;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		vcpu_start_long(vcpu, one_of_each);
		for (exits = 0; exits < 2000; exits++) {
			vcpu_run(vcpu);
			if (vcpu_is_ucall(vcpu))
				break;
			switch (vcpu->run->exit_reason) {
			case LODGE_EXIT_MMIO:
				vcpu->run->mmio.len = values[i];
				vcpu->run->mmio.gpa = values[i];
				vcpu->run->mmio.is_write = values[i];
				break;
			case LODGE_EXIT_IO:
				/* the true ones are tried in the end, to get further */
				if (exits % 4 == 3)
					break;
				vcpu->run->io.width = values[i];
				vcpu->run->io.count = values[i];
				vcpu->run->io.data_offset = values[i];
				vcpu->run->io.direction = values[i];
				vcpu->run->io.port = values[i];
				break;
			}
			vcpu->run->exit_reason = values[i];
		}
		EXPECT_TRUE(vcpu_is_ucall(vcpu));
	}
}
