// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest execution: a window is opened, the guest entered, exits that need no more
 * than registers are answered at once, and at the first other one, or when the
 * host wants the CPU, the window is closed.  All of it with interrupts off.
 */
#include <linux/context_tracking.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/vtime.h>
#include <asm/mce.h>
#include <asm/ptrace.h>
#include <asm/special_insns.h>

#include "../guestwork.h"
#include "../trace.h"
#include "../vm.h"
#include "caps.h"
#include "host.h"
#include "ops.h"
#include "spec.h"
#include "vmx.h"

/*
 * Exits answered in one window at most.  A guest that does nothing but exit must
 * not keep the host's interrupts off, should a processor (Bochs does) let it
 * reach its next exit before it looks at them.
 */
#define FAST_BUDGET	256

static void count(struct vmx_vcpu *vmx, enum lodge_stat stat)
{
	vmx->vcpu->counts.stat[stat]++;
}

static __always_inline void count_exit(struct vmx_vcpu *vmx)
{
	struct lodge_counts *counts = &vmx->vcpu->counts;
	u32 basic = vmx->exit.reason & VMX_EXIT_REASON_MASK;

	counts->stat[LODGE_STAT_EXITS]++;
	vmx->counted = &counts->exit[min_t(u32, basic, LODGE_EXIT_REASONS - 1)];
	vmx->counted->count++;
}

#ifdef LODGE_DEBUG
#include "../x86/hwmsr.h"

/* Adds what this CPU has counted so far: negative at the start, positive at the end */
static void count_ops(struct lodge_vcpu *vcpu, int sign)
{
	vcpu->counts.stat[LODGE_STAT_VMREADS] += sign * this_cpu_read(vmx_op_counts.vmreads);
	vcpu->counts.stat[LODGE_STAT_VMWRITES] += sign * this_cpu_read(vmx_op_counts.vmwrites);
	vcpu->counts.stat[LODGE_STAT_MSR_ACCESSES] += sign * this_cpu_read(lodge_hwmsr_count);
}
#else
static void count_ops(struct lodge_vcpu *vcpu, int sign)
{
}
#endif

/* Out of line: an operand on the stack has the compiler guard the whole function's */
static noinline void flush_now(struct vmx_vcpu *vmx, unsigned long gen)
{
	struct lodge_mem *mem = &vmx->vcpu->vm->mem;
	int outcome;

	vmx->tlb_gen = gen;
	vmx->vcpu->flush_tlb = false;
	count(vmx, LODGE_STAT_TLB_FLUSHES);
	outcome = vmx_op_invept(INVEPT_SINGLE, lodge_mem_eptp(mem));
	if (unlikely(outcome))
		vmx_report_error("INVEPT", lodge_mem_eptp(mem), outcome);
}

/*
 * A translation cached on this CPU may be stale if the tables changed since the
 * last flush, if the vCPU has run elsewhere in between (flushes, and the guest's
 * own INVLPGs, went to the other CPU), or if a control register was written in
 * software.  INVEPT drops the guest's combined translations with ours.
 */
static __always_inline void flush_tlb(struct vmx_vcpu *vmx, bool new_cpu)
{
	unsigned long gen = atomic_long_read(&vmx->vcpu->vm->mem.tlb_gen);

	if (unlikely(new_cpu || gen != vmx->tlb_gen || vmx->vcpu->flush_tlb))
		flush_now(vmx, gen);
}

/* Has another task had this one's CPU since the last window? */
static bool was_switched(struct vmx_vcpu *vmx)
{
	unsigned long switches = current->nvcsw + current->nivcsw;
	bool ret = vmx->switches != switches;

	vmx->switches = switches;
	return ret;
}

/* The first window of a vCPU on this CPU */
static noinline void move_here(struct vmx_vcpu *vmx)
{
	if (vmx->host_cpu < 0)
		vmx_vmcs_setup(vmx);
	else
		count(vmx, LODGE_STAT_MIGRATIONS);
	vmx->host_cpu = smp_processor_id();
}

/*
 * Bring the guest's state into the processor.  Interrupts are off until
 * close_window().  Return: 0, or -EBUSY if VMX operation cannot be entered.
 */
static __always_inline int open_window(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	bool new_cpu = vmx->host_cpu != smp_processor_id();

	count_ops(vcpu, -1);
	lodge_fpu_enter(&vcpu->fpu);
	if (unlikely(vmx_cpu_open(&vmx->window, &vmx->vmcs_pa))) {
		lodge_fpu_leave(&vcpu->fpu);
		count_ops(vcpu, 1);
		return -EBUSY;
	}
	vmx->launched = false;
	count(vmx, LODGE_STAT_WINDOWS);
	if (vmx->window.neighbour)
		count(vmx, LODGE_STAT_NEIGHBOUR);
	if (unlikely(new_cpu))
		move_here(vmx);
	vmx_spec_before(vcpu->vm->id, unlikely(vmx->window.neighbour) && was_switched(vmx));
	vmx_host_enter(vmx, new_cpu);
	flush_tlb(vmx, new_cpu);
	lodge_msr_enter(vcpu);
	lodge_debug_enter(&vcpu->debug);
	vmx_spec_flush();
	return 0;
}

