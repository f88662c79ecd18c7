// SPDX-License-Identifier: GPL-2.0-only
/* The MSRs of a vCPU with its machine in the kernel, one by one */
#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)

#define GP		EXC(X_GP)

static void check(u32 index, u64 want)
{
	u64 v = 0;

	if (rdmsr_safe(index, &v))
		GUEST_PRINT("MSR %#llx: #GP", index, 0, 0);
	else if (v != want)
		GUEST_PRINT("MSR %#llx: %#llx, not %#llx", index, v, want);
	else
		return;
	GUEST_ASSERT(!"MSR");
}

/* ---- values after RESET -------------------------------------------------- */

static void after_reset(void)
{
	u32 i;

	check(0x17, 0);			/* PLATFORM_ID */
	check(0x34, 0);			/* SMI_COUNT */
	check(0x3a, 1);			/* FEATURE_CONTROL: locked, nothing on */
	check(0x3b, 0);			/* TSC_ADJUST */
	check(0x8b, 1ull << 32);	/* BIOS_SIGN_ID */
	check(0x179, 0);		/* MCG_CAP: no banks */
	check(0x17a, 0);		/* MCG_STATUS */
	check(0x1d9, 0);		/* DEBUGCTL */
	check(0x2ff, 0);		/* MTRR_DEF_TYPE */
	check(0xfe, 0x508);		/* MTRRCAP: 8 variable, fixed, WC */
	for (i = 0x200; i < 0x210; i++)
		check(i, 0);
	check(0x250, 0);
	check(0x258, 0);
	check(0x259, 0);
	for (i = 0x268; i < 0x270; i++)
		check(i, 0);
	check(0x1b, 0xfee00900);	/* APIC_BASE */
	check(0x6e0, 0);		/* TSC_DEADLINE */
	check(0x1a0, 1);		/* MISC_ENABLE: fast strings */
}

TEST(after_reset)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, after_reset));
}

/* ---- what cannot be had -------------------------------------------------- */

static void absent(void)
{
	static const u32 none[] = {
		0x33,		/* TEST_CTRL */
		0x48, 0x49,	/* SPEC_CTRL, PRED_CMD */
		0x79,		/* BIOS_UPDT_TRIG */
		0xc1, 0xc8,	/* PMC0, PMC7 */
		0xcf,		/* CORE_CAPABILITIES */
		0x10b,		/* FLUSH_CMD */
		0x11e, 0x122,	/* BBL_CR_CTL3, TSX_CTRL */
		0x17b,		/* MCG_CTL */
		0x186, 0x18d,	/* PERFEVTSEL0, 7 */
		0x19b, 0x1b0,	/* THERM_INTERRUPT, ENERGY_PERF_BIAS */
		0x1c9,		/* LASTBRANCH_TOS */
		0x210, 0x24f, 0x251, 0x25a, 0x267, 0x270,	/* beside the MTRRs */
		0x309, 0x345, 0x38d, 0x38f, 0x390,	/* fixed counters, PERF_CAPABILITIES, ... */
		0x3f1,		/* PEBS_ENABLE */
		0x400, 0x401,	/* MC0_CTL, MC0_STATUS */
		0x480, 0x48f,	/* VMX */
		0x570, 0x600,	/* RTIT_CTL, DS_AREA */
		0x6a0, 0x6a2,	/* U_CET, S_CET */
		0x770,		/* PM_ENABLE */
		0xd90,		/* BNDCFGS */
		0x800, 0x808, 0x83f, 0x8ff,	/* x2APIC, while it is in xAPIC mode */
		0xc0000104, 0xc0010015, 0x40000000, 0x4b564d02, 0x4b564d06, 0x4b564d08,
		0xffffffff,
	};
	u64 v;
	u32 i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (rdmsr_safe(none[i], &v) != GP || wrmsr_safe(none[i], 0) != GP)
			GUEST_PRINT("MSR %#llx", none[i], 0, 0);
		GUEST_ASSERT_EQ(rdmsr_safe(none[i], &v), GP);
		GUEST_ASSERT_EQ(wrmsr_safe(none[i], 0), GP);
	}
}

TEST(absent)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, absent));
}

static void read_only(void)
{
	static const u32 fixed[] = { 0x17, 0x34, 0x3a, 0xfe, 0x179 };
	u64 v;
	u32 i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		GUEST_ASSERT_EQ(wrmsr_safe(fixed[i], 0), GP);
		GUEST_ASSERT_EQ(rdmsr_safe(fixed[i], &v), 0);
		GUEST_ASSERT_EQ(wrmsr_safe(fixed[i], v), GP);
	}
	/* as Linux asks for the revision of the microcode */
	GUEST_ASSERT_EQ(wrmsr_safe(0x8b, 0), 0);
	GUEST_ASSERT_EQ(wrmsr_safe(0x8b, 1), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x17a, 0), 0);
	GUEST_ASSERT_EQ(wrmsr_safe(0x17a, 4), GP);
}

TEST(read_only)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, read_only));
}

/* ---- MTRRs --------------------------------------------------------------- */

static u32 fixed_index(u32 i)
{
	return i == 0 ? 0x250 : i < 3 ? 0x258 + i - 1 : 0x268 + i - 3;
}

