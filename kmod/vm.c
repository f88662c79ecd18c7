// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine: what its vCPUs share, and its life.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/msr.h>

#include "alloc.h"
#include "control.h"
#include "dev/debugport.h"
#include "dev/ioeventfd.h"
#include "events.h"
#include "mmu/slots.h"
#include "plug.h"
#include "registry.h"
#include "virtio/add.h"
#include "virtio/console.h"
#include "virtio/vsock.h"
#include "virtio/worker.h"
#include "vm.h"
#include "vmx/caps.h"

/* For lodge_vm_kick_all(): a cpumask may be too large for the stack */
static DEFINE_PER_CPU(cpumask_t, kick_mask);

static atomic64_t last_id;

/*
 * What the end of a VM or a device has to wait for may take as long as its owner likes, so there is
 * room for one item of each VM of a user's, and then some
 */
static struct workqueue_struct *ends;

static void acknowledge(void *unused)
{
}

/**
 * lodge_vm_kick_all - have every vCPU that is in the guest leave it
 * @vm: the VM
 *
 * Waits until they have: an IPI is taken only when a window has closed.
 * Interrupts on; spins, does not sleep.
 */
void lodge_vm_kick_all(struct lodge_vm *vm)
{
	cpumask_t *mask;
	int i, self = get_cpu();

	mask = this_cpu_ptr(&kick_mask);
	cpumask_clear(mask);
	rcu_read_lock();
	for (i = 0; i < LODGE_MAX_VCPUS; i++) {
		struct lodge_vcpu *vcpu = rcu_dereference(vm->vcpus[i]);

		if (vcpu && READ_ONCE(vcpu->mode) == LODGE_VCPU_IN_GUEST &&
		    READ_ONCE(vcpu->cpu) != self)
			cpumask_set_cpu(READ_ONCE(vcpu->cpu), mask);
	}
	rcu_read_unlock();
	smp_call_function_many(mask, acknowledge, NULL, true);
	put_cpu();
}

static void kick(struct lodge_mem *mem)
{
	/* pairs with the barrier between a vCPU's mode and its look at tlb_gen */
	smp_mb();
	lodge_vm_kick_all(container_of(mem, struct lodge_vm, mem));
}

static const struct lodge_mem_ops mem_ops = {
	.kick = kick,
};

/**
 * lodge_vm_name_valid - whether a VM can be called so
 * @name: LODGE_NAME_LEN bytes
 *
 * Return: true if it has printable characters without slash, and is filled with NULs, one at least.
 */
bool lodge_vm_name_valid(const char *name)
{
	size_t len = strnlen(name, LODGE_NAME_LEN);
	size_t i;

	for (i = 0; i < len; i++)
		if (!isprint(name[i]) || name[i] == '/')
			return false;
	return len < LODGE_NAME_LEN && !memchr_inv(name + len, 0, LODGE_NAME_LEN - len);
}

/**
 * lodge_vm_flags_valid - whether a VM can be made with these
 * @flags: LODGE_VM_*
 *
 * Return: true if there are no others, and none without one that it takes.
 */
bool lodge_vm_flags_valid(u32 flags)
{
	if ((flags & LODGE_VM_MACHINE) && !(flags & LODGE_VM_HLT_IN_KERNEL))
		return false;
	if ((flags & LODGE_VM_PCI) && !(flags & LODGE_VM_MACHINE))
		return false;
	return !(flags & ~LODGE_VM_FLAGS);
}

static u64 ram(void *owner)
{
	return lodge_mem_size(owner);
}

