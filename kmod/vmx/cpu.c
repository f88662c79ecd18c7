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
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/io.h>
#include <asm/processor-flags.h>

#include "../alloc.h"
#include "caps.h"
#include "cpu.h"

static DEFINE_PER_CPU(u64 *, vmxon_region);
DEFINE_PER_CPU(u64, vmx_cpu_vmxon_pa);

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

/**
 * vmx_cpu_begin_neighbour - part of vmx_cpu_open() where CR4.VMXE is set
 * @w: of vmx_cpu_open()
 *
 * Return: 0, or -EBUSY after a log line.
 */
int vmx_cpu_begin_neighbour(struct vmx_window *w)
{
	int outcome;

	w->their_vmcs = ~0ULL;
	outcome = vmx_op_vmptrst(&w->their_vmcs);
	if (likely(!outcome))
		return 0;
	vmx_report_error("VMPTRST", 0, outcome);
	return -EBUSY;
}

/**
 * vmx_cpu_vmxon_failed - the end of vmx_cpu_open() after a VMXON without success
 * @w: of vmx_cpu_open()
 * @outcome: VMX_OP_FAILED or VMX_OP_FAULTED
 *
 * Return: -EBUSY.
 */
int vmx_cpu_vmxon_failed(const struct vmx_window *w, int outcome)
{
	vmx_cpu_write_cr4(w->cr4);
	pr_err_ratelimited("VMXON %s on CPU %d\n",
			   outcome == VMX_OP_FAULTED ? "faulted" : "failed", smp_processor_id());
	return -EBUSY;
}

/**
 * vmx_cpu_load_failed - the end of vmx_cpu_open() after a VMPTRLD without success
 * @w: of vmx_cpu_open()
 * @vmcs: likewise
 * @outcome: VMX_OP_FAILED or VMX_OP_FAULTED
 *
 * Return: -EBUSY.
 */
int vmx_cpu_load_failed(const struct vmx_window *w, u64 vmcs, int outcome)
{
	vmx_report_error("VMPTRLD", vmcs, outcome);
	vmx_cpu_end(w);
	return -EBUSY;
}

/**
 * vmx_cpu_admit - have this CPU take part, if it can do what the others can
 *
 * Interrupts off.  A CPU that came online after the module was loaded has not been
 * looked at before its first window.
 *
 * Return: 0, or -EBUSY after a log line.
 */
int vmx_cpu_admit(void)
{
	if (!vmx_caps_fit()) {
		pr_err_ratelimited("CPU %d lacks VMX features that others have, and runs no guest\n",
				   smp_processor_id());
		return -EBUSY;
	}
	this_cpu_write(vmx_cpu_vmxon_pa, virt_to_phys(this_cpu_read(vmxon_region)));
	return 0;
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
	if (vmx_cpu_begin(w))
		return -EBUSY;
	vmx_cpu_close(w, &vmcs);
	return 0;
}

static void free_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu(vmx_cpu_vmxon_pa, cpu) = 0;
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
