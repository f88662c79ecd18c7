// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual processor: its life, the run loop, waiting, and what others may do to
 * it while it runs.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "alloc.h"
#include "compat.h"
#include "control.h"
#include "events.h"
#include "guestwork.h"
#include "registry.h"
#include "vm.h"
#include "vmx/vmx.h"
#include "x86/cr.h"

/**
 * lodge_vcpu_reset_regs - general and system registers as after RESET and INIT
 * @vcpu: locked or not yet published
 */
void lodge_vcpu_reset_regs(struct lodge_vcpu *vcpu)
{
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[LODGE_RDX] = 0x600;	/* family 6, as the processor signature */
	vcpu->rip = 0xfff0;
	vcpu->rflags = 2;
	lodge_cr_reset(vcpu);
}

static void reset(struct lodge_vcpu *vcpu)
{
	lodge_vcpu_reset_regs(vcpu);
	lodge_msr_reset(&vcpu->msr, lodge_tsc_guest(&vcpu->vm->tsc, vcpu->vm->tsc.start));
	lodge_debug_reset(&vcpu->debug);
	lodge_cpuid_reset(&vcpu->cpuid, vcpu->id, vcpu->vm->machine ? vcpu->vm->tsc.khz : 0);
	lodge_pv_reset(&vcpu->pv);
	vcpu->cached = LODGE_PART_ALL;
	vcpu->dirty = LODGE_PART_ALL;
}

/**
 * lodge_vcpu_create - a vCPU with the state after RESET
 * @vm: its VM, of which it takes a reference
 * @id: number, below LODGE_MAX_VCPUS
 *
 * Return: the vCPU, in nobody's list yet, or an ERR_PTR: -ENOMEM, -EBUSY.
 */
struct lodge_vcpu *lodge_vcpu_create(struct lodge_vm *vm, u32 id)
{
	struct lodge_vcpu *vcpu = lodge_alloc_large(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->id = id;
	mutex_init(&vcpu->lock);
	spin_lock_init(&vcpu->still_lock);
	rcuwait_init(&vcpu->wait);
	lodge_vm_get(vm);
	vcpu->vm = vm;
	vcpu->run = lodge_alloc_user(LODGE_RUN_SIZE);
	if (!vcpu->run)
		goto err_destroy;
	err = lodge_insn_create(vcpu);
	if (err)
		goto err_destroy;
	err = lodge_fpu_create(&vcpu->fpu);
	if (err)
		goto err_destroy;
	reset(vcpu);
	err = vmx_vcpu_create(vcpu);
	if (err)
		goto err_destroy;
	lodge_events_create(vcpu);
	return vcpu;

err_destroy:
	lodge_vcpu_destroy(vcpu);
	return ERR_PTR(err);
}

/**
 * lodge_vcpu_destroy - mirror of lodge_vcpu_create(), also of one half done
 * @vcpu: in nobody's list any more
 */
void lodge_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	lodge_events_destroy(vcpu);
	vmx_vcpu_destroy(vcpu);
	lodge_fpu_destroy(&vcpu->fpu);
	lodge_insn_destroy(vcpu);
	vfree(vcpu->run);
	lodge_vm_put(vcpu->vm);
	/* a kick may have found it in the list just before it was taken out */
	synchronize_rcu();
	put_pid(rcu_dereference_protected(vcpu->thread, true));
	kvfree(vcpu);
}

static bool event_wakes(struct lodge_vcpu *vcpu)
{
	if (vcpu->exception.pending || READ_ONCE(vcpu->unhalted))
		return true;
	if (atomic_read(&vcpu->nmi_pending) && !(vcpu->shadow & INTERRUPTIBILITY_NMI))
		return true;
	return READ_ONCE(vcpu->irq_waiting) && vmx_inject_irq_open(vcpu) &&
	       lodge_events_irq_ready(vcpu);
}

/* Is there anything to be done before a vCPU that waits goes on waiting? */
static bool told_to_move(struct lodge_vcpu *vcpu, u32 state)
{
	return READ_ONCE(vcpu->mp_state) != state || READ_ONCE(vcpu->requests);
}

