/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_TASK_H
#define LODGE_X86_TASK_H

#include <linux/types.h>

struct lodge_vcpu;

/* What a task switch comes of, in the order of the exit qualification (SDM Vol 3C, table 28-2) */
enum lodge_task_source {
	LODGE_TASK_CALL,
	LODGE_TASK_IRET,
	LODGE_TASK_JMP,
	LODGE_TASK_GATE,	/* in the IDT */
};

/**
 * struct lodge_task_switch - a task switch that a guest is about to make
 * @selector: of the new TSS
 * @source: enum lodge_task_source
 * @insn_len: bytes that the old task's RIP moves on; 0 where it is to resume at RIP
 * @exception: vector of the exception that goes through the gate, -1 if none does
 * @external: the event is none of an instruction INT n, INT3 or INTO
 * @has_error: @error is pushed on the new stack
 * @error: error code
 */
struct lodge_task_switch {
	u16 selector;
	u8 source;
	u8 insn_len;
	int exception;
	bool external;
	bool has_error;
	u32 error;
};

int lodge_task_switch(struct lodge_vcpu *vcpu, const struct lodge_task_switch *t);

#endif /* LODGE_X86_TASK_H */
