/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sandbox's memory and registers as the emulator sees them, and the
 * comparison of the two.
 */
#ifndef SELFTESTS_NATIVE_EMULATE_MODEL_H
#define SELFTESTS_NATIVE_EMULATE_MODEL_H

#include "emulate_gen.h"

#define MODEL_DATA_SIZE	(CPU_DATA_PAGES * CPU_PAGE)

struct model {
	struct lodge_emul e;		/* first: the callbacks cast */
	u8 data[MODEL_DATA_SIZE];
	u8 vec[16][32];
	const struct cpu_case *c;	/* its bytes are the code */
	unsigned int written;
};

static int model_fault(struct lodge_emul *e, u64 at, u32 error)
{
	e->exc = (struct lodge_emul_exc){
		.vector = 14, .has_error = true, .error = error, .cr2 = at,
	};
	return LODGE_EMUL_EXCEPTION;
}

static bool model_is_code(u64 linear)
{
	return linear >= CPU_CODE && linear < CPU_CODE + CPU_CODE_PAGES * CPU_PAGE;
}

/* Translate as the sandbox's page tables do; the first byte that faults counts. */
static int model_check(struct lodge_emul *e, u64 at, unsigned int len, unsigned int access)
{
	u64 first = at & ~(CPU_PAGE - 1), page;
	u32 error = LODGE_PF_USER | (access & LODGE_ACC_WRITE ? LODGE_PF_WRITE : 0);
	u64 last = (at + len - 1) & ~(CPU_PAGE - 1);

	for (page = first; ; page += CPU_PAGE) {
		u64 where = page == first ? at : page;

		/* nobody writes code here */
		if (model_is_code(page))
			return -EIO;
		if (page < CPU_DATA || page >= CPU_DATA + MODEL_DATA_SIZE)
			return model_fault(e, where, error);
		if ((access & LODGE_ACC_WRITE) && page >= CPU_DATA + CPU_DATA_RW * CPU_PAGE)
			return model_fault(e, where, error | LODGE_PF_PRESENT);
		if (page == last)
			break;
	}
	return LODGE_EMUL_DONE;
}

static int model_fetch(struct lodge_emul *e, u64 linear, void *buf, unsigned int len)
{
	struct model *m = (struct model *)e;
	u64 start = m->c->in.rip;
	unsigned int i;

	if (lodge_emul_mode(e) != LODGE_MODE_64)
		start = (u32)(start + e->seg[LODGE_CS].base);
	if (!model_is_code(linear))
		return model_fault(e, linear, LODGE_PF_USER | LODGE_PF_FETCH);
	for (i = 0; i < len; i++) {
		u64 at = linear + i - start;

		((u8 *)buf)[i] = at < 15 ? m->c->bytes[at] : CPU_CODE_FILL;
	}
	return LODGE_EMUL_DONE;
}

static int model_read(struct lodge_emul *e, u64 linear, void *buf, unsigned int len,
		      unsigned int access)
{
	struct model *m = (struct model *)e;
	int ret;

	if (model_is_code(linear) && model_is_code(linear + len - 1))
		return access & LODGE_ACC_WRITE ? -EIO : model_fetch(e, linear, buf, len);
	ret = model_check(e, linear, len, access);
	if (!ret)
		memcpy(buf, m->data + (linear - CPU_DATA), len);
	return ret;
}

static int model_write(struct lodge_emul *e, u64 linear, const void *buf, unsigned int len,
		       unsigned int access)
{
	struct model *m = (struct model *)e;
	int ret = model_check(e, linear, len, access);

	if (!ret)
		memcpy(m->data + (linear - CPU_DATA), buf, len);
	m->written += !ret;
	return ret;
}

static int model_probe(struct lodge_emul *e, u64 linear, unsigned int len, unsigned int access)
{
	return model_check(e, linear, len, access);
}

static int model_cmpxchg(struct lodge_emul *e, u64 linear, const void *old, const void *new,
			 unsigned int len, unsigned int access)
{
	struct model *m = (struct model *)e;
	int ret = model_check(e, linear, len, access);

	if (ret)
		return ret;
	if (memcmp(m->data + (linear - CPU_DATA), old, len))
		return LODGE_EMUL_RETRY;
	return model_write(e, linear, new, len, access);
}

static int model_io_in(struct lodge_emul *e, u16 port, unsigned int size, void *buf,
		       unsigned int count)
{
	return LODGE_EMUL_UNSUPPORTED;
}

