// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debug console at port 0xe9: a read tells the guest that it is there, as
 * on Bochs and QEMU.
 */
#include <linux/types.h>

#include "bus.h"
#include "debugport.h"

#define DEBUG_CONSOLE_PORT	0xe9

static u32 console_read(void *dev, u16 offset, u8 width)
{
	return DEBUG_CONSOLE_PORT;
}

static const struct lodge_bus_ops console_ops = {
	.read = console_read,
};

/**
 * lodge_debugport_attach - put the debug console on a VM's bus
 * @bus: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_debugport_attach(struct lodge_bus *bus)
{
	const struct lodge_bus_range console = {
		.first = DEBUG_CONSOLE_PORT, .count = 1, .ops = &console_ops,
	};

	return lodge_bus_add(bus, &console);
}
