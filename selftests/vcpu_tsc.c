// SPDX-License-Identifier: GPL-2.0-only
/* The guest's time-stamp counter: starts near 0, never goes back, can be set, moves with it */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

/* ---- at another pace ----------------------------------------------------- */

static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];

/* What a machine is told of its TSC */
static u32 told_khz(struct vm *vm)
{
	int i, nr = vcpu_get_cpuid(vcpu_create(vm, 0), leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == 0x40000010)
			return leaf[i].eax;
	return 0;
}

static int try_khz(u32 khz, u32 pad)
{
	struct lodge_create_vm c = { .size = sizeof(c), .tsc_khz = khz, .pad = pad };
	int fd = lodge_open(), vm = ioctl(fd, LODGE_CREATE_VM, &c), err = vm < 0 ? errno : 0;

	if (vm >= 0)
		close(vm);
	close(fd);
	return err;
}

static u32 host_khz(void)
{
	u32 khz = told_khz(vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL));

	ASSERT_NE(khz, 0);
	if (try_khz(khz * 2, 0) == EOPNOTSUPP)
		SKIP("the processor cannot scale the TSC");
	return khz;
}

static void three_readings(void)
{
	GUEST_SYNC2(1, rdtsc());
	GUEST_SYNC2(2, rdtsc());
	GUEST_SYNC2(3, rdmsr(MSR_TSC));
}

static u64 reading(struct vcpu *vcpu, u32 n, u64 *before, u64 *after)
{
	*before = host_tsc();
	vcpu_sync(vcpu, n);
	*after = host_tsc();
	return vcpu->arg[1];
}

/* Ticks of a guest with that many in a millisecond, from the least that it can be to the most */
static void compare(u32 khz, u32 host)
{
	u64 before[3], after[3], guest[3];
	struct vcpu *vcpu;
	u32 i;

	vm_tsc_khz = khz;
	EXPECT_EQ(told_khz(vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)), khz);
	vcpu = vcpu_long(vm_create(0), 0, three_readings);
	/* the first one maps memory */
	for (i = 0; i < 3; i++) {
		guest[i] = reading(vcpu, i + 1, &before[i], &after[i]);
		sleep_ms(100);
	}
	for (i = 1; i < 3; i++) {
		u64 ticks = guest[i] - guest[0];

		EXPECT_GE(ticks + khz / 1000, (before[i] - after[0]) * khz / host);
		EXPECT_LE(ticks, (after[i] - before[0]) * khz / host + khz / 1000);
	}
	EXPECT_LE(vcpu_get_msr(vcpu, MSR_TSC), (host_tsc() - before[0]) * khz / host + guest[0]);
	vcpu_done(vcpu);
}

TEST(other_frequencies)
{
	u32 host = host_khz();

	compare(host * 2, host);
	compare(host / 3, host);
	compare(host / 7 * 10, host);
}

TEST(impossible_frequencies)
{
	u32 host = host_khz();

	EXPECT_EQ(try_khz(host, 0), 0);
	EXPECT_EQ(try_khz(host, 1), EINVAL);
	EXPECT_EQ(try_khz(1, 0), EINVAL);
	EXPECT_EQ(try_khz(~0u, 0), EINVAL);
	EXPECT_EQ(try_khz(host * 10, 0), 0);
}

TEST(scaled_and_set)
{
	struct vcpu *vcpu;

	vm_tsc_khz = host_khz() * 3;
	vcpu = vcpu_long(vm_create(0), 0, set);
	vcpu_sync(vcpu, 1);
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_TSC, 100), 1);
	vcpu_done(vcpu);
}
