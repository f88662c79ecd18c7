/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_PIT_H
#define LODGE_DEV_PIT_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_irq;

#define LODGE_PIT_HZ		1193182
#define LODGE_PIT_CHANNELS	3

/**
 * struct lodge_pit_channel - one counter of an 8254
 *
 * Nothing counts: how many clocks have passed is computed from the time.
 *
 * @mode: 0 to 5
 * @access: which bytes of a count are read and written: 1 low, 2 high, 3 both
 * @bcd: counts in decimal
 * @gate: level of the GATE input
 * @loaded: a count has been written since the control word
 * @running: the clock is counted
 * @null: the count register has not gone to the counting element yet
 * @write_high: the next byte written is the second
 * @read_high: likewise read
 * @latched: @latch is to be read first
 * @status_latched: @status is to be read before that
 * @latch: latched count
 * @status: latched status
 * @low: first byte of a count of which the second is due
 * @count: clocks, 1 to 65536
 * @next: count that follows at @boundary, or at the next trigger; 0 if none
 * @boundary: clocks, on the scale of @ticks, at which @next is taken
 * @ticks: clocks counted before @origin since the count was loaded
 * @origin: when it began to run, ns of CLOCK_MONOTONIC
 * @raised: rising edges of the output in modes 0, 2, 3, 4 that are accounted for
 * @backlog: those of them that have not become interrupts yet
 */
struct lodge_pit_channel {
	u8 mode;
	u8 access;
	bool bcd;
	bool gate;
	bool loaded;
	bool running;
	bool null;
	bool write_high;
	bool read_high;
	bool latched;
	bool status_latched;
	u16 latch;
	u8 status;
	u8 low;
	u32 count;
	u32 next;
	u64 boundary;
	u64 ticks;
	u64 origin;
	u64 raised;
	u64 backlog;
};

/**
 * struct lodge_pit - an 8254 at ports 0x40 to 0x43 with IRQ 0, and port 0x61
 * @lock: guards all below; outside the interrupt controllers'; raw, interrupts saved
 * @irq: interrupt controllers [I]
 * @channel: counters: system timer, refresh, speaker
 * @control: writable bits of port 0x61
 * @delay: ns until a periodic tick is tried again that finds the last one waiting
 * @not_before: when the next periodic tick may be raised, ns of CLOCK_MONOTONIC
 * @timer: next edge of channel 0's output
 *
 * [I] constant after attach.
 */
struct lodge_pit {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	struct lodge_pit_channel channel[LODGE_PIT_CHANNELS];
	u8 control;
	u32 delay;
	u64 not_before;
	struct hrtimer timer;
};

int lodge_pit_attach(struct lodge_pit *pit, struct lodge_bus *ports, struct lodge_irq *irq);
void lodge_pit_detach(struct lodge_pit *pit);

#endif /* LODGE_DEV_PIT_H */
