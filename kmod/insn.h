/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_INSN_H
#define LODGE_INSN_H

#include <linux/types.h>

#include "dev/bus.h"
#include "mem.h"

struct lodge_emul;
struct lodge_vcpu;

#define LODGE_INSN_ACCESSES	8	/* memory accesses of one instruction, 8 bytes each */

/* What the next LODGE_VCPU_RUN has to do with what user space has filled in */
enum lodge_complete {
	LODGE_COMPLETE_NONE,
	LODGE_COMPLETE_PORT_IN,		/* put the bytes into RAX */
	LODGE_COMPLETE_STRING_IN,	/* INS is stepped again and finds them */
	LODGE_COMPLETE_MMIO_READ,	/* the instruction is stepped again and finds them */
	LODGE_COMPLETE_MMIO_WRITE,	/* more writes may wait */
	LODGE_COMPLETE_HYPERCALL,	/* put the result into RAX */
	LODGE_COMPLETE_HYPERCALL32,
	LODGE_COMPLETE_UNKNOWN,		/* #UD */
};

/**
 * struct lodge_insn_access - a piece of memory access that user space answers
 * @gpa: guest-physical address
 * @data: its bytes
 * @len: 1 to 8
 */
struct lodge_insn_access {
	u64 gpa;
	u8 data[8];
	u32 len;
};

/**
 * struct lodge_insn_state - an instruction between its step and its completion
 * @complete: enum lodge_complete
 * @emul: the emulator's state, allocated with the vCPU
 * @near: where instructions and page tables are
 * @read: reads that user space has answered, in order, for the next step
 * @nr_reads: how many
 * @next_read: the next that the step asks for
 * @write: writes that wait for user space
 * @nr_writes: how many
 * @next_write: the next to be handed out
 * @string_bytes: bytes of INS that user space has filled in, 0 if none
 * @port_width: of the access that LODGE_COMPLETE_PORT_IN completes
 */
struct lodge_insn_state {
	u32 complete;
	struct lodge_emul *emul;
	struct lodge_mem_near near;
	struct lodge_insn_access read[LODGE_INSN_ACCESSES];
	struct lodge_insn_access write[LODGE_INSN_ACCESSES];
	u8 nr_reads;
	u8 next_read;
	u8 nr_writes;
	u8 next_write;
	u8 port_width;
	u32 string_bytes;
};

int lodge_insn_create(struct lodge_vcpu *vcpu);
void lodge_insn_destroy(struct lodge_vcpu *vcpu);
int lodge_insn_emulate(struct lodge_vcpu *vcpu);
int lodge_insn_port(struct lodge_vcpu *vcpu, u16 port, u8 width, bool in);
void lodge_insn_end(struct lodge_vcpu *vcpu, enum lodge_bus_end end, u32 value);
int lodge_insn_system(struct lodge_vcpu *vcpu, u64 linear, void *buf, unsigned int len,
		      unsigned int access);
int lodge_insn_complete(struct lodge_vcpu *vcpu);

#endif /* LODGE_INSN_H */
