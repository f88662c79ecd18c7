/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * lodge_device.h - the virtio devices that a VM can be given.  Included by lodge.h.
 */
#ifndef _UAPI_LINUX_LODGE_DEVICE_H
#define _UAPI_LINUX_LODGE_DEVICE_H

#include <linux/types.h>

/* struct lodge_add_device.id: as virtio numbers devices */
#define LODGE_DEVICE_NET	1
#define LODGE_DEVICE_BLOCK	2
#define LODGE_DEVICE_CONSOLE	3	/* one at most; LODGE_CONSOLE_VIRTIO */
#define LODGE_DEVICE_RNG	4
#define LODGE_DEVICE_BALLOON	5	/* one at most */

/* struct lodge_add_device.flags */
#define LODGE_DEVICE_READONLY	(1U << 0)	/* block: the guest cannot write */

/*
 * Without LODGE_VM_PCI device n has its registers at LODGE_MMIO_BASE + n * LODGE_MMIO_SIZE, as
 * virtio-mmio, version 2, and the line (struct lodge_gsi) LODGE_MMIO_GSI + n % LODGE_MMIO_LINES,
 * level-triggered and shared.
 */
#define LODGE_MMIO_BASE		0xd0000000UL
#define LODGE_MMIO_SIZE		0x1000
#define LODGE_MMIO_DEVICES	32	/* 0 is none of them */
#define LODGE_MMIO_GSI		10
#define LODGE_MMIO_LINES	6

#define LODGE_SERIAL_LEN	20
#define LODGE_MAX_QUEUES	16	/* of a disk */
#define LODGE_MAX_PAIRS		8	/* of a network device: a queue each way */

/**
 * struct lodge_add_device - LODGE_VM_ADD_DEVICE; returns the device number
 * @size: sizeof(struct lodge_add_device)
 * @id: LODGE_DEVICE_*
 * @flags: LODGE_DEVICE_*, those of this kind
 * @slot: device number, on the PCI bus or without one, 1 to 31, or 0 for the first free one
 * @fd: what is behind it: block: a block device or file; net: a tap, open for reading and
 *	writing, with IFF_TAP, IFF_NO_PI, IFF_VNET_HDR and TUNSETVNETHDRSZ 12; -1 for kinds that
 *	have nothing
 * @queues: block: how many that carry requests, LODGE_MAX_QUEUES at most; net: pairs of them,
 *	LODGE_MAX_PAIRS at most; 0: one
 * @mac: net: the guest's address, one is made up if it is zero
 * @mtu: net: bytes, 68 at least, that the guest is told of; 0: it is not
 * @serial: block: what the guest can tell it by; ends with a NUL unless it is full
 * @fds: net: as @fd, with IFF_MULTI_QUEUE: further queues of the same tap, one for each pair but
 *	the first; zero behind those
 *
 * With LODGE_VM_MACHINE only, else ENODEV, and before the first vCPU, else EBUSY.  EEXIST if
 * @slot is taken, or if there is a device of a kind that there is one of.  The descriptor
 * may be closed after the call.
 */
struct lodge_add_device {
	__u32 size;
	__u32 id;
	__u32 flags;
	__u32 slot;
	__s32 fd;
	__u32 queues;
	__u8 mac[6];
	__u16 mtu;
	__u8 serial[LODGE_SERIAL_LEN];
	__s32 fds[LODGE_MAX_PAIRS - 1];
};

#endif /* _UAPI_LINUX_LODGE_DEVICE_H */
