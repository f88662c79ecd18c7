/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.h - the network devices of `vmctl run --net`: a tap of the host for each
 */
#ifndef VMCTL_NET_H
#define VMCTL_NET_H

#include <linux/lodge.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct net - a network device
 * @tap: name of a tap that there is, or NULL: one is made, which goes with vmctl
 * @mac: the guest's address, zero for one that the module makes up
 * @mtu: bytes, 0: the tap's
 * @fd: attached until vmctl ends, or -1
 */
struct net {
	const char *tap;
	uint8_t mac[6];
	uint16_t mtu;
	int fd;
};

/* Both return 0, or an exit status after having told the user; @value lives as long as @n */
int net_parse(struct net *n, const char *value);
int net_open(struct net *n, bool quiet);

#endif /* VMCTL_NET_H */
