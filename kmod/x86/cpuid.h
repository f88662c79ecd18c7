/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_CPUID_H
#define LODGE_X86_CPUID_H

#include <linux/types.h>
#include <linux/lodge.h>

#define LODGE_CPUID_INDEXED	32	/* leaves of each range found by index */

enum lodge_cpuid_reg {
	LODGE_CPUID_EAX,
	LODGE_CPUID_EBX,
	LODGE_CPUID_ECX,
	LODGE_CPUID_EDX,
};

/**
 * struct lodge_cpuid_table - what CPUID returns in a vCPU
 * @nr: entries in @leaf
 * @leaf: sorted by leaf and subleaf
 * @basic: 1 + position in @leaf of leaf n's first entry, 0 if there is none
 * @extended: the same for leaf 0x80000000 + n
 * @max_basic: highest basic leaf
 * @cr4: bits of CR4 that come with features, of those that it has
 */
struct lodge_cpuid_table {
	u32 nr;
	u32 max_basic;
	u64 cr4;
	u8 basic[LODGE_CPUID_INDEXED];
	u8 extended[LODGE_CPUID_INDEXED];
	struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
};

void lodge_cpuid_init(bool rdtscp, bool invpcid);
void lodge_cpuid_reset(struct lodge_cpuid_table *t, u32 apic_id, u32 tsc_khz);
int lodge_cpuid_set(struct lodge_cpuid_table *t, const struct lodge_cpuid_leaf *leaf, u32 nr);
void lodge_cpuid_update(struct lodge_cpuid_table *t, u64 cr4, u64 xcr0);
bool lodge_cpuid_has(const struct lodge_cpuid_table *t, u32 leaf, enum lodge_cpuid_reg reg,
		     u32 bit);
const struct lodge_cpuid_leaf *lodge_cpuid_find(const struct lodge_cpuid_table *t, u32 leaf,
						u32 subleaf);

#endif /* LODGE_X86_CPUID_H */
