// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation on a CPU lasts for a window: a stretch with interrupts off
 * around guest execution.  Between windows a CPU holds nothing of lodge, so
 * hotplug, suspend, reboot, kexec and other hypervisors need no care here.
 *
 * CR4.VMXE is set behind the back of the kernel's CR4 shadow, which no module but
 * KVM may change on newer kernels.  That is sound for as long as nothing else
 * writes CR4, hence the interrupts: the kernel writes it from IPIs (a perf mmap
 * with RDPMC, by anybody), and would drop VMXE inside VMX operation, a #GP.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/io.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "../alloc.h"
#include "../x86/hwmsr.h"
#include "caps.h"
#include "cpu.h"
#include "ops.h"

static DEFINE_PER_CPU(u64 *, vmxon_region);

#ifdef LODGE_DEBUG
DEFINE_PER_CPU(struct vmx_op_counts, vmx_op_counts);
#endif

static const char *const insn_errors[] = {
	[1] = "VMCALL executed in VMX root operation",
	[2] = "VMCLEAR with invalid physical address",
	[3] = "VMCLEAR with VMXON pointer",
	[4] = "VMLAUNCH with non-clear VMCS",
	[5] = "VMRESUME with non-launched VMCS",
	[6] = "VMRESUME after VMXOFF",
	[7] = "VM entry with invalid control fields",
	[8] = "VM entry with invalid host-state fields",
	[9] = "VMPTRLD with invalid physical address",
	[10] = "VMPTRLD with VMXON pointer",
	[11] = "VMPTRLD with incorrect VMCS revision identifier",
	[12] = "VMREAD or VMWRITE of an unsupported VMCS component",
	[13] = "VMWRITE to a read-only VMCS component",
	[15] = "VMXON executed in VMX root operation",
	[16] = "VM entry with invalid executive-VMCS pointer",
	[20] = "VMCALL with non-clear VMCS",
	[22] = "VMCALL with incorrect MSEG revision identifier",
	[25] = "VMCALL with invalid VM-exit control fields",
	[26] = "VM entry with events blocked by MOV SS",
	[28] = "invalid operand to INVEPT or INVVPID",
};

/**
 * vmx_report_error - log a VMX instruction that failed or faulted
 * @insn: its name
 * @operand: VMCS field or physical address
 * @outcome: VMX_OP_FAILED or VMX_OP_FAULTED
 *
 * Rate-limited.  Interrupts off, in VMX operation unless @outcome is a fault.
 */
void vmx_report_error(const char *insn, unsigned long operand, int outcome)
{
	unsigned long nr = 0;
	const char *text = "no current VMCS, or an invalid operand";

	if (outcome == VMX_OP_FAULTED) {
		pr_err_ratelimited("%s of %#lx faulted\n", insn, operand);
		return;
	}
	if (!vmx_op_vmread(VMCS_INSN_ERROR, &nr) && nr)
		text = nr < ARRAY_SIZE(insn_errors) && insn_errors[nr] ? insn_errors[nr] :
									   "unknown";
	pr_err_ratelimited("%s of %#lx failed: error %lu, %s\n", insn, operand, nr, text);
}

static void write_cr4(unsigned long cr4)
{
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
}

static __always_inline int enter_root(struct vmx_window *w)
{
	u64 *region = this_cpu_read(vmxon_region);
	int outcome;

	/* VMXON would end the tracing behind perf's back */
	if (unlikely(vmx_caps.no_pt) && lodge_hwmsr_read(MSR_IA32_RTIT_CTL) & RTIT_CTL_TRACEEN)
		return -EBUSY;
	write_cr4(w->cr4 | X86_CR4_VMXE);
	outcome = vmx_op_vmxon(virt_to_phys(region));
	if (likely(!outcome))
		return 0;
	write_cr4(w->cr4);
	pr_err_ratelimited("VMXON %s on CPU %d\n",
			   outcome == VMX_OP_FAULTED ? "faulted" : "failed", smp_processor_id());
	return -EBUSY;
}

static __always_inline void leave_root(const struct vmx_window *w)
{
	int outcome;

	if (w->neighbour) {
		if (w->their_vmcs != ~0ULL) {
			outcome = vmx_op_vmptrld(w->their_vmcs);
			if (unlikely(outcome))
				vmx_report_error("VMPTRLD", w->their_vmcs, outcome);
		}
		return;
	}
	outcome = vmx_op_vmxoff();
	if (unlikely(outcome))
		vmx_report_error("VMXOFF", 0, outcome);
	write_cr4(w->cr4);
}

static __always_inline int begin(struct vmx_window *w, u64 vmcs)
{
	int outcome;

	lockdep_assert_irqs_disabled();
	w->cr4 = __read_cr4();
	w->vmcs = vmcs;
	w->neighbour = w->cr4 & X86_CR4_VMXE;
	if (!w->neighbour)
		return enter_root(w);
	outcome = vmx_op_vmptrst(&w->their_vmcs);
	if (unlikely(outcome)) {
		vmx_report_error("VMPTRST", 0, outcome);
		return -EBUSY;
	}
	return 0;
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
int vmx_cpu_open(struct vmx_window *w, u64 vmcs)
{
	int outcome;

	if (unlikely(begin(w, vmcs)))
		return -EBUSY;
	outcome = vmx_op_vmptrld(vmcs);
	if (unlikely(outcome)) {
		vmx_report_error("VMPTRLD", vmcs, outcome);
		leave_root(w);
		return -EBUSY;
	}
	return 0;
}

/**
 * vmx_cpu_close - leave VMX operation, or give it back to whose it was
 * @w: from vmx_cpu_open()
 *
 * Our VMCS is clear afterwards, so it can be loaded on any CPU.
 */
void vmx_cpu_close(struct vmx_window *w)
{
	int outcome = vmx_op_vmclear(w->vmcs);

	if (unlikely(outcome))
		vmx_report_error("VMCLEAR", w->vmcs, outcome);
	leave_root(w);
}

/**
 * vmx_cpu_prepare - bring a new VMCS into the clear state
 * @w: for the time of the call
 * @vmcs: physical address of a page with the revision identifier
 *
 * Interrupts off.
 *
 * Return: 0, or -EBUSY after a log line.
 */
int vmx_cpu_prepare(struct vmx_window *w, u64 vmcs)
{
	if (begin(w, vmcs))
		return -EBUSY;
	vmx_cpu_close(w);
	return 0;
}

static void free_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(vmxon_region, cpu));
		per_cpu(vmxon_region, cpu) = NULL;
	}
}

/**
 * vmx_cpu_init - a VMXON region for every CPU that can ever come online
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_cpu_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		u64 *region = lodge_alloc_page(GFP_KERNEL, cpu_to_node(cpu));

		if (!region) {
			free_regions();
			return -ENOMEM;
		}
		*region = vmx_caps.revision;
		per_cpu(vmxon_region, cpu) = region;
	}
	return 0;
}

/**
 * vmx_cpu_exit - mirror of vmx_cpu_init()
 *
 * No window is open: the module goes only when no VM is left.
 */
void vmx_cpu_exit(void)
{
	free_regions();
}
