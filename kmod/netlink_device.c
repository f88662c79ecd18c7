// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on virtio devices: what they are and do; size, cable, limits; and how
 * they come and go.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/if_ether.h>
#include <linux/nospec.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/virtio_ids.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "job.h"
#include "netlink.h"
#include "plug.h"
#include "virtio/add.h"
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

/* The first device from a number on; with lodge_virtio_set.lock */
static bool look_from(struct lodge_vm *vm, u32 slot, struct device_view *d)
{
	const struct lodge_virtio_set *set = &vm->machine->virtio;

	for (; slot < LODGE_PCI_SLOTS; slot++) {
		struct lodge_virtio *dev = lodge_virtio_at(set, slot);

		if (!dev && !lodge_virtio_leaves(set, slot))
			continue;
		d->slot = slot;
		d->kind = set->given[array_index_nospec(slot, LODGE_PCI_SLOTS)].id;
		memset(&d->view, 0, sizeof(d->view));
		if (dev)
			lodge_virtio_look(dev, &d->view);
		return true;
	}
	return false;
}

/* Devices stay until let_go() */
static int hold(struct lodge_vm *vm)
{
	if (!vm->machine)
		return -ENODEV;
	return down_read_killable(&vm->machine->virtio.lock);
}

static void let_go(struct lodge_vm *vm)
{
	up_read(&vm->machine->virtio.lock);
}

/* The device that a request names, for release_device() with the VM */
static struct lodge_virtio *find(struct sk_buff *skb, struct genl_info *info, u32 *number,
				 struct lodge_vm **vm)
{
	struct nlattr *slot = info->attrs[LODGE_A_DEVICE_SLOT];
	struct lodge_virtio *dev;
	int err;

	*vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_DEVICE_VM], number);
	if (IS_ERR(*vm))
		return ERR_CAST(*vm);
	if (!slot) {
		lodge_vm_put_later(*vm);
		GENL_SET_ERR_MSG(info, "the number of a device is missing");
		return ERR_PTR(-EINVAL);
	}
	err = hold(*vm);
	if (!err) {
		dev = lodge_virtio_at(&(*vm)->machine->virtio, nla_get_u32(slot));
		if (dev)
			return dev;
		let_go(*vm);
		err = -ENODEV;
	}
	lodge_vm_put_later(*vm);
	if (err == -ENODEV)
		NL_SET_ERR_MSG_ATTR(info->extack, slot, "the VM has no such device");
	return ERR_PTR(err);
}

static void release_device(struct lodge_vm *vm)
{
	let_go(vm);
	lodge_vm_put_later(vm);
}

/* Answers with the device of a number, which is held; or does not, if that has gone again */
static int reply(struct lodge_vm *vm, struct genl_info *info, u32 number, u32 slot)
{
	struct device_view *d = lodge_alloc(sizeof(*d), GFP_KERNEL);
	int err = -ENODEV;

	if (!d)
		return -ENOMEM;
	d->vm = number;
	if (look_from(vm, slot, d) && d->slot == slot)
		err = lodge_netlink_reply(info, sizeof(*d) + GENLMSG_DEFAULT_SIZE, fill, d);
	kfree(d);
	return err;
}

int lodge_netlink_device_get(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_virtio *dev;
	struct lodge_vm *vm;
	u32 number;
	int err;

	dev = find(skb, info, &number, &vm);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = reply(vm, info, number, nla_get_u32(info->attrs[LODGE_A_DEVICE_SLOT]));
	release_device(vm);
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
	if (d)
		err = hold(vm);
	if (d && !err) {
		d->vm = dump->vm;
		while (look_from(vm, dump->next, d) &&
		       !lodge_netlink_add(skb, cb, LODGE_CMD_DEVICE_GET, fill, d))
			dump->next = d->slot + 1;
		let_go(vm);
	}
	lodge_vm_put_later(vm);
	kfree(d);
	return !err || err == -ENODEV ? skb->len : err;
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

/* The file is changed with its opener's rights, who may be another user than the VM's */
static bool may_change(struct sk_buff *skb, struct lodge_virtio *dev)
{
	const struct file *file = dev->ops->file(dev, 0);
	struct lodge_caller who;

	lodge_netlink_caller(skb, &who);
	return (uid_valid(who.uid) && lodge_virtio_may_have(file)) ||
	       netlink_ns_capable(skb, file->f_cred->user_ns, CAP_SYS_ADMIN);
}

/**
 * struct sizing - the size of a disk, which its file system may take its time for
 * @job: gives it that size
 * @file: behind the disk, with a reference
 * @slot: number of the disk, which may have gone meanwhile
 * @size: bytes; U64_MAX: those of the file
 */
struct sizing {
	struct lodge_job job;
	struct file *file;
	u32 slot;
	u64 size;
};

static void tell_disk(const struct sizing *s, u64 most)
{
	struct lodge_vm *vm = lodge_registry_get_vm(s->job.record);
	struct lodge_virtio *dev;

	if (!vm)
		return;
	if (vm->machine) {
		down_read(&vm->machine->virtio.lock);
		dev = lodge_virtio_at(&vm->machine->virtio, s->slot);
		if (dev && dev->ops->id == VIRTIO_ID_BLOCK && dev->ops->file(dev, 0) == s->file)
			lodge_blk_resize(dev, most);
		up_read(&vm->machine->virtio.lock);
	}
	lodge_vm_put_later(vm);
}

/* Has no reference on the VM while it waits for the file system: the VM may end */
static int run_sizing(struct lodge_job *job)
{
	struct sizing *s = container_of(job, struct sizing, job);
	int err = 0;

	if (s->size != U64_MAX) {
		/* or writes that the driver sends meanwhile make it larger again */
		tell_disk(s, s->size);
		err = lodge_blk_truncate(s->file, s->size);
	}
	tell_disk(s, U64_MAX);
	return err;
}

static void free_sizing(struct lodge_job *job)
{
	struct sizing *s = container_of(job, struct sizing, job);

	fput(s->file);
	kfree(s);
}

static int may_size(struct sk_buff *skb, struct genl_info *info, struct lodge_virtio *dev)
{
	struct nlattr *size = info->attrs[LODGE_A_DEVICE_SIZE];
	int err;

	if (!may_change(skb, dev)) {
		NL_SET_ERR_MSG_ATTR(info->extack, size, "another user has opened the file");
		return -EPERM;
	}
	err = lodge_blk_may_resize(dev, nla_get_u64(size));
	if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the size is no multiple of 512");
	else if (err == -EROFS)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the disk is read-only");
	else if (err == -ENOTBLK)
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "the disk is no file, whose size could be changed");
	else if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, size, "the file cannot have this size");
	return err;
}

