// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction decoder: prefixes, opcode, ModRM, SIB, displacement, immediate.
 *
 * Source: SDM Vol 2, chapter 2.
 */
#include "decode.h"
#include "optable.h"

#define REX_W	0x8
#define REX_R	0x4
#define REX_X	0x2
#define REX_B	0x1

struct cursor {
	struct lodge_insn *insn;
	const u8 *bytes;
	unsigned int n;
	unsigned int mode;
	bool protected;
	bool prefix67;
	u8 override;		/* LODGE_SEGS: none */
	u8 vex_pp;
};

/* Take @len bytes, little-endian; LODGE_DECODE_OK, MORE or LONG. */
static int take(struct cursor *c, unsigned int len, u64 *val)
{
	struct lodge_insn *insn = c->insn;
	u64 v = 0;
	unsigned int i;

	for (i = 0; i < len; i++) {
		if (insn->len >= LODGE_INSN_MAX)
			return LODGE_DECODE_LONG;
		if (insn->len >= c->n)
			return LODGE_DECODE_MORE;
		insn->bytes[insn->len] = c->bytes[insn->len];
		v |= (u64)insn->bytes[insn->len] << (8 * i);
		insn->len++;
	}
	*val = v;
	return LODGE_DECODE_OK;
}

static int take_byte(struct cursor *c, u8 *val)
{
	u64 v = 0;
	int ret = take(c, 1, &v);

	*val = v;
	return ret;
}

static s64 sign_extend(u64 v, unsigned int len)
{
	unsigned int shift = 64 - 8 * len;

	return (s64)(v << shift) >> shift;
}

/* One legacy prefix: true if @byte is one. */
static bool legacy_prefix(struct cursor *c, u8 byte)
{
	struct lodge_insn *insn = c->insn;

	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* without meaning in 64-bit mode, where FS or GS given before stays */
		if (c->mode != LODGE_MODE_64)
			c->override = (byte >> 3) & 3;
		return true;
	case 0x64:
	case 0x65:
		c->override = LODGE_FS + (byte & 1);
		return true;
	case 0x66:
		insn->prefix66 = true;
		return true;
	case 0x67:
		c->prefix67 = true;
		return true;
	case 0xf0:
		insn->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		insn->rep = byte;
		return true;
	}
	return false;
}

/* Prefixes up to the first opcode byte, which is left in @byte. */
static int prefixes(struct cursor *c, u8 *byte)
{
	struct lodge_insn *insn = c->insn;
	int ret;

	for (;;) {
		ret = take_byte(c, byte);
		if (ret)
			return ret;
		if (c->mode == LODGE_MODE_64 && (*byte & 0xf0) == 0x40) {
			insn->rex = *byte;
		} else if (legacy_prefix(c, *byte)) {
			/* a REX that does not stand right before the opcode is void */
			insn->rex = 0;
		} else {
			return LODGE_DECODE_OK;
		}
	}
}

/* After C4 or C5: is it VEX, or LES and LDS? */
static bool is_vex(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;

	if (c->mode == LODGE_MODE_64)
		return true;
	if (!c->protected)
		return false;
	return insn->len < c->n && insn->len < LODGE_INSN_MAX &&
	       (c->bytes[insn->len] & 0xc0) == 0xc0;
}

