/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VCPU_H
#define LODGE_VCPU_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/lodge.h>

#include "insn.h"
#include "irq/lapic.h"
#include "quota.h"
#include "stats.h"
#include "x86/cpuid.h"
#include "x86/debug.h"
#include "x86/fpu.h"
#include "x86/msr.h"
#include "x86/pv.h"

struct lodge_vm;
struct vmx_vcpu;

#define LODGE_MAX_VCPUS		64
#define LODGE_RUN_SIZE		(2 * PAGE_SIZE)
#define LODGE_RUN_DATA		PAGE_SIZE	/* bytes of string I/O */

/*
 * Parts of the guest's state that the VMCS holds while the guest runs.  A part
 * in lodge_vcpu.cached has its true value in struct lodge_vcpu; one that is in
 * .dirty too must be written to the VMCS before the next entry.
 */
#define LODGE_PART_RIP		0x0001
#define LODGE_PART_RSP		0x0002
#define LODGE_PART_RFLAGS	0x0004
#define LODGE_PART_SEGS		0x0008	/* segments, GDTR, IDTR */
#define LODGE_PART_CRS		0x0010	/* CR0, CR3, CR4, EFER */
#define LODGE_PART_PDPTE	0x0020
#define LODGE_PART_SYSENTER	0x0040
#define LODGE_PART_PAT		0x0080
#define LODGE_PART_DR7		0x0100	/* and IA32_DEBUGCTL */
#define LODGE_PART_SHADOW	0x0200	/* interruptibility */
#define LODGE_PART_TSC		0x0400	/* TSC offset */
#define LODGE_PART_APIC		0x0800	/* the local APIC's TPR, ISR and waiting IRR */
#define LODGE_PART_ALL		0x0fff

/* lodge_vcpu.mode */
enum lodge_vcpu_mode {
	LODGE_VCPU_OUTSIDE,
	LODGE_VCPU_IN_GUEST,	/* kicks need an IPI */
};

/* lodge_vcpu.requests: bits, set by anybody, taken by the vCPU before it enters the guest */
enum lodge_request {
	LODGE_REQ_INIT,		/* INIT has arrived */
	LODGE_REQ_STARTUP,	/* a startup IPI has, after any INIT; lodge_vcpu.startup */
	LODGE_REQ_PV_CLOCK,	/* write the paravirtual clock's page */
	LODGE_REQ_PV_STEAL,	/* write the steal-time record */
	LODGE_REQ_PV_EOI,	/* find out whether the guest has ended its interrupt */
	LODGE_REQ_CONTROL,	/* look at lodge_vm.control; not taken by lodge_events_handle() */
	LODGE_REQ_LOG_MSR,	/* tell of an MSR that there is not; lodge_vcpu.msr.unknown */
};

/* What a handler of an exit returns; below zero is an errno for user space */
enum lodge_next {
	LODGE_NEXT_USER,	/* lodge_run is filled in */
	LODGE_NEXT_ENTER,	/* run the guest on */
	LODGE_NEXT_WORK,	/* the host has work for the task first */
};

/**
 * struct lodge_exception - an exception for the guest
 * @pending: to be delivered at the next entry
 * @vector: 0 to 31
 * @has_error: @error is pushed
 * @error: error code
 */
struct lodge_exception {
	bool pending;
	u8 vector;
	bool has_error;
	u32 error;
};

