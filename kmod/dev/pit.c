// SPDX-License-Identifier: GPL-2.0-only
/*
 * An 8254 timer with its three counters, and port 0x61, which has the gate and the
 * output of the third.
 *
 * Counts and outputs are computed from the time when somebody looks.  Only the
 * interrupts of channel 0 need a timer, which fires at rising edges of its output:
 *
 * - An edge of a periodic mode is not raised before the last one has been taken,
 *   for it would be lost; it is tried again after a while that grows up to
 *   DELAY_MAX.  Those that have become due meanwhile are made up for, CATCH_UP_NS
 *   apart, or the guest's clock would lag on a loaded host; of more than
 *   BACKLOG_MAX the rest is dropped.
 * - Edges come PERIOD_MIN apart at least, whatever the count: a guest gets no
 *   more interrupts from the host than 10,000 a second, and one that does not run,
 *   or has masked them, costs it no more than one every DELAY_MAX.  One-shot modes
 *   cost the guest a write for each, so they need no bound.
 *
 * Source: Intel, 82C54 data sheet (1994).
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/nospec.h>

#include "../compat.h"
#include "../irq/route.h"
#include "bytes.h"
#include "pit.h"

#define PIT_PORT	0x40
#define PIT_PORTS	4
#define PIT_CONTROL	3	/* offset */
#define PIT_IRQ		0
#define SPEAKER_PORT	0x61
#define SPEAKER		2	/* channel */

#define PERIOD_MIN	120	/* clocks, 100 us */
#define CATCH_UP_NS	50000
#define DELAY_MAX	4000000	/* ns */
#define BACKLOG_MAX	1000

#define ACCESS_LOW	1
#define ACCESS_HIGH	2
#define ACCESS_BOTH	3

/* control word */
#define READ_BACK	3	/* in place of a channel */
#define KEEP_COUNT	0x20	/* read-back: do not latch the count */
#define KEEP_STATUS	0x10

#define STATUS_OUT	0x80
#define STATUS_NULL	0x40

/* port 0x61 */
#define CONTROL_GATE	0x01
#define CONTROL_MASK	0x0f
#define CONTROL_REFRESH	0x10
#define CONTROL_OUT	0x20
#define REFRESH_NS	15085	/* 18 clocks of channel 1, as a PC's firmware sets it */

static u64 clocks(u64 ns)
{
	return mul_u64_u64_div_u64(ns, LODGE_PIT_HZ, NSEC_PER_SEC);
}

/* Rounded up, so that after that time all of them have passed */
static u64 clocks_to_ns(u64 n)
{
	return mul_u64_u64_div_u64(n, NSEC_PER_SEC, LODGE_PIT_HZ) + 1;
}

static struct lodge_pit_channel *channel(struct lodge_pit *pit, unsigned int i)
{
	return &pit->channel[array_index_nospec(i, LODGE_PIT_CHANNELS)];
}

/* ---- a counter ----------------------------------------------------------- */

