// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's registers and priorities (kmod/irq/lapic.c).
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_model.h"

#define MASKED	0x10000
#define EN	LODGE_LAPIC_BASE_ENABLE
#define EXTD	LODGE_LAPIC_BASE_X2APIC

static struct lodge_lapic *const lapic = &cpus[0].lapic;

static int write_msr(u32 index, u64 value)
{
	return lodge_lapic_write_msr(lapic, index, value);
}

static int read_msr(u32 index, u64 *value)
{
	return lodge_lapic_read_msr(lapic, index, value);
}

static u64 msr(u32 index)
{
	u64 value = ~0ULL;

	EXPECT_EQ(read_msr(index, &value), 0);
	return value;
}

static void request(u8 vector, bool level)
{
	struct lodge_lapic_message m = { .vector = vector, .level = level };

	EXPECT_TRUE(lodge_lapic_deliver(&irq, &m));
}

TEST(after_power_up)
{
	u32 offset;

	machine(2);
	EXPECT_EQ(cpus[0].lapic.base, 0xfee00900);
	EXPECT_EQ(cpus[1].lapic.base, 0xfee00800);
	EXPECT_EQ(get(0, APIC_ID), 0);
	EXPECT_EQ(get(1, APIC_ID), 1 << 24);
	EXPECT_EQ(get(0, APIC_LVR), 0x01050014);
	EXPECT_EQ(get(0, APIC_SPIV), 0xff);
	EXPECT_EQ(get(0, APIC_DFR), 0xffffffff);
	EXPECT_EQ(get(0, APIC_LDR), 0);
	EXPECT_EQ(get(0, APIC_TASKPRI), 0);
	for (offset = APIC_LVTT; offset <= APIC_LVTERR; offset += 0x10) {
		EXPECT_EQ(get(1, offset), MASKED);
		if (offset != APIC_LVT0)
			EXPECT_EQ(get(0, offset), MASKED);
	}
	/* the PICs reach the first one, as firmware leaves it */
	EXPECT_EQ(get(0, APIC_LVT0), 0x700);
	EXPECT_TRUE(lodge_lapic_takes_extint(&cpus[0].lapic));
	EXPECT_TRUE(!lodge_lapic_takes_extint(&cpus[1].lapic));
	for (offset = APIC_ISR; offset <= APIC_ESR; offset += 0x10)
		EXPECT_EQ(get(0, offset), 0);
}

TEST(reserved_bits_in_memory)
{
	static const struct {
		u32 offset, value;
	} all_ones[] = {
		{ APIC_ID, 0 }, { APIC_LVR, 0x01050014 }, { APIC_TASKPRI, 0xff },
		{ APIC_ARBPRI, 0 }, { APIC_RRR, 0 }, { APIC_LDR, 0xff000000 },
		{ APIC_DFR, 0xffffffff }, { APIC_SPIV, 0x13ff }, { APIC_ISR, 0 },
		{ APIC_TMR, 0 }, { APIC_IRR, 0 }, { APIC_ICR2, 0xff000000 },
		{ APIC_LVTT, 0x710ff & ~0x1000 }, { APIC_LVTTHMR, 0x107ff },
		{ APIC_LVTPC, 0x107ff }, { APIC_LVT0, 0x1a7ff }, { APIC_LVT1, 0x1a7ff },
		{ APIC_LVTERR, 0x100ff }, { APIC_TMCCT, 0 }, { APIC_TDCR, 0xb },
	};
	unsigned int i;

	running_machine(1, false);
	for (i = 0; i < ARRAY_SIZE(all_ones); i++) {
		set(0, all_ones[i].offset, 0xffffffff);
		EXPECT_EQ(get(0, all_ones[i].offset), all_ones[i].value);
	}
	set(0, APIC_DFR, 0);
	EXPECT_EQ(get(0, APIC_DFR), 0x0fffffff);
	EXPECT_EQ(get(0, APIC_EOI), 0);
	/* not aligned, and past the page */
	EXPECT_EQ(get(0, APIC_LVR + 4), 0);
	EXPECT_EQ(get(0, 0x1000 + APIC_LVR), 0);
	set(0, APIC_TASKPRI + 1, 0);
	EXPECT_EQ(get(0, APIC_TASKPRI), 0xff);
}

