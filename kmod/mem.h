/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mem.h - a guest's memory: slots of its owner's memory, faults, dirty log
 *
 * Guest-physical memory is made of slots, each a window on the address space
 * of the process that owns the VM.  Pages are mapped into the nested page
 * tables when the guest first touches them, never pinned, and disappear from
 * there as soon as the owner's mapping changes.  Memory of VM_IO and
 * VM_PFNMAP mappings, and memory that is not mapped write-back, is refused
 * with -EFAULT.
 */
#ifndef LODGE_MEM_H
#define LODGE_MEM_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "mmu/notifier.h"

struct lodge_dirty_log;
struct lodge_slot;
struct lodge_mem_slot;
struct lodge_mem_slots;

typedef u64 gpa_t;			/* guest-physical address */

#define LODGE_MEM_MAX_SLOTS	512
#define LODGE_MEM_MAX_PAGES	BIT(31)	/* of one slot: 8 TiB */

/* Positive result: no memory there, or a write to a read-only slot */
#define LODGE_MEM_MMIO		1

/* Kinds of access for lodge_mem_fault(); as in an EPT violation's qualification */
#define LODGE_MEM_READ		BIT(0)
#define LODGE_MEM_WRITE		BIT(1)
#define LODGE_MEM_EXEC		BIT(2)

struct lodge_mem;

/**
 * struct lodge_mem_ops - what a VM provides to its memory
 * @kick: every vCPU of the VM that is in guest mode leaves it before this
 *	returns.  Called under a spinlock with interrupts on, also from notifiers
 *	that may not block: may spin, must not sleep.  lodge_mem.tlb_gen was
 *	bumped before, so that a vCPU which enters next flushes.  What the
 *	processor logged of a vCPU's writes (PML) has been passed to
 *	lodge_mem_mark_dirty() before the vCPU counts as out of guest mode.
 */
struct lodge_mem_ops {
	void (*kick)(struct lodge_mem *mem);
};

/**
 * struct lodge_mem - the memory of one VM, embedded in it
 *
 * Locks: I immutable after init, L mmu.lock, S slots_lock, R read under RCU,
 * a atomic.
 *
 * @mmu: nested page tables and their notifier
 * @tlb_gen: [a] goes up whenever cached translations must go; a vCPU compares
 *	it with the number of its last INVEPT, after it has told that it is going
 *	to enter the guest (full barrier) and with interrupts off
 * @slots: [R; written under S and L] the current table of slots
 * @version: goes up after each change of @slots, before what is not in it any more may
 *	be freed; [written under S and L] read under @srcu
 * @logging: some slot has a log; [written under S and L]
 * @dying: [L] slot taken out of @slots whose pages are being unmapped, or NULL
 * @slots_lock: serialises set_slot and get_dirty
 * @srcu: held over accesses through a slot that may sleep
 * @ops: [I]
 * @users_lock: guards @users; spinlock, nothing is taken inside
 * @users: who keeps the owner's address space by lodge_mem_use()
 * @vm_number: the VM's, for tracepoints; [I] once it has one
 * @gpa_limit: [I] first guest-physical address that cannot be memory
 */
struct lodge_mem {
	struct lodge_mmu mmu;
	atomic_long_t tlb_gen;
	struct lodge_mem_slots __rcu *slots;
	unsigned long version;
	bool logging;
	const struct lodge_mem_slot *dying;
	struct mutex slots_lock;
	struct srcu_struct srcu;
	const struct lodge_mem_ops *ops;
	spinlock_t users_lock;
	unsigned int users;
	u32 vm_number;
	u64 gpa_limit;
};

/**
 * struct lodge_mem_near - where accesses that lie near each other found memory last
 * @version: lodge_mem.version as of then
 * @slot: or NULL; valid under lodge_mem.srcu, while @version is what that is
 * @held: between lodge_mem_hold() and lodge_mem_release()
 * @idx: of lodge_mem.srcu, if @held
 * @gpa: start of what is known of @slot without looking at it
 * @len: bytes of that; 0 unless @held
 * @hva: its address in the owner's memory
 * @read_only: the guest cannot write to it
 * @logged: what is written is to be logged
 *
 * Zeroed at first; one user at a time.
 */
struct lodge_mem_near {
	unsigned long version;
	struct lodge_mem_slot *slot;
	bool held;
	int idx;
	gpa_t gpa;
	u64 len;
	unsigned long hva;
	bool read_only;
	bool logged;
};

int lodge_mem_init(struct lodge_mem *mem, const struct lodge_mem_ops *ops,
		   const struct lodge_ept_caps *caps);
u64 lodge_mem_size(struct lodge_mem *mem);
void lodge_mem_destroy(struct lodge_mem *mem);
bool lodge_mem_use(struct lodge_mem *mem);
void lodge_mem_unuse(struct lodge_mem *mem);
bool lodge_mem_owned(struct lodge_mem *mem);

int lodge_mem_set_slot(struct lodge_mem *mem, const struct lodge_slot *arg);
int lodge_mem_get_dirty(struct lodge_mem *mem, const struct lodge_dirty_log *arg);

