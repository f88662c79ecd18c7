// SPDX-License-Identifier: GPL-2.0-only
/* Slots are added, moved, replaced and removed, also while the guest runs in them */
#include <sys/mman.h>
#include <unistd.h>

#include "watch.h"

#define ROUNDS	30
#define SMALL	(64 * PAGE)
#define FAR	0x30000000ull

static int slot(struct vm *vm, u32 nr, u64 gpa, u64 len)
{
	return vm_slot_try(vm, nr, 0, gpa, len, (void *)0x10000000) ? errno : 0;
}

TEST(overlaps)
{
	struct vm *vm = vm_create(0);

	EXPECT_EQ(slot(vm, 1, 0x10000000, 0x4000), 0);
	EXPECT_EQ(slot(vm, 2, 0x10000000, 0x4000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x0ffff000, 0x2000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x10003000, 0x1000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x10003000, 0x4000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x10001000, 0x1000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x0f000000, 0x10000000), EEXIST);
	EXPECT_EQ(slot(vm, 2, VM_MEMORY - PAGE, 0x2000), EEXIST);
	EXPECT_EQ(slot(vm, 2, 0x10004000, 0x1000), 0);
	EXPECT_EQ(slot(vm, 3, 0x0ffff000, 0x1000), 0);
	/* in its own place, larger, but not over the neighbours */
	EXPECT_EQ(slot(vm, 1, 0x10000000, 0x2000), 0);
	EXPECT_EQ(slot(vm, 1, 0x10000000, 0x4000), 0);
	EXPECT_EQ(slot(vm, 1, 0x10000000, 0x5000), EEXIST);
	EXPECT_EQ(slot(vm, 1, 0x0fff0000, 0x1000), 0);
	EXPECT_EQ(slot(vm, 4, 0x10000000, 0x4000), 0);
	EXPECT_EQ(slot(vm, 4, 0, 0), 0);
	EXPECT_EQ(slot(vm, 4, 0, 0), ENOENT);
	EXPECT_EQ(slot(vm, 2, 0, 0), 0);
	EXPECT_EQ(slot(vm, 5, 0x10000000, 0x5000), 0);
}

/* All numbers there are, found again, and removed in another order */
static void sum_slots(void)
{
	u64 i, sum = 0;

	for (i = 1; i < 512; i++)
		sum += *(volatile u64 *)(GPA_REGION + 3 * i * PAGE);
	GUEST_SYNC(sum);
	for (i = 1; i < 512; i++)
		*(volatile u64 *)(GPA_REGION + 3 * i * PAGE) = i * i;
	GUEST_DONE();
}

TEST(many)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, sum_slots);
	struct lodge_info info;
	char *mem = mem_anon(512 * PAGE, PAGE);
	u64 sum = 0;
	u32 i, nr;

	lodge_info(&info);
	ASSERT_EQ(info.max_slots, 512u);
	for (i = 1; i < 512; i++) {
		nr = i * 5 % 512;	/* every number once */
		*(u64 *)(mem + nr * PAGE) = nr + 1;
		sum += nr + 1;
		vm_slot(vm, nr, 0, GPA_REGION + 3 * nr * PAGE, PAGE, mem + nr * PAGE);
	}
	vcpu_sync(vcpu, sum);
	vcpu_done(vcpu);
	for (i = 1; i < 512; i++) {
		nr = i * 7 % 512;
		EXPECT_EQ(*(u64 *)(mem + nr * PAGE), (u64)nr * nr);
		vm_slot(vm, nr, 0, 0, 0, NULL);
	}
}

/* Two memories take turns behind one slot: the owner's mappings do not change at all */
static void replace(size_t len, bool huge)
{
	char *a = huge ? mem_thp(len) : mem_anon(len, HUGE), *b;
	struct watch w;
	int i;

	b = huge ? mem_thp(len) : mem_anon(len, HUGE);
	memset(a, 0, len);
	memset(b, 0, len);
	watch_slot_start(&w, a, len, LODGE_SLOT_READONLY);
	for (i = 0; i < ROUNDS; i++) {
		w.mem = w.mem == a ? b : a;
		w.s->hi = ++w.age;
		watch_fill(&w, w.mem, w.age);
		vm_slot(w.vm, REGION_SLOT, LODGE_SLOT_READONLY, GPA_REGION, len, w.mem);
		watch_least(&w, w.age);
		watch_loops(&w, 2);
	}
	watch_stop(&w);
}

TEST(replaced)
{
	replace(SMALL, false);
}

TEST(replaced_huge)
{
	replace(2 * HUGE, true);
}

/* The same, and the guest writes: nothing reaches memory that is no slot's any more */
TEST(replaced_written)
{
	char *a = mem_anon(SMALL, PAGE), *b = mem_anon(SMALL, PAGE);
	u64 before[WATCH_PROBES];
	unsigned int i, nr;
	struct watch w, old;

	watch_start(&w, a, SMALL);
	w.s->drops = 1;
	for (i = 0; i < ROUNDS; i++) {
		old = w;
		w.mem = w.mem == a ? b : a;
		memset(w.mem, 0, SMALL);
		w.s->hi = ++w.age;
		watch_fill(&w, w.mem, w.age);
		vm_slot(w.vm, REGION_SLOT, 0, GPA_REGION, SMALL, w.mem);
		for (nr = 0; nr < WATCH_PROBES; nr++)
			before[nr] = watch_probe(&old, nr)[1];
		watch_least(&w, w.age);
		watch_loops(&w, 2);
		for (nr = 0; nr < WATCH_PROBES; nr++)
			EXPECT_EQ(watch_probe(&old, nr)[1], before[nr]);
	}
	watch_stop(&w);
}

