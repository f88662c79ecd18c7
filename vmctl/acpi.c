// SPDX-License-Identifier: GPL-2.0-only
/*
 * RSDP, RSDT, XSDT, FADT, FACS, MADT, MCFG, DSDT (ACPI 6.5, chapter 5) and WDAT.
 *
 * Each table is written behind the others; the roots come last, when the others'
 * addresses are known.
 */
#include <linux/lodge.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"

#define HEADER_SIZE	36
#define FADT_SIZE	276
#define FACS_SIZE	64
#define MCFG_SIZE	60
#define WDAT_SIZE	(HEADER_SIZE + 32)	/* entries follow */
#define WDAT_ENTRY	24
#define MAX_TABLES	8	/* that the roots list */

/* To devices (table 5.173) */
#define NOTIFY_DEVICE_CHECK	1
#define NOTIFY_EJECT_REQUEST	3

/* FADT.Flags (table 5.10) */
#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_NO_SLEEP_BUTTON	(1u << 5)
#define FADT_NO_RTC_WAKE	(1u << 6)	/* as a fixed feature */
#define FADT_TIMER_32		(1u << 8)
#define FADT_RESET_REGISTER	(1u << 10)

/* FADT.IAPC_BOOT_ARCH (table 5.11) */
#define BOOT_LEGACY_DEVICES	(1u << 0)
#define BOOT_NO_VGA		(1u << 2)

/* MADT (5.2.12) */
#define MADT_PCAT_COMPAT	1
#define MADT_LAPIC		0
#define MADT_IOAPIC		1
#define MADT_OVERRIDE		2
#define MADT_LAPIC_NMI		4
#define LAPIC_ENABLED		1
#define ACTIVE_HIGH_LEVEL	0xd

/**
 * struct tables - tables being written
 * @buf: the first byte
 * @room: bytes
 * @used: bytes
 * @base: guest-physical address of @buf
 * @listed: addresses for the roots
 * @nr_listed: how many
 * @overflow: it did not fit; nothing more is written
 */
struct tables {
	uint8_t *buf;
	size_t room;
	size_t used;
	uint64_t base;
	uint32_t listed[MAX_TABLES];
	unsigned int nr_listed;
	bool overflow;
};

static void put(uint8_t *p, uint64_t value, unsigned int width)
{
	while (width--) {
		*p++ = value;
		value >>= 8;
	}
}

/* Makes all bytes add up to 0 */
static void checksum(uint8_t *table, size_t len, size_t at)
{
	uint8_t sum = 0;
	size_t i;

	table[at] = 0;
	for (i = 0; i < len; i++)
		sum += table[i];
	table[at] = -sum;
}

/* The next free bytes, or NULL */
static uint8_t *take(struct tables *t, size_t len, size_t align)
{
	size_t at = (t->used + align - 1) & ~(align - 1);

	if (t->overflow || at > t->room || len > t->room - at) {
		t->overflow = true;
		return NULL;
	}
	t->used = at + len;
	return t->buf + at;
}

static uint32_t address(const struct tables *t, const uint8_t *p)
{
	return t->base + (p - t->buf);
}

static void finish(uint8_t *p, const char *signature, uint8_t revision, uint32_t len)
{
	memcpy(p, signature, 4);
	put(p + 4, len, 4);
	p[8] = revision;
	memcpy(p + 10, "LODGE LODGE   ", 14);
	put(p + 24, 1, 4);
	memcpy(p + 28, "LDGE", 4);
	put(p + 32, 1, 4);
	checksum(p, len, 9);
}

static void list(struct tables *t, const uint8_t *p)
{
	t->listed[t->nr_listed++] = address(t, p);
}

/* ---- DSDT ---------------------------------------------------------------- */

