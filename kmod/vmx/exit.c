// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that are answered outside the window, interrupts on: the qualification is
 * decoded here, and what it asks for is done by x86/, mem.c or insn.c, or by user
 * space.  A handler returns an enum lodge_next or an errno.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lodge_netlink.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <asm/processor-flags.h>

#include "../compat.h"
#include "../trace.h"
#include "../vm.h"
#include "../x86/cr.h"
#include "../x86/task.h"
#include "ops.h"
#include "vmx.h"

#define UD_VECTOR	6
#define DB_VECTOR	1
#define GP_VECTOR	13
#define AC_VECTOR	17

/* SEGS are cached */
static bool in_64bit_mode(const struct lodge_vcpu *vcpu)
{
	return lodge_vcpu_long_mode(vcpu) && (vcpu->s.seg[LODGE_CS].attr & LODGE_SEG_L);
}

/* Past the instruction that exited, with the trap that TF asks for */
static void skip(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	vcpu->rip += vmx->exit.insn_len;
	if (!lodge_vcpu_long_mode(vcpu))
		vcpu->rip = (u32)vcpu->rip;
	lodge_vcpu_mark(vcpu, LODGE_PART_RIP);
	if (vcpu->rflags & X86_EFLAGS_RF) {
		vcpu->rflags &= ~X86_EFLAGS_RF;
		lodge_vcpu_mark(vcpu, LODGE_PART_RFLAGS);
	}
	if (vcpu->shadow & INTERRUPTIBILITY_INSN) {
		vcpu->shadow &= ~INTERRUPTIBILITY_INSN;
		lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
	}
	if (vcpu->rflags & X86_EFLAGS_TF) {
		vcpu->debug.dr6 = (vcpu->debug.dr6 & ~0xfULL) | 0x4000;	/* BS */
		lodge_vcpu_raise(vcpu, DB_VECTOR, false, 0);
	}
}

/* A handler's verdict on an instruction: done, or #GP */
static int skip_or_gp(struct vmx_vcpu *vmx, int err)
{
	if (err)
		lodge_vcpu_raise(vmx->vcpu, GP_VECTOR, true, 0);
	else
		skip(vmx);
	return LODGE_NEXT_ENTER;
}

static int undefined(struct vmx_vcpu *vmx)
{
	lodge_vcpu_raise(vmx->vcpu, UD_VECTOR, false, 0);
	return LODGE_NEXT_ENTER;
}

static int leave(struct vmx_vcpu *vmx, enum lodge_exit_reason reason)
{
	vmx->vcpu->run->exit_reason = reason;
	return LODGE_NEXT_USER;
}

static int unexpected(struct vmx_vcpu *vmx, enum lodge_exit_reason reason)
{
	struct lodge_run *run = vmx->vcpu->run;

	vmx_dump(vmx);
	run->fail = (struct lodge_run_fail){
		.exit_reason = vmx->exit.reason,
		.insn_error = vmx->exit.insn_error,
		.qualification = vmx->exit.qualification,
		.cpu = vmx->host_cpu,
	};
	return leave(vmx, reason);
}

static int handle_hlt(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	vcpu->counts.stat[LODGE_STAT_HLT]++;
	skip(vmx);
	if (vcpu->exception.pending)
		return LODGE_NEXT_ENTER;
	/* not if it was told to wait for a start meanwhile */
	cmpxchg(&vcpu->mp_state, LODGE_MP_RUNNABLE, LODGE_MP_HALTED);
	if (vcpu->vm->flags & LODGE_VM_HLT_IN_KERNEL)
		return LODGE_NEXT_ENTER;
	return leave(vmx, LODGE_EXIT_HLT);
}

