// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory appears when the guest touches it, in pages as large as the host's:
 * how many EPT faults a region takes tells the size of what was mapped.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

#define MARK(a)		((a) * 0x9e3779b97f4a7c15ull | 1)
#define SLACK		8	/* faults for the guest's code, stack and tables */

static volatile u64 from, to, stride, want;

static void write_all(void)
{
	u64 a;

	for (;;) {
		GUEST_SYNC(0);
		for (a = from; a < to; a += stride)
			*(volatile u64 *)a = MARK(a);
		GUEST_SYNC(1);
	}
}

/* Each word is want, or MARK() of its address if want is 1 */
static void read_all(void)
{
	u64 a;

	for (;;) {
		GUEST_SYNC(0);
		for (a = from; a < to; a += stride)
			GUEST_ASSERT_EQ(*(volatile u64 *)a, want == 1 ? MARK(a) : want);
		GUEST_SYNC(1);
	}
}

/* Faults that the guest takes over [gpa, gpa + len) */
static u64 faults(struct vcpu *vcpu, u64 gpa, u64 len, u64 step)
{
	u64 before;

	GUEST_VAR(vcpu->vm, from) = gpa;
	GUEST_VAR(vcpu->vm, to) = gpa + len;
	GUEST_VAR(vcpu->vm, stride) = step;
	vcpu_sync(vcpu, 0);
	before = vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS);
	vcpu_sync(vcpu, 1);
	return vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS) - before;
}

/* The host finds what the guest wrote */
static void check_marks(const char *mem, u64 gpa, u64 len, u64 step)
{
	u64 i;

	for (i = 0; i < len; i += step)
		ASSERT_EQ(*(const u64 *)(mem + i), MARK(gpa + i));
}

static struct vcpu *writer_on(void *mem, u64 len, u64 gpa)
{
	struct vm *vm = vm_create(0);

	vm_slot(vm, REGION_SLOT, 0, gpa, len, mem);
	return vcpu_long(vm, 0, write_all);
}

TEST(small_pages)
{
	char *mem = mem_anon(HUGE, HUGE);
	struct vcpu *vcpu;
	u64 n;

	ASSERT_OK(madvise(mem, HUGE, MADV_NOHUGEPAGE));
	vcpu = writer_on(mem, HUGE, GPA_REGION);
	n = faults(vcpu, GPA_REGION, HUGE, PAGE);
	EXPECT_GE(n, 512ull);
	EXPECT_LE(n, 512ull + SLACK);
	check_marks(mem, GPA_REGION, HUGE, PAGE);
	EXPECT_EQ(faults(vcpu, GPA_REGION, HUGE, PAGE), 0ull);
}

/* Pages that the host has already are mapped too when touched, not before */
TEST(pages_of_the_host)
{
	char *mem = mem_anon(HUGE, HUGE);
	struct vcpu *vcpu;
	u64 i;

	ASSERT_OK(madvise(mem, HUGE, MADV_NOHUGEPAGE));
	for (i = 0; i < HUGE; i += PAGE)
		*(u64 *)(mem + i) = MARK(GPA_REGION + i);
	vcpu = writer_on(mem, HUGE, GPA_REGION);
	vcpu_start_long(vcpu, read_all);
	GUEST_VAR(vcpu->vm, want) = 1;
	EXPECT_GE(faults(vcpu, GPA_REGION, HUGE, PAGE), 512ull);
	EXPECT_EQ(faults(vcpu, GPA_REGION, HUGE, PAGE), 0ull);
	/* they were mapped writable then: no further fault */
	vcpu_start_long(vcpu, write_all);
	EXPECT_LE(faults(vcpu, GPA_REGION, HUGE, PAGE), (u64)SLACK);
}

TEST(transparent_huge_pages)
{
	u64 len = 2 * HUGE, n;
	char *mem = mem_thp(len);
	struct vcpu *vcpu = writer_on(mem, len, GPA_REGION);

	n = faults(vcpu, GPA_REGION, len, PAGE);
	if (mem_huge_bytes(mem) < len)
		SKIP("the host gave no huge pages");
	EXPECT_GE(n, 2ull);
	EXPECT_LE(n, 2ull + SLACK);
	check_marks(mem, GPA_REGION, len, PAGE);
}

