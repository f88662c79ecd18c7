/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_BUS_H
#define LODGE_DEV_BUS_H

#include <linux/types.h>

#define LODGE_BUS_MAX	16

#define LODGE_BUS_DONE	0
#define LODGE_BUS_EXIT	1	/* the value ends the run: LODGE_EXIT_DEBUG_EXIT */

/**
 * struct lodge_bus_ops - a device's ports
 * @read: @width (1, 2 or 4) bytes from @offset ports into the range
 * @write: likewise; LODGE_BUS_DONE, or, without side effect, LODGE_BUS_EXIT
 *
 * An access whose function is NULL goes to user space.
 *
 * Both are called with interrupts off, from inside a VMX window: they may take
 * raw spinlocks, and must not sleep or touch user memory.
 */
struct lodge_bus_ops {
	u32 (*read)(void *dev, u16 offset, u8 width);
	int (*write)(void *dev, u16 offset, u8 width, u32 value);
};

/**
 * struct lodge_bus_range - who answers at a range of ports
 * @first: first port
 * @count: how many
 * @ops: the device's functions
 * @dev: their first argument
 */
struct lodge_bus_range {
	u16 first;
	u16 count;
	const struct lodge_bus_ops *ops;
	void *dev;
};

/**
 * struct lodge_bus - the ports of a VM that the kernel handles
 * @nr: ranges in use
 * @first: lowest port of all of them
 * @last: highest
 * @range: filled before the VM's first vCPU, constant after, so read without lock
 */
struct lodge_bus {
	unsigned int nr;
	u32 first;
	u32 last;
	struct lodge_bus_range range[LODGE_BUS_MAX];
};

int lodge_bus_add(struct lodge_bus *bus, const struct lodge_bus_range *range);
const struct lodge_bus_range *lodge_bus_search(const struct lodge_bus *bus, u16 port, u8 width);

/**
 * lodge_bus_find - who answers at a port
 * @bus: the VM's
 * @port: first port of the access
 * @width: bytes; the access must lie within one range
 *
 * Return: the range or NULL.
 */
static inline const struct lodge_bus_range *lodge_bus_find(const struct lodge_bus *bus, u16 port,
							   u8 width)
{
	if (!bus->nr || port < bus->first || port > bus->last)
		return NULL;
	return lodge_bus_search(bus, port, width);
}

#endif /* LODGE_DEV_BUS_H */
