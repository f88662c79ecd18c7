// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions, with and without REP.
 *
 * Each iteration is committed by itself: a fault or a trip to user space in the
 * middle leaves RCX, RSI and RDI where a processor would leave them.
 *
 * Source: SDM Vol 1, 7.3.9; Vol 2, REP; Vol 3B, 17.3.1.1 (RF between iterations).
 */
#include "exec.h"

static struct lodge_emul_mem source(const struct lodge_emul *e)
{
	struct lodge_emul_mem mem = {
		.seg = e->insn.seg,
		.ea = lodge_emul_get_addr(e, LODGE_RSI, e->insn.adsize),
	};

	return mem;
}

static struct lodge_emul_mem destination(const struct lodge_emul *e)
{
	struct lodge_emul_mem mem = {
		.seg = LODGE_ES,
		.ea = lodge_emul_get_addr(e, LODGE_RDI, e->insn.adsize),
	};

	return mem;
}

static void advance(struct lodge_emul *e, unsigned int reg, unsigned int bytes)
{
	unsigned int size = e->insn.adsize;
	u64 val = lodge_emul_get_addr(e, reg, size);

	val += e->next.rflags & LODGE_FLAG_DF ? -(u64)bytes : bytes;
	lodge_emul_set_addr(e, reg, size, val);
}

static int movs(struct lodge_emul *e)
{
	unsigned int size = e->insn.opsize;
	u64 val = 0;
	int ret;

	ret = lodge_emul_load(e, source(e), &val, size, 0);
	if (!ret)
		ret = lodge_emul_store(e, destination(e), &val, size);
	if (ret)
		return ret;
	advance(e, LODGE_RSI, size);
	advance(e, LODGE_RDI, size);
	return LODGE_EMUL_DONE;
}

static int stos(struct lodge_emul *e)
{
	unsigned int size = e->insn.opsize;
	u64 val = e->next.gpr[LODGE_RAX];
	int ret;

	ret = lodge_emul_store(e, destination(e), &val, size);
	if (!ret)
		advance(e, LODGE_RDI, size);
	return ret;
}

static int lods(struct lodge_emul *e)
{
	unsigned int size = e->insn.opsize;
	u64 val = 0;
	int ret;

	ret = lodge_emul_load(e, source(e), &val, size, 0);
	if (ret)
		return ret;
	lodge_emul_set(e, LODGE_RAX, size, val);
	advance(e, LODGE_RSI, size);
	return LODGE_EMUL_DONE;
}

/* CMPS and SCAS: what is at RDI is subtracted. */
static int compare(struct lodge_emul *e)
{
	unsigned int size = e->insn.opsize;
	bool scas = e->insn.op == OP_SCAS;
	u64 a = lodge_emul_get(e, LODGE_RAX, size), b = 0;
	int ret;

	if (!scas) {
		a = 0;
		ret = lodge_emul_load(e, source(e), &a, size, 0);
		if (ret)
			return ret;
	}
	ret = lodge_emul_load(e, destination(e), &b, size, 0);
	if (ret)
		return ret;
	lodge_alu_binary(OP_CMP, a, b, size, &e->next.rflags);
	if (!scas)
		advance(e, LODGE_RSI, size);
	advance(e, LODGE_RDI, size);
	return LODGE_EMUL_DONE;
}

/* How many elements from @mem on lie in one piece: in this page, upwards. */
static u64 run_length(struct lodge_emul *e, struct lodge_emul_mem mem, u64 count)
{
	unsigned int size = e->insn.opsize;
	u64 linear, room;

	if ((e->next.rflags & LODGE_FLAG_DF) || (e->rflags & LODGE_FLAG_TF) ||
	    (e->rflags & LODGE_FLAG_AC))
		return 1;
	if (lodge_emul_linear(e, mem, size, 0, &linear))
		return 1;
	room = (LODGE_PAGE - (linear & (LODGE_PAGE - 1))) / size;
	/* 16-bit offsets wrap within the segment */
	if (e->insn.adsize == 2)
		room = min_t(u64, room, (0x10000 - mem.ea) / size);
	count = min_t(u64, count, min_t(u64, room, LODGE_EMUL_IO_BYTES / size));
	/* the segment may end before the page does: let the fault come where it belongs */
	if (count < 2 || lodge_emul_linear(e, mem, count * size, 0, &linear))
		return 1;
	return count;
}

