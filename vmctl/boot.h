/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot.h - from an image in memory to guest memory and the first registers
 *
 * Nothing here opens a file or talks to the module.  Every byte of an image is
 * taken as hostile.  Loaders return 0, or -1 with a sentence in boot.error.
 */
#ifndef VMCTL_BOOT_H
#define VMCTL_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guestmem.h"

#define BOOT_MAX_CLAIMS		96
#define BOOT_CMDLINE_MAX	65536	/* with the NUL */

/* What the loaders put below 1 MiB; an image that wants the same place is refused */
#define BOOT_GDT		0x0800
#define BOOT_GDT_SIZE		0x30
#define BOOT_INFO		0x7000	/* zero page, or the other protocols' structures */
#define BOOT_INFO_SIZE		0x2000
#define BOOT_PAGE_TABLES	0x9000	/* 6 pages: the first 4 GiB one to one */
#define BOOT_CMDLINE		0x20000
#define BOOT_EBDA		0x9fc00
#define BOOT_ACPI		0xf0000
#define BOOT_HIGH		0x100000

#define BOOT_MAX_FILES	4

enum boot_kind {
	BOOT_UNKNOWN,
	BOOT_BZIMAGE,
	BOOT_PVH,
	BOOT_LINUX_ELF,
	BOOT_MULTIBOOT,
	BOOT_FLAT,
	BOOT_FIRMWARE,
};

/* The processor's state at the guest's first instruction */
enum boot_mode {
	BOOT_MODE_RESET,	/* as after RESET */
	BOOT_MODE_REAL,		/* 16 bits */
	BOOT_MODE_FLAT32,	/* 32 bits, flat segments, no paging */
	BOOT_MODE_LONG,		/* 64 bits, the first 4 GiB mapped one to one */
};

/**
 * struct boot_file - a file's content
 * @name: as the user gave it, for messages and for the guest
 * @args: words after it (multiboot modules), or empty
 * @data: its bytes
 * @len: how many
 */
struct boot_file {
	const char *name;
	const char *args;
	const uint8_t *data;
	size_t len;
};

/**
 * struct boot - an image on its way into a guest
 * @mem: guest memory
 * @image: what to boot; .data NULL: nothing but @firmware
 * @initrd: initial RAM disks, or multiboot modules
 * @nr_initrd: how many
 * @cmdline: for the kernel, NULL for the default of its kind
 * @hvc: by default its console is a virtio one
 * @rsdp: guest-physical address of the ACPI tables' root
 * @flat: the image is flat and belongs at @flat_addr
 * @flat_addr: guest-physical
 * @kind: out: what it is
 * @mode: out: initial state
 * @entry: out: first instruction; in real mode its segment is @entry_cs
 * @entry_cs: out: selector in real mode, base 16 times that
 * @rax: out: initial registers, as the ones below; the rest is zero
 * @rbx: out
 * @rsi: out
 * @rsp: out
 * @files: out: what firmware finds by fw_cfg
 * @nr_files: out: how many
 * @claims: places that are taken, with their owners
 * @nr_claims: how many
 * @error: why it failed
 */
struct boot {
	struct guestmem *mem;
	struct boot_file image;
	const struct boot_file *initrd;
	unsigned int nr_initrd;
	const char *cmdline;
	bool hvc;
	uint64_t rsdp;
	bool flat;
	uint64_t flat_addr;

	enum boot_kind kind;
	enum boot_mode mode;
	uint64_t entry;
	uint16_t entry_cs;
	uint64_t rax;
	uint64_t rbx;
	uint64_t rsi;
	uint64_t rsp;

	struct boot_fwfile {
		const char *name;
		size_t len;
		uint8_t data[128];
	} files[BOOT_MAX_FILES];
	unsigned int nr_files;

	struct boot_claim {
		uint64_t start;
		uint64_t end;
		const char *owner;
	} claims[BOOT_MAX_CLAIMS];
	unsigned int nr_claims;
	char error[320];
};

/**
 * struct boot_range - an entry of the memory map
 * @start: guest-physical
 * @len: bytes
 * @type: BOOT_RAM or BOOT_RESERVED, the numbers of E820
 */
struct boot_range {
	uint64_t start;
	uint64_t len;
	uint32_t type;
};

#define BOOT_RAM	1
#define BOOT_RESERVED	2
#define BOOT_MAX_RANGES	6

/* boot.c */
int boot_load(struct boot *b);
const char *boot_kind_name(enum boot_kind kind);

/* boot_firmware.c */
int boot_firmware(struct boot *b, const struct boot_file *firmware, uint8_t *rom, size_t rom_size,
		  unsigned int cpus);

/* What the loaders share, boot.c */
int boot_error(struct boot *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int boot_claim(struct boot *b, uint64_t gpa, uint64_t len, const char *owner);
void *boot_place(struct boot *b, uint64_t gpa, uint64_t len, const char *owner);
uint64_t boot_find_below(struct boot *b, uint64_t limit, uint64_t len);
uint64_t boot_find_above(struct boot *b, uint64_t start, uint64_t len);
unsigned int boot_memory_map(const struct guestmem *mem, struct boot_range *range);
int boot_put_cmdline(struct boot *b, uint64_t limit);
int boot_put_initrds(struct boot *b, uint64_t limit, uint64_t *at, uint64_t *len);
int boot_put_page_tables(struct boot *b);

/* Little-endian values at any alignment; the caller has checked the bounds */
uint16_t boot_u16(const uint8_t *p);
uint32_t boot_u32(const uint8_t *p);
uint64_t boot_u64(const uint8_t *p);
void boot_put32(uint8_t *p, uint32_t value);
void boot_put64(uint8_t *p, uint64_t value);

/* boot_bzimage.c */
bool bzimage_is(const struct boot_file *f);
int bzimage_load(struct boot *b);
int linux_elf_load(struct boot *b);

/* boot_elf.c */
bool elf_is(const struct boot_file *f);
int elf_refuse_foreign(struct boot *b);
bool elf_is_64(const struct boot_file *f);
bool elf_find_pvh(const struct boot_file *f, uint64_t *entry);
bool elf_is_linux(const struct boot_file *f);
int elf_put_segments(struct boot *b, uint64_t *entry, uint64_t *end);

/* boot_pvh.c */
int pvh_load(struct boot *b, uint64_t entry);

/* boot_multiboot.c */
bool multiboot_is(const struct boot_file *f);
int multiboot_load(struct boot *b);

#endif /* VMCTL_BOOT_H */
