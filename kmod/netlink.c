// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: policies, operations, who asks.
 *
 * Operations run in parallel; the registry's lock is all that they take.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/if_ether.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "dev/pci.h"
#include "netlink.h"
#include "quota.h"
#include "vcpu.h"
#include "vm.h"

/* ---- who asks ------------------------------------------------------------ */

/**
 * lodge_netlink_caller - whose VMs a message may be about
 * @skb: the message, in its sender's context
 * @who: filled in
 *
 * VMs of his own has who is now what he was when he opened the socket: else one might have a
 * program with another user's rights write to it.
 */
void lodge_netlink_caller(struct sk_buff *skb, struct lodge_caller *who)
{
	struct sock *sk = NETLINK_CB(skb).sk;
	const struct cred *opener = sk->sk_socket->file->f_cred;

	*who = (struct lodge_caller){
		.uid = INVALID_UID, .user_ns = opener->user_ns, .net = sock_net(sk), .skb = skb,
	};
	if (uid_eq(opener->euid, current_euid()) && opener->user_ns == current_user_ns())
		who->uid = opener->euid;
}

/**
 * lodge_netlink_find - the record that an attribute names
 * @skb: the message, in its sender's context
 * @attr: a VM's number, or NULL
 * @extack: told what is wrong
 *
 * Return: the record with a reference, or an ERR_PTR: -EINVAL, -ENOENT.
 */
struct lodge_record *lodge_netlink_find(struct sk_buff *skb, struct nlattr *attr,
					struct netlink_ext_ack *extack)
{
	struct lodge_record *record;
	struct lodge_caller who;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "the number of a VM is missing");
		return ERR_PTR(-EINVAL);
	}
	lodge_netlink_caller(skb, &who);
	record = lodge_registry_find(&who, nla_get_u32(attr));
	if (!record) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "there is no such VM");
		return ERR_PTR(-ENOENT);
	}
	return record;
}

/**
 * lodge_netlink_find_vm - the VM that an attribute names
 * @skb: the message, in its sender's context
 * @info: likewise
 * @attr: a VM's number, or NULL
 * @number: filled in: its number
 *
 * Return: the VM, for lodge_vm_put_later(), or an ERR_PTR: -EINVAL, -ENOENT, or -ESRCH if it has
 * ended.
 */
struct lodge_vm *lodge_netlink_find_vm(struct sk_buff *skb, struct genl_info *info,
				       struct nlattr *attr, u32 *number)
{
	struct lodge_record *record = lodge_netlink_find(skb, attr, info->extack);
	struct lodge_vm *vm;

	if (IS_ERR(record))
		return ERR_CAST(record);
	*number = record->number;
	vm = lodge_registry_get_vm(record);
	lodge_registry_put(record);
	if (vm)
		return vm;
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "the VM has ended");
	return ERR_PTR(-ESRCH);
}

/* ---- messages ------------------------------------------------------------ */

/**
 * lodge_netlink_reply - answer a request with one message
 * @info: the request
 * @room: bytes for attributes
 * @fill: puts them, returns 0 or an errno
 * @what: its argument
 *
 * Return: 0, -ENOMEM, -EMSGSIZE, or what netlink returned.
 */
int lodge_netlink_reply(struct genl_info *info, size_t room, lodge_netlink_fill fill,
			const void *what)
{
	struct sk_buff *skb = genlmsg_new(room, GFP_KERNEL);
	void *header;
	int err;

	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &lodge_netlink_family, 0, info->genlhdr->cmd);
	err = header ? fill(skb, what) : -EMSGSIZE;
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/**
 * lodge_netlink_add - add a message to a dump
 * @skb: where it goes
 * @cb: the dump
 * @cmd: LODGE_CMD_*
 * @fill: as in lodge_netlink_reply()
 * @what: its argument
 *
 * Return: 0, or -EMSGSIZE if there was no room, and nothing was added.
 */
int lodge_netlink_add(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      lodge_netlink_fill fill, const void *what)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				   &lodge_netlink_family, NLM_F_MULTI, cmd);

	if (!header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, header);
	if (fill(skb, what)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static struct lodge_dump *dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct lodge_dump) > sizeof(cb->ctx));
	return (struct lodge_dump *)cb->ctx;
}

static void start(struct netlink_callback *cb, u32 vm)
{
	struct lodge_caller who;

	lodge_netlink_caller(cb->skb, &who);
	*dump_of(cb) = (struct lodge_dump){ .uid = who.uid, .vm = vm };
}

/**
 * lodge_netlink_dump_start - begin a dump of VMs, in its sender's context
 * @cb: the dump
 *
 * Return: 0 or -EINVAL.
 */
