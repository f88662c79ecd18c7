// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds that interrupt the guest.
 *
 * Who signals the eventfd brings the interrupt himself, with its lock held: locks are taken
 * in the order eventfd, lodge_irq.lock, and no eventfd is signalled under the latter.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/lodge.h>

#include "../alloc.h"
#include "../compat.h"
#include "eventfd.h"
#include "irqfd.h"
#include "route.h"

/**
 * struct irqfd - one eventfd and its interrupt
 * @source: the eventfd
 * @set: the VM's
 * @link: in lodge_irqfds.all
 * @level_link: in lodge_irqfds.levels, with @resample
 * @resample: told that the guest has handled the interrupt; NULL if it is no level
 * @closed: the eventfd's last descriptor has been closed
 * @gsi: line, unless it is a message
 * @data: the message's
 * @address: the message's, 0 for a line
 */
struct irqfd {
	struct lodge_eventfd source;
	struct lodge_irqfds *set;
	struct list_head link;
	struct list_head level_link;
	struct eventfd_ctx *resample;
	bool closed;
	u32 gsi;
	u32 data;
	u64 address;
};

static void signalled(struct lodge_eventfd *e)
{
	const struct irqfd *f = container_of(e, struct irqfd, source);
	struct lodge_irq *irq = f->set->irq;

	if (f->address)
		lodge_route_msi(irq, f->address, f->data);
	else if (f->resample)
		lodge_route_hold_gsi(irq, f->gsi, true);
	else
		lodge_route_pulse_gsi(irq, f->gsi);
}

static void closed(struct lodge_eventfd *e)
{
	struct irqfd *f = container_of(e, struct irqfd, source);

	WRITE_ONCE(f->closed, true);
	schedule_work(&f->set->reap);
}

static const struct lodge_eventfd_ops source_ops = {
	.signalled = signalled,
	.closed = closed,
};

/* Interrupts have been handled of lines that were held; a vCPU's thread, perhaps in a window */
static void ended(void *listener, u32 gsis)
{
	struct lodge_irqfds *set = listener;
	struct irqfd *f;

	rcu_read_lock();
	list_for_each_entry_rcu(f, &set->levels, level_link)
		if (gsis & BIT(f->gsi))
			compat_eventfd_signal(f->resample);
	rcu_read_unlock();
}

static bool is_held_by_another(const struct lodge_irqfds *set, const struct irqfd *but)
{
	const struct irqfd *f;

	list_for_each_entry(f, &set->all, link)
		if (f != but && f->resample && f->gsi == but->gsi)
			return true;
	return false;
}

/* Locked; it raises no interrupt after, and is to be freed by dispose() */
static void detach(struct irqfd *f)
{
	struct lodge_irqfds *set = f->set;

	lodge_eventfd_leave(&f->source);
	if (f->resample && !is_held_by_another(set, f))
		lodge_route_hold_gsi(set->irq, f->gsi, false);
	list_del(&f->link);
	if (f->resample)
		list_del_rcu(&f->level_link);
	set->nr--;
}

static void dispose(struct irqfd *f)
{
	if (f->resample)
		eventfd_ctx_put(f->resample);
	lodge_eventfd_put(&f->source);
	kfree(f);
}

static struct irqfd *find(struct lodge_irqfds *set, const struct eventfd_ctx *ctx)
{
	struct irqfd *f;

	list_for_each_entry(f, &set->all, link)
		if (f->source.ctx == ctx)
			return f;
	return NULL;
}

static struct irqfd *take_closed(struct lodge_irqfds *set)
{
	struct irqfd *f, *found = NULL;

	mutex_lock(&set->lock);
	list_for_each_entry(f, &set->all, link)
		if (READ_ONCE(f->closed))
			found = f;
	if (found)
		detach(found);
	mutex_unlock(&set->lock);
	return found;
}

static void reap(struct work_struct *work)
{
	struct lodge_irqfds *set = container_of(work, struct lodge_irqfds, reap);
	struct irqfd *f;

	while ((f = take_closed(set))) {
		if (f->resample)
			synchronize_rcu();
		dispose(f);
	}
}

