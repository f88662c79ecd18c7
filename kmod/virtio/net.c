// SPDX-License-Identifier: GPL-2.0-only
/*
 * net.c - virtio-net: a tap of the host as a network device (virtio 1.2, 5.1)
 *
 *	driver's frame -> pop -> net_send.c -> the tap's socket -> the host's network
 *
 * and back.  Offloads are the tap's: its header is ours.
 */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/if_tun.h>
#include <linux/overflow.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "../mem.h"
#include "net.h"
#include "net_tap.h"

#define QUEUE_SIZE	256
#define CONFIG_LEN	offsetof(struct virtio_net_config, speed)

#define GUEST_OFFLOADS	(BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | \
			 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN) | \
			 BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))

/* ---- configuration ------------------------------------------------------- */

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	lodge_virtio_copy_config(buf, len, &lodge_net_of(dev)->config, CONFIG_LEN, offset);
}

/**
 * lodge_net_set_mac - the device's address is another one
 * @net: the device; lodge_virtio.lock not held
 * @mac: from now on
 */
void lodge_net_set_mac(struct lodge_net *net, const u8 *mac)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&net->dev.lock, flags);
	memcpy(net->config.mac, mac, ETH_ALEN);
	raw_spin_unlock_irqrestore(&net->dev.lock, flags);
}

static void set_link(struct lodge_net *net, bool *part, bool value)
{
	unsigned long flags;
	__virtio16 status;
	bool changed;

	raw_spin_lock_irqsave(&net->dev.lock, flags);
	WRITE_ONCE(*part, value);
	status = (__force __virtio16)cpu_to_le16(net->tap && net->plugged ?
						 VIRTIO_NET_S_LINK_UP : 0);
	changed = net->config.status != status;
	net->config.status = status;
	raw_spin_unlock_irqrestore(&net->dev.lock, flags);
	if (changed)
		lodge_virtio_config_changed(&net->dev);
}

/**
 * lodge_net_set_tap - what is at the other end of the cable
 * @net: the device; lodge_virtio.lock not held
 * @there: there is a tap
 */
void lodge_net_set_tap(struct lodge_net *net, bool there)
{
	if (READ_ONCE(net->tap) != there)
		set_link(net, &net->tap, there);
}

/**
 * lodge_net_plug - the cable
 * @dev: of lodge_net_create()
 * @plugged: it is in; else frames are lost, in both directions
 */
void lodge_net_plug(struct lodge_virtio *dev, bool plugged)
{
	struct lodge_net *net = lodge_net_of(dev);
	unsigned int i;

	set_link(net, &net->plugged, plugged);
	for (i = 0; i < net->nr_pairs; i++)
		lodge_virtio_wake(dev, LODGE_NET_PAIR * i + LODGE_NET_RX);
}

/**
 * lodge_net_limit - how much a second at most, in each direction
 * @dev: of lodge_net_create()
 * @which: as for lodge_limit_ask()
 * @rate: likewise
 */
void lodge_net_limit(struct lodge_virtio *dev, unsigned int which, u64 rate)
{
	struct lodge_net *net = lodge_net_of(dev);

	lodge_limit_ask(&net->limit[LODGE_NET_RX], which, rate);
	lodge_limit_ask(&net->limit[LODGE_NET_TX], which, rate);
}

static void pull(struct lodge_virtio *dev)
{
	unsigned int i;

	lodge_net_plug(dev, false);
	for (i = 0; i < LODGE_NR_LIMITS; i++)
		lodge_net_limit(dev, i, 0);
}

static void look(struct lodge_virtio *dev, struct lodge_virtio_view *view)
{
	struct lodge_net *net = lodge_net_of(dev);
	unsigned long flags;

	view->is_net = true;
	raw_spin_lock_irqsave(&dev->lock, flags);
	memcpy(view->mac, net->config.mac, sizeof(view->mac));
	view->link = net->tap && net->plugged;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	view->mtu = le16_to_cpu((__force __le16)net->config.mtu);
	lodge_limit_look(&net->limit[LODGE_NET_RX], view);
	lodge_net_tap_look(net, view);
}

/* ---- the worker ---------------------------------------------------------- */

/*
 * A driver may send by any pair: what it had begun to send by one that it does not want to use any
 * more leaves too.
 */
