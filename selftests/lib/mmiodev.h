/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-mmio devices as guest code drives them: the registers of one of them at a time.
 */
#ifndef LODGE_SELFTESTS_MMIODEV_H
#define LODGE_SELFTESTS_MMIODEV_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "pcidev.h"

static u64 number;	/* of the device */

static inline u64 mmio_reg(u32 offset)
{
	return LODGE_MMIO_BASE + number * LODGE_MMIO_SIZE + offset;
}

static inline u32 mmio_get(u32 offset)
{
	return read32(mmio_reg(offset));
}

static inline void mmio_put(u32 offset, u32 v)
{
	write32(mmio_reg(offset), v);
}

static inline u32 mmio_features(u32 half)
{
	mmio_put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
	return mmio_get(VIRTIO_MMIO_DEVICE_FEATURES);
}

static inline void mmio_accept(u32 half, u32 value)
{
	mmio_put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
	mmio_put(VIRTIO_MMIO_DRIVER_FEATURES, value);
}

static inline void mmio_address(u32 low, u64 v)
{
	mmio_put(low, v);
	mmio_put(low + 4, v >> 32);
}

static inline void mmio_queue(u32 queue, u32 size, u64 desc, u64 avail, u64 used)
{
	mmio_put(VIRTIO_MMIO_QUEUE_SEL, queue);
	mmio_put(VIRTIO_MMIO_QUEUE_NUM, size);
	mmio_address(VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	mmio_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	mmio_address(VIRTIO_MMIO_QUEUE_USED_LOW, used);
	mmio_put(VIRTIO_MMIO_QUEUE_READY, 1);
}

#endif /* LODGE_SELFTESTS_MMIODEV_H */
