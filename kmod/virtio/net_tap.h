/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net_tap.h - a network device, between its registers (net.c), its frames (net_send.c, net_tap.c)
 * and the control queue (net_ctl.c)
 */
#ifndef LODGE_VIRTIO_NET_TAP_H
#define LODGE_VIRTIO_NET_TAP_H

#include <linux/bitmap.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/poll.h>
#include <linux/virtio_net.h>
#include <linux/wait.h>
#include <net/xdp.h>

#include "device.h"
#include "limit.h"
#include "net.h"

struct file;
struct lodge_net;
struct socket;

/* Queues of a pair (virtio 1.2, 5.1.2); the control queue comes after the last pair */
#define LODGE_NET_RX		0
#define LODGE_NET_TX		1
#define LODGE_NET_PAIR		2

/* Before each frame; of this length once VIRTIO_F_VERSION_1 is accepted (5.1.6.1) */
#define LODGE_NET_HDR		sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* Segments of a frame have 64 KiB together */
#define LODGE_NET_MAX_FRAME	(SZ_64K + 2 * VLAN_ETH_HLEN)

#define LODGE_NET_BATCH		64	/* frames before another queue gets its turn */
#define LODGE_NET_HEADS		64	/* buffers that one frame may be spread over */
#define LODGE_NET_IOV		(2 * LODGE_VQ_MAX_IOV)
#define LODGE_NET_MACS		64	/* of the address table; with more, all are let in */

/**
 * struct lodge_net_buffers - buffers for frames to come, from the receive queue
 * @nr: buffers
 * @nr_iov: their pieces
 * @len: their bytes
 * @head: each as it will be used
 * @size: of each, in bytes
 * @gpa: guest-physical address of each piece
 * @iov: addresses of the pieces in the owner's memory
 *
 * Those that the frame at hand does not fill are for the next.
 */
struct lodge_net_buffers {
	unsigned int nr;
	unsigned int nr_iov;
	u64 len;
	struct lodge_vq_used head[LODGE_NET_HEADS];
	u32 size[LODGE_NET_HEADS];
	u64 gpa[LODGE_NET_IOV];
	struct iovec iov[LODGE_NET_IOV];
};

/**
 * struct lodge_net_filter - which frames the driver wants (5.1.6.5.1 to 5.1.6.5.3)
 * @mode: a bit for each VIRTIO_NET_CTRL_RX_* that is on
 * @mac: the device's address
 * @overflow: @table was too small: all addresses are wanted
 * @nr: how many there are in @table
 * @table: other addresses, of one or many
 * @vlan: a bit for each VLAN
 */
struct lodge_net_filter {
	unsigned long mode;
	u8 mac[ETH_ALEN];
	bool overflow;
	unsigned int nr;
	u8 table[LODGE_NET_MACS][ETH_ALEN];
	DECLARE_BITMAP(vlan, VLAN_N_VID);
};

/**
 * struct lodge_net_pair - a receive and a transmit queue, and the queue of the tap behind them
 * @net: the device [I]
 * @file: the tap's queue [I]
 * @sock: its socket [I]
 * @table: for vfs_poll()
 * @wait: on the socket while the device runs
 * @head: where @wait is, or NULL
 * @to: the pair that receives what comes from @sock; the worker writes, anybody reads
 * @rx: buffers of the pair's receive queue; the worker's
 */
struct lodge_net_pair {
	struct lodge_net *net;
	struct file *file;
	struct socket *sock;
	poll_table table;
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	unsigned int to;
	struct lodge_net_buffers rx;
};

/**
 * struct lodge_net - a network device
 * @dev: the device; its lock guards @config, @tap and @plugged
 * @tap: there is a tap at the other end of the cable
 * @plugged: and the cable is in
 * @limit: of frames received and sent, LODGE_NET_RX and LODGE_NET_TX; the worker's but for
 *	lodge_limit_ask()
 * @offloads: TUN_F_* that the tap takes [I]
 * @next_offload: jiffies before which it is not told which of them to use, or 0; the worker's
 * @mac: address after a reset [I]
 * @config: configuration space
 * @filter: the worker's
 * @chain: the request at hand; the worker's
 * @sent: buffers of frames that were sent, not given back yet; the worker's
 * @nr_copied: how many there are in @copied; the worker's
 * @copied: frames that the tap is to get at once, copies of what the driver has; the worker's
 * @used_pairs: those that the driver wants frames in, 1 to @nr_pairs; the worker's
 * @nr_pairs: how many there are in @pair [I]
 * @pair: by number
 */
struct lodge_net {
	struct lodge_virtio dev;
	bool tap;
	bool plugged;
	struct lodge_limit limit[2];
	u32 offloads;
	unsigned long next_offload;
	u8 mac[ETH_ALEN];
	struct virtio_net_config config;
	struct lodge_net_filter filter;
	struct lodge_vq_chain chain;
	struct lodge_vq_used sent[LODGE_NET_BATCH];
	unsigned int nr_copied;
	struct xdp_buff copied[LODGE_NET_BATCH];
	unsigned int used_pairs;
	unsigned int nr_pairs;
	struct lodge_net_pair pair[];
};

static inline struct lodge_net *lodge_net_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct lodge_net, dev);
}

static inline struct lodge_virtio_queue *lodge_net_queue(struct lodge_net *net, unsigned int pair,
							 unsigned int which)
{
	return &net->dev.queue[LODGE_NET_PAIR * pair + which];
}

/* A driver that knows of one pair has it behind that (5.1.2) */
static inline unsigned int lodge_net_ctl_queue(const struct lodge_net *net)
{
	return LODGE_NET_PAIR *
	       (lodge_virtio_has(&net->dev, VIRTIO_NET_F_MQ) ? net->nr_pairs : 1);
}

/* net.c */
void lodge_net_set_mac(struct lodge_net *net, const u8 *mac);
void lodge_net_set_tap(struct lodge_net *net, bool there);

/* net_tap.c */
int lodge_net_tap_init(struct lodge_net *net, struct file *const *file);
void lodge_net_tap_put(struct lodge_net *net);
void lodge_net_tap_look(struct lodge_net *net, struct lodge_virtio_view *view);
void lodge_net_tap_start(struct lodge_net *net);
void lodge_net_tap_steer(struct lodge_net *net);
void lodge_net_tap_stop(struct lodge_net *net);
int lodge_net_tap_offload(struct lodge_net *net, u64 features);
int lodge_net_tap_receive(struct lodge_net *net, unsigned int to, unsigned int *pushed);
bool lodge_net_tap_is_writable(struct lodge_net_pair *pair);

/* net_send.c */
int lodge_net_send(struct lodge_net *net, unsigned int from, unsigned int *pushed);

/* net_ctl.c */
void lodge_net_ctl_reset(struct lodge_net *net);
int lodge_net_ctl_serve(struct lodge_net *net, unsigned int *pushed);
bool lodge_net_ctl_wants_all(const struct lodge_net *net);
bool lodge_net_ctl_wants(const struct lodge_net *net, const u8 *frame, size_t len);

#endif /* LODGE_VIRTIO_NET_TAP_H */