static int serve(struct lodge_net *net, unsigned int queue, unsigned int *pushed)
{
	unsigned int pair = queue / LODGE_NET_PAIR;

	if (queue == lodge_net_ctl_queue(net))
		return lodge_net_ctl_serve(net, pushed);
	if (queue % LODGE_NET_PAIR == LODGE_NET_RX)
		return lodge_net_tap_receive(net, pair, pushed);
	return lodge_net_send(net, pair, pushed);
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_net *net = lodge_net_of(dev);
	struct lodge_vq *vq = &dev->queue[queue].vq;
	unsigned int pushed = 0;
	bool held = false;
	int ret;

	/* pairs that the driver does not know of */
	if (queue > lodge_net_ctl_queue(net))
		return false;
	/* what is commanded may take its time */
	if (queue < lodge_net_ctl_queue(net))
		held = lodge_mem_hold(vq->mem, &vq->near);
	lodge_vq_disable_kicks(vq);
	ret = serve(net, queue, &pushed);
	if (pushed && lodge_vq_wants_interrupt(vq) == 1)
		lodge_virtio_interrupt(dev, queue);
	if (held)
		lodge_mem_release(vq->mem, &vq->near);
	if (ret < 0 || vq->broken)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

/* What was commanded stays if it is another queue that was reset */
static int start(struct lodge_virtio *dev)
{
	struct lodge_net *net = lodge_net_of(dev);
	const struct lodge_virtio_queue *ctl = &dev->queue[lodge_net_ctl_queue(net)];

	if (!ctl->running || !ctl->vq.signalled_valid) {
		lodge_net_ctl_reset(net);
		lodge_net_tap_offload(net, dev->driver_features);
	}
	lodge_net_tap_start(net);
	return 0;
}

static void stop(struct lodge_virtio *dev)
{
	struct lodge_net *net = lodge_net_of(dev);

	lodge_limit_stop(&net->limit[LODGE_NET_RX]);
	lodge_limit_stop(&net->limit[LODGE_NET_TX]);
	lodge_net_tap_stop(net);
}

static void reset(struct lodge_virtio *dev)
{
	struct lodge_net *net = lodge_net_of(dev);

	lodge_net_set_mac(net, net->mac);
}

static struct file *file_of(struct lodge_virtio *dev, unsigned int n)
{
	struct lodge_net *net = lodge_net_of(dev);

	return n < net->nr_pairs ? net->pair[n].file : NULL;
}

/* ---- life ---------------------------------------------------------------- */

static void destroy(struct lodge_virtio *dev)
{
	struct lodge_net *net = lodge_net_of(dev);

	lodge_net_tap_put(net);
	kvfree(net);
}

static const struct lodge_virtio_ops net_ops = {
	.id = VIRTIO_ID_NET,
	.config_len = CONFIG_LEN,
	.features = BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_STATUS) |
		    BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_CSUM) |
		    BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |
		    BIT_ULL(VIRTIO_NET_F_HOST_ECN) | BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |
		    BIT_ULL(VIRTIO_NET_F_CTRL_RX) | BIT_ULL(VIRTIO_NET_F_CTRL_RX_EXTRA) |
		    BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR),
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.read_config = read_config,
	.look = look,
	.file = file_of,
	.pull = pull,
	.destroy = destroy,
};

/* The queues that lie at @which in each pair, a bit each */
static unsigned long queues_of(const struct lodge_net *net, unsigned int which)
{
	unsigned long queues = 0;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++)
		queues |= BIT(LODGE_NET_PAIR * i + which);
	return queues;
}

static void fill(struct lodge_net *net, const struct lodge_net_config *config)
{
	__le16 pairs = cpu_to_le16(config->pairs);

	memcpy(net->mac, config->mac, ETH_ALEN);
	if (is_zero_ether_addr(net->mac))
		eth_random_addr(net->mac);
	memcpy(net->config.mac, net->mac, ETH_ALEN);
	net->tap = true;
	net->plugged = true;
	lodge_limit_init(&net->limit[LODGE_NET_RX], &net->dev, queues_of(net, LODGE_NET_RX));
	lodge_limit_init(&net->limit[LODGE_NET_TX], &net->dev, queues_of(net, LODGE_NET_TX));
	net->config.status = (__force __virtio16)cpu_to_le16(VIRTIO_NET_S_LINK_UP);
	net->config.max_virtqueue_pairs = (__force __virtio16)pairs;
	net->config.mtu = (__force __virtio16)cpu_to_le16(config->mtu);
}

/**
 * lodge_net_create() - a network device
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 * @config: what kind; copied, with references of its own to the files
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -EINVAL if a file is no
 * tap, or @config has an address of many or an MTU below 68, -EBADFD if the tap is not attached
 * to a device, -EBADF if it is not open for reading and writing, -ENOMEM, or what
 * lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_net_create(struct lodge_mem *mem, const char *name,
				      const struct lodge_net_config *config)
{
	struct lodge_net *net;
	int err;

	if (is_multicast_ether_addr(config->mac) || (config->mtu && config->mtu < ETH_MIN_MTU))
		return ERR_PTR(-EINVAL);
	BUILD_BUG_ON(LODGE_NET_PAIR * LODGE_NET_PAIRS + 1 > LODGE_VIRTIO_QUEUES);
	net = lodge_alloc_large(struct_size(net, pair, config->pairs), GFP_KERNEL_ACCOUNT);
	if (!net)
		return ERR_PTR(-ENOMEM);
	net->nr_pairs = config->pairs;
	err = lodge_net_tap_init(net, config->file);
	if (err)
		goto err_put;
	fill(net, config);
	err = lodge_virtio_init(&net->dev, &net_ops, mem, LODGE_NET_PAIR * net->nr_pairs + 1,
				QUEUE_SIZE, name);
	if (err)
		goto err_put;
	if (net->offloads)
		net->dev.features |= GUEST_OFFLOADS;
	if (config->mtu)
		net->dev.features |= BIT_ULL(VIRTIO_NET_F_MTU);
	if (net->nr_pairs > 1)
		net->dev.features |= BIT_ULL(VIRTIO_NET_F_MQ);
	return &net->dev;

err_put:
	lodge_net_tap_put(net);
	kvfree(net);
	return ERR_PTR(err);
}
