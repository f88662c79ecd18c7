// SPDX-License-Identifier: GPL-2.0-only
/*
 * blk.c - virtio-blk: a regular file or a block device as a disk (virtio 1.2, 5.2)
 *
 *	worker: pop -> begin() --- not done at once ---> flight -> done list -> reap() -> push
 *	                 |                                 ^
 *	                 '- would sleep -> workqueue: work()
 *
 * A read or write is tried without sleeping by the worker, and handed to a workqueue
 * when that cannot be; direct I/O completes by interrupt.  Who completes a request puts
 * it on its queue's list and wakes the worker, which alone touches the rings.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../alloc.h"
#include "../mem.h"
#include "blk.h"
#include "device.h"

#define QUEUE_SIZE	256	/* descriptors */
#define DEPTH		128	/* requests under way, of a queue */
#define BATCH		32	/* requests taken before another queue gets its turn */
#define WORKERS		32	/* requests that sleep at the same time */

/* Pieces that are left for header, status, and buffers in two slots of memory */
#define SEG_MAX		(LODGE_VQ_MAX_IOV - 16)

#define MAX_RANGES	16		/* of a discard */
#define MAX_DISCARD	BIT(21)		/* sectors of a range: 1 GiB */
#define MAX_ZEROES	BIT(15)		/* 16 MiB */

#define CONFIG_LEN	offsetof(struct virtio_blk_config, max_secure_erase_sectors)

struct blk;

/**
 * struct request - one of the driver's
 * @blk: the disk
 * @queue: number
 * @node: on the list of those that are free, or done
 * @work: for what sleeps
 * @iocb: of a read or write
 * @type: VIRTIO_BLK_T_*
 * @sector: first one
 * @len: bytes of a read or write
 * @done: of them so far
 * @got: bytes written from the first writable one on, as told to the driver
 * @status: VIRTIO_BLK_S_*
 * @writing: keeps the file system from being frozen
 * @buffered: not aligned as direct I/O wants it
 * @chain: its buffers
 *
 * The worker's but from the time it is handed to I/O or workqueue until it is on the
 * list of those done.
 */
struct request {
	struct blk *blk;
	unsigned int queue;
	struct llist_node node;
	struct work_struct work;
	struct kiocb iocb;
	u32 type;
	u64 sector;
	u32 len;
	u32 done;
	u32 got;
	u8 status;
	bool writing;
	bool buffered;
	struct lodge_vq_chain chain;
};

/**
 * struct blk_queue - what a queue has besides the ring
 * @done: requests that are complete; anybody adds
 * @free: requests that are not in use; the worker's
 * @nr: requests that have been allocated
 */
struct blk_queue {
	struct llist_head done;
	struct llist_head free;
	unsigned int nr;
};

/**
 * struct blk - a disk
 * @dev: the device; its lock guards @config
 * @file: image [I]
 * @inode: of the image's data [I]
 * @wq: for what sleeps [I]
 * @drained: woken with each request that is done
 * @flight: requests that are handed to I/O or workqueue, and not reaped; the worker's
 * @capacity: sectors
 * @nowait: whether it is worth to try a write without sleeping
 * @config: configuration space
 * @serial: as the driver reads it [I]
 * @queue: by number
 */
struct blk {
	struct lodge_virtio dev;
	struct file *file;
	struct inode *inode;
	struct workqueue_struct *wq;
	wait_queue_head_t drained;
	unsigned int flight;
	u64 capacity;
	bool nowait;
	struct virtio_blk_config config;
	u8 serial[VIRTIO_BLK_ID_BYTES];
	struct blk_queue queue[LODGE_VIRTIO_QUEUES];
};

static struct blk *blk_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct blk, dev);
}

static struct lodge_vq *vq_of(struct request *r)
{
	return &r->blk->dev.queue[r->queue].vq;
}

/* ---- requests in flight -------------------------------------------------- */

/* From here on the worker has it.  Any context. */
static void complete_request(struct request *r)
{
	struct blk *blk = r->blk;
	unsigned int queue = r->queue;

	/* keeps the disk until we have left it: see destroy() */
	rcu_read_lock();
	if (llist_add(&r->node, &blk->queue[queue].done))
		lodge_virtio_wake(&blk->dev, queue);
	wake_up(&blk->drained);
	rcu_read_unlock();
}

