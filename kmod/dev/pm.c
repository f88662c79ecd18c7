// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a guest ends and resets itself, and what else ACPI wants of hardware: PM1
 * registers with the power button, the PM timer, general-purpose events, the ports
 * that reset a PC, and pvpanic.
 *
 * Source: ACPI 6.4, 4.8.3 (fixed hardware registers); PCI: Intel ICH9 data sheet,
 * 13.7.5 (0xcf9) and 13.7.2 (0x92).
 */
#include <linux/bits.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/math64.h>

#include "../compat.h"
#include "../irq/route.h"
#include "bus.h"
#include "pm.h"

#define PM_BYTES	12
#define GPE_BYTES	4
#define PM_TIMER	8	/* offset */
#define PM_TIMER_HZ	3579545

/* status and enable */
#define PM1_TIMER	0x0001
#define PM1_BUTTON	0x0100
#define PM1_STATUS	0x8731	/* those that a write of 1 clears */
#define PM1_ENABLE	0x0721

/* control */
#define CONTROL_SCI	0x0001
#define CONTROL_TYPE	0x1c00
#define CONTROL_SLEEP	0x2000
#define CONTROL_KEPT	(CONTROL_TYPE | 0x0002)

#define RESET_CPU	0x04
#define RESET_KEPT	0x0a

#define PORT92		0x92
#define PORT92_RESET	0x01
#define PORT92_A20	0x02

#define I8042_DATA	0x60
#define I8042_STATUS	0x64
#define I8042_WRITE_OUT	0xd1	/* command: the next byte of data is the output port */
#define I8042_PULSE	0xf0	/* command: pulse outputs, those of which a bit is 0 */
#define I8042_RESET	0x01	/* output */
#define I8042_BUSY	0x02	/* status */
#define I8042_READS	4

#define PANICKED	0x01

/* ---- ACPI ---------------------------------------------------------------- */

static u64 timer_clocks(const struct lodge_pm *pm, u64 now)
{
	return now > pm->origin ? mul_u64_u64_div_u64(now - pm->origin, PM_TIMER_HZ,
						      NSEC_PER_SEC) : 0;
}

/* The status tells of each change of the timer's highest bit, every ten minutes */
static void update(struct lodge_pm *pm, u64 now)
{
	u64 carries = timer_clocks(pm, now) >> 31;
	bool line;
	u64 at;

	if (carries > pm->carries) {
		pm->carries = carries;
		pm->status |= PM1_TIMER;
	}
	line = (pm->status & pm->enable) | (pm->gpe_status & pm->gpe_enable);
	if (line != pm->line) {
		pm->line = line;
		lodge_route_set_gsi(pm->irq, LODGE_PM_SCI, line);
	}
	if (!(pm->enable & ~pm->status & PM1_TIMER)) {
		hrtimer_try_to_cancel(&pm->timer);
		return;
	}
	at = mul_u64_u64_div_u64((pm->carries + 1) << 31, NSEC_PER_SEC, PM_TIMER_HZ) + 1;
	hrtimer_start(&pm->timer, ns_to_ktime(pm->origin + at), HRTIMER_MODE_ABS_HARD);
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct lodge_pm *pm = container_of(timer, struct lodge_pm, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	update(pm, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	return HRTIMER_NORESTART;
}

/* The timer alone is read often, and needs no lock: nothing of it changes */
static u64 acpi_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;
	u64 now = ktime_get_ns();
	u32 timer = timer_clocks(pm, now);
	unsigned long flags;
	u64 registers;

	if (offset >= PM_TIMER)
		return timer >> 8 * (offset - PM_TIMER);
	raw_spin_lock_irqsave(&pm->lock, flags);
	update(pm, now);
	registers = pm->status | (u64)pm->enable << 16 |
		    (u64)(pm->control | CONTROL_SCI) << 32;
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	registers >>= 8 * offset;
	if (offset + width > PM_TIMER)
		registers |= (u64)timer << 8 * (PM_TIMER - offset);
	return registers;
}

static void set_bits(u16 *reg, u16 value, u16 mask)
{
	*reg = (*reg & ~mask) | (value & mask);
}

static enum lodge_bus_end acpi_write(void *dev, u32 offset, u8 width, u64 value)
{
	enum lodge_bus_end end = LODGE_BUS_DONE;
	struct lodge_pm *pm = dev;
	u64 mask = GENMASK_ULL(8 * width - 1, 0);
	u64 now = ktime_get_ns();
	unsigned long flags;
	u16 control;

	if (offset >= PM_TIMER)
		return LODGE_BUS_DONE;
	mask <<= 8 * offset;
	value = (value << 8 * offset) & mask;
	raw_spin_lock_irqsave(&pm->lock, flags);
	update(pm, now);
	pm->status &= ~(value & PM1_STATUS);
	set_bits(&pm->enable, value >> 16, (mask >> 16) & PM1_ENABLE);
	set_bits(&pm->control, value >> 32, (mask >> 32) & CONTROL_KEPT);
	control = pm->control | ((value >> 32) & CONTROL_SLEEP);
	update(pm, now);
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	if ((control & CONTROL_SLEEP) && (control & CONTROL_TYPE) == LODGE_PM_S5 << 10)
		end = LODGE_BUS_POWEROFF;
	return end;
}

static const struct lodge_bus_ops acpi_ops = {
	.read = acpi_read,
	.write = acpi_write,
};

/**
 * lodge_pm_press_button - press the power button
 * @pm: of a VM
 *
 * Any context.
 */
void lodge_pm_press_button(struct lodge_pm *pm)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	pm->status |= PM1_BUTTON;
	update(pm, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pm->lock, flags);
}

/* ---- general-purpose events, ACPI 6.4, 4.8.4.1 --------------------------- */

