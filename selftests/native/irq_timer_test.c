// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's timer (kmod/irq/timer.c) on a clock of the test's.
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_model.h"

#define MASKED		0x10000
#define PERIODIC	0x20000
#define DEADLINE	0x40000
#define VECTOR		0xec

#define US		1000ULL
#define MS		1000000ULL
#define S		1000000000ULL

static struct lodge_lapic *const lapic = &cpus[0].lapic;

static void start(u32 lvt)
{
	running_machine(1, false);
	set(0, APIC_TDCR, 0xb);		/* divide by 1 */
	set(0, APIC_LVTT, lvt);
}

/* A vCPU that takes what comes, at once; how often that was the timer */
static unsigned int serve(void)
{
	unsigned int n = 0;
	int vector;

	while ((vector = take(0)) >= 0) {
		n += vector == VECTOR;
		eoi(0);
	}
	return n;
}

static u64 guest_tsc(void)
{
	return shim_tsc + cpus[0].offset;
}

static void set_deadline(u64 tsc)
{
	lodge_lapic_write_deadline(lapic, tsc);
}

static u64 deadline(void)
{
	return lodge_lapic_read_deadline(lapic);
}

TEST(one_shot)
{
	start(VECTOR);
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	set(0, APIC_TMICT, 1000 * US);
	EXPECT_EQ(get(0, APIC_TMICT), 1000 * US);
	EXPECT_EQ(get(0, APIC_TMCCT), 1000 * US);
	EXPECT_EQ(advance(400 * US, 1), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 600 * US);
	EXPECT_EQ(advance(600 * US - 1, 1), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 1);
	EXPECT_EQ(serve(), 0);
	EXPECT_EQ(advance(1, 1), 1);
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	EXPECT_EQ(get(0, APIC_TMR + 0x70), 0);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(10 * S, 1), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	EXPECT_EQ(get(0, APIC_TMICT), 1000 * US);
	set(0, APIC_TMICT, 5);
	EXPECT_EQ(advance(5, 1), 1);
	EXPECT_EQ(serve(), 1);
	set(0, APIC_TMICT, 5);
	set(0, APIC_TMICT, 0);		/* stops it */
	EXPECT_EQ(advance(S, 1), 0);
	set(0, APIC_TMICT, 0xffffffff);
	set(0, APIC_TMICT, 50);		/* starts anew */
	EXPECT_EQ(advance(50, 1), 1);
	EXPECT_EQ(advance(10 * S, 1), 0);
	EXPECT_EQ(serve(), 1);
}

TEST(divider)
{
	/* register, divisor (SDM Vol 3A, figure 11-10) */
	static const u8 values[8][2] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};
	unsigned int i;

	for (i = 0; i < 8; i++) {
		start(VECTOR);
		set(0, APIC_TDCR, values[i][0]);
		EXPECT_EQ(get(0, APIC_TDCR), values[i][0]);
		set(0, APIC_TMICT, 100000);
		advance(values[i][1] * 25000ULL, 0);
		EXPECT_EQ(get(0, APIC_TMCCT), 75000);
		EXPECT_EQ(advance(values[i][1] * 75000ULL - 1, 1), 0);
		EXPECT_EQ(advance(1, 1), 1);
	}
	/* the longest there is */
	start(VECTOR);
	set(0, APIC_TDCR, 0xa);
	set(0, APIC_TMICT, 0xffffffff);
	EXPECT_EQ(advance(0xffffffffULL * 128 - 1, 1), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 1);
	EXPECT_EQ(advance(1, 1), 1);
}

TEST(divider_while_it_counts)
{
	start(VECTOR);
	set(0, APIC_TMICT, 1000);
	advance(400, 0);
	set(0, APIC_TDCR, 0x1);		/* by 4 */
	EXPECT_EQ(get(0, APIC_TMCCT), 600);
	advance(400, 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 500);
	EXPECT_EQ(advance(1999, 1), 0);
	EXPECT_EQ(advance(1, 1), 1);
	EXPECT_EQ(serve(), 1);
	set(0, APIC_TDCR, 0xb);		/* does not wake it up again */
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	EXPECT_EQ(advance(S, 1), 0);
	EXPECT_EQ(serve(), 0);
}