static void until_mmio(struct watch *w)
{
	u64 before = w->mmio;

	while (w->mmio < before + 2)
		usleep(200);
}

/* Removed, and back again: in between the guest finds a device, which reads as zero */
TEST(removed)
{
	char *mem = mem_anon(SMALL, PAGE);
	struct watch w;
	int i;

	watch_start(&w, mem, SMALL);
	w.mmio_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		watch_drop(&w);
		vm_slot(w.vm, REGION_SLOT, 0, 0, 0, NULL);
		watch_dropped(&w);
		until_mmio(&w);
		/* what the guest writes to a device is not kept */
		memset(mem, 0, SMALL);
		vm_slot(w.vm, REGION_SLOT, 0, GPA_REGION, SMALL, mem);
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

/* Moved to another guest-physical place and back; other memory takes the old place */
TEST(moved)
{
	char *mem = mem_anon(SMALL, PAGE), *other = mem_anon(SMALL, PAGE);
	struct watch w;
	int i;

	watch_slot_start(&w, mem, SMALL, LODGE_SLOT_READONLY);
	w.mmio_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		w.s->zero_ok = 1;	/* between the two calls there is no slot */
		w.s->hi = ++w.age;
		watch_fill(&w, i & 1 ? mem : other, w.age);
		vm_slot(w.vm, REGION_SLOT, LODGE_SLOT_READONLY, FAR, SMALL, i & 1 ? other : mem);
		watch_least(&w, w.age);
		vm_slot(w.vm, REGION_SLOT + 1, LODGE_SLOT_READONLY, GPA_REGION, SMALL,
			i & 1 ? mem : other);
		watch_loops(&w, 1);
		w.s->zero_ok = 0;
		watch_loops(&w, 1);
		vm_slot(w.vm, REGION_SLOT, 0, 0, 0, NULL);
		w.s->zero_ok = 1;
		vm_slot(w.vm, REGION_SLOT + 1, 0, 0, 0, NULL);
		vm_slot(w.vm, REGION_SLOT, LODGE_SLOT_READONLY, GPA_REGION, SMALL,
			i & 1 ? mem : other);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

/* Other slots come and go: those that stay are not disturbed */
TEST(others_change)
{
	char *mem = mem_anon(SMALL, PAGE), *other = mem_anon(SMALL, PAGE);
	struct watch w;
	int i;

	watch_start(&w, mem, SMALL);
	for (i = 0; i < 3 * ROUNDS; i++) {
		vm_slot(w.vm, 5, 0, GPA_REGION + SMALL, SMALL, other);
		vm_slot(w.vm, 6, 0, GPA_REGION - SMALL, SMALL, mem);
		vm_slot(w.vm, 5, 0, 0, 0, NULL);
		vm_slot(w.vm, 6, 0, 0, 0, NULL);
		if (i % 8 == 0)
			watch_publish(&w);
	}
	watch_stop(&w);
}

/* A file's memory, shared: writes pass both ways; private: neither after a copy */
static void exchange(void)
{
	volatile u64 *p = (u64 *)GPA_REGION;
	u64 n;

	for (n = 1; ; n++) {
		p[1] = n;
		p[2 * PAGE / 8] = n;
		GUEST_SYNC2(n, p[PAGE / 8]);
	}
}

TEST(memfd_shared)
{
	int fd = memfd_create("shared", 0);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, exchange);
	char *mem;
	u64 n, v;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, SMALL));
	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, SMALL, mem);
	for (n = 1; n < 10; n++) {
		v = n * 3;
		ASSERT_EQ(pwrite(fd, &v, 8, PAGE), 8);
		vcpu_sync(vcpu, n);
		EXPECT_EQ(vcpu->arg[1], n * 3);
		ASSERT_EQ(pread(fd, &v, 8, 8), 8);
		EXPECT_EQ(v, n);
		ASSERT_EQ(pread(fd, &v, 8, 2 * PAGE), 8);
		EXPECT_EQ(v, n);
	}
}

TEST(memfd_private)
{
	int fd = memfd_create("private", 0);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, exchange);
	char *mem;
	u64 n, v;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, SMALL));
	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, SMALL, mem);
	for (n = 1; n < 10; n++) {
		v = n * 3;
		/* the guest only reads this page: it is the file's, until the owner writes */
		ASSERT_EQ(pwrite(fd, &v, 8, PAGE), 8);
		if (n > 5)
			*(volatile u64 *)(mem + PAGE) = 77;
		vcpu_sync(vcpu, n);
		EXPECT_EQ(vcpu->arg[1], n > 5 ? 77 : n * 3);
		ASSERT_EQ(pread(fd, &v, 8, 8), 8);
		EXPECT_EQ(v, 0ull);
		EXPECT_EQ(*(u64 *)(mem + 8), n);
	}
}
