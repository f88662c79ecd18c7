// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches, by JMP, CALL, IRET and through task gates in the IDT, between
 * TSSs of 32 and 16 bits; and what is raised where a TSS is bad.
 */
#include "vm.h"

#define TSS_MAIN	0x58	/* selectors; 0x60 and 0x68 for the others, 0x70 for an LDT */
#define TSS_OTHER	0x60
#define TSS_THIRD	0x68
#define SEL_LDT		0x70
#define GDT_LIMIT	0xff

#define GPA_TSS(sel)	(GPA_SCRATCH + ((sel) - TSS_MAIN) * 0x20)
#define STACK(sel)	(GPA_SCRATCH + 0x10000 + ((sel) - TSS_MAIN) * 0x200)
#define OTHER_CR3	GPA_TABLES
#define HOLE		0x40000000u

#define TSS32		0x89ull
#define BUSY		2
#define EFLAGS_NT	0x4000

struct tss32 {
	u32 link, stack[6], cr3, eip, eflags, gpr[8], seg[6], ldt;
	u16 trap, io_map;
};

struct tss16 {
	u16 link, stack[6], ip, flags, gpr[8], seg[4], ldt;
};

/* What the main task does, and what the others do; each tells its port */
GUEST_BLOB(tasks,
	".code32\n"
	"t_jmp:		ljmp	$0x60, $0\n"
	"t_jmp_next:	out	%al, $0x90\n"
	"t_call:	lcall	$0x60, $0\n"
	"t_call_next:	out	%al, $0x91\n"
	"		lcall	$0x60, $0\n"
	"		out	%al, $0x91\n"
	"t_int:		int	$0x40\n"
	"t_int_next:	out	%al, $0x92\n"
	"t_fault:	mov	0x40000000, %eax\n"
	"		out	%al, $0x93\n"
	"t_wait:	sti\n"
	"		nop\n"
	"		out	%al, $0x94\n"
	"1:		pause\n"
	"		jmp	1b\n"
	"t_iret:	out	%al, $0xa0\n"
	"		iret\n"
	"t_iret_next:	out	%al, $0xa1\n"
	"		iret\n"
	"t_error:	out	%al, $0xa2\n"
	"		add	$4, %esp\n"
	"		iret\n"
	"t_back:	out	%al, $0xa4\n"
	"		ljmp	$0x58, $0\n"
	"t_trap:	out	%al, $0xa5\n"
	".code16\n"
	"t_16:		out	%al, $0xa6\n"
	"		ljmp	$0x58, $0\n"
	"t_16_next:	nop\n"
);

extern const char t_jmp[], t_jmp_next[], t_call[], t_call_next[], t_int[], t_int_next[];
extern const char t_fault[], t_wait[], t_iret[], t_iret_next[], t_error[], t_back[], t_trap[];
extern const char t_16[], t_16_next[];

#define AT(label)	((u32)(GPA_CODE16 + ((label) - tasks_start)))

static struct vm *vm;
static struct vcpu *vcpu;

static u64 *descriptor(u16 sel)
{
	return (u64 *)vm_ptr(vm, GPA_DESC + (sel & ~7));
}

static struct tss32 *tss(u16 sel)
{
	return vm_ptr(vm, GPA_TSS(sel));
}

static bool busy(u16 sel)
{
	return *descriptor(sel) >> 40 & BUSY;
}

static u64 system_descriptor(u32 base, u32 limit, u64 type)
{
	return limit | (u64)(base & 0xffffff) << 16 | type << 40 | (u64)(base >> 24) << 56;
}

static void task_gate(u8 vector, u16 sel)
{
	*((u64 *)vm_ptr(vm, GPA_IDT) + vector) = (u64)sel << 16 | 0xe5ull << 40;
}

static void interrupt_gate(u8 vector, u32 target)
{
	*((u64 *)vm_ptr(vm, GPA_IDT) + vector) = (target & 0xffff) | SEL_CODE32 << 16 |
		0xeeull << 40 | (u64)(target >> 16) << 48;
}

