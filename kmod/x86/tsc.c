// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's time-stamp counter: how fast it runs beside the host's.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "tsc.h"

#define MOST_TIMES	64	/* faster than the host's, or slower */

/**
 * lodge_tsc_create - the TSCs of a VM, which start now
 * @tsc: to fill
 * @khz: ticks in a millisecond; 0 for the host's
 * @scaling: the processor can do that
 *
 * Return: 0; -EINVAL for a frequency too far from the host's; -EOPNOTSUPP for another
 * than the host's where the processor cannot.
 */
int lodge_tsc_create(struct lodge_tsc *tsc, u32 khz, bool scaling)
{
	u32 host = max(tsc_khz, 1u);

	*tsc = (struct lodge_tsc){ .start = rdtsc(), .ratio = LODGE_TSC_SAME, .khz = host };
	if (!khz || khz == host)
		return 0;
	if (khz / MOST_TIMES > host || khz < host / MOST_TIMES)
		return -EINVAL;
	if (!scaling)
		return -EOPNOTSUPP;
	tsc->khz = khz;
	tsc->ratio = mul_u64_u32_div(LODGE_TSC_SAME, khz, host);
	return 0;
}
