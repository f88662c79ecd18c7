// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's step: fetch, decode, dispatch, commit; and the instructions
 * that fit no family.
 */
#include "exec.h"

void lodge_emul_commit(struct lodge_emul *e, bool partial)
{
	memcpy(e->gpr, e->next.gpr, sizeof(e->gpr));
	/* between the iterations of a REP an instruction breakpoint must not fire again */
	e->rflags = (e->next.rflags & ~(u64)LODGE_FLAG_RF) | (partial ? LODGE_FLAG_RF : 0);
	if (!partial)
		e->rip = e->next.rip;
	e->partial = partial;
	e->clear_shadow = true;
	if (e->ops->committed)
		e->ops->committed(e);
}

/* How many bytes from RIP + @offset on may be fetched in one piece; 0: #GP. */
static unsigned int fetch_room(const struct lodge_emul *e, unsigned int offset, u64 *linear)
{
	const struct lodge_emul_seg *cs = &e->seg[LODGE_CS];
	u64 rip = e->rip + offset, room;

	room = LODGE_INSN_MAX - offset;
	if (lodge_emul_mode(e) == LODGE_MODE_64) {
		*linear = rip;
		/* an address that is not canonical lies pages away from one that is */
	} else {
		if (rip > cs->limit)
			return 0;
		*linear = (u32)(cs->base + rip);
		room = min_t(u64, room, cs->limit - rip + 1);
	}
	return min_t(u64, room, LODGE_PAGE - (*linear & (LODGE_PAGE - 1)));
}

int lodge_emul_decode(struct lodge_emul *e)
{
	unsigned int have = 0, room;
	u8 bytes[LODGE_INSN_MAX];
	u64 linear;
	int ret;

	memset(&e->insn, 0, sizeof(e->insn));
	do {
		room = fetch_room(e, have, &linear);
		if (!room || lodge_emul_check_target(e, e->rip + have))
			return lodge_emul_raise(e, LODGE_EXC_GP, 0);
		ret = e->ops->fetch(e, linear, bytes + have, room);
		if (ret)
			return ret;
		have += room;
		ret = lodge_decode(&e->insn, lodge_emul_mode(e), lodge_emul_protected(e),
				   bytes, have);
	} while (ret == LODGE_DECODE_MORE && have < LODGE_INSN_MAX);

	switch (ret) {
	case LODGE_DECODE_OK:
		return LODGE_EMUL_DONE;
	case LODGE_DECODE_UD:
		return lodge_emul_raise(e, LODGE_EXC_UD, 0);
	case LODGE_DECODE_MORE:
	case LODGE_DECODE_LONG:
		return lodge_emul_raise(e, LODGE_EXC_GP, 0);
	}
	return LODGE_EMUL_UNSUPPORTED;
}

/* What the guest's CPUID does not offer is #UD, or what the opcode was before. */
static bool feature_missing(struct lodge_emul *e)
{
	struct lodge_insn *insn = &e->insn;
	u32 need = 0;

	if (insn->vex)
		need = LODGE_EMUL_AVX;
	switch (insn->op) {
	case OP_TZCNT:
		if (!(e->features & LODGE_EMUL_BMI1))
			insn->op = OP_BSF;
		break;
	case OP_LZCNT:
		if (!(e->features & LODGE_EMUL_LZCNT))
			insn->op = OP_BSR;
		break;
	case OP_POPCNT:
		need = LODGE_EMUL_POPCNT;
		break;
	case OP_MOVBE:
		need = LODGE_EMUL_MOVBE;
		break;
	case OP_CRC32:
		need = LODGE_EMUL_SSE42;
		break;
	case OP_CMPXCHG8B:
		need = insn->opsize == 8 ? LODGE_EMUL_CX16 : 0;
		break;
	case OP_MOV:
		need = insn->map == 2 ? LODGE_EMUL_MOVDIRI : 0;
		break;
	}
	return (e->features & need) != need;
}

static int cmpxchg8b(struct lodge_emul *e)
{
	unsigned int half = e->insn.opsize == 8 ? 8 : 4;
	struct lodge_emul_mem mem = lodge_emul_operand(e);
	u8 old[16] = { 0 }, new[16] = { 0 };
	u64 lo = 0, hi = 0, linear;
	bool equal;
	int ret;

	ret = lodge_emul_linear(e, mem, 2 * half,
				LODGE_ACC_WRITE | (half == 8 ? LODGE_EMUL_ALIGNED : 0), &linear);
	if (ret)
		return ret;
	ret = lodge_emul_load(e, mem, old, 2 * half, LODGE_ACC_WRITE);
	if (ret)
		return ret;
	memcpy(&lo, old, half);
	memcpy(&hi, old + half, half);
	equal = lo == lodge_emul_get(e, LODGE_RAX, half) &&
		hi == lodge_emul_get(e, LODGE_RDX, half);
	memcpy(new, old, sizeof(new));
	if (equal) {
		memcpy(new, &e->next.gpr[LODGE_RBX], half);
		memcpy(new + half, &e->next.gpr[LODGE_RCX], half);
		e->next.rflags |= LODGE_FLAG_ZF;
	} else {
		lodge_emul_set(e, LODGE_RAX, half, lo);
		lodge_emul_set(e, LODGE_RDX, half, hi);
		e->next.rflags &= ~(u64)LODGE_FLAG_ZF;
	}
	if (e->insn.lock)
		return lodge_emul_store_locked(e, mem, old, new, 2 * half);
	return lodge_emul_store(e, mem, new, 2 * half);
}