TEST(illegal_registers)
{
	static const u32 illegal[] = { 0x000, 0x010, 0x040, 0x070, 0x2f0, 0x290, 0x3a0, 0x3d0,
				       0x3f0, 0x400, 0x800, 0xff0 };
	unsigned int i;

	running_machine(1, false);
	set(0, APIC_LVTERR, 0x44);
	get(0, APIC_ARBPRI);		/* is none, though not there */
	get(0, APIC_RRR);
	set(0, APIC_ESR, 0);
	EXPECT_EQ(get(0, APIC_ESR), 0);
	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		EXPECT_EQ(get(0, illegal[i]), 0);
		EXPECT_EQ(reached(0x44), 1);
		set(0, illegal[i], 0x31);	/* pending already: no other interrupt */
		EXPECT_EQ(reached(0x44), 0);
		EXPECT_EQ(get(0, APIC_ESR), 0);	/* until it is latched */
		set(0, APIC_ESR, 0xffffffff);
		EXPECT_EQ(get(0, APIC_ESR), APIC_ESR_ILLREGA);
		set(0, APIC_ESR, 0);
		EXPECT_EQ(get(0, APIC_ESR), 0);
		set(0, illegal[i], 0x31);
		EXPECT_EQ(reached(0x44), 1);
		set(0, APIC_ESR, 0);
		set(0, APIC_ESR, 0);
	}
	EXPECT_EQ(lodge_lapic_next(lapic), -1);
}

TEST(error_interrupt)
{
	running_machine(1, false);
	set(0, APIC_LVTERR, MASKED | 0x44);
	get(0, 0x000);
	EXPECT_EQ(lodge_lapic_next(lapic), -1);
	set(0, APIC_ESR, 0);
	/* one with an illegal vector is an error too, and no more */
	set(0, APIC_LVTERR, 0x04);
	get(0, 0x000);
	EXPECT_EQ(lodge_lapic_next(lapic), -1);
	set(0, APIC_ESR, 0);
	EXPECT_EQ(get(0, APIC_ESR), APIC_ESR_ILLREGA | APIC_ESR_RECVILL);
}

TEST(x2apic_faults)
{
	/* access: 1 read, 2 write; bits that may be written */
	static const struct {
		u8 reg, access;
		u32 valid;
	} there[] = {
		{ 0x02, 1 }, { 0x03, 1 }, { 0x08, 3, 0xff }, { 0x0a, 1 }, { 0x0b, 2 }, { 0x0d, 1 },
		{ 0x0f, 3, 0x13ff },
		{ 0x10, 1 }, { 0x11, 1 }, { 0x12, 1 }, { 0x13, 1 }, { 0x14, 1 }, { 0x15, 1 },
		{ 0x16, 1 }, { 0x17, 1 }, { 0x18, 1 }, { 0x19, 1 }, { 0x1a, 1 }, { 0x1b, 1 },
		{ 0x1c, 1 }, { 0x1d, 1 }, { 0x1e, 1 }, { 0x1f, 1 }, { 0x20, 1 }, { 0x21, 1 },
		{ 0x22, 1 }, { 0x23, 1 }, { 0x24, 1 }, { 0x25, 1 }, { 0x26, 1 }, { 0x27, 1 },
		{ 0x28, 3 }, { 0x30, 3, 0xccfff }, { 0x32, 3, 0x710ff }, { 0x33, 3, 0x117ff },
		{ 0x34, 3, 0x117ff }, { 0x35, 3, 0x1f7ff }, { 0x36, 3, 0x1f7ff },
		{ 0x37, 3, 0x110ff }, { 0x38, 3, 0xffffffff }, { 0x39, 1 }, { 0x3e, 3, 0xb },
		{ 0x3f, 2, 0xff },
	};
	unsigned int reg, bit, i;
	u8 access[0x100] = { 0 };
	u32 valid[0x100] = { 0 };
	u64 value;

	for (i = 0; i < ARRAY_SIZE(there); i++) {
		access[there[i].reg] = there[i].access;
		valid[there[i].reg] = there[i].valid;
		/* read-only bits of the LVT are no fault */
		if (there[i].reg >= 0x32 && there[i].reg <= 0x37)
			valid[there[i].reg] |= 0x5000;
	}
	for (reg = 0; reg < 0x100; reg++) {
		running_machine(1, true);
		EXPECT_EQ(read_msr(0x800 + reg, &value), access[reg] & 1 ? 0 : -EINVAL);
		EXPECT_EQ(write_msr(0x800 + reg, 0), access[reg] & 2 ? 0 : -EINVAL);
		for (bit = 0; bit < 64; bit++) {
			bool ok = bit < 32 ? valid[reg] >> bit & 1 : reg == 0x30;

			EXPECT_EQ(write_msr(0x800 + reg, 1ULL << bit), ok ? 0 : -EINVAL);
		}
	}
}