static int attach_devices(struct lodge_vm *vm)
{
	struct lodge_machine *m = NULL;
	int err;

	if (vm->flags & LODGE_VM_MACHINE) {
		vm->machine = lodge_machine_create(&vm->bus, &vm->memory,
						   vm->flags & LODGE_VM_PCI,
						   lodge_control_watchdog, vm);
		if (IS_ERR(vm->machine))
			return PTR_ERR(vm->machine);
	}
	if (!(vm->flags & LODGE_VM_DEBUG_PORTS))
		return 0;
	m = vm->machine;
	err = lodge_debugport_attach(&vm->bus, m ? &m->debug : NULL);
	if (!err && m)
		err = lodge_fwcfg_attach(&m->fwcfg, &vm->bus, &m->irq, ram, &vm->mem);
	return err;
}

static void detach_devices(struct lodge_vm *vm)
{
	if (!IS_ERR_OR_NULL(vm->machine))
		lodge_machine_destroy(vm->machine);
}

/**
 * lodge_vm_create - LODGE_CREATE_VM
 * @arg: checked here
 *
 * The VM's memory is that of the calling process.  It has a reference on the module.
 *
 * Return: the VM with one reference, or an ERR_PTR: -EINVAL, -ENOMEM, -EINTR, -EUSERS if the
 * user has as many as he may, -ENODEV if the module is about to go.
 */
struct lodge_vm *lodge_vm_create(const struct lodge_create_vm *arg)
{
	struct lodge_ept_caps ept;
	struct lodge_vm *vm;
	int err;

	if (!lodge_vm_flags_valid(arg->flags) || !lodge_vm_name_valid(arg->name) || arg->pad)
		return ERR_PTR(-EINVAL);
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	vm = lodge_alloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm) {
		err = -ENOMEM;
		goto err_module;
	}
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	mutex_init(&vm->pause_lock);
	vm->mm = current->mm;
	vm->flags = arg->flags;
	vm->id = atomic64_inc_return(&last_id);
	memcpy(vm->name, arg->name, sizeof(vm->name));
	err = lodge_tsc_create(&vm->tsc, arg->tsc_khz, vmx_caps.proc2 & PROC2_TSC_SCALING);
	if (err)
		goto err_detach;
	err = attach_devices(vm);
	if (err)
		goto err_detach;
	vmx_caps_ept(&ept);
	err = lodge_mem_init(&vm->mem, &mem_ops, &ept);
	if (err)
		goto err_detach;
	err = lodge_registry_add(vm);
	if (err)
		goto err_mem;
	vm->mem.vm_number = vm->record->number;
	if (vm->machine)
		vm->machine->irq.vm_number = vm->record->number;
	lodge_plug_init(vm);
	return vm;

err_mem:
	lodge_mem_destroy(&vm->mem);
err_detach:
	detach_devices(vm);
	kfree(vm);
err_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}

static void destroy(struct lodge_vm *vm)
{
	lodge_plug_stop(vm);
	lodge_registry_remove(vm);
	if (vm->machine)
		lodge_machine_stop(vm->machine);
	lodge_mem_destroy(&vm->mem);
	detach_devices(vm);
	lodge_ioeventfd_destroy(&vm->bus);
	lodge_ioeventfd_destroy(&vm->memory);
	kfree(vm);
	/* who is here has a reference of his own, or is waited for by lodge_vm_exit() */
	module_put(THIS_MODULE);
}

static void release(struct kref *ref)
{
	destroy(container_of(ref, struct lodge_vm, ref));
}

static void ended(struct work_struct *work)
{
	destroy(container_of(work, struct lodge_vm, end));
}

static void release_later(struct kref *ref)
{
	struct lodge_vm *vm = container_of(ref, struct lodge_vm, ref);

	INIT_WORK(&vm->end, ended);
	lodge_vm_queue(&vm->end);
}

/**
 * lodge_vm_get - take a reference
 * @vm: on which the caller has one
 */
void lodge_vm_get(struct lodge_vm *vm)
{
	kref_get(&vm->ref);
}

/**
 * lodge_vm_get_live - take a reference if there is one
 * @vm: that is not freed meanwhile
 *
 * Return: false if the last one has been given back.
 */