static bool periodic(const struct lodge_pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* The gate's rising edge starts these, its level does not matter */
static bool triggered(const struct lodge_pit_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static u32 modulus(const struct lodge_pit_channel *c)
{
	return c->bcd ? 10000 : 0x10000;
}

static u64 elapsed(const struct lodge_pit_channel *c, u64 now)
{
	/* the clocks of two CPUs may differ by a little */
	return c->ticks + (c->running && now > c->origin ? clocks(now - c->origin) : 0);
}

static u32 high_half(u32 count)
{
	return (count + 1) / 2;
}

static u64 edge_distance(const struct lodge_pit_channel *c)
{
	return max_t(u32, c->count, PERIOD_MIN);
}

static void note_edges(struct lodge_pit_channel *c, u64 ticks)
{
	u64 edges = ticks / edge_distance(c);

	if (edges <= c->raised)
		return;
	c->backlog += edges - c->raised;
	c->raised = edges;
}

static void start(struct lodge_pit_channel *c, u64 now)
{
	c->ticks = 0;
	c->origin = now;
	c->running = true;
	c->null = false;
	c->raised = 0;
	if (c->next)
		c->count = c->next;
	c->next = 0;
}

/*
 * Brings a periodic counter up to date: notes its edges, and takes a new count
 * when the half period in which it was written is over.  After the high half of
 * mode 3 the low one follows, with the new count.
 */
static void advance(struct lodge_pit_channel *c, u64 now)
{
	u64 ticks = elapsed(c, now);

	if (!periodic(c) || !c->running)
		return;
	if (c->next && ticks >= c->boundary) {
		bool low = c->mode == 3 && c->boundary % c->count;
		u64 origin = c->origin + clocks_to_ns(c->boundary - c->ticks);

		note_edges(c, c->boundary);
		start(c, min(origin, now));
		if (low)
			c->ticks = high_half(c->count);
		ticks = elapsed(c, now);
	}
	note_edges(c, ticks);
}

static u32 value(const struct lodge_pit_channel *c, u64 now)
{
	u64 ticks = elapsed(c, now);
	u32 m = modulus(c), n = c->count, phase;

	if (!n)
		return 0;
	switch (c->mode) {
	case 2:
		return n - ticks % n;
	case 3:
		/* by two; an odd count is made even, and its high half is a clock longer */
		phase = ticks % n;
		if (phase >= high_half(n))
			phase -= high_half(n);
		return (n & ~1) - 2 * phase;
	default:
		return (n + m - ticks % m) % m;
	}
}

static bool output(const struct lodge_pit_channel *c, u64 now)
{
	u64 ticks = elapsed(c, now);

	if (!c->loaded || (periodic(c) && !c->running) || (triggered(c) && !c->running))
		return c->mode;
	switch (c->mode) {
	case 0:
	case 1:
		return ticks >= c->count;
	case 2:
		return ticks % c->count != c->count - 1;
	case 3:
		return ticks % c->count < high_half(c->count);
	default:
		return ticks != c->count;
	}
}

static u16 to_register(const struct lodge_pit_channel *c, u32 v)
{
	if (!c->bcd)
		return v;
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

/* 0 is the highest count; digits above 9 are cut to it as well */
static u32 from_register(const struct lodge_pit_channel *c, u16 v)
{
	u32 n = v;

	if (c->bcd)
		n = (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12) * 1000;
	return n ? min(n, modulus(c)) : modulus(c);
}

static void load(struct lodge_pit_channel *c, u16 written, u64 now)
{
	u32 n = from_register(c, written);

	if (c->loaded && c->running && periodic(c)) {
		u64 ticks = elapsed(c, now);

		c->boundary = (ticks / c->count + 1) * c->count;
		if (c->mode == 3 && ticks % c->count < high_half(c->count))
			c->boundary -= c->count - high_half(c->count);
		c->next = n;
		return;
	}
	c->next = n;
	if (triggered(c)) {
		if (!c->loaded)
			c->count = n;
		c->loaded = true;
		return;
	}
	c->loaded = true;
	start(c, now);
	c->running = c->gate;
}

static void set_gate(struct lodge_pit_channel *c, bool gate, u64 now)
{
	bool rises = gate && !c->gate;

	if (gate == c->gate)
		return;
	if (c->loaded && rises && (triggered(c) || periodic(c))) {
		start(c, now);
	} else if (c->loaded && !triggered(c)) {
		/* a pause, or its end */
		c->ticks = elapsed(c, now);
		c->origin = now;
		c->running = gate;
	}
	c->gate = gate;
}

static void latch_count(struct lodge_pit_channel *c, u64 now)
{
	if (c->latched)
		return;
	c->latch = to_register(c, value(c, now));
	c->latched = true;
}

static void latch_status(struct lodge_pit_channel *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = (output(c, now) ? STATUS_OUT : 0) | (c->null ? STATUS_NULL : 0) |
		    c->access << 4 | c->mode << 1 | c->bcd;
	c->status_latched = true;
}

static void program(struct lodge_pit_channel *c, u8 word)
{
	static const u8 modes[] = { 0, 1, 2, 3, 4, 5, 2, 3 };

	*c = (struct lodge_pit_channel){
		.gate = c->gate,
		.count = c->count,
		.null = true,
		.access = word >> 4 & 3,
		.mode = modes[word >> 1 & 7],
		.bcd = word & 1,
	};
}

static u8 read_count(struct lodge_pit_channel *c, u64 now)
{
	bool high = c->access == ACCESS_HIGH || c->read_high;
	u16 v;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	v = c->latched ? c->latch : to_register(c, value(c, now));
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (!c->read_high)
		c->latched = false;
	return high ? v >> 8 : v;
}

static void write_count(struct lodge_pit_channel *c, u8 byte, u64 now)
{
	c->null = true;
	switch (c->access) {
	case ACCESS_LOW:
		load(c, byte, now);
		break;
	case ACCESS_HIGH:
		load(c, byte << 8, now);
		break;
	default:
		if (c->write_high) {
			load(c, byte << 8 | c->low, now);
		} else {
			c->low = byte;
			/* the first byte stops mode 0 */
			if (c->mode == 0) {
				c->loaded = false;
				c->running = false;
			}
		}
		c->write_high = !c->write_high;
	}
}

/* ---- interrupts of channel 0 --------------------------------------------- */

/* Clocks at which the output of a one-shot mode rises */
static u64 shot(const struct lodge_pit_channel *c)
{
	return c->mode == 4 ? c->count + 1 : c->count;
}

static void arm(struct lodge_pit *pit, u64 now)
{
	struct lodge_pit_channel *c = &pit->channel[0];
	u64 at;

	if (!c->running || triggered(c) || (!periodic(c) && c->raised)) {
		/* if it is being called: it will find nothing to do */
		hrtimer_try_to_cancel(&pit->timer);
		return;
	}
	if (periodic(c)) {
		at = (c->raised + 1) * edge_distance(c);
		if (c->next)
			at = min(at, c->boundary);
	} else {
		at = shot(c);
	}
	at = at > c->ticks ? c->origin + clocks_to_ns(at - c->ticks) : now;
	if (periodic(c))
		at = max(c->backlog ? now : at, pit->not_before);
	hrtimer_start(&pit->timer, ns_to_ktime(at), HRTIMER_MODE_ABS_HARD);
}

/* The line stays high until the next edge: one that falls before it is taken is none */
static void pulse(struct lodge_pit *pit)
{
	lodge_route_set_gsi(pit->irq, PIT_IRQ, false);
	lodge_route_set_gsi(pit->irq, PIT_IRQ, true);
}

static void raise_tick(struct lodge_pit *pit, u64 now)
{
	struct lodge_pit_channel *c = &pit->channel[0];

	switch (lodge_route_gsi_state(pit->irq, PIT_IRQ)) {
	case LODGE_LINE_WAITS:
		c->backlog = min_t(u64, c->backlog, BACKLOG_MAX);
		pit->delay = min_t(u32, 2 * pit->delay, DELAY_MAX);
		break;
	case LODGE_LINE_CLOSED:
		c->backlog = 0;
		pit->delay = DELAY_MAX;
		pulse(pit);
		break;
	case LODGE_LINE_TAKEN:
		c->backlog = min_t(u64, c->backlog, BACKLOG_MAX) - 1;
		pit->delay = CATCH_UP_NS;
		pulse(pit);
	}
	pit->not_before = now + pit->delay;
}

static void expire(struct lodge_pit *pit, u64 now)
{
	struct lodge_pit_channel *c = &pit->channel[0];

	advance(c, now);
	if (periodic(c)) {
		if (c->backlog && now >= pit->not_before)
			raise_tick(pit, now);
	} else if (c->running && !triggered(c) && !c->raised && elapsed(c, now) >= shot(c)) {
		c->raised = 1;
		pulse(pit);
	}
	arm(pit, now);
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct lodge_pit *pit = container_of(timer, struct lodge_pit, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	expire(pit, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	/* armed again by hrtimer_start(), as by everybody else */
	return HRTIMER_NORESTART;
}

/* ---- ports --------------------------------------------------------------- */

static void read_back(struct lodge_pit *pit, u8 word, u64 now)
{
	unsigned int i;

	for (i = 0; i < LODGE_PIT_CHANNELS; i++) {
		struct lodge_pit_channel *c = &pit->channel[i];

		if (!(word & 2 << i))
			continue;
		advance(c, now);
		if (!(word & KEEP_COUNT))
			latch_count(c, now);
		if (!(word & KEEP_STATUS))
			latch_status(c, now);
	}
}

static void write_control(struct lodge_pit *pit, u8 word, u64 now)
{
	struct lodge_pit_channel *c;

	if (word >> 6 == READ_BACK) {
		read_back(pit, word, now);
		return;
	}
	c = channel(pit, word >> 6);
	if (!(word >> 4 & 3)) {
		advance(c, now);
		latch_count(c, now);
		return;
	}
	program(c, word);
	if (c == &pit->channel[0]) {
		pit->delay = CATCH_UP_NS;
		pit->not_before = 0;
		lodge_route_set_gsi(pit->irq, PIT_IRQ, output(c, now));
		arm(pit, now);
	}
}

static void write_channel(struct lodge_pit *pit, unsigned int i, u8 byte, u64 now)
{
	struct lodge_pit_channel *c = channel(pit, i);

	advance(c, now);
	write_count(c, byte, now);
	if (i)
		return;
	if (c->mode == 0)
		lodge_route_set_gsi(pit->irq, PIT_IRQ, false);
	arm(pit, now);
}

static u8 pit_read(void *dev, u32 offset)
{
	struct lodge_pit *pit = dev;
	unsigned long flags;
	struct lodge_pit_channel *c;
	u64 now;
	u8 byte;

	if (offset == PIT_CONTROL)
		return 0xff;
	c = channel(pit, offset);
	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	advance(c, now);
	byte = read_count(c, now);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return byte;
}

static enum lodge_bus_end pit_write(void *dev, u32 offset, u8 byte)
{
	struct lodge_pit *pit = dev;
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	if (offset == PIT_CONTROL)
		write_control(pit, byte, now);
	else
		write_channel(pit, offset, byte, now);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return LODGE_BUS_DONE;
}

static u64 pit_bus_read(void *dev, u32 offset, u8 width)
{
	return lodge_bytes_read(dev, offset, width, pit_read);
}

static enum lodge_bus_end pit_bus_write(void *dev, u32 offset, u8 width, u64 bytes)
{
	return lodge_bytes_write(dev, offset, width, bytes, pit_write);
}

static const struct lodge_bus_ops pit_ops = {
	.read = pit_bus_read,
	.write = pit_bus_write,
};

static u64 speaker_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pit *pit = dev;
	struct lodge_pit_channel *c = &pit->channel[SPEAKER];
	unsigned long flags;
	u64 now;
	u8 byte;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	advance(c, now);
	byte = pit->control | (output(c, now) ? CONTROL_OUT : 0) |
	       (now / REFRESH_NS % 2 ? CONTROL_REFRESH : 0);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return byte;
}

static enum lodge_bus_end speaker_write(void *dev, u32 offset, u8 width, u64 byte)
{
	struct lodge_pit *pit = dev;
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	advance(&pit->channel[SPEAKER], now);
	set_gate(&pit->channel[SPEAKER], byte & CONTROL_GATE, now);
	pit->control = byte & CONTROL_MASK;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops speaker_ops = {
	.read = speaker_read,
	.write = speaker_write,
};

/**
 * lodge_pit_attach - put a timer on a VM's bus
 * @pit: zeroed
 * @ports: the VM's
 * @irq: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_pit_attach(struct lodge_pit *pit, struct lodge_bus *ports, struct lodge_irq *irq)
{
	const struct lodge_bus_range counters = {
		.first = PIT_PORT, .count = PIT_PORTS, .ops = &pit_ops, .dev = pit,
	};
	const struct lodge_bus_range speaker = {
		.first = SPEAKER_PORT, .count = 1, .ops = &speaker_ops, .dev = pit,
	};
	unsigned int i;
	int err;

	raw_spin_lock_init(&pit->lock);
	pit->irq = irq;
	compat_hrtimer_setup(&pit->timer, timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	for (i = 0; i < LODGE_PIT_CHANNELS; i++) {
		pit->channel[i].gate = i != SPEAKER;
		pit->channel[i].access = ACCESS_BOTH;
		pit->channel[i].mode = 3;
	}
	err = lodge_bus_add(ports, &counters);
	return err ? err : lodge_bus_add(ports, &speaker);
}

/**
 * lodge_pit_detach - mirror of lodge_pit_attach()
 * @pit: that nobody uses any more
 */
void lodge_pit_detach(struct lodge_pit *pit)
{
	hrtimer_cancel(&pit->timer);
}
