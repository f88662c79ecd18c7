/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route.h - where interrupts go: lines to the IOAPIC and the PICs, messages to
 * the local APICs, EOIs back
 */
#ifndef LODGE_IRQ_ROUTE_H
#define LODGE_IRQ_ROUTE_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "ioapic.h"
#include "lapic.h"
#include "pic.h"

struct lodge_bus;

#define LODGE_IRQ_MAX_LAPICS	64

/**
 * struct lodge_irq - the interrupt controllers that a VM's vCPUs share
 * @lock: guards @ioapic and @pic; taken in any context, interrupts saved
 * @ioapic: I/O APIC, 24 pins [L]
 * @pic: pair of 8259A [L]
 * @lapic: by vCPU number; set by lodge_lapic_publish(), read under RCU [L]
 * @nr_lapics: the highest number that was ever there, plus 1 [L]
 * @turn: who is first asked for the next lowest-priority interrupt
 * @vm_number: the VM's, for tracepoints
 * @driven: GSIs that devices assert, a bit each [L]
 * @held: GSIs that irqfds assert until the guest has handled the interrupt [L]
 * @ended: told which of @held an EOI has let go; interrupts off or on, no lock held [I]
 * @listener: first argument of @ended [I]
 *
 * [I] constant once the guest runs, [L] @lock, to write.  Under it messages may be delivered
 * to local APICs; a local APIC calls lodge_route_eoi() with no lock of its own held.
 */
struct lodge_irq {
	raw_spinlock_t lock;
	struct lodge_ioapic ioapic;
	struct lodge_pic pic;
	struct lodge_lapic __rcu *lapic[LODGE_IRQ_MAX_LAPICS];
	u32 nr_lapics;
	u32 turn;
	u32 vm_number;
	u32 driven;
	u32 held;
	void (*ended)(void *listener, u32 gsis);
	void *listener;
};

int lodge_route_init(struct lodge_irq *irq, struct lodge_bus *ports, struct lodge_bus *memory);
void lodge_route_reset(struct lodge_irq *irq);
bool lodge_route_is_gsi(unsigned int gsi);
void lodge_route_set_gsi(struct lodge_irq *irq, unsigned int gsi, bool level);
void lodge_route_pulse_gsi(struct lodge_irq *irq, unsigned int gsi);
void lodge_route_hold_gsi(struct lodge_irq *irq, unsigned int gsi, bool hold);
u32 lodge_route_let_go(struct lodge_irq *irq, u32 gsis);
void lodge_route_tell_ended(struct lodge_irq *irq, u32 gsis);
enum lodge_line_state lodge_route_gsi_state(struct lodge_irq *irq, unsigned int gsi);
void lodge_route_msi(struct lodge_irq *irq, u64 address, u32 data);
void lodge_route_eoi(struct lodge_irq *irq, u8 vector);
void lodge_route_retry(struct lodge_irq *irq);
void lodge_route_pic_output(struct lodge_irq *irq, bool was);
bool lodge_route_extint_waits(const struct lodge_irq *irq);
int lodge_route_extint_take(struct lodge_irq *irq);

#endif /* LODGE_IRQ_ROUTE_H */
