/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - a virtio device without its transport: status, features, queues, worker
 *
 *	guest's register -> transport (pci.c, mmio.c) -> device.c -> worker -> ops of blk.c, ...
 *
 * Registers are accessed with interrupts off, in a VMX window, so all that they do is
 * to change what @lock guards and to wake the worker.  The worker is a kernel thread in
 * the owner's mm and cgroup: it starts and stops queues, resets, and serves kicks; the
 * functions of struct lodge_virtio_ops are called by it alone, where nothing else is said.
 */
#ifndef LODGE_VIRTIO_DEVICE_H
#define LODGE_VIRTIO_DEVICE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/if_ether.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "vq.h"

struct cred;
struct file;
struct lodge_mem;
struct lodge_virtio;
struct mm_struct;
struct task_struct;

#define LODGE_VIRTIO_QUEUES	17
#define LODGE_VIRTIO_CONFIG	(-1)	/* in place of a queue: the configuration has changed */
#define LODGE_VIRTIO_NO_VECTOR	0xffff

/* What has been done for the driver: "in" is what it has read or received */
enum lodge_virtio_count {
	LODGE_VIRTIO_IN, LODGE_VIRTIO_IN_BYTES, LODGE_VIRTIO_OUT, LODGE_VIRTIO_OUT_BYTES,
	LODGE_VIRTIO_OTHER, LODGE_VIRTIO_ERRORS, LODGE_VIRTIO_NR_COUNTS
};

#define LODGE_VIRTIO_NAME	1024	/* bytes of the name of what is behind a device */
#define LODGE_VIRTIO_SERIAL	20

/**
 * struct lodge_virtio_view - a device at one moment
 * @status: device status
 * @offered: features
 * @accepted: features, by the driver
 * @queues: that there are
 * @enabled: that the driver has enabled
 * @count: what has been done, by LODGE_VIRTIO_*, with kicks and interrupts below
 * @kicks: by the driver
 * @interrupts: that the driver wanted
 * @name: of the file or tap behind it, a vsock's address, or empty
 * @is_disk: @size, @read_only and @serial mean something
 * @size: bytes
 * @read_only: the driver may not write
 * @serial: not terminated if it is full
 * @is_net: @mac, @mtu and @link mean something
 * @mac: address
 * @mtu: as the driver is told, 0: it is told nothing
 * @link: as the driver is told
 * @has_limits: @requests and @bytes mean something
 * @requests: limit, a second; 0: none
 * @bytes: likewise
 */
struct lodge_virtio_view {
	u8 status;
	u64 offered;
	u64 accepted;
	u32 queues;
	u32 enabled;
	u64 count[LODGE_VIRTIO_NR_COUNTS];
	u64 kicks;
	u64 interrupts;
	char name[LODGE_VIRTIO_NAME];
	bool is_disk;
	u64 size;
	bool read_only;
	char serial[LODGE_VIRTIO_SERIAL];
	bool is_net;
	u8 mac[ETH_ALEN];
	u16 mtu;
	bool link;
	bool has_limits;
	u64 requests;
	u64 bytes;
};

/**
 * struct lodge_virtio_ops - what one kind of device does
 * @id: virtio device ID (virtio 1.2, 5)
 * @config_len: bytes of its configuration space
 * @features: of the device; those of rings and transport are added
 * @start: the driver is ready: queues that are enabled run; may sleep; an error asks
 *	the driver for a reset; NULL if there is nothing to do
 * @stop: finish or give up what is under way, nothing touches queues after; may sleep;
 *	also when @start has failed; NULL if there is nothing to do.  Called without the
 *	owner's memory if that has gone: then queues cannot be written to
 * @reset: the driver has reset all of it, which is stopped, or never was started; what it commanded
 *	means nothing any more; NULL if there is nothing to do
 * @kick: the driver has added to a queue, or lodge_virtio_wake() was called for it; may
 *	sleep; called again soon if it returns true, so that others get their turn
 * @notify: the driver has added to a queue, straight from its kick: any context but NMI, also a
 *	VMX window, no lock held; true if the worker is not needed; NULL if it always is
 * @read_config: configuration space; interrupts off, lodge_virtio.lock held
 * @write_config: likewise; NULL if the driver cannot write there
 * @look: adds what only this kind knows; not the worker calls, may sleep; NULL if that is nothing
 * @file: the @n-th of what is behind it, which has no reference, or NULL; NULL if that is nothing
 * @pull: what is behind it answers no more: requests fail, frames are lost, and no limit holds
 *	them back; not the worker calls; NULL if the device cannot go while the VM lives
 * @destroy: frees the device that embeds the struct lodge_virtio; stopped before
 *
 * While one queue is reset or enabled again all of them are stopped, and started after.
 */
