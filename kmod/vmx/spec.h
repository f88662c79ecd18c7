/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VMX_SPEC_H
#define LODGE_VMX_SPEC_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <linux/lodge.h>

#include "../compat.h"
#include "../x86/hwmsr.h"

/**
 * struct vmx_spec - speculative-execution defences of this host
 * @defences: LODGE_DEF_*
 * @enter_flags: VMX_ENTER_* that they come to
 *
 * Written once by vmx_spec_init(), constant after.
 */
struct vmx_spec {
	u64 defences;
	u32 enter_flags;
};

extern struct vmx_spec vmx_spec;

/* the VM that ran last on this CPU, for the barrier between VMs */
DECLARE_PER_CPU(u64, vmx_spec_last_vm);

void vmx_spec_init(void);
void vmx_spec_new_vm(u64 vm_id);

/**
 * vmx_spec_ctrl - the SPEC_CTRL to be written at a VM exit, this CPU
 *
 * Return: the value; any if it is not to be written.
 */
static __always_inline u64 vmx_spec_ctrl(void)
{
	return vmx_spec.defences & LODGE_DEF_IBRS ? this_cpu_read(x86_spec_ctrl_current) : 0;
}

/**
 * vmx_spec_before - at the start of a window, interrupts off
 * @vm_id: of the VM that is to run
 * @others: somebody else's guest may have run on this CPU since the last window
 */
static __always_inline void vmx_spec_before(u64 vm_id, bool others)
{
	if (unlikely(others || this_cpu_read(vmx_spec_last_vm) != vm_id))
		vmx_spec_new_vm(vm_id);
}

/**
 * vmx_spec_flush - right before the first entry of a window
 */
static __always_inline void vmx_spec_flush(void)
{
	if (unlikely(vmx_spec.defences & LODGE_DEF_L1D_FLUSH))
		lodge_hwmsr_write(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

/**
 * vmx_spec_after - at the end of a window in which the guest has run, interrupts off
 */
static __always_inline void vmx_spec_after(void)
{
	if (unlikely(vmx_spec.defences & LODGE_DEF_IBPB_USER))
		compat_ibpb_exit_to_user();
}

#endif /* LODGE_VMX_SPEC_H */
