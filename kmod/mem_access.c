// SPDX-License-Identifier: GPL-2.0-only
/*
 * mem_access.c - a guest's memory as the host reads, writes and logs it
 */
#include <linux/errno.h>
#include <linux/highmem.h>
#include <linux/lodge.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <asm/processor.h>

#include "compat.h"
#include "mem.h"
#include "mmu/slots.h"

/* The slot at gpa; the caller holds mem->srcu. */
static struct lodge_mem_slot *slot_at(struct lodge_mem *mem, gpa_t gpa)
{
	struct lodge_mem_slot *slot;

	rcu_read_lock();
	slot = lodge_slots_find(rcu_dereference(mem->slots), gpa);
	rcu_read_unlock();
	return slot;
}

/* While held: what was found stays good, though it may not be in the table any more */
static void know(struct lodge_mem_near *near)
{
	const struct lodge_mem_slot *slot = near->slot;

	near->gpa = slot->gpa;
	near->len = slot->len;
	near->hva = lodge_slot_hva(slot, slot->gpa);
	near->read_only = slot->flags & LODGE_SLOT_READONLY;
	near->logged = slot->dirty;
}

/* Likewise, looked for where one was found last */
static struct lodge_mem_slot *slot_near(struct lodge_mem *mem, struct lodge_mem_near *near,
					gpa_t gpa)
{
	/* pairs with publish(): the table that is looked at is no older than the number */
	unsigned long version = smp_load_acquire(&mem->version);

	if (near->version != version || !near->slot || gpa - near->slot->gpa >= near->slot->len) {
		near->slot = slot_at(mem, gpa);
		near->version = version;
	}
	if (near->held && near->slot)
		know(near);
	return near->slot;
}

static int enter(struct lodge_mem *mem, const struct lodge_mem_near *near)
{
	return near->held ? near->idx : srcu_read_lock(&mem->srcu);
}

static void leave(struct lodge_mem *mem, const struct lodge_mem_near *near, int idx)
{
	if (!near->held)
		srcu_read_unlock(&mem->srcu, idx);
}

/**
 * lodge_mem_hold() - begin accesses that lie near each other, to find memory the faster
 * @mem: of the calling process; nothing happens if it is another's
 * @near: of the accesses; nothing happens if it is held
 *
 * Who changes slots waits for lodge_mem_release(), so this is for what ends soon.
 *
 * Return: whether the caller is to release it.
 */
bool lodge_mem_hold(struct lodge_mem *mem, struct lodge_mem_near *near)
{
	if (near->held || current->mm != mem->mmu.mm)
		return false;
	near->idx = srcu_read_lock(&mem->srcu);
	near->held = true;
	/* as in slot_near() */
	if (near->slot && near->version == smp_load_acquire(&mem->version))
		know(near);
	return true;
}

/**
 * lodge_mem_release() - mirror of lodge_mem_hold(), by the same task
 * @mem: likewise
 * @near: likewise
 */
void lodge_mem_release(struct lodge_mem *mem, struct lodge_mem_near *near)
{
	near->held = false;
	near->len = 0;
	srcu_read_unlock(&mem->srcu, near->idx);
}

static bool holds(const struct lodge_mem_slot *slot, gpa_t gpa, size_t len)
{
	return slot && len <= slot->len - (gpa - slot->gpa);
}

/* Aligned words are read and written at once, as the guest's processor would. */
static int copy_in(void *buf, const void __user *from, size_t len)
{
	if (!((unsigned long)from & (len - 1))) {
		switch (len) {
		case 1:
			return get_user(*(u8 *)buf, (const u8 __user *)from);
		case 2:
			return get_user(*(u16 *)buf, (const u16 __user *)from);
		case 4:
			return get_user(*(u32 *)buf, (const u32 __user *)from);
		case 8:
			return get_user(*(u64 *)buf, (const u64 __user *)from);
		case 16:
			return get_user(((u64 *)buf)[0], (const u64 __user *)from) ?:
			       get_user(((u64 *)buf)[1], (const u64 __user *)from + 1);
		}
	}
	return copy_from_user(buf, from, len) ? -EFAULT : 0;
}

