// SPDX-License-Identifier: GPL-2.0-only
/*
 * mkcpio [LIST] > ARCHIVE - writes an initramfs, uncompressed, without needing to be root.
 *
 * LIST (default standard input) has one entry a line, fields separated by tabs:
 *
 *	dir	PATH	MODE
 *	file	PATH	MODE	SOURCE
 *	link	PATH	TARGET
 *	node	PATH	MODE	MAJOR	MINOR
 *
 * A file's missing parent directories are made. The archive is padded to whole disk sectors.
 */
#include <sys/sysmacros.h>

#include "file.h"

#define MAX_FIELDS	6

static __u32 ino;
static __u64 written;
static char **dirs;
static size_t nr_dirs;

static void put(const void *data, size_t size)
{
	if (size && fwrite(data, size, 1, stdout) != 1)
		die("write: %s", strerror(errno));
	written += size;
}

static void pad(unsigned int to)
{
	static const char zeros[512];

	put(zeros, (to - written % to) % to);
}

static void header(const char *path, unsigned int mode, size_t size, unsigned int maj,
		   unsigned int min)
{
	char h[111];

	while (*path == '/')
		path++;
	snprintf(h, sizeof(h), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ++ino, mode, 0, 0, 1, 0, (__u32)size, 0, 0, maj, min,
		 (__u32)strlen(path) + 1, 0);
	put(h, 110);
	put(path, strlen(path) + 1);
	pad(4);
}

static void add_dir(const char *path, unsigned int mode)
{
	size_t i;

	for (i = 0; i < nr_dirs; i++)
		if (!strcmp(dirs[i], path))
			return;
	dirs = realloc(dirs, (nr_dirs + 1) * sizeof(*dirs));
	if (!dirs)
		die("out of memory");
	dirs[nr_dirs++] = strdup(path);
	header(path, S_IFDIR | mode, 0, 0, 0);
}

static void add_parents(const char *path)
{
	char *copy = strdup(path);
	char *p;

	if (!copy)
		die("out of memory");
	for (p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		add_dir(copy, 0755);
		*p = '/';
	}
	free(copy);
}

static void add_file(const char *path, unsigned int mode, const char *source)
{
	struct map m = map_file(source);

	if (m.size > 0xf0000000)
		die("%s: too large", source);
	header(path, S_IFREG | mode, m.size, 0, 0);
	put(m.data, m.size);
	pad(4);
	if (m.size)
		munmap((void *)m.data, m.size);
}

static void add(char **f, int n)
{
	if (n < 3 || f[1][0] != '/')
		die("mkcpio: bad entry '%s'", f[0]);
	add_parents(f[1]);
	if (n == 3 && !strcmp(f[0], "dir")) {
		add_dir(f[1], (unsigned int)strtoul(f[2], NULL, 8));
	} else if (n == 4 && !strcmp(f[0], "file")) {
		add_file(f[1], (unsigned int)strtoul(f[2], NULL, 8), f[3]);
	} else if (n == 3 && !strcmp(f[0], "link")) {
		header(f[1], S_IFLNK | 0777, strlen(f[2]), 0, 0);
		put(f[2], strlen(f[2]));
		pad(4);
	} else if (n == 5 && !strcmp(f[0], "node")) {
		header(f[1], S_IFCHR | (unsigned int)strtoul(f[2], NULL, 8), 0,
		       (unsigned int)atoi(f[3]), (unsigned int)atoi(f[4]));
	} else {
		die("mkcpio: bad entry '%s'", f[0]);
	}
}

int main(int argc, char **argv)
{
	char *line = NULL, *rest, *fields[MAX_FIELDS];
	size_t room = 0;
	int n;

	if (argc > 2 || (argc == 2 && !freopen(argv[1], "r", stdin)))
		die("usage: mkcpio [LIST] > ARCHIVE");
	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		rest = line;
		for (n = 0; n < MAX_FIELDS && rest; n++)
			fields[n] = strsep(&rest, "\t");
		if (n > 1)
			add(fields, n);
	}
	header("TRAILER!!!", 0, 0, 0, 0);
	pad(512);
	if (fflush(stdout))
		die("write: %s", strerror(errno));
	return 0;
}
