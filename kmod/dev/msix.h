/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_MSIX_H
#define LODGE_DEV_MSIX_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_irq;

#define LODGE_MSIX_MAX		32	/* entries; the pending bits are one qword */
#define LODGE_MSIX_ENTRY	16	/* bytes */

/**
 * struct lodge_msix - a PCI function's MSI-X table and pending bits
 * @lock: guards all below; raw, interrupts saved; messages are sent under it
 * @irq: where messages go [I]
 * @nr: entries [I]
 * @enabled: MSI-X Enable
 * @held: no message may go: Function Mask, or the function may not master the bus
 * @pending: a bit an entry: a message waits to be unmasked
 * @entry: address low, high, data, vector control
 *
 * [I] constant.
 */
struct lodge_msix {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	u16 nr;
	bool enabled;
	bool held;
	u64 pending;
	u32 entry[LODGE_MSIX_MAX][LODGE_MSIX_ENTRY / 4];
};

void lodge_msix_init(struct lodge_msix *msix, struct lodge_irq *irq, unsigned int nr);
void lodge_msix_set(struct lodge_msix *msix, bool enabled, bool held);
u64 lodge_msix_read(struct lodge_msix *msix, u32 offset, u8 width);
void lodge_msix_write(struct lodge_msix *msix, u32 offset, u8 width, u64 value);
u64 lodge_msix_read_pending(struct lodge_msix *msix, u32 offset, u8 width);
void lodge_msix_fire(struct lodge_msix *msix, unsigned int entry);

#endif /* LODGE_DEV_MSIX_H */