int lodge_mem_fault(struct lodge_mem *mem, gpa_t gpa, unsigned int access, u64 *size);
int lodge_mem_read(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len);
int lodge_mem_write(struct lodge_mem *mem, gpa_t gpa, const void *buf, size_t len);
int lodge_mem_cmpxchg(struct lodge_mem *mem, gpa_t gpa, u64 *old, u64 new, unsigned int len);
int lodge_mem_swap_byte(struct lodge_mem *mem, gpa_t gpa, u8 *byte);
bool lodge_mem_hold(struct lodge_mem *mem, struct lodge_mem_near *near);
void lodge_mem_release(struct lodge_mem *mem, struct lodge_mem_near *near);
int lodge_mem_read_slot(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, void *buf,
			size_t len);
int lodge_mem_write_slot(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa,
			 const void *buf, size_t len);
int lodge_mem_iov_slots(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, size_t len,
			bool write, struct iovec *iov, unsigned int max);
int lodge_mem_peek(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len);
bool lodge_mem_slot(struct lodge_mem *mem, unsigned int n, u64 *gpa, u64 *len, bool *read_only);
bool lodge_mem_logs(struct lodge_mem *mem);
void lodge_mem_log(struct lodge_mem *mem, gpa_t gpa, size_t len);
void lodge_mem_mark_dirty(struct lodge_mem *mem, gpa_t gpa);

/**
 * lodge_mem_known() - the owner's address of guest memory, without a look at a slot
 * @near: held, or nothing is known
 * @gpa: guest-physical address, the guest's choice
 * @len: bytes
 *
 * Return: the address, or NULL if some of it is not where memory was found last.
 */
static inline void __user *lodge_mem_known(const struct lodge_mem_near *near, gpa_t gpa, size_t len)
{
	u64 offset = gpa - near->gpa;

	if (offset >= near->len || len > near->len - offset)
		return NULL;
	offset &= array_index_mask_nospec(offset, near->len);
	return (void __user *)(near->hva + offset);
}

/**
 * lodge_mem_read_near() - as lodge_mem_read(), for many that are near each other
 * @mem: of the calling process
 * @near: the same each time
 * @gpa: guest-physical address
 * @buf: result, undefined after an error
 * @len: bytes; may span slots
 *
 * Return: as lodge_mem_read().
 */
static __always_inline int lodge_mem_read_near(struct lodge_mem *mem, struct lodge_mem_near *near,
					       gpa_t gpa, void *buf, size_t len)
{
	const void __user *at = lodge_mem_known(near, gpa, len);

	if (at && !((unsigned long)at & (len - 1))) {
		if (__builtin_constant_p(len) && len == 2)
			return get_user(*(u16 *)buf, (const u16 __user *)at);
		if (__builtin_constant_p(len) && len == 16)
			return get_user(((u64 *)buf)[0], (const u64 __user *)at) ?:
			       get_user(((u64 *)buf)[1], (const u64 __user *)at + 1);
	}
	return lodge_mem_read_slot(mem, near, gpa, buf, len);
}

/**
 * lodge_mem_write_near() - as lodge_mem_write(), for many that are near each other
 * @mem: of the calling process
 * @near: the same each time
 * @gpa: guest-physical address
 * @buf: what to write
 * @len: bytes; may span slots; after an error some may have been written
 *
 * Return: as lodge_mem_write().
 */
static __always_inline int lodge_mem_write_near(struct lodge_mem *mem, struct lodge_mem_near *near,
						gpa_t gpa, const void *buf, size_t len)
{
	void __user *at = lodge_mem_known(near, gpa, len);

	if (at && !near->read_only && !near->logged && !((unsigned long)at & (len - 1))) {
		if (__builtin_constant_p(len) && len == 1)
			return put_user(*(const u8 *)buf, (u8 __user *)at);
		if (__builtin_constant_p(len) && len == 2)
			return put_user(*(const u16 *)buf, (u16 __user *)at);
		if (__builtin_constant_p(len) && len == 4)
			return put_user(*(const u32 *)buf, (u32 __user *)at);
		if (__builtin_constant_p(len) && len == 8)
			return put_user(*(const u64 *)buf, (u64 __user *)at);
	}
	return lodge_mem_write_slot(mem, near, gpa, buf, len);
}

/**
 * lodge_mem_iov() - the owner's addresses of guest memory
 * @mem: of the calling process
 * @near: as for lodge_mem_read_near()
 * @gpa: guest-physical address
 * @len: bytes; may span slots
 * @write: they are to be written to
 * @iov: result: pieces in order, one for each slot that @len spans; undefined after
 *	an error
 * @max: pieces that fit
 *
 * Nothing is accessed and nothing is kept: after a change of slots the pieces are
 * the owner's memory still, but not the guest's any more.  Whoever writes there tells
 * lodge_mem_log().
 *
 * Return: the number of pieces, 0 if @len is; -EFAULT if some of it is in no slot, or
 * in a read-only one and @write; -E2BIG if there are more than @max.
 */
static inline int lodge_mem_iov(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa,
				size_t len, bool write, struct iovec *iov, unsigned int max)
{
	void __user *at = lodge_mem_known(near, gpa, len);

	if (!at || !len || !max || (write && near->read_only))
		return lodge_mem_iov_slots(mem, near, gpa, len, write, iov, max);
	*iov = (struct iovec){ .iov_base = at, .iov_len = len };
	return 1;
}

/**
 * lodge_mem_eptp() - the value of the VMCS field "EPT pointer"
 * @mem: the VM's memory; does not change over its life
 */
static inline u64 lodge_mem_eptp(const struct lodge_mem *mem)
{
	return lodge_ept_pointer(&mem->mmu.ept);
}

#endif /* LODGE_MEM_H */
