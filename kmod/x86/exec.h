/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the emulator share.  Nobody else includes this.
 */
#ifndef LODGE_X86_EXEC_H
#define LODGE_X86_EXEC_H

#include "alu.h"
#include "emulate.h"

#define LODGE_EXC_DE		0
#define LODGE_EXC_UD		6
#define LODGE_EXC_NM		7
#define LODGE_EXC_SS		12
#define LODGE_EXC_GP		13
#define LODGE_EXC_AC		17

#define LODGE_PAGE		4096u

#define LODGE_CR0_PE		0x1ULL
#define LODGE_CR0_EM		0x4ULL
#define LODGE_CR0_TS		0x8ULL
#define LODGE_CR0_AM		0x40000ULL
#define LODGE_CR4_LA57		0x1000ULL
#define LODGE_CR4_OSFXSR	0x200ULL
#define LODGE_CR4_OSXSAVE	0x40000ULL
#define LODGE_EFER_LMA		0x400ULL
#define LODGE_XCR0_SSE_AVX	0x6ULL

/**
 * struct lodge_emul_mem - a memory operand
 * @seg: enum lodge_seg_reg
 * @ea: offset in the segment
 */
struct lodge_emul_mem {
	unsigned int seg;
	u64 ea;
};

/* Fill e->exc; EXCEPTION.  The error code is dropped where there is none. */
int lodge_emul_raise(struct lodge_emul *e, u8 vector, u32 error);

/* Protected mode outside virtual-8086? */
bool lodge_emul_protected(const struct lodge_emul *e);

/* With the LODGE_ACC_* bits of lodge_emul_linear(): #GP(0) unless aligned to its size. */
#define LODGE_EMUL_ALIGNED	0x100

/* Segment, limit, canonical and alignment checks; DONE or EXCEPTION. */
int lodge_emul_linear(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		      unsigned int access, u64 *linear);

/* Is a branch to this offset allowed?  DONE or EXCEPTION. */
int lodge_emul_check_target(struct lodge_emul *e, u64 rip);

/* Data accesses: the checks, then the callback. */
int lodge_emul_load(struct lodge_emul *e, struct lodge_emul_mem mem, void *buf,
		    unsigned int len, unsigned int access);
int lodge_emul_store(struct lodge_emul *e, struct lodge_emul_mem mem, const void *buf,
		     unsigned int len);
int lodge_emul_store_locked(struct lodge_emul *e, struct lodge_emul_mem mem,
			    const void *old, const void *new, unsigned int len);
int lodge_emul_probe(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		     unsigned int access);

/* The r/m operand's place in memory. */
struct lodge_emul_mem lodge_emul_operand(const struct lodge_emul *e);

/* Registers under construction; bytes follow the REX rule for AH to BH. */
u64 lodge_emul_get(const struct lodge_emul *e, unsigned int reg, unsigned int size);
void lodge_emul_set(struct lodge_emul *e, unsigned int reg, unsigned int size, u64 val);

/* A register as a pointer or counter: only @size bytes count, 4 clear the upper half. */
u64 lodge_emul_get_addr(const struct lodge_emul *e, unsigned int reg, unsigned int size);
void lodge_emul_set_addr(struct lodge_emul *e, unsigned int reg, unsigned int size, u64 val);

/* Make the state under construction the state. */
void lodge_emul_commit(struct lodge_emul *e, bool partial);

int lodge_emul_rmw(struct lodge_emul *e);	/* exec_rmw.c */
int lodge_emul_stack(struct lodge_emul *e);	/* exec_stack.c */
int lodge_emul_string(struct lodge_emul *e);	/* exec_string.c; commits by itself */
int lodge_emul_vector(struct lodge_emul *e);	/* exec_vector.c */

#endif /* LODGE_X86_EXEC_H */
