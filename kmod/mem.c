// SPDX-License-Identifier: GPL-2.0-only
/*
 * mem.c - a guest's memory: slots, faults, dirty log; access to it is in mem_access.c
 *
 * Who may look at a slot, and how long:
 *  - with interrupts off, or under RCU: the table of slots and all its slots;
 *  - under lodge_mem.srcu: a slot found so, over accesses that sleep;
 *  - under mmu.lock: the table, and any slot found before if lodge_mmu_stale()
 *    says no, since each change of slots makes all looked-up pages stale.
 */
#include <linux/errno.h>
#include <linux/lodge.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "alloc.h"
#include "compat.h"
#include "mem.h"
#include "mmu/host.h"
#include "mmu/slots.h"

/* Changes of the owner's memory that a fault sits out before the guest tries again */
#define FAULT_TRIES	4

/**
 * struct fault - an access that found no mapping
 * @gpa: page
 * @access: LODGE_MEM_*
 * @seq: the owner's memory as of when the rest was found
 * @slot: with @gpa in it; valid only under the lock and while @seq is not stale
 * @hva: owner's address of the page
 * @host: how the host maps it
 * @size: bytes of the leaf that was made
 */
struct fault {
	gpa_t gpa;
	unsigned int access;
	unsigned long seq;
	const struct lodge_mem_slot *slot;
	unsigned long hva;
	struct lodge_host_page host;
	u64 size;
};

static struct lodge_mem *mem_of(struct lodge_mmu *mmu)
{
	return container_of(mmu, struct lodge_mem, mmu);
}

/* The table for those who hold a lock that keeps it. */
static struct lodge_mem_slots *slots_locked(struct lodge_mem *mem)
{
	return rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->mmu.lock) ||
					 lockdep_is_held(&mem->slots_lock));
}

/* ---- the notifier's side ------------------------------------------------- */

static void stale(struct lodge_mmu *mmu)
{
	atomic_long_inc(&mem_of(mmu)->tlb_gen);
}

static void flush(struct lodge_mmu *mmu)
{
	struct lodge_mem *mem = mem_of(mmu);

	/*
	 * Full barriers on both sides: after the change of the tables, before
	 * the look at who is in guest mode.  A vCPU tells that it enters, full
	 * barrier, reads the number: one of the two sees the other.
	 */
	atomic_long_inc_return(&mem->tlb_gen);
	mem->ops->kick(mem);
}

static void unmap(struct lodge_mmu *mmu, unsigned long start, unsigned long end,
		  bool may_sleep, bool *do_flush)
{
	struct lodge_mem *mem = mem_of(mmu);
	struct lodge_mem_slots *slots;
	unsigned long version;
	gpa_t from, to;
	unsigned int i;

again:
	slots = slots_locked(mem);
	version = slots->version;
	if (mem->dying && lodge_slot_clip(mem->dying, start, end, &from, &to))
		lodge_mmu_zap(mmu, from, to, may_sleep, do_flush);
	for (i = 0; slots_locked(mem)->version == version && i < slots->nr; i++) {
		if (lodge_slot_clip(slots->slot[i], start, end, &from, &to))
			lodge_mmu_zap(mmu, from, to, may_sleep, do_flush);
	}
	/* where the lock was dropped, @slots may have been replaced, and freed */
	if (slots_locked(mem)->version != version)
		goto again;
}

static bool age(struct lodge_mmu *mmu, unsigned long start, unsigned long end, bool clear,
		bool *do_flush)
{
	struct lodge_mem_slots *slots = slots_locked(mem_of(mmu));
	bool young = false;
	gpa_t from, to;
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		if (lodge_slot_clip(slots->slot[i], start, end, &from, &to))
			young |= lodge_ept_age(&mmu->ept, from, to, clear, do_flush);
	}
	return young;
}

static const struct lodge_mmu_ops mmu_ops = {
	.flush = flush,
	.stale = stale,
	.unmap = unmap,
	.age = age,
};

/* ---- life ---------------------------------------------------------------- */

/**
 * lodge_mem_init() - guest memory of the calling process, without any slot
 * @mem: to be set up, zeroed
 * @ops: not copied; may be called before this returns
 * @caps: copied
 *
 * Return: 0, -ENOMEM, -EINVAL for caps that cannot be, -EINTR if killed.  On
 * failure nothing is left to destroy.
 */
