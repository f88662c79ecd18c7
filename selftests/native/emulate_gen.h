/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random instructions with a state in which most of them succeed.
 *
 * A case is assembled from a row of the opcode maps, then its registers are set
 * so that its memory operand lies in or around the data pages.  The decoder under
 * test helps to aim; the CPU has the last word about what the bytes mean.
 */
#ifndef SELFTESTS_NATIVE_EMULATE_GEN_H
#define SELFTESTS_NATIVE_EMULATE_GEN_H

#include "emulate_cpu.h"
#include "x86/exec.h"
#include "x86/optable.h"

static u64 rnd_state;

static u64 rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (rnd() >> 32) % n;
}

/* True in @percent of the cases. */
static bool chance(unsigned int percent)
{
	return below(100) < percent;
}

/* Values at which carries, signs and widths change, as often as any. */
static u64 rnd_value(void)
{
	switch (below(8)) {
	case 0:
		return below(4);
	case 1:
		return -(u64)below(4);
	case 2:
		return 1ULL << below(64);
	case 3:
		return (1ULL << below(64)) - 1;
	case 4:
		return (s64)(s8)rnd();
	case 5:
		return (u32)rnd();
	default:
		return rnd();
	}
}

struct gen_row {
	struct lodge_opcode row;
	u8 map, opcode, pp, reg;
	bool group;
	bool exact;		/* prefixes choose the instruction: add none */
	unsigned int run;	/* cases made from it */
};

static struct gen_row gen_rows[2048];
static unsigned int gen_count;
static struct gen_row *gen_last;

static bool gen_wanted(const struct lodge_opcode *row)
{
	switch (row->op) {
	case OP_UNKNOWN:
	case OP_UD:
	case OP_SYSTEM:
	/* privileged in the sandbox; tested by hand */
	case OP_IN:
	case OP_OUT:
	case OP_INS:
	case OP_OUTS:
		return false;
	}
	return true;
}

static void gen_add(unsigned int map, unsigned int opcode, unsigned int pp, unsigned int reg,
		    bool exact)
{
	struct gen_row *g = &gen_rows[gen_count];

	g->row = lodge_decode_row(map, opcode, pp, reg);
	if (!gen_wanted(&g->row) || gen_count == ARRAY_SIZE(gen_rows))
		return;
	if (map == 2 && opcode == 0xf9 && !__builtin_cpu_supports("movdiri"))
		return;
	g->map = map;
	g->opcode = opcode;
	g->pp = pp;
	g->reg = reg;
	g->group = lodge_decode_is_group(map, opcode);
	g->exact = exact && g->row.op != OP_CRC32 && g->row.op != OP_POPCNT;
	gen_count++;
}

static void gen_init(void)
{
	unsigned int map, opcode, pp, reg, regs;
	struct lodge_opcode a, b;

	for (map = 0; map < 3; map++) {
		for (opcode = 0; opcode < 256; opcode++) {
			regs = lodge_decode_is_group(map, opcode) ? 8 : 1;
			for (reg = 0; reg < regs; reg++) {
				bool exact = false;

				a = lodge_decode_row(map, opcode, 0, reg);
				for (pp = 1; pp < 4; pp++) {
					b = lodge_decode_row(map, opcode, pp, reg);
					exact |= memcmp(&a, &b, sizeof(a)) != 0;
				}
				for (pp = 0; pp < (exact ? 4 : 1); pp++)
					gen_add(map, opcode, pp, reg, exact);
			}
		}
	}
}

struct gen {
	const struct gen_row *r;
	struct cpu_case *c;
	struct lodge_emul *e;	/* segments and mode, for aiming */
	unsigned int mode, n;
	unsigned int modrm_at;
	bool vex;
};

static void emit(struct gen *g, u8 byte)
{
	if (g->n < sizeof(g->c->bytes))
		g->c->bytes[g->n++] = byte;
}

