// SPDX-License-Identifier: GPL-2.0-only
/*
 * The few items of QEMU's fw_cfg that kernels without firmware ask for, and test images in
 * particular: how many processors and how much memory there are (QEMU's
 * Documentation, specs/fw_cfg).  An item is selected at port 0x510 and read from 0x511, a
 * byte at a time; what there is not reads as 0.  It has neither files nor DMA.
 */
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/minmax.h>

#include "../irq/route.h"
#include "bus.h"
#include "fwcfg.h"

#define PORT		0x510
#define DATA		1	/* offset */

#define KEY_SIGNATURE	0x00
#define KEY_ID		0x01
#define KEY_RAM_SIZE	0x03
#define KEY_NB_CPUS	0x05
#define KEY_MAX_CPUS	0x0f

#define SIGNATURE	0x554d4551	/* "QEMU" */
#define ID_PORTS	BIT(0)

static u64 data_read(void *dev, u32 offset, u8 width)
{
	struct lodge_fwcfg *f = dev;
	u8 at = READ_ONCE(f->at);

	if (offset != DATA || width != 1)
		return ~0ULL;
	/* another vCPU may select meanwhile: what is compared is what is shifted by */
	if (at >= min_t(u8, READ_ONCE(f->len), sizeof(f->value)))
		return 0;
	WRITE_ONCE(f->at, at + 1);
	return (u8)(READ_ONCE(f->value) >> at * 8);
}

static void select(struct lodge_fwcfg *f, u64 value, u8 len)
{
	WRITE_ONCE(f->value, value);
	WRITE_ONCE(f->len, len);
	WRITE_ONCE(f->at, 0);
}

static enum lodge_bus_end select_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_fwcfg *f = dev;

	if (offset == DATA || width != 2)
		return LODGE_BUS_DONE;
	switch (value) {
	case KEY_SIGNATURE:
		select(f, SIGNATURE, 4);
		break;
	case KEY_ID:
		select(f, ID_PORTS, 4);
		break;
	case KEY_RAM_SIZE:
		select(f, f->ram(f->owner), 8);
		break;
	case KEY_NB_CPUS:
	case KEY_MAX_CPUS:
		select(f, READ_ONCE(f->irq->nr_lapics), 2);
		break;
	default:
		select(f, 0, 0);
	}
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops fwcfg_ops = {
	.read = data_read,
	.write = select_write,
};

/**
 * lodge_fwcfg_attach - put it on a VM's bus
 * @f: zeroed, part of the machine
 * @ports: the VM's
 * @irq: the machine's
 * @ram: gives the bytes of memory; is called in any context
 * @owner: argument of @ram
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_fwcfg_attach(struct lodge_fwcfg *f, struct lodge_bus *ports, struct lodge_irq *irq,
		       u64 (*ram)(void *owner), void *owner)
{
	const struct lodge_bus_range range = {
		.first = PORT, .count = 2, .ops = &fwcfg_ops, .dev = f,
	};

	f->irq = irq;
	f->ram = ram;
	f->owner = owner;
	return lodge_bus_add(ports, &range);
}
