/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VM_H
#define LODGE_VM_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/lodge.h>

#include "dev/bus.h"
#include "machine.h"
#include "mem.h"
#include "quota.h"
#include "vcpu.h"
#include "x86/tsc.h"

#define LODGE_MAX_UNKNOWN_MSRS	32

/* struct lodge_create_vm.flags that there are */
#define LODGE_VM_FLAGS	(LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS | LODGE_VM_MACHINE | \
			 LODGE_VM_CLOSED | LODGE_VM_PCI)

/**
 * struct lodge_vm - a virtual machine
 * @ref: one for its descriptor, one for each vCPU
 * @end: destroys it, if who gave the last one back cannot
 * @mm: the owner's address space, for identity only; @mem holds it [I]
 * @flags: LODGE_VM_* [I]
 * @id: distinguishes VMs for the branch-prediction barrier, never 0 [I]
 * @tsc: how its time-stamp counters run [I]
 * @name: when it was made, may be empty; the record has what it is called now [I]
 * @unknown_msrs: MSRs that the guest has asked for in vain, each told of once [L]
 * @nr_unknown_msrs: how many; no more are told of when it is full [L]
 * @last_yield: number of the vCPU that a spinning one has yielded to last; a hint
 * @mem: guest memory
 * @bus: ports handled in the kernel [I]
 * @memory: device memory handled in the kernel [I]
 * @machine: interrupt controllers and chipset, NULL without LODGE_VM_MACHINE [I]
 * @removal: takes away devices that are to go; with LODGE_VM_PCI
 * @overdue: takes away those that the guest was told to eject and has not; likewise
 * @exit_code: written to the debug exit port, by vCPUs
 * @record: what others see of the VM, which lives as long at least [I]
 * @control: what others want of the VM, bits by enum lodge_control [a]
 * @pause_lock: held by who pauses the VM or has it go on; others do not wait for it
 * @quota: processor time that the vCPUs may have
 * @vcpu_ids: a bit for each vCPU there ever was [L]
 * @lock: guards the growth of @vcpus, and of the devices, and the tables of ioeventfds
 * @vcpus: by number; set once under @lock, read without, cleared when the vCPU
 *	goes, after which nobody kicks it [L]
 *
 * [I] constant after creation, [L] @lock to write, [a] atomic.
 */
struct lodge_vm {
	struct kref ref;
	struct work_struct end;
	struct mm_struct *mm;
	u32 flags;
	u64 id;
	struct lodge_tsc tsc;
	char name[LODGE_NAME_LEN];
	u32 unknown_msrs[LODGE_MAX_UNKNOWN_MSRS];
	u32 nr_unknown_msrs;
	u32 last_yield;
	struct lodge_mem mem;
	struct lodge_bus bus;
	struct lodge_bus memory;
	struct lodge_machine *machine;
	struct work_struct removal;
	struct delayed_work overdue;
	struct lodge_record *record;
	unsigned long control;
	struct mutex pause_lock;
	struct lodge_quota quota;
	u64 vcpu_ids;
	struct mutex lock;
	struct lodge_vcpu __rcu *vcpus[LODGE_MAX_VCPUS];
};

int lodge_vm_init(void);
void lodge_vm_exit(void);
bool lodge_vm_name_valid(const char *name);
bool lodge_vm_flags_valid(u32 flags);
struct lodge_vm *lodge_vm_create(const struct lodge_create_vm *arg);
void lodge_vm_get(struct lodge_vm *vm);
bool lodge_vm_get_live(struct lodge_vm *vm);
void lodge_vm_put(struct lodge_vm *vm);
void lodge_vm_put_later(struct lodge_vm *vm);
bool lodge_vm_queue(struct work_struct *work);
void lodge_vm_let_go(struct lodge_vm *vm);
int lodge_vm_add_device(struct lodge_vm *vm, const struct lodge_add_device *arg);
int lodge_vm_vsock(struct lodge_vm *vm, const struct lodge_vsock *arg, void (*put)(void *vm));
struct lodge_console *lodge_vm_console(struct lodge_vm *vm, unsigned int which);
int lodge_vm_add_file(struct lodge_vm *vm, const struct lodge_add_file *arg);
int lodge_vm_ioeventfd(struct lodge_vm *vm, const struct lodge_ioeventfd *arg);
int lodge_vm_add_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu);
void lodge_vm_remove_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu);
void lodge_vm_kick_all(struct lodge_vm *vm);
u64 lodge_vm_memory(struct lodge_vm *vm);
void lodge_vm_stats(struct lodge_vm *vm, struct lodge_counts *sum);

#endif /* LODGE_VM_H */
