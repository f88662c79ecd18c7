// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI registers, the ways to reset, pvpanic.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define STATUS	0x600
#define ENABLE	0x602
#define CONTROL	0x604
#define TIMER	0x608
#define SCI	9
#define HZ	3579545ULL

#define BUTTON	0x100

TEST(power_button)
{
	machine_create();
	EXPECT_EQ(in_wide(STATUS, 4), 0);
	lodge_pm_press_button(&m.pm);
	EXPECT_EQ(in_wide(STATUS, 2), BUTTON);
	EXPECT_FALSE(line[SCI]);
	out_wide(ENABLE, 2, BUTTON);
	EXPECT_TRUE(line[SCI]);
	/* zeros clear nothing, ones of others neither */
	out_wide(STATUS, 2, ~BUTTON & 0xffff);
	EXPECT_TRUE(line[SCI]);
	out_wide(STATUS, 2, BUTTON);
	EXPECT_FALSE(line[SCI]);
	EXPECT_EQ(in_wide(STATUS, 2), 0);
	/* by bytes */
	lodge_pm_press_button(&m.pm);
	EXPECT_TRUE(line[SCI]);
	EXPECT_EQ(in(STATUS), 0);
	EXPECT_EQ(in(STATUS + 1), 1);
	out(STATUS + 1, 1);
	EXPECT_FALSE(line[SCI]);
	EXPECT_EQ(in_wide(ENABLE, 2), BUTTON);
	machine_destroy();
}

TEST(registers_of_any_width)
{
	machine_create();
	out_wide(STATUS, 4, 0xffffffff);
	EXPECT_EQ(in_wide(STATUS, 4), 0x07210000);
	out(ENABLE, 0);
	EXPECT_EQ(in_wide(ENABLE, 2), 0x0700);
	out(ENABLE + 1, 0);
	out(ENABLE, 0x21);
	EXPECT_EQ(in_wide(ENABLE, 2), 0x0021);
	out_wide(ENABLE, 2, 0);
	/* SCI_EN cannot be switched off */
	EXPECT_EQ(in_wide(CONTROL, 2), 0x0001);
	out_wide(CONTROL, 2, 0x0402);
	EXPECT_EQ(in_wide(CONTROL, 2), 0x0403);
	EXPECT_EQ(in_wide(ENABLE, 4), 0x04030000);
	out(CONTROL + 1, 0x08);
	EXPECT_EQ(in_wide(CONTROL, 2), 0x0803);
	EXPECT_EQ(in_wide(TIMER + 2, 4), ~0u);
	machine_destroy();
}

TEST(power_off)
{
	machine_create();
	EXPECT_EQ(out_wide(CONTROL, 2, 5 << 10), LODGE_BUS_DONE);
	EXPECT_EQ(out_wide(CONTROL, 2, 1 << 13 | 1 << 10), LODGE_BUS_DONE);
	EXPECT_EQ(out_wide(CONTROL, 2, 1 << 13 | 5 << 10), LODGE_BUS_POWEROFF);
	/* the bit that sleeps reads as 0 */
	EXPECT_EQ(in_wide(CONTROL, 2), 5 << 10 | 1);
	EXPECT_EQ(out(CONTROL + 1, 0x34), LODGE_BUS_POWEROFF);
	EXPECT_EQ(out_wide(CONTROL, 4, 1 << 13 | 5 << 10), LODGE_BUS_POWEROFF);
	EXPECT_EQ(out(CONTROL, 0xff), LODGE_BUS_DONE);
	EXPECT_EQ(out_wide(STATUS, 4, 0xffffffff), LODGE_BUS_DONE);
	machine_destroy();
}

TEST(timer)
{
	u32 first;

	machine_create();
	first = in_wide(TIMER, 4);
	EXPECT_EQ(first, 0);
	run(NSEC_PER_SEC);
	EXPECT_EQ(in_wide(TIMER, 4), HZ);
	EXPECT_EQ(in_wide(TIMER, 2), HZ & 0xffff);
	EXPECT_EQ(in(TIMER + 2), HZ >> 16 & 0xff);
	EXPECT_EQ(in_wide(TIMER - 2, 4), (HZ & 0xffff) << 16);
	EXPECT_EQ(out_wide(TIMER, 4, 0), LODGE_BUS_DONE);
	EXPECT_EQ(in_wide(TIMER, 4), HZ);
	run(5000 * (u64)NSEC_PER_SEC);
	EXPECT_EQ(in_wide(TIMER, 4), (u32)(5001 * HZ));
	EXPECT_EQ(timer_calls, 0);
	machine_destroy();
}

