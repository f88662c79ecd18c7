/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h - the thread that serves a virtio device
 */
#ifndef LODGE_VIRTIO_WORKER_H
#define LODGE_VIRTIO_WORKER_H

#include <linux/types.h>

struct lodge_virtio;

int lodge_worker_start(struct lodge_virtio *dev, const char *name);
void lodge_worker_stop(struct lodge_virtio *dev);
void lodge_worker_update(struct lodge_virtio *dev);
int lodge_worker_rest(struct lodge_virtio *dev, unsigned int queue);
bool lodge_worker_let_go(struct lodge_virtio *dev);

#endif /* LODGE_VIRTIO_WORKER_H */
