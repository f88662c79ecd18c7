// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to local APICs: from each other, from I/O APIC and devices, and from
 * their own vector tables (SDM Vol 3A, 11.6 and 11.7).  Any thread, any context.
 */
#include <linux/bitops.h>
#include <linux/container_of.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <asm/apicdef.h>

#include "lapic.h"
#include "message.h"
#include "route.h"

#define LEGAL_VECTOR	16	/* the first one */

/* ---- arrival ------------------------------------------------------------- */

static bool accepts_vectors(const struct lodge_lapic *lapic)
{
	return (READ_ONCE(lapic->base) & LODGE_LAPIC_BASE_ENABLE) &&
	       (READ_ONCE(lapic->svr) & APIC_SPIV_APIC_ENABLED);
}

static void request(struct lodge_lapic *lapic, u8 vector, bool level)
{
	/* before IRR: an EOI that comes at once must find it */
	if (test_bit(vector, lapic->tmr) != level) {
		if (level)
			set_bit(vector, lapic->tmr);
		else
			clear_bit(vector, lapic->tmr);
	}
	/* whoever has set it before wakes the vCPU */
	if (!test_and_set_bit(vector, lapic->irr))
		lapic->ops->wake(lapic);
}

/**
 * lodge_message_error - note an error in the error status register
 * @lapic: any
 * @error: one of APIC_ESR_*
 */
void lodge_message_error(struct lodge_lapic *lapic, u32 error)
{
	u32 lvt = READ_ONCE(lapic->lvt[LODGE_LVT_ERROR]);
	u8 vector = lvt;

	if (test_and_set_bit(__ffs(error), &lapic->esr_pending) || (lvt & APIC_LVT_MASKED))
		return;
	/* an error of the error's interrupt raises no other */
	if (vector < LEGAL_VECTOR)
		set_bit(__ffs(APIC_ESR_RECVILL), &lapic->esr_pending);
	else
		request(lapic, vector, false);
}

static bool accept_vector(struct lodge_lapic *lapic, u8 vector, bool level)
{
	if (!accepts_vectors(lapic))
		return false;
	if (vector < LEGAL_VECTOR)
		lodge_message_error(lapic, APIC_ESR_RECVILL);
	else
		request(lapic, vector, level);
	return true;
}

static bool accept(struct lodge_lapic *lapic, const struct lodge_lapic_message *m)
{
	switch (m->mode) {
	case LODGE_LAPIC_FIXED:
	case LODGE_LAPIC_LOWEST:
		return accept_vector(lapic, m->vector, m->level);
	case LODGE_LAPIC_NMI:
		lapic->ops->nmi(lapic);
		return true;
	case LODGE_LAPIC_INIT:
		lapic->ops->init(lapic);
		return true;
	case LODGE_LAPIC_STARTUP:
		lapic->ops->startup(lapic, m->vector);
		return true;
	case LODGE_LAPIC_EXTINT:
		WRITE_ONCE(lapic->extint, true);
		lapic->ops->wake(lapic);
		return true;
	}
	/* there is no system-management mode */
	return false;
}

/**
 * lodge_lapic_timer_expired - the timer's interrupt
 * @timer: of a local APIC, not masked when it was started
 * @vector: of its LVT entry
 */
void lodge_lapic_timer_expired(struct lodge_timer *timer, u8 vector)
{
	accept_vector(container_of(timer, struct lodge_lapic, timer), vector, false);
}

/**
 * lodge_lapic_lint0 - the PICs' output has risen
 * @lapic: any
 *
 * A fixed interrupt at LINT0 is taken as edge-triggered.
 */
void lodge_lapic_lint0(struct lodge_lapic *lapic)
{
	u32 lvt = READ_ONCE(lapic->lvt[LODGE_LVT_LINT0]);

	if (lodge_lapic_takes_extint(lapic)) {
		lapic->ops->wake(lapic);
		return;
	}
	if (lvt & APIC_LVT_MASKED)
		return;
	if ((lvt & APIC_MODE_MASK) == APIC_DM_FIXED)
		accept_vector(lapic, lvt, false);
	else if ((lvt & APIC_MODE_MASK) == APIC_DM_NMI)
		lapic->ops->nmi(lapic);
}

/* ---- addressing ---------------------------------------------------------- */

/* SDM Vol 3A, 11.6.2.2 */
static bool matches_xapic(const struct lodge_lapic *lapic, u32 dest)
{
	u32 ldr = READ_ONCE(lapic->ldr) >> 24;

	if (dest > 0xff)
		return false;
	switch (READ_ONCE(lapic->dfr) >> 28) {
	case 0xf:
		return dest & ldr;
	case 0:
		return dest >> 4 == ldr >> 4 && (dest & ldr & 0xf);
	}
	return false;
}

static bool broadcast(const struct lodge_lapic_message *m)
{
	return m->dest == (m->dest_wide ? 0xffffffff : 0xff);
}

static bool matches(const struct lodge_lapic *lapic, const struct lodge_lapic_message *m)
{
	u64 base = READ_ONCE(lapic->base);
	u32 ldr;

	if (!(base & LODGE_LAPIC_BASE_ENABLE))
		return false;
	if (broadcast(m))
		return true;
	if (!m->logical)
		return m->dest == lapic->id;
	if (!(base & LODGE_LAPIC_BASE_X2APIC))
		return matches_xapic(lapic, m->dest);
	ldr = lodge_message_x2apic_ldr(lapic->id);
	return m->dest >> 16 == ldr >> 16 && (u16)(m->dest & ldr);
}

static struct lodge_lapic *lapic_at(struct lodge_irq *irq, u32 id)
{
	return rcu_dereference(irq->lapic[array_index_nospec(id, LODGE_IRQ_MAX_LAPICS)]);
}

