// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers: which the guest has, what it may write, and the swap
 * of those that hardware does not swap.
 */
#include <linux/cpufeature.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/msr.h>

#include "../vm.h"
#include "cr.h"
#include "hwmsr.h"
#include "msr.h"

#define PAT_RESET	0x0007040600070406ULL

/* What the processor is proof against, as far as it offers the guest no control for it */
#define ARCH_CAP_KEPT	(ARCH_CAP_RDCL_NO | ARCH_CAP_RSBA | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | \
			 ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | \
			 ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | \
			 ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO | \
			 ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | \
			 ARCH_CAP_RFDS_CLEAR | ARCH_CAP_ITS_NO)

static bool have_tsc_aux;
static bool have_pebs;
static u64 arch_capabilities;

#ifdef LODGE_DEBUG
DEFINE_PER_CPU(u64, lodge_hwmsr_count);
#endif

/*
 * The VMCS or lodge_msr_enter() swaps these, and no value that the processor
 * takes is one that the host minds.
 */
const struct lodge_msr_passthrough lodge_msr_passthrough[] = {
	{ MSR_IA32_TSC, false },
	{ MSR_IA32_SYSENTER_CS, true },
	{ MSR_IA32_SYSENTER_ESP, true },
	{ MSR_IA32_SYSENTER_EIP, true },
	{ MSR_IA32_CR_PAT, true },
	{ MSR_FS_BASE, true },
	{ MSR_GS_BASE, true },
	{ MSR_KERNEL_GS_BASE, true },
};

const unsigned int lodge_msr_nr_passthrough = ARRAY_SIZE(lodge_msr_passthrough);

/**
 * lodge_msr_init - learn which MSRs the host has
 */
void lodge_msr_init(void)
{
	have_pebs = boot_cpu_has(X86_FEATURE_PEBS);
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		arch_capabilities = lodge_hwmsr_read(MSR_IA32_ARCH_CAPABILITIES) & ARCH_CAP_KEPT;
	have_tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
}

/**
 * lodge_msr_reset - the values after RESET
 * @m: to set
 * @tsc_start: lodge_tsc_guest() when the VM's TSCs are 0
 */
void lodge_msr_reset(struct lodge_msr_state *m, u64 tsc_start)
{
	*m = (struct lodge_msr_state){
		.pat = PAT_RESET,
		.misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING,
		.tsc_offset = -tsc_start,
	};
}

static void load(u32 msr, u64 guest, u64 *host)
{
	*host = lodge_hwmsr_read(msr);
	if (*host != guest)
		lodge_hwmsr_write(msr, guest);
}

static void restore(u32 msr, u64 guest, u64 host)
{
	if (host != guest)
		lodge_hwmsr_write(msr, host);
}

/**
 * lodge_msr_enter - load what the VMCS does not, interrupts off
 * @vcpu: to run
 *
 * The host's values are read, not assumed: between windows a neighbour may keep
 * its own guest's in them until its task returns to user space.
 */
void lodge_msr_enter(struct lodge_vcpu *vcpu)
{
	struct lodge_msr_state *m = &vcpu->msr;

	/* else its records would go to guest memory, by guest-linear addresses */
	m->host.pebs_enable = have_pebs ? lodge_hwmsr_read(MSR_IA32_PEBS_ENABLE) : 0;
	if (unlikely(m->host.pebs_enable))
		lodge_hwmsr_write(MSR_IA32_PEBS_ENABLE, 0);
	load(MSR_KERNEL_GS_BASE, m->kernel_gs_base, &m->host.kernel_gs_base);
	if (have_tsc_aux)
		load(MSR_TSC_AUX, m->tsc_aux, &m->host.tsc_aux);
	m->host.syscall_loaded = vcpu->s.efer & EFER_SCE;
	if (m->host.syscall_loaded) {
		load(MSR_STAR, m->star, &m->host.star);
		load(MSR_LSTAR, m->lstar, &m->host.lstar);
		load(MSR_SYSCALL_MASK, m->fmask, &m->host.fmask);
	}
}

/**
 * lodge_msr_leave - mirror of lodge_msr_enter()
 * @vcpu: that has run
 */
void lodge_msr_leave(struct lodge_vcpu *vcpu)
{
	struct lodge_msr_state *m = &vcpu->msr;

	if (m->host.syscall_loaded) {
		restore(MSR_SYSCALL_MASK, m->fmask, m->host.fmask);
		restore(MSR_LSTAR, m->lstar, m->host.lstar);
		restore(MSR_STAR, m->star, m->host.star);
	}
	if (have_tsc_aux)
		restore(MSR_TSC_AUX, m->tsc_aux, m->host.tsc_aux);
	m->kernel_gs_base = lodge_hwmsr_read(MSR_KERNEL_GS_BASE);
	restore(MSR_KERNEL_GS_BASE, m->kernel_gs_base, m->host.kernel_gs_base);
	if (unlikely(m->host.pebs_enable))
		lodge_hwmsr_write(MSR_IA32_PEBS_ENABLE, m->host.pebs_enable);
}

