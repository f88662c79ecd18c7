// SPDX-License-Identifier: GPL-2.0-only
/*
 * SSE and AVX moves: bytes are copied, no vector register is touched here.
 *
 * Source: SDM Vol 2, MOVUPS and its like; 2.4 (exception classes).
 */
#include "exec.h"

static int check(struct lodge_emul *e)
{
	bool both = (e->xcr0 & LODGE_XCR0_SSE_AVX) == LODGE_XCR0_SSE_AVX;

	if (e->insn.vex) {
		if (!(e->cr4 & LODGE_CR4_OSXSAVE) || !both)
			return lodge_emul_raise(e, LODGE_EXC_UD, 0);
	} else if ((e->cr0 & LODGE_CR0_EM) || !(e->cr4 & LODGE_CR4_OSFXSR)) {
		return lodge_emul_raise(e, LODGE_EXC_UD, 0);
	}
	if (e->cr0 & LODGE_CR0_TS)
		return lodge_emul_raise(e, LODGE_EXC_NM, 0);
	return LODGE_EMUL_DONE;
}

static unsigned int size_of(const struct lodge_insn *insn)
{
	if (insn->src == ARG_EQ || insn->dst == ARG_EQ)
		return insn->rex & 8 ? 8 : 4;
	if (insn->flags & INSN_V4)
		return 4;
	if (insn->flags & INSN_V8)
		return 8;
	return insn->vex ? insn->vl : 16;
}

static int load_memory(struct lodge_emul *e, void *buf, unsigned int size)
{
	return lodge_emul_load(e, lodge_emul_operand(e), buf, size, 0);
}

static int store_memory(struct lodge_emul *e, const void *buf, unsigned int size)
{
	return lodge_emul_store(e, lodge_emul_operand(e), buf, size);
}

/* To a vector register: from memory, a general or a vector register. */
static int load(struct lodge_emul *e, unsigned int size)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int width = size > 16 ? size : 16;
	u8 buf[32] = { 0 }, old[32];
	u64 val;
	int ret = LODGE_EMUL_DONE;

	if (insn->is_mem) {
		ret = load_memory(e, buf, size);
	} else if (insn->src == ARG_EQ) {
		val = lodge_emul_get(e, insn->rm, size);
		memcpy(buf, &val, sizeof(val));
	} else {
		ret = e->ops->vec_read(e, insn->rm, old, width);
		if (!ret)
			memcpy(buf, old, size);
	}
	if (ret)
		return ret;
	return e->ops->vec_write(e, insn->reg, buf, width, insn->vex);
}

/* From a vector register: to memory, a general or a vector register. */
static int store(struct lodge_emul *e, unsigned int size)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int width = size > 16 ? size : 16;
	u8 buf[32] = { 0 }, src[32];
	u64 val = 0;
	int ret;

	ret = e->ops->vec_read(e, insn->reg, src, width);
	if (ret)
		return ret;
	memcpy(buf, src, size);
	if (insn->is_mem)
		return store_memory(e, buf, size);
	if (insn->dst == ARG_EQ) {
		memcpy(&val, buf, sizeof(val));
		lodge_emul_set(e, insn->rm, size, val);
		return LODGE_EMUL_DONE;
	}
	return e->ops->vec_write(e, insn->rm, buf, width, insn->vex);
}

/* Eight bytes of a register, the others kept. */
static int move_half(struct lodge_emul *e, unsigned int offset)
{
	const struct lodge_insn *insn = &e->insn;
	u8 buf[16];
	int ret;

	ret = e->ops->vec_read(e, insn->reg, buf, sizeof(buf));
	if (ret)
		return ret;
	if (insn->dst != ARG_V)
		return store_memory(e, buf + offset, 8);
	ret = load_memory(e, buf + offset, 8);
	if (ret)
		return ret;
	return e->ops->vec_write(e, insn->reg, buf, sizeof(buf), false);
}

int lodge_emul_vector(struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int size = size_of(insn);
	unsigned int access = LODGE_EMUL_ALIGNED | (insn->dst == ARG_V ? 0 : LODGE_ACC_WRITE);
	u64 linear;
	int ret;

	ret = check(e);
	if (ret)
		return ret;
	if (insn->is_mem && (insn->flags & INSN_ALIGN)) {
		ret = lodge_emul_linear(e, lodge_emul_operand(e), size, access, &linear);
		if (ret)
			return ret;
	}
	if (insn->op == OP_VMOV_LOW)
		return move_half(e, 0);
	if (insn->op == OP_VMOV_HIGH)
		return move_half(e, 8);
	return insn->dst == ARG_V ? load(e, size) : store(e, size);
}