TEST(x2apic_registers)
{
	struct lodge_lapic *last = &cpus[37].lapic;
	u64 value;

	running_machine(38, true);
	EXPECT_EQ(lodge_lapic_read_msr(last, 0x802, &value), 0);
	EXPECT_EQ(value, 37);
	EXPECT_EQ(lodge_lapic_read_msr(last, 0x80d, &value), 0);
	EXPECT_EQ(value, 2 << 16 | 1 << 5);
	EXPECT_EQ(msr(0x803), 0x01050014);
	EXPECT_EQ(write_msr(0x830, 0x700000431ULL << 4 | 0xc0000), 0);
	EXPECT_EQ(msr(0x830), (0x700000431ULL << 4 | 0xc0000));
	EXPECT_EQ(write_msr(0x832, 0x5030), 0);
	EXPECT_EQ(msr(0x832), 0x30);
	/* the page is not there */
	EXPECT_EQ(get(0, APIC_LVR), 0xffffffff);
	set(0, APIC_TASKPRI, 0x50);
	EXPECT_EQ(msr(0x808), 0);
	request(0x21, true);
	EXPECT_EQ(msr(0x821), 2);
	EXPECT_EQ(msr(0x819), 2);
	EXPECT_EQ(take(0), 0x21);
	EXPECT_EQ(msr(0x811), 2);
	EXPECT_EQ(msr(0x821), 0);
	EXPECT_EQ(msr(0x80a), 0x20);
}

TEST(mode_transitions)
{
	static const u64 modes[] = { 0, EXTD, EN, EN | EXTD };
	/* SDM Vol 3A, figure 11-27; from (row) to (column), in the order above */
	static const bool legal[4][4] = {
		{ true, false, true, false },
		{ false },
		{ true, false, true, true },
		{ true, false, false, true },
	};
	unsigned int from, to;

	for (from = 0; from < 4; from++) {
		for (to = 0; to < 4; to++) {
			u64 base;

			if (from == 1)
				continue;
			machine(1);
			if (from == 0)
				EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE), 0);
			if (from == 3)
				EXPECT_EQ(lodge_lapic_set_base(lapic, lapic->base | EXTD), 0);
			base = lapic->base;
			EXPECT_EQ(base, 0xfee00100 | modes[from]);
			EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE | modes[to]),
				  legal[from][to] ? 0 : -EINVAL);
			/* the BSP bit stays */
			EXPECT_EQ(lapic->base, legal[from][to] ? 0xfee00100 | modes[to] : base);
		}
	}
	machine(2);
	EXPECT_EQ(lodge_lapic_set_base(lapic, 0xfee01000 | EN), 0);
	EXPECT_EQ(lapic->base, 0xfee01900);
	EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE | EN), 0);
	EXPECT_EQ(lodge_lapic_set_base(lapic, 1ULL << 52 | EN), -EINVAL);
	EXPECT_EQ(lodge_lapic_set_base(lapic, 0xfee00200 | EN), -EINVAL);
	EXPECT_EQ(lodge_lapic_set_base(lapic, 0xfee00001 | EN), -EINVAL);
	EXPECT_EQ(lodge_lapic_set_base(&cpus[1].lapic, 0xfee00100 | EN), 0);
	EXPECT_EQ(cpus[1].lapic.base, 0xfee00800);
}

