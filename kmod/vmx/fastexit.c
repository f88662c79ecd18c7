// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that are answered inside the window, interrupts off: they need registers
 * and tables of the vCPU, and nothing that sleeps.
 */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../dev/ioeventfd.h"
#include "../vm.h"
#include "../x86/cr.h"
#include "caps.h"
#include "ops.h"
#include "vmx.h"

#define CPUID_1_EDX_APIC	BIT(9)

static void raise_debug(struct lodge_vcpu *vcpu, u64 dr6)
{
	vcpu->debug.dr6 = (vcpu->debug.dr6 & ~0xfULL) | dr6 | LODGE_DR6_FIXED;
	lodge_vcpu_raise(vcpu, 1, false, 0);
}

/* Past the instruction that exited */
static __always_inline void skip(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 rip = vmcs_readl(VMCS_GUEST_RIP) + vmcs_read32(VMCS_EXIT_INSN_LEN);

	if (unlikely(!lodge_vcpu_long_mode(vcpu)))
		rip = (u32)rip;
	vmcs_writel(VMCS_GUEST_RIP, rip);
	vmx->stale_shadow = true;
	vcpu->rflags = vmcs_readl(VMCS_GUEST_RFLAGS);
	vcpu->cached |= LODGE_PART_RFLAGS;
	if (unlikely(vcpu->rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF))) {
		if (vcpu->rflags & X86_EFLAGS_TF)
			raise_debug(vcpu, 0x4000);	/* BS */
		vcpu->rflags &= ~X86_EFLAGS_RF;
		lodge_vcpu_mark(vcpu, LODGE_PART_RFLAGS);
	}
}

static enum vmx_fast fast_cpuid(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 *gpr = vcpu->gpr;
	u32 leaf = gpr[LODGE_RAX];
	const struct lodge_cpuid_leaf *l = lodge_cpuid_find(&vcpu->cpuid, leaf, gpr[LODGE_RCX]);

	vcpu->counts.stat[LODGE_STAT_CPUID]++;
	if (likely(l)) {
		gpr[LODGE_RAX] = l->eax;
		gpr[LODGE_RBX] = l->ebx;
		gpr[LODGE_RCX] = l->ecx;
		gpr[LODGE_RDX] = l->edx;
	} else {
		gpr[LODGE_RAX] = 0;
		gpr[LODGE_RBX] = 0;
		gpr[LODGE_RCX] = 0;
		gpr[LODGE_RDX] = 0;
	}
	/* as if there were no APIC (SDM Vol 3A, 11.4.3) */
	if (unlikely(!(vcpu->s.apic_base & MSR_IA32_APICBASE_ENABLE)) && leaf == 1)
		gpr[LODGE_RDX] &= ~CPUID_1_EDX_APIC;
	skip(vmx);
	return VMX_FAST_ENTER;
}

static bool is_lapic_msr(u32 index)
{
	return index - LODGE_LAPIC_MSR_FIRST <= LODGE_LAPIC_MSR_LAST - LODGE_LAPIC_MSR_FIRST;
}

static int read_msr(struct vmx_vcpu *vmx, u32 index, u64 *value)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	if (vcpu->vm->machine) {
		if (is_lapic_msr(index)) {
			vmx_state_read(vmx, LODGE_PART_APIC);
			return lodge_lapic_read_msr(&vcpu->lapic, index, value);
		}
		if (index == MSR_IA32_TSC_DEADLINE && likely(!vcpu->lapic.no_deadline)) {
			*value = lodge_lapic_read_deadline(&vcpu->lapic);
			return 0;
		}
	}
	if (unlikely(lodge_msr_part(index)))
		vmx_state_read(vmx, lodge_msr_part(index));
	return lodge_msr_read(vcpu, index, value);
}

static enum vmx_fast fast_rdmsr(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 value;

	vcpu->counts.stat[LODGE_STAT_MSR]++;
	if (unlikely(read_msr(vmx, vcpu->gpr[LODGE_RCX], &value))) {
		lodge_msr_unknown(vcpu, vcpu->gpr[LODGE_RCX]);
		lodge_vcpu_raise(vcpu, 13, true, 0);
		return VMX_FAST_ENTER;
	}
	vcpu->gpr[LODGE_RAX] = (u32)value;
	vcpu->gpr[LODGE_RDX] = value >> 32;
	skip(vmx);
	return VMX_FAST_ENTER;
}

