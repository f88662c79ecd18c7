// SPDX-License-Identifier: GPL-2.0-only
/*
 * LODGE_VM_ADD_DEVICE: the kinds of virtio devices there are, and what can be asked of each.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/lodge.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "../dev/pci.h"
#include "add.h"
#include "balloon.h"
#include "blk.h"
#include "console.h"
#include "device.h"
#include "mmio.h"
#include "net.h"
#include "pci.h"
#include "rng.h"
#include "vsock.h"

/* What of struct lodge_add_device means something to a kind */
#define TAKES_FD	BIT(0)
#define TAKES_SERIAL	BIT(1)
#define TAKES_MAC	BIT(2)		/* and MTU */
#define TAKES_FDS	BIT(3)		/* one for each queue */
#define TAKES_PORTS	BIT(4)

/**
 * struct kind - a kind of device
 * @id: LODGE_DEVICE_*
 * @name: for workers
 * @flags: LODGE_DEVICE_* that it knows
 * @takes: TAKES_*
 * @max_queues: that carry requests
 * @create: makes one; what it asks for has been checked, the worker gets the name
 */
struct kind {
	u32 id;
	const char *name;
	u32 flags;
	u32 takes;
	u32 max_queues;
	struct lodge_virtio *(*create)(struct lodge_mem *mem, const char *name,
				       const struct lodge_add_device *arg);
};

static struct lodge_virtio *create_rng(struct lodge_mem *mem, const char *name,
				       const struct lodge_add_device *arg)
{
	return lodge_rng_create(mem, name);
}

static struct lodge_virtio *create_balloon(struct lodge_mem *mem, const char *name,
					   const struct lodge_add_device *arg)
{
	return lodge_balloon_create(mem, name);
}

static struct lodge_virtio *create_vsock(struct lodge_mem *mem, const char *name,
					 const struct lodge_add_device *arg)
{
	return lodge_vsock_create(mem, name);
}

static struct lodge_virtio *create_console(struct lodge_mem *mem, const char *name,
					   const struct lodge_add_device *arg)
{
	unsigned int nr = 0;

	BUILD_BUG_ON(LODGE_MAX_PORTS != LODGE_CONSOLE_PORTS);
	BUILD_BUG_ON(LODGE_PORT_NAME_LEN != LODGE_PORT_LEN);
	while (nr < LODGE_MAX_PORTS && arg->ports[nr][0])
		nr++;
	if (memchr_inv(arg->ports + nr, 0, sizeof(arg->ports) - nr * sizeof(arg->ports[0])))
		return ERR_PTR(-EINVAL);
	return lodge_virtio_console_create(mem, name, arg->ports[0], nr);
}

static struct lodge_virtio *create_blk(struct lodge_mem *mem, const char *name,
				       const struct lodge_add_device *arg)
{
	struct lodge_blk_config config = {
		.read_only = arg->flags & LODGE_DEVICE_READONLY,
		.queues = arg->queues ?: 1,
	};
	struct lodge_virtio *dev;

	BUILD_BUG_ON(LODGE_SERIAL_LEN != LODGE_BLK_SERIAL_LEN);
	memcpy(config.serial, arg->serial, sizeof(config.serial));
	config.file = fget(arg->fd);
	if (!config.file)
		return ERR_PTR(-EBADF);
	dev = lodge_blk_create(mem, name, &config);
	fput(config.file);
	return dev;
}

static struct lodge_virtio *create_net(struct lodge_mem *mem, const char *name,
				       const struct lodge_add_device *arg)
{
	struct lodge_net_config config = { .mtu = arg->mtu };
	struct lodge_virtio *dev = ERR_PTR(-EBADF);
	unsigned int i, nr = arg->queues ?: 1;

	BUILD_BUG_ON(LODGE_MAX_PAIRS != LODGE_NET_PAIRS);
	memcpy(config.mac, arg->mac, sizeof(config.mac));
	for (; config.pairs < nr; config.pairs++) {
		i = config.pairs;
		config.file[i] = fget(i ? arg->fds[i - 1] : arg->fd);
		if (!config.file[i])
			goto out;
	}
	dev = lodge_net_create(mem, name, &config);
out:
	for (i = 0; i < config.pairs; i++)
		fput(config.file[i]);
	return dev;
}

