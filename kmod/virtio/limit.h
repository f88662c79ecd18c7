/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * limit.h - so many requests and bytes a second, at most, of a disk or a direction of a NIC
 */
#ifndef LODGE_VIRTIO_LIMIT_H
#define LODGE_VIRTIO_LIMIT_H

#include <linux/hrtimer.h>
#include <linux/types.h>

struct lodge_virtio;
struct lodge_virtio_view;

enum { LODGE_LIMIT_REQUESTS, LODGE_LIMIT_BYTES, LODGE_NR_LIMITS };

/**
 * struct lodge_limit - a limit, embedded in the device
 * @dev: the device [I]
 * @queues: a bit for each queue that it holds back [I]
 * @asked: LODGE_LIMIT_*, a second; 0: no limit; anybody writes
 * @rate: @asked, as the worker knows it [W]
 * @ready: when the next request may begin, ns of CLOCK_MONOTONIC [W]
 * @timer: wakes the worker then
 *
 * [I] constant, [W] the worker's.
 */
struct lodge_limit {
	struct lodge_virtio *dev;
	unsigned long queues;
	u64 asked[LODGE_NR_LIMITS];
	u64 rate[LODGE_NR_LIMITS];
	u64 ready[LODGE_NR_LIMITS];
	struct hrtimer timer;
};

void lodge_limit_init(struct lodge_limit *limit, struct lodge_virtio *dev, unsigned long queues);
void lodge_limit_ask(struct lodge_limit *limit, unsigned int which, u64 rate);
bool lodge_limit_reached(struct lodge_limit *limit);
void lodge_limit_charge(struct lodge_limit *limit, u32 bytes);
void lodge_limit_look(const struct lodge_limit *limit, struct lodge_virtio_view *view);
void lodge_limit_stop(struct lodge_limit *limit);

#endif /* LODGE_VIRTIO_LIMIT_H */
