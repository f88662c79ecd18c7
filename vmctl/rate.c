// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of devices as users write them: for vmctl limit, and among the options of a device.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "rate.h"
#include "size.h"

/**
 * rate_parse - "500", "10M", "none"
 * @word: what the user has written
 * @bytes: it is a size
 * @rate: out: a second, 0 for "none"
 *
 * Return: false if it is no rate.
 */
bool rate_parse(const char *word, bool bytes, uint64_t *rate)
{
	char *end;

	*rate = 0;
	if (!strcmp(word, "none"))
		return true;
	if (bytes) {
		*rate = size_parse(word);
		return *rate;
	}
	errno = 0;
	*rate = strtoull(word, &end, 10);
	return isdigit((unsigned char)*word) && !*end && !errno && *rate;
}

/**
 * rate_is_option - is this one for rate_take()?
 * @word: an option of a device
 *
 * Return: true if it begins so.
 */
bool rate_is_option(const char *word)
{
	return !strncmp(word, "iops=", 5) || !strncmp(word, "bps=", 4);
}

/**
 * rate_take - iops=N or bps=SIZE
 * @rate: gets it
 * @word: of which rate_is_option() is true
 * @whose: what has the option, for who got it wrong
 *
 * Return: CMD_OK or CMD_USAGE.
 */
int rate_take(struct rate *rate, const char *word, const char *whose)
{
	bool bytes = *word == 'b';
	const char *value = strchr(word, '=') + 1;

	if (rate_parse(value, bytes, bytes ? &rate->bytes : &rate->requests))
		return CMD_OK;
	return cmd_error(CMD_USAGE, bytes ? "%s: bps takes a size as 10M, or \"none\", not \"%s\"" :
			 "%s: iops takes a number, or \"none\", not \"%s\"", whose, value);
}
