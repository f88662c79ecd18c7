// SPDX-License-Identifier: GPL-2.0-only
/*
 * vsock.c - virtio-vsock: sockets between guest and host (virtio 1.2, 5.10)
 *
 *	guest's kick -> eventfd -> vhost-vsock, which reads and writes the rings of both
 *	directions in the owner's memory -> eventfd -> guest's interrupt
 *
 * No ring is looked at here.  The queue of events stays as the driver has left it: there
 * are none.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

#include "../alloc.h"
#include "../compat.h"
#include "../irq/eventfd.h"
#include "device.h"
#include "vsock.h"
#include "vsock_fd.h"

#define QUEUE_SIZE	256
#define CONFIG_LEN	sizeof(struct virtio_vsock_config)

#define FIRST_CID	3		/* 5.10.4: those below are not a guest's */

/* 5.10.2; of the first two LODGE_VSOCK_QUEUES tells */
#define NR_QUEUES	3

/* Those that change nothing in what is handed to vhost-vsock */
#define FEATURES	(BIT_ULL(VIRTIO_VSOCK_F_SEQPACKET) | BIT_ULL(VIRTIO_F_VERSION_1) | \
			 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX))

/* Of struct listener; those before are for queues */
#define ERROR		LODGE_VSOCK_QUEUES

/**
 * struct listener - an eventfd that vhost-vsock signals
 * @source: the eventfd
 * @v: the vsock
 * @what: the queue that it interrupts for, or ERROR
 * @listens: lodge_eventfd_listen() has been called
 */
struct listener {
	struct lodge_eventfd source;
	struct vsock *v;
	unsigned int what;
	bool listens;
};

/**
 * struct vsock - a vsock
 * @dev: the device
 * @fd: to the owner
 * @cid: the guest's address, 0 without an owner [I]
 * @kick: signalled by the guest's kicks, or NULL [I]
 * @listener: by queue, then ERROR [I]
 * @running: vhost-vsock has the rings; the worker's
 *
 * [I] constant when there is a vCPU.
 */
struct vsock {
	struct lodge_virtio dev;
	struct lodge_vsock_fd fd;
	u32 cid;
	struct eventfd_ctx *kick[LODGE_VSOCK_QUEUES];
	struct listener listener[LODGE_VSOCK_QUEUES + 1];
	bool running;
};

static struct vsock *vsock_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct vsock, dev);
}

/* ---- eventfds ------------------------------------------------------------ */

/* What comes late, of a run before, is nobody's */
static void signalled(struct lodge_eventfd *e)
{
	const struct listener *l = container_of(e, struct listener, source);
	struct lodge_virtio *dev = &l->v->dev;

	if (!READ_ONCE(dev->live))
		return;
	if (l->what == ERROR)
		lodge_virtio_needs_reset(dev);
	else
		lodge_virtio_interrupt(dev, l->what);
}

static void closed(struct lodge_eventfd *e)
{
	/* vhost-vsock has a reference of its own */
}

static const struct lodge_eventfd_ops listener_ops = {
	.signalled = signalled,
	.closed = closed,
};

static int listen(struct vsock *v, unsigned int what, int fd)
{
	struct listener *l = &v->listener[what];
	struct file *file = eventfd_fget(fd);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	l->v = v;
	l->what = what;
	err = lodge_eventfd_get(&l->source, &listener_ops, file);
	if (!err) {
		lodge_eventfd_listen(&l->source, file);
		l->listens = true;
	}
	fput(file);
	return err;
}

static void leave(struct vsock *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v->listener); i++) {
		if (!v->listener[i].listens)
			continue;
		lodge_eventfd_leave(&v->listener[i].source);
		lodge_eventfd_put(&v->listener[i].source);
		v->listener[i].listens = false;
	}
}

static int listen_all(struct vsock *v, const struct lodge_vsock *arg)
{
	int err = listen(v, ERROR, arg->error);
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES && !err; i++)
		err = listen(v, i, arg->call[i]);
	if (err)
		leave(v);
	return err;
}

static void put_kicks(struct eventfd_ctx **kick)
{
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++)
		if (kick[i])
			eventfd_ctx_put(kick[i]);
}

static int get_kicks(struct eventfd_ctx **kick, const struct lodge_vsock *arg)
{
	struct eventfd_ctx *ctx;
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		ctx = eventfd_ctx_fdget(arg->kick[i]);
		if (IS_ERR(ctx)) {
			put_kicks(kick);
			return PTR_ERR(ctx);
		}
		kick[i] = ctx;
	}
	return 0;
}

/* ---- the device ---------------------------------------------------------- */

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	const struct virtio_vsock_config config = { .guest_cid = cpu_to_le64(vsock_of(dev)->cid) };

	lodge_virtio_copy_config(buf, len, &config, CONFIG_LEN, offset);
}

static void signal_kick(struct vsock *v, unsigned int queue)
{
	struct eventfd_ctx *ctx;

	if (queue >= LODGE_VSOCK_QUEUES)
		return;
	ctx = READ_ONCE(v->kick[array_index_nospec(queue, LODGE_VSOCK_QUEUES)]);
	if (ctx)
		compat_eventfd_signal(ctx);
}

