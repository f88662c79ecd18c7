// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device without its transport: status, features, queues.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>

#include "../mem.h"
#include "../trace.h"
#include "device.h"
#include "worker.h"

#define RING_FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
			 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_RING_PACKED) | \
			 BIT_ULL(VIRTIO_F_RING_RESET))

#define STATUS_KEPT	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
			 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK | \
			 VIRTIO_CONFIG_S_FAILED)

/* ---- registers ----------------------------------------------------------- */

static void reset_queue(struct lodge_virtio_queue *q)
{
	q->vector = LODGE_VIRTIO_NO_VECTOR;
	q->enabled = false;
	q->reset = false;
	q->setup = (struct lodge_vq_setup){ .size = q->max };
}

static void reset_registers(struct lodge_virtio *dev)
{
	unsigned int i;

	dev->status = 0;
	dev->driver_features = 0;
	dev->config_vector = LODGE_VIRTIO_NO_VECTOR;
	dev->live = false;
	dev->resetting = false;
	for (i = 0; i < LODGE_VIRTIO_QUEUES; i++)
		reset_queue(&dev->queue[i]);
	if (dev->transport_reset)
		dev->transport_reset(dev);
}

/**
 * lodge_virtio_status - the device status register
 * @dev: the device
 *
 * Return: the status; not 0 until a reset is done (virtio 1.2, 2.4.1).
 */
u8 lodge_virtio_status(struct lodge_virtio *dev)
{
	return READ_ONCE(dev->status);
}

static bool features_fit(const struct lodge_virtio *dev)
{
	return !(dev->driver_features & ~dev->features) &&
	       lodge_virtio_has(dev, VIRTIO_F_VERSION_1);
}

/* Bits are set, never cleared; what comes too early is not taken (virtio 1.2, 3.1.1) */
static void add_status(struct lodge_virtio *dev, u8 added)
{
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_fit(dev))
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!((dev->status | added) & VIRTIO_CONFIG_S_FEATURES_OK))
		added &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	WRITE_ONCE(dev->status, dev->status | added);
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		WRITE_ONCE(dev->live, true);
}

/**
 * lodge_virtio_set_status - the driver writes to the status register
 * @dev: the device
 * @status: as written; 0 resets, which takes a while if the device runs
 */
