/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vq.h - virtqueues, the device's side: the only reader of guest rings
 *
 * Pure code over lodge_mem_*() (virtio 1.2, 2.6 to 2.8).  A queue belongs to one
 * worker; nothing here locks.  Every index, address and length is the guest's:
 * all are checked, every walk is bounded by the queue's size or a constant, and
 * nothing is read twice.
 */
#ifndef LODGE_VIRTIO_VQ_H
#define LODGE_VIRTIO_VQ_H

#include <linux/types.h>
#include <linux/uio.h>

#include "../mem.h"

#define LODGE_VQ_MAX_SIZE	1024	/* descriptors of a queue */
#define LODGE_VQ_MAX_IOV	128	/* pieces of one chain, after splitting at slots */
#define LODGE_VQ_AHEAD		16	/* heads that are read at once */

/**
 * struct lodge_vq_setup - what the driver told of a queue
 * @size: descriptors: 1 to LODGE_VQ_MAX_SIZE, a power of two in a split ring
 * @desc: guest-physical address of the descriptors
 * @driver: of the available ring, or the driver's event suppression
 * @device: of the used ring, or the device's event suppression
 * @packed: VIRTIO_F_RING_PACKED
 * @event_idx: VIRTIO_F_EVENT_IDX
 * @indirect: VIRTIO_F_INDIRECT_DESC
 */
struct lodge_vq_setup {
	u16 size;
	u64 desc;
	u64 driver;
	u64 device;
	bool packed;
	bool event_idx;
	bool indirect;
};

/**
 * struct lodge_vq - a running queue
 * @mem: memory of the VM
 * @near: where the rings and most buffers are
 * @s: as started
 * @next: position in the available ring (free-running), or in the packed ring
 * @used: likewise of the next to be used
 * @seen: the driver's index as read last, in a split ring
 * @ahead_at: what @next was when @ahead was read
 * @nr_ahead: heads in @ahead
 * @ahead: heads of chains that are available, in a split ring
 * @signalled: @used as of the last notification that was due
 * @signalled_valid: whether @signalled says anything
 * @next_wrap: wrap counter of @next, in a packed ring
 * @used_wrap: likewise of @used
 * @broken: the driver broke the rules: no more is read or written until it resets
 */
struct lodge_vq {
	struct lodge_mem *mem;
	struct lodge_mem_near near;
	struct lodge_vq_setup s;
	u16 next;
	u16 used;
	u16 seen;
	u16 ahead_at;
	u16 nr_ahead;
	__le16 ahead[LODGE_VQ_AHEAD];
	u16 signalled;
	bool signalled_valid;
	bool next_wrap;
	bool used_wrap;
	bool broken;
};

/**
 * struct lodge_vq_chain - buffers that the driver made available, as one request
 * @id: the descriptor chain's: head in a split ring, buffer ID in a packed one
 * @slots: descriptors that it takes in a packed ring
 * @nr_out: pieces for the device to read
 * @nr_in: pieces for it to write, which follow them
 * @out_len: bytes of the former
 * @in_len: bytes of the latter
 * @gpa: guest-physical address of each of @iov, for the dirty log
 * @iov: addresses in the owner's memory; the caller runs with its mm
 */
struct lodge_vq_chain {
	u16 id;
	u16 slots;
	u16 nr_out;
	u16 nr_in;
	u32 out_len;
	u32 in_len;
	u64 gpa[LODGE_VQ_MAX_IOV];
	struct iovec iov[LODGE_VQ_MAX_IOV];
};

/**
 * struct lodge_vq_used - a chain that is given back
 * @id: lodge_vq_chain.id
 * @slots: lodge_vq_chain.slots
 * @written: bytes that were written, from the first writable one on
 */
struct lodge_vq_used {
	u16 id;
	u16 slots;
	u32 written;
};

int lodge_vq_start(struct lodge_vq *vq, struct lodge_mem *mem, const struct lodge_vq_setup *setup);
int lodge_vq_pop(struct lodge_vq *vq, struct lodge_vq_chain *chain);
int lodge_vq_peek(struct lodge_vq *vq);
int lodge_vq_push(struct lodge_vq *vq, const struct lodge_vq_chain *chain, u32 written);
int lodge_vq_push_all(struct lodge_vq *vq, const struct lodge_vq_used *used, unsigned int n);
int lodge_vq_undo(struct lodge_vq *vq, const struct lodge_vq_chain *chain);
int lodge_vq_wants_interrupt(struct lodge_vq *vq);
void lodge_vq_disable_kicks(struct lodge_vq *vq);
int lodge_vq_enable_kicks(struct lodge_vq *vq);
void lodge_vq_written(struct lodge_vq *vq, const struct lodge_vq_chain *chain, u32 len);

#endif /* LODGE_VIRTIO_VQ_H */
