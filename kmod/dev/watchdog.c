// SPDX-License-Identifier: GPL-2.0-only
/*
 * A watchdog: registers of our own, which the ACPI table WDAT explains to the guest.
 * What its end means is up to who has the VM; it goes on to count from the beginning.
 *
 * Source: Microsoft, Hardware Watchdog Timers Design Specification.
 */
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "bus.h"
#include "watchdog.h"

/* Registers; 32 bits wide, nothing answers to less */
#define RUN	0	/* 0 or 1 */
#define EXPIRED	4	/* 0 or 1; a write clears it */
#define PERIOD	8	/* counts; a write restarts */
#define LEFT	12	/* counts; a write of anything restarts */
#define BYTES	16

#define COUNT_NS	(LODGE_WATCHDOG_MS * NSEC_PER_MSEC)

static void count(struct lodge_watchdog *wd, u64 now, u64 ns)
{
	wd->end = now + ns;
	hrtimer_start(&wd->timer, ns_to_ktime(wd->end), HRTIMER_MODE_ABS_HARD);
}

static void restart(struct lodge_watchdog *wd)
{
	wd->left = wd->period * COUNT_NS;
	if (wd->running && !wd->held)
		count(wd, ktime_get_ns(), wd->left);
}

static u64 left(const struct lodge_watchdog *wd, u64 now)
{
	if (!wd->running || wd->held)
		return wd->left;
	return wd->end > now ? wd->end - now : 0;
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct lodge_watchdog *wd = container_of(timer, struct lodge_watchdog, timer);
	unsigned long flags;
	bool ended;

	raw_spin_lock_irqsave(&wd->lock, flags);
	/* or somebody has restarted, stopped or held it while this waited for the lock */
	ended = wd->running && !wd->held && !left(wd, ktime_get_ns());
	if (ended) {
		wd->expired = true;
		restart(wd);
	}
	raw_spin_unlock_irqrestore(&wd->lock, flags);
	if (ended)
		wd->expire(wd->owner);
	return HRTIMER_NORESTART;
}

static u64 watchdog_read(void *dev, u32 offset, u8 width)
{
	struct lodge_watchdog *wd = dev;
	unsigned long flags;
	u32 value = 0;

	if (width != 4)
		return ~0ULL;
	raw_spin_lock_irqsave(&wd->lock, flags);
	switch (offset) {
	case RUN:
		value = wd->running;
		break;
	case EXPIRED:
		value = wd->expired;
		break;
	case PERIOD:
		value = wd->period;
		break;
	case LEFT:
		value = DIV_ROUND_UP(left(wd, ktime_get_ns()), COUNT_NS);
		break;
	}
	raw_spin_unlock_irqrestore(&wd->lock, flags);
	return value;
}

static void set_running(struct lodge_watchdog *wd, bool running)
{
	if (running == wd->running)
		return;
	wd->running = running;
	if (!running)
		hrtimer_try_to_cancel(&wd->timer);
	restart(wd);
}

static enum lodge_bus_end watchdog_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_watchdog *wd = dev;
	unsigned long flags;

	if (width != 4)
		return LODGE_BUS_DONE;
	raw_spin_lock_irqsave(&wd->lock, flags);
	switch (offset) {
	case RUN:
		set_running(wd, value & 1);
		break;
	case EXPIRED:
		wd->expired = false;
		break;
	case PERIOD:
		wd->period = clamp_t(u32, value, 1, LODGE_WATCHDOG_MAX);
		fallthrough;
	case LEFT:
		restart(wd);
		break;
	}
	raw_spin_unlock_irqrestore(&wd->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops watchdog_ops = {
	.read = watchdog_read,
	.write = watchdog_write,
};

/**
 * lodge_watchdog_hold - have it not count while the VM is paused
 * @wd: of a VM
 * @held: it is paused
 *
 * Any context but NMI.  It goes on where it was.
 */
void lodge_watchdog_hold(struct lodge_watchdog *wd, bool held)
{
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&wd->lock, flags);
	now = ktime_get_ns();
	wd->left = left(wd, now);
	wd->held = held;
	if (held)
		hrtimer_try_to_cancel(&wd->timer);
	else if (wd->running)
		count(wd, now, wd->left);
	raw_spin_unlock_irqrestore(&wd->lock, flags);
}

/**
 * lodge_watchdog_attach - put the watchdog on a VM's bus
 * @wd: zeroed
 * @ports: the VM's
 * @expire: called with @owner each time it is not restarted in time; hard interrupt context
 * @owner: lives until lodge_watchdog_detach()
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_watchdog_attach(struct lodge_watchdog *wd, struct lodge_bus *ports,
			  void (*expire)(void *owner), void *owner)
{
	const struct lodge_bus_range range = { LODGE_WATCHDOG_PORT, BYTES, &watchdog_ops, wd };

	raw_spin_lock_init(&wd->lock);
	wd->period = LODGE_WATCHDOG_MAX;
	wd->expire = expire;
	wd->owner = owner;
	compat_hrtimer_setup(&wd->timer, timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	restart(wd);
	return lodge_bus_add(ports, &range);
}

/**
 * lodge_watchdog_detach - mirror of lodge_watchdog_attach()
 * @wd: that nobody uses any more
 */
void lodge_watchdog_detach(struct lodge_watchdog *wd)
{
	hrtimer_cancel(&wd->timer);
}
