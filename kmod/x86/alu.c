// SPDX-License-Identifier: GPL-2.0-only
/*
 * Integer arithmetic with flags.
 *
 * Shifts and rotates go bit by bit: 63 steps at most, and every flag is what
 * the definition of a single step says.
 *
 * Source: SDM Vol 1, 3.4.3.1 (status flags); Vol 2, each instruction's page.
 */
#include "alu.h"

static bool sign(u64 v, unsigned int size)
{
	return v >> (8 * size - 1) & 1;
}

static s64 extended(u64 v, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (s64)(v << shift) >> shift;
}

static void set_flag(u64 *flags, u64 flag, bool on)
{
	if (on)
		*flags |= flag;
	else
		*flags &= ~flag;
}

/* SF, ZF and PF tell of the result alone. */
static void set_szp(u64 *flags, u64 r, unsigned int size)
{
	u8 parity = r;

	parity ^= parity >> 4;
	parity ^= parity >> 2;
	parity ^= parity >> 1;
	set_flag(flags, LODGE_FLAG_PF, !(parity & 1));
	set_flag(flags, LODGE_FLAG_ZF, r == 0);
	set_flag(flags, LODGE_FLAG_SF, sign(r, size));
}

static u64 add(u64 a, u64 b, bool carry, unsigned int size, u64 *flags)
{
	u64 r = (a + b + carry) & lodge_alu_mask(size);

	set_flag(flags, LODGE_FLAG_CF, r < a || (carry && r == a));
	set_flag(flags, LODGE_FLAG_OF, sign((a ^ r) & (b ^ r), size));
	set_flag(flags, LODGE_FLAG_AF, (a ^ b ^ r) & 0x10);
	set_szp(flags, r, size);
	return r;
}

static u64 sub(u64 a, u64 b, bool borrow, unsigned int size, u64 *flags)
{
	u64 r = (a - b - borrow) & lodge_alu_mask(size);

	set_flag(flags, LODGE_FLAG_CF, a < b || (borrow && a == b));
	set_flag(flags, LODGE_FLAG_OF, sign((a ^ b) & (a ^ r), size));
	set_flag(flags, LODGE_FLAG_AF, (a ^ b ^ r) & 0x10);
	set_szp(flags, r, size);
	return r;
}

static u64 logic(u64 r, unsigned int size, u64 *flags)
{
	*flags &= ~(u64)(LODGE_FLAG_CF | LODGE_FLAG_OF | LODGE_FLAG_AF);
	set_szp(flags, r, size);
	return r;
}

u64 lodge_alu_binary(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags)
{
	bool carry = *flags & LODGE_FLAG_CF;
	u64 r;

	switch (op) {
	case OP_ADD:
		return add(dst, src, false, size, flags);
	case OP_OR:
		return logic(dst | src, size, flags);
	case OP_ADC:
		return add(dst, src, carry, size, flags);
	case OP_SBB:
		return sub(dst, src, carry, size, flags);
	case OP_AND:
	case OP_TEST:
		return logic(dst & src, size, flags);
	case OP_SUB:
	case OP_CMP:
		return sub(dst, src, false, size, flags);
	case OP_XOR:
		return logic(dst ^ src, size, flags);
	case OP_NEG:
		return sub(0, dst, false, size, flags);
	case OP_NOT:
		return ~dst & lodge_alu_mask(size);
	case OP_INC:
		r = add(dst, 1, false, size, flags);
		break;
	case OP_DEC:
		r = sub(dst, 1, false, size, flags);
		break;
	default:
		return dst;
	}
	set_flag(flags, LODGE_FLAG_CF, carry);
	return r;
}

struct shift {
	u64 v;
	bool cf, of;
};

static struct shift shift_once(unsigned int op, u64 v, bool cf, unsigned int size)
{
	u64 mask = lodge_alu_mask(size);
	u64 top = 1ULL << (8 * size - 1);
	bool msb = v & top, lsb = v & 1;
	struct shift s;

	switch (op) {
	case OP_ROL:
	case OP_RCL:
	case OP_SHL:
	case OP_SAL:
		s.v = (v << 1) & mask;
		if (op == OP_ROL)
			s.v |= msb;
		if (op == OP_RCL)
			s.v |= cf;
		s.cf = msb;
		s.of = sign(s.v, size) != s.cf;
		return s;
	case OP_ROR:
		s.v = v >> 1 | (lsb ? top : 0);
		break;
	case OP_RCR:
		s.v = v >> 1 | (cf ? top : 0);
		break;
	case OP_SAR:
		s.v = v >> 1 | (msb ? top : 0);
		break;
	default:
		s.v = v >> 1;
		break;
	}
	s.cf = lsb;
	s.of = sign(s.v ^ v, size);
	return s;
}

u64 lodge_alu_shift(unsigned int op, u64 val, unsigned int count, unsigned int size,
		    u64 *flags)
{
	struct shift s = {
		.v = val,
		.cf = *flags & LODGE_FLAG_CF,
		.of = *flags & LODGE_FLAG_OF,
	};

	count &= size == 8 ? 63 : 31;
	if (!count)
		return val;
	while (count--)
		s = shift_once(op, s.v, s.cf, size);

	set_flag(flags, LODGE_FLAG_CF, s.cf);
	set_flag(flags, LODGE_FLAG_OF, s.of);
	if (op >= OP_SHL) {
		*flags &= ~(u64)LODGE_FLAG_AF;
		set_szp(flags, s.v, size);
	}
	return s.v;
}