int lodge_netlink_dump_start(struct netlink_callback *cb)
{
	struct nlattr *attr = compat_genl_dump_attrs(cb)[LODGE_A_VM_NUMBER];

	if (attr) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attr, "a dump is of all VMs");
		return -EINVAL;
	}
	start(cb, 0);
	return 0;
}

/**
 * lodge_netlink_dump_start_vm - begin a dump of what a VM has, in its sender's context
 * @cb: the dump
 *
 * Return: 0, -EINVAL or -ENOENT.
 */
int lodge_netlink_dump_start_vm(struct netlink_callback *cb)
{
	struct nlattr **attrs = compat_genl_dump_attrs(cb);
	struct lodge_record *record;

	BUILD_BUG_ON((int)LODGE_A_VCPU_VM != (int)LODGE_A_STATS_VM ||
		     (int)LODGE_A_VCPU_VM != (int)LODGE_A_MEMORY_VM ||
		     (int)LODGE_A_VCPU_VM != (int)LODGE_A_DEVICE_VM ||
		     (int)LODGE_A_VCPU_ID != (int)LODGE_A_DEVICE_SLOT ||
		     (int)LODGE_A_VCPU_ID != (int)LODGE_A_STATS_VCPU ||
		     (int)LODGE_A_VCPU_ID != (int)LODGE_A_MEMORY_ADDRESS);
	if (attrs[LODGE_A_VCPU_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[LODGE_A_VCPU_ID],
				    "a dump is of all there are");
		return -EINVAL;
	}
	record = lodge_netlink_find(cb->skb, attrs[LODGE_A_VCPU_VM], cb->extack);
	if (IS_ERR(record))
		return PTR_ERR(record);
	start(cb, record->number);
	lodge_registry_put(record);
	return 0;
}

/**
 * lodge_netlink_dump_caller - who asked for a dump
 * @cb: begun
 * @who: filled in
 */
void lodge_netlink_dump_caller(struct netlink_callback *cb, struct lodge_caller *who)
{
	struct sock *sk = NETLINK_CB(cb->skb).sk;

	*who = (struct lodge_caller){
		.uid = dump_of(cb)->uid,
		.user_ns = sk->sk_socket->file->f_cred->user_ns,
		.net = sock_net(sk),
		.skb = cb->skb,
	};
}

/**
 * lodge_netlink_dump_vm - the VM that a dump is of, for one message of it
 * @cb: begun by lodge_netlink_dump_start_vm()
 *
 * Of a VM that ends meanwhile there is no more, and the dump is told to be inconsistent.
 *
 * Return: the VM, for lodge_vm_put_later(), or NULL if it has ended.
 */
struct lodge_vm *lodge_netlink_dump_vm(struct netlink_callback *cb)
{
	struct lodge_record *record;
	struct lodge_caller who;
	struct lodge_vm *vm;

	lodge_netlink_dump_caller(cb, &who);
	cb->seq = lodge_registry_generation();
	record = lodge_registry_find(&who, dump_of(cb)->vm);
	if (!record)
		return NULL;
	vm = lodge_registry_get_vm(record);
	lodge_registry_put(record);
	return vm;
}

/* ---- operations ---------------------------------------------------------- */

static const struct nla_policy vm_policy[] = {
	[LODGE_A_VM_NUMBER] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy vm_get_policy[] = {
	[LODGE_A_VM_NUMBER] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = LODGE_NETLINK_NAME },
	[LODGE_A_VM_STATE] = NLA_POLICY_MAX(NLA_U32, LODGE_STATE_ENDED),
};

static const struct nla_policy vm_set_policy[] = {
	[LODGE_A_VM_NUMBER] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = LODGE_NETLINK_NAME },
	[LODGE_A_VM_ACTION] = NLA_POLICY_RANGE(NLA_U32, LODGE_ACTION_PAUSE, LODGE_ACTION_NMI),
	[LODGE_A_VM_CPU_LIMIT] = NLA_POLICY_MAX(NLA_U32, LODGE_QUOTA_MAX),
};

static const struct nla_policy vm_new_policy[] = {
	[LODGE_A_VM_NAME] = { .type = NLA_NUL_STRING, .len = LODGE_NETLINK_NAME },
	[LODGE_A_VM_CPU_LIMIT] = NLA_POLICY_MAX(NLA_U32, LODGE_QUOTA_MAX),
	[LODGE_A_VM_FLAGS] = NLA_POLICY_MASK(NLA_U32, LODGE_VM_FLAGS),
	[LODGE_A_VM_TSC_KHZ] = { .type = NLA_U32 },
	[LODGE_A_VM_DEVICE] = NLA_POLICY_MIN(NLA_S32, 0),
};

