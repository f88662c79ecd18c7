// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MC146818: the host's time in all formats, setting it, updates, alarm and
 * periodic interrupts, and the CMOS memory.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define A	0x0a
#define B	0x0b
#define C	0x0c
#define D	0x0d
#define CENTURY	0x32

#define SET	0x80
#define PIE	0x40
#define AIE	0x20
#define UIE	0x10
#define BINARY	0x04
#define H24	0x02

#define IRQF	0x80
#define PF	0x40
#define AF	0x20
#define UF	0x10

#define IRQ	8
#define SECOND	((u64)NSEC_PER_SEC)

static u8 rd(u8 index)
{
	out(0x70, index);
	return in(0x71);
}

static void wr(u8 index, u8 value)
{
	out(0x70, index);
	EXPECT_EQ(out(0x71, value), LODGE_BUS_DONE);
}

/* Both clocks at the beginning of a second of the host's */
static void create(void)
{
	epoch_ns = EPOCH * SECOND;
	machine_create();
	clock_ns = SECOND;
	rd(C);
}

/* To @ns after the beginning of the second that follows */
static void to_second(u64 ns)
{
	run(SECOND - clock_ns % SECOND + ns);
}

static void expect_time(s64 t)
{
	time_t seconds = t;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	EXPECT_EQ(rd(0), bin2bcd(tm.tm_sec));
	EXPECT_EQ(rd(2), bin2bcd(tm.tm_min));
	EXPECT_EQ(rd(4), bin2bcd(tm.tm_hour));
	EXPECT_EQ(rd(6), bin2bcd(tm.tm_wday + 1));
	EXPECT_EQ(rd(7), bin2bcd(tm.tm_mday));
	EXPECT_EQ(rd(8), bin2bcd(tm.tm_mon + 1));
	EXPECT_EQ(rd(9), bin2bcd(tm.tm_year % 100));
	EXPECT_EQ(rd(CENTURY), bin2bcd(19 + tm.tm_year / 100));
}

/* Register by register, as @t in BCD and 24 hours */
static void write_time(s64 t)
{
	time_t seconds = t;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	wr(0, bin2bcd(tm.tm_sec));
	wr(2, bin2bcd(tm.tm_min));
	wr(4, bin2bcd(tm.tm_hour));
	wr(6, bin2bcd(tm.tm_wday + 1));
	wr(7, bin2bcd(tm.tm_mday));
	wr(8, bin2bcd(tm.tm_mon + 1));
	wr(9, bin2bcd(tm.tm_year % 100));
	wr(CENTURY, bin2bcd(19 + tm.tm_year / 100));
}

/* ---- time ---------------------------------------------------------------- */

TEST(the_host_s_time)
{
	unsigned int i;

	create();
	for (i = 0; i < 400; i++) {
		expect_time(EPOCH + clock_ns / SECOND);
		run(86399 * SECOND + 12345678);
	}
	EXPECT_EQ(timer_calls, 0);
	machine_destroy();
}

TEST(known_dates)
{
	create();
	/* Tue 14 November 2023, 22:13:20 */
	clock_ns = 0;
	EXPECT_EQ(rd(0), 0x20);
	EXPECT_EQ(rd(2), 0x13);
	EXPECT_EQ(rd(4), 0x22);
	EXPECT_EQ(rd(6), 0x03);
	EXPECT_EQ(rd(7), 0x14);
	EXPECT_EQ(rd(8), 0x11);
	EXPECT_EQ(rd(9), 0x23);
	EXPECT_EQ(rd(CENTURY), 0x20);
	wr(B, BINARY | H24);
	EXPECT_EQ(rd(0), 20);
	EXPECT_EQ(rd(2), 13);
	EXPECT_EQ(rd(4), 22);
	EXPECT_EQ(rd(6), 3);
	EXPECT_EQ(rd(7), 14);
	EXPECT_EQ(rd(8), 11);
	EXPECT_EQ(rd(9), 23);
	EXPECT_EQ(rd(CENTURY), 20);
	/* 29 February 2024 and the day after */
	epoch_ns = 1709164800 * SECOND;
	EXPECT_EQ(rd(7), 29);
	EXPECT_EQ(rd(8), 2);
	epoch_ns += 86400 * SECOND;
	EXPECT_EQ(rd(7), 1);
	EXPECT_EQ(rd(8), 3);
	machine_destroy();
}

