// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC as a guest finds it, by memory and by MSRs: registers, modes, priorities,
 * timer.  What all bits of all registers do is in native/irq_lapic_test.c.
 */
#include "apic.h"

#define GP		EXC(X_GP)
#define ON		(APIC_BASE | APIC_BSP | APIC_EN)
#define ELSEWHERE	0xfed40000ull
#define MSR_DEADLINE	0x6e0
#define SELF_IPI	0x3f0
#define PERIODIC	0x20000
#define DEADLINE	0x40000
#define BY_1		0xb	/* of TDCR */

static volatile u32 ticks, extints, errors, order, seen_ppr;

/* ---- registers ----------------------------------------------------------- */

static void reset_values(void)
{
	u32 reg;

	if (x2apic)
		wrmsr(MSR_APIC_BASE, APIC_BASE | APIC_EN | APIC_EXTD);
	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), ON | (x2apic ? APIC_EXTD : 0));
	GUEST_ASSERT_EQ(apic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_VERSION), 0x01050014);
	GUEST_ASSERT_EQ(apic_read(APIC_TPR), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_PPR), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_LDR), x2apic ? 1 : 0);
	if (!x2apic)
		GUEST_ASSERT_EQ(apic_read(APIC_DFR), 0xffffffff);
	GUEST_ASSERT_EQ(apic_read(APIC_SVR), 0xff);
	for (reg = APIC_ISR; reg <= APIC_ESR; reg += 0x10)
		GUEST_ASSERT_EQ(apic_read(reg), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_ICR), 0);
	for (reg = APIC_LVT; reg <= APIC_LVTERR; reg += 0x10)
		GUEST_ASSERT_EQ(apic_read(reg), reg == APIC_LINT0 ? 0x700 : LVT_MASKED);
	GUEST_ASSERT_EQ(apic_read(APIC_TMICT), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_TMCCT), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_TDCR), 0);
}

TEST_MODES(after_reset)
{
	run_alone(vm_create(MACHINE), reset_values);
}

static void ignored_bits(void)
{
	u32 reg;

	apic_enable();
	apic_write(APIC_ID, ~0u);
	GUEST_ASSERT_EQ(apic_read(APIC_ID), 0);
	apic_write(APIC_TPR, ~0u);
	GUEST_ASSERT_EQ(apic_read(APIC_TPR), 0xff);
	GUEST_ASSERT_EQ(apic_read(APIC_PPR), 0xff);
	GUEST_ASSERT_EQ(read_cr8(), 15);
	write_cr8(4);
	GUEST_ASSERT_EQ(apic_read(APIC_TPR), 0x40);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LDR, ~0u);
	GUEST_ASSERT_EQ(apic_read(APIC_LDR), 0xff000000);
	apic_write(APIC_DFR, 0);
	GUEST_ASSERT_EQ(apic_read(APIC_DFR), 0x0fffffff);
	apic_write(APIC_ICR2, ~0u);
	GUEST_ASSERT_EQ(apic_read(APIC_ICR2), 0xff000000);
	for (reg = APIC_LVT; reg <= APIC_LVTERR; reg += 0x10) {
		apic_write(reg, ~0u & ~LVT_MASKED);
		GUEST_ASSERT_EQ(apic_read(reg) & (LVT_MASKED | 0xfff8f000 | 0x800),
				reg == APIC_LINT0 || reg == APIC_LINT0 + 0x10 ? 0xa000 : 0);
		apic_write(reg, LVT_MASKED);
	}
	apic_write(APIC_TDCR, ~0u);
	GUEST_ASSERT_EQ(apic_read(APIC_TDCR), 0xb);
	GUEST_ASSERT_EQ(apic_errors(), 0);
	/* no register there, and none of x2APIC mode */
	apic_write(0x40, 1);
	GUEST_ASSERT_EQ(apic_errors(), 0x80);
	apic_read(SELF_IPI);
	GUEST_ASSERT_EQ(apic_errors(), 0x80);
	GUEST_ASSERT_EQ(apic_errors(), 0);
}

TEST(reserved_bits_xapic)
{
	x2apic = false;
	run_alone(vm_create(MACHINE), ignored_bits);
}

