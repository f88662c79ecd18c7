// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random accesses to the chipset's ports, by a guest that does as it likes, with a
 * reader in user space that does too, and time that runs, jumps and is set back.
 *
 * With clang a libFuzzer target; with -DSTANDALONE a program:
 *
 *   dev_fuzz [-n sequences] [-s seed]   random sequences
 *   dev_fuzz FILE...                    inputs that were found before
 *
 * native-sources: dev/bus.c dev/console.c dev/debugport.c dev/pit.c dev/pm.c dev/rtc.c dev/uart.c
 * native-sources: dev/watchdog.c
 * native-shim: devshim.h
 */
#include <unistd.h>

#include "dev_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)	WARN_ON(!(x))

/* Where something is, some more than once for being worth it */
static const u16 ports[] = {
	0x40, 0x41, 0x42, 0x43, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x71, 0x92, 0xe9, 0xf4,
	0x3f8, 0x3f8, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x505,
	0x600, 0x601, 0x602, 0x604, 0x605, 0x608, 0x60a, 0x630, 0x630, 0x634, 0x638, 0x63c, 0x63d,
	0xcf9,
};

static const u8 *input, *input_end;

static bool is_open;
static u8 typed, received;	/* bytes of the input are numbered, in order */
static char buf[LODGE_CONSOLE_OUT_SIZE + 1];

static u64 take(unsigned int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | (input < input_end ? *input++ : 0);
	return v;
}

static void check_console(const struct lodge_console *con)
{
	CHECK(!con->lock.held && !con->read_lock.held);
	CHECK(con->out_head - con->out_tail <= LODGE_CONSOLE_OUT_SIZE);
	CHECK(con->in_head - con->in_tail <= LODGE_CONSOLE_IN_SIZE);
	CHECK(!con->stalled || con->open);
}

static void check_watchdog(const struct lodge_watchdog *wd)
{
	CHECK(!wd->lock.held);
	CHECK(wd->period - 1 < LODGE_WATCHDOG_MAX);
	CHECK(wd->left <= wd->period * LODGE_WATCHDOG_MS * NSEC_PER_MSEC);
	CHECK(wd->timer.queued == (wd->running && !wd->held));
	CHECK(!wd->timer.queued || wd->timer.expires == wd->end);
}

static void check_all(void)
{
	const struct lodge_uart *u = &m.uart;
	unsigned int i;

	check_console(&m.serial);
	check_console(&m.debug);
	check_watchdog(&m.watchdog);
	CHECK(!u->lock.held && !m.pit.lock.held && !m.rtc.lock.held && !m.pm.lock.held);
	CHECK(u->rx_count <= (u->fcr & 1 ? LODGE_UART_FIFO : 1));
	CHECK(u->tx_count <= (u->fcr & 1 ? LODGE_UART_FIFO : 1));
	CHECK(u->rx_console <= u->rx_count);
	/* what waits to be sent is sent when there is room */
	CHECK(!u->tx_count || m.serial.stalled);
	CHECK(line[4] == u->line && line[8] == m.rtc.line && line[9] == m.pm.line);
	CHECK(m.rtc.line == !!(m.rtc.nvram[0x0c] & m.rtc.nvram[0x0b] & 0x70));
	CHECK(m.rtc.phase < NSEC_PER_SEC);
	for (i = 0; i < LODGE_PIT_CHANNELS; i++) {
		CHECK(m.pit.channel[i].mode <= 5);
		CHECK(!m.pit.channel[i].loaded || m.pit.channel[i].count - 1 < 65536);
	}
}

/* A byte of the console's comes once, and in its turn */
static void read_port(u16 port, u8 width)
{
	const struct lodge_uart *u = &m.uart;
	bool console = port == 0x3f8 && !(u->lcr & 0x80) && u->rx_count &&
		       u->rx_count == u->rx_console;
	u8 value;

	value = in_wide(port, width);
	if (console)
		CHECK(value == received++);
	CHECK(in_wide(0xe9, 1) == 0xe9);
}

static void access_port(u8 op)
{
	u16 port = ports[take(1) % ARRAY_SIZE(ports)];
	u8 width = 1 << (op >> 4) % 3;

	if (op & 8) {
		out_wide(port, width, take(width));
		return;
	}
	/* a wide read would take bytes that are not looked at */
	if (port >> 3 == 0x3f8 >> 3)
		width = 1;
	read_port(port, width);
}

static void pass_time(u8 op)
{
	unsigned int calls = timer_calls;
	u64 ns = take(1 + op % 4);

	switch (op >> 4 & 3) {
	case 0:
		/* the host is late */
		clock_ns += ns;
		fire();
		ns = 0;
		break;
	case 1:
		epoch_ns += ns * 1000;
		break;
	case 2:
		if (epoch_ns > ns * 1000 + NSEC_PER_SEC)
			epoch_ns -= ns * 1000;
		break;
	default:
		run(ns);
	}
	/* channel 0 with its catching up, and one each of the others */
	CHECK(timer_calls - calls <= ns / 50000 + 10);
}

static void reader(u8 op)
{
	struct lodge_console *con = op & 0x80 ? &m.debug : &m.serial;
	size_t n, i;
	ssize_t ret;

	if (!is_open) {
		CHECK(reader_open(con) == 3);
		opened.f_flags = O_NONBLOCK;
		is_open = true;
		return;
	}
	con = opened.private_data;
	n = take(2) % sizeof(buf);
	con->wait.sleepers = op & 1;
	if (op & 0x40)
		shim_user_bytes = take(2);
	switch (op >> 4 & 3) {
	case 0:
		reader_close();
		is_open = false;
		break;
	case 1:
		if (!con->in)
			break;
		for (i = 0; i < n; i++)
			buf[i] = typed + i;
		ret = reader_write(buf, n);
		CHECK(ret <= (ssize_t)n);
		typed += ret > 0 ? ret : 0;
		break;
	default:
		CHECK(reader_read(buf, n) <= (ssize_t)n);
		opened_fops->poll(&opened, NULL);
	}
	shim_user_bytes = SIZE_MAX;
	irq_work_sync(&con->wake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 op;

	input = data;
	input_end = data + size;
	is_open = false;
	typed = 0;
	received = 0;
	epoch_ns = EPOCH * NSEC_PER_SEC;
	machine_create();
	while (input < input_end) {
		op = take(1);
		switch (op & 7) {
		case 0:
			pass_time(op >> 1);
			break;
		case 1:
			reader(op);
			break;
		case 2:
			if (op == 2)
				lodge_pm_press_button(&m.pm);
			else
				lodge_watchdog_hold(&m.watchdog, op & 8);
			break;
		default:
			access_port(op);
		}
		check_all();
	}
	if (is_open)
		reader_close();
	machine_destroy();
	return 0;
}

#ifdef STANDALONE
static int run_file(const char *name)
{
	static u8 data[1 << 16];
	FILE *f = fopen(name, "rb");
	size_t n;

	if (!f) {
		perror(name);
		return 1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
	unsigned long i, count = 2000;
	unsigned int seed = time(NULL);
	static u8 data[4096];
	size_t j, n;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	if (optind < argc) {
		for (; optind < argc; optind++) {
			if (run_file(argv[optind]))
				return 1;
		}
		return 0;
	}
	printf("# dev_fuzz: %lu sequences, seed %u\n", count, seed);
	srandom(seed);
	for (i = 0; i < count; i++) {
		n = random() % sizeof(data);
		for (j = 0; j < n; j++)
			data[j] = random() >> 8;
		LLVMFuzzerTestOneInput(data, n);
	}
	return 0;
}
#endif