static int handle_hypercall(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	struct lodge_run_hypercall *h = &vcpu->run->hypercall;
	static const u8 order[] = {
		LODGE_RBX, LODGE_RCX, LODGE_RDX, LODGE_RSI, LODGE_RDI, LODGE_R8,
	};
	bool wide;
	u64 mask;
	unsigned int i;

	if (vmx_state_fetch(vcpu, LODGE_PART_SEGS))
		return -EBUSY;
	wide = in_64bit_mode(vcpu);
	if (vcpu->vm->machine) {
		skip(vmx);
		lodge_pv_hypercall(vcpu, wide);
		return LODGE_NEXT_ENTER;
	}
	mask = wide ? ~0ULL : ~0u;
	h->nr = vcpu->gpr[LODGE_RAX] & mask;
	for (i = 0; i < ARRAY_SIZE(order); i++)
		h->args[i] = vcpu->gpr[order[i]] & mask;
	h->ret = 0;
	h->cpl = (vcpu->s.seg[LODGE_SS].attr & LODGE_SEG_DPL) >> 5;
	h->longmode = wide;
	skip(vmx);
	vcpu->insn.complete = wide ? LODGE_COMPLETE_HYPERCALL : LODGE_COMPLETE_HYPERCALL32;
	return leave(vmx, LODGE_EXIT_HYPERCALL);
}

static int handle_wrmsr(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u32 index = vcpu->gpr[LODGE_RCX];
	u64 value = vcpu->gpr[LODGE_RDX] << 32 | (u32)vcpu->gpr[LODGE_RAX];

	vcpu->counts.stat[LODGE_STAT_MSR]++;
	if (vmx_state_fetch(vcpu, lodge_msr_part(index) | LODGE_PART_CRS))
		return -EBUSY;
	if (lodge_msr_write(vcpu, index, value)) {
		lodge_msr_unknown(vcpu, index);
		return skip_or_gp(vmx, -EINVAL);
	}
	return skip_or_gp(vmx, 0);
}

static int write_cr(struct lodge_vcpu *vcpu, unsigned int nr, u64 value)
{
	switch (nr) {
	case 0:
		return lodge_cr_write0(vcpu, value);
	case 3:
		return lodge_cr_write3(vcpu, value);
	case 4:
		return lodge_cr_write4(vcpu, value);
	case 8:
		return lodge_cr_write8(vcpu, value);
	}
	return -EINVAL;
}

static u64 read_cr(const struct lodge_vcpu *vcpu, unsigned int nr)
{
	return nr == 8 ? lodge_cr_read8(vcpu) : vcpu->s.cr3;
}

static int handle_cr(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 q = vmx->exit.qualification;
	u64 *gpr = &vcpu->gpr[CRQ_GPR(q)];
	bool wide;
	int err = 0;

	vcpu->counts.stat[LODGE_STAT_CR]++;
	if (vmx_state_fetch(vcpu, LODGE_PART_CRS | LODGE_PART_SEGS | LODGE_PART_RSP))
		return -EBUSY;
	wide = in_64bit_mode(vcpu);
	switch (CRQ_TYPE(q)) {
	case CRQ_TYPE_MOV_TO:
		err = write_cr(vcpu, CRQ_NR(q), wide ? *gpr : (u32)*gpr);
		break;
	case CRQ_TYPE_MOV_FROM:
		*gpr = read_cr(vcpu, CRQ_NR(q));
		if (CRQ_GPR(q) == LODGE_RSP)
			lodge_vcpu_mark(vcpu, LODGE_PART_RSP);
		break;
	case CRQ_TYPE_CLTS:
		err = lodge_cr_write0(vcpu, vcpu->s.cr0 & ~X86_CR0_TS);
		break;
	case CRQ_TYPE_LMSW:	/* sets PE, MP, EM, TS; cannot clear PE */
		err = lodge_cr_write0(vcpu, (vcpu->s.cr0 & ~0xeULL) | (CRQ_LMSW_SOURCE(q) & 0xf));
		break;
	}
	return skip_or_gp(vmx, err);
}

