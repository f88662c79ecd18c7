// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PICs (kmod/irq/pic.c), by their ports and lines.
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_model.h"

#define EOI		0x20
#define READ_IRR	0x0a
#define READ_ISR	0x0b
#define POLL		0x0c

/* As a kernel sets them up: vectors 0x30 and 0x38, nothing masked */
static void start_with(u8 icw4)
{
	machine(1);
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
}

static void start(void)
{
	start_with(0x01);
}

static int take_pic(void)
{
	return lodge_route_extint_waits(&irq) ? lodge_route_extint_take(&irq) : -1;
}

static void pulse(unsigned int line)
{
	gsi(line, true);
	gsi(line, false);
}

static u8 isr(u16 port)
{
	outb(port, READ_ISR);
	return inb(port);
}

static u8 irr(u16 port)
{
	outb(port, READ_IRR);
	return inb(port);
}

TEST(nothing_before_set_up)
{
	machine(1);
	pulse(0);
	pulse(8);
	EXPECT_EQ(take_pic(), -1);
	EXPECT_EQ(inb(0x21), 0xff);
	outb(0x20, 0x11);	/* clears the mask, and waits for more words */
	pulse(0);
	EXPECT_EQ(take_pic(), -1);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	EXPECT_EQ(take_pic(), -1);
	outb(0x21, 0x01);
	EXPECT_EQ(take_pic(), 0x30);
}

TEST(initialisation_words)
{
	machine(1);
	outb(0x20, 0x13);	/* single: no ICW3 */
	outb(0x21, 0x47);	/* the low bits are the input's */
	outb(0x21, 0x01);
	outb(0x21, 0xfe);
	EXPECT_EQ(inb(0x21), 0xfe);
	pulse(0);
	EXPECT_EQ(take_pic(), 0x40);
	outb(0x20, 0x10);	/* no ICW4 */
	outb(0x21, 0x50);
	outb(0x21, 0x04);
	outb(0x21, 0xfd);
	EXPECT_EQ(inb(0x21), 0xfd);
	pulse(1);
	EXPECT_EQ(take_pic(), 0x51);
}

TEST(icw1_forgets)
{
	start();
	pulse(3);
	EXPECT_EQ(take_pic(), 0x33);
	pulse(4);
	outb(0x20, 0x68);	/* special mask mode */
	outb(0x20, 0xc2);	/* lowest priority: 2 */
	outb(0x20, 0x11);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	EXPECT_EQ(inb(0x21), 0);
	EXPECT_EQ(inb(0x20), 0);	/* IRR again */
	EXPECT_EQ(isr(0x20), 0);
	pulse(1);
	pulse(3);
	EXPECT_EQ(take_pic(), 0x31);
}

TEST(fixed_priority_and_eoi)
{
	start();
	pulse(5);
	pulse(3);
	EXPECT_EQ(irr(0x20), 0x28);
	EXPECT_EQ(take_pic(), 0x33);
	EXPECT_EQ(irr(0x20), 0x20);
	EXPECT_EQ(isr(0x20), 0x08);
	EXPECT_EQ(take_pic(), -1);	/* 5 is below 3 */
	pulse(1);
	EXPECT_EQ(take_pic(), 0x31);	/* 1 is above */
	EXPECT_EQ(isr(0x20), 0x0a);
	outb(0x20, EOI);
	EXPECT_EQ(isr(0x20), 0x08);
	EXPECT_EQ(take_pic(), -1);
	outb(0x20, 0x63);		/* specific, 3 */
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, 0x61);		/* another one */
	EXPECT_EQ(isr(0x20), 0x20);
	outb(0x20, EOI);
	EXPECT_EQ(isr(0x20), 0);
	outb(0x20, EOI);
	EXPECT_EQ(isr(0x20), 0);
}

TEST(masked)
{
	start();
	outb(0x21, 0x08);
	pulse(3);
	EXPECT_EQ(take_pic(), -1);
	EXPECT_EQ(irr(0x20), 0x08);
	outb(0x21, 0);
	EXPECT_EQ(take_pic(), 0x33);
}

