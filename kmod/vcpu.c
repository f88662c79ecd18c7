// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual processor: its life, the run loop, waiting, and what others may do to
 * it while it runs.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "alloc.h"
#include "guestwork.h"
#include "vm.h"
#include "vmx/vmx.h"
#include "x86/cr.h"

static void reset(struct lodge_vcpu *vcpu)
{
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[LODGE_RDX] = 0x600;	/* family 6, as the processor signature */
	vcpu->rip = 0xfff0;
	vcpu->rflags = 2;
	lodge_cr_reset(vcpu);
	lodge_msr_reset(&vcpu->msr, vcpu->vm->tsc_start);
	lodge_debug_reset(&vcpu->debug);
	lodge_cpuid_reset(&vcpu->cpuid, vcpu->id);
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
	init_waitqueue_head(&vcpu->wait);
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
	vmx_vcpu_destroy(vcpu);
	lodge_fpu_destroy(&vcpu->fpu);
	lodge_insn_destroy(vcpu);
	vfree(vcpu->run);
	lodge_vm_put(vcpu->vm);
	/* a kick may have found it in the list just before it was taken out */
	synchronize_rcu();
	kvfree(vcpu);
}

static bool event_wakes(struct lodge_vcpu *vcpu)
{
	if (vcpu->exception.pending)
		return true;
	if (atomic_read(&vcpu->nmi_pending) && !(vcpu->shadow & INTERRUPTIBILITY_NMI))
		return true;
	return READ_ONCE(vcpu->irq_waiting) && vmx_inject_irq_open(vcpu);
}

/* Sleeps until there is something to run for; 0 or -EINTR */
static int wait_runnable(struct lodge_vcpu *vcpu)
{
	int err;

	if (wait_event_interruptible(vcpu->wait,
				     READ_ONCE(vcpu->mp_state) != LODGE_MP_WAIT_SIPI))
		return -EINTR;
	err = vmx_state_fetch(vcpu, LODGE_PART_RFLAGS | LODGE_PART_SHADOW);
	if (err)
		return err;
	if (wait_event_interruptible(vcpu->wait, event_wakes(vcpu) ||
				     READ_ONCE(vcpu->mp_state) != LODGE_MP_HALTED))
		return -EINTR;
	/* not if it was told to wait for a start meanwhile */
	cmpxchg(&vcpu->mp_state, LODGE_MP_HALTED, LODGE_MP_RUNNABLE);
	return 0;
}

/* With the VM's consent a halted vCPU waits in the kernel; else it is user space's matter */
static int before_entry(struct lodge_vcpu *vcpu)
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
	while (unlikely(READ_ONCE(vcpu->mp_state) != LODGE_MP_RUNNABLE)) {
		err = wait_runnable(vcpu);
		if (err)
			return err;
	}
	return LODGE_NEXT_ENTER;
}

static bool needs_care(const struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->want_irq_window) ||
	       READ_ONCE(vcpu->mp_state) != LODGE_MP_RUNNABLE;
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
		if (next == LODGE_NEXT_WORK)
			next = lodge_guestwork_handle() ? -EINTR : LODGE_NEXT_ENTER;
	}
	return next;
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

	if (!(vcpu->vm->flags & LODGE_VM_HLT_IN_KERNEL))
		cmpxchg(&vcpu->mp_state, LODGE_MP_HALTED, LODGE_MP_RUNNABLE);
	next = run_loop(vcpu);
	vcpu->stats[LODGE_STAT_EXITS_USER]++;
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

static void acknowledge(void *unused)
{
}

/*
 * Makes the vCPU look at its events: wakes it, or has it leave the guest.  The
 * caller has left the event before, with a full barrier after it.
 */
static void kick(struct lodge_vcpu *vcpu)
{
	int cpu;

	if (wq_has_sleeper(&vcpu->wait)) {
		wake_up(&vcpu->wait);
		return;
	}
	cpu = get_cpu();
	if (READ_ONCE(vcpu->mode) == LODGE_VCPU_IN_GUEST && READ_ONCE(vcpu->cpu) != cpu)
		smp_call_function_single(READ_ONCE(vcpu->cpu), acknowledge, NULL, 0);
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
	/* pairs with take_irq(), which clears the flag before it looks at the bits */
	smp_mb__after_atomic();
	WRITE_ONCE(vcpu->irq_waiting, true);
	/* pairs with the barrier between a vCPU's mode and its look at events */
	smp_mb();
	kick(vcpu);
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
	kick(vcpu);
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
	kick(vcpu);
}
