// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port bus: which in-kernel device answers at which I/O port.
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "bus.h"

/**
 * lodge_bus_add - let a device answer at a range of ports
 * @bus: of a VM that has no vCPU yet
 * @range: copied
 *
 * Return: 0, -EEXIST if ports are taken, -ENOSPC.
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
	bus->first = bus->nr ? min_t(u32, bus->first, range->first) : range->first;
	bus->last = max_t(u32, bus->last, range->first + range->count - 1);
	bus->range[bus->nr++] = *range;
	return 0;
}

/**
 * lodge_bus_search - the rest of lodge_bus_find()
 * @bus: the VM's
 * @port: first port of the access
 * @width: bytes
 *
 * Return: the range or NULL.
 */
const struct lodge_bus_range *lodge_bus_search(const struct lodge_bus *bus, u16 port, u8 width)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct lodge_bus_range *r = &bus->range[i];

		if (port >= r->first && port + width <= r->first + r->count)
			return r;
	}
	return NULL;
}