TEST(cascade)
{
	start();
	pulse(12);
	EXPECT_EQ(irr(0x20), 0x04);
	EXPECT_EQ(irr(0xa0), 0x10);
	EXPECT_EQ(take_pic(), 0x3c);
	EXPECT_EQ(isr(0x20), 0x04);
	EXPECT_EQ(isr(0xa0), 0x10);
	/* in fully nested mode the second chip is shut out while one of it is served */
	pulse(8);
	pulse(3);
	EXPECT_EQ(take_pic(), -1);
	pulse(0);
	EXPECT_EQ(take_pic(), 0x30);
	outb(0x20, EOI);
	outb(0xa0, EOI);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x38);
	outb(0xa0, EOI);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x33);
	gsi(2, true);			/* no such line */
	lodge_pic_set_line(&irq.pic, 2, true);
	EXPECT_EQ(irr(0x20), 0);
}

TEST(special_fully_nested)
{
	start_with(0x11);
	pulse(12);
	EXPECT_EQ(take_pic(), 0x3c);
	pulse(13);
	EXPECT_EQ(take_pic(), -1);
	pulse(3);
	EXPECT_EQ(take_pic(), -1);	/* below the cascade */
	pulse(8);
	EXPECT_EQ(take_pic(), 0x38);
	outb(0xa0, EOI);
	EXPECT_EQ(isr(0xa0), 0x10);
	outb(0xa0, EOI);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x3d);
}

TEST(special_mask)
{
	start();
	pulse(3);
	EXPECT_EQ(take_pic(), 0x33);
	pulse(5);
	EXPECT_EQ(take_pic(), -1);
	outb(0x21, 0x08);
	EXPECT_EQ(take_pic(), -1);	/* masked, yet in service */
	outb(0x20, 0x68);
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, EOI);
	EXPECT_EQ(isr(0x20), 0x08);
	outb(0x20, EOI);		/* does not find what is masked */
	EXPECT_EQ(isr(0x20), 0x08);
	outb(0x20, 0x63);
	EXPECT_EQ(isr(0x20), 0);
	outb(0x20, 0x48);		/* off */
	EXPECT_TRUE(!irq.pic.chip[0].special_mask);
}

TEST(rotation)
{
	unsigned int i;

	start();
	outb(0x20, 0xc4);		/* lowest: 4, highest: 5 */
	pulse(4);
	pulse(5);
	pulse(1);
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x31);
	outb(0x20, 0xa0);		/* rotate: 1 is the lowest */
	EXPECT_EQ(take_pic(), 0x34);
	pulse(1);
	EXPECT_EQ(take_pic(), -1);
	outb(0x20, 0xe4);		/* specific, rotate: 4 is the lowest */
	pulse(4);
	EXPECT_EQ(take_pic(), 0x31);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x34);
	outb(0x20, EOI);
	/* each in turn: inputs that are always asserted are served alike */
	outb(0x4d0, 0xf8);
	gsi(5, true);
	gsi(6, true);
	gsi(7, true);
	for (i = 0; i < 9; i++) {
		EXPECT_EQ(take_pic(), 0x35 + i % 3);
		outb(0x20, 0xa0);
	}
}

TEST(automatic_eoi)
{
	start_with(0x03);
	pulse(3);
	pulse(5);
	EXPECT_EQ(take_pic(), 0x33);
	EXPECT_EQ(isr(0x20), 0);
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, 0x80);		/* rotate */
	pulse(3);
	EXPECT_EQ(take_pic(), 0x33);
	pulse(3);
	pulse(4);
	EXPECT_EQ(take_pic(), 0x34);
	EXPECT_EQ(take_pic(), 0x33);
	outb(0x20, 0x00);		/* no more */
	EXPECT_TRUE(!irq.pic.chip[0].rotate);
	pulse(9);
	pulse(10);
	EXPECT_EQ(take_pic(), 0x39);
	EXPECT_EQ(take_pic(), 0x3a);	/* the cascade rises again without an EOI */
}

