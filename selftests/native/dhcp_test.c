// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl's DHCP server: an address is offered and given, refused to who wants another, and
 * what is no request for us is not answered.
 *
 * native-sources: ../vmctl/dhcp.c
 */
#include <stdint.h>
#include <string.h>

#include "../../vmctl/dhcp.h"
#include "../lib/ktap.c"

static const struct dhcp_lease lease = {
	.server = { 10, 73, 4, 1 }, .client = { 10, 73, 4, 2 }, .mask = { 255, 255, 255, 0 },
	.mtu = 9000,
};

static uint8_t request[300];
static size_t used;
static struct dhcp_reply reply;

static void option(uint8_t code, const void *value, uint8_t size)
{
	request[used++] = code;
	request[used++] = size;
	memcpy(request + used, value, size);
	used += size;
}

static void begin(uint8_t type)
{
	static const uint8_t head[] = { 1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef };

	memset(request, 0, sizeof(request));
	memcpy(request, head, sizeof(head));
	request[10] = 0x80;
	memcpy(request + 28, "\x52\x54\0\0\0\7", 6);
	memcpy(request + 236, "\x63\x82\x53\x63", 4);
	used = 240;
	request[used++] = 0;	/* a pad */
	option(53, &type, 1);
}

static size_t answer(void)
{
	request[used++] = 255;
	return dhcp_answer(&lease, request, used, &reply);
}

/* What the reply has as option @code, or NULL */
static const uint8_t *told(uint8_t code, uint8_t size)
{
	size_t at = 240;

	while (reply.data[at] != 255) {
		if (reply.data[at] == code) {
			ASSERT_EQ(reply.data[at + 1], size);
			return reply.data + at + 2;
		}
		at += 2 + reply.data[at + 1];
		ASSERT_LT(at, sizeof(reply.data));
	}
	return NULL;
}

static void is_given(uint8_t type)
{
	EXPECT_EQ(reply.data[0], 2);
	EXPECT_EQ(memcmp(reply.data + 4, "\xde\xad\xbe\xef", 4), 0);
	EXPECT_EQ(reply.data[10], 0x80);
	EXPECT_EQ(memcmp(reply.data + 28, request + 28, 16), 0);
	EXPECT_EQ(memcmp(reply.data + 16, lease.client, 4), 0);
	EXPECT_EQ(*told(53, 1), type);
	EXPECT_EQ(memcmp(told(54, 4), lease.server, 4), 0);
	EXPECT_EQ(memcmp(told(51, 4), "\377\377\377\377", 4), 0);
	EXPECT_EQ(memcmp(told(1, 4), lease.mask, 4), 0);
	EXPECT_EQ(memcmp(told(26, 2), "\x23\x28", 2), 0);
	EXPECT_TRUE(!told(3, 4));
}

TEST(offered_then_given)
{
	begin(1);
	ASSERT_EQ(answer(), sizeof(reply.data));
	is_given(2);
	EXPECT_EQ(memcmp(reply.to, "\377\377\377\377", 4), 0);

	begin(3);
	option(50, lease.client, 4);
	option(54, lease.server, 4);
	ASSERT_EQ(answer(), sizeof(reply.data));
	is_given(5);
	EXPECT_EQ(memcmp(reply.to, "\377\377\377\377", 4), 0);
}

TEST(renewed)
{
	begin(3);
	memcpy(request + 12, lease.client, 4);
	ASSERT_EQ(answer(), sizeof(reply.data));
	is_given(5);
	EXPECT_EQ(memcmp(reply.to, lease.client, 4), 0);
	EXPECT_EQ(memcmp(reply.data + 12, lease.client, 4), 0);
}

TEST(the_way_to_elsewhere)
{
	struct dhcp_lease out = lease;

	out.routes = true;
	out.nr_dns = DHCP_MAX_DNS;
	memcpy(out.dns, "\1\2\3\4\5\6\7\10\11\12\13\14", sizeof(out.dns));
	begin(1);
	request[used++] = 255;
	ASSERT_EQ(dhcp_answer(&out, request, used, &reply), sizeof(reply.data));
	EXPECT_EQ(memcmp(told(3, 4), out.server, 4), 0);
	EXPECT_EQ(memcmp(told(6, sizeof(out.dns)), out.dns, sizeof(out.dns)), 0);
}

TEST(another_address_is_refused)
{
	begin(3);
	option(50, "\12\111\4\3", 4);
	ASSERT_EQ(answer(), sizeof(reply.data));
	EXPECT_EQ(*told(53, 1), 6);
	EXPECT_EQ(memcmp(reply.data + 16, "\0\0\0\0", 4), 0);
	EXPECT_TRUE(!told(51, 4));
	EXPECT_EQ(memcmp(reply.to, "\377\377\377\377", 4), 0);
}

TEST(informed)
{
	begin(8);
	memcpy(request + 12, lease.client, 4);
	ASSERT_EQ(answer(), sizeof(reply.data));
	EXPECT_EQ(*told(53, 1), 5);
	EXPECT_EQ(memcmp(reply.data + 16, "\0\0\0\0", 4), 0);
	EXPECT_TRUE(!told(51, 4));
}

static void is_ignored(size_t at, uint8_t value)
{
	begin(1);
	request[at] = value;
	EXPECT_EQ(answer(), 0u);
}

TEST(not_for_us)
{
	static const uint8_t types[] = { 0, 2, 4, 5, 6, 7, 9, 255 };
	unsigned int i;

	is_ignored(0, 2);	/* a reply */
	is_ignored(1, 6);	/* no Ethernet */
	is_ignored(2, 8);
	is_ignored(24, 10);	/* by a relay */
	is_ignored(239, 0);	/* BOOTP */
	for (i = 0; i < sizeof(types); i++) {
		begin(types[i]);
		EXPECT_EQ(answer(), 0u);
	}
	begin(3);
	option(50, lease.client, 4);
	option(54, "\12\0\0\1", 4);	/* another server's offer is taken */
	EXPECT_EQ(answer(), 0u);
}

TEST(cut_short)
{
	size_t len;

	begin(3);
	option(50, lease.client, 4);
	for (len = 0; len < 244; len++)
		EXPECT_EQ(dhcp_answer(&lease, request, len, &reply), 0u);
	/* the option is there in part: it is as if it were not */
	for (; len < used; len++) {
		dhcp_answer(&lease, request, len, &reply);
		EXPECT_EQ(*told(53, 1), 6);
	}
	dhcp_answer(&lease, request, used, &reply);
	EXPECT_EQ(*told(53, 1), 5);
}
