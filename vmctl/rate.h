/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rate.h - how much a second a disk, or each direction of a network device, may do
 */
#ifndef VMCTL_RATE_H
#define VMCTL_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_WORDS	"iops=N, bps=SIZE"

/**
 * struct rate - limits; 0 is none
 * @requests: a second; frames of a network device
 * @bytes: a second
 */
struct rate {
	uint64_t requests;
	uint64_t bytes;
};

bool rate_parse(const char *word, bool bytes, uint64_t *rate);
bool rate_is_option(const char *word);
int rate_take(struct rate *rate, const char *word, const char *whose);

#endif /* VMCTL_RATE_H */