bool lodge_vm_get_live(struct lodge_vm *vm)
{
	return kref_get_unless_zero(&vm->ref);
}

/**
 * lodge_vm_put - give a reference back
 * @vm: gone with the last one; may sleep
 */
void lodge_vm_put(struct lodge_vm *vm)
{
	kref_put(&vm->ref, release);
}

/**
 * lodge_vm_put_later - give a reference back, in any context but NMI
 * @vm: gone with the last one, in a while
 *
 * For those that must not wait for what is under way in a VM's devices.
 */
void lodge_vm_put_later(struct lodge_vm *vm)
{
	kref_put(&vm->ref, release_later);
}

/**
 * lodge_vm_queue - have something done that waits for a VM's devices
 * @work: has a reference on the VM
 *
 * Return: false if it is queued already.
 */
bool lodge_vm_queue(struct work_struct *work)
{
	return queue_work(ends, work);
}

/**
 * lodge_vm_init - before there is a VM
 *
 * Return: 0 or -ENOMEM.
 */
int __init lodge_vm_init(void)
{
	ends = alloc_workqueue("lodge-end", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return ends ? 0 : -ENOMEM;
}

/**
 * lodge_vm_exit - mirror of lodge_vm_init(); there is no VM any more
 */
void lodge_vm_exit(void)
{
	destroy_workqueue(ends);
}

/**
 * lodge_vm_let_go - have the workers keep the owner's memory no longer than they need it
 * @vm: with a reference; may sleep
 *
 * For an owner who ends: his memory, and what only that has kept, is gone when he is.
 */
void lodge_vm_let_go(struct lodge_vm *vm)
{
	struct lodge_virtio_set *set;
	struct lodge_virtio *dev;
	bool kept = false;
	unsigned int slot;

	if (!vm->machine)
		return;
	set = &vm->machine->virtio;
	/* else they let go a little later */
	if (!down_read_trylock(&set->lock))
		return;
	for (slot = 0; slot < LODGE_PCI_SLOTS; slot++) {
		dev = lodge_virtio_at(set, slot);
		kept |= dev && lodge_worker_let_go(dev);
	}
	up_read(&set->lock);
	/* of a worker that was the last to have it */
	if (kept)
		flush_delayed_fput();
}

/**
 * lodge_vm_add_device - LODGE_VM_ADD_DEVICE
 * @vm: the caller's
 * @arg: checked by lodge_virtio_add()
 *
 * Return: the device number, -ENODEV, -EBUSY, -EINTR, -EUSERS if the user has too many, or what
 * lodge_virtio_add() returned.
 */
int lodge_vm_add_device(struct lodge_vm *vm, const struct lodge_add_device *arg)
{
	int ret;

	if (!vm->machine)
		return -ENODEV;
	ret = lodge_registry_charge(vm, LODGE_CHARGE_DEVICE);
	if (ret)
		return ret;
	if (mutex_lock_interruptible(&vm->lock)) {
		ret = -EINTR;
		goto out;
	}
	ret = -EBUSY;
	if (!vm->vcpu_ids) {
		down_write(&vm->machine->virtio.lock);
		ret = lodge_virtio_add(&vm->machine->virtio, &vm->mem, vm->name, arg, current);
		up_write(&vm->machine->virtio.lock);
	}
	mutex_unlock(&vm->lock);
out:
	if (ret < 0)
		lodge_registry_uncharge(vm, LODGE_CHARGE_DEVICE);
	return ret;
}

/**
 * lodge_vm_vsock - LODGE_VM_VSOCK
 * @vm: the caller's
 * @arg: checked by lodge_vsock_attach()
 * @put: called with @vm when the descriptor is released
 *
 * Return: the descriptor, -ENODEV, -EBUSY, -EINTR, or what lodge_vsock_attach() returned.
 */
int lodge_vm_vsock(struct lodge_vm *vm, const struct lodge_vsock *arg, void (*put)(void *vm))
{
	struct lodge_virtio *dev;
	int ret = -EBUSY;

	dev = vm->machine ? lodge_virtio_only(&vm->machine->virtio.vsock) : NULL;
	if (!dev)
		return -ENODEV;
	if (mutex_lock_interruptible(&vm->lock))
		return -EINTR;
	if (!vm->vcpu_ids)
		ret = lodge_vsock_attach(dev, arg, put, vm);
	mutex_unlock(&vm->lock);
	return ret;
}

/**
 * lodge_vm_console - a console of a VM
 * @vm: with a reference, or on its way out with its devices still there
 * @which: LODGE_CONSOLE_*
 *
 * Return: the console, which lives as long as the VM's devices, or NULL if there is none.
 */
struct lodge_console *lodge_vm_console(struct lodge_vm *vm, unsigned int which)
{
	struct lodge_virtio *dev;

	if (!vm->machine)
		return NULL;
	switch (which) {
	case LODGE_CONSOLE_SERIAL:
		return &vm->machine->serial;
	case LODGE_CONSOLE_DEBUG:
		return &vm->machine->debug;
	default:
		dev = lodge_virtio_only(&vm->machine->virtio.console);
		return dev ? lodge_virtio_console_of(dev, which - LODGE_CONSOLE_VIRTIO) : NULL;
	}
}

/**
 * lodge_vm_add_file - LODGE_VM_ADD_FILE
 * @vm: the caller's
 * @arg: checked by lodge_fwcfg_read()
 *
 * Return: 0, -ENODEV, -EBUSY, or what lodge_fwcfg_read() or _add() returned.
 */
int lodge_vm_add_file(struct lodge_vm *vm, const struct lodge_add_file *arg)
{
	int ret = -EBUSY;
	u8 *content;

	if (!vm->machine || !(vm->flags & LODGE_VM_DEBUG_PORTS))
		return -ENODEV;
	content = lodge_fwcfg_read(arg);
	if (IS_ERR(content))
		return PTR_ERR(content);
	mutex_lock(&vm->lock);
	if (!vm->vcpu_ids)
		ret = lodge_fwcfg_add(&vm->machine->fwcfg, arg, content);
	mutex_unlock(&vm->lock);
	if (ret)
		kvfree(content);
	return ret;
}

static bool ioeventfd_valid(const struct lodge_ioeventfd *a)
{
	const u32 known = LODGE_IOEVENTFD_PORT | LODGE_IOEVENTFD_MATCH | LODGE_IOEVENTFD_DEASSIGN;
	bool port = a->flags & LODGE_IOEVENTFD_PORT;
	u64 end = port ? 0x10000 : BIT_ULL(vmx_caps.phys_bits);

	if ((a->flags & ~known) || a->len > (port ? 4 : 8) || (a->len & (a->len - 1)))
		return false;
	if (a->addr >= end || a->len > end - a->addr)
		return false;
	if (!(a->flags & LODGE_IOEVENTFD_MATCH))
		return !a->match;
	return a->len && (a->len == 8 || !(a->match >> a->len * 8));
}

static int ioeventfd_remove(struct lodge_vm *vm, struct lodge_bus *bus,
			    const struct lodge_ioeventfd_entry *e)
{
	struct eventfd_ctx *ctx;

	mutex_lock(&vm->lock);
	ctx = lodge_ioeventfd_remove(bus, e);
	mutex_unlock(&vm->lock);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	/* a vCPU may be about to signal it */
	synchronize_rcu();
	eventfd_ctx_put(ctx);
	return 0;
}

/**
 * lodge_vm_ioeventfd - LODGE_VM_IOEVENTFD
 * @vm: the caller's
 * @arg: checked here
 *
 * Return: 0, -EINVAL, -EBADF, or what lodge_ioeventfd_add() or _remove() returned.
 */
int lodge_vm_ioeventfd(struct lodge_vm *vm, const struct lodge_ioeventfd *arg)
{
	struct lodge_bus *bus = arg->flags & LODGE_IOEVENTFD_PORT ? &vm->bus : &vm->memory;
	bool remove = arg->flags & LODGE_IOEVENTFD_DEASSIGN;
	struct lodge_ioeventfd_entry e = {
		.address = arg->addr, .match = arg->match, .len = arg->len,
		.matches = arg->flags & LODGE_IOEVENTFD_MATCH,
	};
	int err;

	if (!ioeventfd_valid(arg))
		return -EINVAL;
	if (!remove || arg->fd != -1) {
		e.ctx = eventfd_ctx_fdget(arg->fd);
		if (IS_ERR(e.ctx))
			return PTR_ERR(e.ctx);
	}
	if (remove) {
		err = ioeventfd_remove(vm, bus, &e);
	} else {
		mutex_lock(&vm->lock);
		err = lodge_ioeventfd_add(bus, &e);
		mutex_unlock(&vm->lock);
	}
	if (e.ctx && (remove || err))
		eventfd_ctx_put(e.ctx);
	return err;
}

/**
 * lodge_vm_add_vcpu - publish a vCPU
 * @vm: its VM
 * @vcpu: complete
 *
 * Return: 0, -EEXIST if the number is taken, or -EUSERS if the user has too many.
 */
int lodge_vm_add_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu)
{
	int err = lodge_registry_charge(vm, LODGE_CHARGE_VCPU);

	if (err)
		return err;
	err = -EEXIST;
	mutex_lock(&vm->lock);
	if (!rcu_access_pointer(vm->vcpus[vcpu->id])) {
		rcu_assign_pointer(vm->vcpus[vcpu->id], vcpu);
		lodge_events_publish(vcpu);
		lodge_control_publish(vcpu);
		vm->vcpu_ids |= BIT_ULL(vcpu->id);
		err = 0;
	}
	mutex_unlock(&vm->lock);
	if (err)
		lodge_registry_uncharge(vm, LODGE_CHARGE_VCPU);
	return err;
}

