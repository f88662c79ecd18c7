// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl's loaders: where the parts of each kind of image come to lie, what the guest
 * is told, and what is said about images that are wrong.
 *
 * native-sources: ../vmctl/boot.c ../vmctl/boot_bzimage.c ../vmctl/boot_elf.c
 * native-sources: ../vmctl/boot_pvh.c ../vmctl/boot_multiboot.c ../vmctl/boot_firmware.c
 * native-sources: ../vmctl/acpi.c ../vmctl/aml.c
 */
#include "boot_images.h"
#include "../lib/ktap.c"

static struct image image;

static uint32_t u32_at(const struct boot *b, uint64_t gpa)
{
	return boot_u32(guestmem_ptr(b->mem, gpa, 4));
}

static uint64_t u64_at(const struct boot *b, uint64_t gpa)
{
	return boot_u64(guestmem_ptr(b->mem, gpa, 8));
}

static bool same(const struct boot *b, uint64_t gpa, const void *bytes, size_t len)
{
	return !memcmp(guestmem_ptr(b->mem, gpa, len), bytes, len);
}

static bool says(const struct boot *b, const char *words)
{
	if (strstr(b->error, words))
		return true;
	diag("\"%s\" does not say \"%s\"", b->error, words);
	return false;
}

/* The image is refused with these words, and nothing was written where nobody claimed it */
static bool refused(uint64_t memory, const char *words)
{
	struct guestmem mem = memory_of(memory);
	struct boot b = boot_of(&mem, &image);
	bool ok = boot_load(&b) == -1 && says(&b, words) && written_unclaimed(&b) == -1;

	free(mem.host);
	return ok;
}

/* ---- memory -------------------------------------------------------------- */

TEST(memory_has_a_hole)
{
	struct guestmem mem = { .host = (uint8_t *)0x1000, .size = GUESTMEM_HOLE + (1ULL << 30) };

	EXPECT_EQ(guestmem_low(&mem), GUESTMEM_HOLE);
	EXPECT_EQ(guestmem_high(&mem), 1ULL << 30);
	EXPECT_TRUE(guestmem_ptr(&mem, 0, 1) == mem.host);
	EXPECT_TRUE(guestmem_ptr(&mem, GUESTMEM_HOLE - 1, 1) == mem.host + GUESTMEM_HOLE - 1);
	EXPECT_TRUE(!guestmem_ptr(&mem, GUESTMEM_HOLE - 1, 2));
	EXPECT_TRUE(!guestmem_ptr(&mem, GUESTMEM_HIGH - 1, 1));
	EXPECT_TRUE(guestmem_ptr(&mem, GUESTMEM_HIGH, 1ULL << 30) == mem.host + GUESTMEM_HOLE);
	EXPECT_TRUE(!guestmem_ptr(&mem, GUESTMEM_HIGH, (1ULL << 30) + 1));
	EXPECT_TRUE(!guestmem_ptr(&mem, GUESTMEM_HIGH + 1, 1ULL << 30));
	EXPECT_TRUE(!guestmem_ptr(&mem, ~0ULL, 2));
	EXPECT_TRUE(!guestmem_ptr(&mem, 0, ~0ULL));
}

TEST(memory_map)
{
	struct guestmem mem = { .size = GUESTMEM_HOLE + (1ULL << 30) };
	struct boot_range r[BOOT_MAX_RANGES];
	unsigned int i, n = boot_memory_map(&mem, r);

	ASSERT_EQ(n, 6u);
	for (i = 1; i < n; i++)
		EXPECT_LE(r[i - 1].start + r[i - 1].len, r[i].start);
	EXPECT_EQ(r[0].len, 0x9fc00u);
	EXPECT_EQ(r[0].type, 1u);
	EXPECT_EQ(r[1].type, 2u);
	EXPECT_EQ(r[2].start, 0xf0000u);
	EXPECT_EQ(r[2].type, 2u);
	EXPECT_EQ(r[3].start, 0x100000u);
	EXPECT_EQ(r[3].start + r[3].len, GUESTMEM_HOLE);
	/* PCI's configuration space */
	EXPECT_EQ(r[4].start, 0xc0000000u);
	EXPECT_EQ(r[4].len, 0x100000u);
	EXPECT_EQ(r[4].type, 2u);
	EXPECT_EQ(r[5].start, GUESTMEM_HIGH);
	EXPECT_EQ(r[5].len, 1ULL << 30);
	mem.size = 64 << 20;
	EXPECT_EQ(boot_memory_map(&mem, r), 5u);
}

