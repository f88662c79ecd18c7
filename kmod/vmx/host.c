// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host state: what a VM exit loads from the VMCS, and what it leaves damaged
 * (SDM Vol 3C, 28.5): the limits of GDTR, IDTR and TR, LDTR, and data segments.
 */
#include <linux/percpu.h>
#include <linux/smp.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/msr-index.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "../x86/hwmsr.h"
#include "caps.h"
#include "host.h"
#include "ops.h"

/**
 * vmx_host_setup - host-state fields that are the same on every CPU
 *
 * In a window.
 */
void vmx_host_setup(void)
{
	vmcs_writel(VMCS_HOST_CR0, read_cr0() & ~X86_CR0_TS);
	vmcs_write16(VMCS_HOST_CS_SEL, __KERNEL_CS);
	vmcs_write16(VMCS_HOST_SS_SEL, __KERNEL_DS);
	vmcs_write16(VMCS_HOST_DS_SEL, 0);
	vmcs_write16(VMCS_HOST_ES_SEL, 0);
	vmcs_write16(VMCS_HOST_FS_SEL, 0);
	vmcs_write16(VMCS_HOST_GS_SEL, 0);
	vmcs_write16(VMCS_HOST_TR_SEL, GDT_ENTRY_TSS * 8);
	vmcs_writel(VMCS_HOST_RIP, vmx_enter_exit);
	vmcs_write32(VMCS_HOST_SYSENTER_CS, lodge_hwmsr_read(MSR_IA32_SYSENTER_CS));
	vmcs_write64(VMCS_HOST_EFER, lodge_hwmsr_read(MSR_EFER));
	vmcs_write64(VMCS_HOST_PAT, lodge_hwmsr_read(MSR_IA32_CR_PAT));
	if (vmx_caps.exit & EXIT_LOAD_CET) {
		vmcs_writel(VMCS_HOST_S_CET, lodge_hwmsr_read(MSR_IA32_S_CET));
		vmcs_writel(VMCS_HOST_SSP, 0);
		vmcs_writel(VMCS_HOST_SSP_TABLE, 0);
	}
}

/**
 * vmx_host_write_per_cpu - host-state fields that differ between CPUs
 * @vmx: in its first window on this CPU
 */
void vmx_host_write_per_cpu(struct vmx_vcpu *vmx)
{
	int cpu = smp_processor_id();
	struct desc_ptr idt;

	vmx->gdt.address = (unsigned long)get_cpu_gdt_ro(cpu);
	vmx->gdt.size = GDT_SIZE - 1;
	store_idt(&idt);
	vmcs_writel(VMCS_HOST_IDTR_BASE, idt.address);
	vmcs_writel(VMCS_HOST_GDTR_BASE, vmx->gdt.address);
	vmcs_writel(VMCS_HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_writel(VMCS_HOST_GS_BASE, lodge_hwmsr_read(MSR_GS_BASE));
	vmcs_writel(VMCS_HOST_SYSENTER_ESP, lodge_hwmsr_read(MSR_IA32_SYSENTER_ESP));
	vmcs_writel(VMCS_HOST_SYSENTER_EIP, lodge_hwmsr_read(MSR_IA32_SYSENTER_EIP));
}

/**
 * vmx_host_reload_tr - repair the limit of TR for a task with an I/O bitmap
 */
void vmx_host_reload_tr(void)
{
	invalidate_tss_limit();
}

/**
 * vmx_host_restore_selectors - load the selectors that a VM exit has cleared
 * @vmx: at the end of a window, after lodge_msr_leave()
 *
 * A selector load changes the hidden base too, so FS and GS bases come after.
 * The user's GS is the inactive one here, its base in IA32_KERNEL_GS_BASE.
 */
void vmx_host_restore_selectors(const struct vmx_vcpu *vmx)
{
	if (vmx->ldt)
		asm volatile("lldt %w0" : : "r" (vmx->ldt));
	if (vmx->ds)
		loadsegment(ds, vmx->ds);
	if (vmx->es)
		loadsegment(es, vmx->es);
	if (vmx->fs) {
		loadsegment(fs, vmx->fs);
		lodge_hwmsr_write(MSR_FS_BASE, vmx->host.fs_base);
	}
	if (vmx->gs) {
		load_gs_index(vmx->gs);
		lodge_hwmsr_write(MSR_KERNEL_GS_BASE, vmx->vcpu->msr.host.kernel_gs_base);
	}
}