static void faulting_bits(void)
{
	static const struct {
		u32 msr;
		u64 good, bad;
	} w[] = {
		{ 0x808, 0xff, 0x100 }, { 0x80b, 0, 1 }, { 0x80f, 0x1ff, 0x400 },
		{ 0x828, 0, 1 }, { 0x830, 0x10000000000000fe, 0x1000 }, { 0x830, 0x440fe, 1 << 20 },
		{ 0x832, 0x700ff & ~DEADLINE, 0x100 }, { 0x833, 0x107ff, 0x2000 },
		{ 0x835, 0x1a7ff, 0x20000 }, { 0x837, 0x100ff, 0x400 }, { 0x838, 0, 1ull << 32 },
		{ 0x83e, 0xb, 4 }, { 0x83f, 0xfe, 0x100 },
	};
	static const u32 read_only[] = { 0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x820, 0x839 };
	static const u32 none[] = { 0x800, 0x804, 0x809, 0x80c, 0x80e, 0x831, 0x83a, 0x840, 0x8ff };
	u64 v;
	u32 i;

	apic_enable();
	for (i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
		GUEST_ASSERT_EQ(wrmsr_safe(w[i].msr, w[i].good), 0);
		GUEST_ASSERT_EQ(wrmsr_safe(w[i].msr, w[i].bad), GP);
		if (w[i].msr != 0x830)
			GUEST_ASSERT_EQ(wrmsr_safe(w[i].msr, w[i].good | 1ull << 40), GP);
	}
	for (i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
		GUEST_ASSERT_EQ(rdmsr_safe(read_only[i], &v), 0);
		GUEST_ASSERT_EQ(wrmsr_safe(read_only[i], v), GP);
	}
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		GUEST_ASSERT_EQ(rdmsr_safe(none[i], &v), GP);
		GUEST_ASSERT_EQ(wrmsr_safe(none[i], 0), GP);
	}
	/* write-only ones */
	GUEST_ASSERT_EQ(rdmsr_safe(0x80b, &v), GP);
	GUEST_ASSERT_EQ(rdmsr_safe(0x83f, &v), GP);
}

TEST(reserved_bits_x2apic)
{
	x2apic = true;
	run_alone(vm_create(MACHINE), faulting_bits);
}

/* ---- IA32_APIC_BASE ------------------------------------------------------ */

static bool cpuid_shows(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	return r[3] >> 9 & 1;
}

static void in_mode(u64 mode)
{
	u64 v;

	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), APIC_BASE | APIC_BSP | mode);
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_BASE + APIC_VERSION),
			mode == APIC_EN ? 0x01050014 : 0xffffffff);
	GUEST_ASSERT_EQ(rdmsr_safe(0x803, &v), mode == (APIC_EN | APIC_EXTD) ? 0 : GP);
	GUEST_ASSERT_EQ(cpuid_shows(), !!mode);
}

static void every_transition(void)
{
	static const u64 modes[] = { 0, APIC_EXTD, APIC_EN, APIC_EN | APIC_EXTD };
	/* SDM Vol 3A, figure 11-27; from (row) to (column) */
	static const bool legal[4][4] = {
		{ true, false, true, false },
		{ false },
		{ true, false, true, true },
		{ true, false, false, true },
	};
	u32 from, to;

	for (from = 0; from < 4; from++) {
		for (to = 0; to < 4; to++) {
			if (from == 1)
				continue;
			wrmsr(MSR_APIC_BASE, APIC_BASE | APIC_BSP);
			if (from)
				wrmsr(MSR_APIC_BASE, ON);
			if (from == 3)
				wrmsr(MSR_APIC_BASE, ON | APIC_EXTD);
			in_mode(modes[from]);
			GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, APIC_BASE | APIC_BSP | modes[to]),
					legal[from][to] ? 0 : GP);
			in_mode(modes[legal[from][to] ? to : from]);
		}
	}
}

TEST(mode_transitions)
{
	run_alone(vm_create(MACHINE), every_transition);
}

