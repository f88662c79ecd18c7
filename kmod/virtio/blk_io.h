/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blk_io.h - a disk's requests, between the rings (blk.c) and the image (blk_io.c)
 */
#ifndef LODGE_VIRTIO_BLK_IO_H
#define LODGE_VIRTIO_BLK_IO_H

#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/virtio_blk.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "device.h"
#include "limit.h"

#define LODGE_BLK_MAX_RANGES	16		/* of a discard */
#define LODGE_BLK_MAX_DISCARD	BIT(21)		/* sectors of a range: 1 GiB */
#define LODGE_BLK_MAX_ZEROES	BIT(15)		/* 16 MiB */

struct lodge_blk;

/**
 * struct lodge_blk_request - one of the driver's
 * @blk: the disk
 * @queue: number
 * @node: on the list of those that are free, or done
 * @work: for what sleeps
 * @iocb: of a read or write
 * @type: VIRTIO_BLK_T_*
 * @sector: first one
 * @len: bytes of a read or write
 * @done: of them so far
 * @got: bytes written from the first writable one on, as told to the driver
 * @status: VIRTIO_BLK_S_*
 * @writing: keeps the file system from being frozen
 * @buffered: not aligned as direct I/O wants it
 * @chain: its buffers
 *
 * The worker's but from the time it is handed to I/O or workqueue until it is on the
 * list of those done.
 */
struct lodge_blk_request {
	struct lodge_blk *blk;
	unsigned int queue;
	struct llist_node node;
	struct work_struct work;
	struct kiocb iocb;
	u32 type;
	u64 sector;
	u32 len;
	u32 done;
	u32 got;
	u8 status;
	bool writing;
	bool buffered;
	struct lodge_vq_chain chain;
};

/**
 * struct lodge_blk_queue - what a queue has besides the ring
 * @done: requests that are complete; anybody adds
 * @free: requests that are not in use; the worker's
 * @nr: requests that have been allocated
 */
struct lodge_blk_queue {
	struct llist_head done;
	struct llist_head free;
	unsigned int nr;
};

/**
 * struct lodge_blk - a disk
 * @dev: the device; its lock guards @config
 * @file: image [I]
 * @inode: of the image's data [I]
 * @wq: for what sleeps [I]
 * @drained: woken with each request that is done
 * @flight: requests that are handed to I/O or workqueue, and not reaped; the worker's
 * @limit: of requests; the worker's but for lodge_limit_ask()
 * @capacity: sectors
 * @nowait: whether it is worth to try a write without sleeping
 * @pulled: every request from now on fails
 * @config: configuration space
 * @serial: as the driver reads it [I]
 * @queue: by number
 */
struct lodge_blk {
	struct lodge_virtio dev;
	struct file *file;
	struct inode *inode;
	struct workqueue_struct *wq;
	wait_queue_head_t drained;
	unsigned int flight;
	struct lodge_limit limit;
	u64 capacity;
	bool nowait;
	bool pulled;
	struct virtio_blk_config config;
	u8 serial[VIRTIO_BLK_ID_BYTES];
	struct lodge_blk_queue queue[LODGE_VIRTIO_QUEUES];
};

static inline bool lodge_blk_has(const struct lodge_blk *blk, u64 sector, u64 sectors)
{
	u64 capacity = READ_ONCE(blk->capacity);

	return sector <= capacity && sectors <= capacity - sector;
}

void lodge_blk_io_init(struct lodge_blk_request *r);
bool lodge_blk_io_start(struct lodge_blk_request *r);

#endif /* LODGE_VIRTIO_BLK_IO_H */
