// SPDX-License-Identifier: GPL-2.0-only
/*
 * ept.c - map, zap, age and protect ranges of nested page tables
 *
 * Every call but init and destroy runs under the caller's lock, allocates
 * nothing and sleeps never: tables for lodge_ept_map() are laid in before with
 * lodge_ept_give(), tables that are cut out wait in a list until the caller
 * has flushed.  Calls that may have much to do return how far they came.
 *
 * The processor sets A and D in entries while we change them, so an entry that
 * stays present is only changed by atomic operations.
 */
#ifdef __KERNEL__
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/numa.h>
#include <asm/page.h>

#include "../alloc.h"
#endif

#include "ept.h"

#define BIT_NR_W	1
#define BIT_NR_A	8
#define BIT_NR_D	9

/* Largest piece that zap takes out with all its tables: bounds the work of a step */
#define CUT_LEVEL	LODGE_EPT_1G

/* Entries looked at in one call of zap and protect */
#define BATCH		1024

static u64 *entry(u64 *table, u64 gpa, int level)
{
	return &table[(gpa >> (12 + 9 * (level - 1))) % LODGE_EPT_ENTRIES];
}

static u64 *child(u64 e)
{
	return __va(e & LODGE_EPT_ADDR);
}

/* An entry that points to a table; A is preset, nobody looks at it there. */
static u64 pointer(u64 *table)
{
	return (u64)__pa(table) | LODGE_EPT_RWX | LODGE_EPT_A;
}

static u64 next(u64 gpa, int level)
{
	return (gpa | (lodge_ept_size(level) - 1)) + 1;
}

/* A zeroed table for the tree; the caller knows that there is one. */
static u64 *take(struct lodge_ept *ept)
{
	u64 *table = ept->spare;

	ept->spare = (u64 *)(unsigned long)table[0];
	table[0] = 0;
	WRITE_ONCE(ept->nspare, ept->nspare - 1);
	ept->ntables++;
	return table;
}

/*
 * Move a table with all below it, whose parent entry is gone, to the dead.
 * @level is that of its entries.
 *
 * The processor may go on walking the table until the flush.  The chain is
 * safe for that: the address of a table has its low bits clear, so that as an
 * entry it is one not present.
 */
static void cut(struct lodge_ept *ept, u64 *table, int level)
{
	unsigned int i;
	u64 e;

	for (i = 0; level > LODGE_EPT_4K && i < LODGE_EPT_ENTRIES; i++) {
		e = READ_ONCE(table[i]);
		if (lodge_ept_present(e) && !lodge_ept_leaf(e, level))
			cut(ept, child(e), level - 1);
	}
	WRITE_ONCE(table[0], (unsigned long)ept->dead);
	ept->dead = table;
	ept->ntables--;
}

/*
 * The entry at which the walk for gpa ends: absent, a leaf, or a table that
 * lies wholly in [gpa, end).  An empty range never ends at a table.
 */
static u64 *step(const struct lodge_ept *ept, u64 gpa, u64 end, int *level)
{
	u64 *table = ept->root, *slot, e;
	int l;

	for (l = ept->caps.levels; ; l--) {
		slot = entry(table, gpa, l);
		e = READ_ONCE(*slot);
		if (!lodge_ept_present(e) || lodge_ept_leaf(e, l))
			break;
		if (l <= CUT_LEVEL && !(gpa % lodge_ept_size(l)) && end - gpa >= lodge_ept_size(l))
			break;
		table = child(e);
	}
	*level = l;
	return slot;
}

/**
 * lodge_ept_init() - an empty set of tables
 * @ept: to be set up
 * @caps: copied
 *
 * Return: 0, -ENOMEM, or -EINVAL for a number of levels that does not exist.
 */
int lodge_ept_init(struct lodge_ept *ept, const struct lodge_ept_caps *caps)
{
	if (caps->levels != 4 && caps->levels != 5)
		return -EINVAL;
	*ept = (struct lodge_ept){ .caps = *caps };
	ept->caps.pml = caps->pml && caps->ad;
	ept->root = lodge_ept_alloc_table();
	return ept->root ? 0 : -ENOMEM;
}

/**
 * lodge_ept_destroy() - free all tables
 * @ept: no processor uses them any more
 */
void lodge_ept_destroy(struct lodge_ept *ept)
{
	if (!ept->root)
		return;
	cut(ept, ept->root, ept->caps.levels);
	ept->root = NULL;
	lodge_ept_free_tables(lodge_ept_take_dead(ept));
	lodge_ept_free_tables(ept->spare);
	ept->spare = NULL;
	ept->nspare = 0;
}

/**
 * lodge_ept_pointer() - the EPT pointer for the VMCS
 * @ept: the tables; the value does not change until they are destroyed
 */
u64 lodge_ept_pointer(const struct lodge_ept *ept)
{
	return (u64)__pa(ept->root) | LODGE_EPTP_LEVELS(ept->caps.levels) |
	       (ept->caps.wb ? LODGE_EPTP_WB : LODGE_EPTP_UC) |
	       (ept->caps.ad ? LODGE_EPTP_AD : 0);
}