static int mov_from_sreg(struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	u64 sel = e->seg[insn->reg & 7].sel;

	if (insn->is_mem)
		return lodge_emul_store(e, lodge_emul_operand(e), &sel, 2);
	lodge_emul_set(e, insn->rm, insn->opsize, sel);
	return LODGE_EMUL_DONE;
}

static int xlat(struct lodge_emul *e)
{
	struct lodge_emul_mem mem = {
		.seg = e->insn.seg,
		.ea = (e->next.gpr[LODGE_RBX] + (e->next.gpr[LODGE_RAX] & 0xff)) &
		      lodge_alu_mask(e->insn.adsize),
	};
	u8 val = 0;
	int ret;

	ret = lodge_emul_load(e, mem, &val, 1, 0);
	if (!ret)
		lodge_emul_set(e, LODGE_RAX, 1, val);
	return ret;
}

static int in_out(struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	unsigned int size = insn->opsize > 4 ? 4 : insn->opsize;
	bool in = insn->op == OP_IN;
	bool dx = (in ? insn->src : insn->dst) == ARG_DX;
	u16 port = dx ? e->next.gpr[LODGE_RDX] : insn->imm;
	u64 val = e->next.gpr[LODGE_RAX];
	int ret;

	if (!in)
		return e->ops->io_out(e, port, size, &val, 1);
	val = 0;
	ret = e->ops->io_in(e, port, size, &val, 1);
	if (!ret)
		lodge_emul_set(e, LODGE_RAX, size, val);
	return ret;
}

/* CBW, CWDE, CDQE; CWD, CDQ, CQO */
static void sign_extend_acc(struct lodge_emul *e)
{
	unsigned int size = e->insn.opsize, from = size / 2;
	u64 val = lodge_emul_get_addr(e, LODGE_RAX, e->insn.op == OP_CBW ? from : size);

	if (e->insn.op == OP_CBW) {
		val = (u64)((s64)(val << (64 - 8 * from)) >> (64 - 8 * from));
		lodge_emul_set(e, LODGE_RAX, size, val);
	} else {
		lodge_emul_set(e, LODGE_RDX, size, val >> (8 * size - 1) & 1 ? ~0ULL : 0);
	}
}

static void flag_op(struct lodge_emul *e)
{
	const u64 low = LODGE_FLAGS_ARITH & ~(u64)LODGE_FLAG_OF;
	u64 *ax = &e->next.gpr[LODGE_RAX];
	u64 *flags = &e->next.rflags;

	switch (e->insn.op) {
	case OP_CLC:
		*flags &= ~(u64)LODGE_FLAG_CF;
		break;
	case OP_STC:
		*flags |= LODGE_FLAG_CF;
		break;
	case OP_CMC:
		*flags ^= LODGE_FLAG_CF;
		break;
	case OP_CLD:
		*flags &= ~(u64)LODGE_FLAG_DF;
		break;
	case OP_STD:
		*flags |= LODGE_FLAG_DF;
		break;
	case OP_LAHF:
		*ax = (*ax & ~0xff00ULL) | ((*flags & low) | LODGE_FLAG_ONE) << 8;
		break;
	case OP_SAHF:
		*flags = (*flags & ~low) | ((*ax >> 8) & low);
		break;
	}
}

static int execute(struct lodge_emul *e)
{
	switch (e->insn.op) {
	case OP_ADD ... OP_XCHG:
	case OP_CMPXCHG:
	case OP_XADD:
	case OP_BT ... OP_CMOVCC:
		return lodge_emul_rmw(e);
	case OP_PUSH ... OP_PUSHF:
		return lodge_emul_stack(e);
	case OP_VMOV ... OP_VMOV_HIGH:
		return lodge_emul_vector(e);
	case OP_CMPXCHG8B:
		return cmpxchg8b(e);
	case OP_MOV_FROM_SREG:
		return mov_from_sreg(e);
	case OP_XLAT:
		return xlat(e);
	case OP_IN:
	case OP_OUT:
		return in_out(e);
	case OP_CBW:
	case OP_CWD:
		sign_extend_acc(e);
		return LODGE_EMUL_DONE;
	case OP_LAHF:
	case OP_SAHF:
	case OP_CLC ... OP_STD:
		flag_op(e);
		return LODGE_EMUL_DONE;
	case OP_NOP:
		return LODGE_EMUL_DONE;
	case OP_CLFLUSH:
		return lodge_emul_probe(e, lodge_emul_operand(e), 1, LODGE_ACC_FETCH);
	}
	return LODGE_EMUL_UNSUPPORTED;
}

int lodge_emul_step(struct lodge_emul *e)
{
	int ret;

	e->stop = false;
	e->partial = false;
	e->clear_shadow = false;
	ret = lodge_emul_decode(e);
	if (ret)
		return ret;
	if (feature_missing(e))
		return lodge_emul_raise(e, LODGE_EXC_UD, 0);

	memcpy(e->next.gpr, e->gpr, sizeof(e->next.gpr));
	e->next.rflags = e->rflags;
	e->next.rip = e->rip + e->insn.len;
	if (e->insn.mode != LODGE_MODE_64)
		e->next.rip = (u32)e->next.rip;
	if (e->insn.flags & INSN_STRING)
		return lodge_emul_string(e);
	ret = execute(e);
	if (!ret)
		lodge_emul_commit(e, false);
	return ret;
}
