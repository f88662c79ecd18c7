// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device as registers in memory, version 2 (virtio 1.2, 4.2).
 *
 * Drivers take a reset for done when the write of 0 to Status, or to QueueReady, is: Linux frees
 * the rings then.  So that write ends when the worker has let go of them.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/virtio_mmio.h>

#include "../alloc.h"
#include "../dev/bus.h"
#include "../irq/route.h"
#include "device.h"
#include "mmio.h"

#define MAGIC		0x74726976	/* "virt" */
#define VERSION		2
#define VENDOR		0x4547444c	/* as in the ACPI tables of vmctl */

/* Younger than the header of some kernels */
#define QUEUE_RESET	0x0c0

/**
 * struct virtio_mmio - a virtio device in memory
 * @mmio: the devices of the VM [I]
 * @dev: the device, which is destroyed with this [I]
 * @line: index of its line [I]
 * @status: InterruptStatus [L]
 * @queue: selected queue [L]
 * @device_half: selected half of the offered features [L]
 * @driver_half: likewise of the accepted ones [L]
 *
 * [I] constant, [L] lodge_virtio.lock; lodge_mmio.lock is taken inside.
 */
struct virtio_mmio {
	struct lodge_mmio *mmio;
	struct lodge_virtio *dev;
	u8 line;
	u8 status;
	u32 queue;
	u32 device_half;
	u32 driver_half;
};

/* ---- the line ------------------------------------------------------------ */

/* Of the device's own status, which goes from none to some or back */
static void set_line(struct virtio_mmio *vm, bool level)
{
	struct lodge_mmio *mmio = vm->mmio;
	u8 *asserted = &mmio->asserted[vm->line];
	unsigned long flags;

	raw_spin_lock_irqsave(&mmio->lock, flags);
	*asserted += level ? 1 : -1;
	lodge_route_set_gsi(mmio->irq, LODGE_MMIO_GSI + vm->line, *asserted);
	raw_spin_unlock_irqrestore(&mmio->lock, flags);
}

/* For an input that the guest has left edge-triggered: there is more, of this device or another */
static void pulse(struct virtio_mmio *vm)
{
	struct lodge_mmio *mmio = vm->mmio;
	unsigned long flags;

	raw_spin_lock_irqsave(&mmio->lock, flags);
	if (mmio->asserted[vm->line]) {
		lodge_route_set_gsi(mmio->irq, LODGE_MMIO_GSI + vm->line, false);
		lodge_route_set_gsi(mmio->irq, LODGE_MMIO_GSI + vm->line, true);
	}
	raw_spin_unlock_irqrestore(&mmio->lock, flags);
}

static void set_status(struct virtio_mmio *vm, u8 status)
{
	bool was = vm->status;

	vm->status = status;
	if (was != !!status)
		set_line(vm, status);
}

static void interrupt(struct lodge_virtio *dev, int queue)
{
	u8 cause = queue == LODGE_VIRTIO_CONFIG ? VIRTIO_MMIO_INT_CONFIG : VIRTIO_MMIO_INT_VRING;
	struct virtio_mmio *vm = dev->transport;
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	set_status(vm, vm->status | cause);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

static void acknowledge(struct virtio_mmio *vm, u32 bits)
{
	set_status(vm, vm->status & ~bits);
	pulse(vm);
}

/* A reset device has no interrupt */
static void reset(struct lodge_virtio *dev)
{
	set_status(dev->transport, 0);
}

/* ---- registers, 4.2.2 ---------------------------------------------------- */

static u32 read_queue(struct virtio_mmio *vm, u32 offset)
{
	const struct lodge_virtio_queue *q = lodge_virtio_queue_at(vm->dev, vm->queue);

	if (!q)
		return 0;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q->max;
	case VIRTIO_MMIO_QUEUE_READY:
		return q->enabled;
	case QUEUE_RESET:
		return q->reset;
	default:
		return 0;
	}
}

static u32 read_locked(struct virtio_mmio *vm, u32 offset)
{
	const struct lodge_virtio *dev = vm->dev;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return lodge_virtio_half(dev->features, vm->device_half);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return vm->status;
	case VIRTIO_MMIO_STATUS:
		return dev->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		/* whichever is selected, there is none */
		return ~0;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return dev->generation;
	default:
		return read_queue(vm, offset);
	}
}

static void write_queue(struct lodge_virtio_queue *q, u32 offset, u32 value)
{
	bool high = offset & 4;

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* what does not fit 16 bits is no size either */
		if (!q->enabled)
			q->setup.size = min_t(u32, value, U16_MAX);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		return lodge_virtio_place(q, LODGE_VIRTIO_DESC, high, value);
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		return lodge_virtio_place(q, LODGE_VIRTIO_DRIVER, high, value);
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		return lodge_virtio_place(q, LODGE_VIRTIO_DEVICE, high, value);
	}
}

static void write_locked(struct virtio_mmio *vm, u32 offset, u32 value)
{
	struct lodge_virtio_queue *q;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		vm->device_half = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		vm->driver_half = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		vm->queue = value;
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		acknowledge(vm, value);
		break;
	default:
		q = lodge_virtio_queue_at(vm->dev, vm->queue);
		if (q)
			write_queue(q, offset, value);
	}
}

