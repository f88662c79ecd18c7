// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small kexec: an uncompressed kernel, since decompressing one takes a minute in
 * the emulator, with an initramfs of this program as its init and a module.
 *
 * All of it is one piece of memory, from where the kernel goes: the kernel, a page
 * with struct boot_params, one with a few instructions and the command line, the
 * initramfs. It is entered by the 64-bit boot protocol.
 */
#include <asm/bootparam.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "kexec.h"

#define MEMMAP		"/sys/firmware/memmap"
#define LOW_START	0x1000		/* of the memory that starting a CPU takes */
#define LOW_END		0x9f000
#define LARGE_PAGE	0x200000
#define ROOM		(32 << 20)	/* for all but the kernel */
#define RAM		1

/**
 * struct image - what is loaded
 * @base: physical address it goes to
 * @room: bytes there
 * @mem: the same in this process
 * @used: bytes filled
 * @entry: of the kernel, physical
 */
struct image {
	__u64 base;
	__u64 room;
	unsigned char *mem;
	__u64 used;
	__u64 entry;
};

static __u64 align(__u64 value, __u64 to)
{
	return (value + to - 1) & -to;
}

static void *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	*size = st.st_size;
	p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static bool has_word(const char *path, const char *format, __u64 *value)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, format, value) == 1;

	if (f)
		fclose(f);
	return ok;
}

/* The memory kept for a crash kernel, from /proc/iomem */
static int find_crash_memory(struct image *im)
{
	FILE *f = fopen("/proc/iomem", "re");
	unsigned long long start, end;
	char line[128];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "Crash kernel") &&
			sscanf(line, " %llx-%llx", &start, &end) == 2;
	if (f)
		fclose(f);
	if (!found)
		return fail("no memory for a crash kernel (crashkernel=)");
	im->base = align(start, LARGE_PAGE);
	im->room = end + 1 - im->base;
	return 0;
}