static bool send_one(struct lodge_irq *irq, const struct lodge_lapic_message *m)
{
	struct lodge_lapic *lapic;

	if (m->dest >= LODGE_IRQ_MAX_LAPICS)
		return false;
	lapic = lapic_at(irq, m->dest);
	return lapic && matches(lapic, m) && accept(lapic, m);
}

static bool send_many(struct lodge_irq *irq, const struct lodge_lapic_message *m,
		      const struct lodge_lapic *but)
{
	u32 i, n = READ_ONCE(irq->nr_lapics);
	struct lodge_lapic *lapic;
	bool accepted = false;

	for (i = 0; i < n; i++) {
		lapic = lapic_at(irq, i);
		if (lapic && lapic != but && matches(lapic, m))
			accepted |= accept(lapic, m);
	}
	return accepted;
}

/*
 * Lowest priority: of those with the lowest task priority each in turn.  What they
 * have in service is not looked at: it is the vCPU's own.
 */
static bool send_lowest(struct lodge_irq *irq, const struct lodge_lapic_message *m,
			const struct lodge_lapic *but)
{
	u32 i, n = READ_ONCE(irq->nr_lapics), first = READ_ONCE(irq->turn);
	struct lodge_lapic *lapic, *best = NULL;

	for (i = 0; i < n; i++) {
		lapic = lapic_at(irq, (first + i) % n);
		if (!lapic || lapic == but || !matches(lapic, m) || !accepts_vectors(lapic))
			continue;
		if (!best || READ_ONCE(lapic->tpr) >> 4 < READ_ONCE(best->tpr) >> 4)
			best = lapic;
	}
	if (!best)
		return false;
	WRITE_ONCE(irq->turn, best->id + 1);
	return accept(best, m);
}

static bool send(struct lodge_irq *irq, const struct lodge_lapic_message *m,
		 const struct lodge_lapic *but)
{
	bool accepted;

	rcu_read_lock();
	if (!m->logical && !broadcast(m))
		accepted = send_one(irq, m);
	else if (m->mode == LODGE_LAPIC_LOWEST)
		accepted = send_lowest(irq, m, but);
	else
		accepted = send_many(irq, m, but);
	rcu_read_unlock();
	return accepted;
}

/**
 * lodge_lapic_deliver - bring a message to the local APICs that it is for
 * @irq: the VM's
 * @m: the message
 *
 * Return: whether any has accepted it.
 */
bool lodge_lapic_deliver(struct lodge_irq *irq, const struct lodge_lapic_message *m)
{
	return send(irq, m, NULL);
}

/**
 * lodge_message_waits - whether the same message before has not been taken yet
 * @irq: the VM's
 * @m: fixed or lowest-priority
 *
 * Return: true if a local APIC that it is for has the vector in IRR.
 */
bool lodge_message_waits(struct lodge_irq *irq, const struct lodge_lapic_message *m)
{
	u32 i, n = READ_ONCE(irq->nr_lapics);
	struct lodge_lapic *lapic;
	bool waits = false;

	rcu_read_lock();
	for (i = 0; i < n && !waits; i++) {
		lapic = lapic_at(irq, i);
		waits = lapic && matches(lapic, m) && test_bit(m->vector, lapic->irr);
	}
	rcu_read_unlock();
	return waits;
}

/* ---- interprocessor interrupts ------------------------------------------- */

/**
 * lodge_message_self - the x2APIC's self-IPI register
 * @lapic: owned
 * @vector: 0 to 255
 */
void lodge_message_self(struct lodge_lapic *lapic, u8 vector)
{
	if (vector < LEGAL_VECTOR)
		lodge_message_error(lapic, APIC_ESR_SENDILL);
	accept_vector(lapic, vector, false);
}

/**
 * lodge_message_command - execute an interrupt command
 * @lapic: owned
 * @icr: without reserved bits
 * @wide: in x2APIC mode: the destination has 32 bits
 *
 * Trigger mode and level have a meaning for the de-assertion of INIT only, which
 * does nothing (SDM Vol 3A, 11.6.1).
 */
void lodge_message_command(struct lodge_lapic *lapic, u64 icr, bool wide)
{
	struct lodge_lapic_message m = {
		.dest = wide ? icr >> 32 : icr >> 56,
		.vector = icr,
		.mode = GET_APIC_DELIVERY_MODE((u32)icr),
		.logical = icr & APIC_DEST_LOGICAL,
		.dest_wide = wide,
	};
	bool vectored = m.mode == LODGE_LAPIC_FIXED || m.mode == LODGE_LAPIC_LOWEST;

	if (vectored && m.vector < LEGAL_VECTOR) {
		lodge_message_error(lapic, APIC_ESR_SENDILL);
		return;
	}
	if (m.mode == LODGE_LAPIC_EXTINT)
		return;
	if (m.mode == LODGE_LAPIC_INIT &&
	    (icr & (APIC_INT_LEVELTRIG | APIC_INT_ASSERT)) == APIC_INT_LEVELTRIG)
		return;
	switch (icr & APIC_DEST_ALLBUT) {
	case 0:
		send(lapic->irq, &m, NULL);
		return;
	case APIC_DEST_SELF:
		/* the others are not valid for oneself (SDM Vol 3A, table 11-3) */
		if (vectored || m.mode == LODGE_LAPIC_NMI)
			accept(lapic, &m);
		return;
	}
	m.dest = wide ? 0xffffffff : 0xff;
	send(lapic->irq, &m, (icr & APIC_DEST_ALLBUT) == APIC_DEST_ALLBUT ? lapic : NULL);
}
