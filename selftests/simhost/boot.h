/* SPDX-License-Identifier: GPL-2.0-only */
/* What mkdisk.c writes for boot.S. */
#ifndef SIMHOST_BOOT_H
#define SIMHOST_BOOT_H

#define BOOT_MARK		0x02	/* sent on COM1 each time the host starts */

#define BOOT_MAP		0x1000	/* the BIOS's memory map */
#define BOOT_PAGE		0x8000	/* struct boot_page, from sector 1 on */
#define BOOT_PAGE_SECTORS	8

/* Offsets in struct boot_page. */
#define START_MAP_ENTRIES	48
#define ENTRY			88
#define EXTENTS			92

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <linux/types.h>

/* From the PVH boot protocol (Xen's public interface, version 1 of the structure). */
#define HVM_START_MAGIC		0x336ec578
#define XEN_ELFNOTE_PHYS32_ENTRY	18

struct hvm_start_info {
	__u32 magic;
	__u32 version;
	__u32 flags;
	__u32 nr_modules;
	__u64 modlist_paddr;
	__u64 cmdline_paddr;
	__u64 rsdp_paddr;
	__u64 memmap_paddr;
	__u32 memmap_entries;
	__u32 reserved;
};

struct hvm_modlist_entry {
	__u64 paddr;
	__u64 size;
	__u64 cmdline_paddr;
	__u64 reserved;
};

struct extent {
	__u32 lba;
	__u32 sectors;
	__u32 paddr;
};

struct boot_page {
	struct hvm_start_info start;
	struct hvm_modlist_entry module;
	__u32 entry;
	struct extent extents[24];
	char cmdline[2048];
};

_Static_assert(offsetof(struct boot_page, start.memmap_entries) == START_MAP_ENTRIES, "map");
_Static_assert(offsetof(struct boot_page, entry) == ENTRY, "entry");
_Static_assert(offsetof(struct boot_page, extents) == EXTENTS, "extents");
_Static_assert(sizeof(struct boot_page) <= BOOT_PAGE_SECTORS * 512, "too large");
#endif
#endif
