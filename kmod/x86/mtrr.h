/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_MTRR_H
#define LODGE_X86_MTRR_H

#include <linux/types.h>

#define LODGE_MTRR_VARIABLE	8	/* pairs */
#define LODGE_MTRR_FIXED	11

/**
 * struct lodge_mtrr - memory-type range registers of a vCPU
 * @def: default type
 * @fixed: 64K, 2 16K, 8 4K
 * @variable: base, mask, base, ...
 *
 * Under lodge_vcpu.lock.  All zero after RESET, which is: disabled.
 */
struct lodge_mtrr {
	u64 def;
	u64 fixed[LODGE_MTRR_FIXED];
	u64 variable[2 * LODGE_MTRR_VARIABLE];
};

int lodge_mtrr_read(struct lodge_mtrr *m, u32 index, u64 *value);
int lodge_mtrr_write(struct lodge_mtrr *m, u32 index, u64 value);

#endif /* LODGE_X86_MTRR_H */
