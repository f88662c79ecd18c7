// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timer of a local APIC, on a high-resolution timer of the host.
 *
 * A periodic timer loses no ticks to a host that is busy elsewhere, and costs the
 * host nothing for a vCPU that does not run: a tick is raised, the next one is
 * started when the vCPU has taken it, and what has become due by then is raised at
 * once, so that the guest finds it after its EOI.  A guest that is more than
 * CATCH_UP_NS behind loses the rest.
 *
 * Nothing is started while the LVT entry masks the timer: the count is computed
 * from the time, and what expires masked leaves no trace.
 */
#include <linux/bits.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <asm/barrier.h>
#include <asm/msr.h>

#include "../compat.h"
#include "../x86/tsc.h"
#include "lapic.h"
#include "timer.h"

#define LVT_MASKED	0x10000

#define MIN_PERIOD_NS	50000ULL	/* a guest can ask for less, and be late */
#define CATCH_UP_NS	1000000000ULL
#define MAX_TICKS	BIT_ULL(40)	/* of one sleep: no overflow below; then one more */

static u64 guest_tsc(const struct lodge_timer *timer)
{
	return lodge_tsc_guest(timer->tsc, rdtsc()) + READ_ONCE(*timer->tsc_offset);
}

/* Rounded up: an interrupt that comes early makes a guest go round once more */
static u64 ticks_to_ns(const struct lodge_timer *timer, u64 ticks)
{
	return div_u64(min_t(u64, ticks, MAX_TICKS) * 1000000, timer->tsc->khz) + 1;
}

static bool periodic(const struct lodge_timer *timer)
{
	return timer->mode == LODGE_TIMER_PERIODIC;
}

/* The members are the owner's after this */
static void stop(struct lodge_timer *timer)
{
	/* pairs with the release in fires() */
	if (!smp_load_acquire(&timer->armed))
		return;
	hrtimer_cancel(&timer->hrtimer);
	WRITE_ONCE(timer->armed, false);
}

static void start_at(struct lodge_timer *timer, u64 ns)
{
	WRITE_ONCE(timer->armed, true);
	hrtimer_start(&timer->hrtimer, ns_to_ktime(ns), HRTIMER_MODE_ABS_HARD);
}

static void expire(struct lodge_timer *timer)
{
	u8 vector = READ_ONCE(timer->vector);

	if (periodic(timer)) {
		/* before IRR: the owner looks at both when it takes the interrupt */
		timer->tick_vector = vector;
		WRITE_ONCE(timer->tick_waits, true);
	} else {
		timer->fired = true;
		timer->deadline = 0;
	}
	lodge_lapic_timer_expired(timer, vector);
}

static enum hrtimer_restart fires(struct hrtimer *hrtimer)
{
	struct lodge_timer *timer = container_of(hrtimer, struct lodge_timer, hrtimer);
	u64 now;

	if (timer->mode == LODGE_TIMER_DEADLINE) {
		now = guest_tsc(timer);
		if (now < timer->deadline) {
			/* a long sleep, or the clocks have drifted apart */
			hrtimer_set_expires(hrtimer, ns_to_ktime(ktime_get_ns() +
						ticks_to_ns(timer, timer->deadline - now)));
			return HRTIMER_RESTART;
		}
	}
	expire(timer);
	/* the last access: the owner takes over; pairs with stop() */
	smp_store_release(&timer->armed, false);
	return HRTIMER_NORESTART;
}

static void arm_deadline(struct lodge_timer *timer)
{
	u64 now = guest_tsc(timer);

	if (now >= timer->deadline)
		expire(timer);
	else
		start_at(timer, ktime_get_ns() + ticks_to_ns(timer, timer->deadline - now));
}

/* Not armed, and no tick waits unless masked */
static void arm(struct lodge_timer *timer)
{
	if (timer->masked)
		return;
	if (timer->mode == LODGE_TIMER_DEADLINE) {
		if (timer->deadline)
			arm_deadline(timer);
	} else if (timer->mode != LODGE_TIMER_RESERVED && timer->initial && !timer->fired) {
		if (timer->next <= ktime_get_ns())
			expire(timer);
		else
			start_at(timer, timer->next);
	}
}

