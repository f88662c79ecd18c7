// SPDX-License-Identifier: GPL-2.0-only
/*
 * vq.c - virtqueues, the device's side: the only reader of guest rings
 *
 * Sections are of virtio 1.2.  Every word of a ring that says something is read once,
 * by one aligned access; what the driver changes later does not matter.  A driver that
 * breaks the rules breaks its queue, not more.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/virtio_ring.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>

#include "../mem.h"
#include "vq.h"

#define DESC_SIZE	16
#define AVAIL		BIT(VRING_PACKED_DESC_F_AVAIL)
#define USED		BIT(VRING_PACKED_DESC_F_USED)
#define WRAP		BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

/* Offsets in the rings: split (2.7.6, 2.7.8), packed (2.8.13, 2.8.14) */
#define RING_FLAGS	0
#define RING_IDX	2
#define RING_ENTRIES	4
#define PACKED_LEN	8
#define PACKED_FLAGS	14
#define EVENT_FLAGS	2

#define PUSH_AT_ONCE	16	/* entries of a used ring */

/* Guest-physical addresses end below this, and so sums with what is in a ring do not wrap */
#define GPA_BITS	52

/* A descriptor; @next is the buffer ID in a packed ring */
struct desc {
	u64 addr;
	u32 len;
	u16 next;
	u16 flags;
};

/* ---- guest memory -------------------------------------------------------- */

static int broken(struct lodge_vq *vq, int err)
{
	vq->broken = true;
	return err;
}

static int get16(struct lodge_vq *vq, u64 gpa, u16 *val)
{
	__le16 le;

	if (lodge_mem_read_near(vq->mem, &vq->near, gpa, &le, sizeof(le)))
		return broken(vq, -EFAULT);
	*val = le16_to_cpu(le);
	return 0;
}

static int put16(struct lodge_vq *vq, u64 gpa, u16 val)
{
	__le16 le = cpu_to_le16(val);

	if (lodge_mem_write_near(vq->mem, &vq->near, gpa, &le, sizeof(le)))
		return broken(vq, -EFAULT);
	return 0;
}

static int get32(struct lodge_vq *vq, u64 gpa, u32 *val)
{
	__le32 le;

	if (lodge_mem_read_near(vq->mem, &vq->near, gpa, &le, sizeof(le)))
		return broken(vq, -EFAULT);
	*val = le32_to_cpu(le);
	return 0;
}

static int put32(struct lodge_vq *vq, u64 gpa, u32 val)
{
	__le32 le = cpu_to_le32(val);

	if (lodge_mem_write_near(vq->mem, &vq->near, gpa, &le, sizeof(le)))
		return broken(vq, -EFAULT);
	return 0;
}

static int put64(struct lodge_vq *vq, u64 gpa, u64 val)
{
	__le64 le = cpu_to_le64(val);

	if (lodge_mem_write_near(vq->mem, &vq->near, gpa, &le, sizeof(le)))
		return broken(vq, -EFAULT);
	return 0;
}

/* The two kinds of descriptors differ in where the last two words are. */
static int get_desc(struct lodge_vq *vq, u64 gpa, struct desc *d)
{
	struct {
		__le64 addr;
		__le32 len;
		__le16 word[2];
	} raw;

	BUILD_BUG_ON(sizeof(raw) != DESC_SIZE);
	if (lodge_mem_read_near(vq->mem, &vq->near, gpa, &raw, sizeof(raw)))
		return broken(vq, -EFAULT);
	d->addr = le64_to_cpu(raw.addr);
	d->len = le32_to_cpu(raw.len);
	d->flags = le16_to_cpu(raw.word[vq->s.packed]);
	d->next = le16_to_cpu(raw.word[!vq->s.packed]);
	return 0;
}

/* ---- chains -------------------------------------------------------------- */

