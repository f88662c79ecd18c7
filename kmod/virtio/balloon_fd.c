// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor by which a VM's owner learns what memory the guest can do without.
 */
#include <linux/anon_inodes.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "balloon_fd.h"
#include "worker.h"

/* ---- the worker's side --------------------------------------------------- */

/**
 * lodge_balloon_fd_mine - may the worker touch the ranges?
 * @bfd: the descriptor
 *
 * Return: whether nobody has them.
 */
bool lodge_balloon_fd_mine(struct lodge_balloon_fd *bfd)
{
	bool mine;

	spin_lock(&bfd->lock);
	mine = bfd->state == LODGE_BALLOON_IDLE || bfd->state == LODGE_BALLOON_DONE;
	spin_unlock(&bfd->lock);
	return mine;
}

/**
 * lodge_balloon_fd_offer - have the ranges discarded
 * @bfd: filled, and the worker's
 *
 * Return: false if there is nobody to do it.
 */
bool lodge_balloon_fd_offer(struct lodge_balloon_fd *bfd)
{
	bool open;

	spin_lock(&bfd->lock);
	open = bfd->open;
	bfd->taken = 0;
	bfd->state = open ? LODGE_BALLOON_OFFERED : LODGE_BALLOON_IDLE;
	spin_unlock(&bfd->lock);
	if (open)
		wake_up_interruptible(&bfd->wait);
	return open;
}

/* The ranges are the worker's, if it gets them without waiting for the owner */
static bool take_back(struct lodge_balloon_fd *bfd)
{
	bool taken;

	spin_lock(&bfd->lock);
	taken = bfd->state == LODGE_BALLOON_TAKEN;
	if (!taken)
		bfd->state = LODGE_BALLOON_IDLE;
	spin_unlock(&bfd->lock);
	return !taken;
}

/**
 * lodge_balloon_fd_recall - no range is discarded after this
 * @bfd: the descriptor
 * @mem: the VM's memory; the worker calls
 *
 * Waits until the owner has done with what he has read: else he could discard what the
 * guest has begun to use again.  An owner who has no guest any more is not waited for.
 */
void lodge_balloon_fd_recall(struct lodge_balloon_fd *bfd, struct lodge_mem *mem)
{
	lodge_worker_wait(mem, bfd->wait, take_back(bfd));
}

/* ---- the owner's side ---------------------------------------------------- */

/* What was read is dealt with.  Return: whether something is left to be read */
static bool acknowledge(struct lodge_balloon_fd *bfd, bool closing)
{
	bool done = false, left;

	spin_lock(&bfd->lock);
	if (bfd->state == LODGE_BALLOON_TAKEN && bfd->taken < bfd->nr)
		bfd->state = LODGE_BALLOON_OFFERED;
	if (bfd->state == LODGE_BALLOON_TAKEN ||
	    (closing && bfd->state == LODGE_BALLOON_OFFERED)) {
		bfd->state = LODGE_BALLOON_DONE;
		done = true;
	}
	if (closing)
		bfd->open = false;
	left = bfd->state == LODGE_BALLOON_OFFERED;
	spin_unlock(&bfd->lock);
	if (done) {
		bfd->done(bfd->dev);
		wake_up(&bfd->wait);
	}
	return left;
}

/* Takes ranges from @from on; how many, 0 if there are none any more */
static unsigned int take(struct lodge_balloon_fd *bfd, unsigned int room, unsigned int *from)
{
	unsigned int n = 0;

	spin_lock(&bfd->lock);
	if (bfd->state == LODGE_BALLOON_OFFERED) {
		*from = bfd->taken;
		n = min(room, bfd->nr - bfd->taken);
		bfd->taken += n;
		bfd->state = LODGE_BALLOON_TAKEN;
	}
	spin_unlock(&bfd->lock);
	return n;
}

static ssize_t read_some(struct lodge_balloon_fd *bfd, char __user *buf, size_t len)
{
	unsigned int n, from = 0;

	if (!acknowledge(bfd, false))
		return 0;
	n = take(bfd, min_t(size_t, len / sizeof(*bfd->range), LODGE_BALLOON_RANGES), &from);
	/* nobody learns of these any more: they stay as they are */
	if (copy_to_user(buf, &bfd->range[from], n * sizeof(*bfd->range)))
		return -EFAULT;
	return n * sizeof(*bfd->range);
}

