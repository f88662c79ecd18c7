// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiboot, version 1 (the Multiboot Specification 0.6.96): ELF files, and any
 * format with the addresses in the header.
 */
#include <stdio.h>
#include <string.h>

#include "boot.h"

#define HEADER_MAGIC	0x1badb002
#define LOADER_MAGIC	0x2badb002
#define SEARCH		8192		/* the header is within the first bytes */
#define HEADER_SIZE	12
#define ADDRESSES_SIZE	32		/* header with the address fields */

#define HAS_ADDRESSES	(1u << 16)
#define KNOWN_DEMANDS	0x7u		/* page alignment, memory information, video mode */
#define ALL_DEMANDS	0xffffu		/* what a loader must know or refuse */

/* Where things are within the information */
#define AT_MEMMAP	0x100
#define AT_MODULES	0x200
#define MAX_MODULES	64

#define INFO_MEMORY	(1u << 0)
#define INFO_CMDLINE	(1u << 2)
#define INFO_MODULES	(1u << 3)
#define INFO_MEMMAP	(1u << 6)
#define INFO_LOADER	(1u << 9)

#define PAGE		4096ULL

/* Offset of the header, or -1 */
static long find_header(const struct boot_file *f)
{
	size_t i, end = f->len < SEARCH ? f->len : SEARCH;

	for (i = 0; i + HEADER_SIZE <= end; i += 4) {
		const uint8_t *p = f->data + i;

		if (boot_u32(p) == HEADER_MAGIC &&
		    boot_u32(p) + boot_u32(p + 4) + boot_u32(p + 8) == 0)
			return i;
	}
	return -1;
}

bool multiboot_is(const struct boot_file *f)
{
	return find_header(f) >= 0;
}

/* The header tells where its own bytes belong, and with that the rest of the file */
static int put_by_addresses(struct boot *b, size_t header, uint64_t *end)
{
	const struct boot_file *f = &b->image;
	const uint8_t *p = f->data + header;
	uint64_t header_addr, load, load_end, bss_end, offset, len, memory;
	void *to;

	if (f->len - header < ADDRESSES_SIZE)
		return boot_error(b, "%s is cut short within its multiboot header", f->name);
	header_addr = boot_u32(p + 12);
	load = boot_u32(p + 16);
	load_end = boot_u32(p + 20);
	bss_end = boot_u32(p + 24);
	b->entry = boot_u32(p + 28);
	if (load > header_addr || header_addr - load > header)
		return boot_error(b, "%s: its multiboot header at 0x%llx does not go with a start at 0x%llx",
				  f->name, (unsigned long long)header_addr,
				  (unsigned long long)load);
	offset = header - (header_addr - load);
	if (load_end && load_end < load)
		return boot_error(b, "%s: its multiboot header ends before it starts", f->name);
	len = load_end ? load_end - load : f->len - offset;
	if (len > f->len - offset)
		return boot_error(b, "%s is cut short: it has %zu bytes, its multiboot header wants %llu",
				  f->name, f->len, (unsigned long long)(offset + len));
	memory = bss_end > load + len ? bss_end - load : len;
	to = boot_place(b, load, memory, "the kernel");
	if (!to)
		return -1;
	memcpy(to, f->data + offset, len);
	*end = load + memory;
	return 0;
}

/**
 * struct strings - the command lines, one behind the other
 * @p: host address
 * @at: guest-physical address
 * @used: bytes
 */
struct strings {
	char *p;
	uint64_t at;
	size_t used;
};

/* "@a @b", or "@a" if @b is empty; its guest-physical address, or 0 with a message */
static uint32_t put_string(struct boot *b, struct strings *s, const char *first, const char *rest)
{
	size_t room = BOOT_CMDLINE_MAX - s->used;
	uint32_t at = s->at + s->used;
	int n = snprintf(s->p + s->used, room, "%s%s%s", first, *rest ? " " : "", rest);

	if (n < 0 || (size_t)n >= room) {
		boot_error(b, "the command lines of %s and its modules are too long",
			   b->image.name);
		return 0;
	}
	s->used += n + 1;
	return at;
}

