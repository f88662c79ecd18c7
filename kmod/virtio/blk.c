// SPDX-License-Identifier: GPL-2.0-only
/*
 * blk.c - virtio-blk: a regular file or a block device as a disk (virtio 1.2, 5.2)
 *
 *	pop -> begin() -- not done at once --> blk_io.c -> list of those done -> reap() -> push
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "../mem.h"
#include "blk.h"
#include "blk_io.h"
#include "worker.h"

#define QUEUE_SIZE	256	/* descriptors */
#define DEPTH		128	/* requests under way, of a queue */
#define BATCH		32	/* requests taken before another queue gets its turn */
#define WORKERS		32	/* requests that sleep at the same time */

/* Pieces that are left for header, status, and buffers in two slots of memory */
#define SEG_MAX		(LODGE_VQ_MAX_IOV - 16)

#define CONFIG_LEN	offsetof(struct virtio_blk_config, max_secure_erase_sectors)

static struct lodge_blk *blk_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct lodge_blk, dev);
}

static struct lodge_vq *vq_of(struct lodge_blk_request *r)
{
	return &r->blk->dev.queue[r->queue].vq;
}

/* ---- the worker ---------------------------------------------------------- */

static struct lodge_blk_request *new_request(struct lodge_blk *blk, unsigned int queue)
{
	struct lodge_blk_queue *q = &blk->queue[queue];
	struct lodge_blk_request *r;

	if (q->nr == DEPTH)
		return NULL;
	r = lodge_alloc_large(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	r->blk = blk;
	r->queue = queue;
	lodge_blk_io_init(r);
	q->nr++;
	return r;
}

static struct lodge_blk_request *get_request(struct lodge_blk *blk, unsigned int queue)
{
	struct llist_node *node = llist_del_first(&blk->queue[queue].free);

	return node ? llist_entry(node, struct lodge_blk_request, node) : new_request(blk, queue);
}

static void put_request(struct lodge_blk_request *r)
{
	llist_add(&r->node, &r->blk->queue[r->queue].free);
}

static void account(const struct lodge_blk_request *r)
{
	struct lodge_virtio *dev = &r->blk->dev;

	if (r->status != VIRTIO_BLK_S_OK) {
		lodge_virtio_count(dev, LODGE_VIRTIO_ERRORS, 1);
	} else if (r->type == VIRTIO_BLK_T_IN) {
		lodge_virtio_count(dev, LODGE_VIRTIO_IN, 1);
		lodge_virtio_count(dev, LODGE_VIRTIO_IN_BYTES, r->done);
	} else if (r->type == VIRTIO_BLK_T_OUT) {
		lodge_virtio_count(dev, LODGE_VIRTIO_OUT, 1);
		lodge_virtio_count(dev, LODGE_VIRTIO_OUT_BYTES, r->done);
	} else {
		lodge_virtio_count(dev, LODGE_VIRTIO_OTHER, 1);
	}
}

/* Status and used ring. Return: 0, or negative with the queue broken. */
static int finish(struct lodge_blk_request *r)
{
	struct lodge_vq_chain *c = &r->chain;
	unsigned int last = c->nr_out + c->nr_in - 1;
	struct lodge_vq *vq = vq_of(r);
	int err = -EFAULT;
	bool held;

	account(r);
	if (r->type == VIRTIO_BLK_T_IN) {
		r->got = r->done;
		lodge_vq_written(vq, c, c->in_len);
	}
	/* the status counts where it follows */
	if (r->got == c->in_len - 1)
		r->got++;
	held = lodge_mem_hold(vq->mem, &vq->near);
	if (!lodge_mem_write_near(vq->mem, &vq->near,
				  c->gpa[last] + c->iov[last].iov_len - 1, &r->status, 1))
		err = lodge_vq_push(vq, c, r->got);
	if (held)
		lodge_mem_release(vq->mem, &vq->near);
	return err;
}

static void get_id(struct lodge_blk_request *r)
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
static bool parse(struct lodge_blk_request *r)
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
		    !lodge_blk_has(r->blk, r->sector, r->len / SECTOR_SIZE))
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
static bool begin(struct lodge_blk_request *r)
{
	bool io;

	r->type = VIRTIO_BLK_T_FLUSH;
	r->len = 0;
	r->done = 0;
	r->got = 0;
	r->status = VIRTIO_BLK_S_IOERR;
	r->buffered = false;
	io = !READ_ONCE(r->blk->pulled) && parse(r);
	lodge_limit_charge(&r->blk->limit, io ? r->len : 0);
	if (!io)
		return true;
	r->blk->flight++;
	if (!lodge_blk_io_start(r))
		return false;
	r->blk->flight--;
	return true;
}