TEST(places_do_not_overlap)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = { .mem = &mem, .image = { .name = "X" } };

	EXPECT_EQ(boot_claim(&b, 0x200000, 0x1000, "one"), 0);
	EXPECT_EQ(boot_claim(&b, 0x200800, 0x1000, "one"), 0);
	EXPECT_EQ(boot_claim(&b, 0x201000, 0x1000, "two"), -1);
	EXPECT_TRUE(says(&b, "where one is"));
	EXPECT_EQ(boot_claim(&b, 0x201800, 0x1000, "two"), 0);
	EXPECT_EQ(boot_claim(&b, BIG_MEMORY - 1, 2, "two"), -1);
	EXPECT_TRUE(says(&b, "--mem"));
	EXPECT_EQ(boot_claim(&b, ~0ULL - 10, 100, "two"), -1);
	EXPECT_EQ(boot_claim(&b, ~0ULL, 0, "nothing"), 0);
	/* below and above what is taken */
	EXPECT_EQ(boot_find_below(&b, 0x202000, 0x1000), 0x1ff000u);
	EXPECT_EQ(boot_find_below(&b, ~0ULL, 0x1001), BIG_MEMORY - 0x2000);
	EXPECT_EQ(boot_find_below(&b, ~0ULL, BIG_MEMORY), 0u);
	EXPECT_EQ(boot_find_below(&b, 0x80000, 1), 0u);
	EXPECT_EQ(boot_find_above(&b, 0x200001, 0x1000), 0x203000u);
	EXPECT_EQ(boot_find_above(&b, 0x200001, BIG_MEMORY), 0u);
	EXPECT_EQ(boot_find_above(&b, ~0ULL, 1), 0u);
	free(mem.host);
}

/* ---- bzImage ------------------------------------------------------------- */

TEST(bzimage)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = boot_of(&mem, &image);
	uint64_t zp;

	image_bzimage(&image);
	b.image.len = image.len;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_BZIMAGE);
	EXPECT_EQ(b.mode, BOOT_MODE_LONG);
	EXPECT_EQ(b.entry, KERNEL_AT + 0x200u);
	EXPECT_TRUE(same(&b, KERNEL_AT, image.data + 1024, 4096));
	zp = b.rsi;
	EXPECT_TRUE(same(&b, zp + 0x202, "HdrS", 4));
	EXPECT_EQ(u64_at(&b, zp + 0x70), (uint64_t)BOOT_ACPI);
	EXPECT_TRUE(same(&b, u32_at(&b, zp + 0x228), "a=b", 4));
	EXPECT_EQ(u32_at(&b, zp + 0x21c), 0u);
	EXPECT_EQ(*(uint8_t *)guestmem_ptr(&mem, zp + 0x1e8, 1), 5);
	EXPECT_EQ(u64_at(&b, zp + 0x2d0 + 3 * 20), 0x100000u);
	EXPECT_EQ(*(uint8_t *)guestmem_ptr(&mem, zp + 0x210, 1), 0xff);
	EXPECT_EQ(written_unclaimed(&b), -1);
	/* the page tables map what is entered */
	EXPECT_EQ(u64_at(&b, BOOT_PAGE_TABLES), BOOT_PAGE_TABLES + 0x1003u);
	EXPECT_EQ(u64_at(&b, BOOT_PAGE_TABLES + 0x2000 + 2047 * 8), 0xffe00083u);
	/* code of 64 bits at selector 0x10 */
	EXPECT_EQ(u64_at(&b, BOOT_GDT + 0x10), 0x00af9b000000ffffu);
	free(mem.host);
}

TEST(bzimage_default_command_line)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b;

	image_bzimage(&image);
	b = boot_of(&mem, &image);
	b.cmdline = NULL;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_TRUE(same(&b, BOOT_CMDLINE, "console=ttyS0", 14));
	free(mem.host);
}

