// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID of a vCPU with its machine in the kernel, leaf by leaf, as the guest sees it;
 * and registers that have no bits for a feature that was taken away.
 */
#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)
#define ID		5	/* of the vCPU */

#define EAX		0
#define EBX		1
#define ECX		2
#define EDX		3

static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_long(vm_create(MACHINE), ID, fn);
	struct lodge_mp mp;

	vcpu_get_mp(vcpu, &mp);
	mp.state = LODGE_MP_RUNNABLE;
	vcpu_set_mp(vcpu, &mp);
	return vcpu;
}

/* ---- by leaf ------------------------------------------------------------- */

static bool has(u32 number, u32 reg, u32 bit)
{
	u32 r[4];

	cpuid(number, 0, r);
	return r[reg] >> bit & 1;
}

static void features(void)
{
	static const u8 there[] = { 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 25, 26 };
	static const u8 absent_ecx[] = {
		2,	/* DTES64 */
		3,	/* MONITOR */
		4,	/* CPL-qualified debug store */
		5,	/* VMX */
		6,	/* SMX */
		7, 8,	/* SpeedStep, TM2 */
		11,	/* SDBG */
		14,	/* xTPR */
		15,	/* PDCM */
		18,	/* DCA */
	};
	u32 r[4], i;

	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(r[EBX] >> 24, ID);
	GUEST_ASSERT_EQ(r[EBX] >> 8 & 0xff, 8);		/* CLFLUSH: 64 bytes */
	for (i = 0; i < sizeof(there); i++)
		GUEST_ASSERT(r[EDX] >> there[i] & 1);
	for (i = 0; i < sizeof(absent_ecx); i++)
		GUEST_ASSERT(!(r[ECX] >> absent_ecx[i] & 1));
	GUEST_ASSERT(r[ECX] >> 21 & 1);			/* x2APIC */
	GUEST_ASSERT(r[ECX] >> 24 & 1);			/* TSC deadline */
	GUEST_ASSERT(r[ECX] >> 31 & 1);
	GUEST_ASSERT(!(r[EDX] >> 21 & 1));		/* DS */
	GUEST_ASSERT(!(r[EDX] >> 22 & 1));		/* ACPI clock control */
	GUEST_ASSERT(!(r[EDX] >> 29 & 1));		/* thermal monitor */

	cpuid(7, 0, r);
	GUEST_ASSERT(!(r[EBX] >> 2 & 1));		/* SGX */
	GUEST_ASSERT(!(r[EBX] & (1 << 4 | 1 << 11)));	/* HLE, RTM */
	GUEST_ASSERT(!(r[EBX] >> 14 & 1));		/* MPX */
	GUEST_ASSERT(!(r[EBX] >> 25 & 1));		/* PT */
	GUEST_ASSERT(!(r[ECX] & (1 << 5 | 1 << 7)));	/* WAITPKG, CET_SS */
	/* CET_IBT, IBRS, STIBP, L1D flush, core capabilities, SSBD */
	GUEST_ASSERT(!(r[EDX] & (1u << 20 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 30 | 1u << 31)));
}

TEST(features)
{
	vcpu_done(vcpu_for(features));
}

static void other_leaves(void)
{
	u32 max[4], r[4], i;

	cpuid(0, 0, max);
	/* what lodge has no state for */
	cpuid(5, 0, r);
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
	cpuid(6, 0, r);
	GUEST_ASSERT_EQ(r[EAX], max[0] >= 6 ? 1 << 2 : 0);	/* ARAT */
	GUEST_ASSERT_EQ(r[EBX] | r[ECX] | r[EDX], 0);
	cpuid(0xa, 0, r);
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
	GUEST_ASSERT(max[0] <= 0xd);

	/* every cache is this processor's alone */
	for (i = 0; i < 8; i++) {
		cpuid(4, i, r);
		if (!(r[EAX] & 0x1f))
			break;
		GUEST_ASSERT_EQ(r[EAX] >> 14, 0);
	}
	GUEST_ASSERT(i < 8);
	if (max[0] >= 0xb) {
		cpuid(0xb, 0, r);
		GUEST_ASSERT_EQ(r[ECX], 0x100);
		GUEST_ASSERT_EQ(r[EDX], ID);
		cpuid(0xb, 1, r);
		GUEST_ASSERT_EQ(r[ECX], 0x201);
		GUEST_ASSERT(ID >> r[EAX] == 0);
		GUEST_ASSERT_EQ(r[EDX], ID);
		cpuid(0xb, 2, r);
		GUEST_ASSERT_EQ(r[ECX] >> 8 & 0xff, 0);
		GUEST_ASSERT_EQ(r[EDX], ID);
	}
	cpuid(0x80000007, 0, r);
	GUEST_ASSERT_EQ(r[EAX] | r[EBX] | r[ECX] | (r[EDX] & ~0x100u), 0);
	cpuid(0x80000008, 0, r);
	GUEST_ASSERT_EQ(r[EAX] >> 8, has(7, ECX, 16) ? 57 : 48);
}

