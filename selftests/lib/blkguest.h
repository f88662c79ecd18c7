/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio disk as guest code drives it, by hand: one split queue, polled.
 */
#ifndef LODGE_SELFTESTS_BLKGUEST_H
#define LODGE_SELFTESTS_BLKGUEST_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "pcidev.h"

/* since Linux 6.0 */
#ifndef VIRTIO_BLK_T_SECURE_ERASE
#define VIRTIO_BLK_T_SECURE_ERASE	14
#endif
#ifndef VIRTIO_PCI_COMMON_Q_RESET
#define VIRTIO_PCI_COMMON_Q_RESET	58
#endif

#define RING_SIZE	64
#define RING_DESC	GPA_SCRATCH
#define RING_AVAIL	(GPA_SCRATCH + 0x1000)
#define RING_USED	(GPA_SCRATCH + 0x2000)
#define HEADER		(GPA_SCRATCH + 0x4000)
#define STATUS		(GPA_SCRATCH + 0x5000)
#define DATA		(GPA_SCRATCH + 0x10000)

#define NO_STATUS	0x77

static u64 blk_bar;
static u32 blk_common, blk_notify, blk_config, blk_doorbell, blk_isr;
static u16 blk_next;	/* descriptors of the request that is being made */

static inline void blk_find(void)
{
	u32 at, type, offset;

	blk_bar = read32(config(PCI_BASE_ADDRESS_0));
	for (at = read8(config(PCI_CAPABILITY_LIST)); at; at = read8(config(at + 1))) {
		if (read8(config(at)) != PCI_CAP_ID_VNDR)
			continue;
		type = read8(config(at + 3));
		offset = read32(config(at + 8));
		if (read8(config(at + 4)) == 1) {
			blk_doorbell = (read32(config(PCI_BASE_ADDRESS_1)) & ~3u) + offset;
			continue;
		}
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			blk_common = offset;
		else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			blk_notify = offset;
		else if (type == VIRTIO_PCI_CAP_ISR_CFG)
			blk_isr = offset;
		else if (type == VIRTIO_PCI_CAP_DEVICE_CFG)
			blk_config = offset;
	}
	GUEST_ASSERT(blk_config && blk_doorbell);
	command(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* As Linux, by the port that the device prefers; a double word for each queue */
static inline void blk_ring(u32 queue)
{
	outw(blk_doorbell + 4 * queue, queue);
}

static inline u64 blk_reg(u32 reg)
{
	return blk_bar + blk_common + reg;
}

static inline u8 blk_status(void)
{
	return read8(blk_reg(VIRTIO_PCI_COMMON_STATUS));
}

static inline void blk_set_status(u8 v)
{
	write8(blk_reg(VIRTIO_PCI_COMMON_STATUS), v);
}

static inline void blk_reset(void)
{
	blk_set_status(0);
	while (blk_status())
		cpu_relax();
}

static inline u32 blk_features(u32 half)
{
	write32(blk_reg(VIRTIO_PCI_COMMON_DFSELECT), half);
	return read32(blk_reg(VIRTIO_PCI_COMMON_DF));
}

static inline void blk_accept(u32 half, u32 value)
{
	write32(blk_reg(VIRTIO_PCI_COMMON_GFSELECT), half);
	write32(blk_reg(VIRTIO_PCI_COMMON_GF), value);
}

static inline void blk_address(u32 reg, u64 v)
{
	write32(blk_reg(reg), v);
	write32(blk_reg(reg + 4), v >> 32);
}

/* A device that is reset, up to DRIVER_OK; features are halves of what was offered */
static inline void blk_start(u32 low, u32 high, u16 size)
{
	volatile u64 *p;

	for (p = (u64 *)RING_DESC; p < (u64 *)HEADER; p++)
		*p = 0;
	blk_set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	blk_accept(0, low);
	blk_accept(1, high);
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_FEATURES_OK);
	GUEST_ASSERT_EQ(blk_status(), 0xb);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), 0);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SIZE), size);
	blk_address(VIRTIO_PCI_COMMON_Q_DESCLO, RING_DESC);
	blk_address(VIRTIO_PCI_COMMON_Q_AVAILLO, RING_AVAIL);
	blk_address(VIRTIO_PCI_COMMON_Q_USEDLO, RING_USED);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_DRIVER_OK);
	blk_next = 0;
}

static inline void blk_up(void)
{
	blk_find();
	blk_reset();
	blk_start(1 << VIRTIO_BLK_F_FLUSH, 1, RING_SIZE);
}

/* One more descriptor of the request; each but the last has another after it */
static inline void blk_part(u64 addr, u32 len, bool write, bool more)
{
	volatile struct vring_desc *d = (struct vring_desc *)RING_DESC + blk_next;

	d->addr = addr;
	d->len = len;
	d->flags = (write ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0);
	d->next = ++blk_next;
}

static inline void blk_header(u32 type, u64 sector)
{
	write32(HEADER, type);
	write32(HEADER + 4, 0);
	*(volatile u64 *)(HEADER + 8) = sector;
	write8(STATUS, NO_STATUS);
	blk_next = 0;
}

static inline void blk_kick(void)
{
	u16 idx = read16(RING_AVAIL + 2);

	write16(RING_AVAIL + 4 + idx % RING_SIZE * 2, 0);
	write16(RING_AVAIL + 2, idx + 1);
	blk_ring(0);
}

/* Returns the status, or NO_STATUS if the device asks for a reset instead */
static inline u8 blk_go(void)
{
	blk_kick();
	while (read16(RING_USED + 2) != read16(RING_AVAIL + 2)) {
		if (blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET)
			return NO_STATUS;
		cpu_relax();
	}
	return read8(STATUS);
}

/* What the device says that it has written */
static inline u32 blk_used(void)
{
	u16 idx = read16(RING_USED + 2) - 1;

	return read32(RING_USED + 4 + idx % RING_SIZE * 8 + 4);
}

static inline u8 blk_ask(u32 type, u64 sector, u64 data, u32 len)
{
	blk_header(type, sector);
	blk_part(HEADER, 16, false, true);
	if (len)
		blk_part(data, len, type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID, true);
	blk_part(STATUS, 1, true, false);
	return blk_go();
}

/* ---- the host's side ----------------------------------------------------- */

static inline int blk_add(struct vm *vm, int fd, u32 flags, u32 queues)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_BLOCK, .slot = SLOT, .fd = fd,
		.flags = flags, .queues = queues, .serial = "twenty characters it",
	};

	return ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d);
}

#endif /* LODGE_SELFTESTS_BLKGUEST_H */
