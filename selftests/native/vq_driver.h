/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver that keeps to the rules of both kinds of rings (virtio 1.2, 2.7 and 2.8).
 */
#ifndef SELFTESTS_NATIVE_VQ_DRIVER_H
#define SELFTESTS_NATIVE_VQ_DRIVER_H

#include "vq_model.h"

static u32 get32(u64 gpa)
{
	return *(u32 *)at(gpa);
}

#define MAX_PARTS	16

struct part {
	u64 gpa;
	u32 len;
	bool write;
};

/* @free: heads in a split ring, IDs in a packed one */
static struct driver {
	struct lodge_vq_setup s;
	unsigned int free[LODGE_VQ_MAX_SIZE];
	unsigned int nr_free;
	unsigned int room;		/* descriptors */
	u16 slots[LODGE_VQ_MAX_SIZE];	/* by head or ID; 0 if it is free */
	u16 next, used, added;
	bool next_wrap, used_wrap;
} drv;

static void driver_start(u16 size, bool packed, bool event_idx, bool indirect)
{
	unsigned int i;

	memset(&drv, 0, sizeof(drv));
	memset(first_slot, 0, TABLES);
	drv.s = (struct lodge_vq_setup){
		.size = size, .desc = DESC, .driver = DRIVER, .device = DEVICE,
		.packed = packed, .event_idx = event_idx, .indirect = indirect,
	};
	drv.next_wrap = true;
	drv.used_wrap = true;
	drv.room = size;
	for (i = 0; i < size; i++)
		drv.free[drv.nr_free++] = i;
	memory.accesses = 0;
	memset(dirty, 0, sizeof(dirty));
	after_read = NULL;
}

/* A descriptor of a split ring or table */
static void split_desc(u64 table, unsigned int i, u64 addr, u32 len, u16 flags, u16 next)
{
	set_desc(table + i * 16, addr, len, flags, next);
}

static void packed_desc(u64 table, unsigned int i, u64 addr, u32 len, u16 id, u16 flags)
{
	set_desc(table + i * 16, addr, len, id, flags);
}

static u16 packed_flags(bool wrap)
{
	return wrap ? AVAIL_BIT : USED_BIT;
}

/* Make a head available in a split ring */
static void split_offer(u16 head)
{
	set16(DRIVER + 4 + drv.next % drv.s.size * 2, head);
	set16(DRIVER + 2, ++drv.next);
	drv.added++;
}

static void add_split(const struct part *part, unsigned int n)
{
	unsigned int i;
	u16 head, d;

	d = drv.free[--drv.nr_free];
	head = d;
	for (i = 0; i < n; i++) {
		u16 next = i + 1 < n ? drv.free[--drv.nr_free] : 0;

		split_desc(DESC, d, part[i].gpa, part[i].len,
			   (part[i].write ? WRITE : 0) | (i + 1 < n ? NEXT : 0), next);
		d = next;
	}
	drv.slots[head] = n;
	split_offer(head);
}

static void add_packed(const struct part *part, unsigned int n)
{
	u16 id = drv.free[--drv.nr_free], first = 0, first_at = drv.next, flags;
	unsigned int i;

	for (i = 0; i < n; i++) {
		flags = packed_flags(drv.next_wrap) | (part[i].write ? WRITE : 0) |
			(i + 1 < n ? NEXT : 0);
		packed_desc(DESC, drv.next, part[i].gpa, part[i].len, id,
			    i ? flags : get16(DESC + drv.next * 16 + 14));
		if (!i)
			first = flags;
		if (++drv.next == drv.s.size) {
			drv.next = 0;
			drv.next_wrap = !drv.next_wrap;
		}
	}
	set16(DESC + first_at * 16 + 14, first);
	drv.slots[id] = n;
	drv.added += n;
}

/* A table of its own for every head; the rings' tests have at most 64 */
static void add_indirect_chain(const struct part *part, unsigned int n)
{
	u16 id = drv.free[--drv.nr_free];
	u64 table = TABLES + id % 64 * MAX_PARTS * 16;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u16 flags = part[i].write ? WRITE : 0;

		if (drv.s.packed)
			packed_desc(table, i, part[i].gpa, part[i].len, 0xbeef, flags);
		else
			split_desc(table, i, part[i].gpa, part[i].len,
				   flags | (i + 1 < n ? NEXT : 0), i + 1);
	}
	drv.slots[id] = 1;
	if (!drv.s.packed) {
		split_desc(DESC, id, table, n * 16, INDIRECT, 0xffff);
		split_offer(id);
		return;
	}
	packed_desc(DESC, drv.next, table, n * 16, id, INDIRECT | packed_flags(drv.next_wrap));
	drv.added++;
	if (++drv.next == drv.s.size) {
		drv.next = 0;
		drv.next_wrap = !drv.next_wrap;
	}
}

