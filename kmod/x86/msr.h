/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_MSR_H
#define LODGE_X86_MSR_H

#include <linux/types.h>

#include "mtrr.h"

struct lodge_vcpu;

/**
 * struct lodge_msr_state - the MSRs of a vCPU that are neither in the VMCS nor in lodge_sregs
 * @kernel_gs_base: IA32_KERNEL_GS_BASE, which SWAPGS changes without an exit
 * @star: IA32_STAR
 * @lstar: IA32_LSTAR
 * @cstar: IA32_CSTAR, kept only: no processor of Intel's uses it in 64-bit mode
 * @fmask: IA32_FMASK
 * @tsc_aux: IA32_TSC_AUX
 * @sysenter_cs: IA32_SYSENTER_CS; part LODGE_PART_SYSENTER
 * @sysenter_esp: IA32_SYSENTER_ESP; likewise
 * @sysenter_eip: IA32_SYSENTER_EIP; likewise
 * @pat: IA32_PAT; part LODGE_PART_PAT
 * @debugctl: IA32_DEBUGCTL; part LODGE_PART_DR7
 * @tsc_offset: guest's TSC minus what lodge_tsc_guest() says; part LODGE_PART_TSC
 * @tsc_adjust: IA32_TSC_ADJUST
 * @misc_enable: IA32_MISC_ENABLE
 * @unknown: the last MSR that the guest asked for in vain
 * @mtrr: memory-type range registers, with LODGE_VM_MACHINE
 * @host: the host's values while the guest's are loaded
 */
struct lodge_msr_state {
	u64 kernel_gs_base;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 fmask;
	u64 tsc_aux;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 pat;
	u64 debugctl;
	u64 tsc_offset;
	u64 tsc_adjust;
	u64 misc_enable;
	u32 unknown;
	struct lodge_mtrr mtrr;
	struct {
		u64 kernel_gs_base;
		u64 star;
		u64 lstar;
		u64 fmask;
		u64 tsc_aux;
		u64 pebs_enable;
		bool syscall_loaded;
	} host;
};

/**
 * struct lodge_msr_passthrough - an MSR that the guest reaches without an exit
 * @index: ECX
 * @write: writes too
 */
struct lodge_msr_passthrough {
	u32 index;
	bool write;
};

extern const struct lodge_msr_passthrough lodge_msr_passthrough[];
extern const unsigned int lodge_msr_nr_passthrough;

void lodge_msr_init(void);
void lodge_msr_reset(struct lodge_msr_state *m, u64 tsc_start);
void lodge_msr_enter(struct lodge_vcpu *vcpu);
void lodge_msr_leave(struct lodge_vcpu *vcpu);
int lodge_msr_read(struct lodge_vcpu *vcpu, u32 index, u64 *value);
int lodge_msr_write(struct lodge_vcpu *vcpu, u32 index, u64 value);
void lodge_msr_unknown(struct lodge_vcpu *vcpu, u32 index);
void lodge_msr_log_unknown(struct lodge_vcpu *vcpu);
u32 lodge_msr_part(u32 index);

#endif /* LODGE_X86_MSR_H */
