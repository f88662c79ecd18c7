// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of VMs.  Each has a record, which tells others what it is, and stays for
 * a while when it ends.
 *
 * One mutex guards all of it, and gives events their order.  It is held for one
 * record's sake at a time: who lists all VMs takes it anew for each.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "alloc.h"
#include "control.h"
#include "netlink.h"
#include "registry.h"
#include "vm.h"

static unsigned int vms_per_user = 256;
module_param(vms_per_user, uint, 0644);
MODULE_PARM_DESC(vms_per_user, "VMs that one user may have at a time");

static unsigned int records_per_user = 64;
module_param(records_per_user, uint, 0644);
MODULE_PARM_DESC(records_per_user, "records of ended VMs that are kept of one user; the oldest go first");

static unsigned int vcpus_per_user = 4096;
module_param(vcpus_per_user, uint, 0644);
MODULE_PARM_DESC(vcpus_per_user, "processors that all VMs of one user may have together");

static unsigned int devices_per_user = 4096;
module_param(devices_per_user, uint, 0644);
MODULE_PARM_DESC(devices_per_user, "virtio devices that all VMs of one user may have together");

static DEFINE_MUTEX(lock);
static DEFINE_XARRAY_ALLOC1(records);
static u32 next_number;
static unsigned int generation;
static unsigned int writers;	/* records with one; read without lock as a hint */

static void changed(void)
{
	lockdep_assert_held(&lock);
	/* 0 would mean that there are no generations */
	if (!++generation)
		generation = 1;
}

/* ---- records ------------------------------------------------------------- */

static void free_record(struct kref *ref)
{
	struct lodge_record *r = container_of(ref, struct lodge_record, ref);

	put_pid(r->pid);
	put_user_ns(r->user_ns);
	kvfree(r->serial.bytes);
	kvfree(r->virtio.bytes);
	kfree_rcu(r, rcu);
}

/**
 * lodge_registry_put - give a reference on a record back
 * @record: of lodge_registry_find() or _next()
 */
void lodge_registry_put(struct lodge_record *record)
{
	kref_put(&record->ref, free_record);
}

static void event(struct lodge_record *r, enum lodge_event_kind kind)
{
	changed();
	lodge_netlink_event(r, kind, 0);
}

/* What is left of it goes */
static void drop(struct lodge_record *r)
{
	xa_erase(&records, r->number);
	WRITE_ONCE(writers, writers - !!r->writer);
	event(r, LODGE_VM_EVENT_DELETED);
	lodge_registry_put(r);
}

static bool restarts(const struct lodge_record *r)
{
	return !r->vm && (r->told.flags & LODGE_VM_END_RESTARTS) && r->pid &&
	       pid_has_task(r->pid, PIDTYPE_TGID);
}

/* How many VMs, or else ended ones, a user has; the one that ended first */
static unsigned int count(kuid_t uid, bool alive, struct lodge_record **oldest)
{
	struct lodge_record *r;
	unsigned long index;
	unsigned int n = 0;

	*oldest = NULL;
	xa_for_each(&records, index, r) {
		if (!uid_eq(r->uid, uid) || !r->vm == alive)
			continue;
		n++;
		if (!*oldest || r->ended < (*oldest)->ended)
			*oldest = r;
	}
	return n;
}

static void make_room(kuid_t uid)
{
	struct lodge_record *oldest;

	while (count(uid, false, &oldest) > READ_ONCE(records_per_user))
		drop(oldest);
}

/* ---- the VM's side ------------------------------------------------------- */

/* The record of this process's VM, made with that name, which is to be made again */
static struct lodge_record *find_former(const struct lodge_vm *vm)
{
	struct lodge_record *r;
	unsigned long index;

	xa_for_each(&records, index, r)
		if (r->pid == task_tgid(current) && restarts(r) &&
		    uid_eq(r->uid, current_euid()) && r->user_ns == current_user_ns() &&
		    r->net == current->nsproxy->net_ns && !strcmp(r->made, vm->name))
			return r;
	return NULL;
}

static void revive(struct lodge_record *r)
{
	memset(&r->told, 0, sizeof(r->told));
	memset(r->charged, 0, sizeof(r->charged));
	memset(&r->counts, 0, sizeof(r->counts));
	r->reason = LODGE_END_NONE;
	r->status = 0;
	r->signal = 0;
	r->ended = 0;
	r->started = false;
	kvfree(r->serial.bytes);
	kvfree(r->virtio.bytes);
	r->serial = (struct lodge_saved){ .len = 0 };
	r->virtio = (struct lodge_saved){ .len = 0 };
}

