/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine's chipset in user space: the other side of devshim.h, and how a guest
 * gets at ports.
 */
#ifndef SELFTESTS_NATIVE_DEV_MODEL_H
#define SELFTESTS_NATIVE_DEV_MODEL_H

#include "dev/bus.h"
#include "dev/console.h"
#include "dev/debugport.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "dev/watchdog.h"
#include "irq/line.h"

#define LINES	24
#define EPOCH	1700000000ULL	/* the host's CLOCK_REALTIME when CLOCK_MONOTONIC is 0, s */

static u64 clock_ns;		/* CLOCK_MONOTONIC */
static u64 epoch_ns = EPOCH * NSEC_PER_SEC;
static struct hrtimer *timers;
static unsigned int timer_calls;

static bool line[LINES];
static unsigned int edges[LINES];	/* that rose */

static enum lodge_line_state line_state = LODGE_LINE_TAKEN;

static int fail_allocation;	/* 1: the next, 2: the one after it */
static int allocated;

bool (*shim_wait)(void);
size_t shim_user_bytes = SIZE_MAX;

static const struct file_operations *opened_fops;
static struct file opened;
static int opened_flags;
static int fail_getfd;

static struct {
	struct lodge_bus ports;
	struct lodge_console serial;
	struct lodge_console debug;
	struct lodge_uart uart;
	struct lodge_pit pit;
	struct lodge_rtc rtc;
	struct lodge_pm pm;
	struct lodge_watchdog watchdog;
	unsigned int barks;
} m;

/* ---- the kernel ---------------------------------------------------------- */

u64 ktime_get_ns(void)
{
	return clock_ns;
}

u64 ktime_get_real_ns(void)
{
	return epoch_ns + clock_ns;
}

static u64 time_of(const struct hrtimer *t)
{
	return t->clock == CLOCK_REALTIME ? ktime_get_real_ns() : clock_ns;
}

void compat_hrtimer_setup(struct hrtimer *timer,
			  enum hrtimer_restart (*function)(struct hrtimer *timer),
			  int clock, enum hrtimer_mode mode)
{
	*timer = (struct hrtimer){
		.function = function, .clock = clock, .mode = mode, .next = timers,
	};
	timers = timer;
}

void hrtimer_start(struct hrtimer *timer, ktime_t expires, enum hrtimer_mode mode)
{
	WARN_ON(mode != timer->mode);
	timer->expires = expires + (mode == HRTIMER_MODE_REL_SOFT ? time_of(timer) : 0);
	timer->queued = true;
}

int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	bool was = timer->queued;

	timer->queued = false;
	return was;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	return hrtimer_try_to_cancel(timer);
}

/* How long until a timer goes off, 0 if it is due */
static u64 until(const struct hrtimer *t)
{
	u64 now = time_of(t);

	return t->expires > now ? t->expires - now : 0;
}

static struct hrtimer *first_timer(void)
{
	struct hrtimer *t, *first = NULL;

	for (t = timers; t; t = t->next)
		if (t->queued && (!first || until(t) < until(first)))
			first = t;
	return first;
}

/* Timers that are due; the host may be late by more than one period */
static void fire(void)
{
	struct hrtimer *t;
	unsigned int n;

	for (n = 0; (t = first_timer()) && !until(t); n++) {
		if (n > 100) {
			fprintf(stderr, "a timer that is due again at once\n");
			abort();
		}
		t->queued = false;
		timer_calls++;
		WARN_ON(t->function(t) != HRTIMER_NORESTART);
	}
}

/* Lets time pass, each timer in time */
static __maybe_unused void run(u64 ns)
{
	u64 end = clock_ns + ns;
	struct hrtimer *t;

	fire();
	while ((t = first_timer()) && clock_ns + until(t) <= end) {
		clock_ns += until(t);
		fire();
	}
	clock_ns = end;
}

void irq_work_queue(struct irq_work *work)
{
	work->pending = true;
}

void irq_work_sync(struct irq_work *work)
{
	if (work->pending)
		work->func(work);
	work->pending = false;
}

void lodge_route_set_gsi(struct lodge_irq *irq, unsigned int gsi, bool level)
{
	WARN_ON(gsi >= LINES);
	edges[gsi] += level && !line[gsi];
	line[gsi] = level;
}

enum lodge_line_state lodge_route_gsi_state(struct lodge_irq *irq, unsigned int gsi)
{
	return line_state;
}

/* Month by month, and day by day of the year: any value is carried, as in the kernel */
s64 mktime64(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
	     unsigned int minute, unsigned int second)
{
	struct tm tm = {
		.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = day,
		.tm_hour = hour, .tm_min = minute, .tm_sec = second,
	};

	return timegm(&tm);
}