static int vex(struct cursor *c, u8 first)
{
	struct lodge_insn *insn = c->insn;
	u8 p0, p1;
	bool ud;
	int ret;

	if (c->mode != LODGE_MODE_64 && insn->len >= c->n)
		return insn->len < LODGE_INSN_MAX ? LODGE_DECODE_MORE : LODGE_DECODE_LONG;
	if (!is_vex(c))
		return LODGE_DECODE_UNKNOWN;
	ud = insn->lock || insn->prefix66 || insn->rep || insn->rex;

	ret = take_byte(c, &p0);
	if (ret)
		return ret;
	p1 = p0;
	insn->map = 1;
	insn->rex = 0x40 | (p0 & 0x80 ? 0 : REX_R);
	if (first == 0xc4) {
		ret = take_byte(c, &p1);
		if (ret)
			return ret;
		insn->map = p0 & 0x1f;
		insn->rex |= (p0 & 0x40 ? 0 : REX_X) | (p0 & 0x20 ? 0 : REX_B) |
			     (p1 & 0x80 ? REX_W : 0);
	}
	if (c->mode != LODGE_MODE_64)
		insn->rex = 0;
	insn->vex = true;
	insn->vl = p1 & 4 ? 32 : 16;
	insn->vvvv = ~(p1 >> 3) & 0xf;
	c->vex_pp = p1 & 3;
	ret = take_byte(c, &insn->opcode);
	if (ret)
		return ret;
	return ud ? LODGE_DECODE_UD : LODGE_DECODE_OK;
}

/* The opcode with its map. */
static int opcode(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;
	u8 byte;
	int ret;

	ret = prefixes(c, &byte);
	if (ret)
		return ret;
	if (byte == 0xc4 || byte == 0xc5)
		return vex(c, byte);
	if (byte != 0x0f) {
		insn->opcode = byte;
		return LODGE_DECODE_OK;
	}
	insn->map = 1;
	ret = take_byte(c, &insn->opcode);
	if (ret || (insn->opcode != 0x38 && insn->opcode != 0x3a))
		return ret;
	insn->map = insn->opcode == 0x38 ? 2 : 3;
	return take_byte(c, &insn->opcode);
}

static int addr16(struct cursor *c, unsigned int mod, unsigned int rm)
{
	static const u8 base[8] = {
		LODGE_RBX, LODGE_RBX, LODGE_RBP, LODGE_RBP,
		LODGE_RSI, LODGE_RDI, LODGE_RBP, LODGE_RBX,
	};
	static const u8 index[8] = {
		LODGE_RSI, LODGE_RDI, LODGE_RSI, LODGE_RDI,
		LODGE_NO_REG, LODGE_NO_REG, LODGE_NO_REG, LODGE_NO_REG,
	};
	struct lodge_insn *insn = c->insn;
	unsigned int len = mod == 2 ? 2 : mod;
	u64 disp = 0;
	int ret;

	insn->base = base[rm];
	insn->index = index[rm];
	if (mod == 0 && rm == 6) {
		insn->base = LODGE_NO_REG;
		len = 2;
	}
	if (insn->base == LODGE_RBP)
		insn->seg = LODGE_SS;
	if (!len)
		return LODGE_DECODE_OK;
	ret = take(c, len, &disp);
	insn->disp = sign_extend(disp, len);
	return ret;
}

static int addr32(struct cursor *c, unsigned int mod, unsigned int rm)
{
	struct lodge_insn *insn = c->insn;
	unsigned int len = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	unsigned int base = rm;
	u64 disp = 0;
	u8 sib;
	int ret;

	if (rm == 4) {
		ret = take_byte(c, &sib);
		if (ret)
			return ret;
		base = sib & 7;
		insn->scale = sib >> 6;
		insn->index = ((sib >> 3) & 7) | (insn->rex & REX_X ? 8 : 0);
		if (insn->index == LODGE_RSP)
			insn->index = LODGE_NO_REG;
	}
	insn->base = base | (insn->rex & REX_B ? 8 : 0);
	if (insn->base == LODGE_RSP || (insn->base == LODGE_RBP && mod))
		insn->seg = LODGE_SS;
	if (mod == 0 && base == 5) {
		insn->base = LODGE_NO_REG;
		if (rm == 5 && c->mode == LODGE_MODE_64)
			insn->base = LODGE_RIP;
		len = 4;
	}
	if (!len)
		return LODGE_DECODE_OK;
	ret = take(c, len, &disp);
	insn->disp = sign_extend(disp, len);
	return ret;
}

