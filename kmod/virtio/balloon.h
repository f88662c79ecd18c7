/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balloon.h - virtio-balloon: guest memory that the guest does without for a while
 *
 * What the guest gives is the owner's memory, which only the owner can discard: a
 * descriptor hands him the ranges, and each read tells that those of the read before
 * are dealt with.
 */
#ifndef LODGE_VIRTIO_BALLOON_H
#define LODGE_VIRTIO_BALLOON_H

#include <linux/types.h>

#define LODGE_BALLOON_STATS	16	/* VIRTIO_BALLOON_S_*, those of later drivers too */

struct lodge_mem;
struct lodge_virtio;

/**
 * struct lodge_balloon_view - a balloon at one moment
 * @target: bytes that the guest is asked for
 * @actual: bytes that it has given, by its own account
 * @known: a bit for each of @stats that the guest has told
 * @time: of @stats, ns of CLOCK_MONOTONIC; 0: there are none
 * @stats: by VIRTIO_BALLOON_S_*, as the guest has told them
 */
struct lodge_balloon_view {
	u64 target;
	u64 actual;
	u32 known;
	u64 time;
	u64 stats[LODGE_BALLOON_STATS];
};

struct lodge_virtio *lodge_balloon_create(struct lodge_mem *mem, const char *name);
int lodge_balloon_open(struct lodge_virtio *dev, void (*put)(void *owner), void *owner);
int lodge_balloon_set(struct lodge_virtio *dev, u64 bytes);
void lodge_balloon_look(struct lodge_virtio *dev, struct lodge_balloon_view *view);

#endif /* LODGE_VIRTIO_BALLOON_H */
