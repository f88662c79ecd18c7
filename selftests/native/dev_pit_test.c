// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254: how counts are written and read, and all modes against a model that
 * counts clock by clock.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define CONTROL	0x43
#define SPEAKER	0x61
#define HZ	LODGE_PIT_HZ
#define IRQ	0

#define LOW	1
#define HIGH	2
#define BOTH	3

static u64 ns_of(double clocks)
{
	return clocks * NSEC_PER_SEC / HZ + 1;
}

static u8 word(unsigned int channel, unsigned int access, unsigned int mode, bool bcd)
{
	return channel << 6 | access << 4 | mode << 1 | bcd;
}

static void program(unsigned int channel, unsigned int mode, u16 count)
{
	out(CONTROL, word(channel, BOTH, mode, false));
	out(0x40 + channel, count);
	out(0x40 + channel, count >> 8);
}

static u16 read_latched(unsigned int channel)
{
	u8 low;

	out(CONTROL, channel << 6);
	low = in(0x40 + channel);
	return low | in(0x40 + channel) << 8;
}

static u8 status(unsigned int channel)
{
	out(CONTROL, 0xe0 | 2 << channel);
	return in(0x40 + channel);
}

static bool output(void)
{
	return in(SPEAKER) & 0x20;
}

/* ---- reading and writing ------------------------------------------------- */

TEST(bytes_of_a_count)
{
	machine_create();
	out(SPEAKER, 1);
	program(2, 0, 0x1234);
	EXPECT_EQ(in(0x42), 0x34);
	EXPECT_EQ(in(0x42), 0x12);
	EXPECT_EQ(in(0x42), 0x34);
	EXPECT_EQ(in(0x42), 0x12);
	out(CONTROL, word(2, LOW, 0, false));
	out(0x42, 0x56);
	EXPECT_EQ(in(0x42), 0x56);
	EXPECT_EQ(in(0x42), 0x56);
	out(CONTROL, word(2, HIGH, 0, false));
	out(0x42, 0x56);
	EXPECT_EQ(in(0x42), 0x56);
	out(CONTROL, word(2, BOTH, 0, false));
	out(0x42, 0x78);
	out(0x42, 0x56);
	EXPECT_EQ(in(0x42), 0x78);
	EXPECT_EQ(in(0x42), 0x56);
	EXPECT_EQ(in(CONTROL), 0xff);
	EXPECT_EQ(in_wide(0x42, 2), 0xff78);
	machine_destroy();
}

TEST(a_latch_holds_until_it_is_read)
{
	machine_create();
	out(SPEAKER, 1);
	program(2, 0, 0x1234);
	run(ns_of(0x34));
	out(CONTROL, 2 << 6);
	run(ns_of(0x100));
	/* a second one changes nothing */
	out(CONTROL, 2 << 6);
	EXPECT_EQ(in(0x42), 0x00);
	out(CONTROL, 2 << 6);
	EXPECT_EQ(in(0x42), 0x12);
	EXPECT_EQ(in(0x42), 0x00);
	EXPECT_EQ(in(0x42), 0x11);
	machine_destroy();
}

TEST(read_back)
{
	machine_create();
	out(SPEAKER, 1);
	program(0, 2, 0x8000);
	program(1, 3, 0x4000);
	program(2, 0, 0x2000);
	run(ns_of(0x10));
	/* count and status of all three */
	out(CONTROL, 0xce);
	run(ns_of(0x100));
	EXPECT_EQ(in(0x40), 0xb4);
	EXPECT_EQ(in(0x40), 0xf0);
	EXPECT_EQ(in(0x40), 0x7f);
	EXPECT_EQ(in(0x41), 0xb6);
	EXPECT_EQ(in(0x41), 0xe0);
	EXPECT_EQ(in(0x41), 0x3f);
	EXPECT_EQ(in(0x42), 0x30);
	EXPECT_EQ(in(0x42), 0xf0);
	EXPECT_EQ(in(0x42), 0x1f);
	/* of none */
	out(CONTROL, 0xc0);
	EXPECT_EQ(in(0x42), 0xf0);
	EXPECT_EQ(in(0x42), 0x1e);
	/* status alone, once */
	EXPECT_EQ(status(2), 0x30);
	EXPECT_EQ(in(0x42), 0xf0);
	EXPECT_EQ(in(0x42), 0x1e);
	machine_destroy();
}

