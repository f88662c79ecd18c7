// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 16550A: register by register, FIFO, interrupts, loopback, back-pressure, and
 * the sequences by which Linux finds out what it is.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define RBR	0x3f8
#define THR	0x3f8
#define IER	0x3f9
#define IIR	0x3fa
#define FCR	0x3fa
#define LCR	0x3fb
#define MCR	0x3fc
#define LSR	0x3fd
#define MSR	0x3fe
#define SCR	0x3ff

#define DTR	0x01
#define RTS	0x02
#define OUT1	0x04
#define OUT2	0x08
#define LOOP	0x10

#define RDI	0x01
#define THRI	0x02
#define RLSI	0x04
#define MSI	0x08

#define DR	0x01
#define OE	0x02
#define BI	0x10
#define EMPTY	0x60	/* THRE and TEMT */

#define IRQ	4

static char buf[2 * LODGE_CONSOLE_OUT_SIZE];

static void create(void)
{
	machine_create();
	ASSERT_EQ(reader_open(&m.serial), 3);
	opened.f_flags = O_NONBLOCK;
}

static void destroy(void)
{
	reader_close();
	machine_destroy();
}

static void type(const char *s)
{
	ASSERT_EQ(reader_write(s, strlen(s)), strlen(s));
}

/* As a driver that takes interrupts leaves it */
static void set_up(u8 ier, u8 fcr)
{
	out(LCR, 3);
	out(FCR, fcr);
	out(MCR, DTR | RTS | OUT2);
	out(IER, ier);
}

TEST(after_reset)
{
	create();
	EXPECT_EQ(in(IER), 0);
	EXPECT_EQ(in(IIR), 1);
	EXPECT_EQ(in(LCR), 0);
	EXPECT_EQ(in(MCR), 0);
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_EQ(in(MSR), 0xb0);
	EXPECT_EQ(in(SCR), 0);
	EXPECT_FALSE(line[IRQ]);
	destroy();
}

TEST(bits_that_exist)
{
	create();
	out(IER, 0xff);
	EXPECT_EQ(in(IER), 0x0f);
	out(MCR, 0xff);
	EXPECT_EQ(in(MCR), 0x1f);
	out(MCR, 0);
	out(LCR, 0x7f);
	EXPECT_EQ(in(LCR), 0x7f);
	out(SCR, 0xa5);
	EXPECT_EQ(in(SCR), 0xa5);
	out(LSR, 0xff);
	out(MSR, 0xff);
	in(MSR);
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_EQ(in(MSR), 0xb0);
	destroy();
}

TEST(divisor_latch)
{
	create();
	out(IER, 5);
	out(LCR, 0x83);
	out(THR, 0x34);
	out(IER, 0x12);
	EXPECT_EQ(in(RBR), 0x34);
	EXPECT_EQ(in(IER), 0x12);
	EXPECT_EQ(in_wide(RBR, 2), 0x1234);
	out(LCR, 3);
	EXPECT_EQ(in(IER), 5);
	EXPECT_EQ(reader_read(buf, 1), -EAGAIN);
	destroy();
}

TEST(sends_at_once)
{
	create();
	for (const char *s = "hello"; *s; s++) {
		EXPECT_EQ(in(LSR), EMPTY);
		EXPECT_EQ(out(THR, *s), LODGE_BUS_DONE);
	}
	EXPECT_EQ(reader_read(buf, sizeof(buf)), 5);
	EXPECT_EQ(memcmp(buf, "hello", 5), 0);
	EXPECT_EQ(edges[IRQ], 0);
	destroy();
}

TEST(wide_access_is_two)
{
	create();
	out_wide(LCR, 2, 0x0b03);
	EXPECT_EQ(in(LCR), 3);
	EXPECT_EQ(in(MCR), 0x0b);
	EXPECT_EQ(in_wide(LCR, 2), 0x0b03);
	/* beyond the last register: nobody's */
	EXPECT_EQ(in_wide(SCR, 2), 0xffff);
	destroy();
}

/* ---- receiver ------------------------------------------------------------ */

