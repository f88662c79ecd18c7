// SPDX-License-Identifier: GPL-2.0-only
/* CPUID in the guest: the table's values, leaves that it lacks, bits that follow registers */
#include "vm.h"

#define MINE	0x40000010u

static struct lodge_cpuid_leaf table[LODGE_MAX_CPUID];

static void read_mine(void)
{
	u32 r[4];

	cpuid(MINE, 0, r);
	GUEST_ASSERT_EQ(r[0], 0x11111111);
	GUEST_ASSERT_EQ(r[1], 0x22222222);
	GUEST_ASSERT_EQ(r[2], 0x33333333);
	GUEST_ASSERT_EQ(r[3], 0x44444444);
	cpuid(MINE, 77, r);		/* no flag: the subleaf does not matter */
	GUEST_ASSERT_EQ(r[0], 0x11111111);
	cpuid(MINE + 1, 1, r);
	GUEST_ASSERT_EQ(r[0], 0xaaaa);
	cpuid(MINE + 1, 0, r);		/* with it, others are zero */
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
	cpuid(MINE + 5, 0, r);
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
}

TEST(from_the_table)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, read_mine);
	int nr = vcpu_get_cpuid(vcpu, table, LODGE_MAX_CPUID);

	ASSERT_GT(nr, 0);
	table[nr++] = (struct lodge_cpuid_leaf){
		.leaf = MINE, .eax = 0x11111111, .ebx = 0x22222222, .ecx = 0x33333333,
		.edx = 0x44444444,
	};
	table[nr++] = (struct lodge_cpuid_leaf){
		.leaf = MINE + 1, .subleaf = 1, .flags = LODGE_CPUID_SUBLEAF, .eax = 0xaaaa,
	};
	ASSERT_OK(vcpu_set_cpuid(vcpu, table, nr));
	vcpu_done(vcpu);
}

/* Every leaf as LODGE_VCPU_GET_CPUID tells it */
static void read_all(void)
{
	const struct lodge_cpuid_leaf *l;
	u32 r[4];

	for (l = table; l < table + LODGE_MAX_CPUID && (l == table || l->leaf); l++) {
		cpuid(l->leaf, l->subleaf, r);
		GUEST_ASSERT_EQ(r[0], l->eax);
		GUEST_ASSERT_EQ(r[1], l->ebx);
		GUEST_ASSERT_EQ(r[2], l->ecx);
		GUEST_ASSERT_EQ(r[3], l->edx);
	}
	GUEST_SYNC2(1, l - table);
}

TEST(all_of_it)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, read_all);
	int nr = vcpu_get_cpuid(vcpu, GUEST_VAR(vm, table), LODGE_MAX_CPUID);

	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->arg[1], (u64)nr);
}

/* Above the highest basic leaf: the highest basic leaf's data (Intel) */
static void out_of_range(void)
{
	u32 max[4], last[4], r[4], i;

	cpuid(0, 0, max);
	cpuid(max[0], 0, last);
	cpuid(max[0] + 1, 0, r);
	for (i = 0; i < 4; i++)
		GUEST_ASSERT_EQ(r[i], last[i]);
	cpuid(0x7fffffff, 0, r);
	for (i = 0; i < 4; i++)
		GUEST_ASSERT_EQ(r[i], last[i]);
}

TEST(beyond_the_highest)
{
	vcpu_done(vcpu_long(vm_create(0), 0, out_of_range));
}

static void osxsave(void)
{
	u32 r[4], size;

	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(r[2] >> 27 & 1, 0);
	write_cr4(read_cr4() | CR4_OSXSAVE);
	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(r[2] >> 27 & 1, 1);
	/* leaf 0xd, EBX: the size for what XCR0 has now */
	cpuid(0xd, 0, r);
	size = r[1];
	GUEST_ASSERT_EQ(size, 576);
	GUEST_ASSERT_EQ(xsetbv_safe(0, r[0]), 0);
	cpuid(0xd, 0, r);
	GUEST_ASSERT_EQ(r[1], r[2]);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(r[2] >> 27 & 1, 0);
}

TEST(osxsave_follows_cr4)
{
	struct vcpu *vcpu;

	if (!host_has("xsave"))
		SKIP("the processor has no XSAVE");
	vcpu = vcpu_long(vm_create(0), 0, osxsave);
	vcpu_done(vcpu);
}

static void ospke(void)
{
	u32 r[4];

	cpuid(7, 0, r);
	GUEST_ASSERT_EQ(r[2] >> 4 & 1, 0);
	write_cr4(read_cr4() | CR4_PKE);
	cpuid(7, 0, r);
	GUEST_ASSERT_EQ(r[2] >> 4 & 1, 1);
}

TEST(ospke_follows_cr4)
{
	if (!host_has("ospke"))
		SKIP("the processor has no protection keys");
	vcpu_done(vcpu_long(vm_create(0), 0, ospke));
}

/* RAX to RDX have their upper halves cleared; the rest of the state stays */
static void upper_halves(void)
{
	u64 a = ~0ull << 32, b = ~0ull, c = ~0ull << 32, d = ~0ull;

	asm volatile("cpuid" : "+a" (a), "+b" (b), "+c" (c), "+d" (d));
	GUEST_ASSERT_EQ(a >> 32 | b >> 32 | c >> 32 | d >> 32, 0);
}

TEST(clears_upper_halves)
{
	vcpu_done(vcpu_long(vm_create(0), 0, upper_halves));
}
