// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes of memory as users write them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

/**
 * size_parse - "512M", "2G"; without a letter MiB
 * @s: the word
 *
 * Return: bytes, SIZE_MAX_MEMORY at most; 0 if it is no size.
 */
uint64_t size_parse(const char *s)
{
	static const char letters[] = "kMGT";
	unsigned int shift = 20;
	const char *letter;
	uint64_t n;
	char *end;

	if (!isdigit((unsigned char)*s))
		return 0;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (*end) {
		letter = strchr(letters, *end == 'K' ? 'k' : *end == 'k' ? 'k' :
				toupper((unsigned char)*end));
		if (!letter)
			return 0;
		shift = 10 * (letter - letters + 1);
		end += 1 + (end[1] == 'i' || end[1] == 'I');
		end += *end == 'B' || *end == 'b';
	}
	if (errno || *end || n > SIZE_MAX_MEMORY >> shift)
		return 0;
	return n << shift;
}
