// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine around the processors: interrupt controllers and chipset.
 */
#include <linux/err.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

#include "alloc.h"
#include "dev/bus.h"
#include "machine.h"

/**
 * lodge_machine_create - interrupt controllers and chipset of a VM
 * @ports: gets the machine's ports; of no use after a failure
 * @memory: gets its device memory; likewise
 * @pci: with a PCI bus
 * @watchdog: see lodge_watchdog_attach()
 * @owner: likewise
 *
 * Return: the machine, or an ERR_PTR: -ENOMEM, or what lodge_bus_add() returned.
 */
struct lodge_machine *lodge_machine_create(struct lodge_bus *ports, struct lodge_bus *memory,
					   bool pci, void (*watchdog)(void *owner), void *owner)
{
	struct lodge_machine *m = lodge_alloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	int err;

	if (!m)
		return ERR_PTR(-ENOMEM);
	err = lodge_route_init(&m->irq, ports, memory);
	if (err)
		goto err_free;
	lodge_irqfd_create(&m->irqfds, &m->irq);
	err = lodge_console_create(&m->serial, lodge_uart_changed, &m->uart);
	if (err)
		goto err_free;
	err = lodge_console_create(&m->debug, NULL, NULL);
	if (err)
		goto err_serial;
	err = lodge_uart_attach(&m->uart, ports, &m->irq, &m->serial);
	if (err)
		goto err_debug;
	err = lodge_pit_attach(&m->pit, ports, &m->irq);
	if (err)
		goto err_debug;
	err = lodge_rtc_attach(&m->rtc, ports, &m->irq);
	if (err)
		goto err_debug;
	err = lodge_pm_attach(&m->pm, ports, &m->irq);
	if (err)
		goto err_debug;
	err = lodge_watchdog_attach(&m->watchdog, ports, watchdog, owner);
	if (err)
		goto err_debug;
	/* after the others: it takes a port from one */
	if (pci)
		err = lodge_pci_attach(&m->pci, ports, memory, &m->irq);
	if (err)
		goto err_debug;
	if (pci)
		err = lodge_hotplug_attach(&m->hotplug, ports, &m->pm);
	if (err)
		goto err_debug;
	init_rwsem(&m->virtio.lock);
	m->virtio.pci = pci ? &m->pci : NULL;
	lodge_virtio_mmio_init(&m->virtio.mmio, memory, &m->irq);
	return m;

	/* no guest has run, so no device has a timer under way */
err_debug:
	lodge_console_destroy(&m->debug);
err_serial:
	lodge_console_destroy(&m->serial);
err_free:
	kfree(m);
	return ERR_PTR(err);
}

/**
 * lodge_machine_stop - destroy what makes use of guest memory by itself
 * @machine: of a VM that has no vCPU any more, but its memory still; may sleep
 */
void lodge_machine_stop(struct lodge_machine *machine)
{
	lodge_pci_detach(&machine->pci);
	lodge_virtio_mmio_detach(&machine->virtio.mmio);
}

/**
 * lodge_machine_destroy - mirror of lodge_machine_create()
 * @machine: stopped, of a VM that has no vCPU and no open console any more; may sleep
 */
void lodge_machine_destroy(struct lodge_machine *machine)
{
	lodge_irqfd_destroy(&machine->irqfds);
	lodge_watchdog_detach(&machine->watchdog);
	lodge_pm_detach(&machine->pm);
	lodge_rtc_detach(&machine->rtc);
	lodge_pit_detach(&machine->pit);
	lodge_fwcfg_detach(&machine->fwcfg);
	lodge_console_destroy(&machine->debug);
	lodge_console_destroy(&machine->serial);
	kfree(machine);
}
