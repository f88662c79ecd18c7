// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host takes the owner's pages away and brings them back while a guest works on them:
 * swap, write-back of files, same-page merging, splitting and collapsing of huge pages,
 * migration, memory failure.  The guest sees nothing of it, and loses nothing.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "watch.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define ROUNDS		10
#define SMALL		(64 * PAGE)
#define LARGE		(2 * HUGE)
#define ZRAM_SIZE	(16 * MIB)

static void *small_pages(size_t len)
{
	void *mem = mem_anon(len, HUGE);

	madvise(mem, len, MADV_NOHUGEPAGE);
	return mem;
}

/* A counter of /proc/vmstat */
static u64 vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	unsigned long n, value = 0;
	char line[128], word[64];

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lu", word, &n) == 2 && !strcmp(word, name))
			value = n;
	fclose(f);
	return value;
}

/* ---- swap ---------------------------------------------------------------- */

/* A block device of memory; the test is skipped if the kernel has none */
static int zram_open(void)
{
	char size[32];
	int fd;

	snprintf(size, sizeof(size), "%llu", ZRAM_SIZE);
	if (access("/dev/zram0", F_OK))
		SKIP("no /dev/zram0 (run --module zram)");
	put_file("/sys/block/zram0/reset", "1");
	if (put_file("/sys/block/zram0/disksize", size))
		SKIP("zram does not take a size: %s", strerror(errno));
	fd = open("/dev/zram0", O_RDWR);
	ASSERT_OK(fd);
	return fd;
}

static void zram_close(int fd)
{
	close(fd);
	put_file("/sys/block/zram0/reset", "1");
}

/* What mkswap writes: version, last page, and the magic word at the end of the first page */
static void make_swap(int fd)
{
	static char page[PAGE];
	u32 *header = (u32 *)(page + 1024);

	header[0] = 1;
	header[1] = ZRAM_SIZE / PAGE - 1;
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	ASSERT_EQ(pwrite(fd, page, PAGE, 0), (ssize_t)PAGE);
	ASSERT_OK(fsync(fd));
}

/* Pages that go out; the guest leaves them alone long enough for it, or does not */
static u64 page_out(struct watch *w, bool alone)
{
	u64 before = vmstat("pswpout");
	int i;

	if (alone)
		watch_pause(w);
	/* the first may only find that they were accessed */
	for (i = 0; i < 3; i++) {
		if (madvise(w->mem, w->len, MADV_PAGEOUT))
			SKIP("no MADV_PAGEOUT: %s", strerror(errno));
		if (i == 1)
			watch_resume(w);
	}
	return vmstat("pswpout") - before;
}

static void swap_out(void *mem, size_t len)
{
	u64 out = 0, used = 0;
	struct watch w;
	int i, fd;

	watch_start(&w, mem, len);
	fd = zram_open();
	make_swap(fd);
	ASSERT_OK(swapon("/dev/zram0", 0));
	for (i = 0; i < ROUNDS; i++) {
		used += page_out(&w, false);
		watch_loops(&w, 1);
		out += page_out(&w, true);
		watch_loops(&w, 1);
		if (i & 1)
			watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
	EXPECT_OK(swapoff("/dev/zram0"));
	zram_close(fd);
	diag("%llu pages swapped out, %llu of them while in use", (unsigned long long)out + used,
	     (unsigned long long)used);
	EXPECT_GT(out, 0ull);
}

TEST(swap_small)
{
	swap_out(small_pages(SMALL), SMALL);
}

TEST(swap_huge)
{
	char *mem = mem_thp(HUGE);

	memset(mem, 0, HUGE);
	swap_out(mem, HUGE);
}

TEST(swap_memfd)
{
	int fd = memfd_create("swap", 0);
	char *mem;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, SMALL));
	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	swap_out(mem, SMALL);
}

/* ---- files --------------------------------------------------------------- */

/* A block device is a file with a page cache: written back, dropped, and read again */
TEST(write_back)
{
	int i, fd = zram_open();
	struct watch w;
	char *mem;

	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	watch_start(&w, mem, SMALL);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(msync(mem, SMALL, MS_SYNC));
		if (i % 3 == 0)
			ASSERT_OK(madvise(mem, SMALL, MADV_PAGEOUT));
		if (i % 3 == 1)
			ASSERT_OK(madvise(mem, SMALL, MADV_DONTNEED));
		put_file("/proc/sys/vm/drop_caches", "1");
		watch_loops(&w, 1);
		if (i & 1)
			watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
	munmap(mem, SMALL);
	zram_close(fd);
}

