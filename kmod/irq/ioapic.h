/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_IRQ_IOAPIC_H
#define LODGE_IRQ_IOAPIC_H

#include <linux/types.h>

#include "line.h"

struct lodge_bus;
struct lodge_irq;

#define LODGE_IOAPIC_BASE	0xfec00000ULL
#define LODGE_IOAPIC_SIZE	0x1000
#define LODGE_IOAPIC_PINS	24

/**
 * struct lodge_ioapic - an I/O APIC as the 82093AA, version 0x20 (with an EOI register)
 * @id: ID register
 * @select: register select
 * @level: state of the pins, a bit a pin
 * @entry: redirection table
 *
 * All under lodge_irq.lock.
 */
struct lodge_ioapic {
	u32 id;
	u32 select;
	u32 level;
	u64 entry[LODGE_IOAPIC_PINS];
};

int lodge_ioapic_attach(struct lodge_irq *irq, struct lodge_bus *memory);
void lodge_ioapic_reset(struct lodge_ioapic *ioapic);
u32 lodge_ioapic_read(struct lodge_irq *irq, u32 offset);
void lodge_ioapic_write(struct lodge_irq *irq, u32 offset, u32 value);
void lodge_ioapic_set_pin(struct lodge_irq *irq, unsigned int pin, bool level);
enum lodge_line_state lodge_ioapic_pin_state(struct lodge_irq *irq, unsigned int pin);
u32 lodge_ioapic_in_service(const struct lodge_irq *irq, u8 vector);
void lodge_ioapic_eoi(struct lodge_irq *irq, u8 vector);
void lodge_ioapic_retry(struct lodge_irq *irq);

#endif /* LODGE_IRQ_IOAPIC_H */