/* Requests that are done go back to the driver. Return: how many, or negative if broken. */
static int reap(struct lodge_blk *blk, unsigned int queue)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&blk->queue[queue].done));
	struct lodge_blk_request *r, *next;
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
static int take(struct lodge_blk *blk, unsigned int queue, int *pushed)
{
	struct lodge_vq *vq = &blk->dev.queue[queue].vq;
	struct lodge_blk_request *r;
	int i, ret;

	for (i = 0; i < BATCH; i++) {
		if (lodge_limit_reached(&blk->limit))
			return 0;
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
			return ret ?: lodge_worker_rest(&blk->dev, queue);
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

static int tell(struct lodge_blk *blk, unsigned int queue)
{
	int ret = lodge_vq_wants_interrupt(&blk->dev.queue[queue].vq);

	if (ret == 1)
		lodge_virtio_interrupt(&blk->dev, queue);
	return min(ret, 0);
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_blk *blk = blk_of(dev);
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
	if (ret < 0)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

static bool any_done(struct lodge_blk *blk)
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
	struct lodge_blk *blk = blk_of(dev);
	unsigned int i;

	lodge_limit_stop(&blk->limit);
	while (blk->flight) {
		wait_event_idle(blk->drained, any_done(blk));
		for (i = 0; i < dev->nr_queues; i++) {
			if (reap(blk, i) > 0)
				tell(blk, i);
		}
	}
}

/* ---- configuration ------------------------------------------------------- */

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	lodge_virtio_copy_config(buf, len, &blk_of(dev)->config, CONFIG_LEN, offset);
}

static u64 sectors_of(const struct lodge_blk *blk)
{
	u64 sectors = i_size_read(blk->inode) >> SECTOR_SHIFT;

	return round_down(sectors, le32_to_cpu((__force __le32)blk->config.blk_size) / SECTOR_SIZE);
}

static void set_capacity_of(struct lodge_blk *blk, u64 sectors)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&blk->dev.lock, flags);
	WRITE_ONCE(blk->capacity, sectors);
	blk->config.capacity = (__force __virtio64)cpu_to_le64(sectors);
	raw_spin_unlock_irqrestore(&blk->dev.lock, flags);
}

/**
 * lodge_blk_may_resize - whether the image can be given another size
 * @dev: from lodge_blk_create()
 * @bytes: of it
 *
 * Return: 0, -EINVAL if the size is no multiple of a sector, -EROFS if the driver may not write,
 * -ENOTBLK if the image is no regular file, -EFBIG if the caller's files may not be so large.
 */
int lodge_blk_may_resize(struct lodge_virtio *dev, u64 bytes)
{
	struct lodge_blk *blk = blk_of(dev);

	if (!bytes || bytes % SECTOR_SIZE || bytes > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (dev->features & BIT_ULL(VIRTIO_BLK_F_RO))
		return -EROFS;
	if (!S_ISREG(blk->inode->i_mode))
		return -ENOTBLK;
	return bytes > rlimit(RLIMIT_FSIZE) && bytes > i_size_read(blk->inode) ? -EFBIG : 0;
}

/**
 * lodge_blk_truncate - give an image another size
 * @file: of a disk, for which lodge_blk_may_resize() has returned 0
 * @bytes: of it; what lies beyond is lost
 *
 * It is done with the rights of who opened the image; sleeps for as long as the file system likes.
 *
 * Return: what vfs_truncate() returned.
 */
int lodge_blk_truncate(struct file *file, u64 bytes)
{
	const struct cred *cred = override_creds(file->f_cred);
	int err = vfs_truncate(&file->f_path, bytes);

	revert_creds(cred);
	return err;
}

/**
 * lodge_blk_resize - the image has another size now, or is about to
 * @dev: from lodge_blk_create(); the caller lets nobody else in
 * @most: bytes of which the disk is not larger
 *
 * The driver is told of it.  What lies beyond is not accessed from now on, but for what is under
 * way; requests are answered with an error.
 */
void lodge_blk_resize(struct lodge_virtio *dev, u64 most)
{
	struct lodge_blk *blk = blk_of(dev);
	u64 sectors = min(sectors_of(blk), most >> SECTOR_SHIFT);

	if (sectors == READ_ONCE(blk->capacity))
		return;
	set_capacity_of(blk, sectors);
	lodge_virtio_config_changed(dev);
}

/**
 * lodge_blk_limit - how much a second at most
 * @dev: from lodge_blk_create()
 * @which: as for lodge_limit_ask()
 * @rate: likewise
 */
void lodge_blk_limit(struct lodge_virtio *dev, unsigned int which, u64 rate)
{
	lodge_limit_ask(&blk_of(dev)->limit, which, rate);
}

static void pull(struct lodge_virtio *dev)
{
	struct lodge_blk *blk = blk_of(dev);
	unsigned int i;

	WRITE_ONCE(blk->pulled, true);
	for (i = 0; i < LODGE_NR_LIMITS; i++)
		lodge_limit_ask(&blk->limit, i, 0);
}

static void look(struct lodge_virtio *dev, struct lodge_virtio_view *view)
{
	struct lodge_blk *blk = blk_of(dev);

	view->is_disk = true;
	view->size = READ_ONCE(blk->capacity) << SECTOR_SHIFT;
	view->read_only = dev->features & BIT_ULL(VIRTIO_BLK_F_RO);
	memcpy(view->serial, blk->serial, sizeof(view->serial));
	lodge_virtio_look_file(view, blk->file);
	lodge_limit_look(&blk->limit, view);
}

static struct file *file_of(struct lodge_virtio *dev, unsigned int n)
{
	return n ? NULL : blk_of(dev)->file;
}

static void fill_config(struct lodge_blk *blk, unsigned int queues)
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
	c->max_discard_sectors = le32(LODGE_BLK_MAX_DISCARD);
	c->max_discard_seg = le32(LODGE_BLK_MAX_RANGES);
	c->discard_sector_alignment = le32(physical / SECTOR_SIZE);
	c->max_write_zeroes_sectors = le32(LODGE_BLK_MAX_ZEROES);
	c->max_write_zeroes_seg = le32(1);
	c->write_zeroes_may_unmap = 1;
#undef le16
#undef le32
}

/* ---- life ---------------------------------------------------------------- */

static void free_blk(struct lodge_blk *blk)
{
	struct lodge_blk_request *r, *next;
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
	.look = look,
	.file = file_of,
	.pull = pull,
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
static int fill(struct lodge_blk *blk, struct file *file, const struct lodge_blk_config *config)
{
	unsigned int i;
	struct lodge_blk_request *r;

	lodge_limit_init(&blk->limit, &blk->dev, GENMASK(config->queues - 1, 0));
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
	struct lodge_blk *blk;
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
