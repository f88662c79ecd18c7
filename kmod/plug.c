// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that come and go while the VM runs.
 *
 * A device goes when the guest ejects it, or by force; a work item removes it, for the
 * guest's write to the eject register may be made in a VMX window.  That has a reference on the
 * VM: files whose end it waits for may have all others.
 *
 * By force means that it answers no more, the guest is told to eject it, and has a while to do
 * so: drivers wait for ever for a request or a reset that is not answered.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/rwsem.h>
#include <linux/sched/task.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#include "control.h"
#include "plug.h"
#include "registry.h"
#include "virtio/add.h"
#include "virtio/device.h"
#include "vm.h"

#define GRACE	(5 * HZ)	/* for a guest to eject what goes by force */

static bool has_bus(const struct lodge_vm *vm)
{
	return vm->flags & LODGE_VM_PCI;
}

static void remove_one(struct lodge_vm *vm, unsigned int slot)
{
	struct lodge_machine *m = vm->machine;
	struct lodge_pci_device *dev;
	bool forced;

	down_write(&m->virtio.lock);
	forced = lodge_hotplug_forget(&m->hotplug, slot);
	dev = lodge_virtio_remove(&m->virtio, slot, forced);
	up_write(&m->virtio.lock);
	if (!dev)
		return;
	/* without the lock: what is under way in it may not end */
	lodge_pci_destroy(dev);
	/* who hears that it has gone finds its file unlocked */
	flush_delayed_fput();
	/* before anybody is told of the next one of this number */
	down_write(&m->virtio.lock);
	lodge_pci_vacate(&m->pci, slot);
	lodge_registry_tell_device(vm, LODGE_VM_EVENT_DETACHED, slot);
	up_write(&m->virtio.lock);
	lodge_registry_uncharge(vm, LODGE_CHARGE_DEVICE);
}

static void removal(struct work_struct *work)
{
	struct lodge_vm *vm = container_of(work, struct lodge_vm, removal);
	unsigned long slots;
	unsigned int slot;

	do {
		slots = lodge_hotplug_take(&vm->machine->hotplug);
		for_each_set_bit(slot, &slots, LODGE_PCI_SLOTS)
			remove_one(vm, slot);
	} while (slots);
	lodge_vm_put(vm);
}

/* What the guest has had its time for; a paused one has it when it goes on */
static void overdue(struct work_struct *work)
{
	struct lodge_vm *vm = container_of(to_delayed_work(work), struct lodge_vm, overdue);
	u32 slots = lodge_hotplug_pulled(&vm->machine->hotplug);

	if (!slots)
		return;
	if (lodge_control_paused(vm))
		schedule_delayed_work(&vm->overdue, GRACE);
	else
		lodge_hotplug_force(&vm->machine->hotplug, slots);
}

static void ejected(void *owner)
{
	struct lodge_vm *vm = owner;

	/* of a VM that ends all devices go */
	if (lodge_vm_get_live(vm) && !lodge_vm_queue(&vm->removal))
		lodge_vm_put_later(vm);
}

/**
 * lodge_plug_init - let devices come and go
 * @vm: complete, has no vCPU yet
 */
void lodge_plug_init(struct lodge_vm *vm)
{
	if (!has_bus(vm))
		return;
	INIT_WORK(&vm->removal, removal);
	INIT_DELAYED_WORK(&vm->overdue, overdue);
	vm->machine->hotplug.owner = vm;
	vm->machine->hotplug.eject = ejected;
}

/**
 * lodge_plug_stop - mirror of lodge_plug_init()
 * @vm: that nobody has a reference on any more; may sleep
 */
void lodge_plug_stop(struct lodge_vm *vm)
{
	if (!has_bus(vm))
		return;
	cancel_delayed_work_sync(&vm->overdue);
}

/**
 * lodge_plug_add - give a VM a device, whether it runs or not
 * @vm: with a reference; the caller may be of another process
 * @arg: checked by lodge_virtio_add()
 *
 * Return: the device number, -ENODEV if the VM has no PCI bus, -ESRCH if its process has gone,
 * -EINTR, -EUSERS if the VM's user has too many, or what lodge_virtio_add() returned.
 */
int lodge_plug_add(struct lodge_vm *vm, const struct lodge_add_device *arg)
{
	struct task_struct *owner;
	int slot;

	if (!has_bus(vm))
		return -ENODEV;
	owner = lodge_registry_owner(vm);
	if (!owner)
		return -ESRCH;
	slot = lodge_registry_charge(vm, LODGE_CHARGE_DEVICE);
	if (slot)
		goto out;
	slot = -EINTR;
	if (down_write_killable(&vm->machine->virtio.lock))
		goto out_charge;
	slot = lodge_virtio_add(&vm->machine->virtio, &vm->mem, vm->name, arg, owner);
	if (slot > 0) {
		lodge_hotplug_tell(&vm->machine->hotplug, slot);
		lodge_registry_tell_device(vm, LODGE_VM_EVENT_ATTACHED, slot);
	}
	up_write(&vm->machine->virtio.lock);
out_charge:
	if (slot < 0)
		lodge_registry_uncharge(vm, LODGE_CHARGE_DEVICE);
out:
	put_task_struct(owner);
	return slot;
}

static void pull(struct lodge_vm *vm, struct lodge_virtio *dev, unsigned int slot)
{
	struct lodge_hotplug *hp = &vm->machine->hotplug;
	bool first;

	dev->ops->pull(dev);
	first = lodge_hotplug_pull(hp, slot);
	if (first && (lodge_virtio_status(dev) & VIRTIO_CONFIG_S_DRIVER_OK))
		mod_delayed_work(system_wq, &vm->overdue, GRACE);
	else
		lodge_hotplug_force(hp, BIT(slot));
}

/**
 * lodge_plug_remove - take a device from a VM
 * @vm: with a reference, and with lodge_virtio_set.lock held for reading
 * @slot: number of a device that it has
 * @force: whether the guest wants to or not: at once if no driver has it, or if this is not the
 *	first time; else soon, and it answers no more until then
 *
 * It is gone later, when the guest has ejected it and what was under way is done;
 * LODGE_VM_EVENT_DETACHED tells.
 *
 * Return: 0, -ENODEV if the VM has no PCI bus, -EOPNOTSUPP if the device is of a kind that stays.
 */
int lodge_plug_remove(struct lodge_vm *vm, unsigned int slot, bool force)
{
	struct lodge_virtio *dev;

	if (!has_bus(vm))
		return -ENODEV;
	dev = lodge_virtio_at(&vm->machine->virtio, slot);
	if (!lodge_virtio_can_go(dev))
		return -EOPNOTSUPP;
	if (force)
		pull(vm, dev, slot);
	else
		lodge_hotplug_ask(&vm->machine->hotplug, slot);
	return 0;
}
