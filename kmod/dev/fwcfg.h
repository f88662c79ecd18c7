/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_FWCFG_H
#define LODGE_DEV_FWCFG_H

#include <linux/types.h>

struct lodge_bus;
struct lodge_irq;

/**
 * struct lodge_fwcfg - what a test guest asks about its machine, as of QEMU's fw_cfg
 * @irq: tells the number of processors
 * @ram: tells the bytes of memory of @owner; in any context
 * @owner: for @ram
 * @value: of the item that was selected last, little-endian
 * @len: bytes of it
 * @at: how many have been read
 *
 * No lock: vCPUs that use it at the same time spoil each other's reads.
 */
struct lodge_fwcfg {
	struct lodge_irq *irq;
	u64 (*ram)(void *owner);
	void *owner;
	u64 value;
	u8 len;
	u8 at;
};

int lodge_fwcfg_attach(struct lodge_fwcfg *f, struct lodge_bus *ports, struct lodge_irq *irq,
		       u64 (*ram)(void *owner), void *owner);

#endif /* LODGE_DEV_FWCFG_H */