/**
 * lodge_ept_alloc_table() - a zeroed table, charged to the caller; may sleep
 *
 * Return: the table, for lodge_ept_give(), or NULL.
 */
u64 *lodge_ept_alloc_table(void)
{
	return lodge_alloc_page(GFP_KERNEL_ACCOUNT, NUMA_NO_NODE);
}

/**
 * lodge_ept_give() - lay in a table for later maps
 * @ept: now owns @table
 * @table: from lodge_ept_alloc_table()
 */
void lodge_ept_give(struct lodge_ept *ept, u64 *table)
{
	table[0] = (unsigned long)ept->spare;
	ept->spare = table;
	WRITE_ONCE(ept->nspare, ept->nspare + 1);
}

/**
 * lodge_ept_take_dead() - the tables that were cut out
 * @ept: flushed since
 *
 * Return: a chain for lodge_ept_free_tables(), which needs no lock, or NULL.
 */
u64 *lodge_ept_take_dead(struct lodge_ept *ept)
{
	u64 *chain = ept->dead;

	ept->dead = NULL;
	return chain;
}

/**
 * lodge_ept_free_tables() - free a chain of tables
 * @chain: from lodge_ept_take_dead(), may be NULL
 */
void lodge_ept_free_tables(u64 *chain)
{
	u64 *after;

	for (; chain; chain = after) {
		after = (u64 *)(unsigned long)chain[0];
		free_page((unsigned long)chain);
	}
}

/* Replace the leaf at *slot by a table that maps the same. */
static void split(struct lodge_ept *ept, u64 *slot, int level)
{
	u64 e = READ_ONCE(*slot), *table = take(ept);
	unsigned int i;

	if (level - 1 == LODGE_EPT_4K) {
		e &= ~LODGE_EPT_PS;
		e |= LODGE_EPT_X;	/* may lack for its size alone */
	}
	for (i = 0; i < LODGE_EPT_ENTRIES; i++)
		table[i] = e + i * lodge_ept_size(level - 1);
	smp_wmb();			/* a walk sees the table complete */
	WRITE_ONCE(*slot, pointer(table));
}

/* Make *slot a leaf. Return: 1 if it had mapped something else, else 0. */
static int set_leaf(const struct lodge_ept *ept, u64 *slot, u64 hpa, int level, u64 attr)
{
	u64 mask = ~(lodge_ept_size(level) - 1) & LODGE_EPT_ADDR;
	u64 old, new;

	if (level > LODGE_EPT_4K) {
		attr |= LODGE_EPT_PS;
		if (ept->caps.no_exec_huge)
			attr &= ~LODGE_EPT_X;
	}
	attr |= hpa & mask;
	do {
		old = READ_ONCE(*slot);
		if (!lodge_ept_present(old)) {
			WRITE_ONCE(*slot, attr);
			return 0;
		}
		new = (old ^ attr) & mask ? attr : old | attr;
	} while (new != old && cmpxchg(slot, old, new) != old);
	return !!((old ^ attr) & mask);
}

/**
 * lodge_ept_map() - map a page, or more around it
 * @ept: with spare tables, at least one less than there are levels
 * @gpa: guest-physical address of the page
 * @hpa: host-physical address of the page; the two agree below the size of @level
 * @level: largest leaf wanted; where a table is already, a smaller one is made
 * @attr: rights, memory type, A and D; added to those of a leaf that already
 *	maps the same memory
 *
 * A larger leaf around @gpa is split.  X is left out where caps.no_exec_huge
 * wants it: a fault on a fetch must ask for LODGE_EPT_4K.
 *
 * Return: 0, 1 if a flush is needed, or -ENOMEM if there are too few spare
 * tables, before anything has changed.
 */
int lodge_ept_map(struct lodge_ept *ept, u64 gpa, u64 hpa, int level, u64 attr)
{
	u64 *table = ept->root, *slot, e;
	int l, flush = 0;

	if (ept->nspare < ept->caps.levels - 1)
		return -ENOMEM;
	for (l = ept->caps.levels; ; l--) {
		slot = entry(table, gpa, l);
		e = READ_ONCE(*slot);
		if (l <= level && (!lodge_ept_present(e) || lodge_ept_leaf(e, l)))
			break;
		if (!lodge_ept_present(e)) {
			WRITE_ONCE(*slot, pointer(take(ept)));
		} else if (lodge_ept_leaf(e, l)) {
			split(ept, slot, l);
			flush = 1;
		}
		table = child(READ_ONCE(*slot));
	}
	ept->mapped = l;
	return set_leaf(ept, slot, hpa, l, attr) | flush;
}

/**
 * lodge_ept_zap() - unmap the begin of a range
 * @ept: the tables
 * @gpa: start, 4 KiB aligned
 * @end: exclusive
 * @flush: set to true if anything was mapped, else left alone
 *
 * A leaf that reaches out of the range goes as a whole.  Tables that lie
 * wholly in the range are cut out.
 *
 * Return: where to go on, @end when all is done.
 */
