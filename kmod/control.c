// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others may have a VM do: pause, go on, stop, reset, end.
 *
 * lodge_vm.control says what is wanted; each vCPU is told by a request to look at it
 * before it enters the guest the next time.  The request stays while the VM is
 * paused or killed, so that a vCPU which leaves LODGE_VCPU_RUN for a signal
 * looks again when it comes back.
 */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "control.h"
#include "registry.h"
#include "state.h"
#include "virtio/device.h"
#include "vmx/vmx.h"
#include "x86/pv.h"

#define PATIENCE_MS	5000	/* with an owner who is to stop vhost-vsock */

static void tell_vcpus(struct lodge_vm *vm)
{
	unsigned int i;

	/* pairs with lodge_control_publish(): a vCPU is found here, or finds the bits there */
	smp_mb();
	rcu_read_lock();
	for (i = 0; i < LODGE_MAX_VCPUS; i++) {
		struct lodge_vcpu *vcpu = rcu_dereference(vm->vcpus[i]);

		if (!vcpu)
			continue;
		set_bit(LODGE_REQ_CONTROL, &vcpu->requests);
		/* as in lodge_vcpu_interrupt() */
		smp_mb__after_atomic();
		lodge_vcpu_kick(vcpu);
	}
	rcu_read_unlock();
}

/* The host's vhost-vsock, which looks at none of our bits, has the guest's memory otherwise */
static struct lodge_virtio *vsock_of(struct lodge_vm *vm)
{
	return vm->machine ? lodge_virtio_only(&vm->machine->virtio.vsock) : NULL;
}

static void let_go(struct lodge_vm *vm)
{
	struct lodge_virtio *vsock = vsock_of(vm);

	clear_bit(LODGE_CONTROL_PAUSE, &vm->control);
	if (vm->machine)
		lodge_watchdog_hold(&vm->machine->watchdog, false);
	if (vsock)
		lodge_virtio_hold(vsock, false);
	tell_vcpus(vm);
}

static int hold(struct lodge_vm *vm)
{
	struct lodge_virtio *vsock = vsock_of(vm);
	int err = 0;

	if (test_and_set_bit(LODGE_CONTROL_PAUSE, &vm->control))
		return -EALREADY;
	tell_vcpus(vm);
	lodge_vm_kick_all(vm);
	/* the guest cannot restart it any more */
	if (vm->machine)
		lodge_watchdog_hold(&vm->machine->watchdog, true);
	if (vsock) {
		lodge_virtio_hold(vsock, true);
		err = lodge_virtio_wait_idle(vsock, PATIENCE_MS);
	}
	if (err)
		let_go(vm);
	return err;
}

/**
 * lodge_control_pause - have a VM wait
 * @vm: with a reference; no lock is held
 *
 * When this returns no vCPU is in the guest, and the host's vhost-vsock does not touch its
 * memory.  The guest's time goes on, but for its watchdog's.
 *
 * Return: 0, -EALREADY if it is paused, -EBUSY if somebody else is about to pause it,
 * -ETIMEDOUT if the owner does not stop vhost-vsock, -ERESTARTSYS if the caller is killed.
 */
int lodge_control_pause(struct lodge_vm *vm)
{
	int err;

	if (!mutex_trylock(&vm->pause_lock))
		return -EBUSY;
	err = hold(vm);
	if (!err)
		lodge_registry_tell(vm, LODGE_VM_EVENT_PAUSED);
	mutex_unlock(&vm->pause_lock);
	return err;
}

/**
 * lodge_control_resume - undo lodge_control_pause()
 * @vm: with a reference; no lock is held
 *
 * Return: 0, -EALREADY if it is not paused, -EBUSY if somebody is about to pause it.
 */
int lodge_control_resume(struct lodge_vm *vm)
{
	int err = -EALREADY;

	if (!mutex_trylock(&vm->pause_lock))
		return -EBUSY;
	if (lodge_control_paused(vm)) {
		let_go(vm);
		lodge_registry_tell(vm, LODGE_VM_EVENT_RESUMED);
		err = 0;
	}
	mutex_unlock(&vm->pause_lock);
	return err;
}

