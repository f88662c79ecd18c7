/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the small tools: whole files, and giving up. */
#ifndef SIMHOST_FILE_H
#define SIMHOST_FILE_H

#include <stdarg.h>
#include <stddef.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define EXIT_SETUP	97	/* see `run --help` */

__attribute__((format(printf, 1, 2), noreturn))
static inline void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("simhost: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(EXIT_SETUP);
}

struct map {
	const __u8 *data;
	size_t size;
};

static inline struct map map_file(const char *path)
{
	struct map m = { .data = (const __u8 *)"" };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	m.size = (size_t)st.st_size;
	if (m.size) {
		m.data = mmap(NULL, m.size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (m.data == MAP_FAILED)
			die("%s: %s", path, strerror(errno));
	}
	close(fd);
	return m;
}

static inline void write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("write: %s", strerror(errno));
		p += n;
		size -= (size_t)n;
	}
}
#endif
