/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instruction bytes to a plain struct.
 *
 * Pure code, no state but the bytes and the mode.  The tables (optable.c) hold
 * one row an opcode; an opcode without a row is LODGE_DECODE_UNKNOWN.
 *
 * Source: SDM Vol 2, chapter 2 (format) and appendix A (opcode maps).
 */
#ifndef LODGE_X86_DECODE_H
#define LODGE_X86_DECODE_H

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include "kshim.h"
#endif

#define LODGE_INSN_MAX		15

/*
 * Registers and segment registers by enum lodge_gpr and enum lodge_sreg, which
 * are in the encoding's order.
 */
#include "../../uapi/linux/lodge.h"

#define LODGE_SEGS		6	/* ES to GS */
#define LODGE_RIP		16	/* as a base: RIP-relative */
#define LODGE_NO_REG		0xff

/* Default sizes of a code segment, named by the bytes of an address. */
enum lodge_mode {
	LODGE_MODE_16 = 2,
	LODGE_MODE_32 = 4,
	LODGE_MODE_64 = 8,
};

/* What an instruction does. */
enum lodge_op {
	OP_UNKNOWN,		/* no row: not an instruction, or not one of ours */
	OP_UD,			/* UD0, UD1, UD2 and the holes that are #UD by definition */
	/* the eight of group 1, in its order */
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	/* the eight of group 2, in its order */
	OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SAL, OP_SAR,
	OP_TEST, OP_NOT, OP_NEG, OP_MUL, OP_IMUL, OP_DIV, OP_IDIV, OP_INC, OP_DEC,
	OP_IMUL2, OP_SHLD, OP_SHRD,
	OP_MOV, OP_MOVZX, OP_MOVSX, OP_MOVBE, OP_LEA, OP_XCHG, OP_CMPXCHG, OP_CMPXCHG8B, OP_XADD,
	OP_MOV_FROM_SREG,
	OP_BT, OP_BTS, OP_BTR, OP_BTC,
	OP_BSF, OP_BSR, OP_TZCNT, OP_LZCNT, OP_POPCNT, OP_CRC32, OP_BSWAP,
	OP_SETCC, OP_CMOVCC,
	OP_PUSH, OP_POP, OP_CALL, OP_JMP, OP_JCC, OP_RET, OP_LOOP, OP_JCXZ, OP_LEAVE,
	OP_PUSHF, OP_LAHF, OP_SAHF, OP_XLAT, OP_CBW, OP_CWD,
	OP_CLC, OP_STC, OP_CMC, OP_CLD, OP_STD,
	OP_NOP, OP_CLFLUSH,
	OP_MOVS, OP_CMPS, OP_STOS, OP_LODS, OP_SCAS, OP_INS, OP_OUTS,
	OP_IN, OP_OUT,
	/* vector moves: bytes between memory or a general register and a vector register */
	OP_VMOV,		/* all or the low part, the rest of a loaded register zeroed */
	OP_VMOV_LOW,		/* the low 8 bytes, the rest kept */
	OP_VMOV_HIGH,		/* bytes 8 to 15, the rest kept */
	OP_SYSTEM,		/* LGDT and its like: recognised, left to the caller */
	/* in tables only */
	OP_BY_PREFIX,		/* looked up by 66, F3, F2 */
	OP_GROUP1, OP_GROUP1A, OP_GROUP2, OP_GROUP3, OP_GROUP4, OP_GROUP5, OP_GROUP8, OP_GROUP9,
	OP_GROUP11, OP_GROUP15,
};

/* What an operand is. */
enum lodge_operand {
	ARG_NONE,
	ARG_E,			/* r/m: register or memory */
	ARG_EB, ARG_EW, ARG_ED,	/* the same of 1, 2, 4 bytes whatever the operand size */
	ARG_EQ,			/* 4 or 8 bytes by REX.W: MOVD, MOVQ */
	ARG_G,			/* general register in ModRM.reg */
	ARG_Z,			/* general register in the opcode's low bits */
	ARG_A,			/* AL, AX, EAX, RAX */
	ARG_S,			/* segment register in ModRM.reg */
	ARG_O,			/* memory at an address in the instruction */
	ARG_IB,			/* byte, sign-extended */
	ARG_UB,			/* byte, zero-extended */
	ARG_IW,			/* word, zero-extended */
	ARG_IZ,			/* word or sign-extended doubleword */
	ARG_IV,			/* operand size: MOV register alone */
	ARG_JB, ARG_JZ,		/* branch distance */
	ARG_ONE,		/* the constant 1 */
	ARG_CL,			/* CL */
	ARG_DX,			/* port number in DX */
	ARG_V,			/* vector register in ModRM.reg */
	ARG_W,			/* vector register or memory in r/m */
};

