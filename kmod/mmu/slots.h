/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slots.h - which addresses of an owner back which guest-physical ones
 *
 * A table of slots is never changed once it is in use but replaced by a copy;
 * who replaces it sees to it that nobody looks at the old one any more.
 */
#ifndef LODGE_MMU_SLOTS_H
#define LODGE_MMU_SLOTS_H

#include <linux/compiler.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct lodge_mmu;
struct lodge_slot;

/**
 * struct lodge_mem_slot - a window on the owner's memory, constant but for @dirty
 * @gpa: guest-physical start
 * @len: bytes
 * @hva: owner's address of @gpa
 * @id: number it has for the owner
 * @flags: LODGE_SLOT_*
 * @dirty: with LODGE_SLOT_LOG_DIRTY, a bit a page, changed atomically
 * @rcu: to free it
 */
struct lodge_mem_slot {
	u64 gpa;
	u64 len;
	unsigned long hva;
	u32 id;
	u32 flags;
	unsigned long *dirty;
	struct rcu_head rcu;
};

/**
 * struct lodge_mem_slots - the slots of a VM; replaced as a whole
 * @rcu: to free it
 * @version: goes up with each copy
 * @nr: how many
 * @hint: index of one found lately; any value is harmless
 * @slot: by guest-physical address
 */
struct lodge_mem_slots {
	struct rcu_head rcu;
	unsigned long version;
	unsigned int nr;
	unsigned int hint;
	struct lodge_mem_slot *slot[];
};

/**
 * lodge_slot_hva() - the owner's address behind a guest-physical one
 * @slot: holds @gpa
 * @gpa: chosen by the guest: not even speculatively does it lead out of the slot
 */
static inline unsigned long lodge_slot_hva(const struct lodge_mem_slot *slot, u64 gpa)
{
	return slot->hva + array_index_nospec(gpa - slot->gpa, slot->len);
}

struct lodge_mem_slot *lodge_slot_create(const struct lodge_slot *arg);
void lodge_slot_free(struct lodge_mem_slot *slot);
bool lodge_slot_clip(const struct lodge_mem_slot *slot, unsigned long start, unsigned long end,
		     u64 *from, u64 *to);
void lodge_slot_mark(const struct lodge_mem_slot *slot, u64 gpa, size_t len);
int lodge_slot_read_log(const struct lodge_mem_slot *slot, struct lodge_mmu *mmu,
			unsigned long first, unsigned long n, u64 __user *to, bool peek);

struct lodge_mem_slot *lodge_slots_find(struct lodge_mem_slots *slots, u64 gpa);
struct lodge_mem_slot *lodge_slots_find_id(const struct lodge_mem_slots *slots, u32 id);
bool lodge_slots_log(const struct lodge_mem_slots *slots);
bool lodge_slots_overlap(const struct lodge_mem_slots *slots, const struct lodge_mem_slot *old,
			 const struct lodge_mem_slot *slot);
struct lodge_mem_slots *lodge_slots_copy(const struct lodge_mem_slots *from,
					 const struct lodge_mem_slot *old,
					 struct lodge_mem_slot *slot);

#endif /* LODGE_MMU_SLOTS_H */
