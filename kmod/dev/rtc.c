// SPDX-License-Identifier: GPL-2.0-only
/*
 * An MC146818 clock with its CMOS memory.
 *
 * The time is the host's, UTC, with an offset that the guest makes by setting it.
 * Events are found out when somebody looks at register C; a timer is armed for
 * those that interrupt and are not pending yet, so a guest that does not take its
 * interrupts costs nothing.
 *
 * Source: Motorola, MC146818 data sheet (1984).
 */
#include <linux/bcd.h>
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/time.h>

#include "../compat.h"
#include "../irq/route.h"
#include "bytes.h"
#include "rtc.h"

#define RTC_PORT	0x70
#define RTC_PORTS	2
#define RTC_IRQ		8

#define SECONDS		0x00
#define SECONDS_ALARM	0x01
#define MINUTES		0x02
#define MINUTES_ALARM	0x03
#define HOURS		0x04
#define HOURS_ALARM	0x05
#define WEEKDAY		0x06
#define DAY		0x07
#define MONTH		0x08
#define YEAR		0x09
#define REG_A		0x0a
#define REG_B		0x0b
#define REG_C		0x0c
#define REG_D		0x0d
#define CENTURY		0x32

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_RESET		0x60	/* divider: held in reset with this and the next value */
#define A_RATE		0x0f
#define A_DEFAULT	0x26	/* divider for a 32768 Hz crystal, 1024 Hz */

#define B_SET		0x80
#define B_24H		0x02
#define B_BINARY	0x04
#define B_UIE		0x10

#define C_IRQ		0x80
#define C_PERIODIC	0x40	/* as the enabling bits in register B */
#define C_ALARM		0x20
#define C_UPDATE	0x10
#define C_EVENTS	(C_PERIODIC | C_ALARM | C_UPDATE)

#define D_VALID		0x80

#define HOUR_PM		0x80
#define ALARM_ANY	0xc0	/* and all above */

#define CRYSTAL_HZ	32768
#define UIP_NS		244000	/* how long before an update it is announced */
#define HALF_SECOND	(NSEC_PER_SEC / 2)
#define NEVER		(~0ULL)

/* What @seen and all times below are on: the guest's seconds begin at its multiples of 10^9 */
static u64 rtc_now(const struct lodge_rtc *rtc)
{
	return ktime_get_real_ns() + rtc->phase;
}

static s64 guest_seconds(const struct lodge_rtc *rtc, u64 now)
{
	return (s64)(now / NSEC_PER_SEC) + rtc->offset;
}

/* ---- the time as registers ----------------------------------------------- */