/* Properties of a row. */
#define INSN_BYTE	0x0001		/* operands are bytes */
#define INSN_LOCKABLE	0x0002		/* LOCK is legal when the destination is memory */
#define INSN_D64	0x0004		/* operand size 64 by default in 64-bit mode, no 32 */
#define INSN_F64	0x0008		/* operand size 64 always in 64-bit mode */
#define INSN_NO64	0x0010		/* #UD in 64-bit mode */
#define INSN_MEM	0x0020		/* #UD with a register operand */
#define INSN_RO		0x0040		/* the destination is read and not written */
#define INSN_WO		0x0080		/* the destination is written and not read */
#define INSN_STRING	0x0100		/* takes REP */
#define INSN_VEX	0x0200		/* has a VEX form */
#define INSN_ALIGN	0x0400		/* #GP(0) unless aligned to its size */
#define INSN_V4		0x0800		/* vector move of 4, of 8 bytes; else all of the register */
#define INSN_V8		0x1000
#define INSN_REG_UNKNOWN 0x2000		/* the register form is another instruction, not ours */
#define INSN_NOVEX	0x4000		/* its VEX form has three operands */

/**
 * struct lodge_insn - one decoded instruction
 * @op: enum lodge_op
 * @dst: enum lodge_operand, written (and read, unless INSN_WO or INSN_RO)
 * @src: enum lodge_operand, read
 * @src2: a third operand: a shift count, an immediate
 * @flags: INSN_* of the opcode's row
 * @len: bytes of the instruction
 * @mode: enum lodge_mode it was decoded for
 * @opsize: bytes of an operand: 1, 2, 4, 8
 * @adsize: bytes of an address: 2, 4, 8
 * @map: 0 one-byte, 1 0F, 2 0F38, 3 0F3A
 * @opcode: the last opcode byte
 * @modrm: the ModRM byte, where there is one
 * @prefix66: operand-size prefix present
 * @rep: 0xf2, 0xf3 (the last one present) or 0
 * @lock: LOCK prefix present (and legal)
 * @rex: the REX byte, or 0; a VEX prefix's bits are brought into the same form
 * @vex: encoded with VEX
 * @vl: bytes of a vector operand with VEX: 16, 32
 * @vvvv: VEX.vvvv (upright)
 * @is_mem: the r/m operand is in memory
 * @reg: number in ModRM.reg with its REX bit
 * @rm: number in ModRM.rm with its REX bit, for a register; for ARG_Z that one
 * @base: enum lodge_gpr of the address
 * @index: enum lodge_gpr of the address
 * @scale: shift for the index
 * @seg: enum lodge_seg_reg of the memory operand, override applied
 * @disp: displacement of the address; the address itself for ARG_O
 * @imm: immediate, extended as its kind asks
 * @bytes: the instruction itself
 */
struct lodge_insn {
	u8 op, dst, src, src2;
	u16 flags;
	u8 len, mode, opsize, adsize;
	u8 map, opcode, modrm;
	bool prefix66;
	u8 rep;
	bool lock;
	u8 rex;
	bool vex;
	u8 vl, vvvv;
	bool is_mem;
	u8 reg, rm, base, index, scale, seg;
	s64 disp;
	u64 imm;
	u8 bytes[LODGE_INSN_MAX];
};

/**
 * enum lodge_decode_result - what lodge_decode() found
 * @LODGE_DECODE_OK: the struct is filled
 * @LODGE_DECODE_MORE: the bytes end before the instruction does
 * @LODGE_DECODE_LONG: more than 15 bytes: #GP(0)
 * @LODGE_DECODE_UD: #UD by the architecture
 * @LODGE_DECODE_UNKNOWN: may be an instruction, but not one of ours
 */
enum lodge_decode_result {
	LODGE_DECODE_OK,
	LODGE_DECODE_MORE,
	LODGE_DECODE_LONG,
	LODGE_DECODE_UD,
	LODGE_DECODE_UNKNOWN,
};

/**
 * lodge_decode() - decode one instruction
 * @insn: filled in; @lodge_insn.len and @lodge_insn.bytes also on failure, as
 *	far as it went
 * @mode: enum lodge_mode of the code segment
 * @protected: protected mode outside virtual-8086 (VEX exists)
 * @bytes: instruction bytes
 * @n: how many there are
 *
 * Return: enum lodge_decode_result.
 */
int lodge_decode(struct lodge_insn *insn, unsigned int mode, bool protected,
		 const u8 *bytes, unsigned int n);

#endif /* LODGE_X86_DECODE_H */
