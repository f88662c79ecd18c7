// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_ctl.c - a network device's control queue, and the frames that the driver wants
 *
 * Sections are of virtio 1.2.  A tap brings all that the host's network sends to it, so
 * frames are looked at as they come.
 */
#include <linux/etherdevice.h>
#include <linux/nospec.h>
#include <linux/uio.h>

#include "../mem.h"
#include "net_tap.h"

#define BATCH		16

/* ---- which frames -------------------------------------------------------- */

static u16 be16_at(const u8 *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

static bool is_on(const struct lodge_net_filter *f, unsigned int mode)
{
	return f->mode & BIT(mode);
}

static bool in_table(const struct lodge_net_filter *f, const u8 *mac)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++)
		if (ether_addr_equal_unaligned(f->table[i], mac))
			return true;
	return false;
}

static bool wants_address(const struct lodge_net_filter *f, const u8 *mac)
{
	if (f->overflow || is_on(f, VIRTIO_NET_CTRL_RX_PROMISC))
		return true;
	if (is_broadcast_ether_addr(mac))
		return !is_on(f, VIRTIO_NET_CTRL_RX_NOBCAST);
	if (is_multicast_ether_addr(mac))
		return !is_on(f, VIRTIO_NET_CTRL_RX_NOMULTI) &&
		       (is_on(f, VIRTIO_NET_CTRL_RX_ALLMULTI) || in_table(f, mac));
	return !is_on(f, VIRTIO_NET_CTRL_RX_NOUNI) &&
	       (is_on(f, VIRTIO_NET_CTRL_RX_ALLUNI) || ether_addr_equal_unaligned(f->mac, mac) ||
		in_table(f, mac));
}

static bool wants_vlan(const struct lodge_net *net, const u8 *frame, size_t len)
{
	if (len < VLAN_ETH_HLEN || be16_at(frame + 2 * ETH_ALEN) != ETH_P_8021Q ||
	    !lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_VLAN))
		return true;
	return test_bit(be16_at(frame + ETH_HLEN) & VLAN_VID_MASK, net->filter.vlan);
}

/**
 * lodge_net_ctl_wants_all - does the driver want every frame, so that none need be looked at?
 * @net: the device; the worker calls
 *
 * Return: whether it does.
 */
bool lodge_net_ctl_wants_all(const struct lodge_net *net)
{
	return is_on(&net->filter, VIRTIO_NET_CTRL_RX_PROMISC) &&
	       !lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_VLAN);
}

/**
 * lodge_net_ctl_wants - does the driver want a frame?
 * @net: the device; the worker calls
 * @frame: its beginning
 * @len: of that, ETH_HLEN at least
 *
 * Return: whether it does.
 */
bool lodge_net_ctl_wants(const struct lodge_net *net, const u8 *frame, size_t len)
{
	return wants_address(&net->filter, frame) && wants_vlan(net, frame, len);
}

/**
 * lodge_net_ctl_reset - a driver that has commanded nothing gets all there is
 * @net: the device; the worker calls
 */
void lodge_net_ctl_reset(struct lodge_net *net)
{
	net->filter = (struct lodge_net_filter){ .mode = BIT(VIRTIO_NET_CTRL_RX_PROMISC) };
	memcpy(net->filter.mac, net->mac, ETH_ALEN);
	lodge_net_set_mac(net, net->mac);
	net->used_pairs = 1;
}

/* ---- commands ------------------------------------------------------------ */

static bool set_mode(struct lodge_net *net, u8 cmd, struct iov_iter *data)
{
	u8 on;

	if (cmd > VIRTIO_NET_CTRL_RX_NOBCAST || !copy_from_iter_full(&on, 1, data))
		return false;
	if (!lodge_virtio_has(&net->dev, cmd <= VIRTIO_NET_CTRL_RX_ALLMULTI ?
			      VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA))
		return false;
	net->filter.mode = (net->filter.mode & ~BIT(cmd)) | (on ? BIT(cmd) : 0);
	return true;
}

/*
 * Addresses of one, then addresses of many: for the filter they are told apart by themselves.
 * Where they do not fit all are let in.
 */
static bool add_macs(struct lodge_net_filter *f, struct iov_iter *data)
{
	__le32 le;
	u32 n;

	if (!copy_from_iter_full(&le, sizeof(le), data))
		return false;
	n = le32_to_cpu(le);
	if (n > iov_iter_count(data) / ETH_ALEN)
		return false;
	if (n > LODGE_NET_MACS - f->nr) {
		f->overflow = true;
		iov_iter_advance(data, n * ETH_ALEN);
		return true;
	}
	if (!copy_from_iter_full(f->table[f->nr], n * ETH_ALEN, data))
		return false;
	f->nr += n;
	return true;
}