/**
 * struct lodge_vcpu - a virtual processor
 * @vm: the VM, which this holds a reference on [I]
 * @id: number in the VM and APIC ID [I]
 * @vmx: the VMCS and what belongs to it [I]
 * @run: run area, shared with user space, which may write it any time [I]
 * @lock: held across LODGE_VCPU_RUN and the state calls
 * @mode: enum lodge_vcpu_mode; order: set, full barrier, look for work [a]
 * @cpu: host CPU while @mode is IN_GUEST [a]
 * @gpr: general registers, by enum lodge_gpr [v]
 * @rip: instruction pointer [v]
 * @rflags: flags [v]
 * @s: system registers; CR0 and CR4 as the guest sees them [v]
 * @pdpte: page-directory pointers in PAE paging [v]
 * @shadow: interruptibility, INTERRUPTIBILITY_* of the VMCS [v]
 * @cached: LODGE_PART_* whose value here is the true one [v]
 * @dirty: LODGE_PART_* to be written to the VMCS [v]
 * @flush_tlb: the guest's translations are to be dropped before the next entry [v]
 * @fpu: extended state [v]
 * @debug: debug registers [v]
 * @msr: model-specific registers [v]
 * @cpuid: CPUID table [v]
 * @pv: paravirtual interface [v]
 * @exception: to be delivered [v]
 * @nmi_pending: NMIs to be delivered, 2 at most, 1 while they are blocked [a]
 * @irr: external interrupts to be delivered, a bit a vector [a]
 * @irq_waiting: an interrupt may be deliverable; set after @irr [a]
 * @irq_bypassed: the interrupt taken last did not come from @lapic [v]
 * @requests: enum lodge_request [a]
 * @unhalted: a hypercall has woken it: it does not halt, or the next HLT does not [a]
 * @startup: vector of the last startup IPI [a]
 * @lapic: local APIC, with LODGE_VM_MACHINE; its @irr takes the place of @irr,
 *	which is left to interrupts that bypass it (ExtINT, LODGE_VCPU_INTERRUPT)
 * @mp_state: enum lodge_mp_state [a]
 * @thread: that ran it last; written under @lock, read under RCU
 * @wait: where a halted or paused vCPU sleeps
 * @paused: it sleeps since its VM is paused; written under @lock
 * @still_lock: guards @still, and all [v] while that is set; inside @lock
 * @still: it sleeps for that, and everything is cached
 * @told: enum lodge_event_kind of what the guest has done, to be passed on, or 0 [v]
 * @use: what it has had of its VM's processor time [v]
 * @insn: emulation in progress, and accesses that user space completes [v]
 * @counts: what it has done; read without lock [v]
 *
 * [I] constant after creation, [v] @lock, [a] atomic.
 */
struct lodge_vcpu {
	struct lodge_vm *vm;
	u32 id;
	struct vmx_vcpu *vmx;
	struct lodge_run *run;
	struct mutex lock;

	int mode;
	int cpu;

	u64 gpr[LODGE_NR_GPRS];
	u64 rip;
	u64 rflags;
	struct lodge_sregs s;
	u64 pdpte[4];
	u32 shadow;
	u32 cached;
	u32 dirty;
	bool flush_tlb;

	struct lodge_fpu fpu;
	struct lodge_debug_regs debug;
	struct lodge_msr_state msr;
	struct lodge_cpuid_table cpuid;
	struct lodge_pv_state pv;

	struct lodge_exception exception;
	atomic_t nmi_pending;
	unsigned long irr[4];
	bool irq_waiting;
	bool irq_bypassed;
	unsigned long requests;
	u8 startup;
	bool unhalted;
	struct lodge_lapic lapic;
	u32 mp_state;
	struct pid __rcu *thread;
	struct rcuwait wait;
	bool paused;
	spinlock_t still_lock;
	bool still;
	u8 told;
	struct lodge_quota_use use;

	struct lodge_insn_state insn;
	struct lodge_counts counts;
};

/**
 * lodge_vcpu_mark - note that parts of the state were changed here
 * @vcpu: locked
 * @parts: LODGE_PART_*, which are cached
 */
static inline void lodge_vcpu_mark(struct lodge_vcpu *vcpu, u32 parts)
{
	vcpu->cached |= parts;
	vcpu->dirty |= parts;
}

/**
 * lodge_vcpu_raise - have an exception delivered at the next entry
 * @vcpu: locked
 * @vector: 0 to 31
 * @has_error: push @error
 * @error: error code
 */
static inline void lodge_vcpu_raise(struct lodge_vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	vcpu->exception = (struct lodge_exception){
		.pending = true, .vector = vector, .has_error = has_error, .error = error,
	};
}

static inline bool lodge_vcpu_long_mode(const struct lodge_vcpu *vcpu)
{
	return vcpu->s.efer & 0x400;	/* EFER.LMA */
}

struct lodge_vcpu *lodge_vcpu_create(struct lodge_vm *vm, u32 id);
void lodge_vcpu_destroy(struct lodge_vcpu *vcpu);
int lodge_vcpu_run(struct lodge_vcpu *vcpu);
void lodge_vcpu_reset_regs(struct lodge_vcpu *vcpu);
void lodge_vcpu_kick(struct lodge_vcpu *vcpu);
void lodge_vcpu_yield(struct lodge_vcpu *vcpu);
int lodge_vcpu_yield_to(struct lodge_vcpu *vcpu, u64 id);
int lodge_vcpu_unhalt(struct lodge_vm *vm, u64 id);
int lodge_vcpu_interrupt(struct lodge_vcpu *vcpu, u32 vector);
void lodge_vcpu_nmi(struct lodge_vcpu *vcpu);
void lodge_vcpu_set_mp(struct lodge_vcpu *vcpu, u32 state);

#endif /* LODGE_VCPU_H */
