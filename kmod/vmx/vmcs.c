// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS of a vCPU: its memory, its VPID, and the fields that never change.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <asm/io.h>
#include <asm/processor-flags.h>

#include "../alloc.h"
#include "../vm.h"
#include "../x86/cr.h"
#include "caps.h"
#include "ops.h"
#include "vmx.h"

#define NR_VPIDS	65536

/*
 * #DB: its DR6 is kept in software.  #AC: a guest that takes #AC (and #DB) while
 * delivering the same would never exit.  #MC: the host's.
 */
#define EXCEPTIONS	(BIT(1) | BIT(17) | BIT(18))

/* CR0 bits that the guest changes without an exit */
#define CR0_OWNED	(X86_CR0_TS | X86_CR0_MP | X86_CR0_EM | X86_CR0_WP | X86_CR0_AM)

static DEFINE_SPINLOCK(vpid_lock);
static unsigned long *vpids;		/* under vpid_lock */
static void *msr_bitmap;		/* one for all: the policy is the same */
static void *x2apic_bitmap;		/* with virtual-interrupt delivery */

static u16 alloc_vpid(void)
{
	unsigned long vpid = 0;

	if (!(vmx_caps.proc2 & PROC2_VPID))
		return 0;
	spin_lock(&vpid_lock);
	vpid = find_next_zero_bit(vpids, NR_VPIDS, 1);
	if (vpid < NR_VPIDS)
		__set_bit(vpid, vpids);
	else
		vpid = 0;
	spin_unlock(&vpid_lock);
	return vpid;
}

static void free_vpid(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&vpid_lock);
	__clear_bit(vpid, vpids);
	spin_unlock(&vpid_lock);
}

/* The bitmap's layout: SDM Vol 3C, 25.6.9 */
static void allow_msr(unsigned long *bitmap, u32 index, bool read, bool write)
{
	bool high = index >= 0xc0000000;
	u32 bit = (index & 0x1fff) + (high ? 1024 * 8 : 0);

	if (read)
		__clear_bit(bit, bitmap);
	if (write)
		__clear_bit(bit + 2048 * 8, bitmap);
}

/**
 * vmx_vmcs_msr_bitmap - the MSRs that exit
 * @x2apic: for virtual-interrupt delivery: some of the APIC's do not
 *
 * Return: physical address for VMCS_MSR_BITMAP.
 */
u64 vmx_vmcs_msr_bitmap(bool x2apic)
{
	return virt_to_phys(x2apic ? x2apic_bitmap : msr_bitmap);
}

/**
 * vmx_vmcs_init - what all VMCSs share
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_vmcs_init(void)
{
	unsigned int i;

	msr_bitmap = lodge_alloc_page(GFP_KERNEL, NUMA_NO_NODE);
	x2apic_bitmap = lodge_alloc_page(GFP_KERNEL, NUMA_NO_NODE);
	vpids = bitmap_zalloc(NR_VPIDS, GFP_KERNEL);
	if (!msr_bitmap || !x2apic_bitmap || !vpids) {
		vmx_vmcs_exit();
		return -ENOMEM;
	}
	memset(msr_bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < lodge_msr_nr_passthrough; i++)
		allow_msr(msr_bitmap, lodge_msr_passthrough[i].index, true,
			  lodge_msr_passthrough[i].write);
	memcpy(x2apic_bitmap, msr_bitmap, PAGE_SIZE);
	allow_msr(x2apic_bitmap, LODGE_LAPIC_MSR_TPR, true, true);
	allow_msr(x2apic_bitmap, LODGE_LAPIC_MSR_EOI, false, true);
	allow_msr(x2apic_bitmap, LODGE_LAPIC_MSR_SELF_IPI, false, true);
	return 0;
}

/**
 * vmx_vmcs_exit - mirror of vmx_vmcs_init()
 */
void vmx_vmcs_exit(void)
{
	bitmap_free(vpids);
	free_page((unsigned long)x2apic_bitmap);
	free_page((unsigned long)msr_bitmap);
}

/*
 * PAUSEs no further apart than this are one loop, and a loop of this length spins
 * for a vCPU that does not run (SDM Vol 3C, 26.1.3), in ticks of the TSC.
 */
#define PLE_GAP		128
#define PLE_WINDOW	4096

