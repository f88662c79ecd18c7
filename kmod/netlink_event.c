// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events, as netlink messages: to multicast groups in the network namespace of the
 * VM, which take CAP_SYS_ADMIN to join, and to sockets of the VM's owner that have
 * asked for them.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>
#include <net/netns/generic.h>

#include "alloc.h"
#include "netlink.h"

#define LISTENERS_PER_USER	64

static unsigned int net_id;

/**
 * struct net_events - events of a network namespace
 * @seq: number of each group's last; the registry's lock
 */
struct net_events {
	u32 seq[LODGE_EVENT_GROUP_NR];
};

/**
 * struct listener - a socket that wants the events of its user's VMs
 * @list: in @listeners
 * @uid: as in struct lodge_caller
 * @user_ns: likewise; the socket's file keeps it
 * @net: likewise; the socket keeps it
 * @portid: the socket's
 * @groups: a bit for each group that it wants
 * @seq: number of the last event of each group for it
 */
struct listener {
	struct list_head list;
	kuid_t uid;
	struct user_namespace *user_ns;
	struct net *net;
	u32 portid;
	u32 groups;
	u32 seq[LODGE_EVENT_GROUP_NR];
};

/* Inside the registry's */
static DEFINE_MUTEX(listeners_lock);
static LIST_HEAD(listeners);

/* ---- messages ------------------------------------------------------------ */

static enum lodge_event_group group_of(enum lodge_event_kind kind)
{
	switch (kind) {
	case LODGE_VM_EVENT_ATTACHED:
	case LODGE_VM_EVENT_DETACHED:
		return LODGE_EVENT_GROUP_DEVICE;
	case LODGE_VM_EVENT_PANIC:
	case LODGE_VM_EVENT_POWEROFF:
	case LODGE_VM_EVENT_RESET:
	case LODGE_VM_EVENT_TRIPLE_FAULT:
	case LODGE_VM_EVENT_WATCHDOG:
		return LODGE_EVENT_GROUP_GUEST;
	default:
		return LODGE_EVENT_GROUP_LIFE;
	}
}

static int fill(struct sk_buff *skb, const struct lodge_record *r, enum lodge_event_kind kind,
		u32 slot, u32 seq)
{
	if (nla_put_u32(skb, LODGE_A_EVENT_SEQ, seq) ||
	    nla_put_u32(skb, LODGE_A_EVENT_KIND, kind) ||
	    nla_put_u32(skb, LODGE_A_EVENT_GROUP, group_of(kind)) ||
	    nla_put_u32(skb, LODGE_A_EVENT_VM, r->number) ||
	    nla_put_string(skb, LODGE_A_EVENT_NAME, r->name) ||
	    nla_put_u32(skb, LODGE_A_EVENT_UID, from_kuid_munged(r->net->user_ns, r->uid)) ||
	    nla_put_u64_64bit(skb, LODGE_A_EVENT_TIME, ktime_get_real_ns(), LODGE_A_EVENT_PAD))
		return -EMSGSIZE;
	if (slot && nla_put_u32(skb, LODGE_A_EVENT_SLOT, slot))
		return -EMSGSIZE;
	if (kind != LODGE_VM_EVENT_ENDED)
		return 0;
	if (nla_put_u32(skb, LODGE_A_EVENT_REASON, r->reason) ||
	    nla_put_u32(skb, LODGE_A_EVENT_STATUS, r->status))
		return -EMSGSIZE;
	/* the process is kept in mind only if it is about to make the VM again */
	return r->pid ? nla_put_flag(skb, LODGE_A_EVENT_RESTARTS) : 0;
}

/* Without memory nothing is sent, and the receiver finds a gap in the numbers */
static struct sk_buff *message(const struct lodge_record *r, enum lodge_event_kind kind, u32 slot,
			       u32 seq)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return NULL;
	header = genlmsg_put(skb, 0, 0, &lodge_netlink_family, 0, LODGE_CMD_EVENT);
	if (!header || fill(skb, r, kind, slot, seq)) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, header);
	return skb;
}

static void tell_group(const struct lodge_record *r, enum lodge_event_kind kind, u32 slot)
{
	struct net_events *events = net_generic(r->net, net_id);
	enum lodge_event_group group = group_of(kind);
	struct sk_buff *skb;

	events->seq[group]++;
	if (!genl_has_listeners(&lodge_netlink_family, r->net, group))
		return;
	skb = message(r, kind, slot, events->seq[group]);
	if (skb)
		genlmsg_multicast_netns(&lodge_netlink_family, r->net, skb, 0, group, GFP_KERNEL);
}