static bool is_direct(const struct request *r)
{
	return r->iocb.ki_flags & IOCB_DIRECT;
}

/*
 * What became of an attempt to read or write.
 * Return: true if the request is done; else it is to be tried again where it may sleep.
 */
static bool settle(struct request *r, long ret)
{
	if (r->writing) {
		kiocb_end_write(&r->iocb);
		r->writing = false;
	}
	if (ret > 0) {
		r->done += min_t(u32, ret, r->len - r->done);
		if (r->done < r->len)
			return false;
		r->status = VIRTIO_BLK_S_OK;
		return true;
	}
	if (r->iocb.ki_flags & IOCB_NOWAIT && (ret == -EAGAIN || ret == -EOPNOTSUPP)) {
		if (ret == -EOPNOTSUPP)
			WRITE_ONCE(r->blk->nowait, false);
		return false;
	}
	if (ret == -EINVAL && is_direct(r)) {
		r->buffered = true;
		return false;
	}
	/* also for the end of a file that has become shorter */
	return true;
}

static void io_complete(struct kiocb *iocb, long ret)
{
	struct request *r = container_of(iocb, struct request, iocb);

	if (settle(r, ret))
		complete_request(r);
	else
		queue_work(r->blk->wq, &r->work);
}

/* The part of the buffers that is data, without what is done already. */
static void data_iter(const struct request *r, struct iov_iter *iter)
{
	const struct lodge_vq_chain *c = &r->chain;

	if (r->type == VIRTIO_BLK_T_IN) {
		iov_iter_init(iter, ITER_DEST, c->iov + c->nr_out, c->nr_in, c->in_len);
	} else {
		iov_iter_init(iter, ITER_SOURCE, c->iov, c->nr_out, c->out_len);
		iov_iter_advance(iter, sizeof(struct virtio_blk_outhdr));
	}
	iov_iter_advance(iter, r->done);
	iov_iter_truncate(iter, min_t(u32, r->len - r->done, MAX_RW_COUNT));
}

/* Writes that nobody will flush are on the medium when they are done (5.2.6.2) */
static bool is_sync(const struct request *r)
{
	return r->type == VIRTIO_BLK_T_OUT && !lodge_virtio_has(&r->blk->dev, VIRTIO_BLK_F_FLUSH);
}

static bool start_write(struct request *r, bool nowait)
{
	struct super_block *sb = r->blk->inode->i_sb;

	if (!S_ISREG(r->blk->inode->i_mode))
		return true;
	if (!nowait) {
		kiocb_start_write(&r->iocb);
	} else {
		if (!sb_start_write_trylock(sb))
			return false;
		__sb_writers_release(sb, SB_FREEZE_WRITE);
	}
	r->writing = true;
	return true;
}

/* Return: what there is for settle(), or -EIOCBQUEUED: then the request is not ours. */
static long start_io(struct request *r, bool nowait)
{
	struct file *file = r->blk->file;
	struct iov_iter iter;

	r->iocb = (struct kiocb){
		.ki_filp = file,
		.ki_pos = (r->sector << SECTOR_SHIFT) + r->done,
		.ki_flags = file->f_iocb_flags & ~IOCB_APPEND,
		.ki_complete = io_complete,
	};
	if (nowait)
		r->iocb.ki_flags |= IOCB_NOWAIT;
	if (r->buffered)
		r->iocb.ki_flags &= ~IOCB_DIRECT;
	if (is_sync(r))
		r->iocb.ki_flags |= IOCB_DSYNC;
	data_iter(r, &iter);
	if (r->type == VIRTIO_BLK_T_IN)
		return file->f_op->read_iter(&r->iocb, &iter);
	r->iocb.ki_flags |= IOCB_WRITE;
	if (!start_write(r, nowait))
		return -EAGAIN;
	return file->f_op->write_iter(&r->iocb, &iter);
}

static bool may_try(const struct request *r)
{
	if (!(r->blk->file->f_mode & FMODE_NOWAIT))
		return false;
	return r->type == VIRTIO_BLK_T_IN || (READ_ONCE(r->blk->nowait) && !is_sync(r));
}

/* ---- what sleeps --------------------------------------------------------- */

static bool in_disk(const struct blk *blk, u64 sector, u64 sectors)
{
	u64 capacity = READ_ONCE(blk->capacity);

	return sector <= capacity && sectors <= capacity - sector;
}

