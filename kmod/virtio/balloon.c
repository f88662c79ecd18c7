// SPDX-License-Identifier: GPL-2.0-only
/*
 * balloon.c - virtio-balloon: memory that the guest does without (virtio 1.2, 5.5)
 *
 *	pop -> ranges of the owner's memory -> balloon_fd.c -> the owner discards them -> push
 *
 * A page is the guest's to give, so whatever it names can be discarded: it loses what it
 * had there and nobody else anything.  What it has given is not pushed back before the
 * owner is done, for then the guest may use it again.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "../mem.h"
#include "balloon.h"
#include "balloon_fd.h"
#include "device.h"

#define QUEUE_SIZE	128
#define BATCH		16
#define BATCH_PAGES	4096	/* numbers that are looked at before others get their turn */
#define CONFIG_LEN	sizeof(struct virtio_balloon_config)

/*
 * 5.5.2 numbers a queue even if it is not there; drivers do not (Linux before 6.11, QEMU).
 * There is none for hints, so both numbers are the one for reports.
 */
enum {
	INFLATE, DEFLATE, STATS, REPORT, REPORT_TOO, NR_QUEUES
};

#define MOST_STATS	64

/**
 * struct balloon - a balloon
 * @dev: the device
 * @fd: ranges to be discarded
 * @chain: the request that waits for the owner; the worker's, as all up to @stats_place
 * @busy: there is one
 * @queue: it came from this queue
 * @at: what of it has been made into ranges: bytes of page numbers, or pieces
 * @room: page numbers that may still be looked at
 * @owed: queues whose driver is to be told of answers
 * @other: a request of a queue that needs no owner, for a moment
 * @stats_used: the buffer for statistics
 * @stats_held: it is here, not with the driver
 * @stats_place: what its queue was when the device stopped
 * @stats_asked: somebody wants new statistics; atomic
 * @config: configuration space; lodge_virtio.lock
 * @view: statistics; likewise
 */
struct balloon {
	struct lodge_virtio dev;
	struct lodge_balloon_fd fd;
	struct lodge_vq_chain chain;
	bool busy;
	unsigned int queue;
	u32 at;
	unsigned int room;
	unsigned long owed;
	struct lodge_vq_chain other;
	struct lodge_vq_used stats_used;
	bool stats_held;
	struct lodge_vq stats_place;
	bool stats_asked;
	u8 config[CONFIG_LEN];
	struct lodge_balloon_view view;
};

static struct balloon *balloon_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct balloon, dev);
}

/* ---- configuration ------------------------------------------------------- */

#define FIELD(name)	offsetof(struct virtio_balloon_config, name)

static bool is_writable(u32 offset)
{
	return (offset >= FIELD(actual) && offset < FIELD(actual) + 4) ||
	       (offset >= FIELD(poison_val) && offset < FIELD(poison_val) + 4);
}

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	lodge_virtio_copy_config(buf, len, balloon_of(dev)->config, CONFIG_LEN, offset);
}

static void write_config(struct lodge_virtio *dev, u32 offset, const void *buf, u32 len)
{
	struct balloon *b = balloon_of(dev);
	const u8 *byte = buf;

	for (; len && offset < CONFIG_LEN; len--, offset++, byte++)
		if (is_writable(offset))
			b->config[array_index_nospec(offset, CONFIG_LEN)] = *byte;
}

/* ---- what a request names ------------------------------------------------ */

/* Drivers give pages one after the other, upwards or downwards */
static bool merge(struct lodge_range *last, u64 addr, u64 len)
{
	if (addr == last->addr + last->len) {
		last->len += len;
		return true;
	}
	if (addr + len == last->addr) {
		last->addr = addr;
		last->len += len;
		return true;
	}
	return false;
}

/* Return: false if there is no room for it */
static bool put_range(struct lodge_balloon_fd *fd, u64 addr, u64 len)
{
	if (fd->nr && merge(&fd->range[fd->nr - 1], addr, len))
		return true;
	if (fd->nr == LODGE_BALLOON_RANGES)
		return false;
	fd->range[fd->nr++] = (struct lodge_range){ .addr = addr, .len = len };
	return true;
}

