/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.h - the network devices of `vmctl run --net` and `vmctl attach --net`: a tap of the
 * host for each
 */
#ifndef VMCTL_NET_H
#define VMCTL_NET_H

#include <linux/lodge.h>
#include <stdbool.h>
#include <stdint.h>

#include "dhcp.h"
#include "rate.h"

/**
 * struct net - a network device
 * @tap: name of a tap that there is, or NULL: one is made, which goes with its last descriptor
 * @bridge: of the host's, which the one that is made becomes a port of, or NULL
 * @mac: the guest's address, zero for one that the module makes up
 * @mtu: bytes, 0: the tap's
 * @nat: what is behind the host can be reached
 * @alone: vmctl ends before the guest, so nobody answers it by DHCP
 * @queues: pairs of them: what the guest can use at the same time
 * @limits: what it may do at most, in each direction
 * @fd: a queue of the tap for each pair, attached, until the module has it, or -1
 * @dhcp: socket on which the guest asks for its address, or -1
 * @lease: what it is told
 */
struct net {
	const char *tap;
	const char *bridge;
	uint8_t mac[6];
	uint16_t mtu;
	bool nat;
	bool alone;
	unsigned int queues;
	struct rate limits;
	int fd[LODGE_MAX_PAIRS];
	int dhcp;
	struct dhcp_lease lease;
};

/* Both return 0, or an exit status after having told the user; @value lives as long as @n */
int net_parse(struct net *n, const char *value);
int net_open(struct net *n, bool quiet);
/* @n->dhcp has something to read */
void net_serve(const struct net *n);

#endif /* VMCTL_NET_H */
