// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O APIC (kmod/irq/ioapic.c) and the routes to it and past it
 * (kmod/irq/route.c), up to the local APICs.
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_model.h"

#define MASKED		0x10000
#define LEVEL		0x08000
#define REMOTE		0x04000
#define LOGICAL		0x00800

static void set_entry(unsigned int pin, u32 low, u8 dest)
{
	ioapic_set(0x11 + 2 * pin, (u32)dest << 24);
	ioapic_set(0x10 + 2 * pin, low);
}

static u32 entry(unsigned int pin)
{
	return ioapic_get(0x10 + 2 * pin);
}

TEST(registers)
{
	unsigned int pin;

	machine(1);
	EXPECT_EQ(ioapic_get(0), 0);
	EXPECT_EQ(ioapic_get(1), 0x00170020);
	ioapic_set(0, 0xffffffff);
	EXPECT_EQ(ioapic_get(0), 0x0f000000);
	EXPECT_EQ(ioapic_get(2), 0x0f000000);
	ioapic_set(1, 0);
	EXPECT_EQ(ioapic_get(1), 0x00170020);
	for (pin = 0; pin < 24; pin++) {
		EXPECT_EQ(entry(pin), MASKED);
		EXPECT_EQ(ioapic_get(0x11 + 2 * pin), 0);
	}
	/* delivery status and remote IRR are read-only, the rest is reserved */
	set_entry(23, 0xffffffff, 0xff);
	EXPECT_EQ(entry(23), 0x1afff);
	ioapic_set(0x3f, 0xffffffff);
	EXPECT_EQ(ioapic_get(0x3f), 0xff000000);
	ioapic_set(0x40, 0x12345678);
	EXPECT_EQ(ioapic_get(0x40), 0);
	EXPECT_EQ(ioapic_get(0x03), 0);
	EXPECT_EQ(ioapic_get(0xff), 0);
	store(LODGE_IOAPIC_BASE, 4, 0xabcd01);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE, 4), 1);
	lodge_route_reset(&irq);
	EXPECT_EQ(entry(23), MASKED);
	EXPECT_EQ(ioapic_get(0), 0);
}

TEST(access_widths)
{
	machine(1);
	store(LODGE_IOAPIC_BASE, 1, 1);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE, 4), 0);
	store(LODGE_IOAPIC_BASE, 8, 1);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE, 4), 0);
	store(LODGE_IOAPIC_BASE, 4, 1);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x10, 1), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x10, 2), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x10, 8), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x10, 4), 0x00170020);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x14, 4), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0xffc, 4), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x40, 4), 0);
	EXPECT_EQ(load(LODGE_IOAPIC_BASE + 0x1000, 4), ~0ULL);
}

TEST(edge)
{
	running_machine(2, false);
	set_entry(4, 0x31, 1);
	gsi(4, true);
	EXPECT_EQ(reached(0x31), 2);
	EXPECT_EQ(cpus[1].wakes, 1);
	gsi(4, true);
	EXPECT_EQ(reached(0x31), 0);
	gsi(4, false);
	EXPECT_EQ(reached(0x31), 0);
	gsi(4, true);
	EXPECT_EQ(reached(0x31), 2);
	EXPECT_EQ(entry(4), 0x31);
	gsi(4, false);
	/* an edge at a masked pin is lost */
	set_entry(4, 0x31 | MASKED, 1);
	gsi(4, true);
	set_entry(4, 0x31, 1);
	EXPECT_EQ(reached(0x31), 0);
	EXPECT_EQ(get(1, APIC_TMR + 0x10), 0);
}

