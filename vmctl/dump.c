// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl dump: a VM's memory and registers as an ELF file that crash and drgn read as
 * a vmcore: a segment for each piece of memory, by physical address; a note for each
 * processor; and, of a Linux that has it, the note that tells where the kernel's
 * structures are, and a segment by virtual address for the root of its page tables, from
 * which drgn finds the rest.
 *
 * Memory is written first, with room before it for the headers, since the kernel's
 * note is found on the way.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define PAGE		4096
#define HEADERS		(128 << 10)	/* room for ELF header, segments and notes */
#define PRSTATUS_SIZE	336		/* struct elf_prstatus of x86-64 */
#define PRSTATUS_PID	32
#define PRSTATUS_REGS	112
#define NR_REGS		27		/* struct user_regs_struct */
#define KERNEL_MAP	0xffffffff80000000	/* __START_KERNEL_map, of x86-64 */

/**
 * struct dump - a file being written
 * @vm: whose
 * @name: of the file
 * @fd: it
 * @slots: of memory
 * @nr_slots: how many
 * @info: the kernel's note, or none of @info_len 0
 * @info_len: its bytes
 * @headers: what goes to the begin of the file
 * @len: bytes of it
 */
struct dump {
	const struct nl_vm *vm;
	const char *name;
	int fd;
	struct nl_slot *slots;
	unsigned int nr_slots;
	char info[PAGE];
	unsigned int info_len;
	uint8_t headers[HEADERS];
	size_t len;
};

/* ---- memory -------------------------------------------------------------- */

/*
 * Linux keeps the text of its note in a page of its own, which begins with the release (from
 * crash_save_vmcoreinfo_init()).
 */
