/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX operation on a CPU for the time of a window: see cpu.c, which has the rest
 * of these functions, where they fail.
 */
#ifndef LODGE_VMX_CPU_H
#define LODGE_VMX_CPU_H

#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "../x86/hwmsr.h"
#include "caps.h"
#include "ops.h"

/**
 * struct vmx_window - a stretch of VMX operation on this CPU, interrupts off
 * @cr4: to be put back, unless @neighbour
 * @their_vmcs: current VMCS of the neighbour, or ~0
 * @neighbour: VMX operation was somebody else's before us
 */
struct vmx_window {
	unsigned long cr4;
	u64 their_vmcs;
	bool neighbour;
};

/* physical address of the CPU's VMXON region; 0 until vmx_cpu_admit() found the CPU fit */
DECLARE_PER_CPU(u64, vmx_cpu_vmxon_pa);

int vmx_cpu_init(void);
void vmx_cpu_exit(void);
int vmx_cpu_prepare(struct vmx_window *w, u64 vmcs);
int vmx_cpu_admit(void);
int vmx_cpu_begin_neighbour(struct vmx_window *w);
int vmx_cpu_vmxon_failed(const struct vmx_window *w, int outcome);
int vmx_cpu_load_failed(const struct vmx_window *w, u64 vmcs, int outcome);

static __always_inline void vmx_cpu_write_cr4(unsigned long cr4)
{
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
}

static __always_inline int vmx_cpu_begin(struct vmx_window *w)
{
	int outcome;

	lockdep_assert_irqs_disabled();
	w->cr4 = __read_cr4();
	w->neighbour = w->cr4 & X86_CR4_VMXE;
	if (unlikely(!this_cpu_read(vmx_cpu_vmxon_pa)) && vmx_cpu_admit())
		return -EBUSY;
	if (unlikely(w->neighbour))
		return vmx_cpu_begin_neighbour(w);
	/* VMXON would end the tracing behind perf's back */
	if (unlikely(vmx_caps.no_pt) && lodge_hwmsr_read(MSR_IA32_RTIT_CTL) & RTIT_CTL_TRACEEN)
		return -EBUSY;
	vmx_cpu_write_cr4(w->cr4 | X86_CR4_VMXE);
	outcome = vmx_op_vmxon(this_cpu_ptr(&vmx_cpu_vmxon_pa));
	if (unlikely(outcome))
		return vmx_cpu_vmxon_failed(w, outcome);
	return 0;
}

static __always_inline void vmx_cpu_end(const struct vmx_window *w)
{
	int outcome;

	if (unlikely(w->neighbour)) {
		if (w->their_vmcs == ~0ULL)
			return;
		outcome = vmx_op_vmptrld(&w->their_vmcs);
		if (unlikely(outcome))
			vmx_report_error("VMPTRLD", w->their_vmcs, outcome);
		return;
	}
	outcome = vmx_op_vmxoff();
	if (unlikely(outcome))
		vmx_report_error("VMXOFF", 0, outcome);
	vmx_cpu_write_cr4(w->cr4);
}

/**
 * vmx_cpu_open - make @vmcs current on this CPU, in VMX operation
 * @w: filled in; goes to vmx_cpu_close()
 * @vmcs: physical address of a VMCS that is clear
 *
 * Where CR4.VMXE is set already another hypervisor holds VMX; its current VMCS
 * is remembered and comes back at the end.  Interrupts are off, and stay off
 * until vmx_cpu_close().
 *
 * Return: 0, or -EBUSY after a log line.
 */
static __always_inline int vmx_cpu_open(struct vmx_window *w, const u64 *vmcs)
{
	int outcome;

	if (unlikely(vmx_cpu_begin(w)))
		return -EBUSY;
	outcome = vmx_op_vmptrld(vmcs);
	if (unlikely(outcome))
		return vmx_cpu_load_failed(w, *vmcs, outcome);
	return 0;
}

/**
 * vmx_cpu_close - leave VMX operation, or give it back to whose it was
 * @w: from vmx_cpu_open()
 * @vmcs: the same as there
 *
 * Our VMCS is clear afterwards, so it can be loaded on any CPU.
 */
static __always_inline void vmx_cpu_close(const struct vmx_window *w, const u64 *vmcs)
{
	int outcome = vmx_op_vmclear(vmcs);

	if (unlikely(outcome))
		vmx_report_error("VMCLEAR", *vmcs, outcome);
	vmx_cpu_end(w);
}

#endif /* LODGE_VMX_CPU_H */