TEST(null_count)
{
	machine_create();
	out(CONTROL, word(0, BOTH, 2, false));
	EXPECT_EQ(status(0), 0x80 | 0x40 | 0x34);
	out(0x40, 0);
	EXPECT_EQ(status(0) & 0x40, 0x40);
	out(0x40, 1);
	EXPECT_EQ(status(0) & 0x40, 0);
	run(ns_of(100));
	/* a new count waits for the end of the period */
	out(0x40, 0);
	out(0x40, 2);
	EXPECT_EQ(status(0) & 0x40, 0x40);
	run(ns_of(155));
	EXPECT_EQ(status(0) & 0x40, 0x40);
	run(ns_of(2));
	EXPECT_EQ(status(0) & 0x40, 0);
	machine_destroy();
}

TEST(modes_6_and_7_are_2_and_3)
{
	machine_create();
	program(0, 6, 100);
	EXPECT_EQ(status(0) & 0x0e, 2 << 1);
	program(0, 7, 100);
	EXPECT_EQ(status(0) & 0x0e, 3 << 1);
	machine_destroy();
}

TEST(first_byte_stops_mode_0)
{
	machine_create();
	out(SPEAKER, 1);
	program(2, 0, 100);
	run(ns_of(101));
	EXPECT_TRUE(output());
	out(0x42, 50);
	EXPECT_FALSE(output());
	run(ns_of(1000));
	EXPECT_FALSE(output());
	out(0x42, 0);
	run(ns_of(49));
	EXPECT_FALSE(output());
	run(ns_of(2));
	EXPECT_TRUE(output());
	machine_destroy();
}

TEST(decimal)
{
	machine_create();
	out(SPEAKER, 1);
	out(CONTROL, word(2, BOTH, 0, true));
	out(0x42, 0x00);
	out(0x42, 0x10);
	run(ns_of(1.5));
	EXPECT_EQ(read_latched(2), 0x0999);
	run(ns_of(999));
	EXPECT_TRUE(output());
	EXPECT_EQ(read_latched(2), 0x0000);
	run(ns_of(1));
	EXPECT_EQ(read_latched(2), 0x9999);
	/* 0 is 10000 */
	out(CONTROL, word(2, BOTH, 2, true));
	out(0x42, 0);
	out(0x42, 0);
	run(ns_of(1.5));
	EXPECT_EQ(read_latched(2), 0x9999);
	run(ns_of(9999));
	EXPECT_EQ(read_latched(2), 0x0000);
	machine_destroy();
}

TEST(speaker_port)
{
	unsigned int i, changes = 0;
	u8 last = 0;

	machine_create();
	EXPECT_EQ(in(SPEAKER) & 0x0f, 0);
	out(SPEAKER, 0xff);
	EXPECT_EQ(in(SPEAKER) & 0xcf, 0x0f);
	/* memory refresh, by which old programs wait */
	for (i = 0; i < 1000; i++) {
		run(1000);
		changes += (in(SPEAKER) & 0x10) != last;
		last = in(SPEAKER) & 0x10;
	}
	EXPECT_GE(changes, 65);
	EXPECT_LE(changes, 68);
	machine_destroy();
}

/* Linux's quick calibration: reads the high byte as it falls, low and high in turn */
TEST(count_falls_steadily)
{
	unsigned int expect, i;

	machine_create();
	out(SPEAKER, 1);
	program(2, 0, 0xffff);
	run(ns_of(0.5));
	for (i = 0; i < 0xff; i++) {
		in(0x42);
		expect = 0xff - i;
		EXPECT_EQ(in(0x42), expect);
		run(ns_of(256));
	}
	machine_destroy();
}

/* ---- a model ------------------------------------------------------------- */

static struct {
	unsigned int mode;
	u32 modulus;
	bool gate;
	bool loaded;
	bool running;
	u32 cr, ce, half;
	bool out;
	bool strobed;
	unsigned int rises;
} ref;

static void ref_start(void)
{
	ref.ce = ref.cr;
	ref.strobed = false;
	ref.running = true;
	switch (ref.mode) {
	case 0:
	case 1:
		ref.out = false;
		break;
	case 3:
		ref.out = true;
		ref.ce = ref.cr & ~1;
		ref.half = (ref.cr + 1) / 2;
		break;
	default:
		ref.out = true;
	}
}

