// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports by which test guests speak, as on Bochs and QEMU: a read of 0xe9 tells
 * that the debug console is there, what is written to it goes to the VM's debug
 * console, or to user space if there is none; a write to 0xf4 ends the run with
 * its value.  Firmware for QEMU has its debug console at 0x402.
 */
#include <linux/types.h>

#include "bus.h"
#include "console.h"
#include "debugport.h"

#define DEBUG_CONSOLE_PORT	0xe9
#define FIRMWARE_CONSOLE_PORT	0x402
#define DEBUG_EXIT_PORT		0xf4

static u64 console_read(void *dev, u32 offset, u8 width)
{
	return DEBUG_CONSOLE_PORT;
}

static const struct lodge_bus_ops user_console_ops = {
	.read = console_read,
};

/* The port knows no wait: what a reader is too slow for is lost */
static enum lodge_bus_end console_write(void *dev, u32 offset, u8 width, u64 value)
{
	lodge_console_put(dev, value);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops console_ops = {
	.read = console_read,
	.write = console_write,
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
 * @con: gets what is written to the console; NULL: that goes to user space
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_debugport_attach(struct lodge_bus *bus, struct lodge_console *con)
{
	const struct lodge_bus_range console = {
		.first = DEBUG_CONSOLE_PORT, .count = 1,
		.ops = con ? &console_ops : &user_console_ops, .dev = con,
	};
	const struct lodge_bus_range exit = {
		.first = DEBUG_EXIT_PORT, .count = 4, .ops = &exit_ops,
	};
	const struct lodge_bus_range firmware = {
		.first = FIRMWARE_CONSOLE_PORT, .count = 1, .ops = &console_ops, .dev = con,
	};
	int err = lodge_bus_add(bus, &console);

	if (!err && con)
		err = lodge_bus_add(bus, &firmware);
	return err ? err : lodge_bus_add(bus, &exit);
}
