/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_WATCHDOG_H
#define LODGE_DEV_WATCHDOG_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;

#define LODGE_WATCHDOG_PORT	0x630
#define LODGE_WATCHDOG_MS	100	/* of one count */
#define LODGE_WATCHDOG_MAX	36000	/* counts: an hour */

/**
 * struct lodge_watchdog - a timer that the guest has to restart time and again
 * @lock: guards all below; raw, interrupts saved
 * @running: it counts, unless @held
 * @expired: it has, since the guest cleared this
 * @held: the VM is paused
 * @period: counts from a restart to the end, 1 to LODGE_WATCHDOG_MAX
 * @end: ns of CLOCK_MONOTONIC, while it counts
 * @left: ns, while it does not count
 * @timer: queued while it counts
 * @expire: told of the end; hard interrupt context, no lock is held [I]
 * @owner: its argument [I]
 *
 * [I] constant after attach.
 */
struct lodge_watchdog {
	raw_spinlock_t lock;
	bool running;
	bool expired;
	bool held;
	u32 period;
	u64 end;
	u64 left;
	struct hrtimer timer;
	void (*expire)(void *owner);
	void *owner;
};

int lodge_watchdog_attach(struct lodge_watchdog *wd, struct lodge_bus *ports,
			  void (*expire)(void *owner), void *owner);
void lodge_watchdog_detach(struct lodge_watchdog *wd);
void lodge_watchdog_hold(struct lodge_watchdog *wd, bool held);

#endif /* LODGE_DEV_WATCHDOG_H */
