// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page tables, walked in software.
 *
 * First all entries are read from the top down and their rights collected, then
 * the rights are checked once, then accessed and dirty are set.
 *
 * Source: SDM Vol 3A, 4.3 (32-bit), 4.4 (PAE), 4.5 (4 and 5 levels), 4.6 (access
 * rights and protection keys), 4.7 (error code), 4.8 (accessed and dirty).
 */
#include "walk.h"

#define WALK_CR0_WP		BIT_ULL(16)
#define WALK_CR0_PG		BIT_ULL(31)
#define WALK_CR4_PSE		BIT_ULL(4)
#define WALK_CR4_PAE		BIT_ULL(5)
#define WALK_CR4_LA57		BIT_ULL(12)
#define WALK_CR4_SMEP		BIT_ULL(20)
#define WALK_CR4_SMAP		BIT_ULL(21)
#define WALK_CR4_PKE		BIT_ULL(22)
#define WALK_EFER_LMA		BIT_ULL(10)
#define WALK_EFER_NXE		BIT_ULL(11)
#define WALK_FLAG_AC		BIT_ULL(18)

#define WALK_PTE_P		0x1ULL
#define WALK_PTE_W		0x2ULL
#define WALK_PTE_U		0x4ULL
#define WALK_PTE_A		0x20ULL
#define WALK_PTE_D		0x40ULL
#define WALK_PTE_PS		0x80ULL
#define WALK_PTE_NX		BIT_ULL(63)
#define WALK_PTE_ADDR		0x000ffffffffff000ULL

#define MAX_LEVELS	5
#define MAX_TRIES	8

/* How the tables are laid out, and what the way down has shown so far. */
struct way {
	unsigned int levels;		/* 2 to 5 */
	unsigned int len;		/* bytes of an entry */
	unsigned int bits;		/* of an index */
	u64 entry[MAX_LEVELS];
	u64 at[MAX_LEVELS];		/* where the entry lies; 0 for a PDPTE that the CPU holds */
	unsigned int n;			/* entries read */
	u64 rights;			/* P, W, U of all entries, NX of any */
};

static u64 mask_from(unsigned int low, unsigned int high)
{
	return high < low ? 0 : (~0ULL << low) & (~0ULL >> (63 - high));
}

static void lay_out(const struct lodge_walk *w, struct way *way)
{
	if (!(w->cr4 & WALK_CR4_PAE) && !(w->efer & WALK_EFER_LMA)) {
		way->levels = 2;
		way->len = 4;
		way->bits = 10;
		return;
	}
	way->len = 8;
	way->bits = 9;
	if (!(w->efer & WALK_EFER_LMA))
		way->levels = 3;
	else
		way->levels = w->cr4 & WALK_CR4_LA57 ? 5 : 4;
}

static int fault(struct lodge_walk *w, unsigned int access, u32 error)
{
	if (access & LODGE_ACC_WRITE)
		error |= LODGE_PF_WRITE;
	if ((access & LODGE_ACC_USER) && !(access & LODGE_ACC_IMPLICIT))
		error |= LODGE_PF_USER;
	/* the I/D bit exists only where a fetch can be told from a read */
	if ((access & LODGE_ACC_FETCH) &&
	    (((w->cr4 & WALK_CR4_PAE) && (w->efer & WALK_EFER_NXE)) || (w->cr4 & WALK_CR4_SMEP)))
		error |= LODGE_PF_FETCH;
	w->error = error;
	return LODGE_WALK_FAULT;
}

/* Level counts from 1, the page table. */
static bool is_leaf(const struct lodge_walk *w, const struct way *way, unsigned int level,
		    u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & WALK_PTE_PS))
		return false;
	if (level == 2)
		return way->len == 8 || (w->cr4 & WALK_CR4_PSE);
	return level == 3 && way->levels > 3 && w->gbpages;
}

