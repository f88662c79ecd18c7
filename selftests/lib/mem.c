// SPDX-License-Identifier: GPL-2.0-only
/* Memory of the host for tests: aligned, huge, and what the kernel says of it */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

/**
 * mem_anon - private anonymous memory
 * @len: bytes
 * @align: of its address, a power of 2
 *
 * Return: the memory; a failure ends the test.
 */
void *mem_anon(size_t len, size_t align)
{
	char *p = mmap(NULL, len + align, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start;

	ASSERT_NE((void *)p, MAP_FAILED);
	start = (char *)(((u64)p + align - 1) & -align);
	if (start > p)
		munmap(p, start - p);
	munmap(start + len, p + align - start);
	return start;
}

/* As mem_anon(), of transparent huge pages as far as the host has them; not touched yet */
void *mem_thp(size_t len)
{
	void *p = mem_anon(len, HUGE);

	if (madvise(p, len, MADV_HUGEPAGE))
		SKIP("no transparent huge pages: %s", strerror(errno));
	return p;
}

/**
 * mem_huge_bytes - how much of a mapping is of huge pages
 * @addr: in it
 *
 * Return: bytes of the whole mapping.
 */
size_t mem_huge_bytes(const void *addr)
{
	unsigned long start, end, kib, sum = 0;
	bool inside = false;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (u64)addr >= start && (u64)addr < end;
		else if (inside && (sscanf(line, "AnonHugePages: %lu", &kib) == 1 ||
				    sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1))
			sum += kib;
	}
	fclose(f);
	return sum * KIB;
}

/**
 * mem_hugetlb - memory of explicit huge pages, reserved for it
 * @len: bytes
 * @size_log2: of the page
 *
 * Return: the memory, or NULL if the host has not that much in one piece.
 */
void *mem_hugetlb(size_t len, int size_log2)
{
	char path[128], nr[32];
	void *p;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
		 (1ull << size_log2) / KIB);
	snprintf(nr, sizeof(nr), "%zu", (size_t)(len >> size_log2));
	if (get_number(path) < (long)(len >> size_log2) && put_file(path, nr))
		return NULL;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_log2 << MAP_HUGE_SHIFT, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Return: 0, or -1 with errno */
int put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* The number that a file starts with; -1 if there is none */
long get_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long n;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

/* Next of a sequence that the guest can compute as well; high bits are the better ones */
u32 random_next(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}
