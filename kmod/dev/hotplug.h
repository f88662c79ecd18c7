/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hotplug.h - by what the guest learns that PCI devices come and shall go
 *
 *	lodge_hotplug_tell(), _ask() -> general-purpose event -> \_GPE._E01 (vmctl/acpi.c)
 *		reads the registers, and notifies the slots' devices
 *	_EJ0 of a slot -> eject register -> lodge_hotplug.eject
 */
#ifndef LODGE_DEV_HOTPLUG_H
#define LODGE_DEV_HOTPLUG_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_bus;
struct lodge_pm;

#define LODGE_HOTPLUG_PORT	0x620	/* double words: CAME, WANTED, EJECT; a bit a slot */
#define LODGE_HOTPLUG_GPE	1

/**
 * struct lodge_hotplug - the registers
 * @lock: guards what follows; raw, interrupts saved; nothing is taken inside
 * @pm: has the event [I]
 * @eject: called when there is something for lodge_hotplug_take(); any context but NMI [I]
 * @owner: its argument [I]
 * @came: slots that have a new device, until the guest has seen them [L]
 * @wanted: slots that shall be ejected, likewise [L]
 * @asked: slots that the guest may eject [L]
 * @ejected: slots that are to be emptied, until they are taken [L]
 * @pulled: slots whose device goes soon even if the guest does not eject it [L]
 * @forced: slots of @ejected that it has not ejected [L]
 *
 * [I] constant once the guest runs, [L] @lock.
 */
struct lodge_hotplug {
	raw_spinlock_t lock;
	struct lodge_pm *pm;
	void (*eject)(void *owner);
	void *owner;
	u32 came;
	u32 wanted;
	u32 asked;
	u32 ejected;
	u32 pulled;
	u32 forced;
};

int lodge_hotplug_attach(struct lodge_hotplug *hp, struct lodge_bus *ports, struct lodge_pm *pm);
void lodge_hotplug_tell(struct lodge_hotplug *hp, unsigned int slot);
void lodge_hotplug_ask(struct lodge_hotplug *hp, unsigned int slot);
bool lodge_hotplug_pull(struct lodge_hotplug *hp, unsigned int slot);
u32 lodge_hotplug_pulled(struct lodge_hotplug *hp);
void lodge_hotplug_force(struct lodge_hotplug *hp, u32 slots);
u32 lodge_hotplug_take(struct lodge_hotplug *hp);
bool lodge_hotplug_forget(struct lodge_hotplug *hp, unsigned int slot);

#endif /* LODGE_DEV_HOTPLUG_H */