static void emit_prefixes(struct gen *g)
{
	static const u8 overrides[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	static const u8 mandatory[] = { 0, 0x66, 0xf3, 0xf2 };
	const struct gen_row *r = g->r;

	if (chance(1) && chance(30)) {
		while (g->n < 4 + below(10))
			emit(g, 0x3e);
	}
	if (chance(15))
		emit(g, overrides[below(6)]);
	if (chance(g->mode == LODGE_MODE_64 ? 8 : 25))
		emit(g, 0x67);
	if (g->vex)
		return;
	if (chance(r->row.flags & INSN_LOCKABLE ? 15 : 1))
		emit(g, 0xf0);
	if (!r->exact && chance(20))
		emit(g, 0x66);
	if ((r->row.op == OP_BSF || r->row.op == OP_BSR) && chance(50))
		emit(g, 0xf3);
	if ((r->row.flags & INSN_STRING) && chance(70))
		emit(g, 0xf2 + below(2));
	if (r->pp)
		emit(g, mandatory[r->pp]);
}

static void emit_vex(struct gen *g)
{
	const struct gen_row *r = g->r;
	u8 rex = g->mode == LODGE_MODE_64 ? below(16) : 0;
	bool scalar = (r->row.flags & (INSN_V4 | INSN_V8)) || r->row.src == ARG_EQ ||
		      r->row.dst == ARG_EQ;
	u8 vvvv = chance(98) ? 0xf : below(16);
	u8 last = vvvv << 3 | (chance(scalar ? 3 : 50) ? 4 : 0) | r->pp;

	if (r->map == 1 && !(rex & 0xb) && chance(50)) {
		emit(g, 0xc5);
		emit(g, (rex & 4 ? 0 : 0x80) | last);
		return;
	}
	emit(g, 0xc4);
	emit(g, (~rex & 7) << 5 | r->map);
	emit(g, (rex & 8) << 4 | last);
}

static void emit_opcode(struct gen *g)
{
	const struct gen_row *r = g->r;

	if (g->vex) {
		emit_vex(g);
	} else {
		if (g->mode == LODGE_MODE_64 && chance(50))
			emit(g, 0x40 | below(16));
		if (r->map)
			emit(g, 0x0f);
		if (r->map == 2)
			emit(g, 0x38);
	}
	emit(g, r->opcode);
}

static bool has_modrm(const struct gen_row *r)
{
	static const u8 args[] = {
		ARG_E, ARG_EB, ARG_EW, ARG_ED, ARG_EQ, ARG_G, ARG_S, ARG_V, ARG_W,
	};
	unsigned int i;

	for (i = 0; i < sizeof(args); i++) {
		if (r->row.dst == args[i] || r->row.src == args[i])
			return true;
	}
	return r->group;
}

static void emit_modrm(struct gen *g)
{
	const struct gen_row *r = g->r;
	u8 mod = below(3), reg = below(8), rm = below(8);

	if (!has_modrm(r))
		return;
	if (r->row.flags & INSN_MEM)
		mod = chance(2) && r->row.op != OP_CMPXCHG8B ? 3 : mod;
	else if (!(r->row.flags & INSN_REG_UNKNOWN))
		mod = chance(25) ? 3 : mod;
	if (r->group)
		reg = r->reg;
	if (r->row.op == OP_MOV_FROM_SREG)
		reg = below(6);
	g->modrm_at = g->n;
	emit(g, mod << 6 | reg << 3 | rm);
}

/* Linear address near or in the data pages. */
static u64 rnd_target(void)
{
	u64 t = CPU_DATA + below(CPU_DATA_RW * CPU_PAGE - 64);

	switch (below(20)) {
	case 0:		/* across the pages' ends */
		return CPU_DATA + CPU_PAGE * below(4) - below(40);
	case 1:
		return CPU_DATA + CPU_DATA_RW * CPU_PAGE + below(CPU_PAGE);
	case 2:
		return chance(20) ? rnd_value() : t;
	case 3 ... 12:
		return t & ~31ULL;
	}
	return t;
}

static u64 garbage_above(const struct gen *g, unsigned int size, u64 v)
{
	if (g->mode != LODGE_MODE_64)
		return size == 2 ? (u32)((v & 0xffff) | rnd() << 16) : (u32)v;
	return size == 4 && chance(50) ? (u32)v | rnd() << 32 : v;
}

static u64 seg_base(const struct gen *g, unsigned int seg)
{
	if (g->mode == LODGE_MODE_64 && seg != LODGE_FS && seg != LODGE_GS)
		return 0;
	return g->e->seg[seg].base;
}

static void aim_displacement(struct gen *g, const struct lodge_insn *insn, u64 ea)
{
	unsigned int at = g->modrm_at + 1, len = insn->adsize == 2 ? 2 : 4;
	unsigned int i;

	if (insn->dst == ARG_O || insn->src == ARG_O) {
		len = insn->adsize;
		at = insn->len - len;
	} else if (insn->adsize != 2 && (insn->modrm & 7) == 4) {
		at++;
	}
	if (insn->base == LODGE_RIP)
		ea -= g->c->in.rip + insn->len;
	if (insn->index != LODGE_NO_REG)
		g->c->in.gpr[insn->index] = garbage_above(g, insn->adsize, below(16));
	for (i = 0; i < len && at + i < sizeof(g->c->bytes); i++)
		g->c->bytes[at + i] = ea >> (8 * i);
}

/* Set registers or the displacement so that the operand lies at @target. */
static void aim(struct gen *g, const struct lodge_insn *insn, u64 target)
{
	u64 ea = target - seg_base(g, insn->seg);
	uint64_t *gpr = g->c->in.gpr;
	u64 rest;

	if (insn->base == LODGE_RIP || insn->base == LODGE_NO_REG) {
		aim_displacement(g, insn, ea);
		return;
	}
	if (insn->index != LODGE_NO_REG && insn->index != insn->base)
		gpr[insn->index] = chance(50) ? below(256) : rnd_value();
	if (g->mode != LODGE_MODE_64 && insn->index != LODGE_NO_REG)
		gpr[insn->index] = (u32)gpr[insn->index];
	rest = ea - insn->disp;
	if (insn->index == insn->base) {
		gpr[insn->base] = rest / (1 + (1u << insn->scale));
		return;
	}
	if (insn->index != LODGE_NO_REG)
		rest -= gpr[insn->index] << insn->scale;
	gpr[insn->base] = garbage_above(g, insn->adsize, rest);
}

static void aim_pointers(struct gen *g, const struct lodge_insn *insn)
{
	unsigned int seg = insn->seg, size = insn->adsize;
	uint64_t *gpr = g->c->in.gpr;

	if (insn->op >= OP_PUSH && insn->op <= OP_PUSHF) {
		u64 top = CPU_DATA + below(CPU_DATA_RW * CPU_PAGE) - seg_base(g, LODGE_SS);

		if (chance(90))
			top &= ~7ULL;
		size = g->e->seg[LODGE_SS].attr & LODGE_SEG_DB ? 4 : 2;
		gpr[LODGE_RSP] = garbage_above(g, g->mode == LODGE_MODE_64 ? 8 : size, top);
		if (insn->op == OP_LEAVE)
			gpr[LODGE_RBP] = gpr[LODGE_RSP];
	}
	if (insn->op == OP_XLAT)
		gpr[LODGE_RBX] = garbage_above(g, size, rnd_target() - seg_base(g, seg));
	if (insn->op == OP_LOOP || insn->op == OP_JCXZ)
		gpr[LODGE_RCX] = garbage_above(g, size, below(3));
	if (insn->flags & INSN_STRING) {
		gpr[LODGE_RSI] = garbage_above(g, size, rnd_target() - seg_base(g, seg));
		gpr[LODGE_RDI] = garbage_above(g, size, rnd_target() - seg_base(g, LODGE_ES));
		/* a count of 0 with 32-bit addresses clears upper halves on some */
		gpr[LODGE_RCX] = garbage_above(g, size, size == 4 ? 1 + below(20) : below(20));
	}
}

/* Operand values with which the rarer outcome is not too rare. */
static void aim_values(struct gen *g, const struct lodge_insn *insn, u64 linear)
{
	uint64_t *gpr = g->c->in.gpr;
	u64 code = (g->mode == LODGE_MODE_16 ? 0 : CPU_CODE) + below(CPU_PAGE);
	bool poke = chance(50);

	g->c->poke = rnd_value();
	switch (insn->op) {
	case OP_CMPXCHG:
		if (insn->is_mem)
			gpr[LODGE_RAX] = chance(60) ? g->c->poke : gpr[LODGE_RAX];
		/* does a failure with 32 bits clear the upper half?  Makers differ. */
		else if (insn->opsize == 4 || chance(60))
			gpr[insn->rm] = gpr[LODGE_RAX];
		break;
	case OP_CMPXCHG8B:
		gpr[LODGE_RAX] = insn->opsize == 8 ? g->c->poke : (u32)g->c->poke;
		if (chance(80))
			gpr[LODGE_RDX] = g->c->poke >> 32;
		break;
	case OP_DIV:
	case OP_IDIV:
		if (chance(70))
			gpr[LODGE_RDX] = chance(50) ? 0 : -(u64)chance(50);
		break;
	case OP_SHLD:
	case OP_SHRD:
		if (insn->opsize == 2)
			gpr[LODGE_RCX] &= ~0x10ULL;
		break;
	case OP_BT ... OP_BTC:
		if (insn->src == ARG_G && insn->reg != insn->base && insn->reg != insn->index)
			gpr[insn->reg] = garbage_above(g, 4, (s64)(s16)rnd() >> below(8));
		break;
	case OP_JMP:
	case OP_CALL:
		poke |= insn->is_mem;
		g->c->poke = code;
		if (insn->src == ARG_E && !insn->is_mem)
			gpr[insn->rm] = code;
		break;
	case OP_RET:
		linear = seg_base(g, LODGE_SS) + (g->e->seg[LODGE_SS].attr & LODGE_SEG_DB ?
			gpr[LODGE_RSP] : (u16)gpr[LODGE_RSP]);
		poke = true;
		g->c->poke = code;
		break;
	}
	if (linear < CPU_DATA || linear > CPU_DATA + CPU_DATA_RW * CPU_PAGE - 16)
		poke = false;
	g->c->poke_at = poke ? linear & ~7ULL : 0;
}

static void rnd_flags(struct cpu_case *c)
{
	c->in.rflags = 0x202 | (rnd() & LODGE_FLAGS_ARITH);
	if (chance(40))
		c->in.rflags |= LODGE_FLAG_DF;
	if (chance(4))
		c->in.rflags |= LODGE_FLAG_AC;
}

static void place_code(struct gen *g)
{
	u64 end = CPU_CODE_PAGES * CPU_PAGE, at = 16 + below(CPU_PAGE - 64);

	if (chance(8))
		at = CPU_PAGE - below(16);
	else if (chance(2))
		at = end - 1 - below(15);
	/* the page's end lies beyond a short segment's limit, and so it may */
	if (g->c->cs == LDT_SEL(LDT_SHORT32))
		at = chance(80) ? at & 0x7ff : 0x806 - below(16);
	g->c->in.rip = CPU_CODE - (g->mode == LODGE_MODE_64 ? 0 : g->e->seg[LODGE_CS].base) + at;
}

/* Has the instruction a result that is defined, the same everywhere, and unprivileged? */
static bool comparable(const struct lodge_insn *insn)
{
	switch (insn->op) {
	case OP_SYSTEM:
	case OP_INS:
	case OP_OUTS:
	case OP_IN:
	case OP_OUT:
		return false;
	case OP_SHLD:
	case OP_SHRD:
		return insn->src2 != ARG_UB || insn->opsize != 2 || (insn->imm & 0x1f) <= 16;
	case OP_MOVSX:
		/* MOVSXD to 16 bits reads two bytes or four */
		return insn->opcode != 0x63 || insn->opsize != 2;
	case OP_LOOP:
		/* a repeat prefix picks the condition on some */
		if (insn->rep)
			return false;
		break;
	case OP_BSWAP:
		return insn->opsize != 2;
	case OP_NOP:
		/* PREFETCHW of a register */
		return insn->opcode != 0x0d || insn->is_mem;
	}
	/* near branches with 66 */
	return !((insn->flags & INSN_F64) && insn->prefix66 && insn->mode == LODGE_MODE_64);
}

/*
 * Fill @c; its selectors are set and @e has the segments.  False: try again.
 */
static bool gen_case(struct cpu_case *c, struct lodge_emul *e, unsigned int mode)
{
	struct gen g = { .c = c, .e = e, .mode = mode };
	struct lodge_emul_mem mem;
	struct lodge_insn insn;
	unsigned int i;
	int ret;

	gen_last = &gen_rows[below(gen_count)];
	g.r = gen_last;
	g.vex = (g.r->row.flags & INSN_VEX) && !(g.r->row.flags & INSN_NOVEX) && chance(50);
	for (i = 0; i < 16; i++)
		c->in.gpr[i] = mode == LODGE_MODE_64 ? rnd_value() : (u32)rnd_value();
	rnd_flags(c);
	place_code(&g);
	emit_prefixes(&g);
	emit_opcode(&g);
	emit_modrm(&g);
	while (g.n < sizeof(c->bytes))
		emit(&g, chance(30) ? below(3) - 1 : rnd());

	ret = lodge_decode(&insn, mode, true, c->bytes, sizeof(c->bytes));
	if (ret == LODGE_DECODE_UNKNOWN || ret == LODGE_DECODE_MORE)
		return false;
	c->use_vec = insn.op >= OP_VMOV && insn.op <= OP_VMOV_HIGH;
	if (c->use_vec) {
		for (i = 0; i < sizeof(c->in.vec) / 8; i++)
			((u64 *)c->in.vec)[i] = rnd();
	}
	c->string = !!(insn.flags & INSN_STRING);
	if (ret)
		return !(insn.prefix66 && (insn.flags & INSN_F64));

	aim_pointers(&g, &insn);
	if (insn.is_mem)
		aim(&g, &insn, rnd_target());
	ret = lodge_decode(&insn, mode, true, c->bytes, sizeof(c->bytes));
	c->string = !!(insn.flags & INSN_STRING);
	if (ret)
		return false;
	if (!comparable(&insn))
		return false;
	memcpy(e->next.gpr, c->in.gpr, sizeof(e->next.gpr));
	e->next.rip = c->in.rip + insn.len;
	e->insn = insn;
	mem = lodge_emul_operand(e);
	aim_values(&g, &insn, mem.ea + seg_base(&g, mem.seg));
	return true;
}

#endif /* SELFTESTS_NATIVE_EMULATE_GEN_H */
