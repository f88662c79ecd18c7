/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_BUS_H
#define LODGE_DEV_BUS_H

#include <linux/compiler.h>
#include <linux/types.h>

struct lodge_ioeventfd_table;

#define LODGE_BUS_MAX	24

/**
 * enum lodge_bus_end - what a write to a device means for the run
 * @LODGE_BUS_DONE: nothing: the guest runs on
 * @LODGE_BUS_EXIT: it ends with LODGE_EXIT_DEBUG_EXIT and the value
 * @LODGE_BUS_POWEROFF: with LODGE_EXIT_SYSTEM, as the ones below
 * @LODGE_BUS_RESET: likewise
 * @LODGE_BUS_PANIC: likewise
 * @LODGE_BUS_RETRY: in memory only: it is not done yet, the guest executes the instruction again
 */
enum lodge_bus_end {
	LODGE_BUS_DONE,
	LODGE_BUS_EXIT,
	LODGE_BUS_POWEROFF,
	LODGE_BUS_RESET,
	LODGE_BUS_PANIC,
	LODGE_BUS_RETRY,
};

/**
 * struct lodge_bus_ops - a device's registers
 * @read: @width bytes from @offset into the range; 1, 2 or 4 at ports, up to 8 in memory
 * @write: likewise; anything but LODGE_BUS_DONE ends the run after the instruction
 *
 * An access whose function is NULL goes to user space.
 *
 * At ports both may be called with interrupts off, from inside a VMX window: they may take
 * raw spinlocks, with interrupts saved, and must not sleep or touch user memory.  In memory
 * they are called outside of windows, and may sleep.
 */
struct lodge_bus_ops {
	u64 (*read)(void *dev, u32 offset, u8 width);
	enum lodge_bus_end (*write)(void *dev, u32 offset, u8 width, u64 value);
};

/**
 * struct lodge_bus_range - who answers at a range of ports or addresses
 * @first: first port or guest-physical address
 * @count: how many ports or bytes
 * @ops: the device's functions
 * @dev: their first argument
 */
struct lodge_bus_range {
	u64 first;
	u32 count;
	const struct lodge_bus_ops *ops;
	void *dev;
};

/**
 * struct lodge_bus - the ports, or the device memory, of a VM that the kernel handles
 * @nr: ranges in use
 * @hint: the range that was found last: a device is mostly asked more than once
 * @range: by address; filled before the VM's first vCPU, constant after, so read
 *	without lock
 * @signals: writes that signal eventfds where no device answers (ioeventfd.h)
 */
struct lodge_bus {
	u8 nr;
	u8 hint;
	struct lodge_ioeventfd_table __rcu *signals;
	struct lodge_bus_range range[LODGE_BUS_MAX];
};

int lodge_bus_add(struct lodge_bus *bus, const struct lodge_bus_range *range);
int lodge_bus_remove(struct lodge_bus *bus, u64 first, struct lodge_bus_range *range);
bool lodge_bus_takes_writes(const struct lodge_bus *bus, u64 address, u32 len);
const struct lodge_bus_range *lodge_bus_search(struct lodge_bus *bus, u64 address, u8 width);

static inline bool lodge_bus_covers(const struct lodge_bus_range *r, u64 address, u8 width)
{
	return address - r->first < r->count && address - r->first + width <= r->count;
}

/**
 * lodge_bus_find - who answers at a port or address
 * @bus: the VM's
 * @address: first port or byte of the access, the guest's choice
 * @width: bytes; the access must lie within one range
 *
 * Return: the range or NULL.
 */
static inline const struct lodge_bus_range *lodge_bus_find(struct lodge_bus *bus, u64 address,
							   u8 width)
{
	const struct lodge_bus_range *r = &bus->range[READ_ONCE(bus->hint)];

	return likely(lodge_bus_covers(r, address, width)) ? r :
							      lodge_bus_search(bus, address, width);
}

#endif /* LODGE_DEV_BUS_H */
