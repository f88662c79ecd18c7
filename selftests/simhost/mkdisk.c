// SPDX-License-Identifier: GPL-2.0-only
/*
 * mkdisk BOOTSECTOR VMLINUX CMDLINE INITRAMFS... > DISK
 *
 * Writes the IDE disk that boot.S starts a kernel from: the boot sector, a struct boot_page, the
 * kernel's segments as they lie in memory, and the initramfs (several archives one after the
 * other, as the kernel allows).
 */
#include <elf.h>

#include "file.h"
#include "boot.h"

#define SECTOR		512u
#define CYLINDER	(16 * 63 * SECTOR)	/* whole ones only: what an IDE disk consists of */
#define MAX_ARCHIVES	8

static struct boot_page page;
static struct {
	const __u8 *data;
	size_t size;
} content[24];
static unsigned int nr_extents;
static __u32 next_lba = 1 + BOOT_PAGE_SECTORS;

static __u64 align_up(__u64 v, __u64 to)
{
	return (v + to - 1) / to * to;
}

static void add(const __u8 *data, size_t size, __u64 paddr)
{
	struct extent *e = &page.extents[nr_extents];

	if (nr_extents + 1 >= ARRAY_SIZE(content))
		die("too many segments");
	if (paddr + size > 0xc0000000)
		die("kernel and initramfs are too large");
	content[nr_extents].data = data;
	content[nr_extents++].size = size;
	e->lba = next_lba;
	e->sectors = (__u32)(align_up(size, SECTOR) / SECTOR);
	e->paddr = (__u32)paddr;
	next_lba += e->sectors;
}

/* The address of the PVH entry point, out of the kernel's notes. */
static __u32 pvh_entry(const __u8 *note, size_t size)
{
	Elf64_Nhdr n;
	size_t name, desc;
	__u32 entry;

	while (size >= sizeof(n)) {
		memcpy(&n, note, sizeof(n));
		name = sizeof(n);
		desc = name + align_up(n.n_namesz, 4);
		if (desc + align_up(n.n_descsz, 4) > size)
			break;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(note + name, "Xen", 4)) {
			memcpy(&entry, note + desc, sizeof(entry));
			return entry;
		}
		desc += align_up(n.n_descsz, 4);
		note += desc;
		size -= desc;
	}
	return 0;
}

/* Lays the kernel out; returns the first address behind it. */
static __u64 add_kernel(const char *path)
{
	struct map m = map_file(path);
	const Elf64_Ehdr *eh = (const void *)m.data;
	const Elf64_Phdr *ph;
	__u64 end = 0;
	unsigned int i;

	if (m.size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64)
		die("%s: not an x86-64 ELF kernel", path);
	ph = (const void *)(m.data + eh->e_phoff);
	for (i = 0; i < eh->e_phnum; i++, ph++) {
		if (ph->p_offset + ph->p_filesz > m.size)
			die("%s: cut short", path);
		if (ph->p_type == PT_NOTE && !page.entry)
			page.entry = pvh_entry(m.data + ph->p_offset, ph->p_filesz);
		if (ph->p_type != PT_LOAD)
			continue;
		if (ph->p_filesz)
			add(m.data + ph->p_offset, ph->p_filesz, ph->p_paddr);
		if (ph->p_paddr + ph->p_memsz > end)
			end = ph->p_paddr + ph->p_memsz;
	}
	if (!page.entry)
		die("%s: no PVH entry point (CONFIG_PVH)", path);
	return end;
}

/* Archives start at multiples of four bytes; ours end at multiples of a sector. */
static void add_initramfs(char **paths, __u64 paddr)
{
	struct map m;

	page.module.paddr = paddr;
	for (; *paths; paths++) {
		m = map_file(*paths);
		if (m.size % SECTOR)
			die("%s: not padded to whole sectors", *paths);
		if (m.size)
			add(m.data, m.size, paddr + page.module.size);
		page.module.size += m.size;
	}
}

static void write_out(const struct map *boot)
{
	static const __u8 zeros[CYLINDER];
	__u8 sectors[BOOT_PAGE_SECTORS * SECTOR] = { 0 };
	__u64 size = (__u64)next_lba * SECTOR;
	unsigned int i;

	memcpy(sectors, &page, sizeof(page));
	write_all(STDOUT_FILENO, boot->data, SECTOR);
	write_all(STDOUT_FILENO, sectors, sizeof(sectors));
	for (i = 0; i < nr_extents; i++) {
		write_all(STDOUT_FILENO, content[i].data, content[i].size);
		write_all(STDOUT_FILENO, zeros,
			  page.extents[i].sectors * SECTOR - content[i].size);
	}
	write_all(STDOUT_FILENO, zeros, align_up(size, CYLINDER) - size);
}

int main(int argc, char **argv)
{
	struct map boot;

	if (argc < 5 || argc > 4 + MAX_ARCHIVES)
		die("usage: mkdisk BOOTSECTOR VMLINUX CMDLINE INITRAMFS... > DISK");
	boot = map_file(argv[1]);
	if (boot.size != SECTOR)
		die("%s: not a boot sector", argv[1]);
	if (strlen(argv[3]) >= sizeof(page.cmdline))
		die("the kernel command line is too long");
	strcpy(page.cmdline, argv[3]);
	add_initramfs(argv + 4, align_up(add_kernel(argv[2]) + 0x100000, 0x200000));

	page.start.magic = HVM_START_MAGIC;
	page.start.version = 1;
	page.start.nr_modules = 1;
	page.start.modlist_paddr = BOOT_PAGE + offsetof(struct boot_page, module);
	page.start.cmdline_paddr = BOOT_PAGE + offsetof(struct boot_page, cmdline);
	page.start.memmap_paddr = BOOT_MAP;
	write_out(&boot);
	return 0;
}
