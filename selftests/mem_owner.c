// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner unmaps, moves, protects and copies its memory while a guest works on it: the
 * guest never sees memory that is stale or somebody else's, and what it writes is not lost.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watch.h"

#define ROUNDS		15
#define SMALL		(64 * PAGE)
#define LARGE		(2 * HUGE)

static void *small_pages(size_t len)
{
	void *mem = mem_anon(len, HUGE);

	madvise(mem, len, MADV_NOHUGEPAGE);
	return mem;
}

static void dontneed(void *mem, size_t len)
{
	struct watch w;
	int i;

	watch_start(&w, mem, len);
	for (i = 0; i < ROUNDS; i++) {
		watch_drop(&w);
		ASSERT_OK(madvise(mem, len, MADV_DONTNEED));
		watch_dropped(&w);
		watch_junk();
		watch_loops(&w, 1 + i % 3);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

TEST(dontneed_small)
{
	dontneed(small_pages(SMALL), SMALL);
}

TEST(dontneed_huge)
{
	char *mem = mem_thp(LARGE);

	memset(mem, 0, LARGE);
	if (mem_huge_bytes(mem) < LARGE)
		SKIP("the host gave no huge pages");
	dontneed(mem, LARGE);
}

/* One page out of a huge one: the others keep their content, and the guest's */
TEST(dontneed_page_of_huge)
{
	char *mem = mem_thp(LARGE);
	struct watch w;
	unsigned int i;

	memset(mem, 0, LARGE);
	watch_start(&w, mem, LARGE);
	for (i = 0; i < ROUNDS; i++) {
		unsigned int nr = i * 5 % WATCH_PROBES;

		watch_drop(&w);
		ASSERT_OK(madvise(watch_probe(&w, nr), PAGE, MADV_DONTNEED));
		w.s->lo[nr] = w.age + 1;
		watch_loops(&w, 1);
		watch_publish(&w);
		/* and a page that is not watched: nothing of the others may be lost */
		w.s->drops = 0;
		ASSERT_OK(madvise((char *)watch_probe(&w, nr) + PAGE, PAGE, MADV_DONTNEED));
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

static void until_error(struct watch *w)
{
	u64 before = w->errors;

	while (w->errors < before + 2)
		usleep(200);
}

TEST(munmap_and_map)
{
	char *mem = small_pages(SMALL);
	struct watch w;
	int i;

	watch_start(&w, mem, SMALL);
	w.errors_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(munmap(mem, SMALL));
		watch_gone(&w);
		watch_junk();
		until_error(&w);
		EXPECT_EQ(w.last_error, (u32)EFAULT);
		watch_drop(&w);
		watch_dropped(&w);
		ASSERT_EQ((void *)mem, mmap(mem, SMALL, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

/* A mapping over the old one, in one call */
TEST(map_over)
{
	char *mem = small_pages(SMALL);
	struct watch w;
	int i;

	watch_start(&w, mem, SMALL);
	w.errors_ok = true;	/* for the moment in between */
	for (i = 0; i < ROUNDS; i++) {
		watch_drop(&w);
		ASSERT_EQ((void *)mem, mmap(mem, SMALL, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
		watch_dropped(&w);
		watch_junk();
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

static void move(char *mem, size_t len)
{
	char *away = mem_anon(len, HUGE);
	struct watch w;
	int i;

	watch_start(&w, mem, len);
	w.errors_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ((void *)away, mremap(mem, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, away));
		watch_no_access(&w);
		watch_junk();
		until_error(&w);
		/* what the guest wrote has moved along, and comes back */
		watch_access(&w);
		ASSERT_EQ((void *)mem, mremap(away, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, mem));
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

TEST(mremap_small)
{
	move(small_pages(SMALL), SMALL);
}

TEST(mremap_huge)
{
	char *mem = mem_thp(LARGE);

	memset(mem, 0, LARGE);
	move(mem, LARGE);
}

/* Other memory, with newer content, is moved to where the guest looks */
TEST(mremap_over)
{
	char *mem = small_pages(SMALL);
	struct watch w;
	int i;

	watch_start(&w, mem, SMALL);
	w.errors_ok = true;
	w.s->drops = 1;		/* the guest's counters are not in the other memory */
	for (i = 0; i < ROUNDS; i++) {
		char *other = small_pages(SMALL);

		w.s->hi = ++w.age;
		watch_fill(&w, other, w.age);
		ASSERT_EQ((void *)mem, mremap(other, SMALL, SMALL, MREMAP_MAYMOVE | MREMAP_FIXED,
					      mem));
		watch_least(&w, w.age);
		watch_junk();
		watch_loops(&w, 2);
	}
	watch_stop(&w);
}

/* The guest's counters do not change for a while */
static void expect_no_writes(struct watch *w)
{
	u64 before[WATCH_PROBES];
	unsigned int nr;

	for (nr = 0; nr < WATCH_PROBES; nr++)
		before[nr] = watch_probe(w, nr)[1];
	until_error(w);
	for (nr = 0; nr < WATCH_PROBES; nr++)
		EXPECT_EQ(watch_probe(w, nr)[1], before[nr]);
}

static void protect(char *mem, size_t len)
{
	struct watch w;
	int i;

	watch_start(&w, mem, len);
	w.errors_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(mprotect(mem, len, PROT_NONE));
		watch_no_access(&w);
		until_error(&w);
		watch_access(&w);
		ASSERT_OK(mprotect(mem, len, PROT_READ));
		expect_no_writes(&w);
		ASSERT_OK(mprotect(mem, len, PROT_READ | PROT_WRITE));
		watch_loops(&w, 1);
		/* from writable to readable at once */
		ASSERT_OK(mprotect(mem, len, PROT_READ));
		expect_no_writes(&w);
		ASSERT_OK(mprotect(mem, len, PROT_READ | PROT_WRITE));
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

TEST(mprotect_small)
{
	protect(small_pages(SMALL), SMALL);
}

TEST(mprotect_huge)
{
	char *mem = mem_thp(LARGE);

	memset(mem, 0, LARGE);
	protect(mem, LARGE);
}

/* The child: its memory is that of the moment of fork, and its writes are its own */
static void child(struct watch *w, int go)
{
	u64 seen[WATCH_PROBES][2];
	unsigned int nr, i;
	char c;

	for (nr = 0; nr < WATCH_PROBES; nr++)
		memcpy(seen[nr], watch_probe(w, nr), sizeof(seen[nr]));
	if (read(go, &c, 1) != 1)
		_exit(2);
	for (i = 0; i < 3; i++) {
		for (nr = 0; nr < WATCH_PROBES; nr++)
			if (memcmp(seen[nr], watch_probe(w, nr), sizeof(seen[nr])))
				_exit(1);
		usleep(1000);
	}
	for (nr = 0; nr < WATCH_PROBES; nr++)
		memset(watch_probe(w, nr), 0xcc, PAGE);
	usleep(2000);
	_exit(0);
}

static void copy_on_write(char *mem, size_t len)
{
	int i, go[2], status;
	struct watch w;
	pid_t pid;

	watch_start(&w, mem, len);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(pipe(go));
		pid = fork();
		ASSERT_OK(pid);
		if (!pid)
			child(&w, go[0]);
		watch_loops(&w, 1 + i % 2);
		if (i % 3)
			watch_publish(&w);
		ASSERT_EQ(write(go[1], "", 1), 1);
		watch_loops(&w, 2);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_TRUE(WIFEXITED(status));
		EXPECT_EQ(WEXITSTATUS(status), 0);
		close(go[0]);
		close(go[1]);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

TEST(fork_small)
{
	copy_on_write(small_pages(SMALL), SMALL);
}

TEST(fork_huge)
{
	char *mem = mem_thp(LARGE);

	memset(mem, 0, LARGE);
	copy_on_write(mem, LARGE);
}

/* A hole in a file that the guest works on: zeroes, then new pages */
static void hole(int fd, size_t len)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct watch w;
	int i;

	ASSERT_NE((void *)mem, MAP_FAILED);
	watch_start(&w, mem, len);
	for (i = 0; i < ROUNDS; i++) {
		watch_drop(&w);
		ASSERT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, len));
		watch_dropped(&w);
		watch_junk();
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}

TEST(hole_in_memfd)
{
	int fd = memfd_create("hole", 0);

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, SMALL));
	hole(fd, SMALL);
}

TEST(memfd_cut_short)
{
	int i, fd = memfd_create("cut", 0);
	struct watch w;
	char *mem;

	ASSERT_OK(fd);
	ASSERT_OK(ftruncate(fd, SMALL));
	mem = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE((void *)mem, MAP_FAILED);
	watch_start(&w, mem, SMALL);
	w.errors_ok = true;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(ftruncate(fd, 0));
		watch_gone(&w);
		watch_junk();
		until_error(&w);
		watch_drop(&w);
		watch_dropped(&w);
		ASSERT_OK(ftruncate(fd, SMALL));
		watch_loops(&w, 1);
		watch_publish(&w);
		watch_loops(&w, 1);
	}
	watch_stop(&w);
}
