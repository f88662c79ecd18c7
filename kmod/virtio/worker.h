/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - the thread that serves a virtio device
 */
#ifndef LODGE_VIRTIO_WORKER_H
#define LODGE_VIRTIO_WORKER_H

#include <linux/kthread.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "../mem.h"

struct lodge_virtio;

/**
 * lodge_worker_wait() - have a worker wait for something that the owner does
 * @mem: the VM's memory
 * @head: woken when @condition may have become true
 * @condition: evaluated several times
 *
 * Ends as well when the device goes, and soon when there is no owner any more.  That his
 * descriptors are closed then is not to be waited for: what has them may be mapped in the memory
 * that the worker keeps, as an io_uring is.
 */
#define lodge_worker_wait(mem, head, condition)						\
	do {										\
	} while (!wait_event_idle_timeout(head, (condition) || kthread_should_stop(), HZ) &&	\
		 lodge_mem_owned(mem))

int lodge_worker_start(struct lodge_virtio *dev, const char *name);
void lodge_worker_stop(struct lodge_virtio *dev);
void lodge_worker_update(struct lodge_virtio *dev);
int lodge_worker_rest(struct lodge_virtio *dev, unsigned int queue);
bool lodge_worker_let_go(struct lodge_virtio *dev);

#endif /* LODGE_VIRTIO_WORKER_H */