/* Is there room for n descriptors? Then they are added. */
static bool driver_add(const struct part *part, unsigned int n, bool indirect)
{
	unsigned int need = indirect ? 1 : n;

	if (drv.room < need)
		return false;
	drv.room -= need;
	if (indirect)
		add_indirect_chain(part, n);
	else if (drv.s.packed)
		add_packed(part, n);
	else
		add_split(part, n);
	return true;
}

static bool need_event(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

/* Does the device want to know of what was added since the last call? */
static bool driver_kicks(void)
{
	u16 old, event, added = drv.added;
	u32 word;

	drv.added = 0;
	old = drv.next - added;
	if (!drv.s.packed) {
		if (!drv.s.event_idx)
			return !(get16(DEVICE) & VRING_USED_F_NO_NOTIFY);
		return need_event(get16(DEVICE + 4 + drv.s.size * 8), drv.next, old);
	}
	word = get32(DEVICE);
	if (word >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
		return word >> 16 == VRING_PACKED_EVENT_FLAG_ENABLE;
	WARN_ON(!drv.s.event_idx);
	event = word & 0x7fff;
	if (!!(word & 0x8000) != drv.next_wrap)
		event -= drv.s.size;
	return need_event(event, drv.next, old);
}

/* Take back what the device has used: its head or ID, or -1. */
static int driver_used(u32 *len)
{
	unsigned int i, n;
	u64 entry;
	u16 id, d;

	if (!drv.s.packed) {
		if (get16(DEVICE + 2) == drv.used)
			return -1;
		entry = DEVICE + 4 + drv.used % drv.s.size * 8;
		WARN_ON(get32(entry) >= drv.s.size);
		id = get32(entry);
		*len = get32(entry + 4);
		drv.used++;
	} else {
		entry = DESC + drv.used * 16;
		d = get16(entry + 14);
		if (!!(d & AVAIL_BIT) != drv.used_wrap || !!(d & USED_BIT) != drv.used_wrap)
			return -1;
		id = get16(entry + 12);
		*len = get32(entry + 8);
		WARN_ON(id >= drv.s.size);
		WARN_ON(!!(d & WRITE) != !!*len);
		drv.used += drv.slots[id];
		if (drv.used >= drv.s.size) {
			drv.used -= drv.s.size;
			drv.used_wrap = !drv.used_wrap;
		}
	}
	n = drv.slots[id];
	WARN_ON(!n);
	drv.slots[id] = 0;
	drv.room += n;
	drv.free[drv.nr_free++] = id;
	if (drv.s.packed)
		return id;
	for (i = 1, d = id; i < n; i++) {
		d = get16(DESC + d * 16 + 14);
		drv.free[drv.nr_free++] = d;
	}
	return id;
}

/* Ask for an interrupt with the next that is used. Return: there is one already. */
static bool driver_waits(void)
{
	u16 d;

	if (!drv.s.packed) {
		set16(DRIVER, 0);
		if (drv.s.event_idx)
			set16(DRIVER + 4 + drv.s.size * 2, drv.used);
		return get16(DEVICE + 2) != drv.used;
	}
	if (drv.s.event_idx)
		set32(DRIVER, drv.used | drv.used_wrap << 15 |
		      VRING_PACKED_EVENT_FLAG_DESC << 16);
	else
		set32(DRIVER, VRING_PACKED_EVENT_FLAG_ENABLE << 16);
	d = get16(DESC + drv.used * 16 + 14);
	return !!(d & AVAIL_BIT) == drv.used_wrap && !!(d & USED_BIT) == drv.used_wrap;
}

static void driver_busy(void)
{
	if (drv.s.packed)
		set32(DRIVER, VRING_PACKED_EVENT_FLAG_DISABLE << 16);
	else if (!drv.s.event_idx)
		set16(DRIVER, VRING_AVAIL_F_NO_INTERRUPT);
}

#endif /* SELFTESTS_NATIVE_VQ_DRIVER_H */
