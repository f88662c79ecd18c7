// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug registers.  MOV DR always exits, so DR0 to DR3 are loaded only for a guest
 * that has enabled a breakpoint.
 */
#include "debug.h"

/**
 * lodge_debug_reset - the values after RESET (SDM Vol 3A, table 10-1)
 * @d: to set
 */
void lodge_debug_reset(struct lodge_debug_regs *d)
{
	*d = (struct lodge_debug_regs){ .dr6 = LODGE_DR6_FIXED, .dr7 = LODGE_DR7_FIXED };
}

/**
 * lodge_debug_load - put the guest's DR0 to DR3 into the processor
 * @d: the guest's
 *
 * DR7 is cleared first: a breakpoint of the host must not hit at a guest's address.
 */
void lodge_debug_load(struct lodge_debug_regs *d)
{
	set_debugreg(0, 7);
	get_debugreg(d->host_db[0], 0);
	get_debugreg(d->host_db[1], 1);
	get_debugreg(d->host_db[2], 2);
	get_debugreg(d->host_db[3], 3);
	set_debugreg(d->db[0], 0);
	set_debugreg(d->db[1], 1);
	set_debugreg(d->db[2], 2);
	set_debugreg(d->db[3], 3);
	d->loaded = true;
}

/**
 * lodge_debug_restore - mirror of lodge_debug_load()
 * @d: the guest's
 */
void lodge_debug_restore(struct lodge_debug_regs *d)
{
	set_debugreg(d->host_db[0], 0);
	set_debugreg(d->host_db[1], 1);
	set_debugreg(d->host_db[2], 2);
	set_debugreg(d->host_db[3], 3);
	d->loaded = false;
}