static bool is_readable(struct lodge_balloon_fd *bfd)
{
	enum lodge_balloon_state state = READ_ONCE(bfd->state);

	return state == LODGE_BALLOON_OFFERED || state == LODGE_BALLOON_TAKEN;
}

static ssize_t balloon_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct lodge_balloon_fd *bfd = file->private_data;
	ssize_t n;

	if (current->mm != bfd->mm)
		return -EIO;
	if (len < sizeof(*bfd->range))
		return -EINVAL;
	do {
		if (mutex_lock_interruptible(&bfd->read_lock))
			return -ERESTARTSYS;
		n = read_some(bfd, buf, len);
		mutex_unlock(&bfd->read_lock);
		if (n)
			return n;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
	} while (!wait_event_interruptible(bfd->wait, is_readable(bfd)));
	return -ERESTARTSYS;
}

static ssize_t balloon_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct lodge_balloon_fd *bfd = file->private_data;
	u64 bytes;
	int err;

	if (current->mm != bfd->mm)
		return -EIO;
	if (len != sizeof(bytes))
		return -EINVAL;
	if (copy_from_user(&bytes, buf, sizeof(bytes)))
		return -EFAULT;
	err = bfd->set(bfd->dev, bytes);
	return err ?: sizeof(bytes);
}

static __poll_t balloon_poll(struct file *file, poll_table *table)
{
	struct lodge_balloon_fd *bfd = file->private_data;

	poll_wait(file, &bfd->wait, table);
	return EPOLLOUT | EPOLLWRNORM | (is_readable(bfd) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int balloon_release(struct inode *inode, struct file *file)
{
	struct lodge_balloon_fd *bfd = file->private_data;
	void (*put)(void *owner) = bfd->put;
	void *owner = bfd->owner;

	/* from here on it may be opened anew, and with put() it may go */
	acknowledge(bfd, true);
	put(owner);
	return 0;
}

static const struct file_operations balloon_fops = {
	.owner = THIS_MODULE,
	.read = balloon_read,
	.write = balloon_write,
	.poll = balloon_poll,
	.release = balloon_release,
	.llseek = noop_llseek,
};

/**
 * lodge_balloon_fd_open - make a descriptor
 * @bfd: that nobody has open
 * @put: called with @owner when the descriptor is released; may free @bfd
 * @owner: the caller's reference on what @bfd belongs to; stays the caller's on error
 *
 * Return: the descriptor, -EBUSY if there is one, or an errno.
 */
int lodge_balloon_fd_open(struct lodge_balloon_fd *bfd, void (*put)(void *owner), void *owner)
{
	bool busy;
	int fd;

	spin_lock(&bfd->lock);
	busy = bfd->open;
	if (!busy) {
		bfd->open = true;
		bfd->put = put;
		bfd->owner = owner;
	}
	spin_unlock(&bfd->lock);
	if (busy)
		return -EBUSY;
	fd = anon_inode_getfd("lodge-balloon", &balloon_fops, bfd, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		acknowledge(bfd, true);
	return fd;
}

/**
 * lodge_balloon_fd_init - no ranges, no descriptor
 * @bfd: zeroed
 * @mm: of who may read
 * @done: the owner has done with what he was offered
 * @set: he wants so many bytes of the guest; 0 or an errno
 * @dev: their argument
 */
void lodge_balloon_fd_init(struct lodge_balloon_fd *bfd, struct mm_struct *mm,
			   void (*done)(struct lodge_virtio *dev),
			   int (*set)(struct lodge_virtio *dev, u64 bytes),
			   struct lodge_virtio *dev)
{
	spin_lock_init(&bfd->lock);
	mutex_init(&bfd->read_lock);
	init_waitqueue_head(&bfd->wait);
	bfd->mm = mm;
	bfd->done = done;
	bfd->set = set;
	bfd->dev = dev;
}