TEST(masked_one_shot)
{
	start(VECTOR | MASKED);
	set(0, APIC_TMICT, 1000);
	EXPECT_EQ(shim_starts, 0);
	advance(300, 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 700);
	set(0, APIC_LVTT, VECTOR);	/* in time */
	EXPECT_EQ(advance(700, 1), 1);
	EXPECT_EQ(serve(), 1);

	set(0, APIC_TMICT, 1000);
	advance(300, 0);
	set(0, APIC_LVTT, VECTOR | MASKED);
	EXPECT_EQ(advance(S, 0), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	set(0, APIC_LVTT, VECTOR);	/* too late */
	EXPECT_EQ(advance(S, 0), 0);
	EXPECT_EQ(serve(), 0);
}

TEST(periodic)
{
	unsigned int i, n = 0;

	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	for (i = 0; i < 1000; i++) {
		EXPECT_EQ(advance(1 * MS, 1), 1);
		n += serve();
	}
	EXPECT_EQ(n, 1000);
	advance(300 * US, 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 700 * US);
	set(0, APIC_LVTT, 0x55 | PERIODIC);	/* another vector, nothing else */
	EXPECT_EQ(advance(700 * US, 1), 1);
	EXPECT_EQ(reached(0x55), 1);
}

/* What matters: however late the vCPU is, it gets each tick, and the host has no work with it */
TEST(periodic_ticks_are_not_lost)
{
	unsigned int n = 0, fired = 0;
	unsigned int seed = 1;
	u64 begin, t;

	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	begin = shim_ns;
	while (shim_ns - begin < 100 * S) {
		seed = seed * 1103515245 + 12345;
		t = seed % (900 * MS);		/* the vCPU is somewhere else */
		fired += advance(t, 1);
		n += serve();
		EXPECT_EQ(n, (shim_ns - begin) / (1 * MS));
	}
	EXPECT_LE(fired, 1000);
	EXPECT_GE(n, 100000);
}

TEST(periodic_more_than_a_second_late)
{
	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	advance(100 * S, 1);
	EXPECT_GE(serve(), 1000);
	EXPECT_EQ(serve(), 0);
	/* the phase is kept */
	EXPECT_EQ(get(0, APIC_TMCCT), 1 * MS);
	EXPECT_EQ(advance(1 * MS - 1, 1), 0);
	EXPECT_EQ(advance(1, 1), 1);
	EXPECT_EQ(serve(), 1);
	advance(100 * S, 1);
	EXPECT_LE(serve(), 1002);
}

TEST(periodic_tick_is_returned)
{
	unsigned int i, n = 0;
	u64 begin;

	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	begin = shim_ns;
	for (i = 0; i < 1000; i++) {
		advance(1 * MS + i * 977 % (5 * MS), 10);
		if (take(0) != VECTOR)
			continue;
		/* the delivery fails, and it takes long to see that */
		advance(i * 337 % (3 * MS), 10);
		lodge_lapic_return(lapic, VECTOR);
		advance(i * 733 % (3 * MS), 10);
		n += serve();
		EXPECT_EQ(n, (shim_ns - begin) / (1 * MS));
	}
	EXPECT_GE(n, 1000);
}

TEST(periodic_shares_its_vector)
{
	struct lodge_lapic_message m = { .vector = VECTOR };

	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	advance(1 * MS, 1);
	EXPECT_EQ(serve(), 1);
	/* somebody else's, taken and returned: not a tick */
	lodge_lapic_deliver(&irq, &m);
	EXPECT_EQ(take(0), VECTOR);
	lodge_lapic_return(lapic, VECTOR);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(1 * MS - 1, 1), 0);
	EXPECT_EQ(advance(1, 1), 1);
	EXPECT_EQ(serve(), 1);
}

TEST(periodic_delivered_by_the_processor)
{
	unsigned int i, n = 0;
	u64 exits[4];
	u64 begin;

	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	begin = shim_ns;
	lodge_lapic_eoi_exits(lapic, exits);
	EXPECT_EQ(exits[3], 0);
	for (i = 0; i < 1000; i++) {
		advance(i * 97777 % (3 * MS), 1);
		while (drop(0, VECTOR)) {
			lodge_lapic_eoi_exits(lapic, exits);
			EXPECT_EQ(exits[3], 1ULL << (VECTOR - 192));
			lodge_lapic_ended(lapic, 0x31);
			EXPECT_TRUE(!test_bit(VECTOR, lapic->irr));
			n++;
			lodge_lapic_ended(lapic, VECTOR);
		}
		EXPECT_EQ(n, (shim_ns - begin) / (1 * MS));
	}
	EXPECT_GE(n, 1000);
}

TEST(periodic_has_a_shortest_period)
{
	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1);
	EXPECT_EQ(advance(49 * US, 1), 0);
	EXPECT_EQ(advance(1 * US, 1), 1);
	/* what a guest has that takes all of them: a bounded number */
	EXPECT_EQ(serve(), 1);
	advance(10 * S, 1);
	EXPECT_LE(serve(), 20002);
}