/* The exit comes before the processor's own checks (SDM Vol 3C, 26.1.3) */
static int check_dr(struct vmx_vcpu *vmx, unsigned int *nr)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	bool real = !(vcpu->s.cr0 & X86_CR0_PE);

	if (!real && (vcpu->s.seg[LODGE_SS].attr & LODGE_SEG_DPL)) {
		lodge_vcpu_raise(vcpu, GP_VECTOR, true, 0);
		return -EPERM;
	}
	if (*nr == 4 || *nr == 5) {
		if (vcpu->s.cr4 & X86_CR4_DE) {
			undefined(vmx);
			return -EINVAL;
		}
		*nr += 2;
	}
	if (vcpu->debug.dr7 & LODGE_DR7_GD) {
		vcpu->debug.dr7 &= ~LODGE_DR7_GD;
		lodge_vcpu_mark(vcpu, LODGE_PART_DR7);
		vcpu->debug.dr6 |= 0x2000;	/* BD */
		lodge_vcpu_raise(vcpu, DB_VECTOR, false, 0);
		return -EBUSY;
	}
	return 0;
}

static int write_dr(struct lodge_vcpu *vcpu, unsigned int nr, u64 value)
{
	struct lodge_debug_regs *d = &vcpu->debug;

	if (nr < 4) {
		d->db[nr] = value;
		return 0;
	}
	if (value >> 32)
		return -EINVAL;
	if (nr == 6) {
		d->dr6 = (value & LODGE_DR6_VALID) | LODGE_DR6_FIXED;
		return 0;
	}
	d->dr7 = (value & 0xffff2bffULL) | LODGE_DR7_FIXED;
	lodge_vcpu_mark(vcpu, LODGE_PART_DR7);
	return 0;
}

static int handle_dr(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 q = vmx->exit.qualification;
	unsigned int nr = DRQ_NR(q);
	u64 *gpr = &vcpu->gpr[DRQ_GPR(q)];

	vcpu->counts.stat[LODGE_STAT_DR]++;
	if (vmx_state_fetch(vcpu, LODGE_PART_CRS | LODGE_PART_SEGS | LODGE_PART_DR7 |
				  LODGE_PART_RSP))
		return -EBUSY;
	if (check_dr(vmx, &nr))
		return LODGE_NEXT_ENTER;
	if (!(q & DRQ_READ))
		return skip_or_gp(vmx, write_dr(vcpu, nr, in_64bit_mode(vcpu) ? *gpr : (u32)*gpr));
	*gpr = nr < 4 ? vcpu->debug.db[nr] : nr == 6 ? vcpu->debug.dr6 : vcpu->debug.dr7;
	if (DRQ_GPR(q) == LODGE_RSP)
		lodge_vcpu_mark(vcpu, LODGE_PART_RSP);
	return skip_or_gp(vmx, 0);
}

static int handle_xsetbv(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 value = vcpu->gpr[LODGE_RDX] << 32 | (u32)vcpu->gpr[LODGE_RAX];

	return skip_or_gp(vmx, lodge_cr_xsetbv(vcpu, vcpu->gpr[LODGE_RCX], value));
}

static int memory_error(struct vmx_vcpu *vmx, int err)
{
	vmx->vcpu->run->memory = (struct lodge_run_memory){
		.gpa = vmx->exit.gpa,
		.error = -err,
		.access = vmx->exit.qualification & (EPTQ_READ | EPTQ_WRITE | EPTQ_FETCH),
	};
	return leave(vmx, LODGE_EXIT_MEMORY_ERROR);
}

static void count_fault(struct lodge_vcpu *vcpu, u64 size)
{
	vcpu->counts.stat[LODGE_STAT_EPT_FAULTS]++;
	if (size)
		vcpu->counts.stat[size == PAGE_SIZE ? LODGE_STAT_FAULTS_4K :
				  size == PMD_SIZE ? LODGE_STAT_FAULTS_2M :
						  LODGE_STAT_FAULTS_1G]++;
}

