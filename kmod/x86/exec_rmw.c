// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions of one shape: read the operands, compute, write the destination.
 *
 * Source: SDM Vol 2.
 */
#include "exec.h"

struct work {
	struct lodge_emul_mem mem;	/* the memory operand, if there is one */
	u64 old;			/* what the destination held */
	u64 dst, src, src2;
	unsigned int size;		/* of the destination */
	unsigned int src_size;
};

static unsigned int operand_size(const struct lodge_insn *insn, u8 arg)
{
	switch (arg) {
	case ARG_EB:
		return 1;
	case ARG_EW:
		return 2;
	case ARG_ED:
		return 4;
	}
	return insn->opsize;
}

static bool in_memory(const struct lodge_insn *insn, u8 arg)
{
	switch (arg) {
	case ARG_E:
	case ARG_EB:
	case ARG_EW:
	case ARG_ED:
	case ARG_O:
		return insn->is_mem;
	}
	return false;
}

static int read_memory(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int size,
		       unsigned int access, u64 *val)
{
	u8 buf[8] = { 0 };
	int ret;

	ret = lodge_emul_load(e, mem, buf, size, access);
	memcpy(val, buf, sizeof(*val));
	return ret;
}

static int read_operand(struct lodge_emul *e, const struct work *w, u8 arg, unsigned int access,
			u64 *val)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int size = operand_size(insn, arg);

	if (in_memory(insn, arg))
		return read_memory(e, w->mem, size, access, val);
	switch (arg) {
	case ARG_E:
	case ARG_EB:
	case ARG_EW:
	case ARG_ED:
	case ARG_Z:
		*val = lodge_emul_get(e, insn->rm, size);
		break;
	case ARG_G:
		*val = lodge_emul_get(e, insn->reg, size);
		break;
	case ARG_A:
		*val = lodge_emul_get(e, LODGE_RAX, size);
		break;
	case ARG_CL:
		*val = lodge_emul_get(e, LODGE_RCX, 1);
		break;
	case ARG_ONE:
		*val = 1;
		break;
	case ARG_UB:
	case ARG_IW:
		*val = insn->imm;
		break;
	case ARG_IB:
	case ARG_IZ:
	case ARG_IV:
		*val = insn->imm & lodge_alu_mask(size);
		break;
	default:
		*val = 0;
		break;
	}
	return LODGE_EMUL_DONE;
}

static int write_operand(struct lodge_emul *e, struct work *w)
{
	const struct lodge_insn *insn = &e->insn;

	if (in_memory(insn, insn->dst)) {
		if (insn->lock || insn->op == OP_XCHG)
			return lodge_emul_store_locked(e, w->mem, &w->old, &w->dst, w->size);
		return lodge_emul_store(e, w->mem, &w->dst, w->size);
	}
	switch (insn->dst) {
	case ARG_E:
	case ARG_Z:
		lodge_emul_set(e, insn->rm, w->size, w->dst);
		break;
	case ARG_G:
		lodge_emul_set(e, insn->reg, w->size, w->dst);
		break;
	case ARG_A:
		lodge_emul_set(e, LODGE_RAX, w->size, w->dst);
		break;
	}
	return LODGE_EMUL_DONE;
}

/* The bit offset of BT and its like is signed and reaches beyond the operand. */
static void bit_string_address(struct lodge_emul *e, struct work *w)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int shift = 64 - 8 * insn->opsize;
	s64 offset;

	if (insn->src != ARG_G)
		return;
	offset = (s64)(lodge_emul_get(e, insn->reg, insn->opsize) << shift) >> shift;
	offset >>= insn->opsize == 2 ? 4 : insn->opsize == 4 ? 5 : 6;
	w->mem.ea = (w->mem.ea + (u64)offset * insn->opsize) & lodge_alu_mask(insn->adsize);
}

static void bit_test(struct lodge_emul *e, struct work *w)
{
	unsigned int bit = w->src & (8 * w->size - 1);

	e->next.rflags &= ~(u64)LODGE_FLAG_CF;
	e->next.rflags |= w->dst >> bit & 1 ? LODGE_FLAG_CF : 0;
	switch (e->insn.op) {
	case OP_BTS:
		w->dst |= 1ULL << bit;
		break;
	case OP_BTR:
		w->dst &= ~(1ULL << bit);
		break;
	case OP_BTC:
		w->dst ^= 1ULL << bit;
		break;
	}
}

static void cmpxchg(struct lodge_emul *e, struct work *w)
{
	u64 acc = lodge_emul_get(e, LODGE_RAX, w->size);

	lodge_alu_binary(OP_CMP, acc, w->dst, w->size, &e->next.rflags);
	/* memory is written in both cases */
	if (acc == w->dst)
		w->dst = w->src;
	else
		lodge_emul_set(e, LODGE_RAX, w->size, w->dst);
}

static u64 swap_bytes(u64 v, unsigned int size)
{
	u64 r = 0;

	while (size--) {
		r = r << 8 | (v & 0xff);
		v >>= 8;
	}
	return r;
}

static void widening_mul(struct lodge_emul *e, struct work *w)
{
	bool is_signed = e->insn.op == OP_IMUL;
	u64 a = lodge_emul_get(e, LODGE_RAX, w->size);
	u64 high, low;

	low = lodge_alu_mul(is_signed, a, w->src, w->size, &high, &e->next.rflags);
	if (w->size == 1) {
		lodge_emul_set(e, LODGE_RAX, 2, high << 8 | low);
		return;
	}
	lodge_emul_set(e, LODGE_RAX, w->size, low);
	lodge_emul_set(e, LODGE_RDX, w->size, high);
}

