// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of dirty pages is exact: it is compared with a model of what the guest wrote,
 * and a copy of memory that is kept up to date by it alone is in the end the memory.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

#define MAX_PAGES	1024
#define WORDS		(MAX_PAGES / 64)

static volatile u32 npages, nwrites, seed, stop;
static volatile u64 total;

/* Random writes, of all widths, some of which write what is there already */
static void random_writes(void)
{
	u32 s, i, r;

	for (;;) {
		s = seed;
		for (i = 0; i < nwrites; i++) {
			volatile u8 *p;

			r = random_next(&s);
			p = (u8 *)(GPA_REGION + r % npages * PAGE + (r >> 12) % 500 * 8);
			switch (r >> 21) {
			case 0:
				*p = r;
				break;
			case 1:
				*(volatile u32 *)p = 0;
				break;
			case 2:
				asm volatile("lock; incq (%0)" : : "r" (p) : "memory", "cc");
				break;
			default:
				*(volatile u64 *)p = i;
				break;
			}
		}
		GUEST_SYNC(0);
	}
}

static void model(u64 *map, u32 s, u32 writes, u32 pages)
{
	u32 i, page;

	for (i = 0; i < writes; i++) {
		page = random_next(&s) % pages;
		map[page / 64] |= 1ull << page % 64;
	}
}

static int get_dirty(struct vm *vm, u32 flags, u64 first, u64 pages, u64 *map)
{
	struct lodge_dirty_log d = {
		.size = sizeof(d), .slot = REGION_SLOT, .flags = flags, .first_page = first,
		.npages = pages, .bitmap = (u64)map,
	};

	return ioctl(vm->fd, LODGE_VM_GET_DIRTY, &d);
}

static void expect_log(struct vm *vm, u32 flags, u64 pages, const u64 *wanted)
{
	u64 map[WORDS];
	u32 i;

	memset(map, 0x5a, sizeof(map));
	ASSERT_OK(get_dirty(vm, flags, 0, pages, map));
	for (i = 0; i < (pages + 63) / 64; i++) {
		if (map[i] != wanted[i])
			diag("word %u: %#llx instead of %#llx", i, (unsigned long long)map[i],
			     (unsigned long long)wanted[i]);
		EXPECT_EQ(map[i], wanted[i]);
	}
}

static void round_of_writes(struct vcpu *vcpu, u32 s, u32 writes, u32 pages)
{
	GUEST_VAR(vcpu->vm, seed) = s;
	GUEST_VAR(vcpu->vm, nwrites) = writes;
	GUEST_VAR(vcpu->vm, npages) = pages;
	vcpu_sync(vcpu, 0);
}

static void exact(void *mem, u32 pages)
{
	static const u64 nothing[WORDS];
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, random_writes);
	u64 map[WORDS];
	u32 i;

	vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, pages * PAGE, mem);
	expect_log(vm, 0, pages, nothing);
	for (i = 1; i < 12; i++) {
		memset(map, 0, sizeof(map));
		model(map, i * 77, 1u << i, pages);
		round_of_writes(vcpu, i * 77, 1u << i, pages);
		expect_log(vm, LODGE_DIRTY_PEEK, pages, map);
		if (i % 4 == 3) {
			/* not read: what comes next adds to it */
			model(map, i * 1001, i, pages);
			round_of_writes(vcpu, i * 1001, i, pages);
			expect_log(vm, LODGE_DIRTY_PEEK, pages, map);
		}
		/* what the owner writes is not logged */
		*(volatile u64 *)((char *)mem + i % pages * PAGE) = i;
		expect_log(vm, 0, pages, map);
		expect_log(vm, 0, pages, nothing);
	}
	vcpu_free(vcpu);
	vm_free(vm);
}

TEST(small_pages)
{
	static const u32 sizes[] = { 1, 63, 64, 65, 200, MAX_PAGES - 1 };
	char *mem = mem_anon(MAX_PAGES * PAGE, HUGE);
	unsigned int i;

	madvise(mem, MAX_PAGES * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		exact(mem, sizes[i]);
}

TEST(huge_pages)
{
	char *mem = mem_thp(MAX_PAGES * PAGE);

	memset(mem, 0, MAX_PAGES * PAGE);
	exact(mem, MAX_PAGES);
	exact(mem, 700);
	diag("%zu KiB of huge pages", mem_huge_bytes(mem) / 1024);
}

TEST(hugetlb)
{
	char *mem = mem_hugetlb(MAX_PAGES * PAGE, 21);

	if (!mem)
		SKIP("no explicit huge pages of 2 MiB");
	exact(mem, MAX_PAGES);
	munmap(mem, MAX_PAGES * PAGE);
	put_file("/proc/sys/vm/nr_hugepages", "0");
}

TEST(shared_file)
{
	int fd = memfd_create("dirty", 0);
	char *mem;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, 200 * PAGE));
	mem = mmap(NULL, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	exact(mem, 200);
}

