// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on virtio devices: what they are and do; size, cable, limits.
 */
#include <linux/err.h>
#include <linux/if_ether.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "netlink.h"
#include "virtio/blk.h"
#include "virtio/device.h"
#include "virtio/limit.h"
#include "virtio/net.h"
#include "vm.h"

/**
 * struct device_view - a device of a VM
 * @vm: number of the VM
 * @slot: PCI device number
 * @kind: LODGE_DEVICE_*
 * @view: what it looks like
 */
struct device_view {
	u32 vm;
	u32 slot;
	u32 kind;
	struct lodge_virtio_view view;
};

/* ---- looking ------------------------------------------------------------- */

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, LODGE_A_DEVICE_PAD);
}

static int fill_disk(struct sk_buff *skb, const struct lodge_virtio_view *v)
{
	char serial[LODGE_VIRTIO_SERIAL + 1] = "";

	memcpy(serial, v->serial, sizeof(v->serial));
	if (put_u64(skb, LODGE_A_DEVICE_SIZE, v->size) ||
	    nla_put_string(skb, LODGE_A_DEVICE_SERIAL, serial))
		return -EMSGSIZE;
	return v->read_only ? nla_put_flag(skb, LODGE_A_DEVICE_READ_ONLY) : 0;
}

static int fill_net(struct sk_buff *skb, const struct lodge_virtio_view *v)
{
	if (nla_put(skb, LODGE_A_DEVICE_MAC, sizeof(v->mac), v->mac) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_LINK, v->link))
		return -EMSGSIZE;
	return v->mtu ? nla_put_u32(skb, LODGE_A_DEVICE_MTU, v->mtu) : 0;
}

static int fill_counts(struct sk_buff *skb, const struct lodge_virtio_view *v)
{
	unsigned int i;

	BUILD_BUG_ON(LODGE_A_DEVICE_ERRORS - LODGE_A_DEVICE_IN != LODGE_VIRTIO_ERRORS);
	for (i = 0; i < LODGE_VIRTIO_NR_COUNTS; i++)
		if (put_u64(skb, LODGE_A_DEVICE_IN + i, v->count[i]))
			return -EMSGSIZE;
	if (put_u64(skb, LODGE_A_DEVICE_KICKS, v->kicks) ||
	    put_u64(skb, LODGE_A_DEVICE_INTERRUPTS, v->interrupts))
		return -EMSGSIZE;
	if (!v->has_limits)
		return 0;
	if (put_u64(skb, LODGE_A_DEVICE_MAX_REQUESTS, v->requests) ||
	    put_u64(skb, LODGE_A_DEVICE_MAX_BYTES, v->bytes))
		return -EMSGSIZE;
	return 0;
}

static int fill(struct sk_buff *skb, const void *what)
{
	const struct device_view *d = what;
	const struct lodge_virtio_view *v = &d->view;

	if (nla_put_u32(skb, LODGE_A_DEVICE_VM, d->vm) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_SLOT, d->slot) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_KIND, d->kind) ||
	    (v->name[0] && nla_put_string(skb, LODGE_A_DEVICE_NAME, v->name)) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_STATUS, v->status) ||
	    put_u64(skb, LODGE_A_DEVICE_OFFERED, v->offered) ||
	    put_u64(skb, LODGE_A_DEVICE_ACCEPTED, v->accepted) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_QUEUES, v->queues) ||
	    nla_put_u32(skb, LODGE_A_DEVICE_ENABLED, v->enabled) ||
	    fill_counts(skb, v))
		return -EMSGSIZE;
	if (v->is_disk)
		return fill_disk(skb, v);
	return v->is_net ? fill_net(skb, v) : 0;
}

/* The first device from a number on */
static bool look_from(struct lodge_vm *vm, u32 slot, struct device_view *d)
{
	struct lodge_virtio *dev = NULL;

	if (!vm->machine)
		return false;
	for (; slot < LODGE_PCI_SLOTS && !dev; slot++)
		dev = lodge_virtio_at(&vm->machine->virtio, slot);
	if (!dev)
		return false;
	d->slot = slot - 1;
	d->kind = dev->ops->id;
	lodge_virtio_look(dev, &d->view);
	return true;
}

/* The VM, for lodge_vm_put(), and the device that a request names */
static struct lodge_vm *find(struct sk_buff *skb, struct genl_info *info, u32 *number,
			     struct lodge_virtio **dev)
{
	struct nlattr *slot = info->attrs[LODGE_A_DEVICE_SLOT];
	struct lodge_vm *vm;

	vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_DEVICE_VM], number);
	if (IS_ERR(vm))
		return vm;
	*dev = slot && vm->machine ? lodge_virtio_at(&vm->machine->virtio, nla_get_u32(slot)) :
				     NULL;
	if (*dev)
		return vm;
	lodge_vm_put(vm);
	if (!slot) {
		GENL_SET_ERR_MSG(info, "the number of a device is missing");
		return ERR_PTR(-EINVAL);
	}
	NL_SET_ERR_MSG_ATTR(info->extack, slot, "the VM has no such device");
	return ERR_PTR(-ENODEV);
}

int lodge_netlink_device_get(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_virtio *dev;
	struct device_view *d;
	struct lodge_vm *vm;
	u32 number;
	int err = -ENOMEM;

	vm = find(skb, info, &number, &dev);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	d = lodge_alloc(sizeof(*d), GFP_KERNEL);
	if (d) {
		d->vm = number;
		look_from(vm, nla_get_u32(info->attrs[LODGE_A_DEVICE_SLOT]), d);
		err = lodge_netlink_reply(info, sizeof(*d) + GENLMSG_DEFAULT_SIZE, fill, d);
	}
	lodge_vm_put(vm);
	kfree(d);
	return err;
}

int lodge_netlink_device_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lodge_dump *dump = (struct lodge_dump *)cb->ctx;
	struct lodge_vm *vm = lodge_netlink_dump_vm(cb);
	struct device_view *d;
	int err = -ENOMEM;

	if (!vm)
		return skb->len;
	d = lodge_alloc(sizeof(*d), GFP_KERNEL);
	if (d) {
		d->vm = dump->vm;
		while (look_from(vm, dump->next, d) &&
		       !lodge_netlink_add(skb, cb, LODGE_CMD_DEVICE_GET, fill, d))
			dump->next = d->slot + 1;
		err = skb->len;
	}
	lodge_vm_put(vm);
	kfree(d);
	return err;
}

/* ---- changing ------------------------------------------------------------ */

/* What of a request is for one kind of device alone, and what is for all that have limits */
static int check(struct genl_info *info, const struct lodge_virtio *dev)
{
	bool disk = dev->ops->id == VIRTIO_ID_BLOCK, net = dev->ops->id == VIRTIO_ID_NET;
	static const struct {
		int attr;
		bool disk;
		bool net;
	} takes[] = {
		{ LODGE_A_DEVICE_LINK, false, true },
		{ LODGE_A_DEVICE_SIZE, true, false },
		{ LODGE_A_DEVICE_RESCAN, true, false },
		{ LODGE_A_DEVICE_MAX_REQUESTS, true, true },
		{ LODGE_A_DEVICE_MAX_BYTES, true, true },
	};
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(takes); i++) {
		struct nlattr *attr = info->attrs[takes[i].attr];

		n += !!attr;
		if (!attr || (disk && takes[i].disk) || (net && takes[i].net))
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "the device is not of a kind that has this");
		return -EOPNOTSUPP;
	}
	if (n)
		return 0;
	GENL_SET_ERR_MSG(info, "there is nothing to do: what is to change is missing");
	return -EINVAL;
}

static int set_size(struct genl_info *info, struct lodge_virtio *dev)
{
	struct nlattr *size = info->attrs[LODGE_A_DEVICE_SIZE];
	int err;

	if (!size)
		return info->attrs[LODGE_A_DEVICE_RESCAN] ? lodge_blk_resize(dev) : 0;
	err = lodge_blk_set_size(dev, nla_get_u64(size));
	if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the size is no multiple of 512");
	else if (err == -EROFS)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the disk is read-only");
	else if (err == -ENOTBLK)
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "the disk is no file, whose size could be changed");
	else if (err && err != -EINTR)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the file cannot have this size");
	return err;
}

/* What is not asked for stays */
static void set_limits(struct genl_info *info, struct lodge_virtio *dev)
{
	struct nlattr *requests = info->attrs[LODGE_A_DEVICE_MAX_REQUESTS];
	struct nlattr *bytes = info->attrs[LODGE_A_DEVICE_MAX_BYTES];
	void (*limit)(struct lodge_virtio *dev, unsigned int which, u64 rate);

	limit = dev->ops->id == VIRTIO_ID_NET ? lodge_net_limit : lodge_blk_limit;
	if (requests)
		limit(dev, LODGE_LIMIT_REQUESTS, nla_get_u64(requests));
	if (bytes)
		limit(dev, LODGE_LIMIT_BYTES, nla_get_u64(bytes));
}

int lodge_netlink_device_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *link = info->attrs[LODGE_A_DEVICE_LINK];
	struct lodge_virtio *dev;
	struct lodge_vm *vm;
	u32 number;
	int err;

	vm = find(skb, info, &number, &dev);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = check(info, dev);
	if (!err)
		err = set_size(info, dev);
	if (!err) {
		if (link)
			lodge_net_plug(dev, nla_get_u32(link));
		set_limits(info, dev);
	}
	lodge_vm_put(vm);
	return err;
}