static struct lodge_record *create(const struct lodge_vm *vm)
{
	struct lodge_record *r = lodge_alloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	int err;

	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->ref);
	memcpy(r->name, vm->name, sizeof(r->name));
	memcpy(r->made, vm->name, sizeof(r->made));
	r->uid = current_euid();
	r->user_ns = get_user_ns(current_user_ns());
	r->net = current->nsproxy->net_ns;
	r->pid = get_pid(task_tgid(current));
	r->created = ktime_get_real_ns();
	err = xa_alloc_cyclic(&records, &r->number, r, XA_LIMIT(1, INT_MAX), &next_number,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0) {
		lodge_registry_put(r);
		return ERR_PTR(err);
	}
	return r;
}

/**
 * lodge_registry_add - give a VM a number
 * @vm: complete, not yet known to anybody; the caller is a thread of its owner
 *
 * Return: 0, -EUSERS if its user has too many, -ENOMEM.
 */
int lodge_registry_add(struct lodge_vm *vm)
{
	struct lodge_record *r;
	int err = 0;

	mutex_lock(&lock);
	if (count(current_euid(), true, &r) >= READ_ONCE(vms_per_user)) {
		err = -EUSERS;
		goto out;
	}
	r = find_former(vm);
	if (r)
		revive(r);
	else
		r = create(vm);
	if (IS_ERR(r)) {
		err = PTR_ERR(r);
		goto out;
	}
	lodge_quota_init(&vm->quota, r->percent);
	vm->record = r;
	r->vm = vm;
	event(r, LODGE_VM_EVENT_CREATED);
out:
	mutex_unlock(&lock);
	return err;
}

/* Without memory for it the record has no console: no reason to keep a VM from ending */
static void save_console(struct lodge_saved *saved, struct lodge_console *con)
{
	if (!con)
		return;
	saved->bytes = lodge_alloc_large(LODGE_CONSOLE_OUT_SIZE, GFP_KERNEL_ACCOUNT);
	if (saved->bytes)
		saved->len = lodge_console_last(con, saved->bytes, &saved->end);
}

/* How it ended, and whether there is to be a record of it */
static bool conclude(struct lodge_record *r)
{
	if (r->told.reason) {
		r->reason = r->told.reason;
		r->status = r->told.status;
		return r->told.flags & LODGE_VM_END_KEEP;
	}
	r->reason = r->signal ? LODGE_END_KILLED : LODGE_END_CLOSED;
	r->status = r->signal ? 128 + r->signal : 0;
	return r->signal;
}

/**
 * lodge_registry_remove - mirror of lodge_registry_add(): what is left is a record, or nothing
 * @vm: that nobody has a reference on any more; its devices are still there
 */
void lodge_registry_remove(struct lodge_vm *vm)
{
	struct lodge_record *r = vm->record;
	bool keep;

	if (!r)
		return;
	mutex_lock(&lock);
	/* what only the namespace's users could see goes with it */
	keep = conclude(r) && r->net;
	r->vcpus = hweight64(vm->vcpu_ids);
	r->memory = lodge_vm_memory(vm);
	r->ended = ktime_get_real_ns();
	if (keep) {
		save_console(&r->serial, lodge_vm_console(vm, LODGE_CONSOLE_SERIAL));
		save_console(&r->virtio, lodge_vm_console(vm, LODGE_CONSOLE_VIRTIO));
	}
	r->vm = NULL;
	if (!restarts(r)) {
		put_pid(r->pid);
		r->pid = NULL;
	}
	event(r, LODGE_VM_EVENT_ENDED);
	if (keep)
		make_room(r->uid);
	else
		drop(r);
	mutex_unlock(&lock);
}

static unsigned int charged(kuid_t uid, enum lodge_charge what)
{
	struct lodge_record *r;
	unsigned long index;
	unsigned int n = 0;

	xa_for_each(&records, index, r)
		if (r->vm && uid_eq(r->uid, uid))
			n += r->charged[what];
	return n;
}

/**
 * lodge_registry_charge - a VM is about to have one more
 * @vm: of which
 * @what: a vCPU or a device
 *
 * Return: 0, or -EUSERS if the VM's user has too many.
 */
