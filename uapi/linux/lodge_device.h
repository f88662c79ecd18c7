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
#define LODGE_DEVICE_VSOCK	19	/* one at most; LODGE_VM_VSOCK */

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
#define LODGE_MAX_PORTS		6	/* of a console, with a name */
#define LODGE_PORT_NAME_LEN	32
#define LODGE_MAX_PAIRS		8	/* of a network device: a queue each way */

/**
 * struct lodge_add_device - LODGE_VM_ADD_DEVICE, LODGE_VM_GET_DEVICE; returns the device number
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
 * @ports: console: names of further ports, printable, without '/', NUL-terminated, none of them
 *	twice; zero behind the last one.  A guest that does not know of ports (VIRTIO_CONSOLE_F_
 *	MULTIPORT) has the console alone
 * @max_requests: block, net: requests, or frames in each direction, a second at most; 0: no limit
 * @max_bytes: likewise
 *
 * With LODGE_VM_MACHINE only, else ENODEV, and before the first vCPU, else EBUSY.  EEXIST if
 * @slot is taken, or if there is a device of a kind that there is one of.  The descriptor
 * may be closed after the call.
 *
 * LODGE_VM_GET_DEVICE takes @size and @slot, tells what LODGE_VM_ADD_DEVICE, or a netlink message,
 * was given for this device, but the limits that it has now, and has @fd and @fds new descriptors
 * of the same open files: for a process that makes the VM anew.  ENODEV if there is no such device,
 * EPERM if somebody else opened the file.
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
	char ports[LODGE_MAX_PORTS][LODGE_PORT_NAME_LEN];
	__u64 max_requests;
	__u64 max_bytes;
};

#define LODGE_VSOCK_QUEUES	2	/* 0 to the guest, 1 from it */

/**
 * struct lodge_vsock - a vsock's address, and who serves it (LODGE_VM_VSOCK)
 * @size: sizeof(struct lodge_vsock)
 * @cid: the guest's address, 3 to 0xfffffffe
 * @features: that may be offered, as VHOST_GET_FEATURES tells them; with VIRTIO_F_VERSION_1.
 *	What else than split rings and their layout it would take is not offered.
 * @kick: eventfds, by queue, that the guest's kicks signal: VHOST_SET_VRING_KICK
 * @call: eventfds, by queue, that interrupt the guest: VHOST_SET_VRING_CALL
 * @error: eventfd that has the driver reset the device: VHOST_SET_VRING_ERR
 * @pad: zero
 *
 * LODGE_VM_VSOCK returns a descriptor, once (EBUSY), of a VM with a LODGE_DEVICE_VSOCK (ENODEV)
 * and without a vCPU (EBUSY).  Eventfds may be closed after it.  The descriptor is readable when
 * there is a struct lodge_vsock_request, which waits, and the guest with it, for the write of a
 * struct lodge_vsock_answer: a device whose guest has reset it is reset when the request to stop
 * has been answered, and not before.  Who pauses the VM waits for a request to stop, too; when it
 * goes on there is one to start, with the rings where they were.  A write without a request fails
 * with EINVAL.  When the descriptor is closed requests to start fail, and nobody waits for others.
 * By a process that is not the VM's reads and writes fail with EIO.
 */
struct lodge_vsock {
	__u32 size;
	__u32 cid;
	__u64 features;
	__s32 kick[LODGE_VSOCK_QUEUES];
	__s32 call[LODGE_VSOCK_QUEUES];
	__s32 error;
	__u32 pad;
};

/**
 * struct lodge_vsock_queue - a split ring, as the guest has set it up
 * @desc: guest-physical address of the descriptors, a multiple of 16; the guest's choice, as the
 *	others: there need not be memory
 * @driver: of the available ring, a multiple of 2
 * @device: of the used ring, a multiple of 4
 * @size: descriptors, a power of 2
 * @next: entry of the available ring to begin with: VHOST_SET_VRING_BASE
 */
struct lodge_vsock_queue {
	__u64 desc;
	__u64 driver;
	__u64 device;
	__u32 size;
	__u32 next;
};

/**
 * struct lodge_vsock_request - what is to be done
 * @running: 1: serve the queues; 0: do not touch them any more
 * @pad: zero
 * @features: with @running: those that the driver has accepted
 * @queue: with @running
 */
struct lodge_vsock_request {
	__u32 running;
	__u32 pad;
	__u64 features;
	struct lodge_vsock_queue queue[LODGE_VSOCK_QUEUES];
};

/**
 * struct lodge_vsock_answer - it has been done
 * @error: 0, or an errno, with which the driver is asked to reset the device: nothing runs
 * @pad: zero
 * @next: of a request to stop: as of VHOST_GET_VRING_BASE, 0xffff at most
 */
struct lodge_vsock_answer {
	__u32 error;
	__u32 pad;
	__u32 next[LODGE_VSOCK_QUEUES];
};

#endif /* _UAPI_LINUX_LODGE_DEVICE_H */