/* What a descriptor points to becomes part of the chain. */
static int add(struct lodge_vq *vq, struct lodge_vq_chain *chain, const struct desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	unsigned int nr = chain->nr_out + chain->nr_in;
	u32 *len = in ? &chain->in_len : &chain->out_len;
	u64 gpa = d->addr;
	int n;

	/* 2.7.4.2: what the device reads comes first; 2.7.5.2: 32 bits hold the sum */
	if ((!in && chain->in_len) || chain->in_len + (u64)chain->out_len + d->len > U32_MAX)
		return broken(vq, -EINVAL);
	n = lodge_mem_iov(vq->mem, &vq->near, gpa, d->len, in, &chain->iov[nr],
			  LODGE_VQ_MAX_IOV - nr);
	if (n < 0)
		return broken(vq, n);
	*len += d->len;
	if (in)
		chain->nr_in += n;
	else
		chain->nr_out += n;
	for (; n; n--, nr++) {
		chain->gpa[nr] = gpa;
		gpa += chain->iov[nr].iov_len;
	}
	return 0;
}

/* 2.7.5.3 and 2.8.7: the last of a chain, and not in a table itself */
static int add_indirect(struct lodge_vq *vq, struct lodge_vq_chain *chain, const struct desc *at)
{
	u32 i = 0, n = at->len / DESC_SIZE, steps;
	struct desc d;
	int err;

	if (!vq->s.indirect || at->flags & VRING_DESC_F_NEXT || !n || at->len % DESC_SIZE ||
	    n > LODGE_VQ_MAX_SIZE || at->addr >> GPA_BITS)
		return broken(vq, -EINVAL);
	for (steps = 0; steps < n; steps++) {
		err = get_desc(vq, at->addr + i * DESC_SIZE, &d);
		if (err)
			return err;
		if (vq->s.packed) {
			/* one after the other, and no other flag counts */
			d.flags &= VRING_DESC_F_WRITE;
			i++;
		} else if (d.flags & VRING_DESC_F_INDIRECT) {
			return broken(vq, -EINVAL);
		}
		err = add(vq, chain, &d);
		if (err)
			return err;
		if (vq->s.packed)
			continue;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		i = d.next;
		if (i >= n)
			return broken(vq, -EINVAL);
	}
	/* a split one did not end: a loop */
	return vq->s.packed ? 0 : broken(vq, -EINVAL);
}

static int walk_split(struct lodge_vq *vq, struct lodge_vq_chain *chain)
{
	unsigned int i = chain->id, steps;
	struct desc d;
	int err;

	for (steps = 0; steps < vq->s.size; steps++) {
		if (i >= vq->s.size)
			return broken(vq, -EINVAL);
		err = get_desc(vq, vq->s.desc + i * DESC_SIZE, &d);
		if (err)
			return err;
		if (d.flags & VRING_DESC_F_INDIRECT)
			return add_indirect(vq, chain, &d);
		err = add(vq, chain, &d);
		if (err)
			return err;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		i = d.next;
	}
	return broken(vq, -EINVAL);
}

/* @flags are the first one's, which showed it to be available. */
static int walk_packed(struct lodge_vq *vq, struct lodge_vq_chain *chain, u16 flags)
{
	unsigned int i = vq->next;
	struct desc d;
	int err;

	while (chain->slots < vq->s.size) {
		err = get_desc(vq, vq->s.desc + i * DESC_SIZE, &d);
		if (err)
			return err;
		if (!chain->slots)
			d.flags = flags;
		/* 2.8.21.2: a list has no tables in it */
		if (d.flags & VRING_DESC_F_INDIRECT)
			err = chain->slots ? broken(vq, -EINVAL) : add_indirect(vq, chain, &d);
		else
			err = add(vq, chain, &d);
		if (err)
			return err;
		chain->slots++;
		chain->id = d.next;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		i = i + 1 < vq->s.size ? i + 1 : 0;
	}
	return broken(vq, -EINVAL);
}

