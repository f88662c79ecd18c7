// SPDX-License-Identifier: GPL-2.0-only
/* Counters of a vCPU: each kind of exit is counted as what it is, exactly */
#include "vm.h"

#define N	25

static void cpuids(void)
{
	u32 r[4], i;

	for (i = 0; i < N; i++)
		cpuid(0, 0, r);
	GUEST_SYNC(1);
	for (i = 0; i < N; i++)
		rdmsr(MSR_TSC_ADJUST);
	GUEST_SYNC(2);
	for (i = 0; i < N; i++)
		write_cr4(read_cr4() ^ CR4_PSE);
	GUEST_SYNC(3);
	for (i = 0; i < N; i++)
		read_dr6();
	GUEST_SYNC(4);
	for (i = 0; i < N; i++)
		*(volatile u8 *)(GPA_FREE + 0x1000ull * i) = 1;
	GUEST_SYNC(5);
}

static u64 delta(struct vcpu *vcpu, enum lodge_stat stat, u32 sync)
{
	u64 before = vcpu_stat(vcpu, stat);

	vcpu_sync(vcpu, sync);
	return vcpu_stat(vcpu, stat) - before;
}

TEST(counted)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cpuids);
	u64 exits, user;

	EXPECT_EQ(delta(vcpu, LODGE_STAT_CPUID, 1), (u64)N);
	EXPECT_EQ(delta(vcpu, LODGE_STAT_MSR, 2), (u64)N);
	EXPECT_EQ(delta(vcpu, LODGE_STAT_CR, 3), (u64)N);
	EXPECT_EQ(delta(vcpu, LODGE_STAT_DR, 4), (u64)N);
	/* 4 KiB pages touched one by one; the kernel may map more at once */
	EXPECT_GE(delta(vcpu, LODGE_STAT_EPT_FAULTS, 5), 1ull);
	exits = vcpu_stat(vcpu, LODGE_STAT_EXITS);
	user = vcpu_stat(vcpu, LODGE_STAT_EXITS_USER);
	EXPECT_EQ(user, 5ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_IO), 5ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_IO_USER), 5ull);
	EXPECT_GE(exits, 4ull * N + 5);
	EXPECT_GE(vcpu_stat(vcpu, LODGE_STAT_WINDOWS), 5ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_NEIGHBOUR), 0ull);
}

TEST(less_room_and_more)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cpuids);
	u64 values[LODGE_NR_STATS + 2];
	struct lodge_stats s = { .size = sizeof(s), .count = 1, .values = (u64)values };

	vcpu_sync(vcpu, 1);
	memset(values, 0xff, sizeof(values));
	ASSERT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	EXPECT_EQ(s.count, 1u);
	EXPECT_NE(values[0], ~0ull);
	EXPECT_EQ(values[1], ~0ull);
	s.count = LODGE_NR_STATS + 2;
	ASSERT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	EXPECT_EQ(s.count, (u32)LODGE_NR_STATS);
	EXPECT_EQ(values[LODGE_NR_STATS], ~0ull);
	s.values = 0;
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s), EFAULT);
}

TEST(arguments)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	u64 values[LODGE_NR_STATS];
	struct lodge_stats s = { sizeof(s), 1000, (u64)values };

	EXPECT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	EXPECT_EQ(s.count, (u32)LODGE_NR_STATS);
	s.count = ~0u;
	EXPECT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	EXPECT_EQ(s.count, (u32)LODGE_NR_STATS);
	s.values = 0;
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s), EFAULT);
	s.values = 0xffff888000000000ull;
	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s), EFAULT);
	s.count = 0;
	EXPECT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
}