TEST(disabled_by_base)
{
	struct lodge_lapic_message m = { .vector = 0x31 };
	u64 value;

	running_machine(1, true);
	request(0x31, false);
	EXPECT_EQ(write_msr(0x80f, 0x1fe), 0);
	EXPECT_EQ(write_msr(0x835, MASKED), 0);
	EXPECT_TRUE(!lodge_lapic_takes_extint(lapic));
	EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE), 0);
	EXPECT_EQ(lodge_lapic_next(lapic), -1);
	EXPECT_TRUE(lodge_lapic_takes_extint(lapic));
	EXPECT_TRUE(!lodge_lapic_deliver(&irq, &m));
	m.mode = LODGE_LAPIC_NMI;
	EXPECT_TRUE(!lodge_lapic_deliver(&irq, &m));
	EXPECT_EQ(read_msr(0x802, &value), -EINVAL);
	EXPECT_EQ(write_msr(0x80b, 0), -EINVAL);
	EXPECT_EQ(get(0, APIC_LVR), 0xffffffff);
	/* and comes back as after power-up */
	EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE | EN), 0);
	EXPECT_EQ(get(0, APIC_SPIV), 0xff);
	EXPECT_EQ(get(0, APIC_IRR + 0x10), 0);
	EXPECT_EQ(get(0, APIC_LVT0), MASKED);
}

TEST(disabled_by_software)
{
	struct lodge_lapic_message m = { .vector = 0x32 };
	u32 offset;

	running_machine(1, false);
	for (offset = APIC_LVTT; offset <= APIC_LVTERR; offset += 0x10)
		set(0, offset, 0x40);
	request(0x31, false);
	set(0, APIC_SPIV, 0xff);
	for (offset = APIC_LVTT; offset <= APIC_LVTERR; offset += 0x10) {
		EXPECT_EQ(get(0, offset), MASKED | 0x40);
		set(0, offset, 0x41);
		EXPECT_EQ(get(0, offset), MASKED | 0x41);
	}
	EXPECT_EQ(lodge_lapic_next(lapic), -1);
	EXPECT_TRUE(!lodge_lapic_deliver(&irq, &m));
	m.mode = LODGE_LAPIC_NMI;
	EXPECT_TRUE(lodge_lapic_deliver(&irq, &m));
	EXPECT_EQ(cpus[0].nmis, 1);
	cpus[0].wakes = 0;
	set(0, APIC_SPIV, 0x1ff);
	EXPECT_EQ(cpus[0].wakes, 1);
	EXPECT_EQ(take(0), 0x31);
	EXPECT_EQ(get(0, APIC_LVTT), MASKED | 0x41);
}

TEST(priorities)
{
	running_machine(1, false);
	request(0x31, false);
	request(0x58, false);
	request(0x51, false);
	request(0x10, false);
	request(0xff, false);
	EXPECT_EQ(take(0), 0xff);
	EXPECT_EQ(get(0, APIC_PROCPRI), 0xf0);
	EXPECT_EQ(take(0), -1);
	request(0xfe, false);		/* of the same class */
	EXPECT_EQ(take(0), -1);
	cpus[0].wakes = 0;
	eoi(0);
	EXPECT_EQ(cpus[0].wakes, 1);
	EXPECT_EQ(take(0), 0xfe);
	eoi(0);
	EXPECT_EQ(take(0), 0x58);
	request(0x61, false);
	EXPECT_EQ(take(0), 0x61);
	EXPECT_EQ(get(0, APIC_ISR + 0x20), 1 << 24);
	EXPECT_EQ(get(0, APIC_ISR + 0x30), 1 << 1);
	eoi(0);				/* ends the highest */
	EXPECT_EQ(get(0, APIC_ISR + 0x20), 1 << 24);
	EXPECT_EQ(get(0, APIC_ISR + 0x30), 0);
	EXPECT_EQ(take(0), -1);
	eoi(0);
	EXPECT_EQ(take(0), 0x51);
	eoi(0);
	EXPECT_EQ(take(0), 0x31);
	eoi(0);
	EXPECT_EQ(take(0), 0x10);
	cpus[0].wakes = 0;
	eoi(0);
	eoi(0);				/* one too many */
	EXPECT_EQ(cpus[0].wakes, 0);
	EXPECT_EQ(take(0), -1);
}

