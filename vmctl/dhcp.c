// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest DHCP server: one network, one guest, one address, no state.
 */
#include <string.h>

#include "dhcp.h"

/* The message, RFC 2131 section 2 */
#define OP		0
#define HTYPE		1
#define HLEN		2
#define XID		4
#define FLAGS		10
#define CIADDR		12
#define YIADDR		16
#define GIADDR		24
#define CHADDR		28
#define COOKIE		236
#define OPTIONS		240

#define OP_REQUEST	1
#define OP_REPLY	2
#define ETHERNET	1

/* RFC 2132 */
#define OPT_PAD		0
#define OPT_MASK	1
#define OPT_ROUTER	3
#define OPT_DNS		6
#define OPT_MTU		26
#define OPT_ADDRESS	50
#define OPT_LEASE_TIME	51
#define OPT_TYPE	53
#define OPT_SERVER	54
#define OPT_END		255

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
	DHCP_INFORM = 8,
};

static const uint8_t cookie[4] = { 99, 130, 83, 99 };
static const uint8_t none[4], everybody[4] = { 255, 255, 255, 255 };

/* The first option @code with @size bytes, or NULL */
static const uint8_t *find(const uint8_t *request, size_t len, uint8_t code, uint8_t size)
{
	size_t at = OPTIONS;

	while (at < len && request[at] != OPT_END) {
		if (request[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || len - at - 2 < request[at + 1])
			return NULL;
		if (request[at] == code)
			return request[at + 1] == size ? request + at + 2 : NULL;
		at += 2 + request[at + 1];
	}
	return NULL;
}

/* The type of the answer, or 0 */
static uint8_t decide(const struct dhcp_lease *lease, const uint8_t *request, size_t len)
{
	const uint8_t *type = find(request, len, OPT_TYPE, 1);
	const uint8_t *server = find(request, len, OPT_SERVER, 4);
	const uint8_t *wanted = find(request, len, OPT_ADDRESS, 4);

	if (!type || (server && memcmp(server, lease->server, 4)))
		return 0;
	switch (*type) {
	case DHCP_DISCOVER:
		return DHCP_OFFER;
	case DHCP_INFORM:
		return DHCP_ACK;
	case DHCP_REQUEST:
		if (!wanted)
			wanted = request + CIADDR;
		return memcmp(wanted, lease->client, 4) ? DHCP_NAK : DHCP_ACK;
	}
	return 0;
}

static uint8_t *put(uint8_t *p, uint8_t code, const void *value, uint8_t size)
{
	*p++ = code;
	*p++ = size;
	memcpy(p, value, size);
	return p + size;
}

static void put_options(uint8_t *p, const struct dhcp_lease *lease, uint8_t type, bool leased)
{
	const uint8_t mtu[2] = { lease->mtu >> 8, lease->mtu };

	p = put(p, OPT_TYPE, &type, 1);
	p = put(p, OPT_SERVER, lease->server, 4);
	if (type != DHCP_NAK) {
		if (leased)
			p = put(p, OPT_LEASE_TIME, everybody, 4);	/* infinite */
		p = put(p, OPT_MASK, lease->mask, 4);
		if (lease->routes)
			p = put(p, OPT_ROUTER, lease->server, 4);
		if (lease->nr_dns)
			p = put(p, OPT_DNS, lease->dns, 4 * lease->nr_dns);
		if (lease->mtu)
			p = put(p, OPT_MTU, mtu, 2);
	}
	*p = OPT_END;
}

size_t dhcp_answer(const struct dhcp_lease *lease, const uint8_t *request, size_t len,
		   struct dhcp_reply *reply)
{
	uint8_t *data = reply->data;
	bool informs;
	uint8_t type;

	if (len < OPTIONS || request[OP] != OP_REQUEST || request[HTYPE] != ETHERNET ||
	    request[HLEN] != 6 || memcmp(request + COOKIE, cookie, sizeof(cookie)) ||
	    memcmp(request + GIADDR, none, sizeof(none)))
		return 0;
	type = decide(lease, request, len);
	if (!type)
		return 0;
	informs = *find(request, len, OPT_TYPE, 1) == DHCP_INFORM;

	memset(reply, 0, sizeof(*reply));
	data[OP] = OP_REPLY;
	data[HTYPE] = ETHERNET;
	data[HLEN] = 6;
	memcpy(data + XID, request + XID, 4);
	memcpy(data + FLAGS, request + FLAGS, 2);
	memcpy(data + CHADDR, request + CHADDR, 6);
	memcpy(data + COOKIE, cookie, sizeof(cookie));
	if (type != DHCP_NAK && !informs)
		memcpy(data + YIADDR, lease->client, 4);
	put_options(data + OPTIONS, lease, type, !informs);

	/* who has its address already listens at that only (RFC 2131 section 4.1) */
	memcpy(reply->to, everybody, 4);
	if (type == DHCP_ACK && !memcmp(request + CIADDR, lease->client, 4)) {
		memcpy(data + CIADDR, request + CIADDR, 4);
		memcpy(reply->to, lease->client, 4);
	}
	return sizeof(reply->data);
}
