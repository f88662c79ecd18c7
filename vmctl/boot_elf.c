// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF files of 32 and 64 bits: what they are for, their segments, their notes.
 */
#include <elf.h>
#include <string.h>

#include "boot.h"

#define NOTE_PVH_ENTRY	18	/* XEN_ELFNOTE_PHYS32_ENTRY */
#define ANY_NOTE	UINT32_MAX

/* A program header of either class */
struct segment {
	uint32_t type;
	uint64_t offset;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

bool elf_is(const struct boot_file *f)
{
	return f->len >= sizeof(Elf32_Ehdr) && !memcmp(f->data, ELFMAG, SELFMAG);
}

/* elf_refuse_foreign() has made sure that there is a whole header */
bool elf_is_64(const struct boot_file *f)
{
	return f->data[EI_CLASS] == ELFCLASS64;
}

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} names[] = {
		{ EM_AARCH64, "aarch64" }, { EM_ARM, "arm" }, { EM_RISCV, "riscv" },
		{ EM_S390, "s390" }, { EM_PPC64, "powerpc 64" }, { EM_PPC, "powerpc" },
		{ EM_MIPS, "mips" }, { EM_LOONGARCH, "loongarch" }, { EM_SPARCV9, "sparc64" },
		{ EM_SPARC, "sparc" }, { EM_IA_64, "ia64" }, { EM_BPF, "bpf" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return NULL;
}

static unsigned int nr_segments(const struct boot_file *f)
{
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;

	if (elf_is_64(f)) {
		memcpy(&e64, f->data, sizeof(e64));
		return e64.e_phnum;
	}
	memcpy(&e32, f->data, sizeof(e32));
	return e32.e_phnum;
}

static uint64_t elf_entry(const struct boot_file *f)
{
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;

	if (elf_is_64(f)) {
		memcpy(&e64, f->data, sizeof(e64));
		return e64.e_entry;
	}
	memcpy(&e32, f->data, sizeof(e32));
	return e32.e_entry;
}

/* Whether [@at, @at + @len) is in the file */
static bool within(const struct boot_file *f, uint64_t at, uint64_t len)
{
	return at <= f->len && len <= f->len - at;
}

/* Program header @n; false if the file has no such bytes */
static bool read_segment(const struct boot_file *f, unsigned int n, struct segment *s)
{
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;
	Elf32_Phdr p32;
	Elf64_Phdr p64;
	uint64_t at;

	if (elf_is_64(f)) {
		memcpy(&e64, f->data, sizeof(e64));
		at = (uint64_t)n * e64.e_phentsize;
		if (e64.e_phentsize < sizeof(p64) || e64.e_phoff > f->len ||
		    !within(f, e64.e_phoff + at, sizeof(p64)))
			return false;
		memcpy(&p64, f->data + e64.e_phoff + at, sizeof(p64));
		*s = (struct segment){ p64.p_type, p64.p_offset, p64.p_vaddr, p64.p_paddr,
				       p64.p_filesz, p64.p_memsz, p64.p_align };
		return true;
	}
	memcpy(&e32, f->data, sizeof(e32));
	at = e32.e_phoff + (uint64_t)n * e32.e_phentsize;
	if (e32.e_phentsize < sizeof(p32) || !within(f, at, sizeof(p32)))
		return false;
	memcpy(&p32, f->data + at, sizeof(p32));
	*s = (struct segment){ p32.p_type, p32.p_offset, p32.p_vaddr, p32.p_paddr, p32.p_filesz,
			       p32.p_memsz, p32.p_align };
	return true;
}

/* Is every program header there, and does none ask for an interpreter, as programs do? */
static int check_segments(struct boot *b)
{
	const struct boot_file *f = &b->image;
	unsigned int i, n = nr_segments(f);
	struct segment s;

	for (i = 0; i < n; i++) {
		if (!read_segment(f, i, &s))
			return boot_error(b, "%s is cut short: program header %u of %u is missing",
					  f->name, i + 1, n);
		if (s.type == PT_INTERP)
			return boot_error(b, "%s is a program for an operating system, not a kernel",
					  f->name);
	}
	return 0;
}

/**
 * elf_refuse_foreign - tell the user what is wrong with an ELF file
 * @b: elf_is() holds for its image
 *
 * Return: 0 if it may be a kernel for this processor, else -1 with a message.
 */
int elf_refuse_foreign(struct boot *b)
{
	const struct boot_file *f = &b->image;
	unsigned int type = boot_u16(f->data + 16), machine = boot_u16(f->data + 18);
	const char *name;

	if (f->data[EI_DATA] == ELFDATA2MSB) {
		machine = machine >> 8 | (machine & 0xff) << 8;
	} else if (machine == EM_386 || machine == EM_X86_64) {
		if ((f->data[EI_CLASS] != ELFCLASS32 && f->data[EI_CLASS] != ELFCLASS64) ||
		    (elf_is_64(f) && f->len < sizeof(Elf64_Ehdr)))
			return boot_error(b, "%s is a damaged ELF file", f->name);
		if (type == ET_REL)
			return boot_error(b, "%s is an object file or a module, not a kernel",
					  f->name);
		if (type != ET_EXEC && type != ET_DYN)
			return boot_error(b, "%s is a core dump or another kind of ELF file, not a kernel",
					  f->name);
		return check_segments(b);
	}
	name = machine_name(machine);
	if (name)
		return boot_error(b, "%s is an ELF file for %s: lodge runs guests for x86", f->name,
				  name);
	return boot_error(b, "%s is an ELF file for machine %u: lodge runs guests for x86", f->name,
			  machine);
}

/**
 * struct note - a note that is looked for, and found
 * @name: its owner
 * @type: number, or ANY_NOTE
 * @desc: out: its description
 * @descsz: out: bytes of it
 */
struct note {
	const char *name;
	uint32_t type;
	const uint8_t *desc;
	uint32_t descsz;
};

/* In the notes of one segment; name and description are padded to @align */
static bool find_in(const uint8_t *p, uint64_t len, uint64_t align, struct note *note)
{
	uint64_t namesz, desc, next, wanted = strlen(note->name) + 1;

	while (len >= 12) {
		namesz = boot_u32(p);
		note->descsz = boot_u32(p + 4);
		desc = (12 + namesz + align - 1) & ~(align - 1);
		next = (desc + note->descsz + align - 1) & ~(align - 1);
		if (desc + note->descsz > len)
			return false;
		note->desc = p + desc;
		if (namesz == wanted && !memcmp(p + 12, note->name, wanted) &&
		    (note->type == ANY_NOTE || boot_u32(p + 8) == note->type))
			return true;
		if (next > len)
			return false;
		p += next;
		len -= next;
	}
	return false;
}

static bool find_note(const struct boot_file *f, struct note *note)
{
	unsigned int i, n = nr_segments(f);
	struct segment s;

	for (i = 0; i < n; i++) {
		if (!read_segment(f, i, &s))
			return false;
		if (s.type == PT_NOTE && within(f, s.offset, s.filesz) &&
		    find_in(f->data + s.offset, s.filesz, s.align == 8 ? 8 : 4, note))
			return true;
	}
	return false;
}

/**
 * elf_find_pvh - where a kernel starts according to its PVH note
 * @f: elf_refuse_foreign() had nothing against it
 * @entry: physical address
 *
 * Return: whether there is a note.
 */
bool elf_find_pvh(const struct boot_file *f, uint64_t *entry)
{
	struct note note = { .name = "Xen", .type = NOTE_PVH_ENTRY };

	if (!find_note(f, &note) || (note.descsz != 4 && note.descsz != 8))
		return false;
	*entry = note.descsz == 4 ? boot_u32(note.desc) : boot_u64(note.desc);
	return true;
}

/* A Linux for 64 bits has notes of its own; @f as for elf_find_pvh() */
bool elf_is_linux(const struct boot_file *f)
{
	struct note note = { .name = "Linux", .type = ANY_NOTE };

	return elf_is_64(f) && boot_u16(f->data + 18) == EM_X86_64 && find_note(f, &note);
}

/**
 * elf_put_segments - copy a kernel to where it wants to be
 * @b: elf_refuse_foreign() had nothing against its image
 * @entry: out: entry point, as a physical address
 * @end: out: end of the highest segment
 *
 * Guest memory is zero, so what a segment has beyond its bytes in the file is not touched.
 *
 * Return: 0, or -1 with a message.
 */
int elf_put_segments(struct boot *b, uint64_t *entry, uint64_t *end)
{
	const struct boot_file *f = &b->image;
	unsigned int i, n = nr_segments(f);
	uint64_t virtual_entry = elf_entry(f);
	struct segment s;
	void *p;

	*entry = virtual_entry;
	*end = 0;
	for (i = 0; i < n; i++) {
		if (!read_segment(f, i, &s) || s.type != PT_LOAD || !s.memsz)
			continue;
		if (s.filesz > s.memsz || !within(f, s.offset, s.filesz))
			return boot_error(b, "%s is cut short or damaged: segment %u is not all in the file",
					  f->name, i);
		p = boot_place(b, s.paddr, s.memsz, "the kernel");
		if (!p)
			return -1;
		if (s.filesz)
			memcpy(p, f->data + s.offset, s.filesz);
		if (virtual_entry >= s.vaddr && virtual_entry - s.vaddr < s.memsz)
			*entry = virtual_entry - s.vaddr + s.paddr;
		if (s.paddr + s.memsz > *end)
			*end = s.paddr + s.memsz;
	}
	if (!*end)
		return boot_error(b, "%s has nothing to load", f->name);
	return 0;
}