TEST(edge_and_level)
{
	start();
	gsi(5, true);
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), -1);	/* one edge, one interrupt */
	gsi(5, true);
	EXPECT_EQ(take_pic(), -1);
	gsi(5, false);
	gsi(5, true);
	EXPECT_EQ(take_pic(), 0x35);
	outb(0x20, EOI);

	outb(0x4d0, 0xff);
	EXPECT_EQ(inb(0x4d0), 0xf8);
	outb(0x4d1, 0xff);
	EXPECT_EQ(inb(0x4d1), 0xde);
	EXPECT_EQ(in(0x4d0, 2), 0xdef8);
	EXPECT_EQ(take_pic(), 0x35);	/* still asserted */
	EXPECT_EQ(take_pic(), -1);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), 0x35);
	gsi(5, false);
	outb(0x20, EOI);
	EXPECT_EQ(take_pic(), -1);
	gsi(5, true);
	gsi(5, false);			/* gone before it was taken */
	EXPECT_EQ(take_pic(), -1);
	gsi(11, true);
	EXPECT_EQ(take_pic(), 0x3b);
	out(0x4d0, 2, 0);
	EXPECT_EQ(in(0x4d0, 2), 0);
	EXPECT_EQ(irr(0xa0), 0);	/* waits for an edge now */
}

TEST(spurious)
{
	start();
	outb(0x4d0, 0x20);
	outb(0x4d1, 0x04);
	gsi(5, true);
	EXPECT_TRUE(lodge_route_extint_waits(&irq));
	gsi(5, false);
	EXPECT_EQ(lodge_route_extint_take(&irq), -1);
	/* the processor has begun its acknowledge */
	EXPECT_EQ(lodge_pic_acknowledge(&irq.pic), 0x37);
	EXPECT_EQ(isr(0x20), 0);
	/* the first chip passes the second one's on, which has gone meanwhile */
	gsi(10, true);
	irq.pic.chip[1].irr = 0;
	EXPECT_EQ(lodge_pic_acknowledge(&irq.pic), 0x3f);
	EXPECT_EQ(isr(0x20), 0x04);
	EXPECT_EQ(isr(0xa0), 0);
}

TEST(poll_command)
{
	start();
	outb(0x20, POLL);
	EXPECT_EQ(inb(0x20), 0);
	pulse(3);
	outb(0x20, POLL);
	EXPECT_EQ(inb(0x20), 0x83);
	EXPECT_EQ(isr(0x20), 0x08);
	EXPECT_TRUE(!lodge_route_extint_waits(&irq));
	outb(0x20, EOI);
	pulse(10);
	outb(0xa0, POLL);
	EXPECT_EQ(inb(0xa1), 0x82);
	EXPECT_EQ(inb(0xa1), 0);	/* the mask again */
	EXPECT_TRUE(!lodge_route_extint_waits(&irq));
}

TEST(wide_accesses)
{
	start();
	out(0x20, 2, 0x5520 | 0x0b);	/* OCW3, then the mask */
	EXPECT_EQ(inb(0x21), 0x55);
	pulse(3);
	EXPECT_EQ(take_pic(), 0x33);
	EXPECT_EQ(in(0x20, 2), 0x5508);
}

TEST(first_vcpu_is_woken)
{
	unsigned long wakes;

	start();
	wakes = cpus[0].wakes;
	pulse(4);
	EXPECT_EQ(cpus[0].wakes, wakes + 1);
	EXPECT_TRUE(lodge_lapic_takes_extint(&cpus[0].lapic));
	EXPECT_EQ(take_pic(), 0x34);
	wakes = cpus[0].wakes;
	pulse(5);
	EXPECT_EQ(cpus[0].wakes, wakes);	/* 4 is in service */
	outb(0x20, EOI);
	EXPECT_EQ(cpus[0].wakes, wakes + 1);
	lodge_route_reset(&irq);
	EXPECT_EQ(take_pic(), -1);
	EXPECT_EQ(inb(0x21), 0xff);
}
