/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What emulate_test and its sandbox, emulate_helper, have in common: the memory
 * layout and the cases, in a memory file that both map.
 */
#ifndef SELFTESTS_NATIVE_EMULATE_CPU_H
#define SELFTESTS_NATIVE_EMULATE_CPU_H

#include <stdint.h>

#define CPU_PAGE	4096ull

/* Three pages of data, the last read-only; nothing is mapped around them. */
#define CPU_DATA	0x10000000ull
#define CPU_DATA_PAGES	3
#define CPU_DATA_RW	2
/* Two pages of code, nothing behind them. */
#define CPU_CODE	0x20000000ull
#define CPU_CODE_PAGES	2
#define CPU_CODE_FILL	0xcc

#define CPU_FS_BASE	(CPU_DATA + 0x140)
#define CPU_GS_BASE	(CPU_DATA + 0x1238)

#define CPU_BATCH	256

/* One instruction with the state before and, in the answer, after it. */
struct cpu_state {
	uint64_t gpr[16];		/* encoding order */
	uint64_t rip, rflags;
	uint8_t vec[16][32];
};

struct cpu_case {
	struct cpu_state in;
	uint16_t cs, ss, ds, es;
	uint8_t bytes[16];		/* at in.rip, as far as the code pages go */
	uint64_t poke_at, poke;		/* 8 bytes written to memory before; 0: none */
	uint8_t use_vec;
	uint8_t string;			/* step until RIP moves */

	struct cpu_state out;
	uint64_t trapno, err, cr2;
	uint64_t sum;			/* of the data pages */
};

struct cpu_shared {
	uint32_t count;
	uint32_t can_segments;		/* the local descriptor table was set */
	uint8_t data[CPU_DATA_PAGES * CPU_PAGE] __attribute__((aligned(4096)));
	struct cpu_case cases[CPU_BATCH];
};

/* The local descriptor table, in modify_ldt()'s terms. */
enum {
	LDT_CODE16, LDT_DATA16, LDT_DOWN32, LDT_RO, LDT_XO32, LDT_SHORT32, LDT_STACK16,
	LDT_DOWN16, LDT_SMALL, LDT_FLAT32, LDT_COUNT,
};

struct cpu_ldt {
	uint32_t base, limit;
	uint8_t big, contents, read_exec_only, pages;
};

#define LDT_DATA	0
#define LDT_DOWN	1
#define LDT_CODE	2
#define LDT_SEL(n)	((n) << 3 | 7)

static const struct cpu_ldt cpu_ldt[LDT_COUNT] = {
	[LDT_CODE16] = { CPU_CODE, 0xffff, 0, LDT_CODE, 0, 0 },
	[LDT_DATA16] = { CPU_DATA, 0xffff, 0, LDT_DATA, 0, 0 },
	[LDT_DOWN32] = { CPU_DATA, 0x7ff, 1, LDT_DOWN, 0, 0 },
	[LDT_RO] = { CPU_DATA, 0xffff, 1, LDT_DATA, 1, 0 },
	[LDT_XO32] = { 0, 0xfffff, 1, LDT_CODE, 1, 1 },
	[LDT_SHORT32] = { CPU_CODE, 0x805, 1, LDT_CODE, 0, 0 },
	[LDT_STACK16] = { CPU_DATA, 0x1fff, 0, LDT_DATA, 0, 0 },
	[LDT_DOWN16] = { CPU_DATA, 0x5ff, 0, LDT_DOWN, 0, 0 },
	[LDT_SMALL] = { CPU_DATA + 0x800, 0x7fd, 1, LDT_DATA, 0, 0 },
	[LDT_FLAT32] = { 0, 0xfffff, 1, LDT_DATA, 0, 1 },
};

static inline uint64_t cpu_sum(const uint8_t *data)
{
	const uint64_t *p = (const void *)data;
	uint64_t s = 0;
	unsigned int i;

	for (i = 0; i < CPU_DATA_PAGES * CPU_PAGE / 8; i++)
		s = (s ^ p[i]) * 0x9e3779b97f4a7c15ull + (s >> 29);
	return s;
}

#endif /* SELFTESTS_NATIVE_EMULATE_CPU_H */
