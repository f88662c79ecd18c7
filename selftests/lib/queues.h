/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several split queues of a virtio device as guest code drives them, by hand, polled; the device's
 * registers are those of blkguest.h.
 */
#ifndef LODGE_SELFTESTS_QUEUES_H
#define LODGE_SELFTESTS_QUEUES_H

#include "blkguest.h"

#define QUEUES_MOST	8
#define QUEUE_SIZE	16
#define QUEUE_DESC(q)	(GPA_SCRATCH + (q) * 0x8000ull)
#define QUEUE_AVAIL(q)	(QUEUE_DESC(q) + 0x1000)
#define QUEUE_USED(q)	(QUEUE_DESC(q) + 0x2000)
#define BUFFER_LEN	0x400u
#define BUFFER_OF(q, i)	(QUEUE_DESC(q) + 0x4000 + (i) * BUFFER_LEN)

static u16 queue_seen[QUEUES_MOST];	/* of the used ring */

static inline void queue_set_up(u16 q)
{
	volatile u64 *p;

	for (p = (u64 *)QUEUE_DESC(q); p < (u64 *)BUFFER_OF(q, 0); p++)
		*p = 0;
	queue_seen[q] = 0;
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), q);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SIZE), QUEUE_SIZE);
	blk_address(VIRTIO_PCI_COMMON_Q_DESCLO, QUEUE_DESC(q));
	blk_address(VIRTIO_PCI_COMMON_Q_AVAILLO, QUEUE_AVAIL(q));
	blk_address(VIRTIO_PCI_COMMON_Q_USEDLO, QUEUE_USED(q));
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
}

static inline void queue_describe(u16 q, u16 i, u64 addr, u32 len, u16 flags)
{
	volatile struct vring_desc *d = (struct vring_desc *)QUEUE_DESC(q) + i;

	d->addr = addr;
	d->len = len;
	d->flags = flags;
	d->next = i + 1;
}

static inline void queue_offer(u16 q, u16 head)
{
	u16 idx = read16(QUEUE_AVAIL(q) + 2);

	write16(QUEUE_AVAIL(q) + 4 + idx % QUEUE_SIZE * 2, head);
	write16(QUEUE_AVAIL(q) + 2, idx + 1);
	blk_ring(q);
}

static inline bool queue_has_used(u16 q)
{
	return read16(QUEUE_USED(q) + 2) != queue_seen[q];
}

/* The next that was used: its head, and what was written */
static inline u32 queue_wait(u16 q, u32 *written)
{
	u64 at;

	while (!queue_has_used(q))
		cpu_relax();
	at = QUEUE_USED(q) + 4 + queue_seen[q]++ % QUEUE_SIZE * 8;
	GUEST_ASSERT(read32(at) < QUEUE_SIZE);
	if (written)
		*written = read32(at + 4);
	return read32(at);
}

/* A device that is reset, up to FEATURES_OK */
static inline void queues_negotiate(u32 low, u32 high)
{
	blk_find();
	blk_reset();
	blk_set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	blk_accept(0, low);
	blk_accept(1, high);
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_FEATURES_OK);
	GUEST_ASSERT_EQ(blk_status(), 0xb);
}

static inline void queues_go(void)
{
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_DRIVER_OK);
}

#endif /* LODGE_SELFTESTS_QUEUES_H */
