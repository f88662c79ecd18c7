/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_BLK_H
#define LODGE_VIRTIO_BLK_H

#include <linux/types.h>

struct file;
struct lodge_mem;
struct lodge_virtio;

#define LODGE_BLK_SERIAL_LEN	20

/**
 * struct lodge_blk_config - a disk
 * @file: image: a regular file or a block device; direct I/O if it was opened so
 * @read_only: the driver may not write
 * @queues: 1 to LODGE_VIRTIO_QUEUES
 * @serial: what the driver gets to know it by; filled with NUL
 */
struct lodge_blk_config {
	struct file *file;
	bool read_only;
	unsigned int queues;
	u8 serial[LODGE_BLK_SERIAL_LEN];
};

struct lodge_virtio *lodge_blk_create(struct lodge_mem *mem, const char *name,
				      const struct lodge_blk_config *config);
int lodge_blk_may_resize(struct lodge_virtio *dev, u64 bytes);
int lodge_blk_truncate(struct file *file, u64 bytes);
void lodge_blk_resize(struct lodge_virtio *dev, u64 most);
void lodge_blk_limit(struct lodge_virtio *dev, unsigned int which, u64 rate);

#endif /* LODGE_VIRTIO_BLK_H */
