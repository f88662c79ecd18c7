// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first vCPU's registers when the guest starts.
 */
#include <string.h>

#include "vm.h"

#define CR0_PE		(1u << 0)
#define CR0_ET		(1u << 4)
#define CR0_PG		(1u << 31)
#define CR4_PAE		(1u << 5)
#define EFER_LME	(1u << 8)
#define EFER_LMA	(1u << 10)

#define TYPE_CODE	0xb		/* execute, read, accessed */
#define TYPE_DATA	0x3		/* read, write, accessed */
#define TYPE_TSS	0xb		/* busy */
#define CODE_OR_DATA	(LODGE_SEG_P | LODGE_SEG_S)

static struct lodge_segment segment(uint16_t selector, uint32_t attr, uint64_t base, uint32_t limit)
{
	return (struct lodge_segment){
		.base = base, .limit = limit, .attr = attr, .selector = selector,
	};
}

static void start_real(const struct boot *b, struct lodge_sregs *s)
{
	unsigned int i;

	for (i = LODGE_ES; i <= LODGE_GS; i++)
		s->seg[i] = segment(0, CODE_OR_DATA | TYPE_DATA, 0, 0xffff);
	s->seg[LODGE_CS] = segment(b->entry_cs, CODE_OR_DATA | TYPE_CODE, b->entry_cs * 16ULL,
				   0xffff);
}

/* Selectors and descriptors agree with the table at BOOT_GDT */
static void start_protected(const struct boot *b, struct lodge_sregs *s)
{
	bool longmode = b->mode == BOOT_MODE_LONG;
	uint32_t code = CODE_OR_DATA | LODGE_SEG_G | TYPE_CODE;
	unsigned int i;

	for (i = LODGE_ES; i <= LODGE_GS; i++)
		s->seg[i] = segment(0x18, CODE_OR_DATA | LODGE_SEG_G | LODGE_SEG_DB | TYPE_DATA, 0,
				    ~0u);
	s->seg[LODGE_CS] = segment(0x10, code | (longmode ? LODGE_SEG_L : LODGE_SEG_DB), 0, ~0u);
	s->seg[LODGE_LDTR] = segment(0, LODGE_SEG_UNUSABLE, 0, 0);
	s->seg[LODGE_TR] = segment(0x20, LODGE_SEG_P | TYPE_TSS, 0, 0x67);
	s->gdt_base = BOOT_GDT;
	s->gdt_limit = BOOT_GDT_SIZE - 1;
	s->idt_base = 0;
	s->idt_limit = 0;
	s->cr0 = CR0_PE | CR0_ET;
	if (longmode) {
		s->cr0 |= CR0_PG;
		s->cr3 = BOOT_PAGE_TABLES;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
	}
}

/**
 * start_registers - the state in which an image wants to be entered
 * @b: loaded
 * @regs: out
 * @sregs: as after RESET; in: and out
 */
void start_registers(const struct boot *b, struct lodge_regs *regs, struct lodge_sregs *sregs)
{
	memset(regs, 0, sizeof(*regs));
	regs->size = sizeof(*regs);
	regs->rflags = 2;
	regs->rip = b->entry;
	regs->gpr[LODGE_RAX] = b->rax;
	regs->gpr[LODGE_RBX] = b->rbx;
	regs->gpr[LODGE_RSI] = b->rsi;
	regs->gpr[LODGE_RSP] = b->rsp;
	if (b->mode == BOOT_MODE_REAL)
		start_real(b, sregs);
	else
		start_protected(b, sregs);
}
