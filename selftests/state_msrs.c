// SPDX-License-Identifier: GPL-2.0-only
/* Lists of MSRs: round trip, what a list with a bad entry does, bad values */
#include "vm.h"

static void nothing(void)
{
}

static int set_list(struct vcpu *vcpu, struct lodge_msr *msr, u32 count)
{
	struct lodge_msrs m = { .size = sizeof(m), .count = count, .entries = (u64)msr };

	return ioctl(vcpu->fd, LODGE_VCPU_SET_MSRS, &m);
}

static int get_list(struct vcpu *vcpu, struct lodge_msr *msr, u32 count)
{
	struct lodge_msrs m = { .size = sizeof(m), .count = count, .entries = (u64)msr };

	return ioctl(vcpu->fd, LODGE_VCPU_GET_MSRS, &m);
}

TEST(round_trip)
{
	static const struct lodge_msr values[] = {
		{ .index = MSR_SYSENTER_CS, .value = 0x10 },
		{ .index = MSR_SYSENTER_ESP, .value = 0xffff888000001000ull },
		{ .index = MSR_SYSENTER_EIP, .value = 0xffffffff81000000ull },
		{ .index = MSR_PAT, .value = 0x0606060606060606ull },
		{ .index = MSR_STAR, .value = 0x0018001000000000ull },
		{ .index = MSR_LSTAR, .value = 0xffffffff82000000ull },
		{ .index = MSR_CSTAR, .value = 0xffffffff83000000ull },
		{ .index = MSR_FMASK, .value = 0x47700 },
		{ .index = MSR_FS_BASE, .value = 0x7fff00001000ull },
		{ .index = MSR_GS_BASE, .value = 0xffff888000002000ull },
		{ .index = MSR_KERNEL_GS_BASE, .value = 0xffff888000003000ull },
	};
	enum { NR = sizeof(values) / sizeof(values[0]) };
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, nothing);
	struct lodge_msr msr[NR];
	unsigned int i, again;

	memcpy(msr, values, sizeof(msr));
	ASSERT_EQ(set_list(vcpu, msr, NR), NR);
	/* at once, and after the guest has run */
	for (again = 0; again < 2; again++) {
		for (i = 0; i < NR; i++)
			msr[i].value = 0;
		ASSERT_EQ(get_list(vcpu, msr, NR), NR);
		for (i = 0; i < NR; i++)
			EXPECT_EQ(msr[i].value, values[i].value);
		vcpu_done(vcpu);
	}
}

TEST(reset_values)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);

	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_PAT), 0x0007040600070406ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_EFER), 0ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_APIC_BASE), 0xfee00900ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_STAR), 0ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_TSC_ADJUST), 0ull);
}

TEST(first_bad_entry_ends_the_call)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	struct lodge_msr msr[3] = {
		{ .index = MSR_LSTAR, .value = 0x1000 },
		{ .index = 0xdead0000, .value = 1 },
		{ .index = MSR_CSTAR, .value = 0x2000 },
	};

	EXPECT_EQ(set_list(vcpu, msr, 3), 1);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_LSTAR), 0x1000ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_CSTAR), 0ull);
	EXPECT_EQ(get_list(vcpu, msr, 3), 1);
	EXPECT_EQ(get_list(vcpu, msr + 1, 1), 0);
	EXPECT_EQ(get_list(vcpu, msr, 0), 0);
}

TEST(refuses_values)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);

	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_LSTAR, 0x8000000000000000ull), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_KERNEL_GS_BASE, 0x0000800000000000ull), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_FS_BASE, 0x0000800000000000ull), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_SYSENTER_EIP, 0x0000800000000000ull), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_PAT, 2), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_PAT, 8), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_EFER, 1ull << 20), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_FMASK, 1ull << 32), 0);
	EXPECT_EQ(vcpu_set_msr(vcpu, MSR_TSC_AUX, 1ull << 32), 0);
}

TEST(refuses_lists)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	static struct lodge_msr msr[LODGE_MAX_MSRS + 1];

	EXPECT_ERRNO(set_list(vcpu, msr, LODGE_MAX_MSRS + 1), EINVAL);
	EXPECT_ERRNO(get_list(vcpu, msr, LODGE_MAX_MSRS + 1), EINVAL);
	EXPECT_ERRNO(set_list(vcpu, NULL, 1), EFAULT);
	EXPECT_ERRNO(get_list(vcpu, (void *)-4096ul, 1), EFAULT);
	msr[0].index = MSR_STAR;
	msr[0].pad = 1;
	EXPECT_ERRNO(set_list(vcpu, msr, 1), EINVAL);
}