/* Others are in the processor while the window is open, or change its mode */
static enum vmx_fast fast_wrmsr(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u32 index = vcpu->gpr[LODGE_RCX];
	u64 value = vcpu->gpr[LODGE_RDX] << 32 | (u32)vcpu->gpr[LODGE_RAX];

	if (vcpu->vm->machine && is_lapic_msr(index)) {
		/* sending needs nothing of what the processor may hold */
		if (index != LODGE_LAPIC_MSR_ICR)
			vmx_state_read(vmx, LODGE_PART_APIC);
		if (index == LODGE_LAPIC_MSR_SVR)
			lodge_vcpu_mark(vcpu, LODGE_PART_APIC);
		if (lodge_lapic_write_msr(&vcpu->lapic, index, value)) {
			lodge_vcpu_raise(vcpu, 13, true, 0);
			return VMX_FAST_ENTER;
		}
	} else if (vcpu->vm->machine && index == MSR_IA32_TSC_DEADLINE &&
		   likely(!vcpu->lapic.no_deadline)) {
		lodge_lapic_write_deadline(&vcpu->lapic, value);
	} else if (index == MSR_IA32_TSC_ADJUST || index == MSR_IA32_TSC) {
		lodge_msr_write(vcpu, index, value);
		if (vcpu->vm->machine) {
			lodge_lapic_offset_changed(&vcpu->lapic);
			lodge_pv_tsc_changed(vcpu);
		}
	} else {
		return VMX_FAST_LEAVE;
	}
	vcpu->counts.stat[LODGE_STAT_MSR]++;
	skip(vmx);
	return VMX_FAST_ENTER;
}

/* CR8 is the task priority and nothing else; MOV CR8 exists in 64-bit mode only */
static enum vmx_fast fast_cr8(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 q = vmx->exit.qualification;
	u64 *gpr = &vcpu->gpr[CRQ_GPR(q)];

	if (CRQ_NR(q) != 8 || CRQ_TYPE(q) > CRQ_TYPE_MOV_FROM || CRQ_GPR(q) == LODGE_RSP)
		return VMX_FAST_LEAVE;
	vcpu->counts.stat[LODGE_STAT_CR]++;
	if (CRQ_TYPE(q) == CRQ_TYPE_MOV_FROM) {
		*gpr = lodge_cr_read8(vcpu);
	} else if (lodge_cr_write8(vcpu, *gpr)) {
		lodge_vcpu_raise(vcpu, 13, true, 0);
		return VMX_FAST_ENTER;
	}
	skip(vmx);
	return VMX_FAST_ENTER;
}

static enum vmx_fast fast_io(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;
	u64 q = vmcs_readl(VMCS_EXIT_QUALIFICATION);
	u64 *rax = &vcpu->gpr[LODGE_RAX];
	const struct lodge_bus_range *r;
	u8 width = IOQ_WIDTH(q);
	u16 port = IOQ_PORT(q);
	/* 32-bit results clear the upper half of RAX */
	u64 mask = width == 4 ? ~0ULL : BIT_ULL(width * 8) - 1;
	enum vmx_fast ret = VMX_FAST_ENTER;

	if (unlikely(q & IOQ_STRING)) {
		vmx->exit.qualification = q;
		return VMX_FAST_LEAVE;
	}
	vcpu->counts.stat[LODGE_STAT_IO]++;
	r = lodge_bus_find(&vcpu->vm->bus, port, width);
	if ((q & IOQ_IN) && r && r->ops->read) {
		*rax = (*rax & ~mask) | (r->ops->read(r->dev, port - r->first, width) & mask);
	} else if (!(q & IOQ_IN) && r && r->ops->write) {
		u32 value = *rax & (u32)mask;
		enum lodge_bus_end end = r->ops->write(r->dev, port - r->first, width, value);

		if (unlikely(end != LODGE_BUS_DONE)) {
			lodge_insn_end(vcpu, end, value);
			ret = VMX_FAST_USER;
		}
	} else if ((!(q & IOQ_IN) && lodge_ioeventfd_write(&vcpu->vm->bus, port, width, *rax)) ||
		   (vcpu->vm->flags & LODGE_VM_CLOSED)) {
		if (q & IOQ_IN)
			*rax = width == 4 ? 0xffffffff : *rax | mask;
	} else {
		lodge_insn_port(vcpu, port, width, q & IOQ_IN);
		ret = VMX_FAST_USER;
	}
	skip(vmx);
	return ret;
}