static void base_bits(void)
{
	u32 r[4], b;

	cpuid(0x80000008, 0, r);
	for (b = 0; b < 64; b++) {
		bool reserved = b < 8 || b == 9 || b >= (r[0] & 0xff);

		if (reserved)
			GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, ON | 1ull << b), GP);
	}
	in_mode(APIC_EN);
	/* the page moves, and goes on working */
	*(volatile u32 *)(APIC_BASE + APIC_TPR) = 0x50;
	wrmsr(MSR_APIC_BASE, ELSEWHERE | APIC_BSP | APIC_EN);
	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), ELSEWHERE | APIC_BSP | APIC_EN);
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_BASE + APIC_VERSION), 0xffffffff);
	GUEST_ASSERT_EQ(*(volatile u32 *)(ELSEWHERE + APIC_VERSION), 0x01050014);
	GUEST_ASSERT_EQ(*(volatile u32 *)(ELSEWHERE + APIC_TPR), 0x50);
	*(volatile u32 *)(ELSEWHERE + APIC_TPR) = 0x60;
	GUEST_ASSERT_EQ(read_cr8(), 6);
	wrmsr(MSR_APIC_BASE, ON);
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_BASE + APIC_TPR), 0x60);
	GUEST_ASSERT_EQ(*(volatile u32 *)(ELSEWHERE + APIC_VERSION), 0xffffffff);
	/* off and on: as after power-up */
	wrmsr(MSR_APIC_BASE, APIC_BASE | APIC_BSP);
	wrmsr(MSR_APIC_BASE, ON);
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_BASE + APIC_TPR), 0);
	GUEST_ASSERT_EQ(*(volatile u32 *)(APIC_BASE + APIC_LINT0), LVT_MASKED);
}

TEST(base_register)
{
	run_alone(vm_create(MACHINE), base_bits);
}

static void without(void)
{
	u64 v;

	GUEST_ASSERT_EQ(wrmsr_safe(MSR_APIC_BASE, ON | APIC_EXTD), GP);
	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), ON);
	GUEST_ASSERT_EQ(rdmsr_safe(MSR_DEADLINE, &v), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_DEADLINE, 0), GP);
	GUEST_ASSERT_EQ(wrmsr_safe(MSR_DEADLINE, 1), GP);
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_LVT, LVT_MASKED | DEADLINE | 0x61);
	GUEST_ASSERT_EQ(apic_read(APIC_LVT), LVT_MASKED | 0x61);
}

TEST(taken_from_cpuid)
{
	static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
	struct vcpu *vcpu = vcpu_long(vm_create(MACHINE), 0, without);
	int i, nr = vcpu_get_cpuid(vcpu, leaf, LODGE_MAX_CPUID);

	for (i = 0; i < nr; i++) {
		if (leaf[i].leaf != 1)
			continue;
		EXPECT_TRUE(leaf[i].ecx & 1 << 21);
		EXPECT_TRUE(leaf[i].ecx & 1 << 24);
		leaf[i].ecx &= ~(1 << 21 | 1 << 24);
	}
	ASSERT_OK(vcpu_set_cpuid(vcpu, leaf, nr));
	vcpu_done(vcpu);
}

/* ---- priorities ---------------------------------------------------------- */

static void note(struct guest_frame *f)
{
	u8 vector = f->vector;

	order = order << 8 | vector;
	GUEST_ASSERT(apic_bit(APIC_ISR, vector));
	GUEST_ASSERT(!apic_bit(APIC_IRR, vector));
	seen_ppr = apic_read(APIC_PPR);
	if (vector == 0x45) {
		/* of its own class the other waits, a higher one does not */
		apic_send(ICR_TO_SELF | 0x4a, 0);
		apic_send(ICR_TO_SELF | 0x71, 0);
		sti();
		cpu_relax();
		cli();
		GUEST_ASSERT_EQ(order & 0xff, 0x71);
		GUEST_ASSERT(apic_bit(APIC_IRR, 0x4a));
		GUEST_ASSERT_EQ(apic_read(APIC_PPR), 0x40);
	}
	apic_write(APIC_EOI, 0);
	GUEST_ASSERT(!apic_bit(APIC_ISR, vector));
}

