// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interprocessor interrupts and who they are for (kmod/irq/message.c).
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_model.h"

#define LOGICAL		0x800
#define LOWEST		0x100
#define SELF		0x40000
#define ALL		0x80000
#define OTHERS		0xc0000

static void xapic_command(unsigned int from, u8 dest, u32 low)
{
	set(from, APIC_ICR2, (u32)dest << 24);
	set(from, APIC_ICR, low);
}

static void x2apic_command(unsigned int from, u32 dest, u32 low)
{
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[from].lapic, 0x830, (u64)dest << 32 | low), 0);
}

static u32 errors(unsigned int i)
{
	struct lodge_lapic *lapic = &cpus[i].lapic;
	u64 value;

	if (!(lapic->base & LODGE_LAPIC_BASE_X2APIC)) {
		set(i, APIC_ESR, 0);
		return get(i, APIC_ESR);
	}
	EXPECT_EQ(lodge_lapic_write_msr(lapic, 0x828, 0), 0);
	EXPECT_EQ(lodge_lapic_read_msr(lapic, 0x828, &value), 0);
	return value;
}

TEST(physical)
{
	running_machine(64, false);
	xapic_command(3, 5, 0x31);
	EXPECT_EQ(reached(0x31), 1ULL << 5);
	xapic_command(3, 63, 0x31);
	EXPECT_EQ(reached(0x31), 1ULL << 63);
	xapic_command(3, 64, 0x31);
	xapic_command(3, 0xfe, 0x31);
	EXPECT_EQ(reached(0x31), 0);
	xapic_command(3, 0xff, 0x31);
	EXPECT_EQ(reached(0x31), ~0ULL);
	running_machine(64, true);
	x2apic_command(3, 5, 0x31);
	EXPECT_EQ(reached(0x31), 1ULL << 5);
	x2apic_command(3, 0xff, 0x31);
	x2apic_command(3, 64, 0x31);
	x2apic_command(3, 0x80000005, 0x31);
	EXPECT_EQ(reached(0x31), 0);
	x2apic_command(3, 0xffffffff, 0x31);
	EXPECT_EQ(reached(0x31), ~0ULL);
}

TEST(shorthands)
{
	bool x2apic = false;
	unsigned int i;

	for (i = 0; i < 2; i++, x2apic = true) {
		void (*command)(unsigned int, u32, u32) = x2apic_command;
		u32 low[] = { SELF, ALL, OTHERS };
		u64 set[] = { 1 << 3, 0x1f, 0x17 };
		unsigned int j;

		running_machine(5, x2apic);
		for (j = 0; j < 3; j++) {
			/* the destination does not matter */
			if (x2apic)
				command(3, 1, low[j] | 0x31);
			else
				xapic_command(3, 1, low[j] | 0x31);
			EXPECT_EQ(reached(0x31), set[j]);
			if (x2apic)
				command(3, 1, low[j] | LOGICAL | 0x31);
			else
				xapic_command(3, 1, low[j] | LOGICAL | 0x31);
			EXPECT_EQ(reached(0x31), set[j]);
		}
	}
}

TEST(logical_flat)
{
	unsigned int i;

	running_machine(9, false);
	for (i = 0; i < 8; i++)
		set(i, APIC_LDR, 1u << (24 + i));
	xapic_command(0, 0xa1, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xa1);
	xapic_command(0, 0, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0);
	xapic_command(0, 0xff, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0x1ff);	/* a broadcast */
	set(8, APIC_LDR, 0x30000000);
	xapic_command(0, 0x10, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0x110);
}

TEST(logical_cluster)
{
	unsigned int i;

	running_machine(8, false);
	for (i = 0; i < 8; i++) {
		set(i, APIC_DFR, 0x0fffffff);
		set(i, APIC_LDR, (i / 4) << 28 | 1u << (24 + i % 4));
	}
	xapic_command(0, 0x05, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0x05);
	xapic_command(0, 0x1a, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xa0);
	xapic_command(0, 0x2f, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0);
	xapic_command(0, 0xff, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xff);
	set(0, APIC_DFR, 0x70000000);		/* neither model */
	xapic_command(0, 0x01, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0);
}