TEST(other_leaves)
{
	vcpu_done(vcpu_for(other_leaves));
}

static void hypervisor(void)
{
	u32 r[4];

	cpuid(0x40000000, 0, r);
	GUEST_ASSERT_EQ(r[EAX], 0x40000010);
	GUEST_ASSERT_EQ(r[EBX], 0x4b4d564b);	/* KVMK */
	GUEST_ASSERT_EQ(r[ECX], 0x564b4d56);	/* VMKV */
	GUEST_ASSERT_EQ(r[EDX], 0x4d);
	cpuid(0x40000001, 0, r);
	/* KICK, IPI, poll control, yield, I/O needs no delay, EOI */
	GUEST_ASSERT_EQ(r[EAX] & 0x38c2, 0x38c2);
	/* MMU operations, asynchronous faults, and what came later */
	GUEST_ASSERT_EQ(r[EAX] & 0xfeffc514, 0);
	GUEST_ASSERT_EQ(r[EBX] | r[ECX] | r[EDX], 0);
	cpuid(0x40000010, 0, r);
	GUEST_ASSERT_EQ(r[EBX], 1000000);
	GUEST_SYNC2(1, r[EAX]);
	cpuid(0x40000002, 0, r);
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
	/* that is no basic leaf */
	cpuid(0x40000011, 0, r);
	GUEST_ASSERT_EQ(r[0] | r[1] | r[2] | r[3], 0);
}

TEST(hypervisor)
{
	struct vcpu *vcpu = vcpu_for(hypervisor);
	u64 ns, ticks;

	vcpu_sync(vcpu, 1);
	ns = now_ns();
	ticks = rdtsc();
	sleep_ms(200);
	ns = now_ns() - ns;
	ticks = rdtsc() - ticks;
	EXPECT_GE(vcpu->arg[1] * ns / 1000000, ticks - ticks / 100);
	EXPECT_LE(vcpu->arg[1] * ns / 1000000, ticks + ticks / 100);
	vcpu_done(vcpu);
}

/* ---- features taken away ------------------------------------------------- */

static const struct {
	u32 leaf, reg, bit, cr4;
	const char *name;
} optional[] = {
	{ 1, ECX, 17, CR4_PCIDE, "pcid" },
	{ 7, EBX, 0, CR4_FSGSBASE, "fsgsbase" },
	{ 7, EBX, 7, CR4_SMEP, "smep" },
	{ 7, EBX, 20, CR4_SMAP, "smap" },
	{ 7, ECX, 2, CR4_UMIP, "umip" },
	{ 7, ECX, 3, CR4_PKE, "pku" },
	{ 1, ECX, 26, CR4_OSXSAVE, "xsave" },
};

#define NR_OPTIONAL	(sizeof(optional) / sizeof(optional[0]))

static void cr4_bits(u64 gone)
{
	u64 cr4 = read_cr4();
	u32 i, exc;

	for (i = 0; i < NR_OPTIONAL; i++) {
		exc = has(optional[i].leaf, optional[i].reg, optional[i].bit) ? 0 : EXC(X_GP);
		GUEST_ASSERT(i != gone || exc);
		/* the guest's pages are the user's too, and would be lost to it */
		if (!exc && optional[i].cr4 & (CR4_SMEP | CR4_SMAP))
			continue;
		GUEST_ASSERT_EQ(write_cr4_safe(cr4 | optional[i].cr4), exc);
		GUEST_ASSERT_EQ(read_cr4(), exc ? cr4 : cr4 | optional[i].cr4);
		write_cr4(cr4);
	}
	/* 5-level paging cannot be had while paging is on */
	GUEST_ASSERT_EQ(write_cr4_safe(cr4 | CR4_LA57), EXC(X_GP));
}

