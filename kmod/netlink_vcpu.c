// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on vCPUs, and what they have done.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "netlink.h"
#include "vm.h"

/**
 * struct vcpu_view - a vCPU at one moment
 * @vm: number of its VM
 * @id: its own
 * @state: enum lodge_vcpu_state
 * @cpu: host CPU that it was on last
 * @tid: thread that ran it last, in the PID namespace of who looks; 0 for none
 * @summed: it is all vCPUs, and nothing but @vm and @counts are known
 * @counts: what it has done
 * @affinity: of the thread, none if there is none any more
 */
struct vcpu_view {
	u32 vm;
	u32 id;
	u32 state;
	u32 cpu;
	u32 tid;
	bool summed;
	struct lodge_counts counts;
	struct cpumask affinity;
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

static void look_at_thread(struct pid *thread, struct vcpu_view *view)
{
	struct task_struct *task = thread ? pid_task(thread, PIDTYPE_PID) : NULL;

	view->tid = thread ? pid_nr_ns(thread, task_active_pid_ns(current)) : 0;
	if (task)
		cpumask_copy(&view->affinity, &task->cpus_mask);
	else
		cpumask_clear(&view->affinity);
}

/* The first vCPU from a number on */
static bool look_from(struct lodge_vm *vm, u32 id, struct vcpu_view *view)
{
	struct lodge_vcpu *vcpu = NULL;

	rcu_read_lock();
	for (; id < LODGE_MAX_VCPUS && !vcpu; id++)
		vcpu = rcu_dereference(vm->vcpus[array_index_nospec(id, LODGE_MAX_VCPUS)]);
	if (vcpu) {
		view->id = vcpu->id;
		view->state = state_of(vcpu);
		view->cpu = READ_ONCE(vcpu->cpu);
		view->counts = vcpu->counts;
		look_at_thread(rcu_dereference(vcpu->thread), view);
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

/* ---- messages ------------------------------------------------------------ */

static int put_affinity(struct sk_buff *skb, const struct vcpu_view *v)
{
	if (cpumask_empty(&v->affinity))
		return 0;
	return nla_put(skb, LODGE_A_VCPU_AFFINITY, BITS_TO_LONGS(nr_cpu_ids) * sizeof(long),
		       cpumask_bits(&v->affinity));
}

static int fill_vcpu(struct sk_buff *skb, const void *what)
{
	const struct vcpu_view *v = what;

	if (nla_put_u32(skb, LODGE_A_VCPU_VM, v->vm) ||
	    nla_put_u32(skb, LODGE_A_VCPU_ID, v->id) ||
	    nla_put_u32(skb, LODGE_A_VCPU_STATE, v->state) ||
	    nla_put_u32(skb, LODGE_A_VCPU_CPU, v->cpu) ||
	    nla_put_u32(skb, LODGE_A_VCPU_TID, v->tid) ||
	    nla_put_u64_64bit(skb, LODGE_A_VCPU_EXITS, v->counts.stat[LODGE_STAT_EXITS],
			      LODGE_A_VCPU_PAD) ||
	    put_affinity(skb, v))
		return -EMSGSIZE;
	return 0;
}

static int put_counters(struct sk_buff *skb, const u64 *stat)
{
	struct nlattr *nest = nla_nest_start(skb, LODGE_A_STATS_COUNTERS);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < LODGE_NR_STATS; i++)
		if (nla_put_u64_64bit(skb, LODGE_A_COUNTER(i), stat[i],
				      LODGE_A_COUNTER(LODGE_NR_STATS)))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_exit(struct sk_buff *skb, u32 reason, const struct lodge_exit_count *exit)
{
	struct nlattr *nest = nla_nest_start(skb, reason + 1);

	if (!nest || nla_put_u32(skb, LODGE_A_EXIT_REASON, reason) ||
	    nla_put_u64_64bit(skb, LODGE_A_EXIT_COUNT, exit->count, LODGE_A_EXIT_PAD) ||
	    nla_put_u64_64bit(skb, LODGE_A_EXIT_TICKS, exit->ticks, LODGE_A_EXIT_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_exits(struct sk_buff *skb, const struct lodge_exit_count *exit)
{
	struct nlattr *nest = nla_nest_start(skb, LODGE_A_STATS_EXITS);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < LODGE_EXIT_REASONS; i++)
		if (exit[i].count && put_exit(skb, i, &exit[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int fill_stats(struct sk_buff *skb, const void *what)
{
	const struct vcpu_view *v = what;

	if (nla_put_u32(skb, LODGE_A_STATS_VM, v->vm) ||
	    (!v->summed && nla_put_u32(skb, LODGE_A_STATS_VCPU, v->id)) ||
	    put_counters(skb, v->counts.stat) || put_exits(skb, v->counts.exit))
		return -EMSGSIZE;
	return 0;
}

/* ---- requests ------------------------------------------------------------ */

/* Room for all reasons there are */
#define STATS_ROOM	8192

static int look_at_sum(struct sk_buff *skb, struct genl_info *info, struct vcpu_view *view)
{
	struct lodge_record *record = lodge_netlink_find(skb, info->attrs[LODGE_A_STATS_VM],
							 info->extack);

	if (IS_ERR(record))
		return PTR_ERR(record);
	view->vm = record->number;
	view->summed = true;
	lodge_registry_stats(record, &view->counts);
	lodge_registry_put(record);
	return 0;
}

int lodge_netlink_vcpu_get(struct sk_buff *skb, struct genl_info *info)
{
	struct vcpu_view *view = lodge_alloc(sizeof(*view), GFP_KERNEL);
	int err;

	if (!view)
		return -ENOMEM;
	err = look_at(info, skb, LODGE_A_VCPU_VM, LODGE_A_VCPU_ID, view);
	if (!err)
		err = lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_vcpu, view);
	kfree(view);
	return err;
}

int lodge_netlink_stats_get(struct sk_buff *skb, struct genl_info *info)
{
	struct vcpu_view *view = lodge_alloc(sizeof(*view), GFP_KERNEL);
	int err;

	if (!view)
		return -ENOMEM;
	err = info->attrs[LODGE_A_STATS_VCPU] ?
	      look_at(info, skb, LODGE_A_STATS_VM, LODGE_A_STATS_VCPU, view) :
	      look_at_sum(skb, info, view);
	if (!err)
		err = lodge_netlink_reply(info, STATS_ROOM, fill_stats, view);
	kfree(view);
	return err;
}

static int dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		lodge_netlink_fill fill)
{
	struct lodge_dump *d = (struct lodge_dump *)cb->ctx;
	struct vcpu_view *view = lodge_alloc(sizeof(*view), GFP_KERNEL);
	struct lodge_vm *vm;

	if (!view)
		return -ENOMEM;
	vm = lodge_netlink_dump_vm(cb);
	if (vm) {
		view->vm = d->vm;
		while (look_from(vm, d->next, view) &&
		       !lodge_netlink_add(skb, cb, cmd, fill, view))
			d->next = view->id + 1;
		lodge_vm_put_later(vm);
	}
	kfree(view);
	return skb->len;
}

int lodge_netlink_vcpu_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, LODGE_CMD_VCPU_GET, fill_vcpu);
}

int lodge_netlink_stats_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	return dump(skb, cb, LODGE_CMD_STATS_GET, fill_stats);
}