/* For files that cannot have zeroes made */
static int write_zeroes(struct blk *blk, loff_t pos, u64 len)
{
	loff_t end = pos + len;
	ssize_t n;

	while (pos < end) {
		n = kernel_write(blk->file, page_address(ZERO_PAGE(0)),
				 min_t(u64, end - pos, PAGE_SIZE), &pos);
		if (n <= 0)
			return n ?: -EIO;
		cond_resched();
	}
	return 0;
}

static u8 do_range(struct request *r, const struct virtio_blk_discard_write_zeroes *range)
{
	bool zeroes = r->type == VIRTIO_BLK_T_WRITE_ZEROES;
	u32 flags = le32_to_cpu(range->flags), sectors = le32_to_cpu(range->num_sectors);
	u64 sector = le64_to_cpu(range->sector), len = (u64)sectors << SECTOR_SHIFT;
	bool punch = !zeroes || flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	struct blk *blk = r->blk;
	int err;

	if (flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0))
		return VIRTIO_BLK_S_UNSUPP;
	if (sectors > (zeroes ? MAX_ZEROES : MAX_DISCARD) || !in_disk(blk, sector, sectors))
		return VIRTIO_BLK_S_IOERR;
	if (!sectors)
		return VIRTIO_BLK_S_OK;
	err = -EOPNOTSUPP;
	if (blk->file->f_op->fallocate)
		err = vfs_fallocate(blk->file, FALLOC_FL_KEEP_SIZE |
				    (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE),
				    sector << SECTOR_SHIFT, len);
	if (err == -EOPNOTSUPP && !zeroes)
		return VIRTIO_BLK_S_UNSUPP;
	if (err == -EOPNOTSUPP)
		err = write_zeroes(blk, sector << SECTOR_SHIFT, len);
	if (!err && !lodge_virtio_has(&blk->dev, VIRTIO_BLK_F_FLUSH))
		err = vfs_fsync(blk->file, 1);
	return err ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static u8 do_ranges(struct request *r)
{
	struct virtio_blk_discard_write_zeroes range[MAX_RANGES];
	unsigned int i, n = r->len / sizeof(range[0]);
	u8 status = VIRTIO_BLK_S_OK;
	struct iov_iter iter;

	if (!n || n > (r->type == VIRTIO_BLK_T_DISCARD ? MAX_RANGES : 1) ||
	    r->len % sizeof(range[0]))
		return VIRTIO_BLK_S_IOERR;
	data_iter(r, &iter);
	if (!copy_from_iter_full(range, r->len, &iter))
		return VIRTIO_BLK_S_IOERR;
	for (i = 0; i < n && status == VIRTIO_BLK_S_OK; i++)
		status = do_range(r, &range[i]);
	return status;
}

static bool do_sleeping(struct request *r)
{
	long ret;

	switch (r->type) {
	case VIRTIO_BLK_T_FLUSH:
		if (!vfs_fsync(r->blk->file, 1))
			r->status = VIRTIO_BLK_S_OK;
		return true;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		r->status = do_ranges(r);
		return true;
	}
	do {
		ret = start_io(r, false);
		if (ret == -EIOCBQUEUED)
			return false;
	} while (!settle(r, ret));
	return true;
}

static void work(struct work_struct *work)
{
	struct request *r = container_of(work, struct request, work);
	const struct cred *cred = r->blk->file->f_cred;
	struct mm_struct *mm = r->blk->dev.mm;
	bool done;

	if (!mmget_not_zero(mm)) {
		complete_request(r);
		return;
	}
	kthread_use_mm(mm);
	cred = override_creds(cred);
	done = do_sleeping(r);
	revert_creds(cred);
	kthread_unuse_mm(mm);
	mmput(mm);
	if (done)
		complete_request(r);
}

/* ---- the worker ---------------------------------------------------------- */

static struct request *new_request(struct blk *blk, unsigned int queue)
{
	struct blk_queue *q = &blk->queue[queue];
	struct request *r;

	if (q->nr == DEPTH)
		return NULL;
	r = lodge_alloc_large(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	r->blk = blk;
	r->queue = queue;
	INIT_WORK(&r->work, work);
	q->nr++;
	return r;
}

static struct request *get_request(struct blk *blk, unsigned int queue)
{
	struct llist_node *node = llist_del_first(&blk->queue[queue].free);

