// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog: when it ends, what restarts it, and that it rests while the VM is paused.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define RUN	0x630
#define EXPIRED	0x634
#define PERIOD	0x638
#define LEFT	0x63c

#define COUNT	(LODGE_WATCHDOG_MS * NSEC_PER_MSEC)

static u32 reg(u16 port)
{
	return in_wide(port, 4);
}

static void set(u16 port, u32 value)
{
	EXPECT_EQ(out_wide(port, 4, value), LODGE_BUS_DONE);
}

/* With a period of 20 counts */
static void start(void)
{
	machine_create();
	set(PERIOD, 20);
	set(RUN, 1);
	EXPECT_EQ(reg(RUN), 1);
	EXPECT_EQ(reg(LEFT), 20);
}

TEST(rests_until_it_is_started)
{
	machine_create();
	EXPECT_EQ(reg(RUN), 0);
	EXPECT_EQ(reg(PERIOD), LODGE_WATCHDOG_MAX);
	set(PERIOD, 1);
	set(LEFT, 1);
	run(10 * COUNT);
	EXPECT_EQ(m.barks, 0);
	EXPECT_EQ(timer_calls, 0);
	EXPECT_EQ(reg(LEFT), 1);
	machine_destroy();
}

TEST(ends_and_begins_anew)
{
	start();
	run(20 * COUNT - 1);
	EXPECT_EQ(m.barks, 0);
	EXPECT_EQ(reg(LEFT), 1);
	EXPECT_EQ(reg(EXPIRED), 0);
	run(1);
	EXPECT_EQ(m.barks, 1);
	EXPECT_EQ(reg(EXPIRED), 1);
	EXPECT_EQ(reg(LEFT), 20);
	set(EXPIRED, 0);
	EXPECT_EQ(reg(EXPIRED), 0);
	run(20 * COUNT);
	EXPECT_EQ(m.barks, 2);
	machine_destroy();
}

TEST(restarts)
{
	unsigned int i;

	start();
	for (i = 0; i < 10; i++) {
		run(15 * COUNT);
		EXPECT_EQ(reg(LEFT), 5);
		set(i & 1 ? LEFT : PERIOD, 20);
	}
	/* a second start is none */
	run(15 * COUNT);
	set(RUN, 1);
	EXPECT_EQ(reg(LEFT), 5);
	EXPECT_EQ(m.barks, 0);
	set(PERIOD, 3);
	run(3 * COUNT);
	EXPECT_EQ(m.barks, 1);
	machine_destroy();
}

TEST(stops)
{
	start();
	run(15 * COUNT);
	set(RUN, 0);
	EXPECT_EQ(reg(LEFT), 20);
	run(100 * COUNT);
	EXPECT_EQ(m.barks, 0);
	set(RUN, 1);
	run(20 * COUNT);
	EXPECT_EQ(m.barks, 1);
	machine_destroy();
}

TEST(is_held)
{
	start();
	run(15 * COUNT);
	lodge_watchdog_hold(&m.watchdog, true);
	run(100 * COUNT);
	EXPECT_EQ(reg(LEFT), 5);
	lodge_watchdog_hold(&m.watchdog, false);
	run(5 * COUNT - 1);
	EXPECT_EQ(m.barks, 0);
	run(1);
	EXPECT_EQ(m.barks, 1);
	/* a write that was under way comes late */
	lodge_watchdog_hold(&m.watchdog, true);
	set(PERIOD, 7);
	run(100 * COUNT);
	EXPECT_EQ(reg(LEFT), 7);
	set(RUN, 0);
	set(RUN, 1);
	run(100 * COUNT);
	EXPECT_EQ(m.barks, 1);
	lodge_watchdog_hold(&m.watchdog, false);
	run(7 * COUNT);
	EXPECT_EQ(m.barks, 2);
	/* one that does not run is not started by it */
	set(RUN, 0);
	lodge_watchdog_hold(&m.watchdog, true);
	lodge_watchdog_hold(&m.watchdog, false);
	run(100 * COUNT);
	EXPECT_EQ(m.barks, 2);
	machine_destroy();
}

TEST(values_out_of_range)
{
	start();
	set(PERIOD, 0);
	EXPECT_EQ(reg(PERIOD), 1);
	set(PERIOD, ~0u);
	EXPECT_EQ(reg(PERIOD), LODGE_WATCHDOG_MAX);
	EXPECT_EQ(reg(LEFT), LODGE_WATCHDOG_MAX);
	EXPECT_EQ(out_wide(RUN, 1, 0), LODGE_BUS_DONE);
	EXPECT_EQ(out_wide(RUN, 2, 0), LODGE_BUS_DONE);
	EXPECT_EQ(out_wide(RUN + 1, 4, 0), LODGE_BUS_DONE);
	EXPECT_EQ(reg(RUN), 1);
	EXPECT_EQ(in_wide(RUN, 1), 0xff);
	EXPECT_EQ(in_wide(LEFT, 2), 0xffff);
	machine_destroy();
}

/* Due, and waiting for the lock while the guest restarts it */
TEST(late_restart)
{
	start();
	clock_ns += 20 * COUNT;
	set(LEFT, 1);
	WARN_ON(m.watchdog.timer.function(&m.watchdog.timer) != HRTIMER_NORESTART);
	EXPECT_EQ(m.barks, 0);
	EXPECT_EQ(reg(EXPIRED), 0);
	machine_destroy();
}
