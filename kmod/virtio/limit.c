// SPDX-License-Identifier: GPL-2.0-only
/*
 * limit.c - so many requests and bytes a second, at most
 *
 * Each request moves the time on at which the next one may begin, by what it costs; who
 * has asked for little lately has SAVED ns to spend.  A request is never cut: one that
 * costs more than there is makes those after it wait longer.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "device.h"
#include "limit.h"

#define SAVED	(NSEC_PER_SEC / 10)

static void wake(struct lodge_limit *limit)
{
	unsigned int queue;

	for_each_set_bit(queue, &limit->queues, LODGE_VIRTIO_QUEUES)
		lodge_virtio_wake(limit->dev, queue);
}

static enum hrtimer_restart expired(struct hrtimer *timer)
{
	wake(container_of(timer, struct lodge_limit, timer));
	return HRTIMER_NORESTART;
}

/**
 * lodge_limit_init - no limit yet
 * @limit: of a device that has its queues
 * @dev: the device
 * @queues: a bit for each queue that it is to hold back
 */
void lodge_limit_init(struct lodge_limit *limit, struct lodge_virtio *dev, unsigned long queues)
{
	limit->dev = dev;
	limit->queues = queues;
	compat_hrtimer_setup(&limit->timer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
}

/**
 * lodge_limit_ask - set a limit, or lift it
 * @limit: of a device that may run; the caller keeps the VM
 * @which: LODGE_LIMIT_*
 * @rate: a second; 0: no limit
 *
 * The worker has it from its next request on.
 */
void lodge_limit_ask(struct lodge_limit *limit, unsigned int which, u64 rate)
{
	WRITE_ONCE(limit->asked[which], rate);
	/* what waits for the old one is looked at anew */
	wake(limit);
}

static void adopt(struct lodge_limit *limit)
{
	unsigned int i;

	for (i = 0; i < LODGE_NR_LIMITS; i++) {
		u64 asked = READ_ONCE(limit->asked[i]);

		if (asked == limit->rate[i])
			continue;
		limit->rate[i] = asked;
		limit->ready[i] = 0;
	}
}

/**
 * lodge_limit_reached - must the next request wait?
 * @limit: the worker calls, of a device that runs
 *
 * Return: true if it must; the queues are served again when it need not any more.
 */
bool lodge_limit_reached(struct lodge_limit *limit)
{
	u64 until;

	adopt(limit);
	until = max(limit->ready[LODGE_LIMIT_REQUESTS], limit->ready[LODGE_LIMIT_BYTES]);
	if (!until || until <= ktime_get_ns())
		return false;
	hrtimer_start(&limit->timer, ns_to_ktime(until), HRTIMER_MODE_ABS);
	return true;
}

static void charge(struct lodge_limit *limit, unsigned int which, u64 n)
{
	u64 earliest;

	if (!limit->rate[which] || !n)
		return;
	earliest = ktime_get_ns() - SAVED;
	/* below 2^62 of 2^32 bytes, at one a second */
	limit->ready[which] = max(limit->ready[which], earliest) +
			      div64_u64(n * NSEC_PER_SEC, limit->rate[which]);
}

/**
 * lodge_limit_charge - a request has begun
 * @limit: the worker calls
 * @bytes: that it carries
 */
void lodge_limit_charge(struct lodge_limit *limit, u32 bytes)
{
	charge(limit, LODGE_LIMIT_REQUESTS, 1);
	charge(limit, LODGE_LIMIT_BYTES, bytes);
}

/**
 * lodge_limit_look - what there is to see of a limit
 * @limit: of a device
 * @view: filled in
 */
void lodge_limit_look(const struct lodge_limit *limit, struct lodge_virtio_view *view)
{
	view->has_limits = true;
	view->requests = READ_ONCE(limit->asked[LODGE_LIMIT_REQUESTS]);
	view->bytes = READ_ONCE(limit->asked[LODGE_LIMIT_BYTES]);
}

/**
 * lodge_limit_stop - the worker is not woken any more
 * @limit: the worker calls, of a device that stops
 */
void lodge_limit_stop(struct lodge_limit *limit)
{
	hrtimer_cancel(&limit->timer);
}
