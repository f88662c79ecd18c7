// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kind of image it is, flat images, and what all loaders share:
 * claims of guest memory, memory map, command line, page tables.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "boot.h"

#define PAGE		4096ULL

int boot_error(struct boot *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(b->error, sizeof(b->error), format, ap);
	va_end(ap);
	return -1;
}

uint16_t boot_u16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

uint32_t boot_u32(const uint8_t *p)
{
	return boot_u16(p) | (uint32_t)boot_u16(p + 2) << 16;
}

uint64_t boot_u64(const uint8_t *p)
{
	return boot_u32(p) | (uint64_t)boot_u32(p + 4) << 32;
}

void boot_put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

void boot_put64(uint8_t *p, uint64_t value)
{
	memcpy(p, &value, sizeof(value));
}

/**
 * boot_claim - take a place in guest memory
 * @b: the boot
 * @gpa: guest-physical address
 * @len: bytes; 0 is no claim
 * @owner: a string that lives on; claims of the same may overlap
 *
 * Return: 0, or -1 with a message if it is not memory or not free.
 */
int boot_claim(struct boot *b, uint64_t gpa, uint64_t len, const char *owner)
{
	unsigned int i;

	if (!len)
		return 0;
	if (!guestmem_ptr(b->mem, gpa, len))
		return boot_error(b, "%s: %s wants memory from 0x%llx, %llu bytes, and the guest has %llu MiB: try more with --mem",
				  b->image.name, owner, (unsigned long long)gpa,
				  (unsigned long long)len,
				  (unsigned long long)b->mem->size >> 20);
	for (i = 0; i < b->nr_claims; i++) {
		const struct boot_claim *c = &b->claims[i];

		if (strcmp(c->owner, owner) && gpa < c->end && c->start < gpa + len)
			return boot_error(b, "%s: %s wants memory from 0x%llx to 0x%llx, where %s is",
					  b->image.name, owner, (unsigned long long)gpa,
					  (unsigned long long)(gpa + len - 1), c->owner);
	}
	if (b->nr_claims == BOOT_MAX_CLAIMS)
		return boot_error(b, "%s: %s is in too many pieces", b->image.name, owner);
	b->claims[b->nr_claims++] = (struct boot_claim){ gpa, gpa + len, owner };
	return 0;
}

/* Claims a place and gives its host address; NULL with a message */
void *boot_place(struct boot *b, uint64_t gpa, uint64_t len, const char *owner)
{
	return boot_claim(b, gpa, len, owner) ? NULL : guestmem_ptr(b->mem, gpa, len);
}

/**
 * boot_find_below - the highest free place for something
 * @b: the boot
 * @limit: it ends at or below
 * @len: bytes
 *
 * Return: a guest-physical address, page aligned and not below 1 MiB; 0 if there is none.
 */
uint64_t boot_find_below(struct boot *b, uint64_t limit, uint64_t len)
{
	uint64_t low = guestmem_low(b->mem), end = limit < low ? limit : low, start;
	unsigned int i;

	for (;;) {
		if (end < BOOT_HIGH || len > end - BOOT_HIGH)
			return 0;
		start = (end - len) & ~(PAGE - 1);
		if (start < BOOT_HIGH)
			return 0;
		for (i = 0; i < b->nr_claims; i++)
			if (start < b->claims[i].end && b->claims[i].start < start + len)
				break;
		if (i == b->nr_claims)
			return start;
		/* goes down with every turn, so it ends */
		end = b->claims[i].start;
	}
}

/* The lowest free place from @start on, page aligned, below 4 GiB; 0 if there is none */
uint64_t boot_find_above(struct boot *b, uint64_t start, uint64_t len)
{
	uint64_t low = guestmem_low(b->mem);
	unsigned int i;

	for (;;) {
		start = (start + PAGE - 1) & ~(PAGE - 1);
		if (!start || start > low || len > low - start)
			return 0;
		for (i = 0; i < b->nr_claims; i++)
			if (start < b->claims[i].end && b->claims[i].start < start + len)
				break;
		if (i == b->nr_claims)
			return start;
		/* goes up with every turn, so it ends */
		start = b->claims[i].end;
	}
}

/**
 * boot_memory_map - what the guest is told about its memory
 * @mem: guest memory
 * @range: to fill, room for BOOT_MAX_RANGES
 *
 * Return: how many entries.
 */
unsigned int boot_memory_map(const struct guestmem *mem, struct boot_range *range)
{
	unsigned int n = 0;

	range[n++] = (struct boot_range){ 0, BOOT_EBDA, BOOT_RAM };
	range[n++] = (struct boot_range){ BOOT_EBDA, 0xa0000 - BOOT_EBDA, BOOT_RESERVED };
	range[n++] = (struct boot_range){ BOOT_ACPI, BOOT_HIGH - BOOT_ACPI, BOOT_RESERVED };
	range[n++] = (struct boot_range){ BOOT_HIGH, guestmem_low(mem) - BOOT_HIGH, BOOT_RAM };
	/* Linux believes the MCFG table only if this is not said to be nothing */
	range[n++] = (struct boot_range){ ACPI_PCI_ECAM, ACPI_PCI_ECAM_SIZE, BOOT_RESERVED };
	if (guestmem_high(mem))
		range[n++] = (struct boot_range){ GUESTMEM_HIGH, guestmem_high(mem), BOOT_RAM };
	return n;
}

