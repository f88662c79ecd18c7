// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events for the guest: exceptions, NMIs and interrupts are injected at VM entry,
 * or a window is asked for; an event whose delivery an exit has interrupted is
 * put back (SDM Vol 3C, 27.6 and 28.2.4).
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <asm/processor-flags.h>

#include "../events.h"
#include "../trace.h"
#include "../vm.h"
#include "caps.h"
#include "ops.h"
#include "vmx.h"

/* #DF #TS #NP #SS #GP #PF #AC */
#define WITH_ERROR_CODE	(BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))

/* @error: for those that have INTR_ERROR_CODE, else 0 */
static void inject(struct vmx_vcpu *vmx, u32 info, u32 error)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	if (info & INTR_ERROR_CODE)
		vmcs_write32(VMCS_ENTRY_ERROR_CODE, error);
	vmcs_write32(VMCS_ENTRY_INTR_INFO, info | INTR_VALID);
	vcpu->counts.stat[LODGE_STAT_INJECTED]++;
	trace_lodge_inject(vcpu->vm->mem.vm_number, vcpu->id, (info & INTR_TYPE_MASK) >> 8,
			   info & INTR_VECTOR_MASK, error);
}

static void inject_exception(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	const struct lodge_exception *e = &vcpu->exception;
	u32 info = e->vector | INTR_TYPE_HARD_EXCEPTION, error = 0;

	/*
	 * VM entry wants an error code exactly for these vectors, and none in real
	 * mode, which pushes none (SDM Vol 3C, 27.2.1.3).
	 */
	if ((WITH_ERROR_CODE & BIT(e->vector)) && (vcpu->s.cr0 & X86_CR0_PE)) {
		info |= INTR_ERROR_CODE;
		error = e->has_error ? e->error : 0;
	}
	/* a fault pushes RF set (SDM Vol 3B, 18.3.1.1); #DB, #BP and #OF are not faults here */
	if (e->vector != 1 && e->vector != 3 && e->vector != 4) {
		vcpu->rflags |= X86_EFLAGS_RF;
		lodge_vcpu_mark(vcpu, LODGE_PART_RFLAGS);
	}
	inject(vmx, info, error);
	vcpu->exception.pending = false;
}

static void inject_one(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	int vector;

	if (vcpu->exception.pending) {
		inject_exception(vmx);
	} else if (atomic_read(&vcpu->nmi_pending) &&
		   !(vcpu->shadow & (INTERRUPTIBILITY_INSN | INTERRUPTIBILITY_NMI))) {
		atomic_dec(&vcpu->nmi_pending);
		inject(vmx, 2 | INTR_TYPE_NMI, 0);
	} else if (READ_ONCE(vcpu->irq_waiting) && vmx_inject_irq_open(vcpu)) {
		vector = vmx->apicv ? lodge_events_take_bypassing(vcpu) :
				      lodge_events_take_irq(vcpu);
		if (vector >= 0)
			inject(vmx, vector | INTR_TYPE_EXTERNAL, 0);
	}
}

/* Is there an interrupt that waits for software to inject it? */
static bool irq_held_back(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	if (!READ_ONCE(vcpu->irq_waiting))
		return false;
	return vmx->apicv ? lodge_events_bypassing(vcpu) : lodge_events_irq_ready(vcpu);
}

/**
 * vmx_inject_prepare - inject one event, ask for a window for the next
 * @vmx: in a window, before entry
 */
void vmx_inject_prepare(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u32 proc = vmx->proc & ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);

	vmx_state_read(vmx, LODGE_PART_SHADOW | LODGE_PART_RFLAGS);
	if (vmx->stale_shadow) {
		vmx->stale_shadow = false;
		vcpu->shadow &= ~INTERRUPTIBILITY_INSN;
		lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
	}
	/* beside the one that is handled the processor holds one (SDM Vol 3A, 7.7.1) */
	if (unlikely(vcpu->shadow & INTERRUPTIBILITY_NMI))
		atomic_cmpxchg(&vcpu->nmi_pending, 2, 1);
	if (vmx->apicv && READ_ONCE(vcpu->irq_waiting))
		vmx_apicv_post(vmx);
	inject_one(vmx);

	/* an NMI window opens in spite of STI, but an NMI may not be injected then */
	if (atomic_read(&vcpu->nmi_pending))
		proc |= vcpu->shadow & INTERRUPTIBILITY_STI ? PROC_INTERRUPT_WINDOW :
							      PROC_NMI_WINDOW;
	if (irq_held_back(vmx) || READ_ONCE(vcpu->run->want_irq_window))
		proc |= PROC_INTERRUPT_WINDOW;
	if (proc != vmx->proc)
		vmcs_write32(VMCS_PROC_CONTROLS, vmx->proc = proc);
}

static void put_back(struct vmx_vcpu *vmx, u32 info, u32 error)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u8 vector = info & INTR_VECTOR_MASK;

	switch (info & INTR_TYPE_MASK) {
	case INTR_TYPE_EXTERNAL:
		vmx_state_read(vmx, LODGE_PART_APIC);
		lodge_events_return_irq(vcpu, vector);
		break;
	case INTR_TYPE_NMI:
		atomic_add_unless(&vcpu->nmi_pending, 1, 2);
		vmx_state_read(vmx, LODGE_PART_SHADOW);
		vcpu->shadow &= ~INTERRUPTIBILITY_NMI;
		lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		lodge_vcpu_raise(vcpu, vector, info & INTR_ERROR_CODE, error);
		break;
	}
}

/**
 * vmx_inject_recover - put back the event that an exit has interrupted
 * @vmx: with exit.idt_info and exit.idt_error read; in a window, or APIC and SHADOW cached
 *
 * Software interrupts and exceptions are not put back: RIP still points to the
 * instruction, which will raise them again.
 */
void vmx_inject_recover(struct vmx_vcpu *vmx)
{
	if (vmx->exit.idt_info & INTR_VALID)
		put_back(vmx, vmx->exit.idt_info, vmx->exit.idt_error);
}

/**
 * vmx_inject_cancel - put back what an entry that failed has not delivered
 * @vmx: in a window
 *
 * The valid bit is cleared by an exit, not by a failed entry.
 */
void vmx_inject_cancel(struct vmx_vcpu *vmx)
{
	u32 info = vmcs_read32(VMCS_ENTRY_INTR_INFO);

	if (!(info & INTR_VALID))
		return;
	vmcs_write32(VMCS_ENTRY_INTR_INFO, 0);
	put_back(vmx, info, vmcs_read32(VMCS_ENTRY_ERROR_CODE));
}