static bool notify(struct lodge_virtio *dev, unsigned int queue)
{
	signal_kick(vsock_of(dev), queue);
	return true;
}

/* After a start: of kicks that came before it vhost-vsock has taken no notice */
static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	signal_kick(vsock_of(dev), queue);
	return false;
}

/* It takes both queues or none */
static int start(struct lodge_virtio *dev)
{
	struct lodge_vsock_request request = {
		.running = 1, .features = dev->driver_features,
	};
	struct lodge_vsock_answer answer;
	struct vsock *v = vsock_of(dev);
	unsigned int i;
	int err;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		const struct lodge_vq *vq = &dev->queue[i].vq;

		if (!dev->queue[i].running)
			return 0;
		if (vq->broken)
			return -EIO;
		request.queue[i] = (struct lodge_vsock_queue){
			.desc = vq->s.desc, .driver = vq->s.driver, .device = vq->s.device,
			.size = vq->s.size, .next = vq->next,
		};
	}
	err = lodge_vsock_fd_ask(&v->fd, dev->mem, &request, &answer);
	v->running = !err;
	return err;
}

/* The guest may use the rings' memory for something else when this returns */
static void stop(struct lodge_virtio *dev)
{
	static const struct lodge_vsock_request request = {};
	struct lodge_vsock_answer answer;
	struct vsock *v = vsock_of(dev);
	unsigned int i;
	int err;

	if (!v->running)
		return;
	v->running = false;
	err = lodge_vsock_fd_ask(&v->fd, dev->mem, &request, &answer);
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		dev->queue[i].vq.next = answer.next[i];
		/* nobody knows where to go on */
		dev->queue[i].vq.broken = err;
	}
}

static void look(struct lodge_virtio *dev, struct lodge_virtio_view *view)
{
	snprintf(view->name, sizeof(view->name), "cid:%u", READ_ONCE(vsock_of(dev)->cid));
}

static void destroy(struct lodge_virtio *dev)
{
	struct vsock *v = vsock_of(dev);

	leave(v);
	put_kicks(v->kick);
	kvfree(v);
}

static const struct lodge_virtio_ops vsock_ops = {
	.id = VIRTIO_ID_VSOCK,
	.config_len = CONFIG_LEN,
	.start = start,
	.stop = stop,
	.notify = notify,
	.kick = kick,
	.read_config = read_config,
	.look = look,
	.destroy = destroy,
};

/* ---- what others want of it ---------------------------------------------- */

/**
 * lodge_vsock_attach - LODGE_VM_VSOCK
 * @dev: of lodge_vsock_create(), of a VM without vCPU; the caller lets nobody else in
 * @arg: checked here
 * @put: as of lodge_vsock_fd_open()
 * @owner: likewise
 *
 * Return: the descriptor, -EINVAL, -EBADF, or what lodge_vsock_fd_open() returned.
 */
int lodge_vsock_attach(struct lodge_virtio *dev, const struct lodge_vsock *arg,
		       void (*put)(void *owner), void *owner)
{
	struct eventfd_ctx *kick[LODGE_VSOCK_QUEUES] = {};
	struct vsock *v = vsock_of(dev);
	unsigned int i;
	int ret;

	if (arg->cid < FIRST_CID || arg->cid == U32_MAX || arg->pad ||
	    !(arg->features & BIT_ULL(VIRTIO_F_VERSION_1)))
		return -EINVAL;
	if (v->cid)
		return -EBUSY;
	ret = get_kicks(kick, arg);
	if (ret)
		return ret;
	ret = listen_all(v, arg);
	if (ret)
		goto err_kicks;
	ret = lodge_vsock_fd_open(&v->fd, put, owner);
	if (ret < 0)
		goto err_listen;
	/* the worker may look */
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++)
		WRITE_ONCE(v->kick[i], kick[i]);
	dev->features = arg->features & FEATURES;
	WRITE_ONCE(v->cid, arg->cid);
	return ret;

err_listen:
	leave(v);
err_kicks:
	put_kicks(kick);
	return ret;
}

/**
 * lodge_vsock_create - a vsock, that nobody serves yet
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -ENOMEM, or what
 * lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_vsock_create(struct lodge_mem *mem, const char *name)
{
	struct vsock *v = lodge_alloc_large(sizeof(*v), GFP_KERNEL_ACCOUNT);
	int err;

	BUILD_BUG_ON(LODGE_VSOCK_QUEUES >= NR_QUEUES);
	if (!v)
		return ERR_PTR(-ENOMEM);
	lodge_vsock_fd_init(&v->fd, current->mm);
	err = lodge_virtio_init(&v->dev, &vsock_ops, mem, NR_QUEUES, QUEUE_SIZE, name);
	if (err) {
		kvfree(v);
		return ERR_PTR(err);
	}
	/* vq.c does not serve the rings: what it could do does not count */
	v->dev.features = BIT_ULL(VIRTIO_F_VERSION_1);
	return &v->dev;
}
