// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual-interrupt delivery (SDM Vol 3C, chapter 30): in x2APIC mode the processor
 * itself delivers what is requested, keeps the interrupts in service, and answers
 * writes of TPR, EOI and SELF IPI without an exit.
 *
 * The registers it works on, TPR, ISR and part of IRR, lie in the virtual-APIC page
 * while the guest runs: LODGE_PART_APIC.  It is read back into struct lodge_lapic
 * whenever software needs them, and written again before the next entry.  What
 * others request goes to struct lodge_lapic at all times, and is moved to the page
 * by the vCPU.  All else about an APIC is software's.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <asm/apicdef.h>

#include "../events.h"
#include "../vm.h"
#include "caps.h"
#include "ops.h"
#include "vmx.h"

#define PROC2_USED	(PROC2_X2APIC | PROC2_VIRTUAL_INTERRUPTS)
#define PROC_CR8	(PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING)

/* Registers of 32 vectors each, 16 bytes apart */
static u32 *word(const struct vmx_vcpu *vmx, u32 base, unsigned int i)
{
	return vmx->apic_page + base + i * 16;
}

static int highest(const struct vmx_vcpu *vmx, u32 base)
{
	int i;

	for (i = 7; i >= 0; i--)
		if (*word(vmx, base, i))
			return i * 32 + __fls(*word(vmx, base, i));
	return 0;
}

/* Requests that have come since, from the APIC to the page */
static void move_requests(struct vmx_vcpu *vmx)
{
	unsigned long *irr = vmx->vcpu->lapic.irr;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		unsigned long bits = READ_ONCE(irr[i]) ? xchg(&irr[i], 0) : 0;

		*word(vmx, APIC_IRR, 2 * i) |= (u32)bits;
		*word(vmx, APIC_IRR, 2 * i + 1) |= bits >> 32;
	}
}

/* Interrupts whose end software wants to know of */
static void write_eoi_exits(struct vmx_vcpu *vmx)
{
	u64 bitmap[4];
	unsigned int i;

	lodge_lapic_eoi_exits(&vmx->vcpu->lapic, bitmap);
	for (i = 0; i < 4; i++)
		if (bitmap[i] != vmx->eoi_exits[i])
			vmcs_write_any(VMCS_EOI_EXIT0 + 2 * i, vmx->eoi_exits[i] = bitmap[i]);
}

static void write_status(struct vmx_vcpu *vmx, u8 svi)
{
	vmcs_write16(VMCS_GUEST_INTR_STATUS, svi << 8 | highest(vmx, APIC_IRR));
}

static void set_active(struct vmx_vcpu *vmx, bool on)
{
	vmx->apicv = on;
	vmx->proc &= ~(PROC_CR8 | PROC_TPR_SHADOW);
	vmx->proc |= on ? PROC_TPR_SHADOW : PROC_CR8;
	vmcs_write32(VMCS_PROC_CONTROLS, vmx->proc);
	vmcs_write32(VMCS_PROC2_CONTROLS, vmx_apicv_proc2(vmx, on));
	vmcs_write64(VMCS_MSR_BITMAP, vmx_vmcs_msr_bitmap(on));
}

/**
 * vmx_apicv_proc2 - secondary controls of a vCPU
 * @vmx: the vCPU
 * @on: with virtual-interrupt delivery
 *
 * Return: the value for VMCS_PROC2_CONTROLS.
 */
u32 vmx_apicv_proc2(const struct vmx_vcpu *vmx, bool on)
{
	u32 proc2 = on ? vmx_caps.proc2 : vmx_caps.proc2 & ~PROC2_USED;

	return vmx->vcpu->vm->tsc.ratio == LODGE_TSC_SAME ? proc2 & ~PROC2_TSC_SCALING : proc2;
}

/**
 * vmx_apicv_load - LODGE_PART_APIC, from the APIC to the processor
 * @vmx: in a window
 */
void vmx_apicv_load(struct vmx_vcpu *vmx)
{
	struct lodge_lapic *lapic = &vmx->vcpu->lapic;
	bool on = vmx->apic_page && lodge_lapic_virtual(lapic);
	unsigned int i;

	if (on != vmx->apicv) {
		set_active(vmx, on);
		/* what waits is delivered the other way from now on */
		WRITE_ONCE(vmx->vcpu->irq_waiting, true);
	}
	if (!on)
		return;
	*word(vmx, APIC_TASKPRI, 0) = lapic->tpr;
	for (i = 0; i < 4; i++) {
		*word(vmx, APIC_ISR, 2 * i) = lapic->isr[i];
		*word(vmx, APIC_ISR, 2 * i + 1) = lapic->isr[i] >> 32;
		*word(vmx, APIC_IRR, 2 * i) = 0;
		*word(vmx, APIC_IRR, 2 * i + 1) = 0;
	}
	move_requests(vmx);
	write_eoi_exits(vmx);
	write_status(vmx, highest(vmx, APIC_ISR));
}

/**
 * vmx_apicv_save - LODGE_PART_APIC, from the virtual-APIC page to the APIC
 * @vmx: of a locked vCPU; in a window or not
 *
 * It is to be loaded again, since what waits is out of the page.
 */
void vmx_apicv_save(struct vmx_vcpu *vmx)
{
	struct lodge_lapic *lapic = &vmx->vcpu->lapic;
	unsigned int i;

	if (!vmx->apicv)
		return;
	WRITE_ONCE(lapic->tpr, *word(vmx, APIC_TASKPRI, 0) & 0xff);
	for (i = 0; i < 4; i++) {
		u64 irr = *word(vmx, APIC_IRR, 2 * i) |
			  (u64)*word(vmx, APIC_IRR, 2 * i + 1) << 32;

		lapic->isr[i] = *word(vmx, APIC_ISR, 2 * i) |
				(u64)*word(vmx, APIC_ISR, 2 * i + 1) << 32;
		if (irr)
			atomic_long_or(irr, (atomic_long_t *)&lapic->irr[i]);
	}
	lodge_vcpu_mark(vmx->vcpu, LODGE_PART_APIC);
	WRITE_ONCE(vmx->vcpu->irq_waiting, true);
}

/**
 * vmx_apicv_post - pass on what was requested since the last entry
 * @vmx: in a window, with virtual-interrupt delivery
 *
 * lodge_vcpu.irq_waiting stays set for what goes past the APIC.
 */
void vmx_apicv_post(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	/* cleared first: what comes after the look at IRR sets it again */
	smp_store_mb(vcpu->irq_waiting, false);
	/* else vmx_apicv_load() does it */
	if (!(vcpu->dirty & LODGE_PART_APIC)) {
		move_requests(vmx);
		write_eoi_exits(vmx);
		write_status(vmx, vmcs_read16(VMCS_GUEST_INTR_STATUS) >> 8);
	}
	if (lodge_events_bypassing(vcpu))
		WRITE_ONCE(vcpu->irq_waiting, true);
}
