// SPDX-License-Identifier: GPL-2.0-only
/*
 * DHCP requests from a guest that means harm: the first byte tells whether what follows is the
 * options of a good request, or all of one. An answer is whole, and offers nothing but the lease.
 *
 * native-sources: ../vmctl/dhcp.c
 *
 * With clang a libFuzzer target; with -DSTANDALONE a program: [-n requests] [-s seed]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../vmctl/dhcp.h"

#define HEAD	240

static const struct dhcp_lease lease = {
	.server = { 10, 73, 0, 1 }, .client = { 10, 73, 0, 2 }, .mask = { 255, 255, 255, 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dhcp_reply *reply, size_t len)
{
	const uint8_t *yiaddr = reply->data + 16;
	size_t at = HEAD;

	if (len != sizeof(reply->data) || reply->data[0] != 2)
		abort();
	if (memcmp(yiaddr, "\0\0\0\0", 4) && memcmp(yiaddr, lease.client, 4))
		abort();
	while (reply->data[at] != 255) {
		at += 2 + reply->data[at + 1];
		if (at >= len)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t start[] = { 1, 1, 6 };
	size_t head = size && *data & 1 ? HEAD : 0, len;
	struct dhcp_reply reply;
	uint8_t *request;

	if (!size)
		return 0;
	/* of its very size, so that a byte too far is seen */
	request = calloc(1, head + size - 1 + !(head + size - 1));
	if (!request)
		abort();
	if (head) {
		memcpy(request, start, sizeof(start));
		memcpy(request + 236, "\x63\x82\x53\x63", 4);
	}
	memcpy(request + head, data + 1, size - 1);
	len = dhcp_answer(&lease, request, head + size - 1, &reply);
	if (len)
		check(&reply, len);
	free(request);
	return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv)
{
	static const uint8_t codes[] = { 0, 50, 53, 54, 55, 255 };
	unsigned long n = 300000, i;
	uint8_t input[64];
	unsigned int seed = 1;
	size_t size, j;
	int c;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			n = strtoul(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	srandom(seed);
	for (i = 0; i < n; i++) {
		size = 1 + random() % (sizeof(input) - 1);
		for (j = 0; j < size; j++)
			input[j] = random() % 4 ? random() % 9 : codes[random() % sizeof(codes)];
		input[0] |= random() % 8 != 0;
		LLVMFuzzerTestOneInput(input, size);
	}
	printf("# dhcp_fuzz: %lu requests, seed %u\n", n, seed);
	return 0;
}
#endif