static void mtrrs(void)
{
	static const u8 types[] = { 0, 1, 4, 5, 6 };
	u32 r[4], i, t;
	u64 top;

	cpuid(0x80000008, 0, r);
	top = 1ull << (r[0] & 0xff);
	for (t = 0; t < 256; t++) {
		bool good = t < 7 && t != 2 && t != 3;
		u32 want = good ? 0 : GP;

		GUEST_ASSERT_EQ(wrmsr_safe(0x2ff, 0xc00 | t), want);
		GUEST_ASSERT_EQ(wrmsr_safe(0x250, (u64)t << 56), want);
		GUEST_ASSERT_EQ(wrmsr_safe(0x26f, t), want);
		GUEST_ASSERT_EQ(wrmsr_safe(0x200, 0x10000000 | t), want);
	}
	GUEST_ASSERT_EQ(wrmsr_safe(0x2ff, 0x1000), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x2ff, 0x100), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x2ff, 1ull << 32), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x200, 0x100), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x200, top), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x201, 0x400), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x201, 0x1), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x201, top | 0x800), GP);

	/* each has a value of its own */
	for (i = 0; i < 16; i += 2) {
		wrmsr(0x200 + i, (u64)(i + 1) << 20 | types[i % 5]);
		wrmsr(0x201 + i, (top - (1u << 20)) | 0x800);
	}
	for (i = 0; i < 11; i++)
		wrmsr(fixed_index(i), types[i % 5] | 0x0606060606060600ull);
	wrmsr(0x2ff, 0xc06);
	GUEST_SYNC(1);
	for (i = 0; i < 16; i += 2) {
		check(0x200 + i, (u64)(i + 1) << 20 | types[i % 5]);
		check(0x201 + i, (top - (1u << 20)) | 0x800);
	}
	for (i = 0; i < 11; i++)
		check(fixed_index(i), types[i % 5] | 0x0606060606060600ull);
	check(0x2ff, 0xc06);
}

TEST(mtrrs)
{
	struct vcpu *vcpu = vcpu_long(vm_create(MACHINE), 0, mtrrs);

	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu_get_msr(vcpu, 0x2ff), 0xc06ull);
	vcpu_done(vcpu);
}

/* ---- those of the local APIC --------------------------------------------- */

static void apic(void)
{
	u64 v;

	GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, 0xfee00d00), 0);
	GUEST_ASSERT_EQ(rdmsr(0x802), 0);
	GUEST_ASSERT_EQ(rdmsr_safe(0x80b, &v), GP);		/* EOI */
	GUEST_ASSERT_EQ(wrmsr_safe(0x80b, 1), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x80b, 0), 0);
	GUEST_ASSERT_EQ(wrmsr_safe(0x808, 0x100), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(0x808, 0x50), 0);
	GUEST_ASSERT_EQ(rdmsr(0x808), 0x50);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	GUEST_ASSERT_EQ(wrmsr_safe(0x802, 0), GP);
	GUEST_ASSERT_EQ(rdmsr_safe(0x8ff, &v), GP);
	/* not back to xAPIC mode but through off */
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, 0xfee00900), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, 0xfee00d01), GP);
	/* a deadline is only kept while the timer is in that mode */
	GUEST_ASSERT_EQ(wrmsr_safe(0x6e0, ~0ull), 0);
	GUEST_ASSERT_EQ(rdmsr(0x6e0), 0);
	wrmsr(0x80f, 0x1ff);
	wrmsr(0x832, 0x40040);
	GUEST_ASSERT_EQ(wrmsr_safe(0x6e0, ~0ull), 0);
	GUEST_ASSERT_EQ(rdmsr(0x6e0), ~0ull);
	wrmsr(0x6e0, 0);
}

TEST(apic)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, apic));
}

/* ---- TSC ----------------------------------------------------------------- */

static void tsc(void)
{
	u64 before, adjust;

	before = rdtsc();
	wrmsr(MSR_TSC_ADJUST, 1ull << 40);
	GUEST_ASSERT(rdtsc() - before >= 1ull << 40);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 1ull << 40);
	/* a write of the TSC is an adjustment by the difference */
	wrmsr(MSR_TSC, 0);
	GUEST_ASSERT(rdtsc() < 1ull << 39);
	adjust = rdmsr(MSR_TSC_ADJUST);
	GUEST_ASSERT((int64_t)adjust < 1ll << 40);
	wrmsr(MSR_TSC_ADJUST, 0);
	GUEST_ASSERT(rdtsc() >= before);
	GUEST_ASSERT(rdtsc() - before < 1ull << 39);
}

TEST(tsc)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, tsc));
}

/* ---- ARCH_CAPABILITIES --------------------------------------------------- */

static void arch_capabilities(void)
{
	/* IBRS_ALL, TSX_CTRL, CORE_... need MSRs that there are not */
	const u64 never = 1 << 1 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 18 | 1 << 21 | 1 << 25;
	u32 r[4], exc;
	u64 v;

	cpuid(7, 0, r);
	exc = rdmsr_safe(0x10a, &v);
	GUEST_ASSERT_EQ(exc, r[3] >> 29 & 1 ? 0 : GP);
	if (!exc)
		GUEST_ASSERT_EQ(v & never, 0);
	GUEST_ASSERT_EQ(wrmsr_safe(0x10a, 0), GP);
}

TEST(arch_capabilities)
{
	vcpu_done(vcpu_long(vm_create(MACHINE), 0, arch_capabilities));
}
