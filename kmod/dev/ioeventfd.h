/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioeventfd.h - writes of the guest that signal an eventfd, and are done with that
 */
#ifndef LODGE_DEV_IOEVENTFD_H
#define LODGE_DEV_IOEVENTFD_H

#include <linux/compiler.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "bus.h"

struct eventfd_ctx;

/**
 * struct lodge_ioeventfd_entry - a write that signals
 * @address: port or guest-physical address of its first byte
 * @match: what must be written, if @matches
 * @ctx: what is signalled; a reference
 * @len: bytes of the write, 0: of any length
 * @matches: @match counts
 */
struct lodge_ioeventfd_entry {
	u64 address;
	u64 match;
	struct eventfd_ctx *ctx;
	u8 len;
	bool matches;
};

int lodge_ioeventfd_add(struct lodge_bus *bus, const struct lodge_ioeventfd_entry *entry);
struct eventfd_ctx *lodge_ioeventfd_remove(struct lodge_bus *bus,
					   const struct lodge_ioeventfd_entry *entry);
void lodge_ioeventfd_destroy(struct lodge_bus *bus);
bool lodge_ioeventfd_search(struct lodge_bus *bus, u64 address, u8 width, u64 value);

/**
 * lodge_ioeventfd_write - the guest writes where no device takes it
 * @bus: the VM's
 * @address: port or guest-physical address, the guest's choice
 * @width: bytes, 1 to 8
 * @value: in its low bytes what is written
 *
 * As lodge_bus_ops.write, but that the lock of an eventfd is taken, and those of who waits for it.
 *
 * Return: true if an eventfd has been signalled, which is all that is to be done.
 */
static inline bool lodge_ioeventfd_write(struct lodge_bus *bus, u64 address, u8 width, u64 value)
{
	return unlikely(rcu_access_pointer(bus->signals)) &&
	       lodge_ioeventfd_search(bus, address, width, value);
}

#endif /* LODGE_DEV_IOEVENTFD_H */