/* Return: false if it is not done yet */
static bool write_register(struct virtio_mmio *vm, u32 offset, u32 value)
{
	struct lodge_virtio *dev = vm->dev;
	unsigned long flags;

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		lodge_virtio_kick(dev, value);
		return true;
	case VIRTIO_MMIO_STATUS:
		lodge_virtio_set_status(dev, value);
		return value || lodge_virtio_wait(dev);
	case VIRTIO_MMIO_DRIVER_FEATURES:
		lodge_virtio_set_features(dev, READ_ONCE(vm->driver_half), value);
		return true;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value == 1)
			lodge_virtio_enable_queue(dev, READ_ONCE(vm->queue));
		if (value)
			return true;
		lodge_virtio_disable_queue(dev, READ_ONCE(vm->queue));
		return lodge_virtio_wait(dev);
	case QUEUE_RESET:
		if (value == 1)
			lodge_virtio_reset_queue(dev, READ_ONCE(vm->queue));
		return true;
	}
	raw_spin_lock_irqsave(&dev->lock, flags);
	write_locked(vm, offset, value);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return true;
}

/* ---- memory -------------------------------------------------------------- */

static struct virtio_mmio *device_at(struct lodge_mmio *mmio, u32 offset)
{
	return mmio->device[array_index_nospec(offset / LODGE_MMIO_SIZE, LODGE_MMIO_DEVICES)];
}

/* Registers are accessed as a whole (4.2.2.2) */
static u64 mmio_read(void *opaque, u32 offset, u8 width)
{
	struct virtio_mmio *vm = device_at(opaque, offset);
	unsigned long flags;
	u32 value;

	if (!vm)
		return ~0ULL;
	offset %= LODGE_MMIO_SIZE;
	if (offset >= VIRTIO_MMIO_CONFIG)
		return lodge_virtio_read_config(vm->dev, offset - VIRTIO_MMIO_CONFIG, width);
	if (width != 4 || offset % 4)
		return 0;
	raw_spin_lock_irqsave(&vm->dev->lock, flags);
	value = read_locked(vm, offset);
	raw_spin_unlock_irqrestore(&vm->dev->lock, flags);
	return value;
}

static enum lodge_bus_end mmio_write(void *opaque, u32 offset, u8 width, u64 value)
{
	struct virtio_mmio *vm = device_at(opaque, offset);

	if (!vm)
		return LODGE_BUS_DONE;
	offset %= LODGE_MMIO_SIZE;
	if (offset >= VIRTIO_MMIO_CONFIG)
		lodge_virtio_write_config(vm->dev, offset - VIRTIO_MMIO_CONFIG, width, value);
	else if (width == 4 && !(offset % 4) && !write_register(vm, offset, value))
		return LODGE_BUS_RETRY;
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* ---- making them --------------------------------------------------------- */

/**
 * lodge_virtio_mmio_init - let virtio devices be put into a VM's memory
 * @mmio: zeroed; of a VM without PCI; needs no mirror
 * @memory: the VM's device memory
 * @irq: its interrupt controllers
 */
void lodge_virtio_mmio_init(struct lodge_mmio *mmio, struct lodge_bus *memory,
			    struct lodge_irq *irq)
{
	raw_spin_lock_init(&mmio->lock);
	mmio->memory = memory;
	mmio->irq = irq;
}

/**
 * lodge_virtio_mmio_detach - destroy the devices
 * @mmio: the VM's, may be zeroed; no guest runs any more; may sleep
 */
void lodge_virtio_mmio_detach(struct lodge_mmio *mmio)
{
	unsigned int i;

	for (i = 0; i < LODGE_MMIO_DEVICES; i++) {
		struct virtio_mmio *vm = mmio->device[i];

		if (!vm)
			continue;
		lodge_virtio_destroy(vm->dev);
		mmio->device[i] = NULL;
		kfree(vm);
	}
}

/**
 * lodge_virtio_mmio_free - a number that no device has
 * @mmio: the VM's
 *
 * Return: the lowest, or -ENOSPC.
 */
int lodge_virtio_mmio_free(const struct lodge_mmio *mmio)
{
	unsigned int i;

	for (i = 1; i < LODGE_MMIO_DEVICES; i++)
		if (!mmio->device[i])
			return i;
	return -ENOSPC;
}

/* The first device answers for all */
static int attach(struct lodge_mmio *mmio)
{
	const struct lodge_bus_range range = {
		.first = LODGE_MMIO_BASE, .count = LODGE_MMIO_DEVICES * LODGE_MMIO_SIZE,
		.ops = &ops, .dev = mmio,
	};
	int err = mmio->attached ? 0 : lodge_bus_add(mmio->memory, &range);

	mmio->attached = !err;
	return err;
}

/**
 * lodge_virtio_mmio_add - put a virtio device into a VM's memory
 * @mmio: of a VM that has no vCPU yet; it destroys the device in the end
 * @dev: the device; the caller's still after a failure
 * @number: free, 1 to LODGE_MMIO_DEVICES - 1
 *
 * Return: 0, -ENOMEM, or what lodge_bus_add() returned.
 */
int lodge_virtio_mmio_add(struct lodge_mmio *mmio, struct lodge_virtio *dev, unsigned int number)
{
	struct virtio_mmio *vm = lodge_alloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vm)
		return -ENOMEM;
	err = attach(mmio);
	if (err) {
		kfree(vm);
		return err;
	}
	vm->mmio = mmio;
	vm->dev = dev;
	vm->line = number % LODGE_MMIO_LINES;
	dev->transport = vm;
	dev->interrupt = interrupt;
	dev->transport_reset = reset;
	mmio->device[number] = vm;
	return 0;
}