/* What follows the ModRM byte, which has been taken. */
static int modrm(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;
	unsigned int mod = insn->modrm >> 6, rm = insn->modrm & 7;

	insn->reg = ((insn->modrm >> 3) & 7) | (insn->rex & REX_R ? 8 : 0);
	if (mod == 3) {
		insn->rm = rm | (insn->rex & REX_B ? 8 : 0);
		return LODGE_DECODE_OK;
	}
	insn->is_mem = true;
	if (insn->adsize == 2)
		return addr16(c, mod, rm);
	return addr32(c, mod, rm);
}

static void sizes(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;
	bool wide = c->mode != LODGE_MODE_16;

	if (c->mode == LODGE_MODE_64)
		insn->adsize = c->prefix67 ? 4 : 8;
	else
		insn->adsize = wide != c->prefix67 ? 4 : 2;

	if (insn->flags & INSN_BYTE)
		insn->opsize = 1;
	else if (c->mode == LODGE_MODE_64 && ((insn->rex & REX_W) || (insn->flags & INSN_F64)))
		insn->opsize = 8;
	else if (c->mode == LODGE_MODE_64 && (insn->flags & INSN_D64) && !insn->prefix66)
		insn->opsize = 8;
	else
		insn->opsize = wide != insn->prefix66 ? 4 : 2;
}

static bool arg_uses_modrm(u8 arg)
{
	switch (arg) {
	case ARG_E:
	case ARG_EB:
	case ARG_EW:
	case ARG_ED:
	case ARG_EQ:
	case ARG_G:
	case ARG_S:
	case ARG_V:
	case ARG_W:
		return true;
	}
	return false;
}

static int immediate(struct cursor *c, u8 arg)
{
	struct lodge_insn *insn = c->insn;
	unsigned int len;
	u64 v = 0;
	int ret;

	switch (arg) {
	case ARG_IB:
	case ARG_UB:
	case ARG_JB:
		len = 1;
		break;
	case ARG_IW:
		len = 2;
		break;
	case ARG_IZ:
	case ARG_JZ:
		len = insn->opsize < 4 ? insn->opsize : 4;
		break;
	case ARG_IV:
		len = insn->opsize;
		break;
	case ARG_O:
		insn->is_mem = true;
		ret = take(c, insn->adsize, &v);
		insn->disp = v;
		return ret;
	default:
		return LODGE_DECODE_OK;
	}
	ret = take(c, len, &v);
	insn->imm = arg == ARG_UB || arg == ARG_IW ? v : (u64)sign_extend(v, len);
	return ret;
}

/* What the table cannot say. */
static int fixups(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;

	if (insn->op == OP_BSF && insn->rep == 0xf3)
		insn->op = OP_TZCNT;
	if (insn->op == OP_BSR && insn->rep == 0xf3)
		insn->op = OP_LZCNT;
	/* 90 is XCHG only with REX.B; else NOP and PAUSE */
	if (insn->map == 0 && insn->opcode == 0x90 && !(insn->rex & REX_B))
		insn->op = OP_NOP;
	if (insn->map == 0 && insn->opcode == 0x63) {
		if (c->mode != LODGE_MODE_64)
			return LODGE_DECODE_UNKNOWN;	/* ARPL */
		if (insn->opsize == 2)
			insn->src = ARG_EW;
	}
	/* MOVNTI and MOVDIRI have no 16-bit form */
	if (insn->op == OP_MOV && insn->map && insn->opsize == 2)
		insn->opsize = 4;
	if (insn->dst == ARG_Z || insn->src == ARG_Z)
		insn->rm = (insn->opcode & 7) | (insn->rex & REX_B ? 8 : 0);
	return LODGE_DECODE_OK;
}

