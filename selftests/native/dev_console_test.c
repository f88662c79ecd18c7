// SPDX-License-Identifier: GPL-2.0-only
/*
 * The console: rings, descriptor, wake-ups, and the debug ports.
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include "../lib/ktap.c"
#include "dev_model.h"

#define OUT_SIZE	LODGE_CONSOLE_OUT_SIZE
#define IN_ROOM		(LODGE_CONSOLE_IN_SIZE - LODGE_CONSOLE_UNGET)

static char buf[2 * OUT_SIZE];
static struct lodge_console con;
static unsigned int changes;

static void changed(void *dev)
{
	ASSERT_TRUE(dev == &con);
	ASSERT_FALSE(con.lock.held);
	changes++;
}

static void create(void)
{
	changes = 0;
	ASSERT_EQ(lodge_console_create(&con, changed, &con), 0);
}

static void destroy(void)
{
	lodge_console_destroy(&con);
	ASSERT_EQ(allocated, 0);
}

static void put(unsigned int n)
{
	static u8 next;

	while (n--)
		ASSERT_TRUE(lodge_console_put(&con, next++));
}

TEST(reads_what_was_put)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	EXPECT_EQ(opened_flags, O_RDWR | O_CLOEXEC);
	lodge_console_put(&con, 'a');
	lodge_console_put(&con, 'b');
	EXPECT_EQ(reader_read(buf, 0), 0);
	EXPECT_EQ(reader_read(buf, 1), 1);
	EXPECT_EQ(buf[0], 'a');
	EXPECT_EQ(reader_read(buf, sizeof(buf)), 1);
	EXPECT_EQ(buf[0], 'b');
	opened.f_flags = O_NONBLOCK;
	EXPECT_EQ(reader_read(buf, 1), -EAGAIN);
	opened.f_flags = 0;
	EXPECT_EQ(reader_read(buf, 1), -ERESTARTSYS);
	reader_close();
	destroy();
}

TEST(reads_around_the_end_of_the_ring)
{
	unsigned int i, n, round;
	u8 want = 0;
	u8 next = 0;

	create();
	ASSERT_EQ(reader_open(&con), 3);
	for (round = 0; round < 100; round++) {
		n = OUT_SIZE / 3 + round;
		for (i = 0; i < n; i++)
			ASSERT_TRUE(lodge_console_put(&con, next++));
		ASSERT_EQ(reader_read(buf, sizeof(buf)), n);
		for (i = 0; i < n; i++)
			ASSERT_EQ((u8)buf[i], want++);
	}
	EXPECT_EQ(changes, 0);
	reader_close();
	destroy();
}

TEST(nobody_reads_the_oldest_goes)
{
	unsigned int i;

	create();
	for (i = 0; i < OUT_SIZE + 10; i++)
		ASSERT_TRUE(lodge_console_put(&con, i));
	ASSERT_EQ(reader_open(&con), 3);
	ASSERT_EQ(reader_read(buf, sizeof(buf)), OUT_SIZE);
	for (i = 0; i < OUT_SIZE; i++)
		ASSERT_EQ((u8)buf[i], (u8)(i + 10));
	reader_close();
	destroy();
}

TEST(full_and_open_the_device_waits)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	put(OUT_SIZE);
	EXPECT_FALSE(lodge_console_put(&con, 'x'));
	EXPECT_EQ(reader_read(buf, OUT_SIZE / 2 - 1), OUT_SIZE / 2 - 1);
	EXPECT_EQ(changes, 0);
	EXPECT_EQ(reader_read(buf, 1), 1);
	EXPECT_EQ(changes, 1);
	EXPECT_EQ(reader_read(buf, sizeof(buf)), OUT_SIZE / 2);
	EXPECT_EQ(changes, 1);
	/* closing lets it go as well */
	put(OUT_SIZE);
	EXPECT_FALSE(lodge_console_put(&con, 'x'));
	reader_close();
	EXPECT_EQ(changes, 2);
	EXPECT_TRUE(lodge_console_put(&con, 'x'));
	destroy();
}

TEST(user_memory_that_faults_loses_nothing)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	lodge_console_put(&con, 'a');
	lodge_console_put(&con, 'b');
	shim_user_bytes = 1;
	EXPECT_EQ(reader_read(buf, 2), -EFAULT);
	shim_user_bytes = 1;
	EXPECT_EQ(reader_write("xy", 2), -EFAULT);
	shim_user_bytes = SIZE_MAX;
	EXPECT_FALSE(lodge_console_has_input(&con));
	EXPECT_EQ(changes, 0);
	EXPECT_EQ(reader_read(buf, 2), 2);
	EXPECT_EQ(buf[0], 'a');
	reader_close();
	destroy();
}