/* Where the kernel wants to lie goes to .base, unless that is known */
static int load_kernel(struct image *im, const char *path)
{
	size_t size;
	unsigned char *file = map_file(path, &size);
	const Elf64_Ehdr *eh = (void *)file;
	const Elf64_Phdr *ph;
	__u64 low = -1, high = 0;
	int i;

	if (!file || size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG))
		return fail("%s: no kernel", path);
	ph = (void *)(file + eh->e_phoff);
	for (i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		low = ph[i].p_paddr < low ? ph[i].p_paddr : low;
		if (ph[i].p_paddr + ph[i].p_memsz > high)
			high = ph[i].p_paddr + ph[i].p_memsz;
	}
	if (!im->base) {
		im->base = low;
		im->room = align(high - low, LARGE_PAGE) + ROOM;
	}
	im->used = align(high - low, LARGE_PAGE);
	if (im->used + ROOM > im->room)
		return fail("%s: %llu bytes do not fit", path, im->used + ROOM);
	im->mem = mmap(NULL, im->used + ROOM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (im->mem == MAP_FAILED)
		return fail("no memory for the kernel");
	for (i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			memcpy(im->mem + ph[i].p_paddr - low, file + ph[i].p_offset,
			       ph[i].p_filesz);
	im->entry = eh->e_entry - low + im->base;
	munmap(file, size);
	return 0;
}

static void add_range(struct boot_params *bp, __u64 start, __u64 end, __u32 type)
{
	bp->e820_table[bp->e820_entries++] = (struct boot_e820_entry){
		.addr = start, .size = end - start, .type = type,
	};
}

/* The firmware's map; a crash kernel gets no more memory than is kept for it */
static void copy_memory_map(struct boot_params *bp, const struct image *im, bool on_crash)
{
	DIR *dir = opendir(MEMMAP);
	struct dirent *e;
	char path[sizeof(MEMMAP) + sizeof(e->d_name) + 8], type[32];
	__u64 start, end;
	FILE *f;

	while (dir && (e = readdir(dir)) && bp->e820_entries < E820_MAX_ENTRIES_ZEROPAGE - 2) {
		snprintf(path, sizeof(path), MEMMAP "/%s/start", e->d_name);
		if (e->d_name[0] == '.' || !has_word(path, "%llx", &start))
			continue;
		snprintf(path, sizeof(path), MEMMAP "/%s/end", e->d_name);
		if (!has_word(path, "%llx", &end))
			continue;
		snprintf(path, sizeof(path), MEMMAP "/%s/type", e->d_name);
		f = fopen(path, "re");
		if (!f || !fgets(type, sizeof(type), f))
			type[0] = '\0';
		if (f)
			fclose(f);
		if (!strncmp(type, "System RAM", 10)) {
			if (!on_crash)
				add_range(bp, start, end + 1, RAM);
		} else {
			add_range(bp, start, end + 1, strstr(type, "Tables") ? 3 :
				  strstr(type, "Non-volatile") ? 4 : 2);
		}
	}
	if (dir)
		closedir(dir);
	if (on_crash) {
		add_range(bp, LOW_START, LOW_END, RAM);
		add_range(bp, im->base, im->base + im->room, RAM);
	}
}

/* One file of a cpio archive in "newc" format: 13 numbers of 8 digits, and the name */
static void add_file(struct image *im, const char *name, const void *data, size_t size)
{
	const unsigned int fields[13] = {
		[1] = 0100755, [4] = 1, [6] = size, [11] = strlen(name) + 1,
	};
	char *p = (char *)im->mem + im->used;
	unsigned int i;

	p += sprintf(p, "070701");
	for (i = 0; i < 13; i++)
		p += sprintf(p, "%08x", fields[i]);
	p += sprintf(p, "%s", name) + 1;
	im->used = align((unsigned char *)p - im->mem, 4);
	if (size)
		memcpy(im->mem + im->used, data, size);
	im->used = align(im->used + size, 4);
}

static int add_initramfs(struct image *im, const char *module)
{
	size_t init_size, module_size;
	void *init = map_file("/proc/self/exe", &init_size);
	void *ko = map_file(module, &module_size);

	if (!init || !ko)
		return fail("no %s", init ? module : "/proc/self/exe");
	if (init_size + module_size + LARGE_PAGE > ROOM)
		return fail("%s is too large", module);
	add_file(im, "init", init, init_size);
	add_file(im, module + 1, ko, module_size);
	add_file(im, "TRAILER!!!", NULL, 0);
	munmap(init, init_size);
	munmap(ko, module_size);
	return 0;
}

/* mov $boot_params, %rsi; mov $entry, %rax; jmp *%rax */
static void write_stub(unsigned char *p, __u64 boot_params, __u64 entry)
{
	memcpy(p, "\x48\xbe", 2);
	memcpy(p + 2, &boot_params, 8);
	memcpy(p + 10, "\x48\xb8", 2);
	memcpy(p + 12, &entry, 8);
	memcpy(p + 20, "\xff\xe0", 2);
}

/**
 * kexec_prepare - have a kernel ready for reboot() or for a crash
 * @vmlinux: the kernel, ELF
 * @module: file that goes into its initramfs, in the root
 * @on_crash: for a crash
 *
 * Return: 0 or -1 after fail().
 */
int kexec_prepare(const char *vmlinux, const char *module, bool on_crash)
{
	struct image im = { 0 };
	struct boot_params *bp;
	struct kexec_segment segment;
	__u64 stub, initramfs;
	int fd;

	if ((on_crash && find_crash_memory(&im)) || load_kernel(&im, vmlinux))
		return -1;
	bp = (void *)(im.mem + im.used);
	im.used += sizeof(*bp);
	stub = im.used;
	write_stub(im.mem + stub, im.base + stub - sizeof(*bp), im.entry);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, im.mem + stub + 64, 2048) < 0)
		return fail("no /proc/cmdline");
	close(fd);
	im.used += 4096;
	initramfs = im.used;
	if (add_initramfs(&im, module))
		return -1;

	bp->hdr.boot_flag = 0xaa55;
	memcpy(&bp->hdr.header, "HdrS", 4);
	bp->hdr.version = 0x20c;
	bp->hdr.type_of_loader = 0xff;
	bp->hdr.cmd_line_ptr = im.base + stub + 64;
	bp->hdr.ramdisk_image = im.base + initramfs;
	bp->hdr.ramdisk_size = im.used - initramfs;
	copy_memory_map(bp, &im, on_crash);

	segment = (struct kexec_segment){
		.buf = im.mem, .bufsz = im.used, .mem = (void *)im.base,
		.memsz = align(im.used, 4096),
	};
	if (syscall(SYS_kexec_load, im.base + stub, 1, &segment,
		    KEXEC_ARCH_X86_64 | (on_crash ? KEXEC_ON_CRASH : 0)))
		return fail("kexec_load: errno %d", errno);
	munmap(im.mem, im.used);
	return 0;
}