TEST(twelve_hours)
{
	static const u8 hours[24] = {
		0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11,
		0x92, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91,
	};
	unsigned int h;

	create();
	epoch_ns = EPOCH / 86400 * 86400 * SECOND;
	wr(B, 0);
	for (h = 0; h < 24; h++) {
		clock_ns = h * 3600 * SECOND;
		EXPECT_EQ(rd(4), hours[h]);
	}
	wr(B, BINARY);
	for (h = 0; h < 24; h++) {
		clock_ns = h * 3600 * SECOND;
		EXPECT_EQ(rd(4), (hours[h] & 0x80) | bcd2bin(hours[h] & 0x7f));
		/* and the other way */
		wr(4, rd(4));
		EXPECT_EQ(rd(4), (hours[h] & 0x80) | bcd2bin(hours[h] & 0x7f));
		EXPECT_EQ(m.rtc.offset, 0);
	}
	machine_destroy();
}

TEST(index)
{
	create();
	wr(0x40, 0x12);
	/* the bit that masks NMIs is not part of it */
	EXPECT_EQ(rd(0xc0), 0x12);
	EXPECT_EQ(in(0x70), 0xff);
	EXPECT_EQ(in_wide(0x70, 2), 0x12ff);
	out_wide(0x70, 2, 0x3441);
	EXPECT_EQ(rd(0x41), 0x34);
	machine_destroy();
}

TEST(memory)
{
	unsigned int i;

	create();
	for (i = 0x0e; i < 0x80; i++) {
		if (i == CENTURY)
			continue;
		EXPECT_EQ(rd(i), 0);
		wr(i, i * 3);
	}
	for (i = 0x0e; i < 0x80; i++)
		if (i != CENTURY)
			EXPECT_EQ(rd(i), (u8)(i * 3));
	EXPECT_EQ(m.rtc.offset, 0);
	machine_destroy();
}

TEST(control_registers)
{
	create();
	EXPECT_EQ(rd(A) & 0x7f, 0x26);
	EXPECT_EQ(rd(B), H24);
	EXPECT_EQ(rd(D), 0x80);
	wr(C, 0xff);
	wr(D, 0);
	EXPECT_EQ(rd(C), 0);
	EXPECT_EQ(rd(D), 0x80);
	wr(A, 0xaf);
	EXPECT_EQ(rd(A) & 0x7f, 0x2f);
	/* setting the time switches the interrupt of updates off */
	wr(B, SET | PIE | AIE | UIE | H24);
	EXPECT_EQ(rd(B), SET | PIE | AIE | H24);
	machine_destroy();
}

/* ---- setting the time ---------------------------------------------------- */

/* As Linux does: stop, reset the divider, write, go on */
static void set_time(s64 t)
{
	u8 control = rd(B), frequency = rd(A);

	wr(B, control | SET);
	wr(A, frequency | 0x70);
	write_time(t);
	wr(B, control);
	wr(A, frequency & 0x7f);
}

TEST(set_as_linux_does)
{
	static const s64 times[] = {
		0, 951782400, 1000000000, 2147483647, 4102444800, -2208988800,
	};
	unsigned int i;

	create();
	for (i = 0; i < ARRAY_SIZE(times); i++) {
		run(123456789);
		set_time(times[i]);
		expect_time(times[i]);
		/* the next update comes half a second later */
		run(499999999);
		expect_time(times[i]);
		run(1);
		expect_time(times[i] + 1);
		run(86400 * SECOND);
		expect_time(times[i] + 86401);
	}
	EXPECT_EQ(timer_calls, 0);
	machine_destroy();
}

TEST(set_without_the_divider_keeps_the_fraction)
{
	create();
	to_second(300000000);
	wr(B, SET | H24);
	write_time(1000000000);
	run(5 * SECOND);
	/* it stands */
	expect_time(1000000000);
	wr(B, H24);
	run(699999999);
	expect_time(1000000000);
	run(1);
	expect_time(1000000001);
	machine_destroy();
}

TEST(registers_written_while_it_runs)
{
	create();
	wr(4, 0x05);
	expect_time((EPOCH + 1) / 86400 * 86400 + (EPOCH + 1) % 3600 + 5 * 3600);
	wr(9, 0x31);
	EXPECT_EQ(rd(9), 0x31);
	EXPECT_EQ(rd(7), 0x14);
	machine_destroy();
}

TEST(what_is_written_is_read_while_it_is_set)
{
	static const u8 registers[] = { 0, 2, 4, 6, 7, 8, 9, CENTURY };
	unsigned int i;

	create();
	wr(B, SET | H24);
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		wr(registers[i], 0xf0 + i);
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		EXPECT_EQ(rd(registers[i]), 0xf0 + i);
	/* whatever that is as a time: it goes on */
	wr(B, H24);
	run(10 * SECOND);
	EXPECT_LE(rd(0), 0x59);
	machine_destroy();
}

