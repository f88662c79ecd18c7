/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guestmem.h - guest memory as the owner sees it: one mapping, two stretches of
 * guest-physical addresses
 */
#ifndef VMCTL_GUESTMEM_H
#define VMCTL_GUESTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUESTMEM_HOLE	0xc0000000ULL	/* to 4 GiB there are devices, no memory */
#define GUESTMEM_HIGH	0x100000000ULL
#define GUESTMEM_MIN	(2ULL << 20)

/* What kind of pages */
enum guestmem_pages {
	GUESTMEM_PLAIN,
	GUESTMEM_HUGETLB,	/* from the host's pool, at once */
	GUESTMEM_THP,		/* transparent huge pages, when the host has some */
	GUESTMEM_KSM,		/* equal pages are shared */
};

/**
 * struct guestmem - a guest's memory
 * @host: the mapping
 * @size: bytes; a multiple of 4096
 */
struct guestmem {
	uint8_t *host;
	uint64_t size;
};

/* Returns 0 or an errno; guestmem_free() undoes it */
int guestmem_alloc(struct guestmem *mem, uint64_t size, enum guestmem_pages pages);
void guestmem_free(struct guestmem *mem);

/* Bytes below the hole, from 0 */
static inline uint64_t guestmem_low(const struct guestmem *mem)
{
	return mem->size < GUESTMEM_HOLE ? mem->size : GUESTMEM_HOLE;
}

/* Bytes from 4 GiB */
static inline uint64_t guestmem_high(const struct guestmem *mem)
{
	return mem->size - guestmem_low(mem);
}

/* Host address of a guest-physical range, or NULL if it is not all memory */
static inline void *guestmem_ptr(const struct guestmem *mem, uint64_t gpa, uint64_t len)
{
	uint64_t low = guestmem_low(mem), high = guestmem_high(mem);

	if (gpa <= low && len <= low - gpa)
		return mem->host + gpa;
	if (gpa >= GUESTMEM_HIGH && gpa - GUESTMEM_HIGH <= high &&
	    len <= high - (gpa - GUESTMEM_HIGH))
		return mem->host + low + (gpa - GUESTMEM_HIGH);
	return NULL;
}

#endif /* VMCTL_GUESTMEM_H */
