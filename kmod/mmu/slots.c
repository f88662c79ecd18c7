// SPDX-License-Identifier: GPL-2.0-only
/*
 * slots.c - memory slots as a table, and their logs of dirty pages
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/lodge.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../alloc.h"
#include "notifier.h"
#include "slots.h"

/* Words of a log that are taken at once, with one flush: a page of them */
#define LOG_WORDS	(PAGE_SIZE / sizeof(long))

/**
 * lodge_slot_create() - a slot that is in no table yet
 * @arg: checked
 *
 * Return: the slot, for lodge_slot_free(), or NULL without memory.
 */
struct lodge_mem_slot *lodge_slot_create(const struct lodge_slot *arg)
{
	struct lodge_mem_slot *slot = lodge_alloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);
	size_t words = BITS_TO_LONGS(arg->len >> PAGE_SHIFT);

	if (!slot)
		return NULL;
	slot->id = arg->slot;
	slot->flags = arg->flags;
	slot->gpa = arg->gpa;
	slot->len = arg->len;
	slot->hva = arg->hva;
	if (slot->flags & LODGE_SLOT_LOG_DIRTY) {
		slot->dirty = lodge_alloc_large(words * sizeof(long),
						GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!slot->dirty) {
			kfree(slot);
			return NULL;
		}
	}
	return slot;
}

/**
 * lodge_slot_free() - free a slot and its log
 * @slot: may be NULL; nobody uses the log any more, but readers under RCU may
 *	still look at the slot
 */
void lodge_slot_free(struct lodge_mem_slot *slot)
{
	if (!slot)
		return;
	kvfree(slot->dirty);
	kfree_rcu(slot, rcu);
}

/**
 * lodge_slot_clip() - what of an owner's range is in a slot
 * @slot: any
 * @start: owner's address
 * @end: exclusive
 * @from: result: guest-physical address, 4 KiB aligned
 * @to: result: exclusive
 *
 * Return: false if nothing is, then there is no result.
 */
bool lodge_slot_clip(const struct lodge_mem_slot *slot, unsigned long start, unsigned long end,
		     u64 *from, u64 *to)
{
	unsigned long s = max(start & PAGE_MASK, slot->hva);
	unsigned long e = min(end, slot->hva + (unsigned long)slot->len);

	if (s >= e)
		return false;
	*from = slot->gpa + (s - slot->hva);
	*to = slot->gpa + (PAGE_ALIGN(e) - slot->hva);
	return true;
}

/**
 * lodge_slot_mark() - log pages as dirty, if the slot has a log
 * @slot: any
 * @gpa: in the slot
 * @len: bytes, not 0, that do not reach out of it
 */
void lodge_slot_mark(const struct lodge_mem_slot *slot, u64 gpa, size_t len)
{
	unsigned long nr = (gpa - slot->gpa) >> PAGE_SHIFT;
	unsigned long last = (gpa - slot->gpa + len - 1) >> PAGE_SHIFT;

	if (!slot->dirty)
		return;
	for (; nr <= last; nr++) {
		if (!test_bit(nr, slot->dirty))
			set_bit(nr, slot->dirty);
	}
}

/* Take n words of a log, and have the next write to each page in it noticed. */
static void take_log(const struct lodge_mem_slot *slot, struct lodge_mmu *mmu,
		     unsigned long first, unsigned long n, unsigned long *to)
{
	unsigned long i, nr;
	bool flush = false;
	u64 gpa;

	spin_lock(&mmu->lock);
	for (i = 0; i < n; i++) {
		to[i] = 0;
		if (!READ_ONCE(slot->dirty[first + i]))
			continue;
		to[i] = xchg(&slot->dirty[first + i], 0);
		for_each_set_bit(nr, &to[i], BITS_PER_LONG) {
			gpa = slot->gpa + (((first + i) * BITS_PER_LONG + nr) << PAGE_SHIFT);
			lodge_ept_protect(&mmu->ept, gpa, gpa + PAGE_SIZE, &flush);
		}
		lodge_mmu_break(mmu, true, &flush);
	}
	lodge_mmu_unlock(mmu, flush);
}

/* Copy n words of a log to user space; what cannot be delivered stays in it. */
static int give_log(const struct lodge_mem_slot *slot, struct lodge_mmu *mmu,
		    unsigned long first, unsigned long n, unsigned long *buf,
		    u64 __user *to, bool peek)
{
	unsigned long i;

	if (peek) {
		for (i = 0; i < n; i++)
			buf[i] = READ_ONCE(slot->dirty[first + i]);
	} else {
		take_log(slot, mmu, first, n, buf);
	}
	if (!copy_to_user(to, buf, n * sizeof(*buf)))
		return 0;
	for (i = 0; !peek && i < n; i++) {
		for (; buf[i]; buf[i] &= buf[i] - 1)
			set_bit((first + i) * BITS_PER_LONG + __ffs(buf[i]), slot->dirty);
	}
	return -EFAULT;
}

