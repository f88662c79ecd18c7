/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * acpi.h - the ACPI tables that describe lodge's machine to a guest
 */
#ifndef VMCTL_ACPI_H
#define VMCTL_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The machine of LODGE_VM_MACHINE */
#define ACPI_LAPIC_BASE		0xfee00000
#define ACPI_IOAPIC_BASE	0xfec00000
#define ACPI_SCI		9
#define ACPI_PM1_EVENT		0x600
#define ACPI_PM1_CONTROL	0x604
#define ACPI_PM_TIMER		0x608
#define ACPI_GPE		0x60c		/* status and enable of 16 events */
#define ACPI_GPE_BYTES		4
#define ACPI_HOTPLUG_PORT	0x620
#define ACPI_HOTPLUG_PORTS	12
#define ACPI_RESET_PORT		0xcf9
#define ACPI_RESET_VALUE	6
#define ACPI_S5_TYPE		5
#define ACPI_PVPANIC_PORT	0x505
#define ACPI_WATCHDOG_PORT	0x630		/* running, expired, period, left: 32 bits each */
#define ACPI_WATCHDOG_MS	100		/* of a count */
#define ACPI_WATCHDOG_MAX	36000		/* counts */
#define ACPI_PCI_ECAM		0xc0000000	/* configuration space of bus 0 */
#define ACPI_PCI_ECAM_SIZE	0x100000
#define ACPI_PCI_MEMORY		0xc0100000	/* window for BARs */
#define ACPI_PCI_MEMORY_SIZE	0x3eb00000
#define ACPI_PCI_IO		0xc000
#define ACPI_PCI_IO_SIZE	0x4000
#define ACPI_PCI_PORT		0xcf8
#define ACPI_PCI_DEVICES	32
#define ACPI_PCI_GSI		16		/* INTA of device n: this + n % ACPI_PCI_LINES */
#define ACPI_PCI_LINES		8
#define ACPI_RSDP_SIZE		36	/* the root pointer's (ACPI 6.5, 5.2.5.3) */
#define ACPI_MAX_CPUS		254	/* IDs of 8 bits: beyond them x2APIC entries are wanted */

/**
 * struct acpi_machine - what the tables tell of
 * @cpus: processors, with the APIC IDs from 0
 * @pci: a PCI bus
 * @virtio: without it: virtio-mmio devices, with the numbers from 1
 */
struct acpi_machine {
	unsigned int cpus;
	bool pci;
	unsigned int virtio;
};

/**
 * acpi_build - write the tables
 * @buf: what is at guest-physical @base; zero
 * @room: bytes there
 * @base: a multiple of 64; the root pointer lies there
 * @machine: what there is
 *
 * Return: bytes used, 0 if @room or the number of CPUs or devices is not right.
 */
size_t acpi_build(uint8_t *buf, size_t room, uint64_t base, const struct acpi_machine *machine);

#endif /* VMCTL_ACPI_H */
