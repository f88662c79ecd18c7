// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opcode maps, one row an opcode: what it does, its operands in the order
 * of the manual, its properties.
 *
 * Source: SDM Vol 2, appendix A.
 */
#include "optable.h"

#define R(_op, _dst, _src, _flags) \
	{ OP_##_op, ARG_##_dst, ARG_##_src, ARG_NONE, _flags }
#define R3(_op, _dst, _src, _src2, _flags) \
	{ OP_##_op, ARG_##_dst, ARG_##_src, ARG_##_src2, _flags }

#define B	INSN_BYTE
#define LOCK	INSN_LOCKABLE
#define D64	INSN_D64
#define F64	INSN_F64
#define NO64	INSN_NO64
#define MEM	INSN_MEM
#define RO	INSN_RO
#define WO	INSN_WO
#define STR	INSN_STRING
#define VEX	INSN_VEX
#define ALIGNED	INSN_ALIGN
#define V4	INSN_V4
#define V8	INSN_V8
#define REGX	INSN_REG_UNKNOWN
#define NOVEX	INSN_NOVEX

#define ALU(_base, _op, _lock, _ro) \
	[(_base) + 0] = R(_op, E, G, B | (_lock) | (_ro)), \
	[(_base) + 1] = R(_op, E, G, (_lock) | (_ro)), \
	[(_base) + 2] = R(_op, G, E, B | (_ro)), \
	[(_base) + 3] = R(_op, G, E, _ro), \
	[(_base) + 4] = R(_op, A, IZ, B | (_ro)), \
	[(_base) + 5] = R(_op, A, IZ, _ro)

static const struct lodge_opcode one_byte[256] = {
	ALU(0x00, ADD, LOCK, 0),
	ALU(0x08, OR, LOCK, 0),
	ALU(0x10, ADC, LOCK, 0),
	ALU(0x18, SBB, LOCK, 0),
	ALU(0x20, AND, LOCK, 0),
	ALU(0x28, SUB, LOCK, 0),
	ALU(0x30, XOR, LOCK, 0),
	ALU(0x38, CMP, 0, RO),
	[0x40 ... 0x47] = R(INC, Z, NONE, NO64),
	[0x48 ... 0x4f] = R(DEC, Z, NONE, NO64),
	[0x50 ... 0x57] = R(PUSH, NONE, Z, D64),
	[0x58 ... 0x5f] = R(POP, Z, NONE, D64 | WO),
	[0x63] = R(MOVSX, G, ED, WO),
	[0x68] = R(PUSH, NONE, IZ, D64),
	[0x69] = R3(IMUL2, G, E, IZ, WO),
	[0x6a] = R(PUSH, NONE, IB, D64),
	[0x6b] = R3(IMUL2, G, E, IB, WO),
	[0x6c] = R(INS, NONE, NONE, B | STR),
	[0x6d] = R(INS, NONE, NONE, STR),
	[0x6e] = R(OUTS, NONE, NONE, B | STR),
	[0x6f] = R(OUTS, NONE, NONE, STR),
	[0x70 ... 0x7f] = R(JCC, NONE, JB, F64),
	[0x80] = R(GROUP1, E, IB, B),
	[0x81] = R(GROUP1, E, IZ, 0),
	[0x82] = R(GROUP1, E, IB, B | NO64),
	[0x83] = R(GROUP1, E, IB, 0),
	[0x84] = R(TEST, E, G, B | RO),
	[0x85] = R(TEST, E, G, RO),
	[0x86] = R(XCHG, E, G, B | LOCK),
	[0x87] = R(XCHG, E, G, LOCK),
	[0x88] = R(MOV, E, G, B | WO),
	[0x89] = R(MOV, E, G, WO),
	[0x8a] = R(MOV, G, E, B | WO),
	[0x8b] = R(MOV, G, E, WO),
	[0x8c] = R(MOV_FROM_SREG, E, S, WO),
	[0x8d] = R(LEA, G, E, MEM | WO),
	[0x8f] = R(GROUP1A, NONE, NONE, 0),
	[0x90 ... 0x97] = R(XCHG, Z, A, 0),
	[0x98] = R(CBW, NONE, NONE, 0),
	[0x99] = R(CWD, NONE, NONE, 0),
	[0x9c] = R(PUSHF, NONE, NONE, D64),
	[0x9e] = R(SAHF, NONE, NONE, 0),
	[0x9f] = R(LAHF, NONE, NONE, 0),
	[0xa0] = R(MOV, A, O, B | WO),
	[0xa1] = R(MOV, A, O, WO),
	[0xa2] = R(MOV, O, A, B | WO),
	[0xa3] = R(MOV, O, A, WO),
	[0xa4] = R(MOVS, NONE, NONE, B | STR),
	[0xa5] = R(MOVS, NONE, NONE, STR),
	[0xa6] = R(CMPS, NONE, NONE, B | STR),
	[0xa7] = R(CMPS, NONE, NONE, STR),
	[0xa8] = R(TEST, A, IZ, B | RO),
	[0xa9] = R(TEST, A, IZ, RO),
	[0xaa] = R(STOS, NONE, NONE, B | STR),
	[0xab] = R(STOS, NONE, NONE, STR),
	[0xac] = R(LODS, NONE, NONE, B | STR),
	[0xad] = R(LODS, NONE, NONE, STR),
	[0xae] = R(SCAS, NONE, NONE, B | STR),
	[0xaf] = R(SCAS, NONE, NONE, STR),
	[0xb0 ... 0xb7] = R(MOV, Z, IZ, B | WO),
	[0xb8 ... 0xbf] = R(MOV, Z, IV, WO),
	[0xc0] = R(GROUP2, E, UB, B),
	[0xc1] = R(GROUP2, E, UB, 0),
	[0xc2] = R(RET, NONE, IW, F64),
	[0xc3] = R(RET, NONE, NONE, F64),
	[0xc6] = R(GROUP11, E, IZ, B),
	[0xc7] = R(GROUP11, E, IZ, 0),
	[0xc9] = R(LEAVE, NONE, NONE, D64),
	[0xd0] = R(GROUP2, E, ONE, B),
	[0xd1] = R(GROUP2, E, ONE, 0),
	[0xd2] = R(GROUP2, E, CL, B),
	[0xd3] = R(GROUP2, E, CL, 0),
	[0xd7] = R(XLAT, NONE, NONE, 0),
	[0xe0 ... 0xe2] = R(LOOP, NONE, JB, F64),
	[0xe3] = R(JCXZ, NONE, JB, F64),
	[0xe4] = R(IN, A, UB, B | WO),
	[0xe5] = R(IN, A, UB, WO),
	[0xe6] = R(OUT, UB, A, B | RO),
	[0xe7] = R(OUT, UB, A, RO),
	[0xe8] = R(CALL, NONE, JZ, F64),
	[0xe9] = R(JMP, NONE, JZ, F64),
	[0xeb] = R(JMP, NONE, JB, F64),
	[0xec] = R(IN, A, DX, B | WO),
	[0xed] = R(IN, A, DX, WO),
	[0xee] = R(OUT, DX, A, B | RO),
	[0xef] = R(OUT, DX, A, RO),
	[0xf5] = R(CMC, NONE, NONE, 0),
	[0xf6] = R(GROUP3, NONE, NONE, B),
	[0xf7] = R(GROUP3, NONE, NONE, 0),
	[0xf8] = R(CLC, NONE, NONE, 0),
	[0xf9] = R(STC, NONE, NONE, 0),
	[0xfc] = R(CLD, NONE, NONE, 0),
	[0xfd] = R(STD, NONE, NONE, 0),
	[0xfe] = R(GROUP4, NONE, NONE, B),
	[0xff] = R(GROUP5, NONE, NONE, 0),
};

static const struct lodge_opcode map_0f[256] = {
	[0x00] = R(SYSTEM, NONE, E, 0),		/* SLDT, STR, LLDT, LTR, VERR, VERW */
	[0x01] = R(SYSTEM, NONE, E, 0),		/* SGDT, LGDT, SMSW, LMSW, INVLPG, ... */
	[0x0b] = R(UD, NONE, NONE, 0),
	[0x0d] = R(NOP, NONE, E, 0),		/* PREFETCHW */
	[0x10 ... 0x13] = R(BY_PREFIX, NONE, NONE, 0),
	[0x16 ... 0x17] = R(BY_PREFIX, NONE, NONE, 0),
	[0x18 ... 0x1f] = R(NOP, NONE, E, 0),	/* PREFETCH, ENDBR, long NOP */
	[0x28 ... 0x29] = R(BY_PREFIX, NONE, NONE, 0),
	[0x2b] = R(BY_PREFIX, NONE, NONE, 0),
	[0x40 ... 0x4f] = R(CMOVCC, G, E, 0),
	[0x6e ... 0x6f] = R(BY_PREFIX, NONE, NONE, 0),
	[0x7e ... 0x7f] = R(BY_PREFIX, NONE, NONE, 0),
	[0x80 ... 0x8f] = R(JCC, NONE, JZ, F64),
	[0x90 ... 0x9f] = R(SETCC, E, NONE, B | WO),
	[0xa3] = R(BT, E, G, RO),
	[0xa4] = R3(SHLD, E, G, UB, 0),
	[0xa5] = R3(SHLD, E, G, CL, 0),
	[0xab] = R(BTS, E, G, LOCK),
	[0xac] = R3(SHRD, E, G, UB, 0),
	[0xad] = R3(SHRD, E, G, CL, 0),
	[0xae] = R(GROUP15, NONE, NONE, 0),
	[0xaf] = R(IMUL2, G, E, 0),
	[0xb0] = R(CMPXCHG, E, G, B | LOCK),
	[0xb1] = R(CMPXCHG, E, G, LOCK),
	[0xb3] = R(BTR, E, G, LOCK),
	[0xb6] = R(MOVZX, G, EB, WO),
	[0xb7] = R(MOVZX, G, EW, WO),
	[0xb8] = R(BY_PREFIX, NONE, NONE, 0),
	[0xb9] = R(UD, NONE, E, 0),
	[0xba] = R(GROUP8, E, UB, 0),
	[0xbb] = R(BTC, E, G, LOCK),
	[0xbc] = R(BSF, G, E, 0),
	[0xbd] = R(BSR, G, E, 0),
	[0xbe] = R(MOVSX, G, EB, WO),
	[0xbf] = R(MOVSX, G, EW, WO),
	[0xc0] = R(XADD, E, G, B | LOCK),
	[0xc1] = R(XADD, E, G, LOCK),
	[0xc3] = R(BY_PREFIX, NONE, NONE, 0),
	[0xc7] = R(GROUP9, NONE, NONE, 0),
	[0xc8 ... 0xcf] = R(BSWAP, Z, NONE, 0),
	[0xd6] = R(BY_PREFIX, NONE, NONE, 0),
	[0xe7] = R(BY_PREFIX, NONE, NONE, 0),
	[0xf0] = R(BY_PREFIX, NONE, NONE, 0),
	[0xff] = R(UD, NONE, E, 0),
};

enum { PP_NONE, PP_66, PP_F3, PP_F2 };

/* Where 66, F3 and F2 make different instructions of one opcode. */
static const struct {
	u8 map, opcode, pp;
	struct lodge_opcode row;
} by_prefix[] = {
	{ 1, 0x10, PP_NONE, R(VMOV, V, W, WO | VEX) },			/* MOVUPS */
	{ 1, 0x10, PP_66, R(VMOV, V, W, WO | VEX) },			/* MOVUPD */
	{ 1, 0x10, PP_F3, R(VMOV, V, W, WO | VEX | V4 | REGX) },	/* MOVSS */
	{ 1, 0x10, PP_F2, R(VMOV, V, W, WO | VEX | V8 | REGX) },	/* MOVSD */
	{ 1, 0x11, PP_NONE, R(VMOV, W, V, WO | VEX) },
	{ 1, 0x11, PP_66, R(VMOV, W, V, WO | VEX) },
	{ 1, 0x11, PP_F3, R(VMOV, W, V, WO | VEX | V4 | REGX) },
	{ 1, 0x11, PP_F2, R(VMOV, W, V, WO | VEX | V8 | REGX) },
	{ 1, 0x12, PP_NONE, R(VMOV_LOW, V, W, VEX | NOVEX | V8 | REGX) },	/* MOVLPS */
	{ 1, 0x12, PP_66, R(VMOV_LOW, V, W, VEX | NOVEX | V8 | MEM) },	/* MOVLPD */
	{ 1, 0x13, PP_NONE, R(VMOV_LOW, W, V, WO | VEX | V8 | MEM) },
	{ 1, 0x13, PP_66, R(VMOV_LOW, W, V, WO | VEX | V8 | MEM) },
	{ 1, 0x16, PP_NONE, R(VMOV_HIGH, V, W, VEX | NOVEX | V8 | REGX) },	/* MOVHPS */
	{ 1, 0x16, PP_66, R(VMOV_HIGH, V, W, VEX | NOVEX | V8 | MEM) },	/* MOVHPD */
	{ 1, 0x17, PP_NONE, R(VMOV_HIGH, W, V, WO | VEX | V8 | MEM) },
	{ 1, 0x17, PP_66, R(VMOV_HIGH, W, V, WO | VEX | V8 | MEM) },
	{ 1, 0x28, PP_NONE, R(VMOV, V, W, WO | VEX | ALIGNED) },		/* MOVAPS */
	{ 1, 0x28, PP_66, R(VMOV, V, W, WO | VEX | ALIGNED) },		/* MOVAPD */
	{ 1, 0x29, PP_NONE, R(VMOV, W, V, WO | VEX | ALIGNED) },
	{ 1, 0x29, PP_66, R(VMOV, W, V, WO | VEX | ALIGNED) },
	{ 1, 0x2b, PP_NONE, R(VMOV, W, V, WO | VEX | ALIGNED | MEM) },	/* MOVNTPS */
	{ 1, 0x2b, PP_66, R(VMOV, W, V, WO | VEX | ALIGNED | MEM) },	/* MOVNTPD */
	{ 1, 0x6e, PP_66, R(VMOV, V, EQ, WO | VEX) },			/* MOVD, MOVQ */
	{ 1, 0x6f, PP_66, R(VMOV, V, W, WO | VEX | ALIGNED) },		/* MOVDQA */
	{ 1, 0x6f, PP_F3, R(VMOV, V, W, WO | VEX) },			/* MOVDQU */
	{ 1, 0x7e, PP_66, R(VMOV, EQ, V, WO | VEX) },			/* MOVD, MOVQ */
	{ 1, 0x7e, PP_F3, R(VMOV, V, W, WO | VEX | V8) },		/* MOVQ */
	{ 1, 0x7f, PP_66, R(VMOV, W, V, WO | VEX | ALIGNED) },
	{ 1, 0x7f, PP_F3, R(VMOV, W, V, WO | VEX) },
	{ 1, 0xd6, PP_66, R(VMOV, W, V, WO | VEX | V8) },		/* MOVQ */
	{ 1, 0xe7, PP_66, R(VMOV, W, V, WO | VEX | ALIGNED | MEM) },	/* MOVNTDQ */
	{ 1, 0xf0, PP_F2, R(VMOV, V, W, WO | VEX | MEM) },		/* LDDQU */
	{ 2, 0x2a, PP_66, R(VMOV, V, W, WO | VEX | ALIGNED | MEM) },	/* MOVNTDQA */

	{ 1, 0xb8, PP_F3, R(POPCNT, G, E, WO) },
	{ 1, 0xc3, PP_NONE, R(MOV, E, G, WO | MEM) },			/* MOVNTI */
	{ 2, 0xf0, PP_NONE, R(MOVBE, G, E, WO | MEM) },
	{ 2, 0xf0, PP_66, R(MOVBE, G, E, WO | MEM) },
	{ 2, 0xf1, PP_NONE, R(MOVBE, E, G, WO | MEM) },
	{ 2, 0xf1, PP_66, R(MOVBE, E, G, WO | MEM) },
	{ 2, 0xf0, PP_F2, R(CRC32, G, EB, 0) },
	{ 2, 0xf1, PP_F2, R(CRC32, G, E, 0) },
	{ 2, 0xf9, PP_NONE, R(MOV, E, G, WO | MEM) },			/* MOVDIRI */
};

/* A group's row; operands that the opcode's own row names replace those here. */
static const struct lodge_opcode groups[][8] = {
	[OP_GROUP1 - OP_GROUP1] = {
		R(ADD, NONE, NONE, LOCK), R(OR, NONE, NONE, LOCK),
		R(ADC, NONE, NONE, LOCK), R(SBB, NONE, NONE, LOCK),
		R(AND, NONE, NONE, LOCK), R(SUB, NONE, NONE, LOCK),
		R(XOR, NONE, NONE, LOCK), R(CMP, NONE, NONE, RO),
	},
	[OP_GROUP1A - OP_GROUP1] = { R(POP, E, NONE, D64 | WO) },
	[OP_GROUP2 - OP_GROUP1] = {
		R(ROL, NONE, NONE, 0), R(ROR, NONE, NONE, 0),
		R(RCL, NONE, NONE, 0), R(RCR, NONE, NONE, 0),
		R(SHL, NONE, NONE, 0), R(SHR, NONE, NONE, 0),
		R(SAL, NONE, NONE, 0), R(SAR, NONE, NONE, 0),
	},
	[OP_GROUP3 - OP_GROUP1] = {
		R(TEST, E, IZ, RO), R(TEST, E, IZ, RO),
		R(NOT, E, NONE, LOCK), R(NEG, E, NONE, LOCK),
		R(MUL, NONE, E, 0), R(IMUL, NONE, E, 0),
		R(DIV, NONE, E, 0), R(IDIV, NONE, E, 0),
	},
	[OP_GROUP4 - OP_GROUP1] = {
		R(INC, E, NONE, LOCK), R(DEC, E, NONE, LOCK),
		R(UD, NONE, E, 0), R(UD, NONE, E, 0), R(UD, NONE, E, 0),
		R(UD, NONE, E, 0), R(UD, NONE, E, 0), R(UD, NONE, E, 0),
	},
	[OP_GROUP5 - OP_GROUP1] = {
		R(INC, E, NONE, LOCK), R(DEC, E, NONE, LOCK),
		R(CALL, NONE, E, F64), [4] = R(JMP, NONE, E, F64),
		[6] = R(PUSH, NONE, E, D64), [7] = R(UD, NONE, E, 0),
	},
	[OP_GROUP8 - OP_GROUP1] = {
		R(UD, NONE, NONE, 0), R(UD, NONE, NONE, 0),
		R(UD, NONE, NONE, 0), R(UD, NONE, NONE, 0),
		R(BT, NONE, NONE, RO), R(BTS, NONE, NONE, LOCK),
		R(BTR, NONE, NONE, LOCK), R(BTC, NONE, NONE, LOCK),
	},
	/* the register forms of group 9 are others: RDRAND, RDSEED, RDPID */
	[OP_GROUP9 - OP_GROUP1] = { [1] = R(CMPXCHG8B, E, NONE, LOCK | MEM) },
	[OP_GROUP11 - OP_GROUP1] = { R(MOV, NONE, NONE, WO) },
	/* CLWB with 66, CLFLUSH, CLFLUSHOPT with 66; the register forms are fences */
	[OP_GROUP15 - OP_GROUP1] = {
		[6] = R(CLFLUSH, NONE, EB, REGX), [7] = R(CLFLUSH, NONE, EB, REGX),
	},
};

bool lodge_decode_is_group(unsigned int map, u8 opcode)
{
	if (map > 1)
		return false;
	return (map ? map_0f : one_byte)[opcode].op >= OP_GROUP1;
}

static struct lodge_opcode find_by_prefix(unsigned int map, u8 opcode, unsigned int pp)
{
	static const struct lodge_opcode none;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(by_prefix); i++) {
		if (by_prefix[i].map == map && by_prefix[i].opcode == opcode &&
		    by_prefix[i].pp == pp)
			return by_prefix[i].row;
	}
	return none;
}

struct lodge_opcode lodge_decode_row(unsigned int map, u8 opcode, unsigned int pp,
				     unsigned int reg)
{
	struct lodge_opcode row, member;

	if (map > 1)
		return find_by_prefix(map, opcode, pp);

	row = (map ? map_0f : one_byte)[opcode];
	if (row.op == OP_BY_PREFIX)
		return find_by_prefix(map, opcode, pp);
	if (row.op < OP_GROUP1)
		return row;

	member = groups[row.op - OP_GROUP1][reg & 7];
	if (row.op == OP_GROUP15 && (reg & 7) == 6 && pp != PP_66)
		member.op = OP_UNKNOWN;
	if (row.op == OP_GROUP15 && pp > PP_66)
		member.op = OP_UNKNOWN;
	if (row.dst)
		member.dst = row.dst;
	if (row.src)
		member.src = row.src;
	member.flags |= row.flags;
	return member;
}
