// SPDX-License-Identifier: GPL-2.0-only
/*
 * A console: two rings of bytes, and the descriptor at which user space reads the
 * one and writes the other.
 *
 * The reader copies from @out without the raw lock, for user memory may fault.  It can: a
 * device only appends to the part of @out that is free while the console is open.  What
 * one end frees the other sees under the lock.
 */
#include <linux/anon_inodes.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../alloc.h"
#include "../compat.h"
#include "console.h"

#define OUT_SIZE	LODGE_CONSOLE_OUT_SIZE
#define IN_SIZE		LODGE_CONSOLE_IN_SIZE
#define IN_ROOM		(IN_SIZE - LODGE_CONSOLE_UNGET)

/* How long a byte may wait for others */
#define DELAY_NS	2000000

/* ---- the device's side --------------------------------------------------- */

static void wake_reader(struct lodge_console *con)
{
	/*
	 * A waiter has queued itself before it looks for bytes under the lock, so
	 * who is not seen here will see the byte
	 */
	if (!waitqueue_active(&con->wait))
		return;
	if (con->out_head - con->out_tail == OUT_SIZE / 2) {
		irq_work_queue(&con->wake);
	} else if (!con->delayed) {
		con->delayed = true;
		hrtimer_start(&con->delay, DELAY_NS, HRTIMER_MODE_REL_SOFT);
	}
}

/**
 * lodge_console_put - a byte for the reader
 * @con: the console
 * @byte: the byte; while nobody has the console open the oldest one makes room
 *
 * Any context.
 *
 * Return: false if the reader must read first: nothing was put, and
 * @con->changed will be called when there is room.
 */
bool lodge_console_put(struct lodge_console *con, u8 byte)
{
	unsigned long flags;
	bool done = true;

	raw_spin_lock_irqsave(&con->lock, flags);
	if (con->out_head - con->out_tail == OUT_SIZE) {
		if (con->open)
			done = false;
		else
			con->out_tail++;
	}
	if (done) {
		con->out[con->out_head++ % OUT_SIZE] = byte;
		if (con->open)
			wake_reader(con);
	} else {
		con->stalled = true;
	}
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return done;
}

/**
 * lodge_console_get - bytes from the reader
 * @con: the console
 * @buf: where they go
 * @n: how many at most
 *
 * Any context.
 *
 * Return: how many there were, up to a break.
 */
unsigned int lodge_console_get(struct lodge_console *con, u8 *buf, unsigned int n)
{
	unsigned long flags;
	unsigned int used, i;

	raw_spin_lock_irqsave(&con->lock, flags);
	used = con->in_head - con->in_tail;
	n = min(n, con->has_break ? con->break_at - con->in_tail : used);
	for (i = 0; i < n; i++)
		buf[i] = con->in[(con->in_tail + i) % IN_SIZE];
	WRITE_ONCE(con->in_tail, con->in_tail + n);
	/* writers wait from full to half full, so that they do not come for every byte */
	if (used > IN_SIZE / 2 && used - n <= IN_SIZE / 2 && waitqueue_active(&con->wait))
		irq_work_queue(&con->wake);
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return n;
}

/**
 * lodge_console_unget - give back the last bytes of lodge_console_get()
 * @con: the console
 * @n: how many, LODGE_CONSOLE_UNGET at most
 *
 * Any context.
 */
void lodge_console_unget(struct lodge_console *con, unsigned int n)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&con->lock, flags);
	WRITE_ONCE(con->in_tail, con->in_tail - n);
	raw_spin_unlock_irqrestore(&con->lock, flags);
}

/**
 * lodge_console_take_break - is a break the next that the reader sent?
 * @con: the console
 *
 * Any context.
 *
 * Return: true, once, if it is.
 */
bool lodge_console_take_break(struct lodge_console *con)
{
	unsigned long flags;
	bool next;

	raw_spin_lock_irqsave(&con->lock, flags);
	next = con->has_break && con->break_at == con->in_tail;
	if (next)
		WRITE_ONCE(con->has_break, false);
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return next;
}

/**
 * lodge_console_last - the last of what the device wrote, whether it was read or not
 * @con: the console
 * @buf: LODGE_CONSOLE_OUT_SIZE bytes
 * @end: bytes ever written, modulo 2^32
 *
 * Return: bytes at @buf.
 */
u32 lodge_console_last(struct lodge_console *con, u8 *buf, u32 *end)
{
	unsigned long flags;
	u32 len, from, first;

	raw_spin_lock_irqsave(&con->lock, flags);
	*end = con->out_head;
	len = min_t(u32, con->out_head, OUT_SIZE);
	from = (con->out_head - len) % OUT_SIZE;
	first = min_t(u32, len, OUT_SIZE - from);
	memcpy(buf, con->out + from, first);
	memcpy(buf + first, con->out, len - first);
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return len;
}