TEST(bzimage_initrds)
{
	static const uint8_t one[5] = "ONE!", two[4097] = { [0] = 'T', [4096] = 'W' };
	const struct boot_file initrd[] = {
		{ "one", "", one, sizeof(one) }, { "two", "", two, sizeof(two) },
	};
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b;
	uint64_t at;

	image_bzimage(&image);
	b = boot_of(&mem, &image);
	b.initrd = initrd;
	b.nr_initrd = 2;
	ASSERT_EQ(boot_load(&b), 0);
	at = u32_at(&b, b.rsi + 0x218);
	EXPECT_EQ(u32_at(&b, b.rsi + 0x21c), 8 + sizeof(two));
	EXPECT_EQ(at, BIG_MEMORY - 0x2000);
	EXPECT_TRUE(same(&b, at, one, sizeof(one)));
	EXPECT_TRUE(same(&b, at + 8, two, sizeof(two)));
	free(mem.host);

	/* as high as the kernel allows */
	put_le(image.data + 0x22c, 0x2fffff, 4);
	mem = memory_of(BIG_MEMORY);
	b.mem = &mem;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(u32_at(&b, b.rsi + 0x218), 0x300000u - 0x2000);
	free(mem.host);

	/* and not where the kernel is */
	put_le(image.data + 0x22c, KERNEL_AT + 0x10000, 4);
	mem = memory_of(BIG_MEMORY);
	b.mem = &mem;
	EXPECT_EQ(boot_load(&b), -1);
	EXPECT_TRUE(says(&b, "no room for its initial RAM disk"));
	free(mem.host);
}

TEST(bzimage_refused)
{
	image_bzimage(&image);
	put_le(image.data + 0x206, 0x20b, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "boot protocol 2.11"));
	image_bzimage(&image);
	put_le(image.data + 0x236, 0, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "32-bit bzImage"));
	image_bzimage(&image);
	image.data[0x211] = 0;
	EXPECT_TRUE(refused(BIG_MEMORY, "zImage"));
	image_bzimage(&image);
	image.len = 1024 + 0x200;
	EXPECT_TRUE(refused(BIG_MEMORY, "cut short"));
	image.len = 0x240;
	EXPECT_TRUE(refused(BIG_MEMORY, "boot protocol"));
	image_bzimage(&image);
	put_le(image.data + 0x260, 0xffffffff, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "--mem"));
	image_bzimage(&image);
	put_le(image.data + 0x258, 0x7000, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "loaded at 0x7000"));
	put_le(image.data + 0x258, ~0ULL, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "loaded at"));
	image_bzimage(&image);
	put_le(image.data + 0x238, 2, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "command line has 3 bytes, IMAGE takes 2"));
}

/* ---- ELF with a PVH note ------------------------------------------------- */

TEST(pvh)
{
	static const uint8_t disk[3000] = { 1, 2, 3 };
	const struct boot_file initrd = { "disk", "", disk, sizeof(disk) };
	struct guestmem mem = memory_of(BIG_MEMORY);
	uint64_t info, module;
	struct boot b;

	image_pvh(&image);
	b = boot_of(&mem, &image);
	b.initrd = &initrd;
	b.nr_initrd = 1;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_PVH);
	EXPECT_EQ(b.mode, BOOT_MODE_FLAT32);
	EXPECT_EQ(b.entry, KERNEL_AT + 0x40u);
	EXPECT_TRUE(same(&b, KERNEL_AT, image.data + 0x1000, 0x1000));
	EXPECT_TRUE(same(&b, KERNEL_AT + 0x4000, image.data + 0x2000, 0x800));
	info = b.rbx;
	EXPECT_EQ(u32_at(&b, info), 0x336ec578u);
	EXPECT_EQ(u32_at(&b, info + 4), 1u);
	EXPECT_EQ(u32_at(&b, info + 12), 1u);
	module = u64_at(&b, info + 16);
	EXPECT_TRUE(same(&b, u64_at(&b, module), disk, sizeof(disk)));
	EXPECT_EQ(u64_at(&b, module + 8), sizeof(disk));
	EXPECT_TRUE(same(&b, u64_at(&b, info + 24), "a=b", 4));
	EXPECT_EQ(u64_at(&b, info + 32), (uint64_t)BOOT_ACPI);
	EXPECT_EQ(u32_at(&b, info + 48), 5u);
	EXPECT_EQ(u64_at(&b, u64_at(&b, info + 40) + 3 * 24), 0x100000u);
	EXPECT_EQ(u64_at(&b, BOOT_GDT + 0x10), 0x00cf9b000000ffffu);
	EXPECT_EQ(written_unclaimed(&b), -1);
	free(mem.host);
}

