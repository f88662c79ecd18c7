// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines that irqfds hold until an EOI, and pulse (kmod/irq/route.c), at the I/O APIC and the PICs.
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
#define EOIR		(LODGE_IOAPIC_BASE + 0x40)

#define hold(line, how)	lodge_route_hold_gsi(&irq, line, how)
#define pulse(line)	lodge_route_pulse_gsi(&irq, line)

static u32 told, calls;
static int again;	/* line that the listener holds again, -1 for none */

static void ended(void *listener, u32 gsis)
{
	WARN_ON(irq.lock.held || listener != &told);
	told |= gsis;
	calls++;
	if (again >= 0)
		hold(again, true);
}

/* What has been told since the last call */
static u32 let_go(void)
{
	u32 gsis = told;

	told = 0;
	return gsis;
}

static void start(void)
{
	running_machine(1, false);
	irq.ended = ended;
	irq.listener = &told;
	told = 0;
	calls = 0;
	again = -1;
}

static void set_entry(unsigned int pin, u32 low)
{
	ioapic_set(0x11 + 2 * pin, 0);
	ioapic_set(0x10 + 2 * pin, low);
}

static u32 entry(unsigned int pin)
{
	return ioapic_get(0x10 + 2 * pin);
}

TEST(until_the_eoi)
{
	start();
	set_entry(20, 0x41 | LEVEL);
	hold(20, true);
	hold(20, true);
	EXPECT_EQ(take(0), 0x41);
	EXPECT_EQ(let_go(), 0);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 20);
	EXPECT_EQ(calls, 1);
	EXPECT_EQ(entry(20), 0x41 | LEVEL);
	EXPECT_EQ(take(0), -1);
	/* an interrupt of a device at the same line is no news */
	gsi(20, true);
	EXPECT_EQ(take(0), 0x41);
	gsi(20, false);
	eoi(0);
	EXPECT_EQ(calls, 1);
}

TEST(held_again_at_once)
{
	start();
	set_entry(20, 0x41 | LEVEL);
	again = 20;
	hold(20, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(take(0), 0x41);
	again = -1;
	eoi(0);
	EXPECT_EQ(take(0), -1);
	EXPECT_EQ(calls, 2);
}

TEST(beside_a_device)
{
	start();
	set_entry(20, 0x41 | LEVEL);
	gsi(20, true);
	hold(20, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 20);
	/* the device's is sent again */
	EXPECT_EQ(take(0), 0x41);
	hold(20, true);
	gsi(20, false);
	hold(20, false);
	eoi(0);
	EXPECT_EQ(let_go(), 0);
	EXPECT_EQ(take(0), -1);
	gsi(20, true);
	hold(20, false);
	EXPECT_EQ(take(0), 0x41);
}

TEST(several_lines)
{
	start();
	set_entry(18, 0x41 | LEVEL);
	set_entry(20, 0x41 | LEVEL);
	set_entry(21, 0x52 | LEVEL);
	hold(18, true);
	hold(21, true);
	hold(20, true);
	EXPECT_EQ(take(0), 0x52);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 21);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 18 | 1u << 20);
	EXPECT_EQ(take(0), -1);
	/* not the one that has not been sent */
	set_entry(18, 0x41 | LEVEL | MASKED);
	hold(18, true);
	hold(20, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 20);
}

/* The timer's line is at pin 2, and pin 0 is nobody's */
TEST(the_timer_s_line)
{
	start();
	set_entry(2, 0x41 | LEVEL);
	set_entry(0, 0x41 | LEVEL);
	hold(0, true);
	hold(2, true);
	EXPECT_EQ(irq.held, 1u << 0);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 0);
	hold(24, true);
	hold(~0u, true);
	pulse(2);
	pulse(24);
	EXPECT_EQ(irq.held, 0);
}