int lodge_registry_charge(struct lodge_vm *vm, enum lodge_charge what)
{
	unsigned int most = what == LODGE_CHARGE_VCPU ? READ_ONCE(vcpus_per_user) :
							READ_ONCE(devices_per_user);
	int err = -EUSERS;

	mutex_lock(&lock);
	if (charged(vm->record->uid, what) < most) {
		vm->record->charged[what]++;
		err = 0;
	}
	mutex_unlock(&lock);
	return err;
}

/**
 * lodge_registry_uncharge - undo lodge_registry_charge()
 * @vm: has one less
 * @what: likewise
 */
void lodge_registry_uncharge(struct lodge_vm *vm, enum lodge_charge what)
{
	mutex_lock(&lock);
	vm->record->charged[what]--;
	mutex_unlock(&lock);
}

/**
 * lodge_registry_started - a vCPU is about to run
 * @vm: its VM; all but the first call do nothing
 */
void lodge_registry_started(struct lodge_vm *vm)
{
	struct lodge_record *r = vm->record;

	if (READ_ONCE(r->started))
		return;
	mutex_lock(&lock);
	if (!r->started) {
		WRITE_ONCE(r->started, true);
		event(r, LODGE_VM_EVENT_RUNNING);
	}
	mutex_unlock(&lock);
}

/**
 * lodge_registry_rename - call a VM otherwise, also when it is made again, and what is left of it
 * @vm: the VM
 * @name: lodge_vm_name_valid()
 */
void lodge_registry_rename(struct lodge_vm *vm, const char *name)
{
	mutex_lock(&lock);
	memcpy(vm->record->name, name, sizeof(vm->record->name));
	event(vm->record, LODGE_VM_EVENT_RENAMED);
	mutex_unlock(&lock);
}

/**
 * lodge_registry_limit - how much processor time a VM may have, also when it is made again
 * @vm: the VM
 * @percent: as for lodge_control_limit()
 */
void lodge_registry_limit(struct lodge_vm *vm, u32 percent)
{
	mutex_lock(&lock);
	vm->record->percent = percent;
	lodge_control_limit(vm, percent);
	event(vm->record, LODGE_VM_EVENT_LIMITED);
	mutex_unlock(&lock);
}

/**
 * lodge_registry_tell - let the listeners know
 * @vm: of which
 * @kind: LODGE_VM_EVENT_PAUSED, _RESUMED, or one of LODGE_EVENT_GROUP_GUEST
 */
void lodge_registry_tell(struct lodge_vm *vm, enum lodge_event_kind kind)
{
	mutex_lock(&lock);
	event(vm->record, kind);
	mutex_unlock(&lock);
}

/**
 * lodge_registry_tell_device - let the listeners know
 * @vm: of which
 * @kind: LODGE_VM_EVENT_ATTACHED or _DETACHED
 * @slot: number of the device
 */
void lodge_registry_tell_device(struct lodge_vm *vm, enum lodge_event_kind kind, u32 slot)
{
	mutex_lock(&lock);
	changed();
	lodge_netlink_event(vm->record, kind, slot);
	mutex_unlock(&lock);
}

/**
 * lodge_registry_owner - the process of a VM
 * @vm: with a reference
 *
 * Return: a task of it, for put_task_struct(), or NULL if there is none any more.
 */
struct task_struct *lodge_registry_owner(struct lodge_vm *vm)
{
	struct task_struct *task;

	mutex_lock(&lock);
	task = get_pid_task(vm->record->pid, PIDTYPE_TGID);
	mutex_unlock(&lock);
	return task;
}

/**
 * lodge_registry_set_end - LODGE_VM_END
 * @vm: the VM
 * @end: checked here
 *
 * Return: 0 or -EINVAL.
 */
int lodge_registry_set_end(struct lodge_vm *vm, const struct lodge_vm_end *end)
{
	const u32 flags = LODGE_VM_END_KEEP | LODGE_VM_END_RESTARTS;

	if (!end->reason || end->reason >= LODGE_END_NR || end->status > 255 ||
	    (end->flags & ~flags) || end->flags == LODGE_VM_END_RESTARTS)
		return -EINVAL;
	mutex_lock(&lock);
	vm->record->told = *end;
	mutex_unlock(&lock);
	return 0;
}

/**
 * lodge_registry_closing - a descriptor of the VM is closed: by a process that dies?
 * @vm: the VM
 */
void lodge_registry_closing(struct lodge_vm *vm)
{
	u32 sig = current->exit_code & 0x7f;

	if (!(current->flags & PF_EXITING) || !sig)
		return;
	mutex_lock(&lock);
	vm->record->signal = sig;
	mutex_unlock(&lock);
}