TEST(pvh_refused)
{
	image_pvh(&image);
	put_le(image.data + 0x200 + 24 + 8, 19, 4);
	image.data[0x200 + 12] = 'l';
	EXPECT_TRUE(refused(BIG_MEMORY, "no PVH note and no multiboot header"));
	image_pvh(&image);
	put_le(image.data + 0x200 + 24 + 16, 0x100000000, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "its PVH note has the entry 0x100000000"));
	image_pvh(&image);
	put_le(image.data + 120 + 32, 0x2000, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "segment 1 is not all in the file"));
	image_pvh(&image);
	put_le(image.data + 120 + 24, 0x7800, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "where"));
	image_pvh(&image);
	put_le(image.data + 64 + 24, BIG_MEMORY, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "try more with --mem"));
	image_pvh(&image);
	image.len = 200;
	EXPECT_TRUE(refused(BIG_MEMORY, "program header 3 of 3 is missing"));
	image_pvh(&image);
	put_le(image.data + 32, ~0ULL - 20, 8);
	EXPECT_TRUE(refused(BIG_MEMORY, "program header 1 of 3 is missing"));
}

/* Linux is known by its own notes */
TEST(vmlinux_without_pvh)
{
	static const uint8_t disk[3000] = { 1, 2, 3 };
	const struct boot_file initrd = { "disk", "", disk, sizeof(disk) };
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b;

	image_pvh(&image);
	put_le(image.data + 0x200 + 24 + 8, 19, 4);
	b = boot_of(&mem, &image);
	b.initrd = &initrd;
	b.nr_initrd = 1;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_LINUX_ELF);
	EXPECT_EQ(b.mode, BOOT_MODE_LONG);
	EXPECT_EQ(b.entry, (uint64_t)KERNEL_AT);
	EXPECT_TRUE(same(&b, KERNEL_AT + 0x4000, image.data + 0x2000, 0x800));
	EXPECT_TRUE(same(&b, b.rsi + 0x202, "HdrS", 4));
	EXPECT_EQ(u32_at(&b, b.rsi + 0x1fc) >> 16, 0xaa55u);
	EXPECT_TRUE(same(&b, u32_at(&b, b.rsi + 0x228), "a=b", 4));
	EXPECT_TRUE(same(&b, u32_at(&b, b.rsi + 0x218), disk, sizeof(disk)));
	EXPECT_EQ(u64_at(&b, b.rsi + 0x70), (uint64_t)BOOT_ACPI);
	EXPECT_EQ(written_unclaimed(&b), -1);
	put_le(image.data + 24, GUESTMEM_HIGH, 8);
	memset(mem.host, 0, mem.size);
	EXPECT_EQ(boot_load(&b), -1);
	EXPECT_TRUE(says(&b, "starts at 0x100000000"));
	free(mem.host);
}

TEST(elf_refused)
{
	image_pvh(&image);
	put_le(image.data + 18, EM_AARCH64, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "ELF file for aarch64"));
	image.data[5] = ELFDATA2MSB;
	put_le(image.data + 18, EM_S390 << 8, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "ELF file for s390"));
	put_le(image.data + 18, 0x3412, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "machine 4660"));
	image_pvh(&image);
	put_le(image.data + 16, ET_REL, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "object file"));
	image_pvh(&image);
	put_le(image.data + 176, PT_INTERP, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "a program for an operating system"));
	image_pvh(&image);
	image.data[4] = 7;
	EXPECT_TRUE(refused(BIG_MEMORY, "damaged"));
	image_pvh(&image);
	put_le(image.data + 64, 0, 4);
	put_le(image.data + 120, 0, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "nothing to load"));
}

/* ---- multiboot ----------------------------------------------------------- */