/* Numbers of pages of 4 KiB; those that are no memory, or not the guest's to change, are let be */
static void collect_pages(struct balloon *b)
{
	struct lodge_vq_chain *chain = &b->chain;
	struct lodge_mem_near near = { };
	struct iov_iter iter;
	struct iovec iov;
	__le32 pfn;
	u64 gpa;

	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	iov_iter_advance(&iter, b->at);
	for (; b->room; b->room--) {
		if (!copy_from_iter_full(&pfn, sizeof(pfn), &iter)) {
			b->at = chain->out_len;
			return;
		}
		gpa = (u64)le32_to_cpu(pfn) << VIRTIO_BALLOON_PFN_SHIFT;
		if (lodge_mem_iov(b->dev.mem, &near, gpa, PAGE_SIZE, true, &iov, 1) == 1 &&
		    !put_range(&b->fd, (unsigned long)iov.iov_base, PAGE_SIZE))
			return;
		b->at += sizeof(pfn);
	}
}

/* Free pages, as buffers that could be written to (5.5.6.7); whole pages of them */
static void collect_report(struct balloon *b)
{
	const struct lodge_vq_chain *chain = &b->chain;
	unsigned long from, to;

	for (; b->at < chain->nr_in && b->fd.nr < LODGE_BALLOON_RANGES; b->at++) {
		const struct iovec *iov = &chain->iov[chain->nr_out + b->at];

		from = PAGE_ALIGN((unsigned long)iov->iov_base);
		to = ((unsigned long)iov->iov_base + iov->iov_len) & PAGE_MASK;
		if (from < to)
			put_range(&b->fd, from, to - from);
	}
}

/* 5.5.6.6: free pages with the driver's pattern in them would lose it */
static bool is_poisoned(struct balloon *b)
{
	return lodge_virtio_has(&b->dev, VIRTIO_BALLOON_F_PAGE_POISON) &&
	       memchr_inv(b->config + FIELD(poison_val), 0, sizeof(__le32));
}

/* Return: false if the owner has to do something first, who is told, or there is no room */
static bool proceed(struct balloon *b)
{
	b->fd.nr = 0;
	if (b->queue == INFLATE)
		collect_pages(b);
	else if (!is_poisoned(b))
		collect_report(b);
	return b->fd.nr ? !lodge_balloon_fd_offer(&b->fd) : b->room;
}

/* ---- queues -------------------------------------------------------------- */

static int finish(struct balloon *b)
{
	struct lodge_vq *vq = &b->dev.queue[b->queue].vq;

	b->busy = false;
	__set_bit(b->queue, &b->owed);
	lodge_virtio_count(&b->dev, LODGE_VIRTIO_OTHER, 1);
	return lodge_vq_push(vq, &b->chain, 0);
}

/* One request at a time, whichever queue it came from; the others wait for it */
static int give_one(struct balloon *b, unsigned int queue)
{
	int ret;

	if (b->busy && (b->queue != queue || !lodge_balloon_fd_mine(&b->fd)))
		return 0;
	if (!b->busy) {
		ret = lodge_vq_pop(&b->dev.queue[queue].vq, &b->chain);
		if (ret == 0)
			return lodge_vq_enable_kicks(&b->dev.queue[queue].vq);
		if (ret < 0)
			return ret;
		b->busy = true;
		b->queue = queue;
		b->at = 0;
	}
	/* a request may be 4 GiB of numbers that are no memory */
	if (!proceed(b))
		return !b->room;
	return finish(b) ?: 1;
}

/* Return: 1 if there may be more, 0, or negative with the queue broken */
static int give(struct balloon *b, unsigned int queue)
{
	bool was = b->busy;
	int i, ret = 1;

	b->room = BATCH_PAGES;
	lodge_vq_disable_kicks(&b->dev.queue[queue].vq);
	for (i = 0; i < BATCH && b->room && ret == 1; i++)
		ret = give_one(b, queue);
	if (was && !b->busy) {
		lodge_virtio_wake(&b->dev, INFLATE);
		lodge_virtio_wake(&b->dev, REPORT);
		lodge_virtio_wake(&b->dev, REPORT_TOO);
	}
	return ret;
}

