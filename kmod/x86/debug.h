/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_DEBUG_H
#define LODGE_X86_DEBUG_H

#include <linux/hw_breakpoint.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>

#include "hwmsr.h"

#define LODGE_DR6_FIXED		0xffff0ff0ULL	/* bits that read as one: no RTM, no bus lock */
#define LODGE_DR6_VALID		0x0000e00fULL	/* B0-B3, BD, BS, BT */
#define LODGE_DR7_FIXED		0x00000400ULL
#define LODGE_DR7_GD		0x00002000ULL
#define LODGE_DR7_ENABLED	0x000000ffULL

/**
 * struct lodge_debug_regs - a vCPU's debug registers
 * @db: DR0 to DR3
 * @dr6: status; #DB exits, so the processor's own DR6 is never the guest's
 * @dr7: control; the VMCS loads it
 * @host_db: the host's DR0 to DR3 while @loaded
 * @host_debugctl: the host's IA32_DEBUGCTL, which a VM exit clears
 * @loaded: the guest's DR0 to DR3 are in the processor
 */
struct lodge_debug_regs {
	u64 db[4];
	u64 dr6;
	u64 dr7;
	u64 host_db[4];
	u64 host_debugctl;
	bool loaded;
};

void lodge_debug_reset(struct lodge_debug_regs *d);
void lodge_debug_load(struct lodge_debug_regs *d);
void lodge_debug_restore(struct lodge_debug_regs *d);

/**
 * lodge_debug_enter - before guest execution, interrupts off
 * @d: the guest's
 */
static __always_inline void lodge_debug_enter(struct lodge_debug_regs *d)
{
	d->host_debugctl = lodge_hwmsr_read(MSR_IA32_DEBUGCTLMSR);
	if (unlikely(d->dr7 & LODGE_DR7_ENABLED))
		lodge_debug_load(d);
}

/**
 * lodge_debug_leave - mirror of lodge_debug_enter(), after a VM exit has reset DR7
 * @d: the guest's
 */
static __always_inline void lodge_debug_leave(struct lodge_debug_regs *d)
{
	if (unlikely(d->loaded))
		lodge_debug_restore(d);
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(this_cpu_read(cpu_dr7), 7);
	if (unlikely(d->host_debugctl))
		lodge_hwmsr_write(MSR_IA32_DEBUGCTLMSR, d->host_debugctl);
}

#endif /* LODGE_X86_DEBUG_H */