TEST(logical_x2apic)
{
	running_machine(40, true);
	x2apic_command(0, 0x8001, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0x8001);
	x2apic_command(0, 0x1ffff, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xffff0000);
	x2apic_command(0, 0x200c0, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xc000000000);
	x2apic_command(0, 0x3ffff, LOGICAL | 0x31);
	x2apic_command(0, 0x10000, LOGICAL | 0x31);
	x2apic_command(0, 0xffff0001, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0);
	x2apic_command(0, 0xffffffff, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0xffffffffff);
	/* a device's message has 8 bits: the first cluster */
	lodge_route_msi(&irq, 0xfee81004, 0x31);
	EXPECT_EQ(reached(0x31), 0x81);
}

TEST(lowest_priority)
{
	unsigned int i;
	u64 all = 0;

	running_machine(4, true);
	/* each in turn while they are alike */
	for (i = 0; i < 4; i++) {
		u64 set;

		x2apic_command(0, 0xf, LOGICAL | LOWEST | 0x31);
		set = reached(0x31);
		EXPECT_EQ(__builtin_popcountll(set), 1);
		EXPECT_EQ(all & set, 0);
		all |= set;
	}
	EXPECT_EQ(all, 0xf);
	for (i = 0; i < 4; i++)
		lodge_lapic_set_cr8(&cpus[i].lapic, i == 2 ? 3 : 4);
	for (i = 0; i < 3; i++) {
		x2apic_command(0, 0xf, LOGICAL | LOWEST | 0x31);
		EXPECT_EQ(reached(0x31), 4);
	}
	x2apic_command(0, 3, LOWEST | 0x31);	/* physical: that one */
	EXPECT_EQ(reached(0x31), 8);
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[2].lapic, 0x80f, 0xff), 0);
	x2apic_command(0, 0xf, LOGICAL | LOWEST | 0x31);
	EXPECT_EQ(__builtin_popcountll(reached(0x31) & 0xb), 1);
	x2apic_command(0, 0x4, LOGICAL | LOWEST | 0x31);
	EXPECT_EQ(reached(0x31), 0);
	lodge_lapic_destroy(&cpus[1].lapic);
	x2apic_command(0, 0xf, LOGICAL | LOWEST | 0x31);
	EXPECT_EQ(__builtin_popcountll(reached(0x31) & 9), 1);
}

TEST(nmi_init_startup)
{
	running_machine(3, false);
	xapic_command(0, 1, 0x400);
	EXPECT_EQ(cpus[1].nmis, 1);
	xapic_command(0, 0, OTHERS | 0x400);
	EXPECT_EQ(cpus[0].nmis, 0);
	EXPECT_EQ(cpus[1].nmis, 2);
	EXPECT_EQ(cpus[2].nmis, 1);
	xapic_command(0, 0, SELF | 0x400);
	EXPECT_EQ(cpus[0].nmis, 1);
	xapic_command(0, 1, 0xc500);		/* assert, level */
	EXPECT_EQ(cpus[1].inits, 1);
	xapic_command(0, 1, 0x8500);		/* de-assert */
	EXPECT_EQ(cpus[1].inits, 1);
	xapic_command(0, 1, 0x0500);
	EXPECT_EQ(cpus[1].inits, 2);
	xapic_command(0, 1, 0x069a);
	EXPECT_EQ(cpus[1].startups, 1);
	EXPECT_EQ(cpus[1].vector, 0x9a);
	xapic_command(0, 1, 0x0608);		/* a page, not a vector */
	EXPECT_EQ(cpus[1].startups, 2);
	EXPECT_EQ(errors(0), 0);
	/* not to oneself */
	xapic_command(0, 0, SELF | 0x500);
	xapic_command(0, 0, SELF | 0x69a);
	EXPECT_EQ(cpus[0].inits + cpus[0].startups, 0);
	/* SMI, reserved, ExtINT */
	cpus[1].wakes = 0;
	xapic_command(0, 1, 0x231);
	xapic_command(0, 1, 0x331);
	xapic_command(0, 1, 0x731);
	EXPECT_EQ(cpus[1].wakes, 0);
	EXPECT_EQ(reached(0x31), 0);
	EXPECT_TRUE(!cpus[1].lapic.extint);
}

TEST(these_reach_a_disabled_apic)
{
	machine(2);
	xapic_command(0, 1, 0x400);
	xapic_command(0, 1, 0x500);
	xapic_command(0, 1, 0x612);
	EXPECT_EQ(cpus[1].nmis, 1);
	EXPECT_EQ(cpus[1].inits, 1);
	EXPECT_EQ(cpus[1].startups, 1);
	xapic_command(0, 1, 0x31);
	EXPECT_EQ(reached(0x31), 0);
	EXPECT_EQ(lodge_lapic_set_base(&cpus[1].lapic, LODGE_LAPIC_BASE), 0);
	xapic_command(0, 1, 0x400);
	xapic_command(0, 0xff, 0x500);
	EXPECT_EQ(cpus[1].nmis, 1);
	EXPECT_EQ(cpus[1].inits, 1);
	EXPECT_EQ(cpus[0].inits, 1);
}