TEST(receives_without_fifo)
{
	create();
	EXPECT_EQ(in(LSR), EMPTY);
	type("ab");
	EXPECT_EQ(in(LSR), EMPTY | DR);
	EXPECT_EQ(in(RBR), 'a');
	EXPECT_EQ(in(LSR), EMPTY | DR);
	EXPECT_EQ(in(RBR), 'b');
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_EQ(in(RBR), 0);
	destroy();
}

TEST(receives_long_input_in_order)
{
	unsigned int i;

	create();
	set_up(RDI, 0xc1);
	for (i = 0; i < 3000; i++)
		buf[i] = i * 5;
	ASSERT_EQ(reader_write(buf, 3000), 3000);
	for (i = 0; i < 3000; i++) {
		ASSERT_TRUE(line[IRQ]);
		ASSERT_EQ(in(RBR), (u8)buf[i]);
	}
	EXPECT_FALSE(line[IRQ]);
	/* the line stays up all the while: one interrupt */
	EXPECT_EQ(edges[IRQ], 1);
	destroy();
}

static void check_trigger(u8 fcr, unsigned int level)
{
	unsigned int i;

	create();
	set_up(RDI, fcr);
	/* loopback, for what comes from the console comes faster than one can look */
	out(MCR, LOOP);
	for (i = 1; i <= LODGE_UART_FIFO; i++) {
		out(THR, i);
		EXPECT_EQ(in(IIR), i >= level ? 0xc4 : 0xcc);
	}
	for (i = 1; i <= LODGE_UART_FIFO; i++) {
		EXPECT_EQ(in(IIR), LODGE_UART_FIFO - i + 1 >= level ? 0xc4 : 0xcc);
		EXPECT_EQ(in(RBR), i);
	}
	EXPECT_EQ(in(IIR), 0xc1);
	destroy();
}

TEST(trigger_levels)
{
	check_trigger(0x01, 1);
	check_trigger(0x41, 4);
	check_trigger(0x81, 8);
	check_trigger(0xc1, 14);
}

TEST(one_byte_is_a_timeout)
{
	create();
	set_up(RDI, 0x81);
	type("x");
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(in(IIR), 0xcc);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(in(RBR), 'x');
	EXPECT_FALSE(line[IRQ]);
	EXPECT_EQ(in(IIR), 0xc1);
	destroy();
}

TEST(interrupt_for_what_was_there_before)
{
	create();
	type("x");
	set_up(0, 0x01);
	EXPECT_FALSE(line[IRQ]);
	out(IER, RDI);
	EXPECT_TRUE(line[IRQ]);
	out(IER, 0);
	EXPECT_FALSE(line[IRQ]);
	EXPECT_EQ(in(RBR), 'x');
	destroy();
}

/* What Linux does when it opens a console that was typed at before */
TEST(typed_ahead_survives_the_opening)
{
	unsigned int i;

	create();
	type("0123456789abcdefghijklmnop");
	out(MCR, DTR);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(in(LSR), EMPTY);
	out(FCR, 0x01);
	out(FCR, 0x07);
	out(FCR, 0);
	for (i = 0; i < 2; i++) {
		in(LSR);
		in(RBR);
		in(IIR);
		in(MSR);
	}
	out(FCR, 0x81);
	out(MCR, DTR | OUT2);
	in(LSR);
	in(RBR);
	out(IER, RDI | RLSI);
	out(MCR, DTR | RTS | OUT2);
	EXPECT_TRUE(line[IRQ]);
	for (i = 0; i < 26; i++)
		ASSERT_EQ(in(RBR), i < 10 ? '0' + i : 'a' + i - 10);
	EXPECT_EQ(in(LSR), EMPTY);
	destroy();
}

TEST(clearing_the_fifo_gives_back)
{
	create();
	set_up(RDI, 0x81);
	type("0123456789abcdefgh");
	EXPECT_EQ(in(RBR), '0');
	out(FCR, 0x83);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(in(RBR), '1');
	out(FCR, 0);
	EXPECT_EQ(in(RBR), '2');
	out(FCR, 0x81);
	EXPECT_EQ(in(RBR), '3');
	/* not mixed with what is looped back */
	out(MCR, LOOP);
	EXPECT_EQ(in(LSR), EMPTY);
	out(THR, 'x');
	EXPECT_EQ(in(LSR), EMPTY | DR);
	out(MCR, OUT2 | RTS);
	EXPECT_EQ(in(RBR), 'x');
	EXPECT_EQ(in(RBR), '4');
	EXPECT_EQ(in(RBR), '5');
	destroy();
}