TEST(periodic_masked)
{
	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	advance(1500 * US, 1);		/* a tick waits */
	set(0, APIC_LVTT, VECTOR | PERIODIC | MASKED);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(10 * MS, 0), 0);
	EXPECT_EQ(serve(), 0);
	EXPECT_EQ(get(0, APIC_TMCCT), 500 * US);
	set(0, APIC_LVTT, VECTOR | PERIODIC);
	EXPECT_EQ(advance(500 * US - 1, 1), 0);
	EXPECT_EQ(advance(1, 1), 1);
	EXPECT_EQ(serve(), 1);
	/* masked and unmasked while a tick waits */
	advance(1 * MS, 1);
	set(0, APIC_LVTT, VECTOR | PERIODIC | MASKED);
	set(0, APIC_LVTT, VECTOR | PERIODIC);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(1 * MS, 1), 1);
	EXPECT_EQ(serve(), 1);
}

TEST(periodic_without_a_legal_vector)
{
	start(0x0c | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	EXPECT_EQ(advance(S, 2), 1);
	EXPECT_EQ(serve(), 0);
	set(0, APIC_ESR, 0);
	EXPECT_EQ(get(0, APIC_ESR), APIC_ESR_RECVILL);
	set(0, APIC_LVTT, VECTOR | PERIODIC);
	EXPECT_EQ(advance(1 * MS, 1), 1);
	EXPECT_EQ(serve(), 1);
}

TEST(vector_changes_while_a_tick_waits)
{
	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	advance(1 * MS, 1);
	set(0, APIC_LVTT, 0xdd | PERIODIC);
	EXPECT_EQ(serve(), 1);		/* the old one */
	EXPECT_EQ(advance(1 * MS, 1), 1);
	EXPECT_EQ(reached(0xdd), 1);
}

TEST(mode_changes)
{
	start(VECTOR);
	set(0, APIC_TMICT, 1 * MS);
	advance(300 * US, 0);
	set(0, APIC_LVTT, VECTOR | PERIODIC);
	EXPECT_EQ(get(0, APIC_TMCCT), 700 * US);
	EXPECT_EQ(advance(700 * US, 1), 1);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(1 * MS, 1), 1);
	EXPECT_EQ(serve(), 1);
	advance(400 * US, 0);
	set(0, APIC_LVTT, VECTOR);
	EXPECT_EQ(get(0, APIC_TMCCT), 600 * US);
	EXPECT_EQ(advance(600 * US, 1), 1);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(S, 1), 0);
	/* to TSC-deadline and back: disarmed */
	set(0, APIC_TMICT, 1 * MS);
	set(0, APIC_LVTT, VECTOR | DEADLINE);
	EXPECT_EQ(get(0, APIC_TMCCT), 0);
	EXPECT_EQ(get(0, APIC_TMICT), 0);
	EXPECT_EQ(advance(S, 1), 0);
	set(0, APIC_TMICT, 1 * MS);	/* ignored */
	EXPECT_EQ(get(0, APIC_TMICT), 0);
	EXPECT_EQ(advance(S, 1), 0);
	set_deadline(guest_tsc() + 1000);
	set(0, APIC_LVTT, VECTOR);
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(advance(S, 1), 0);
	set_deadline(guest_tsc() + 1000);	/* ignored */
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(advance(S, 1), 0);
	/* reserved */
	set(0, APIC_LVTT, VECTOR | PERIODIC | DEADLINE);
	set(0, APIC_TMICT, 1 * MS);
	EXPECT_EQ(advance(S, 1), 0);
}

TEST(deadline_to_come)
{
	start(VECTOR | DEADLINE);
	cpus[0].offset = 12345;
	set_deadline(guest_tsc() + 2000000);	/* 1 ms at 2 GHz */
	EXPECT_EQ(deadline(), guest_tsc() + 2000000);
	EXPECT_EQ(advance(999 * US, 1), 0);
	EXPECT_EQ(advance(1 * US + 1, 1), 1);
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(advance(S, 1), 0);
	set_deadline(guest_tsc() + 1000);
	set_deadline(0);
	EXPECT_EQ(advance(S, 1), 0);
	set_deadline(guest_tsc() + 1000);
	set_deadline(guest_tsc() + 100000);
	EXPECT_EQ(advance(49 * US, 1), 0);
	EXPECT_EQ(advance(2 * US, 1), 1);
	EXPECT_EQ(serve(), 1);
}

TEST(deadline_over)
{
	unsigned long starts;

	start(VECTOR | DEADLINE);
	advance(S, 0);
	starts = shim_starts;
	set_deadline(guest_tsc() - 1);
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(serve(), 1);
	set_deadline(1);
	EXPECT_EQ(serve(), 1);
	set_deadline(guest_tsc());
	EXPECT_EQ(serve(), 1);
	EXPECT_EQ(shim_starts, starts);		/* no timer of the host's */
	EXPECT_EQ(serve(), 0);
}

