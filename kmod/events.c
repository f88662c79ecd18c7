// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way to a vCPU: external interrupts, from its local APIC, from
 * the PICs or by ioctl, and the requests that it heeds before it enters the
 * guest: INIT, startup IPI, and what the paravirtual interface wants written.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <asm/processor-flags.h>

#include "events.h"
#include "vm.h"
#include "vmx/vmx.h"
#include "x86/cr.h"
#include "x86/debug.h"

static struct lodge_vcpu *vcpu_of(struct lodge_lapic *lapic)
{
	return container_of(lapic, struct lodge_vcpu, lapic);
}

static void wake(struct lodge_lapic *lapic)
{
	struct lodge_vcpu *vcpu = vcpu_of(lapic);

	WRITE_ONCE(vcpu->irq_waiting, true);
	/* pairs with the barrier between a vCPU's mode and its look at events */
	smp_mb();
	lodge_vcpu_kick(vcpu);
}

static void nmi(struct lodge_lapic *lapic)
{
	lodge_vcpu_nmi(vcpu_of(lapic));
}

static void request(struct lodge_vcpu *vcpu, enum lodge_request what)
{
	set_bit(what, &vcpu->requests);
	/* as in wake() */
	smp_mb__after_atomic();
	lodge_vcpu_kick(vcpu);
}

static void init(struct lodge_lapic *lapic)
{
	struct lodge_vcpu *vcpu = vcpu_of(lapic);

	/* a startup IPI that came before does not start what is reset now */
	clear_bit(LODGE_REQ_STARTUP, &vcpu->requests);
	request(vcpu, LODGE_REQ_INIT);
}

static void startup(struct lodge_lapic *lapic, u8 vector)
{
	struct lodge_vcpu *vcpu = vcpu_of(lapic);

	WRITE_ONCE(vcpu->startup, vector);
	/* pairs with the full barrier of test_and_clear_bit() in lodge_events_handle() */
	smp_mb__before_atomic();
	request(vcpu, LODGE_REQ_STARTUP);
}

static const struct lodge_lapic_ops lapic_ops = {
	.wake = wake,
	.nmi = nmi,
	.init = init,
	.startup = startup,
};

/**
 * lodge_events_create - the local APIC of a vCPU, if its VM has a machine
 * @vcpu: not yet published
 */
void lodge_events_create(struct lodge_vcpu *vcpu)
{
	if (!vcpu->vm->machine)
		return;
	lodge_lapic_create(&vcpu->lapic, &vcpu->vm->machine->irq, vcpu->id, &lapic_ops,
			   &vcpu->vm->tsc, &vcpu->msr.tsc_offset);
	if (vcpu->id)
		vcpu->mp_state = LODGE_MP_WAIT_SIPI;
}

/**
 * lodge_events_publish - let interrupts find the vCPU
 * @vcpu: complete; its number is not taken
 */
void lodge_events_publish(struct lodge_vcpu *vcpu)
{
	if (vcpu->vm->machine)
		lodge_lapic_publish(&vcpu->lapic);
}

/**
 * lodge_events_destroy - mirror of lodge_events_create() and _publish()
 * @vcpu: does not run; freed after a grace period
 */
void lodge_events_destroy(struct lodge_vcpu *vcpu)
{
	if (vcpu->lapic.irq)
		lodge_lapic_destroy(&vcpu->lapic);
}

/* PIC output reaches the first vCPU, as INTR or by way of its LINT0 */
static bool extint_waits(struct lodge_vcpu *vcpu)
{
	return vcpu->vm->machine && !vcpu->id &&
	       lodge_route_extint_waits(&vcpu->vm->machine->irq) &&
	       lodge_lapic_takes_extint(&vcpu->lapic);
}

/**
 * lodge_events_bypassing - does an interrupt wait that goes past the local APIC?
 * @vcpu: owned by the caller
 *
 * Return: true if so.
 */
bool lodge_events_bypassing(struct lodge_vcpu *vcpu)
{
	return !bitmap_empty(vcpu->irr, 256) || extint_waits(vcpu);
}

/**
 * lodge_events_irq_ready - would an interrupt be delivered if IF let it?
 * @vcpu: owned by the caller
 *
 * Return: true if so; else lodge_vcpu.irq_waiting is false until something changes.
 */
bool lodge_events_irq_ready(struct lodge_vcpu *vcpu)
{
	/* cleared first: what comes after this look sets it again */
	/* barrier: pairs with wake() and lodge_vcpu_interrupt(), which set it last */
	smp_store_mb(vcpu->irq_waiting, false);
	if (!lodge_events_bypassing(vcpu) &&
	    !(vcpu->vm->machine && lodge_lapic_next(&vcpu->lapic) >= 0))
		return false;
	WRITE_ONCE(vcpu->irq_waiting, true);
	return true;
}

/* The highest vector that goes past the local APIC; -1 if there is none */
static int take_bypassing(struct lodge_vcpu *vcpu)
{
	int i;

	for (i = 255; i >= 0; i--) {
		if (!READ_ONCE(vcpu->irr[i / 64])) {
			i &= ~63;
			continue;
		}
		if (test_and_clear_bit(i, vcpu->irr))
			return i;
	}
	return extint_waits(vcpu) ? lodge_route_extint_take(&vcpu->vm->machine->irq) : -1;
}