TEST(level_and_eoi)
{
	running_machine(1, false);
	set_entry(10, 0x41 | LEVEL, 0);
	gsi(10, true);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(take(0), 0x41);
	EXPECT_EQ(get(0, APIC_TMR + 0x20), 2);
	/* neither another edge nor a new entry sends it again */
	gsi(10, false);
	gsi(10, true);
	set_entry(10, 0x41 | LEVEL, 0);
	EXPECT_EQ(reached(0x41), 0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	/* still asserted: again */
	eoi(0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(take(0), 0x41);
	gsi(10, false);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	eoi(0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL);
	EXPECT_EQ(take(0), -1);
}

TEST(level_masked)
{
	running_machine(1, false);
	set_entry(10, 0x41 | LEVEL | MASKED, 0);
	gsi(10, true);
	EXPECT_EQ(reached(0x41), 0);
	set_entry(10, 0x41 | LEVEL, 0);	/* asserted when it is unmasked */
	EXPECT_EQ(take(0), 0x41);
	set_entry(10, 0x41 | LEVEL | MASKED, 0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | MASKED | REMOTE);
	eoi(0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | MASKED);
	EXPECT_EQ(take(0), -1);
	set_entry(10, 0x41 | LEVEL, 0);
	EXPECT_EQ(take(0), 0x41);
	/* the way to get rid of a remote IRR whose EOI got lost */
	set_entry(10, 0x41 | MASKED, 0);
	EXPECT_EQ(entry(10), 0x41 | MASKED);
	set_entry(10, 0x41 | LEVEL | MASKED, 0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | MASKED);
}

TEST(nobody_accepts)
{
	machine(1);		/* disabled by software */
	set_entry(10, 0x41 | LEVEL, 0);
	gsi(10, true);
	EXPECT_EQ(entry(10), 0x41 | LEVEL);
	set_entry(11, 0x42 | LEVEL, 9);
	gsi(11, true);
	EXPECT_EQ(entry(11), 0x42 | LEVEL);
	set(0, APIC_SPIV, 0x1ff);
	EXPECT_EQ(reached(0x41), 1);	/* it has been waiting */
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(entry(11), 0x42 | LEVEL);
	set_entry(11, 0x42 | LEVEL, 99);
	EXPECT_EQ(entry(11), 0x42 | LEVEL);
}

TEST(some_accept)
{
	running_machine(3, false);
	set(0, APIC_SPIV, 0xff);
	set(2, APIC_SPIV, 0xff);
	set_entry(10, 0x41 | LEVEL, 0xff);
	gsi(10, true);
	EXPECT_EQ(reached(0x41), 2);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
}

TEST(shared_vector)
{
	running_machine(1, false);
	set_entry(10, 0x41 | LEVEL, 0);
	set_entry(11, 0x41 | LEVEL, 0);
	set_entry(12, 0x42 | LEVEL, 0);
	gsi(10, true);
	gsi(11, true);
	gsi(12, true);
	gsi(11, false);
	EXPECT_EQ(take(0), 0x42);
	eoi(0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(take(0), 0x42);
	gsi(12, false);
	eoi(0);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(entry(11), 0x41 | LEVEL);
	EXPECT_EQ(entry(12), 0x42 | LEVEL);
}

TEST(directed_eoi)
{
	running_machine(1, false);
	set(0, APIC_SPIV, 0x11ff);
	set_entry(10, 0x41 | LEVEL, 0);
	gsi(10, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);				/* is not broadcast */
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	store(LODGE_IOAPIC_BASE + 0x40, 4, 0x42);
	EXPECT_EQ(entry(10), 0x41 | LEVEL | REMOTE);
	EXPECT_EQ(take(0), -1);
	store(LODGE_IOAPIC_BASE + 0x40, 4, 0x41);
	EXPECT_EQ(take(0), 0x41);
	gsi(10, false);
	eoi(0);
	store(LODGE_IOAPIC_BASE + 0x40, 4, 0x41);
	EXPECT_EQ(entry(10), 0x41 | LEVEL);
}

TEST(delivery_modes)
{
	running_machine(2, false);
	set_entry(5, 0x400 | LEVEL, 1);	/* NMI, an edge whatever is said */
	gsi(5, true);
	EXPECT_EQ(cpus[1].nmis, 1);
	EXPECT_EQ(entry(5), 0x400 | LEVEL);
	set_entry(6, 0x500, 0xff);	/* INIT, all */
	gsi(6, true);
	EXPECT_EQ(cpus[0].inits, 1);
	EXPECT_EQ(cpus[1].inits, 1);
	set_entry(7, 0x200, 1);		/* SMI: there is none */
	gsi(7, true);
	set_entry(9, 0x30f, 1);		/* reserved */
	gsi(9, true);
	EXPECT_EQ(cpus[1].wakes, 0);
	set_entry(11, 0x0f, 1);		/* no such vector */
	gsi(11, true);
	set(1, APIC_ESR, 0);
	EXPECT_EQ(get(1, APIC_ESR), APIC_ESR_RECVILL);
	set(0, APIC_LDR, 1 << 24);
	set(1, APIC_LDR, 2 << 24);
	set_entry(12, 0x51 | 0x100 | LOGICAL, 3);
	gsi(12, true);
	EXPECT_EQ(__builtin_popcountll(reached(0x51)), 1);
	set_entry(13, 0x52 | LOGICAL, 3);
	gsi(13, true);
	EXPECT_EQ(reached(0x52), 3);
}

TEST(extint_by_pin_0)
{
	running_machine(1, false);
	set(0, APIC_LVT0, MASKED);
	EXPECT_TRUE(!lodge_lapic_takes_extint(&cpus[0].lapic));
	set_entry(0, 0x700, 0);
	outb(0x20, 0x11);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	outb(0x21, 0x03);		/* automatic EOI */
	gsi(4, true);
	EXPECT_GE(cpus[0].wakes, 1);
	EXPECT_TRUE(lodge_lapic_takes_extint(&cpus[0].lapic));
	gsi(5, true);
	EXPECT_EQ(lodge_route_extint_take(&irq), 0x34);
	EXPECT_TRUE(lodge_lapic_takes_extint(&cpus[0].lapic));
	EXPECT_EQ(lodge_route_extint_take(&irq), 0x35);
	EXPECT_TRUE(!lodge_lapic_takes_extint(&cpus[0].lapic));
	gsi(6, true);
	outb(0x21, 0xff);		/* gone before it was taken */
	EXPECT_TRUE(!lodge_lapic_takes_extint(&cpus[0].lapic));
	EXPECT_EQ(lodge_route_extint_take(&irq), -1);
}

TEST(lines)
{
	unsigned int line;

	running_machine(1, false);
	for (line = 0; line < 24; line++)
		set_entry(line, 0x60 + line, 0);
	for (line = 0; line < 40; line++) {
		gsi(line, true);
		if (line == 2 || line >= 24)
			EXPECT_EQ(take(0), -1);
		else
			EXPECT_EQ(take(0), 0x60 + (line ? line : 2));
		eoi(0);
	}
	/* what is masked at the PICs does not come by pin 0 either */
	EXPECT_TRUE(!(irq.ioapic.level & 1));
}

TEST(isa_lines_reach_both)
{
	running_machine(1, false);
	set_entry(2, 0x62, 0);
	gsi(0, true);
	EXPECT_EQ(irq.pic.chip[0].irr, 1);
	EXPECT_EQ(reached(0x62), 1);
	gsi(14, true);
	EXPECT_EQ(irq.pic.chip[1].irr, 0x40);
	EXPECT_EQ(irq.ioapic.level, 1 << 2 | 1 << 14);
	running_machine(1, false);
	gsi(16, true);
	EXPECT_EQ(irq.pic.chip[0].irr, 0);
	EXPECT_EQ(irq.pic.chip[1].irr, 0);
	EXPECT_EQ(irq.ioapic.level, 1 << 16);
}

TEST(messages)
{
	running_machine(4, false);
	lodge_route_msi(&irq, 0xfee02000, 0x71);
	EXPECT_EQ(reached(0x71), 4);
	lodge_route_msi(&irq, 0xfeeff000, 0x71);
	EXPECT_EQ(reached(0x71), 0xf);
	lodge_route_msi(&irq, 0xfee09000, 0x71);
	lodge_route_msi(&irq, 0xfed02000, 0x71);
	lodge_route_msi(&irq, 0x1fee02000, 0x71);
	lodge_route_msi(&irq, 0xfee02000, 0x8071);	/* level, de-asserted */
	EXPECT_EQ(reached(0x71), 0);
	lodge_route_msi(&irq, 0xfee02000, 0xc071);
	EXPECT_EQ(get(2, APIC_TMR + 0x30), 1 << 0x11);
	EXPECT_EQ(reached(0x71), 4);
	lodge_route_msi(&irq, 0xfee03000, 0x400);
	EXPECT_EQ(cpus[3].nmis, 1);
	set(1, APIC_LDR, 1 << 24);
	set(2, APIC_LDR, 2 << 24);
	lodge_route_msi(&irq, 0xfee03004, 0x72);
	EXPECT_EQ(reached(0x72), 6);
	lodge_route_msi(&irq, 0xfee0300c, 0x72);	/* to one of them */
	EXPECT_EQ(__builtin_popcountll(reached(0x72)), 1);
	lodge_route_msi(&irq, 0xfee03008, 0x72);	/* physical: to that one */
	EXPECT_EQ(reached(0x72), 8);
}

#define GSI_STATE(gsi)	lodge_route_gsi_state(&irq, gsi)

TEST(state_of_a_line)
{
	running_machine(2, false);
	irq.pic.chip[0].imr = 0xff;
	irq.pic.chip[1].imr = 0xff;
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_CLOSED);
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_CLOSED);
	/* by the I/O APIC */
	set_entry(2, 0x62, 1);
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_TAKEN);
	gsi(0, true);
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_WAITS);
	EXPECT_EQ(take(1), 0x62);
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_TAKEN);
	set_entry(2, 0x62 | MASKED, 1);
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_CLOSED);
	/* by the PICs, where line 0 still has its edge */
	irq.pic.chip[0].imr = 0xfe;
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_WAITS);
	lodge_route_extint_take(&irq);
	irq.pic.chip[1].imr = 0xfe;
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_TAKEN);
	gsi(8, true);
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_WAITS);
	/* by both: nobody listens at the PICs, but that stops nothing */
	set_entry(8, 0x68, 0);
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_TAKEN);
	gsi(8, false);
	gsi(8, true);
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_WAITS);
	EXPECT_EQ(take(0), 0x68);
	EXPECT_EQ(GSI_STATE(8), LODGE_LINE_TAKEN);
	/* an NMI leaves nothing to look at */
	set_entry(2, 0x400, 0);
	irq.pic.chip[0].imr = 0xff;
	EXPECT_EQ(GSI_STATE(0), LODGE_LINE_TAKEN);
}