/* What the guest writes arrives in the file: after msync() it can be read from there */
static void write_numbers(void)
{
	u64 n, i;

	for (n = 1; ; n++) {
		for (i = 0; i < SMALL; i += PAGE)
			*(volatile u64 *)(GPA_REGION + i) = n;
		GUEST_SYNC(n);
	}
}

TEST(guest_dirties_file)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, write_numbers);
	int fd = zram_open(), direct;
	static char page[PAGE] __attribute__((aligned(4096)));
	char *mem;
	u64 n, i;

	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	direct = open("/dev/zram0", O_RDONLY | O_DIRECT);
	ASSERT_OK(direct);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, SMALL, mem);
	for (n = 1; n < 10; n++) {
		vcpu_sync(vcpu, n);
		ASSERT_OK(msync(mem, SMALL, MS_SYNC));
		for (i = 0; i < SMALL; i += PAGE) {
			ASSERT_EQ(pread(direct, page, PAGE, i), (ssize_t)PAGE);
			EXPECT_EQ(*(u64 *)page, n);
		}
	}
	close(direct);
	vcpu_free(vcpu);
	vm_free(vm);
	munmap(mem, SMALL);
	zram_close(fd);
}

/* ---- merging ------------------------------------------------------------- */

#define KSM	"/sys/kernel/mm/ksm/"

#define KPF_KSM	(1ull << 21)

/* How many probes lie in pages that the host has merged with others */
static unsigned int merged(struct watch *w)
{
	int map = open("/proc/self/pagemap", O_RDONLY), flags = open("/proc/kpageflags", O_RDONLY);
	unsigned int nr, sum = 0;
	u64 v;

	for (nr = 0; nr < WATCH_PROBES; nr++) {
		if (pread(map, &v, 8, (u64)watch_probe(w, nr) / PAGE * 8) != 8)
			break;
		if (pread(flags, &v, 8, (v & ((1ull << 55) - 1)) * 8) != 8)
			break;
		sum += !!(v & KPF_KSM);
	}
	close(map);
	close(flags);
	return sum;
}

/* The host merges the watched pages with those of a twin */
static bool merge(struct watch *w, char *twin)
{
	int i;

	memcpy(twin, w->mem, w->len);
	for (i = 0; i < 1000 && merged(w) < WATCH_PROBES; i++)
		usleep(1000);
	return merged(w);
}