static void by_priority(void)
{
	u32 v;

	apic_enable();
	for (v = 0x31; v < 0x80; v += 0x10)
		apic_send(ICR_TO_SELF | v, 0);
	for (v = 0x31; v < 0x80; v += 0x10)
		GUEST_ASSERT(apic_bit(APIC_IRR, v) && !apic_bit(APIC_ISR, v) &&
			     !apic_bit(APIC_TMR, v));
	/* of those above the task priority the highest first */
	apic_write(APIC_TPR, 0x52);
	GUEST_ASSERT_EQ(apic_read(APIC_PPR), 0x52);
	let_in();
	GUEST_ASSERT_EQ(order, 0x7161);
	GUEST_ASSERT_EQ(seen_ppr, 0x60);
	GUEST_ASSERT(apic_bit(APIC_IRR, 0x51));
	/* lower by CR8: that alone lets one more in */
	write_cr8(4);
	let_in();
	GUEST_ASSERT_EQ(order, 0x716151);
	order = 0;
	apic_write(APIC_TPR, 0);
	let_in();
	GUEST_ASSERT_EQ(order, 0x4131);
	GUEST_ASSERT_EQ(apic_read(APIC_PPR), 0);
	order = 0;
	apic_send(ICR_TO_SELF | 0x45, 0);
	let_in();
	GUEST_ASSERT_EQ(order, 0x45714a);
	/* two of the same are one */
	order = 0;
	apic_send(ICR_TO_SELF | 0x31, 0);
	apic_send(ICR_TO_SELF | 0x31, 0);
	let_in();
	GUEST_ASSERT_EQ(order, 0x31);
	/* an APIC_EOI without anything in service is nothing */
	apic_write(APIC_EOI, 0);
	if (x2apic) {
		wrmsr(0x83f, 0x61);
		let_in();
		GUEST_ASSERT_EQ(order, 0x3161);
	}
}

TEST_MODES(priorities)
{
	struct vm *vm = vm_create(MACHINE);
	int v;

	for (v = 0x31; v < 0x80; v++)
		vm_handler(vm, v, note);
	run_alone(vm, by_priority);
}

/* ---- errors -------------------------------------------------------------- */

static void on_error(struct guest_frame *f)
{
	errors++;
	apic_write(APIC_EOI, 0);
}

static void illegal_vectors(void)
{
	apic_enable();
	apic_write(APIC_LVTERR, 0x44);
	apic_send(ICR_TO_SELF | 5, 0);		/* sent: bit 5 */
	let_in();
	GUEST_ASSERT_EQ(errors, 1);
	GUEST_ASSERT_EQ(apic_read(APIC_ESR), 0);
	GUEST_ASSERT_EQ(apic_errors() & ~0x40, 0x20);
	GUEST_ASSERT_EQ(apic_errors(), 0);
	apic_write(APIC_LVT, 5);			/* of the timer, received: bit 6 */
	apic_write(APIC_TMICT, 100);
	while (!(apic_errors() & 0x40))
		;
	let_in();
	GUEST_ASSERT_EQ(errors, 2);
	/* masked: noted all the same */
	apic_write(APIC_LVTERR, LVT_MASKED | 0x44);
	apic_send(ICR_TO_SELF | 15, 0);
	let_in();
	GUEST_ASSERT_EQ(errors, 2);
	GUEST_ASSERT_EQ(apic_errors() & 0x20, 0x20);
	/* legal is what begins at 16; Linux never gets there */
	apic_send(16, 1);
	GUEST_ASSERT_EQ(apic_errors(), 0);
}

TEST_MODES(error_register)
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, 0x44, on_error);
	run_alone(vm, illegal_vectors);
}

/* ---- timer --------------------------------------------------------------- */

static void on_tick(struct guest_frame *f)
{
	ticks++;
	apic_write(APIC_EOI, 0);
}

static void wait_ns(u32 ns)
{
	apic_write(APIC_LVT, LVT_MASKED);
	apic_write(APIC_TDCR, BY_1);
	apic_write(APIC_TMICT, ns);
	while (apic_read(APIC_TMCCT))
		;
}