TEST(hugetlb_2m)
{
	u64 len = 2 * HUGE, n;
	char *mem = mem_hugetlb(len, 21);
	struct vcpu *vcpu;

	if (!mem)
		SKIP("no explicit huge pages of 2 MiB");
	vcpu = writer_on(mem, len, GPA_REGION);
	n = faults(vcpu, GPA_REGION, len, PAGE);
	EXPECT_GE(n, 2ull);
	EXPECT_LE(n, 2ull + SLACK);
	check_marks(mem, GPA_REGION, len, PAGE);
	munmap(mem, len);
	put_file("/proc/sys/vm/nr_hugepages", "0");
}

#define NR_1G	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

TEST(hugetlb_1g)
{
	char *mem = mem_hugetlb(GIB, 30);
	struct vcpu *vcpu;
	u64 n;

	if (!mem)
		SKIP("no huge page of 1 GiB: the host is too small (--mem 3G) or has none");
	vcpu = writer_on(mem, GIB, GPA_REGION);
	n = faults(vcpu, GPA_REGION, GIB, HUGE + PAGE);
	EXPECT_GE(n, 1ull);
	EXPECT_LE(n, host_has("pdpe1gb") ? 1ull + SLACK : 512ull + SLACK);
	check_marks(mem, GPA_REGION, GIB, HUGE + PAGE);
	munmap(mem, GIB);
	put_file(NR_1G, "0");
}

/* Guest-physical and owner's addresses that disagree below 2 MiB: small pages, right ones */
TEST(unaligned)
{
	char *mem = mem_thp(2 * HUGE);
	struct vcpu *vcpu = writer_on(mem, 2 * HUGE, GPA_REGION + PAGE);

	EXPECT_GE(faults(vcpu, GPA_REGION + PAGE, 2 * HUGE, PAGE), 1024ull);
	check_marks(mem, GPA_REGION + PAGE, 2 * HUGE, PAGE);
}

/* A slot that is a part of huge pages, at both ends: what lies around is not the guest's */
static void around(void)
{
	u64 first = GPA_REGION + 5 * PAGE, last = GPA_REGION + 2 * HUGE - 7 * PAGE - 8;

	*(volatile u64 *)first = 1;
	*(volatile u64 *)last = 2;
	*(volatile u64 *)(first - 8) = 3;
	*(volatile u64 *)(last + 8) = 4;
	*(volatile u64 *)(GPA_REGION + HUGE) = 5;
	GUEST_DONE();
}

TEST(part_of_huge_pages)
{
	u64 first = 5 * PAGE, last = 2 * HUGE - 7 * PAGE - 8;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, around);
	char *mem = mem_thp(2 * HUGE);

	memset(mem, 0, 2 * HUGE);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION + first, 2 * HUGE - 12 * PAGE, mem + first);
	vcpu_exit(vcpu, LODGE_EXIT_MMIO);
	EXPECT_EQ(vcpu->run->mmio.gpa, GPA_REGION + first - 8);
	vcpu_exit(vcpu, LODGE_EXIT_MMIO);
	EXPECT_EQ(vcpu->run->mmio.gpa, GPA_REGION + last + 8);
	vcpu_done(vcpu);
	EXPECT_EQ(*(u64 *)(mem + first), 1ull);
	EXPECT_EQ(*(u64 *)(mem + last), 2ull);
	EXPECT_EQ(*(u64 *)(mem + first - 8), 0ull);
	EXPECT_EQ(*(u64 *)(mem + last + 8), 0ull);
	EXPECT_EQ(*(u64 *)(mem + HUGE), 5ull);
}

/* Two slots back to back in one huge page, the wrong way round */
TEST(two_slots_in_one_huge_page)
{
	struct vm *vm = vm_create(0);
	char *mem = mem_thp(HUGE);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_all);

	vm_slot(vm, 2, 0, GPA_REGION, MIB, mem + MIB);
	vm_slot(vm, 1, 0, GPA_REGION + MIB, MIB, mem);
	EXPECT_GE(faults(vcpu, GPA_REGION, HUGE, PAGE), 512ull);
	check_marks(mem + MIB, GPA_REGION, MIB, PAGE);
	check_marks(mem, GPA_REGION + MIB, MIB, PAGE);
}