static int divide(struct lodge_emul *e, struct work *w)
{
	bool is_signed = e->insn.op == OP_IDIV;
	u64 low = lodge_emul_get(e, LODGE_RAX, w->size);
	u64 high = lodge_emul_get(e, LODGE_RDX, w->size);

	if (w->size == 1)
		high = (e->next.gpr[LODGE_RAX] >> 8) & 0xff;
	if (!lodge_alu_div(is_signed, &high, &low, w->src, w->size))
		return lodge_emul_raise(e, LODGE_EXC_DE, 0);
	if (w->size == 1) {
		lodge_emul_set(e, LODGE_RAX, 2, high << 8 | low);
		return LODGE_EMUL_DONE;
	}
	lodge_emul_set(e, LODGE_RAX, w->size, low);
	lodge_emul_set(e, LODGE_RDX, w->size, high);
	return LODGE_EMUL_DONE;
}

/* The three below: from w->dst and w->src to w->dst, side results to registers and flags. */

static int arithmetic(struct lodge_emul *e, struct work *w)
{
	const struct lodge_insn *insn = &e->insn;
	u64 *flags = &e->next.rflags, high;

	switch (insn->op) {
	case OP_ROL ... OP_SAR:
		w->dst = lodge_alu_shift(insn->op, w->dst, w->src, w->size, flags);
		break;
	case OP_SHLD:
	case OP_SHRD:
		w->dst = lodge_alu_double_shift(insn->op == OP_SHLD, w->dst, w->src, w->src2,
						w->size, flags);
		break;
	case OP_MUL:
	case OP_IMUL:
		widening_mul(e, w);
		break;
	case OP_IMUL2:
		w->dst = lodge_alu_mul(true, insn->src2 ? w->src2 : w->dst, w->src, w->size,
				       &high, flags);
		break;
	case OP_DIV:
	case OP_IDIV:
		return divide(e, w);
	default:
		w->dst = lodge_alu_binary(insn->op, w->dst, w->src, w->size, flags);
		break;
	}
	return LODGE_EMUL_DONE;
}

static int move(struct lodge_emul *e, struct work *w)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int shift = 64 - 8 * w->src_size;
	u64 old = w->dst;

	switch (insn->op) {
	case OP_MOVSX:
		w->dst = (u64)((s64)(w->src << shift) >> shift) & lodge_alu_mask(w->size);
		break;
	case OP_MOVBE:
		w->dst = swap_bytes(w->src, w->size);
		break;
	case OP_LEA:
		w->dst = w->mem.ea & lodge_alu_mask(w->size);
		break;
	case OP_XADD:
		w->dst = lodge_alu_binary(OP_ADD, w->dst, w->src, w->size, &e->next.rflags);
		lodge_emul_set(e, insn->reg, w->size, old);
		break;
	case OP_XCHG:
		w->dst = w->src;
		lodge_emul_set(e, insn->src == ARG_A ? LODGE_RAX : insn->reg, w->size, old);
		break;
	case OP_CMPXCHG:
		cmpxchg(e, w);
		break;
	default:
		w->dst = w->src;
		break;
	}
	return LODGE_EMUL_DONE;
}

static int bits(struct lodge_emul *e, struct work *w)
{
	const struct lodge_insn *insn = &e->insn;
	u64 *flags = &e->next.rflags;

	switch (insn->op) {
	case OP_BT ... OP_BTC:
		bit_test(e, w);
		break;
	case OP_BSF:
	case OP_BSR:
		/* a source of 0 leaves all of the register alone, its upper half too */
		if (!w->src) {
			w->size = 8;
			w->dst = e->next.gpr[insn->reg];
		}
		fallthrough;
	case OP_TZCNT:
	case OP_LZCNT:
	case OP_POPCNT:
		w->dst = lodge_alu_scan(insn->op, w->dst, w->src, w->size, flags);
		break;
	case OP_CRC32:
		/* the operand size is the source's */
		w->size = insn->rex & 8 ? 8 : 4;
		w->dst = lodge_alu_crc32(e->next.gpr[insn->reg], w->src, w->src_size);
		break;
	case OP_BSWAP:
		w->dst = swap_bytes(w->dst, w->size);
		break;
	case OP_SETCC:
		w->dst = lodge_alu_condition(insn->opcode & 15, *flags);
		break;
	case OP_CMOVCC:
		if (lodge_alu_condition(insn->opcode & 15, *flags))
			w->dst = w->src;
		break;
	}
	return LODGE_EMUL_DONE;
}

static int compute(struct lodge_emul *e, struct work *w)
{
	if (e->insn.op <= OP_SHRD)
		return arithmetic(e, w);
	return e->insn.op < OP_BT ? move(e, w) : bits(e, w);
}

int lodge_emul_rmw(struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int access = insn->flags & INSN_RO ? 0 : LODGE_ACC_WRITE;
	struct work w = {
		.size = insn->opsize,
		.src_size = operand_size(insn, insn->src),
	};
	int ret;

	if (insn->is_mem)
		w.mem = lodge_emul_operand(e);
	if (insn->is_mem && insn->op >= OP_BT && insn->op <= OP_BTC)
		bit_string_address(e, &w);

	if (insn->op != OP_LEA) {
		ret = read_operand(e, &w, insn->src, 0, &w.src);
		if (ret)
			return ret;
	}
	if (insn->dst && !(insn->flags & INSN_WO)) {
		ret = read_operand(e, &w, insn->dst, access, &w.dst);
		if (ret)
			return ret;
		w.old = w.dst;
	}
	ret = read_operand(e, &w, insn->src2, 0, &w.src2);
	if (ret)
		return ret;
	ret = compute(e, &w);
	if (ret || !insn->dst || (insn->flags & INSN_RO))
		return ret;
	return write_operand(e, &w);
}
