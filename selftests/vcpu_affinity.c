// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU thread that is moved between CPUs thousands of times while its guest computes:
 * the result is right, and the guest's registers and MSRs come along.
 */
#include <sched.h>

#include "vm.h"

#define MOVES	3000
#define LEN	4096

static volatile u32 stop, rounds;

static u32 step(u32 x)
{
	x ^= x << 13;
	x ^= x >> 17;
	return x ^ x << 5;
}

/* Memory and registers, TLB entries (a page table that changes), MSRs, FPU */
static void compute(void)
{
	u32 *a = (u32 *)GPA_FREE, i, x, n;
	u64 v;

	wrmsr(MSR_LSTAR, 0x1234567);
	wrmsr(MSR_KERNEL_GS_BASE, 0x7654321);
	asm volatile("movq %0, %%xmm9" : : "r" (0xabcdef0123456789ull));
	for (n = 1; !stop; n++) {
		x = n;
		for (i = 0; i < LEN; i++) {
			x = step(x);
			a[i] = x;
		}
		x = n;
		for (i = 0; i < LEN; i++) {
			x = step(x);
			GUEST_ASSERT_EQ(a[i], x);
		}
		GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), 0x1234567);
		GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0x7654321);
		asm volatile("movq %%xmm9, %0" : "=r" (v));
		GUEST_ASSERT_EQ(v, 0xabcdef0123456789ull);
		rounds = n;
	}
	GUEST_SYNC2(1, rounds);
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, 1);
	return NULL;
}

static void move(pthread_t t, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_EQ(pthread_setaffinity_np(t, sizeof(set), &set), 0);
}

TEST_SECONDS(storm, 200)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, compute);
	pthread_t t;
	int i;

	need_cpus(2);
	t = thread_start(runner, vcpu);
	for (i = 0; i < MOVES; i++)
		move(t, i % nr_cpus());
	while (GUEST_VAR(vm, rounds) < 3)
		sleep_ms(1);
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	diag("%llu migrations, %llu rounds",
	     (unsigned long long)vcpu_stat(vcpu, LODGE_STAT_MIGRATIONS),
	     (unsigned long long)vcpu->arg[1]);
	EXPECT_GT(vcpu_stat(vcpu, LODGE_STAT_MIGRATIONS), (u64)MOVES / 10);
}

/* Two vCPUs that share memory, moved past each other */
static volatile u32 turn;

static void take_turns(u64 id)
{
	u32 n;

	for (n = 0; !stop; n++) {
		while (turn != id && !stop)
			cpu_relax();
		rounds++;
		turn = !id;
	}
	GUEST_SYNC(1);
}

TEST_SECONDS(two_swapped, 200)
{
	struct vm *vm = vm_create(0);
	struct vcpu *a = vcpu_create(vm, 0), *b = vcpu_create(vm, 1);
	pthread_t t, u;
	int i;

	need_cpus(2);
	vcpu_start_long_arg(a, take_turns, 0);
	vcpu_start_long_arg(b, take_turns, 1);
	t = thread_start(runner, a);
	u = thread_start(runner, b);
	for (i = 0; i < MOVES / 3; i++) {
		move(t, i & 1);
		move(u, !(i & 1));
		/* both on one, at times */
		if (i % 10 == 9)
			move(u, i & 1);
	}
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	ASSERT_EQ(pthread_join(u, NULL), 0);
	EXPECT_GT(GUEST_VAR(vm, rounds), 100u);
}

/* A vCPU that no thread runs for a while is taken up on another CPU */
static void idle(void)
{
	u64 i;

	asm volatile("movq %0, %%xmm9" : : "r" (0x5555ull));
	for (i = 1;; i++) {
		u64 v;

		GUEST_SYNC(i);
		asm volatile("movq %%xmm9, %0" : "=r" (v));
		GUEST_ASSERT_EQ(v, 0x5555);
	}
}

TEST(each_run_elsewhere)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, idle);
	u64 i;

	need_cpus(2);
	for (i = 1; i <= 1000; i++) {
		pin_to_cpu(i % nr_cpus());
		vcpu_sync(vcpu, i);
	}
	EXPECT_GE(vcpu_stat(vcpu, LODGE_STAT_MIGRATIONS), 999ull);
}