TEST(task_priority)
{
	running_machine(1, false);
	set(0, APIC_TASKPRI, 0x4f);
	EXPECT_EQ(lodge_lapic_cr8(lapic), 4);
	EXPECT_EQ(get(0, APIC_PROCPRI), 0x4f);
	request(0x4f, false);
	EXPECT_EQ(take(0), -1);
	request(0x50, false);
	EXPECT_EQ(take(0), 0x50);
	EXPECT_EQ(get(0, APIC_PROCPRI), 0x50);
	set(0, APIC_TASKPRI, 0x55);
	EXPECT_EQ(get(0, APIC_PROCPRI), 0x55);
	eoi(0);
	cpus[0].wakes = 0;
	lodge_lapic_set_cr8(lapic, 6);
	EXPECT_EQ(get(0, APIC_TASKPRI), 0x60);
	lodge_lapic_set_cr8(lapic, 4);
	EXPECT_EQ(cpus[0].wakes, 0);
	lodge_lapic_set_cr8(lapic, 3);
	EXPECT_EQ(cpus[0].wakes, 1);
	EXPECT_EQ(get(0, APIC_TASKPRI), 0x30);
	EXPECT_EQ(take(0), 0x4f);
	lodge_lapic_set_cr8(lapic, 0xf);
	request(0xff, false);
	EXPECT_EQ(take(0), -1);
}

TEST(accept_and_return)
{
	running_machine(1, false);
	request(0x31, true);
	EXPECT_EQ(take(0), 0x31);
	lodge_lapic_return(lapic, 0x31);
	EXPECT_EQ(get(0, APIC_ISR + 0x10), 0);
	EXPECT_EQ(get(0, APIC_IRR + 0x10), 1 << 17);
	EXPECT_EQ(get(0, APIC_TMR + 0x10), 1 << 17);
	EXPECT_EQ(take(0), 0x31);
	/* requested again while in service: kept, once */
	request(0x31, false);
	request(0x31, false);
	EXPECT_EQ(get(0, APIC_TMR + 0x10), 0);
	eoi(0);
	EXPECT_EQ(take(0), 0x31);
	eoi(0);
	EXPECT_EQ(take(0), -1);
}

TEST(wake_once_a_request)
{
	running_machine(1, false);
	cpus[0].wakes = 0;
	request(0x31, false);
	request(0x31, false);
	EXPECT_EQ(cpus[0].wakes, 1);
	request(0x32, false);
	EXPECT_EQ(cpus[0].wakes, 2);
}

TEST(init_keeps_the_mode)
{
	running_machine(2, true);
	request(0x31, false);
	request(0x32, false);
	EXPECT_EQ(take(0), 0x32);
	EXPECT_EQ(write_msr(0x808, 0x20), 0);
	EXPECT_EQ(write_msr(0x835, 0x700), 0);
	lodge_lapic_reset(lapic, true);
	EXPECT_EQ(lapic->base, 0xfee00d00);
	EXPECT_EQ(msr(0x802), 0);
	EXPECT_EQ(msr(0x808), 0);
	EXPECT_EQ(msr(0x80f), 0xff);
	EXPECT_EQ(msr(0x821), 0);
	EXPECT_EQ(msr(0x811), 0);
	EXPECT_EQ(msr(0x835), MASKED);
	lodge_lapic_reset(lapic, false);
	EXPECT_EQ(lapic->base, 0xfee00900);
	EXPECT_EQ(get(0, APIC_LVT0), 0x700);
	/* all else, too */
	set(0, APIC_SPIV, 0x1ff);
	set(0, APIC_LDR, 0xff000000);
	set(0, APIC_DFR, 0);
	set(0, APIC_ICR2, 0x33000000);
	set(0, APIC_ICR, 0x31);
	get(0, 0x000);
	set(0, APIC_ESR, 0);
	get(0, 0x000);
	request(0x41, true);
	lodge_lapic_reset(lapic, true);
	EXPECT_EQ(get(0, APIC_LDR), 0);
	EXPECT_EQ(get(0, APIC_DFR), 0xffffffff);
	EXPECT_EQ(get(0, APIC_ICR), 0);
	EXPECT_EQ(get(0, APIC_ICR2), 0);
	EXPECT_EQ(get(0, APIC_TMR + 0x20), 0);
	EXPECT_EQ(get(0, APIC_ESR), 0);
	set(0, APIC_ESR, 0);
	EXPECT_EQ(get(0, APIC_ESR), 0);
}