/**
 * lodge_control_stop - ask the guest to power off
 * @vm: with a reference
 *
 * Return: 0, -ENODEV if it has no power button, -EBUSY while it is paused.
 */
int lodge_control_stop(struct lodge_vm *vm)
{
	if (!vm->machine)
		return -ENODEV;
	if (lodge_control_paused(vm))
		return -EBUSY;
	lodge_pm_press_button(&vm->machine->pm);
	return 0;
}

/**
 * lodge_control_reset - have one LODGE_VCPU_RUN return with LODGE_SYSTEM_RESET
 * @vm: with a reference; paused, it does so when it is resumed
 */
void lodge_control_reset(struct lodge_vm *vm)
{
	set_bit(LODGE_CONTROL_RESET, &vm->control);
	tell_vcpus(vm);
}

/**
 * lodge_control_watchdog - have one LODGE_VCPU_RUN return with LODGE_SYSTEM_WATCHDOG
 * @vm: with a machine; paused, it does so when it is resumed
 *
 * Any context but NMI.
 */
void lodge_control_watchdog(void *vm)
{
	struct lodge_vm *dogged = vm;

	set_bit(LODGE_CONTROL_WATCHDOG, &dogged->control);
	tell_vcpus(dogged);
}

/**
 * lodge_control_kill - have every LODGE_VCPU_RUN return with LODGE_SYSTEM_KILL from now on
 * @vm: with a reference; it may be paused
 */
void lodge_control_kill(struct lodge_vm *vm)
{
	set_bit(LODGE_CONTROL_KILL, &vm->control);
	tell_vcpus(vm);
	lodge_vm_kick_all(vm);
}

/**
 * lodge_control_limit - how much processor time the vCPUs may have
 * @vm: with a reference
 * @percent: of one host CPU, LODGE_QUOTA_MAX at most; 0: as much as they get
 */
void lodge_control_limit(struct lodge_vm *vm, u32 percent)
{
	lodge_quota_set(&vm->quota, percent);
	tell_vcpus(vm);
}

/**
 * lodge_control_nmi - an NMI for the boot processor
 * @vm: with a reference; paused, it comes when it is resumed
 *
 * Return: 0, or -ENODEV if there is no vCPU 0.
 */
int lodge_control_nmi(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;

	rcu_read_lock();
	vcpu = rcu_dereference(vm->vcpus[0]);
	if (vcpu)
		lodge_vcpu_nmi(vcpu);
	rcu_read_unlock();
	return vcpu ? 0 : -ENODEV;
}

/* Of one that waits; else of one that nobody runs, and that cannot get into the guest */
static int regs_of(struct lodge_vcpu *vcpu, struct lodge_regs *regs, struct lodge_sregs *sregs)
{
	int err = -EAGAIN;

	spin_lock(&vcpu->still_lock);
	if (vcpu->still)
		err = lodge_state_get_regs(vcpu, regs) ?: lodge_state_get_sregs(vcpu, sregs);
	spin_unlock(&vcpu->still_lock);
	if (err != -EAGAIN || !mutex_trylock(&vcpu->lock))
		return err;
	err = lodge_state_get_regs(vcpu, regs) ?: lodge_state_get_sregs(vcpu, sregs);
	mutex_unlock(&vcpu->lock);
	return err;
}

/**
 * lodge_control_regs - a vCPU's registers, for somebody else than its owner
 * @vm: with a reference
 * @id: number of the vCPU
 * @regs: filled in
 * @sregs: filled in
 *
 * Return: 0, -EBUSY if the VM is not paused, -ENOENT if there is no such vCPU, -EAGAIN
 * if it is about to wait.
 */