/* ---- what the driver has made available ---------------------------------- */

/* Return: 1, something is; 0, nothing; negative and broken. */
static int split_look(struct lodge_vq *vq)
{
	int err;

	if (vq->next != vq->seen)
		return 1;
	err = get16(vq, vq->s.driver + RING_IDX, &vq->seen);
	if (err)
		return err;
	if ((u16)(vq->seen - vq->next) > vq->s.size)
		return broken(vq, -EINVAL);
	return vq->next != vq->seen;
}

/* Likewise; @flags are those of the descriptor. */
static int packed_look(struct lodge_vq *vq, u16 *flags)
{
	int err = get16(vq, vq->s.desc + vq->next * DESC_SIZE + PACKED_FLAGS, flags);

	if (err)
		return err;
	return !!(*flags & AVAIL) == vq->next_wrap && !!(*flags & USED) != vq->next_wrap;
}

static int look(struct lodge_vq *vq, u16 *flags)
{
	if (vq->broken)
		return -EIO;
	return vq->s.packed ? packed_look(vq, flags) : split_look(vq);
}

/* What the driver's index has passed does not change any more until it is used. */
static int read_ahead(struct lodge_vq *vq)
{
	unsigned int at = vq->next & (vq->s.size - 1);
	unsigned int n = min_t(u16, vq->seen - vq->next, LODGE_VQ_AHEAD);
	u64 entry = vq->s.driver + RING_ENTRIES + at * sizeof(u16);

	n = min(n, vq->s.size - at);
	if (lodge_mem_read_near(vq->mem, &vq->near, entry, vq->ahead, n * sizeof(u16)))
		return broken(vq, -EFAULT);
	vq->ahead_at = vq->next;
	vq->nr_ahead = n;
	return 0;
}

static int pop_split(struct lodge_vq *vq, struct lodge_vq_chain *chain)
{
	int err = 0;

	if ((u16)(vq->next - vq->ahead_at) >= vq->nr_ahead)
		err = read_ahead(vq);
	if (err)
		return err;
	chain->id = le16_to_cpu(vq->ahead[(u16)(vq->next - vq->ahead_at)]);
	err = walk_split(vq, chain);
	if (!err)
		vq->next++;
	return err;
}

static int pop_packed(struct lodge_vq *vq, struct lodge_vq_chain *chain, u16 flags)
{
	int err = walk_packed(vq, chain, flags);

	if (err)
		return err;
	vq->next += chain->slots;
	if (vq->next >= vq->s.size) {
		vq->next -= vq->s.size;
		vq->next_wrap = !vq->next_wrap;
	}
	return 0;
}

static bool ring_ok(u64 gpa, unsigned int align)
{
	return !(gpa >> GPA_BITS) && !(gpa % align);
}

/**
 * lodge_vq_start() - a queue as the driver has set it up, from its beginning
 * @vq: not in use
 * @mem: memory of the VM; outlives @vq
 * @setup: the driver's; copied
 *
 * Does not look into guest memory: where there is none is found out later.
 *
 * Return: 0; -EINVAL for a size or an address that cannot be (2.7, 2.8.10.1).
 */
int lodge_vq_start(struct lodge_vq *vq, struct lodge_mem *mem, const struct lodge_vq_setup *setup)
{
	*vq = (struct lodge_vq){
		.mem = mem, .s = *setup, .next_wrap = true, .used_wrap = true, .broken = true,
	};
	if (!vq->s.size || vq->s.size > LODGE_VQ_MAX_SIZE ||
	    (!vq->s.packed && !is_power_of_2(vq->s.size)))
		return -EINVAL;
	if (!ring_ok(vq->s.desc, DESC_SIZE) || !ring_ok(vq->s.driver, vq->s.packed ? 4 : 2) ||
	    !ring_ok(vq->s.device, 4))
		return -EINVAL;
	vq->broken = false;
	return 0;
}

