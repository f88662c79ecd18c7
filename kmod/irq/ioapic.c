// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O APIC: 24 pins, each with an entry that tells which message its
 * interrupt is (Intel 82093AA datasheet, 3.2; the EOI register is that of later
 * chipsets, from version 0x20 on).
 *
 * Polarity is not looked at: a device says "asserted", not "high".
 *
 * A level-triggered interrupt that is still asserted at its EOI is sent again at
 * once.  That cannot become a storm: every round takes an EOI, which is an exit of
 * a vCPU that the guest itself has spent.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/nospec.h>

#include "../dev/bus.h"
#include "message.h"
#include "route.h"

/* Registers in memory */
#define IOREGSEL	0x00
#define IOWIN		0x10
#define EOIR		0x40

/* Registers behind the window */
#define REG_ID		0x00
#define REG_VERSION	0x01
#define REG_ARBITRATION	0x02
#define REG_TABLE	0x10

#define VERSION		(0x20 | (LODGE_IOAPIC_PINS - 1) << 16)
#define ID_MASK		0x0f000000

/* Redirection entry */
#define ENTRY_MODE(e)	((e) >> 8 & 7)
#define ENTRY_LOGICAL	BIT_ULL(11)
#define ENTRY_REMOTE	BIT_ULL(14)	/* remote IRR */
#define ENTRY_LEVEL	BIT_ULL(15)
#define ENTRY_MASKED	BIT_ULL(16)
#define ENTRY_DEST(e)	((e) >> 56)
#define ENTRY_LOW	0x1afffULL	/* writable bits */
#define ENTRY_HIGH	(0xffULL << 56)

/* The others are always edges (82093AA, 3.2.4) */
static bool level_triggered(u64 entry)
{
	return (entry & ENTRY_LEVEL) && ENTRY_MODE(entry) <= LODGE_LAPIC_LOWEST;
}

static struct lodge_lapic_message message(u64 entry)
{
	return (struct lodge_lapic_message){
		.dest = ENTRY_DEST(entry),
		.vector = entry,
		.mode = ENTRY_MODE(entry),
		.logical = entry & ENTRY_LOGICAL,
		.level = level_triggered(entry),
	};
}

static void send(struct lodge_irq *irq, unsigned int pin)
{
	u64 *entry = &irq->ioapic.entry[pin];
	struct lodge_lapic_message m = message(*entry);

	/* an EOI that comes at once waits for the lock */
	if (lodge_lapic_deliver(irq, &m) && m.level)
		*entry |= ENTRY_REMOTE;
}

/* Send a level-triggered interrupt if it is due */
static void send_level(struct lodge_irq *irq, unsigned int pin)
{
	u64 entry = irq->ioapic.entry[pin];

	if ((irq->ioapic.level & BIT(pin)) && level_triggered(entry) &&
	    !(entry & (ENTRY_MASKED | ENTRY_REMOTE)))
		send(irq, pin);
}

/**
 * lodge_ioapic_reset - as after power-up: everything masked
 * @ioapic: under lodge_irq.lock; the pins stay as they are
 */
void lodge_ioapic_reset(struct lodge_ioapic *ioapic)
{
	unsigned int pin;

	ioapic->id = 0;
	ioapic->select = 0;
	for (pin = 0; pin < LODGE_IOAPIC_PINS; pin++)
		ioapic->entry[pin] = ENTRY_MASKED;
}

/**
 * lodge_ioapic_set_pin - a pin is asserted or released
 * @irq: locked
 * @pin: below LODGE_IOAPIC_PINS
 * @level: true: asserted
 *
 * An edge at a masked pin is lost (82093AA, 3.2.4).
 */
void lodge_ioapic_set_pin(struct lodge_irq *irq, unsigned int pin, bool level)
{
	struct lodge_ioapic *ioapic = &irq->ioapic;
	u32 bit = BIT(pin);

	if (level == !!(ioapic->level & bit))
		return;
	ioapic->level ^= bit;
	if (!level)
		return;
	if (level_triggered(ioapic->entry[pin]))
		send_level(irq, pin);
	else if (!(ioapic->entry[pin] & ENTRY_MASKED))
		send(irq, pin);
}

/**
 * lodge_ioapic_pin_state - what has become of the last edge at a pin
 * @irq: locked
 * @pin: below LODGE_IOAPIC_PINS
 *
 * Return: enum lodge_line_state; of what has no vector nobody can tell: taken.
 */
enum lodge_line_state lodge_ioapic_pin_state(struct lodge_irq *irq, unsigned int pin)
{
	u64 entry = irq->ioapic.entry[pin];
	struct lodge_lapic_message m = message(entry);

	if (entry & ENTRY_MASKED)
		return LODGE_LINE_CLOSED;
	if (m.mode > LODGE_LAPIC_LOWEST)
		return LODGE_LINE_TAKEN;
	return lodge_message_waits(irq, &m) ? LODGE_LINE_WAITS : LODGE_LINE_TAKEN;
}

/**
 * lodge_ioapic_in_service - which pins an EOI is for
 * @irq: locked
 * @vector: of the interrupt
 *
 * Return: a bit for each.
 */