TEST(multiboot_elf)
{
	static const uint8_t first[10] = "first one", second[5000] = { 9 };
	const struct boot_file modules[] = {
		{ "one", "with arguments", first, sizeof(first) },
		{ "two", "", second, sizeof(second) },
		{ "empty", "", NULL, 0 },
	};
	struct guestmem mem = memory_of(BIG_MEMORY);
	uint64_t info, list;
	struct boot b;

	image_multiboot_elf(&image);
	b = boot_of(&mem, &image);
	b.initrd = modules;
	b.nr_initrd = 3;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_MULTIBOOT);
	EXPECT_EQ(b.mode, BOOT_MODE_FLAT32);
	EXPECT_EQ(b.entry, KERNEL_AT + 0x10u);
	EXPECT_EQ(b.rax, 0x2badb002u);
	EXPECT_TRUE(same(&b, KERNEL_AT, image.data + 0x1000, 0x1000));
	info = b.rbx;
	EXPECT_EQ(u32_at(&b, info), 0x24du);
	EXPECT_EQ(u32_at(&b, info + 4), 639u);
	EXPECT_EQ(u32_at(&b, info + 8), 3072u);
	EXPECT_TRUE(same(&b, u32_at(&b, info + 16), "IMAGE a=b", 10));
	EXPECT_TRUE(same(&b, u32_at(&b, info + 64), "lodge", 6));
	EXPECT_EQ(u32_at(&b, info + 20), 3u);
	list = u32_at(&b, info + 24);
	EXPECT_EQ(u32_at(&b, list), KERNEL_AT + 0x3000u);
	EXPECT_EQ(u32_at(&b, list + 4), KERNEL_AT + 0x3000u + sizeof(first));
	EXPECT_TRUE(same(&b, u32_at(&b, list), first, sizeof(first)));
	EXPECT_TRUE(same(&b, u32_at(&b, list + 8), "one with arguments", 19));
	EXPECT_EQ(u32_at(&b, list + 16), KERNEL_AT + 0x4000u);
	EXPECT_TRUE(same(&b, u32_at(&b, list + 16), second, sizeof(second)));
	EXPECT_EQ(u32_at(&b, list + 32), u32_at(&b, list + 36));
	EXPECT_EQ(u32_at(&b, info + 44), 5 * 24u);
	EXPECT_EQ(u32_at(&b, u32_at(&b, info + 48)), 20u);
	EXPECT_EQ(written_unclaimed(&b), -1);
	free(mem.host);
}

TEST(multiboot_addresses)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b;

	image_multiboot_addresses(&image);
	b = boot_of(&mem, &image);
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.entry, KERNEL_AT + 0x80u);
	EXPECT_TRUE(same(&b, KERNEL_AT, image.data, 0x1000));
	free(mem.host);

	/* from the header on, and only a part */
	put_le(image.data + 0x40 + 16, KERNEL_AT + 0x40, 4);
	put_le(image.data + 0x40 + 20, KERNEL_AT + 0x140, 4);
	mem = memory_of(BIG_MEMORY);
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_TRUE(same(&b, KERNEL_AT + 0x40, image.data + 0x40, 0x100));
	EXPECT_EQ(u32_at(&b, KERNEL_AT + 0x140), 0u);
	EXPECT_EQ(u32_at(&b, KERNEL_AT + 0x3c), 0u);
	free(mem.host);
}

/* A kernel where the information usually is: that goes elsewhere */
TEST(multiboot_low)
{
	static const uint8_t module[5000] = "its module";
	const struct boot_file modules[] = { { "one", "", module, sizeof(module) } };
	struct guestmem mem = memory_of(BIG_MEMORY);
	uint64_t end, list;
	struct boot b;

	for (end = 0x8000; end <= 0x90000; end += 0x8000) {
		memset(mem.host, 0, mem.size);
		image_multiboot_addresses(&image);
		put_le(image.data + 0x40 + 12, 0x4040, 4);
		put_le(image.data + 0x40 + 16, 0x4000, 4);
		put_le(image.data + 0x40 + 24, end, 4);
		put_le(image.data + 0x40 + 28, 0x4080, 4);
		b = boot_of(&mem, &image);
		b.initrd = modules;
		b.nr_initrd = 1;
		ASSERT_EQ(boot_load(&b), 0);
		EXPECT_TRUE(same(&b, 0x4000, image.data, 0x1000));
		EXPECT_GE(b.rbx, end);
		EXPECT_TRUE(b.rbx + BOOT_INFO_SIZE <= BOOT_EBDA || b.rbx >= BOOT_HIGH);
		EXPECT_TRUE(same(&b, u32_at(&b, b.rbx + 16), "IMAGE a=b", 10));
		list = u32_at(&b, b.rbx + 24);
		EXPECT_GE(u32_at(&b, list), BOOT_HIGH + 0u);
		EXPECT_TRUE(same(&b, u32_at(&b, list), module, sizeof(module)));
		EXPECT_EQ(u32_at(&b, u32_at(&b, b.rbx + 48)), 20u);
		EXPECT_EQ(written_unclaimed(&b), -1);
	}
	free(mem.host);
}