/**
 * lodge_slot_read_log() - copy words of a log to user space
 * @slot: with a log; the caller sees to it that it stays
 * @mmu: its nested tables, not locked
 * @first: first word
 * @n: words
 * @to: user address
 * @peek: leave the log and the tables as they are; else both are cleared, before
 *	the copy is made, so that a write after it is logged again
 *
 * Return: 0, -ENOMEM, -EFAULT with the words not copied still in the log, -EINTR
 * if killed.
 */
int lodge_slot_read_log(const struct lodge_mem_slot *slot, struct lodge_mmu *mmu,
			unsigned long first, unsigned long n, u64 __user *to, bool peek)
{
	unsigned long *buf = lodge_alloc_page(GFP_KERNEL_ACCOUNT, NUMA_NO_NODE);
	unsigned long some;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	for (; n && !ret; first += some, to += some, n -= some) {
		some = min(n, LOG_WORDS);
		ret = give_log(slot, mmu, first, some, buf, to, peek);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	free_page((unsigned long)buf);
	return ret;
}

/**
 * lodge_slots_find() - the slot that holds an address
 * @slots: kept by the caller
 * @gpa: guest-physical address
 *
 * Return: the slot or NULL.
 */
struct lodge_mem_slot *lodge_slots_find(struct lodge_mem_slots *slots, u64 gpa)
{
	unsigned int lo = 0, hi = slots->nr, mid = READ_ONCE(slots->hint);
	struct lodge_mem_slot *slot;

	if (mid < hi) {
		slot = slots->slot[mid];
		if (gpa - slot->gpa < slot->len)
			return slot;
	}
	while (lo < hi) {
		mid = (lo + hi) / 2;
		slot = slots->slot[mid];
		if (gpa - slot->gpa < slot->len) {
			WRITE_ONCE(slots->hint, mid);
			return slot;
		}
		if (gpa < slot->gpa)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/**
 * lodge_slots_find_id() - the slot with a number
 * @slots: kept by the caller
 * @id: number
 *
 * Return: the slot or NULL.
 */
struct lodge_mem_slot *lodge_slots_find_id(const struct lodge_mem_slots *slots, u32 id)
{
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		if (slots->slot[i]->id == id)
			return slots->slot[i];
	}
	return NULL;
}

/**
 * lodge_slots_log() - is there a log of dirty pages?
 * @slots: kept by the caller
 *
 * Return: whether one of them has one.
 */
bool lodge_slots_log(const struct lodge_mem_slots *slots)
{
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		if (slots->slot[i]->dirty)
			return true;
	}
	return false;
}

/**
 * lodge_slots_overlap() - whether a new slot is in another's way
 * @slots: kept by the caller
 * @old: slot of the table that does not count, or NULL
 * @slot: in no table
 */
bool lodge_slots_overlap(const struct lodge_mem_slots *slots, const struct lodge_mem_slot *old,
			 const struct lodge_mem_slot *slot)
{
	const struct lodge_mem_slot *s;
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		s = slots->slot[i];
		if (s != old && slot->gpa < s->gpa + s->len && s->gpa < slot->gpa + slot->len)
			return true;
	}
	return false;
}

/**
 * lodge_slots_copy() - a table with one slot exchanged
 * @from: kept by the caller
 * @old: left out, or NULL
 * @slot: put in, or NULL
 *
 * Return: the table, for kfree(), or NULL without memory.
 */
struct lodge_mem_slots *lodge_slots_copy(const struct lodge_mem_slots *from,
					 const struct lodge_mem_slot *old,
					 struct lodge_mem_slot *slot)
{
	struct lodge_mem_slots *to;
	struct lodge_mem_slot *s;
	unsigned int i;

	to = lodge_alloc(struct_size(to, slot, from->nr + 1), GFP_KERNEL_ACCOUNT);
	if (!to)
		return NULL;
	to->version = from->version + 1;
	for (i = 0; i < from->nr; i++) {
		s = from->slot[i];
		if (s == old)
			continue;
		if (slot && slot->gpa < s->gpa) {
			to->slot[to->nr++] = slot;
			slot = NULL;
		}
		to->slot[to->nr++] = s;
	}
	if (slot)
		to->slot[to->nr++] = slot;
	return to;
}
