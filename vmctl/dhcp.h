/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dhcp.h - what a guest is told when it asks for an address (RFC 2131, RFC 2132)
 */
#ifndef VMCTL_DHCP_H
#define VMCTL_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_SERVER_PORT	67
#define DHCP_CLIENT_PORT	68
#define DHCP_MAX_DNS		3
#define DHCP_REPLY_MAX		300	/* the least that BOOTP sends; all must take 576 */

/**
 * struct dhcp_lease - the only address that there is to have, for ever
 * @server: the host's; addresses are in the order of the net's bytes
 * @client: the guest's
 * @mask: of their network
 * @mtu: of the link, 0 for what the guest takes by itself
 * @routes: the host is the way to everywhere else
 * @nr_dns: how many
 * @dns: name servers
 */
struct dhcp_lease {
	uint8_t server[4];
	uint8_t client[4];
	uint8_t mask[4];
	uint16_t mtu;
	bool routes;
	unsigned int nr_dns;
	uint8_t dns[DHCP_MAX_DNS][4];
};

/**
 * struct dhcp_reply - an answer
 * @to: whom to send it to, DHCP_CLIENT_PORT
 * @data: the message, all of it
 */
struct dhcp_reply {
	uint8_t to[4];
	uint8_t data[DHCP_REPLY_MAX];
};

/**
 * dhcp_answer - what to say to a guest
 * @lease: its address
 * @request: what it sends, hostile
 * @len: bytes
 * @reply: out
 *
 * Return: the length of @reply->data, or 0 if there is nothing to say.
 */
size_t dhcp_answer(const struct dhcp_lease *lease, const uint8_t *request, size_t len,
		   struct dhcp_reply *reply);

#endif /* VMCTL_DHCP_H */
