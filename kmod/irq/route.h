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
 * @vm: number of the VM, for tracepoints
 *
 * [L] @lock, to write.  Under it messages may be delivered to local APICs; a local APIC
 * calls lodge_route_eoi() with no lock of its own held.
 */
struct lodge_irq {
	raw_spinlock_t lock;
	struct lodge_ioapic ioapic;
	struct lodge_pic pic;
	struct lodge_lapic __rcu *lapic[LODGE_IRQ_MAX_LAPICS];
	u32 nr_lapics;
	u32 turn;
	u32 vm;
};

int lodge_route_init(struct lodge_irq *irq, struct lodge_bus *ports, struct lodge_bus *memory);
void lodge_route_reset(struct lodge_irq *irq);
void lodge_route_set_gsi(struct lodge_irq *irq, unsigned int gsi, bool level);
enum lodge_line_state lodge_route_gsi_state(struct lodge_irq *irq, unsigned int gsi);
void lodge_route_msi(struct lodge_irq *irq, u64 address, u32 data);
void lodge_route_eoi(struct lodge_irq *irq, u8 vector);
void lodge_route_retry(struct lodge_irq *irq);
void lodge_route_pic_output(struct lodge_irq *irq, bool was);
bool lodge_route_extint_waits(const struct lodge_irq *irq);
int lodge_route_extint_take(struct lodge_irq *irq);

#endif /* LODGE_IRQ_ROUTE_H */