static const struct kind kinds[] = {
	{ LODGE_DEVICE_NET, "net", 0, TAKES_FD | TAKES_FDS | TAKES_MAC, LODGE_MAX_PAIRS,
	  create_net },
	{ LODGE_DEVICE_BLOCK, "blk", LODGE_DEVICE_READONLY, TAKES_FD | TAKES_SERIAL,
	  LODGE_MAX_QUEUES, create_blk },
	{ LODGE_DEVICE_RNG, "rng", 0, 0, 1, create_rng },
	{ LODGE_DEVICE_CONSOLE, "console", 0, TAKES_PORTS, 1, create_console },
	{ LODGE_DEVICE_BALLOON, "balloon", 0, 0, 1, create_balloon },
	{ LODGE_DEVICE_VSOCK, "vsock", 0, 0, 1, create_vsock },
};

static const struct kind *find_kind(u32 id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return NULL;
}

static bool is_zero(const void *bytes, size_t len)
{
	return !memchr_inv(bytes, 0, len);
}

static bool fits(const struct kind *kind, const struct lodge_add_device *arg)
{
	unsigned int fds = 0;

	if (arg->flags & ~kind->flags)
		return false;
	if (arg->slot >= LODGE_PCI_SLOTS || arg->queues > kind->max_queues)
		return false;
	if ((kind->takes & TAKES_FDS) && arg->queues)
		fds = arg->queues - 1;
	if (!(kind->takes & TAKES_PORTS) && !is_zero(arg->ports, sizeof(arg->ports)))
		return false;
	if (!is_zero(arg->fds + fds, sizeof(arg->fds) - fds * sizeof(arg->fds[0])))
		return false;
	return ((kind->takes & TAKES_FD) || arg->fd == -1) &&
	       ((kind->takes & TAKES_SERIAL) || is_zero(arg->serial, sizeof(arg->serial))) &&
	       ((kind->takes & TAKES_MAC) || (is_zero(arg->mac, sizeof(arg->mac)) && !arg->mtu));
}

/* A number, or a negative errno */
static int choose_slot(const struct lodge_virtio_set *set, u32 wanted)
{
	bool taken;

	BUILD_BUG_ON(LODGE_MMIO_DEVICES != LODGE_PCI_SLOTS);
	if (!wanted)
		return set->pci ? lodge_pci_free_slot(set->pci) :
				  lodge_virtio_mmio_free(&set->mmio);
	wanted = array_index_nospec(wanted, LODGE_PCI_SLOTS);
	taken = set->pci ? !!set->pci->device[wanted] : !!set->mmio.device[wanted];
	return taken ? -EEXIST : wanted;
}

/* @only: where others find it besides, or NULL */
static int put_on_bus(struct lodge_virtio_set *set, struct lodge_virtio *dev, unsigned int slot,
		      struct lodge_virtio **only)
{
	int err;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = set->pci ? lodge_virtio_pci_add(set->pci, dev, slot) :
			 lodge_virtio_mmio_add(&set->mmio, dev, slot);
	if (err) {
		lodge_virtio_destroy(dev);
		return err;
	}
	/* complete before it is found; pairs with lodge_virtio_only() */
	smp_store_release(&set->device[slot], dev);
	if (only) {
		/* likewise */
		smp_store_release(only, dev);
	}
	return slot;
}

/* Where others find a device of which there is one at most; NULL for other kinds */
static struct lodge_virtio **place_of(struct lodge_virtio_set *set, u32 id)
{
	switch (id) {
	case LODGE_DEVICE_BALLOON:
		return &set->balloon;
	case LODGE_DEVICE_CONSOLE:
		return &set->console;
	case LODGE_DEVICE_VSOCK:
		return &set->vsock;
	default:
		return NULL;
	}
}

/**
 * lodge_virtio_add - give a VM a new device
 * @set: of a VM that has no vCPU yet; the caller lets nobody else in
 * @mem: its memory, that of the calling process
 * @vm: its name, may be empty
 * @arg: checked here
 *
 * Return: the device number, -EINVAL, -ENOMEM, -ENOSPC if all numbers are taken, -EEXIST if
 * this one is or there is one already of a kind that there is one of, -EBADF, or what the kind
 * of device finds wrong.
 */
int lodge_virtio_add(struct lodge_virtio_set *set, struct lodge_mem *mem, const char *vm,
		     const struct lodge_add_device *arg)
{
	const struct kind *kind = find_kind(arg->id);
	struct lodge_virtio **only = place_of(set, arg->id);
	char name[LODGE_NAME_LEN + 16];
	int slot;

	BUILD_BUG_ON(LODGE_MAX_QUEUES > LODGE_VIRTIO_QUEUES);
	if (!kind || !fits(kind, arg))
		return -EINVAL;
	slot = choose_slot(set, arg->slot);
	if (slot < 0)
		return slot;
	if (only && *only)
		return -EEXIST;
	snprintf(name, sizeof(name), "%s/%s%d", *vm ? vm : "lodge", kind->name, slot);
	return put_on_bus(set, kind->create(mem, name, arg), slot, only);
}
