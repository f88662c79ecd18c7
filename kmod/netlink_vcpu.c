// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on vCPUs, and counters.
 */
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <net/genetlink.h>

#include "netlink.h"
#include "vm.h"

/**
 * struct vcpu_view - a vCPU at one moment
 * @vm: number of its VM
 * @id: its own
 * @state: enum lodge_vcpu_state
 * @cpu: host CPU that it was on last
 * @tid: thread that ran it last, in the PID namespace of who looks; 0 for none
 * @stats: its counters
 */
struct vcpu_view {
	u32 vm;
	u32 id;
	u32 state;
	u32 cpu;
	u32 tid;
	u64 stats[LODGE_NR_STATS];
};

/* With @has_vcpu unset they are those of all vCPUs */
struct stats_view {
	u32 vm;
	u32 vcpu;
	bool has_vcpu;
	u64 stats[LODGE_NR_STATS];
};

static u32 state_of(const struct lodge_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->paused))
		return LODGE_VCPU_STATE_PAUSED;
	if (READ_ONCE(vcpu->mode) == LODGE_VCPU_IN_GUEST)
		return LODGE_VCPU_STATE_GUEST;
	switch (READ_ONCE(vcpu->mp_state)) {
	case LODGE_MP_HALTED:
		return LODGE_VCPU_STATE_HALTED;
	case LODGE_MP_WAIT_SIPI:
		return LODGE_VCPU_STATE_WAITS;
	default:
		return LODGE_VCPU_STATE_USER;
	}
}

/* The first vCPU from a number on */
static bool look_from(struct lodge_vm *vm, u32 id, struct vcpu_view *view)
{
	struct lodge_vcpu *vcpu = NULL;
	struct pid *thread;

	rcu_read_lock();
	for (; id < LODGE_MAX_VCPUS && !vcpu; id++)
		vcpu = rcu_dereference(vm->vcpus[array_index_nospec(id, LODGE_MAX_VCPUS)]);
	if (vcpu) {
		thread = rcu_dereference(vcpu->thread);
		view->id = vcpu->id;
		view->state = state_of(vcpu);
		view->cpu = READ_ONCE(vcpu->cpu);
		view->tid = thread ? pid_nr_ns(thread, task_active_pid_ns(current)) : 0;
		memcpy(view->stats, vcpu->stats, sizeof(view->stats));
	}
	rcu_read_unlock();
	return vcpu;
}

/* The VM, for lodge_vm_put_later(), and its number; NULL if it has ended */
static struct lodge_vm *find_vm(struct sk_buff *skb, struct nlattr *attr,
				struct netlink_ext_ack *extack, u32 *number)
{
	struct lodge_record *record = lodge_netlink_find(skb, attr, extack);
	struct lodge_vm *vm;

	if (IS_ERR(record))
		return ERR_CAST(record);
	*number = record->number;
	vm = lodge_registry_get_vm(record);
	lodge_registry_put(record);
	return vm;
}

static int look_at(struct genl_info *info, struct sk_buff *skb, int vm_attr, int id_attr,
		   struct vcpu_view *view)
{
	struct nlattr *id = info->attrs[id_attr];
	struct lodge_vm *vm;
	bool found;

	if (!id) {
		GENL_SET_ERR_MSG(info, "the number of a vCPU is missing");
		return -EINVAL;
	}
	vm = find_vm(skb, info->attrs[vm_attr], info->extack, &view->vm);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	found = vm && look_from(vm, nla_get_u32(id), view) && view->id == nla_get_u32(id);
	if (vm)
		lodge_vm_put_later(vm);
	if (found)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, id, "the VM has no such vCPU");
	return -ENOENT;
}

/* ---- vCPUs --------------------------------------------------------------- */

static int fill_vcpu(struct sk_buff *skb, const void *what)
{
	const struct vcpu_view *v = what;

	if (nla_put_u32(skb, LODGE_A_VCPU_VM, v->vm) ||
	    nla_put_u32(skb, LODGE_A_VCPU_ID, v->id) ||
	    nla_put_u32(skb, LODGE_A_VCPU_STATE, v->state) ||
	    nla_put_u32(skb, LODGE_A_VCPU_CPU, v->cpu) ||
	    nla_put_u32(skb, LODGE_A_VCPU_TID, v->tid) ||
	    nla_put_u64_64bit(skb, LODGE_A_VCPU_EXITS, v->stats[LODGE_STAT_EXITS],
			      LODGE_A_VCPU_PAD))
		return -EMSGSIZE;
	return 0;
}

int lodge_netlink_vcpu_get(struct sk_buff *skb, struct genl_info *info)
{
	struct vcpu_view view;
	int err = look_at(info, skb, LODGE_A_VCPU_VM, LODGE_A_VCPU_ID, &view);

	return err ? err : lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_vcpu, &view);
}

/* ---- counters ------------------------------------------------------------ */

static int fill_stats(struct sk_buff *skb, const void *what)
{
	const struct stats_view *v = what;
	struct nlattr *nest;
	unsigned int i;

	if (nla_put_u32(skb, LODGE_A_STATS_VM, v->vm) ||
	    (v->has_vcpu && nla_put_u32(skb, LODGE_A_STATS_VCPU, v->vcpu)))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, LODGE_A_STATS_COUNTERS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < LODGE_NR_STATS; i++)
		if (nla_put_u64_64bit(skb, LODGE_A_COUNTER(i), v->stats[i],
				      LODGE_A_COUNTER(LODGE_NR_STATS)))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static void stats_of(const struct vcpu_view *view, struct stats_view *stats)
{
	stats->vm = view->vm;
	stats->vcpu = view->id;
	stats->has_vcpu = true;
	memcpy(stats->stats, view->stats, sizeof(stats->stats));
}

static int sum_of(struct sk_buff *skb, struct genl_info *info, struct stats_view *stats)
{
	struct lodge_record *record = lodge_netlink_find(skb, info->attrs[LODGE_A_STATS_VM],
							 info->extack);

	if (IS_ERR(record))
		return PTR_ERR(record);
	stats->vm = record->number;
	stats->has_vcpu = false;
	lodge_registry_stats(record, stats->stats);
	lodge_registry_put(record);
	return 0;
}

int lodge_netlink_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	struct stats_view stats;
	struct vcpu_view view;
	int err;

	if (info->attrs[LODGE_A_STATS_VCPU]) {
		err = look_at(info, skb, LODGE_A_STATS_VM, LODGE_A_STATS_VCPU, &view);
		if (!err)
			stats_of(&view, &stats);
	} else {
		err = sum_of(skb, info, &stats);
	}
	return err ? err : lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_stats, &stats);
}

/* ---- dumps --------------------------------------------------------------- */

static int add(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
	       const struct vcpu_view *view)
{
	struct stats_view stats;

	if (cmd == LODGE_CMD_VCPU_GET)
		return lodge_netlink_add(skb, cb, cmd, fill_vcpu, view);
	stats_of(view, &stats);
	return lodge_netlink_add(skb, cb, cmd, fill_stats, &stats);
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	struct lodge_dump *d = (struct lodge_dump *)cb->ctx;
	struct lodge_vm *vm = lodge_netlink_dump_vm(cb);
	struct vcpu_view view = { .vm = d->vm };

	if (!vm)
		return skb->len;
	while (look_from(vm, d->next, &view) && !add(skb, cb, cmd, &view))
		d->next = view.id + 1;
	lodge_vm_put_later(vm);
	return skb->len;
}

int lodge_netlink_vcpu_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, LODGE_CMD_VCPU_GET);
}

int lodge_netlink_stats_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, LODGE_CMD_STATS_GET);
}