static void task(u16 sel, u32 eip)
{
	struct tss32 *t = tss(sel);
	int i;

	*t = (struct tss32){
		.cr3 = OTHER_CR3, .eip = eip, .eflags = 2, .io_map = sizeof(*t),
		.seg = { SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, 0 },
	};
	for (i = 0; i < 8; i++)
		t->gpr[i] = sel << 16 | i;
	t->gpr[LODGE_RSP] = STACK(sel);
	*descriptor(sel) = system_descriptor(GPA_TSS(sel), sizeof(*t) - 1, TSS32);
}

/* The main task runs from @start on; the others wait */
static void set_up(const char *start, const char *other)
{
	struct lodge_sregs s;
	struct lodge_regs r;

	vm = vm_create(0);
	vcpu = vcpu_create(vm, 0);
	vm_load_blob(vm, GPA_CODE16, tasks);
	memset(vm_ptr(vm, GPA_IDT), 0, 0x800);
	memcpy(vm_ptr(vm, OTHER_CR3), vm_ptr(vm, GPA_PD32), 0x1000);
	vcpu_start_flat32(vcpu, AT(start));
	task(TSS_MAIN, 0);
	task(TSS_OTHER, AT(other));
	task(TSS_THIRD, AT(t_error));
	tss(TSS_MAIN)->cr3 = GPA_PD32;
	*descriptor(TSS_MAIN) |= (u64)BUSY << 40;
	*descriptor(SEL_LDT) = system_descriptor(GPA_SCRATCH, 0xff, 0x82);
	vcpu_get_sregs(vcpu, &s);
	s.gdt_limit = GDT_LIMIT;
	s.idt_base = GPA_IDT;
	s.idt_limit = 0x7ff;
	s.seg[LODGE_TR].selector = TSS_MAIN;
	s.seg[LODGE_TR].base = GPA_TSS(TSS_MAIN);
	s.seg[LODGE_TR].limit = sizeof(struct tss32) - 1;
	s.cr0 |= CR0_PG;
	s.cr3 = GPA_PD32;
	s.cr4 = CR4_PSE;
	vcpu_set_sregs(vcpu, &s);
	vcpu_get_regs(vcpu, &r);
	r.gpr[LODGE_RDI] = 0x12345678;
	r.gpr[LODGE_RSP] = STACK(TSS_MAIN);
	vcpu_set_regs(vcpu, &r);
}

#define expect_port(p) do {							\
	vcpu_exit(vcpu, LODGE_EXIT_IO);						\
	ASSERT_EQ(vcpu->run->io.port, p);					\
} while (0)

/* The task that @sel names runs now, with what its TSS held */
static void expect_task(u16 sel, u64 cr3)
{
	struct lodge_sregs s;
	struct lodge_regs r;

	vcpu_get_sregs(vcpu, &s);
	vcpu_get_regs(vcpu, &r);
	EXPECT_EQ(s.seg[LODGE_TR].selector, sel);
	EXPECT_EQ(s.seg[LODGE_TR].base, (u64)GPA_TSS(sel));
	EXPECT_EQ(s.cr3, cr3);
	EXPECT_TRUE(s.cr0 & CR0_TS);
	EXPECT_TRUE(busy(sel));
	EXPECT_EQ(s.seg[LODGE_CS].selector, SEL_CODE32);
	EXPECT_EQ(s.seg[LODGE_SS].limit, ~0u);
	EXPECT_TRUE(s.seg[LODGE_GS].attr & (sel == TSS_MAIN ? LODGE_SEG_P : LODGE_SEG_UNUSABLE));
	EXPECT_EQ(r.gpr[LODGE_RDI], sel == TSS_MAIN ? 0x12345678ull : (u64)(sel << 16 | 7));
}

static u64 eflags(void)
{
	struct lodge_regs r;

	vcpu_get_regs(vcpu, &r);
	return r.rflags;
}