static void ref_program(unsigned int mode, bool bcd)
{
	bool out = mode != 0;

	/* the line of modes 2 and 3 is not let down */
	ref.rises += out && !ref.out && ref.mode == 0;
	ref.mode = mode;
	ref.modulus = bcd ? 10000 : 65536;
	ref.loaded = false;
	ref.running = false;
	ref.out = out;
}

static void ref_write(u32 count)
{
	ref.cr = count;
	if (ref.mode == 1 || ref.mode == 5) {
		ref.loaded = true;
		return;
	}
	if (ref.loaded && ref.gate && (ref.mode == 2 || ref.mode == 3))
		return;
	ref.loaded = true;
	ref_start();
}

static void ref_gate(bool gate)
{
	bool rises = gate && !ref.gate;

	ref.gate = gate;
	if (!ref.loaded)
		return;
	if (rises && ref.mode != 0 && ref.mode != 4)
		ref_start();
	if (!gate && (ref.mode == 2 || ref.mode == 3))
		ref.out = true;
}

static void ref_clock(void)
{
	bool before = ref.out;

	if (!ref.loaded || !ref.running)
		return;
	if (!ref.gate && ref.mode != 1 && ref.mode != 5)
		return;
	switch (ref.mode) {
	case 2:
		ref.ce = ref.ce == 1 ? ref.cr : ref.ce - 1;
		ref.out = ref.ce != 1;
		break;
	case 3:
		ref.ce -= 2;
		if (--ref.half)
			break;
		ref.out = !ref.out;
		ref.half = ref.out ? (ref.cr + 1) / 2 : ref.cr / 2;
		ref.ce = ref.cr & ~1;
		break;
	default:
		ref.ce = (ref.ce + ref.modulus - 1) % ref.modulus;
		if (ref.mode < 2) {
			ref.out |= !ref.ce;
		} else {
			ref.out = ref.ce || ref.strobed;
			ref.strobed |= !ref.ce;
		}
	}
	ref.rises += ref.out && !before;
}