TEST(timer_carry)
{
	u64 half = (BIT_ULL(31) * NSEC_PER_SEC + HZ - 1) / HZ;

	machine_create();
	run(half - 1);
	EXPECT_EQ(in_wide(TIMER, 4) >> 31, 0);
	EXPECT_EQ(in_wide(STATUS, 2), 0);
	run(1);
	EXPECT_EQ(in_wide(TIMER, 4) >> 31, 1);
	EXPECT_EQ(in_wide(STATUS, 2), 1);
	out_wide(STATUS, 2, 1);
	EXPECT_EQ(in_wide(STATUS, 2), 0);
	/* and back to 0 */
	out_wide(ENABLE, 2, 1);
	EXPECT_FALSE(line[SCI]);
	run(half);
	EXPECT_TRUE(line[SCI]);
	EXPECT_EQ(in_wide(TIMER, 4) >> 31, 0);
	EXPECT_EQ(timer_calls, 1);
	/* nothing is armed until it is cleared */
	EXPECT_TRUE(!first_timer());
	out_wide(STATUS, 2, 1);
	EXPECT_FALSE(line[SCI]);
	EXPECT_TRUE(first_timer());
	out_wide(ENABLE, 2, 0);
	EXPECT_TRUE(!first_timer());
	machine_destroy();
}

TEST(reset_port)
{
	machine_create();
	EXPECT_EQ(out(0xcf9, 0x02), LODGE_BUS_DONE);
	EXPECT_EQ(in(0xcf9), 0x02);
	EXPECT_EQ(out(0xcf9, 0x06), LODGE_BUS_RESET);
	EXPECT_EQ(in(0xcf9), 0x02);
	EXPECT_EQ(out(0xcf9, 0x0e), LODGE_BUS_RESET);
	EXPECT_EQ(out(0xcf9, 0xfb), LODGE_BUS_DONE);
	/* the ports of PCI's configuration are not taken */
	EXPECT_TRUE(!lodge_bus_find(&m.ports, 0xcf8, 4));
	machine_destroy();
}

TEST(port_92)
{
	machine_create();
	EXPECT_EQ(in(0x92), 2);
	EXPECT_EQ(out(0x92, 0), LODGE_BUS_DONE);
	EXPECT_EQ(in(0x92), 0);
	EXPECT_EQ(out(0x92, 2), LODGE_BUS_DONE);
	EXPECT_EQ(out(0x92, 3), LODGE_BUS_RESET);
	machine_destroy();
}

TEST(keyboard_controller_resets)
{
	unsigned int command;

	machine_create();
	for (command = 0; command < 256; command++) {
		bool pulse = command >= 0xf0 && !(command & 1);

		EXPECT_EQ(out(0x64, command), pulse ? LODGE_BUS_RESET : LODGE_BUS_DONE);
	}
	EXPECT_EQ(out(0x60, 0), LODGE_BUS_DONE);
	out(0x64, 0xd1);
	EXPECT_EQ(out(0x60, 0xdf), LODGE_BUS_DONE);
	EXPECT_EQ(out(0x60, 0xfe), LODGE_BUS_DONE);
	out(0x64, 0xd1);
	EXPECT_EQ(out(0x60, 0xfe), LODGE_BUS_RESET);
	out(0x64, 0xd1);
	out(0x64, 0xaa);
	EXPECT_EQ(out(0x60, 0xfe), LODGE_BUS_DONE);
	machine_destroy();
}

TEST(keyboard_controller_is_absent)
{
	unsigned int i;

	machine_create();
	/* a driver that empties it, and reads whatever it says is there */
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(in(0x64), 0xff);
		EXPECT_EQ(in(0x60), 0xff);
	}
	/* one that waits until a command can be written, to reset */
	for (i = 0; in(0x64) & 2; i++)
		ASSERT_LT(i, 10);
	EXPECT_EQ(in(0x64) & 3, 1);
	in(0x60);
	EXPECT_EQ(in(0x64), 0xff);
	machine_destroy();
}

TEST(pvpanic)
{
	machine_create();
	EXPECT_EQ(in(0x505), 1);
	EXPECT_EQ(out(0x505, 2), LODGE_BUS_DONE);
	EXPECT_EQ(out(0x505, 1), LODGE_BUS_PANIC);
	EXPECT_EQ(out(0x505, 3), LODGE_BUS_PANIC);
	machine_destroy();
}

/* One bus holds them all, once */
TEST(attached_once)
{
	static struct lodge_bus bus;
	static struct lodge_uart uart;
	static struct lodge_pit pit;
	static struct lodge_rtc rtc;
	static struct lodge_pm pm, another;

	machine_create();
	EXPECT_EQ(lodge_pm_attach(&pm, &m.ports, NULL), -EEXIST);
	EXPECT_EQ(lodge_rtc_attach(&rtc, &m.ports, NULL), -EEXIST);
	EXPECT_EQ(lodge_pit_attach(&pit, &m.ports, NULL), -EEXIST);
	EXPECT_EQ(lodge_uart_attach(&uart, &m.ports, NULL, &m.serial), -EEXIST);
	bus.nr = LODGE_BUS_MAX;
	EXPECT_EQ(lodge_pm_attach(&another, &bus, NULL), -ENOSPC);
	machine_destroy();
}