static int copy_out(void __user *to, const void *buf, size_t len)
{
	if (!((unsigned long)to & (len - 1))) {
		switch (len) {
		case 1:
			return put_user(*(const u8 *)buf, (u8 __user *)to);
		case 2:
			return put_user(*(const u16 *)buf, (u16 __user *)to);
		case 4:
			return put_user(*(const u32 *)buf, (u32 __user *)to);
		case 8:
			return put_user(*(const u64 *)buf, (u64 __user *)to);
		}
	}
	return copy_to_user(to, buf, len) ? -EFAULT : 0;
}

/**
 * lodge_mem_read() - copy from guest memory; may sleep
 * @mem: of the calling process
 * @gpa: guest-physical address
 * @buf: result, undefined after an error
 * @len: bytes; may span slots
 *
 * An aligned read of 1, 2, 4 or 8 bytes is atomic.
 *
 * Return: 0, LODGE_MEM_MMIO if some of it is in no slot, -EFAULT.
 */
int lodge_mem_read(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len)
{
	struct lodge_mem_slot *slot;
	int idx, ret = 0;
	size_t n;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	for (; len && !ret; gpa += n, buf += n, len -= n) {
		n = 0;
		idx = srcu_read_lock(&mem->srcu);
		slot = slot_at(mem, gpa);
		if (slot) {
			n = min_t(u64, len, slot->gpa + slot->len - gpa);
			ret = copy_in(buf, (const void __user *)lodge_slot_hva(slot, gpa), n);
		} else {
			ret = LODGE_MEM_MMIO;
		}
		srcu_read_unlock(&mem->srcu, idx);
	}
	return ret;
}

/**
 * lodge_mem_write() - copy to guest memory; may sleep
 * @mem: of the calling process
 * @gpa: guest-physical address
 * @buf: what to write
 * @len: bytes; may span slots; after an error some may have been written
 *
 * An aligned write of 1, 2, 4 or 8 bytes is atomic.  Pages are logged as dirty.
 *
 * Return: 0, LODGE_MEM_MMIO if some of it is in no slot or a read-only one,
 * -EFAULT.
 */
int lodge_mem_write(struct lodge_mem *mem, gpa_t gpa, const void *buf, size_t len)
{
	struct lodge_mem_slot *slot;
	int idx, ret = 0;
	size_t n;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	for (; len && !ret; gpa += n, buf += n, len -= n) {
		n = 0;
		idx = srcu_read_lock(&mem->srcu);
		slot = slot_at(mem, gpa);
		if (slot && !(slot->flags & LODGE_SLOT_READONLY)) {
			n = min_t(u64, len, slot->gpa + slot->len - gpa);
			ret = copy_out((void __user *)lodge_slot_hva(slot, gpa), buf, n);
			/* after the write: marked before, it could be missed */
			lodge_slot_mark(slot, gpa, n);
		} else {
			ret = LODGE_MEM_MMIO;
		}
		srcu_read_unlock(&mem->srcu, idx);
	}
	return ret;
}

/* lodge_mem_read_near(), of what is not known or not aligned */
int lodge_mem_read_slot(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, void *buf,
			size_t len)
{
	struct lodge_mem_slot *slot;
	int idx, ret;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	idx = enter(mem, near);
	slot = slot_near(mem, near, gpa);
	if (likely(holds(slot, gpa, len)))
		ret = copy_in(buf, (const void __user *)lodge_slot_hva(slot, gpa), len);
	else
		ret = lodge_mem_read(mem, gpa, buf, len);
	leave(mem, near, idx);
	return ret;
}