/* The processor fills the log downwards (SDM Vol 3C, 29.3.6) */
static noinline void drain_pml(struct vmx_vcpu *vmx, u16 index)
{
	unsigned int i;

	for (i = (u16)(index + 1); i < VMX_PML_ENTRIES; i++)
		lodge_mem_mark_dirty(&vmx->vcpu->vm->mem, vmx->pml[i]);
	vmcs_write16(VMCS_PML_INDEX, VMX_PML_ENTRIES - 1);
}

/* An instruction was skipped: STI and MOV SS before it block no more */
static __always_inline void settle_shadow(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	vmx->stale_shadow = false;
	if (!(vcpu->cached & LODGE_PART_SHADOW)) {
		vcpu->shadow = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY);
		vcpu->cached |= LODGE_PART_SHADOW;
	}
	if (unlikely(vcpu->shadow & INTERRUPTIBILITY_INSN)) {
		vcpu->shadow &= ~INTERRUPTIBILITY_INSN;
		lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
	}
}

/* Mirror of open_window(); parts are read from the VMCS while it is at hand */
static __always_inline void close_window(struct vmx_vcpu *vmx, u32 parts)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u16 index;

	if (vmx->stale_shadow)
		settle_shadow(vmx);
	if (parts & ~vcpu->cached)
		vmx_state_read(vmx, parts);
	if (vmx->pml) {
		index = vmcs_read16(VMCS_PML_INDEX);
		if (unlikely(index != VMX_PML_ENTRIES - 1))
			drain_pml(vmx, index);
	}
	lodge_debug_leave(&vcpu->debug);
	lodge_msr_leave(vcpu);
	vmx_host_leave(vmx);
	vmx_spec_after();
	vmx_cpu_close(&vmx->window, &vmx->vmcs_pa);
	lodge_fpu_leave(&vcpu->fpu);
	count_ops(vcpu, 1);
}

/* A TSC that has gone back, over a sleep of the host or to another CPU, counts nothing */
static __always_inline void count_ticks(struct vmx_vcpu *vmx)
{
	u64 now = rdtsc();

	if (likely(vmx->counted && now > vmx->left))
		vmx->counted->ticks += now - vmx->left;
}

static __always_inline int enter(struct vmx_vcpu *vmx)
{
	u32 flags = vmx_spec.enter_flags | (vmx->launched ? VMX_ENTER_RESUME : 0);
	u64 spec_ctrl = vmx_spec_ctrl();
	int outcome;

	context_tracking_guest_enter();
	count_ticks(vmx);
	outcome = vmx_enter(vmx->vcpu->gpr, flags, &vmx->host.rsp, spec_ctrl);
	vmx->left = rdtsc();
	context_tracking_guest_exit();
	return outcome;
}

static noinline void trace_entry(struct vmx_vcpu *vmx)
{
	const struct lodge_vcpu *vcpu = vmx->vcpu;

	trace_lodge_entry(vcpu->vm->mem.vm_number, vcpu->id, vcpu->cached & LODGE_PART_RIP ?
			  vcpu->rip : vmcs_readl(VMCS_GUEST_RIP));
}

static noinline void trace_exit(struct vmx_vcpu *vmx)
{
	const struct lodge_vcpu *vcpu = vmx->vcpu;
	u32 reason = vmx->exit.reason;

	trace_lodge_exit(vcpu->vm->mem.vm_number, vcpu->id, reason, vmcs_readl(VMCS_GUEST_RIP),
			 vmcs_readl(VMCS_EXIT_QUALIFICATION),
			 reason == VMX_EXIT_EXCEPTION_NMI ? vmcs_read32(VMCS_EXIT_INTR_INFO) : 0);
}

