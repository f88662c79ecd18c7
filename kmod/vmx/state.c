// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's state between struct lodge_vcpu and the VMCS, part by part.
 */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "../x86/cr.h"
#include "caps.h"
#include "ops.h"
#include "vmx.h"

/*
 * Segment fields stand in the VMCS in the order of enum lodge_sreg, two
 * encodings apart.
 */
static void write_segments(const struct lodge_sregs *s)
{
	unsigned int i;

	for (i = 0; i < LODGE_NR_SREGS; i++) {
		vmcs_write_any(VMCS_GUEST_ES_SEL + 2 * i, s->seg[i].selector);
		vmcs_write_any(VMCS_GUEST_ES_LIMIT + 2 * i, s->seg[i].limit);
		vmcs_write_any(VMCS_GUEST_ES_ATTR + 2 * i, s->seg[i].attr);
		vmcs_write_any(VMCS_GUEST_ES_BASE + 2 * i, s->seg[i].base);
	}
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, s->idt_limit);
	vmcs_writel(VMCS_GUEST_GDTR_BASE, s->gdt_base);
	vmcs_writel(VMCS_GUEST_IDTR_BASE, s->idt_base);
}

static void read_segments(struct lodge_sregs *s)
{
	unsigned int i;

	for (i = 0; i < LODGE_NR_SREGS; i++) {
		s->seg[i].selector = vmcs_read_any(VMCS_GUEST_ES_SEL + 2 * i);
		s->seg[i].limit = vmcs_read_any(VMCS_GUEST_ES_LIMIT + 2 * i);
		s->seg[i].attr = vmcs_read_any(VMCS_GUEST_ES_ATTR + 2 * i);
		s->seg[i].base = vmcs_read_any(VMCS_GUEST_ES_BASE + 2 * i);
	}
	s->gdt_limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT);
	s->idt_limit = vmcs_read32(VMCS_GUEST_IDTR_LIMIT);
	s->gdt_base = vmcs_readl(VMCS_GUEST_GDTR_BASE);
	s->idt_base = vmcs_readl(VMCS_GUEST_IDTR_BASE);
}

/*
 * NE is fixed to one in VMX operation; CD and NW stay clear so that the guest's
 * caches do; MCE stays as the host has it, or a machine check would be a shutdown.
 */
static void write_controls(struct vmx_vcpu *vmx, const struct lodge_sregs *s)
{
	u32 entry = vmx_caps.entry | (s->efer & EFER_LMA ? ENTRY_GUEST_64 : 0);
	u64 owned = lodge_cr_cr4_owned(vmx->vcpu);

	vmcs_writel(VMCS_GUEST_CR0, (s->cr0 & ~(X86_CR0_CD | X86_CR0_NW)) | X86_CR0_NE);
	vmcs_writel(VMCS_CR0_SHADOW, s->cr0);
	vmcs_writel(VMCS_GUEST_CR3, s->cr3);
	vmcs_writel(VMCS_GUEST_CR4,
		    s->cr4 | X86_CR4_VMXE | (vmx->window.cr4 & X86_CR4_MCE));
	vmcs_writel(VMCS_CR4_SHADOW, s->cr4);
	vmcs_write64(VMCS_GUEST_EFER, s->efer);
	if (vmx->entry != entry)
		vmcs_write32(VMCS_ENTRY_CONTROLS, vmx->entry = entry);
	if (vmx->cr4_owned != owned)
		vmcs_writel(VMCS_CR4_MASK, ~(vmx->cr4_owned = owned));
}

static void read_controls(struct lodge_sregs *s, unsigned long owned4)
{
	unsigned long owned0 = ~vmcs_readl(VMCS_CR0_MASK);

	s->cr0 = (vmcs_readl(VMCS_GUEST_CR0) & owned0) | (s->cr0 & ~owned0);
	s->cr3 = vmcs_readl(VMCS_GUEST_CR3);
	s->cr4 = (vmcs_readl(VMCS_GUEST_CR4) & owned4) | (s->cr4 & ~owned4);
}

static void write_rest(struct vmx_vcpu *vmx, u32 parts)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	unsigned int i;

	if (parts & LODGE_PART_SEGS)
		write_segments(&vcpu->s);
	if (parts & LODGE_PART_CRS)
		write_controls(vmx, &vcpu->s);
	if (parts & LODGE_PART_PDPTE)
		for (i = 0; i < 4; i++)
			vmcs_write_any(VMCS_GUEST_PDPTE0 + 2 * i, vcpu->pdpte[i]);
	if (parts & LODGE_PART_SYSENTER) {
		vmcs_write32(VMCS_GUEST_SYSENTER_CS, vcpu->msr.sysenter_cs);
		vmcs_writel(VMCS_GUEST_SYSENTER_ESP, vcpu->msr.sysenter_esp);
		vmcs_writel(VMCS_GUEST_SYSENTER_EIP, vcpu->msr.sysenter_eip);
	}
	if (parts & LODGE_PART_PAT)
		vmcs_write64(VMCS_GUEST_PAT, vcpu->msr.pat);
	if (parts & LODGE_PART_DR7) {
		vmcs_writel(VMCS_GUEST_DR7, vcpu->debug.dr7);
		vmcs_write64(VMCS_GUEST_DEBUGCTL, vcpu->msr.debugctl);
	}
	if (parts & LODGE_PART_TSC)
		vmcs_write64(VMCS_TSC_OFFSET, vcpu->msr.tsc_offset);
	if (parts & LODGE_PART_APIC)
		vmx_apicv_load(vmx);
}