static enum hrtimer_restart delay_over(struct hrtimer *timer)
{
	struct lodge_console *con = container_of(timer, struct lodge_console, delay);
	unsigned long flags;

	raw_spin_lock_irqsave(&con->lock, flags);
	con->delayed = false;
	raw_spin_unlock_irqrestore(&con->lock, flags);
	wake_up_interruptible(&con->wait);
	return HRTIMER_NORESTART;
}

static void wake_now(struct irq_work *work)
{
	wake_up_interruptible(&container_of(work, struct lodge_console, wake)->wait);
}

/* ---- the reader's side --------------------------------------------------- */

static u32 out_used(struct lodge_console *con)
{
	unsigned long flags;
	u32 used;

	raw_spin_lock_irqsave(&con->lock, flags);
	used = con->out_head - con->out_tail;
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return used;
}

/* With @lock; what is ungot may take the room that is kept free for it */
static u32 room_locked(const struct lodge_console *con)
{
	u32 used = con->in_head - con->in_tail;

	return used < IN_ROOM ? IN_ROOM - used : 0;
}

static u32 in_room(struct lodge_console *con)
{
	unsigned long flags;
	u32 room;

	raw_spin_lock_irqsave(&con->lock, flags);
	room = room_locked(con);
	raw_spin_unlock_irqrestore(&con->lock, flags);
	return room;
}

/* The device goes on when half is free, so that it does not come for every byte */
static void consume(struct lodge_console *con, u32 n)
{
	unsigned long flags;
	bool resume;

	raw_spin_lock_irqsave(&con->lock, flags);
	con->out_tail += n;
	resume = con->stalled && con->out_head - con->out_tail <= OUT_SIZE / 2;
	if (resume)
		con->stalled = false;
	raw_spin_unlock_irqrestore(&con->lock, flags);
	if (resume && con->changed)
		con->changed(con->dev);
}

/* With @read_lock, so that nobody else moves the tail */
static ssize_t take(struct lodge_console *con, char __user *buf, size_t len)
{
	u32 n = min_t(size_t, len, out_used(con));
	u32 tail = con->out_tail % OUT_SIZE;
	u32 first = min_t(u32, n, OUT_SIZE - tail);

	if (copy_to_user(buf, con->out + tail, first) ||
	    copy_to_user(buf + first, con->out, n - first))
		return -EFAULT;
	if (n)
		consume(con, n);
	return n;
}

/* With @lock: as much as there is room for */
static u32 append(struct lodge_console *con, const u8 *data, u32 len)
{
	u32 i, n = min(len, room_locked(con));

	for (i = 0; i < n; i++)
		con->in[(con->in_head + i) % IN_SIZE] = data[i];
	WRITE_ONCE(con->in_head, con->in_head + n);
	return n;
}

/* By way of @piece: others, who are not to wait for this one's memory, may take the room first */
static ssize_t give(struct lodge_console *con, u8 *piece, const char __user *buf, size_t len)
{
	u32 n = min_t(size_t, len, in_room(con));
	unsigned long flags;

	if (copy_from_user(piece, buf, n))
		return -EFAULT;
	raw_spin_lock_irqsave(&con->lock, flags);
	n = append(con, piece, n);
	raw_spin_unlock_irqrestore(&con->lock, flags);
	if (n)
		con->changed(con->dev);
	return n;
}

/**
 * lodge_console_type - input from somebody who does not have the descriptor
 * @con: the console, with input
 * @data: bytes
 * @len: how many
 * @with_break: a break goes before them, and all of it goes or nothing
 *
 * Return: how many bytes there was room for; -EBUSY if somebody has the descriptor and
 * there is no break; -EAGAIN if there is no room after a break, or one waits already.
 */
int lodge_console_type(struct lodge_console *con, const u8 *data, u32 len, bool with_break)
{
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&con->lock, flags);
	if (con->open && !with_break) {
		ret = -EBUSY;
	} else if (with_break && (len > room_locked(con) || con->has_break)) {
		ret = -EAGAIN;
	} else {
		if (with_break) {
			con->break_at = con->in_head;
			WRITE_ONCE(con->has_break, true);
		}
		ret = append(con, data, len);
	}
	raw_spin_unlock_irqrestore(&con->lock, flags);
	if (ret >= 0)
		con->changed(con->dev);
	return ret;
}

static int lock_reader(struct lodge_console *con, const struct file *file)
{
	if (mutex_trylock(&con->read_lock))
		return 0;
	if (file->f_flags & O_NONBLOCK)
		return -EAGAIN;
	return mutex_lock_interruptible(&con->read_lock) ? -ERESTARTSYS : 0;
}