TEST(lint0)
{
	running_machine(2, false);
	outb(0x20, 0x11);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	outb(0x21, 0x03);
	set(0, APIC_LVT0, 0x45);	/* "virtual wire", as fixed interrupt */
	set(1, APIC_LVT0, 0x400);
	gsi(4, true);
	EXPECT_EQ(reached(0x45), 1);
	EXPECT_EQ(cpus[1].nmis, 1);
	EXPECT_TRUE(!lodge_lapic_takes_extint(lapic));
	set(0, APIC_LVT0, MASKED | 0x45);
	set(1, APIC_LVT0, MASKED | 0x400);
	lodge_route_extint_take(&irq);
	gsi(5, true);
	EXPECT_TRUE(lodge_route_extint_waits(&irq));
	EXPECT_EQ(reached(0x45), 0);
	EXPECT_EQ(cpus[1].nmis, 1);
	set(0, APIC_LVT0, MASKED | 0x700);
	EXPECT_TRUE(!lodge_lapic_takes_extint(lapic));
	cpus[0].wakes = 0;
	set(0, APIC_LVT0, 0x700);
	EXPECT_TRUE(lodge_lapic_takes_extint(lapic));
	EXPECT_EQ(cpus[0].wakes, 1);
	EXPECT_TRUE(lodge_route_extint_waits(&irq));
}

TEST(gone_vcpu)
{
	struct lodge_lapic_message m = { .dest = 1, .vector = 0x31 };

	running_machine(3, false);
	EXPECT_TRUE(lodge_lapic_deliver(&irq, &m));
	lodge_lapic_destroy(&cpus[1].lapic);
	EXPECT_TRUE(!lodge_lapic_deliver(&irq, &m));
	m.dest = 0xff;
	m.vector = 0x32;
	EXPECT_TRUE(lodge_lapic_deliver(&irq, &m));
	EXPECT_EQ(reached(0x32), 5);
}

/* What the processor may do without us, where it can */
TEST(virtual_delivery)
{
	u64 exits[4];

	running_machine(1, false);
	EXPECT_TRUE(!lodge_lapic_virtual(lapic));
	running_machine(1, true);
	EXPECT_TRUE(lodge_lapic_virtual(lapic));
	lodge_lapic_eoi_exits(lapic, exits);
	EXPECT_EQ(exits[0] | exits[1] | exits[2] | exits[3], 0);
	ioapic_set(0x24, 0x8041);
	gsi(10, true);
	lodge_lapic_eoi_exits(lapic, exits);
	EXPECT_EQ(exits[1], 2);
	EXPECT_EQ(exits[0] | exits[2] | exits[3], 0);
	/* delivered and ended by the processor, while it is still asserted */
	EXPECT_TRUE(drop(0, 0x41));
	lodge_lapic_ended(lapic, 0x41);
	EXPECT_EQ(ioapic_get(0x24), 0xc041);
	EXPECT_EQ(reached(0x41), 1);
	gsi(10, false);
	lodge_lapic_ended(lapic, 0x42);
	EXPECT_EQ(ioapic_get(0x24), 0xc041);
	EXPECT_EQ(write_msr(0x80f, 0x11ff), 0);
	lodge_lapic_ended(lapic, 0x41);
	EXPECT_EQ(ioapic_get(0x24), 0xc041);
	EXPECT_EQ(write_msr(0x80f, 0x01ff), 0);
	lodge_lapic_ended(lapic, 0x41);
	EXPECT_EQ(ioapic_get(0x24), 0x8041);
	EXPECT_EQ(reached(0x41), 0);
	EXPECT_EQ(write_msr(0x80f, 0xff), 0);
	EXPECT_TRUE(!lodge_lapic_virtual(lapic));
}
