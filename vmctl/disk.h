/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * disk.h - the disks of `vmctl run --disk`: a file or block device for each
 */
#ifndef VMCTL_DISK_H
#define VMCTL_DISK_H

#include <linux/lodge.h>
#include <stdbool.h>

#include "rate.h"

/**
 * struct disk - a disk
 * @path: of the image
 * @readonly: the guest cannot write
 * @direct: the host's page cache is passed by
 * @queues: 0 for the module's default
 * @limits: what it may do at most
 * @serial: for the guest to tell it by; ends with a NUL unless it is full
 * @fd: open and locked, until the module has it, or -1
 */
struct disk {
	const char *path;
	bool readonly;
	bool direct;
	unsigned int queues;
	struct rate limits;
	char serial[LODGE_SERIAL_LEN];
	int fd;
};

/* Both return 0, or an exit status after having told the user; @value lives as long as @d */
int disk_parse(struct disk *d, const char *value);
int disk_open(struct disk *d);

#endif /* VMCTL_DISK_H */
