/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with one device on its PCI bus, and how its guest gets at configuration space and memory.
 */
#ifndef LODGE_SELFTESTS_PCIDEV_H
#define LODGE_SELFTESTS_PCIDEV_H

#include <linux/pci_regs.h>

#include "vm.h"

#define ECAM		0xc0000000ull
#define WINDOW		0xc0100000ull
#define WINDOW_END	0xfec00000ull
#ifndef SLOT
#define SLOT		5	/* of the device */
#endif
#define BAR_SIZE	0x8000u
#define IO_SIZE		0x80u

static inline u32 read32(u64 at)
{
	return *(volatile u32 *)at;
}

static inline u16 read16(u64 at)
{
	return *(volatile u16 *)at;
}

static inline u8 read8(u64 at)
{
	return *(volatile u8 *)at;
}

static inline void write32(u64 at, u32 v)
{
	*(volatile u32 *)at = v;
}

static inline void write16(u64 at, u16 v)
{
	*(volatile u16 *)at = v;
}

static inline void write8(u64 at, u8 v)
{
	*(volatile u8 *)at = v;
}

static inline u64 config(u32 reg)
{
	return ECAM + (SLOT << 15) + reg;
}

static inline void command(u16 v)
{
	write16(config(PCI_COMMAND), v);
}

/* Returns what the call does: the device number */
static inline int pcidev_add(struct vm *vm, u32 slot)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_RNG, .slot = slot, .fd = -1,
	};

	return ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d);
}

#endif /* LODGE_SELFTESTS_PCIDEV_H */