	return node ? llist_entry(node, struct request, node) : new_request(blk, queue);
}

static void put_request(struct request *r)
{
	llist_add(&r->node, &r->blk->queue[r->queue].free);
}

/* Status and used ring. Return: 0, or negative with the queue broken. */
static int finish(struct request *r)
{
	struct lodge_vq_chain *c = &r->chain;
	unsigned int last = c->nr_out + c->nr_in - 1;
	struct lodge_vq *vq = vq_of(r);

	if (r->type == VIRTIO_BLK_T_IN) {
		r->got = r->done;
		lodge_vq_written(vq, c, c->in_len);
	}
	/* the status counts where it follows */
	if (r->got == c->in_len - 1)
		r->got++;
	if (lodge_mem_write(vq->mem, c->gpa[last] + c->iov[last].iov_len - 1, &r->status, 1))
		return -EFAULT;
	return lodge_vq_push(vq, c, r->got);
}

static void get_id(struct request *r)
{
	struct lodge_vq_chain *c = &r->chain;
	size_t len = min_t(size_t, sizeof(r->blk->serial), c->in_len - 1);
	struct iov_iter iter;

	iov_iter_init(&iter, ITER_DEST, c->iov + c->nr_out, c->nr_in, len);
	r->got = copy_to_iter(r->blk->serial, len, &iter);
	lodge_vq_written(vq_of(r), c, r->got);
	if (r->got == len)
		r->status = VIRTIO_BLK_S_OK;
}

/*
 * Look at the header and at what is asked for (5.2.6); how buffers are cut into descriptors
 * says nothing (2.7.4.3).
 * Return: true if there is I/O to do; else there is a status.
 */
static bool parse(struct request *r)
{
	struct virtio_blk_outhdr hdr;
	struct lodge_vq_chain *c = &r->chain;
	struct iov_iter iter;
	bool ro = r->blk->dev.features & BIT_ULL(VIRTIO_BLK_F_RO);

	iov_iter_init(&iter, ITER_SOURCE, c->iov, c->nr_out, c->out_len);
	if (!copy_from_iter_full(&hdr, sizeof(hdr), &iter))
		return false;
	r->type = le32_to_cpu((__force __le32)hdr.type);
	r->sector = le64_to_cpu((__force __le64)hdr.sector);
	r->len = c->out_len - sizeof(hdr);
	switch (r->type) {
	case VIRTIO_BLK_T_IN:
		r->len = c->in_len - 1;
		ro = false;
		fallthrough;
	case VIRTIO_BLK_T_OUT:
		if (ro || r->len % SECTOR_SIZE ||
		    !in_disk(r->blk, r->sector, r->len / SECTOR_SIZE))
			return false;
		if (!r->len)
			r->status = VIRTIO_BLK_S_OK;
		return r->len;
	case VIRTIO_BLK_T_FLUSH:
		return true;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return !ro;
	case VIRTIO_BLK_T_GET_ID:
		get_id(r);
		return false;
	}
	r->status = VIRTIO_BLK_S_UNSUPP;
	return false;
}

/* Return: true if the request is done. */
static bool begin(struct request *r)
{
	bool io = true;
	long ret;

	r->type = VIRTIO_BLK_T_FLUSH;
	r->len = 0;
	r->done = 0;
	r->got = 0;
	r->status = VIRTIO_BLK_S_IOERR;
	r->buffered = false;
	if (!parse(r))
		return true;
	if (r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_OUT)
		io = may_try(r);
	else
		io = false;
	r->blk->flight++;
	if (io) {
		ret = start_io(r, true);
		if (ret == -EIOCBQUEUED)
			return false;
		if (settle(r, ret)) {
			r->blk->flight--;
			return true;
		}
	}
	queue_work(r->blk->wq, &r->work);
	return false;
}

/* Requests that are done go back to the driver. Return: how many, or negative if broken. */
static int reap(struct blk *blk, unsigned int queue)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&blk->queue[queue].done));
	struct request *r, *next;
	int n = 0, err = 0;

	llist_for_each_entry_safe(r, next, list, node) {
		blk->flight--;
		if (!err)
			err = finish(r);
		put_request(r);
		n++;
	}
	return err ?: n;
}

