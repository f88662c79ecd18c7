// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where interrupts go.  A device's line is a GSI: the first 16 are the ISA
 * interrupts, which both the PICs and the I/O APIC get.  The timer's, 0, is on pin
 * 2 of the I/O APIC, as an interrupt source override in the MADT tells; line 2 of
 * the PICs is their cascade, so there is no GSI 2.  Pin 0 has the PICs' output.
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>

#include "../dev/bus.h"
#include "../trace.h"
#include "route.h"

#define CASCADE_GSI	2
#define TIMER_GSI	0
#define TIMER_PIN	2
#define PIC_PIN		0

/* Of a message's address and data (SDM Vol 3A, 11.11) */
#define MSI_BASE	0xfee00000ULL
#define MSI_BASE_MASK	(~0xfffffULL)
#define MSI_DEST(a)	((a) >> 12 & 0xff)
#define MSI_REDIRECT	BIT_ULL(3)
#define MSI_LOGICAL	BIT_ULL(2)
#define MSI_MODE(d)	((d) >> 8 & 7)
#define MSI_ASSERT	BIT(14)
#define MSI_LEVEL	BIT(15)

/**
 * lodge_route_init - the interrupt controllers of a VM
 * @irq: zeroed; needs no mirror
 * @ports: the VM's I/O ports
 * @memory: the VM's device memory
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_route_init(struct lodge_irq *irq, struct lodge_bus *ports, struct lodge_bus *memory)
{
	int err;

	raw_spin_lock_init(&irq->lock);
	lodge_pic_reset(&irq->pic);
	lodge_ioapic_reset(&irq->ioapic);
	err = lodge_pic_attach(irq, ports);
	return err ? err : lodge_ioapic_attach(irq, memory);
}

/**
 * lodge_route_reset - as after power-up, but for local APICs and lines
 * @irq: the VM's
 */
