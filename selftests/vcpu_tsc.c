// SPDX-License-Identifier: GPL-2.0-only
/* The guest's time-stamp counter: starts near 0, never goes back, can be set, moves with it */
#include "vm.h"

static volatile u64 last;

static void monotonic(void)
{
	u64 now, i, n;

	for (n = 1; n <= 100; n++) {
		for (i = 0; i < 100; i++) {
			now = rdtsc();
			GUEST_ASSERT(now >= last);
			last = now;
		}
		now = rdmsr(MSR_TSC);
		GUEST_ASSERT(now >= last);
		last = now;
		GUEST_SYNC2(n, now);
	}
}

static u64 host_tsc(void)
{
	return rdtsc();
}

TEST(starts_at_zero)
{
	u64 before = host_tsc();
	struct vm *vm = vm_create(0);	/* the TSCs of all its vCPUs start here */
	struct vcpu *vcpu = vcpu_long(vm, 0, monotonic);

	vcpu_sync(vcpu, 1);
	EXPECT_LE(vcpu->arg[1], host_tsc() - before);
	/* from outside, the same clock */
	EXPECT_GE(vcpu_get_msr(vcpu, MSR_TSC), vcpu->arg[1]);
	EXPECT_LE(vcpu_get_msr(vcpu, MSR_TSC), host_tsc() - before);
}

TEST(monotonic)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, monotonic);
	u64 n, outside = 0;

	for (n = 1; n <= 100; n++) {
		pin_to_cpu(n % nr_cpus());
		vcpu_sync(vcpu, n);
		EXPECT_GT(vcpu->arg[1], outside);
		outside = vcpu_get_msr(vcpu, MSR_TSC);
		EXPECT_GT(outside, vcpu->arg[1]);
	}
	vcpu_done(vcpu);
}

#define FAR	(1ull << 50)

static void set(void)
{
	u64 a, b;

	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	wrmsr(MSR_TSC, FAR);
	a = rdtsc();
	GUEST_ASSERT(a >= FAR && a < FAR + (1ull << 32));
	GUEST_ASSERT(rdmsr(MSR_TSC_ADJUST) != 0);	/* it tells of the jump */
	b = rdmsr(MSR_TSC_ADJUST);
	wrmsr(MSR_TSC_ADJUST, b + FAR);
	a = rdtsc();
	GUEST_ASSERT(a >= 2 * FAR && a < 2 * FAR + (1ull << 32));
	GUEST_SYNC(1);
	a = rdtsc();
	GUEST_ASSERT(a >= 100 && a < 1ull << 40);
}

TEST(set_by_guest_and_user_space)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, set);
	u64 v;

	vcpu_sync(vcpu, 1);
	v = vcpu_get_msr(vcpu, MSR_TSC);
	EXPECT_GE(v, 2 * FAR);
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_TSC, 100), 1);
	vcpu_done(vcpu);
}

/* A guest's jump is its own */
TEST(hosts_is_untouched)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, set);
	u64 before = host_tsc(), ns = now_ns(), after;

	vcpu_sync(vcpu, 1);
	after = host_tsc();
	EXPECT_LT(after - before, FAR);
	EXPECT_LT(now_ns() - ns, 10000000000ull);
}