static void put_device(struct aml *a, const char *name, const char *eisaid, uint16_t port,
		       uint8_t ports, unsigned int irq)
{
	aml_device(a, name);
	aml_name(a, "_HID");
	aml_eisaid(a, eisaid);
	aml_name(a, "_UID");
	aml_integer(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_ports(a, port, ports);
	aml_irq(a, irq);
	aml_end(a);
	aml_end(a);
}

/* The device that QEMU calls pvpanic; drivers know it by its name */
static void put_pvpanic(struct aml *a)
{
	aml_device(a, "PEVT");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0001");
	aml_name(a, "_STA");
	aml_integer(a, 0xf);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_ports(a, ACPI_PVPANIC_PORT, 1);
	aml_end(a);
	aml_end(a);
}

/* Which pin of the I/O APIC each device's INTA is (6.2.13) */
static void put_pci_routing(struct aml *a)
{
	unsigned int i;

	aml_name(a, "_PRT");
	aml_package(a, ACPI_PCI_DEVICES - 1);
	for (i = 1; i < ACPI_PCI_DEVICES; i++) {
		aml_package(a, 4);
		aml_integer(a, i << 16 | 0xffff);
		aml_integer(a, 0);
		aml_integer(a, 0);
		aml_integer(a, ACPI_PCI_GSI + i % ACPI_PCI_LINES);
		aml_end(a);
	}
	aml_end(a);
}

/* What kmod/dev/hotplug.c says of slots, bit n of device n */
static void put_hotplug_registers(struct aml *a)
{
	aml_region(a, "HPR", ACPI_HOTPLUG_PORT, ACPI_HOTPLUG_PORTS);
	aml_fields(a, "HPR");
	aml_field(a, "CAME");
	aml_field(a, "WANT");
	aml_field(a, "EJCT");
	aml_end(a);
}

static const char *slot_name(unsigned int slot, char *name)
{
	snprintf(name, 5, "S%03u", slot % ACPI_PCI_DEVICES);
	return name;
}

/* A device that can be ejected (6.3.3) */
static void put_slots(struct aml *a)
{
	unsigned int i;
	char name[5];

	for (i = 1; i < ACPI_PCI_DEVICES; i++) {
		aml_device(a, slot_name(i, name));
		aml_name(a, "_ADR");
		aml_integer(a, i << 16);
		aml_name(a, "_SUN");
		aml_integer(a, i);
		aml_method(a, "_EJ0", 1, false);
		aml_store(a);
		aml_integer(a, 1u << i);
		aml_term(a, "EJCT");
		aml_end(a);
		aml_end(a);
	}
}

/* What one register says, is taken from there and told */
static void put_notification(struct aml *a, const char *reg, unsigned int code)
{
	aml_store(a);
	aml_term(a, reg);
	aml_local(a, 0);
	aml_store(a);
	aml_local(a, 0);
	aml_term(a, reg);
	aml_term(a, "HPN");
	aml_local(a, 0);
	aml_integer(a, code);
}

/* HPN notifies the slots in a mask (5.6.6); HPE is called when there is something to tell */
static void put_notifications(struct aml *a)
{
	unsigned int i;
	char name[5];

	aml_method(a, "HPN", 2, false);
	for (i = 1; i < ACPI_PCI_DEVICES; i++) {
		aml_if(a);
		aml_masked(a, 0, 1u << i);
		aml_notify(a, slot_name(i, name));
		aml_arg(a, 1);
		aml_end(a);
	}
	aml_end(a);
	aml_method(a, "HPE", 0, true);
	/* what has gone by force first: there may be another device in its place */
	put_notification(a, "WANT", NOTIFY_EJECT_REQUEST);
	put_notification(a, "CAME", NOTIFY_DEVICE_CHECK);
	aml_end(a);
}

/* General-purpose event 1, an edge (5.6.4.1) */
static void put_event(struct aml *a)
{
	aml_scope(a, "\\_GPE");
	aml_method(a, "_E01", 0, false);
	aml_term(a, "\\_SB.PCI0.HPE");
	aml_end(a);
	aml_end(a);
}

static void put_pci(struct aml *a)
{
	aml_device(a, "PCI0");
	aml_name(a, "_HID");
	aml_eisaid(a, "PNP0A08");
	aml_name(a, "_CID");
	aml_eisaid(a, "PNP0A03");
	aml_name(a, "_UID");
	aml_integer(a, 0);
	aml_name(a, "_SEG");
	aml_integer(a, 0);
	aml_name(a, "_BBN");
	aml_integer(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_buses(a, 0, 0);
	aml_ports(a, ACPI_PCI_PORT, 8);
	aml_port_window(a, ACPI_PCI_IO, ACPI_PCI_IO_SIZE);
	aml_memory_window(a, ACPI_PCI_MEMORY, ACPI_PCI_MEMORY_SIZE);
	aml_end(a);
	put_pci_routing(a);
	put_hotplug_registers(a);
	put_slots(a);
	put_notifications(a);
	aml_end(a);
}

/* Memory that the MCFG table tells of must be some device's resource too */
static void put_pci_config(struct aml *a)
{
	aml_device(a, "MRES");
	aml_name(a, "_HID");
	aml_eisaid(a, "PNP0C02");
	aml_name(a, "_UID");
	aml_integer(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_memory(a, ACPI_PCI_ECAM, ACPI_PCI_ECAM_SIZE);
	aml_end(a);
	aml_end(a);
}

/* By the ID that drivers know virtio-mmio by */
static void put_virtio(struct aml *a, unsigned int devices)
{
	char name[8];
	unsigned int i;

	for (i = 1; i <= devices; i++) {
		snprintf(name, sizeof(name), "V%03X", i & 0xfff);
		aml_device(a, name);
		aml_name(a, "_HID");
		aml_string(a, "LNRO0005");
		aml_name(a, "_UID");
		aml_integer(a, i);
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_memory(a, LODGE_MMIO_BASE + i * LODGE_MMIO_SIZE, LODGE_MMIO_SIZE);
		aml_gsi(a, LODGE_MMIO_GSI + i % LODGE_MMIO_LINES);
		aml_end(a);
		aml_end(a);
	}
}

static void put_cpus(struct aml *a, unsigned int cpus)
{
	char name[8];
	unsigned int i;

	for (i = 0; i < cpus; i++) {
		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_device(a, name);
		aml_name(a, "_HID");
		aml_string(a, "ACPI0007");
		aml_name(a, "_UID");
		aml_integer(a, i);
		aml_end(a);
	}
}

static void put_sleep_state(struct aml *a, const char *name, unsigned int type)
{
	aml_name(a, name);
	aml_package(a, 4);
	aml_integer(a, type);
	aml_integer(a, type);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_end(a);
}

static uint32_t put_dsdt(struct tables *t, const struct acpi_machine *machine)
{
	uint8_t *p = take(t, HEADER_SIZE, 16);
	struct aml a;

	if (!p)
		return 0;
	aml_init(&a, p + HEADER_SIZE, t->room - t->used);
	aml_scope(&a, "\\_SB");
	put_cpus(&a, machine->cpus);
	put_device(&a, "COM1", "PNP0501", 0x3f8, 8, 4);
	put_device(&a, "RTC", "PNP0B00", 0x70, 2, 8);
	put_pvpanic(&a);
	if (machine->pci) {
		put_pci(&a);
		put_pci_config(&a);
	} else {
		put_virtio(&a, machine->virtio);
	}
	aml_end(&a);
	if (machine->pci)
		put_event(&a);
	put_sleep_state(&a, "\\_S5", ACPI_S5_TYPE);
	if (a.overflow) {
		t->overflow = true;
		return 0;
	}
	t->used += a.len;
	/* revision 2: integers have 64 bits */
	finish(p, "DSDT", 2, HEADER_SIZE + a.len);
	return address(t, p);
}

/* ---- MADT ---------------------------------------------------------------- */

static void put_override(struct tables *t, unsigned int irq, unsigned int gsi, unsigned int flags)
{
	uint8_t *p = take(t, 10, 1);

	if (!p)
		return;
	p[0] = MADT_OVERRIDE;
	p[1] = 10;
	p[3] = irq;
	put(p + 4, gsi, 4);
	put(p + 8, flags, 2);
}

static void put_lapics(struct tables *t, unsigned int cpus)
{
	unsigned int i;
	uint8_t *p;

	for (i = 0; i < cpus; i++) {
		p = take(t, 8, 1);
		if (!p)
			return;
		p[0] = MADT_LAPIC;
		p[1] = 8;
		p[2] = i;
		p[3] = i;
		put(p + 4, LAPIC_ENABLED, 4);
	}
}

static void put_madt(struct tables *t, unsigned int cpus)
{
	uint8_t *madt = take(t, HEADER_SIZE + 8, 16), *p;

	if (!madt)
		return;
	put(madt + 36, ACPI_LAPIC_BASE, 4);
	put(madt + 40, MADT_PCAT_COMPAT, 4);
	put_lapics(t, cpus);
	p = take(t, 12, 1);
	if (!p)
		return;
	p[0] = MADT_IOAPIC;
	p[1] = 12;
	p[2] = cpus;
	put(p + 4, ACPI_IOAPIC_BASE, 4);
	/* the timer's line is not where its number says, as on every PC */
	put_override(t, 0, 2, 0);
	put_override(t, ACPI_SCI, ACPI_SCI, ACTIVE_HIGH_LEVEL);
	p = take(t, 6, 1);
	if (!p)
		return;
	p[0] = MADT_LAPIC_NMI;
	p[1] = 6;
	p[2] = 0xff;	/* all processors */
	p[5] = 1;	/* LINT1 */
	finish(madt, "APIC", 5, t->buf + t->used - madt);
	list(t, madt);
}

/* ---- MCFG (PCI Firmware 3.3, 4.1.2) -------------------------------------- */

static void put_mcfg(struct tables *t)
{
	uint8_t *p = take(t, MCFG_SIZE, 16);

	if (!p)
		return;
	/* segment 0, buses 0 to 0 */
	put(p + HEADER_SIZE + 8, ACPI_PCI_ECAM, 8);
	finish(p, "MCFG", 1, MCFG_SIZE);
	list(t, p);
}

/* ---- FADT, FACS ---------------------------------------------------------- */

/* Generic Address Structure of ports (5.2.3.2); @access 1 byte, 2 word, 3 dword */
static void put_gas(uint8_t *p, uint16_t port, uint8_t bits, uint8_t access)
{
	p[0] = 1;
	p[1] = bits;
	p[3] = access;
	put(p + 4, port, 8);
}

static void put_fadt(struct tables *t, uint32_t facs, uint32_t dsdt, bool events)
{
	uint8_t *p = take(t, FADT_SIZE, 16);

	if (!p)
		return;
	put(p + 36, facs, 4);
	put(p + 40, dsdt, 4);
	put(p + 46, ACPI_SCI, 2);
	/* no SMI command port: the machine is always in ACPI mode */
	put(p + 56, ACPI_PM1_EVENT, 4);
	put(p + 64, ACPI_PM1_CONTROL, 4);
	put(p + 76, ACPI_PM_TIMER, 4);
	p[88] = 4;			/* bytes of the event block, control, timer */
	p[89] = 2;
	p[91] = 4;
	put(p + 96, 0xffff, 2);		/* no C2 */
	put(p + 98, 0xffff, 2);		/* no C3 */
	p[108] = 0x32;			/* the RTC's century */
	put(p + 109, BOOT_LEGACY_DEVICES | BOOT_NO_VGA, 2);
	put(p + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE |
	    FADT_TIMER_32 | FADT_RESET_REGISTER, 4);
	put_gas(p + 116, ACPI_RESET_PORT, 8, 1);
	p[128] = ACPI_RESET_VALUE;
	p[131] = 0;			/* revision 6.0 */
	put(p + 140, dsdt, 8);
	put_gas(p + 148, ACPI_PM1_EVENT, 32, 2);
	put_gas(p + 172, ACPI_PM1_CONTROL, 16, 2);
	put_gas(p + 208, ACPI_PM_TIMER, 32, 3);
	if (events) {
		put(p + 80, ACPI_GPE, 4);
		p[92] = ACPI_GPE_BYTES;
		put_gas(p + 220, ACPI_GPE, 8 * ACPI_GPE_BYTES, 1);
	}
	memcpy(p + 268, "LODGE", 5);	/* hypervisor vendor */
	finish(p, "FACP", 6, FADT_SIZE);
	list(t, p);
}

static uint32_t put_facs(struct tables *t)
{
	uint8_t *p = take(t, FACS_SIZE, 64);

	if (!p)
		return 0;
	memcpy(p, "FACS", 4);
	put(p + 4, FACS_SIZE, 4);
	p[32] = 2;
	return address(t, p);
}

/* ---- WDAT (Microsoft, Hardware Watchdog Timers Design Specification) ------ */

#define WATCHDOG_RUN		ACPI_WATCHDOG_PORT
#define WATCHDOG_EXPIRED	(ACPI_WATCHDOG_PORT + 4)
#define WATCHDOG_PERIOD		(ACPI_WATCHDOG_PORT + 8)
#define WATCHDOG_LEFT		(ACPI_WATCHDOG_PORT + 12)

enum {
	READ_VALUE,	/* does it read as the entry's value? */
	READ_COUNT,
	WRITE_VALUE,
	WRITE_COUNT,
};

static const struct {
	uint8_t action;
	uint8_t instruction;
	uint16_t port;
	uint8_t value;
} watchdog_entries[] = {
	{ 0x01, WRITE_VALUE, WATCHDOG_LEFT, 1 },	/* restart */
	{ 0x04, READ_COUNT, WATCHDOG_LEFT, 0 },		/* query current countdown */
	{ 0x05, READ_COUNT, WATCHDOG_PERIOD, 0 },	/* query countdown period */
	{ 0x06, WRITE_COUNT, WATCHDOG_PERIOD, 0 },	/* set it */
	{ 0x08, READ_VALUE, WATCHDOG_RUN, 1 },		/* query running state */
	{ 0x09, WRITE_VALUE, WATCHDOG_RUN, 1 },		/* set it */
	{ 0x0a, READ_VALUE, WATCHDOG_RUN, 0 },		/* query stopped state */
	{ 0x0b, WRITE_VALUE, WATCHDOG_RUN, 0 },		/* set it */
	{ 0x20, READ_VALUE, WATCHDOG_EXPIRED, 1 },	/* query status */
	{ 0x21, WRITE_VALUE, WATCHDOG_EXPIRED, 0 },	/* clear it */
};

#define NR_WATCHDOG_ENTRIES	(sizeof(watchdog_entries) / sizeof(*watchdog_entries))

static void put_wdat(struct tables *t)
{
	const size_t len = WDAT_SIZE + NR_WATCHDOG_ENTRIES * WDAT_ENTRY;
	uint8_t *p = take(t, len, 16), *e;
	unsigned int i;

	if (!p)
		return;
	put(p + 36, WDAT_SIZE - HEADER_SIZE, 4);
	/* no PCI device */
	put(p + 40, 0xff, 2);
	put(p + 42, 0xffffff, 3);
	put(p + 48, ACPI_WATCHDOG_MS, 4);
	put(p + 52, ACPI_WATCHDOG_MAX, 4);
	put(p + 56, 1, 4);
	p[60] = 1;			/* enabled */
	put(p + 64, NR_WATCHDOG_ENTRIES, 4);
	for (i = 0; i < NR_WATCHDOG_ENTRIES; i++) {
		e = p + WDAT_SIZE + i * WDAT_ENTRY;
		e[0] = watchdog_entries[i].action;
		e[1] = watchdog_entries[i].instruction;
		put_gas(e + 4, watchdog_entries[i].port, 32, 3);
		put(e + 16, watchdog_entries[i].value, 4);
		put(e + 20, UINT32_MAX, 4);
	}
	finish(p, "WDAT", 1, len);
	list(t, p);
}

/* ---- roots --------------------------------------------------------------- */

static uint32_t put_root(struct tables *t, const char *signature, unsigned int width)
{
	size_t len = HEADER_SIZE + t->nr_listed * width;
	uint8_t *p = take(t, len, 16);
	unsigned int i;

	if (!p)
		return 0;
	for (i = 0; i < t->nr_listed; i++)
		put(p + HEADER_SIZE + i * width, t->listed[i], width);
	finish(p, signature, 1, len);
	return address(t, p);
}

static void put_rsdp(uint8_t *p, uint32_t rsdt, uint32_t xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "LODGE ", 6);
	p[15] = 2;
	put(p + 16, rsdt, 4);
	put(p + 20, ACPI_RSDP_SIZE, 4);
	put(p + 24, xsdt, 8);
	checksum(p, 20, 8);
	checksum(p, ACPI_RSDP_SIZE, 32);
}

size_t acpi_build(uint8_t *buf, size_t room, uint64_t base, const struct acpi_machine *machine)
{
	struct tables t = { .buf = buf, .room = room, .base = base };
	uint8_t *rsdp = take(&t, ACPI_RSDP_SIZE, 16);
	uint32_t facs, dsdt, rsdt, xsdt;

	if (!machine->cpus || machine->cpus > ACPI_MAX_CPUS ||
	    machine->virtio >= LODGE_MMIO_DEVICES || base > UINT32_MAX - room)
		return 0;
	facs = put_facs(&t);
	dsdt = put_dsdt(&t, machine);
	put_fadt(&t, facs, dsdt, machine->pci);
	put_madt(&t, machine->cpus);
	if (machine->pci)
		put_mcfg(&t);
	put_wdat(&t);
	rsdt = put_root(&t, "RSDT", 4);
	xsdt = put_root(&t, "XSDT", 8);
	if (t.overflow)
		return 0;
	put_rsdp(rsdp, rsdt, xsdt);
	return t.used;
}
