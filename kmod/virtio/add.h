/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_ADD_H
#define LODGE_VIRTIO_ADD_H

#include <asm/barrier.h>
#include <linux/bits.h>
#include <linux/lodge.h>
#include <linux/nospec.h>
#include <linux/rwsem.h>

#include "../dev/pci.h"

#include "mmio.h"

struct file;
struct lodge_mem;
struct lodge_virtio;
struct task_struct;

/**
 * struct lodge_virtio_set - the virtio devices of a VM
 * @lock: held, for reading, by who uses one of @device; for writing by who adds or removes one;
 *	by nobody who waits for what a user can hold up
 * @pci: bus that they are on, NULL in a VM without [I]
 * @mmio: they, in a VM without PCI
 * @device: that others look for, by PCI device number or place, or NULL [L]
 * @given: what each of @device was asked for by [L]
 * @balloon: set once, while others look; lives as long as the VM
 * @console: likewise
 * @vsock: likewise
 *
 * [I] constant, [L] @lock.
 */
struct lodge_virtio_set {
	struct rw_semaphore lock;
	struct lodge_pci *pci;
	struct lodge_mmio mmio;
	struct lodge_virtio *device[LODGE_PCI_SLOTS];
	struct lodge_add_device given[LODGE_PCI_SLOTS];
	struct lodge_virtio *balloon;
	struct lodge_virtio *console;
	struct lodge_virtio *vsock;
};

int lodge_virtio_add(struct lodge_virtio_set *set, struct lodge_mem *mem, const char *vm,
		     const struct lodge_add_device *arg, struct task_struct *owner);
int lodge_virtio_recall(struct lodge_virtio_set *set, struct lodge_add_device *arg,
			struct file **files);
bool lodge_virtio_may_have(const struct file *file);
bool lodge_virtio_can_go(const struct lodge_virtio *dev);
struct lodge_pci_device *lodge_virtio_remove(struct lodge_virtio_set *set, unsigned int slot,
					     bool forced);

/**
 * lodge_virtio_only - a device of which there is one at most
 * @place: in struct lodge_virtio_set
 *
 * Return: the device, which lives as long as the VM, or NULL.
 */
static inline struct lodge_virtio *lodge_virtio_only(struct lodge_virtio **place)
{
	/* pairs with put_on_bus() */
	return smp_load_acquire(place);
}

/**
 * lodge_virtio_at - a device by its number
 * @set: of a VM, with lodge_virtio_set.lock held
 * @slot: PCI device number, anybody's choice
 *
 * Return: the device, which lives as long as the lock is held, or NULL.
 */
static inline struct lodge_virtio *lodge_virtio_at(const struct lodge_virtio_set *set,
						   unsigned int slot)
{
	if (slot >= LODGE_PCI_SLOTS)
		return NULL;
	return set->device[array_index_nospec(slot, LODGE_PCI_SLOTS)];
}

/**
 * lodge_virtio_leaves - whether a device has been taken from a VM, and is not gone yet
 * @set: of a VM, with lodge_virtio_set.lock held
 * @slot: PCI device number, below LODGE_PCI_SLOTS
 *
 * Return: true until lodge_pci_vacate(); there is no device of this number then.
 */
static inline bool lodge_virtio_leaves(const struct lodge_virtio_set *set, unsigned int slot)
{
	return set->pci && (set->pci->leaving & BIT(slot));
}

#endif /* LODGE_VIRTIO_ADD_H */
