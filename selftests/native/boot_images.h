/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small images of each kind that vmctl boots, and guest memory to load them into.
 */
#ifndef SELFTESTS_NATIVE_BOOT_IMAGES_H
#define SELFTESTS_NATIVE_BOOT_IMAGES_H

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "../../vmctl/boot.h"

#define IMAGE_MAX	16384
#define KERNEL_AT	0x100000
#define BIG_MEMORY	(4ULL << 20)

/**
 * struct image - an image being made
 * @data: its bytes
 * @len: how many
 */
struct image {
	uint8_t data[IMAGE_MAX];
	size_t len;
};

static inline void put_le(uint8_t *p, uint64_t value, unsigned int width)
{
	while (width--) {
		*p++ = value;
		value >>= 8;
	}
}

/* A pattern that is never zero, so that what is copied can be told from fresh memory */
static inline void fill(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = i % 251 + 1;
}

/* One sector of boot code, one of setup, 4 KiB of kernel */
static inline void image_bzimage(struct image *m)
{
	uint8_t *d = m->data;

	memset(m, 0, sizeof(*m));
	m->len = 1024 + 4096;
	fill(d + 1024, 4096);
	d[0x1f1] = 1;
	put_le(d + 0x1fe, 0xaa55, 2);
	d[0x200] = 0xeb;
	d[0x201] = 0x6a;
	memcpy(d + 0x202, "HdrS", 4);
	put_le(d + 0x206, 0x20f, 2);
	d[0x211] = 1;
	put_le(d + 0x214, KERNEL_AT, 4);
	put_le(d + 0x22c, 0x7fffffff, 4);
	put_le(d + 0x230, 0x200000, 4);
	d[0x234] = 1;
	put_le(d + 0x236, 1, 2);
	put_le(d + 0x238, 2047, 4);
	put_le(d + 0x258, KERNEL_AT, 8);
	put_le(d + 0x260, 0x20000, 4);
}

static inline void put_phdr64(uint8_t *p, uint32_t type, uint64_t offset, uint64_t vaddr,
			      uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
	Elf64_Phdr h = {
		.p_type = type, .p_offset = offset, .p_vaddr = vaddr, .p_paddr = paddr,
		.p_filesz = filesz, .p_memsz = memsz, .p_align = 4,
	};

	memcpy(p, &h, sizeof(h));
}

static inline void put_note(uint8_t *p, const char *name, uint32_t type, uint64_t value,
			    unsigned int width)
{
	size_t namesz = strlen(name) + 1;

	put_le(p, namesz, 4);
	put_le(p + 4, width, 4);
	put_le(p + 8, type, 4);
	memcpy(p + 12, name, namesz);
	put_le(p + 12 + ((namesz + 3) & ~3UL), value, width);
}

/* Two segments with some bss, and a PVH note behind another note */
static inline void image_pvh(struct image *m)
{
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1,
		.e_entry = 0xffffffff80000000, .e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56,
		.e_phnum = 3,
	};
	uint8_t *d = m->data;

	memset(m, 0, sizeof(*m));
	m->len = 0x3000;
	memcpy(d, &e, sizeof(e));
	put_phdr64(d + 64, PT_LOAD, 0x1000, 0xffffffff80000000, KERNEL_AT, 0x1000, 0x1000);
	put_phdr64(d + 120, PT_LOAD, 0x2000, 0, KERNEL_AT + 0x4000, 0x800, 0x2000);
	put_phdr64(d + 176, PT_NOTE, 0x200, 0, 0, 64, 64);
	put_note(d + 0x200, "Linux", 0, 1, 4);
	put_note(d + 0x200 + 24, "Xen", 18, KERNEL_AT + 0x40, 8);
	fill(d + 0x1000, 0x1800);
}

static inline void put_multiboot_header(uint8_t *p, uint32_t flags)
{
	put_le(p, 0x1badb002, 4);
	put_le(p + 4, flags, 4);
	put_le(p + 8, -(0x1badb002 + flags), 4);
}

static inline void image_multiboot_elf(struct image *m)
{
	Elf32_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_386, .e_version = 1,
		.e_entry = 0xc0000010, .e_phoff = 52, .e_ehsize = 52, .e_phentsize = 32,
		.e_phnum = 1,
	};
	Elf32_Phdr h = {
		.p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = 0xc0000000,
		.p_paddr = KERNEL_AT, .p_filesz = 0x1000, .p_memsz = 0x3000, .p_align = 0x1000,
	};

	memset(m, 0, sizeof(*m));
	m->len = 0x2000;
	memcpy(m->data, &e, sizeof(e));
	memcpy(m->data + 52, &h, sizeof(h));
	fill(m->data + 0x1000, 0x1000);
	put_multiboot_header(m->data + 0x1000, 3);
}

/* Any format: the header at 0x40 tells where the file belongs */
static inline void image_multiboot_addresses(struct image *m)
{
	uint8_t *p = m->data + 0x40;

	memset(m, 0, sizeof(*m));
	m->len = 0x1000;
	fill(m->data, m->len);
	put_multiboot_header(p, 1u << 16 | 2);
	put_le(p + 12, KERNEL_AT + 0x40, 4);
	put_le(p + 16, KERNEL_AT, 4);
	put_le(p + 20, 0, 4);
	put_le(p + 24, KERNEL_AT + 0x3000, 4);
	put_le(p + 28, KERNEL_AT + 0x80, 4);
}

/* Memory of exactly @size bytes, so that the sanitizer sees every byte beyond */
static inline struct guestmem memory_of(uint64_t size)
{
	return (struct guestmem){ .host = calloc(1, size), .size = size };
}

static inline struct boot boot_of(struct guestmem *mem, const struct image *m)
{
	return (struct boot){
		.mem = mem, .cmdline = "a=b", .rsdp = BOOT_ACPI,
		.image = { .name = "IMAGE", .args = "", .data = m->data, .len = m->len },
	};
}

/* Address of a byte that is not zero although nobody has claimed its place, or -1 */
static inline int64_t written_unclaimed(const struct boot *b)
{
	static const uint8_t zero[4096];
	uint64_t gpa = 0, size = b->mem->size;

	while (gpa < size) {
		unsigned int i;

		if (gpa % 4096 == 0 && !memcmp(b->mem->host + gpa, zero, 4096)) {
			gpa += 4096;
			continue;
		}
		if (!b->mem->host[gpa]) {
			gpa++;
			continue;
		}
		for (i = 0; i < b->nr_claims; i++)
			if (gpa >= b->claims[i].start && gpa < b->claims[i].end)
				break;
		if (i == b->nr_claims)
			return gpa;
		gpa = b->claims[i].end;
	}
	return -1;
}

#endif /* SELFTESTS_NATIVE_BOOT_IMAGES_H */