static void read_vectoring(struct vmx_vcpu *vmx)
{
	vmx->exit.idt_info = vmcs_read32(VMCS_IDT_VECTORING_INFO);
	if (unlikely(vmx->exit.idt_info & INTR_VALID)) {
		vmx->exit.idt_error = vmcs_read32(VMCS_IDT_VECTORING_ERROR);
		/* a task switch is the delivery, not a thing that interrupts it */
		if (vmx->exit.reason != VMX_EXIT_TASK_SWITCH)
			vmx_inject_recover(vmx);
	}
}

/* IRET had unblocked NMIs when the exit came; that is undone with the IRET (28.2.3) */
static void block_nmi_again(struct vmx_vcpu *vmx)
{
	vmx_state_read(vmx, LODGE_PART_SHADOW);
	vmx->vcpu->shadow |= INTERRUPTIBILITY_NMI;
	lodge_vcpu_mark(vmx->vcpu, LODGE_PART_SHADOW);
}

static enum vmx_fast debug_exception(struct vmx_vcpu *vmx, u32 info)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	/* INT1 leaves RIP at itself, but is a trap */
	if ((info & INTR_TYPE_MASK) == INTR_TYPE_PRIV_EXCEPTION) {
		vmx_state_read(vmx, LODGE_PART_RIP);
		vcpu->rip += vmcs_read32(VMCS_EXIT_INSN_LEN);
		lodge_vcpu_mark(vcpu, LODGE_PART_RIP);
	}
	raise_debug(vcpu, vmcs_readl(VMCS_EXIT_QUALIFICATION) & LODGE_DR6_VALID);
	vmx_state_read(vmx, LODGE_PART_DR7);
	if (vcpu->debug.dr7 & LODGE_DR7_GD) {
		vcpu->debug.dr7 &= ~LODGE_DR7_GD;
		lodge_vcpu_mark(vcpu, LODGE_PART_DR7);
	}
	/* the trap ends an STI shadow, which VM entry would refuse beside TF */
	vmx->stale_shadow = true;
	return VMX_FAST_ENTER;
}

/*
 * Has the host's split-lock detection caused this #AC, and not the guest for itself?
 * Either can where CR0.AM, EFLAGS.AC and CPL 3 come together: that is the guest's.
 */
static bool is_split_lock(struct vmx_vcpu *vmx)
{
	struct lodge_vcpu *vcpu = vmx->vcpu;

	if (!boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT))
		return false;
	vmx_state_read(vmx, LODGE_PART_RIP | LODGE_PART_RFLAGS | LODGE_PART_CRS | LODGE_PART_SEGS);
	return !(vcpu->s.cr0 & X86_CR0_AM) || !(vcpu->rflags & X86_EFLAGS_AC) ||
	       (vcpu->s.seg[LODGE_SS].attr & LODGE_SEG_DPL) != LODGE_SEG_DPL;
}

static enum vmx_fast fast_exception(struct vmx_vcpu *vmx)
{
	u32 info = vmcs_read32(VMCS_EXIT_INTR_INFO);

	read_vectoring(vmx);
	vmx->exit.intr_info = 0;
	if ((info & INTR_TYPE_MASK) == INTR_TYPE_NMI) {
		vmx->nmi_arrived = true;
		return VMX_FAST_LEAVE;
	}
	if ((info & INTR_NMI_UNBLOCKED) && !(vmx->exit.idt_info & INTR_VALID))
		block_nmi_again(vmx);
	switch (info & INTR_VECTOR_MASK) {
	case 1:
		return debug_exception(vmx, info);
	case 17:
		if (unlikely(is_split_lock(vmx)))
			break;
		lodge_vcpu_raise(vmx->vcpu, 17, true, vmcs_read32(VMCS_EXIT_INTR_ERROR));
		return VMX_FAST_ENTER;
	case 18:
		vmx->mce_arrived = true;
		return VMX_FAST_LEAVE;
	}
	vmx->exit.intr_info = info;
	return VMX_FAST_LEAVE;
}

