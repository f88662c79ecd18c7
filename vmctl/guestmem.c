// SPDX-License-Identifier: GPL-2.0-only
/*
 * One anonymous mapping.  Memory is address space until the guest touches it.
 */
#include <errno.h>
#include <sys/mman.h>

#include "guestmem.h"

#define HUGE	(2UL << 20)

/* So that huge pages of the host are huge pages of the guest: both start at a multiple of 2 MiB */
static void *map_aligned(size_t size)
{
	size_t room = size + HUGE, head;
	uint8_t *p;

	if (room < size) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return p;
	head = -(uintptr_t)p & (HUGE - 1);
	if (head)
		munmap(p, head);
	munmap(p + head + size, HUGE - head);
	return p + head;
}

/**
 * guestmem_alloc - memory for a guest
 * @mem: to fill
 * @size: bytes, a multiple of 4096; with GUESTMEM_HUGETLB of 2 MiB
 * @pages: which kind
 *
 * Return: 0 or an errno.
 */
int guestmem_alloc(struct guestmem *mem, uint64_t size, enum guestmem_pages pages)
{
	void *p;

	if (pages == GUESTMEM_HUGETLB)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
	else
		p = map_aligned(size);
	if (p == MAP_FAILED)
		return errno;
	mem->host = p;
	mem->size = size;
	if ((pages == GUESTMEM_THP && madvise(p, size, MADV_HUGEPAGE)) ||
	    (pages == GUESTMEM_KSM && madvise(p, size, MADV_MERGEABLE))) {
		int error = errno;

		guestmem_free(mem);
		return error;
	}
	/* A core dump of vmctl is about vmctl */
	madvise(p, size, MADV_DONTDUMP);
	return 0;
}

/**
 * guestmem_free - give it back
 * @mem: no vCPU runs any more
 */
void guestmem_free(struct guestmem *mem)
{
	if (mem->host)
		munmap(mem->host, mem->size);
	mem->host = NULL;
	mem->size = 0;
}