/* Sleeps until there is something to run for; 0 or -EINTR */
static int wait_runnable(struct lodge_vcpu *vcpu)
{
	int err;

	if (rcuwait_wait_event(&vcpu->wait, told_to_move(vcpu, LODGE_MP_WAIT_SIPI),
			       TASK_INTERRUPTIBLE))
		return -EINTR;
	if (READ_ONCE(vcpu->requests))
		return lodge_events_handle(vcpu);
	err = vmx_state_fetch(vcpu, LODGE_PART_RFLAGS | LODGE_PART_SHADOW | LODGE_PART_APIC);
	if (err)
		return err;
	if (rcuwait_wait_event(&vcpu->wait,
			       told_to_move(vcpu, LODGE_MP_HALTED) || event_wakes(vcpu),
			       TASK_INTERRUPTIBLE))
		return -EINTR;
	if (READ_ONCE(vcpu->requests))
		return lodge_events_handle(vcpu);
	WRITE_ONCE(vcpu->unhalted, false);
	/* not if it was told to wait for a start meanwhile */
	cmpxchg(&vcpu->mp_state, LODGE_MP_HALTED, LODGE_MP_RUNNABLE);
	return 0;
}

static bool told_to_stop(const struct lodge_vcpu *vcpu)
{
	return test_bit(LODGE_REQ_CONTROL, &vcpu->requests);
}

/*
 * Its VM's vCPUs have had what they may: until they may have more. Woken by whoever has something
 * for the vCPU, it looks, and sleeps again unless it was told to stop.
 * Return: 0 or -EINTR.
 */
static noinline int wait_quota(struct lodge_vcpu *vcpu)
{
	struct lodge_quota *quota = &vcpu->vm->quota;
	int err = 0;
	ktime_t until;

	until = ns_to_ktime(lodge_quota_charge(quota, &vcpu->use));
	if (!until)
		return 0;
	lodge_pv_pausing(vcpu);
	prepare_to_rcuwait(&vcpu->wait);
	while (until) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (told_to_stop(vcpu))
			break;
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		schedule_hrtimeout(&until, HRTIMER_MODE_ABS);
		until = ns_to_ktime(lodge_quota_charge(quota, &vcpu->use));
	}
	finish_rcuwait(&vcpu->wait);
	lodge_pv_resumed(vcpu);
	return err;
}

/* With the VM's consent a halted vCPU waits in the kernel; else it is user space's matter */
static noinline int before_entry(struct lodge_vcpu *vcpu)
{
	int err;

	if (unlikely(READ_ONCE(vcpu->run->want_irq_window)) && !READ_ONCE(vcpu->irq_waiting)) {
		err = vmx_state_fetch(vcpu, LODGE_PART_RFLAGS | LODGE_PART_SHADOW);
		if (err)
			return err;
		if (vmx_inject_irq_open(vcpu)) {
			vcpu->run->exit_reason = LODGE_EXIT_IRQ_WINDOW;
			return LODGE_NEXT_USER;
		}
	}
	/* preempted by the kernel, where it does that by itself */
	lodge_pv_resumed(vcpu);
	if (unlikely(told_to_stop(vcpu))) {
		err = lodge_control_heed(vcpu);
		if (err != LODGE_NEXT_ENTER)
			return err;
	}
	if (unlikely(READ_ONCE(vcpu->vm->quota.percent))) {
		err = wait_quota(vcpu);
		if (err)
			return err;
	}
	if (READ_ONCE(vcpu->requests)) {
		err = lodge_events_handle(vcpu);
		if (err)
			return err;
	}
	if (READ_ONCE(vcpu->mp_state) == LODGE_MP_RUNNABLE)
		return LODGE_NEXT_ENTER;
	lodge_pv_pausing(vcpu);
	do {
		err = wait_runnable(vcpu);
	} while (!err && READ_ONCE(vcpu->mp_state) != LODGE_MP_RUNNABLE && !told_to_stop(vcpu));
	lodge_pv_resumed(vcpu);
	return err ? err : LODGE_NEXT_ENTER;
}

static bool needs_care(const struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->want_irq_window) ||
	       READ_ONCE(vcpu->mp_state) != LODGE_MP_RUNNABLE || READ_ONCE(vcpu->requests) ||
	       lodge_pv_was_away(&vcpu->pv) || READ_ONCE(vcpu->vm->quota.percent);
}

