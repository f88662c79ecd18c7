// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel started at its PVH entry with a struct hvm_start_info (Xen's
 * docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/start_info.h).
 */
#include "boot.h"

#define START_MAGIC	0x336ec578
#define START_VERSION	1

/* Where things are from BOOT_INFO on */
#define AT_MODULES	0x100
#define AT_MEMMAP	0x200

#define MEMMAP_SIZE	24

static void put_memory_map(struct boot *b, uint8_t *info)
{
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i, n = boot_memory_map(b->mem, range);
	uint8_t *p = info + AT_MEMMAP;

	for (i = 0; i < n; i++, p += MEMMAP_SIZE) {
		boot_put64(p, range[i].start);
		boot_put64(p + 8, range[i].len);
		boot_put32(p + 16, range[i].type);
	}
	boot_put64(info + 40, BOOT_INFO + AT_MEMMAP);
	boot_put32(info + 48, n);
}

/**
 * pvh_load - load a kernel with a PVH note
 * @b: its image is an ELF file
 * @entry: from the note
 *
 * Return: 0, or -1 with a message.
 */
int pvh_load(struct boot *b, uint64_t entry)
{
	uint64_t elf_start, end, at, len;
	uint8_t *info;

	if (elf_put_segments(b, &elf_start, &end) || boot_put_cmdline(b, BOOT_CMDLINE_MAX - 1))
		return -1;
	if (entry >= GUESTMEM_HIGH || !guestmem_ptr(b->mem, entry, 1))
		return boot_error(b, "%s: its PVH note has the entry 0x%llx, where the guest has no memory",
				  b->image.name, (unsigned long long)entry);
	info = boot_place(b, BOOT_INFO, BOOT_INFO_SIZE, "the start information");
	if (!info || boot_put_initrds(b, GUESTMEM_HIGH, &at, &len))
		return -1;
	boot_put32(info, START_MAGIC);
	boot_put32(info + 4, START_VERSION);
	if (len) {
		boot_put32(info + 12, 1);
		boot_put64(info + 16, BOOT_INFO + AT_MODULES);
		boot_put64(info + AT_MODULES, at);
		boot_put64(info + AT_MODULES + 8, len);
	}
	boot_put64(info + 24, BOOT_CMDLINE);
	boot_put64(info + 32, b->rsdp);
	put_memory_map(b, info);
	b->mode = BOOT_MODE_FLAT32;
	b->entry = entry;
	b->rbx = BOOT_INFO;
	return 0;
}