TEST(illegal_vectors)
{
	u32 vector;

	running_machine(2, false);
	for (vector = 0; vector < 16; vector++) {
		xapic_command(0, 1, vector);
		EXPECT_EQ(errors(0), APIC_ESR_SENDILL);
		xapic_command(0, 1, LOWEST | vector);
		EXPECT_EQ(errors(0), APIC_ESR_SENDILL);
		EXPECT_EQ(errors(1), 0);
		xapic_command(0, 1, SELF | vector);
		EXPECT_EQ(errors(0), APIC_ESR_SENDILL);
		lodge_route_msi(&irq, 0xfee01000, vector);
		EXPECT_EQ(errors(1), APIC_ESR_RECVILL);
	}
	EXPECT_EQ(lodge_lapic_next(&cpus[0].lapic), -1);
	EXPECT_EQ(lodge_lapic_next(&cpus[1].lapic), -1);
	EXPECT_EQ(cpus[1].lapic.irr[0], 0);
	/* the first that is legal */
	xapic_command(0, 1, 16);
	EXPECT_EQ(errors(0), 0);
	EXPECT_EQ(reached(16), 2);
	lodge_route_msi(&irq, 0xfee01000, 16);
	EXPECT_EQ(errors(1), 0);
	EXPECT_EQ(reached(16), 2);
	set(0, APIC_LVTERR, 16);
	get(0, 0x000);
	EXPECT_EQ(reached(16), 1);
}

TEST(self_ipi)
{
	running_machine(1, true);
	cpus[0].wakes = 0;
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[0].lapic, 0x83f, 0xec), 0);
	EXPECT_EQ(cpus[0].wakes, 1);
	EXPECT_EQ(cpus[0].lapic.tmr[3], 0);
	EXPECT_EQ(take(0), 0xec);
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[0].lapic, 0x83f, 16), 0);
	EXPECT_EQ(errors(0), 0);
	EXPECT_EQ(reached(16), 1);
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[0].lapic, 0x83f, 0x0c), 0);
	EXPECT_EQ(errors(0), APIC_ESR_SENDILL | APIC_ESR_RECVILL);
	EXPECT_EQ(cpus[0].lapic.irr[0], 0);
	EXPECT_EQ(lodge_lapic_write_msr(&cpus[0].lapic, 0x83f, 0x1ec), -EINVAL);
}

TEST(icr_halves)
{
	u64 value;

	running_machine(2, false);
	set(0, APIC_ICR2, 0x01ffffff);
	EXPECT_EQ(reached(0x31), 0);
	EXPECT_EQ(get(0, APIC_ICR2), 0x01000000);
	set(0, APIC_ICR, 0xfff33031);
	EXPECT_EQ(get(0, APIC_ICR), 0x31);	/* delivered at once: never pending */
	EXPECT_EQ(reached(0x31), 2);
	set(0, APIC_ICR, 0x31);
	EXPECT_EQ(reached(0x31), 2);
	/* going to x2APIC mode */
	EXPECT_EQ(lodge_lapic_set_base(&cpus[0].lapic, 0xfee00d00), 0);
	EXPECT_EQ(lodge_lapic_read_msr(&cpus[0].lapic, 0x830, &value), 0);
	EXPECT_EQ(value, 0x31);
}

TEST(mixed_modes)
{
	running_machine(4, false);
	EXPECT_EQ(lodge_lapic_set_base(&cpus[1].lapic, LODGE_LAPIC_BASE | 0xc00), 0);
	set(2, APIC_LDR, 4 << 24);
	x2apic_command(1, 2, 0x31);
	EXPECT_EQ(reached(0x31), 4);
	xapic_command(2, 1, 0x31);
	EXPECT_EQ(reached(0x31), 2);
	xapic_command(2, 0x06, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 6);
	x2apic_command(1, 0x10004, LOGICAL | 0x31);
	EXPECT_EQ(reached(0x31), 0);
	x2apic_command(1, 0xffffffff, 0x31);
	EXPECT_EQ(reached(0x31), 0xf);
}