static int model_io_out(struct lodge_emul *e, u16 port, unsigned int size, const void *buf,
			unsigned int count)
{
	return LODGE_EMUL_UNSUPPORTED;
}

static int model_vec_read(struct lodge_emul *e, unsigned int reg, void *buf, unsigned int len)
{
	memcpy(buf, ((struct model *)e)->vec[reg], len);
	return LODGE_EMUL_DONE;
}

static int model_vec_write(struct lodge_emul *e, unsigned int reg, const void *buf,
			   unsigned int len, bool zero_upper)
{
	struct model *m = (struct model *)e;

	if (zero_upper)
		memset(m->vec[reg], 0, sizeof(m->vec[reg]));
	memcpy(m->vec[reg], buf, len);
	return LODGE_EMUL_DONE;
}

static const struct lodge_emul_ops model_ops = {
	.fetch = model_fetch,
	.read = model_read,
	.write = model_write,
	.probe = model_probe,
	.cmpxchg = model_cmpxchg,
	.io_in = model_io_in,
	.io_out = model_io_out,
	.vec_read = model_vec_read,
	.vec_write = model_vec_write,
};

static struct lodge_emul_seg model_segment(u16 sel)
{
	const struct cpu_ldt *l = &cpu_ldt[(sel >> 3) % LDT_COUNT];
	struct lodge_emul_seg s = { .sel = sel, .limit = 0xffffffff };

	switch (sel) {
	case 0:
		s.attr = LODGE_SEG_UNUSABLE;
		return s;
	case 0x33:
		s.attr = 0xa0fb;
		return s;
	case 0x23:
		s.attr = 0xc0fb;
		return s;
	case 0x2b:
		s.attr = 0xc0f3;
		return s;
	}
	s.base = l->base;
	s.limit = l->pages ? l->limit << 12 | 0xfff : l->limit;
	s.attr = 0xf1 | (l->big ? LODGE_SEG_DB : 0);
	if (l->contents == LDT_CODE)
		s.attr |= LODGE_SEG_CODE;
	if (l->contents == LDT_DOWN)
		s.attr |= LODGE_SEG_DOWN;
	if (!l->read_exec_only)
		s.attr |= LODGE_SEG_WRITABLE;
	return s;
}

static void model_state(struct model *m, const struct cpu_case *c)
{
	struct lodge_emul *e = &m->e;

	e->ops = &model_ops;
	e->cr0 = 0x80050033;
	e->cr4 = 0x40660;
	e->efer = 0xd01;
	e->xcr0 = 7;
	e->features = LODGE_EMUL_ALL;
	e->cpl = 3;
	e->seg[LODGE_CS] = model_segment(c->cs);
	e->seg[LODGE_SS] = model_segment(c->ss);
	e->seg[LODGE_DS] = model_segment(c->ds);
	e->seg[LODGE_ES] = model_segment(c->es);
	e->seg[LODGE_FS] = model_segment(0);
	e->seg[LODGE_GS] = model_segment(0);
	e->seg[LODGE_FS].base = CPU_FS_BASE;
	e->seg[LODGE_GS].base = CPU_GS_BASE;
	memcpy(e->gpr, c->in.gpr, sizeof(e->gpr));
	e->rip = c->in.rip;
	e->rflags = c->in.rflags;
	m->c = c;
}

/* Run the case to its end in the emulator. */
static int model_run(struct model *m, const struct cpu_case *c)
{
	unsigned int i;
	int ret;

	model_state(m, c);
	memcpy(m->vec, c->in.vec, sizeof(m->vec));
	if (c->poke_at)
		memcpy(m->data + (c->poke_at - CPU_DATA), &c->poke, 8);
	for (i = 0; i < 64; i++) {
		/* what PUSHF stores has the single-step flag in it */
		if (m->e.insn.op == OP_PUSHF)
			m->e.rflags |= LODGE_FLAG_TF;
		ret = lodge_emul_step(&m->e);
		if (ret != LODGE_EMUL_DONE || !m->e.partial)
			break;
	}
	return ret;
}

static unsigned int shift_count(const struct lodge_insn *insn, const struct cpu_case *c)
{
	u8 arg = insn->src2 ? insn->src2 : insn->src;
	u64 count = arg == ARG_CL ? c->in.gpr[LODGE_RCX] : arg == ARG_ONE ? 1 : insn->imm;

	return count & (insn->opsize == 8 ? 63 : 31);
}