/* Memory comes back by being used: there is nothing to do */
static int take_back(struct balloon *b, unsigned int queue)
{
	struct lodge_vq *vq = &b->dev.queue[queue].vq;
	int i, ret = 1;

	lodge_vq_disable_kicks(vq);
	for (i = 0; i < BATCH && ret == 1; i++) {
		ret = lodge_vq_pop(vq, &b->other);
		if (ret == 1) {
			__set_bit(queue, &b->owed);
			lodge_virtio_count(&b->dev, LODGE_VIRTIO_OTHER, 1);
			ret = lodge_vq_push(vq, &b->other, 0) ?: 1;
		}
	}
	return ret ?: lodge_vq_enable_kicks(vq);
}

static void parse_stats(struct balloon *b)
{
	struct lodge_balloon_view new = { .time = ktime_get_ns() };
	const struct lodge_vq_chain *chain = &b->other;
	struct virtio_balloon_stat stat;
	struct iov_iter iter;
	unsigned long flags;
	unsigned int i;
	u16 tag;

	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	for (i = 0; i < MOST_STATS && copy_from_iter_full(&stat, sizeof(stat), &iter); i++) {
		tag = le16_to_cpu((__force __le16)stat.tag);
		if (tag >= LODGE_BALLOON_STATS)
			continue;
		tag = array_index_nospec(tag, LODGE_BALLOON_STATS);
		new.stats[tag] = le64_to_cpu((__force __le64)stat.val);
		new.known |= BIT(tag);
	}
	raw_spin_lock_irqsave(&b->dev.lock, flags);
	b->view = new;
	raw_spin_unlock_irqrestore(&b->dev.lock, flags);
}