/**
 * vmx_state_commit - write the dirty parts to the VMCS
 * @vmx: in a window
 */
void vmx_state_commit(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u32 parts = vcpu->dirty;

	vcpu->dirty = 0;
	if (parts & ~(LODGE_PART_RIP | LODGE_PART_RFLAGS | LODGE_PART_SHADOW | LODGE_PART_RSP))
		write_rest(vmx, parts);
	if (parts & LODGE_PART_RIP)
		vmcs_writel(VMCS_GUEST_RIP, vcpu->rip);
	if (parts & LODGE_PART_RSP)
		vmcs_writel(VMCS_GUEST_RSP, vcpu->gpr[LODGE_RSP]);
	if (parts & LODGE_PART_RFLAGS)
		vmcs_writel(VMCS_GUEST_RFLAGS, vcpu->rflags | X86_EFLAGS_FIXED);
	if (parts & LODGE_PART_SHADOW)
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY, vcpu->shadow);
}

static void read_rest(struct lodge_vcpu *vcpu, u32 parts)
{
	unsigned int i;

	if (parts & LODGE_PART_SEGS)
		read_segments(&vcpu->s);
	if (parts & LODGE_PART_CRS)
		read_controls(&vcpu->s, vcpu->vmx->cr4_owned);
	if (parts & LODGE_PART_PDPTE)
		for (i = 0; i < 4; i++)
			vcpu->pdpte[i] = vmcs_read_any(VMCS_GUEST_PDPTE0 + 2 * i);
	if (parts & LODGE_PART_SYSENTER) {
		vcpu->msr.sysenter_cs = vmcs_read32(VMCS_GUEST_SYSENTER_CS);
		vcpu->msr.sysenter_esp = vmcs_readl(VMCS_GUEST_SYSENTER_ESP);
		vcpu->msr.sysenter_eip = vmcs_readl(VMCS_GUEST_SYSENTER_EIP);
	}
	if (parts & LODGE_PART_PAT)
		vcpu->msr.pat = vmcs_read64(VMCS_GUEST_PAT);
	if (parts & LODGE_PART_DR7) {
		vcpu->debug.dr7 = vmcs_readl(VMCS_GUEST_DR7);
		vcpu->msr.debugctl = vmcs_read64(VMCS_GUEST_DEBUGCTL);
	}
	if (parts & LODGE_PART_APIC)
		vmx_apicv_save(vcpu->vmx);
}

/**
 * vmx_state_read - read parts that are not cached from the VMCS
 * @vmx: in a window
 * @parts: LODGE_PART_*
 */
void vmx_state_read(struct vmx_vcpu *vmx, u32 parts)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	parts &= ~vcpu->cached;
	vcpu->cached |= parts;
	if (parts & LODGE_PART_RIP)
		vcpu->rip = vmcs_readl(VMCS_GUEST_RIP);
	if (parts & LODGE_PART_RSP)
		vcpu->gpr[LODGE_RSP] = vmcs_readl(VMCS_GUEST_RSP);
	if (parts & LODGE_PART_RFLAGS)
		vcpu->rflags = vmcs_readl(VMCS_GUEST_RFLAGS);
	if (parts & LODGE_PART_SHADOW)
		vcpu->shadow = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
	if (unlikely(parts & ~(LODGE_PART_RIP | LODGE_PART_RSP | LODGE_PART_RFLAGS |
			       LODGE_PART_SHADOW)))
		read_rest(vcpu, parts);
}

/**
 * vmx_state_fetch - see to it that parts are cached
 * @vcpu: locked, does not run
 * @parts: LODGE_PART_*
 *
 * Opens a short window where one is needed.
 *
 * Return: 0, or -EBUSY if VMX operation cannot be entered.
 */
int vmx_state_fetch(struct lodge_vcpu *vcpu, u32 parts)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	int err;

	/* lies in memory */
	if (parts & ~vcpu->cached & LODGE_PART_APIC) {
		vcpu->cached |= LODGE_PART_APIC;
		vmx_apicv_save(vmx);
	}
	if (!(parts & ~vcpu->cached))
		return 0;
	local_irq_disable();
	err = vmx_cpu_open(&vmx->window, &vmx->vmcs_pa);
	if (!err) {
		vmx_state_read(vmx, parts);
		vmx_cpu_close(&vmx->window, &vmx->vmcs_pa);
	}
	local_irq_enable();
	return err;
}
