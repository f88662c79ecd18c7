// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID table: what a new vCPU has, replacing it, refusals */
#include "vm.h"

static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID + 1];

static const struct lodge_cpuid_leaf *find(int nr, u32 number, u32 subleaf)
{
	int i;

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == number && leaf[i].subleaf == subleaf)
			return &leaf[i];
	return NULL;
}

TEST(reset_table)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 3);
	const struct lodge_cpuid_leaf *l;
	int nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);
	u32 eax = 0, ebx, ecx = 0, edx;

	ASSERT_GT(nr, 3);
	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	l = find(nr, 0, 0);
	ASSERT_TRUE(l);
	EXPECT_EQ(l->ebx, ebx);		/* the host's vendor */
	EXPECT_EQ(l->ecx, ecx);
	EXPECT_EQ(l->edx, edx);
	l = find(nr, 1, 0);
	ASSERT_TRUE(l);
	EXPECT_EQ(l->ebx >> 24, 3u);	/* APIC ID */
	EXPECT_TRUE(l->ecx & 1u << 31);	/* a hypervisor */
	EXPECT_FALSE(l->ecx & 1u << 5);	/* no VMX */
	EXPECT_FALSE(l->ecx & 1u << 27);/* OSXSAVE follows CR4 */
	EXPECT_TRUE(find(nr, 0x80000001, 0));
}

TEST(set_and_get)
{
	static const struct lodge_cpuid_leaf mine[] = {
		{ .leaf = 0, .eax = 7, .ebx = 0x64646464, .ecx = 0x65656565, .edx = 0x66666666 },
		{ .leaf = 1, .eax = 0x12345, .ecx = 1u << 26, .edx = 0xbfebfbff },
		{ .leaf = 7, .subleaf = 1, .flags = LODGE_CPUID_SUBLEAF, .eax = 0x71 },
		{ .leaf = 0x40000000, .eax = 0x40000001, .ebx = 1 },
	};
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	int i, nr;

	ASSERT_OK(vcpu_set_cpuid(vcpu, mine, 4));
	nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);
	ASSERT_EQ(nr, 4);
	for (i = 0; i < 4; i++) {
		const struct lodge_cpuid_leaf *l = find(nr, mine[i].leaf, mine[i].subleaf);

		ASSERT_TRUE(l);
		EXPECT_EQ(memcmp(l, &mine[i], sizeof(*l)), 0);
	}
	ASSERT_OK(vcpu_set_cpuid(vcpu, mine, 0));
	EXPECT_EQ(vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID), 0);
}

TEST(too_little_room)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	struct lodge_cpuid c = { .size = sizeof(c), .count = 1, .entries = (u64)leaf };
	int nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	EXPECT_ERRNO(ioctl(vcpu->fd, LODGE_VCPU_GET_CPUID, &c), E2BIG);
	EXPECT_EQ(c.count, (u32)nr);
	EXPECT_EQ(vcpu_get_cpuid(vcpu, leaf, nr), nr);
}

TEST(refuses)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	int nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, leaf, LODGE_MAX_CPUID + 1), EINVAL);
	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, NULL, 1), EFAULT);
	memset(leaf, 0, sizeof(leaf));
	leaf[0].flags = 2;
	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, leaf, 1), EINVAL);
	leaf[0].flags = 0;
	leaf[0].pad = 1;
	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, leaf, 1), EINVAL);
	leaf[0].pad = 0;
	leaf[0].subleaf = 1;		/* matters, without the flag */
	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, leaf, 1), EINVAL);
	leaf[0].subleaf = 0;
	EXPECT_ERRNO(vcpu_set_cpuid(vcpu, leaf, 2), EINVAL);	/* leaf 0 twice */
	/* nothing of that has changed the table */
	EXPECT_EQ(vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID), nr);
}