/* What is asked for of a disk's size, for do_sizing(); NULL: nothing; or an ERR_PTR */
static struct sizing *get_sizing(struct sk_buff *skb, struct genl_info *info,
				 struct lodge_virtio *dev)
{
	struct nlattr *size = info->attrs[LODGE_A_DEVICE_SIZE];
	struct sizing *s;
	int err;

	if (!size && !info->attrs[LODGE_A_DEVICE_RESCAN])
		return NULL;
	err = size ? may_size(skb, info, dev) : 0;
	if (err)
		return ERR_PTR(err);
	s = lodge_alloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->job = (struct lodge_job){ .run = run_sizing, .free = free_sizing };
	s->file = get_file(dev->ops->file(dev, 0));
	s->slot = nla_get_u32(info->attrs[LODGE_A_DEVICE_SLOT]);
	s->size = size ? nla_get_u64(size) : U64_MAX;
	return s;
}

static int do_sizing(struct genl_info *info, struct sizing *s, struct lodge_vm *vm)
{
	struct nlattr *size = info->attrs[LODGE_A_DEVICE_SIZE];
	int err = lodge_job_do(&s->job, vm->record);

	lodge_job_put(&s->job);
	switch (err) {
	case 0:
	case -EINTR:
	case -ENOMEM:
	case -ERESTARTSYS:
		return err;
	case -ETIMEDOUT:
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "the file system has not done it yet, and goes on with it");
		return -EINPROGRESS;
	case -EBUSY:
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "another request to the VM has not come to its end");
		return err;
	}
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
	struct sizing *s = NULL;
	struct lodge_vm *vm;
	u32 number;
	int err;

	dev = find(skb, info, &number, &vm);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = check(info, dev);
	if (!err) {
		s = get_sizing(skb, info, dev);
		err = PTR_ERR_OR_ZERO(s);
	}
	if (!err) {
		if (link)
			lodge_net_plug(dev, nla_get_u32(link));
		set_limits(info, dev);
	}
	let_go(vm);
	if (!err && s)
		err = do_sizing(info, s, vm);
	lodge_vm_put_later(vm);
	return err;
}

/* ---- coming and going ---------------------------------------------------- */

/* What of a request is for the other kind alone */
static int check_new(struct genl_info *info)
{
	static const int net[] = { LODGE_A_DEVICE_MAC, LODGE_A_DEVICE_MTU };
	static const int disk[] = {
		LODGE_A_DEVICE_READ_ONLY, LODGE_A_DEVICE_SERIAL, LODGE_A_DEVICE_QUEUES,
	};
	const int *others;
	unsigned int i, n;
	bool is_net;

	if (!info->attrs[LODGE_A_DEVICE_KIND] || !info->attrs[LODGE_A_DEVICE_FD]) {
		GENL_SET_ERR_MSG(info, "the device's kind or descriptor is missing");
		return -EINVAL;
	}
	is_net = nla_get_u32(info->attrs[LODGE_A_DEVICE_KIND]) == LODGE_DEVICE_NET;
	others = is_net ? disk : net;
	n = is_net ? ARRAY_SIZE(disk) : ARRAY_SIZE(net);
	for (i = 0; i < n; i++) {
		if (!info->attrs[others[i]])
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[others[i]],
				    "a device of this kind does not have this");
		return -EINVAL;
	}
	return 0;
}