static void setup_controls(struct vmx_vcpu *vmx)
{
	unsigned int i;

	vmcs_write32(VMCS_PIN_CONTROLS, vmx_caps.pin);
	vmcs_write32(VMCS_PROC_CONTROLS, vmx->proc);
	vmcs_write32(VMCS_PROC2_CONTROLS, vmx_apicv_proc2(vmx, false));
	vmcs_write32(VMCS_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write32(VMCS_ENTRY_CONTROLS, vmx->entry);
	vmcs_write32(VMCS_EXCEPTION_BITMAP, EXCEPTIONS);
	vmcs_write32(VMCS_PF_ERROR_MASK, 0);
	vmcs_write32(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write32(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write64(VMCS_MSR_BITMAP, vmx_vmcs_msr_bitmap(false));
	if (vmx->apic_page) {
		vmcs_write64(VMCS_VIRTUAL_APIC_PAGE, virt_to_phys(vmx->apic_page));
		vmcs_write32(VMCS_TPR_THRESHOLD, 0);
		for (i = 0; i < ARRAY_SIZE(vmx->eoi_exits); i++)
			vmcs_write_any(VMCS_EOI_EXIT0 + 2 * i, 0);
	}
	vmcs_write64(VMCS_EPTP, lodge_mem_eptp(&vmx->vcpu->vm->mem));
	if (vmx_caps.proc2 & PROC2_VPID)
		vmcs_write16(VMCS_VPID, vmx->vpid);
	if (vmx_caps.proc2 & PROC2_PML) {
		vmcs_write64(VMCS_PML_ADDRESS, virt_to_phys(vmx->pml));
		vmcs_write16(VMCS_PML_INDEX, VMX_PML_ENTRIES - 1);
	}
	if (vmx_caps.proc2 & PROC2_TSC_SCALING)
		vmcs_write64(VMCS_TSC_MULTIPLIER, vmx->vcpu->vm->tsc.ratio);
	if (vmx_caps.proc2 & PROC2_PAUSE_LOOP) {
		vmcs_write32(VMCS_PLE_GAP, PLE_GAP);
		vmcs_write32(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	if (vmx_caps.proc2 & PROC2_ENCLS_EXITING)
		vmcs_write64(VMCS_ENCLS_BITMAP, ~0ULL);
	if (vmx_caps.proc2 & PROC2_XSAVES)
		vmcs_write64(VMCS_XSS_BITMAP, 0);
}

static void setup_guest(struct vmx_vcpu *vmx)
{
	vmcs_write64(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write32(VMCS_GUEST_ACTIVITY, 0);
	vmcs_writel(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_writel(VMCS_CR0_MASK, ~(unsigned long)CR0_OWNED);
	vmcs_writel(VMCS_CR4_MASK, ~0UL);
	vmx->cr4_owned = 0;
	if (vmx_caps.entry & ENTRY_LOAD_CET) {
		vmcs_writel(VMCS_GUEST_S_CET, 0);
		vmcs_writel(VMCS_GUEST_SSP, 0);
		vmcs_writel(VMCS_GUEST_SSP_TABLE, 0);
	}
}

/**
 * vmx_vmcs_setup - write the fields that stay as they are
 * @vmx: in its first window
 */
void vmx_vmcs_setup(struct vmx_vcpu *vmx)
{
	setup_controls(vmx);
	setup_guest(vmx);
	vmx_host_setup();
}

static int clear_vmcs(struct vmx_vcpu *vmx)
{
	struct vmx_window w;
	int err;

	local_irq_disable();
	err = vmx_cpu_prepare(&w, vmx->vmcs_pa);
	local_irq_enable();
	return err;
}

static void free_parts(struct vmx_vcpu *vmx)
{
	free_vpid(vmx->vpid);
	free_page((unsigned long)vmx->apic_page);
	free_page((unsigned long)vmx->pml);
	free_page((unsigned long)vmx->vmcs);
	kfree(vmx);
}

/**
 * vmx_vcpu_create - a VMCS for a vCPU
 * @vcpu: not yet published, its state that after RESET and all dirty
 *
 * Return: 0, -ENOMEM, or -EBUSY if VMX operation cannot be entered.
 */
int vmx_vcpu_create(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = lodge_alloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!vmx)
		return -ENOMEM;
	vmx->vcpu = vcpu;
	vmx->host_cpu = -1;
	vmx->proc = vmx_caps.proc & ~PROC_TPR_SHADOW;
	vmx->entry = vmx_caps.entry;
	vmx->vmcs = lodge_alloc_page(GFP_KERNEL_ACCOUNT, NUMA_NO_NODE);
	if (!vmx->vmcs)
		goto err_free;
	if (vmx_caps.proc2 & PROC2_PML) {
		vmx->pml = lodge_alloc_page(GFP_KERNEL_ACCOUNT, NUMA_NO_NODE);
		if (!vmx->pml)
			goto err_free;
	}
	if (vcpu->vm->machine && (vmx_caps.proc2 & PROC2_VIRTUAL_INTERRUPTS)) {
		vmx->apic_page = lodge_alloc_page(GFP_KERNEL_ACCOUNT, NUMA_NO_NODE);
		if (!vmx->apic_page)
			goto err_free;
	}
	vmx->vpid = alloc_vpid();
	if ((vmx_caps.proc2 & PROC2_VPID) && !vmx->vpid)
		goto err_free;
	*(u32 *)vmx->vmcs = vmx_caps.revision;
	vmx->vmcs_pa = virt_to_phys(vmx->vmcs);
	err = clear_vmcs(vmx);
	if (err)
		goto err_free;
	vcpu->vmx = vmx;
	return 0;

err_free:
	free_parts(vmx);
	return err;
}

/**
 * vmx_vcpu_destroy - mirror of vmx_vcpu_create()
 * @vcpu: that does not run; its VMCS is clear, as it is outside every window
 */
void vmx_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	if (vcpu->vmx)
		free_parts(vcpu->vmx);
	vcpu->vmx = NULL;
}
