/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of the host for tests: aligned, huge, and what the kernel says of it */
#ifndef LODGE_SELFTESTS_MEM_H
#define LODGE_SELFTESTS_MEM_H

#include "vm.h"

#define KIB	0x400ull
#define MIB	0x100000ull
#define GIB	0x40000000ull
#define PAGE	0x1000ull
#define HUGE	(2 * MIB)

#define GPA_REGION	0x40000000ull	/* for the memory under test: 1 GiB aligned, below 4 GiB */
#define REGION_SLOT	1

void *mem_anon(size_t len, size_t align);
void *mem_thp(size_t len);
size_t mem_huge_bytes(const void *addr);
void *mem_hugetlb(size_t len, int size_log2);
int put_file(const char *path, const char *text);
long get_number(const char *path);
u32 random_next(u32 *seed);

#endif /* LODGE_SELFTESTS_MEM_H */