/* The same memory at two guest-physical places is the same memory */
TEST(one_memory_twice)
{
	struct vm *vm = vm_create(0);
	char *mem = mem_thp(HUGE);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_all);

	vm_slot(vm, 1, 0, GPA_REGION, HUGE, mem);
	vm_slot(vm, 2, 0, GPA_REGION + 3 * HUGE, HUGE, mem);
	faults(vcpu, GPA_REGION, HUGE, PAGE);
	check_marks(mem, GPA_REGION, HUGE, PAGE);
	faults(vcpu, GPA_REGION + 3 * HUGE, HUGE, PAGE);
	check_marks(mem, GPA_REGION + 3 * HUGE, HUGE, PAGE);
}

/* Reads of memory that nobody wrote: zero, also after the zero page has gone */
TEST(zero_page)
{
	char *mem = mem_anon(HUGE, HUGE);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, read_all);
	u64 i;

	ASSERT_OK(madvise(mem, HUGE, MADV_NOHUGEPAGE));
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, HUGE, mem);
	GUEST_VAR(vm, want) = 0;
	faults(vcpu, GPA_REGION, HUGE, PAGE);
	for (i = 0; i < HUGE; i += PAGE)
		*(u64 *)(mem + i) = MARK(GPA_REGION + i);
	GUEST_VAR(vm, want) = 1;
	faults(vcpu, GPA_REGION, HUGE, PAGE);
	/* the guest writes over the zero page: its own page, nobody else's */
	ASSERT_OK(madvise(mem, HUGE, MADV_DONTNEED));
	GUEST_VAR(vm, want) = 0;
	faults(vcpu, GPA_REGION, HUGE, PAGE);
	vcpu_start_long(vcpu, write_all);
	faults(vcpu, GPA_REGION, HUGE, 2 * PAGE);
	check_marks(mem, GPA_REGION, HUGE, 2 * PAGE);
	for (i = PAGE; i < HUGE; i += 2 * PAGE)
		ASSERT_EQ(*(u64 *)(mem + i), 0ull);
}

/* mov $value, %eax; ret */
static void put_code(char *at, u32 value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static void call_all(void)
{
	for (;;) {
		u64 a;

		for (a = GPA_REGION; a < GPA_REGION + HUGE; a += 0x10000) {
			*(volatile u32 *)(a + 64) = 1;
			GUEST_ASSERT_EQ(((u32 (*)(void))a)(), want);
		}
		GUEST_SYNC(want);
	}
}

/* Code in huge pages that are written to as well, also where those may not be executable */
TEST(code)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, call_all);
	char *mem = mem_thp(HUGE);
	u32 i, round;

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, HUGE, mem);
	for (round = 1; round < 4; round++) {
		for (i = 0; i < HUGE; i += 0x10000)
			put_code(mem + i, round);
		GUEST_VAR(vm, want) = round;
		vcpu_sync(vcpu, round);
	}
}

/* Touched by the guest first, by any width and at the edge of a page */
static void edges(void)
{
	volatile char *p = (char *)GPA_REGION;
	u64 si = GPA_REGION + PAGE - 4, di = GPA_REGION + 5 * PAGE - 4, n = 8;

	*(volatile u64 *)(p + PAGE - 4) = 0x1122334455667788ull;
	GUEST_ASSERT_EQ(*(volatile u64 *)(p + PAGE - 4), 0x1122334455667788ull);
	asm volatile("lock; addl $5, (%0)" : : "r" (p + 3 * PAGE - 2) : "memory", "cc");
	asm volatile("rep movsb" : "+S" (si), "+D" (di), "+c" (n) : : "memory");
	GUEST_DONE();
}

TEST(across_pages)
{
	char *mem = mem_anon(8 * PAGE, PAGE);
	struct vcpu *vcpu = writer_on(mem, 8 * PAGE, GPA_REGION);
	u64 v;
	u32 w;

	vcpu_start_long(vcpu, edges);
	vcpu_done(vcpu);
	memcpy(&v, mem + PAGE - 4, 8);
	EXPECT_EQ(v, 0x1122334455667788ull);
	memcpy(&w, mem + 3 * PAGE - 2, 4);
	EXPECT_EQ(w, 5u);
	memcpy(&v, mem + 5 * PAGE - 4, 8);
	EXPECT_EQ(v, 0x1122334455667788ull);
}