/**
 * boot_put_cmdline - the command line of a Linux, at BOOT_CMDLINE
 * @b: the boot
 * @limit: bytes that the kernel takes, without the NUL
 */
int boot_put_cmdline(struct boot *b, uint64_t limit)
{
	const char *cmdline = b->cmdline ? b->cmdline : b->hvc ? "console=hvc0" : "console=ttyS0";
	size_t len = strlen(cmdline);
	char *p;

	if (len > limit || len >= BOOT_CMDLINE_MAX)
		return boot_error(b, "the command line has %zu bytes, %s takes %llu", len,
				  b->image.name, (unsigned long long)(limit < BOOT_CMDLINE_MAX ?
				  limit : BOOT_CMDLINE_MAX - 1));
	p = boot_place(b, BOOT_CMDLINE, len + 1, "the command line");
	if (!p)
		return -1;
	memcpy(p, cmdline, len + 1);
	return 0;
}

/**
 * boot_put_initrds - the initial RAM disks as one, as high as they may be
 * @b: the boot
 * @limit: they end at or below
 * @at: out: guest-physical address, 0 if there is none
 * @len: out: bytes
 *
 * Each starts at a multiple of 4 behind the one before it: Linux unpacks them all.
 */
int boot_put_initrds(struct boot *b, uint64_t limit, uint64_t *at, uint64_t *len)
{
	unsigned int i;
	uint64_t n = 0;
	uint8_t *p;

	*at = 0;
	for (i = 0; i < b->nr_initrd; i++)
		n = ((n + 3) & ~3ULL) + b->initrd[i].len;
	*len = n;
	if (!n)
		return 0;
	*at = n > UINT32_MAX ? 0 : boot_find_below(b, limit, n);
	if (!*at)
		return boot_error(b, "the guest has no room for its initial RAM disk of %llu MiB: try more with --mem",
				  (unsigned long long)((n + (1 << 20) - 1) >> 20));
	p = boot_place(b, *at, n, "the initial RAM disk");
	if (!p)
		return -1;
	for (i = 0, n = 0; i < b->nr_initrd; n += b->initrd[i++].len) {
		n = (n + 3) & ~3ULL;
		if (b->initrd[i].len)
			memcpy(p + n, b->initrd[i].data, b->initrd[i].len);
	}
	return 0;
}

/*
 * Selectors 0x10 (code) and 0x18 (data) as Linux' boot protocol wants them, 0x20 a TSS that nothing
 * is read from
 */
static int put_gdt(struct boot *b)
{
	uint8_t *p = boot_place(b, BOOT_GDT, BOOT_GDT_SIZE, "the descriptor table");

	if (!p)
		return -1;
	boot_put64(p + 0x10, b->mode == BOOT_MODE_LONG ? 0x00af9b000000ffff : 0x00cf9b000000ffff);
	boot_put64(p + 0x18, 0x00cf93000000ffff);
	boot_put64(p + 0x20, 0x00008b0000000067);
	return 0;
}

/* The first 4 GiB one to one, in pages of 2 MiB: a PML4, a PDPT, four page directories */
int boot_put_page_tables(struct boot *b)
{
	uint8_t *p = boot_place(b, BOOT_PAGE_TABLES, 6 * PAGE, "the page tables");
	uint64_t i;

	if (!p)
		return -1;
	boot_put64(p, (BOOT_PAGE_TABLES + PAGE) | 3);
	for (i = 0; i < 4; i++)
		boot_put64(p + PAGE + i * 8, (BOOT_PAGE_TABLES + (2 + i) * PAGE) | 3);
	for (i = 0; i < 2048; i++)
		boot_put64(p + 2 * PAGE + i * 8, i << 21 | 0x83);
	return 0;
}

/* ---- flat images --------------------------------------------------------- */

/*
 * Below 1 MiB in real mode: segment 0 if the address has 16 bits, else the segment that starts
 * there.  Above it in 32-bit mode, with the stack below the image.
 */
static int flat_load(struct boot *b)
{
	uint64_t at = b->flat_addr;
	void *p;

	if (b->nr_initrd)
		return boot_error(b, "a flat image takes no --initrd");
	p = boot_place(b, at, b->image.len, "the image");
	if (!p)
		return -1;
	memcpy(p, b->image.data, b->image.len);
	if (at >= BOOT_HIGH) {
		if (at >= GUESTMEM_HIGH)
			return boot_error(b, "--flat 0x%llx: a flat image starts below 4 GiB",
					  (unsigned long long)at);
		b->mode = BOOT_MODE_FLAT32;
		b->entry = at;
		b->rsp = at;
		return 0;
	}
	b->mode = BOOT_MODE_REAL;
	b->entry_cs = at < 0x10000 ? 0 : at >> 4;
	b->entry = at - b->entry_cs * 16ULL;
	return 0;
}

