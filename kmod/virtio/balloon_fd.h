/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balloon_fd.h - ranges of memory on their way from a device's worker to the owner
 *
 *	worker: offer() --> OFFERED --> read() --> TAKEN --> the next read() --> DONE
 *
 * Only the worker fills the array, and not while the owner has it.
 */
#ifndef LODGE_VIRTIO_BALLOON_FD_H
#define LODGE_VIRTIO_BALLOON_FD_H

#include <linux/lodge.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct lodge_mem;
struct lodge_virtio;
struct mm_struct;

#define LODGE_BALLOON_RANGES	256

enum lodge_balloon_state {
	LODGE_BALLOON_IDLE,		/* the worker's */
	LODGE_BALLOON_OFFERED,		/* to be read */
	LODGE_BALLOON_TAKEN,		/* the owner is at work on what he has read */
	LODGE_BALLOON_DONE,		/* the worker's again */
};

/**
 * struct lodge_balloon_fd - the ranges and who reads them
 * @lock: guards what is marked [L]; process context
 * @state: whose the ranges are [L]
 * @open: there is a descriptor [L]
 * @nr: ranges; the worker's while it has them, else constant
 * @taken: how many of them have been read [L]
 * @range: addresses of the owner's; like @nr
 * @read_lock: one reads at a time; sleeps, outside @lock
 * @wait: readers, and a worker that wants the ranges back
 * @mm: the owner's, for identity [I]
 * @done: called when the state becomes DONE; any lock but @lock may be held [I]
 * @set: what is written to the descriptor [I]
 * @dev: the argument of both [I]
 * @put: releases @owner; set when it is opened
 * @owner: what keeps this structure while it is open
 *
 * [I] constant after lodge_balloon_fd_init().
 */
struct lodge_balloon_fd {
	spinlock_t lock;
	enum lodge_balloon_state state;
	bool open;
	unsigned int nr;
	unsigned int taken;
	struct lodge_range range[LODGE_BALLOON_RANGES];
	struct mutex read_lock;
	wait_queue_head_t wait;
	struct mm_struct *mm;
	void (*done)(struct lodge_virtio *dev);
	int (*set)(struct lodge_virtio *dev, u64 bytes);
	struct lodge_virtio *dev;
	void (*put)(void *owner);
	void *owner;
};

void lodge_balloon_fd_init(struct lodge_balloon_fd *bfd, struct mm_struct *mm,
			   void (*done)(struct lodge_virtio *dev),
			   int (*set)(struct lodge_virtio *dev, u64 bytes),
			   struct lodge_virtio *dev);
int lodge_balloon_fd_open(struct lodge_balloon_fd *bfd, void (*put)(void *owner), void *owner);

/* the worker's side */
bool lodge_balloon_fd_mine(struct lodge_balloon_fd *bfd);
bool lodge_balloon_fd_offer(struct lodge_balloon_fd *bfd);
void lodge_balloon_fd_recall(struct lodge_balloon_fd *bfd, struct lodge_mem *mem);

#endif /* LODGE_VIRTIO_BALLOON_FD_H */