/* The error code on the stack of the task that runs */
static void expect_error(u32 error)
{
	struct lodge_regs r;

	vcpu_get_regs(vcpu, &r);
	EXPECT_EQ(r.gpr[LODGE_RSP], (u64)STACK(TSS_THIRD) - 4);
	EXPECT_EQ(*(u32 *)vm_ptr(vm, STACK(TSS_THIRD) - 4), error);
}

TEST(jmp)
{
	set_up(t_jmp, t_back);
	tss(TSS_OTHER)->link = 0xaaaa;
	expect_port(0xa4);
	expect_task(TSS_OTHER, OTHER_CR3);
	EXPECT_FALSE(eflags() & EFLAGS_NT);
	EXPECT_FALSE(busy(TSS_MAIN));
	EXPECT_EQ(tss(TSS_OTHER)->link, 0xaaaau);
	EXPECT_EQ(tss(TSS_MAIN)->eip, AT(t_jmp_next));
	EXPECT_EQ(tss(TSS_MAIN)->gpr[LODGE_RDI], 0x12345678u);
	EXPECT_EQ(tss(TSS_MAIN)->gpr[LODGE_RSP], STACK(TSS_MAIN));
	EXPECT_EQ(tss(TSS_MAIN)->seg[LODGE_CS], SEL_CODE32);
	EXPECT_EQ(tss(TSS_MAIN)->seg[LODGE_GS], SEL_DATA);
	expect_port(0x90);
	expect_task(TSS_MAIN, GPA_PD32);
	EXPECT_FALSE(busy(TSS_OTHER));
}

TEST(call_and_iret)
{
	set_up(t_call, t_iret);
	expect_port(0xa0);
	expect_task(TSS_OTHER, OTHER_CR3);
	EXPECT_TRUE(eflags() & EFLAGS_NT);
	EXPECT_TRUE(busy(TSS_MAIN));
	EXPECT_EQ(tss(TSS_OTHER)->link, TSS_MAIN);
	EXPECT_EQ(tss(TSS_MAIN)->eip, AT(t_call_next));
	expect_port(0x91);
	expect_task(TSS_MAIN, GPA_PD32);
	EXPECT_FALSE(eflags() & EFLAGS_NT);
	EXPECT_FALSE(busy(TSS_OTHER));
	EXPECT_EQ(tss(TSS_OTHER)->eip, AT(t_iret_next));
	EXPECT_FALSE(tss(TSS_OTHER)->eflags & EFLAGS_NT);
	/* once more: it resumes where it left */
	expect_port(0xa1);
	expect_port(0x91);
}

TEST(software_interrupt)
{
	set_up(t_int, t_iret);
	task_gate(0x40, TSS_OTHER);
	expect_port(0xa0);
	expect_task(TSS_OTHER, OTHER_CR3);
	EXPECT_EQ(tss(TSS_MAIN)->eip, AT(t_int_next));
	EXPECT_FALSE(tss(TSS_MAIN)->eflags & RFLAGS_RF);
	expect_port(0x92);
	expect_task(TSS_MAIN, GPA_PD32);
}

TEST(interrupt)
{
	set_up(t_wait, t_iret);
	task_gate(0x41, TSS_OTHER);
	expect_port(0x94);
	ASSERT_OK(vcpu_interrupt(vcpu, 0x41));
	expect_port(0xa0);
	expect_task(TSS_OTHER, OTHER_CR3);
	EXPECT_FALSE(eflags() & RFLAGS_IF);
	EXPECT_TRUE(tss(TSS_MAIN)->eflags & RFLAGS_IF);
	/* delivered once */
	ASSERT_OK(vcpu_interrupt(vcpu, 0x41));
	expect_port(0xa1);
}

static void unmap_hole(void)
{
	((u32 *)vm_ptr(vm, GPA_PD32))[HOLE >> 22] = 0;
}

