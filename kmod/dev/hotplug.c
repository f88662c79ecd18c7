// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot-plug of PCI devices by ACPI: registers of our own, which the methods in the DSDT
 * read and write (ACPI 6.4, 6.3.3, _EJx; 5.6.6, device object notifications).
 *
 * A guest can eject what it was asked for, and nothing else: who has the VM decides on
 * its devices.
 */
#include <linux/bits.h>
#include <linux/kernel.h>

#include "bus.h"
#include "hotplug.h"
#include "pm.h"

/* Registers; a write of 1 to CAME and WANTED clears */
#define CAME	0
#define WANTED	4
#define EJECT	8
#define BYTES	12

static u64 hotplug_read(void *dev, u32 offset, u8 width)
{
	struct lodge_hotplug *hp = dev;

	if (width != 4)
		return ~0ULL;
	switch (offset) {
	case CAME:
		return READ_ONCE(hp->came);
	case WANTED:
		return READ_ONCE(hp->wanted);
	default:
		return 0;
	}
}

static enum lodge_bus_end hotplug_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_hotplug *hp = dev;
	unsigned long flags;
	u32 ejected = 0;

	if (width != 4)
		return LODGE_BUS_DONE;
	raw_spin_lock_irqsave(&hp->lock, flags);
	switch (offset) {
	case CAME:
		hp->came &= ~value;
		break;
	case WANTED:
		hp->wanted &= ~value;
		break;
	case EJECT:
		ejected = hp->asked & value;
		hp->asked &= ~ejected;
		hp->ejected |= ejected;
		break;
	}
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	if (ejected)
		hp->eject(hp->owner);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops hotplug_ops = {
	.read = hotplug_read,
	.write = hotplug_write,
};

/**
 * lodge_hotplug_attach - put the registers on a VM's bus
 * @hp: zeroed; the caller sets lodge_hotplug.eject before any guest runs
 * @ports: the VM's
 * @pm: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_hotplug_attach(struct lodge_hotplug *hp, struct lodge_bus *ports, struct lodge_pm *pm)
{
	const struct lodge_bus_range range = { LODGE_HOTPLUG_PORT, BYTES, &hotplug_ops, hp };

	raw_spin_lock_init(&hp->lock);
	hp->pm = pm;
	return lodge_bus_add(ports, &range);
}

/* A bit for each slot: has a device, shall give one back */
static void announce(struct lodge_hotplug *hp, u32 came, u32 wanted)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	hp->came |= came;
	hp->wanted |= wanted;
	hp->asked |= wanted;
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	lodge_pm_raise(hp->pm, LODGE_HOTPLUG_GPE);
}

/**
 * lodge_hotplug_tell - a device has come
 * @hp: of a VM
 * @slot: its number, below 32
 */
void lodge_hotplug_tell(struct lodge_hotplug *hp, unsigned int slot)
{
	announce(hp, BIT(slot), 0);
}

/**
 * lodge_hotplug_ask - have the guest eject a device; it may be asked again
 * @hp: of a VM
 * @slot: the device's number, below 32
 */
void lodge_hotplug_ask(struct lodge_hotplug *hp, unsigned int slot)
{
	announce(hp, 0, BIT(slot));
}

/**
 * lodge_hotplug_pull - have the guest eject a device that goes soon anyhow
 * @hp: of a VM
 * @slot: the device's number, below 32
 *
 * Return: true if it is the first time that this is called for the device.
 */
bool lodge_hotplug_pull(struct lodge_hotplug *hp, unsigned int slot)
{
	unsigned long flags;
	bool first;

	raw_spin_lock_irqsave(&hp->lock, flags);
	first = !(hp->pulled & BIT(slot));
	hp->pulled |= BIT(slot);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	announce(hp, 0, BIT(slot));
	return first;
}

/**
 * lodge_hotplug_pulled - what lodge_hotplug_pull() was called for, and is still there
 * @hp: of a VM
 *
 * Return: a bit for each slot.
 */
u32 lodge_hotplug_pulled(struct lodge_hotplug *hp)
{
	return READ_ONCE(hp->pulled);
}

/**
 * lodge_hotplug_force - eject devices as if the guest did
 * @hp: of a VM
 * @slots: a bit for each
 */
void lodge_hotplug_force(struct lodge_hotplug *hp, u32 slots)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	hp->asked &= ~slots;
	hp->forced |= slots & ~hp->ejected;
	hp->ejected |= slots;
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	hp->eject(hp->owner);
}

/**
 * lodge_hotplug_take - what is to be removed
 * @hp: of a VM
 *
 * Return: a bit for each slot; told of once.
 */
u32 lodge_hotplug_take(struct lodge_hotplug *hp)
{
	unsigned long flags;
	u32 ejected;

	raw_spin_lock_irqsave(&hp->lock, flags);
	ejected = hp->ejected;
	hp->ejected = 0;
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	return ejected;
}

/**
 * lodge_hotplug_forget - a device is about to be removed
 * @hp: of a VM
 * @slot: its number, below 32
 *
 * That it shall be ejected stays for the guest to see, if it has not yet.
 *
 * Return: true if the guest has not ejected it itself.
 */
bool lodge_hotplug_forget(struct lodge_hotplug *hp, unsigned int slot)
{
	unsigned long flags;
	bool forced;

	raw_spin_lock_irqsave(&hp->lock, flags);
	forced = hp->forced & BIT(slot);
	hp->came &= ~BIT(slot);
	hp->asked &= ~BIT(slot);
	hp->ejected &= ~BIT(slot);
	hp->pulled &= ~BIT(slot);
	hp->forced &= ~BIT(slot);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	return forced;
}
