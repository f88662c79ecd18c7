// SPDX-License-Identifier: GPL-2.0-only
/*
 * rng.c - virtio-entropy: random bytes (virtio 1.2, 5.4)
 *
 * The smallest device there is; Documentation/adding-a-device.rst goes through it.
 */
#include <linux/err.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "device.h"
#include "rng.h"

#define QUEUE_SIZE	64

/* Bytes of one answer, and answers before another device's worker gets its turn */
#define MOST		1024
#define BATCH		16

/**
 * struct rng - a source of random bytes
 * @dev: the device
 * @chain: the request at hand; the worker's
 */
struct rng {
	struct lodge_virtio dev;
	struct lodge_vq_chain chain;
};

static struct rng *rng_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct rng, dev);
}

/* Return: bytes written; fewer than asked for are in order (5.4.6.2), and none are not */
static u32 answer(struct lodge_vq *vq, const struct lodge_vq_chain *chain)
{
	u32 len = min_t(u32, chain->in_len, MOST);
	struct iov_iter iter;
	u8 bytes[64];
	size_t n;
	u32 done;

	iov_iter_init(&iter, ITER_DEST, chain->iov + chain->nr_out, chain->nr_in, len);
	for (done = 0; done < len; done += n) {
		get_random_bytes(bytes, sizeof(bytes));
		n = copy_to_iter(bytes, min_t(size_t, len - done, sizeof(bytes)), &iter);
		if (!n)
			break;
	}
	memzero_explicit(bytes, sizeof(bytes));
	lodge_vq_written(vq, chain, done);
	return done;
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_vq *vq = &dev->queue[queue].vq;
	struct lodge_vq_chain *chain = &rng_of(dev)->chain;
	int i, pushed = 0, ret = 1;
	u32 n;

	lodge_vq_disable_kicks(vq);
	for (i = 0; i < BATCH && ret == 1; i++) {
		ret = lodge_vq_pop(vq, chain);
		if (ret != 1)
			break;
		n = answer(vq, chain);
		lodge_virtio_count(dev, LODGE_VIRTIO_IN, 1);
		lodge_virtio_count(dev, LODGE_VIRTIO_IN_BYTES, n);
		ret = lodge_vq_push(vq, chain, n) ?: 1;
		pushed += ret == 1;
	}
	if (!ret)
		ret = lodge_vq_enable_kicks(vq);
	if (pushed && lodge_vq_wants_interrupt(vq) == 1)
		lodge_virtio_interrupt(dev, queue);
	if (vq->broken)
		lodge_virtio_needs_reset(dev);
	return ret == 1;
}

static void destroy(struct lodge_virtio *dev)
{
	kfree(rng_of(dev));
}

static const struct lodge_virtio_ops rng_ops = {
	.id = VIRTIO_ID_RNG,
	.kick = kick,
	.destroy = destroy,
};

/**
 * lodge_rng_create() - a source of random bytes
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -ENOMEM, or what
 * lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_rng_create(struct lodge_mem *mem, const char *name)
{
	struct rng *rng = lodge_alloc(sizeof(*rng), GFP_KERNEL_ACCOUNT);
	int err;

	if (!rng)
		return ERR_PTR(-ENOMEM);
	err = lodge_virtio_init(&rng->dev, &rng_ops, mem, 1, QUEUE_SIZE, name);
	if (err) {
		kfree(rng);
		return ERR_PTR(err);
	}
	return &rng->dev;
}