TEST(bits_of_cr4)
{
	u32 gone, i;
	int j, nr;

	for (gone = 0; gone <= NR_OPTIONAL; gone++) {
		struct vm *vm = vm_create(MACHINE);
		struct vcpu *vcpu = vcpu_create(vm, 0);

		nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);
		for (j = 0; j < nr && gone < NR_OPTIONAL; j++)
			if (leaf[j].leaf == optional[gone].leaf && !leaf[j].subleaf)
				(&leaf[j].eax)[optional[gone].reg] &= ~(1u << optional[gone].bit);
		vcpu_start_long_arg(vcpu, cr4_bits, gone);
		ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
		vcpu_done(vcpu);
		vcpu_free(vcpu);
		vm_free(vm);
	}
	/* those that the host has are there */
	for (i = 0; i < NR_OPTIONAL; i++)
		for (j = 0; j < nr; j++)
			if (leaf[j].leaf == optional[i].leaf && !leaf[j].subleaf &&
			    host_has(optional[i].name))
				EXPECT_TRUE((&leaf[j].eax)[optional[i].reg] >>
					    optional[i].bit & 1);
}

/* Also those that change without an exit, when they are taken away from a running guest */
static void fsgsbase_twice(void)
{
	u64 cr4 = read_cr4();

	write_cr4(cr4 | CR4_FSGSBASE);
	write_cr4(cr4);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(write_cr4_safe(cr4 | CR4_FSGSBASE), EXC(X_GP));
	GUEST_SYNC(2);
	write_cr4(cr4 | CR4_FSGSBASE);
	GUEST_ASSERT_EQ(read_cr4(), cr4 | CR4_FSGSBASE);
}

static void set_fsgsbase(struct vcpu *vcpu, bool on)
{
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == 7 && !leaf[i].subleaf)
			leaf[i].ebx = (leaf[i].ebx & ~1u) | on;
	ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
}

TEST(while_it_runs)
{
	struct vcpu *vcpu;

	if (!host_has("fsgsbase"))
		SKIP("the processor has no FSGSBASE");
	vcpu = vcpu_for(fsgsbase_twice);
	vcpu_sync(vcpu, 1);
	set_fsgsbase(vcpu, false);
	vcpu_sync(vcpu, 2);
	set_fsgsbase(vcpu, true);
	vcpu_done(vcpu);
}

static void xcr0(void)
{
	u32 r[4];

	write_cr4(read_cr4() | CR4_OSXSAVE);
	cpuid(0xd, 0, r);
	GUEST_ASSERT_EQ(r[EAX], 3);
	GUEST_ASSERT_EQ(xsetbv_safe(0, 7), EXC(X_GP));
	GUEST_ASSERT_EQ(xsetbv_safe(0, 3), 0);
	GUEST_ASSERT_EQ(xgetbv(0), 3);
}

TEST(components_of_xcr0)
{
	struct vcpu *vcpu = vcpu_for(xcr0);
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		if (leaf[i].leaf == 0xd && !leaf[i].subleaf)
			leaf[i].eax &= 3;
	ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
	vcpu_done(vcpu);
}

static void la57(void)
{
	bool wide = has(7, ECX, 16);

	/* bit 47 is not the sign where addresses have 57 bits */
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_LSTAR, 1ull << 47), wide ? 0 : EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_FS_BASE, 1ull << 47), wide ? 0 : EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_LSTAR, 1ull << 56), EXC(X_GP));
}

TEST(width_of_addresses)
{
	struct vcpu *vcpu = vcpu_for(la57);
	struct lodge_sregs s;
	bool wide = false;
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++)
		wide |= leaf[i].leaf == 7 && !leaf[i].subleaf && leaf[i].ecx >> 16 & 1;
	diag("addresses have %d bits", wide ? 57 : 48);
	vcpu_done(vcpu);
	vcpu_get_sregs(vcpu, &s);
	s.idt_base = 1ull << 47;
	if (wide)
		EXPECT_OK(vcpu_try_set_sregs(vcpu, &s));
	else
		EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);
	s.idt_base = 1ull << 56;
	EXPECT_ERRNO(vcpu_try_set_sregs(vcpu, &s), EINVAL);
}
