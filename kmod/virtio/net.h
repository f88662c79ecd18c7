/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VIRTIO_NET_H
#define LODGE_VIRTIO_NET_H

#include <linux/if_ether.h>
#include <linux/types.h>

struct file;
struct lodge_mem;
struct lodge_virtio;

#define LODGE_NET_PAIRS		8	/* of queues, at most */

/**
 * struct lodge_net_config - a network device
 * @file: a tap: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, headers of 12 bytes (TUNSETVNETHDRSZ); with
 *	several pairs each is a queue of the same tap (IFF_MULTI_QUEUE)
 * @pairs: of a receive and a transmit queue: how many there are in @file, 1 to LODGE_NET_PAIRS
 * @mac: address; one is made up if it is zero
 * @mtu: bytes that the driver is told of; 0: it is told nothing
 */
struct lodge_net_config {
	struct file *file[LODGE_NET_PAIRS];
	unsigned int pairs;
	u8 mac[ETH_ALEN];
	u16 mtu;
};

struct lodge_virtio *lodge_net_create(struct lodge_mem *mem, const char *name,
				      const struct lodge_net_config *config);
void lodge_net_plug(struct lodge_virtio *dev, bool plugged);
void lodge_net_limit(struct lodge_virtio *dev, unsigned int which, u64 rate);

#endif /* LODGE_VIRTIO_NET_H */