u32 lodge_ioapic_in_service(const struct lodge_irq *irq, u8 vector)
{
	unsigned int pin;
	u32 pins = 0;

	for (pin = 0; pin < LODGE_IOAPIC_PINS; pin++) {
		u64 entry = irq->ioapic.entry[pin];

		if ((u8)entry == vector && (entry & ENTRY_REMOTE))
			pins |= BIT(pin);
	}
	return pins;
}

/**
 * lodge_ioapic_eoi - a level-triggered interrupt has been handled
 * @irq: locked
 * @vector: all entries that have it are meant
 */
void lodge_ioapic_eoi(struct lodge_irq *irq, u8 vector)
{
	unsigned int pin;
	u64 *entry;

	for (pin = 0; pin < LODGE_IOAPIC_PINS; pin++) {
		entry = &irq->ioapic.entry[pin];
		if ((u8)*entry != vector || !(*entry & ENTRY_REMOTE))
			continue;
		*entry &= ~ENTRY_REMOTE;
		send_level(irq, pin);
	}
}

/**
 * lodge_ioapic_retry - send again what nobody has accepted
 * @irq: locked
 */
void lodge_ioapic_retry(struct lodge_irq *irq)
{
	unsigned int pin;

	for (pin = 0; pin < LODGE_IOAPIC_PINS; pin++)
		send_level(irq, pin);
}

static u32 read_window(const struct lodge_ioapic *ioapic)
{
	u32 pin = (ioapic->select - REG_TABLE) / 2;
	u64 entry;

	switch (ioapic->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return ioapic->id;
	case REG_VERSION:
		return VERSION;
	}
	if (ioapic->select < REG_TABLE || pin >= LODGE_IOAPIC_PINS)
		return 0;
	entry = ioapic->entry[array_index_nospec(pin, LODGE_IOAPIC_PINS)];
	return ioapic->select & 1 ? entry >> 32 : entry;
}

static void write_window(struct lodge_irq *irq, u32 value)
{
	struct lodge_ioapic *ioapic = &irq->ioapic;
	u32 pin = (ioapic->select - REG_TABLE) / 2;
	u64 *entry;

	if (ioapic->select == REG_ID)
		ioapic->id = value & ID_MASK;
	if (ioapic->select < REG_TABLE || pin >= LODGE_IOAPIC_PINS)
		return;
	pin = array_index_nospec(pin, LODGE_IOAPIC_PINS);
	entry = &ioapic->entry[pin];
	if (ioapic->select & 1)
		*entry = (*entry & ~ENTRY_HIGH) | ((u64)value << 32 & ENTRY_HIGH);
	else
		*entry = (*entry & ~ENTRY_LOW) | (value & ENTRY_LOW);
	/* guests clear a remote IRR that no EOI will by making it an edge */
	if (!level_triggered(*entry))
		*entry &= ~ENTRY_REMOTE;
	send_level(irq, pin);
}

/**
 * lodge_ioapic_read - read a register
 * @irq: locked
 * @offset: into the page
 *
 * Return: its value, 0 if there is none.
 */
u32 lodge_ioapic_read(struct lodge_irq *irq, u32 offset)
{
	switch (offset) {
	case IOREGSEL:
		return irq->ioapic.select;
	case IOWIN:
		return read_window(&irq->ioapic);
	}
	return 0;
}

/**
 * lodge_ioapic_write - write a register, other than that of EOIs
 * @irq: locked
 * @offset: into the page
 * @value: the guest's
 */
void lodge_ioapic_write(struct lodge_irq *irq, u32 offset, u32 value)
{
	switch (offset) {
	case IOREGSEL:
		irq->ioapic.select = value & 0xff;
		break;
	case IOWIN:
		write_window(irq, value);
		break;
	}
}

static u64 read(void *dev, u32 offset, u8 width)
{
	struct lodge_irq *irq = dev;
	unsigned long flags;
	u32 value;

	if (width != 4)
		return 0;
	raw_spin_lock_irqsave(&irq->lock, flags);
	value = lodge_ioapic_read(irq, offset);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	return value;
}

static enum lodge_bus_end write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_irq *irq = dev;
	unsigned long flags;

	if (width != 4)
		return LODGE_BUS_DONE;
	if (offset == EOIR) {
		lodge_route_eoi(irq, value);
		return LODGE_BUS_DONE;
	}
	raw_spin_lock_irqsave(&irq->lock, flags);
	lodge_ioapic_write(irq, offset, value);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops ops = {
	.read = read,
	.write = write,
};

/**
 * lodge_ioapic_attach - put the I/O APIC on a VM's memory bus
 * @irq: the VM's
 * @memory: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_ioapic_attach(struct lodge_irq *irq, struct lodge_bus *memory)
{
	const struct lodge_bus_range range = {
		.first = LODGE_IOAPIC_BASE, .count = LODGE_IOAPIC_SIZE, .ops = &ops, .dev = irq,
	};

	return lodge_bus_add(memory, &range);
}
