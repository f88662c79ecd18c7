/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the simulated host reports: an IDE disk (the second channel's first) that init, PID 1 in
 * the host, writes from the first sector on and monitor, outside, reads as it grows. Bochs writes
 * each sector as it comes, so this streams, thousands of times faster than a serial line, and the
 * kernel's console cannot mix with it.
 */
#ifndef SIMHOST_CHANNEL_H
#define SIMHOST_CHANNEL_H

#include <linux/types.h>
#include <string.h>

#define CHANNEL_DATA	500

enum channel_type {
	CHANNEL_STDOUT = 1,	/* of the command */
	CHANNEL_STDERR,
	CHANNEL_KERNEL,		/* the kernel log from its first line on, text */
	CHANNEL_READY,		/* set-up is over, the command starts; no data */
	CHANNEL_FILE,		/* the next part of a file asked for by --get */
	CHANNEL_FILE_END,	/* __s32: 0 or why it could not be read (errno) */
	CHANNEL_VERDICT,	/* struct verdict; nothing follows */
};

struct sector {
	__u32 seq;			/* from 1 on */
	__u16 len;
	__u16 type;
	__u8 data[CHANNEL_DATA];
	__u32 check;			/* over all of the above */
};

_Static_assert(sizeof(struct sector) == 512, "sector");

/*
 * A sector may be read while it is being written, and then any part of it may be old: it counts
 * only once this agrees.
 */
static inline __u32 sector_check(const struct sector *s)
{
	__u32 sum = 0x6c6f6467, word;
	unsigned int i;

	for (i = 0; i < sizeof(*s) / 4 - 1; i++) {
		memcpy(&word, (const char *)s + 4 * i, sizeof(word));
		sum = (sum << 5 | sum >> 27) ^ word;
	}
	return sum;
}

/* How it went. */
struct verdict {
	__s32 ran;		/* 0: the set-up failed and the command was not started */
	__s32 status;		/* of the command, or of the set-up; 128 + signal */
	__u32 taint;		/* /proc/sys/kernel/tainted */
	__u32 complaints;	/* lines in the kernel log that tell of a fault */
	char first[160];	/* the first of them */
	/* The kernel's own start, before init ran, which is not counted: */
	__u32 early_taint;
	char early[160];
};

#endif
