// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's bzImage, started at its 64-bit entry (Documentation/arch/x86/boot.rst of
 * the kernel: "64-bit Boot Protocol", version 2.12 and later), and a vmlinux.
 */
#include <string.h>

#include "boot.h"

/* Offsets in the image, and in the zero page, where the header lies at the same place */
#define HDR_SETUP_SECTS		0x1f1
#define HDR_BOOT_FLAG		0x1fe
#define HDR_JUMP		0x200
#define HDR_MAGIC		0x202
#define HDR_VERSION		0x206
#define HDR_TYPE_OF_LOADER	0x210
#define HDR_LOADFLAGS		0x211
#define HDR_CODE32_START	0x214
#define HDR_RAMDISK_IMAGE	0x218
#define HDR_RAMDISK_SIZE	0x21c
#define HDR_CMD_LINE_PTR	0x228
#define HDR_INITRD_ADDR_MAX	0x22c
#define HDR_KERNEL_ALIGNMENT	0x230
#define HDR_RELOCATABLE		0x234
#define HDR_XLOADFLAGS		0x236
#define HDR_CMDLINE_SIZE	0x238
#define HDR_PREF_ADDRESS	0x258
#define HDR_INIT_SIZE		0x260
#define HDR_END_MAX		0x290	/* room for the header in the zero page */

#define ZP_ACPI_RSDP_ADDR	0x070
#define ZP_E820_ENTRIES		0x1e8
#define ZP_E820_TABLE		0x2d0
#define ZP_E820_SIZE		20
#define ZP_SIZE			4096

#define LOADED_HIGH		(1 << 0)	/* loadflags */
#define XLF_KERNEL_64		(1 << 0)	/* xloadflags */
#define OTHER_LOADER		0xff		/* type_of_loader: no number was given to us */
#define ENTRY_64		0x200

/* What the header of a bzImage would tell */
#define ELF_CMDLINE_MAX		2047
#define ELF_INITRD_MAX		0x80000000ULL

/* What the header tells, checked */
struct header {
	unsigned int version;
	uint64_t code_offset;
	uint64_t load_address;
	uint64_t init_size;
	uint64_t initrd_max;
	uint32_t cmdline_size;
};

bool bzimage_is(const struct boot_file *f)
{
	return f->len >= HDR_VERSION + 2 && !memcmp(f->data + HDR_MAGIC, "HdrS", 4) &&
	       boot_u16(f->data + HDR_BOOT_FLAG) == 0xaa55;
}