/* The flags that the manual leaves undefined for this instruction. */
static u64 undefined_flags(const struct lodge_insn *insn, const struct cpu_case *c)
{
	const u64 af = LODGE_FLAG_AF, of = LODGE_FLAG_OF, sf = LODGE_FLAG_SF;
	const u64 pf = LODGE_FLAG_PF, zf = LODGE_FLAG_ZF, cf = LODGE_FLAG_CF;
	unsigned int n;

	switch (insn->op) {
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_TEST:
		return af;
	case OP_ROL ... OP_RCR:
		n = shift_count(insn, c);
		return n > 1 ? of : 0;
	case OP_SHL ... OP_SAR:
	case OP_SHLD:
	case OP_SHRD:
		n = shift_count(insn, c);
		return (n ? af : 0) | (n > 1 ? of : 0) | (n >= 8 * insn->opsize ? cf : 0);
	case OP_MUL:
	case OP_IMUL:
	case OP_IMUL2:
		return sf | zf | af | pf;
	case OP_DIV:
	case OP_IDIV:
		return LODGE_FLAGS_ARITH;
	case OP_BSF:
	case OP_BSR:
		return cf | of | sf | af | pf;
	case OP_TZCNT:
	case OP_LZCNT:
	case OP_BT ... OP_BTC:
		return of | sf | af | pf;
	}
	return 0;
}

static const char *const gpr_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

/* What differs between CPU and emulator, as text; false: nothing does. */
static bool differs(const struct model *m, const struct cpu_case *c, int ret, char *why, size_t n)
{
	const struct lodge_emul *e = &m->e;
	u64 mask = (e->insn.mode == LODGE_MODE_64 || !e->insn.mode) && c->cs == 0x33 ?
		   ~0ULL : 0xffffffff;
	u64 flags = LODGE_FLAGS_ARITH | LODGE_FLAG_DF | LODGE_FLAG_AC;
	unsigned int trap = ret == LODGE_EMUL_EXCEPTION ? e->exc.vector : 1;
	/* which operand of CMPS comes first is left open: any fault will do */
	bool any = e->insn.op == OP_CMPS && trap != 1 && c->trapno != 1;
	unsigned int i;

	/* and how much is fetched of an instruction that is #UD before its end */
	if ((c->in.rip & (CPU_CODE_PAGES * CPU_PAGE - 1)) > CPU_CODE_PAGES * CPU_PAGE - 15)
		any |= (trap == 6 && c->trapno == 14) || (trap == 14 && c->trapno == 6);
	any |= e->insn.vex && e->insn.op == OP_UNKNOWN && c->trapno != 1;
	if (!any && c->trapno != trap) {
		snprintf(why, n, "CPU vector %u error %#x cr2 %#llx, emulator %d vector %u error %#x cr2 %#llx",
			 (int)c->trapno, (int)c->err, (u64)c->cr2, ret, trap, e->exc.error,
			 e->exc.cr2);
		return true;
	}
	if (!any && trap == 14 && (e->exc.cr2 != c->cr2 ||
			   (e->exc.error != c->err && e->exc.cr2 < 0x7ffffffff000ULL))) {
		snprintf(why, n, "#PF at %#llx error %#llx, emulator %#llx error %#x",
			 (u64)c->cr2, (u64)c->err, e->exc.cr2, e->exc.error);
		return true;
	}
	for (i = 0; i < 16; i++) {
		if ((c->out.gpr[i] ^ e->gpr[i]) & mask) {
			snprintf(why, n, "%s %#llx, emulator %#llx", gpr_names[i],
				 (u64)c->out.gpr[i], e->gpr[i]);
			return true;
		}
	}
	if (c->out.rip != e->rip) {
		snprintf(why, n, "rip %#llx, emulator %#llx", (u64)c->out.rip, e->rip);
		return true;
	}
	if (ret == LODGE_EMUL_DONE)
		flags &= ~undefined_flags(&e->insn, c);
	if ((c->out.rflags ^ e->rflags) & flags) {
		snprintf(why, n, "flags %#llx, emulator %#llx", c->out.rflags & flags,
			 e->rflags & flags);
		return true;
	}
	if (c->use_vec && memcmp(c->out.vec, m->vec, sizeof(m->vec))) {
		snprintf(why, n, "vector registers");
		return true;
	}
	return false;
}

#endif /* SELFTESTS_NATIVE_EMULATE_MODEL_H */
