// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread that serves a virtio device: woken, with the owner's memory, and gone.
 *
 * It does not keep the owner's address space for longer than it has work, and a little: that has
 * the vCPUs' run areas mapped, hence holds their files, hence the VM, hence us.  The little is for
 * the next request: to take and drop an address space costs more than to serve many a one.
 *
 * Where the next requests have come soon of late it looks for them itself for a moment before it
 * sleeps, and the driver, which sees that no kick is wanted, makes no exit.
 */
#include <linux/bitops.h>
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/stat.h>
#include <linux/wait.h>

#include "../compat.h"
#include "../mem.h"
#include "device.h"
#include "worker.h"

/* lodge_virtio.events */
#define EVENT_UPDATE	0	/* status or queues are not what the worker has made of them */
#define EVENT_LET_GO	1	/* of the owner's memory */

#define LINGER_NS	(4 * NSEC_PER_MSEC)

#define WATCH_MIN_NS	(10 * NSEC_PER_USEC)

static unsigned int watch_us = 50;
module_param(watch_us, uint, 0644);
MODULE_PARM_DESC(watch_us, "microseconds that a worker looks for requests at most before it sleeps (50; 0: it sleeps at once)");

/**
 * lodge_worker_update - the registers have changed
 * @dev: the device; any context but NMI
 */
void lodge_worker_update(struct lodge_virtio *dev)
{
	set_bit(EVENT_UPDATE, &dev->events);
	wake_up_process(dev->worker);
}

/**
 * lodge_virtio_wake - have the worker look at a queue
 * @dev: the device
 * @queue: number, below lodge_virtio.nr_queues
 *
 * Any context but NMI.
 */
void lodge_virtio_wake(struct lodge_virtio *dev, unsigned int queue)
{
	/* a bit that is set still will be seen; pairs with test_and_clear_bit() in serve() */
	if (!test_and_set_bit(queue, &dev->kicked))
		wake_up_process(dev->worker);
}

/* ---- the owner's memory -------------------------------------------------- */

/* Each LINGER_NS while the worker has it */
static enum hrtimer_restart lingered(struct hrtimer *timer)
{
	struct lodge_virtio *dev = container_of(timer, struct lodge_virtio, linger);

	if (READ_ONCE(dev->used)) {
		WRITE_ONCE(dev->used, false);
		hrtimer_forward_now(timer, ns_to_ktime(LINGER_NS));
		return HRTIMER_RESTART;
	}
	set_bit(EVENT_LET_GO, &dev->events);
	wake_up_process(dev->worker);
	return HRTIMER_NORESTART;
}

/* Return: false if it has gone, or there is no owner any more */
static bool take_memory(struct lodge_virtio *dev)
{
	bool used = READ_ONCE(dev->used);

	WRITE_ONCE(dev->used, true);
	/* one whose work never ends for as long as LINGER_NS is to see it, too */
	if (dev->has_mm)
		return used || lodge_mem_owned(dev->mem);
	if (!lodge_mem_use(dev->mem))
		return false;
	kthread_use_mm(dev->mm);
	dev->has_mm = true;
	hrtimer_start(&dev->linger, ns_to_ktime(LINGER_NS), HRTIMER_MODE_REL);
	return true;
}

static void end_lingering(struct lodge_virtio *dev)
{
	WRITE_ONCE(dev->lingering, false);
	if (wq_has_sleeper(&dev->settled))
		wake_up_all(&dev->settled);
}

static void drop_memory(struct lodge_virtio *dev)
{
	if (dev->has_mm) {
		hrtimer_cancel(&dev->linger);
		kthread_unuse_mm(dev->mm);
		lodge_mem_unuse(dev->mem);
		dev->has_mm = false;
	}
	end_lingering(dev);
}

/**
 * lodge_worker_let_go - have a worker without work drop the owner's memory
 * @dev: the device, which stays
 *
 * Waits until it has, but not for one that works: that drops it when it is done.
 *
 * Return: false if it had none.
 */
bool lodge_worker_let_go(struct lodge_virtio *dev)
{
	if (!READ_ONCE(dev->lingering))
		return false;
	set_bit(EVENT_LET_GO, &dev->events);
	wake_up_process(dev->worker);
	wait_event(dev->settled, !READ_ONCE(dev->lingering));
	return true;
}

/* ---- requests that come soon --------------------------------------------- */

/**
 * lodge_worker_rest - there is nothing in a queue now
 * @dev: the device; its worker calls, with the queue's kicks disabled
 * @queue: number
 *
 * Return: 0, a kick will tell, or the worker finds out; 1, there is something; negative with the
 * queue broken.
 */
int lodge_worker_rest(struct lodge_virtio *dev, unsigned int queue)
{
	if (!dev->watch_ns)
		return lodge_vq_enable_kicks(&dev->queue[queue].vq);
	__set_bit(queue, &dev->watched);
	return 0;
}

static bool has_work(struct lodge_virtio *dev)
{
	return READ_ONCE(dev->kicked) || READ_ONCE(dev->events) & BIT(EVENT_UPDATE);
}

/* Of all queues that rest */
static void look(struct lodge_virtio *dev, int (*at)(struct lodge_vq *vq))
{
	unsigned int i;

	for_each_set_bit(i, &dev->watched, LODGE_VIRTIO_QUEUES)
		if (dev->started && dev->queue[i].running && at(&dev->queue[i].vq))
			set_bit(i, &dev->kicked);
}