/* The driver's buffer is kept, and given back to have it filled anew (5.5.6.3) */
static int take_stats(struct balloon *b, unsigned int queue)
{
	struct lodge_vq *vq = &b->dev.queue[queue].vq;
	int ret;

	if (b->stats_held) {
		if (!READ_ONCE(b->stats_asked))
			return 0;
		WRITE_ONCE(b->stats_asked, false);
		b->stats_held = false;
		__set_bit(queue, &b->owed);
		ret = lodge_vq_push_all(vq, &b->stats_used, 1);
		if (ret)
			return ret;
	}
	ret = lodge_vq_pop(vq, &b->other);
	if (ret == 1) {
		parse_stats(b);
		b->stats_used = (struct lodge_vq_used){
			.id = b->other.id, .slots = b->other.slots,
		};
		b->stats_held = true;
		return 0;
	}
	return ret ?: lodge_vq_enable_kicks(vq);
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct balloon *b = balloon_of(dev);
	struct lodge_vq *vq = &dev->queue[queue].vq;
	int ret;

	switch (queue) {
	case DEFLATE:
		ret = take_back(b, queue);
		break;
	case STATS:
		ret = take_stats(b, queue);
		break;
	default:
		ret = give(b, queue);
	}
	if (__test_and_clear_bit(queue, &b->owed) && lodge_vq_wants_interrupt(vq) == 1)
		lodge_virtio_interrupt(dev, queue);
	if (ret < 0 || vq->broken)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

/* A queue that was reset meanwhile is not what it was, and the buffer not ours */
static int start(struct lodge_virtio *dev)
{
	const struct lodge_vq *vq = &dev->queue[STATS].vq;
	struct balloon *b = balloon_of(dev);

	if (!dev->queue[STATS].running || vq->next != b->stats_place.next ||
	    vq->next_wrap != b->stats_place.next_wrap ||
	    vq->signalled_valid != b->stats_place.signalled_valid)
		b->stats_held = false;
	return 0;
}

static void reset(struct lodge_virtio *dev)
{
	struct balloon *b = balloon_of(dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	memset(b->config + FIELD(actual), 0, sizeof(__le32));
	memset(b->config + FIELD(poison_val), 0, sizeof(__le32));
	b->view = (struct lodge_balloon_view){};
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/* What the owner has not been told of stays as it is; the driver may have it back */
static void stop(struct lodge_virtio *dev)
{
	struct balloon *b = balloon_of(dev);

	lodge_balloon_fd_recall(&b->fd, dev->mem);
	if (b->busy)
		finish(b);
	b->stats_place = dev->queue[STATS].vq;
}

static void destroy(struct lodge_virtio *dev)
{
	kvfree(balloon_of(dev));
}

static const struct lodge_virtio_ops balloon_ops = {
	.id = VIRTIO_ID_BALLOON,
	.config_len = CONFIG_LEN,
	.features = BIT_ULL(VIRTIO_BALLOON_F_STATS_VQ) | BIT_ULL(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
		    BIT_ULL(VIRTIO_BALLOON_F_PAGE_POISON) | BIT_ULL(VIRTIO_BALLOON_F_REPORTING),
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.read_config = read_config,
	.write_config = write_config,
	.destroy = destroy,
};

/* ---- what others want of it ---------------------------------------------- */

static void discarded(struct lodge_virtio *dev)
{
	/* constant while the owner has something of it */
	lodge_virtio_wake(dev, balloon_of(dev)->queue);
}

/**
 * lodge_balloon_open - the descriptor for ranges to discard
 * @dev: of lodge_balloon_create()
 * @put: as of lodge_balloon_fd_open()
 * @owner: likewise
 *
 * Return: as lodge_balloon_fd_open().
 */
int lodge_balloon_open(struct lodge_virtio *dev, void (*put)(void *owner), void *owner)
{
	return lodge_balloon_fd_open(&balloon_of(dev)->fd, put, owner);
}

/**
 * lodge_balloon_set - ask the guest for memory, or let it have some back
 * @dev: of lodge_balloon_create()
 * @bytes: that it is to do without; a multiple of 4096
 *
 * The guest gives as much as it can, and takes it back when it has to.
 *
 * Return: 0 or -EINVAL.
 */
int lodge_balloon_set(struct lodge_virtio *dev, u64 bytes)
{
	__le32 pages = cpu_to_le32(bytes >> VIRTIO_BALLOON_PFN_SHIFT);
	struct balloon *b = balloon_of(dev);
	unsigned long flags;

	if (!PAGE_ALIGNED(bytes) || bytes >> VIRTIO_BALLOON_PFN_SHIFT > U32_MAX)
		return -EINVAL;
	raw_spin_lock_irqsave(&dev->lock, flags);
	memcpy(b->config + FIELD(num_pages), &pages, sizeof(pages));
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	lodge_virtio_config_changed(dev);
	return 0;
}

/**
 * lodge_balloon_look - what there is to see of a balloon
 * @dev: of lodge_balloon_create()
 * @view: filled in
 *
 * The guest is asked for statistics anew, which the next look may find.
 */
void lodge_balloon_look(struct lodge_virtio *dev, struct lodge_balloon_view *view)
{
	struct balloon *b = balloon_of(dev);
	__le32 target, actual;
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	*view = b->view;
	memcpy(&target, b->config + FIELD(num_pages), sizeof(target));
	memcpy(&actual, b->config + FIELD(actual), sizeof(actual));
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	view->target = (u64)le32_to_cpu(target) << VIRTIO_BALLOON_PFN_SHIFT;
	view->actual = (u64)le32_to_cpu(actual) << VIRTIO_BALLOON_PFN_SHIFT;
	WRITE_ONCE(b->stats_asked, true);
	lodge_virtio_wake(dev, STATS);
}

/**
 * lodge_balloon_create - a balloon, empty
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -ENOMEM, or what
 * lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_balloon_create(struct lodge_mem *mem, const char *name)
{
	struct balloon *b = lodge_alloc_large(sizeof(*b), GFP_KERNEL_ACCOUNT);
	int err;

	if (!b)
		return ERR_PTR(-ENOMEM);
	lodge_balloon_fd_init(&b->fd, current->mm, discarded, lodge_balloon_set, &b->dev);
	err = lodge_virtio_init(&b->dev, &balloon_ops, mem, NR_QUEUES, QUEUE_SIZE, name);
	if (err) {
		kvfree(b);
		return ERR_PTR(err);
	}
	return &b->dev;
}