static u16 ref_register(void)
{
	u32 v = ref.ce;

	if (ref.modulus == 65536)
		return v;
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

static u64 now_clocks;
static unsigned int ops;

/* Time between operations is whole clocks and a little, so that rounding does no harm */
static void set_clock(double fraction)
{
	u64 at = 12345 + ns_of(now_clocks + fraction);

	ASSERT_GE(at, clock_ns);
	run(at - clock_ns);
}

static void next_op(void)
{
	set_clock(++ops * 0.005);
}

static void step(unsigned int n)
{
	now_clocks += n;
	while (n--)
		ref_clock();
}

static void check(unsigned int channel)
{
	u8 st;

	set_clock(0.6);
	out(CONTROL, 0xc0 | 2 << channel);
	st = in(0x40 + channel);
	EXPECT_EQ(st >> 7, ref.out);
	EXPECT_EQ(st >> 1 & 7, ref.mode);
	if (ref.loaded && ref.running) {
		u16 v = in(0x40 + channel);

		switch (st >> 4 & 3) {
		case LOW:
			EXPECT_EQ(v, ref_register() & 0xff);
			break;
		case HIGH:
			EXPECT_EQ(v, ref_register() >> 8);
			break;
		default:
			v |= in(0x40 + channel) << 8;
			EXPECT_EQ(v, ref_register());
		}
	} else {
		in(0x40 + channel);
		if ((st >> 4 & 3) == BOTH)
			in(0x40 + channel);
	}
	if (channel == 2)
		EXPECT_EQ(output(), ref.out);
	else
		EXPECT_EQ(edges[IRQ], ref.rises);
	now_clocks++;
	ref_clock();
}

static u32 bytes_of, bcd;

static void random_count(unsigned int channel)
{
	u32 n = channel ? 2 + random() % 60 : 130 + random() % 500;
	u16 bytes;

	if (random() % 16 == 0)
		n = ref.modulus - random() % 3;
	if (bytes_of == LOW)
		n = channel ? n & 0xff : 130 + random() % 120;
	if (bytes_of == LOW && bcd)
		n = channel ? 2 + n % 98 : 0;
	if (bytes_of == HIGH)
		n = bcd ? (2 + random() % 98) * 100 : (1 + random() % 255) << 8;
	if (n < 2)
		n = ref.modulus;
	if (bytes_of == LOW && n > 255)
		n = ref.modulus;
	bytes = n == ref.modulus ? 0 : n;
	if (bcd && bytes)
		bytes = n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12;
	if (bytes_of != HIGH)
		out(0x40 + channel, bytes);
	if (bytes_of != LOW)
		out(0x40 + channel, bytes >> 8);
	ref_write(n);
}

static void random_op(unsigned int channel)
{
	unsigned int mode;
	bool gate;

	next_op();
	switch (random() % 4) {
	case 0:
		mode = random() % 6;
		bytes_of = 1 + random() % 3;
		bcd = random() % 2;
		out(CONTROL, word(channel, bytes_of, mode, bcd));
		ref_program(mode, bcd);
		random_count(channel);
		break;
	case 1:
		random_count(channel);
		break;
	default:
		if (channel != 2)
			break;
		gate = random() % 4;
		out(SPEAKER, gate);
		ref_gate(gate);
	}
}

static void sequence(unsigned int channel, unsigned int seed)
{
	unsigned int i;

	srandom(seed);
	machine_create();
	memset(&ref, 0, sizeof(ref));
	ref.mode = 3;
	ref.out = true;
	ref.modulus = 65536;
	ref.gate = channel != 2;
	now_clocks = 1;
	ops = 0;
	bytes_of = BOTH;
	bcd = 0;
	/* before the first control word nothing is defined */
	next_op();
	out(CONTROL, word(channel, BOTH, 0, false));
	ref_program(0, false);
	for (i = 0; i < 80; i++) {
		random_op(channel);
		step(random() % 8 ? random() % 90 : random() % 3000);
		if (random() % 40 == 0)
			step(70000);
		check(channel);
	}
	machine_destroy();
	if (shared->failed) {
		diag("seed %u", seed);
		ktap_stop();
	}
}

TEST(modes_of_channel_2_as_the_model)
{
	unsigned int seed;

	for (seed = 1; seed <= 2000; seed++)
		sequence(2, seed);
}

TEST(modes_of_channel_0_as_the_model)
{
	unsigned int seed;

	for (seed = 1; seed <= 2000; seed++)
		sequence(0, seed);
}

/* ---- interrupts ---------------------------------------------------------- */

TEST(a_thousand_hertz)
{
	machine_create();
	program(0, 2, 1193);
	edges[IRQ] = 0;
	run(10 * NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 10ULL * HZ / 1193);
	EXPECT_EQ(timer_calls, edges[IRQ]);
	EXPECT_TRUE(line[IRQ]);
	machine_destroy();
}

TEST(eighteen_hertz_of_firmware)
{
	machine_create();
	program(0, 3, 0);
	edges[IRQ] = 0;
	run(100 * NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 100ULL * HZ / 65536);
	machine_destroy();
}

TEST(one_shot)
{
	machine_create();
	program(0, 0, 1000);
	EXPECT_FALSE(line[IRQ]);
	run(ns_of(999));
	EXPECT_FALSE(line[IRQ]);
	run(ns_of(1));
	EXPECT_TRUE(line[IRQ]);
	run(NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 1);
	EXPECT_EQ(timer_calls, 1);
	/* again and again, as a tickless kernel does */
	for (unsigned int i = 2; i < 100; i++) {
		program(0, 4, 200);
		run(ns_of(202));
		EXPECT_EQ(edges[IRQ], i);
	}
	machine_destroy();
}

TEST(no_shot_while_half_a_count_is_written)
{
	machine_create();
	program(0, 0, 1000);
	run(ns_of(500));
	out(0x40, 0x10);
	run(NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 0);
	out(0x40, 0);
	run(ns_of(0x11));
	EXPECT_EQ(edges[IRQ], 1);
	machine_destroy();
}

TEST(stopped_by_a_control_word)
{
	machine_create();
	program(0, 2, 1000);
	run(NSEC_PER_SEC);
	EXPECT_GT(edges[IRQ], 1000);
	edges[IRQ] = 0;
	out(CONTROL, word(0, BOTH, 0, false));
	EXPECT_TRUE(!first_timer());
	run(NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 0);
	machine_destroy();
}

TEST(late_ticks_are_made_up_for)
{
	u64 end;

	machine_create();
	program(0, 2, 1193);
	edges[IRQ] = 0;
	end = clock_ns + 10 * NSEC_PER_SEC;
	run(5 * NSEC_PER_SEC);
	/* the host did something else for 50 ms */
	clock_ns += 50000000;
	fire();
	EXPECT_EQ(edges[IRQ], 5ULL * HZ / 1193 + 1);
	run(49999);
	EXPECT_EQ(edges[IRQ], 5ULL * HZ / 1193 + 1);
	run(1);
	EXPECT_EQ(edges[IRQ], 5ULL * HZ / 1193 + 2);
	run(end - clock_ns);
	EXPECT_EQ(edges[IRQ], 10ULL * HZ / 1193);
	machine_destroy();
}

TEST(but_not_for_all_of_a_long_pause)
{
	machine_create();
	program(0, 2, 1193);
	run(NSEC_PER_SEC);
	edges[IRQ] = 0;
	clock_ns += 100 * NSEC_PER_SEC;
	run(NSEC_PER_SEC / 100);
	/* one each 50 us */
	EXPECT_EQ(edges[IRQ], 201);
	run(NSEC_PER_SEC);
	EXPECT_GE(edges[IRQ], 1000 + HZ / 1193 + 10);
	EXPECT_LE(edges[IRQ], 1000 + HZ / 1193 + 12);
	machine_destroy();
}

TEST(ticks_wait_for_the_guest_to_take_them)
{
	unsigned int i;

	machine_create();
	program(0, 2, 1193);
	edges[IRQ] = 0;
	timer_calls = 0;
	/* it takes none for 10 ms of every 50 */
	for (i = 0; i < 100; i++) {
		line_state = LODGE_LINE_WAITS;
		run(10000000);
		EXPECT_LE(timer_calls, i * 100 + 11);
		line_state = LODGE_LINE_TAKEN;
		run(40000000);
	}
	EXPECT_EQ(edges[IRQ], 5ULL * HZ / 1193);
	machine_destroy();
}

TEST(a_guest_that_stands_still_costs_little)
{
	machine_create();
	program(0, 2, 120);
	run(NSEC_PER_SEC / 10);
	line_state = LODGE_LINE_WAITS;
	edges[IRQ] = 0;
	timer_calls = 0;
	run(10 * (u64)NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 0);
	EXPECT_LE(timer_calls, 2510);
	/* and when it goes on, not all of it comes at once */
	line_state = LODGE_LINE_TAKEN;
	run(1000 * 50000 + 4000000);
	EXPECT_GE(edges[IRQ], 1000);
	EXPECT_LE(edges[IRQ], 1600);
	machine_destroy();
}

TEST(masked_ticks_are_not_made_up_for)
{
	machine_create();
	program(0, 2, 120);
	line_state = LODGE_LINE_CLOSED;
	timer_calls = 0;
	run(NSEC_PER_SEC);
	EXPECT_LE(timer_calls, 251);
	line_state = LODGE_LINE_TAKEN;
	edges[IRQ] = 0;
	run(4000000);
	EXPECT_GE(edges[IRQ], 1);
	/* the few since it was looked at last come, and then one a period */
	run(NSEC_PER_SEC / 100);
	edges[IRQ] = 0;
	run(NSEC_PER_SEC / 10);
	EXPECT_GE(edges[IRQ], 990);
	EXPECT_LE(edges[IRQ], 1000);
	machine_destroy();
}

TEST(no_storm)
{
	static const u16 counts[] = { 1, 2, 7, 60, 119 };
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(counts); i++) {
		machine_create();
		program(0, 2 + i % 2, counts[i / 2]);
		run(NSEC_PER_SEC);
		EXPECT_LE(timer_calls, 10000);
		EXPECT_GE(edges[IRQ], 9900);
		/* nor after a pause */
		clock_ns += NSEC_PER_SEC;
		timer_calls = 0;
		run(NSEC_PER_SEC);
		EXPECT_LE(timer_calls, 11010);
		machine_destroy();
	}
}

TEST(time_that_goes_back_a_little)
{
	machine_create();
	program(0, 2, 1193);
	out(SPEAKER, 1);
	program(2, 0, 1000);
	run(NSEC_PER_SEC);
	program(2, 0, 1000);
	edges[IRQ] = 0;
	clock_ns -= 20;
	EXPECT_FALSE(output());
	EXPECT_EQ(read_latched(2), 1000);
	read_latched(0);
	run(10 * NSEC_PER_SEC);
	EXPECT_EQ(edges[IRQ], 10ULL * HZ / 1193);
	machine_destroy();
}
