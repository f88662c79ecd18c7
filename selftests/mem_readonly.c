// SPDX-License-Identifier: GPL-2.0-only
/* Memory that the guest may only read, by the slot or by the owner's mapping */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "watch.h"

#define SMALL	(64 * PAGE)

/* Reads pass, writes leave; memory stays as it is whatever size its pages have */
static void try_writes(void)
{
	u64 a;

	for (a = GPA_REGION; a < GPA_REGION + HUGE; a += HUGE / 8) {
		GUEST_ASSERT_EQ(*(volatile u64 *)a, a);
		*(volatile u64 *)a = 1;
		GUEST_ASSERT_EQ(*(volatile u64 *)a, a);
	}
	GUEST_DONE();
}

static void read_only(char *mem)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, try_writes);
	u64 i;

	memset(mem, 0, HUGE);
	for (i = 0; i < HUGE; i += HUGE / 8)
		*(u64 *)(mem + i) = GPA_REGION + i;
	vm_slot(vm, REGION_SLOT, LODGE_SLOT_READONLY, GPA_REGION, HUGE, mem);
	for (i = 0; i < HUGE; i += HUGE / 8) {
		vcpu_exit(vcpu, LODGE_EXIT_MMIO);
		EXPECT_EQ(vcpu->run->mmio.gpa, GPA_REGION + i);
		EXPECT_EQ(vcpu->run->mmio.is_write, 1u);
		EXPECT_EQ(vcpu->run->mmio.len, 8u);
		EXPECT_EQ(vcpu->run->mmio.data[0], 1);
	}
	vcpu_done(vcpu);
	for (i = 0; i < HUGE; i += HUGE / 8)
		EXPECT_EQ(*(u64 *)(mem + i), GPA_REGION + i);
}

TEST(slot_small_pages)
{
	char *mem = mem_anon(HUGE, HUGE);

	madvise(mem, HUGE, MADV_NOHUGEPAGE);
	read_only(mem);
}

TEST(slot_huge_pages)
{
	read_only(mem_thp(HUGE));
}

TEST(slot_hugetlb)
{
	char *mem = mem_hugetlb(HUGE, 21);

	if (!mem)
		SKIP("no explicit huge pages of 2 MiB");
	read_only(mem);
	munmap(mem, HUGE);
	put_file("/proc/sys/vm/nr_hugepages", "0");
}

/* A slot that has been written to becomes read-only, and writable again */
static void write_on(void)
{
	u64 n;

	for (n = 1; ; n++) {
		*(volatile u64 *)GPA_REGION = n;
		GUEST_SYNC(n);
	}
}

TEST(slot_changes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_on);
	u64 *mem = mem_anon(PAGE, PAGE), n;

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, PAGE, mem);
	for (n = 1; n < 20; n += 2) {
		vcpu_sync(vcpu, n);
		EXPECT_EQ(*mem, n);
		vm_slot(vm, REGION_SLOT, LODGE_SLOT_READONLY, GPA_REGION, PAGE, mem);
		vcpu_exit(vcpu, LODGE_EXIT_MMIO);
		EXPECT_EQ(vcpu->run->mmio.is_write, 1u);
		EXPECT_EQ(*(u64 *)vcpu->run->mmio.data, n + 1);
		vcpu_sync(vcpu, n + 1);
		EXPECT_EQ(*mem, n);
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, PAGE, mem);
	}
}

/* The owner may only read its memory: the guest's write is an error that can be repaired */
static void read_then_write(void)
{
	GUEST_ASSERT_EQ(*(volatile u64 *)(GPA_REGION + PAGE), 5);
	GUEST_SYNC(1);
	*(volatile u64 *)(GPA_REGION + PAGE) = 6;
	GUEST_ASSERT_EQ(*(volatile u64 *)(GPA_REGION + PAGE), 6);
	GUEST_DONE();
}