/* ---- transmitter interrupt ----------------------------------------------- */

TEST(transmitter_interrupt)
{
	create();
	set_up(0, 0x01);
	EXPECT_FALSE(line[IRQ]);
	/* enabled while it is empty: at once */
	out(IER, THRI);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(in(IIR), 0xc2);
	EXPECT_FALSE(line[IRQ]);
	EXPECT_EQ(in(IIR), 0xc1);
	/* again after a byte */
	out(THR, 'a');
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(edges[IRQ], 2);
	/* bytes that follow make no more of them */
	out(THR, 'b');
	out(THR, 'c');
	EXPECT_EQ(edges[IRQ], 2);
	EXPECT_EQ(in(IIR), 0xc2);
	EXPECT_FALSE(line[IRQ]);
	/* written again, it stays; switched off and on, it comes */
	out(IER, THRI);
	EXPECT_FALSE(line[IRQ]);
	out(IER, 0);
	out(IER, THRI);
	EXPECT_TRUE(line[IRQ]);
	out(IER, 0);
	EXPECT_FALSE(line[IRQ]);
	destroy();
}

TEST(output_has_no_interrupt_unless_asked_for)
{
	create();
	set_up(RDI | RLSI | MSI, 0x01);
	for (unsigned int i = 0; i < 1000; i++)
		out(THR, i);
	EXPECT_EQ(edges[IRQ], 0);
	destroy();
}

TEST(out2_opens_the_line)
{
	create();
	out(IER, THRI);
	EXPECT_FALSE(line[IRQ]);
	out(MCR, OUT2);
	EXPECT_TRUE(line[IRQ]);
	out(MCR, OUT2 | LOOP);
	EXPECT_FALSE(line[IRQ]);
	out(MCR, OUT2);
	EXPECT_TRUE(line[IRQ]);
	out(MCR, 0);
	EXPECT_FALSE(line[IRQ]);
	EXPECT_EQ(in(IIR), 2);
	destroy();
}

TEST(priorities)
{
	create();
	set_up(0, 0x01);
	out(MCR, LOOP | RTS);
	in(MSR);
	in(LSR);
	out(MCR, LOOP);
	out(LCR, 0x43);
	out(IER, RDI | THRI | RLSI | MSI);
	EXPECT_EQ(in(IIR), 0xc6);
	EXPECT_EQ(in(LSR), EMPTY | DR | BI | 0x80);
	EXPECT_EQ(in(IIR), 0xc4);
	EXPECT_EQ(in(RBR), 0);
	EXPECT_EQ(in(IIR), 0xc2);
	EXPECT_EQ(in(IIR), 0xc0);
	EXPECT_EQ(in(MSR), 0x01);
	EXPECT_EQ(in(IIR), 0xc1);
	destroy();
}

/* ---- loopback ------------------------------------------------------------ */

TEST(loopback_of_modem_lines)
{
	static const struct {
		u8 mcr, msr;
	} lines[] = {
		{ 0, 0 }, { RTS, 0x10 }, { DTR, 0x20 }, { OUT1, 0x40 }, { OUT2, 0x80 },
		{ OUT2 | RTS, 0x90 }, { DTR | RTS | OUT1 | OUT2, 0xf0 },
	};
	unsigned int i;

	create();
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		out(MCR, LOOP | lines[i].mcr);
		EXPECT_EQ(in(MSR) & 0xf0, lines[i].msr);
		EXPECT_EQ(in(MSR), lines[i].msr);
	}
	out(MCR, LOOP);
	in(MSR);
	out(MCR, LOOP | DTR);
	EXPECT_EQ(in(MSR), 0x22);
	out(MCR, LOOP | DTR | RTS);
	EXPECT_EQ(in(MSR), 0x31);
	out(MCR, LOOP | OUT2);
	EXPECT_EQ(in(MSR), 0x8b);
	/* of the ring indicator only the trailing edge */
	out(MCR, LOOP | OUT2 | OUT1);
	EXPECT_EQ(in(MSR), 0xc0);
	out(MCR, LOOP | OUT2);
	EXPECT_EQ(in(MSR), 0x84);
	destroy();
}