static int handle_ept_violation(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 q = vmx->exit.qualification;
	unsigned int access = (q & EPTQ_WRITE ? LODGE_MEM_WRITE : LODGE_MEM_READ) |
			      (q & EPTQ_FETCH ? LODGE_MEM_EXEC : 0);
	u64 size = 0;
	int ret;

	ret = lodge_mem_fault(&vcpu->vm->mem, vmx->exit.gpa, access, &size);
	count_fault(vcpu, size);
	trace_lodge_fault(vcpu->vm->mem.vm_number, vcpu->id, vmx->exit.gpa, access, size);
	if (likely(!ret))
		return LODGE_NEXT_ENTER;
	if (ret == -EINTR || ret == -EAGAIN)
		return LODGE_NEXT_ENTER;	/* the loop looks at signals */
	if (ret < 0)
		return memory_error(vmx, ret);
	/* delivery of an event through memory that is not there: nothing to emulate */
	if (vmx->exit.idt_info & INTR_VALID)
		return unexpected(vmx, LODGE_EXIT_INTERNAL);
	return lodge_insn_emulate(vcpu);
}

/*
 * Exceptions that are neither the guest's own nor the host's in a window.  An #AC of
 * split-lock detection is dealt with as one in the owner's own code would be: by a
 * warning, or by SIGBUS, which the run loop finds.
 */
static int handle_exception(struct vmx_vcpu *vmx)
{
	u32 info = vmx->exit.intr_info;

	if (!(info & INTR_VALID))
		return LODGE_NEXT_ENTER;	/* was the host's */
	if ((info & INTR_VECTOR_MASK) == AC_VECTOR) {
		if (COMPAT_GUEST_SPLIT_LOCK) {
			compat_guest_split_lock(vmx->vcpu->rip);
			return LODGE_NEXT_ENTER;
		}
		pr_err_ratelimited("vCPU %u: a locked access at %#llx crosses cache lines, which split_lock_detect forbids\n",
				   vmx->vcpu->id, vmx->vcpu->rip);
	}
	return unexpected(vmx, LODGE_EXIT_INTERNAL);
}

/* The event that goes through a task gate, and what of it outlives the switch */
static void task_event(struct vmx_vcpu *vmx, struct lodge_task_switch *t)
{
	const struct vmx_exit *e = &vmx->exit;

	switch (e->idt_info & INTR_TYPE_MASK) {
	case INTR_TYPE_SOFT_INTERRUPT:
	case INTR_TYPE_PRIV_EXCEPTION:
	case INTR_TYPE_SOFT_EXCEPTION:
		t->insn_len = e->insn_len;
		return;
	case INTR_TYPE_HARD_EXCEPTION:
		t->exception = e->idt_info & INTR_VECTOR_MASK & 31;
		break;
	}
	t->external = true;
	t->has_error = e->idt_info & INTR_ERROR_CODE;
	t->error = e->idt_error;
}

/* IRET ends the blocking of NMIs, the delivery of one begins it */
static void task_nmi(struct vmx_vcpu *vmx, const struct lodge_task_switch *t)
{
	if (t->source == LODGE_TASK_IRET)
		vmx->vcpu->shadow &= ~INTERRUPTIBILITY_NMI;
	else if (t->source == LODGE_TASK_GATE &&
		 (vmx->exit.idt_info & INTR_TYPE_MASK) == INTR_TYPE_NMI)
		vmx->vcpu->shadow |= INTERRUPTIBILITY_NMI;
	lodge_vcpu_mark(vmx->vcpu, LODGE_PART_SHADOW);
}

static int shut_down(struct vmx_vcpu *vmx)
{
	vmx->vcpu->told = LODGE_VM_EVENT_TRIPLE_FAULT;
	return leave(vmx, LODGE_EXIT_SHUTDOWN);
}