static bool is_valid(const struct lodge_irqfd *a)
{
	switch (a->flags) {
	case LODGE_IRQFD_DEASSIGN:
		return a->resample_fd == -1 && !a->gsi && !a->data && !a->address;
	case LODGE_IRQFD_MSI:
		return a->resample_fd == -1 && !a->gsi && a->address >> 20 == 0xfee;
	case 0:
	case LODGE_IRQFD_LEVEL:
		return (a->flags || a->resample_fd == -1) && !a->data && !a->address &&
		       lodge_route_is_gsi(a->gsi);
	}
	return false;
}

static int add(struct lodge_irqfds *set, struct irqfd *f, struct file *file)
{
	int err = 0;

	mutex_lock(&set->lock);
	if (find(set, f->source.ctx))
		err = -EEXIST;
	else if (set->nr == LODGE_MAX_IRQFDS)
		err = -ENOSPC;
	if (!err) {
		list_add_tail(&f->link, &set->all);
		if (f->resample)
			list_add_tail_rcu(&f->level_link, &set->levels);
		set->nr++;
		/* last: it may raise the interrupt */
		lodge_eventfd_listen(&f->source, file);
	}
	mutex_unlock(&set->lock);
	return err;
}

static int assign(struct lodge_irqfds *set, const struct lodge_irqfd *a, struct file *file)
{
	struct irqfd *f = lodge_alloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	struct eventfd_ctx *resample;
	int err;

	if (!f)
		return -ENOMEM;
	f->set = set;
	f->gsi = array_index_nospec(a->gsi, LODGE_IOAPIC_PINS);
	f->data = a->data;
	f->address = a->address;
	err = lodge_eventfd_get(&f->source, &source_ops, file);
	if (err)
		goto err_free;
	if (a->flags & LODGE_IRQFD_LEVEL) {
		resample = eventfd_ctx_fdget(a->resample_fd);
		err = PTR_ERR_OR_ZERO(resample);
		if (err)
			goto err_put;
		f->resample = resample;
	}
	err = add(set, f, file);
	if (err)
		dispose(f);
	return err;

err_put:
	lodge_eventfd_put(&f->source);
err_free:
	kfree(f);
	return err;
}

static int deassign(struct lodge_irqfds *set, int fd)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(fd);
	struct irqfd *f;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&set->lock);
	f = find(set, ctx);
	if (f)
		detach(f);
	mutex_unlock(&set->lock);
	eventfd_ctx_put(ctx);
	if (!f)
		return -ENOENT;
	if (f->resample)
		synchronize_rcu();
	dispose(f);
	return 0;
}

/**
 * lodge_irqfd_change - LODGE_VM_IRQFD
 * @set: the VM's
 * @arg: the caller's, checked here
 *
 * May sleep.
 *
 * Return: 0, -EINVAL, -EBADF, -EEXIST if the eventfd is in use here, -ENOENT, -ENOSPC,
 * -ENOMEM.
 */
int lodge_irqfd_change(struct lodge_irqfds *set, const struct lodge_irqfd *arg)
{
	struct file *file;
	int err;

	if (!is_valid(arg))
		return -EINVAL;
	if (arg->flags & LODGE_IRQFD_DEASSIGN)
		return deassign(set, arg->fd);
	file = eventfd_fget(arg->fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = assign(set, arg, file);
	fput(file);
	return err;
}

/**
 * lodge_irqfd_create - a VM has none yet
 * @set: zeroed
 * @irq: the VM's; told whom to tell of handled interrupts; outlives @set
 */
void lodge_irqfd_create(struct lodge_irqfds *set, struct lodge_irq *irq)
{
	mutex_init(&set->lock);
	INIT_LIST_HEAD(&set->all);
	INIT_LIST_HEAD(&set->levels);
	INIT_WORK(&set->reap, reap);
	set->irq = irq;
	irq->ended = ended;
	irq->listener = set;
}

/**
 * lodge_irqfd_destroy - mirror of lodge_irqfd_create(); takes all away
 * @set: of a VM that has no vCPU any more, hence no EOIs; may sleep
 */
void lodge_irqfd_destroy(struct lodge_irqfds *set)
{
	struct irqfd *f, *next;
	LIST_HEAD(gone);

	mutex_lock(&set->lock);
	list_for_each_entry_safe(f, next, &set->all, link) {
		detach(f);
		list_add(&f->link, &gone);
	}
	mutex_unlock(&set->lock);
	/* nobody starts it again: none of them listens */
	cancel_work_sync(&set->reap);
	list_for_each_entry_safe(f, next, &gone, link)
		dispose(f);
}
