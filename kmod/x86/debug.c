// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug registers.  MOV DR always exits, so DR0 to DR3 are loaded only for a guest
 * that has enabled a breakpoint.
 */
#include <linux/hw_breakpoint.h>
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>

#include "debug.h"
#include "hwmsr.h"

/**
 * lodge_debug_reset - the values after RESET (SDM Vol 3A, table 10-1)
 * @d: to set
 */
void lodge_debug_reset(struct lodge_debug_regs *d)
{
	*d = (struct lodge_debug_regs){ .dr6 = LODGE_DR6_FIXED, .dr7 = LODGE_DR7_FIXED };
}

/**
 * lodge_debug_enter - before guest execution, interrupts off
 * @d: the guest's
 */
void lodge_debug_enter(struct lodge_debug_regs *d)
{
	d->host_debugctl = lodge_hwmsr_read(MSR_IA32_DEBUGCTLMSR);
	d->loaded = d->dr7 & LODGE_DR7_ENABLED;
	if (likely(!d->loaded))
		return;
	set_debugreg(0, 7);
	get_debugreg(d->host_db[0], 0);
	get_debugreg(d->host_db[1], 1);
	get_debugreg(d->host_db[2], 2);
	get_debugreg(d->host_db[3], 3);
	set_debugreg(d->db[0], 0);
	set_debugreg(d->db[1], 1);
	set_debugreg(d->db[2], 2);
	set_debugreg(d->db[3], 3);
}

/**
 * lodge_debug_leave - mirror of lodge_debug_enter(), after a VM exit has reset DR7
 * @d: the guest's
 */
void lodge_debug_leave(struct lodge_debug_regs *d)
{
	if (unlikely(d->loaded)) {
		set_debugreg(d->host_db[0], 0);
		set_debugreg(d->host_db[1], 1);
		set_debugreg(d->host_db[2], 2);
		set_debugreg(d->host_db[3], 3);
		d->loaded = false;
	}
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(this_cpu_read(cpu_dr7), 7);
	if (unlikely(d->host_debugctl))
		lodge_hwmsr_write(MSR_IA32_DEBUGCTLMSR, d->host_debugctl);
}