static u64 gpe_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;
	unsigned long flags;
	u32 registers;

	raw_spin_lock_irqsave(&pm->lock, flags);
	registers = pm->gpe_status | (u32)pm->gpe_enable << 16;
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	return registers >> 8 * offset;
}

static enum lodge_bus_end gpe_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_pm *pm = dev;
	u64 mask = GENMASK_ULL(8 * width - 1, 0) << 8 * offset;
	unsigned long flags;

	value = (value << 8 * offset) & mask;
	raw_spin_lock_irqsave(&pm->lock, flags);
	pm->gpe_status &= ~value;
	set_bits(&pm->gpe_enable, value >> 16, mask >> 16);
	update(pm, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops gpe_ops = {
	.read = gpe_read,
	.write = gpe_write,
};

/**
 * lodge_pm_raise - a general-purpose event
 * @pm: of a VM
 * @gpe: its number, below 16
 *
 * Any context but NMI.
 */
void lodge_pm_raise(struct lodge_pm *pm, unsigned int gpe)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	pm->gpe_status |= BIT(gpe);
	update(pm, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pm->lock, flags);
}

/* ---- reset --------------------------------------------------------------- */

static u64 reset_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;

	return READ_ONCE(pm->reset);
}

/* The next write with the bit set resets, whether it was set before or not */
static enum lodge_bus_end reset_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_pm *pm = dev;

	WRITE_ONCE(pm->reset, value & RESET_KEPT);
	return value & RESET_CPU ? LODGE_BUS_RESET : LODGE_BUS_DONE;
}

static const struct lodge_bus_ops reset_ops = {
	.read = reset_read,
	.write = reset_write,
};

static u64 port92_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;

	return READ_ONCE(pm->port92);
}

/* A20 is kept as it is set, and has no effect */
static enum lodge_bus_end port92_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_pm *pm = dev;

	WRITE_ONCE(pm->port92, value & PORT92_A20);
	return value & PORT92_RESET ? LODGE_BUS_RESET : LODGE_BUS_DONE;
}

static const struct lodge_bus_ops port92_ops = {
	.read = port92_read,
	.write = port92_write,
};

/*
 * There is no keyboard controller but for its reset line.  All ones tell that
 * nobody is there: drivers find data in that, however much they read, and give
 * up.  One that only waits until the controller takes a command, to have the
 * machine reset, reads nothing else meanwhile, and finds it ready.
 */
static u64 i8042_status_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;
	u8 reads = READ_ONCE(pm->status_reads);

	if (reads >= I8042_READS)
		return (u8)~I8042_BUSY;
	WRITE_ONCE(pm->status_reads, reads + 1);
	return 0xff;
}

static enum lodge_bus_end i8042_command(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_pm *pm = dev;
	u8 command = value;

	WRITE_ONCE(pm->output_port, command == I8042_WRITE_OUT);
	return (command & ~0xf) == I8042_PULSE && !(command & I8042_RESET) ? LODGE_BUS_RESET :
									     LODGE_BUS_DONE;
}

static const struct lodge_bus_ops i8042_status_ops = {
	.read = i8042_status_read,
	.write = i8042_command,
};

static u64 i8042_data_read(void *dev, u32 offset, u8 width)
{
	struct lodge_pm *pm = dev;

	WRITE_ONCE(pm->status_reads, 0);
	return 0xff;
}

static enum lodge_bus_end i8042_data_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_pm *pm = dev;
	bool output_port = READ_ONCE(pm->output_port);

	WRITE_ONCE(pm->output_port, false);
	return output_port && !(value & I8042_RESET) ? LODGE_BUS_RESET : LODGE_BUS_DONE;
}

static const struct lodge_bus_ops i8042_data_ops = {
	.read = i8042_data_read,
	.write = i8042_data_write,
};

/* ---- pvpanic ------------------------------------------------------------- */

static u64 panic_read(void *dev, u32 offset, u8 width)
{
	return PANICKED;
}

static enum lodge_bus_end panic_write(void *dev, u32 offset, u8 width, u64 value)
{
	return value & PANICKED ? LODGE_BUS_PANIC : LODGE_BUS_DONE;
}

static const struct lodge_bus_ops panic_ops = {
	.read = panic_read,
	.write = panic_write,
};

/**
 * lodge_pm_attach - put power management on a VM's bus
 * @pm: zeroed
 * @ports: the VM's
 * @irq: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_pm_attach(struct lodge_pm *pm, struct lodge_bus *ports, struct lodge_irq *irq)
{
	const struct lodge_bus_range ranges[] = {
		{ LODGE_PM_BASE, PM_BYTES, &acpi_ops, pm },
		{ LODGE_PM_GPE, GPE_BYTES, &gpe_ops, pm },
		{ LODGE_PM_RESET, 1, &reset_ops, pm },
		{ PORT92, 1, &port92_ops, pm },
		{ I8042_DATA, 1, &i8042_data_ops, pm },
		{ I8042_STATUS, 1, &i8042_status_ops, pm },
		{ LODGE_PM_PVPANIC, 1, &panic_ops, pm },
	};
	unsigned int i;
	int err = 0;

	raw_spin_lock_init(&pm->lock);
	pm->irq = irq;
	pm->port92 = PORT92_A20;
	pm->origin = ktime_get_ns();
	compat_hrtimer_setup(&pm->timer, timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	for (i = 0; i < ARRAY_SIZE(ranges) && !err; i++)
		err = lodge_bus_add(ports, &ranges[i]);
	return err;
}

/**
 * lodge_pm_detach - mirror of lodge_pm_attach()
 * @pm: that nobody uses any more
 */
void lodge_pm_detach(struct lodge_pm *pm)
{
	hrtimer_cancel(&pm->timer);
}