/* lodge_mem_write_near(), likewise */
int lodge_mem_write_slot(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa,
			 const void *buf, size_t len)
{
	struct lodge_mem_slot *slot;
	int idx, ret;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	idx = enter(mem, near);
	slot = slot_near(mem, near, gpa);
	if (likely(holds(slot, gpa, len) && !(slot->flags & LODGE_SLOT_READONLY))) {
		ret = copy_out((void __user *)lodge_slot_hva(slot, gpa), buf, len);
		/* after the write: marked before, it could be missed */
		if (slot->dirty)
			lodge_slot_mark(slot, gpa, len);
	} else {
		ret = lodge_mem_write(mem, gpa, buf, len);
	}
	leave(mem, near, idx);
	return ret;
}

static bool cmpxchg_ok(gpa_t gpa, unsigned int len)
{
	/* the kernel does not survive a split lock of its own where they are detected */
	unsigned int within = boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) ? 64 : PAGE_SIZE;

	return (len == 1 || len == 2 || len == 4 || len == 8) && gpa % within + len <= within;
}

/* A locked compare-and-exchange of user memory: 0, 1 if it differed, -EFAULT. */
static int cmpxchg_user(unsigned long hva, u64 *old, u64 new, unsigned int len)
{
	int ret = -EFAULT;

	if (!access_ok((void __user *)hva, len))
		return ret;
	switch (len) {
	case 1: {
		u8 val = *old;

		ret = __try_cmpxchg_user((u8 __user *)hva, &val, (u8)new, efault1);
		*old = val;
		break;
	}
	case 2: {
		u16 val = *old;

		ret = __try_cmpxchg_user((u16 __user *)hva, &val, (u16)new, efault2);
		*old = val;
		break;
	}
	case 4: {
		u32 val = *old;

		ret = __try_cmpxchg_user((u32 __user *)hva, &val, (u32)new, efault4);
		*old = val;
		break;
	}
	case 8:
		ret = __try_cmpxchg_user((u64 __user *)hva, old, new, efault8);
		break;
	}
	return ret;
}

/**
 * lodge_mem_cmpxchg() - LOCK CMPXCHG on guest memory; may sleep
 * @mem: of the calling process
 * @gpa: guest-physical address
 * @old: value expected; replaced by the value found if that differs
 * @new: value to store
 * @len: 1, 2, 4 or 8 bytes, within one page
 *
 * Atomic against the guest, other callers and user space.
 *
 * Return: 0, and it was stored if *@old is as before; LODGE_MEM_MMIO, -EFAULT,
 * or -EINVAL for an operand that cannot be: another @len, across pages, or
 * across cache lines on a host whose processor forbids the kernel such locks.
 */
int lodge_mem_cmpxchg(struct lodge_mem *mem, gpa_t gpa, u64 *old, u64 new, unsigned int len)
{
	struct lodge_mem_slot *slot;
	int idx, ret;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	if (!cmpxchg_ok(gpa, len))
		return -EINVAL;
	idx = srcu_read_lock(&mem->srcu);
	slot = slot_at(mem, gpa);
	if (slot && !(slot->flags & LODGE_SLOT_READONLY)) {
		ret = cmpxchg_user(lodge_slot_hva(slot, gpa), old, new, len);
		if (!ret)
			lodge_slot_mark(slot, gpa, len);
		ret = min(ret, 0);
	} else {
		ret = LODGE_MEM_MMIO;
	}
	srcu_read_unlock(&mem->srcu, idx);
	return ret;
}

/**
 * lodge_mem_swap_byte() - exchange a byte of guest memory, if its page is at hand
 * @mem: of the calling process
 * @gpa: guest-physical address
 * @byte: to write; replaced by what was there
 *
 * For a vCPU's thread with interrupts off, also inside a window; CR2 may change.
 * Not atomic against others that write to the byte.
 *
 * Return: 0, or -EFAULT, with nothing written: no memory, or one to sleep for.
 */