/* ---- everybody else's ---------------------------------------------------- */

/* Others' VMs are seen by those alone who might do anything to their owners */
static bool visible(const struct lodge_record *r, const struct lodge_caller *who)
{
	if (uid_eq(r->uid, who->uid) && r->user_ns == who->user_ns && r->net == who->net)
		return true;
	return netlink_ns_capable(who->skb, r->user_ns, CAP_SYS_ADMIN);
}

/**
 * lodge_registry_find - a VM or record by its number
 * @who: asks
 * @number: of it
 *
 * Return: the record with a reference, NULL if there is none that @who may see.
 */
struct lodge_record *lodge_registry_find(const struct lodge_caller *who, u32 number)
{
	struct lodge_record *r;

	mutex_lock(&lock);
	r = xa_load(&records, number);
	if (r && visible(r, who))
		kref_get(&r->ref);
	else
		r = NULL;
	mutex_unlock(&lock);
	return r;
}

/**
 * lodge_registry_next - the first VM or record from a number on
 * @who: asks
 * @number: in: where to begin; out: its number
 *
 * Return: as lodge_registry_find().
 */
struct lodge_record *lodge_registry_next(const struct lodge_caller *who, u32 *number)
{
	unsigned long index = *number;
	struct lodge_record *r;

	mutex_lock(&lock);
	for (r = xa_find(&records, &index, INT_MAX, XA_PRESENT); r && !visible(r, who);)
		r = xa_find_after(&records, &index, INT_MAX, XA_PRESENT);
	if (r) {
		kref_get(&r->ref);
		*number = index;
	}
	mutex_unlock(&lock);
	return r;
}

static u32 state_of(const struct lodge_record *r)
{
	if (!r->vm)
		return LODGE_STATE_ENDED;
	if (lodge_control_paused(r->vm))
		return LODGE_STATE_PAUSED;
	return r->started ? LODGE_STATE_RUNNING : LODGE_STATE_CREATED;
}

/**
 * lodge_registry_look - what a record says now
 * @record: with a reference
 * @view: filled in
 */
void lodge_registry_look(struct lodge_record *record, struct lodge_record_view *view)
{
	struct lodge_record *r = record;

	mutex_lock(&lock);
	*view = (struct lodge_record_view){
		.number = r->number,
		.uid = r->uid,
		.state = state_of(r),
		.reason = r->reason,
		.status = r->status,
		.pid = r->pid ? pid_nr_ns(r->pid, task_active_pid_ns(current)) : 0,
		.vcpus = r->vm ? hweight64(READ_ONCE(r->vm->vcpu_ids)) : r->vcpus,
		.memory = r->vm ? lodge_vm_memory(r->vm) : r->memory,
		.created = r->created,
		.ended = r->ended,
		.restarts = restarts(r),
		.percent = r->percent,
	};
	memcpy(view->name, r->name, sizeof(view->name));
	mutex_unlock(&lock);
}

/* With the lock: the VM cannot be freed under it, but may be on its way out */
static struct lodge_vm *get_vm(struct lodge_record *r)
{
	return r->vm && lodge_vm_get_live(r->vm) ? r->vm : NULL;
}

/**
 * lodge_registry_get_vm - the VM behind a record
 * @record: with a reference
 *
 * Return: the VM, for lodge_vm_put_later(), or NULL if it has ended.
 */
struct lodge_vm *lodge_registry_get_vm(struct lodge_record *record)
{
	struct lodge_vm *vm;

	mutex_lock(&lock);
	vm = get_vm(record);
	mutex_unlock(&lock);
	return vm;
}

/**
 * lodge_registry_stats - what all vCPUs that a VM has had have done
 * @record: with a reference
 * @sum: filled in
 */
void lodge_registry_stats(struct lodge_record *record, struct lodge_counts *sum)
{
	struct lodge_vm *vm;

	mutex_lock(&lock);
	vm = get_vm(record);
	if (!vm)
		*sum = record->counts;
	mutex_unlock(&lock);
	if (vm) {
		lodge_vm_stats(vm, sum);
		lodge_vm_put_later(vm);
	}
}

/**
 * lodge_registry_console - the last that a VM's guest wrote
 * @record: with a reference
 * @which: LODGE_CONSOLE_*
 * @buf: LODGE_CONSOLE_OUT_SIZE bytes
 * @end: bytes ever written, modulo 2^32
 *
 * Return: bytes at @buf; none of a VM without such a console, and of the debug console of one
 * that has ended.
 */
