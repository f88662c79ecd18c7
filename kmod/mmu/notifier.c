// SPDX-License-Identifier: GPL-2.0-only
/*
 * notifier.c - what the host's memory management does reaches the nested tables
 *
 * Whatever is taken out of the tables is flushed before the lock is dropped.
 * Else a second invalidation of the same range would find nothing left to do,
 * return, and have its caller free a page that a processor still reaches.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "../compat.h"
#include "notifier.h"

/* Spare tables kept for the next faults; one fault takes less than a level each */
#define SPARE_TABLES	8

static struct lodge_mmu *mmu_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct lodge_mmu, mn);
}

static int invalidate_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct lodge_mmu *mmu = mmu_of(mn);
	bool flush = false;

	spin_lock(&mmu->lock);
	if (!mmu->in_progress++) {
		mmu->inv_start = range->start;
		mmu->inv_end = range->end;
	} else {
		mmu->inv_start = min(mmu->inv_start, range->start);
		mmu->inv_end = max(mmu->inv_end, range->end);
	}
	mmu->ops->unmap(mmu, range->start, range->end, mmu_notifier_range_blockable(range),
			&flush);
	lodge_mmu_unlock(mmu, flush);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct lodge_mmu *mmu = mmu_of(mn);

	spin_lock(&mmu->lock);
	WRITE_ONCE(mmu->seq, mmu->seq + 1);
	if (!WARN_ON_ONCE(!mmu->in_progress))
		mmu->in_progress--;
	spin_unlock(&mmu->lock);
}

static bool age(struct mmu_notifier *mn, unsigned long start, unsigned long end, bool clear,
		bool *flush)
{
	struct lodge_mmu *mmu = mmu_of(mn);

	lockdep_assert_held(&mmu->lock);
	return mmu->ops->age(mmu, start, end, clear, flush);
}

static lodge_young_t clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
				       unsigned long start, unsigned long end)
{
	struct lodge_mmu *mmu = mmu_of(mn);
	bool flush = false, young;

	spin_lock(&mmu->lock);
	young = age(mn, start, end, true, &flush);
	/* a translation that stays cached only makes the page look idle: no hurry */
	if (young && !flush)
		mmu->ops->stale(mmu);
	lodge_mmu_unlock(mmu, flush);
	return young;
}

static lodge_young_t clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
				 unsigned long start, unsigned long end)
{
	struct lodge_mmu *mmu = mmu_of(mn);
	bool flush = false, young;

	spin_lock(&mmu->lock);
	young = age(mn, start, end, true, &flush);
	lodge_mmu_unlock(mmu, flush);
	return young;
}

static lodge_young_t test_young(struct mmu_notifier *mn, struct mm_struct *mm,
				unsigned long address)
{
	struct lodge_mmu *mmu = mmu_of(mn);
	bool flush = false, young;

	address &= PAGE_MASK;
	spin_lock(&mmu->lock);
	young = age(mn, address, address + PAGE_SIZE, false, &flush);
	lodge_mmu_unlock(mmu, flush);
	return young;
}

/* The address space goes (exit, exec), or lodge_mmu_destroy() was called first. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct lodge_mmu *mmu = mmu_of(mn);
	bool flush = false;

	spin_lock(&mmu->lock);
	mmu->gone = true;
	lodge_mmu_zap(mmu, 0, lodge_ept_size(mmu->ept.caps.levels + 1), true, &flush);
	lodge_mmu_unlock(mmu, flush);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = release,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
};

/**
 * lodge_mmu_init() - empty nested tables for the calling process's memory
 * @mmu: to be set up; @ops may be called before this returns
 * @ops: not copied
 * @caps: copied
 *
 * Return: 0, -ENOMEM, -EINVAL (see lodge_ept_init()), or -EINTR if killed.
 */
int lodge_mmu_init(struct lodge_mmu *mmu, const struct lodge_mmu_ops *ops,
		   const struct lodge_ept_caps *caps)
{
	int ret;

	spin_lock_init(&mmu->lock);
	mmu->seq = 0;
	mmu->in_progress = 0;
	mmu->inv_start = 0;
	mmu->inv_end = 0;
	mmu->gone = false;
	mmu->mm = current->mm;
	mmu->ops = ops;
	ret = lodge_ept_init(&mmu->ept, caps);
	if (ret)
		return ret;
	mmu->mn.ops = &notifier_ops;
	ret = mmu_notifier_register(&mmu->mn, mmu->mm);
	if (ret)
		lodge_ept_destroy(&mmu->ept);
	return ret;
}

/**
 * lodge_mmu_destroy() - free the tables; may sleep
 * @mmu: used by nobody else; the address space may have gone long ago
 */
void lodge_mmu_destroy(struct lodge_mmu *mmu)
{
	mmu_notifier_unregister(&mmu->mn, mmu->mm);
	lodge_ept_destroy(&mmu->ept);
}

/**
 * lodge_mmu_unlock() - drop the lock after changes to the tables
 * @mmu: locked
 * @flush: what the changes reported
 */
void lodge_mmu_unlock(struct lodge_mmu *mmu, bool flush) __releases(&mmu->lock)
{
	u64 *dead;

	if (flush)
		mmu->ops->flush(mmu);
	dead = lodge_ept_take_dead(&mmu->ept);
	spin_unlock(&mmu->lock);
	lodge_ept_free_tables(dead);
}

/**
 * lodge_mmu_break() - let others have the lock, or the CPU, if they wait for it
 * @mmu: locked; the lock may have been dropped in between
 * @may_sleep: the caller's context allows to schedule
 * @flush: what was collected so far; false again if the lock was dropped
 */
void lodge_mmu_break(struct lodge_mmu *mmu, bool may_sleep, bool *flush) __must_hold(&mmu->lock)
{
	if (!(may_sleep && need_resched()) && !spin_is_contended(&mmu->lock))
		return;
	lodge_mmu_unlock(mmu, *flush);
	*flush = false;
	if (may_sleep)
		cond_resched();
	else
		cpu_relax();
	spin_lock(&mmu->lock);
}

/**
 * lodge_mmu_zap() - unmap a guest-physical range
 * @mmu: locked; the lock may be dropped in between
 * @gpa: start, 4 KiB aligned
 * @end: exclusive
 * @may_sleep: the caller's context allows to schedule
 * @flush: for lodge_mmu_unlock()
 */
void lodge_mmu_zap(struct lodge_mmu *mmu, u64 gpa, u64 end, bool may_sleep, bool *flush)
	__must_hold(&mmu->lock)
{
	lockdep_assert_held(&mmu->lock);
	while ((gpa = lodge_ept_zap(&mmu->ept, gpa, end, flush)) < end)
		lodge_mmu_break(mmu, may_sleep, flush);
}

/**
 * lodge_mmu_topup() - lay in tables for the next fault; may sleep
 * @mmu: not locked
 *
 * Return: 0 if there are enough for one, unless others take them first; -ENOMEM.
 */
int lodge_mmu_topup(struct lodge_mmu *mmu)
{
	u64 *table;

	while (READ_ONCE(mmu->ept.nspare) < SPARE_TABLES) {
		table = lodge_ept_alloc_table();
		if (!table)
			break;
		spin_lock(&mmu->lock);
		lodge_ept_give(&mmu->ept, table);
		spin_unlock(&mmu->lock);
	}
	return READ_ONCE(mmu->ept.nspare) < mmu->ept.caps.levels - 1 ? -ENOMEM : 0;
}