int lodge_mem_swap_byte(struct lodge_mem *mem, gpa_t gpa, u8 *byte)
{
	int idx = srcu_read_lock(&mem->srcu), ret = -EFAULT;
	struct lodge_mem_slot *slot = slot_at(mem, gpa);
	u8 __user *at;
	u8 old;

	if (slot && !(slot->flags & LODGE_SLOT_READONLY) && current->mm == mem->mmu.mm) {
		at = (u8 __user *)lodge_slot_hva(slot, gpa);
		pagefault_disable();
		ret = get_user(old, at);
		if (!ret && old != *byte)
			ret = put_user(*byte, at);
		pagefault_enable();
		if (!ret) {
			lodge_slot_mark(slot, gpa, 1);
			*byte = old;
		}
	}
	srcu_read_unlock(&mem->srcu, idx);
	return ret;
}

/* lodge_mem_iov(), likewise */
int lodge_mem_iov_slots(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, size_t len,
			bool write, struct iovec *iov, unsigned int max)
{
	struct lodge_mem_slot *slot;
	unsigned int nr = 0;
	int idx, ret = 0;
	size_t n;

	if (unlikely(current->mm != mem->mmu.mm))
		return -EFAULT;
	idx = enter(mem, near);
	for (; len; gpa += n, len -= n) {
		slot = slot_near(mem, near, gpa);
		if (!slot || (write && slot->flags & LODGE_SLOT_READONLY)) {
			ret = -EFAULT;
			break;
		}
		if (nr == max) {
			ret = -E2BIG;
			break;
		}
		n = min_t(u64, len, slot->gpa + slot->len - gpa);
		iov[nr].iov_base = (void __user *)lodge_slot_hva(slot, gpa);
		iov[nr++].iov_len = n;
	}
	leave(mem, near, idx);
	return ret ?: nr;
}