/**
 * lodge_msr_part - the part of the state that an MSR lies in
 * @index: ECX
 *
 * Return: LODGE_PART_*, to be cached before lodge_msr_read() or _write(); 0 if none.
 */
u32 lodge_msr_part(u32 index)
{
	switch (index) {
	case MSR_IA32_APICBASE:
		return LODGE_PART_APIC;
	case MSR_IA32_SYSENTER_CS:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		return LODGE_PART_SYSENTER;
	case MSR_IA32_CR_PAT:
		return LODGE_PART_PAT;
	case MSR_IA32_DEBUGCTLMSR:
		return LODGE_PART_DR7;
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		return LODGE_PART_SEGS;
	}
	return 0;
}

/* What firmware and kernels expect of a whole machine */
static int read_machine(struct lodge_vcpu *vcpu, u32 index, u64 *value)
{
	if (!vcpu->vm->machine)
		return -EINVAL;
	switch (index) {
	case MSR_IA32_FEAT_CTL:
		*value = FEAT_CTL_LOCKED;
		return 0;
	case MSR_SMI_COUNT:
		*value = 0;
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*value = arch_capabilities;
		return lodge_cpuid_has(&vcpu->cpuid, 7, LODGE_CPUID_EDX, 29) ? 0 : -EINVAL;
	}
	if (!lodge_mtrr_read(&vcpu->msr.mtrr, index, value))
		return 0;
	return lodge_pv_read_msr(vcpu, index, value);
}

static int write_machine(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	if (!vcpu->vm->machine)
		return -EINVAL;
	if (!lodge_mtrr_write(&vcpu->msr.mtrr, index, value))
		return 0;
	return lodge_pv_write_msr(vcpu, index, value);
}

static u64 guest_tsc(const struct lodge_vcpu *vcpu)
{
	return lodge_tsc_guest(&vcpu->vm->tsc, rdtsc()) + vcpu->msr.tsc_offset;
}

/**
 * lodge_msr_read - RDMSR
 * @vcpu: locked, with lodge_msr_part() cached
 * @index: ECX
 * @value: result
 *
 * Called from inside a window too: it does not sleep.
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_msr_read(struct lodge_vcpu *vcpu, u32 index, u64 *value)
{
	const struct lodge_msr_state *m = &vcpu->msr;

	switch (index) {
	case MSR_IA32_TSC:
		*value = guest_tsc(vcpu);
		break;
	case MSR_IA32_TSC_ADJUST:
		*value = m->tsc_adjust;
		break;
	case MSR_IA32_APICBASE:
		*value = vcpu->s.apic_base;
		break;
	case MSR_IA32_MISC_ENABLE:
		*value = m->misc_enable;
		break;
	case MSR_IA32_SYSENTER_CS:
		*value = m->sysenter_cs;
		break;
	case MSR_IA32_SYSENTER_ESP:
		*value = m->sysenter_esp;
		break;
	case MSR_IA32_SYSENTER_EIP:
		*value = m->sysenter_eip;
		break;
	case MSR_IA32_CR_PAT:
		*value = m->pat;
		break;
	case MSR_IA32_DEBUGCTLMSR:
		*value = m->debugctl;
		break;
	case MSR_EFER:
		*value = vcpu->s.efer;
		break;
	case MSR_STAR:
		*value = m->star;
		break;
	case MSR_LSTAR:
		*value = m->lstar;
		break;
	case MSR_CSTAR:
		*value = m->cstar;
		break;
	case MSR_SYSCALL_MASK:
		*value = m->fmask;
		break;
	case MSR_FS_BASE:
		*value = vcpu->s.seg[LODGE_FS].base;
		break;
	case MSR_GS_BASE:
		*value = vcpu->s.seg[LODGE_GS].base;
		break;
	case MSR_KERNEL_GS_BASE:
		*value = m->kernel_gs_base;
		break;
	/* no microcode update was loaded; no machine-check banks; nothing saved by XSAVES */
	case MSR_IA32_UCODE_REV:
		*value = 1ULL << 32;
		break;
	case MSR_IA32_MCG_CAP:
	case MSR_IA32_MCG_STATUS:
	case MSR_IA32_PLATFORM_ID:
		*value = 0;
		break;
	case MSR_IA32_XSS:
		if (!boot_cpu_has(X86_FEATURE_XSAVES))
			return -EINVAL;
		*value = 0;
		break;
	case MSR_TSC_AUX:
		if (!have_tsc_aux)
			return -EINVAL;
		*value = m->tsc_aux;
		break;
	default:
		return read_machine(vcpu, index, value);
	}
	return 0;
}

