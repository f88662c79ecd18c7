/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What host.c does in every window; the rare parts are in host.c.
 */
#ifndef LODGE_VMX_HOST_H
#define LODGE_VMX_HOST_H

#include <linux/percpu.h>
#include <linux/thread_info.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "ops.h"
#include "vmx.h"

void vmx_host_write_per_cpu(struct vmx_vcpu *vmx);
void vmx_host_reload_tr(void);
void vmx_host_restore_selectors(const struct vmx_vcpu *vmx);

static __always_inline unsigned long vmx_host_fs_base(void)
{
	unsigned long base;

	if (!boot_cpu_has(X86_FEATURE_FSGSBASE))
		return lodge_hwmsr_read(MSR_FS_BASE);
	asm volatile("rdfsbase %0" : "=r" (base));
	return base;
}

/**
 * vmx_host_enter - bring the host-state fields up to date
 * @vmx: in a window
 * @new_cpu: the last window was on another CPU
 */
static __always_inline void vmx_host_enter(struct vmx_vcpu *vmx, bool new_cpu)
{
	struct vmx_host *h = &vmx->host;
	unsigned long cr3 = __read_cr3(), cr4 = vmx->window.cr4 | X86_CR4_VMXE;
	unsigned long fs_base = vmx_host_fs_base();

	if (unlikely(new_cpu))
		vmx_host_write_per_cpu(vmx);
	if (h->cr3 != cr3)
		vmcs_writel(VMCS_HOST_CR3, h->cr3 = cr3);
	if (h->cr4 != cr4)
		vmcs_writel(VMCS_HOST_CR4, h->cr4 = cr4);
	if (h->fs_base != fs_base)
		vmcs_writel(VMCS_HOST_FS_BASE, h->fs_base = fs_base);
	savesegment(ds, vmx->ds);
	savesegment(es, vmx->es);
	savesegment(fs, vmx->fs);
	savesegment(gs, vmx->gs);
	store_ldt(vmx->ldt);
}

/**
 * vmx_host_leave - repair what a VM exit leaves damaged
 * @vmx: at the end of a window, after lodge_msr_leave()
 */
static __always_inline void vmx_host_leave(const struct vmx_vcpu *vmx)
{
	if (unlikely(test_thread_flag(TIF_IO_BITMAP)))
		vmx_host_reload_tr();
	else
		this_cpu_write(__tss_limit_invalid, true);
	native_load_gdt(&vmx->gdt);
	if (unlikely(vmx->ldt | vmx->ds | vmx->es | vmx->fs | vmx->gs))
		vmx_host_restore_selectors(vmx);
}

#endif /* LODGE_VMX_HOST_H */