/* Parts of the log are read by themselves; the rest stays */
TEST(parts)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, random_writes);
	char *mem = mem_anon(200 * PAGE, PAGE);
	u64 map[WORDS] = { 0 }, part[2] = { 0 };

	vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, 200 * PAGE, mem);
	model(map, 5, 300, 200);
	round_of_writes(vcpu, 5, 300, 200);
	ASSERT_OK(get_dirty(vm, 0, 64, 64, part));
	EXPECT_EQ(part[0], map[1]);
	EXPECT_EQ(part[1], 0ull);
	map[1] = 0;
	expect_log(vm, LODGE_DIRTY_PEEK, 200, map);
	ASSERT_OK(get_dirty(vm, 0, 192, 8, part));
	EXPECT_EQ(part[0], map[3]);
	map[3] = 0;
	expect_log(vm, LODGE_DIRTY_PEEK, 200, map);
	/* where the bitmap can not be written the log keeps what it has */
	EXPECT_ERRNO(get_dirty(vm, 0, 0, 200, NULL), EFAULT);
	expect_log(vm, 0, 200, map);
}

/* The log is turned on for memory that is mapped already, and off again */
static void on_and_off(char *mem, u32 pages)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, random_writes);
	u64 map[WORDS];
	u32 i;

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, pages * PAGE, mem);
	for (i = 1; i < 6; i++) {
		round_of_writes(vcpu, i, 2000, pages);
		EXPECT_ERRNO(get_dirty(vm, 0, 0, pages, map), ENOENT);
		vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, pages * PAGE, mem);
		memset(map, 0, sizeof(map));
		expect_log(vm, LODGE_DIRTY_PEEK, pages, map);
		model(map, i * 31, 40, pages);
		round_of_writes(vcpu, i * 31, 40, pages);
		expect_log(vm, LODGE_DIRTY_PEEK, pages, map);
		/* read-only for a while: the log is kept, and nothing is added */
		vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY | LODGE_SLOT_READONLY, GPA_REGION,
			pages * PAGE, mem);
		expect_log(vm, LODGE_DIRTY_PEEK, pages, map);
		vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, pages * PAGE, mem);
		model(map, i * 37, 40, pages);
		round_of_writes(vcpu, i * 37, 40, pages);
		expect_log(vm, 0, pages, map);
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, pages * PAGE, mem);
	}
	vcpu_free(vcpu);
	vm_free(vm);
}

TEST(turned_on_and_off)
{
	char *mem = mem_thp(MAX_PAGES * PAGE);

	memset(mem, 0, MAX_PAGES * PAGE);
	on_and_off(mem, MAX_PAGES);
	madvise(mem, MAX_PAGES * PAGE, MADV_NOHUGEPAGE);
	madvise(mem, MAX_PAGES * PAGE, MADV_DONTNEED);
	on_and_off(mem, 300);
}

/* While the log is on pages are small; afterwards they are huge again */
TEST(huge_again)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, random_writes);
	char *mem = mem_thp(MAX_PAGES * PAGE);
	u64 faults, map[WORDS];

	memset(mem, 0, MAX_PAGES * PAGE);
	if (mem_huge_bytes(mem) < MAX_PAGES * PAGE)
		SKIP("the host gave no huge pages");
	vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, MAX_PAGES * PAGE, mem);
	round_of_writes(vcpu, 1, 3000, MAX_PAGES);
	faults = vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS);
	EXPECT_GT(faults, 500ull);
	ASSERT_OK(get_dirty(vm, 0, 0, MAX_PAGES, map));
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, MAX_PAGES * PAGE, mem);
	faults = vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS);
	round_of_writes(vcpu, 2, 3000, MAX_PAGES);
	EXPECT_LE(vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS) - faults, 10ull);
}

/* What lodge writes for the guest is logged: string input, moves out of a device */
static void by_lodge(void)
{
	u64 di = GPA_REGION + 3 * PAGE - 8, si, n = 16;

	asm volatile("rep insb" : "+D" (di), "+c" (n) : "d" (0x77) : "memory");
	GUEST_SYNC(1);
	si = GPA_REGION + 0x10000000;
	di = GPA_REGION + 5 * PAGE;
	asm volatile("movsb" : "+S" (si), "+D" (di) : : "memory");
	GUEST_SYNC(2);
	/* reads leave no trace */
	for (n = 0; n < 64; n++)
		(void)*(volatile u64 *)(GPA_REGION + n * PAGE);
	GUEST_SYNC(3);
}

