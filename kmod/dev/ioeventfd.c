// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of the guest that signal eventfds.
 *
 * Each bus has a table of them, by address, which is replaced as a whole under RCU: those
 * who look run in VMX windows, interrupts off.  It is asked only where no device takes the
 * write, so that devices do not pay for it.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/lodge.h>

#include "../alloc.h"
#include "../compat.h"
#include "ioeventfd.h"

/**
 * struct lodge_ioeventfd_table - those of one bus
 * @rcu: to free it
 * @nr: entries
 * @entry: by address
 */
struct lodge_ioeventfd_table {
	struct rcu_head rcu;
	u32 nr;
	struct lodge_ioeventfd_entry entry[];
};

/* The writers' view: they have a lock of the VM */
static struct lodge_ioeventfd_table *table_of(struct lodge_bus *bus)
{
	return rcu_dereference_protected(bus->signals, true);
}

/* The first entry at or behind an address */
static u32 first_at(const struct lodge_ioeventfd_table *t, u64 address)
{
	u32 low = 0, high = t->nr;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (t->entry[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether one write could be meant by both, which would leave open whom it signals */
static bool collides(const struct lodge_ioeventfd_entry *a, const struct lodge_ioeventfd_entry *b)
{
	if (a->address != b->address)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (!a->matches || !b->matches || a->match == b->match);
}

static bool is_same(const struct lodge_ioeventfd_entry *a, const struct lodge_ioeventfd_entry *b)
{
	return a->address == b->address && a->len == b->len && a->matches == b->matches &&
	       a->match == b->match;
}

static void publish(struct lodge_bus *bus, struct lodge_ioeventfd_table *t)
{
	struct lodge_ioeventfd_table *old = table_of(bus);

	rcu_assign_pointer(bus->signals, t);
	if (old)
		kfree_rcu(old, rcu);
}

static struct lodge_ioeventfd_table *new_table(u32 nr)
{
	struct lodge_ioeventfd_table *t;

	t = lodge_alloc(struct_size(t, entry, nr), GFP_KERNEL_ACCOUNT);
	if (t)
		t->nr = nr;
	return t;
}

/**
 * lodge_ioeventfd_add - have a write signal an eventfd
 * @bus: the VM's; the caller lets nobody else change it
 * @entry: copied, with its reference
 *
 * May sleep, and may be called while the guest runs.
 *
 * Return: 0, -EEXIST if a device in the kernel or another entry is there, -ENOSPC, -ENOMEM.
 */
int lodge_ioeventfd_add(struct lodge_bus *bus, const struct lodge_ioeventfd_entry *entry)
{
	struct lodge_ioeventfd_table *t, *old = table_of(bus);
	u32 i, at = old ? first_at(old, entry->address) : 0;
	u32 nr = old ? old->nr : 0;

	if (lodge_bus_takes_writes(bus, entry->address, entry->len ?: 1))
		return -EEXIST;
	for (i = at; i < nr && old->entry[i].address == entry->address; i++)
		if (collides(&old->entry[i], entry))
			return -EEXIST;
	if (nr == LODGE_MAX_IOEVENTFDS)
		return -ENOSPC;
	t = new_table(nr + 1);
	if (!t)
		return -ENOMEM;
	if (old) {
		memcpy(t->entry, old->entry, at * sizeof(*entry));
		memcpy(t->entry + at + 1, old->entry + at, (nr - at) * sizeof(*entry));
	}
	t->entry[at] = *entry;
	publish(bus, t);
	return 0;
}

/**
 * lodge_ioeventfd_remove - mirror of lodge_ioeventfd_add()
 * @bus: the VM's; the caller lets nobody else change it
 * @entry: lodge_ioeventfd_entry.ctx may be NULL: whatever is signalled
 *
 * Return: the reference that the entry had, to be put after an RCU grace period, or an
 * ERR_PTR: -ENOENT, -ENOMEM.
 */
struct eventfd_ctx *lodge_ioeventfd_remove(struct lodge_bus *bus,
					   const struct lodge_ioeventfd_entry *entry)
{
	struct lodge_ioeventfd_table *t = NULL, *old = table_of(bus);
	u32 i = old ? first_at(old, entry->address) : 0;
	struct eventfd_ctx *ctx;

	while (old && i < old->nr && !is_same(&old->entry[i], entry))
		i++;
	if (!old || i == old->nr)
		return ERR_PTR(-ENOENT);
	ctx = old->entry[i].ctx;
	if (entry->ctx && entry->ctx != ctx)
		return ERR_PTR(-ENOENT);
	if (old->nr > 1) {
		t = new_table(old->nr - 1);
		if (!t)
			return ERR_PTR(-ENOMEM);
		memcpy(t->entry, old->entry, i * sizeof(*entry));
		memcpy(t->entry + i, old->entry + i + 1, (t->nr - i) * sizeof(*entry));
	}
	publish(bus, t);
	return ctx;
}

/**
 * lodge_ioeventfd_destroy - give all references back
 * @bus: of a VM that has no vCPU any more, and nobody else to change it
 */
void lodge_ioeventfd_destroy(struct lodge_bus *bus)
{
	struct lodge_ioeventfd_table *t = table_of(bus);
	u32 i;

	for (i = 0; t && i < t->nr; i++)
		eventfd_ctx_put(t->entry[i].ctx);
	RCU_INIT_POINTER(bus->signals, NULL);
	kfree(t);
}

/**
 * lodge_ioeventfd_search - the rest of lodge_ioeventfd_write()
 * @bus: the VM's
 * @address: as there
 * @width: as there
 * @value: as there
 *
 * Return: as there.
 */
bool lodge_ioeventfd_search(struct lodge_bus *bus, u64 address, u8 width, u64 value)
{
	const struct lodge_ioeventfd_table *t;
	bool found = false;
	u32 i;

	if (width < 8)
		value &= BIT_ULL(width * 8) - 1;
	rcu_read_lock();
	t = rcu_dereference(bus->signals);
	for (i = t ? first_at(t, address) : 0; t && i < t->nr && !found; i++) {
		const struct lodge_ioeventfd_entry *e = &t->entry[array_index_nospec(i, t->nr)];

		if (e->address != address)
			break;
		found = (!e->len || e->len == width) && (!e->matches || e->match == value);
		if (found)
			compat_eventfd_signal(e->ctx);
	}
	rcu_read_unlock();
	return found;
}