void time64_to_tm(s64 seconds, int offset, struct tm *tm)
{
	time_t t = seconds + offset;

	gmtime_r(&t, tm);
}

void *lodge_alloc_large(size_t size, int gfp)
{
	if (fail_allocation && !--fail_allocation)
		return NULL;
	allocated++;
	return calloc(1, size);
}

void kvfree(void *p)
{
	allocated -= !!p;
	free(p);
}

static size_t copied(void *to, const void *from, size_t n)
{
	size_t ok = min(n, shim_user_bytes);

	memcpy(to, from, ok);
	if (shim_user_bytes != SIZE_MAX)
		shim_user_bytes -= ok;
	return n - ok;
}

unsigned long copy_to_user(void *to, const void *from, size_t n)
{
	return copied(to, from, n);
}

unsigned long copy_from_user(void *to, const void *from, size_t n)
{
	return copied(to, from, n);
}

int anon_inode_getfd(const char *name, const struct file_operations *fops, void *priv, int flags)
{
	if (fail_getfd)
		return fail_getfd;
	opened_fops = fops;
	opened = (struct file){ .private_data = priv };
	opened_flags = flags;
	return 3;
}

/* ---- the machine --------------------------------------------------------- */

static void put_owner(void *owner)
{
	++*(int *)owner;
}

static void bark(void *owner)
{
	WARN_ON(m.watchdog.lock.held);
	++*(unsigned int *)owner;
}

static __maybe_unused void machine_create(void)
{
	memset(&m, 0, sizeof(m));
	memset(line, 0, sizeof(line));
	memset(edges, 0, sizeof(edges));
	timers = NULL;
	timer_calls = 0;
	line_state = LODGE_LINE_TAKEN;
	clock_ns = 12345;
	WARN_ON(lodge_console_create(&m.serial, lodge_uart_changed, &m.uart));
	WARN_ON(lodge_console_create(&m.debug, NULL, NULL));
	WARN_ON(lodge_uart_attach(&m.uart, &m.ports, NULL, &m.serial));
	WARN_ON(lodge_pit_attach(&m.pit, &m.ports, NULL));
	WARN_ON(lodge_rtc_attach(&m.rtc, &m.ports, NULL));
	WARN_ON(lodge_pm_attach(&m.pm, &m.ports, NULL));
	WARN_ON(lodge_watchdog_attach(&m.watchdog, &m.ports, bark, &m.barks));
	WARN_ON(lodge_debugport_attach(&m.ports, &m.debug));
}

static __maybe_unused void machine_destroy(void)
{
	lodge_watchdog_detach(&m.watchdog);
	lodge_pm_detach(&m.pm);
	lodge_rtc_detach(&m.rtc);
	lodge_pit_detach(&m.pit);
	lodge_console_destroy(&m.debug);
	lodge_console_destroy(&m.serial);
	WARN_ON(allocated);
	WARN_ON(first_timer());
}

static u64 in_wide(u16 port, u8 width)
{
	const struct lodge_bus_range *r = lodge_bus_find(&m.ports, port, width);
	u64 value = r && r->ops->read ? r->ops->read(r->dev, port - r->first, width) : ~0ULL;

	return value & (BIT_ULL(8 * width) - 1);
}

static enum lodge_bus_end out_wide(u16 port, u8 width, u32 value)
{
	const struct lodge_bus_range *r = lodge_bus_find(&m.ports, port, width);

	return r && r->ops->write ? r->ops->write(r->dev, port - r->first, width, value) :
				    LODGE_BUS_DONE;
}

static __maybe_unused u8 in(u16 port)
{
	return in_wide(port, 1);
}

static __maybe_unused enum lodge_bus_end out(u16 port, u8 value)
{
	return out_wide(port, 1, value);
}

/* ---- the reader ---------------------------------------------------------- */

static int owners_put;

static __maybe_unused int reader_open(struct lodge_console *con)
{
	return lodge_console_open(con, put_owner, &owners_put);
}

static __maybe_unused ssize_t reader_read(char *buf, size_t len)
{
	return opened_fops->read(&opened, buf, len, NULL);
}

static __maybe_unused ssize_t reader_write(const char *buf, size_t len)
{
	return opened_fops->write(&opened, buf, len, NULL);
}

static __maybe_unused void reader_close(void)
{
	opened_fops->release(NULL, &opened);
}

#endif /* SELFTESTS_NATIVE_DEV_MODEL_H */