/* One who does not read loses what does not fit into its socket */
static void tell_listeners(const struct lodge_record *r, enum lodge_event_kind kind, u32 slot)
{
	enum lodge_event_group group = group_of(kind);
	struct listener *l;
	struct sk_buff *skb;

	mutex_lock(&listeners_lock);
	list_for_each_entry(l, &listeners, list) {
		if (!uid_eq(l->uid, r->uid) || l->user_ns != r->user_ns || l->net != r->net)
			continue;
		if (!(l->groups & BIT(group)))
			continue;
		skb = message(r, kind, slot, ++l->seq[group]);
		if (skb)
			genlmsg_unicast(l->net, skb, l->portid);
	}
	mutex_unlock(&listeners_lock);
}

/**
 * lodge_netlink_event - tell those who listen
 * @record: of the VM
 * @kind: what has happened to it
 * @slot: number of the device that it is about, or 0
 *
 * With the registry's lock; may sleep.
 */
void lodge_netlink_event(const struct lodge_record *record, enum lodge_event_kind kind,
			 u32 slot)
{
	if (!record->net)
		return;
	tell_group(record, kind, slot);
	tell_listeners(record, kind, slot);
}

/* ---- listeners ----------------------------------------------------------- */

/* With the lock: the socket's entry, and how many its user has */
static struct listener *find(const struct lodge_caller *who, u32 portid, unsigned int *nr)
{
	struct listener *l, *found = NULL;

	*nr = 0;
	list_for_each_entry(l, &listeners, list) {
		*nr += uid_eq(l->uid, who->uid);
		if (l->net == who->net && l->portid == portid)
			found = l;
	}
	return found;
}

int lodge_netlink_event_listen(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *groups = info->attrs[LODGE_A_EVENT_GROUPS];
	struct lodge_caller who;
	struct listener *l;
	unsigned int nr;
	int err = 0;

	lodge_netlink_caller(skb, &who);
	if (!uid_valid(who.uid)) {
		GENL_SET_ERR_MSG(info, "the socket is another user's");
		return -EPERM;
	}
	l = lodge_alloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	*l = (struct listener){
		.uid = who.uid, .user_ns = who.user_ns, .net = who.net,
		.portid = info->snd_portid,
		.groups = groups ? nla_get_u32(groups) : LODGE_NETLINK_GROUPS,
	};
	mutex_lock(&listeners_lock);
	if (find(&who, l->portid, &nr)) {
		err = -EALREADY;
		GENL_SET_ERR_MSG(info, "the socket listens already");
	} else if (nr >= LISTENERS_PER_USER) {
		err = -EUSERS;
		GENL_SET_ERR_MSG(info, "the user has too many sockets that listen");
	} else {
		list_add_tail(&l->list, &listeners);
	}
	mutex_unlock(&listeners_lock);
	if (err)
		kfree(l);
	return err;
}

/* A socket is closed; the request that made it a listener has come back before */
static int released(struct notifier_block *block, unsigned long event, void *arg)
{
	const struct netlink_notify *n = arg;
	struct listener *l, *next;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	lodge_registry_disclaim(n->net, n->portid);
	mutex_lock(&listeners_lock);
	list_for_each_entry_safe(l, next, &listeners, list) {
		if (l->net != n->net || l->portid != n->portid)
			continue;
		list_del(&l->list);
		kfree(l);
	}
	mutex_unlock(&listeners_lock);
	return NOTIFY_DONE;
}

static struct notifier_block release_block = {
	.notifier_call = released,
};

/* ---- life ---------------------------------------------------------------- */

static struct pernet_operations net_ops = {
	.exit = lodge_registry_net_exit,
	.id = &net_id,
	.size = sizeof(struct net_events),
};

/**
 * lodge_netlink_event_init - before the family appears
 *
 * Return: 0, or what registration returned.
 */
int __init lodge_netlink_event_init(void)
{
	int err = register_pernet_subsys(&net_ops);

	if (err)
		return err;
	err = netlink_register_notifier(&release_block);
	if (err)
		unregister_pernet_subsys(&net_ops);
	return err;
}

/**
 * lodge_netlink_event_exit - mirror of lodge_netlink_event_init(), when the family has gone
 */
void lodge_netlink_event_exit(void)
{
	struct listener *l, *next;

	netlink_unregister_notifier(&release_block);
	list_for_each_entry_safe(l, next, &listeners, list)
		kfree(l);
	unregister_pernet_subsys(&net_ops);
}
