// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bus: which in-kernel device answers at which I/O port or memory address.
 */
#include <linux/errno.h>
#include <linux/string.h>

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
	unsigned int i, at = 0;

	for (i = 0; i < bus->nr; i++) {
		const struct lodge_bus_range *r = &bus->range[i];

		if (range->first < r->first + r->count && r->first < range->first + range->count)
			return -EEXIST;
		if (r->first < range->first)
			at = i + 1;
	}
	if (bus->nr == LODGE_BUS_MAX)
		return -ENOSPC;
	memmove(&bus->range[at + 1], &bus->range[at], (bus->nr - at) * sizeof(*range));
	bus->range[at] = *range;
	bus->nr++;
	return 0;
}

/**
 * lodge_bus_remove - take a range away again
 * @bus: of a VM that has no vCPU yet
 * @first: its first port or address
 * @range: gets it
 *
 * Return: 0, -ENOENT if no range starts there.
 */
int lodge_bus_remove(struct lodge_bus *bus, u64 first, struct lodge_bus_range *range)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		if (bus->range[i].first != first)
			continue;
		*range = bus->range[i];
		bus->nr--;
		memmove(&bus->range[i], &bus->range[i + 1], (bus->nr - i) * sizeof(*range));
		bus->range[bus->nr] = (struct lodge_bus_range){ 0 };
		return 0;
	}
	return -ENOENT;
}

/**
 * lodge_bus_takes_writes - whether a device in the kernel takes writes in a range
 * @bus: the VM's
 * @address: first port or byte
 * @len: bytes, above 0; does not wrap
 *
 * Return: true if there is one, for all of the range or a part of it.
 */
bool lodge_bus_takes_writes(const struct lodge_bus *bus, u64 address, u32 len)
{
	unsigned int i;

	for (i = 0; i < bus->nr; i++) {
		const struct lodge_bus_range *r = &bus->range[i];

		if (r->ops->write && address < r->first + r->count && r->first < address + len)
			return true;
	}
	return false;
}

/**
 * lodge_bus_search - the rest of lodge_bus_find()
 * @bus: the VM's
 * @address: first port or byte of the access
 * @width: bytes
 *
 * Return: the range or NULL.
 */
const struct lodge_bus_range *lodge_bus_search(struct lodge_bus *bus, u64 address, u8 width)
{
	unsigned int low = 0, high = bus->nr;

	/* below @low ranges begin at or before the address, from @high on behind it */
	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (bus->range[middle].first <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || !lodge_bus_covers(&bus->range[low - 1], address, width))
		return NULL;
	WRITE_ONCE(bus->hint, low - 1);
	return &bus->range[low - 1];
}