TEST(page_fault)
{
	struct lodge_sregs s;

	set_up(t_fault, t_iret);
	unmap_hole();
	task_gate(X_PF, TSS_THIRD);
	expect_port(0xa2);
	expect_task(TSS_THIRD, OTHER_CR3);
	expect_error(0);
	EXPECT_EQ(tss(TSS_MAIN)->eip, AT(t_fault));
	EXPECT_TRUE(tss(TSS_MAIN)->eflags & RFLAGS_RF);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.cr2, (u64)HOLE);
	((u32 *)vm_ptr(vm, GPA_PD32))[HOLE >> 22] = 0x87;
	expect_port(0x93);
}

TEST(double_fault)
{
	set_up(t_fault, t_iret);
	unmap_hole();
	/* no gate for #PF: #NP or #GP of the processor's own */
	task_gate(X_DF, TSS_THIRD);
	expect_port(0xa2);
	expect_error(0);
}

/* #TS while #PF is delivered, in the switch itself */
TEST(double_fault_of_a_switch)
{
	set_up(t_fault, t_iret);
	unmap_hole();
	task_gate(X_PF, TSS_OTHER);
	task_gate(X_DF, TSS_THIRD);
	tss(TSS_OTHER)->seg[LODGE_SS] = SEL_CODE32;
	expect_port(0xa2);
	expect_error(0);
	EXPECT_EQ(tss(TSS_THIRD)->link, TSS_OTHER);
}

TEST(triple_fault_of_a_switch)
{
	set_up(t_fault, t_iret);
	unmap_hole();
	task_gate(X_DF, TSS_OTHER);
	tss(TSS_OTHER)->seg[LODGE_CS] = SEL_DATA;
	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
}

/* What a change to the other task raises, in the old task or in the new one */
static void expect_bad(void (*spoil)(void), u8 vector, u32 error, bool in_new)
{
	set_up(t_call, t_iret);
	spoil();
	task_gate(vector, TSS_THIRD);
	expect_port(0xa2);
	expect_task(TSS_THIRD, OTHER_CR3);
	expect_error(error);
	EXPECT_EQ(tss(TSS_THIRD)->link, in_new ? TSS_OTHER : TSS_MAIN);
	if (in_new)
		EXPECT_EQ(tss(TSS_OTHER)->eip, AT(t_iret));
	else
		EXPECT_EQ(tss(TSS_MAIN)->eip, AT(t_call));
	vcpu_free(vcpu);
	vm_free(vm);
}

#define SPOIL(name, statement) static void name(void) { statement; }

SPOIL(bad_limit, (*descriptor(TSS_OTHER))--)
SPOIL(absent, *descriptor(TSS_OTHER) &= ~(0x80ull << 40))
SPOIL(is_busy, *descriptor(TSS_OTHER) |= (u64)BUSY << 40)
SPOIL(ldt_no_ldt, tss(TSS_OTHER)->ldt = SEL_DATA)
SPOIL(cs_null, tss(TSS_OTHER)->seg[LODGE_CS] = 0)
SPOIL(cs_data, tss(TSS_OTHER)->seg[LODGE_CS] = SEL_DATA)
SPOIL(ss_null, tss(TSS_OTHER)->seg[LODGE_SS] = 0)
SPOIL(ss_code, tss(TSS_OTHER)->seg[LODGE_SS] = SEL_CODE32)
SPOIL(ds_beyond, tss(TSS_OTHER)->seg[LODGE_DS] = 0x108)
SPOIL(ds_in_ldt, tss(TSS_OTHER)->seg[LODGE_DS] = 0x0c)
SPOIL(es_system, tss(TSS_OTHER)->seg[LODGE_ES] = SEL_LDT)

static void fs_absent(void)
{
	*descriptor(SEL_DATA16) &= ~(0x80ull << 40);
	tss(TSS_OTHER)->seg[LODGE_FS] = SEL_DATA16;
}

static void ss_absent(void)
{
	*descriptor(SEL_DATA16) &= ~(0x80ull << 40);
	tss(TSS_OTHER)->seg[LODGE_SS] = SEL_DATA16;
}

