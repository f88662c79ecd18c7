// SPDX-License-Identifier: GPL-2.0-only
/*
 * A place in an eventfd's wait queue, got by polling it.  Who signals the eventfd, from
 * user space or in the kernel, calls us with its lock held; so once we have left the queue,
 * which takes that lock, no call is under way.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>

#include "eventfd.h"

/**
 * struct joining - what the poll callback is told
 * @table: for vfs_poll()
 * @e: who wants to listen
 * @queue: out: the eventfd's wait queue
 */
struct joining {
	poll_table table;
	struct lodge_eventfd *e;
	wait_queue_head_t *queue;
};

/* The counter is emptied, so that nobody who signals has to wait for a reader */
static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct lodge_eventfd *e = container_of(wait, struct lodge_eventfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(e->ctx, &count);
		e->ops->signalled(e);
	}
	if (events & EPOLLHUP)
		e->ops->closed(e);
	return 0;
}

static void join(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
	struct joining *j = container_of(table, struct joining, table);

	j->queue = queue;
	add_wait_queue(queue, &j->e->wait);
}

/**
 * lodge_eventfd_get - take a reference on an eventfd
 * @e: zeroed
 * @ops: the listener's
 * @file: from eventfd_fget()
 *
 * Return: 0 or what eventfd_ctx_fileget() returned.
 */
int lodge_eventfd_get(struct lodge_eventfd *e, const struct lodge_eventfd_ops *ops,
		      struct file *file)
{
	e->ops = ops;
	e->ctx = eventfd_ctx_fileget(file);
	init_waitqueue_func_entry(&e->wait, wake);
	return PTR_ERR_OR_ZERO(e->ctx);
}

/**
 * lodge_eventfd_listen - be called from now on
 * @e: lodge_eventfd_get() has succeeded
 * @file: the same, still held
 *
 * If it has been signalled already, the listener is called at once.
 */
void lodge_eventfd_listen(struct lodge_eventfd *e, struct file *file)
{
	struct joining j = { .e = e };
	unsigned long flags;
	u64 count;

	init_poll_funcptr(&j.table, join);
	if (!(vfs_poll(file, &j.table) & EPOLLIN))
		return;
	spin_lock_irqsave(&j.queue->lock, flags);
	eventfd_ctx_do_read(e->ctx, &count);
	e->ops->signalled(e);
	spin_unlock_irqrestore(&j.queue->lock, flags);
}

/**
 * lodge_eventfd_leave - mirror of lodge_eventfd_listen()
 * @e: the listener; is not called any more when this returns
 */
void lodge_eventfd_leave(struct lodge_eventfd *e)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(e->ctx, &e->wait, &count);
}

/**
 * lodge_eventfd_put - mirror of lodge_eventfd_get()
 * @e: does not listen
 */
void lodge_eventfd_put(struct lodge_eventfd *e)
{
	eventfd_ctx_put(e->ctx);
}