struct lodge_virtio_ops {
	u16 id;
	u16 config_len;
	u64 features;
	int (*start)(struct lodge_virtio *dev);
	void (*stop)(struct lodge_virtio *dev);
	void (*reset)(struct lodge_virtio *dev);
	bool (*kick)(struct lodge_virtio *dev, unsigned int queue);
	bool (*notify)(struct lodge_virtio *dev, unsigned int queue);
	void (*read_config)(struct lodge_virtio *dev, u32 offset, void *buf, u32 len);
	void (*write_config)(struct lodge_virtio *dev, u32 offset, const void *buf, u32 len);
	void (*look)(struct lodge_virtio *dev, struct lodge_virtio_view *view);
	struct file *(*file)(struct lodge_virtio *dev, unsigned int n);
	void (*pull)(struct lodge_virtio *dev);
	void (*destroy)(struct lodge_virtio *dev);
};

/**
 * struct lodge_virtio_queue - one queue: its registers, and itself
 * @max: most descriptors that the device takes, 0 if there is no such queue [I]
 * @vector: MSI-X entry [L]
 * @enabled: the driver has enabled it [L]
 * @reset: the driver has asked for its reset, the worker has not done it yet [L]
 * @running: @vq is started [W]
 * @setup: as written by the driver; constant while @enabled [L]
 * @vq: the queue [W]
 */
struct lodge_virtio_queue {
	u16 max;
	u16 vector;
	bool enabled;
	bool reset;
	bool running;
	struct lodge_vq_setup setup;
	struct lodge_vq vq;
};

/**
 * struct lodge_virtio - a virtio device, embedded in the device proper
 * @ops: kind of device [I]
 * @mem: the VM's memory [I]
 * @mm: the owner's address space, which is not kept: a reference from mmgrab() [I]
 * @cred: what the worker may do [I]
 * @interrupt: of the transport: a message or a line for a queue or LODGE_VIRTIO_CONFIG;
 *	any context [I]
 * @transport_reset: of the transport: its own registers and interrupt; @lock held [I]
 * @transport: for the two [I]
 * @worker: kernel thread, from lodge_virtio_init() to lodge_virtio_destroy() [I]
 * @nr_queues: with numbers from 0 on [I]
 * @lock: guards registers; taken in any context, interrupts saved
 * @status: device status [L]
 * @features: offered; constant when there is a vCPU
 * @driver_features: accepted [L]
 * @config_vector: MSI-X entry for changes of the configuration [L]
 * @generation: of the configuration space [L]
 * @live: the worker has it started, or is about to: only the worker resets it [L]
 * @resetting: 0 was written to @status, which the worker will make true [L]
 * @held: the worker is to stop it and not to start it, resets are done nevertheless [L]
 * @idle: the worker has stopped it, and will not start it before @held or the driver's wishes
 *	change [L]
 * @started: @ops->start has been called, @ops->stop not yet [W]
 * @kicked: a bit a queue: to be served; atomic
 * @events: a bit for what else the worker is to look at; atomic
 * @has_mm: the worker has @mm as its own, and keeps it [W]
 * @used: it has had work since @linger expired last
 * @lingering: it sleeps with @mm; the worker writes
 * @linger: expires while it has @mm
 * @watched: a bit for each queue that is empty, and whose driver does not kick [W]
 * @watch_ns: for how long they are looked at before the worker sleeps [W]
 * @settled: who waits for the worker to have done resets, to have stopped, or to have let go
 * @kicks: counted since the device was made, as are the following two
 * @interrupts: likewise
 * @count: by LODGE_VIRTIO_*; the worker writes
 * @queue: by number
 *
 * [I] constant, [L] @lock, [W] the worker's alone.
 */
