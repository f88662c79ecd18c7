// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack and near branches.
 *
 * Source: SDM Vol 1, chapter 6.2 (stack size); Vol 2 (PUSH, POP, CALL, RET, Jcc).
 */
#include "exec.h"

static unsigned int stack_size(const struct lodge_emul *e)
{
	if (e->insn.mode == LODGE_MODE_64)
		return 8;
	return e->seg[LODGE_SS].attr & LODGE_SEG_DB ? 4 : 2;
}

/* Where the stack lies @offset bytes from its top. */
static struct lodge_emul_mem stack_at(const struct lodge_emul *e, unsigned int reg, s64 offset)
{
	unsigned int size = stack_size(e);
	struct lodge_emul_mem mem = {
		.seg = LODGE_SS,
		.ea = (lodge_emul_get_addr(e, reg, size) + offset) & lodge_alu_mask(size),
	};

	return mem;
}

static void move_stack(struct lodge_emul *e, s64 offset)
{
	unsigned int size = stack_size(e);

	lodge_emul_set_addr(e, LODGE_RSP, size,
			    lodge_emul_get_addr(e, LODGE_RSP, size) + offset);
}

static int push(struct lodge_emul *e, u64 val)
{
	unsigned int size = e->insn.opsize;
	int ret;

	ret = lodge_emul_store(e, stack_at(e, LODGE_RSP, -(s64)size), &val, size);
	if (!ret)
		move_stack(e, -(s64)size);
	return ret;
}

static int pop(struct lodge_emul *e, u64 *val)
{
	unsigned int size = e->insn.opsize;
	int ret;

	*val = 0;
	ret = lodge_emul_load(e, stack_at(e, LODGE_RSP, 0), val, size, 0);
	if (!ret)
		move_stack(e, size);
	return ret;
}

static int jump(struct lodge_emul *e, u64 rip)
{
	rip &= lodge_alu_mask(e->insn.opsize);
	e->next.rip = rip;
	return lodge_emul_check_target(e, rip);
}

static int branch(struct lodge_emul *e)
{
	return jump(e, e->next.rip + e->insn.imm);
}

static int read_source(struct lodge_emul *e, u64 *val)
{
	const struct lodge_insn *insn = &e->insn;

	*val = insn->imm;
	if (insn->src == ARG_E && insn->is_mem) {
		*val = 0;
		return lodge_emul_load(e, lodge_emul_operand(e), val, insn->opsize, 0);
	}
	if (insn->src == ARG_E || insn->src == ARG_Z)
		*val = lodge_emul_get(e, insn->rm, insn->opsize);
	return LODGE_EMUL_DONE;
}

static int call(struct lodge_emul *e)
{
	u64 back = e->next.rip, target;
	int ret;

	ret = read_source(e, &target);
	if (!ret)
		ret = e->insn.src == ARG_E ? jump(e, target) : branch(e);
	if (!ret)
		ret = push(e, back);
	return ret;
}

static int jmp(struct lodge_emul *e)
{
	u64 target;
	int ret;

	if (e->insn.src != ARG_E)
		return branch(e);
	ret = read_source(e, &target);
	return ret ? ret : jump(e, target);
}

static int ret_near(struct lodge_emul *e)
{
	u64 target;
	int ret;

	ret = pop(e, &target);
	if (!ret)
		ret = jump(e, target);
	if (!ret && e->insn.src == ARG_IW)
		move_stack(e, e->insn.imm);
	return ret;
}

static int loop(struct lodge_emul *e)
{
	unsigned int size = e->insn.adsize;
	u64 count = lodge_emul_get_addr(e, LODGE_RCX, size);
	bool zf = e->next.rflags & LODGE_FLAG_ZF;
	bool taken;

	if (e->insn.op == OP_JCXZ)
		return count ? LODGE_EMUL_DONE : branch(e);
	count = (count - 1) & lodge_alu_mask(size);
	lodge_emul_set_addr(e, LODGE_RCX, size, count);
	taken = count && (e->insn.opcode == 0xe2 || zf == (e->insn.opcode == 0xe1));
	return taken ? branch(e) : LODGE_EMUL_DONE;
}

static int pop_operand(struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	u64 val;
	int ret;

	ret = pop(e, &val);
	if (ret)
		return ret;
	/* an address that uses RSP is computed after the pop */
	if (insn->is_mem)
		return lodge_emul_store(e, lodge_emul_operand(e), &val, insn->opsize);
	lodge_emul_set(e, insn->rm, insn->opsize, val);
	return LODGE_EMUL_DONE;
}

static int leave(struct lodge_emul *e)
{
	unsigned int size = stack_size(e);
	u64 val;
	int ret;

	lodge_emul_set_addr(e, LODGE_RSP, size, lodge_emul_get_addr(e, LODGE_RBP, size));
	ret = pop(e, &val);
	if (!ret)
		lodge_emul_set(e, LODGE_RBP, e->insn.opsize, val);
	return ret;
}

static int pushf(struct lodge_emul *e)
{
	u64 flags = e->rflags;

	if ((flags & LODGE_FLAG_VM) && (flags & LODGE_FLAG_IOPL) != LODGE_FLAG_IOPL)
		return lodge_emul_raise(e, LODGE_EXC_GP, 0);
	return push(e, flags & ~(u64)(LODGE_FLAG_RF | LODGE_FLAG_VM));
}

int lodge_emul_stack(struct lodge_emul *e)
{
	u64 val;
	int ret;

	switch (e->insn.op) {
	case OP_PUSH:
		ret = read_source(e, &val);
		return ret ? ret : push(e, val);
	case OP_POP:
		return pop_operand(e);
	case OP_CALL:
		return call(e);
	case OP_JMP:
		return jmp(e);
	case OP_JCC:
		if (lodge_alu_condition(e->insn.opcode & 15, e->next.rflags))
			return branch(e);
		return LODGE_EMUL_DONE;
	case OP_RET:
		return ret_near(e);
	case OP_LOOP:
	case OP_JCXZ:
		return loop(e);
	case OP_LEAVE:
		return leave(e);
	case OP_PUSHF:
		return pushf(e);
	}
	return LODGE_EMUL_UNSUPPORTED;
}
