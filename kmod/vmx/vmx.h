/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX driver as the rest of the module sees it, and what its files share.
 */
#ifndef LODGE_VMX_VMX_H
#define LODGE_VMX_VMX_H

#include <linux/types.h>
#include <asm/desc_defs.h>
#include <asm/processor-flags.h>

#include "../vcpu.h"
#include "cpu.h"
#include "fields.h"

/**
 * struct vmx_exit - a VM exit, read from the VMCS while it was current
 * @reason: VMCS_EXIT_REASON, with VMX_EXIT_ENTRY_FAILED
 * @intr_info: for an exception or NMI
 * @intr_error: its error code
 * @idt_info: the event whose delivery was interrupted by the exit
 * @idt_error: its error code
 * @insn_len: for exits caused by an instruction
 * @insn_error: VMCS_INSN_ERROR, when an entry instruction failed
 * @qualification: meaning depends on @reason
 * @gpa: for EPT violations and misconfigurations
 */
struct vmx_exit {
	u32 reason;
	u32 intr_info;
	u32 intr_error;
	u32 idt_info;
	u32 idt_error;
	u32 insn_len;
	u32 insn_error;
	u64 qualification;
	u64 gpa;
};

/**
 * struct vmx_host - host state that is in the VMCS already, to spare VMWRITEs
 * @cr3: HOST_CR3
 * @cr4: HOST_CR4
 * @fs_base: HOST_FS_BASE
 * @rsp: HOST_RSP, kept by vmx_enter()
 */
struct vmx_host {
	unsigned long cr3;
	unsigned long cr4;
	unsigned long fs_base;
	unsigned long rsp;
};

/**
 * struct vmx_vcpu - what VMX needs of a vCPU
 * @vcpu: back pointer [I]
 * @vmcs: the VMCS region [I]
 * @vmcs_pa: its physical address [I]
 * @pml: page-modification log, or NULL [I]
 * @vpid: 0 without VPIDs [I]
 * @host: cached host-state fields
 * @gdt: the host's GDTR on @host_cpu
 * @ds: host selectors that the VMCS cannot hold, while a window is open
 * @es: likewise
 * @fs: likewise
 * @gs: likewise
 * @ldt: likewise
 * @proc: VMCS_PROC_CONTROLS as written
 * @entry: VMCS_ENTRY_CONTROLS as written
 * @cr4_owned: complement of VMCS_CR4_MASK as written
 * @host_cpu: CPU of the last window, -1 before the first
 * @tlb_gen: lodge_mem.tlb_gen at the last flush
 * @switches: context switches of the thread, when a neighbour held VMX last
 * @launched: VMLAUNCH has succeeded in this window
 * @stale_shadow: an instruction was skipped, so STI and MOV SS block no more
 * @apic_page: virtual-APIC page, NULL where there is no virtual-interrupt delivery [I]
 * @eoi_exits: EOI-exit bitmap as written
 * @apicv: virtual-interrupt delivery is on
 * @nmi_arrived: an NMI exit waits to be given to the host
 * @mce_arrived: a machine check likewise
 * @exit: the last exit
 * @counted: where the ticks since it go, NULL before the first
 * @left: the host's TSC at it
 * @window: the open window
 *
 * All but [I] under lodge_vcpu.lock, and with interrupts off while in a window.
 */
struct vmx_vcpu {
	struct lodge_vcpu *vcpu;
	void *vmcs;
	u64 vmcs_pa;
	u64 *pml;
	u16 vpid;
	struct vmx_host host;
	struct desc_ptr gdt;
	u16 ds, es, fs, gs, ldt;
	u32 proc;
	u32 entry;
	u64 cr4_owned;
	int host_cpu;
	unsigned long tlb_gen;
	unsigned long switches;
	bool launched;
	bool stale_shadow;
	void *apic_page;
	u64 eoi_exits[4];
	bool apicv;
	bool nmi_arrived;
	bool mce_arrived;
	struct vmx_exit exit;
	struct lodge_exit_count *counted;
	u64 left;
	struct vmx_window window;
};

/* What becomes of the window after an exit */
enum vmx_fast {
	VMX_FAST_ENTER,		/* enter the guest again */
	VMX_FAST_LEAVE,		/* close it; vmx_exit_handle() does the rest */
	VMX_FAST_USER,		/* close it; all is done, lodge_run filled in */
};

/* vmcs.c */
int vmx_vmcs_init(void);
void vmx_vmcs_exit(void);
int vmx_vcpu_create(struct lodge_vcpu *vcpu);
void vmx_vcpu_destroy(struct lodge_vcpu *vcpu);
void vmx_vmcs_setup(struct vmx_vcpu *vmx);
u64 vmx_vmcs_msr_bitmap(bool x2apic);

/* apicv.c */
u32 vmx_apicv_proc2(const struct vmx_vcpu *vmx, bool on);
void vmx_apicv_load(struct vmx_vcpu *vmx);
void vmx_apicv_save(struct vmx_vcpu *vmx);
void vmx_apicv_post(struct vmx_vcpu *vmx);

/* host.c */
void vmx_host_setup(void);

/* state.c */
void vmx_state_commit(struct vmx_vcpu *vmx);
void vmx_state_read(struct vmx_vcpu *vmx, u32 parts);
int vmx_state_fetch(struct lodge_vcpu *vcpu, u32 parts);

/* run.c */
int vmx_vcpu_run(struct lodge_vcpu *vcpu);

/* inject.c */
void vmx_inject_prepare(struct vmx_vcpu *vmx);
void vmx_inject_recover(struct vmx_vcpu *vmx);
void vmx_inject_cancel(struct vmx_vcpu *vmx);

/**
 * vmx_inject_waiting - is there anything to be delivered?
 * @vcpu: locked
 *
 * Return: true if vmx_inject_prepare() must be called before the next entry.
 */
static __always_inline bool vmx_inject_waiting(const struct lodge_vcpu *vcpu)
{
	return vcpu->exception.pending || READ_ONCE(vcpu->irq_waiting) ||
	       atomic_read(&vcpu->nmi_pending) || READ_ONCE(vcpu->run->want_irq_window);
}

/**
 * vmx_inject_irq_open - would an external interrupt be delivered now?
 * @vcpu: locked, with RFLAGS and SHADOW cached
 *
 * Return: true if so.
 */
static __always_inline bool vmx_inject_irq_open(const struct lodge_vcpu *vcpu)
{
	return (vcpu->rflags & X86_EFLAGS_IF) && !(vcpu->shadow & INTERRUPTIBILITY_INSN) &&
	       !vcpu->exception.pending;
}

/* fastexit.c */
enum vmx_fast vmx_fastexit_handle(struct vmx_vcpu *vmx);

/* exit.c */
int vmx_exit_handle(struct vmx_vcpu *vmx);

/* dump.c */
void vmx_dump(struct vmx_vcpu *vmx);
const char *vmx_dump_reason(u32 reason);

/* enter.S */
#define VMX_ENTER_RESUME	0x80000000u	/* VMRESUME, else VMLAUNCH */
#define VMX_ENTER_VERW		0x40000000u	/* clear CPU buffers before */
#define VMX_ENTER_IBRS		0x00000001u	/* write SPEC_CTRL after */
#define VMX_ENTER_BHB		0x00000002u	/* clear the branch history after */
int vmx_enter(u64 *gpr, u32 flags, unsigned long *host_rsp, u64 spec_ctrl);
extern char vmx_enter_exit[];

#endif /* LODGE_VMX_VMX_H */