/* The processor has ended an interrupt by itself, or wants a bad SELF IPI looked at */
static enum vmx_fast apic_trap(struct vmx_vcpu *vmx)
{
	struct lodge_lapic *lapic = &vmx->vcpu->lapic;
	u32 q = vmcs_readl(VMCS_EXIT_QUALIFICATION);

	if (vmx->exit.reason == VMX_EXIT_VIRTUALIZED_EOI)
		lodge_lapic_ended(lapic, q);
	else if (q == APIC_SELF_IPI)
		lodge_lapic_write_msr(lapic, LODGE_LAPIC_MSR_SELF_IPI,
				      *(u32 *)(vmx->apic_page + APIC_SELF_IPI));
	return VMX_FAST_ENTER;
}

static enum vmx_fast window_opened(struct vmx_vcpu *vmx, u32 control)
{
	vmcs_write32(VMCS_PROC_CONTROLS, vmx->proc &= ~control);
	return READ_ONCE(vmx->vcpu->run->want_irq_window) ? VMX_FAST_LEAVE : VMX_FAST_ENTER;
}

/* An EPT violation, and others that may come in the middle of an event's delivery */
static void read_delivery_exit(struct vmx_vcpu *vmx)
{
	struct vmx_exit *e = &vmx->exit;

	e->qualification = vmcs_readl(VMCS_EXIT_QUALIFICATION);
	read_vectoring(vmx);
	/* the bit is part of a selector in a task switch's qualification */
	if (e->reason != VMX_EXIT_TASK_SWITCH && (e->qualification & EPTQ_NMI_UNBLOCKED) &&
	    !(e->idt_info & INTR_VALID))
		block_nmi_again(vmx);
}

/**
 * vmx_fastexit_handle - answer an exit inside the window, or read what it left
 * @vmx: in a window, with exit.reason read
 *
 * Return: enum vmx_fast; with VMX_FAST_LEAVE the members of @vmx->exit are filled
 * that vmx_exit_handle() wants for this reason.
 */
enum vmx_fast vmx_fastexit_handle(struct vmx_vcpu *vmx)
{
	struct vmx_exit *e = &vmx->exit;

	if (e->reason == VMX_EXIT_IO)
		return fast_io(vmx);

	switch (e->reason) {
	case VMX_EXIT_CPUID:
		return fast_cpuid(vmx);
	case VMX_EXIT_RDMSR:
		return fast_rdmsr(vmx);
	case VMX_EXIT_WRMSR:
		if (fast_wrmsr(vmx) == VMX_FAST_ENTER)
			return VMX_FAST_ENTER;
		break;
	case VMX_EXIT_CR_ACCESS:
		e->qualification = vmcs_readl(VMCS_EXIT_QUALIFICATION);
		if (fast_cr8(vmx) == VMX_FAST_ENTER)
			return VMX_FAST_ENTER;
		break;
	case VMX_EXIT_EXTERNAL_INTERRUPT:
		vmx->vcpu->counts.stat[LODGE_STAT_IRQ_EXITS]++;
		return VMX_FAST_LEAVE;
	case VMX_EXIT_EXCEPTION_NMI:
		return fast_exception(vmx);
	case VMX_EXIT_INTERRUPT_WINDOW:
		return window_opened(vmx, PROC_INTERRUPT_WINDOW);
	case VMX_EXIT_NMI_WINDOW:
		return window_opened(vmx, PROC_NMI_WINDOW);
	case VMX_EXIT_VIRTUALIZED_EOI:
	case VMX_EXIT_APIC_WRITE:
		return apic_trap(vmx);
	case VMX_EXIT_EPT_VIOLATION:
		e->gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
		read_delivery_exit(vmx);
		return VMX_FAST_LEAVE;
	case VMX_EXIT_EPT_MISCONFIG:
		e->gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
		fallthrough;
	case VMX_EXIT_PML_FULL:
		read_delivery_exit(vmx);
		return VMX_FAST_LEAVE;
	case VMX_EXIT_TASK_SWITCH:
		e->insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
		read_delivery_exit(vmx);
		return VMX_FAST_LEAVE;
	}
	e->qualification = vmcs_readl(VMCS_EXIT_QUALIFICATION);
	e->insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
	if ((e->reason & VMX_EXIT_REASON_MASK) == VMX_EXIT_ENTRY_MCE)
		vmx->mce_arrived = true;
	return VMX_FAST_LEAVE;
}