static int pop(struct lodge_vq *vq, struct lodge_vq_chain *chain)
{
	u16 flags = 0;
	int ret = look(vq, &flags);

	if (ret <= 0)
		return ret;
	/* pairs with the driver's barrier between what is available and saying so */
	smp_rmb();
	chain->slots = 0;
	chain->nr_out = 0;
	chain->nr_in = 0;
	chain->out_len = 0;
	chain->in_len = 0;
	ret = vq->s.packed ? pop_packed(vq, chain, flags) : pop_split(vq, chain);
	return ret ?: 1;
}

/**
 * lodge_vq_pop() - take the next chain that the driver has made available
 * @vq: started; the caller runs with the owner's mm
 * @chain: result, undefined if there is none; its addresses stay the owner's whatever
 *	becomes of the guest's memory
 *
 * Descriptors of length 0 are let pass, so a chain may be empty.  May sleep.
 *
 * Return: 1 with a chain; 0 without; negative with @vq broken: -EINVAL if the driver
 * broke a rule, -EFAULT for what is no memory or may not be written to, -E2BIG for a
 * chain of more than LODGE_VQ_MAX_IOV pieces, -EIO if it was broken already.
 */
int lodge_vq_pop(struct lodge_vq *vq, struct lodge_vq_chain *chain)
{
	bool held = lodge_mem_hold(vq->mem, &vq->near);
	int ret = pop(vq, chain);

	if (held)
		lodge_mem_release(vq->mem, &vq->near);
	return ret;
}

/**
 * lodge_vq_peek() - has the driver made a chain available?
 * @vq: as for lodge_vq_pop()
 *
 * Return: 1 or 0; negative with @vq broken.
 */
int lodge_vq_peek(struct lodge_vq *vq)
{
	u16 flags;

	return look(vq, &flags);
}

/**
 * lodge_vq_undo() - put the chain popped last back
 * @vq: as for lodge_vq_pop()
 * @chain: popped last, nothing else was since
 *
 * Return: 0, or -EIO if the queue is broken.
 */
int lodge_vq_undo(struct lodge_vq *vq, const struct lodge_vq_chain *chain)
{
	if (vq->broken)
		return -EIO;
	if (!vq->s.packed) {
		vq->next--;
	} else if (vq->next >= chain->slots) {
		vq->next -= chain->slots;
	} else {
		vq->next += vq->s.size - chain->slots;
		vq->next_wrap = !vq->next_wrap;
	}
	return 0;
}

/* ---- what the device has used -------------------------------------------- */

/* Entries that lie side by side in the ring. */
static int put_entries(struct lodge_vq *vq, unsigned int at, const struct lodge_vq_used *used,
		       unsigned int n)
{
	u64 gpa = vq->s.device + RING_ENTRIES + at * sizeof(struct vring_used_elem);
	__le64 entry[PUSH_AT_ONCE];
	unsigned int i;

	/* aligned as words of 32 bits are */
	if (n == 1)
		return put32(vq, gpa, used->id) ?: put32(vq, gpa + sizeof(u32), used->written);
	for (i = 0; i < n; i++)
		entry[i] = cpu_to_le64(used[i].id | (u64)used[i].written << 32);
	if (lodge_mem_write_near(vq->mem, &vq->near, gpa, entry, n * sizeof(entry[0])))
		return broken(vq, -EFAULT);
	return 0;
}

static int push_split(struct lodge_vq *vq, const struct lodge_vq_used *used, unsigned int n)
{
	unsigned int i, at, some;
	int err;

	for (i = 0; i < n; i += some) {
		at = (vq->used + i) & (vq->s.size - 1);
		some = min_t(unsigned int, n - i, PUSH_AT_ONCE);
		some = min(some, vq->s.size - at);
		err = put_entries(vq, at, &used[i], some);
		if (err)
			return err;
	}
	/* the driver sees the entries, and what the device wrote, before the index */
	smp_wmb();
	err = put16(vq, vq->s.device + RING_IDX, vq->used + n);
	if (!err)
		vq->used += n;
	return err;
}