static int peek_page(struct mm_struct *mm, unsigned long hva, void *buf, size_t len)
{
	struct page *page;
	int locked = 1;
	long got;
	void *at;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	got = compat_get_page_remote(mm, hva & PAGE_MASK, &page, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (got != 1)
		return fatal_signal_pending(current) ? -EINTR : -EFAULT;
	at = kmap_local_page(page);
	memcpy(buf, at + offset_in_page(hva), len);
	kunmap_local(at);
	put_page(page);
	return 0;
}

/**
 * lodge_mem_peek() - copy from guest memory, whoever's; may sleep as long as the owner likes
 * @mem: any
 * @gpa: guest-physical address
 * @buf: result, undefined after an error
 * @len: bytes; may span slots
 *
 * Pages that are not there are made, as by a read of the owner's.
 *
 * Return: 0, LODGE_MEM_MMIO if some of it is in no slot, -EFAULT, -ESRCH if the
 * owner's memory has gone, -EINTR.
 */
int lodge_mem_peek(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len)
{
	struct mm_struct *mm = mem->mmu.mm;
	struct lodge_mem_slot *slot;
	int idx, ret = 0;
	size_t n;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	for (; len && !ret; gpa += n, buf += n, len -= n) {
		n = 0;
		idx = srcu_read_lock(&mem->srcu);
		slot = slot_at(mem, gpa);
		if (slot) {
			n = min_t(u64, len, slot->gpa + slot->len - gpa);
			n = min_t(size_t, n, PAGE_SIZE - offset_in_page(gpa));
			ret = peek_page(mm, lodge_slot_hva(slot, gpa), buf, n);
		} else {
			ret = LODGE_MEM_MMIO;
		}
		srcu_read_unlock(&mem->srcu, idx);
		cond_resched();
	}
	mmput(mm);
	return ret;
}

/**
 * lodge_mem_slot() - one of the slots, in the order of addresses
 * @mem: any
 * @n: which, from 0
 * @gpa: where it begins
 * @len: bytes
 * @read_only: whether the guest cannot write to it
 *
 * Return: false if there are not so many.
 */
bool lodge_mem_slot(struct lodge_mem *mem, unsigned int n, u64 *gpa, u64 *len, bool *read_only)
{
	/* RCU keeps the table, but not the slots in it */
	int idx = srcu_read_lock(&mem->srcu);
	const struct lodge_mem_slots *slots;
	const struct lodge_mem_slot *slot;
	bool found;

	rcu_read_lock();
	slots = rcu_dereference(mem->slots);
	found = n < slots->nr;
	if (found) {
		slot = slots->slot[array_index_nospec(n, slots->nr)];
		*gpa = slot->gpa;
		*len = slot->len;
		*read_only = slot->flags & LODGE_SLOT_READONLY;
	}
	rcu_read_unlock();
	srcu_read_unlock(&mem->srcu, idx);
	return found;
}

/**
 * lodge_mem_logs() - is what is written to guest memory to be logged?
 * @mem: any
 *
 * To be asked after the write.  Does not sleep.
 *
 * Return: false if lodge_mem_log() would do nothing for what was written before.
 */
bool lodge_mem_logs(struct lodge_mem *mem)
{
	/* a log that is not seen here begins with what was written */
	smp_mb();
	return READ_ONCE(mem->logging);
}

/**
 * lodge_mem_log() - log guest memory as written to
 * @mem: any
 * @gpa: guest-physical address
 * @len: bytes; ends early where there is no slot any more
 *
 * After the write: before it, it could be missed.  Does not sleep.
 */
void lodge_mem_log(struct lodge_mem *mem, gpa_t gpa, size_t len)
{
	struct lodge_mem_slot *slot;
	size_t n;
	int idx;

	if (!lodge_mem_logs(mem))
		return;
	idx = srcu_read_lock(&mem->srcu);
	for (; len; gpa += n, len -= n) {
		slot = slot_at(mem, gpa);
		if (!slot)
			break;
		n = min_t(u64, len, slot->gpa + slot->len - gpa);
		lodge_slot_mark(slot, gpa, n);
	}
	srcu_read_unlock(&mem->srcu, idx);
}

/**
 * lodge_mem_mark_dirty() - log a page as written to
 * @mem: any
 * @gpa: guest-physical address; nothing happens if it is in no slot with a log
 *
 * For each record of page-modification logging.  Does not sleep; interrupts
 * may be off.
 */
void lodge_mem_mark_dirty(struct lodge_mem *mem, gpa_t gpa)
{
	struct lodge_mem_slot *slot;
	int idx = srcu_read_lock(&mem->srcu);

	slot = slot_at(mem, gpa);
	if (slot)
		lodge_slot_mark(slot, gpa & PAGE_MASK, PAGE_SIZE);
	srcu_read_unlock(&mem->srcu, idx);
}

/**
 * lodge_mem_use() - keep the owner's address space, for a worker
 * @mem: any
 *
 * Return: false if it has gone; else lodge_mem_unuse() ends it.
 */
bool lodge_mem_use(struct lodge_mem *mem)
{
	bool there;

	spin_lock(&mem->users_lock);
	there = mmget_not_zero(mem->mmu.mm);
	mem->users += there;
	spin_unlock(&mem->users_lock);
	return there;
}

/**
 * lodge_mem_unuse() - mirror of lodge_mem_use(); may sleep
 * @mem: likewise
 */
void lodge_mem_unuse(struct lodge_mem *mem)
{
	spin_lock(&mem->users_lock);
	mem->users--;
	spin_unlock(&mem->users_lock);
	mmput(mem->mmu.mm);
}

/**
 * lodge_mem_owned() - is there anybody whose address space it is, beside workers?
 * @mem: of which the caller is a user
 *
 * An owner that has been killed does not get further before workers have let go of his address
 * space: it has the vCPUs' run areas mapped.
 *
 * Return: false if there is certainly nobody.
 */
bool lodge_mem_owned(struct lodge_mem *mem)
{
	bool owned;

	/* with the lock, each user is in both numbers or in the first one alone */
	spin_lock(&mem->users_lock);
	owned = atomic_read(&mem->mmu.mm->mm_users) > mem->users;
	spin_unlock(&mem->users_lock);
	return owned;
}