static bool is_time(u8 index)
{
	return index == SECONDS || index == MINUTES || index == HOURS ||
	       (index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

static u8 to_register(const struct lodge_rtc *rtc, unsigned int v)
{
	return rtc->nvram[REG_B] & B_BINARY ? v : bin2bcd(v);
}

static unsigned int from_register(const struct lodge_rtc *rtc, u8 v)
{
	return rtc->nvram[REG_B] & B_BINARY ? v : bcd2bin(v);
}

static u8 to_hours(const struct lodge_rtc *rtc, unsigned int v)
{
	if (rtc->nvram[REG_B] & B_24H)
		return to_register(rtc, v);
	return to_register(rtc, v % 12 ? v % 12 : 12) | (v < 12 ? 0 : HOUR_PM);
}

static unsigned int from_hours(const struct lodge_rtc *rtc, u8 v)
{
	if (rtc->nvram[REG_B] & B_24H)
		return from_register(rtc, v);
	return from_register(rtc, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static void put_time(struct lodge_rtc *rtc, u64 now)
{
	struct tm tm;
	long year;

	time64_to_tm(guest_seconds(rtc, now), 0, &tm);
	year = tm.tm_year + 1900;
	rtc->nvram[SECONDS] = to_register(rtc, tm.tm_sec);
	rtc->nvram[MINUTES] = to_register(rtc, tm.tm_min);
	rtc->nvram[HOURS] = to_hours(rtc, tm.tm_hour);
	rtc->nvram[WEEKDAY] = to_register(rtc, (tm.tm_wday + rtc->weekday) % 7 + 1);
	rtc->nvram[DAY] = to_register(rtc, tm.tm_mday);
	rtc->nvram[MONTH] = to_register(rtc, tm.tm_mon + 1);
	rtc->nvram[YEAR] = to_register(rtc, year % 100);
	rtc->nvram[CENTURY] = to_register(rtc, year / 100 % 100);
}

/* Makes the registers the time at @now, @fraction ns after the beginning of the second */
static void take_time(struct lodge_rtc *rtc, u32 fraction)
{
	const u8 *r = rtc->nvram;
	u64 real = ktime_get_real_ns();
	struct tm tm;
	s64 seconds;

	seconds = mktime64(from_register(rtc, r[CENTURY]) * 100 + from_register(rtc, r[YEAR]),
			   from_register(rtc, r[MONTH]), from_register(rtc, r[DAY]),
			   from_hours(rtc, r[HOURS]), from_register(rtc, r[MINUTES]),
			   from_register(rtc, r[SECONDS]));
	rtc->phase = (fraction + NSEC_PER_SEC - real % NSEC_PER_SEC) % NSEC_PER_SEC;
	rtc->offset = seconds - (s64)((real + rtc->phase) / NSEC_PER_SEC);
	rtc->seen = real + rtc->phase;
	time64_to_tm(seconds, 0, &tm);
	/* the chip counts days of the week for itself */
	rtc->weekday = (from_register(rtc, r[WEEKDAY]) + 13 - tm.tm_wday) % 7;
}

/* ---- events -------------------------------------------------------------- */

static bool divider_runs(const struct lodge_rtc *rtc)
{
	return (rtc->nvram[REG_A] & A_DIVIDER) < A_RESET;
}

/* No updates while the time is set or the divider stands */
static bool clock_runs(const struct lodge_rtc *rtc)
{
	return !(rtc->nvram[REG_B] & B_SET) && divider_runs(rtc);
}

/* When the crystal's next multiple of the periodic rate comes after @now */
static u64 next_periodic(const struct lodge_rtc *rtc, u64 now)
{
	unsigned int rate = rtc->nvram[REG_A] & A_RATE;
	u64 tick;

	if (!rate || !divider_runs(rtc))
		return NEVER;
	/* the two highest rates stand for two that the crystal can give */
	if (rate < 3)
		rate += 7;
	tick = mul_u64_u64_div_u64(now, CRYSTAL_HZ, NSEC_PER_SEC);
	tick = ((tick >> (rate - 1)) + 1) << (rate - 1);
	/* rounded up, for the next look must find it past */
	return mul_u64_u64_div_u64(tick, NSEC_PER_SEC, CRYSTAL_HZ) + 1;
}

static u64 next_update(const struct lodge_rtc *rtc, u64 now)
{
	return clock_runs(rtc) ? (now / NSEC_PER_SEC + 1) * NSEC_PER_SEC : NEVER;
}

/* An alarm register: its value, -1 for any; false if it can never match */
static bool alarm_field(const struct lodge_rtc *rtc, u8 index, unsigned int limit, int *want)
{
	u8 v = rtc->nvram[index];
	u8 digits = index == HOURS_ALARM && !(rtc->nvram[REG_B] & B_24H) ? v & ~HOUR_PM : v;

	*want = -1;
	if (v >= ALARM_ANY)
		return true;
	if (!(rtc->nvram[REG_B] & B_BINARY) && ((digits & 15) > 9 || digits >> 4 > 9))
		return false;
	*want = index == HOURS_ALARM ? from_hours(rtc, v) : from_register(rtc, v);
	return *want < (int)limit;
}

/*
 * Seconds from one of the day, which is not looked at, to the next that matches.
 * From the highest field down: one that does not match goes on to its next match,
 * and those below it start from 0; which may carry, once around the clock at most.
 */
static u32 until_match(u32 from, int hour, int minute, int second)
{
	u32 t = from + 1;

	for (;;) {
		u32 h = t / 3600 % 24, m = t / 60 % 60, s = t % 60;

		if (hour >= 0 && h != hour)
			t += ((hour + 24 - h) % 24) * 3600 - m * 60 - s;
		else if (minute >= 0 && m != minute)
			t += minute > m ? (minute - m) * 60 - s : 3600 - m * 60 - s;
		else if (second >= 0 && s != second)
			t += second > s ? second - s : 60 - s;
		else
			return t - from;
	}
}

static u64 next_alarm(const struct lodge_rtc *rtc, u64 now)
{
	int hour, minute, second;
	s32 today;

	if (!clock_runs(rtc) || !alarm_field(rtc, HOURS_ALARM, 24, &hour) ||
	    !alarm_field(rtc, MINUTES_ALARM, 60, &minute) ||
	    !alarm_field(rtc, SECONDS_ALARM, 60, &second))
		return NEVER;
	today = guest_seconds(rtc, now) % 86400;
	if (today < 0)
		today += 86400;
	return (now / NSEC_PER_SEC + until_match(today, hour, minute, second)) * NSEC_PER_SEC;
}

/* Puts into register C what has happened since the last look, and drives the line */
static void update_events(struct lodge_rtc *rtc, u64 now)
{
	u8 events = rtc->nvram[REG_C] & C_EVENTS;
	bool line;

	/* the host's clock may have been set back */
	rtc->seen = min(rtc->seen, now);
	if (next_periodic(rtc, rtc->seen) <= now)
		events |= C_PERIODIC;
	if (next_update(rtc, rtc->seen) <= now)
		events |= C_UPDATE;
	if (next_alarm(rtc, rtc->seen) <= now)
		events |= C_ALARM;
	rtc->seen = now;
	line = events & rtc->nvram[REG_B];
	rtc->nvram[REG_C] = events | (line ? C_IRQ : 0);
	if (line != rtc->line) {
		rtc->line = line;
		lodge_route_set_gsi(rtc->irq, RTC_IRQ, line);
	}
}

static void arm(struct lodge_rtc *rtc, u64 now)
{
	u8 wanted = rtc->nvram[REG_B] & ~rtc->nvram[REG_C];
	u64 at = NEVER;

	/* while the line is high nothing can raise it */
	if (rtc->line) {
		hrtimer_try_to_cancel(&rtc->timer);
		return;
	}
	if (wanted & C_PERIODIC)
		at = min(at, next_periodic(rtc, now));
	if (wanted & C_UPDATE)
		at = min(at, next_update(rtc, now));
	if (wanted & C_ALARM)
		at = min(at, next_alarm(rtc, now));
	if (at == NEVER)
		hrtimer_try_to_cancel(&rtc->timer);
	else
		hrtimer_start(&rtc->timer, ns_to_ktime(at - rtc->phase), HRTIMER_MODE_ABS_HARD);
}

static void settle(struct lodge_rtc *rtc)
{
	u64 now = rtc_now(rtc);

	update_events(rtc, now);
	arm(rtc, now);
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct lodge_rtc *rtc = container_of(timer, struct lodge_rtc, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	settle(rtc);
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
	return HRTIMER_NORESTART;
}

/* ---- registers ----------------------------------------------------------- */

/*
 * Stops, or goes on from what the registers have: the first update after a reset of
 * the divider comes half a second later
 */
static void clock_changed(struct lodge_rtc *rtc, bool was_reset, u64 now)
{
	bool frozen = !clock_runs(rtc);

	if (frozen == rtc->frozen)
		return;
	if (frozen)
		put_time(rtc, now);
	else
		take_time(rtc, was_reset ? HALF_SECOND : now % NSEC_PER_SEC);
	rtc->frozen = frozen;
}

static void write_control(struct lodge_rtc *rtc, u8 index, u8 value)
{
	bool was_reset = !divider_runs(rtc);
	u64 now = rtc_now(rtc);

	update_events(rtc, now);
	if (index == REG_A)
		value &= ~A_UIP;
	else if (value & B_SET)
		value &= ~B_UIE;
	rtc->nvram[index] = value;
	clock_changed(rtc, was_reset, now);
}

static void write_time(struct lodge_rtc *rtc, u8 index, u8 value)
{
	u64 now = rtc_now(rtc);

	if (!rtc->frozen) {
		update_events(rtc, now);
		put_time(rtc, now);
	}
	rtc->nvram[index] = value;
	if (!rtc->frozen)
		take_time(rtc, now % NSEC_PER_SEC);
}

static void write_register(struct lodge_rtc *rtc, u8 index, u8 value)
{
	switch (index) {
	case REG_A:
	case REG_B:
		write_control(rtc, index, value);
		break;
	case REG_C:
	case REG_D:
		return;
	case SECONDS_ALARM:
	case MINUTES_ALARM:
	case HOURS_ALARM:
		/* what has come until now came of the old alarm */
		update_events(rtc, rtc_now(rtc));
		rtc->nvram[index] = value;
		break;
	default:
		if (!is_time(index)) {
			rtc->nvram[index] = value;
			return;
		}
		write_time(rtc, index, value);
	}
	settle(rtc);
}

static u8 read_a(const struct lodge_rtc *rtc, u64 now)
{
	bool announced = clock_runs(rtc) && now % NSEC_PER_SEC >= NSEC_PER_SEC - UIP_NS;

	return rtc->nvram[REG_A] | (announced ? A_UIP : 0);
}

static u8 read_c(struct lodge_rtc *rtc, u64 now)
{
	u8 value;

	update_events(rtc, now);
	value = rtc->nvram[REG_C];
	rtc->nvram[REG_C] = 0;
	settle(rtc);
	return value;
}

static u8 read_register(struct lodge_rtc *rtc, u8 index)
{
	u64 now = rtc_now(rtc);

	switch (index) {
	case REG_A:
		return read_a(rtc, now);
	case REG_C:
		return read_c(rtc, now);
	}
	if (is_time(index) && !rtc->frozen)
		put_time(rtc, now);
	return rtc->nvram[index];
}

/* Bit 7 of the index masks NMIs, of which this machine's come from nowhere */
static u8 rtc_read(void *dev, u32 offset)
{
	struct lodge_rtc *rtc = dev;
	unsigned long flags;
	u8 value;

	if (!offset)
		return 0xff;
	raw_spin_lock_irqsave(&rtc->lock, flags);
	value = read_register(rtc, rtc->index);
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
	return value;
}

static enum lodge_bus_end rtc_write(void *dev, u32 offset, u8 value)
{
	struct lodge_rtc *rtc = dev;
	unsigned long flags;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	if (offset)
		write_register(rtc, rtc->index, value);
	else
		rtc->index = value % LODGE_RTC_NVRAM;
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
	return LODGE_BUS_DONE;
}

static u64 bus_read(void *dev, u32 offset, u8 width)
{
	return lodge_bytes_read(dev, offset, width, rtc_read);
}

static enum lodge_bus_end bus_write(void *dev, u32 offset, u8 width, u64 value)
{
	return lodge_bytes_write(dev, offset, width, value, rtc_write);
}

static const struct lodge_bus_ops rtc_ops = {
	.read = bus_read,
	.write = bus_write,
};

/**
 * lodge_rtc_attach - put a clock with the host's time on a VM's bus
 * @rtc: zeroed
 * @ports: the VM's
 * @irq: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_rtc_attach(struct lodge_rtc *rtc, struct lodge_bus *ports, struct lodge_irq *irq)
{
	const struct lodge_bus_range range = {
		.first = RTC_PORT, .count = RTC_PORTS, .ops = &rtc_ops, .dev = rtc,
	};

	raw_spin_lock_init(&rtc->lock);
	rtc->irq = irq;
	rtc->nvram[REG_A] = A_DEFAULT;
	rtc->nvram[REG_B] = B_24H;
	rtc->nvram[REG_D] = D_VALID;
	rtc->seen = rtc_now(rtc);
	compat_hrtimer_setup(&rtc->timer, timer_expired, CLOCK_REALTIME, HRTIMER_MODE_ABS_HARD);
	return lodge_bus_add(ports, &range);
}

/**
 * lodge_rtc_detach - mirror of lodge_rtc_attach()
 * @rtc: that nobody uses any more
 */
void lodge_rtc_detach(struct lodge_rtc *rtc)
{
	hrtimer_cancel(&rtc->timer);
}