static int put_modules(struct boot *b, uint8_t *info, struct strings *s, uint64_t end)
{
	uint8_t *entry = info + AT_MODULES;
	unsigned int i;

	if (b->nr_initrd > MAX_MODULES)
		return boot_error(b, "%u modules are too many: %u can be passed on", b->nr_initrd,
				  MAX_MODULES);
	for (i = 0; i < b->nr_initrd; i++, entry += 16) {
		const struct boot_file *f = &b->initrd[i];
		uint64_t at = boot_find_above(b, end, f->len);
		uint32_t string = put_string(b, s, f->name, f->args);

		if (!at)
			return boot_error(b, "there is no memory left for the module %s: try more with --mem",
					  f->name);
		if (!string || boot_claim(b, at, f->len, "a module"))
			return -1;
		if (f->len)
			memcpy(guestmem_ptr(b->mem, at, f->len), f->data, f->len);
		boot_put32(entry, at);
		boot_put32(entry + 4, at + f->len);
		boot_put32(entry + 8, string);
		end = at + f->len;
	}
	boot_put32(info + 20, b->nr_initrd);
	return 0;
}

static void put_memory(struct boot *b, uint8_t *info, uint32_t info_at)
{
	struct boot_range range[BOOT_MAX_RANGES];
	unsigned int i, n = boot_memory_map(b->mem, range);
	uint8_t *p = info + AT_MEMMAP;

	boot_put32(info + 4, BOOT_EBDA >> 10);
	boot_put32(info + 8, (guestmem_low(b->mem) - BOOT_HIGH) >> 10);
	for (i = 0; i < n; i++, p += 24) {
		boot_put32(p, 20);
		boot_put64(p + 4, range[i].start);
		boot_put64(p + 12, range[i].len);
		boot_put32(p + 20, range[i].type);
	}
	boot_put32(info + 44, n * 24);
	boot_put32(info + 48, info_at + AT_MEMMAP);
}

/*
 * Room at the usual place below 1 MiB, or above the kernel if that is in the way; 0 if there is
 * none
 */
static uint64_t find(struct boot *b, uint64_t usual, uint64_t len, uint64_t end)
{
	uint64_t at = boot_find_above(b, usual, len);

	return at && at + len <= BOOT_EBDA ? at : boot_find_above(b, end, len);
}

/* @end: of the kernel, or 1 MiB */
static int put_info(struct boot *b, uint64_t end)
{
	uint64_t at = find(b, BOOT_INFO, BOOT_INFO_SIZE, end);
	uint8_t *info = at ? boot_place(b, at, BOOT_INFO_SIZE, "the multiboot information") : NULL;
	struct strings s = { .at = find(b, BOOT_CMDLINE, BOOT_CMDLINE_MAX, end) };
	uint32_t cmdline, loader;

	s.p = s.at ? boot_place(b, s.at, BOOT_CMDLINE_MAX, "the command lines") : NULL;
	if (!info || !s.p)
		return boot_error(b, "%s leaves no memory for the multiboot information: try more with --mem",
				  b->image.name);
	cmdline = put_string(b, &s, b->image.name, b->cmdline ? b->cmdline : "");
	loader = cmdline ? put_string(b, &s, "lodge", "") : 0;
	if (!loader)
		return -1;
	boot_put32(info, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMMAP | INFO_LOADER);
	boot_put32(info + 16, cmdline);
	boot_put32(info + 24, at + AT_MODULES);
	boot_put32(info + 64, loader);
	put_memory(b, info, at);
	b->rbx = at;
	return put_modules(b, info, &s, end);
}

/**
 * multiboot_load - load a multiboot kernel
 * @b: multiboot_is() holds for its image; if it is ELF, elf_refuse_foreign() has been asked
 *
 * Return: 0, or -1 with a message.
 */
int multiboot_load(struct boot *b)
{
	size_t header = find_header(&b->image);
	uint32_t flags = boot_u32(b->image.data + header + 4);
	uint64_t end;

	if (flags & ALL_DEMANDS & ~KNOWN_DEMANDS)
		return boot_error(b, "%s: its multiboot header has flags 0x%x, of which lodge does not know 0x%x",
				  b->image.name, flags, flags & ALL_DEMANDS & ~KNOWN_DEMANDS);
	if (flags & HAS_ADDRESSES) {
		if (put_by_addresses(b, header, &end))
			return -1;
	} else if (elf_is(&b->image)) {
		if (elf_put_segments(b, &b->entry, &end))
			return -1;
	} else {
		return boot_error(b, "%s has a multiboot header without addresses, and is no ELF file",
				  b->image.name);
	}
	if (b->entry >= GUESTMEM_HIGH || !guestmem_ptr(b->mem, b->entry, 1))
		return boot_error(b, "%s starts at 0x%llx, where the guest has no memory",
				  b->image.name, (unsigned long long)b->entry);
	if (put_info(b, end > BOOT_HIGH ? end : BOOT_HIGH))
		return -1;
	b->mode = BOOT_MODE_FLAT32;
	b->rax = LOADER_MAGIC;
	return 0;
}