static int run_loop(struct lodge_vcpu *vcpu)
{
	int next = LODGE_NEXT_ENTER;

	/* before immediate_exit, so that it brings the vCPU to an instruction's end */
	if (vcpu->insn.complete)
		next = lodge_insn_complete(vcpu);
	if (unlikely(READ_ONCE(vcpu->run->immediate_exit)) && next == LODGE_NEXT_ENTER)
		return -EINTR;
	while (next == LODGE_NEXT_ENTER) {
		if (unlikely(needs_care(vcpu)))
			next = before_entry(vcpu);
		if (likely(next == LODGE_NEXT_ENTER))
			next = vmx_vcpu_run(vcpu);
		if (next == LODGE_NEXT_WORK) {
			lodge_pv_pausing(vcpu);
			next = lodge_guestwork_handle() ? -EINTR : LODGE_NEXT_ENTER;
			lodge_pv_resumed(vcpu);
		}
	}
	return next;
}

/* Remembers who runs the vCPU, for others to yield to */
static void note_thread(struct lodge_vcpu *vcpu)
{
	struct pid *old = rcu_dereference_protected(vcpu->thread, lockdep_is_held(&vcpu->lock));

	if (likely(old == task_pid(current)))
		return;
	lodge_registry_started(vcpu->vm);
	/* the time of another thread says nothing about this one's */
	vcpu->use.age = 0;
	rcu_assign_pointer(vcpu->thread, get_pid(task_pid(current)));
	if (old)
		synchronize_rcu();
	put_pid(old);
}

/* The thread of a vCPU that could run but does not, with a reference; else NULL */
static struct task_struct *find_waiting(struct lodge_vm *vm, u32 id, struct lodge_vcpu *self)
{
	struct task_struct *task = NULL;
	struct lodge_vcpu *to;

	rcu_read_lock();
	to = rcu_dereference(vm->vcpus[id]);
	if (to && to != self && READ_ONCE(to->mode) != LODGE_VCPU_IN_GUEST &&
	    READ_ONCE(to->mp_state) == LODGE_MP_RUNNABLE)
		task = get_pid_task(rcu_dereference(to->thread), PIDTYPE_PID);
	rcu_read_unlock();
	return task;
}

/**
 * lodge_vcpu_yield - the guest spins in a loop of PAUSEs: let another vCPU run
 * @vcpu: locked, outside a window
 *
 * Each in its turn, so that the one that holds the lock has the CPU soon.
 */
void lodge_vcpu_yield(struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;
	u32 first = READ_ONCE(vm->last_yield);
	u32 i;

	for (i = 1; i <= LODGE_MAX_VCPUS; i++) {
		u32 id = (first + i) % LODGE_MAX_VCPUS;
		struct task_struct *task = find_waiting(vm, id, vcpu);
		bool done;

		if (!task)
			continue;
		done = yield_to(task, true) > 0;
		put_task_struct(task);
		if (done) {
			WRITE_ONCE(vm->last_yield, id);
			return;
		}
	}
}

/**
 * lodge_vcpu_yield_to - the guest waits for one of its vCPUs: let that run
 * @vcpu: locked, outside a window
 * @id: number of the other, the guest's choice
 *
 * Return: 0, also if there is none or it runs.
 */
int lodge_vcpu_yield_to(struct lodge_vcpu *vcpu, u64 id)
{
	struct task_struct *task;

	if (id >= LODGE_MAX_VCPUS)
		return 0;
	task = find_waiting(vcpu->vm, array_index_nospec(id, LODGE_MAX_VCPUS), vcpu);
	if (task) {
		yield_to(task, true);
		put_task_struct(task);
	}
	return 0;
}

/**
 * lodge_vcpu_unhalt - wake a vCPU from HLT, or keep it from its next one
 * @vm: the VM
 * @id: number of the vCPU, the guest's choice
 *
 * Return: 0, also if there is none.
 */
int lodge_vcpu_unhalt(struct lodge_vm *vm, u64 id)
{
	struct lodge_vcpu *vcpu;

	if (id >= LODGE_MAX_VCPUS)
		return 0;
	rcu_read_lock();
	vcpu = rcu_dereference(vm->vcpus[array_index_nospec(id, LODGE_MAX_VCPUS)]);
	if (vcpu) {
		WRITE_ONCE(vcpu->unhalted, true);
		/* as in lodge_vcpu_interrupt() */
		smp_mb();
		lodge_vcpu_kick(vcpu);
	}
	rcu_read_unlock();
	return 0;
}