/* Length, ID and flags: one aligned word */
static u64 packed_entry(const struct lodge_vq *vq, const struct lodge_vq_used *used)
{
	u16 flags = (used->written ? VRING_DESC_F_WRITE : 0) | (vq->used_wrap ? AVAIL | USED : 0);

	return used->written | (u64)used->id << 32 | (u64)flags << 48;
}

static void advance_used(struct lodge_vq *vq, u16 slots)
{
	vq->used += slots;
	if (vq->used >= vq->s.size) {
		vq->used -= vq->s.size;
		vq->used_wrap = !vq->used_wrap;
		/* stays as far behind; may become negative, as differences are mod 2^16 */
		vq->signalled -= vq->s.size;
	}
}

/* The first last: the driver does not look at those behind it before */
static int push_packed(struct lodge_vq *vq, const struct lodge_vq_used *used, unsigned int n)
{
	u64 first = vq->s.desc + vq->used * DESC_SIZE + PACKED_LEN, entry = packed_entry(vq, used);
	unsigned int i;
	int err;

	advance_used(vq, used[0].slots);
	for (i = 1; i < n; i++) {
		err = put64(vq, vq->s.desc + vq->used * DESC_SIZE + PACKED_LEN,
			    packed_entry(vq, &used[i]));
		if (err)
			return err;
		advance_used(vq, used[i].slots);
	}
	/* what the device wrote before the flags */
	smp_wmb();
	return put64(vq, first, entry);
}

/**
 * lodge_vq_push_all() - give chains back to the driver, which sees all of them or none
 * @vq: as for lodge_vq_pop(), which gave them; not restarted since
 * @used: they
 * @n: how many, 1 at least
 *
 * Does not tell the driver: see lodge_vq_wants_interrupt().  May sleep.
 *
 * Return: 0; -EFAULT with @vq broken; -EIO if it was.
 */
int lodge_vq_push_all(struct lodge_vq *vq, const struct lodge_vq_used *used, unsigned int n)
{
	bool held;
	int err;

	if (vq->broken)
		return -EIO;
	held = lodge_mem_hold(vq->mem, &vq->near);
	err = vq->s.packed ? push_packed(vq, used, n) : push_split(vq, used, n);
	if (held)
		lodge_mem_release(vq->mem, &vq->near);
	return err;
}

/**
 * lodge_vq_push() - give a chain back to the driver
 * @vq: as for lodge_vq_pop(), which gave it the chain; not restarted since
 * @chain: only @id and @slots are looked at
 * @written: bytes that were written, from the first writable one on
 *
 * Does not tell the driver: see lodge_vq_wants_interrupt().  May sleep.
 *
 * Return: 0; -EFAULT with @vq broken; -EIO if it was.
 */
int lodge_vq_push(struct lodge_vq *vq, const struct lodge_vq_chain *chain, u32 written)
{
	const struct lodge_vq_used used = {
		.id = chain->id, .slots = chain->slots, .written = written,
	};

	return lodge_vq_push_all(vq, &used, 1);
}

/* Has the ring gone past @event on its way from @old to @new? */
static bool passed(u16 event, u16 old, u16 new)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

static int split_wants(struct lodge_vq *vq, u16 old, bool valid)
{
	u16 word;
	int err;

	if (!vq->s.event_idx) {
		err = get16(vq, vq->s.driver + RING_FLAGS, &word);
		return err ?: !(word & VRING_AVAIL_F_NO_INTERRUPT);
	}
	err = get16(vq, vq->s.driver + RING_ENTRIES + vq->s.size * sizeof(u16), &word);
	return err ?: !valid || passed(word, old, vq->used);
}