TEST(opened_once_at_a_time)
{
	create();
	owners_put = 0;
	fail_getfd = -EMFILE;
	EXPECT_EQ(reader_open(&con), -EMFILE);
	EXPECT_EQ(owners_put, 0);
	fail_getfd = 0;
	EXPECT_EQ(reader_open(&con), 3);
	EXPECT_EQ(reader_open(&con), -EBUSY);
	reader_close();
	EXPECT_EQ(owners_put, 1);
	EXPECT_EQ(reader_open(&con), 3);
	reader_close();
	EXPECT_EQ(owners_put, 2);
	destroy();
}

TEST(no_memory)
{
	create();
	destroy();
	fail_allocation = 1;
	EXPECT_EQ(lodge_console_create(&con, changed, &con), -ENOMEM);
	fail_allocation = 2;
	EXPECT_EQ(lodge_console_create(&con, changed, &con), -ENOMEM);
	EXPECT_EQ(allocated, 0);
}

/* ---- input --------------------------------------------------------------- */

static bool take_some(void)
{
	u8 in[100];

	irq_work_sync(&con.wake);
	ASSERT_GT(con.wait.sleepers, 0);
	ASSERT_EQ(lodge_console_get(&con, in, sizeof(in)), sizeof(in));
	return true;
}

static bool signal_comes(void)
{
	return false;
}

TEST(writes_wait_for_room)
{
	unsigned int i, n;
	u8 in[100];

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 7;
	create();
	ASSERT_EQ(reader_open(&con), 3);
	opened.f_flags = O_NONBLOCK;
	EXPECT_EQ(reader_write(buf, sizeof(buf)), IN_ROOM);
	EXPECT_EQ(reader_write(buf, 1), -EAGAIN);
	EXPECT_EQ(changes, 1);
	opened.f_flags = 0;
	EXPECT_EQ(reader_write(buf, 1), -ERESTARTSYS);
	shim_wait = signal_comes;
	EXPECT_EQ(lodge_console_get(&con, in, 100), 100);
	EXPECT_EQ(reader_write(buf + IN_ROOM, 101), 100);
	shim_wait = take_some;
	EXPECT_EQ(reader_write(buf + IN_ROOM + 100, 1000), 1000);
	for (i = IN_ROOM + 1100 - (con.in_head - con.in_tail);
	     (n = lodge_console_get(&con, in, 1)); i++)
		ASSERT_EQ(in[0], (u8)buf[i]);
	EXPECT_EQ(i, IN_ROOM + 1100);
	reader_close();
	destroy();
}

TEST(a_writer_wakes_when_half_is_taken)
{
	u8 in[LODGE_CONSOLE_IN_SIZE];

	create();
	ASSERT_EQ(reader_open(&con), 3);
	opened.f_flags = O_NONBLOCK;
	ASSERT_EQ(reader_write(buf, sizeof(buf)), IN_ROOM);
	con.wait.sleepers = 1;
	lodge_console_get(&con, in, IN_ROOM - LODGE_CONSOLE_IN_SIZE / 2 - 1);
	EXPECT_FALSE(con.wake.pending);
	lodge_console_get(&con, in, 1);
	EXPECT_TRUE(con.wake.pending);
	irq_work_sync(&con.wake);
	EXPECT_EQ(con.wait.wakes, 1);
	lodge_console_get(&con, in, 1);
	EXPECT_FALSE(con.wake.pending);
	reader_close();
	destroy();
}

TEST(what_is_given_back_comes_again)
{
	u8 in[16];

	create();
	ASSERT_EQ(reader_open(&con), 3);
	opened.f_flags = O_NONBLOCK;
	for (unsigned int i = 0; i < IN_ROOM; i++)
		buf[i] = i;
	ASSERT_EQ(reader_write(buf, IN_ROOM), IN_ROOM);
	ASSERT_EQ(lodge_console_get(&con, in, 16), 16);
	/* the writer fills up before they come back */
	ASSERT_EQ(reader_write(buf, IN_ROOM), 16);
	lodge_console_unget(&con, 16);
	EXPECT_EQ(reader_write(buf, 1), -EAGAIN);
	EXPECT_EQ(opened_fops->poll(&opened, NULL), 0);
	memset(in, 0, sizeof(in));
	ASSERT_EQ(lodge_console_get(&con, in, 16), 16);
	for (unsigned int i = 0; i < 16; i++)
		EXPECT_EQ(in[i], i);
	reader_close();
	destroy();
}