static void look_for_info(struct dump *d, const uint8_t *page)
{
	static const char begin[] = "OSRELEASE=";
	const char *text = (const char *)page;
	unsigned int n;

	if (d->info_len || memcmp(text, begin, sizeof(begin) - 1))
		return;
	n = strnlen(text, PAGE);
	if (n == PAGE || !strstr(text, "\nPAGESIZE=") || !strstr(text, "\nSYMBOL("))
		return;
	memcpy(d->info, text, n);
	d->info_len = n;
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

static int fail(const struct dump *d)
{
	return cmd_error(CMD_FAILED, "%s: %s", d->name, strerror(errno));
}

static int write_at(const struct dump *d, const void *buf, size_t len, off_t at)
{
	const char *p = buf;
	ssize_t n;

	for (; len; p += n, len -= n, at += n) {
		n = pwrite(d->fd, p, len, at);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return fail(d);
	}
	return CMD_OK;
}

/* Pages of zeroes stay holes */
static int write_slot(struct dump *d, const struct nl_slot *slot, off_t at)
{
	static uint8_t buf[NL_MEMORY_MAX];
	unsigned int i, n;
	uint64_t done;
	int error, status = CMD_OK;

	for (done = 0; done < slot->length && !status; done += n) {
		n = slot->length - done < sizeof(buf) ? slot->length - done : sizeof(buf);
		error = nl_memory(d->vm->number, slot->address + done, buf, n);
		/* memory that its owner has not mapped, or cannot be read, is zeroes */
		if (error == -EFAULT)
			continue;
		if (error)
			return ctl_fail(error, d->vm->name);
		for (i = 0; i < n && !status; i += PAGE) {
			look_for_info(d, buf + i);
			if (!is_zero(buf + i))
				status = write_at(d, buf + i, PAGE, at + done + i);
		}
	}
	return status;
}

/* ---- headers ------------------------------------------------------------- */

static void put(struct dump *d, const void *bytes, size_t len)
{
	if (len <= HEADERS - d->len)
		memcpy(d->headers + d->len, bytes, len);
	d->len += len;
}

static void put_padded(struct dump *d, const void *bytes, size_t len)
{
	static const char zeroes[4];

	put(d, bytes, len);
	put(d, zeroes, -len & 3);
}

static void put_note(struct dump *d, const char *name, uint32_t type, const void *bytes, size_t len)
{
	Elf64_Nhdr h = { .n_namesz = strlen(name) + 1, .n_descsz = len, .n_type = type };

	put(d, &h, sizeof(h));
	put_padded(d, name, h.n_namesz);
	put_padded(d, bytes, len);
}

/* In the order of struct user_regs_struct */
static void put_prstatus(struct dump *d, uint32_t id, const struct lodge_regs *r,
			 const struct lodge_sregs *s)
{
	const __u64 *g = r->gpr;
	const struct lodge_segment *seg = s->seg;
	uint64_t regs[NR_REGS] = {
		g[LODGE_R15], g[LODGE_R14], g[LODGE_R13], g[LODGE_R12], g[LODGE_RBP], g[LODGE_RBX],
		g[LODGE_R11], g[LODGE_R10], g[LODGE_R9], g[LODGE_R8], g[LODGE_RAX], g[LODGE_RCX],
		g[LODGE_RDX], g[LODGE_RSI], g[LODGE_RDI], g[LODGE_RAX], r->rip,
		seg[LODGE_CS].selector, r->rflags, g[LODGE_RSP], seg[LODGE_SS].selector,
		seg[LODGE_FS].base, seg[LODGE_GS].base, seg[LODGE_DS].selector,
		seg[LODGE_ES].selector, seg[LODGE_FS].selector, seg[LODGE_GS].selector,
	};
	uint8_t status[PRSTATUS_SIZE] = { 0 };
	uint32_t pid = id + 1;

	memcpy(status + PRSTATUS_PID, &pid, sizeof(pid));
	memcpy(status + PRSTATUS_REGS, regs, sizeof(regs));
	put_note(d, "CORE", NT_PRSTATUS, status, sizeof(status));
}

static int put_processors(struct dump *d)
{
	struct nl_vcpu *cpus = NULL;
	struct lodge_sregs s;
	struct lodge_regs r;
	unsigned int i, n = 0;
	int error = nl_vcpus(d->vm->number, &cpus, &n);

	for (i = 0; i < n && !error; i++) {
		error = nl_regs(d->vm->number, cpus[i].id, &r, &s);
		if (!error)
			put_prstatus(d, cpus[i].id, &r, &s);
	}
	free(cpus);
	return error ? ctl_fail(error, d->vm->name) : CMD_OK;
}

/* What the kernel's note says behind @name, or 0 */
static uint64_t info_number(const struct dump *d, const char *name, int base)
{
	const char *at = strstr(d->info, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* The root of the kernel's page tables as a segment, of 0 bytes if that is not known */
static Elf64_Phdr find_root(const struct dump *d)
{
	uint64_t virt = info_number(d, "\nSYMBOL(swapper_pg_dir)=", 16);
	uint64_t phys = virt - KERNEL_MAP + info_number(d, "\nNUMBER(phys_base)=", 10);
	Elf64_Phdr p = {
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = HEADERS, .p_vaddr = virt,
		.p_paddr = phys,
	};
	const struct nl_slot *slot = d->slots;

	for (; slot < d->slots + d->nr_slots; p.p_offset += slot->length, slot++)
		if (phys >= slot->address && phys - slot->address < slot->length)
			break;
	if (virt >= KERNEL_MAP && !(phys % PAGE) && slot < d->slots + d->nr_slots) {
		p.p_offset += phys - slot->address;
		p.p_filesz = PAGE;
		p.p_memsz = PAGE;
	}
	return p;
}

static void put_segments(struct dump *d, const Elf64_Phdr *root)
{
	Elf64_Phdr p = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = HEADERS };
	unsigned int i;

	if (root->p_filesz)
		put(d, root, sizeof(*root));
	for (i = 0; i < d->nr_slots; i++) {
		p.p_paddr = d->slots[i].address;
		p.p_filesz = d->slots[i].length;
		p.p_memsz = d->slots[i].length;
		put(d, &p, sizeof(p));
		p.p_offset += d->slots[i].length;
	}
}

static int write_headers(struct dump *d)
{
	const Elf64_Phdr root = find_root(d);
	Elf64_Ehdr e = {
		.e_ident = {
			ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
		},
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(e), .e_ehsize = sizeof(e), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = d->nr_slots + 1 + !!root.p_filesz,
	};
	Elf64_Phdr note = {
		.p_type = PT_NOTE, .p_offset = sizeof(e) + e.e_phnum * sizeof(note),
	};
	int status;

	put(d, &e, sizeof(e));
	put(d, &note, sizeof(note));
	put_segments(d, &root);
	status = put_processors(d);
	if (status)
		return status;
	if (d->info_len)
		put_note(d, "VMCOREINFO", 0, d->info, d->info_len);
	if (d->len > HEADERS)
		return cmd_error(CMD_FAILED, "%s has too many pieces of memory", d->vm->name);
	note.p_filesz = d->len - note.p_offset;
	memcpy(d->headers + sizeof(e), &note, sizeof(note));
	return write_at(d, d->headers, d->len, 0);
}

/* ---- together ------------------------------------------------------------ */

static int write_all(struct dump *d)
{
	off_t at = HEADERS;
	int status = CMD_OK;
	unsigned int i;

	for (i = 0; i < d->nr_slots && !status; i++) {
		status = write_slot(d, &d->slots[i], at);
		at += d->slots[i].length;
	}
	if (!status && ftruncate(d->fd, at))
		status = fail(d);
	return status ? status : write_headers(d);
}

static int dump(const struct nl_vm *vm, const char *name)
{
	static struct dump d;
	int status, error;

	d = (struct dump){ .vm = vm, .name = name };
	error = nl_slots(vm->number, &d.slots, &d.nr_slots);
	if (error)
		return ctl_fail(error, vm->name);
	/* a guest's secrets are in it */
	d.fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d.fd < 0) {
		free(d.slots);
		return fail(&d);
	}
	status = write_all(&d);
	if (close(d.fd) && !status)
		status = fail(&d);
	if (status)
		unlink(name);
	else if (!d.info_len)
		cmd_error(CMD_OK, "%s: no VMCOREINFO was found: it may be no Linux", vm->name);
	free(d.slots);
	return status;
}

int cmd_dump(const struct cmd_args *args)
{
	struct nl_vm vm;
	bool paused;
	int status;

	if (args->argc != 2)
		return cmd_error(CMD_USAGE, "dump takes a VM and a file: see vmctl help dump");
	status = ctl_find(args->argv[0], &vm);
	if (status)
		return status;
	if (vm.state == LODGE_STATE_ENDED)
		return cmd_error(CMD_NO_VM, "%s has ended, and its memory is gone", vm.name);
	status = ctl_hold(&vm, &paused);
	if (status)
		return status;
	status = dump(&vm, args->argv[1]);
	ctl_let_go(&vm, paused);
	return status;
}
