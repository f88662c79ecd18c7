/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_IRQ_MESSAGE_H
#define LODGE_IRQ_MESSAGE_H

#include <linux/types.h>

struct lodge_irq;
struct lodge_lapic;
struct lodge_lapic_message;

/**
 * lodge_message_x2apic_ldr - logical destination of an APIC in x2APIC mode
 * @id: x2APIC ID
 *
 * Return: cluster and bit in it (SDM Vol 3A, 11.12.10.2).
 */
static inline u32 lodge_message_x2apic_ldr(u32 id)
{
	return id >> 4 << 16 | 1u << (id & 0xf);
}

void lodge_message_command(struct lodge_lapic *lapic, u64 icr, bool wide);
void lodge_message_self(struct lodge_lapic *lapic, u8 vector);
void lodge_message_error(struct lodge_lapic *lapic, u32 error);
bool lodge_message_waits(struct lodge_irq *irq, const struct lodge_lapic_message *m);

#endif /* LODGE_IRQ_MESSAGE_H */