TEST(directed_eoi)
{
	start();
	set(0, APIC_SPIV, 0x11ff);
	set_entry(20, 0x41 | LEVEL);
	hold(20, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(let_go(), 0);
	store(EOIR, 4, 0x40);
	EXPECT_EQ(let_go(), 0);
	store(EOIR, 1, 0x41);
	EXPECT_EQ(let_go(), 0);
	store(EOIR, 4, 0x41);
	EXPECT_EQ(let_go(), 1u << 20);
	store(EOIR, 4, 0x41);
	EXPECT_EQ(calls, 1);
}

TEST(masked_meanwhile)
{
	start();
	set_entry(20, 0x41 | LEVEL | MASKED);
	hold(20, true);
	EXPECT_EQ(take(0), -1);
	set_entry(20, 0x41 | LEVEL);
	EXPECT_EQ(take(0), 0x41);
	set_entry(20, 0x41 | LEVEL | MASKED);
	eoi(0);
	EXPECT_EQ(let_go(), 1u << 20);
	set_entry(20, 0x41 | LEVEL);
	EXPECT_EQ(take(0), -1);
	/* a reset of the controllers is none of the line */
	hold(20, true);
	lodge_route_reset(&irq);
	EXPECT_EQ(irq.held, 1u << 20);
	set_entry(20, 0x41 | LEVEL);
	EXPECT_EQ(take(0), 0x41);
}

TEST(pulses)
{
	start();
	set_entry(5, 0x41);
	pulse(5);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	EXPECT_EQ(take(0), -1);
	/* no edge where the line is asserted, which it stays */
	gsi(5, true);
	EXPECT_EQ(take(0), 0x41);
	eoi(0);
	pulse(5);
	EXPECT_EQ(take(0), -1);
	set_entry(5, 0x41 | LEVEL);
	EXPECT_EQ(take(0), 0x41);
	gsi(5, false);
	eoi(0);
	EXPECT_EQ(take(0), -1);
	pulse(5);
	EXPECT_EQ(take(0), 0x41);
	EXPECT_EQ(entry(5), 0x41 | LEVEL | REMOTE);
	eoi(0);
	EXPECT_EQ(take(0), -1);
	EXPECT_EQ(calls, 0);
}

/* ---- the PICs ------------------------------------------------------------ */

/* Vectors 0x30 and 0x38, IRQs 10 and 11 level-triggered */
static void start_pics(u8 icw4)
{
	start();
	outb(0x20, 0x11);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	outb(0x21, icw4);
	outb(0xa0, 0x11);
	outb(0xa1, 0x38);
	outb(0xa1, 0x02);
	outb(0xa1, icw4);
	outb(0x21, 0);
	outb(0xa1, 0);
	outb(0x4d1, 0x0c);
}

static int take_pic(void)
{
	return lodge_route_extint_waits(&irq) ? lodge_route_extint_take(&irq) : -1;
}

TEST(eoi_at_the_pics)
{
	start_pics(0x01);
	hold(10, true);
	hold(11, true);
	EXPECT_EQ(take_pic(), 0x3a);
	outb(0x20, 0x20);		/* that is the cascade's */
	EXPECT_EQ(let_go(), 0);
	outb(0xa0, 0x63);		/* not in service */
	EXPECT_EQ(let_go(), 0);
	outb(0xa0, 0x20);
	EXPECT_EQ(let_go(), 1u << 10);
	EXPECT_EQ(take_pic(), 0x3b);
	outb(0xa0, 0x63);
	outb(0x20, 0x20);
	EXPECT_EQ(let_go(), 1u << 11);
	EXPECT_EQ(take_pic(), -1);
	EXPECT_EQ(calls, 2);
}

TEST(automatic_eoi)
{
	start_pics(0x03);
	hold(10, true);
	EXPECT_EQ(take_pic(), 0x3a);
	EXPECT_EQ(let_go(), 1u << 10);
	EXPECT_EQ(take_pic(), -1);
	/* polled */
	hold(11, true);
	outb(0xa0, 0x0c);
	EXPECT_EQ(inb(0xa0), 0x83);
	EXPECT_EQ(let_go(), 1u << 11);
	EXPECT_EQ(take_pic(), -1);
	/* what has ended with nobody holding is not told of later */
	gsi(10, true);
	EXPECT_EQ(take_pic(), 0x3a);
	gsi(10, false);
	hold(11, true);
	hold(10, true);
	outb(0x21, 0xff);
	EXPECT_EQ(let_go(), 0);
}