static int ins(struct lodge_emul *e, u64 *count)
{
	struct lodge_emul_mem mem = destination(e);
	unsigned int size = e->insn.opsize;
	int ret;

	*count = run_length(e, mem, *count);
	/* a port must not be read in vain */
	ret = lodge_emul_probe(e, mem, *count * size, LODGE_ACC_WRITE);
	if (!ret)
		ret = e->ops->io_in(e, e->next.gpr[LODGE_RDX], size, e->io, *count);
	if (!ret)
		ret = lodge_emul_store(e, mem, e->io, *count * size);
	if (!ret)
		advance(e, LODGE_RDI, *count * size);
	return ret;
}

static int outs(struct lodge_emul *e, u64 *count)
{
	struct lodge_emul_mem mem = source(e);
	unsigned int size = e->insn.opsize;
	int ret;

	*count = run_length(e, mem, *count);
	ret = lodge_emul_load(e, mem, e->io, *count * size, 0);
	if (!ret)
		ret = e->ops->io_out(e, e->next.gpr[LODGE_RDX], size, e->io, *count);
	if (!ret)
		advance(e, LODGE_RSI, *count * size);
	return ret;
}

/* One iteration, or for INS and OUTS up to *@count of them; *@count tells how many. */
static int iterate(struct lodge_emul *e, u64 *count)
{
	u64 want = *count;

	*count = 1;
	switch (e->insn.op) {
	case OP_MOVS:
		return movs(e);
	case OP_STOS:
		return stos(e);
	case OP_LODS:
		return lods(e);
	case OP_CMPS:
	case OP_SCAS:
		return compare(e);
	case OP_INS:
		*count = want;
		return ins(e, count);
	case OP_OUTS:
		*count = want;
		return outs(e, count);
	}
	return LODGE_EMUL_UNSUPPORTED;
}

/* Does REPE or REPNE end here? */
static bool condition_ends(const struct lodge_emul *e)
{
	if (e->insn.op != OP_CMPS && e->insn.op != OP_SCAS)
		return false;
	return !(e->next.rflags & LODGE_FLAG_ZF) != (e->insn.rep == 0xf2);
}

static int repeat(struct lodge_emul *e)
{
	bool io = e->insn.op == OP_INS || e->insn.op == OP_OUTS;
	unsigned int batch = io || (e->rflags & LODGE_FLAG_TF) ? 1 : LODGE_EMUL_BATCH;
	unsigned int size = e->insn.adsize;
	u64 left = lodge_emul_get_addr(e, LODGE_RCX, size);
	u64 done;
	int ret;

	while (left) {
		done = left;
		ret = iterate(e, &done);
		if (ret)
			return ret;
		left -= done;
		lodge_emul_set_addr(e, LODGE_RCX, size, left);
		if (!left || condition_ends(e))
			break;
		lodge_emul_commit(e, true);
		if (!--batch || e->stop)
			return LODGE_EMUL_DONE;
	}
	lodge_emul_commit(e, false);
	return LODGE_EMUL_DONE;
}

int lodge_emul_string(struct lodge_emul *e)
{
	struct lodge_insn *insn = &e->insn;
	u64 one = 1;
	int ret;

	if ((insn->op == OP_INS || insn->op == OP_OUTS) && insn->opsize == 8)
		insn->opsize = 4;
	if (insn->rep)
		return repeat(e);
	ret = iterate(e, &one);
	if (!ret)
		lodge_emul_commit(e, false);
	return ret;
}