static bool pat_valid(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = pat >> i;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int write_base(struct lodge_vcpu *vcpu, u64 *base, u64 value, u32 part)
{
	if (!lodge_cr_canonical(vcpu, value))
		return -EINVAL;
	*base = value;
	lodge_vcpu_mark(vcpu, part);
	return 0;
}

static int write_tsc(struct lodge_vcpu *vcpu, u64 delta)
{
	vcpu->msr.tsc_offset += delta;
	vcpu->msr.tsc_adjust += delta;
	lodge_vcpu_mark(vcpu, LODGE_PART_TSC);
	return 0;
}

/* MSRs that are a number of some kind, and no part of the VMCS */
static int write_plain(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	struct lodge_msr_state *m = &vcpu->msr;

	switch (index) {
	case MSR_STAR:
		m->star = value;
		return 0;
	case MSR_LSTAR:
		return write_base(vcpu, &m->lstar, value, 0);
	case MSR_CSTAR:
		return write_base(vcpu, &m->cstar, value, 0);
	case MSR_KERNEL_GS_BASE:
		return write_base(vcpu, &m->kernel_gs_base, value, 0);
	case MSR_SYSCALL_MASK:
		if (value >> 32)
			return -EINVAL;
		m->fmask = value;
		return 0;
	case MSR_TSC_AUX:
		if (!have_tsc_aux || value >> 32)
			return -EINVAL;
		m->tsc_aux = value;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		m->misc_enable = value & MSR_IA32_MISC_ENABLE_FAST_STRING;
		return 0;
	case MSR_IA32_UCODE_REV:
	case MSR_IA32_MCG_STATUS:
		return value ? -EINVAL : 0;
	case MSR_IA32_XSS:
		return value || !boot_cpu_has(X86_FEATURE_XSAVES) ? -EINVAL : 0;
	}
	return write_machine(vcpu, index, value);
}

/**
 * lodge_msr_write - WRMSR
 * @vcpu: locked, with lodge_msr_part() cached
 * @index: ECX
 * @value: EDX:EAX
 *
 * Called from inside a window too: it does not sleep, and what the processor
 * holds outside the VMCS is written by the caller through lodge_msr_leave() and
 * _enter().
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_msr_write(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	struct lodge_msr_state *m = &vcpu->msr;

	switch (index) {
	case MSR_IA32_TSC:
		return write_tsc(vcpu, value - guest_tsc(vcpu));
	case MSR_IA32_TSC_ADJUST:
		return write_tsc(vcpu, value - m->tsc_adjust);
	case MSR_IA32_APICBASE:
		return lodge_cr_apic_base(vcpu, value);
	case MSR_EFER:
		return lodge_cr_write_efer(vcpu, value);
	case MSR_IA32_SYSENTER_CS:
		m->sysenter_cs = (u32)value;
		lodge_vcpu_mark(vcpu, LODGE_PART_SYSENTER);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		return write_base(vcpu, &m->sysenter_esp, value, LODGE_PART_SYSENTER);
	case MSR_IA32_SYSENTER_EIP:
		return write_base(vcpu, &m->sysenter_eip, value, LODGE_PART_SYSENTER);
	case MSR_FS_BASE:
		return write_base(vcpu, &vcpu->s.seg[LODGE_FS].base, value, LODGE_PART_SEGS);
	case MSR_GS_BASE:
		return write_base(vcpu, &vcpu->s.seg[LODGE_GS].base, value, LODGE_PART_SEGS);
	case MSR_IA32_CR_PAT:
		if (!pat_valid(value))
			return -EINVAL;
		m->pat = value;
		lodge_vcpu_mark(vcpu, LODGE_PART_PAT);
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		if (value & ~DEBUGCTLMSR_BTF)
			return -EINVAL;
		m->debugctl = value;
		lodge_vcpu_mark(vcpu, LODGE_PART_DR7);
		return 0;
	}
	return write_plain(vcpu, index, value);
}

/**
 * lodge_msr_unknown - note that the guest has got a #GP for an MSR
 * @vcpu: owned; may be inside a window
 * @index: ECX
 */
void lodge_msr_unknown(struct lodge_vcpu *vcpu, u32 index)
{
	if (!vcpu->vm->machine)
		return;
	vcpu->msr.unknown = index;
	set_bit(LODGE_REQ_LOG_MSR, &vcpu->requests);
}

/**
 * lodge_msr_log_unknown - tell of it, once for each MSR of a VM
 * @vcpu: locked, outside a window; sleeps
 */
void lodge_msr_log_unknown(struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;
	bool tell = false;
	u32 i;

	mutex_lock(&vm->lock);
	for (i = 0; i < vm->nr_unknown_msrs; i++)
		if (vm->unknown_msrs[i] == vcpu->msr.unknown)
			break;
	if (i == vm->nr_unknown_msrs && i < LODGE_MAX_UNKNOWN_MSRS) {
		vm->unknown_msrs[vm->nr_unknown_msrs++] = vcpu->msr.unknown;
		tell = true;
	}
	mutex_unlock(&vm->lock);
	if (tell)
		pr_info_ratelimited("VM %s: MSR %#x: #GP for an access or its value\n",
				    vm->name, vcpu->msr.unknown);
}