static const struct nla_policy vcpu_policy[] = {
	[LODGE_A_VCPU_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_VCPU_ID] = NLA_POLICY_MAX(NLA_U32, LODGE_MAX_VCPUS - 1),
};

static const struct nla_policy stats_policy[] = {
	[LODGE_A_STATS_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_STATS_VCPU] = NLA_POLICY_MAX(NLA_U32, LODGE_MAX_VCPUS - 1),
};

static const struct nla_policy console_policy[] = {
	[LODGE_A_CONSOLE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_CONSOLE_WHICH] = NLA_POLICY_MAX(NLA_U32, LODGE_CONSOLE_VIRTIO),
	[LODGE_A_CONSOLE_POSITION] = { .type = NLA_U32 },
};

static const struct nla_policy console_write_policy[] = {
	[LODGE_A_CONSOLE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_CONSOLE_DATA] = { .type = NLA_BINARY, .len = LODGE_CONSOLE_WRITE_MAX },
	[LODGE_A_CONSOLE_BREAK] = { .type = NLA_FLAG },
};

static const struct nla_policy memory_policy[] = {
	[LODGE_A_MEMORY_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_MEMORY_ADDRESS] = { .type = NLA_U64 },
	[LODGE_A_MEMORY_LENGTH] = { .type = NLA_U64 },
};

static const struct nla_policy regs_policy[] = {
	[LODGE_A_REGS_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_REGS_ID] = NLA_POLICY_MAX(NLA_U32, LODGE_MAX_VCPUS - 1),
};

static const struct nla_policy balloon_policy[] = {
	[LODGE_A_BALLOON_VM] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy balloon_set_policy[] = {
	[LODGE_A_BALLOON_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_BALLOON_TARGET] = { .type = NLA_U64 },
};

static const struct nla_policy device_policy[] = {
	[LODGE_A_DEVICE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_DEVICE_SLOT] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_PCI_SLOTS - 1),
};

static const struct nla_policy device_set_policy[] = {
	[LODGE_A_DEVICE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_DEVICE_SLOT] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_PCI_SLOTS - 1),
	[LODGE_A_DEVICE_LINK] = NLA_POLICY_MAX(NLA_U32, 1),
	[LODGE_A_DEVICE_SIZE] = NLA_POLICY_MIN(NLA_U64, 512),
	[LODGE_A_DEVICE_RESCAN] = { .type = NLA_FLAG },
	[LODGE_A_DEVICE_MAX_REQUESTS] = { .type = NLA_U64 },
	[LODGE_A_DEVICE_MAX_BYTES] = { .type = NLA_U64 },
};

/* More than a policy's own limits, which are of 16 bits with a sign, can say */
static struct netlink_range_validation mtu_range = { .min = ETH_MIN_MTU, .max = ETH_MAX_MTU };

static const struct nla_policy device_new_policy[] = {
	[LODGE_A_DEVICE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_DEVICE_SLOT] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_PCI_SLOTS - 1),
	[LODGE_A_DEVICE_KIND] = NLA_POLICY_RANGE(NLA_U32, LODGE_DEVICE_NET, LODGE_DEVICE_BLOCK),
	[LODGE_A_DEVICE_QUEUES] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_MAX_QUEUES),
	[LODGE_A_DEVICE_READ_ONLY] = { .type = NLA_FLAG },
	[LODGE_A_DEVICE_SERIAL] = { .type = NLA_NUL_STRING, .len = LODGE_SERIAL_LEN },
	[LODGE_A_DEVICE_MAC] = NLA_POLICY_EXACT_LEN(ETH_ALEN),
	[LODGE_A_DEVICE_MTU] = NLA_POLICY_FULL_RANGE(NLA_U32, &mtu_range),
	[LODGE_A_DEVICE_MAX_REQUESTS] = { .type = NLA_U64 },
	[LODGE_A_DEVICE_MAX_BYTES] = { .type = NLA_U64 },
	[LODGE_A_DEVICE_FD] = NLA_POLICY_MIN(NLA_S32, 0),
};

static const struct nla_policy device_delete_policy[] = {
	[LODGE_A_DEVICE_VM] = NLA_POLICY_MIN(NLA_U32, 1),
	[LODGE_A_DEVICE_SLOT] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_PCI_SLOTS - 1),
	[LODGE_A_DEVICE_FORCE] = { .type = NLA_FLAG },
};

static const struct nla_policy listen_policy[] = {
	[LODGE_A_EVENT_GROUPS] = NLA_POLICY_RANGE(NLA_U32, 1, LODGE_NETLINK_GROUPS),
};