struct lodge_virtio {
	const struct lodge_virtio_ops *ops;
	struct lodge_mem *mem;
	struct mm_struct *mm;
	const struct cred *cred;
	void (*interrupt)(struct lodge_virtio *dev, int queue);
	void (*transport_reset)(struct lodge_virtio *dev);
	void *transport;
	struct task_struct *worker;
	unsigned int nr_queues;
	raw_spinlock_t lock;
	u8 status;
	u64 features;
	u64 driver_features;
	u16 config_vector;
	u8 generation;
	bool live;
	bool resetting;
	bool held;
	bool idle;
	bool started;
	unsigned long kicked;
	unsigned long events;
	bool has_mm;
	bool used;
	bool lingering;
	struct hrtimer linger;
	unsigned long watched;
	u64 watch_ns;
	wait_queue_head_t settled;
	atomic64_t kicks;
	atomic64_t interrupts;
	u64 count[LODGE_VIRTIO_NR_COUNTS];
	struct lodge_virtio_queue queue[LODGE_VIRTIO_QUEUES];
};

/* for kinds of devices */
int lodge_virtio_init(struct lodge_virtio *dev, const struct lodge_virtio_ops *ops,
		      struct lodge_mem *mem, unsigned int nr_queues, u16 size, const char *name);
void lodge_virtio_destroy(struct lodge_virtio *dev);
void lodge_virtio_wake(struct lodge_virtio *dev, unsigned int queue);
void lodge_virtio_interrupt(struct lodge_virtio *dev, unsigned int queue);
void lodge_virtio_config_changed(struct lodge_virtio *dev);
void lodge_virtio_needs_reset(struct lodge_virtio *dev);
void lodge_virtio_copy_config(void *buf, u32 len, const void *config, u32 config_len, u32 offset);

/* for the worker */
void lodge_virtio_update(struct lodge_virtio *dev);
void lodge_virtio_stop(struct lodge_virtio *dev);
void lodge_virtio_give_up(struct lodge_virtio *dev);

/* for those who look on */
void lodge_virtio_look_file(struct lodge_virtio_view *view, struct file *file);
void lodge_virtio_look(struct lodge_virtio *dev, struct lodge_virtio_view *view);

/**
 * enum lodge_virtio_ring - a part of a queue that has an address
 * @LODGE_VIRTIO_DESC: lodge_vq_setup.desc
 * @LODGE_VIRTIO_DRIVER: lodge_vq_setup.driver
 * @LODGE_VIRTIO_DEVICE: lodge_vq_setup.device
 */
enum lodge_virtio_ring {
	LODGE_VIRTIO_DESC,
	LODGE_VIRTIO_DRIVER,
	LODGE_VIRTIO_DEVICE,
};

/* for who pauses the VM */
void lodge_virtio_hold(struct lodge_virtio *dev, bool held);
long lodge_virtio_wait_idle(struct lodge_virtio *dev, unsigned int ms);

/* for transports; interrupts off or on */
u8 lodge_virtio_status(struct lodge_virtio *dev);
void lodge_virtio_set_status(struct lodge_virtio *dev, u8 status);
void lodge_virtio_set_features(struct lodge_virtio *dev, unsigned int half, u32 value);
bool lodge_virtio_enable_queue(struct lodge_virtio *dev, unsigned int queue);
void lodge_virtio_reset_queue(struct lodge_virtio *dev, unsigned int queue);
void lodge_virtio_disable_queue(struct lodge_virtio *dev, unsigned int queue);
bool lodge_virtio_wait(struct lodge_virtio *dev);
struct lodge_virtio_queue *lodge_virtio_queue_at(struct lodge_virtio *dev, unsigned int queue);
void lodge_virtio_place(struct lodge_virtio_queue *q, enum lodge_virtio_ring ring, bool high,
			u32 value);
u64 lodge_virtio_read_config(struct lodge_virtio *dev, u32 offset, u8 width);
void lodge_virtio_write_config(struct lodge_virtio *dev, u32 offset, u8 width, u64 value);
void lodge_virtio_kick(struct lodge_virtio *dev, unsigned int queue);

/* The half of a set of features that a driver has selected */
static inline u32 lodge_virtio_half(u64 features, u32 half)
{
	return half > 1 ? 0 : features >> 32 * (half & 1);
}

/* The worker's */
static inline void lodge_virtio_count(struct lodge_virtio *dev, enum lodge_virtio_count which,
				      u64 n)
{
	WRITE_ONCE(dev->count[which], dev->count[which] + n);
}

static inline bool lodge_virtio_has(const struct lodge_virtio *dev, unsigned int feature)
{
	return dev->driver_features & BIT_ULL(feature);
}

#endif /* LODGE_VIRTIO_DEVICE_H */