TEST(loopback_of_bytes)
{
	unsigned int i;

	create();
	out(FCR, 0x01);
	out(MCR, LOOP);
	type("z");
	for (i = 0; i < LODGE_UART_FIFO; i++) {
		out(THR, i);
		EXPECT_EQ(in(LSR), EMPTY | DR);
	}
	/* the seventeenth is lost, and that is told once */
	out(THR, 99);
	EXPECT_EQ(in(LSR), EMPTY | DR | OE);
	EXPECT_EQ(in(LSR), EMPTY | DR);
	for (i = 0; i < LODGE_UART_FIFO; i++)
		EXPECT_EQ(in(RBR), i);
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_EQ(reader_read(buf, 1), -EAGAIN);
	out(MCR, 0);
	EXPECT_EQ(in(LSR), EMPTY | DR);
	EXPECT_EQ(in(RBR), 'z');
	/* without the FIFO the newest byte takes the place of the other */
	out(FCR, 0);
	out(MCR, LOOP);
	out(THR, 1);
	out(THR, 2);
	EXPECT_EQ(in(LSR), EMPTY | DR | OE);
	EXPECT_EQ(in(RBR), 2);
	EXPECT_EQ(in(LSR), EMPTY);
	destroy();
}

TEST(break_stands_with_its_byte)
{
	create();
	set_up(RLSI, 0x01);
	out(MCR, LOOP);
	out(THR, 'a');
	out(LCR, 0x43);
	out(LCR, 0x03);
	out(THR, 'b');
	/* in the FIFO, but not yet first */
	EXPECT_EQ(in(IIR), 0xc1);
	EXPECT_EQ(in(LSR), EMPTY | DR | 0x80);
	EXPECT_EQ(in(RBR), 'a');
	EXPECT_EQ(in(IIR), 0xc6);
	EXPECT_EQ(in(LSR), EMPTY | DR | BI | 0x80);
	EXPECT_EQ(in(LSR), EMPTY | DR);
	EXPECT_EQ(in(RBR), 0);
	EXPECT_EQ(in(RBR), 'b');
	EXPECT_EQ(in(LSR), EMPTY);
	/* read without a look at LSR: it is told there, but is in the FIFO no more */
	out(LCR, 0x43);
	EXPECT_EQ(in(RBR), 0);
	EXPECT_EQ(in(LSR), EMPTY | BI);
	out(THR, 'c');
	EXPECT_EQ(in(LSR), EMPTY | DR);
	destroy();
}

/* ---- back-pressure ------------------------------------------------------- */

static void fill(void)
{
	for (unsigned int i = 0; i < LODGE_CONSOLE_OUT_SIZE; i++) {
		ASSERT_EQ(in(LSR), EMPTY);
		out(THR, i);
	}
}

TEST(a_slow_reader_stops_the_transmitter)
{
	unsigned int i;

	create();
	set_up(THRI, 0x01);
	fill();
	in(IIR);
	EXPECT_FALSE(line[IRQ]);
	for (i = 0; i < LODGE_UART_FIFO; i++) {
		out(THR, 0x40 + i);
		EXPECT_EQ(in(LSR), 0);
	}
	EXPECT_EQ(in(IIR), 0xc1);
	/* enabled again, but it is not empty */
	out(IER, 0);
	out(IER, THRI);
	EXPECT_EQ(in(IIR), 0xc1);
	/* one more is lost */
	out(THR, 'x');
	ASSERT_EQ(reader_read(buf, LODGE_CONSOLE_OUT_SIZE / 2 - 1), LODGE_CONSOLE_OUT_SIZE / 2 - 1);
	EXPECT_EQ(in(LSR), 0);
	ASSERT_EQ(reader_read(buf, 1), 1);
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(in(IIR), 0xc2);
	out(THR, 'y');
	ASSERT_EQ(reader_read(buf, sizeof(buf)), LODGE_CONSOLE_OUT_SIZE / 2 + 17);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(buf[LODGE_CONSOLE_OUT_SIZE / 2 + i], 0x40 + i);
	EXPECT_EQ(buf[LODGE_CONSOLE_OUT_SIZE / 2 + 16], 'y');
	destroy();
}