u64 lodge_ept_zap(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush)
{
	int level, work = 0;
	u64 *slot, e;

	for (; gpa < end && work < BATCH; work++) {
		slot = step(ept, gpa, end, &level);
		e = READ_ONCE(*slot);
		if (lodge_ept_present(e)) {
			WRITE_ONCE(*slot, 0);
			*flush = true;
			if (!lodge_ept_leaf(e, level)) {
				cut(ept, child(e), level - 1);
				work += level == CUT_LEVEL ? LODGE_EPT_ENTRIES : 1;
			}
		}
		gpa = next(gpa, level);
	}
	return min(gpa, end);
}

static bool empty(const u64 *table)
{
	unsigned int i;

	for (i = 0; i < LODGE_EPT_ENTRIES; i++) {
		if (table[i])
			return false;
	}
	return true;
}

/* Cut out the tables on the way to gpa that map nothing. */
static void prune_path(struct lodge_ept *ept, u64 gpa, bool *flush)
{
	u64 *table = ept->root, *slot[6], e;
	int l, bottom;

	for (l = ept->caps.levels; ; l--) {
		slot[l] = entry(table, gpa, l);
		e = READ_ONCE(*slot[l]);
		if (!lodge_ept_present(e) || lodge_ept_leaf(e, l))
			break;
		table = child(e);
	}
	bottom = l;
	for (l = bottom + 1; l <= ept->caps.levels; l++) {
		table = child(READ_ONCE(*slot[l]));
		if (!empty(table))
			break;
		WRITE_ONCE(*slot[l], 0);
		cut(ept, table, l - 1);
		*flush = true;
	}
}

/**
 * lodge_ept_prune() - free the empty tables that lodge_ept_zap() left at the edges
 * @ept: the tables
 * @gpa: start of the range that was zapped
 * @end: exclusive
 * @flush: set to true if a table was cut out
 */
void lodge_ept_prune(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush)
{
	for (; gpa < end; gpa = next(gpa, CUT_LEVEL + 1))
		prune_path(ept, gpa, flush);
	prune_path(ept, end - 1, flush);
}

/**
 * lodge_ept_protect() - have the next write to each page of a range noticed
 * @ept: the tables
 * @gpa: start, 4 KiB aligned
 * @end: exclusive
 * @flush: set to true if anything changed
 *
 * With caps.pml D is cleared, so that the processor logs the write, else W, so
 * that it faults.  Leaves above 4 KiB are unmapped.
 *
 * Return: where to go on, @end when all is done.
 */
u64 lodge_ept_protect(struct lodge_ept *ept, u64 gpa, u64 end, bool *flush)
{
	int nr = ept->caps.pml ? BIT_NR_D : BIT_NR_W;
	int level, work;
	u64 *slot, e;

	for (work = 0; gpa < end && work < BATCH; work++) {
		slot = step(ept, gpa, gpa, &level);
		e = READ_ONCE(*slot);
		if (lodge_ept_present(e)) {
			if (level > LODGE_EPT_4K) {
				WRITE_ONCE(*slot, 0);
				*flush = true;
			} else if (test_and_clear_bit(nr, (unsigned long *)slot)) {
				*flush = true;
			}
		}
		gpa = next(gpa, level);
	}
	return min(gpa, end);
}

/**
 * lodge_ept_age() - whether a range was accessed
 * @ept: the tables
 * @gpa: start, 4 KiB aligned
 * @end: exclusive; the range is short, it is walked at once
 * @clear: forget the accesses
 * @flush: set to true if something was unmapped
 *
 * Without A bits whatever is mapped counts as accessed, and is unmapped to
 * clear it: the next access faults it in.
 *
 * Return: true if any page of it was accessed since it was last cleared.
 */
bool lodge_ept_age(struct lodge_ept *ept, u64 gpa, u64 end, bool clear, bool *flush)
{
	bool young = false;
	u64 *slot, e;
	int level;

	for (; gpa < end; gpa = next(gpa, level)) {
		slot = step(ept, gpa, gpa, &level);
		e = READ_ONCE(*slot);
		if (!lodge_ept_present(e))
			continue;
		if (!ept->caps.ad) {
			young = true;
			if (clear) {
				WRITE_ONCE(*slot, 0);
				*flush = true;
			}
		} else if (e & LODGE_EPT_A) {
			young = true;
			if (clear)
				clear_bit(BIT_NR_A, (unsigned long *)slot);
		}
	}
	return young;
}

/**
 * lodge_ept_lookup() - the leaf that maps an address
 * @ept: the tables
 * @gpa: guest-physical address
 * @level: where the walk ended
 *
 * Return: the leaf, or an entry that is not present.
 */
u64 lodge_ept_lookup(const struct lodge_ept *ept, u64 gpa, int *level)
{
	return READ_ONCE(*step(ept, gpa, gpa, level));
}