/* Take up to BATCH requests. Return: 1, there may be more; 0, none; negative if broken. */
static int take(struct blk *blk, unsigned int queue, int *pushed)
{
	struct lodge_vq *vq = &blk->dev.queue[queue].vq;
	struct request *r;
	int i, ret;

	for (i = 0; i < BATCH; i++) {
		r = get_request(blk, queue);
		/* there is one when one is done: each queue has at least one */
		if (!r)
			return 0;
		ret = lodge_vq_pop(vq, &r->chain);
		if (ret == 1 && (r->chain.out_len < sizeof(struct virtio_blk_outhdr) ||
				 !r->chain.in_len))
			ret = -EINVAL;
		if (ret <= 0) {
			put_request(r);
			return ret ?: lodge_vq_enable_kicks(vq);
		}
		if (!begin(r))
			continue;
		ret = finish(r);
		put_request(r);
		if (ret)
			return ret;
		++*pushed;
	}
	return 1;
}

static int tell(struct blk *blk, unsigned int queue)
{
	int ret = lodge_vq_wants_interrupt(&blk->dev.queue[queue].vq);

	if (ret == 1)
		lodge_virtio_interrupt(&blk->dev, queue);
	return min(ret, 0);
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct blk *blk = blk_of(dev);
	const struct cred *cred = override_creds(blk->file->f_cred);
	struct blk_plug plug;
	int pushed, ret;

	lodge_vq_disable_kicks(&dev->queue[queue].vq);
	pushed = reap(blk, queue);
	ret = pushed;
	if (ret >= 0) {
		blk_start_plug(&plug);
		ret = take(blk, queue, &pushed);
		blk_finish_plug(&plug);
	}
	if (pushed > 0 && tell(blk, queue) < 0)
		ret = -EIO;
	revert_creds(cred);
	if (ret < 0)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

static bool any_done(struct blk *blk)
{
	unsigned int i;

	for (i = 0; i < blk->dev.nr_queues; i++) {
		if (!llist_empty(&blk->queue[i].done))
			return true;
	}
	return false;
}

/* What cannot be taken back is waited for; a queue that goes on gets its answers. */
static void stop(struct lodge_virtio *dev)
{
	struct blk *blk = blk_of(dev);
	unsigned int i;

	while (blk->flight) {
		wait_event(blk->drained, any_done(blk));
		for (i = 0; i < dev->nr_queues; i++) {
			if (reap(blk, i) > 0)
				tell(blk, i);
		}
	}
}

/* ---- configuration ------------------------------------------------------- */

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	struct blk *blk = blk_of(dev);

	memset(buf, 0, len);
	if (offset >= CONFIG_LEN)
		return;
	offset = array_index_nospec(offset, CONFIG_LEN);
	memcpy(buf, (u8 *)&blk->config + offset, min_t(u32, len, CONFIG_LEN - offset));
}

static u64 sectors_of(const struct blk *blk)
{
	u64 sectors = i_size_read(blk->inode) >> SECTOR_SHIFT;

	return round_down(sectors, le32_to_cpu((__force __le32)blk->config.blk_size) / SECTOR_SIZE);
}

static void set_capacity_of(struct blk *blk, u64 sectors)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&blk->dev.lock, flags);
	WRITE_ONCE(blk->capacity, sectors);
	blk->config.capacity = (__force __virtio64)cpu_to_le64(sectors);
	raw_spin_unlock_irqrestore(&blk->dev.lock, flags);
}

/**
 * lodge_blk_resize - the image has another size now
 * @dev: from lodge_blk_create()
 *
 * The driver is told of it.  Requests that lie beyond are answered with an error.
 */
void lodge_blk_resize(struct lodge_virtio *dev)
{
	struct blk *blk = blk_of(dev);
	u64 sectors = sectors_of(blk);

	if (sectors == READ_ONCE(blk->capacity))
		return;
	set_capacity_of(blk, sectors);
	lodge_virtio_config_changed(dev);
}