/* Counts since the last reload */
static u32 counted(const struct lodge_timer *timer, u64 now)
{
	u64 ns = now - timer->start;

	if (timer->fired)
		return timer->initial;
	if (periodic(timer) && timer->period)
		ns %= timer->period;
	return min_t(u64, ns >> timer->shift, timer->initial);
}

/* Count on from where it was, with the mode and divider that now hold */
static void count_on(struct lodge_timer *timer, u64 now, u32 done)
{
	timer->start = now - ((u64)done << timer->shift);
	timer->period = (u64)timer->initial << timer->shift;
	if (periodic(timer))
		timer->period = max(timer->period, MIN_PERIOD_NS);
	timer->next = timer->start + timer->period;
	timer->tick_waits = false;
	timer->tick_taken = false;
}

/* What has become due while the timer was masked is gone */
static void drop_due(struct lodge_timer *timer, u64 now)
{
	if (timer->mode == LODGE_TIMER_DEADLINE) {
		if (guest_tsc(timer) >= timer->deadline)
			timer->deadline = 0;
	} else if (timer->initial && !timer->fired && timer->next <= now) {
		if (periodic(timer))
			timer->next += ((now - timer->next) / timer->period + 1) * timer->period;
		else
			timer->fired = true;
	}
	timer->tick_waits = false;
	timer->tick_taken = false;
}

/**
 * lodge_timer_create - prepare the timer of a local APIC
 * @timer: zeroed, within its struct lodge_lapic
 * @tsc: the VM's; lives as long as the timer
 * @tsc_offset: likewise
 */