#define POLICY(p)	.policy = (p), .maxattr = ARRAY_SIZE(p) - 1

static const struct genl_ops ops[] = {
	{
		.cmd = LODGE_CMD_VM_GET, POLICY(vm_get_policy), .doit = lodge_netlink_vm_get,
		.start = lodge_netlink_dump_start, .dumpit = lodge_netlink_vm_dump,
	},
	{ .cmd = LODGE_CMD_VM_SET, POLICY(vm_set_policy), .doit = lodge_netlink_vm_set },
	{ .cmd = LODGE_CMD_VM_DELETE, POLICY(vm_policy), .doit = lodge_netlink_vm_delete },
	{
		.cmd = LODGE_CMD_VCPU_GET, POLICY(vcpu_policy), .doit = lodge_netlink_vcpu_get,
		.start = lodge_netlink_dump_start_vm, .dumpit = lodge_netlink_vcpu_dump,
	},
	{
		.cmd = LODGE_CMD_STATS_GET, POLICY(stats_policy), .doit = lodge_netlink_stats_get,
		.start = lodge_netlink_dump_start_vm, .dumpit = lodge_netlink_stats_dump,
	},
	{ .cmd = LODGE_CMD_CAPS_GET, .doit = lodge_netlink_caps_get },
	{ .cmd = LODGE_CMD_CONSOLE_GET, POLICY(console_policy), .doit = lodge_netlink_console_get },
	{
		.cmd = LODGE_CMD_EVENT_LISTEN, POLICY(listen_policy),
		.doit = lodge_netlink_event_listen,
	},
	{
		.cmd = LODGE_CMD_CONSOLE_WRITE, POLICY(console_write_policy),
		.doit = lodge_netlink_console_write,
	},
	{
		.cmd = LODGE_CMD_MEMORY_GET, POLICY(memory_policy),
		.doit = lodge_netlink_memory_get,
		.start = lodge_netlink_dump_start_vm, .dumpit = lodge_netlink_memory_dump,
	},
	{ .cmd = LODGE_CMD_REGS_GET, POLICY(regs_policy), .doit = lodge_netlink_regs_get },
	{ .cmd = LODGE_CMD_BALLOON_GET, POLICY(balloon_policy), .doit = lodge_netlink_balloon_get },
	{
		.cmd = LODGE_CMD_BALLOON_SET, POLICY(balloon_set_policy),
		.doit = lodge_netlink_balloon_set,
	},
	{
		.cmd = LODGE_CMD_DEVICE_GET, POLICY(device_policy),
		.doit = lodge_netlink_device_get,
		.start = lodge_netlink_dump_start_vm, .dumpit = lodge_netlink_device_dump,
	},
	{
		.cmd = LODGE_CMD_DEVICE_SET, POLICY(device_set_policy),
		.doit = lodge_netlink_device_set,
	},
	{
		.cmd = LODGE_CMD_DEVICE_NEW, POLICY(device_new_policy),
		.doit = lodge_netlink_device_new,
	},
	{
		.cmd = LODGE_CMD_DEVICE_DELETE, POLICY(device_delete_policy),
		.doit = lodge_netlink_device_delete,
	},
	{ .cmd = LODGE_CMD_VM_NEW, POLICY(vm_new_policy), .doit = lodge_netlink_vm_new },
};

/* Of all VMs in the network namespace: so not for everybody there */
static const struct genl_multicast_group groups[] = {
	[LODGE_EVENT_GROUP_LIFE] = { .name = LODGE_MCGRP_LIFE, .flags = GENL_MCAST_CAP_SYS_ADMIN },
	[LODGE_EVENT_GROUP_DEVICE] = {
		.name = LODGE_MCGRP_DEVICE, .flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
	[LODGE_EVENT_GROUP_GUEST] = {
		.name = LODGE_MCGRP_GUEST, .flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

struct genl_family lodge_netlink_family __ro_after_init = {
	.name = LODGE_FAMILY_NAME,
	.version = LODGE_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.module = THIS_MODULE,
};

/* ---- life ---------------------------------------------------------------- */

/**
 * lodge_netlink_init - make the family appear
 *
 * Return: 0, or what registration returned.
 */
int __init lodge_netlink_init(void)
{
	int err = lodge_netlink_event_init();

	if (err)
		return err;
	err = genl_register_family(&lodge_netlink_family);
	if (err)
		lodge_netlink_event_exit();
	return err;
}

/**
 * lodge_netlink_exit - mirror of lodge_netlink_init(); records are forgotten
 */
void lodge_netlink_exit(void)
{
	genl_unregister_family(&lodge_netlink_family);
	lodge_netlink_event_exit();
	lodge_registry_exit();
}