static u64 reserved_bits(const struct lodge_walk *w, const struct way *way, unsigned int level,
			 bool leaf)
{
	u64 rsvd;

	if (way->len == 4) {
		if (level != 2 || !leaf)
			return 0;
		/* PSE-36: bits 13 to 20 are address bits 32 to 39 */
		return 1ULL << 21 | mask_from(13 + (w->maxphyaddr > 32 ? w->maxphyaddr - 32 : 0),
					      20);
	}
	rsvd = mask_from(w->maxphyaddr, 51);
	if (way->levels == 3) {
		if (level == 3)
			return rsvd | mask_from(52, 63) | mask_from(5, 8) | mask_from(1, 2);
		rsvd |= mask_from(52, 62);
	}
	if (!(w->efer & WALK_EFER_NXE))
		rsvd |= WALK_PTE_NX;
	if (leaf && level > 1)
		rsvd |= mask_from(13, 12 + 9 * (level - 1) - 1);
	if (!leaf && level > 2)
		rsvd |= WALK_PTE_PS;
	return rsvd;
}

static int read_entry(struct lodge_walk *w, struct way *way, u64 linear, unsigned int level,
		      u64 table)
{
	unsigned int shift = 12 + way->bits * (level - 1);
	u64 index = (linear >> shift) & ((1u << way->bits) - 1);
	unsigned int i = way->n;

	way->entry[i] = 0;
	way->at[i] = 0;
	if (way->levels == 3 && level == 3) {
		index &= 3;
		if (w->pdpte) {
			way->entry[i] = w->pdpte[index];
			return 0;
		}
	}
	way->at[i] = table + index * way->len;
	return w->read_gpa(w, way->at[i], &way->entry[i], way->len);
}

static void collect_rights(const struct way *way, unsigned int level, u64 entry, u64 *rights)
{
	/* a PDPTE of PAE paging has no rights of its own */
	if (way->levels == 3 && level == 3)
		return;
	*rights &= entry | ~(WALK_PTE_W | WALK_PTE_U);
	*rights |= way->len == 8 ? entry & WALK_PTE_NX : 0;
}

/* From the top to the leaf; way->n entries, the last is the leaf. */
static int descend(struct lodge_walk *w, struct way *way, u64 linear, unsigned int access)
{
	unsigned int level = way->levels;
	u64 table = w->cr3 & (way->len == 4 ? 0xfffff000ULL : WALK_PTE_ADDR);
	bool leaf;
	u64 entry;
	int ret;

	if (way->levels == 3)
		table = w->cr3 & 0xffffffe0ULL;
	way->n = 0;
	way->rights = WALK_PTE_W | WALK_PTE_U;
	for (;; level--) {
		ret = read_entry(w, way, linear, level, table);
		if (ret)
			return ret;
		entry = way->entry[way->n++];
		if (!(entry & WALK_PTE_P))
			return fault(w, access, 0);
		leaf = is_leaf(w, way, level, entry);
		if (entry & reserved_bits(w, way, level, leaf))
			return fault(w, access, LODGE_PF_PRESENT | LODGE_PF_RSVD);
		collect_rights(way, level, entry, &way->rights);
		if (leaf)
			break;
		table = entry & (way->len == 4 ? 0xfffff000ULL : WALK_PTE_ADDR);
	}
	w->size = 1ULL << (12 + way->bits * (level - 1));
	return 0;
}

static void physical(struct lodge_walk *w, const struct way *way, u64 linear)
{
	u64 entry = way->entry[way->n - 1];
	u64 base;

	if (way->len == 4) {
		base = entry & 0xfffff000ULL;
		if (w->size > 4096)
			base = (entry & 0xffc00000ULL) | (entry & 0x1fe000ULL) << 19;
	} else {
		base = entry & WALK_PTE_ADDR & ~(w->size - 1);
	}
	w->gpa = base | (linear & (w->size - 1));
}

/* Does the protection key of a user page forbid the access? */
static bool key_forbids(const struct lodge_walk *w, const struct way *way, unsigned int access)
{
	unsigned int key = way->entry[way->n - 1] >> 59 & 15;
	unsigned int deny = w->pkru >> (2 * key) & 3;
	bool user = (access & LODGE_ACC_USER) && !(access & LODGE_ACC_IMPLICIT);

	if (!(w->cr4 & WALK_CR4_PKE) || way->levels < 4 || (access & LODGE_ACC_FETCH))
		return false;
	if (deny & 1)
		return true;
	return (deny & 2) && (access & LODGE_ACC_WRITE) && (user || (w->cr0 & WALK_CR0_WP));
}

