// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands: registers, and memory with the checks of segmentation.
 *
 * Source: SDM Vol 3A, chapters 5.3 to 5.5 (limit, type), 5.3.1 (64-bit mode);
 * Vol 1, 3.3.7.1 (canonical); Vol 3A, 20.1 (real mode).
 */
#include "exec.h"

int lodge_emul_raise(struct lodge_emul *e, u8 vector, u32 error)
{
	bool has_error = vector == 8 || vector == LODGE_EXC_AC || (vector >= 10 && vector <= 14);

	e->exc.vector = vector;
	e->exc.has_error = has_error && (e->cr0 & LODGE_CR0_PE);
	e->exc.error = e->exc.has_error ? error : 0;
	e->exc.cr2 = 0;
	return LODGE_EMUL_EXCEPTION;
}

bool lodge_emul_protected(const struct lodge_emul *e)
{
	return (e->cr0 & LODGE_CR0_PE) && !(e->rflags & LODGE_FLAG_VM);
}

unsigned int lodge_emul_mode(const struct lodge_emul *e)
{
	u32 attr = e->seg[LODGE_CS].attr;

	if (!lodge_emul_protected(e))
		return attr & LODGE_SEG_DB ? LODGE_MODE_32 : LODGE_MODE_16;
	if ((e->efer & LODGE_EFER_LMA) && (attr & LODGE_SEG_L))
		return LODGE_MODE_64;
	return attr & LODGE_SEG_DB ? LODGE_MODE_32 : LODGE_MODE_16;
}

static bool canonical(const struct lodge_emul *e, u64 linear)
{
	unsigned int shift = e->cr4 & LODGE_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(linear << shift) >> shift) == linear;
}