int lodge_mem_init(struct lodge_mem *mem, const struct lodge_mem_ops *ops,
		   const struct lodge_ept_caps *caps)
{
	unsigned int bits = min_t(unsigned int, boot_cpu_data.x86_phys_bits,
				  caps->levels == 5 ? 57 : 48);
	struct lodge_mem_slots *slots;
	int ret;

	mem->ops = ops;
	mem->dying = NULL;
	mem->gpa_limit = BIT_ULL(bits);
	atomic_long_set(&mem->tlb_gen, 1);
	mutex_init(&mem->slots_lock);
	spin_lock_init(&mem->users_lock);
	slots = lodge_alloc(struct_size(slots, slot, 0), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;
	rcu_assign_pointer(mem->slots, slots);
	ret = init_srcu_struct(&mem->srcu);
	if (ret)
		goto err_slots;
	ret = lodge_mmu_init(&mem->mmu, &mmu_ops, caps);
	if (ret)
		goto err_srcu;
	return 0;

err_srcu:
	cleanup_srcu_struct(&mem->srcu);
err_slots:
	kfree(slots);
	return ret;
}

/**
 * lodge_mem_destroy() - free all; may sleep
 * @mem: no vCPU uses it any more; its owner may have exited long ago
 */
void lodge_mem_destroy(struct lodge_mem *mem)
{
	struct lodge_mem_slots *slots;
	unsigned int i;

	lodge_mmu_destroy(&mem->mmu);
	cleanup_srcu_struct(&mem->srcu);
	slots = rcu_dereference_protected(mem->slots, true);
	for (i = 0; i < slots->nr; i++)
		lodge_slot_free(slots->slot[i]);
	kfree(slots);
}

/* ---- slots --------------------------------------------------------------- */

/* The one place that says which guest-physical ranges can be memory. */
static bool range_ok(const struct lodge_mem *mem, gpa_t gpa, u64 len)
{
	return len && !((gpa | len) & ~PAGE_MASK) && gpa < mem->gpa_limit &&
	       len <= mem->gpa_limit - gpa && len >> PAGE_SHIFT <= LODGE_MEM_MAX_PAGES;
}

static int check_slot(const struct lodge_mem *mem, const struct lodge_slot *arg)
{
	unsigned long top = current->mm->task_size;

	if (arg->slot >= LODGE_MEM_MAX_SLOTS || arg->pad ||
	    arg->flags & ~(LODGE_SLOT_READONLY | LODGE_SLOT_LOG_DIRTY))
		return -EINVAL;
	if (!arg->len)
		return 0;
	if (!range_ok(mem, arg->gpa, arg->len) || arg->hva & ~PAGE_MASK)
		return -EINVAL;
	/* access_ok() lets addresses pass that alias others in a table walk */
	if (arg->hva >= top || arg->len > top - arg->hva ||
	    !access_ok((void __user *)(unsigned long)arg->hva, arg->len))
		return -EFAULT;
	return 0;
}

static bool same_place(const struct lodge_mem_slot *a, const struct lodge_mem_slot *b)
{
	return a->gpa == b->gpa && a->len == b->len && a->hva == b->hva;
}

/*
 * Bring the nested tables in line with a slot that replaces another, which was
 * published before, so that faults map nothing of the old one any more.
 */
static void drop(struct lodge_mem *mem, const struct lodge_mem_slot *old,
		 const struct lodge_mem_slot *slot, bool *do_flush)
{
	struct lodge_mmu *mmu = &mem->mmu;
	gpa_t gpa = old->gpa, end = old->gpa + old->len;

	/* only the log was turned on: what is mapped may stay, but for its size */
	if (slot && same_place(old, slot) && (old->flags ^ slot->flags) == LODGE_SLOT_LOG_DIRTY &&
	    slot->dirty) {
		while ((gpa = lodge_ept_protect(&mmu->ept, gpa, end, do_flush)) < end)
			lodge_mmu_break(mmu, true, do_flush);
		return;
	}
	lodge_mmu_zap(mmu, gpa, end, true, do_flush);
	lodge_ept_prune(&mmu->ept, gpa, end, do_flush);
}

/**
 * lodge_mem_size - how much memory a guest has
 * @mem: any
 *
 * In any context.
 *
 * Return: bytes that the guest may write.
 */
u64 lodge_mem_size(struct lodge_mem *mem)
{
	/* RCU keeps the table, but not the slots in it */
	int idx = srcu_read_lock(&mem->srcu);
	const struct lodge_mem_slots *slots;
	unsigned int i;
	u64 size = 0;

	rcu_read_lock();
	slots = rcu_dereference(mem->slots);
	for (i = 0; i < slots->nr; i++)
		if (!(slots->slot[i]->flags & LODGE_SLOT_READONLY))
			size += slots->slot[i]->len;
	rcu_read_unlock();
	srcu_read_unlock(&mem->srcu, idx);
	return size;
}

static void publish(struct lodge_mem *mem, struct lodge_mem_slots *to, struct lodge_mem_slot *old,
		    struct lodge_mem_slot *slot)
{
	struct lodge_mem_slots *from = slots_locked(mem);
	bool do_flush = false;

	spin_lock(&mem->mmu.lock);
	WRITE_ONCE(mem->logging, lodge_slots_log(to));
	rcu_assign_pointer(mem->slots, to);
	/* pairs with slot_near(): who has read this one finds the new table */
	smp_store_release(&mem->version, mem->version + 1);
	WRITE_ONCE(mem->mmu.seq, mem->mmu.seq + 1);
	if (old) {
		/* not in the table, but mapped: notifiers have to know of it */
		mem->dying = old;
		drop(mem, old, slot, &do_flush);
		mem->dying = NULL;
	}
	lodge_mmu_unlock(&mem->mmu, do_flush);
	kfree_rcu(from, rcu);
	if (!old)
		return;
	/* nobody reads or writes the old memory any more once this returns */
	synchronize_srcu(&mem->srcu);
	if (slot && slot->dirty == old->dirty)
		old->dirty = NULL;
	lodge_slot_free(old);
}

/* Put slot (may be NULL) in the place of number id; it is the table's from then on. */
static int replace(struct lodge_mem *mem, u32 id, struct lodge_mem_slot *slot)
{
	struct lodge_mem_slots *from = slots_locked(mem), *to;
	struct lodge_mem_slot *old = lodge_slots_find_id(from, id);
	unsigned long *fresh;

	if (!slot && !old)
		return -ENOENT;
	if (slot && lodge_slots_overlap(from, old, slot))
		return -EEXIST;
	to = lodge_slots_copy(from, old, slot);
	if (!to)
		return -ENOMEM;
	if (slot && old && slot->dirty && old->dirty && same_place(slot, old)) {
		fresh = slot->dirty;
		slot->dirty = old->dirty;
		kvfree(fresh);
	}
	publish(mem, to, old, slot);
	return 0;
}

/**
 * lodge_mem_set_slot() - add, replace or remove a slot
 * @mem: of the calling process
 * @arg: as from user space, of the full size
 *
 * When this returns, neither the guest nor anybody on its behalf reaches memory
 * of the slot that was there before.  A log of dirty pages is kept over a
 * change of other flags.  May sleep; not from within an access to @mem.
 *
 * Return: 0; -EIO from a foreign address space; -EINVAL for an unknown flag,
 * a slot number or a range that cannot be; -EFAULT for owner's addresses that
 * cannot be; -EEXIST if it overlaps another slot; -ENOENT if there is nothing
 * to remove; -ENOMEM; -EINTR if killed.
 */
int lodge_mem_set_slot(struct lodge_mem *mem, const struct lodge_slot *arg)
{
	struct lodge_mem_slot *slot = NULL;
	int ret;

	if (current->mm != mem->mmu.mm)
		return -EIO;
	ret = check_slot(mem, arg);
	if (ret)
		return ret;
	if (arg->len) {
		slot = lodge_slot_create(arg);
		if (!slot)
			return -ENOMEM;
	}
	ret = mutex_lock_killable(&mem->slots_lock);
	if (!ret) {
		ret = replace(mem, arg->slot, slot);
		mutex_unlock(&mem->slots_lock);
	}
	if (ret)
		lodge_slot_free(slot);
	return ret;
}

/* ---- faults -------------------------------------------------------------- */

/*
 * Slot and host page of a fault, in one stretch with interrupts off, which
 * keeps both the slots and the host's page tables.
 */
static int look_up(struct lodge_mem *mem, struct fault *f)
{
	int ret = 0;

	local_irq_disable();
	f->seq = lodge_mmu_seq(&mem->mmu);
	f->slot = lodge_slots_find(rcu_dereference_sched(mem->slots), f->gpa);
	if (!f->slot || (f->access & LODGE_MEM_WRITE && f->slot->flags & LODGE_SLOT_READONLY)) {
		ret = LODGE_MEM_MMIO;
	} else {
		f->hva = lodge_slot_hva(f->slot, f->gpa);
		lodge_host_walk(mem->mmu.mm, f->hva, &f->host);
	}
	local_irq_enable();
	return ret;
}

/* The largest leaf that host, slot and access allow. */
static int fit(const struct lodge_mem *mem, const struct fault *f)
{
	const struct lodge_ept_caps *caps = &mem->mmu.ept.caps;
	const struct lodge_mem_slot *slot = f->slot;
	u64 size, start;
	int level;

	if (slot->dirty || (caps->no_exec_huge && f->access & LODGE_MEM_EXEC))
		return LODGE_EPT_4K;
	for (level = f->host.level; level > LODGE_EPT_4K; level--) {
		if (!(level == LODGE_EPT_2M ? caps->page_2m : caps->page_1g))
			continue;
		size = lodge_ept_size(level);
		start = f->gpa & ~(size - 1);
		if (!((f->gpa ^ f->hva) & (size - 1)) && start >= slot->gpa &&
		    start + size <= slot->gpa + slot->len)
			break;
	}
	return level;
}

static u64 rights(const struct lodge_mem *mem, const struct fault *f)
{
	const struct lodge_mem_slot *slot = f->slot;
	u64 attr = LODGE_EPT_R | LODGE_EPT_X | LODGE_EPT_A | LODGE_EPT_MEMTYPE;

	if (!f->host.writable || slot->flags & LODGE_SLOT_READONLY)
		return attr;
	/* D is preset where nobody asks, for then the processor need not set (and log) it */
	if (!slot->dirty || f->access & LODGE_MEM_WRITE)
		return attr | LODGE_EPT_W | LODGE_EPT_D;
	return mem->mmu.ept.caps.pml ? attr | LODGE_EPT_W : attr;
}

/* Map what was looked up. Return: 0, -EAGAIN if it is out of date, -ENOMEM. */
static int map(struct lodge_mem *mem, struct fault *f)
{
	struct lodge_mmu *mmu = &mem->mmu;
	int ret;

	if (READ_ONCE(mmu->ept.nspare) < mmu->ept.caps.levels - 1) {
		ret = lodge_mmu_topup(mmu);
		if (ret)
			return ret;
	}
	spin_lock(&mmu->lock);
	if (lodge_mmu_stale(mmu, f->seq, f->hva, lodge_ept_size(f->host.level))) {
		spin_unlock(&mmu->lock);
		return -EAGAIN;
	}
	ret = lodge_ept_map(&mmu->ept, f->gpa, f->host.hpa, fit(mem, f), rights(mem, f));
	if (ret >= 0 && f->access & LODGE_MEM_WRITE)
		lodge_slot_mark(f->slot, f->gpa, PAGE_SIZE);
	f->size = lodge_ept_size(mmu->ept.mapped);
	lodge_mmu_unlock(mmu, ret > 0);
	/* others took the tables that were laid in */
	return ret < 0 ? -EAGAIN : 0;
}

/* The host has no page that would do: have it make one, and map that. */
static int fault_in(struct lodge_mem *mem, struct fault *f)
{
	bool write = f->access & LODGE_MEM_WRITE;
	struct page *page;
	u64 hpa;
	int ret;

	/*
	 * This also marks a page that is written to as dirty, before any
	 * notifier that takes the mapping away, which is all that the host
	 * needs in order not to lose what the guest writes.
	 */
	ret = get_user_pages_unlocked(f->hva, 1, &page,
				      LODGE_FOLL_FAULT | (write ? FOLL_WRITE : 0));
	if (ret == -ENOMEM || ret == -EHWPOISON || ret == -EINTR || ret == -EAGAIN)
		return ret;
	if (ret != 1)
		return ret == -ERESTARTSYS ? -EINTR : -EFAULT;
	hpa = PFN_PHYS(page_to_pfn(page));
	local_irq_disable();
	lodge_host_walk(mem->mmu.mm, f->hva, &f->host);
	local_irq_enable();
	if (!f->host.level || f->host.hpa != hpa || f->host.odd) {
		/* sound all the same: if the page is not in place any more, @seq tells */
		f->host.hpa = hpa;
		f->host.writable = write;
		if (!f->host.level)
			f->host.uncached = false;
		f->host.level = LODGE_EPT_4K;
	} else if (write && !f->host.writable) {
		ret = -EAGAIN;
	} else if (!write) {
		f->host.writable &= f->host.dirty;
	}
	if (f->host.uncached)
		ret = -EFAULT;
	if (ret > 0)
		ret = map(mem, f);
	put_page(page);
	return ret;
}

/**
 * lodge_mem_fault() - map what the guest did not find in its nested tables
 * @mem: of the calling process
 * @gpa: guest-physical address of the access
 * @access: LODGE_MEM_READ, _WRITE or _EXEC, or several
 * @size: bytes of the leaf that maps it now, left alone if there is none
 *
 * To be called with interrupts on; may sleep.
 *
 * Return: 0, let the guest try again (after a look at pending signals);
 * LODGE_MEM_MMIO, there is no slot or it is a write to a read-only one;
 * -EFAULT, the owner has no memory there, no right to it, or not of a kind
 * that can be mapped; -EHWPOISON; -ENOMEM; -EINTR, a signal is pending.
 */
int lodge_mem_fault(struct lodge_mem *mem, gpa_t gpa, unsigned int access, u64 *size)
{
	struct fault f = { .gpa = gpa & PAGE_MASK, .access = access };
	int ret, tries;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	for (tries = 0; tries < FAULT_TRIES; tries++) {
		ret = look_up(mem, &f);
		if (ret)
			return ret;
		if (f.host.level && !f.host.odd && !f.host.uncached &&
		    (!(access & LODGE_MEM_WRITE) || (f.host.writable && f.host.dirty))) {
			f.host.writable &= f.host.dirty;
			ret = map(mem, &f);
		} else {
			ret = fault_in(mem, &f);
		}
		if (!ret)
			*size = f.size;
		if (ret != -EAGAIN)
			return ret;
	}
	cond_resched();
	return READ_ONCE(mem->mmu.gone) ? -EFAULT : 0;
}

/* ---- dirty log ----------------------------------------------------------- */

static int read_log(struct lodge_mem *mem, const struct lodge_dirty_log *arg)
{
	const struct lodge_mem_slot *slot = lodge_slots_find_id(slots_locked(mem), arg->slot);
	u64 pages;

	if (!slot || !slot->dirty)
		return -ENOENT;
	pages = slot->len >> PAGE_SHIFT;
	if (arg->first_page >= pages || arg->npages > pages - arg->first_page ||
	    (arg->npages % BITS_PER_LONG && arg->first_page + arg->npages != pages))
		return -EINVAL;
	/* what processors have logged is marked when their vCPUs are out of the guest */
	if (mem->mmu.ept.caps.pml)
		mem->ops->kick(mem);
	return lodge_slot_read_log(slot, &mem->mmu, arg->first_page / BITS_PER_LONG,
				   BITS_TO_LONGS(arg->npages),
				   (u64 __user *)(unsigned long)arg->bitmap,
				   arg->flags & LODGE_DIRTY_PEEK);
}

/**
 * lodge_mem_get_dirty() - read, and clear, the log of a slot's pages
 * @mem: of the calling process
 * @arg: as from user space, of the full size
 *
 * Each write made before this call is found by it, each made after it was read
 * here by the next.  May sleep.
 *
 * Return: 0; -EIO from a foreign address space; -EINVAL for an unknown flag or
 * pages that the slot does not have; -ENOENT without such a slot or without a
 * log; -EFAULT, with nothing lost but what was copied; -ENOMEM; -EINTR if killed.
 */
int lodge_mem_get_dirty(struct lodge_mem *mem, const struct lodge_dirty_log *arg)
{
	int ret;

	if (current->mm != mem->mmu.mm)
		return -EIO;
	if (arg->flags & ~LODGE_DIRTY_PEEK || arg->pad || arg->first_page % BITS_PER_LONG ||
	    !arg->npages)
		return -EINVAL;
	ret = mutex_lock_killable(&mem->slots_lock);
	if (!ret) {
		ret = read_log(mem, arg);
		mutex_unlock(&mem->slots_lock);
	}
	return ret;
}
