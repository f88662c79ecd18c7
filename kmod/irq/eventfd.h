/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eventfd.h - be called when somebody signals an eventfd
 */
#ifndef LODGE_IRQ_EVENTFD_H
#define LODGE_IRQ_EVENTFD_H

#include <linux/types.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct file;
struct lodge_eventfd;

/**
 * struct lodge_eventfd_ops - what an eventfd's listener does
 * @signalled: it has been signalled, once or several times
 * @closed: its last descriptor has been closed; it will not be signalled by user space again
 *
 * Both are called with interrupts off and the eventfd's lock held, in any context but NMI:
 * they may take raw spinlocks, and must signal no eventfd.
 */
struct lodge_eventfd_ops {
	void (*signalled)(struct lodge_eventfd *e);
	void (*closed)(struct lodge_eventfd *e);
};

/**
 * struct lodge_eventfd - a listener, embedded in who listens
 * @ops: its functions [I]
 * @ctx: the eventfd; a reference, so it outlives its descriptors [I]
 * @wait: entry in its wait queue
 *
 * [I] constant after lodge_eventfd_get().
 */
struct lodge_eventfd {
	const struct lodge_eventfd_ops *ops;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
};

int lodge_eventfd_get(struct lodge_eventfd *e, const struct lodge_eventfd_ops *ops,
		      struct file *file);
void lodge_eventfd_listen(struct lodge_eventfd *e, struct file *file);
void lodge_eventfd_leave(struct lodge_eventfd *e);
void lodge_eventfd_put(struct lodge_eventfd *e);

#endif /* LODGE_IRQ_EVENTFD_H */