TEST(day_of_the_week_is_its_own)
{
	create();
	EXPECT_EQ(rd(6), 3);
	wr(6, 7);
	EXPECT_EQ(rd(6), 7);
	run(86400 * SECOND);
	EXPECT_EQ(rd(6), 1);
	EXPECT_EQ(rd(7), 0x15);
	machine_destroy();
}

TEST(follows_the_host_s_clock)
{
	create();
	set_time(1000000000);
	epoch_ns += 3600 * SECOND;
	expect_time(1000003600);
	epoch_ns -= 7200 * SECOND;
	expect_time(1000000000 - 3600);
	rd(C);
	EXPECT_EQ(rd(C), 0);
	machine_destroy();
}

/* ---- updates ------------------------------------------------------------- */

TEST(update_is_announced)
{
	create();
	EXPECT_EQ(rd(A), 0x26);
	run(SECOND - 244001);
	EXPECT_EQ(rd(A), 0x26);
	run(1);
	EXPECT_EQ(rd(A), 0xa6);
	run(243999);
	EXPECT_EQ(rd(A), 0xa6);
	expect_time(EPOCH + 1);
	run(1);
	EXPECT_EQ(rd(A), 0x26);
	expect_time(EPOCH + 2);
	/* not while the time is set */
	wr(B, SET | H24);
	run(SECOND - 1000);
	EXPECT_EQ(rd(A), 0x26);
	machine_destroy();
}

TEST(flags_without_interrupts)
{
	create();
	wr(A, 0x2f);
	rd(C);
	EXPECT_EQ(rd(C), 0);
	run(SECOND);
	EXPECT_EQ(rd(C), PF | UF);
	EXPECT_EQ(rd(C), 0);
	wr(A, 0x20);
	rd(C);
	run(SECOND);
	EXPECT_EQ(rd(C), UF);
	/* nothing while the divider stands */
	wr(A, 0x60);
	rd(C);
	run(2 * SECOND);
	EXPECT_EQ(rd(C), 0);
	EXPECT_EQ(timer_calls, 0);
	machine_destroy();
}

TEST(update_interrupt)
{
	unsigned int i;

	create();
	wr(B, UIE | H24);
	for (i = 0; i < 10; i++) {
		EXPECT_FALSE(line[IRQ]);
		run(SECOND - 1);
		EXPECT_FALSE(line[IRQ]);
		run(1);
		EXPECT_TRUE(line[IRQ]);
		EXPECT_EQ(rd(C), IRQF | UF | PF);
	}
	EXPECT_EQ(edges[IRQ], 10);
	wr(B, H24);
	EXPECT_TRUE(!first_timer());
	machine_destroy();
}

TEST(a_guest_that_does_not_read_c_costs_nothing)
{
	create();
	wr(A, 0x23);
	wr(B, PIE | UIE | AIE | H24);
	wr(1, 0xff);
	wr(3, 0xff);
	wr(5, 0xff);
	run(100 * SECOND);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(edges[IRQ], 1);
	EXPECT_EQ(timer_calls, 1);
	machine_destroy();
}

TEST(enabled_when_it_is_pending)
{
	create();
	run(SECOND);
	EXPECT_FALSE(line[IRQ]);
	wr(B, UIE | H24);
	EXPECT_TRUE(line[IRQ]);
	wr(B, H24);
	EXPECT_FALSE(line[IRQ]);
	EXPECT_EQ(rd(C), PF | UF);
	machine_destroy();
}

/* ---- periodic ------------------------------------------------------------ */

TEST(periodic_rates)
{
	static const unsigned int hz[16] = {
		0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2,
	};
	unsigned int rate;
	u64 end;

	for (rate = 0; rate < 16; rate++) {
		create();
		wr(A, 0x20 | rate);
		rd(C);
		wr(B, PIE | H24);
		end = clock_ns + 10 * SECOND;
		while (clock_ns <= end) {
			run(1000);
			if (line[IRQ])
				EXPECT_EQ(rd(C) & ~UF, IRQF | PF);
			if (!first_timer())
				break;
		}
		EXPECT_EQ(edges[IRQ], 10 * hz[rate]);
		EXPECT_EQ(timer_calls, 10 * hz[rate]);
		machine_destroy();
	}
}

/* ---- alarm --------------------------------------------------------------- */

static void set_alarm(u8 hour, u8 minute, u8 second)
{
	wr(5, hour);
	wr(3, minute);
	wr(1, second);
}