static int handle_task_switch(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	struct lodge_task_switch t = {
		.selector = vmx->exit.qualification,
		.source = TSQ_SOURCE(vmx->exit.qualification),
		.exception = -1,
	};
	int ret;

	if (vmx_state_fetch(vcpu, LODGE_PART_ALL))
		return -EBUSY;
	if (t.source == LODGE_TASK_GATE && vmx->exit.idt_info & INTR_VALID)
		task_event(vmx, &t);
	else
		t.insn_len = vmx->exit.insn_len;
	ret = lodge_task_switch(vcpu, &t);
	switch (ret) {
	case 0:
		task_nmi(vmx, &t);
		return LODGE_NEXT_ENTER;
	case -EAGAIN:
		vmx_inject_recover(vmx);
		return LODGE_NEXT_ENTER;
	case -ESHUTDOWN:
		return shut_down(vmx);
	case -ENXIO:
		return unexpected(vmx, LODGE_EXIT_INTERNAL);
	}
	vmx->exit.gpa = ~0ULL;
	return memory_error(vmx, ret);
}

static int handle_pause(struct vmx_vcpu *vmx)
{
	lodge_vcpu_yield(vmx->vcpu);
	return skip_or_gp(vmx, 0);
}

/**
 * vmx_exit_handle - answer the exit that closed the window
 * @vmx: not in a window, interrupts on
 *
 * Return: enum lodge_next or an errno.
 */
int vmx_exit_handle(struct vmx_vcpu *vmx)
{
	u32 reason = vmx->exit.reason;

	if (unlikely(reason & VMX_EXIT_ENTRY_FAILED))
		return unexpected(vmx, LODGE_EXIT_FAIL_ENTRY);

	switch (reason) {
	case VMX_EXIT_EXTERNAL_INTERRUPT:
	case VMX_EXIT_PML_FULL:
	case VMX_EXIT_INTERRUPT_WINDOW:
	case VMX_EXIT_NMI_WINDOW:
		return LODGE_NEXT_ENTER;
	case VMX_EXIT_EXCEPTION_NMI:
		return handle_exception(vmx);
	case VMX_EXIT_TRIPLE_FAULT:
		return shut_down(vmx);
	case VMX_EXIT_EPT_VIOLATION:
		return handle_ept_violation(vmx);
	case VMX_EXIT_IO:	/* INS and OUTS */
		vmx->vcpu->counts.stat[LODGE_STAT_IO]++;
		return lodge_insn_emulate(vmx->vcpu);
	case VMX_EXIT_TASK_SWITCH:
		return handle_task_switch(vmx);
	case VMX_EXIT_HLT:
		return handle_hlt(vmx);
	case VMX_EXIT_VMCALL:
		return handle_hypercall(vmx);
	case VMX_EXIT_WRMSR:
		return handle_wrmsr(vmx);
	case VMX_EXIT_CR_ACCESS:
		return handle_cr(vmx);
	case VMX_EXIT_DR_ACCESS:
		return handle_dr(vmx);
	case VMX_EXIT_XSETBV:
		return handle_xsetbv(vmx);
	case VMX_EXIT_PAUSE:
		return handle_pause(vmx);
	case VMX_EXIT_INVD:
	case VMX_EXIT_WBINVD:
		return skip_or_gp(vmx, 0);
	case VMX_EXIT_RDPMC:
		return skip_or_gp(vmx, -EINVAL);
	case VMX_EXIT_GETSEC:
	case VMX_EXIT_RSM:
	case VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON:
	case VMX_EXIT_MWAIT:
	case VMX_EXIT_MONITOR:
	case VMX_EXIT_INVEPT:
	case VMX_EXIT_INVVPID:
	case VMX_EXIT_RDTSCP:
	case VMX_EXIT_INVPCID:
	case VMX_EXIT_VMFUNC:
	case VMX_EXIT_ENCLS:
	case VMX_EXIT_XSAVES:
	case VMX_EXIT_XRSTORS:
		return undefined(vmx);
	}
	return unexpected(vmx, LODGE_EXIT_INTERNAL);
}