void lodge_virtio_set_status(struct lodge_virtio *dev, u8 status)
{
	unsigned long flags;
	bool update = false;

	raw_spin_lock_irqsave(&dev->lock, flags);
	if (!status && !dev->live) {
		reset_registers(dev);
	} else if (!status) {
		dev->resetting = true;
		update = true;
	} else if (!dev->resetting) {
		add_status(dev, status & STATUS_KEPT & ~dev->status);
		update = dev->live;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (update)
		lodge_worker_update(dev);
}

/**
 * lodge_virtio_set_features - the driver accepts features
 * @dev: the device
 * @half: 0 for bits 0 to 31, 1 for 32 to 63; nothing happens for others
 * @value: those accepted; not taken once FEATURES_OK is set
 */
void lodge_virtio_set_features(struct lodge_virtio *dev, unsigned int half, u32 value)
{
	unsigned long flags;

	if (half > 1)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	if (!(dev->status & VIRTIO_CONFIG_S_FEATURES_OK)) {
		dev->driver_features &= ~(0xffffffffULL << 32 * half);
		dev->driver_features |= (u64)value << 32 * half;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/**
 * lodge_virtio_copy_config - what lodge_virtio_ops.read_config has to do as a rule
 * @buf: gets it; zero beyond the end
 * @len: bytes of @buf
 * @config: the configuration space
 * @config_len: bytes of it
 * @offset: the guest's choice
 */
void lodge_virtio_copy_config(void *buf, u32 len, const void *config, u32 config_len, u32 offset)
{
	memset(buf, 0, len);
	if (offset >= config_len)
		return;
	offset = array_index_nospec(offset, config_len);
	memcpy(buf, config + offset, min(len, config_len - offset));
}

/**
 * lodge_virtio_queue_at - the queue that the driver has selected
 * @dev: the device
 * @queue: number, the guest's choice
 *
 * Return: the queue, or NULL if there is none.
 */
struct lodge_virtio_queue *lodge_virtio_queue_at(struct lodge_virtio *dev, unsigned int queue)
{
	return queue < dev->nr_queues ?
	       &dev->queue[array_index_nospec(queue, LODGE_VIRTIO_QUEUES)] : NULL;
}

static void set_half(u64 *address, bool high, u32 value)
{
	*address = high ? (u32)*address | (u64)value << 32 : (*address & ~0xffffffffULL) | value;
}

/**
 * lodge_virtio_place - the driver tells where a part of a queue is
 * @q: the queue; lodge_virtio.lock held; nothing happens once it is enabled (4.1.4.3.2)
 * @ring: which part
 * @high: @value is the upper half of the address
 * @value: as written
 */
void lodge_virtio_place(struct lodge_virtio_queue *q, enum lodge_virtio_ring ring, bool high,
			u32 value)
{
	if (q->enabled)
		return;
	switch (ring) {
	case LODGE_VIRTIO_DESC:
		return set_half(&q->setup.desc, high, value);
	case LODGE_VIRTIO_DRIVER:
		return set_half(&q->setup.driver, high, value);
	case LODGE_VIRTIO_DEVICE:
		return set_half(&q->setup.device, high, value);
	}
}

/**
 * lodge_virtio_read_config - the driver reads the configuration space
 * @dev: the device
 * @offset: the guest's choice
 * @width: bytes, 8 at most
 *
 * Return: the bytes, 0 if some of them are beyond the end.
 */
u64 lodge_virtio_read_config(struct lodge_virtio *dev, u32 offset, u8 width)
{
	unsigned long flags;
	u64 value = 0;

	if (offset + width > dev->ops->config_len)
		return 0;
	raw_spin_lock_irqsave(&dev->lock, flags);
	dev->ops->read_config(dev, array_index_nospec(offset, dev->ops->config_len), &value,
			      width);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return value;
}

/**
 * lodge_virtio_write_config - the driver writes to the configuration space
 * @dev: the device
 * @offset: the guest's choice
 * @width: bytes, 8 at most; nothing happens if some of them are beyond the end
 * @value: they
 */
void lodge_virtio_write_config(struct lodge_virtio *dev, u32 offset, u8 width, u64 value)
{
	unsigned long flags;

	if (!dev->ops->write_config || offset + width > dev->ops->config_len)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	dev->ops->write_config(dev, array_index_nospec(offset, dev->ops->config_len), &value,
			       width);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/**
 * lodge_virtio_enable_queue - the driver has set a queue up
 * @dev: the device
 * @queue: number, the guest's choice
 *
 * What was written is looked at by the worker, when the driver is ready.
 *
 * Return: false if there is no such queue or the driver may not enable it now.
 */
bool lodge_virtio_enable_queue(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_virtio_queue *q;
	unsigned long flags;
	bool taken, live;

	q = lodge_virtio_queue_at(dev, queue);
	if (!q)
		return false;
	raw_spin_lock_irqsave(&dev->lock, flags);
	taken = q->max && !q->reset && !dev->resetting &&
		(dev->status & VIRTIO_CONFIG_S_FEATURES_OK);
	live = dev->live;
	if (taken && !q->enabled) {
		q->setup.packed = lodge_virtio_has(dev, VIRTIO_F_RING_PACKED);
		q->setup.event_idx = lodge_virtio_has(dev, VIRTIO_RING_F_EVENT_IDX);
		q->setup.indirect = lodge_virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC);
		q->enabled = true;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (taken && live)
		lodge_worker_update(dev);
	return taken;
}

/**
 * lodge_virtio_reset_queue - the driver resets one queue (virtio 1.2, 2.6.1)
 * @dev: the device
 * @queue: number, the guest's choice
 *
 * Done when lodge_virtio_queue.reset is false again.
 */
void lodge_virtio_reset_queue(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_virtio_queue *q;
	unsigned long flags;
	bool update = false;

	q = lodge_virtio_queue_at(dev, queue);
	if (!q)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	if (dev->live && q->enabled && lodge_virtio_has(dev, VIRTIO_F_RING_RESET)) {
		q->reset = true;
		update = true;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (update)
		lodge_worker_update(dev);
}

/**
 * lodge_virtio_disable_queue - the driver takes a queue back (virtio 1.2, 4.2.2.2)
 * @dev: the device
 * @queue: number, the guest's choice
 *
 * Done when lodge_virtio_wait() says so.
 */
void lodge_virtio_disable_queue(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_virtio_queue *q = lodge_virtio_queue_at(dev, queue);
	unsigned long flags;
	bool update = false;

	if (!q)
		return;
	raw_spin_lock_irqsave(&dev->lock, flags);
	if (dev->live && q->enabled) {
		q->reset = true;
		update = true;
	} else {
		q->enabled = false;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (update)
		lodge_worker_update(dev);
}

static bool is_settled(struct lodge_virtio *dev)
{
	unsigned long flags;
	unsigned int i;
	bool busy;

	raw_spin_lock_irqsave(&dev->lock, flags);
	busy = dev->resetting;
	for (i = 0; i < dev->nr_queues; i++)
		busy |= dev->queue[i].reset;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return !busy;
}

/**
 * lodge_virtio_wait - until the worker has done the resets that were asked for
 * @dev: the device; sleeps, but not for long, so that the vCPU can be told something
 *
 * Return: false if it has not yet.
 */
bool lodge_virtio_wait(struct lodge_virtio *dev)
{
	return wait_event_interruptible_timeout(dev->settled, is_settled(dev), HZ / 10) > 0;
}

/**
 * lodge_virtio_hold - have a device stop, and start again where it was
 * @dev: the device
 * @held: it is to stop
 *
 * lodge_virtio_wait_idle() tells when it has.
 */
void lodge_virtio_hold(struct lodge_virtio *dev, bool held)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	dev->held = held;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	lodge_worker_update(dev);
}

static bool is_idle(struct lodge_virtio *dev)
{
	unsigned long flags;
	bool idle;

	raw_spin_lock_irqsave(&dev->lock, flags);
	idle = dev->idle;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return idle;
}

/**
 * lodge_virtio_wait_idle - until a device that is held has stopped
 * @dev: the device, which nobody lets go meanwhile
 * @ms: how long at most
 *
 * Return: 0; then the device does not touch its queues; -ETIMEDOUT, or -ERESTARTSYS if the
 * caller is killed.
 */
long lodge_virtio_wait_idle(struct lodge_virtio *dev, unsigned int ms)
{
	long left = wait_event_killable_timeout(dev->settled, is_idle(dev), msecs_to_jiffies(ms));

	return left > 0 ? 0 : left ?: -ETIMEDOUT;
}

/**
 * lodge_virtio_kick - the driver has added to a queue
 * @dev: the device
 * @queue: number, the guest's choice
 */
void lodge_virtio_kick(struct lodge_virtio *dev, unsigned int queue)
{
	trace_lodge_kick(dev->mem->vm_number, dev->ops->id, dev->worker->pid, queue);
	if (queue >= dev->nr_queues || !READ_ONCE(dev->live))
		return;
	atomic64_inc(&dev->kicks);
	queue = array_index_nospec(queue, LODGE_VIRTIO_QUEUES);
	if (!dev->ops->notify || !dev->ops->notify(dev, queue))
		lodge_virtio_wake(dev, queue);
}

/* ---- interrupts ---------------------------------------------------------- */

/**
 * lodge_virtio_interrupt - buffers of a queue have been used, and the driver wants to know
 * @dev: the device
 * @queue: number
 *
 * Any context but NMI, lodge_virtio.lock not held.
 */
void lodge_virtio_interrupt(struct lodge_virtio *dev, unsigned int queue)
{
	atomic64_inc(&dev->interrupts);
	dev->interrupt(dev, queue);
}

/* Not before DRIVER_OK (virtio 1.2, 3.1.1) */
static void config_interrupt(struct lodge_virtio *dev)
{
	if (!READ_ONCE(dev->live))
		return;
	atomic64_inc(&dev->interrupts);
	dev->interrupt(dev, LODGE_VIRTIO_CONFIG);
}

/**
 * lodge_virtio_config_changed - the configuration space has changed
 * @dev: the device; lodge_virtio.lock not held
 */
void lodge_virtio_config_changed(struct lodge_virtio *dev)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	dev->generation++;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	config_interrupt(dev);
}

/**
 * lodge_virtio_needs_reset - the driver has broken the rules, or the device is at its end
 * @dev: the device; lodge_virtio.lock not held
 */
void lodge_virtio_needs_reset(struct lodge_virtio *dev)
{
	unsigned long flags;
	bool was;

	raw_spin_lock_irqsave(&dev->lock, flags);
	was = dev->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	if (dev->status)
		WRITE_ONCE(dev->status, dev->status | VIRTIO_CONFIG_S_NEEDS_RESET);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (!was)
		config_interrupt(dev);
}

/* ---- those who look on --------------------------------------------------- */

/**
 * lodge_virtio_look - what there is to see of a device
 * @dev: the device; the caller keeps the VM
 * @view: filled in
 *
 * May sleep.
 */
void lodge_virtio_look(struct lodge_virtio *dev, struct lodge_virtio_view *view)
{
	unsigned long flags;
	unsigned int i;

	memset(view, 0, sizeof(*view));
	view->offered = dev->features;
	raw_spin_lock_irqsave(&dev->lock, flags);
	view->status = dev->status;
	view->accepted = dev->driver_features;
	for (i = 0; i < dev->nr_queues; i++) {
		view->queues += !!dev->queue[i].max;
		view->enabled += dev->queue[i].enabled;
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	for (i = 0; i < LODGE_VIRTIO_NR_COUNTS; i++)
		view->count[i] = READ_ONCE(dev->count[i]);
	view->kicks = atomic64_read(&dev->kicks);
	view->interrupts = atomic64_read(&dev->interrupts);
	if (dev->ops->look)
		dev->ops->look(dev, view);
}

/**
 * lodge_virtio_look_file - the name of the file behind a device
 * @view: gets it, as the calling process would find the file; none if that is too long
 * @file: the file
 */
void lodge_virtio_look_file(struct lodge_virtio_view *view, struct file *file)
{
	char *path = d_path(&file->f_path, view->name, sizeof(view->name));

	if (IS_ERR(path))
		view->name[0] = 0;
	else
		memmove(view->name, path, strlen(path) + 1);
}

/* ---- for the worker ------------------------------------------------------ */

/**
 * lodge_virtio_stop - touch no queue any more
 * @dev: the device; the worker calls
 */
void lodge_virtio_stop(struct lodge_virtio *dev)
{
	if (dev->started && dev->ops->stop)
		dev->ops->stop(dev);
	dev->started = false;
}

/* A queue that goes on as it was keeps its place */
static bool has_changed(struct lodge_virtio *dev)
{
	bool changed = dev->resetting || READ_ONCE(dev->held);
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		changed |= dev->queue[i].enabled != dev->queue[i].running || dev->queue[i].reset;
	return changed;
}

/* The resets that were asked for; the device is stopped.  Return: whether it is to run */
static bool settle(struct lodge_virtio *dev, bool all)
{
	unsigned long flags;
	unsigned int i;
	bool run;

	raw_spin_lock_irqsave(&dev->lock, flags);
	for (i = 0; i < dev->nr_queues; i++) {
		if (!all && !dev->queue[i].reset)
			continue;
		dev->queue[i].running = false;
		reset_queue(&dev->queue[i]);
	}
	if (all)
		reset_registers(dev);
	run = dev->live && !dev->held && !(dev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	dev->idle = !run;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	wake_up_all(&dev->settled);
	return run;
}

static int start_queue(struct lodge_virtio *dev, unsigned int i)
{
	struct lodge_virtio_queue *q = &dev->queue[i];
	struct lodge_vq_setup setup;
	unsigned long flags;
	bool enabled;
	int err;

	raw_spin_lock_irqsave(&dev->lock, flags);
	setup = q->setup;
	enabled = q->enabled && !q->running;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (!enabled)
		return 0;
	if (setup.size > q->max)
		return -EINVAL;
	err = lodge_vq_start(&q->vq, dev->mem, &setup);
	if (!err)
		q->running = true;
	return err;
}

static int start(struct lodge_virtio *dev)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < dev->nr_queues && !err; i++)
		err = start_queue(dev, i);
	dev->started = !err;
	if (!err && dev->ops->start)
		err = dev->ops->start(dev);
	/* there may be buffers already */
	for (i = 0; i < dev->nr_queues; i++)
		set_bit(i, &dev->kicked);
	return err;
}

/**
 * lodge_virtio_update - make of the device what the registers say
 * @dev: the device; the worker calls, with the owner's mm
 */
void lodge_virtio_update(struct lodge_virtio *dev)
{
	bool all = READ_ONCE(dev->resetting);

	if (dev->started && !has_changed(dev))
		return;
	lodge_virtio_stop(dev);
	if (all && dev->ops->reset)
		dev->ops->reset(dev);
	/* one that is asked for from now on comes with another update */
	if (!settle(dev, all) || !start(dev))
		return;
	lodge_virtio_stop(dev);
	lodge_virtio_needs_reset(dev);
}

/**
 * lodge_virtio_give_up - no vCPU will run any more
 * @dev: the device; the worker calls, without the owner's memory
 */
void lodge_virtio_give_up(struct lodge_virtio *dev)
{
	lodge_virtio_stop(dev);
	settle(dev, READ_ONCE(dev->resetting));
	WRITE_ONCE(dev->kicked, 0);
	WRITE_ONCE(dev->events, 0);
}

/* ---- life ---------------------------------------------------------------- */

/**
 * lodge_virtio_init - a device, reset, with its worker
 * @dev: zeroed
 * @ops: what kind
 * @mem: the VM's memory
 * @nr_queues: LODGE_VIRTIO_QUEUES at most
 * @size: most descriptors of each, LODGE_VQ_MAX_SIZE at most
 * @name: of the worker
 *
 * The transport sets lodge_virtio.interrupt before any guest runs.
 *
 * Return: 0, -ENOMEM, -EINTR, or what cgroup_attach_task_all() returned; the caller frees.
 */
int lodge_virtio_init(struct lodge_virtio *dev, const struct lodge_virtio_ops *ops,
		      struct lodge_mem *mem, unsigned int nr_queues, u16 size, const char *name)
{
	unsigned int i;

	raw_spin_lock_init(&dev->lock);
	init_waitqueue_head(&dev->settled);
	dev->ops = ops;
	dev->mem = mem;
	dev->nr_queues = nr_queues;
	dev->features = ops->features | RING_FEATURES;
	for (i = 0; i < nr_queues; i++)
		dev->queue[i].max = size;
	reset_registers(dev);
	return lodge_worker_start(dev, name);
}

/**
 * lodge_virtio_destroy - stop a device and have it freed
 * @dev: lodge_virtio_init() has succeeded; no guest reaches it any more; may sleep
 */
void lodge_virtio_destroy(struct lodge_virtio *dev)
{
	lodge_worker_stop(dev);
	dev->ops->destroy(dev);
}
