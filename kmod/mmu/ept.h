/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ept.h - the nested page tables (EPT) as a data structure
 *
 * Nothing here knows of VMs, memory slots, notifiers or VMX instructions: a
 * struct lodge_ept is a tree of 512-entry tables and the calls map, zap, age
 * and protect ranges of it.  Also compiled in user space by selftests/native.
 *
 * Source: SDM Vol 3C, 29.3 "The extended page table mechanism (EPT)" (28.3 in
 * editions before 2022), and 25.6.11 for the EPT pointer.
 */
#ifndef LODGE_MMU_EPT_H
#define LODGE_MMU_EPT_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/types.h>
#endif

/* An entry (SDM Vol 3C, 29.3.2).  Not present if the three low bits are zero. */
#define LODGE_EPT_R		BIT_ULL(0)
#define LODGE_EPT_W		BIT_ULL(1)
#define LODGE_EPT_X		BIT_ULL(2)
#define LODGE_EPT_RWX		(LODGE_EPT_R | LODGE_EPT_W | LODGE_EPT_X)
#define LODGE_EPT_MT_WB		(6ULL << 3)	/* memory type, leaves only */
#define LODGE_EPT_IPAT		BIT_ULL(6)	/* the guest's PAT is ignored, leaves only */
#define LODGE_EPT_PS		BIT_ULL(7)	/* leaf above the last level */
#define LODGE_EPT_A		BIT_ULL(8)	/* accessed, if the EPTP enables A/D */
#define LODGE_EPT_D		BIT_ULL(9)	/* dirty, leaves only, likewise */
#define LODGE_EPT_ADDR		GENMASK_ULL(51, 12)

/* The EPT pointer (SDM Vol 3C, 25.6.11) */
#define LODGE_EPTP_WB		6ULL
#define LODGE_EPTP_UC		0ULL
#define LODGE_EPTP_LEVELS(n)	((u64)((n) - 1) << 3)
#define LODGE_EPTP_AD		BIT_ULL(6)

/*
 * All owner memory is ordinary RAM that the host maps write-back, so the guest
 * gets it write-back too, whatever its PAT says: no aliases of two types.
 */
#define LODGE_EPT_MEMTYPE	(LODGE_EPT_MT_WB | LODGE_EPT_IPAT)

/* Levels: the level of a leaf tells its size */
#define LODGE_EPT_4K		1
#define LODGE_EPT_2M		2
#define LODGE_EPT_1G		3
#define LODGE_EPT_ENTRIES	512

/**
 * struct lodge_ept_caps - what the processor's EPT can do, and what of it to use
 * @ad: accessed and dirty bits
 * @pml: page-modification logging; needs @ad
 * @page_2m: 2 MiB leaves
 * @page_1g: 1 GiB leaves
 * @no_exec_huge: leaves above 4 KiB must not be executable (iTLB multihit)
 * @exec_only: X without R is allowed; not used
 * @wb: tables may be accessed write-back, else uncached
 * @levels: page-walk length, 4 or 5
 *
 * Filled by vmx/caps.c from IA32_VMX_EPT_VPID_CAP and the module parameters.
 */
struct lodge_ept_caps {
	bool ad;
	bool pml;
	bool page_2m;
	bool page_1g;
	bool no_exec_huge;
	bool exec_only;
	bool wb;
	int levels;
};

/**
 * struct lodge_ept - one set of tables
 *
 * Locks: I immutable after init, m the caller's lock (in mem.c: lodge_mmu.lock).
 *
 * @caps: [I] what may be used
 * @root: [I] the topmost table
 * @spare: [m] zeroed tables for the next maps, chained through their first entry
 * @dead: [m] tables cut out of the tree, chained likewise; the processor may
 *	walk them until the next flush, so they are freed only after it
 * @nspare: [m] tables at @spare
 * @ntables: [m] tables in the tree, without the root
 * @mapped: [m] level of the leaf that lodge_ept_map() made last
 */
struct lodge_ept {
	struct lodge_ept_caps caps;
	u64 *root;
	u64 *spare;
	u64 *dead;
	unsigned int nspare;
	unsigned long ntables;
	int mapped;
};

/**
 * lodge_ept_size() - bytes that one entry of a level maps
 * @level: LODGE_EPT_4K and up
 */
static inline u64 lodge_ept_size(int level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

/**
 * lodge_ept_present() - whether an entry maps or points to anything
 * @e: entry
 */
static inline bool lodge_ept_present(u64 e)
{
	return e & LODGE_EPT_RWX;
}

/**
 * lodge_ept_leaf() - whether a present entry maps memory, not a table
 * @e: entry
 * @level: where it stands
 */
static inline bool lodge_ept_leaf(u64 e, int level)
{
	return level == LODGE_EPT_4K || (e & LODGE_EPT_PS);
}

int lodge_ept_init(struct lodge_ept *ept, const struct lodge_ept_caps *caps);
void lodge_ept_destroy(struct lodge_ept *ept);
u64 lodge_ept_pointer(const struct lodge_ept *ept);

u64 *lodge_ept_alloc_table(void);
void lodge_ept_give(struct lodge_ept *ept, u64 *table);
u64 *lodge_ept_take_dead(struct lodge_ept *ept);
void lodge_ept_free_tables(u64 *chain);

int lodge_ept_map(struct lodge_ept *ept, u64 gpa, u64 hpa, int level, u64 attr);
u64 lodge_ept_zap(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush);
void lodge_ept_prune(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush);
u64 lodge_ept_protect(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush);
bool lodge_ept_age(struct lodge_ept *ept, u64 gpa, u64 end, bool clear, bool *flush);
u64 lodge_ept_lookup(const struct lodge_ept *ept, u64 gpa, int *level);

#endif /* LODGE_MMU_EPT_H */