static void eip_beyond(void)
{
	tss(TSS_OTHER)->seg[LODGE_CS] = SEL_CODE16;
	tss(TSS_OTHER)->eip = 0x10000;
}

TEST(bad_descriptor_of_the_tss)
{
	expect_bad(bad_limit, X_TS, TSS_OTHER, false);
	expect_bad(absent, X_NP, TSS_OTHER, false);
	expect_bad(is_busy, X_GP, TSS_OTHER, false);
}

TEST(bad_segments)
{
	expect_bad(ldt_no_ldt, X_TS, SEL_DATA, true);
	expect_bad(cs_null, X_TS, 0, true);
	expect_bad(cs_data, X_TS, SEL_DATA, true);
	expect_bad(ss_null, X_TS, 0, true);
	expect_bad(ss_code, X_TS, SEL_CODE32, true);
	expect_bad(ss_absent, X_SS, SEL_DATA16, true);
	expect_bad(ds_beyond, X_TS, 0x108, true);
	expect_bad(ds_in_ldt, X_TS, 0x0c, true);
	expect_bad(es_system, X_TS, SEL_LDT, true);
	expect_bad(fs_absent, X_NP, SEL_DATA16, true);
}

TEST(instruction_pointer_beyond_the_segment)
{
	set_up(t_call, t_iret);
	eip_beyond();
	task_gate(X_GP, TSS_THIRD);
	expect_port(0xa2);
	expect_error(0);
	EXPECT_EQ(tss(TSS_OTHER)->eip, 0x10000u);
}

/* #DB before the first instruction of the new task */
TEST(debug_trap)
{
	struct lodge_debug d;

	set_up(t_jmp, t_back);
	interrupt_gate(X_DB, AT(t_trap));
	tss(TSS_OTHER)->trap = 1;
	expect_port(0xa5);
	vcpu_get_debug(vcpu, &d);
	EXPECT_TRUE(d.dr6 & 0x8000);
	EXPECT_EQ(*(u32 *)vm_ptr(vm, STACK(TSS_OTHER) - 12), AT(t_back));
}

TEST(task_of_16_bits)
{
	struct tss16 *t;
	struct lodge_regs r;
	struct lodge_sregs s;
	int i;

	set_up(t_jmp, t_16);
	t = vm_ptr(vm, GPA_TSS(TSS_OTHER));
	*t = (struct tss16){
		.ip = AT(t_16), .flags = 2,
		.seg = { SEL_DATA16, SEL_CODE16, SEL_DATA16, SEL_DATA16 }, .ldt = SEL_LDT,
	};
	for (i = 0; i < 8; i++)
		t->gpr[i] = 0x1000 + i;
	*descriptor(TSS_OTHER) = system_descriptor(GPA_TSS(TSS_OTHER), sizeof(*t) - 1, 0x81);
	expect_port(0xa6);
	vcpu_get_regs(vcpu, &r);
	vcpu_get_sregs(vcpu, &s);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(r.gpr[i] & 0xffff, 0x1000ull + i);
	EXPECT_EQ(s.seg[LODGE_CS].selector, SEL_CODE16);
	EXPECT_EQ(s.seg[LODGE_LDTR].selector, SEL_LDT);
	EXPECT_EQ(s.seg[LODGE_LDTR].base, (u64)GPA_SCRATCH);
	EXPECT_TRUE(s.seg[LODGE_FS].attr & LODGE_SEG_UNUSABLE);
	EXPECT_EQ(s.cr3, (u64)GPA_PD32);
	t->gpr[LODGE_RDI] = 0;
	expect_port(0x90);
	expect_task(TSS_MAIN, GPA_PD32);
	EXPECT_EQ(t->ip, AT(t_16_next));
	EXPECT_EQ(t->gpr[LODGE_RDI], 0x1007);
	EXPECT_EQ(t->seg[LODGE_CS], SEL_CODE16);
	EXPECT_EQ(t->ldt, SEL_LDT);
}
