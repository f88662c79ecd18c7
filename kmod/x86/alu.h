/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Integer arithmetic of the processor, flags included, in plain C.
 *
 * Operand sizes are 1, 2, 4 or 8 bytes; operands have no bits above their size
 * and neither have results.  *flags is RFLAGS: arithmetic bits are replaced, the
 * others kept.
 */
#ifndef LODGE_X86_ALU_H
#define LODGE_X86_ALU_H

#include "decode.h"

#define LODGE_FLAG_CF	0x000001
#define LODGE_FLAG_ONE	0x000002	/* always set */
#define LODGE_FLAG_PF	0x000004
#define LODGE_FLAG_AF	0x000010
#define LODGE_FLAG_ZF	0x000040
#define LODGE_FLAG_SF	0x000080
#define LODGE_FLAG_TF	0x000100
#define LODGE_FLAG_DF	0x000400
#define LODGE_FLAG_OF	0x000800
#define LODGE_FLAG_IOPL	0x003000
#define LODGE_FLAG_RF	0x010000
#define LODGE_FLAG_VM	0x020000
#define LODGE_FLAG_AC	0x040000
#define LODGE_FLAGS_ARITH \
	(LODGE_FLAG_CF | LODGE_FLAG_PF | LODGE_FLAG_AF | LODGE_FLAG_ZF | LODGE_FLAG_SF | \
	 LODGE_FLAG_OF)

/**
 * lodge_alu_mask() - all ones of a size
 * @size: bytes
 *
 * Return: the mask.
 */
static inline u64 lodge_alu_mask(unsigned int size)
{
	return ~0ULL >> (64 - 8 * size);
}

/**
 * lodge_alu_binary() - group 1, TEST, and INC, DEC, NEG, NOT with one operand
 * @op: OP_ADD ... OP_CMP, OP_TEST, OP_INC, OP_DEC, OP_NEG, OP_NOT
 * @dst: first operand
 * @src: second operand, if there is one
 * @size: bytes
 * @flags: RFLAGS in and out
 *
 * Return: the result; of CMP and TEST too, though nobody writes it.
 */
u64 lodge_alu_binary(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags);

/**
 * lodge_alu_shift() - group 2
 * @op: OP_ROL ... OP_SAR
 * @val: operand
 * @count: count, not yet masked
 * @size: bytes
 * @flags: RFLAGS in and out
 *
 * Return: the result.
 */
u64 lodge_alu_shift(unsigned int op, u64 val, unsigned int count, unsigned int size,
		    u64 *flags);

/**
 * lodge_alu_double_shift() - SHLD and SHRD
 * @left: SHLD
 * @dst: operand
 * @src: bits shifted in
 * @count: count, not yet masked
 * @size: bytes, 2 at least
 * @flags: RFLAGS in and out
 *
 * Return: the result.
 */
u64 lodge_alu_double_shift(bool left, u64 dst, u64 src, unsigned int count,
			   unsigned int size, u64 *flags);

/**
 * lodge_alu_mul() - MUL and IMUL
 * @is_signed: IMUL
 * @a: factor
 * @b: factor
 * @size: bytes
 * @high: upper half of the product
 * @flags: RFLAGS in and out (CF, OF)
 *
 * Return: lower half of the product.
 */
u64 lodge_alu_mul(bool is_signed, u64 a, u64 b, unsigned int size, u64 *high, u64 *flags);

/**
 * lodge_alu_div() - DIV and IDIV
 * @is_signed: IDIV
 * @high: upper half of the dividend in, remainder out
 * @low: lower half of the dividend in, quotient out
 * @divisor: divisor
 * @size: bytes
 *
 * Return: false for #DE, with nothing changed.
 */
bool lodge_alu_div(bool is_signed, u64 *high, u64 *low, u64 divisor, unsigned int size);

/**
 * lodge_alu_scan() - BSF, BSR, TZCNT, LZCNT, POPCNT
 * @op: OP_*
 * @dst: old destination, which BSF and BSR keep for a source of 0
 * @src: source
 * @size: bytes, 2 at least
 * @flags: RFLAGS in and out
 *
 * Return: the result.
 */
u64 lodge_alu_scan(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags);

/**
 * lodge_alu_crc32() - CRC32 (Castagnoli)
 * @crc: sum so far
 * @src: data
 * @size: bytes of it
 *
 * Return: the sum.
 */
u32 lodge_alu_crc32(u32 crc, u64 src, unsigned int size);

/**
 * lodge_alu_condition() - the condition in the low bits of Jcc, SETcc, CMOVcc
 * @cc: condition code, 0 to 15
 * @flags: RFLAGS
 *
 * Return: does it hold?
 */
bool lodge_alu_condition(unsigned int cc, u64 flags);

#endif /* LODGE_X86_ALU_H */
