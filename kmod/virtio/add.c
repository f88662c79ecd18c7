// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio devices of a VM: the kinds there are, what can be asked of each, how they come
 * and go.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/lodge.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../alloc.h"
#include "../dev/pci.h"
#include "add.h"
#include "balloon.h"
#include "blk.h"
#include "console.h"
#include "device.h"
#include "limit.h"
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
 * @limit: as for lodge_limit_ask(); NULL if there are no limits
 */
struct kind {
	u32 id;
	const char *name;
	u32 flags;
	u32 takes;
	u32 max_queues;
	struct lodge_virtio *(*create)(struct lodge_mem *mem, const char *name,
				       const struct lodge_add_device *arg);
	void (*limit)(struct lodge_virtio *dev, unsigned int which, u64 rate);
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
	  create_net, lodge_net_limit },
	{ LODGE_DEVICE_BLOCK, "blk", LODGE_DEVICE_READONLY, TAKES_FD | TAKES_SERIAL,
	  LODGE_MAX_QUEUES, create_blk, lodge_blk_limit },
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
	if (!kind->limit && (arg->max_requests || arg->max_bytes))
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
	taken = set->pci ? lodge_pci_has(set->pci, wanted) : !!set->mmio.device[wanted];
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
	set->device[slot] = dev;
	if (only) {
		/* complete before it is found; pairs with lodge_virtio_only() */
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

/* Its worker was made by who adds it, but works for the owner */
static struct lodge_virtio *hand_over(struct lodge_virtio *dev, struct task_struct *owner)
{
	int err;

	if (IS_ERR(dev) || same_thread_group(owner, current))
		return dev;
	set_user_nice(dev->worker, task_nice(owner));
	err = cgroup_attach_task_all(owner, dev->worker);
	if (!err)
		return dev;
	lodge_virtio_destroy(dev);
	return ERR_PTR(err);
}

static struct lodge_virtio *create(const struct kind *kind, struct lodge_mem *mem,
				   const char *name, const struct lodge_add_device *arg)
{
	struct lodge_virtio *dev = kind->create(mem, name, arg);

	if (IS_ERR(dev) || !kind->limit)
		return dev;
	kind->limit(dev, LODGE_LIMIT_REQUESTS, arg->max_requests);
	kind->limit(dev, LODGE_LIMIT_BYTES, arg->max_bytes);
	return dev;
}

/**
 * lodge_virtio_add - give a VM a new device
 * @set: of a VM, with lodge_virtio_set.lock held for writing; without PCI it has no vCPU yet
 * @mem: its memory
 * @vm: its name, may be empty
 * @arg: checked here; lodge_add_device.fd is the calling process's
 * @owner: the VM's process
 *
 * Return: the device number, -EINVAL, -ENOMEM, -ENOSPC if all numbers are taken, -EEXIST if
 * this one is, also by a device that is not gone yet, or if there is one already of a kind that
 * there is one of, -EBADF, or what the kind of device finds wrong.
 */
int lodge_virtio_add(struct lodge_virtio_set *set, struct lodge_mem *mem, const char *vm,
		     const struct lodge_add_device *arg, struct task_struct *owner)
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
	slot = put_on_bus(set, hand_over(create(kind, mem, name, arg), owner), slot, only);
	if (slot > 0) {
		set->given[slot] = *arg;
		set->given[slot].slot = slot;
	}
	return slot;
}

/**
 * lodge_virtio_may_have - may the calling process do with a file what its opener could?
 * @file: behind a device
 *
 * Return: whether it is the same user as the opener was, with no fewer capabilities.
 */
bool lodge_virtio_may_have(const struct file *file)
{
	const struct cred *opener = file->f_cred;

	return uid_eq(opener->euid, current_euid()) && opener->user_ns == current_user_ns() &&
	       cap_issubset(opener->cap_effective, current_cred()->cap_permitted);
}

/* Return: 0 or -EPERM, with no reference on any */
static int get_files(struct lodge_virtio *dev, struct file **files)
{
	struct file *file;
	unsigned int n;

	for (n = 0; dev->ops->file && n < LODGE_MAX_PAIRS; n++) {
		file = dev->ops->file(dev, n);
		if (!file)
			break;
		if (!lodge_virtio_may_have(file))
			goto err_put;
		files[n] = get_file(file);
	}
	return 0;

err_put:
	while (n--)
		fput(files[n]);
	return -EPERM;
}

/* They may have been changed since */
static int get_limits(struct lodge_virtio *dev, struct lodge_add_device *arg)
{
	struct lodge_virtio_view *view = lodge_alloc(sizeof(*view), GFP_KERNEL);

	if (!view)
		return -ENOMEM;
	lodge_virtio_look(dev, view);
	arg->max_requests = view->requests;
	arg->max_bytes = view->bytes;
	kfree(view);
	return 0;
}

/**
 * lodge_virtio_recall - LODGE_VM_GET_DEVICE, but for the descriptors
 * @set: of the calling process's VM
 * @arg: in: @slot; out: what the device was asked for by, without descriptors, and its limits
 * @files: gets what is behind it, LODGE_MAX_PAIRS at most, with a reference each, NULL behind them
 *
 * Return: the device number, -ENODEV, -EPERM, -ENOMEM, -EINTR.
 */
int lodge_virtio_recall(struct lodge_virtio_set *set, struct lodge_add_device *arg,
			struct file **files)
{
	u32 size = arg->size, slot = arg->slot;
	struct lodge_virtio *dev;
	int ret = -ENODEV;

	memset(files, 0, LODGE_MAX_PAIRS * sizeof(*files));
	if (down_read_killable(&set->lock))
		return -EINTR;
	dev = lodge_virtio_at(set, slot);
	if (dev) {
		*arg = set->given[array_index_nospec(slot, LODGE_PCI_SLOTS)];
		arg->size = size;
		arg->fd = -1;
		memset(arg->fds, 0, sizeof(arg->fds));
		ret = get_limits(dev, arg) ?: get_files(dev, files);
	}
	up_read(&set->lock);
	return ret ?: slot;
}

/**
 * lodge_virtio_can_go - whether a device may be removed while the VM lives
 * @dev: the device
 *
 * Return: false if it is of a kind that others have open.
 */
bool lodge_virtio_can_go(const struct lodge_virtio *dev)
{
	return dev->ops->pull;
}

/**
 * lodge_virtio_remove - take a device from a VM
 * @set: of a VM with PCI, with lodge_virtio_set.lock held for writing
 * @slot: PCI device number, below LODGE_PCI_SLOTS
 * @forced: the guest has not ejected it
 *
 * Return: what lodge_pci_remove() returned, or NULL if there is none that can go.
 */
struct lodge_pci_device *lodge_virtio_remove(struct lodge_virtio_set *set, unsigned int slot,
					     bool forced)
{
	struct lodge_virtio *dev = lodge_virtio_at(set, slot);

	if (!dev || !lodge_virtio_can_go(dev))
		return NULL;
	set->device[slot] = NULL;
	return lodge_pci_remove(set->pci, slot, forced);
}