static void fill_config(struct blk *blk, unsigned int queues)
{
	struct virtio_blk_config *c = &blk->config;
	unsigned int logical = SECTOR_SIZE, physical = i_blocksize(blk->inode);

	if (S_ISBLK(blk->inode->i_mode)) {
		logical = bdev_logical_block_size(I_BDEV(blk->inode));
		physical = bdev_physical_block_size(I_BDEV(blk->inode));
	}
	physical = max(physical, logical);
#define le16(v) ((__force __virtio16)cpu_to_le16(v))
#define le32(v) ((__force __virtio32)cpu_to_le32(v))
	c->seg_max = le32(SEG_MAX);
	c->blk_size = le32(logical);
	c->physical_block_exp = ilog2(physical / logical);
	c->min_io_size = le16(physical / logical);
	c->num_queues = le16(queues);
	c->max_discard_sectors = le32(MAX_DISCARD);
	c->max_discard_seg = le32(MAX_RANGES);
	c->discard_sector_alignment = le32(physical / SECTOR_SIZE);
	c->max_write_zeroes_sectors = le32(MAX_ZEROES);
	c->max_write_zeroes_seg = le32(1);
	c->write_zeroes_may_unmap = 1;
#undef le16
#undef le32
}

/* ---- life ---------------------------------------------------------------- */

static void free_blk(struct blk *blk)
{
	struct request *r, *next;
	unsigned int i;

	for (i = 0; i < LODGE_VIRTIO_QUEUES; i++) {
		llist_for_each_entry_safe(r, next, llist_del_all(&blk->queue[i].free), node)
			kvfree(r);
	}
	if (blk->wq)
		destroy_workqueue(blk->wq);
	fput(blk->file);
	kvfree(blk);
}

static void destroy(struct lodge_virtio *dev)
{
	/* those that complete requests, to their last access */
	synchronize_rcu();
	free_blk(blk_of(dev));
}

static const struct lodge_virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK,
	.config_len = CONFIG_LEN,
	.features = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		    BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		    BIT_ULL(VIRTIO_BLK_F_MQ),
	.stop = stop,
	.kick = kick,
	.read_config = read_config,
	.destroy = destroy,
};

static int check_file(const struct file *file, bool read_only)
{
	const struct inode *inode = file->f_mapping->host;

	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return -ENOTBLK;
	if (!(file->f_mode & FMODE_READ) || (!read_only && !(file->f_mode & FMODE_WRITE)))
		return -EBADF;
	if (!file->f_op->read_iter || (!read_only && !file->f_op->write_iter))
		return -EOPNOTSUPP;
	return 0;
}

/* Return: 0; on failure the caller frees what there is. */
static int fill(struct blk *blk, struct file *file, const struct lodge_blk_config *config)
{
	unsigned int i;
	struct request *r;

	blk->file = get_file(file);
	blk->inode = file->f_mapping->host;
	blk->nowait = true;
	init_waitqueue_head(&blk->drained);
	memcpy(blk->serial, config->serial, sizeof(blk->serial));
	for (i = 0; i < config->queues; i++) {
		r = new_request(blk, i);
		if (!r)
			return -ENOMEM;
		put_request(r);
	}
	blk->wq = alloc_workqueue("lodge-blk", WQ_UNBOUND, WORKERS);
	if (!blk->wq)
		return -ENOMEM;
	fill_config(blk, config->queues);
	blk->capacity = sectors_of(blk);
	blk->config.capacity = (__force __virtio64)cpu_to_le64(blk->capacity);
	return 0;
}

/**
 * lodge_blk_create() - a disk
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 * @config: what kind; copied, with a reference of its own to the file
 *
 * What the file may be used for was checked when it was opened, and with the rights of
 * who opened it its blocks are allocated.
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -ENOTBLK if it is neither
 * a regular file nor a block device, -EBADF if it is not open for what is needed,
 * -EOPNOTSUPP if it cannot be used this way, -ENOMEM, or what lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_blk_create(struct lodge_mem *mem, const char *name,
				      const struct lodge_blk_config *config)
{
	struct blk *blk;
	int err = check_file(config->file, config->read_only);

	if (err)
		return ERR_PTR(err);
	blk = lodge_alloc_large(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	if (!blk)
		return ERR_PTR(-ENOMEM);
	err = fill(blk, config->file, config);
	if (!err)
		err = lodge_virtio_init(&blk->dev, &blk_ops, mem, config->queues, QUEUE_SIZE,
					name);
	if (err) {
		free_blk(blk);
		return ERR_PTR(err);
	}
	if (config->read_only)
		blk->dev.features |= BIT_ULL(VIRTIO_BLK_F_RO);
	else
		blk->dev.features |= BIT_ULL(VIRTIO_BLK_F_DISCARD) |
				     BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
	return &blk->dev;
}
