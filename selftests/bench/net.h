/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench_net - what a virtio network device costs, on lodge and on KVM with vhost-net
 *
 *   net.c        jobs, the host's side, the table	net_guest.c  the driver
 *   net_kvm.c    the VM under KVM			net_memory.c what a VM weighs
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <linux/virtio_net.h>

#include "vm.h"

#define NET_SLOT	5	/* of the PCI bus */
#define NET_RX		0
#define NET_TX		1
#define NET_SLOTS	256	/* of each ring */
#define NET_HDR		12	/* bytes before a frame, here and at the tap */
#define NET_VECTOR	0x60	/* of the receive queue; the next is of the other */

/* Rings, where a disk has nothing (blkguest.h); buffers, from GPA_FREE on, of 4 KiB each */
#define NET_DESC(q)	(GPA_SCRATCH + 0x20000 + (q) * 0x4000ull)
#define NET_AVAIL(q)	(NET_DESC(q) + 0x1000)
#define NET_USED(q)	(NET_DESC(q) + 0x2000)
#define NET_BUFFERS	GPA_FREE
#define NET_FRAME	(GPA_FREE + 0x200000)	/* what is sent, with its header */
#define NET_RECORD	(GPA_SCRATCH + 0x2f000)	/* of MSR_KVM_PV_EOI_EN */

/* Under KVM: writes that kick, outside of memory */
#define NET_DOORBELL	0xd0000000ull

#define NET_LOW_FEATURES						\
	(1u << VIRTIO_NET_F_CSUM | 1u << VIRTIO_NET_F_GUEST_CSUM |	\
	 1u << VIRTIO_NET_F_GUEST_TSO4 | 1u << VIRTIO_NET_F_HOST_TSO4 |	\
	 1u << VIRTIO_NET_F_MRG_RXBUF | 1u << 29 /* VIRTIO_RING_F_EVENT_IDX */)

#define NET_ETHERTYPE	0x88b5		/* of small frames: for experiments */

enum net_kind { NET_NOTHING, NET_SEND, NET_RECEIVE, NET_ECHO };

/**
 * struct net_job - what the guest is to do until its next GUEST_SYNC()
 * @kind: send, receive or send back
 * @frames: how many, of all batches if it sends
 * @batch: to send with one kick
 * @pieces: descriptors of a frame that is sent
 * @len: bytes of it, without its header
 * @interrupts: out: taken
 */
struct net_job {
	u32 kind;
	u32 frames;
	u32 batch;
	u32 pieces;
	u32 len;
	u64 interrupts;
};

extern struct net_job net_job;
extern u64 net_doorbell[2];	/* 0: the guest looks for its device */

/* net_guest.c */
void net_drive(void);
void net_on_interrupt(struct guest_frame *f);

/* net_kvm.c */
struct kvm;

struct kvm *kvm_create(struct vcpu *vcpu, int tap);
void kvm_sync(struct kvm *k);
u64 kvm_exits(const struct kvm *k);
void kvm_destroy(struct kvm *k);

#endif /* BENCH_NET_H */