static int read_header(struct boot *b, struct header *h)
{
	const uint8_t *d = b->image.data;
	unsigned int sectors;

	h->version = boot_u16(d + HDR_VERSION);
	if (h->version < 0x20c || b->image.len < HDR_END_MAX)
		return boot_error(b, "%s is a bzImage with boot protocol %u.%u: lodge wants 2.12 or later (Linux 3.8)",
				  b->image.name, h->version >> 8, h->version & 0xff);
	if (!(boot_u16(d + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return boot_error(b, "%s is a 32-bit bzImage: lodge starts 64-bit kernels from a bzImage",
				  b->image.name);
	if (!(d[HDR_LOADFLAGS] & LOADED_HIGH))
		return boot_error(b, "%s is a zImage, which loads below 1 MiB: build a bzImage",
				  b->image.name);
	sectors = d[HDR_SETUP_SECTS] ? d[HDR_SETUP_SECTS] : 4;
	h->code_offset = (sectors + 1) * 512ULL;
	if (b->image.len <= h->code_offset + ENTRY_64)
		return boot_error(b, "%s is cut short: it has %zu bytes, its kernel would start at %llu",
				  b->image.name, b->image.len, (unsigned long long)h->code_offset);
	h->load_address = boot_u64(d + HDR_PREF_ADDRESS);
	if (!d[HDR_RELOCATABLE] && !h->load_address)
		h->load_address = boot_u32(d + HDR_CODE32_START);
	h->init_size = boot_u32(d + HDR_INIT_SIZE);
	if (h->init_size < b->image.len - h->code_offset)
		h->init_size = b->image.len - h->code_offset;
	h->initrd_max = boot_u32(d + HDR_INITRD_ADDR_MAX) + 1ULL;
	h->cmdline_size = boot_u32(d + HDR_CMDLINE_SIZE);
	return 0;
}

static int put_kernel(struct boot *b, const struct header *h)
{
	uint64_t len = b->image.len - h->code_offset;
	uint8_t *p;

	if (h->load_address < BOOT_HIGH || h->load_address >= GUESTMEM_HIGH)
		return boot_error(b, "%s wants to be loaded at 0x%llx", b->image.name,
				  (unsigned long long)h->load_address);
	p = boot_place(b, h->load_address, h->init_size, "the kernel");
	if (!p)
		return -1;
	memcpy(p, b->image.data + h->code_offset, len);
	b->entry = h->load_address + ENTRY_64;
	return 0;
}

static void put_memory_map(struct boot *b, uint8_t *zero_page)
{
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i, n = boot_memory_map(b->mem, range);
	uint8_t *p = zero_page + ZP_E820_TABLE;

	for (i = 0; i < n; i++, p += ZP_E820_SIZE) {
		boot_put64(p, range[i].start);
		boot_put64(p + 8, range[i].len);
		boot_put32(p + 16, range[i].type);
	}
	zero_page[ZP_E820_ENTRIES] = n;
}

/* What a loader tells any kernel; its header is there already */
static int fill_zero_page(struct boot *b, uint8_t *zp, uint64_t initrd_max)
{
	uint64_t at, len;

	if (boot_put_initrds(b, initrd_max, &at, &len))
		return -1;
	zp[HDR_TYPE_OF_LOADER] = OTHER_LOADER;
	boot_put32(zp + HDR_RAMDISK_IMAGE, at);
	boot_put32(zp + HDR_RAMDISK_SIZE, len);
	boot_put32(zp + HDR_CMD_LINE_PTR, BOOT_CMDLINE);
	boot_put64(zp + ZP_ACPI_RSDP_ADDR, b->rsdp);
	put_memory_map(b, zp);
	b->mode = BOOT_MODE_LONG;
	b->rsi = BOOT_INFO;
	return 0;
}

/**
 * bzimage_load - load a bzImage
 * @b: bzimage_is() holds for its image
 *
 * Return: 0, or -1 with a message.
 */
int bzimage_load(struct boot *b)
{
	struct header h = { 0 };
	uint8_t *zp;
	size_t end;

	if (read_header(b, &h) || boot_put_page_tables(b) || put_kernel(b, &h) ||
	    boot_put_cmdline(b, h.cmdline_size))
		return -1;
	zp = boot_place(b, BOOT_INFO, ZP_SIZE, "the zero page");
	if (!zp)
		return -1;
	/* the header as it is in the image; its length is in the jump at its start */
	end = HDR_MAGIC + b->image.data[HDR_JUMP + 1];
	if (end > HDR_END_MAX)
		end = HDR_END_MAX;
	memcpy(zp + HDR_SETUP_SECTS, b->image.data + HDR_SETUP_SECTS, end - HDR_SETUP_SECTS);
	return fill_zero_page(b, zp, h.initrd_max);
}

/**
 * linux_elf_load - load a vmlinux that has no PVH note
 * @b: elf_is_linux() holds for its image
 *
 * Its entry is where a bzImage goes once it has unpacked itself, in the same state.
 *
 * Return: 0, or -1 with a message.
 */
int linux_elf_load(struct boot *b)
{
	uint64_t end;
	uint8_t *zp;

	if (boot_put_page_tables(b) || elf_put_segments(b, &b->entry, &end) ||
	    boot_put_cmdline(b, ELF_CMDLINE_MAX))
		return -1;
	if (b->entry >= GUESTMEM_HIGH || !guestmem_ptr(b->mem, b->entry, 1))
		return boot_error(b, "%s starts at 0x%llx, where the guest has no memory",
				  b->image.name, (unsigned long long)b->entry);
	zp = boot_place(b, BOOT_INFO, ZP_SIZE, "the zero page");
	if (!zp)
		return -1;
	zp[HDR_BOOT_FLAG] = 0x55;
	zp[HDR_BOOT_FLAG + 1] = 0xaa;
	memcpy(zp + HDR_MAGIC, "HdrS", 4);
	boot_put32(zp + HDR_KERNEL_ALIGNMENT, 2 << 20);
	return fill_zero_page(b, zp, ELF_INITRD_MAX);
}
