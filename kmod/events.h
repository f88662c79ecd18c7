/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - interrupts, INIT and startup IPIs on their way to a vCPU
 *
 * "Owner" is the vCPU's thread, or whoever has the vCPU locked; interrupts may be
 * off, and a window may be open.
 */
#ifndef LODGE_EVENTS_H
#define LODGE_EVENTS_H

#include <linux/types.h>

struct lodge_vcpu;

void lodge_events_create(struct lodge_vcpu *vcpu);
void lodge_events_publish(struct lodge_vcpu *vcpu);
void lodge_events_destroy(struct lodge_vcpu *vcpu);

/* owner */
bool lodge_events_irq_ready(struct lodge_vcpu *vcpu);
bool lodge_events_bypassing(struct lodge_vcpu *vcpu);
int lodge_events_take_bypassing(struct lodge_vcpu *vcpu);
int lodge_events_take_irq(struct lodge_vcpu *vcpu);
void lodge_events_return_irq(struct lodge_vcpu *vcpu, u8 vector);
int lodge_events_handle(struct lodge_vcpu *vcpu);

#endif /* LODGE_EVENTS_H */
