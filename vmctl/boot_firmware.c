// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware at the reset vector, and what it asks fw_cfg for: the memory map, and the ACPI tables,
 * which are in memory already.  It has to put their root where an operating system looks for it.
 */
#include <string.h>

#include "acpi.h"
#include "boot.h"

#define ROM_MAX		(16ULL << 20)	/* below it are the interrupt controllers */
#define ROM_LOW_MAX	0x40000		/* of a firmware's end that is also below 1 MiB */
#define TABLES		0x10000		/* bytes below the end of low memory */

/* The commands of "etc/table-loader"; of which one is enough */
#define LOADER_ALLOCATE	1
#define LOADER_F_SEGMENT 2

struct loader_command {
	uint32_t command;
	char file[56];
	uint32_t align;
	uint8_t zone;
	uint8_t pad[63];
} __attribute__((packed));

struct e820_entry {
	uint64_t start;
	uint64_t len;
	uint32_t type;
} __attribute__((packed));

static int add_file(struct boot *b, const char *name, const void *data, size_t len)
{
	struct boot_fwfile *f = &b->files[b->nr_files];

	if (b->nr_files == BOOT_MAX_FILES || len > sizeof(f->data))
		return boot_error(b, "%s is too much for fw_cfg", name);
	f->name = name;
	f->len = len;
	memcpy(f->data, data, len);
	b->nr_files++;
	return 0;
}

static int add_memory_map(struct boot *b, uint64_t low)
{
	const struct e820_entry map[] = {
		{ 0, low, BOOT_RAM },
		{ low, TABLES, BOOT_RESERVED },
		{ ACPI_PCI_ECAM, ACPI_PCI_ECAM_SIZE, BOOT_RESERVED },
		{ GUESTMEM_HIGH, guestmem_high(b->mem), BOOT_RAM },
	};
	unsigned int n = guestmem_high(b->mem) ? 4 : 3;

	return add_file(b, "etc/e820", map, n * sizeof(map[0]));
}

static int add_tables(struct boot *b, uint64_t base, unsigned int cpus)
{
	const struct loader_command loader = {
		.command = LOADER_ALLOCATE, .file = "etc/acpi/rsdp", .align = 16,
		.zone = LOADER_F_SEGMENT,
	};
	const struct acpi_machine machine = { .cpus = cpus, .pci = true };
	uint8_t *p = guestmem_ptr(b->mem, base, TABLES);

	if (!p || !acpi_build(p, TABLES, base, &machine))
		return boot_error(b, "the ACPI tables do not fit");
	return add_file(b, "etc/acpi/rsdp", p, ACPI_RSDP_SIZE) ||
	       add_file(b, "etc/table-loader", &loader, sizeof(loader));
}

/**
 * boot_firmware - a machine that starts at the reset vector
 * @b: the boot
 * @firmware: the ROM
 * @rom: memory for the read-only slot that ends at 4 GiB
 * @rom_size: bytes of it: the file's, in whole pages
 * @cpus: how many the ACPI tables tell of
 *
 * Return: 0, or -1 with a sentence in @b->error.
 */
int boot_firmware(struct boot *b, const struct boot_file *firmware, uint8_t *rom, size_t rom_size,
		  unsigned int cpus)
{
	size_t low = firmware->len < ROM_LOW_MAX ? firmware->len : ROM_LOW_MAX;
	uint64_t end = guestmem_low(b->mem);
	void *p;

	b->kind = BOOT_FIRMWARE;
	b->mode = BOOT_MODE_RESET;
	b->nr_files = 0;
	if (!firmware->len)
		return boot_error(b, "%s is empty", firmware->name);
	if (firmware->len > ROM_MAX || rom_size < firmware->len)
		return boot_error(b, "%s has %zu bytes: firmware may have %llu", firmware->name,
				  firmware->len, ROM_MAX);
	memcpy(rom + rom_size - firmware->len, firmware->data, firmware->len);
	p = guestmem_ptr(b->mem, BOOT_HIGH - low, low);
	if (!p || end < BOOT_HIGH + TABLES)
		return boot_error(b, "firmware needs 2 MiB of memory at least");
	memcpy(p, firmware->data + firmware->len - low, low);
	return add_memory_map(b, end - TABLES) || add_tables(b, end - TABLES, cpus) ? -1 : 0;
}