static bool within_limit(const struct lodge_emul_seg *s, u64 ea, unsigned int len)
{
	u64 last = ea + len - 1;

	if ((s->attr & (LODGE_SEG_CODE | LODGE_SEG_DOWN)) == LODGE_SEG_DOWN)
		return ea > s->limit && last <= (s->attr & LODGE_SEG_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

static bool type_allows(const struct lodge_emul_seg *s, unsigned int access)
{
	if (s->attr & LODGE_SEG_UNUSABLE)
		return false;
	if (access & LODGE_ACC_WRITE)
		return (s->attr & (LODGE_SEG_CODE | LODGE_SEG_WRITABLE)) == LODGE_SEG_WRITABLE;
	/* FETCH: CLFLUSH, for which execute-only code will do */
	return !(s->attr & LODGE_SEG_CODE) || (s->attr & LODGE_SEG_WRITABLE) ||
	       (access & LODGE_ACC_FETCH);
}

static int linear64(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		    u64 *linear)
{
	*linear = mem.ea;
	if (mem.seg == LODGE_FS || mem.seg == LODGE_GS)
		*linear += e->seg[mem.seg].base;
	if (canonical(e, *linear) && canonical(e, *linear + len - 1))
		return LODGE_EMUL_DONE;
	return lodge_emul_raise(e, mem.seg == LODGE_SS ? LODGE_EXC_SS : LODGE_EXC_GP, 0);
}

static int linear32(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		    unsigned int access, u64 *linear)
{
	const struct lodge_emul_seg *s = &e->seg[mem.seg];

	if (lodge_emul_protected(e) && !type_allows(s, access))
		return lodge_emul_raise(e, mem.seg == LODGE_SS ? LODGE_EXC_SS : LODGE_EXC_GP, 0);
	if (!within_limit(s, mem.ea, len))
		return lodge_emul_raise(e, mem.seg == LODGE_SS ? LODGE_EXC_SS : LODGE_EXC_GP, 0);
	*linear = (u32)(s->base + mem.ea);
	return LODGE_EMUL_DONE;
}

int lodge_emul_linear(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		      unsigned int access, u64 *linear)
{
	int ret;

	if (lodge_emul_mode(e) == LODGE_MODE_64)
		ret = linear64(e, mem, len, linear);
	else
		ret = linear32(e, mem, len, access, linear);
	if (ret)
		return ret;
	if ((access & LODGE_EMUL_ALIGNED) && (*linear & (len - 1)))
		return lodge_emul_raise(e, LODGE_EXC_GP, 0);
	if (e->cpl == 3 && (e->cr0 & LODGE_CR0_AM) && (e->rflags & LODGE_FLAG_AC) &&
	    (*linear & (min_t(unsigned int, len, 16) - 1)))
		return lodge_emul_raise(e, LODGE_EXC_AC, 0);
	return LODGE_EMUL_DONE;
}

int lodge_emul_check_target(struct lodge_emul *e, u64 rip)
{
	bool ok;

	if (lodge_emul_mode(e) == LODGE_MODE_64)
		ok = canonical(e, rip);
	else
		ok = rip <= e->seg[LODGE_CS].limit;
	return ok ? LODGE_EMUL_DONE : lodge_emul_raise(e, LODGE_EXC_GP, 0);
}

static unsigned int user(const struct lodge_emul *e)
{
	return e->cpl == 3 ? LODGE_ACC_USER : 0;
}

int lodge_emul_load(struct lodge_emul *e, struct lodge_emul_mem mem, void *buf,
		    unsigned int len, unsigned int access)
{
	u64 linear;
	int ret;

	ret = lodge_emul_linear(e, mem, len, access, &linear);
	if (ret)
		return ret;
	return e->ops->read(e, linear, buf, len, access | user(e));
}

int lodge_emul_store(struct lodge_emul *e, struct lodge_emul_mem mem, const void *buf,
		     unsigned int len)
{
	u64 linear;
	int ret;

	ret = lodge_emul_linear(e, mem, len, LODGE_ACC_WRITE, &linear);
	if (ret)
		return ret;
	return e->ops->write(e, linear, buf, len, LODGE_ACC_WRITE | user(e));
}

int lodge_emul_store_locked(struct lodge_emul *e, struct lodge_emul_mem mem,
			    const void *old, const void *new, unsigned int len)
{
	u64 linear;
	int ret;

	ret = lodge_emul_linear(e, mem, len, LODGE_ACC_WRITE, &linear);
	if (ret)
		return ret;
	ret = e->ops->cmpxchg(e, linear, old, new, len, LODGE_ACC_WRITE | user(e));
	if (ret != LODGE_EMUL_NOT_RAM)
		return ret;
	return e->ops->write(e, linear, new, len, LODGE_ACC_WRITE | user(e));
}

int lodge_emul_probe(struct lodge_emul *e, struct lodge_emul_mem mem, unsigned int len,
		     unsigned int access)
{
	u64 linear;
	int ret;

	ret = lodge_emul_linear(e, mem, len, access, &linear);
	if (ret)
		return ret;
	return e->ops->probe(e, linear, len, (access & LODGE_ACC_WRITE) | user(e));
}

struct lodge_emul_mem lodge_emul_operand(const struct lodge_emul *e)
{
	const struct lodge_insn *insn = &e->insn;
	struct lodge_emul_mem mem = { .seg = insn->seg, .ea = insn->disp };

	if (insn->base == LODGE_RIP)
		mem.ea += e->next.rip;
	else if (insn->base != LODGE_NO_REG)
		mem.ea += e->next.gpr[insn->base];
	if (insn->index != LODGE_NO_REG)
		mem.ea += e->next.gpr[insn->index] << insn->scale;
	mem.ea &= lodge_alu_mask(insn->adsize);
	return mem;
}

static bool is_high_byte(const struct lodge_emul *e, unsigned int reg, unsigned int size)
{
	return size == 1 && reg >= 4 && reg < 8 && !e->insn.rex;
}

u64 lodge_emul_get(const struct lodge_emul *e, unsigned int reg, unsigned int size)
{
	if (is_high_byte(e, reg, size))
		return (e->next.gpr[reg & 3] >> 8) & 0xff;
	return e->next.gpr[reg & 15] & lodge_alu_mask(size);
}

void lodge_emul_set(struct lodge_emul *e, unsigned int reg, unsigned int size, u64 val)
{
	u64 mask = lodge_alu_mask(size);
	u64 *r;

	if (is_high_byte(e, reg, size)) {
		r = &e->next.gpr[reg & 3];
		*r = (*r & ~0xff00ULL) | (val & 0xff) << 8;
		return;
	}
	r = &e->next.gpr[reg & 15];
	if (size >= 4)
		*r = val & mask;
	else
		*r = (*r & ~mask) | (val & mask);
}

u64 lodge_emul_get_addr(const struct lodge_emul *e, unsigned int reg, unsigned int size)
{
	return e->next.gpr[reg & 15] & lodge_alu_mask(size);
}

void lodge_emul_set_addr(struct lodge_emul *e, unsigned int reg, unsigned int size, u64 val)
{
	u64 mask = lodge_alu_mask(size);
	u64 *r = &e->next.gpr[reg & 15];

	*r = size == 2 ? (*r & ~mask) | (val & mask) : val & mask;
}