TEST(multiboot_refused)
{
	image_multiboot_addresses(&image);
	put_multiboot_header(image.data + 0x40, 1u << 16 | 1u << 9);
	EXPECT_TRUE(refused(BIG_MEMORY, "does not know 0x200"));
	image_multiboot_addresses(&image);
	put_le(image.data + 0x40 + 16, KERNEL_AT - 0x1000, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "does not go with a start"));
	image_multiboot_addresses(&image);
	put_le(image.data + 0x40 + 20, KERNEL_AT + 0x1001, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "cut short"));
	image_multiboot_addresses(&image);
	put_le(image.data + 0x40 + 20, KERNEL_AT - 1, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "ends before it starts"));
	image_multiboot_addresses(&image);
	put_le(image.data + 0x40 + 24, 0xffffffff, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "--mem"));
	image_multiboot_addresses(&image);
	put_le(image.data + 0x40 + 28, 0xf0000000, 4);
	EXPECT_TRUE(refused(BIG_MEMORY, "no memory"));
	image_multiboot_addresses(&image);
	image.len = 0x50;
	EXPECT_TRUE(refused(BIG_MEMORY, "cut short within"));
	image_multiboot_addresses(&image);
	put_multiboot_header(image.data + 0x40, 2);
	EXPECT_TRUE(refused(BIG_MEMORY, "without addresses"));
	/* a header beyond the first 8 KiB is none */
	memset(&image, 0, sizeof(image));
	image.len = sizeof(image.data);
	put_multiboot_header(image.data + 8192 - 8, 0);
	EXPECT_TRUE(refused(BIG_MEMORY, "no multiboot header"));
}

/* 64 bits: PVH; 32 bits: multiboot */
TEST(both_pvh_and_multiboot)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b;

	image_pvh(&image);
	put_multiboot_header(image.data + 0x400, 0);
	b = boot_of(&mem, &image);
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_PVH);
	put_le(image.data + 0x200 + 24 + 8, 19, 4);
	memset(mem.host, 0, mem.size);
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.kind, BOOT_MULTIBOOT);
	EXPECT_EQ(b.entry, (uint64_t)KERNEL_AT);
	free(mem.host);
}

/* ---- flat images and firmware -------------------------------------------- */

static void flat_at(uint64_t at, enum boot_mode mode, uint16_t cs, uint64_t entry)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = boot_of(&mem, &image);

	b.flat = true;
	b.flat_addr = at;
	ASSERT_EQ(boot_load(&b), 0);
	EXPECT_EQ(b.mode, mode);
	EXPECT_EQ(b.entry_cs, cs);
	EXPECT_EQ(b.entry, entry);
	EXPECT_TRUE(same(&b, at, image.data, image.len));
	EXPECT_EQ(written_unclaimed(&b), -1);
	free(mem.host);
}

TEST(flat)
{
	memset(&image, 0, sizeof(image));
	image.len = 512;
	fill(image.data, image.len);
	flat_at(0x7c00, BOOT_MODE_REAL, 0, 0x7c00);
	flat_at(0, BOOT_MODE_REAL, 0, 0);
	flat_at(0x10000, BOOT_MODE_REAL, 0x1000, 0);
	flat_at(0x9f123, BOOT_MODE_REAL, 0x9f12, 3);
	flat_at(0x100000, BOOT_MODE_FLAT32, 0, 0x100000);
	flat_at(0x200010, BOOT_MODE_FLAT32, 0, 0x200010);
}

TEST(flat_refused)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = boot_of(&mem, &image);

	image.len = 512;
	b.image.len = 512;
	b.flat = true;
	b.flat_addr = 0xf0000;
	EXPECT_EQ(boot_load(&b), -1);
	EXPECT_TRUE(says(&b, "the ACPI tables"));
	b.flat_addr = BIG_MEMORY - 511;
	EXPECT_EQ(boot_load(&b), -1);
	EXPECT_TRUE(says(&b, "--mem"));
	free(mem.host);
}