void lodge_timer_create(struct lodge_timer *timer, const struct lodge_tsc *tsc,
			const u64 *tsc_offset)
{
	timer->tsc = tsc;
	timer->tsc_offset = tsc_offset;
	compat_hrtimer_setup(&timer->hrtimer, fires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	lodge_timer_reset(timer);
}

/**
 * lodge_timer_destroy - mirror of lodge_timer_create(): it fires no more
 * @timer: has no owner any longer
 */
void lodge_timer_destroy(struct lodge_timer *timer)
{
	hrtimer_cancel(&timer->hrtimer);
}

/**
 * lodge_timer_reset - as after power-up and INIT
 * @timer: owned
 */
void lodge_timer_reset(struct lodge_timer *timer)
{
	stop(timer);
	timer->mode = LODGE_TIMER_ONESHOT;
	timer->masked = true;
	timer->fired = false;
	timer->tick_waits = false;
	timer->tick_taken = false;
	timer->initial = 0;
	timer->deadline = 0;
	timer->divide = 0;
	timer->shift = 1;
}

/**
 * lodge_timer_set_lvt - the timer's LVT entry has been written
 * @timer: owned
 * @lvt: the entry
 *
 * Going to TSC-deadline mode or from it disarms (SDM Vol 3A, 11.5.4.1); between
 * the other two the count goes on.
 */
void lodge_timer_set_lvt(struct lodge_timer *timer, u32 lvt)
{
	u8 mode = (lvt >> 17) & 3;
	bool masked = lvt & LVT_MASKED;
	bool stuck = READ_ONCE(timer->tick_waits) && timer->tick_vector < 16;
	u32 done;
	u64 now;

	WRITE_ONCE(timer->vector, lvt);
	if (mode == timer->mode && masked == timer->masked && !stuck)
		return;
	stop(timer);
	now = ktime_get_ns();
	/* nobody will ever take a tick that had no legal vector */
	if (timer->masked || stuck)
		drop_due(timer, now);
	if (mode != timer->mode) {
		done = counted(timer, now);
		if (mode == LODGE_TIMER_DEADLINE || timer->mode == LODGE_TIMER_DEADLINE) {
			timer->initial = 0;
			timer->deadline = 0;
		}
		timer->mode = mode;
		count_on(timer, now, done);
	}
	timer->masked = masked;
	arm(timer);
}

/**
 * lodge_timer_set_count - write the initial count, which starts the timer
 * @timer: owned
 * @count: 0 stops it
 */
void lodge_timer_set_count(struct lodge_timer *timer, u32 count)
{
	if (timer->mode == LODGE_TIMER_DEADLINE)
		return;
	stop(timer);
	timer->initial = count;
	timer->fired = false;
	count_on(timer, ktime_get_ns(), 0);
	arm(timer);
}

/**
 * lodge_timer_set_divide - write the divide configuration
 * @timer: owned
 * @divide: as in the register; the count goes on from where it is
 */
void lodge_timer_set_divide(struct lodge_timer *timer, u32 divide)
{
	u64 now;
	u32 done;

	stop(timer);
	now = ktime_get_ns();
	done = counted(timer, now);
	timer->divide = divide & 0xb;
	/* bits 3, 1 and 0: 0 divides by 2, 6 by 128, 7 by 1 (SDM Vol 3A, figure 11-10) */
	timer->shift = (((divide & 3) | ((divide & 8) >> 1)) + 1) & 7;
	count_on(timer, now, done);
	arm(timer);
}

/**
 * lodge_timer_count - the current count
 * @timer: owned
 *
 * Return: the count, 0 if the timer does not run or is in TSC-deadline mode.
 */
u32 lodge_timer_count(struct lodge_timer *timer)
{
	if (timer->mode >= LODGE_TIMER_DEADLINE)
		return 0;
	return timer->initial - counted(timer, ktime_get_ns());
}

/**
 * lodge_timer_deadline - read IA32_TSC_DEADLINE
 * @timer: owned
 *
 * Return: the deadline, 0 if it is over.
 */
u64 lodge_timer_deadline(struct lodge_timer *timer)
{
	u64 deadline = READ_ONCE(timer->deadline);

	return deadline > guest_tsc(timer) ? deadline : 0;
}

/**
 * lodge_timer_set_deadline - write IA32_TSC_DEADLINE
 * @timer: owned
 * @deadline: guest's TSC; 0 disarms, one that is over raises the interrupt at once
 *
 * Without effect in other modes (SDM Vol 3A, 11.5.4.1).
 */
void lodge_timer_set_deadline(struct lodge_timer *timer, u64 deadline)
{
	if (timer->mode != LODGE_TIMER_DEADLINE)
		return;
	stop(timer);
	timer->deadline = deadline;
	if (deadline && !timer->masked)
		arm_deadline(timer);
}

/**
 * lodge_timer_offset_changed - the guest's TSC is another one now
 * @timer: owned
 */
void lodge_timer_offset_changed(struct lodge_timer *timer)
{
	if (timer->mode != LODGE_TIMER_DEADLINE)
		return;
	stop(timer);
	arm(timer);
}

/**
 * lodge_timer_accepted - the vCPU has taken a tick: start the next
 * @timer: owned, with a tick that waits
 */
void lodge_timer_accepted(struct lodge_timer *timer)
{
	u64 now, late;

	stop(timer);
	timer->tick_waits = false;
	timer->tick_taken = true;
	timer->next += timer->period;
	if (timer->masked)
		return;
	now = ktime_get_ns();
	if (timer->next > now) {
		start_at(timer, timer->next);
		return;
	}
	late = now - timer->next;
	if (late > CATCH_UP_NS)
		timer->next += (late - CATCH_UP_NS) / timer->period * timer->period;
	expire(timer);
}

/**
 * lodge_timer_returned - the tick that was taken last was not delivered after all
 * @timer: owned, no other interrupt taken since
 */
void lodge_timer_returned(struct lodge_timer *timer)
{
	stop(timer);
	timer->tick_taken = false;
	timer->next -= timer->period;
	timer->tick_waits = true;
}