static bool set_macs(struct lodge_net *net, struct iov_iter *data)
{
	struct lodge_net_filter *f = &net->filter;

	if (!lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_RX))
		return false;
	f->nr = 0;
	f->overflow = false;
	if (add_macs(f, data) && add_macs(f, data))
		return true;
	f->overflow = true;
	return false;
}

static bool set_mac(struct lodge_net *net, struct iov_iter *data)
{
	u8 mac[ETH_ALEN];

	if (!lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !copy_from_iter_full(mac, sizeof(mac), data))
		return false;
	memcpy(net->filter.mac, mac, sizeof(mac));
	lodge_net_set_mac(net, mac);
	return true;
}

static bool set_vlan(struct lodge_net *net, u8 cmd, struct iov_iter *data)
{
	__le16 le;
	u16 vid;

	if (!lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_VLAN) ||
	    !copy_from_iter_full(&le, sizeof(le), data))
		return false;
	vid = le16_to_cpu(le);
	if (vid >= VLAN_N_VID || cmd > VIRTIO_NET_CTRL_VLAN_DEL)
		return false;
	vid = array_index_nospec(vid, VLAN_N_VID);
	__assign_bit(vid, net->filter.vlan, cmd == VIRTIO_NET_CTRL_VLAN_ADD);
	return true;
}

/* Those of them that were negotiated, switched (5.1.6.5.6.1) */
static bool set_offloads(struct lodge_net *net, struct iov_iter *data)
{
	u64 features;
	__le64 le;

	if (!lodge_virtio_has(&net->dev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !copy_from_iter_full(&le, sizeof(le), data))
		return false;
	features = le64_to_cpu(le);
	return !(features & ~net->dev.driver_features) && !lodge_net_tap_offload(net, features);
}

static bool set_pairs(struct lodge_net *net, struct iov_iter *data)
{
	__le16 le;
	u16 n;

	if (!lodge_virtio_has(&net->dev, VIRTIO_NET_F_MQ) ||
	    !copy_from_iter_full(&le, sizeof(le), data))
		return false;
	n = le16_to_cpu(le);
	if (n < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || n > net->nr_pairs)
		return false;
	net->used_pairs = n;
	lodge_net_tap_steer(net);
	return true;
}

static bool obey(struct lodge_net *net, struct iov_iter *data)
{
	struct virtio_net_ctrl_hdr hdr;

	if (!copy_from_iter_full(&hdr, sizeof(hdr), data))
		return false;
	switch (hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		return set_mode(net, hdr.cmd, data);
	case VIRTIO_NET_CTRL_MAC:
		if (hdr.cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET)
			return set_macs(net, data);
		return hdr.cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET && set_mac(net, data);
	case VIRTIO_NET_CTRL_VLAN:
		return set_vlan(net, hdr.cmd, data);
	case VIRTIO_NET_CTRL_MQ:
		return hdr.cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && set_pairs(net, data);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return hdr.cmd == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET && set_offloads(net, data);
	}
	return false;
}

/**
 * lodge_net_ctl_serve - do what the driver commands
 * @net: the device, started; the worker calls, with the owner's mm
 * @pushed: commands that were answered are added
 *
 * Return: 1, there may be more; 0, a kick will tell; negative if the driver has broken the
 * rules.
 */
int lodge_net_ctl_serve(struct lodge_net *net, unsigned int *pushed)
{
	struct lodge_vq *vq = &net->dev.queue[lodge_net_ctl_queue(net)].vq;
	struct lodge_vq_chain *chain = &net->chain;
	struct iov_iter data;
	u8 ack;
	int i, ret;

	for (i = 0; i < BATCH; i++) {
		ret = lodge_vq_pop(vq, chain);
		if (ret <= 0)
			return ret ?: lodge_vq_enable_kicks(vq);
		if (!chain->in_len)
			return -EINVAL;
		iov_iter_init(&data, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
		lodge_virtio_count(&net->dev, LODGE_VIRTIO_OTHER, 1);
		ack = obey(net, &data) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		if (lodge_mem_write(vq->mem, chain->gpa[chain->nr_out], &ack, sizeof(ack)))
			return -EFAULT;
		ret = lodge_vq_push(vq, chain, sizeof(ack));
		if (ret)
			return ret;
		++*pushed;
	}
	return 1;
}
