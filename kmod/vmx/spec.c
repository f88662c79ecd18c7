// SPDX-License-Identifier: GPL-2.0-only
/*
 * Speculative-execution defences at VM entry and exit, as the host kernel's own
 * state asks for them (Documentation/admin-guide/hw-vuln in the kernel).
 *
 * The guest runs with the host's SPEC_CTRL: it is offered no SPEC_CTRL of its own.
 */
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <linux/lodge.h>

#include "../alloc.h"
#include "../compat.h"
#include "../x86/hwmsr.h"
#include "spec.h"
#include "vmx.h"

/* Pages read to push the guest's predecessor out of L1D without FLUSH_CMD: not done */
static u64 defences;
static u32 enter_flags;

/* the VM that ran last on this CPU, for the barrier between VMs */
static DEFINE_PER_CPU(u64, last_vm);

static bool l1tf_wanted(void)
{
	return boot_cpu_has_bug(X86_BUG_L1TF) && boot_cpu_has(X86_FEATURE_FLUSH_L1D) &&
	       !cpu_mitigations_off();
}

static bool verw_wanted(void)
{
	if (cpu_mitigations_off() || !boot_cpu_has(X86_FEATURE_MD_CLEAR))
		return false;
	return boot_cpu_has_bug(X86_BUG_MDS) || boot_cpu_has_bug(X86_BUG_TAA) ||
	       boot_cpu_has_bug(X86_BUG_MMIO_STALE_DATA) || COMPAT_BUG_RFDS;
}

/**
 * vmx_spec_init - decide which defences this host wants
 *
 * Return: 0.
 */
int vmx_spec_init(void)
{
	if (l1tf_wanted())
		defences |= LODGE_DEF_L1D_FLUSH;
	if (verw_wanted())
		defences |= LODGE_DEF_VERW;
	if (boot_cpu_has(X86_FEATURE_RSB_VMEXIT))
		defences |= LODGE_DEF_RSB_FILL;
	if (boot_cpu_has(X86_FEATURE_RSB_VMEXIT_LITE))
		defences |= LODGE_DEF_RSB_LITE;
	if (boot_cpu_has(X86_FEATURE_KERNEL_IBRS))
		defences |= LODGE_DEF_IBRS;
	if (boot_cpu_has(COMPAT_FEATURE_BHB_VMEXIT))
		defences |= LODGE_DEF_BHB_CLEAR;
	if (boot_cpu_has(X86_FEATURE_IBPB) && !cpu_mitigations_off())
		defences |= LODGE_DEF_IBPB_SWITCH;
	if (COMPAT_IBPB_EXIT_TO_USER)
		defences |= LODGE_DEF_IBPB_USER;
	if (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off())
		defences |= LODGE_DEF_NX_HUGE;

	enter_flags = (defences & LODGE_DEF_VERW ? VMX_ENTER_VERW : 0) |
		      (defences & LODGE_DEF_IBRS ? VMX_ENTER_IBRS : 0) |
		      (defences & LODGE_DEF_BHB_CLEAR ? VMX_ENTER_BHB : 0);
	return 0;
}

/**
 * vmx_spec_defences - what is done on this host
 *
 * Return: LODGE_DEF_*.
 */
u64 vmx_spec_defences(void)
{
	return defences;
}

/**
 * vmx_spec_enter_flags - flags for vmx_enter()
 *
 * Return: VMX_ENTER_*.
 */
u32 vmx_spec_enter_flags(void)
{
	return enter_flags;
}

/**
 * vmx_spec_ctrl - the SPEC_CTRL to be written at a VM exit, this CPU
 *
 * Return: the value.
 */
u64 vmx_spec_ctrl(void)
{
	return enter_flags & VMX_ENTER_IBRS ? this_cpu_read(x86_spec_ctrl_current) : 0;
}

/**
 * vmx_spec_before - at the start of a window, interrupts off
 * @vm_id: of the VM that is to run
 */
void vmx_spec_before(u64 vm_id)
{
	if (unlikely(this_cpu_read(last_vm) != vm_id)) {
		this_cpu_write(last_vm, vm_id);
		if (defences & LODGE_DEF_IBPB_SWITCH)
			lodge_hwmsr_write(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	}
	if (unlikely(defences & LODGE_DEF_L1D_FLUSH))
		lodge_hwmsr_write(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

/**
 * vmx_spec_after - at the end of a window in which the guest has run, interrupts off
 */
void vmx_spec_after(void)
{
	if (unlikely(defences & LODGE_DEF_IBPB_USER))
		compat_ibpb_exit_to_user();
}