TEST(deadline_masked)
{
	start(VECTOR | DEADLINE | MASKED);
	set_deadline(guest_tsc() + 2000);
	EXPECT_EQ(shim_starts, 0);
	set(0, APIC_LVTT, VECTOR | DEADLINE);
	EXPECT_EQ(advance(2 * US, 1), 1);
	EXPECT_EQ(serve(), 1);
	set(0, APIC_LVTT, VECTOR | DEADLINE | MASKED);
	set_deadline(guest_tsc() + 2000);
	advance(2 * US, 0);
	EXPECT_EQ(deadline(), 0);
	set(0, APIC_LVTT, VECTOR | DEADLINE);
	EXPECT_EQ(advance(S, 1), 0);
	EXPECT_EQ(serve(), 0);
}

TEST(deadline_far_away)
{
	start(VECTOR | DEADLINE);
	set_deadline(~0ULL);
	EXPECT_EQ(deadline(), ~0ULL);
	/* a day, in sleeps of minutes */
	EXPECT_LE(advance(86400 * S, 1000), 200);
	EXPECT_EQ(serve(), 0);
	EXPECT_EQ(deadline(), ~0ULL);
	set_deadline(guest_tsc() + 3600 * 2 * S);
	advance(3600 * S - 1, 100);
	EXPECT_EQ(serve(), 0);
	advance(2, 100);
	EXPECT_EQ(serve(), 1);
}

TEST(deadline_and_clocks_that_drift)
{
	u64 end;

	start(VECTOR | DEADLINE);
	/* the TSC is 500 ppm slower than tsc_khz tells */
	end = guest_tsc() + 2 * S;
	set_deadline(end);
	tsc_khz = 2000000 - 1000;
	advance(S + 500 * US, 100);
	EXPECT_LT(guest_tsc(), end);
	EXPECT_EQ(serve(), 0);
	advance(10 * US, 100);
	EXPECT_GE(guest_tsc(), end);
	EXPECT_EQ(serve(), 1);
}

TEST(deadline_of_a_faster_tsc)
{
	start(VECTOR | DEADLINE);
	model_tsc = (struct lodge_tsc){ .ratio = LODGE_TSC_SAME * 5 / 2, .khz = tsc_khz / 2 * 5 };
	set_deadline(guest_tsc() + 5 * S);
	EXPECT_EQ(advance(S - 1, 1), 0);
	EXPECT_EQ(advance(2, 1), 1);
	EXPECT_EQ(serve(), 1);
}

TEST(tsc_is_written)
{
	start(VECTOR | DEADLINE);
	set_deadline(guest_tsc() + 2 * S);
	cpus[0].offset += S;
	lodge_lapic_offset_changed(lapic);
	EXPECT_EQ(advance(S / 2 - 1, 1), 0);
	EXPECT_EQ(advance(2, 1), 1);
	EXPECT_EQ(serve(), 1);
	set_deadline(guest_tsc() + 2 * S);
	cpus[0].offset -= S;
	lodge_lapic_offset_changed(lapic);
	EXPECT_EQ(advance(S, 1), 0);
	EXPECT_EQ(advance(S / 2 + 1, 1), 1);
	EXPECT_EQ(serve(), 1);
	set_deadline(guest_tsc() + 2 * S);
	cpus[0].offset += 4 * S;
	lodge_lapic_offset_changed(lapic);
	EXPECT_EQ(serve(), 1);
	/* what is over stays so */
	cpus[0].offset -= 8 * S;
	lodge_lapic_offset_changed(lapic);
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(advance(10 * S, 1), 0);
}

TEST(reset_and_disable_stop_it)
{
	start(VECTOR | PERIODIC);
	set(0, APIC_TMICT, 1 * MS);
	set(0, APIC_SPIV, 0xff);
	EXPECT_EQ(advance(S, 1), 0);
	set(0, APIC_SPIV, 0x1ff);
	set(0, APIC_LVTT, VECTOR | PERIODIC);
	EXPECT_EQ(advance(1 * MS, 1), 1);
	lodge_lapic_reset(lapic, true);
	EXPECT_EQ(advance(S, 1), 0);
	EXPECT_EQ(get(0, APIC_TMICT), 0);
	set(0, APIC_SPIV, 0x1ff);
	set(0, APIC_LVTT, VECTOR | DEADLINE);
	set_deadline(guest_tsc() + 2000);
	EXPECT_EQ(lodge_lapic_set_base(lapic, LODGE_LAPIC_BASE), 0);
	EXPECT_EQ(advance(S, 1), 0);
	start(VECTOR);
	set(0, APIC_TMICT, 1 * MS);
	lodge_lapic_destroy(lapic);
	EXPECT_EQ(advance(S, 1), 0);
}