int lodge_control_regs(struct lodge_vm *vm, u32 id, struct lodge_regs *regs,
		       struct lodge_sregs *sregs)
{
	struct lodge_vcpu *vcpu;
	int err = -ENOENT;

	if (id >= LODGE_MAX_VCPUS)
		return err;
	if (!lodge_control_paused(vm))
		return -EBUSY;
	regs->size = sizeof(*regs);
	sregs->size = sizeof(*sregs);
	/* who takes a vCPU out of the table waits for readers before it goes */
	rcu_read_lock();
	vcpu = rcu_dereference(vm->vcpus[array_index_nospec(id, LODGE_MAX_VCPUS)]);
	if (vcpu)
		err = regs_of(vcpu, regs, sregs);
	rcu_read_unlock();
	return err;
}

/**
 * lodge_control_publish - a vCPU that comes late heeds what its VM was told before
 * @vcpu: in its VM's table
 */
void lodge_control_publish(struct lodge_vcpu *vcpu)
{
	/* pairs with tell_vcpus() */
	smp_mb();
	if (READ_ONCE(vcpu->vm->control))
		set_bit(LODGE_REQ_CONTROL, &vcpu->requests);
}

static int leave(struct lodge_vcpu *vcpu, enum lodge_system_event type)
{
	vcpu->run->exit_reason = LODGE_EXIT_SYSTEM;
	vcpu->run->system = (struct lodge_run_system){ .type = type };
	return LODGE_NEXT_USER;
}

/* Others may look at the registers, which are all in memory then */
static void set_still(struct lodge_vcpu *vcpu, bool still)
{
	spin_lock(&vcpu->still_lock);
	vcpu->still = still;
	spin_unlock(&vcpu->still_lock);
}

/* Until the VM is told something else; 0 or -EINTR */
static int wait_paused(struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;
	int err;

	set_still(vcpu, !vmx_state_fetch(vcpu, LODGE_PART_ALL));
	WRITE_ONCE(vcpu->paused, true);
	lodge_pv_pausing(vcpu);
	err = rcuwait_wait_event(&vcpu->wait, !lodge_control_paused(vm) ||
				 test_bit(LODGE_CONTROL_KILL, &vm->control),
				 TASK_INTERRUPTIBLE);
	lodge_pv_resumed(vcpu);
	WRITE_ONCE(vcpu->paused, false);
	set_still(vcpu, false);
	return err ? -EINTR : 0;
}

/**
 * lodge_control_heed - LODGE_REQ_CONTROL: do what the VM is told
 * @vcpu: locked, outside a window, nothing of an instruction left to do; sleeps
 *
 * Return: LODGE_NEXT_ENTER, LODGE_NEXT_USER with an exit filled in, or -EINTR.
 */
int lodge_control_heed(struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;

	for (;;) {
		clear_bit(LODGE_REQ_CONTROL, &vcpu->requests);
		/* cleared before the look: who changes the bits after it asks again */
		smp_mb__after_atomic();
		if (test_bit(LODGE_CONTROL_KILL, &vm->control)) {
			set_bit(LODGE_REQ_CONTROL, &vcpu->requests);
			return leave(vcpu, LODGE_SYSTEM_KILL);
		}
		if (lodge_control_paused(vm)) {
			/* for the time after a signal */
			set_bit(LODGE_REQ_CONTROL, &vcpu->requests);
			if (wait_paused(vcpu))
				return -EINTR;
			continue;
		}
		if (test_and_clear_bit(LODGE_CONTROL_WATCHDOG, &vm->control)) {
			/* for a reset */
			set_bit(LODGE_REQ_CONTROL, &vcpu->requests);
			vcpu->told = LODGE_VM_EVENT_WATCHDOG;
			return leave(vcpu, LODGE_SYSTEM_WATCHDOG);
		}
		return test_and_clear_bit(LODGE_CONTROL_RESET, &vm->control) ?
		       leave(vcpu, LODGE_SYSTEM_RESET) : LODGE_NEXT_ENTER;
	}
}
