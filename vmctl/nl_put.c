// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of requests about devices.
 */
#include <string.h>

#include <linux/lodge_netlink.h>
#include <netlink/attr.h>

#include "nl_put.h"

bool nl_put_setting(struct nl_msg *msg, int attr, uint64_t value)
{
	switch (attr) {
	case LODGE_A_DEVICE_RESCAN:
		return !nla_put_flag(msg, attr);
	case LODGE_A_DEVICE_LINK:
		return !nla_put_u32(msg, attr, value);
	default:
		return !nla_put_u64(msg, attr, value);
	}
}

/* A disk has one descriptor and so many queues, a NIC a descriptor for each pair of them */
static bool put_queues(struct nl_msg *msg, const struct lodge_add_device *d)
{
	unsigned int i;

	if (nla_put_s32(msg, LODGE_A_DEVICE_FD, d->fd))
		return false;
	if (d->id != LODGE_DEVICE_NET)
		return !d->queues || !nla_put_u32(msg, LODGE_A_DEVICE_QUEUES, d->queues);
	for (i = 1; i < d->queues; i++)
		if (nla_put_s32(msg, LODGE_A_DEVICE_FD, d->fds[i - 1]))
			return false;
	return true;
}

bool nl_put_device(struct nl_msg *msg, const struct lodge_add_device *d)
{
	char serial[LODGE_SERIAL_LEN + 1] = "";

	if (nla_put_u32(msg, LODGE_A_DEVICE_KIND, d->id) || !put_queues(msg, d))
		return false;
	if ((d->flags & LODGE_DEVICE_READONLY) && nla_put_flag(msg, LODGE_A_DEVICE_READ_ONLY))
		return false;
	if ((d->max_requests &&
	     !nl_put_setting(msg, LODGE_A_DEVICE_MAX_REQUESTS, d->max_requests)) ||
	    (d->max_bytes && !nl_put_setting(msg, LODGE_A_DEVICE_MAX_BYTES, d->max_bytes)))
		return false;
	memcpy(serial, d->serial, sizeof(d->serial));
	if (*serial && nla_put_string(msg, LODGE_A_DEVICE_SERIAL, serial))
		return false;
	if (memcmp(d->mac, "\0\0\0\0\0", sizeof(d->mac)) &&
	    nla_put(msg, LODGE_A_DEVICE_MAC, sizeof(d->mac), d->mac))
		return false;
	return !d->mtu || !nla_put_u32(msg, LODGE_A_DEVICE_MTU, d->mtu);
}