TEST(same_page_merging)
{
	char *mem = small_pages(SMALL), *twin = small_pages(SMALL);
	unsigned int nr;
	struct watch w;
	int i;

	if (put_file(KSM "run", "1"))
		SKIP("no same-page merging");
	put_file(KSM "sleep_millisecs", "1");
	put_file(KSM "pages_to_scan", "300");
	watch_start(&w, mem, SMALL);
	for (i = 0; i < 4; i++) {
		w.s->writes = 0;
		watch_loops(&w, 2);
		ASSERT_OK(madvise(mem, SMALL, MADV_MERGEABLE));
		ASSERT_OK(madvise(twin, SMALL, MADV_MERGEABLE));
		if (!merge(&w, twin))
			SKIP("the host merged nothing in time");
		watch_loops(&w, 2);
		/* the owner's write, or the guest's, makes it a page of its own again */
		if (i & 1)
			watch_publish(&w);
		w.s->writes = 1;
		watch_loops(&w, 3);
		for (nr = 0; nr < WATCH_PROBES; nr++)
			EXPECT_LE(((u64 *)(twin + ((char *)watch_probe(&w, nr) - mem)))[1],
				  watch_probe(&w, nr)[1] - 1);
		ASSERT_OK(madvise(mem, SMALL, MADV_UNMERGEABLE));
		ASSERT_OK(madvise(twin, SMALL, MADV_UNMERGEABLE));
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	put_file(KSM "run", "2");
	watch_stop(&w);
}

/* ---- huge pages ---------------------------------------------------------- */

static void split_by_debugfs(void *mem, size_t len)
{
	char line[128];

	snprintf(line, sizeof(line), "%d,0x%lx,0x%lx", getpid(), (unsigned long)mem,
		 (unsigned long)mem + len);
	put_file("/sys/kernel/debug/split_huge_pages", line);
}

TEST(split_and_collapse)
{
	char *mem = mem_thp(LARGE);
	int i, collapsed = 0;
	struct watch w;

	memset(mem, 0, LARGE);
	if (mem_huge_bytes(mem) < LARGE)
		SKIP("the host gave no huge pages");
	watch_start(&w, mem, LARGE);
	for (i = 0; i < ROUNDS; i++) {
		/* pages 32 and 31 of each part are not watched */
		switch (i % 3) {
		case 0:
			ASSERT_OK(madvise(mem + 31 * PAGE, PAGE, MADV_DONTNEED));
			ASSERT_OK(madvise(mem + HUGE + 31 * PAGE, PAGE, MADV_DONTNEED));
			break;
		case 1:
			ASSERT_OK(mprotect(mem + 31 * PAGE, PAGE, PROT_READ));
			watch_loops(&w, 1);
			ASSERT_OK(mprotect(mem + 31 * PAGE, PAGE, PROT_READ | PROT_WRITE));
			break;
		case 2:
			split_by_debugfs(mem, LARGE);
			break;
		}
		watch_loops(&w, 2);
		collapsed += !madvise(mem, LARGE, MADV_COLLAPSE);
		watch_loops(&w, 2);
		if (i & 1)
			watch_publish(&w);
	}
	watch_stop(&w);
	diag("collapsed %d times, %zu KiB of huge pages at the end", collapsed,
	     mem_huge_bytes(mem) / 1024);
}

/* ---- migration ----------------------------------------------------------- */

TEST(compaction)
{
	char *mem = small_pages(SMALL);
	struct watch w;
	u64 before = vmstat("pgmigrate_success");
	int i;

	watch_start(&w, mem, SMALL);
	for (i = 0; i < 5; i++) {
		if (put_file("/proc/sys/vm/compact_memory", "1"))
			SKIP("no compaction: %s", strerror(errno));
		watch_loops(&w, 2);
		watch_publish(&w);
	}
	watch_stop(&w);
	diag("%llu pages migrated", (unsigned long long)(vmstat("pgmigrate_success") - before));
}

/* Each probe's page is moved to another one, and the old one is not used any more */
TEST(soft_offline)
{
	char *mem = small_pages(SMALL);
	unsigned int nr;
	struct watch w;

	watch_start(&w, mem, SMALL);
	for (nr = 0; nr < WATCH_PROBES; nr += 3) {
		if (madvise(watch_probe(&w, nr), PAGE, MADV_SOFT_OFFLINE))
			SKIP("no soft offlining: %s", strerror(errno));
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

/* Some kernels tell the owner at once */
static void failure_told(int sig)
{
}

/* A page whose memory has failed: an error that tells it, until there is another page */
TEST(memory_failure)
{
	char *mem = small_pages(SMALL), *page;
	struct watch w;

	signal(SIGBUS, failure_told);
	watch_start(&w, mem, SMALL);
	page = (char *)watch_probe(&w, 7);
	w.errors_ok = true;
	if (madvise(page, PAGE, MADV_HWPOISON))
		SKIP("no memory failures can be made: %s", strerror(errno));
	w.s->lo[7] = WATCH_NOTHING;
	while (w.errors < 2)
		usleep(200);
	EXPECT_EQ(w.last_error, (u32)EHWPOISON);
	watch_drop(&w);
	w.s->lo[7] = w.age + 1;
	ASSERT_EQ((void *)page, mmap(page, PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	watch_loops(&w, 1);
	watch_publish(&w);
	watch_stop(&w);
}

/* ---- what the host wants to know of its pages ------------------------------ */

#define PM_SOFT_DIRTY	(1ull << 55)

/* After "clear_refs 4" each page that the guest writes to shows in /proc/self/pagemap */
TEST(soft_dirty)
{
	char *mem = small_pages(SMALL);
	int fd = open("/proc/self/pagemap", O_RDONLY), i;
	unsigned int nr;
	struct watch w;
	u64 entry;

	ASSERT_OK(fd);
	watch_start(&w, mem, SMALL);
	for (i = 0; i < ROUNDS; i++) {
		if (put_file("/proc/self/clear_refs", "4"))
			SKIP("clear_refs: %s", strerror(errno));
		watch_loops(&w, 1);
		for (nr = 0; nr < WATCH_PROBES; nr++) {
			ASSERT_EQ(pread(fd, &entry, 8, (u64)watch_probe(&w, nr) / PAGE * 8), 8);
			if (!(entry & PM_SOFT_DIRTY) && !i && !nr)
				SKIP("this kernel does not track soft-dirty pages");
			EXPECT_TRUE(entry & PM_SOFT_DIRTY);
		}
	}
	watch_stop(&w);
}
