/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * registry.h - the set of VMs, by number, and of the records they leave
 */
#ifndef LODGE_REGISTRY_H
#define LODGE_REGISTRY_H

#include <linux/kref.h>
#include <linux/lodge.h>
#include <linux/lodge_netlink.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "stats.h"

struct lodge_vm;
struct net;
struct pid;
struct sk_buff;
struct task_struct;
struct user_namespace;

/**
 * struct lodge_saved - the last of a console of a VM that has ended
 * @bytes: they, or NULL; kvfree()
 * @len: how many
 * @end: bytes ever written
 */
struct lodge_saved {
	void *bytes;
	u32 len;
	u32 end;
};

/* What a user may have so many of in all of his VMs together */
enum lodge_charge {
	LODGE_CHARGE_VCPU,
	LODGE_CHARGE_DEVICE,
	LODGE_CHARGE_NR
};

/**
 * struct lodge_record - a VM as others see it, which outlives it
 * @ref: one of the registry's, one for each who looks at it
 * @rcu: to free it
 * @number: its key, above 0 [I]
 * @name: may be empty [L]
 * @made: the name it was made with [I]
 * @percent: lodge_quota.percent of its VM, now or last [L]
 * @uid: effective user who made the VM [I]
 * @user_ns: user namespace of the same, referenced [I]
 * @net: network namespace of the same, for comparison and events; NULL once that is gone [L]
 * @pid: process of the VM, referenced; NULL when the VM has ended for good [L]
 * @vm: the VM, which holds no reference on this; NULL when it has ended [L]
 * @started: a vCPU has run [L]
 * @told: what LODGE_VM_END said, or no reason [L]
 * @signal: that ended the process while it had the VM, or 0 [L]
 * @reason: enum lodge_end_reason, of a VM that has ended [L]
 * @status: exit status, likewise [L]
 * @created: ns since 1970 [L]
 * @ended: likewise, 0 until then [L]
 * @vcpus: how many it had at its end [L]
 * @memory: bytes in slots at its end [L]
 * @charged: vCPUs and devices that it has, by enum lodge_charge [L]
 * @counts: of vCPUs that have gone; lodge_vm.lock while there is a VM, else [L]
 * @serial: the last of the serial console of a VM that has ended [L]
 * @virtio: likewise of its virtio console [L]
 * @busy: there is a lodge_job of it [a]
 * @writer: socket that has the console's input, or 0 [L]
 * @writer_net: network namespace of the same, for comparison [L]
 *
 * [I] constant after creation, [L] the registry's lock, [a] atomic.
 */
struct lodge_record {
	struct kref ref;
	struct rcu_head rcu;
	u32 number;
	char name[LODGE_NAME_LEN];
	char made[LODGE_NAME_LEN];
	u32 percent;
	kuid_t uid;
	struct user_namespace *user_ns;
	struct net *net;
	struct pid *pid;
	struct lodge_vm *vm;
	bool started;
	struct lodge_vm_end told;
	u32 signal;
	u32 reason;
	u32 status;
	u64 created;
	u64 ended;
	u32 vcpus;
	u64 memory;
	u32 charged[LODGE_CHARGE_NR];
	struct lodge_counts counts;
	struct lodge_saved serial;
	struct lodge_saved virtio;
	unsigned long busy;
	u32 writer;
	const struct net *writer_net;
};

/**
 * struct lodge_record_view - a record at one moment
 * @number: as in struct lodge_record
 * @name: likewise
 * @uid: likewise
 * @state: enum lodge_state
 * @reason: as in struct lodge_record
 * @status: likewise
 * @pid: of the process, in the PID namespace of who looks; 0 for none
 * @vcpus: how many
 * @memory: bytes in slots
 * @created: as in struct lodge_record
 * @ended: likewise
 * @restarts: its process lives, and is about to make it again
 * @percent: as in struct lodge_record
 */
struct lodge_record_view {
	u32 number;
	char name[LODGE_NAME_LEN];
	kuid_t uid;
	u32 state;
	u32 reason;
	u32 status;
	u32 pid;
	u32 vcpus;
	u64 memory;
	u64 created;
	u64 ended;
	bool restarts;
	u32 percent;
};

/**
 * struct lodge_caller - who asks
 * @uid: user; not valid if he has no VMs of his own
 * @user_ns: user namespace, referenced by what the caller has open
 * @net: network namespace, likewise
 * @skb: the message that came
 */
struct lodge_caller {
	kuid_t uid;
	struct user_namespace *user_ns;
	struct net *net;
	struct sk_buff *skb;
};

/* the VM's side */
int lodge_registry_add(struct lodge_vm *vm);
void lodge_registry_remove(struct lodge_vm *vm);
int lodge_registry_charge(struct lodge_vm *vm, enum lodge_charge what);
void lodge_registry_uncharge(struct lodge_vm *vm, enum lodge_charge what);
void lodge_registry_started(struct lodge_vm *vm);
void lodge_registry_rename(struct lodge_vm *vm, const char *name);
void lodge_registry_limit(struct lodge_vm *vm, u32 percent);
void lodge_registry_tell(struct lodge_vm *vm, enum lodge_event_kind kind);
void lodge_registry_tell_device(struct lodge_vm *vm, enum lodge_event_kind kind, u32 slot);
struct task_struct *lodge_registry_owner(struct lodge_vm *vm);
int lodge_registry_set_end(struct lodge_vm *vm, const struct lodge_vm_end *end);
void lodge_registry_closing(struct lodge_vm *vm);

/* everybody else's */
struct lodge_record *lodge_registry_find(const struct lodge_caller *who, u32 number);
struct lodge_record *lodge_registry_next(const struct lodge_caller *who, u32 *number);
void lodge_registry_put(struct lodge_record *record);
void lodge_registry_look(struct lodge_record *record, struct lodge_record_view *view);
struct lodge_vm *lodge_registry_get_vm(struct lodge_record *record);
void lodge_registry_stats(struct lodge_record *record, struct lodge_counts *sum);
u32 lodge_registry_console(struct lodge_record *record, unsigned int which, u8 *buf, u32 *end);
int lodge_registry_claim(struct lodge_record *record, const struct net *net, u32 portid);
void lodge_registry_disclaim(const struct net *net, u32 portid);
int lodge_registry_delete(struct lodge_record *record);
unsigned int lodge_registry_generation(void);
void lodge_registry_limits(u32 *vms, u32 *kept);

void lodge_registry_net_exit(struct net *net);
void lodge_registry_exit(void);

#endif /* LODGE_REGISTRY_H */