static int legality(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;
	bool has_reg_form = arg_uses_modrm(insn->dst) || arg_uses_modrm(insn->src);

	if (insn->op == OP_UD)
		return LODGE_DECODE_UD;
	if ((insn->flags & INSN_NO64) && c->mode == LODGE_MODE_64)
		return LODGE_DECODE_UD;
	if (insn->lock && !((insn->flags & INSN_LOCKABLE) && insn->is_mem))
		return LODGE_DECODE_UD;
	if ((insn->flags & INSN_MEM) && !insn->is_mem)
		return insn->op == OP_CMPXCHG8B ? LODGE_DECODE_UNKNOWN : LODGE_DECODE_UD;
	if ((insn->flags & INSN_REG_UNKNOWN) && has_reg_form && !insn->is_mem)
		return LODGE_DECODE_UNKNOWN;
	if (insn->op == OP_MOV_FROM_SREG && (insn->reg & 7) >= LODGE_SEGS)
		return LODGE_DECODE_UD;
	if (insn->vex) {
		if (insn->flags & INSN_NOVEX)
			return LODGE_DECODE_UNKNOWN;
		if (insn->vvvv)
			return LODGE_DECODE_UD;
		/* a scalar has no 256-bit form; only VMOVSS and VMOVSD ignore L */
		if (insn->vl == 32 && ((insn->flags & INSN_V8) || insn->src == ARG_EQ ||
				       insn->dst == ARG_EQ) &&
		    (insn->opcode & ~1) != 0x10)
			return LODGE_DECODE_UD;
	}
	return LODGE_DECODE_OK;
}

static unsigned int mandatory_prefix(const struct cursor *c)
{
	const struct lodge_insn *insn = c->insn;

	if (insn->vex)
		return c->vex_pp;
	if (insn->rep)
		return insn->rep == 0xf3 ? 2 : 3;
	return insn->prefix66;
}

/* The row for the opcode; takes the ModRM byte if a row needs one. */
static int find_row(struct cursor *c)
{
	struct lodge_insn *insn = c->insn;
	unsigned int pp = mandatory_prefix(c);
	struct lodge_opcode row;
	bool group;
	int ret;

	group = lodge_decode_is_group(insn->map, insn->opcode);
	if (group) {
		ret = take_byte(c, &insn->modrm);
		if (ret)
			return ret;
	}
	row = lodge_decode_row(insn->map, insn->opcode, pp, insn->modrm >> 3);
	if (row.op == OP_UNKNOWN || (insn->vex && !(row.flags & INSN_VEX)))
		return LODGE_DECODE_UNKNOWN;
	insn->op = row.op;
	insn->dst = row.dst;
	insn->src = row.src;
	insn->src2 = row.src2;
	insn->flags = row.flags;
	sizes(c);
	if (!arg_uses_modrm(row.dst) && !arg_uses_modrm(row.src))
		return LODGE_DECODE_OK;
	if (!group) {
		ret = take_byte(c, &insn->modrm);
		if (ret)
			return ret;
	}
	return modrm(c);
}

int lodge_decode(struct lodge_insn *insn, unsigned int mode, bool protected,
		 const u8 *bytes, unsigned int n)
{
	struct cursor c = {
		.insn = insn, .bytes = bytes, .n = n,
		.mode = mode, .protected = protected, .override = LODGE_SEGS,
	};
	int ret;

	memset(insn, 0, sizeof(*insn));
	insn->mode = mode;
	insn->base = LODGE_NO_REG;
	insn->index = LODGE_NO_REG;
	insn->seg = LODGE_DS;

	ret = opcode(&c);
	if (!ret)
		ret = find_row(&c);
	if (!ret)
		ret = immediate(&c, insn->dst);
	if (!ret)
		ret = immediate(&c, insn->src);
	if (!ret)
		ret = immediate(&c, insn->src2);
	if (ret)
		return ret;
	if (c.override != LODGE_SEGS)
		insn->seg = c.override;
	ret = fixups(&c);
	if (ret)
		return ret;
	return legality(&c);
}
