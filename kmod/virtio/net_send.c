// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_send.c - a network device's frames to its tap
 *
 * Large frames go straight from the owner's memory.  Of small ones the tap gets several at once,
 * each a copy that it makes a packet of where it lies, as vhost-net does it: the way through the
 * tap costs more than the copy.
 */
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "../compat.h"
#include "net_tap.h"
#include "worker.h"

/* What the tap wants of it lies at the start of the memory of a copy */
#define HEADER_ROOM	32

/* ---- copies -------------------------------------------------------------- */

/* Bytes in front of the frame */
static unsigned int padding(const struct sock *sk)
{
	return SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN + HEADER_ROOM +
			      (sock_flag(sk, SOCK_XDP) ? XDP_PACKET_HEADROOM : 0));
}

/*
 * Return: whether there is one.  Not of a frame that is too large, or to be cut into segments, nor
 * of one that the tap would not tell is wrong, nor where it counts what waits in it.
 */
static bool copy_frame(struct lodge_net_pair *pair, const struct lodge_vq_chain *chain)
{
	const struct sock *sk = pair->sock->sk;
	struct lodge_net *net = pair->net;
	struct xdp_buff *xdp = &net->copied[net->nr_copied];
	unsigned int pad = padding(sk), size;
	u32 len = chain->out_len - LODGE_NET_HDR;
	struct virtio_net_hdr_mrg_rxbuf *hdr;
	struct iov_iter iter;
	void *memory;

	if (READ_ONCE(sk->sk_sndbuf) != INT_MAX || len < ETH_HLEN || len > PAGE_SIZE ||
	    !READ_ONCE(net->plugged))
		return false;
	size = SKB_DATA_ALIGN(pad + len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	if (size > PAGE_SIZE)
		return false;
	memory = netdev_alloc_frag(size);
	if (!memory)
		return false;
	hdr = memory + pad - LODGE_NET_HDR;
	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	if (!copy_from_iter_full(hdr, chain->out_len, &iter) ||
	    hdr->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		skb_free_frag(memory);
		return false;
	}
	memset(memory, 0, HEADER_ROOM);
	memcpy(compat_tun_header(memory, size), &hdr->hdr, sizeof(hdr->hdr));
	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, memory, pad, len, true);
	net->nr_copied++;
	lodge_limit_charge(&net->limit[LODGE_NET_TX], len);
	return true;
}

/* Frames are never sent before those that came before them */
static void send_copies(struct lodge_net_pair *pair)
{
	struct lodge_net *net = pair->net;
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR, .num = net->nr_copied, .ptr = net->copied,
	};
	struct msghdr msg = {
		.msg_control = &ctl, .msg_controllen = sizeof(ctl), .msg_flags = MSG_DONTWAIT,
	};
	unsigned int i, nr = net->nr_copied;
	u64 bytes = 0;

	if (!nr)
		return;
	net->nr_copied = 0;
	for (i = 0; i < nr; i++)
		bytes += net->copied[i].data_end - net->copied[i].data;
	/* a tap that is down would take them all the same */
	if (lodge_net_tap_is_writable(pair) && pair->sock->ops->sendmsg(pair->sock, &msg, 0) >= 0) {
		lodge_virtio_count(&net->dev, LODGE_VIRTIO_OUT, nr);
		lodge_virtio_count(&net->dev, LODGE_VIRTIO_OUT_BYTES, bytes);
		return;
	}
	for (i = 0; i < nr; i++)
		skb_free_frag(net->copied[i].data_hard_start);
	lodge_virtio_count(&net->dev, LODGE_VIRTIO_ERRORS, nr);
}

/* ---- frames -------------------------------------------------------------- */

/* Return: 0, the frame has been sent; -EAGAIN, it has to wait; else negative, it is lost. */
static int try_to_send(struct lodge_net_pair *pair, const struct lodge_vq_chain *chain)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	int ret;

	if (chain->out_len > LODGE_NET_HDR + LODGE_NET_MAX_FRAME || !READ_ONCE(pair->net->plugged))
		return -EINVAL;
	iov_iter_init(&msg.msg_iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	ret = pair->sock->ops->sendmsg(pair->sock, &msg, chain->out_len);
	return min(ret, 0);
}

/* Return: 0, the frame has been sent or lost; -EAGAIN, it has to wait. */
static int send_frame(struct lodge_net_pair *pair, const struct lodge_vq_chain *chain)
{
	struct lodge_net *net = pair->net;
	int err = try_to_send(pair, chain);

	if (err == -EAGAIN)
		return err;
	if (err) {
		lodge_virtio_count(&net->dev, LODGE_VIRTIO_ERRORS, 1);
		return 0;
	}
	lodge_limit_charge(&net->limit[LODGE_NET_TX], chain->out_len - LODGE_NET_HDR);
	lodge_virtio_count(&net->dev, LODGE_VIRTIO_OUT, 1);
	lodge_virtio_count(&net->dev, LODGE_VIRTIO_OUT_BYTES, chain->out_len - LODGE_NET_HDR);
	return 0;
}

/* As lodge_net_send(), but that the buffers are only noted in net->sent */
static int send_frames(struct lodge_net *net, unsigned int from, unsigned int *nr)
{
	struct lodge_vq *vq = &lodge_net_queue(net, from, LODGE_NET_TX)->vq;
	struct lodge_net_pair *pair = &net->pair[from];
	struct lodge_vq_chain *chain = &net->chain;
	int ret;

	while (*nr < LODGE_NET_BATCH) {
		if (lodge_limit_reached(&net->limit[LODGE_NET_TX]))
			return 0;
		ret = lodge_vq_pop(vq, chain);
		if (ret <= 0)
			return ret ?: lodge_worker_rest(&net->dev,
							LODGE_NET_PAIR * from + LODGE_NET_TX);
		if (chain->in_len || chain->out_len < LODGE_NET_HDR)
			return -EINVAL;
		if (!copy_frame(pair, chain)) {
			send_copies(pair);
			if (send_frame(pair, chain)) {
				ret = lodge_vq_undo(vq, chain);
				return ret ?: lodge_net_tap_is_writable(pair);
			}
		}
		net->sent[(*nr)++] = (struct lodge_vq_used){
			.id = chain->id, .slots = chain->slots,
		};
	}
	return 1;
}

/**
 * lodge_net_send - send what the driver has put into a transmit queue
 * @net: the device, started; the worker calls, with the owner's mm
 * @from: the queue's pair
 * @pushed: buffers that were given back are added
 *
 * Return: 1, there may be more; 0, a kick or the tap will tell; negative if the driver has
 * broken the rules.
 */
int lodge_net_send(struct lodge_net *net, unsigned int from, unsigned int *pushed)
{
	struct lodge_vq *vq = &lodge_net_queue(net, from, LODGE_NET_TX)->vq;
	unsigned int nr = 0;
	int ret = send_frames(net, from, &nr), err = 0;

	send_copies(&net->pair[from]);
	if (nr)
		err = lodge_vq_push_all(vq, net->sent, nr);
	if (err)
		return err;
	*pushed += nr;
	return ret;
}