static u32 number_of(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static u64 rate_of(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

static void fill_arg(struct genl_info *info, struct lodge_add_device *arg)
{
	struct nlattr **a = info->attrs;

	*arg = (struct lodge_add_device){
		.size = sizeof(*arg),
		.id = nla_get_u32(a[LODGE_A_DEVICE_KIND]),
		.flags = a[LODGE_A_DEVICE_READ_ONLY] ? LODGE_DEVICE_READONLY : 0,
		.slot = number_of(a[LODGE_A_DEVICE_SLOT]),
		.queues = number_of(a[LODGE_A_DEVICE_QUEUES]),
		.mtu = number_of(a[LODGE_A_DEVICE_MTU]),
		.max_requests = rate_of(a[LODGE_A_DEVICE_MAX_REQUESTS]),
		.max_bytes = rate_of(a[LODGE_A_DEVICE_MAX_BYTES]),
	};
	if (a[LODGE_A_DEVICE_MAC])
		nla_memcpy(arg->mac, a[LODGE_A_DEVICE_MAC], sizeof(arg->mac));
	if (a[LODGE_A_DEVICE_SERIAL])
		memcpy(arg->serial, nla_data(a[LODGE_A_DEVICE_SERIAL]),
		       strnlen(nla_data(a[LODGE_A_DEVICE_SERIAL]),
			       min_t(size_t, nla_len(a[LODGE_A_DEVICE_SERIAL]),
				     sizeof(arg->serial))));
}

/* Of a NIC there is one for each pair of queues; else one, and queues are a number */
static int fill_fds(struct genl_info *info, struct lodge_add_device *arg)
{
	unsigned int most = arg->id == LODGE_DEVICE_NET ? LODGE_MAX_PAIRS : 1, nr = 0;
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != LODGE_A_DEVICE_FD)
			continue;
		if (nr == most) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "there are more descriptors than a device of this kind can have");
			return -EINVAL;
		}
		if (nr)
			arg->fds[nr - 1] = nla_get_s32(attr);
		else
			arg->fd = nla_get_s32(attr);
		nr++;
	}
	if (arg->id == LODGE_DEVICE_NET)
		arg->queues = nr;
	return 0;
}

/* Return: @err */
static int refuse_new(struct genl_info *info, int err)
{
	struct nlattr *fd = info->attrs[LODGE_A_DEVICE_FD];

	switch (err) {
	case -ENODEV:
		GENL_SET_ERR_MSG(info, "the VM has no PCI bus, where devices could come and go");
		break;
	case -ENOSPC:
		GENL_SET_ERR_MSG(info, "the VM has as many devices as it can have");
		break;
	case -EUSERS:
		GENL_SET_ERR_MSG(info, "the VM's user has as many devices as he may have");
		break;
	case -EEXIST:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LODGE_A_DEVICE_SLOT],
				    "the VM has a device of this number, or has not got rid of it yet");
		break;
	case -EBADF:
		NL_SET_ERR_MSG_ATTR(info->extack, fd,
				    "the descriptor is not open, or not for what is needed");
		break;
	case -ENOTBLK:
		NL_SET_ERR_MSG_ATTR(info->extack, fd, "it is neither a file nor a block device");
		break;
	case -EOPNOTSUPP:
		NL_SET_ERR_MSG_ATTR(info->extack, fd, "it cannot be read and written as a disk is");
		break;
	case -EINVAL:
	case -EBADFD:
		NL_SET_ERR_MSG_ATTR(info->extack, fd, "it is no tap as it is needed");
		break;
	case -ESRCH:
		GENL_SET_ERR_MSG(info, "the VM has ended");
		break;
	}
	return err;
}

int lodge_netlink_device_new(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_add_device arg;
	struct lodge_vm *vm;
	u32 number;
	int err, slot;

	vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_DEVICE_VM], &number);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = check_new(info);
	if (err)
		goto out;
	fill_arg(info, &arg);
	err = fill_fds(info, &arg);
	if (err)
		goto out;
	slot = lodge_plug_add(vm, &arg);
	err = slot < 0 ? refuse_new(info, slot) : hold(vm);
	if (!err) {
		err = reply(vm, info, number, slot);
		let_go(vm);
	}
out:
	lodge_vm_put_later(vm);
	return err;
}

int lodge_netlink_device_delete(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_virtio *dev;
	struct lodge_vm *vm;
	u32 number;
	int err;

	dev = find(skb, info, &number, &vm);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	err = lodge_plug_remove(vm, nla_get_u32(info->attrs[LODGE_A_DEVICE_SLOT]),
				info->attrs[LODGE_A_DEVICE_FORCE]);
	if (err == -ENODEV)
		GENL_SET_ERR_MSG(info, "the VM has no PCI bus, where devices could come and go");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LODGE_A_DEVICE_SLOT],
				    "the device is neither a disk nor a network device");
	release_device(vm);
	return err;
}
