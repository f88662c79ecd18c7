/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_TSC_H
#define LODGE_X86_TSC_H

#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/types.h>

#define LODGE_TSC_FRACTION	48	/* bits of a TSC multiplier (SDM Vol 3C, 26.3) */
#define LODGE_TSC_SAME		BIT_ULL(LODGE_TSC_FRACTION)

/**
 * struct lodge_tsc - the TSCs of a VM; each vCPU adds an offset of its own
 * @start: the host's TSC when the VM was made
 * @ratio: guest's ticks for one of the host's, LODGE_TSC_FRACTION bits behind the point
 * @khz: guest's ticks in a millisecond
 */
struct lodge_tsc {
	u64 start;
	u64 ratio;
	u32 khz;
};

int lodge_tsc_create(struct lodge_tsc *tsc, u32 khz, bool scaling);

/**
 * lodge_tsc_guest - what a guest's TSC is, but for the vCPU's offset
 * @tsc: the VM's
 * @host: the host's TSC
 *
 * Return: ticks.
 */
static inline u64 lodge_tsc_guest(const struct lodge_tsc *tsc, u64 host)
{
	return likely(tsc->ratio == LODGE_TSC_SAME) ? host :
		mul_u64_u64_shr(host, tsc->ratio, LODGE_TSC_FRACTION);
}

#endif /* LODGE_X86_TSC_H */
