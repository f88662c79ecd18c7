/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The opcode maps as data, for the decoder and for tests that walk through them.
 */
#ifndef LODGE_X86_OPTABLE_H
#define LODGE_X86_OPTABLE_H

#include "decode.h"

/**
 * struct lodge_opcode - one row of an opcode map
 * @op: enum lodge_op; OP_UNKNOWN where there is no row
 * @dst: enum lodge_operand
 * @src: enum lodge_operand
 * @src2: enum lodge_operand
 * @flags: INSN_*
 */
struct lodge_opcode {
	u8 op, dst, src, src2;
	u16 flags;
};

/**
 * lodge_decode_row() - the row of an opcode
 * @map: 0 one-byte, 1 0F, 2 0F38
 * @opcode: last opcode byte
 * @pp: mandatory prefix as VEX numbers it: 0 none, 1 66, 2 F3, 3 F2
 * @reg: ModRM.reg without REX, for groups
 *
 * Return: the row with group and prefix resolved.
 */
struct lodge_opcode lodge_decode_row(unsigned int map, u8 opcode, unsigned int pp,
				     unsigned int reg);

/**
 * lodge_decode_is_group() - does the row depend on ModRM.reg?
 * @map: 0 one-byte, 1 0F, 2 0F38
 * @opcode: last opcode byte
 *
 * Return: true for a group.
 */
bool lodge_decode_is_group(unsigned int map, u8 opcode);

#endif /* LODGE_X86_OPTABLE_H */