u64 lodge_alu_double_shift(bool left, u64 dst, u64 src, unsigned int count,
			   unsigned int size, u64 *flags)
{
	u64 mask = lodge_alu_mask(size);
	u64 old = dst;
	bool cf = false;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return dst;
	while (count--) {
		old = dst;
		if (left) {
			cf = sign(dst, size);
			dst = (dst << 1 | sign(src, size)) & mask;
			src = (src << 1) & mask;
		} else {
			cf = dst & 1;
			dst = dst >> 1 | (src & 1) << (8 * size - 1);
			src >>= 1;
		}
	}
	set_flag(flags, LODGE_FLAG_CF, cf);
	set_flag(flags, LODGE_FLAG_OF, sign(dst ^ old, size));
	*flags &= ~(u64)LODGE_FLAG_AF;
	set_szp(flags, dst, size);
	return dst;
}

static u64 mul_high(u64 a, u64 b)
{
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 m = ah * bl + (al * bl >> 32);
	u64 n = al * bh + (u32)m;

	return ah * bh + (m >> 32) + (n >> 32);
}

u64 lodge_alu_mul(bool is_signed, u64 a, u64 b, unsigned int size, u64 *high, u64 *flags)
{
	u64 mask = lodge_alu_mask(size);
	u64 x = is_signed ? (u64)extended(a, size) : a;
	u64 y = is_signed ? (u64)extended(b, size) : b;
	u64 low = (x * y) & mask;
	bool over;

	if (size < 8)
		*high = ((x * y) >> (8 * size)) & mask;
	else
		*high = mul_high(x, y);
	if (size == 8 && is_signed)
		*high -= (x >> 63 ? y : 0) + (y >> 63 ? x : 0);

	if (is_signed)
		over = *high != (sign(low, size) ? mask : 0);
	else
		over = *high != 0;
	set_flag(flags, LODGE_FLAG_CF | LODGE_FLAG_OF, over);
	return low;
}

/* Schoolbook division of high:low, high < divisor: no 128-bit division in the kernel. */
static u64 divide(u64 high, u64 low, u64 divisor, u64 *rest)
{
	u64 q = 0;
	bool carry;
	int i;

	for (i = 0; i < 64; i++) {
		carry = high >> 63;
		high = high << 1 | low >> 63;
		low <<= 1;
		q <<= 1;
		if (carry || high >= divisor) {
			high -= divisor;
			q |= 1;
		}
	}
	*rest = high;
	return q;
}

bool lodge_alu_div(bool is_signed, u64 *high, u64 *low, u64 divisor, unsigned int size)
{
	unsigned int bits = 8 * size;
	u64 mask = lodge_alu_mask(size);
	bool neg = false, minus = false;
	u64 h, l, q, r;

	/* the dividend as 128 bits, the sign taken out */
	h = size == 8 ? *high : 0;
	l = size == 8 ? *low : *high << bits | *low;
	if (is_signed) {
		neg = sign(*high, size);
		if (neg && size < 4)
			l |= ~0ULL << (2 * bits);
		if (neg) {
			l = -l;
			h = size == 8 ? ~h + !l : 0;
		}
		minus = neg != sign(divisor, size);
		if (neg != minus)
			divisor = -divisor & mask;
	}
	if (h >= divisor)
		return false;
	q = divide(h, l, divisor, &r);
	if (q > mask)
		return false;
	/* a negative quotient may be one larger in size than a positive one */
	if (is_signed && q > (mask >> 1) + minus)
		return false;
	*low = (minus ? -q : q) & mask;
	*high = (neg ? -r : r) & mask;
	return true;
}

u64 lodge_alu_scan(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags)
{
	unsigned int bits = 8 * size;
	u64 r = bits;

	if (op == OP_POPCNT) {
		*flags &= ~(u64)LODGE_FLAGS_ARITH;
		set_flag(flags, LODGE_FLAG_ZF, !src);
		for (r = 0; src; src &= src - 1)
			r++;
		return r;
	}
	if (op == OP_BSF || op == OP_BSR) {
		set_flag(flags, LODGE_FLAG_ZF, !src);
		if (!src)
			return dst;
		return op == OP_BSF ? __builtin_ctzll(src) : 63 - __builtin_clzll(src);
	}
	if (src)
		r = op == OP_TZCNT ? (u64)__builtin_ctzll(src) : __builtin_clzll(src) - (64 - bits);
	set_flag(flags, LODGE_FLAG_CF, !src);
	set_flag(flags, LODGE_FLAG_ZF, !r);
	return r;
}

u32 lodge_alu_crc32(u32 crc, u64 src, unsigned int size)
{
	unsigned int i, bit;

	for (i = 0; i < size; i++) {
		crc ^= (src >> (8 * i)) & 0xff;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

bool lodge_alu_condition(unsigned int cc, u64 flags)
{
	bool less = !(flags & LODGE_FLAG_SF) != !(flags & LODGE_FLAG_OF);
	bool holds = false;

	switch (cc >> 1 & 7) {
	case 0:
		holds = flags & LODGE_FLAG_OF;
		break;
	case 1:
		holds = flags & LODGE_FLAG_CF;
		break;
	case 2:
		holds = flags & LODGE_FLAG_ZF;
		break;
	case 3:
		holds = flags & (LODGE_FLAG_CF | LODGE_FLAG_ZF);
		break;
	case 4:
		holds = flags & LODGE_FLAG_SF;
		break;
	case 5:
		holds = flags & LODGE_FLAG_PF;
		break;
	case 6:
		holds = less;
		break;
	case 7:
		holds = less || (flags & LODGE_FLAG_ZF);
		break;
	}
	return holds != (cc & 1);
}