static void one_shot(void)
{
	u32 count;

	ticks = 0;
	apic_write(APIC_TDCR, BY_1);
	apic_write(APIC_LVT, 0x61);
	apic_write(APIC_TMICT, 300000);
	GUEST_ASSERT_EQ(apic_read(APIC_TMICT), 300000);
	count = apic_read(APIC_TMCCT);
	GUEST_ASSERT(count && count <= 300000);
	while (apic_read(APIC_TMCCT))
		;
	sti();
	GUEST_ASSERT(wait_for(&ticks, 1));
	cli();
	wait_ns(1000000);
	let_in();
	GUEST_ASSERT_EQ(ticks, 1);
	/* masked, nothing comes, nor later; 0 stops it */
	apic_write(APIC_LVT, LVT_MASKED | 0x61);
	apic_write(APIC_TMICT, 1000);
	while (apic_read(APIC_TMCCT))
		;
	apic_write(APIC_LVT, 0x61);
	let_in();
	apic_write(APIC_TMICT, 100000000);
	apic_write(APIC_TMICT, 0);
	GUEST_ASSERT_EQ(apic_read(APIC_TMCCT), 0);
	GUEST_ASSERT_EQ(ticks, 1);
}

static void repeated(void)
{
	ticks = 0;
	apic_write(APIC_LVT, PERIODIC | 0x61);
	apic_write(APIC_TMICT, 400000);
	sti();
	GUEST_ASSERT(wait_for(&ticks, 5));
	GUEST_ASSERT(apic_read(APIC_TMCCT) <= 400000);
	cli();
	apic_write(APIC_LVT, LVT_MASKED | PERIODIC | 0x61);
	let_in();
	ticks = 0;
	GUEST_ASSERT(apic_read(APIC_TMCCT));
	wait_ns(2000000);
	let_in();
	GUEST_ASSERT_EQ(ticks, 0);
	apic_write(APIC_TMICT, 0);
}

/* Counts are slower by what the clock is divided by */
static void divided(void)
{
	static const u8 divide[] = { 0xb, 0, 1, 2, 3, 8, 9, 0xa };
	u64 start, first = 0, took;
	u32 i;

	apic_write(APIC_LVT, LVT_MASKED);
	for (i = 0; i < sizeof(divide); i++) {
		apic_write(APIC_TDCR, divide[i]);
		GUEST_ASSERT_EQ(apic_read(APIC_TDCR), divide[i]);
		start = rdtsc();
		apic_write(APIC_TMICT, 2000000 >> i);
		while (apic_read(APIC_TMCCT))
			;
		took = rdtsc() - start;
		if (!i)
			first = took;
		GUEST_ASSERT(took > first / 2 && took < first * 3);
	}
}

static void deadline(void)
{
	u64 v;

	ticks = 0;
	apic_write(APIC_TDCR, BY_1);
	apic_write(APIC_LVT, 0x61);
	apic_write(APIC_TMICT, 4000000000u);
	/* going to that mode disarms, and the count is out of use in it */
	apic_write(APIC_LVT, DEADLINE | 0x61);
	GUEST_ASSERT_EQ(apic_read(APIC_TMCCT), 0);
	apic_write(APIC_TMICT, 1000);
	GUEST_ASSERT_EQ(apic_read(APIC_TMICT), 0);
	GUEST_ASSERT_EQ(apic_read(APIC_TMCCT), 0);
	/* one that is over comes at once, the register is then 0 */
	wrmsr(MSR_DEADLINE, 1);
	let_in();
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_DEADLINE), 0);
	v = rdtsc() + 200000;
	wrmsr(MSR_DEADLINE, v);
	GUEST_ASSERT(rdmsr(MSR_DEADLINE) == v || rdtsc() > v);
	sti();
	GUEST_ASSERT(wait_for(&ticks, 2));
	GUEST_ASSERT(rdtsc() >= v);
	cli();
	GUEST_ASSERT_EQ(rdmsr(MSR_DEADLINE), 0);
	/* disarmed by 0, and by another mode */
	wrmsr(MSR_DEADLINE, rdtsc() + 100000);
	wrmsr(MSR_DEADLINE, 0);
	wrmsr(MSR_DEADLINE, ~0ull);
	apic_write(APIC_LVT, LVT_MASKED | 0x61);
	apic_write(APIC_LVT, LVT_MASKED | DEADLINE | 0x61);
	GUEST_ASSERT_EQ(rdmsr(MSR_DEADLINE), 0);
	apic_write(APIC_LVT, LVT_MASKED | 0x61);
	wrmsr(MSR_DEADLINE, 1);
	wait_ns(1000000);
	let_in();
	GUEST_ASSERT_EQ(ticks, 2);
}

