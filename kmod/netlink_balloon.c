// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on balloons.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <net/genetlink.h>

#include "netlink.h"
#include "virtio/balloon.h"
#include "vm.h"

/**
 * struct balloon - a VM's balloon
 * @number: the VM's
 * @view: what it looks like
 */
struct balloon {
	u32 number;
	struct lodge_balloon_view view;
};

static int fill(struct sk_buff *skb, const void *what)
{
	const struct balloon *b = what;
	const struct lodge_balloon_view *v = &b->view;
	int i;

	BUILD_BUG_ON(LODGE_A_BALLOON_CACHES - LODGE_A_BALLOON_SWAP_IN >= LODGE_BALLOON_STATS);
	if (nla_put_u32(skb, LODGE_A_BALLOON_VM, b->number) ||
	    nla_put_u64_64bit(skb, LODGE_A_BALLOON_TARGET, v->target, LODGE_A_BALLOON_PAD) ||
	    nla_put_u64_64bit(skb, LODGE_A_BALLOON_ACTUAL, v->actual, LODGE_A_BALLOON_PAD))
		return -EMSGSIZE;
	if (v->time && nla_put_u64_64bit(skb, LODGE_A_BALLOON_AGE, ktime_get_ns() - v->time,
					 LODGE_A_BALLOON_PAD))
		return -EMSGSIZE;
	/* in the order of VIRTIO_BALLOON_S_* */
	for (i = 0; i <= LODGE_A_BALLOON_CACHES - LODGE_A_BALLOON_SWAP_IN; i++)
		if ((v->known & BIT(i)) &&
		    nla_put_u64_64bit(skb, LODGE_A_BALLOON_SWAP_IN + i, v->stats[i],
				      LODGE_A_BALLOON_PAD))
			return -EMSGSIZE;
	return 0;
}

/* The VM with a reference, and its balloon; or an ERR_PTR */
static struct lodge_vm *find(struct sk_buff *skb, struct genl_info *info, u32 *number,
			     struct lodge_virtio **dev)
{
	struct nlattr *attr = info->attrs[LODGE_A_BALLOON_VM];
	struct lodge_vm *vm = lodge_netlink_find_vm(skb, info, attr, number);

	if (IS_ERR(vm))
		return vm;
	*dev = vm->machine ? lodge_virtio_only(&vm->machine->virtio.balloon) : NULL;
	if (!*dev) {
		lodge_vm_put_later(vm);
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "the VM has no balloon");
		return ERR_PTR(-ENODEV);
	}
	return vm;
}

int lodge_netlink_balloon_get(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_virtio *dev;
	struct balloon b = {};
	struct lodge_vm *vm = find(skb, info, &b.number, &dev);

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	lodge_balloon_look(dev, &b.view);
	lodge_vm_put_later(vm);
	return lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill, &b);
}

static int set(struct lodge_vm *vm, struct lodge_virtio *dev, struct nlattr *target,
	       struct netlink_ext_ack *extack)
{
	int err = -EINVAL;

	if (!target) {
		NL_SET_ERR_MSG(extack, "the target is missing");
		return -EINVAL;
	}
	if (nla_get_u64(target) <= lodge_vm_memory(vm))
		err = lodge_balloon_set(dev, nla_get_u64(target));
	if (err)
		NL_SET_ERR_MSG_ATTR(extack, target,
				    "no multiple of 4096, or more than the VM's memory");
	return err;
}

int lodge_netlink_balloon_set(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_virtio *dev;
	u32 number;
	struct lodge_vm *vm = find(skb, info, &number, &dev);
	int err;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = set(vm, dev, info->attrs[LODGE_A_BALLOON_TARGET], info->extack);
	lodge_vm_put_later(vm);
	return err;
}