/**
 * lodge_vcpu_run - LODGE_VCPU_RUN
 * @vcpu: locked; the caller is a thread of the VM's owner
 *
 * Return: 0 with lodge_run.exit_reason set, -EINTR for a signal or
 * immediate_exit, -EBUSY if VMX operation cannot be entered.
 */
int lodge_vcpu_run(struct lodge_vcpu *vcpu)
{
	struct lodge_run *run = vcpu->run;
	int next;

	note_thread(vcpu);
	if (!(vcpu->vm->flags & LODGE_VM_HLT_IN_KERNEL))
		cmpxchg(&vcpu->mp_state, LODGE_MP_HALTED, LODGE_MP_RUNNABLE);
	next = run_loop(vcpu);
	if (unlikely(vcpu->told)) {
		lodge_registry_tell(vcpu->vm, vcpu->told);
		vcpu->told = 0;
	}
	vcpu->counts.stat[LODGE_STAT_EXITS_USER]++;
	run->cr8 = vcpu->s.cr8;
	run->if_flag = 0;
	run->ready_for_irq = 0;
	if (!(~vcpu->cached & (LODGE_PART_RFLAGS | LODGE_PART_SHADOW))) {
		run->if_flag = !!(vcpu->rflags & 0x200);
		run->ready_for_irq = vmx_inject_irq_open(vcpu);
	}
	if (next < 0)
		run->exit_reason = LODGE_EXIT_NONE;
	return next < 0 ? next : 0;
}

/**
 * lodge_vcpu_kick - have the vCPU look at its events: wakes it, or gets it out of the guest
 * @vcpu: need not be locked
 *
 * The caller has left the event before, with a full barrier after it.  Any
 * context but an NMI, also inside a window.
 */
void lodge_vcpu_kick(struct lodge_vcpu *vcpu)
{
	int cpu;

	if (rcuwait_wake_up(&vcpu->wait))
		return;
	cpu = get_cpu();
	/* the interrupt itself does it: nothing need be run by it */
	if (READ_ONCE(vcpu->mode) == LODGE_VCPU_IN_GUEST && READ_ONCE(vcpu->cpu) != cpu)
		smp_send_reschedule(READ_ONCE(vcpu->cpu));
	put_cpu();
}

/**
 * lodge_vcpu_interrupt - have an external interrupt delivered
 * @vcpu: need not be locked
 * @vector: 16 to 255
 *
 * Return: 0, or -EINVAL.
 */
int lodge_vcpu_interrupt(struct lodge_vcpu *vcpu, u32 vector)
{
	if (vector < 16 || vector > 255)
		return -EINVAL;
	vector = array_index_nospec(vector, 256);
	set_bit(vector, vcpu->irr);
	/* pairs with lodge_events_take_irq(), which clears the flag before it looks at the bits */
	smp_mb__after_atomic();
	WRITE_ONCE(vcpu->irq_waiting, true);
	/* pairs with the barrier between a vCPU's mode and its look at events */
	smp_mb();
	lodge_vcpu_kick(vcpu);
	return 0;
}

/**
 * lodge_vcpu_nmi - have an NMI delivered
 * @vcpu: need not be locked
 *
 * One may wait while another is blocked; further ones merge (SDM Vol 3A, 6.7.1).
 */
void lodge_vcpu_nmi(struct lodge_vcpu *vcpu)
{
	atomic_add_unless(&vcpu->nmi_pending, 1, 2);
	/* as in lodge_vcpu_interrupt() */
	smp_mb__after_atomic();
	lodge_vcpu_kick(vcpu);
}

/**
 * lodge_vcpu_set_mp - set the activity
 * @vcpu: need not be locked
 * @state: enum lodge_mp_state; a vCPU in the guest heeds it at its next exit
 */
void lodge_vcpu_set_mp(struct lodge_vcpu *vcpu, u32 state)
{
	WRITE_ONCE(vcpu->mp_state, state);
	/* as in lodge_vcpu_interrupt() */
	smp_mb();
	lodge_vcpu_kick(vcpu);
}
