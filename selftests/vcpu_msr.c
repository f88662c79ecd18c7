// SPDX-License-Identifier: GPL-2.0-only
/* RDMSR and WRMSR in the guest: values kept, #GP for unknown ones and bad values */
#include "vm.h"

static const struct {
	u32 index;
	u64 value;
} kept[] = {
	{ MSR_SYSENTER_CS, 0x10 },
	{ MSR_SYSENTER_ESP, 0xffff888000001000ull },
	{ MSR_SYSENTER_EIP, 0xffffffff81000000ull },
	{ MSR_PAT, 0x0007010600070106ull },
	{ MSR_STAR, 0x001b000800000000ull },
	{ MSR_LSTAR, 0xffffffff82000000ull },
	{ MSR_CSTAR, 0xffffffff83000000ull },
	{ MSR_FMASK, 0x47700 },
	{ MSR_FS_BASE, 0x7fff00001000ull },
	{ MSR_GS_BASE, 0xffff888000002000ull },
	{ MSR_KERNEL_GS_BASE, 0xffff888000003000ull },
};

#define NR_KEPT	(sizeof(kept) / sizeof(kept[0]))

static void write_and_read(void)
{
	u64 v;
	u32 i;

	for (i = 0; i < NR_KEPT; i++)
		GUEST_ASSERT_EQ(wrmsr_safe(kept[i].index, kept[i].value), 0);
	GUEST_SYNC(1);
	for (i = 0; i < NR_KEPT; i++) {
		GUEST_ASSERT_EQ(rdmsr_safe(kept[i].index, &v), 0);
		GUEST_ASSERT_EQ(v, kept[i].value);
	}
}

TEST(kept)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, write_and_read);
	unsigned int i;

	vcpu_sync(vcpu, 1);
	for (i = 0; i < NR_KEPT; i++)
		EXPECT_EQ(vcpu_get_msr(vcpu, kept[i].index), kept[i].value);
	vcpu_done(vcpu);
}

/* Also those that the processor has, and that are the host's business alone */
static void unknown(void)
{
	static const u32 index[] = {
		0x3a,		/* IA32_FEATURE_CONTROL */
		0x1d8, 0x480,	/* IA32_VMX_BASIC */
		0x79,		/* IA32_BIOS_UPDT_TRIG */
		0x832, 0x4b564d00, 0xc0010015, 0xdeadbeef, 0xffffffff, 0xc0000085,
		0x48, 0x49, 0x10b, 0x13a1, 0xda1,
	};
	u64 v;
	u32 i;

	for (i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		GUEST_ASSERT_EQ(rdmsr_safe(index[i], &v), EXC(X_GP));
		GUEST_ASSERT_EQ(guest_try_error, 0);
		GUEST_ASSERT_EQ(wrmsr_safe(index[i], 0), EXC(X_GP));
	}
}

TEST(unknown_is_gp)
{
	vcpu_done(vcpu_long(vm_create(0), 0, unknown));
}

static void bad_values(void)
{
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_LSTAR, 0x0000800000000000ull), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_CSTAR, 1ull << 63), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_FS_BASE, 0x0000800000000000ull), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_GS_BASE, 1ull << 63), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_KERNEL_GS_BASE, 1ull << 62), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_SYSENTER_ESP, 1ull << 62), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_SYSENTER_EIP, 1ull << 62), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_PAT, 0x0202020202020202ull), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_PAT, 0x0606060606060608ull), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_EFER, rdmsr(MSR_EFER) | 1 << 20), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_FMASK, 1ull << 32), EXC(X_GP));
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_DEBUGCTL, 1ull << 60), EXC(X_GP));
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), EFER_LME | EFER_LMA);
	GUEST_ASSERT_EQ(rdmsr(MSR_PAT), 0x0007040600070406ull);
}

TEST(bad_values_are_gp)
{
	vcpu_done(vcpu_long(vm_create(0), 0, bad_values));
}

/* FS, GS and the kernel's GS are live, not only stored */
static void bases(void)
{
	u64 v;

	*(u64 *)GPA_SCRATCH = 0x1111;
	*(u64 *)(GPA_SCRATCH + 8) = 0x2222;
	*(u64 *)(GPA_SCRATCH + 16) = 0x3333;
	wrmsr(MSR_FS_BASE, GPA_SCRATCH);
	wrmsr(MSR_GS_BASE, GPA_SCRATCH + 8);
	wrmsr(MSR_KERNEL_GS_BASE, GPA_SCRATCH + 16);
	GUEST_SYNC(1);
	asm volatile("mov %%fs:0, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, 0x1111);
	asm volatile("mov %%gs:0, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, 0x2222);
	asm volatile("swapgs; mov %%gs:0, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, 0x3333);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), GPA_SCRATCH + 8);
	GUEST_ASSERT_EQ(rdmsr(MSR_GS_BASE), GPA_SCRATCH + 16);
	GUEST_SYNC(3);
	asm volatile("swapgs; mov %%gs:0, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, 0x2222);
}

TEST(swapgs)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, bases);

	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_KERNEL_GS_BASE), GPA_SCRATCH + 16ull);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_KERNEL_GS_BASE), GPA_SCRATCH + 8ull);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_GS_BASE), GPA_SCRATCH + 16ull);
	vcpu_sync(vcpu, 3);
	vcpu_done(vcpu);
}

static void tsc_aux(void)
{
	u32 lo, hi, aux, i;

	for (i = 1; i < 50; i++) {
		wrmsr(MSR_TSC_AUX, i * 0x1001);
		GUEST_SYNC(i);
		asm volatile("rdtscp" : "=a" (lo), "=d" (hi), "=c" (aux));
		GUEST_ASSERT_EQ(aux, i * 0x1001);
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_AUX), i * 0x1001);
	}
}

TEST(tsc_aux_and_rdtscp)
{
	struct vcpu *vcpu;
	u32 i, cpu, node;

	if (!host_has("rdtscp"))
		SKIP("the processor has no RDTSCP");
	vcpu = vcpu_long(vm_create(0), 0, tsc_aux);
	pin_to_cpu(nr_cpus() - 1);
	for (i = 1; i < 50; i++) {
		vcpu_sync(vcpu, i);
		/* the host's own: CPU and node, which getcpu() in the vDSO reads */
		asm volatile("rdtscp" : "=c" (cpu) : : "eax", "edx");
		node = cpu >> 12;
		EXPECT_EQ(cpu & 0xfff, (u32)nr_cpus() - 1);
		EXPECT_EQ(node, 0u);
	}
	vcpu_done(vcpu);
}

static void no_nx(void)
{
	u64 efer = rdmsr(MSR_EFER);

	GUEST_ASSERT_EQ(wrmsr_safe(MSR_EFER, efer | EFER_NX | EFER_SCE), 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer | EFER_NX | EFER_SCE);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_EFER, efer), 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer);
}

TEST(efer)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, no_nx);
	struct lodge_sregs s;

	vcpu_sync(vcpu, 1);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.efer, (u64)(EFER_LME | EFER_LMA | EFER_NX | EFER_SCE));
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_EFER), s.efer);
	vcpu_done(vcpu);
}