TEST(polls)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	EXPECT_EQ(opened_fops->poll(&opened, NULL), EPOLLOUT | EPOLLWRNORM);
	put(1);
	EXPECT_EQ(opened_fops->poll(&opened, NULL),
		  EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
	opened.f_flags = O_NONBLOCK;
	ASSERT_EQ(reader_write(buf, sizeof(buf)), IN_ROOM);
	EXPECT_EQ(opened_fops->poll(&opened, NULL), EPOLLIN | EPOLLRDNORM);
	reader_close();
	destroy();
}

/* ---- wake-ups ------------------------------------------------------------ */

TEST(wakes_for_many_bytes_at_once)
{
	create();
	put(10);
	EXPECT_TRUE(!first_timer());
	ASSERT_EQ(reader_open(&con), 3);
	/* nobody waits */
	put(10);
	EXPECT_TRUE(!first_timer());
	con.wait.sleepers = 1;
	put(10);
	run(1999999);
	EXPECT_EQ(con.wait.wakes, 0);
	run(1);
	EXPECT_EQ(con.wait.wakes, 1);
	run(10000000);
	EXPECT_EQ(con.wait.wakes, 1);
	put(1);
	run(2000000);
	EXPECT_EQ(con.wait.wakes, 2);
	EXPECT_EQ(timer_calls, 2);
	reader_close();
	destroy();
}

TEST(wakes_at_once_when_half_full)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	con.wait.sleepers = 1;
	put(OUT_SIZE / 2 - 1);
	EXPECT_FALSE(con.wake.pending);
	put(1);
	EXPECT_TRUE(con.wake.pending);
	irq_work_sync(&con.wake);
	EXPECT_EQ(con.wait.wakes, 1);
	/* and no interrupt for each byte after that */
	put(1);
	EXPECT_FALSE(con.wake.pending);
	reader_close();
	destroy();
}

static bool puts_one(void)
{
	run(2000000);
	put(1);
	return true;
}

TEST(a_blocked_reader_gets_the_byte)
{
	create();
	ASSERT_EQ(reader_open(&con), 3);
	shim_wait = puts_one;
	EXPECT_EQ(reader_read(buf, 10), 1);
	reader_close();
	destroy();
}

/* ---- debug ports --------------------------------------------------------- */

TEST(debug_console)
{
	machine_create();
	EXPECT_EQ(in(0xe9), 0xe9);
	EXPECT_EQ(out(0xe9, 'h'), LODGE_BUS_DONE);
	EXPECT_EQ(out(0xe9, 'i'), LODGE_BUS_DONE);
	ASSERT_EQ(reader_open(&m.debug), 3);
	EXPECT_EQ(opened_flags, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(opened_fops->poll(&opened, NULL), EPOLLIN | EPOLLRDNORM);
	EXPECT_EQ(reader_read(buf, 10), 2);
	EXPECT_EQ(memcmp(buf, "hi", 2), 0);
	for (unsigned int i = 0; i < OUT_SIZE + 1; i++)
		EXPECT_EQ(out(0xe9, i), LODGE_BUS_DONE);
	EXPECT_EQ(reader_read(buf, sizeof(buf)), OUT_SIZE);
	EXPECT_EQ(buf[0], 0);
	reader_close();
	machine_destroy();
}

TEST(exit_port)
{
	machine_create();
	EXPECT_EQ(out_wide(0xf4, 4, 17), LODGE_BUS_EXIT);
	EXPECT_EQ(out(0xf4, 17), LODGE_BUS_EXIT);
	EXPECT_EQ(in(0xf4), 0);
	machine_destroy();
}

TEST(without_a_console_writes_are_user_spaces)
{
	struct lodge_bus bus = { 0 };
	const struct lodge_bus_range *r;

	ASSERT_EQ(lodge_debugport_attach(&bus, NULL), 0);
	r = lodge_bus_find(&bus, 0xe9, 1);
	ASSERT_TRUE(r);
	EXPECT_TRUE(!r->ops->write);
	EXPECT_EQ(lodge_debugport_attach(&bus, NULL), -EEXIST);
}
