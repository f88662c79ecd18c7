/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_PM_H
#define LODGE_DEV_PM_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_irq;

#define LODGE_PM_BASE		0x600	/* ACPI: PM1a events; control and timer follow */
#define LODGE_PM_CONTROL	(LODGE_PM_BASE + 4)
#define LODGE_PM_TIMER		(LODGE_PM_BASE + 8)
#define LODGE_PM_GPE		(LODGE_PM_BASE + 12)	/* status and enable, 16 events */
#define LODGE_PM_RESET		0xcf9	/* reset register; a value with bit 2 resets */
#define LODGE_PM_SCI		9	/* level */
#define LODGE_PM_S5		5	/* SLP_TYP of S5 */
#define LODGE_PM_PVPANIC	0x505

/**
 * struct lodge_pm - power management and reset
 * @lock: guards all below; outside the interrupt controllers'; raw, interrupts saved
 * @irq: interrupt controllers [I]
 * @status: PM1 status
 * @enable: PM1 enable
 * @control: PM1 control
 * @gpe_status: general-purpose events
 * @gpe_enable: likewise
 * @line: level of the SCI
 * @reset: port 0xcf9
 * @port92: port 0x92
 * @output_port: the next byte for port 0x60 goes to the i8042's output port
 * @status_reads: reads of port 0x64 since one of 0x60
 * @origin: the PM timer's 0, ns of CLOCK_MONOTONIC
 * @carries: changes of its highest bit that @status has
 * @timer: next of them; armed only if it interrupts
 *
 * [I] constant after attach.
 */
struct lodge_pm {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	u16 status;
	u16 enable;
	u16 control;
	u16 gpe_status;
	u16 gpe_enable;
	bool line;
	u8 reset;
	u8 port92;
	bool output_port;
	u8 status_reads;
	u64 origin;
	u64 carries;
	struct hrtimer timer;
};

int lodge_pm_attach(struct lodge_pm *pm, struct lodge_bus *ports, struct lodge_irq *irq);
void lodge_pm_detach(struct lodge_pm *pm);
void lodge_pm_press_button(struct lodge_pm *pm);
void lodge_pm_raise(struct lodge_pm *pm, unsigned int gpe);

#endif /* LODGE_DEV_PM_H */