static int packed_wants(struct lodge_vq *vq, u16 old, bool valid)
{
	u16 flags, event;
	u32 word;
	int err = get32(vq, vq->s.driver, &word);

	if (err)
		return err;
	flags = word >> 16 & 3;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vq->s.event_idx || !valid)
		return 1;
	event = word & (WRAP - 1);
	if (!!(word & WRAP) != vq->used_wrap)
		event -= vq->s.size;
	return passed(event, old, vq->used);
}

/**
 * lodge_vq_wants_interrupt() - is the driver to be told of what was pushed?
 * @vq: as for lodge_vq_pop()
 *
 * To be called after each batch of lodge_vq_push(), and the answer heeded: the next
 * one is about what is pushed from now on.  May sleep.
 *
 * Return: 1 or 0; negative with @vq broken.
 */
int lodge_vq_wants_interrupt(struct lodge_vq *vq)
{
	bool valid = vq->signalled_valid;
	u16 old = vq->signalled;

	if (vq->broken)
		return -EIO;
	vq->signalled = vq->used;
	vq->signalled_valid = true;
	/* pairs with the driver's, between asking for an interrupt and its look at the ring */
	smp_mb();
	return vq->s.packed ? packed_wants(vq, old, valid) : split_wants(vq, old, valid);
}

/* ---- kicks --------------------------------------------------------------- */

/**
 * lodge_vq_disable_kicks() - the queue is being served, no kick is needed
 * @vq: as for lodge_vq_pop(); nothing happens if it is broken
 *
 * A hint: a kick may come all the same.
 */
void lodge_vq_disable_kicks(struct lodge_vq *vq)
{
	if (vq->broken)
		return;
	if (vq->s.packed)
		put16(vq, vq->s.device + EVENT_FLAGS, VRING_PACKED_EVENT_FLAG_DISABLE);
	/* with an event index the driver kicks once it is reached, and it lies behind */
	else if (!vq->s.event_idx)
		put16(vq, vq->s.device + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
}

/* Ask for a kick with the next descriptor that becomes available. */
static int ask(struct lodge_vq *vq)
{
	if (!vq->s.packed)
		return vq->s.event_idx ?
			put16(vq, vq->s.device + RING_ENTRIES +
			      vq->s.size * sizeof(struct vring_used_elem), vq->next) :
			put16(vq, vq->s.device + RING_FLAGS, 0);
	if (!vq->s.event_idx)
		return put16(vq, vq->s.device + EVENT_FLAGS, VRING_PACKED_EVENT_FLAG_ENABLE);
	return put32(vq, vq->s.device, vq->next | (vq->next_wrap ? WRAP : 0) |
		     VRING_PACKED_EVENT_FLAG_DESC << 16);
}

/**
 * lodge_vq_enable_kicks() - the device is going to wait for a kick
 * @vq: as for lodge_vq_pop()
 *
 * Return: 0, the next chain comes with a kick; 1, there is one already, for which
 * there may be none; negative with @vq broken.
 */
int lodge_vq_enable_kicks(struct lodge_vq *vq)
{
	u16 flags;
	int err;

	if (vq->broken)
		return -EIO;
	err = ask(vq);
	if (err)
		return err;
	/* pairs with the driver's, between a chain that it adds and its look at whether to kick */
	smp_mb();
	return look(vq, &flags);
}

/**
 * lodge_vq_written() - log what the device wrote into a chain by its addresses
 * @vq: as for lodge_vq_pop()
 * @chain: not pushed yet
 * @len: bytes from the first writable one on; more than there are is all
 */
void lodge_vq_written(struct lodge_vq *vq, const struct lodge_vq_chain *chain, u32 len)
{
	unsigned int i, end = chain->nr_out + chain->nr_in;
	size_t n;

	for (i = chain->nr_out; i < end && len; i++, len -= n) {
		n = min_t(size_t, len, chain->iov[i].iov_len);
		lodge_mem_log(vq->mem, chain->gpa[i], n);
	}
}