/**
 * lodge_events_take_bypassing - likewise, where the processor delivers the APIC's itself
 * @vcpu: owned by the caller, open for interrupts
 *
 * Return: the vector, or -1 if there is none.
 */
int lodge_events_take_bypassing(struct lodge_vcpu *vcpu)
{
	int vector;

	/* as in lodge_events_irq_ready() */
	smp_store_mb(vcpu->irq_waiting, false);
	vector = take_bypassing(vcpu);
	vcpu->irq_bypassed = vector >= 0;
	WRITE_ONCE(vcpu->irq_waiting, true);
	return vector;
}

/**
 * lodge_events_take_irq - the interrupt to be delivered now, taken off
 * @vcpu: owned by the caller, open for interrupts
 *
 * Return: the vector, or -1 if there is none.
 */
int lodge_events_take_irq(struct lodge_vcpu *vcpu)
{
	int vector;

	/* as in lodge_events_irq_ready() */
	smp_store_mb(vcpu->irq_waiting, false);
	vector = take_bypassing(vcpu);
	vcpu->irq_bypassed = vector >= 0;
	if (vcpu->vm->machine) {
		int next = lodge_lapic_next(&vcpu->lapic);

		if (vector < 0 && next >= 0) {
			lodge_lapic_accept(&vcpu->lapic, next);
			lodge_pv_offer_eoi(vcpu, next);
			/* what else it has is of no higher priority than this */
			return next;
		}
		if (next >= 0)
			WRITE_ONCE(vcpu->irq_waiting, true);
	}
	if (lodge_events_bypassing(vcpu))
		WRITE_ONCE(vcpu->irq_waiting, true);
	return vector;
}

/**
 * lodge_events_return_irq - undo lodge_events_take_irq()
 * @vcpu: owned by the caller
 * @vector: what it returned last, and was not delivered
 */
void lodge_events_return_irq(struct lodge_vcpu *vcpu, u8 vector)
{
	if (vcpu->vm->machine && !vcpu->irq_bypassed)
		lodge_lapic_return(&vcpu->lapic, vector);
	else
		set_bit(vector, vcpu->irr);
	WRITE_ONCE(vcpu->irq_waiting, true);
}

/* SDM Vol 3A, table 10-1, column INIT: what RESET sets but INIT leaves alone is kept */
static void do_init(struct lodge_vcpu *vcpu)
{
	u64 caches = vcpu->s.cr0 & (X86_CR0_CD | X86_CR0_NW);
	u64 apic_base = vcpu->s.apic_base;
	u64 xcr0 = vcpu->s.xcr0;

	lodge_vcpu_reset_regs(vcpu);
	lodge_debug_reset(&vcpu->debug);
	vcpu->s.cr0 = (vcpu->s.cr0 & ~(X86_CR0_CD | X86_CR0_NW)) | caches;
	vcpu->s.apic_base = apic_base;
	vcpu->s.xcr0 = xcr0;
	vcpu->shadow = 0;
	vcpu->exception.pending = false;
	atomic_set(&vcpu->nmi_pending, 0);
	vcpu->flush_tlb = true;
	lodge_cpuid_update(&vcpu->cpuid, vcpu->s.cr4, vcpu->s.xcr0);
	vcpu->cached = LODGE_PART_ALL;
	vcpu->dirty = LODGE_PART_ALL;
	lodge_lapic_reset(&vcpu->lapic, true);
	lodge_pv_reset(&vcpu->pv);
	WRITE_ONCE(vcpu->unhalted, false);
	WRITE_ONCE(vcpu->mp_state, vcpu->id ? LODGE_MP_WAIT_SIPI : LODGE_MP_RUNNABLE);
}

/* Ignored unless the vCPU waits for it (SDM Vol 3A, 9.4.4) */
static void do_startup(struct lodge_vcpu *vcpu, u8 vector)
{
	if (cmpxchg(&vcpu->mp_state, LODGE_MP_WAIT_SIPI, LODGE_MP_RUNNABLE) !=
	    LODGE_MP_WAIT_SIPI)
		return;
	vcpu->s.seg[LODGE_CS].selector = vector << 8;
	vcpu->s.seg[LODGE_CS].base = vector << 12;
	vcpu->rip = 0;
	lodge_vcpu_mark(vcpu, LODGE_PART_SEGS | LODGE_PART_RIP);
}

/**
 * lodge_events_handle - do what lodge_vcpu.requests asks for
 * @vcpu: locked, outside a window, interrupts on; sleeps
 *
 * Return: 0 or an errno for user space.
 */
int lodge_events_handle(struct lodge_vcpu *vcpu)
{
	bool starts = READ_ONCE(vcpu->requests) & (BIT(LODGE_REQ_INIT) | BIT(LODGE_REQ_STARTUP));
	int err;

	if (starts) {
		err = vmx_state_fetch(vcpu, LODGE_PART_ALL);
		if (err)
			return err;
	}
	if (starts && test_and_clear_bit(LODGE_REQ_INIT, &vcpu->requests))
		do_init(vcpu);
	if (starts && test_and_clear_bit(LODGE_REQ_STARTUP, &vcpu->requests))
		do_startup(vcpu, READ_ONCE(vcpu->startup));
	if (test_and_clear_bit(LODGE_REQ_LOG_MSR, &vcpu->requests))
		lodge_msr_log_unknown(vcpu);
	lodge_pv_handle(vcpu);
	return 0;
}
