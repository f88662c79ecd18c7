/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_IRQ_TIMER_H
#define LODGE_IRQ_TIMER_H

#include <linux/hrtimer.h>
#include <linux/types.h>

struct lodge_tsc;

/* Bits 18:17 of the timer's LVT entry (SDM Vol 3A, 11.5.1) */
enum lodge_timer_mode {
	LODGE_TIMER_ONESHOT,
	LODGE_TIMER_PERIODIC,
	LODGE_TIMER_DEADLINE,
	LODGE_TIMER_RESERVED,	/* does not run */
};

/**
 * struct lodge_timer - the timer of a local APIC (SDM Vol 3A, 11.5.4)
 * @hrtimer: fires in hard interrupt context
 * @tsc: how the guest's TSC runs [I]
 * @tsc_offset: what it has beyond that [I]
 * @armed: @hrtimer may be queued or be firing
 * @mode: enum lodge_timer_mode [t]
 * @masked: by the LVT entry: expiry leaves no trace [t]
 * @fired: the count has reached 0, once and for all [t]
 * @tick_waits: a periodic tick is in IRR; the next is not started before it is taken [t]
 * @tick_taken: the interrupt that was accepted last is a tick [t]
 * @tick_vector: of that tick [t]
 * @vector: of the LVT entry; written by the owner at any time
 * @divide: divide configuration register [t]
 * @shift: the same as a power of two, 0 to 7 [t]
 * @initial: initial count [t]
 * @start: when the count was @initial, ns of CLOCK_MONOTONIC [t]
 * @period: from @initial to 0, ns [t]
 * @next: end of the period, or time of the next tick that is to be raised, ns [t]
 * @deadline: IA32_TSC_DEADLINE, 0 if none [t]
 *
 * [I] constant after creation.  [t] the owner of the APIC, while @armed is false;
 * while it is true they are the callback's, and the owner takes them back by
 * cancelling @hrtimer.
 */
struct lodge_timer {
	struct hrtimer hrtimer;
	const struct lodge_tsc *tsc;
	const u64 *tsc_offset;
	bool armed;
	u8 mode;
	bool masked;
	bool fired;
	bool tick_waits;
	bool tick_taken;
	u8 tick_vector;
	u8 vector;
	u8 shift;
	u32 divide;
	u32 initial;
	u64 start;
	u64 period;
	u64 next;
	u64 deadline;
};

void lodge_timer_create(struct lodge_timer *timer, const struct lodge_tsc *tsc,
			const u64 *tsc_offset);
void lodge_timer_destroy(struct lodge_timer *timer);
void lodge_timer_reset(struct lodge_timer *timer);
void lodge_timer_set_lvt(struct lodge_timer *timer, u32 lvt);
void lodge_timer_set_count(struct lodge_timer *timer, u32 count);
void lodge_timer_set_divide(struct lodge_timer *timer, u32 divide);
u32 lodge_timer_count(struct lodge_timer *timer);
u64 lodge_timer_deadline(struct lodge_timer *timer);
void lodge_timer_set_deadline(struct lodge_timer *timer, u64 deadline);
void lodge_timer_offset_changed(struct lodge_timer *timer);
void lodge_timer_accepted(struct lodge_timer *timer);
void lodge_timer_returned(struct lodge_timer *timer);

#endif /* LODGE_IRQ_TIMER_H */