static void all_of_timer(void)
{
	apic_enable();
	one_shot();
	repeated();
	divided();
	deadline();
}

TEST_MODES(timer)
{
	struct vm *vm = vm_create(MACHINE);

	vm_handler(vm, 0x61, on_tick);
	run_alone(vm, all_of_timer);
}

/* ---- local vector table, and the PICs behind it --------------------------- */

#define IRQ		10
#define PIC_VECTOR	(0x70 + IRQ - 8)

static void raise_line(void)
{
	GUEST_SYNC(1);
}

static void on_extint(struct guest_frame *f)
{
	extints++;
	if (rdmsr(MSR_APIC_BASE) & APIC_EN)
		GUEST_ASSERT(!apic_bit(APIC_ISR, PIC_VECTOR));
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void set_up_pics(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0x68);
	outb(0xa1, 0x70);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xfb);
	outb(0xa1, (u8)~(1 << (IRQ - 8)));
}

static void lint0(void)
{
	apic_enable();
	/* what can be masked is, while the APIC is off by software, and stays so */
	apic_write(APIC_SVR, 0xff);
	apic_write(APIC_LVTERR, 0x44);
	GUEST_ASSERT_EQ(apic_read(APIC_LVTERR), LVT_MASKED | 0x44);
	GUEST_ASSERT_EQ(apic_read(APIC_LINT0), LVT_MASKED | 0x700);
	apic_send(ICR_TO_SELF | 0x61, 0);
	let_in();
	GUEST_ASSERT_EQ(ticks, 0);
	apic_write(APIC_SVR, 0x1ff);
	GUEST_ASSERT_EQ(apic_read(APIC_LVTERR), LVT_MASKED | 0x44);
	set_up_pics();
	/* masked */
	raise_line();
	let_in();
	GUEST_ASSERT_EQ(extints, 0);
	/* as ExtINT, past the APIC: no matter what its priority is */
	apic_write(APIC_TPR, 0xff);
	apic_write(APIC_LINT0, 0x700);
	let_in();
	GUEST_ASSERT_EQ(extints, 1);
	raise_line();
	let_in();
	GUEST_ASSERT_EQ(extints, 2);
	apic_write(APIC_TPR, 0);
	/* fixed: a vector of its own */
	apic_write(APIC_LINT0, 0x61);
	raise_line();
	let_in();
	GUEST_ASSERT_EQ(ticks, 1);
	GUEST_ASSERT_EQ(extints, 2);
	/* the APIC off altogether: the pin is the processor's */
	wrmsr(MSR_APIC_BASE, APIC_BASE | APIC_BSP);
	let_in();
	GUEST_ASSERT_EQ(extints, 3);
}

TEST_MODES(local_vectors)
{
	struct lodge_gsi gsi = { .size = sizeof(gsi), .gsi = IRQ };
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu;
	int i;

	vm_handler(vm, 0x61, on_tick);
	vm_handler(vm, PIC_VECTOR, on_extint);
	vcpu = vcpu_long(vm, 0, lint0);
	for (i = 0; i < 3; i++) {
		vcpu_sync(vcpu, 1);
		gsi.level = 0;
		ASSERT_OK(ioctl(vm->fd, LODGE_VM_SET_GSI, &gsi));
		gsi.level = 1;
		ASSERT_OK(ioctl(vm->fd, LODGE_VM_SET_GSI, &gsi));
	}
	vcpu_done(vcpu);
}