static void host_read_only(char *mem)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, read_then_write);
	int i;

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, HUGE, mem);
	vcpu_sync(vcpu, 1);
	for (i = 0; i < 3; i++) {
		vcpu_exit(vcpu, LODGE_EXIT_MEMORY_ERROR);
		EXPECT_EQ(vcpu->run->memory.gpa & -PAGE, GPA_REGION + PAGE);
		EXPECT_EQ(vcpu->run->memory.error, (u32)EFAULT);
		EXPECT_TRUE(vcpu->run->memory.access & 2);
	}
	EXPECT_EQ(*(u64 *)(mem + PAGE), 5ull);
	ASSERT_OK(mprotect(mem, HUGE, PROT_READ | PROT_WRITE));
	vcpu_done(vcpu);
	EXPECT_EQ(*(u64 *)(mem + PAGE), 6ull);
}

TEST(mprotect_read_small)
{
	char *mem = mem_anon(HUGE, HUGE);

	madvise(mem, HUGE, MADV_NOHUGEPAGE);
	*(u64 *)(mem + PAGE) = 5;
	ASSERT_OK(mprotect(mem, HUGE, PROT_READ));
	host_read_only(mem);
}

TEST(mprotect_read_huge)
{
	char *mem = mem_thp(HUGE);

	*(u64 *)(mem + PAGE) = 5;
	ASSERT_OK(mprotect(mem, HUGE, PROT_READ));
	host_read_only(mem);
}

/* A file mapped for reading alone, and one opened for it */
TEST(shared_file_read)
{
	int fd = memfd_create("ro", 0);
	u64 five = 5;
	char *mem;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, HUGE));
	ASSERT_EQ(pwrite(fd, &five, 8, PAGE), 8);
	mem = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	host_read_only(mem);
	ASSERT_EQ(pread(fd, &five, 8, PAGE), 8);
	EXPECT_EQ(five, 6ull);
}

static void write_nothing(void)
{
	*(volatile u64 *)GPA_REGION = 1;
	GUEST_DONE();
}

/* Nothing mapped at all, then something */
TEST(no_mapping)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_nothing);
	char *mem = mem_anon(PAGE, PAGE);

	ASSERT_OK(munmap(mem, PAGE));
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, PAGE, mem);
	vcpu_exit(vcpu, LODGE_EXIT_MEMORY_ERROR);
	EXPECT_EQ(vcpu->run->memory.gpa, GPA_REGION);
	EXPECT_EQ(vcpu->run->memory.error, (u32)EFAULT);
	ASSERT_EQ((void *)mem, mmap(mem, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	vcpu_done(vcpu);
	EXPECT_EQ(*(u64 *)mem, 1ull);
}

/* Memory beyond the end of a file */
TEST(end_of_file)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_nothing);
	int fd = memfd_create("short", 0);
	char *mem;

	ASSERT_OK(fd);
	mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, PAGE, mem);
	vcpu_exit(vcpu, LODGE_EXIT_MEMORY_ERROR);
	EXPECT_EQ(vcpu->run->memory.error, (u32)EFAULT);
	ASSERT_OK(ftruncate(fd, PAGE));
	vcpu_done(vcpu);
	EXPECT_EQ(*(u64 *)mem, 1ull);
}

static void refused(void *mem, const char *what)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_nothing);

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, PAGE, mem);
	vcpu_run_exit(vcpu);
	if (vcpu->run->exit_reason != LODGE_EXIT_MEMORY_ERROR)
		diag("%s: %s", what, exit_name(vcpu->run->exit_reason));
	EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_MEMORY_ERROR);
	vcpu_free(vcpu);
	vm_free(vm);
}

/* What is mapped, but is no memory of the owner's: devices, the kernel's own pages */
TEST(not_memory)
{
	int fd = open("/dev/mem", O_RDWR);
	unsigned long start, end;
	char line[256];
	FILE *f;
	void *p;

	if (fd >= 0) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xa0000);
		if (p != MAP_FAILED)
			refused(p, "video memory");
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xf0000);
		if (p != MAP_FAILED)
			refused(p, "the BIOS");
	}
	f = fopen("/proc/self/maps", "r");
	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "[v") && sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    !(start >> 47))
			refused((void *)start, line);
	fclose(f);
}
