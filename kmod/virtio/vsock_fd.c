// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor by which a VM's owner is told to start and to stop the host's vhost-vsock.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "vsock_fd.h"
#include "worker.h"

/* ---- the worker's side --------------------------------------------------- */

/* Return: whether there is somebody to answer */
static bool put_request(struct lodge_vsock_fd *vfd, const struct lodge_vsock_request *request)
{
	bool open;

	spin_lock(&vfd->lock);
	open = vfd->open;
	vfd->asked = open;
	vfd->request = *request;
	/* unless another comes */
	vfd->answer = (struct lodge_vsock_answer){ .error = EPIPE };
	spin_unlock(&vfd->lock);
	return open;
}

static void take_answer(struct lodge_vsock_fd *vfd, struct lodge_vsock_answer *answer)
{
	spin_lock(&vfd->lock);
	vfd->asked = false;
	*answer = vfd->answer;
	spin_unlock(&vfd->lock);
}

/**
 * lodge_vsock_fd_ask - have the owner do something
 * @vfd: the descriptor
 * @mem: the VM's memory; the worker calls
 * @request: what
 * @answer: his; not all 0 or sensible, unless this succeeds
 *
 * Waits for the owner as long as there is one who has the descriptor open, and the device is not
 * destroyed.
 *
 * Return: 0, or a negative errno: the owner's, or -EPIPE if he does not answer.
 */
int lodge_vsock_fd_ask(struct lodge_vsock_fd *vfd, struct lodge_mem *mem,
		       const struct lodge_vsock_request *request,
		       struct lodge_vsock_answer *answer)
{
	if (!put_request(vfd, request))
		return -EPIPE;
	wake_up_interruptible(&vfd->wait);
	lodge_worker_wait(mem, vfd->wait, !READ_ONCE(vfd->asked));
	take_answer(vfd, answer);
	return -(int)answer->error;
}

/* ---- the owner's side ---------------------------------------------------- */

static bool get_request(struct lodge_vsock_fd *vfd, struct lodge_vsock_request *request)
{
	bool asked;

	spin_lock(&vfd->lock);
	asked = vfd->asked;
	*request = vfd->request;
	spin_unlock(&vfd->lock);
	return asked;
}

static ssize_t vsock_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct lodge_vsock_fd *vfd = file->private_data;
	struct lodge_vsock_request request;

	if (current->mm != vfd->mm)
		return -EIO;
	if (len < sizeof(request))
		return -EINVAL;
	while (!get_request(vfd, &request)) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(vfd->wait, READ_ONCE(vfd->asked)))
			return -ERESTARTSYS;
	}
	return copy_to_user(buf, &request, sizeof(request)) ? -EFAULT : sizeof(request);
}

static bool fits(const struct lodge_vsock_answer *answer)
{
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++)
		if (answer->next[i] > U16_MAX)
			return false;
	return answer->error <= MAX_ERRNO && !answer->pad;
}

static ssize_t vsock_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct lodge_vsock_fd *vfd = file->private_data;
	struct lodge_vsock_answer answer;
	bool asked;

	if (current->mm != vfd->mm)
		return -EIO;
	if (len != sizeof(answer))
		return -EINVAL;
	if (copy_from_user(&answer, buf, sizeof(answer)))
		return -EFAULT;
	if (!fits(&answer))
		return -EINVAL;
	spin_lock(&vfd->lock);
	asked = vfd->asked;
	vfd->asked = false;
	if (asked)
		vfd->answer = answer;
	spin_unlock(&vfd->lock);
	wake_up(&vfd->wait);
	return asked ? (ssize_t)sizeof(answer) : -EINVAL;
}

static __poll_t vsock_poll(struct file *file, poll_table *table)
{
	struct lodge_vsock_fd *vfd = file->private_data;

	poll_wait(file, &vfd->wait, table);
	return READ_ONCE(vfd->asked) ? EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM : 0;
}

static void close_fd(struct lodge_vsock_fd *vfd)
{
	spin_lock(&vfd->lock);
	vfd->open = false;
	vfd->asked = false;
	spin_unlock(&vfd->lock);
	wake_up(&vfd->wait);
}

static int vsock_release(struct inode *inode, struct file *file)
{
	struct lodge_vsock_fd *vfd = file->private_data;

	close_fd(vfd);
	/* which may free it */
	vfd->put(vfd->owner);
	return 0;
}

static const struct file_operations vsock_fops = {
	.owner = THIS_MODULE,
	.read = vsock_read,
	.write = vsock_write,
	.poll = vsock_poll,
	.release = vsock_release,
	.llseek = noop_llseek,
};

/**
 * lodge_vsock_fd_open - make the descriptor
 * @vfd: the caller lets nobody else open it
 * @put: called with @owner when the descriptor is released; may free @vfd
 * @owner: the caller's reference on what @vfd belongs to; stays the caller's on error
 *
 * Return: the descriptor, -EBUSY if there has been one, or an errno.
 */
int lodge_vsock_fd_open(struct lodge_vsock_fd *vfd, void (*put)(void *owner), void *owner)
{
	int fd;

	if (vfd->opened)
		return -EBUSY;
	vfd->put = put;
	vfd->owner = owner;
	vfd->opened = true;
	vfd->open = true;
	fd = anon_inode_getfd("lodge-vsock", &vsock_fops, vfd, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		close_fd(vfd);
		vfd->opened = false;
	}
	return fd;
}

/**
 * lodge_vsock_fd_init - no descriptor, no request
 * @vfd: zeroed
 * @mm: of who may read and write
 */
void lodge_vsock_fd_init(struct lodge_vsock_fd *vfd, struct mm_struct *mm)
{
	spin_lock_init(&vfd->lock);
	init_waitqueue_head(&vfd->wait);
	vfd->mm = mm;
}
