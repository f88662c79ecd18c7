// SPDX-License-Identifier: GPL-2.0-only
/*
 * console.c - virtio-console: one port, the guest's hvc0 (virtio 1.2, 5.3)
 *
 *	driver's bytes -> pop -> dev/console.c -> the reader's descriptor
 *
 * and back.  While somebody has the descriptor open and does not read, the driver's
 * buffer waits.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "../dev/console.h"
#include "console.h"
#include "device.h"

#define QUEUE_SIZE	64
#define BATCH		16
#define PIECE		256

enum { INPUT, OUTPUT, NR_QUEUES };

/**
 * struct console - a console
 * @dev: the device
 * @con: what its reader and it exchange
 * @chain: the driver's output that is being put; the worker's, as what follows
 * @held: there is such
 * @at: bytes of it that have been put
 * @buffer: the driver's, for input, for a moment
 */
struct console {
	struct lodge_virtio dev;
	struct lodge_console con;
	struct lodge_vq_chain chain;
	bool held;
	u32 at;
	struct lodge_vq_chain buffer;
};

static struct console *console_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct console, dev);
}

/* Return: false if the reader must read first, who then wakes the worker */
static bool put(struct console *c)
{
	const struct lodge_vq_chain *chain = &c->chain;
	struct iov_iter iter;
	u8 bytes[PIECE];
	size_t i, n;

	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	iov_iter_advance(&iter, c->at);
	while ((n = copy_from_iter(bytes, sizeof(bytes), &iter))) {
		for (i = 0; i < n; i++, c->at++)
			if (!lodge_console_put(&c->con, bytes[i]))
				return false;
	}
	return true;
}

/* Return: 1 and an answer, 0 if there is nothing to do now, or negative with the queue broken */
static int put_one(struct console *c, struct lodge_vq *vq)
{
	int ret;

	if (!c->held) {
		ret = lodge_vq_pop(vq, &c->chain);
		if (ret != 1)
			return ret ?: lodge_vq_enable_kicks(vq);
		c->held = true;
		c->at = 0;
	}
	if (!put(c))
		return 0;
	c->held = false;
	lodge_virtio_count(&c->dev, LODGE_VIRTIO_OUT, 1);
	lodge_virtio_count(&c->dev, LODGE_VIRTIO_OUT_BYTES, c->at);
	return lodge_vq_push(vq, &c->chain, 0) ?: 1;
}

/* As put_one(); input without a buffer of the driver's stays where it is */
static int get_one(struct console *c, struct lodge_vq *vq)
{
	struct lodge_vq_chain *buffer = &c->buffer;
	struct iov_iter iter;
	u8 bytes[PIECE];
	u32 n;
	int ret;

	if (!lodge_console_has_input(&c->con))
		return 0;
	ret = lodge_vq_pop(vq, buffer);
	if (ret != 1)
		return ret ?: lodge_vq_enable_kicks(vq);
	n = lodge_console_get(&c->con, bytes, min_t(u32, buffer->in_len, sizeof(bytes)));
	iov_iter_init(&iter, ITER_DEST, buffer->iov + buffer->nr_out, buffer->nr_in,
		      buffer->in_len);
	n = copy_to_iter(bytes, n, &iter);
	lodge_vq_written(vq, buffer, n);
	lodge_virtio_count(&c->dev, LODGE_VIRTIO_IN, 1);
	lodge_virtio_count(&c->dev, LODGE_VIRTIO_IN_BYTES, n);
	return lodge_vq_push(vq, buffer, n) ?: 1;
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_vq *vq = &dev->queue[queue].vq;
	struct console *c = console_of(dev);
	u16 used = vq->used;
	int i, ret = 1;

	lodge_vq_disable_kicks(vq);
	for (i = 0; i < BATCH && ret == 1; i++)
		ret = queue == OUTPUT ? put_one(c, vq) : get_one(c, vq);
	if (vq->used != used && lodge_vq_wants_interrupt(vq) == 1)
		lodge_virtio_interrupt(dev, queue);
	if (ret < 0 || vq->broken)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

/* Output that nobody has read yet is not waited for */
static void stop(struct lodge_virtio *dev)
{
	struct console *c = console_of(dev);

	if (c->held)
		lodge_vq_push(&dev->queue[OUTPUT].vq, &c->chain, 0);
	c->held = false;
}

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	memset(buf, 0, len);
}

static void destroy(struct lodge_virtio *dev)
{
	struct console *c = console_of(dev);

	lodge_console_destroy(&c->con);
	kvfree(c);
}

static const struct lodge_virtio_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.config_len = sizeof(struct virtio_console_config),
	.stop = stop,
	.kick = kick,
	.read_config = read_config,
	.destroy = destroy,
};

/* Input has come, or there is room for output */
static void changed(void *dev)
{
	struct console *c = dev;

	lodge_virtio_wake(&c->dev, INPUT);
	lodge_virtio_wake(&c->dev, OUTPUT);
}

/**
 * lodge_virtio_console_of - what the reader opens
 * @dev: of lodge_virtio_console_create()
 *
 * Return: the console, which lives as long as the device.
 */
struct lodge_console *lodge_virtio_console_of(struct lodge_virtio *dev)
{
	return &console_of(dev)->con;
}

/**
 * lodge_virtio_console_create - a console
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -ENOMEM, or what
 * lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_virtio_console_create(struct lodge_mem *mem, const char *name)
{
	struct console *c = lodge_alloc_large(sizeof(*c), GFP_KERNEL_ACCOUNT);
	int err;

	if (!c)
		return ERR_PTR(-ENOMEM);
	err = lodge_console_create(&c->con, changed, c);
	if (err)
		goto err_free;
	err = lodge_virtio_init(&c->dev, &console_ops, mem, NR_QUEUES, QUEUE_SIZE, name);
	if (err)
		goto err_console;
	return &c->dev;

err_console:
	lodge_console_destroy(&c->con);
err_free:
	kvfree(c);
	return ERR_PTR(err);
}