static void watch(struct lodge_virtio *dev)
{
	u64 end = ktime_get_ns() + dev->watch_ns;

	/* not where somebody else could run: the driver perhaps */
	while (!has_work(dev) && !READ_ONCE(dev->events) && !kthread_should_stop() &&
	       single_task_running() && !need_resched() && ktime_get_ns() < end) {
		look(dev, lodge_vq_peek);
		cpu_relax();
	}
	look(dev, lodge_vq_enable_kicks);
	dev->watched = 0;
}

/* For how long to watch the next time: longer if that might have done this time, else not at all */
static void learn(struct lodge_virtio *dev, u64 slept_ns)
{
	u64 most = READ_ONCE(watch_us) * NSEC_PER_USEC;

	if (slept_ns > most)
		dev->watch_ns = 0;
	else
		dev->watch_ns = clamp(2 * dev->watch_ns, min(WATCH_MIN_NS, most), most);
}

/* ---- work ---------------------------------------------------------------- */

static void serve(struct lodge_virtio *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++) {
		if (!test_and_clear_bit(i, &dev->kicked))
			continue;
		__clear_bit(i, &dev->watched);
		if (dev->started && dev->queue[i].running && dev->ops->kick(dev, i))
			set_bit(i, &dev->kicked);
	}
}

static void work(struct lodge_virtio *dev)
{
	bool owned = true;

	end_lingering(dev);
	if (!take_memory(dev)) {
		drop_memory(dev);
		lodge_virtio_give_up(dev);
		return;
	}
	do {
		if (test_and_clear_bit(EVENT_UPDATE, &dev->events))
			lodge_virtio_update(dev);
		serve(dev);
		cond_resched();
		if (dev->watched && !has_work(dev))
			watch(dev);
	} while (has_work(dev) && !kthread_should_stop() && (owned = lodge_mem_owned(dev->mem)));
	if (owned)
		return;
	drop_memory(dev);
	lodge_virtio_give_up(dev);
}

static void sleep(struct lodge_virtio *dev)
{
	bool learns = READ_ONCE(watch_us) && num_online_cpus() > 1;
	u64 start = learns ? ktime_get_ns() : 0;

	set_current_state(TASK_IDLE);
	if (!READ_ONCE(dev->kicked) && !READ_ONCE(dev->events) && !kthread_should_stop()) {
		WRITE_ONCE(dev->lingering, dev->has_mm);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	if (learns)
		learn(dev, ktime_get_ns() - start);
	else
		dev->watch_ns = 0;
}

/* ---- life ---------------------------------------------------------------- */

/**
 * struct start_up - what a worker is told by the one who makes it
 * @dev: its device
 * @owner: who makes it
 * @err: from the worker: whether it could begin
 * @done: @err is there, and this structure is not used any more
 */
struct start_up {
	struct lodge_virtio *dev;
	struct task_struct *owner;
	int err;
	struct completion done;
};

static int run(void *opaque)
{
	struct start_up *s = opaque;
	struct lodge_virtio *dev = s->dev;
	const struct cred *own = override_creds(dev->cred);

	/* those of version 1; those of version 2 take no kernel threads */
	s->err = cgroup_attach_task_all(s->owner, current);
	complete(&s->done);
	while (!kthread_should_stop()) {
		sleep(dev);
		if (has_work(dev))
			work(dev);
		if (test_and_clear_bit(EVENT_LET_GO, &dev->events))
			drop_memory(dev);
	}
	drop_memory(dev);
	lodge_virtio_stop(dev);
	revert_creds(own);
	return 0;
}

/* As who opened what is behind the device; else as who made it */
static const struct cred *cred_of(struct lodge_virtio *dev)
{
	const struct file *file = dev->ops->file ? dev->ops->file(dev, 0) : NULL;

	return file ? file->f_cred : current_cred();
}

/**
 * lodge_worker_start - have a thread serve a device
 * @dev: complete, but for its transport
 * @name: of the thread
 *
 * It is of the calling thread's control groups, and as nice.
 *
 * Return: 0, -ENOMEM, -EINTR, or what cgroup_attach_task_all() returned.
 */
int lodge_worker_start(struct lodge_virtio *dev, const char *name)
{
	struct start_up s = { .dev = dev, .owner = current };
	struct task_struct *task = kthread_create(run, &s, "%s", name);

	if (IS_ERR(task))
		return PTR_ERR(task);
	init_completion(&s.done);
	set_user_nice(task, task_nice(current));
	dev->worker = task;
	dev->mm = dev->mem->mmu.mm;
	mmgrab(dev->mm);
	dev->cred = get_cred(cred_of(dev));
	compat_hrtimer_setup(&dev->linger, lingered, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	wake_up_process(task);
	wait_for_completion(&s.done);
	if (s.err)
		lodge_worker_stop(dev);
	return s.err;
}

/**
 * lodge_worker_stop - mirror of lodge_worker_start(); may sleep
 * @dev: the device, stopped after this
 */
void lodge_worker_stop(struct lodge_virtio *dev)
{
	kthread_stop(dev->worker);
	put_cred(dev->cred);
	mmdrop(dev->mm);
}
