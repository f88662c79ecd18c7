/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notifier.h - nested page tables kept in step with an owner's address space
 *
 * The protocol by which a fault and the host's memory management meet:
 *
 *   fault                               host
 *   seq = lodge_mmu_seq()               invalidate_range_start: in_progress++,
 *   look the page up in the host          zap the range, flush
 *   lock                                change the host's page tables
 *   lodge_mmu_stale()? then again       invalidate_range_end: seq++, in_progress--
 *   map, unlock
 *
 * A page that was looked up before a change is never mapped after it, and no
 * page needs a reference while it is mapped.
 */
#ifndef LODGE_MMU_NOTIFIER_H
#define LODGE_MMU_NOTIFIER_H

#include <linux/compiler.h>
#include <linux/lockdep.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

#include "ept.h"

struct lodge_mmu;

/**
 * struct lodge_mmu_ops - what the tables' user provides; all called with the lock held
 * @flush: no CPU uses a translation any more that was cached before this call;
 *	must not sleep, interrupts are on
 * @stale: translations should go at each CPU's next convenience; must not sleep
 * @unmap: zap what the owner's range [start, end) backs, with lodge_mmu_zap();
 *	collects in *flush
 * @age: whether any of [start, end) was accessed, with lodge_ept_age()
 */
struct lodge_mmu_ops {
	void (*flush)(struct lodge_mmu *mmu);
	void (*stale)(struct lodge_mmu *mmu);
	void (*unmap)(struct lodge_mmu *mmu, unsigned long start, unsigned long end,
		      bool may_sleep, bool *flush);
	bool (*age)(struct lodge_mmu *mmu, unsigned long start, unsigned long end,
		    bool clear, bool *flush);
};

/**
 * struct lodge_mmu - nested page tables of one owner
 *
 * Locks: I immutable after init, L @lock.
 *
 * @lock: taken under the host's page-table locks, so nothing sleeps under it
 *	and no host lock is taken under it
 * @ept: [L] the tables
 * @seq: [L for writing] counts changes that make a looked-up page doubtful
 * @in_progress: [L] invalidations begun and not ended
 * @inv_start: [L] owner addresses that they concern, all in one range
 * @inv_end: [L] its end, exclusive
 * @gone: [L] the owner's address space is being torn down
 * @mm: [I] the owner; only its struct is held, by @mn
 * @ops: [I]
 * @mn: registered from init to destroy
 */
struct lodge_mmu {
	spinlock_t lock;
	struct lodge_ept ept;
	unsigned long seq;
	unsigned long in_progress;
	unsigned long inv_start;
	unsigned long inv_end;
	bool gone;
	struct mm_struct *mm;
	const struct lodge_mmu_ops *ops;
	struct mmu_notifier mn;
};

/**
 * lodge_mmu_seq() - start of a look-up in the host's page tables
 * @mmu: whose
 *
 * Return: what lodge_mmu_stale() wants.
 */
static inline unsigned long lodge_mmu_seq(const struct lodge_mmu *mmu)
{
	unsigned long seq = READ_ONCE(mmu->seq);

	/* the look-up must not be older than the number; pairs with the lock */
	smp_rmb();
	return seq;
}

/**
 * lodge_mmu_stale() - whether what was looked up may have changed since
 * @mmu: whose; its lock is held
 * @seq: from lodge_mmu_seq(), before the look-up
 * @hva: owner's address that was looked up
 * @size: bytes around it, aligned, that are going to be mapped
 */
static inline bool lodge_mmu_stale(const struct lodge_mmu *mmu, unsigned long seq,
				   unsigned long hva, unsigned long size)
{
	lockdep_assert_held(&mmu->lock);
	if (mmu->seq != seq || mmu->gone)
		return true;
	hva &= ~(size - 1);
	return mmu->in_progress && hva < mmu->inv_end && hva + size > mmu->inv_start;
}

int lodge_mmu_init(struct lodge_mmu *mmu, const struct lodge_mmu_ops *ops,
		   const struct lodge_ept_caps *caps);
void lodge_mmu_destroy(struct lodge_mmu *mmu);
void lodge_mmu_unlock(struct lodge_mmu *mmu, bool flush) __releases(&mmu->lock);
int lodge_mmu_topup(struct lodge_mmu *mmu);
void lodge_mmu_break(struct lodge_mmu *mmu, bool may_sleep, bool *flush) __must_hold(&mmu->lock);
void lodge_mmu_zap(struct lodge_mmu *mmu, u64 gpa, u64 end, bool may_sleep, bool *flush)
	__must_hold(&mmu->lock);

#endif /* LODGE_MMU_NOTIFIER_H */
