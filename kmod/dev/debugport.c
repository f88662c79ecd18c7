// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports by which test guests speak, as on Bochs and QEMU: a read of 0xe9 tells
 * that the debug console is there, what is written to it goes to user space; a
 * write to 0xf4 ends the run with its value.
 */
#include <linux/types.h>

#include "bus.h"
#include "debugport.h"

#define DEBUG_CONSOLE_PORT	0xe9
#define DEBUG_EXIT_PORT		0xf4

static u64 console_read(void *dev, u32 offset, u8 width)
{
	return DEBUG_CONSOLE_PORT;
}

static const struct lodge_bus_ops console_ops = {
	.read = console_read,
};

static u64 exit_read(void *dev, u32 offset, u8 width)
{
	return 0;
}

static enum lodge_bus_end exit_write(void *dev, u32 offset, u8 width, u64 value)
{
	return LODGE_BUS_EXIT;
}

static const struct lodge_bus_ops exit_ops = {
	.read = exit_read,
	.write = exit_write,
};

/**
 * lodge_debugport_attach - put the debug console and the exit port on a VM's bus
 * @bus: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_debugport_attach(struct lodge_bus *bus)
{
	static const struct lodge_bus_range ranges[] = {
		{ .first = DEBUG_CONSOLE_PORT, .count = 1, .ops = &console_ops },
		{ .first = DEBUG_EXIT_PORT, .count = 4, .ops = &exit_ops },
	};
	int err;

	err = lodge_bus_add(bus, &ranges[0]);
	return err ? err : lodge_bus_add(bus, &ranges[1]);
}