/* Runs the guest until an exit that needs more than a window */
static enum vmx_fast run_window(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	unsigned int budget = FAST_BUDGET;
	enum vmx_fast next;
	int outcome;

	do {
		if (unlikely(vmx_inject_waiting(vcpu)))
			vmx_inject_prepare(vmx);
		if (vcpu->dirty)
			vmx_state_commit(vmx);
		/* before CR2 is the guest's: who traces may look at user memory */
		if (trace_lodge_entry_enabled())
			trace_entry(vmx);
		if (vcpu->s.cr2 != native_read_cr2())
			native_write_cr2(vcpu->s.cr2);
		outcome = enter(vmx);
		vcpu->s.cr2 = native_read_cr2();
		if (unlikely(vcpu->pv.eoi_offered))
			lodge_pv_settle_eoi(vcpu);
		/* what the guest has executed since has a shadow of its own */
		vmx->stale_shadow = false;
		if (unlikely(outcome)) {
			vmx->exit = (struct vmx_exit){ .reason = VMX_EXIT_ENTRY_FAILED };
			if (outcome == VMX_OP_FAILED)
				vmx->exit.insn_error = vmcs_read32(VMCS_INSN_ERROR);
			vmx_report_error(vmx->launched ? "VMRESUME" : "VMLAUNCH", 0, outcome);
			vmx_inject_cancel(vmx);
			return VMX_FAST_LEAVE;
		}
		vmx->launched = true;
		vcpu->cached = 0;
		vmx->exit.reason = vmcs_read32(VMCS_EXIT_REASON);
		count_exit(vmx);
		if (unlikely(vmx->exit.reason & VMX_EXIT_ENTRY_FAILED))
			vmx_inject_cancel(vmx);
		if (trace_lodge_exit_enabled())
			trace_exit(vmx);
		next = vmx_fastexit_handle(vmx);
	} while (next == VMX_FAST_ENTER && --budget && !READ_ONCE(vcpu->requests));
	return next;
}

/* What is read from the VMCS before it is put away */
static u32 parts_wanted(const struct vmx_vcpu *vmx, enum vmx_fast next)
{
	if (next == VMX_FAST_USER)	/* for lodge_run.ready_for_irq */
		return LODGE_PART_RFLAGS | LODGE_PART_SHADOW;
	if (vmx->exit.reason == VMX_EXIT_EXTERNAL_INTERRUPT ||
	    vmx->exit.reason == VMX_EXIT_EPT_VIOLATION)
		return 0;
	return LODGE_PART_RIP | LODGE_PART_RFLAGS | LODGE_PART_SHADOW;
}

/*
 * Interrupts that arrived wait until they are enabled again.  An NMI or a machine
 * check was consumed by the exit and must be given on, outside VMX operation:
 * the handler may not return (a crash stops the CPU in it).
 */
static noinline void forward_events(struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->nmi_arrived)) {
		vmx->nmi_arrived = false;
		count(vmx, LODGE_STAT_NMI_EXITS);
		asm volatile("int $2");
	}
	if (unlikely(vmx->mce_arrived)) {
		struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

		vmx->mce_arrived = false;
		count(vmx, LODGE_STAT_MCE_EXITS);
		do_machine_check(&regs);
	}
}

/**
 * vmx_vcpu_run - run the guest until something else is to be done
 * @vcpu: locked, runnable
 *
 * Return: enum lodge_next, or -EBUSY if VMX operation cannot be entered.
 */
int vmx_vcpu_run(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	enum vmx_fast next;

	local_irq_disable();
	if (unlikely(lodge_guestwork_pending())) {
		local_irq_enable();
		return LODGE_NEXT_WORK;
	}
	vcpu->cpu = smp_processor_id();
	WRITE_ONCE(vcpu->mode, LODGE_VCPU_IN_GUEST);
	/* pairs with those who leave work and then look at the mode */
	smp_mb();
	if (unlikely(READ_ONCE(vcpu->mp_state) != LODGE_MP_RUNNABLE ||
		     READ_ONCE(vcpu->requests))) {
		WRITE_ONCE(vcpu->mode, LODGE_VCPU_OUTSIDE);
		local_irq_enable();
		return LODGE_NEXT_ENTER;
	}

	if (unlikely(open_window(vmx))) {
		WRITE_ONCE(vcpu->mode, LODGE_VCPU_OUTSIDE);
		local_irq_enable();
		return -EBUSY;
	}
	vtime_account_guest_enter();
	next = run_window(vmx);
	close_window(vmx, parts_wanted(vmx, next));
	if (unlikely(vmx->nmi_arrived | vmx->mce_arrived))
		forward_events(vmx);
	/* nothing of the guest is in this CPU any more; pairs with lodge_vm_kick_all() */
	smp_store_release(&vcpu->mode, LODGE_VCPU_OUTSIDE);

	/*
	 * The tick that ended the guest's time is taken here, and counts as the
	 * guest's.  RCU, which cannot see that it hit no reader, is told so, or a
	 * guest that never leaves would hold up grace periods.  Not without the
	 * NOP: STI lets one more instruction pass.  Not a place to lose the CPU:
	 * the caller does that after it has told the guest.
	 */
	if (next == VMX_FAST_LEAVE) {
		rcu_note_context_switch(false);
		preempt_disable();
		local_irq_enable();
		asm volatile("nop");
		local_irq_disable();
		preempt_enable();
	}
	vtime_account_guest_exit();
	local_irq_enable();

	if (next == VMX_FAST_LEAVE)
		return vmx_exit_handle(vmx);
	return next == VMX_FAST_USER ? LODGE_NEXT_USER : LODGE_NEXT_ENTER;
}