TEST(a_reader_that_goes_lets_the_transmitter_go_on)
{
	create();
	out(FCR, 0x01);
	fill();
	out(THR, 'a');
	EXPECT_EQ(in(LSR), 0);
	reader_close();
	EXPECT_EQ(in(LSR), EMPTY);
	for (unsigned int i = 0; i < 100; i++)
		out(THR, i);
	EXPECT_EQ(in(LSR), EMPTY);
	machine_destroy();
}

TEST(one_byte_waits_without_fifo)
{
	create();
	fill();
	out(THR, 'a');
	out(THR, 'b');
	EXPECT_EQ(in(LSR), 0);
	ASSERT_EQ(reader_read(buf, LODGE_CONSOLE_OUT_SIZE), LODGE_CONSOLE_OUT_SIZE);
	EXPECT_EQ(in(LSR), EMPTY);
	ASSERT_EQ(reader_read(buf, 10), 1);
	EXPECT_EQ(buf[0], 'b');
	destroy();
}

TEST(clearing_the_transmitter)
{
	create();
	set_up(THRI, 0x01);
	fill();
	out(THR, 'a');
	in(IIR);
	EXPECT_EQ(in(LSR), 0);
	out(FCR, 0x81);
	out(FCR, 0x03);
	EXPECT_EQ(in(LSR), 0);
	out(FCR, 0x05);
	EXPECT_EQ(in(LSR), EMPTY);
	EXPECT_EQ(in(IIR), 0xc2);
	ASSERT_EQ(reader_read(buf, sizeof(buf)), LODGE_CONSOLE_OUT_SIZE);
	destroy();
}

/* ---- as drivers find out ------------------------------------------------- */

TEST(is_a_16550a)
{
	u8 mcr;

	create();
	/* there is one */
	out(IER, 0);
	EXPECT_EQ(in(IER) & 15, 0);
	out(IER, 15);
	EXPECT_EQ(in(IER) & 15, 15);
	out(IER, 0);
	out(MCR, LOOP | OUT2 | RTS);
	EXPECT_EQ(in(MSR) & 0xf0, 0x90);
	out(MCR, 0);
	/* with a working FIFO */
	out(LCR, 0xbf);
	out(FCR, 0);
	out(LCR, 0);
	out(FCR, 0x01);
	EXPECT_EQ(in(IIR) >> 6, 3);
	/* not a 16650, 16850 or 16950 */
	out(LCR, 0x80);
	EXPECT_NE(in(IIR), 0);
	out(LCR, 0xbf);
	EXPECT_NE(in(IIR), 0);
	/* not one of National's with a bank */
	out(LCR, 0);
	mcr = in(MCR);
	out(LCR, 0xe0);
	EXPECT_EQ((in(IIR) ^ mcr) & LOOP, 0);
	out(LCR, 0);
	out(MCR, mcr ^ LOOP);
	out(LCR, 0xe0);
	EXPECT_EQ(in(IIR) & LOOP, 0);
	out(LCR, 0);
	out(MCR, mcr);
	/* not a 16750 */
	out(FCR, 0x21);
	EXPECT_EQ(in(IIR) >> 5, 6);
	out(FCR, 0x01);
	out(LCR, 0x80);
	out(FCR, 0x21);
	EXPECT_EQ(in(IIR) >> 5, 6);
	out(FCR, 0x01);
	out(LCR, 0);
	/* no UART of an XScale */
	out(IER, 0x40);
	EXPECT_EQ(in(IER), 0);
	destroy();
}

/* Linux: the interrupt comes again after it was seen, when it is enabled again */
TEST(transmitter_is_without_known_faults)
{
	create();
	out(FCR, 0x81);
	out(MCR, OUT2);
	out(IER, THRI);
	EXPECT_EQ(in(IIR) & 1, 0);
	out(IER, 0);
	out(IER, THRI);
	EXPECT_EQ(in(IIR) & 1, 0);
	out(IER, 0);
	out(IER, THRI);
	EXPECT_EQ(in(LSR) & 0x40, 0x40);
	EXPECT_EQ(in(IIR) & 1, 0);
	out(IER, 0);
	destroy();
}
