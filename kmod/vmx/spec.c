// SPDX-License-Identifier: GPL-2.0-only
/*
 * Speculative-execution defences at VM entry and exit, as the host kernel's own
 * state asks for them (Documentation/admin-guide/hw-vuln in the kernel).
 *
 * The guest runs with the host's SPEC_CTRL: it is offered no SPEC_CTRL of its own.
 */
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <asm/cpufeature.h>

#include "spec.h"
#include "vmx.h"

struct vmx_spec vmx_spec;
DEFINE_PER_CPU(u64, vmx_spec_last_vm);

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
 */
void vmx_spec_init(void)
{
	u64 d = 0;

	if (l1tf_wanted())
		d |= LODGE_DEF_L1D_FLUSH;
	if (verw_wanted())
		d |= LODGE_DEF_VERW;
	if (boot_cpu_has(X86_FEATURE_RSB_VMEXIT))
		d |= LODGE_DEF_RSB_FILL;
	if (boot_cpu_has(X86_FEATURE_RSB_VMEXIT_LITE))
		d |= LODGE_DEF_RSB_LITE;
	if (boot_cpu_has(X86_FEATURE_KERNEL_IBRS))
		d |= LODGE_DEF_IBRS;
	if (boot_cpu_has(COMPAT_FEATURE_BHB_VMEXIT))
		d |= LODGE_DEF_BHB_CLEAR;
	if (boot_cpu_has(X86_FEATURE_IBPB) && !cpu_mitigations_off())
		d |= LODGE_DEF_IBPB_SWITCH;
	if (COMPAT_IBPB_EXIT_TO_USER)
		d |= LODGE_DEF_IBPB_USER;
	if (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off())
		d |= LODGE_DEF_NX_HUGE;

	vmx_spec.defences = d;
	vmx_spec.enter_flags = (d & LODGE_DEF_VERW ? VMX_ENTER_VERW : 0) |
			       (d & LODGE_DEF_IBRS ? VMX_ENTER_IBRS : 0) |
			       (d & LODGE_DEF_BHB_CLEAR ? VMX_ENTER_BHB : 0);
}

/**
 * vmx_spec_new_vm - another VM than the last runs on this CPU, interrupts off
 * @vm_id: which
 */
void vmx_spec_new_vm(u64 vm_id)
{
	this_cpu_write(vmx_spec_last_vm, vm_id);
	if (vmx_spec.defences & LODGE_DEF_IBPB_SWITCH)
		lodge_hwmsr_write(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}