/* ---- detection ----------------------------------------------------------- */

static const struct magic {
	const char *what;
	unsigned int offset;
	unsigned int len;
	const char *bytes;
} magics[] = {
	{ "compressed with gzip: unpack it, or take the bzImage", 0, 2, "\x1f\x8b" },
	{ "compressed with xz: unpack it, or take the bzImage", 0, 6, "\xfd\x37zXZ\0" },
	{ "compressed with zstd: unpack it, or take the bzImage", 0, 4, "\x28\xb5\x2f\xfd" },
	{ "compressed with bzip2: unpack it, or take the bzImage", 0, 3, "BZh" },
	{ "compressed with LZ4: unpack it, or take the bzImage", 0, 4, "\x02\x21\x4c\x18" },
	{ "a cpio archive: that is for --initrd", 0, 6, "070701" },
	{ "a Linux image for arm64", 0x38, 4, "ARM\x64" },
	{ "a Linux image for RISC-V", 0x38, 4, "RSC\x05" },
	{ "a disk image (qcow2), not a kernel", 0, 4, "QFI\xfb" },
	{ "an ar archive or a package, not a kernel", 0, 7, "!<arch>" },
	{ "a script, not a kernel", 0, 2, "#!" },
};

static int refuse_unknown(struct boot *b)
{
	const struct boot_file *f = &b->image;
	unsigned int i;

	if (!f->len)
		return boot_error(b, "%s is empty", f->name);
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];

		if (f->len >= m->offset + m->len && !memcmp(f->data + m->offset, m->bytes, m->len))
			return boot_error(b, "%s is %s", f->name, m->what);
	}
	if (f->len >= 512 && f->data[510] == 0x55 && f->data[511] == 0xaa)
		return boot_error(b, "%s has a boot sector, but no kernel that lodge knows: boot sectors start with --flat 0x7c00",
				  f->name);
	return boot_error(b, "%s is no bzImage, no ELF file, and has no multiboot header; see --flat for images without a header",
			  f->name);
}

/*
 * An ELF file may have both a PVH note and a multiboot header.  With 64 bits PVH is the better way,
 * with 32 bits multiboot is what other loaders choose.
 */
static int load_elf(struct boot *b)
{
	uint64_t entry;
	bool pvh;

	if (elf_refuse_foreign(b))
		return -1;
	pvh = elf_find_pvh(&b->image, &entry);
	if (multiboot_is(&b->image) && !(pvh && elf_is_64(&b->image))) {
		b->kind = BOOT_MULTIBOOT;
		return multiboot_load(b);
	}
	if (pvh) {
		b->kind = BOOT_PVH;
		return pvh_load(b, entry);
	}
	if (elf_is_linux(&b->image)) {
		b->kind = BOOT_LINUX_ELF;
		return linux_elf_load(b);
	}
	return boot_error(b, "%s is an ELF file with no PVH note and no multiboot header, and no Linux for 64 bits",
			  b->image.name);
}

static int load_kind(struct boot *b)
{
	const struct boot_file *f = &b->image;

	if (b->flat) {
		b->kind = BOOT_FLAT;
		return flat_load(b);
	}
	if (bzimage_is(f)) {
		b->kind = BOOT_BZIMAGE;
		return bzimage_load(b);
	}
	if (elf_is(f))
		return load_elf(b);
	if (multiboot_is(f)) {
		b->kind = BOOT_MULTIBOOT;
		return multiboot_load(b);
	}
	return refuse_unknown(b);
}

/**
 * boot_load - load an image
 * @b: everything that is "in" is set; memory is all zero but the ACPI tables
 *
 * Return: 0, or -1 with a sentence in @b->error.
 */
int boot_load(struct boot *b)
{
	b->nr_claims = 0;
	if (b->rsdp && boot_claim(b, BOOT_ACPI, BOOT_HIGH - BOOT_ACPI, "the ACPI tables"))
		return -1;
	if (load_kind(b))
		return -1;
	return b->mode == BOOT_MODE_REAL ? 0 : put_gdt(b);
}

const char *boot_kind_name(enum boot_kind kind)
{
	static const char * const names[] = {
		[BOOT_UNKNOWN] = "unknown",
		[BOOT_BZIMAGE] = "bzImage",
		[BOOT_PVH] = "ELF with PVH",
		[BOOT_LINUX_ELF] = "vmlinux",
		[BOOT_MULTIBOOT] = "multiboot",
		[BOOT_FLAT] = "flat",
		[BOOT_FIRMWARE] = "firmware",
	};

	return names[kind];
}