TEST(written_by_lodge)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, by_lodge);
	char *mem = mem_anon(64 * PAGE, PAGE);
	u64 map = 0;

	vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, 64 * PAGE, mem);
	do {
		vcpu_exit(vcpu, LODGE_EXIT_IO);
	} while (!vcpu_is_ucall(vcpu));
	ASSERT_OK(get_dirty(vm, 0, 0, 64, &map));
	EXPECT_EQ(map, 3ull << 2);
	vcpu_exit(vcpu, LODGE_EXIT_MMIO);
	vcpu_sync(vcpu, 2);
	ASSERT_OK(get_dirty(vm, 0, 0, 64, &map));
	EXPECT_EQ(map, 1ull << 5);
	vcpu_sync(vcpu, 3);
	ASSERT_OK(get_dirty(vm, 0, 0, 64, &map));
	EXPECT_EQ(map, 0ull);
}

/* ---- while the guest writes ------------------------------------------------ */

static void endless_writes(u64 id)
{
	u32 s = id * 12345 + 1, r;
	u64 n = 0;

	while (!stop) {
		volatile u64 *p;

		r = random_next(&s);
		p = (u64 *)(GPA_REGION + r % npages * PAGE + id * 64);
		*p = *p + 1;
		n++;
		if (r >> 16 == 7)	/* some pages often */
			*(volatile u64 *)(GPA_REGION + id * 64) += 1;
		else
			continue;
		n++;
	}
	asm volatile("lock; addq %1, %0" : "+m" (total) : "r" (n) : "cc");
	GUEST_DONE();
}

static void *runner(void *arg)
{
	vcpu_done((struct vcpu *)arg);
	return NULL;
}

/* As a migration does it: the copy takes over those pages that the log names */
static u32 take(struct vm *vm, const char *mem, char *copy, u32 pages)
{
	u64 map[WORDS];
	u32 i, n = 0;

	ASSERT_OK(get_dirty(vm, 0, 0, pages, map));
	for (i = 0; i < pages; i++) {
		if (!(map[i / 64] >> i % 64 & 1))
			continue;
		memcpy(copy + i * PAGE, mem + i * PAGE, PAGE);
		n++;
	}
	return n;
}

static void migrate(char *mem, u32 pages, int nr)
{
	char *copy = mem_anon(MAX_PAGES * PAGE, HUGE);
	struct vm *vm = vm_create(0);
	pthread_t t[4];
	u64 sum = 0, taken = 0;
	int i, rounds;

	vm_slot(vm, REGION_SLOT, LODGE_SLOT_LOG_DIRTY, GPA_REGION, pages * PAGE, mem);
	GUEST_VAR(vm, npages) = pages;
	for (i = 0; i < nr; i++) {
		struct vcpu *vcpu = vcpu_create(vm, i);

		vcpu_start_long_arg(vcpu, endless_writes, i);
		t[i] = thread_start(runner, vcpu);
	}
	for (rounds = 0; rounds < 60; rounds++) {
		taken += take(vm, mem, copy, pages);
		usleep(rounds % 5 * 1000);
	}
	GUEST_VAR(vm, stop) = 1;
	for (i = 0; i < nr; i++)
		ASSERT_EQ(pthread_join(t[i], NULL), 0);
	taken += take(vm, mem, copy, pages);
	for (i = 0; i < (int)(pages * PAGE); i += 8) {
		sum += *(u64 *)(mem + i);
		if (*(u64 *)(mem + i) != *(u64 *)(copy + i))
			diag("page %d, offset %#x: %#llx, the copy has %#llx", i / (int)PAGE,
			     i % (int)PAGE, *(unsigned long long *)(mem + i),
			     *(unsigned long long *)(copy + i));
		EXPECT_EQ(*(u64 *)(mem + i), *(u64 *)(copy + i));
	}
	EXPECT_EQ(sum, GUEST_VAR(vm, total));
	diag("%llu writes, %llu pages taken", (unsigned long long)sum, (unsigned long long)taken);
	EXPECT_GT(taken, 60ull);
}

TEST(migration)
{
	char *mem = mem_anon(200 * PAGE, HUGE);

	migrate(mem, 200, 1);
}

TEST(migration_huge)
{
	char *mem = mem_thp(MAX_PAGES * PAGE);

	memset(mem, 0, MAX_PAGES * PAGE);
	migrate(mem, MAX_PAGES, 1);
}

TEST(migration_smp)
{
	char *mem = mem_anon(40 * PAGE, HUGE);

	migrate(mem, 40, 3);
}