TEST(firmware)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = boot_of(&mem, &image);
	struct boot_file rom = { "ROM", "", image.data, 10000 };
	uint64_t end = BIG_MEMORY - 0x10000;
	uint8_t *slot = calloc(1, 12288);

	fill(image.data, sizeof(image.data));
	ASSERT_EQ(boot_firmware(&b, &rom, slot, 12288, 2), 0);
	EXPECT_EQ(b.mode, BOOT_MODE_RESET);
	EXPECT_EQ(memcmp(slot + 12288 - 10000, image.data, 10000), 0);
	EXPECT_TRUE(same(&b, 0x100000 - 10000, image.data, 10000));
	/* its memory ends where the tables start; their root is a file, with where it belongs */
	ASSERT_EQ(b.nr_files, 3u);
	EXPECT_EQ(strcmp(b.files[0].name, "etc/e820"), 0);
	EXPECT_EQ(b.files[0].len, 3u * 20);
	EXPECT_EQ(memcmp(b.files[0].data + 8, &end, 8), 0);
	EXPECT_EQ(memcmp(b.files[0].data + 20, &end, 8), 0);
	EXPECT_EQ(b.files[0].data[36], 2u);
	EXPECT_EQ(strcmp(b.files[1].name, "etc/acpi/rsdp"), 0);
	EXPECT_EQ(memcmp(b.files[1].data, "RSD PTR ", 8), 0);
	EXPECT_TRUE(same(&b, BIG_MEMORY - 0x10000, b.files[1].data, b.files[1].len));
	EXPECT_EQ(b.files[2].len, 128u);
	EXPECT_EQ(boot_firmware(&b, &rom, slot, 4096, 2), -1);
	rom.len = 0;
	EXPECT_EQ(boot_firmware(&b, &rom, slot, 12288, 2), -1);
	EXPECT_TRUE(says(&b, "empty"));
	free(mem.host);
	free(slot);
}

/* Only the end of a large one is also below 1 MiB */
TEST(firmware_large)
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	struct boot b = boot_of(&mem, &image);
	size_t size = 1 << 20;
	uint8_t *bytes = malloc(size), *slot = calloc(1, size);
	struct boot_file rom = { "ROM", "", bytes, size };

	fill(bytes, size);
	ASSERT_EQ(boot_firmware(&b, &rom, slot, size, 2), 0);
	EXPECT_EQ(memcmp(slot, bytes, size), 0);
	EXPECT_TRUE(same(&b, 0xc0000, bytes + size - 0x40000, 0x40000));
	EXPECT_EQ(u32_at(&b, 0xbfffc), 0u);
	free(mem.host);
	free(bytes);
	free(slot);
}

/* ---- no image at all ----------------------------------------------------- */

static bool refused_bytes(const void *bytes, size_t at, size_t len, const char *words)
{
	memset(&image, 0, sizeof(image));
	image.len = 1024;
	memcpy(image.data + at, bytes, len);
	return refused(BIG_MEMORY, words);
}

TEST(others_are_told_apart)
{
	EXPECT_TRUE(refused_bytes("\x1f\x8b\x08", 0, 3, "compressed with gzip"));
	EXPECT_TRUE(refused_bytes("\xfd\x37zXZ", 0, 6, "compressed with xz"));
	EXPECT_TRUE(refused_bytes("\x28\xb5\x2f\xfd", 0, 4, "compressed with zstd"));
	EXPECT_TRUE(refused_bytes("070701", 0, 6, "cpio archive"));
	EXPECT_TRUE(refused_bytes("ARM\x64", 0x38, 4, "arm64"));
	EXPECT_TRUE(refused_bytes("\x55\xaa", 510, 2, "--flat 0x7c00"));
	EXPECT_TRUE(refused_bytes("hello", 0, 5, "no bzImage, no ELF file"));
	image.len = 0;
	EXPECT_TRUE(refused(BIG_MEMORY, "IMAGE is empty"));
	for (image.len = 1; image.len < 600; image.len++)
		ASSERT_TRUE(refused(GUESTMEM_MIN, "IMAGE"));
}

/* Cut anywhere, an image is refused or loaded, but never read beyond its end */
static void cut_everywhere(void (*make)(struct image *m))
{
	struct guestmem mem = memory_of(BIG_MEMORY);
	size_t len;

	make(&image);
	for (len = 0; len <= image.len; len += len < 1024 ? 1 : 97) {
		uint8_t *copy = malloc(len ? len : 1);
		struct boot b = boot_of(&mem, &image);

		memcpy(copy, image.data, len);
		b.image.data = copy;
		b.image.len = len;
		boot_load(&b);
		free(copy);
	}
	free(mem.host);
}

TEST(cut_short)
{
	cut_everywhere(image_bzimage);
	cut_everywhere(image_pvh);
	cut_everywhere(image_multiboot_elf);
	cut_everywhere(image_multiboot_addresses);
}
