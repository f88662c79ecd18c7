// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches, which VMX leaves to software (SDM Vol 3A, 8.3).  The
 * processor has checked gates and privilege before the exit (Vol 3C, 26.4.2).
 *
 * Until the old task is saved a fault belongs to it; after that, to the new one,
 * whose registers are loaded before its descriptors are looked at.
 */
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "../vm.h"
#include "cr.h"
#include "emulate.h"
#include "task.h"

#define DB_VECTOR	1
#define DF_VECTOR	8
#define TS_VECTOR	10
#define NP_VECTOR	11
#define SS_VECTOR	12
#define GP_VECTOR	13
#define PF_VECTOR	14
/* #DE #TS #NP #SS #GP (SDM Vol 3A, table 6-4) */
#define CONTRIBUTORY	(BIT(0) | BIT(10) | BIT(11) | BIT(12) | BIT(13))

#define TYPE_LDT	2
#define TYPE_BUSY	2		/* of a TSS */
#define TYPE_TSS16	1
#define TYPE_TSS32	9
#define TYPE_ACCESSED	1
#define TYPE_CONFORMING	4		/* of code */
#define DESC_TYPE	5		/* byte with the type in a descriptor */

#define SEL_TI		4
#define SEL_RPL		3
#define ERROR_EXT	1

#define DR7_LOCAL	0x155		/* L0 to L3, LE */
#define DR6_BT		0x8000
#define FLAGS_VALID	0x3f7fd5ULL
#define TRAP_T		1

/* As they lie in memory (SDM Vol 3A, figures 8-2 and 8-10) */
struct tss32 {
	u32 link;
	u32 stacks[6];
	u32 cr3;
	u32 eip;
	u32 eflags;
	u32 gpr[8];
	u32 seg[6];
	u32 ldt;
	u16 trap;
	u16 io_map;
};

struct tss16 {
	u16 link;
	u16 stacks[6];
	u16 ip;
	u16 flags;
	u16 gpr[8];
	u16 seg[4];
	u16 ldt;
};

static_assert(sizeof(struct tss32) == 104);
static_assert(sizeof(struct tss16) == 44);

union tss {
	struct tss32 w;
	struct tss16 n;
};

/**
 * struct task - a switch in progress
 * @vcpu: locked
 * @t: what is asked for
 * @old_wide: the old TSS is one of 32 bits
 * @wide: the new TSS is
 * @tr: the new task register
 * @old: image of the old task
 * @new: image of the new task
 * @cpl: of the new task
 * @exc: the exception that ended the switch
 */
struct task {
	struct lodge_vcpu *vcpu;
	const struct lodge_task_switch *t;
	bool old_wide;
	bool wide;
	struct lodge_segment tr;
	union tss old;
	union tss new;
	u8 cpl;
	struct lodge_emul_exc exc;
};

static int fault(struct task *k, u8 vector, u32 error)
{
	if (k->t->external)
		error |= ERROR_EXT;
	k->exc = (struct lodge_emul_exc){ .vector = vector, .has_error = true, .error = error };
	return LODGE_EMUL_EXCEPTION;
}

static int fault_selector(struct task *k, u8 vector, u16 selector)
{
	return fault(k, vector, selector & ~SEL_RPL);
}

static int access(struct task *k, u64 linear, void *buf, unsigned int len, unsigned int how)
{
	int ret = lodge_insn_system(k->vcpu, linear, buf, len, how);

	if (ret == LODGE_EMUL_EXCEPTION)
		k->exc = k->vcpu->insn.emul->exc;
	return ret;
}

static int read_system(struct task *k, u64 linear, void *buf, unsigned int len)
{
	return access(k, linear, buf, len, LODGE_ACC_IMPLICIT);
}

static int write_system(struct task *k, u64 linear, void *buf, unsigned int len)
{
	return access(k, linear, buf, len, LODGE_ACC_IMPLICIT | LODGE_ACC_WRITE);
}

static int probe_write(struct task *k, u64 linear, unsigned int len)
{
	return access(k, linear, NULL, len, LODGE_ACC_IMPLICIT | LODGE_ACC_WRITE);
}

/* ---- descriptors --------------------------------------------------------- */

/* Linear address of a selector's descriptor; false: beyond the table */
static bool descriptor_at(const struct task *k, u16 selector, u64 *linear)
{
	const struct lodge_sregs *s = &k->vcpu->s;
	const struct lodge_segment *ldt = &s->seg[LODGE_LDTR];
	u64 base = s->gdt_base;
	u32 limit = s->gdt_limit;

	if (selector & SEL_TI) {
		if (ldt->attr & LODGE_SEG_UNUSABLE)
			return false;
		base = ldt->base;
		limit = ldt->limit;
	}
	*linear = (u32)(base + (selector & ~7));
	return (selector | 7) <= limit;
}

