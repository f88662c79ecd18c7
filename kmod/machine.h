/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_MACHINE_H
#define LODGE_MACHINE_H

#include "dev/console.h"
#include "dev/fwcfg.h"
#include "dev/hotplug.h"
#include "dev/pci.h"
#include "dev/pit.h"
#include "dev/pm.h"
#include "dev/rtc.h"
#include "dev/uart.h"
#include "dev/watchdog.h"
#include "irq/irqfd.h"
#include "irq/route.h"
#include "virtio/add.h"

struct lodge_bus;

/**
 * struct lodge_machine - interrupt controllers and chipset of a VM with LODGE_VM_MACHINE
 * @irq: interrupt controllers
 * @irqfds: eventfds that interrupt the guest
 * @serial: what the UART and its reader exchange
 * @debug: what port 0xe9 gets
 * @uart: at 0x3f8
 * @pit: at 0x40 and 0x61
 * @rtc: at 0x70
 * @pm: ACPI registers, reset ports, pvpanic
 * @watchdog: at 0x630
 * @fwcfg: at 0x510, with LODGE_VM_DEBUG_PORTS
 * @pci: PCI bus, with LODGE_VM_PCI; zeroed without
 * @hotplug: at 0x620, with the bus
 * @virtio: virtio devices, on it or in memory
 */
struct lodge_machine {
	struct lodge_irq irq;
	struct lodge_irqfds irqfds;
	struct lodge_console serial;
	struct lodge_console debug;
	struct lodge_uart uart;
	struct lodge_pit pit;
	struct lodge_rtc rtc;
	struct lodge_pm pm;
	struct lodge_watchdog watchdog;
	struct lodge_fwcfg fwcfg;
	struct lodge_pci pci;
	struct lodge_hotplug hotplug;
	struct lodge_virtio_set virtio;
};

struct lodge_machine *lodge_machine_create(struct lodge_bus *ports, struct lodge_bus *memory,
					   bool pci, void (*watchdog)(void *owner), void *owner);
void lodge_machine_stop(struct lodge_machine *machine);
void lodge_machine_destroy(struct lodge_machine *machine);

#endif /* LODGE_MACHINE_H */