u32 lodge_registry_console(struct lodge_record *record, unsigned int which, u8 *buf, u32 *end)
{
	const struct lodge_saved *saved = which == LODGE_CONSOLE_SERIAL ? &record->serial :
									  &record->virtio;
	struct lodge_console *con;
	struct lodge_vm *vm;
	u32 len = 0;

	*end = 0;
	mutex_lock(&lock);
	vm = get_vm(record);
	if (!vm && saved->bytes && which != LODGE_CONSOLE_DEBUG) {
		len = saved->len;
		*end = saved->end;
		memcpy(buf, saved->bytes, len);
	}
	mutex_unlock(&lock);
	if (!vm)
		return len;
	con = lodge_vm_console(vm, which);
	if (con)
		len = lodge_console_last(con, buf, end);
	lodge_vm_put_later(vm);
	return len;
}

/**
 * lodge_registry_claim - a socket wants a console's input for itself
 * @record: with a reference
 * @net: the socket's network namespace
 * @portid: the socket's number there
 *
 * It has it until lodge_registry_disclaim(), also over restarts of the VM.
 *
 * Return: 0, -EBUSY if another has it, -ENOENT if the record has gone.
 */
int lodge_registry_claim(struct lodge_record *record, const struct net *net, u32 portid)
{
	int err = 0;

	mutex_lock(&lock);
	if (xa_load(&records, record->number) != record) {
		err = -ENOENT;
	} else if (!record->writer) {
		record->writer = portid;
		record->writer_net = net;
		WRITE_ONCE(writers, writers + 1);
	} else if (record->writer != portid || record->writer_net != net) {
		err = -EBUSY;
	}
	mutex_unlock(&lock);
	return err;
}

/**
 * lodge_registry_disclaim - a socket is closed, and leaves consoles to others
 * @net: its network namespace
 * @portid: its number there
 */
void lodge_registry_disclaim(const struct net *net, u32 portid)
{
	struct lodge_record *r;
	unsigned long index;

	/* a claim of this socket's has returned before it is closed */
	if (!READ_ONCE(writers))
		return;
	mutex_lock(&lock);
	xa_for_each(&records, index, r) {
		if (!r->writer || r->writer != portid || r->writer_net != net)
			continue;
		r->writer = 0;
		WRITE_ONCE(writers, writers - 1);
	}
	mutex_unlock(&lock);
}

/**
 * lodge_registry_delete - forget a VM that has ended
 * @record: with a reference
 *
 * Return: 0, -EBUSY if it has not, -ENOENT if somebody else was faster.
 */
int lodge_registry_delete(struct lodge_record *record)
{
	int err = 0;

	mutex_lock(&lock);
	if (xa_load(&records, record->number) != record)
		err = -ENOENT;
	else if (record->vm || restarts(record))
		err = -EBUSY;
	else
		drop(record);
	mutex_unlock(&lock);
	return err;
}

/**
 * lodge_registry_generation - a number that changes when a VM comes, goes or changes its state
 *
 * Return: the number, never 0.
 */
unsigned int lodge_registry_generation(void)
{
	return READ_ONCE(generation) ?: 1;
}

/**
 * lodge_registry_limits - the module's parameters
 * @vms: VMs of a user
 * @kept: records of a user
 */
void lodge_registry_limits(u32 *vms, u32 *kept)
{
	*vms = READ_ONCE(vms_per_user);
	*kept = READ_ONCE(records_per_user);
}

/* ---- the end ------------------------------------------------------------- */

/**
 * lodge_registry_net_exit - a network namespace goes, and the records of its VMs with it
 * @net: whose sockets are still there
 *
 * VMs whose processes have left it live on, without listeners.
 */
void lodge_registry_net_exit(struct net *net)
{
	struct lodge_record *r;
	unsigned long index;

	mutex_lock(&lock);
	xa_for_each(&records, index, r) {
		if (r->net != net)
			continue;
		r->net = NULL;
		if (!r->vm)
			drop(r);
	}
	mutex_unlock(&lock);
}

/**
 * lodge_registry_exit - forget all records; no VM is left
 */
void lodge_registry_exit(void)
{
	struct lodge_record *r;
	unsigned long index;

	xa_for_each(&records, index, r) {
		xa_erase(&records, index);
		lodge_registry_put(r);
	}
	xa_destroy(&records);
}