static bool supervisor_forbidden(const struct lodge_walk *w, const struct way *way,
				 unsigned int access)
{
	bool page_user = way->rights & WALK_PTE_U;

	if (access & LODGE_ACC_FETCH)
		return page_user && (w->cr4 & WALK_CR4_SMEP);
	if (page_user && (w->cr4 & WALK_CR4_SMAP) &&
	    ((access & LODGE_ACC_IMPLICIT) || !(w->rflags & WALK_FLAG_AC)))
		return true;
	return (access & LODGE_ACC_WRITE) && (w->cr0 & WALK_CR0_WP) && !(way->rights & WALK_PTE_W);
}

static bool user_forbidden(const struct way *way, unsigned int access)
{
	if (!(way->rights & WALK_PTE_U))
		return true;
	return (access & LODGE_ACC_WRITE) && !(way->rights & WALK_PTE_W);
}

static int check_rights(struct lodge_walk *w, const struct way *way, unsigned int access)
{
	bool user = (access & LODGE_ACC_USER) && !(access & LODGE_ACC_IMPLICIT);
	bool forbidden;
	u32 key = 0;

	forbidden = user ? user_forbidden(way, access) : supervisor_forbidden(w, way, access);
	if ((access & LODGE_ACC_FETCH) && (way->rights & WALK_PTE_NX))
		forbidden = true;
	if ((way->rights & WALK_PTE_U) && key_forbids(w, way, access)) {
		forbidden = true;
		key = LODGE_PF_PK;
	}
	return forbidden ? fault(w, access, LODGE_PF_PRESENT | key) : 0;
}

/* Set accessed in every entry used and dirty in the leaf, from the top down. */
static int mark(struct lodge_walk *w, const struct way *way, unsigned int access)
{
	unsigned int i;
	u64 want;
	int ret;

	if (!w->cmpxchg_gpa)
		return 0;
	for (i = 0; i < way->n; i++) {
		/* a PDPTE of PAE paging has neither bit */
		if (way->levels == 3 && i == 0)
			continue;
		want = WALK_PTE_A;
		if (i == way->n - 1 && (access & LODGE_ACC_WRITE))
			want |= WALK_PTE_D;
		if ((way->entry[i] & want) == want)
			continue;
		ret = w->cmpxchg_gpa(w, way->at[i], way->entry[i], way->entry[i] | want,
				     way->len);
		if (ret)
			return ret;
	}
	return 0;
}

static int walk_once(struct lodge_walk *w, struct way *way, u64 linear, unsigned int access)
{
	bool user = (access & LODGE_ACC_USER) && !(access & LODGE_ACC_IMPLICIT);
	int ret;

	ret = descend(w, way, linear, access);
	if (!ret)
		ret = check_rights(w, way, access);
	if (!ret)
		ret = mark(w, way, access);
	if (ret)
		return ret;
	physical(w, way, linear);
	w->user = way->rights & WALK_PTE_U;
	w->writable = (way->rights & WALK_PTE_W) || (!user && !(w->cr0 & WALK_CR0_WP));
	if (w->user && key_forbids(w, way, (access & ~LODGE_ACC_FETCH) | LODGE_ACC_WRITE))
		w->writable = false;
	return 0;
}

int lodge_walk(struct lodge_walk *w, u64 linear, unsigned int access)
{
	struct way way = { 0 };
	int ret, i;

	w->error = 0;
	if (!(w->efer & WALK_EFER_LMA))
		linear = (u32)linear;
	if (!(w->cr0 & WALK_CR0_PG)) {
		w->gpa = (u32)linear;
		w->size = 4096;
		w->writable = true;
		w->user = true;
		return LODGE_WALK_OK;
	}
	lay_out(w, &way);
	for (i = 0; i < MAX_TRIES; i++) {
		ret = walk_once(w, &way, linear, access);
		if (ret != -EAGAIN)
			return ret;
	}
	return ret;
}
