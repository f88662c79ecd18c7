// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bus: which in-kernel device answers at which I/O port or memory address.
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "bus.h"

/**
 * lodge_bus_add - let a device answer at a range of ports or addresses
 * @bus: of a VM that has no vCPU yet
 * @range: copied
 *
 * Return: 0, -EEXIST if some of it is taken, -ENOSPC.
 */
int lodge_bus_add(struct lodge_bus *bus, const struct lodge_bus_range *range)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct lodge_bus_range *r = &bus->range[i];

		if (range->first < r->first + r->count && r->first < range->first + range->count)
			return -EEXIST;
	}
	if (bus->nr == LODGE_BUS_MAX)
		return -ENOSPC;
	bus->first = bus->nr ? min_t(u64, bus->first, range->first) : range->first;
	bus->last = max_t(u64, bus->last, range->first + range->count - 1);
	bus->range[bus->nr++] = *range;
	return 0;
}

/**
 * lodge_bus_search - the rest of lodge_bus_find()
 * @bus: the VM's
 * @address: first port or byte of the access
 * @width: bytes
 *
 * Return: the range or NULL.
 */
const struct lodge_bus_range *lodge_bus_search(const struct lodge_bus *bus, u64 address,
					       u8 width)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct lodge_bus_range *r = &bus->range[i];

		if (address >= r->first && address + width <= r->first + r->count)
			return r;
	}
	return NULL;
}