void lodge_route_reset(struct lodge_irq *irq)
{
	unsigned long flags;
	bool was;

	raw_spin_lock_irqsave(&irq->lock, flags);
	was = irq->pic.output;
	lodge_pic_reset(&irq->pic);
	lodge_ioapic_reset(&irq->ioapic);
	lodge_route_pic_output(irq, was);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

/**
 * lodge_route_is_gsi - whether there is such a line
 * @gsi: number
 *
 * Return: true if there is.
 */
bool lodge_route_is_gsi(unsigned int gsi)
{
	return gsi < LODGE_IOAPIC_PINS && gsi != CASCADE_GSI;
}

/* What a line has become reaches the controllers; locked */
static void pass_line(struct lodge_irq *irq, unsigned int gsi, bool level)
{
	bool was = irq->pic.output;

	if (gsi < LODGE_PIC_LINES) {
		lodge_pic_set_line(&irq->pic, gsi, level);
		lodge_route_pic_output(irq, was);
	}
	lodge_ioapic_set_pin(irq, gsi == TIMER_GSI ? TIMER_PIN : gsi, level);
}

static bool is_asserted(const struct lodge_irq *irq, unsigned int gsi)
{
	return (irq->driven | irq->held) & BIT(gsi);
}

static void set_source(struct lodge_irq *irq, u32 *source, unsigned int gsi, bool level)
{
	unsigned long flags;

	if (!lodge_route_is_gsi(gsi))
		return;
	trace_lodge_irq(irq->vm_number, gsi, level);
	raw_spin_lock_irqsave(&irq->lock, flags);
	*source = level ? *source | BIT(gsi) : *source & ~BIT(gsi);
	pass_line(irq, gsi, is_asserted(irq, gsi));
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

/**
 * lodge_route_set_gsi - a device's line is asserted or released
 * @irq: the VM's
 * @gsi: below LODGE_IOAPIC_PINS, else nothing happens
 * @level: true: asserted, whatever the polarity
 *
 * Any context but NMI.
 */
void lodge_route_set_gsi(struct lodge_irq *irq, unsigned int gsi, bool level)
{
	set_source(irq, &irq->driven, gsi, level);
}

/**
 * lodge_route_hold_gsi - assert a line until the guest has handled the interrupt
 * @irq: the VM's
 * @gsi: as in lodge_route_set_gsi()
 * @hold: false: let it go before
 *
 * lodge_irq.ended tells when it is let go by an EOI.  Any context but NMI.
 */
void lodge_route_hold_gsi(struct lodge_irq *irq, unsigned int gsi, bool hold)
{
	set_source(irq, &irq->held, gsi, hold);
}

/**
 * lodge_route_pulse_gsi - an edge on a line, which is left as it was
 * @irq: the VM's
 * @gsi: as in lodge_route_set_gsi()
 *
 * Any context but NMI.
 */
void lodge_route_pulse_gsi(struct lodge_irq *irq, unsigned int gsi)
{
	unsigned long flags;

	if (!lodge_route_is_gsi(gsi))
		return;
	trace_lodge_irq(irq->vm_number, gsi, true);
	trace_lodge_irq(irq->vm_number, gsi, false);
	raw_spin_lock_irqsave(&irq->lock, flags);
	pass_line(irq, gsi, true);
	pass_line(irq, gsi, is_asserted(irq, gsi));
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

/**
 * lodge_route_let_go - release the lines of which an interrupt has been handled
 * @irq: locked
 * @gsis: a bit each
 *
 * Return: those that were held, for lodge_route_tell_ended() when the lock is dropped.
 */
u32 lodge_route_let_go(struct lodge_irq *irq, u32 gsis)
{
	unsigned int gsi;

	gsis &= irq->held;
	if (likely(!gsis))
		return 0;
	irq->held &= ~gsis;
	for (gsi = 0; gsi < LODGE_IOAPIC_PINS; gsi++)
		if (gsis & BIT(gsi))
			pass_line(irq, gsi, is_asserted(irq, gsi));
	return gsis;
}

/**
 * lodge_route_tell_ended - tell of lines that were let go
 * @irq: not locked, and no lock of a device held
 * @gsis: what lodge_route_let_go() returned
 */
void lodge_route_tell_ended(struct lodge_irq *irq, u32 gsis)
{
	if (unlikely(gsis))
		irq->ended(irq->listener, gsis);
}

/**
 * lodge_route_gsi_state - what has become of the last edge of a device's line
 * @irq: the VM's
 * @gsi: one of the first 16, but CASCADE_GSI
 *
 * For a device that wants none of its interrupts lost.  Of two ways that are open
 * one is enough: the guest may listen at the other only.  Any context but NMI.
 *
 * Return: enum lodge_line_state.
 */
enum lodge_line_state lodge_route_gsi_state(struct lodge_irq *irq, unsigned int gsi)
{
	enum lodge_line_state pic, ioapic;
	unsigned long flags;

	raw_spin_lock_irqsave(&irq->lock, flags);
	pic = lodge_pic_line_state(&irq->pic, gsi);
	ioapic = lodge_ioapic_pin_state(irq, gsi == TIMER_GSI ? TIMER_PIN : gsi);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	return max(pic, ioapic);
}

/**
 * lodge_route_msi - a device writes to the address range of interrupts
 * @irq: the VM's
 * @address: guest-physical
 * @data: as written
 *
 * Any context but NMI.  What is no message is dropped.
 */
void lodge_route_msi(struct lodge_irq *irq, u64 address, u32 data)
{
	struct lodge_lapic_message m = {
		.dest = MSI_DEST(address),
		.vector = data,
		.mode = MSI_MODE(data),
		.logical = address & MSI_LOGICAL,
		.level = data & MSI_LEVEL,
	};

	trace_lodge_msi(irq->vm_number, address, data);
	if ((address & MSI_BASE_MASK) != MSI_BASE)
		return;
	if (m.level && !(data & MSI_ASSERT))
		return;
	if (m.mode == LODGE_LAPIC_FIXED && m.logical && (address & MSI_REDIRECT))
		m.mode = LODGE_LAPIC_LOWEST;
	lodge_lapic_deliver(irq, &m);
}

/**
 * lodge_route_eoi - a level-triggered interrupt has been handled
 * @irq: the VM's; no lock of a device held
 * @vector: of the interrupt
 */
void lodge_route_eoi(struct lodge_irq *irq, u8 vector)
{
	unsigned long flags;
	u32 pins, gsis = 0;

	raw_spin_lock_irqsave(&irq->lock, flags);
	if (unlikely(irq->held)) {
		/* before the EOI, which would send the interrupt again */
		pins = lodge_ioapic_in_service(irq, vector);
		gsis = pins & ~(BIT(PIC_PIN) | BIT(TIMER_PIN));
		if (pins & BIT(TIMER_PIN))
			gsis |= BIT(TIMER_GSI);
		gsis = lodge_route_let_go(irq, gsis);
	}
	lodge_ioapic_eoi(irq, vector);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	lodge_route_tell_ended(irq, gsis);
}

/**
 * lodge_route_retry - a local APIC accepts interrupts from now on
 * @irq: the VM's
 */
void lodge_route_retry(struct lodge_irq *irq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&irq->lock, flags);
	lodge_ioapic_retry(irq);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

static struct lodge_lapic *lapic_at(struct lodge_irq *irq, unsigned int i)
{
	return rcu_dereference_check(irq->lapic[i], lockdep_is_held(&irq->lock));
}

static void raise_lint0(struct lodge_irq *irq)
{
	struct lodge_lapic *lapic;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < irq->nr_lapics; i++) {
		lapic = lapic_at(irq, i);
		if (lapic)
			lodge_lapic_lint0(lapic);
	}
	rcu_read_unlock();
}

/* An ExtINT message that the I/O APIC has sent is over */
static void forget_extint(struct lodge_irq *irq)
{
	struct lodge_lapic *lapic;

	rcu_read_lock();
	lapic = lapic_at(irq, 0);
	if (lapic)
		WRITE_ONCE(lapic->extint, false);
	rcu_read_unlock();
}

/**
 * lodge_route_pic_output - pass on what has become of the PICs' output
 * @irq: locked
 * @was: the output before
 */
void lodge_route_pic_output(struct lodge_irq *irq, bool was)
{
	bool output = irq->pic.output;

	if (output == was)
		return;
	if (!output)
		forget_extint(irq);
	lodge_ioapic_set_pin(irq, PIC_PIN, output);
	if (output)
		raise_lint0(irq);
}

/**
 * lodge_route_extint_waits - whether the PICs have an interrupt
 * @irq: the VM's
 *
 * For the first vCPU, if lodge_lapic_takes_extint() says that it heeds them.
 *
 * Return: true if they had one just now.
 */
bool lodge_route_extint_waits(const struct lodge_irq *irq)
{
	return READ_ONCE(irq->pic.output);
}

/**
 * lodge_route_extint_take - acknowledge the PICs' interrupt
 * @irq: the VM's
 *
 * Return: its vector, -1 if it has gone.
 */
int lodge_route_extint_take(struct lodge_irq *irq)
{
	unsigned long flags;
	int vector = -1;
	u32 gsis = 0;

	raw_spin_lock_irqsave(&irq->lock, flags);
	if (irq->pic.output) {
		vector = lodge_pic_acknowledge(&irq->pic);
		/* the output falls with the acknowledge, and rises if there is more */
		forget_extint(irq);
		lodge_ioapic_set_pin(irq, PIC_PIN, false);
		lodge_route_pic_output(irq, false);
		gsis = lodge_route_let_go(irq, lodge_pic_ended(&irq->pic));
	}
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	lodge_route_tell_ended(irq, gsis);
	return vector;
}
