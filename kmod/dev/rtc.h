/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_RTC_H
#define LODGE_DEV_RTC_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_irq;

#define LODGE_RTC_NVRAM	128

/**
 * struct lodge_rtc - an MC146818 at ports 0x70 and 0x71 with IRQ 8
 * @lock: guards all below; outside the interrupt controllers'; raw, interrupts saved
 * @irq: interrupt controllers [I]
 * @index: register that port 0x71 reaches
 * @frozen: the guest sets the time: @nvram has it, and it stands still
 * @line: level of the interrupt line
 * @weekday: days that the guest's day of the week is ahead of the date's, 0 to 6
 * @phase: ns that the guest's seconds begin before the host's, below 10^9
 * @offset: seconds that the guest's time is ahead of the host's, UTC, plus @phase
 * @seen: up to when events are in register C, ns of CLOCK_REALTIME plus @phase
 * @nvram: all registers; those of the time only while @frozen
 * @timer: next event that interrupts, CLOCK_REALTIME; armed only if one is enabled
 *	that is not pending
 *
 * [I] constant after attach.
 */
struct lodge_rtc {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	u8 index;
	bool frozen;
	bool line;
	u8 weekday;
	u32 phase;
	s64 offset;
	u64 seen;
	u8 nvram[LODGE_RTC_NVRAM];
	struct hrtimer timer;
};

int lodge_rtc_attach(struct lodge_rtc *rtc, struct lodge_bus *ports, struct lodge_irq *irq);
void lodge_rtc_detach(struct lodge_rtc *rtc);

#endif /* LODGE_DEV_RTC_H */
