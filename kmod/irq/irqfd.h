/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * irqfd.h - eventfds that interrupt the guest (LODGE_VM_IRQFD)
 */
#ifndef LODGE_IRQ_IRQFD_H
#define LODGE_IRQ_IRQFD_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct lodge_irq;
struct lodge_irqfd;

/**
 * struct lodge_irqfds - a VM's
 * @irq: the VM's interrupt controllers [I]
 * @lock: guards @all, @nr and changes of @levels; an eventfd's lock is taken inside
 * @all: all of them
 * @levels: those that hold a line; read under RCU, by EOIs
 * @nr: how many
 * @reap: takes those away whose eventfd has been closed
 *
 * [I] constant after creation.
 */
struct lodge_irqfds {
	struct lodge_irq *irq;
	struct mutex lock;
	struct list_head all;
	struct list_head levels;
	u32 nr;
	struct work_struct reap;
};

void lodge_irqfd_create(struct lodge_irqfds *set, struct lodge_irq *irq);
int lodge_irqfd_change(struct lodge_irqfds *set, const struct lodge_irqfd *arg);
void lodge_irqfd_destroy(struct lodge_irqfds *set);

#endif /* LODGE_IRQ_IRQFD_H */