static ssize_t console_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct lodge_console *con = file->private_data;
	ssize_t n;

	if (!len)
		return 0;
	do {
		n = lock_reader(con, file);
		if (n)
			return n;
		n = take(con, buf, len);
		mutex_unlock(&con->read_lock);
		if (n)
			return n;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
	} while (!wait_event_interruptible(con->wait, out_used(con)));
	return -ERESTARTSYS;
}

static ssize_t write_all(struct file *file, u8 *piece, const char __user *buf, size_t len)
{
	struct lodge_console *con = file->private_data;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = give(con, piece, buf + done, len - done);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (n) {
			/* as long as somebody takes it there is room, and no wait */
			if (signal_pending(current))
				break;
			cond_resched();
			continue;
		}
		if (file->f_flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		if (wait_event_interruptible(con->wait, in_room(con)))
			return done ? done : -ERESTARTSYS;
	}
	return done;
}

static ssize_t console_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	u8 *piece = lodge_alloc_large(min_t(size_t, len, IN_SIZE), GFP_KERNEL_ACCOUNT);
	ssize_t n;

	if (!piece)
		return -ENOMEM;
	n = write_all(file, piece, buf, len);
	kvfree(piece);
	return n;
}

static __poll_t console_poll(struct file *file, poll_table *table)
{
	struct lodge_console *con = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &con->wait, table);
	if (out_used(con))
		events |= EPOLLIN | EPOLLRDNORM;
	if (con->in && in_room(con))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static void close_console(struct lodge_console *con)
{
	unsigned long flags;
	bool resume;

	raw_spin_lock_irqsave(&con->lock, flags);
	con->open = false;
	resume = con->stalled;
	con->stalled = false;
	raw_spin_unlock_irqrestore(&con->lock, flags);
	if (resume && con->changed)
		con->changed(con->dev);
}

static int console_release(struct inode *inode, struct file *file)
{
	struct lodge_console *con = file->private_data;
	void (*put)(void *owner) = con->put;
	void *owner = con->owner;

	/* from here on it may be opened anew, and with put() it may go */
	close_console(con);
	put(owner);
	return 0;
}

static long console_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct lodge_console *con = file->private_data;

	return con->ioctl ? con->ioctl(con->dev, cmd, arg) : -ENOTTY;
}

static const struct file_operations console_fops = {
	.owner = THIS_MODULE,
	.read = console_read,
	.write = console_write,
	.poll = console_poll,
	.unlocked_ioctl = console_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = console_release,
	.llseek = noop_llseek,
};

/**
 * lodge_console_open - make a descriptor for read, write and poll
 * @con: the console
 * @put: called with @owner when the descriptor is released; may free @con
 * @owner: the caller's reference on what @con belongs to; stays the caller's on error
 *
 * Return: the descriptor, -EBUSY if there is one, or an errno.
 */
int lodge_console_open(struct lodge_console *con, void (*put)(void *owner), void *owner)
{
	unsigned long flags;
	bool busy;
	int fd;

	raw_spin_lock_irqsave(&con->lock, flags);
	busy = con->open;
	if (!busy) {
		con->open = true;
		con->put = put;
		con->owner = owner;
	}
	raw_spin_unlock_irqrestore(&con->lock, flags);
	if (busy)
		return -EBUSY;
	fd = anon_inode_getfd("lodge-console", &console_fops, con,
			      (con->in ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		close_console(con);
	return fd;
}

/* ---- life ---------------------------------------------------------------- */

/**
 * lodge_console_create - a console that nobody has open
 * @con: zeroed
 * @changed: called in any context, without locks of the console's, when input has
 *	come, and when there is room after lodge_console_put() has found none; NULL:
 *	there is no input, and what finds no room is lost
 * @dev: its argument
 *
 * Return: 0 or -ENOMEM.
 */
int lodge_console_create(struct lodge_console *con, void (*changed)(void *dev), void *dev)
{
	con->out = lodge_alloc_large(OUT_SIZE, GFP_KERNEL_ACCOUNT);
	if (!con->out)
		return -ENOMEM;
	if (changed) {
		con->in = lodge_alloc_large(IN_SIZE, GFP_KERNEL_ACCOUNT);
		if (!con->in) {
			kvfree(con->out);
			return -ENOMEM;
		}
	}
	raw_spin_lock_init(&con->lock);
	mutex_init(&con->read_lock);
	init_waitqueue_head(&con->wait);
	compat_hrtimer_setup(&con->delay, delay_over, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	init_irq_work(&con->wake, wake_now);
	con->changed = changed;
	con->dev = dev;
	return 0;
}

/**
 * lodge_console_destroy - mirror of lodge_console_create()
 * @con: not open, and no device uses it any more
 */
void lodge_console_destroy(struct lodge_console *con)
{
	hrtimer_cancel(&con->delay);
	irq_work_sync(&con->wake);
	kvfree(con->in);
	kvfree(con->out);
}
