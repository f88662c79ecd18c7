// SPDX-License-Identifier: GPL-2.0-only
/*
 * blk_io.c - a disk's requests as reads and writes of its image
 *
 * A read or write is tried without sleeping by the worker, and handed to a workqueue
 * when that cannot be; direct I/O completes by interrupt.  Who completes a request puts
 * it on its queue's list and wakes the worker, which alone touches the rings.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>

#include "blk_io.h"

/* ---- requests in flight -------------------------------------------------- */

/* From here on the worker has it.  Any context. */
static void complete_request(struct lodge_blk_request *r)
{
	struct lodge_blk *blk = r->blk;
	unsigned int queue = r->queue;

	/* keeps the disk until we have left it: see destroy() */
	rcu_read_lock();
	if (llist_add(&r->node, &blk->queue[queue].done))
		lodge_virtio_wake(&blk->dev, queue);
	wake_up(&blk->drained);
	rcu_read_unlock();
}

static bool is_direct(const struct lodge_blk_request *r)
{
	return r->iocb.ki_flags & IOCB_DIRECT;
}

/*
 * What became of an attempt to read or write.
 * Return: true if the request is done; else it is to be tried again where it may sleep.
 */
static bool settle(struct lodge_blk_request *r, long ret)
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
	struct lodge_blk_request *r = container_of(iocb, struct lodge_blk_request, iocb);

	if (settle(r, ret))
		complete_request(r);
	else
		queue_work(r->blk->wq, &r->work);
}

/* The part of the buffers that is data, without what is done already. */
static void data_iter(const struct lodge_blk_request *r, struct iov_iter *iter)
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
static bool is_sync(const struct lodge_blk_request *r)
{
	return r->type == VIRTIO_BLK_T_OUT && !lodge_virtio_has(&r->blk->dev, VIRTIO_BLK_F_FLUSH);
}

static bool start_write(struct lodge_blk_request *r, bool nowait)
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
static long start_io(struct lodge_blk_request *r, bool nowait)
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

static bool may_try(const struct lodge_blk_request *r)
{
	if (!(r->blk->file->f_mode & FMODE_NOWAIT))
		return false;
	return r->type == VIRTIO_BLK_T_IN ||
	       (r->type == VIRTIO_BLK_T_OUT && READ_ONCE(r->blk->nowait) && !is_sync(r));
}

/* ---- what sleeps --------------------------------------------------------- */

/* For files that cannot have zeroes made */
static int write_zeroes(struct lodge_blk *blk, loff_t pos, u64 len)
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

static u8 do_range(struct lodge_blk_request *r,
		   const struct virtio_blk_discard_write_zeroes *range)
{
	bool zeroes = r->type == VIRTIO_BLK_T_WRITE_ZEROES;
	u32 flags = le32_to_cpu(range->flags), sectors = le32_to_cpu(range->num_sectors);
	u64 sector = le64_to_cpu(range->sector), len = (u64)sectors << SECTOR_SHIFT;
	bool punch = !zeroes || flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	u32 most = zeroes ? LODGE_BLK_MAX_ZEROES : LODGE_BLK_MAX_DISCARD;
	struct lodge_blk *blk = r->blk;
	int err;

	if (flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0))
		return VIRTIO_BLK_S_UNSUPP;
	if (sectors > most || !lodge_blk_has(blk, sector, sectors))
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

static u8 do_ranges(struct lodge_blk_request *r)
{
	struct virtio_blk_discard_write_zeroes range[LODGE_BLK_MAX_RANGES];
	unsigned int i, n = r->len / sizeof(range[0]);
	u8 status = VIRTIO_BLK_S_OK;
	struct iov_iter iter;

	if (!n || n > (r->type == VIRTIO_BLK_T_DISCARD ? LODGE_BLK_MAX_RANGES : 1) ||
	    r->len % sizeof(range[0]))
		return VIRTIO_BLK_S_IOERR;
	data_iter(r, &iter);
	if (!copy_from_iter_full(range, r->len, &iter))
		return VIRTIO_BLK_S_IOERR;
	for (i = 0; i < n && status == VIRTIO_BLK_S_OK; i++)
		status = do_range(r, &range[i]);
	return status;
}

static bool do_sleeping(struct lodge_blk_request *r)
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
	struct lodge_blk_request *r = container_of(work, struct lodge_blk_request, work);
	const struct cred *cred;
	struct mm_struct *mm = r->blk->dev.mm;
	bool done;

	if (!mmget_not_zero(mm)) {
		complete_request(r);
		return;
	}
	kthread_use_mm(mm);
	cred = override_creds(r->blk->dev.cred);
	done = do_sleeping(r);
	revert_creds(cred);
	kthread_unuse_mm(mm);
	mmput(mm);
	if (done)
		complete_request(r);
}

/**
 * lodge_blk_io_init() - make a request usable
 * @r: new; to be called once, for all the uses that are made of it
 */
void lodge_blk_io_init(struct lodge_blk_request *r)
{
	INIT_WORK(&r->work, work);
}

/**
 * lodge_blk_io_start() - have a request done
 * @r: the caller's, @status says that it failed; the caller runs with the owner's mm and
 *	the rights of who opened the file
 *
 * Return: true if it is done, with its status.  Else it is in flight: not the caller's
 * until it is on its queue's list of those done, which may be so already.
 */
bool lodge_blk_io_start(struct lodge_blk_request *r)
{
	long ret;

	if (may_try(r)) {
		ret = start_io(r, true);
		if (ret == -EIOCBQUEUED)
			return false;
		if (settle(r, ret))
			return true;
	}
	queue_work(r->blk->wq, &r->work);
	return false;
}