TEST(alarm_once_a_day)
{
	create();
	set_alarm(0x22, 0x13, 0x30);
	wr(B, AIE | H24);
	run(9 * SECOND - 1);
	EXPECT_FALSE(line[IRQ]);
	run(1);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(rd(C) & ~PF, IRQF | AF | UF);
	run(86400 * SECOND - 1);
	EXPECT_FALSE(line[IRQ]);
	run(1);
	EXPECT_TRUE(line[IRQ]);
	EXPECT_EQ(timer_calls, 2);
	machine_destroy();
}

/* Second by second, what the timer's search must find */
static bool matches(s64 t, u8 hour, u8 minute, u8 second)
{
	return (hour >= 0xc0 || t / 3600 % 24 == bcd2bin(hour)) &&
	       (minute >= 0xc0 || t / 60 % 60 == bcd2bin(minute)) &&
	       (second >= 0xc0 || t % 60 == bcd2bin(second));
}

static u8 random_field(unsigned int limit)
{
	return random() % 3 ? bin2bcd(random() % limit) : 0xc0 + random() % 64;
}

TEST(alarms_at_random)
{
	unsigned int i, j;
	u8 h, min, s;
	u64 want;

	create();
	for (i = 0; i < 300; i++) {
		h = random_field(24);
		min = random_field(60);
		s = random_field(60);
		run(random() % 86400 * SECOND);
		wr(B, H24);
		set_alarm(h, min, s);
		rd(C);
		wr(B, AIE | H24);
		for (j = 0; j < 4; j++) {
			for (want = clock_ns / SECOND + 1; !matches(EPOCH + want, h, min, s);)
				want++;
			run(want * SECOND - clock_ns - 1);
			EXPECT_FALSE(line[IRQ]);
			run(1);
			EXPECT_TRUE(line[IRQ]);
			EXPECT_TRUE(rd(C) & AF);
		}
	}
	machine_destroy();
}

TEST(alarm_before_1970)
{
	create();
	set_time(-86400 * 100 + 3600);
	set_alarm(0x01, 0x00, 0x10);
	rd(C);
	wr(B, AIE | H24);
	run(9 * SECOND);
	EXPECT_FALSE(line[IRQ]);
	run(SECOND);
	EXPECT_TRUE(line[IRQ]);
	machine_destroy();
}

TEST(alarm_of_twelve_hours)
{
	create();
	wr(B, 0);
	set_alarm(0x90, 0x13, 0x30);
	rd(C);
	wr(B, AIE);
	run(9 * SECOND);
	EXPECT_TRUE(line[IRQ]);
	rd(C);
	/* any hour, though its bit 7 is set */
	wr(5, 0xc0);
	run(3600 * SECOND);
	EXPECT_TRUE(line[IRQ]);
	machine_destroy();
}

TEST(alarm_that_never_matches)
{
	create();
	set_alarm(0x24, 0xff, 0xff);
	wr(B, AIE | H24);
	EXPECT_TRUE(!first_timer());
	set_alarm(0xff, 0x60, 0xff);
	EXPECT_TRUE(!first_timer());
	set_alarm(0xff, 0xff, 0x5a);
	EXPECT_TRUE(!first_timer());
	run(3 * 86400 * SECOND);
	EXPECT_EQ(rd(C) & AF, 0);
	set_alarm(0xff, 0xff, 0x59);
	EXPECT_TRUE(first_timer());
	/* nor while the time is set */
	wr(B, SET | AIE | H24);
	EXPECT_TRUE(!first_timer());
	/* in binary it would be one */
	wr(B, AIE | BINARY | H24);
	set_alarm(0xff, 0xff, 0x0a);
	EXPECT_TRUE(first_timer());
	set_alarm(0xff, 0xff, 60);
	EXPECT_TRUE(!first_timer());
	machine_destroy();
}

TEST(alarm_follows_the_time_that_is_set)
{
	create();
	set_alarm(0x12, 0x00, 0x00);
	wr(B, AIE | H24);
	set_time(1000000000 / 86400 * 86400 + 12 * 3600 - 3);
	rd(C);
	run(2499999999);
	EXPECT_FALSE(line[IRQ]);
	run(1);
	EXPECT_TRUE(line[IRQ]);
	machine_destroy();
}

TEST(alarm_without_interrupt_is_seen_later)
{
	create();
	set_alarm(0xff, 0x14, 0x00);
	rd(C);
	run(38 * SECOND);
	EXPECT_EQ(rd(C) & AF, 0);
	run(2 * SECOND);
	EXPECT_EQ(rd(C) & AF, AF);
	EXPECT_EQ(rd(C) & AF, 0);
	EXPECT_EQ(timer_calls, 0);
	machine_destroy();
}
