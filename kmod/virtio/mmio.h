/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mmio.h - virtio devices at fixed addresses, for a VM without PCI (virtio 1.2, 4.2)
 */
#ifndef LODGE_VIRTIO_MMIO_H
#define LODGE_VIRTIO_MMIO_H

#include <linux/lodge.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_irq;
struct lodge_virtio;
struct virtio_mmio;

/**
 * struct lodge_mmio - the devices of a VM without PCI
 * @lock: guards the lines; raw, interrupts saved; inside lodge_virtio.lock, outside lodge_irq.lock
 * @memory: where they are put [I]
 * @irq: interrupt controllers [I]
 * @attached: they are there [I]
 * @asserted: devices that assert each line [L]
 * @device: by number, 0 is not used [I]
 *
 * [I] constant once the guest runs, [L] @lock.
 */
struct lodge_mmio {
	raw_spinlock_t lock;
	struct lodge_bus *memory;
	struct lodge_irq *irq;
	bool attached;
	u8 asserted[LODGE_MMIO_LINES];
	struct virtio_mmio *device[LODGE_MMIO_DEVICES];
};

void lodge_virtio_mmio_init(struct lodge_mmio *mmio, struct lodge_bus *memory,
			    struct lodge_irq *irq);
void lodge_virtio_mmio_detach(struct lodge_mmio *mmio);
int lodge_virtio_mmio_free(const struct lodge_mmio *mmio);
int lodge_virtio_mmio_add(struct lodge_mmio *mmio, struct lodge_virtio *dev, unsigned int number);

#endif /* LODGE_VIRTIO_MMIO_H */