static struct lodge_segment unpack(u16 selector, u64 desc)
{
	struct lodge_segment s = {
		.selector = selector,
		.base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000),
		.limit = (desc & 0xffff) | (desc >> 32 & 0xf0000),
		.attr = desc >> 40 & 0xf0ff,
	};

	if (s.attr & LODGE_SEG_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

static int load_descriptor(struct task *k, u16 selector, struct lodge_segment *s, u64 *linear)
{
	u64 desc;
	int ret;

	if (!descriptor_at(k, selector, linear))
		return fault_selector(k, TS_VECTOR, selector);
	ret = read_system(k, *linear, &desc, sizeof(desc));
	if (!ret)
		*s = unpack(selector, desc);
	return ret;
}

/* Change bits of the type of the descriptor at @linear */
static int change_type(struct task *k, u64 linear, u8 clear, u8 set)
{
	u8 type;
	int ret = read_system(k, linear + DESC_TYPE, &type, sizeof(type));

	if (ret)
		return ret;
	type = (type & ~clear) | set;
	return write_system(k, linear + DESC_TYPE, &type, sizeof(type));
}

static u8 dpl(const struct lodge_segment *s)
{
	return (s->attr & LODGE_SEG_DPL) >> 5;
}

/* ---- before the switch --------------------------------------------------- */

/* SDM Vol 3A, table 8-1 */
static int check_new(struct task *k)
{
	const bool iret = k->t->source == LODGE_TASK_IRET;
	const u16 selector = k->t->selector;
	u32 type;
	u64 linear;
	int ret;

	if ((selector & SEL_TI) || !(selector & ~SEL_RPL) || !descriptor_at(k, selector, &linear))
		return fault_selector(k, iret ? TS_VECTOR : GP_VECTOR, selector);
	ret = load_descriptor(k, selector, &k->tr, &linear);
	if (ret)
		return ret;
	type = k->tr.attr & (LODGE_SEG_TYPE | LODGE_SEG_S);
	k->wide = (type & ~TYPE_BUSY) == TYPE_TSS32;
	if (!k->wide && (type & ~TYPE_BUSY) != TYPE_TSS16)
		return fault_selector(k, iret ? TS_VECTOR : GP_VECTOR, selector);
	if (!(k->tr.attr & LODGE_SEG_P))
		return fault_selector(k, NP_VECTOR, selector);
	if (!!(type & TYPE_BUSY) != iret)
		return fault_selector(k, iret ? TS_VECTOR : GP_VECTOR, selector);
	if (k->tr.limit < (k->wide ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
		return fault_selector(k, TS_VECTOR, selector);
	return read_system(k, k->tr.base, &k->new,
			   k->wide ? sizeof(struct tss32) : sizeof(struct tss16));
}

/* What is saved of the old task */
static void fill_old(struct task *k)
{
	const struct lodge_vcpu *vcpu = k->vcpu;
	const struct lodge_segment *seg = vcpu->s.seg;
	u32 eflags = vcpu->rflags | X86_EFLAGS_FIXED;
	u32 eip = vcpu->rip + k->t->insn_len;
	unsigned int i;

	if (k->t->source == LODGE_TASK_IRET)
		eflags &= ~X86_EFLAGS_NT;
	if (k->t->exception >= 0 && k->t->exception != DB_VECTOR)
		eflags |= X86_EFLAGS_RF;
	if (k->old_wide) {
		k->old.w.eip = eip;
		k->old.w.eflags = eflags;
		for (i = 0; i < 8; i++)
			k->old.w.gpr[i] = vcpu->gpr[i];
		for (i = 0; i < 6; i++)
			k->old.w.seg[i] = seg[i].selector;
		return;
	}
	k->old.n.ip = eip;
	k->old.n.flags = eflags;
	for (i = 0; i < 8; i++)
		k->old.n.gpr[i] = vcpu->gpr[i];
	for (i = 0; i < 4; i++)
		k->old.n.seg[i] = seg[i].selector;
}

/* From the instruction pointer to the last segment: CR3, LDT and stacks are not saved */
static u32 saved_offset(const struct task *k)
{
	return k->old_wide ? offsetof(struct tss32, eip) : offsetof(struct tss16, ip);
}

static u32 saved_len(const struct task *k)
{
	return (k->old_wide ? offsetof(struct tss32, ldt) : offsetof(struct tss16, ldt)) -
	       saved_offset(k);
}

static bool nests(const struct task *k)
{
	return k->t->source == LODGE_TASK_CALL || k->t->source == LODGE_TASK_GATE;
}

/* Whatever is going to be written must be writable before anything is */
static int probe(struct task *k, u64 old_desc, u64 new_desc)
{
	const struct lodge_segment *tr = &k->vcpu->s.seg[LODGE_TR];
	int ret = probe_write(k, tr->base + saved_offset(k), saved_len(k));

	if (!ret && nests(k))
		ret = probe_write(k, k->tr.base, sizeof(u16));
	if (!ret && !nests(k))
		ret = probe_write(k, old_desc + DESC_TYPE, 1);
	if (!ret && k->t->source != LODGE_TASK_IRET)
		ret = probe_write(k, new_desc + DESC_TYPE, 1);
	return ret;
}

static int leave_old(struct task *k)
{
	struct lodge_segment *tr = &k->vcpu->s.seg[LODGE_TR];
	u16 link = tr->selector;
	u64 old_desc, new_desc;
	int ret;

	if (!descriptor_at(k, link, &old_desc))
		return fault_selector(k, TS_VECTOR, link);
	descriptor_at(k, k->t->selector, &new_desc);
	ret = probe(k, old_desc, new_desc);
	if (ret)
		return ret;
	fill_old(k);
	if (!nests(k))
		ret = change_type(k, old_desc, TYPE_BUSY, 0);
	if (!ret)
		ret = write_system(k, tr->base + saved_offset(k),
				   (u8 *)&k->old + saved_offset(k), saved_len(k));
	if (!ret && nests(k))
		ret = write_system(k, k->tr.base, &link, sizeof(link));
	if (!ret && k->t->source != LODGE_TASK_IRET)
		ret = change_type(k, new_desc, 0, TYPE_BUSY);
	if (ret)
		return ret;
	*tr = k->tr;
	tr->selector &= ~SEL_RPL;
	tr->attr |= TYPE_BUSY;
	return 0;
}

/* ---- after the switch ---------------------------------------------------- */

static void load_v86(struct lodge_segment *s)
{
	*s = (struct lodge_segment){
		.selector = s->selector, .base = s->selector << 4, .limit = 0xffff,
		.attr = LODGE_SEG_P | LODGE_SEG_S | LODGE_SEG_DPL | 3,
	};
}

/*
 * Selectors without descriptors: so is the new task found by the handler of a
 * fault.  VM entry wants a CS that is usable, and DPLs that agree.
 */
static void invalidate(struct task *k)
{
	struct lodge_sregs *s = &k->vcpu->s;
	unsigned int i;

	for (i = LODGE_ES; i <= LODGE_GS; i++) {
		s->seg[i].base = 0;
		s->seg[i].limit = 0;
		s->seg[i].attr = LODGE_SEG_UNUSABLE | k->cpl << 5;
	}
	s->seg[LODGE_CS].limit = U32_MAX;
	s->seg[LODGE_CS].attr = LODGE_SEG_P | LODGE_SEG_S | LODGE_SEG_DB | LODGE_SEG_G |
				k->cpl << 5 | LODGE_SEG_CODE | LODGE_SEG_WRITABLE |
				TYPE_ACCESSED;
	s->seg[LODGE_LDTR].base = 0;
	s->seg[LODGE_LDTR].limit = 0;
	s->seg[LODGE_LDTR].attr = LODGE_SEG_UNUSABLE;
}

static void load_image32(struct lodge_vcpu *vcpu, const struct tss32 *tss)
{
	unsigned int i;

	vcpu->rip = tss->eip;
	vcpu->rflags = tss->eflags;
	for (i = 0; i < 8; i++)
		vcpu->gpr[i] = tss->gpr[i];
	for (i = 0; i < 6; i++)
		vcpu->s.seg[i].selector = tss->seg[i];
	vcpu->s.seg[LODGE_LDTR].selector = tss->ldt;
}

static void load_image16(struct lodge_vcpu *vcpu, const struct tss16 *tss)
{
	unsigned int i;

	vcpu->rip = tss->ip;
	vcpu->rflags = tss->flags;
	for (i = 0; i < 8; i++)
		vcpu->gpr[i] = tss->gpr[i];
	for (i = 0; i < 4; i++)
		vcpu->s.seg[i].selector = tss->seg[i];
	vcpu->s.seg[LODGE_FS].selector = 0;
	vcpu->s.seg[LODGE_GS].selector = 0;
	vcpu->s.seg[LODGE_LDTR].selector = tss->ldt;
}

static int load_image(struct task *k)
{
	struct lodge_vcpu *vcpu = k->vcpu;
	bool v86, paging = vcpu->s.cr0 & X86_CR0_PG;

	if (k->wide)
		load_image32(vcpu, &k->new.w);
	else
		load_image16(vcpu, &k->new.n);
	vcpu->rflags = (vcpu->rflags & FLAGS_VALID) | X86_EFLAGS_FIXED;
	if (nests(k))
		vcpu->rflags |= X86_EFLAGS_NT;
	v86 = vcpu->rflags & X86_EFLAGS_VM;
	k->cpl = v86 ? 3 : vcpu->s.seg[LODGE_CS].selector & SEL_RPL;
	invalidate(k);
	vcpu->shadow = 0;
	vcpu->debug.dr7 &= ~(u64)DR7_LOCAL;
	lodge_vcpu_mark(vcpu, LODGE_PART_RIP | LODGE_PART_RSP | LODGE_PART_RFLAGS |
			      LODGE_PART_SEGS | LODGE_PART_SHADOW | LODGE_PART_DR7);
	/* the bit is set, and no other changed: not refused */
	lodge_cr_write0(vcpu, vcpu->s.cr0 | X86_CR0_TS);
	if (k->wide && paging && lodge_cr_write3(vcpu, k->new.w.cr3))
		return fault(k, GP_VECTOR, 0);
	return 0;
}

static int load_ldt(struct task *k)
{
	struct lodge_segment *ldt = &k->vcpu->s.seg[LODGE_LDTR];
	u16 selector = ldt->selector;
	struct lodge_segment s;
	u64 linear;
	int ret;

	if (!(selector & ~SEL_RPL))
		return 0;
	if (selector & SEL_TI)
		return fault_selector(k, TS_VECTOR, selector);
	ret = load_descriptor(k, selector, &s, &linear);
	if (ret)
		return ret;
	if ((s.attr & (LODGE_SEG_TYPE | LODGE_SEG_S)) != TYPE_LDT || !(s.attr & LODGE_SEG_P))
		return fault_selector(k, TS_VECTOR, selector);
	*ldt = s;
	return 0;
}

static bool code_fits(const struct task *k, const struct lodge_segment *s)
{
	if (!(s->attr & LODGE_SEG_CODE))
		return false;
	return s->attr & TYPE_CONFORMING ? dpl(s) <= k->cpl : dpl(s) == k->cpl;
}

static bool stack_fits(const struct task *k, const struct lodge_segment *s)
{
	return !(s->attr & LODGE_SEG_CODE) && (s->attr & LODGE_SEG_WRITABLE) &&
	       dpl(s) == k->cpl && (s->selector & SEL_RPL) == k->cpl;
}

static bool data_fits(const struct task *k, const struct lodge_segment *s)
{
	if (s->attr & LODGE_SEG_CODE) {
		if (!(s->attr & LODGE_SEG_WRITABLE))
			return false;
		if (s->attr & TYPE_CONFORMING)
			return true;
	}
	return dpl(s) >= k->cpl && dpl(s) >= (s->selector & SEL_RPL);
}

static int load_segment(struct task *k, unsigned int i)
{
	struct lodge_segment *seg = &k->vcpu->s.seg[i], s;
	u16 selector = seg->selector;
	bool fits;
	u64 linear;
	int ret;

	if (!(selector & ~SEL_RPL))
		return i == LODGE_CS || i == LODGE_SS ? fault_selector(k, TS_VECTOR, selector) : 0;
	ret = load_descriptor(k, selector, &s, &linear);
	if (ret)
		return ret;
	fits = i == LODGE_CS ? code_fits(k, &s) : i == LODGE_SS ? stack_fits(k, &s) :
							      data_fits(k, &s);
	if (!(s.attr & LODGE_SEG_S) || !fits)
		return fault_selector(k, TS_VECTOR, selector);
	if (!(s.attr & LODGE_SEG_P))
		return fault_selector(k, i == LODGE_SS ? SS_VECTOR : NP_VECTOR, selector);
	if (!(s.attr & TYPE_ACCESSED)) {
		ret = change_type(k, linear, 0, TYPE_ACCESSED);
		if (ret)
			return ret;
	}
	*seg = s;
	seg->attr |= TYPE_ACCESSED;
	return 0;
}

static int load_segments(struct task *k)
{
	static const u8 order[] = {
		LODGE_CS, LODGE_SS, LODGE_DS, LODGE_ES, LODGE_FS, LODGE_GS,
	};
	struct lodge_vcpu *vcpu = k->vcpu;
	unsigned int i;
	int ret = load_ldt(k);

	for (i = 0; !ret && i < ARRAY_SIZE(order); i++) {
		if (vcpu->rflags & X86_EFLAGS_VM)
			load_v86(&vcpu->s.seg[order[i]]);
		else
			ret = load_segment(k, order[i]);
	}
	return ret;
}

/* Expand-down segments begin after their limit (SDM Vol 3A, 5.3) */
static bool room_on(const struct lodge_segment *ss, u32 sp, u32 len)
{
	u64 last = (u64)sp + len - 1;

	if (ss->attr & LODGE_SEG_DOWN)
		return sp > ss->limit && last <= (ss->attr & LODGE_SEG_DB ? U32_MAX : 0xffff);
	return last <= ss->limit;
}

static int push_error(struct task *k)
{
	struct lodge_vcpu *vcpu = k->vcpu;
	const struct lodge_segment *ss = &vcpu->s.seg[LODGE_SS];
	u32 mask = ss->attr & LODGE_SEG_DB ? U32_MAX : 0xffff;
	u32 len = k->wide ? 4 : 2, error = k->t->error;
	u32 sp = (vcpu->gpr[LODGE_RSP] - len) & mask;
	int ret;

	if (!room_on(ss, sp, len))
		return fault(k, SS_VECTOR, 0);
	ret = access(k, (u32)(ss->base + sp), &error, len,
		     LODGE_ACC_WRITE | (k->cpl == 3 ? LODGE_ACC_USER : 0));
	if (!ret)
		vcpu->gpr[LODGE_RSP] = (vcpu->gpr[LODGE_RSP] & ~(u64)mask) | sp;
	return ret;
}

static int enter_new(struct task *k)
{
	struct lodge_vcpu *vcpu = k->vcpu;
	int ret = load_image(k);

	if (!ret)
		ret = load_segments(k);
	if (!ret && k->t->has_error)
		ret = push_error(k);
	if (!ret && vcpu->rip > vcpu->s.seg[LODGE_CS].limit)
		ret = fault(k, GP_VECTOR, 0);
	if (!ret && k->wide && (k->new.w.trap & TRAP_T)) {
		vcpu->debug.dr6 |= DR6_BT;
		lodge_vcpu_raise(vcpu, DB_VECTOR, false, 0);
	}
	return ret;
}

/* SDM Vol 3A, table 6-5, with the exception whose delivery the switch was */
static int raise(struct task *k)
{
	const int first = k->t->exception;
	const u8 second = k->exc.vector;
	bool contributory = CONTRIBUTORY & BIT(second);

	if (second == PF_VECTOR)
		k->vcpu->s.cr2 = k->exc.cr2;
	if (first == DF_VECTOR && (contributory || second == PF_VECTOR))
		return -ESHUTDOWN;
	if (first >= 0 && ((first == PF_VECTOR && (contributory || second == PF_VECTOR)) ||
			   ((CONTRIBUTORY & BIT(first)) && contributory)))
		lodge_vcpu_raise(k->vcpu, DF_VECTOR, true, 0);
	else
		lodge_vcpu_raise(k->vcpu, second, k->exc.has_error, k->exc.error);
	return 0;
}

/**
 * lodge_task_switch - do a task switch, or raise the exception that it ends in
 * @vcpu: locked, does not run; RIP, RSP, RFLAGS, SEGS, CRS, PDPTE, SHADOW and DR7 cached
 * @t: not in IA-32e mode
 *
 * Return: 0; -EAGAIN, nothing is done, let the guest try again; -ESHUTDOWN, a
 * triple fault; -ENXIO, tables that are no memory; another errno, guest memory that
 * could not be had.
 */
int lodge_task_switch(struct lodge_vcpu *vcpu, const struct lodge_task_switch *t)
{
	struct task k = { .vcpu = vcpu, .t = t };
	bool left = false;
	int ret;

	k.old_wide = (vcpu->s.seg[LODGE_TR].attr & LODGE_SEG_TYPE & ~TYPE_BUSY) == TYPE_TSS32;
	ret = check_new(&k);
	if (!ret)
		ret = leave_old(&k);
	if (!ret) {
		left = true;
		ret = enter_new(&k);
	}
	switch (ret) {
	case LODGE_EMUL_DONE:
		return 0;
	case LODGE_EMUL_EXCEPTION:
		return raise(&k);
	case LODGE_EMUL_RETRY:
		/* half a switch is not tried again: the guest changes its tables under it */
		return left ? -EFAULT : -EAGAIN;
	}
	return ret < 0 ? ret : -ENXIO;
}
