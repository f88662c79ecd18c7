// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks: what the command line says of one, and its image.
 *
 * Images are locked, for writing unless they are read-only, by a lock of the open file
 * (F_OFD_SETLK), as QEMU does: who has the file open keeps it, and the module has until
 * the guest is gone.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "disk.h"

#define SECTOR	512

static int set_serial(struct disk *d, const char *serial)
{
	size_t len = strlen(serial);
	size_t i;

	if (!len || len > sizeof(d->serial))
		return cmd_error(CMD_USAGE, "--disk %s: a serial number has 1 to %zu characters",
				 d->path, sizeof(d->serial));
	for (i = 0; i < len; i++)
		if (!isprint((unsigned char)serial[i]))
			return cmd_error(CMD_USAGE, "--disk %s: a serial number has printable characters only",
					 d->path);
	memcpy(d->serial, serial, len);
	return CMD_OK;
}

static int set_queues(struct disk *d, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)*value) || *end || !n || n > LODGE_MAX_QUEUES)
		return cmd_error(CMD_USAGE, "--disk %s: queues takes a number from 1 to %d, not \"%s\"",
				 d->path, LODGE_MAX_QUEUES, value);
	d->queues = n;
	return CMD_OK;
}

static int set_word(struct disk *d, const char *word)
{
	if (!strcmp(word, "ro")) {
		d->readonly = true;
		return CMD_OK;
	}
	if (!strcmp(word, "direct")) {
		d->direct = true;
		return CMD_OK;
	}
	if (!strncmp(word, "serial=", 7))
		return set_serial(d, word + 7);
	if (!strncmp(word, "queues=", 7))
		return set_queues(d, word + 7);
	if (rate_is_option(word))
		return rate_take(&d->limits, word, d->path);
	return cmd_error(CMD_USAGE, "--disk %s: \"%s\" is none of ro, direct, serial=TEXT, queues=N, %s",
			 d->path, word, RATE_WORDS);
}

/**
 * disk_parse - FILE[,OPTION...]
 * @d: to fill
 * @value: the option's; a file with a comma in its name wins if it exists
 *
 * Return: CMD_OK or CMD_USAGE.
 */
int disk_parse(struct disk *d, const char *value)
{
	char *list, *word;
	int status = CMD_OK;

	*d = (struct disk){ .path = value, .fd = -1 };
	if (!*value || *value == ',')
		return cmd_error(CMD_USAGE, "--disk wants the name of a file");
	if (!access(value, F_OK))
		return CMD_OK;
	/* the name lives as long as vmctl */
	list = strdup(value);
	if (!list)
		return cmd_error(CMD_FAILED, "out of memory");
	d->path = strsep(&list, ",");
	while (!status && (word = strsep(&list, ",")))
		status = set_word(d, word);
	return status;
}

/* ---- the image ----------------------------------------------------------- */

static int fail(const struct disk *d, const char *why)
{
	return cmd_error(CMD_FAILED, "%s: %s", d->path, why);
}

static int open_failed(const struct disk *d)
{
	switch (errno) {
	case ENOENT:
		return fail(d, "there is no such file; \"truncate -s 10G FILE\" makes an empty disk");
	case EACCES:
	case EPERM:
		return fail(d, d->readonly ? "you may not read it" :
			    "you may not write to it; add \",ro\" if reading is enough");
	case EROFS:
		return fail(d, "it is on a file system that is mounted read-only: add \",ro\"");
	case EBUSY:
		return fail(d, "the host uses this device itself, a file system of it is mounted perhaps");
	case EINVAL:
		return fail(d, !d->direct ? strerror(errno) :
			    "its file system cannot do direct I/O: leave \",direct\" out");
	default:
		return fail(d, strerror(errno));
	}
}

static int lock(const struct disk *d)
{
	struct flock l = { .l_type = d->readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(d->fd, F_OFD_SETLK, &l))
		return CMD_OK;
	if (errno == EAGAIN || errno == EACCES)
		return fail(d, d->readonly ? "another guest writes to this image" :
			    "another guest uses this image: two that write to it would destroy it");
	return fail(d, strerror(errno));
}

static int check_size(const struct disk *d, const struct stat *st)
{
	uint64_t size = st->st_size;

	if (S_ISBLK(st->st_mode) && ioctl(d->fd, BLKGETSIZE64, &size))
		return fail(d, strerror(errno));
	if (!size)
		return fail(d, "it is empty");
	if (size % SECTOR)
		return cmd_error(CMD_FAILED, "%s: its size, %llu bytes, is no multiple of %d: \"truncate -s %%%d\" makes it one",
				 d->path, (unsigned long long)size, SECTOR, SECTOR);
	return CMD_OK;
}

/**
 * disk_open - open an image and lock it
 * @d: from disk_parse()
 *
 * Return: CMD_OK or CMD_FAILED.
 */
int disk_open(struct disk *d)
{
	int flags = (d->readonly ? O_RDONLY : O_RDWR) | (d->direct ? O_DIRECT : 0) | O_CLOEXEC;
	struct stat st;
	int status;

	if (!stat(d->path, &st)) {
		if (S_ISDIR(st.st_mode))
			return fail(d, "it is a directory");
		if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
			return fail(d, "it is neither a file nor a block device");
		if (S_ISBLK(st.st_mode) && !d->readonly)
			flags |= O_EXCL;
	}
	d->fd = open(d->path, flags);
	if (d->fd < 0)
		return open_failed(d);
	if (fstat(d->fd, &st))
		return fail(d, strerror(errno));
	status = lock(d);
	if (!status)
		status = check_size(d, &st);
	if (status)
		close(d->fd);
	return status;
}