/**
 * lodge_vm_stats - what all vCPUs have done, also those that have gone
 * @vm: the VM
 * @sum: filled in
 */
void lodge_vm_stats(struct lodge_vm *vm, struct lodge_counts *sum)
{
	unsigned int i;

	mutex_lock(&vm->lock);
	*sum = vm->record->counts;
	for (i = 0; i < LODGE_MAX_VCPUS; i++) {
		struct lodge_vcpu *vcpu = rcu_dereference_protected(vm->vcpus[i],
								    lockdep_is_held(&vm->lock));

		if (vcpu)
			lodge_stats_add(sum, &vcpu->counts);
	}
	mutex_unlock(&vm->lock);
}

/**
 * lodge_vm_memory - how much memory the guest has
 * @vm: the VM
 *
 * Return: bytes in slots.
 */
u64 lodge_vm_memory(struct lodge_vm *vm)
{
	const struct lodge_mem_slots *slots;
	unsigned int i;
	u64 sum = 0;

	rcu_read_lock();
	slots = rcu_dereference(vm->mem.slots);
	for (i = 0; slots && i < slots->nr; i++)
		sum += slots->slot[i]->len;
	rcu_read_unlock();
	return sum;
}

/**
 * lodge_vm_remove_vcpu - mirror of lodge_vm_add_vcpu()
 * @vm: its VM
 * @vcpu: may still be seen by readers until a grace period has passed
 */
void lodge_vm_remove_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu)
{
	mutex_lock(&vm->lock);
	lodge_stats_add(&vm->record->counts, &vcpu->counts);
	RCU_INIT_POINTER(vm->vcpus[vcpu->id], NULL);
	mutex_unlock(&vm->lock);
	lodge_registry_uncharge(vm, LODGE_CHARGE_VCPU);
}
