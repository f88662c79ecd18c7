// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk MODE FILE...: what a disk must do, from inside a guest, and the host's look at its image.
 *
 *	sum FILE		a checksum of all of it
 *	check DEV SUM		reads, writes, discards; KTAP, and the checksum of all then
 *	readonly DEV SUM	reads as above; writes fail
 *	journal DEV		records, each flushed before the next; tells each number once it is
 *	replay FILE NUMBER	whether records up to this number are in the image
 *
 * Exit status 1 if something is not as it must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECTOR	512
#define MOST	(256 * 1024)	/* bytes of a request */
#define MIB	(1 << 20)
#define THREADS	4

static int nr, failed;
static const char *dev;
static uint64_t size;
static _Atomic int bad;

static bool ok(bool good, const char *what)
{
	printf("%sok %d %s%s%s\n", good ? "" : "not ", ++nr, what, good ? "" : " # ",
	       good ? "" : strerror(errno));
	fflush(stdout);
	failed |= !good;
	return good;
}

static uint64_t mix(uint64_t v)
{
	v ^= v >> 33;
	v *= 0xff51afd7ed558ccdULL;
	v ^= v >> 29;
	return v;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 29;
}

static void *buffer(void)
{
	void *p = aligned_alloc(4096, MOST);

	if (!p)
		exit(2);
	return p;
}

static int open_or_die(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC);

	if (fd < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

/* 0 if something cannot be read */
static uint64_t sum_of(int fd)
{
	uint64_t sum = 1, *buf = buffer();
	off_t pos = 0;
	ssize_t n, i;

	while ((n = pread(fd, buf, MOST, pos)) > 0) {
		for (i = 0; i < n / 8; i++)
			sum = mix(sum + buf[i]);
		pos += n;
	}
	free(buf);
	return n < 0 ? 0 : sum;
}

/* ---- patterns ------------------------------------------------------------ */

static void fill(uint64_t *buf, uint64_t pos, size_t len)
{
	size_t i;

	for (i = 0; i < len / 8; i++)
		buf[i] = mix(pos / 8 + i + 1);
}

static bool is_filled(const uint64_t *buf, uint64_t pos, size_t len)
{
	size_t i;

	for (i = 0; i < len / 8; i++) {
		if (buf[i] != mix(pos / 8 + i + 1))
			return false;
	}
	return true;
}

static bool is_zero(const uint64_t *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len / 8; i++) {
		if (buf[i])
			return false;
	}
	return true;
}

static size_t some_length(uint64_t *seed, uint64_t left)
{
	size_t len = (1 + next_random(seed) % (MOST / SECTOR)) * SECTOR;

	/* small ones most of the time */
	if (next_random(seed) % 4)
		len = (1 + next_random(seed) % 8) * SECTOR;
	return len < left ? len : left;
}

/* A share of the disk is written in order, by requests of any size, past the page cache */
static void *writer(void *arg)
{
	uint64_t share = size / THREADS / SECTOR * SECTOR, seed = (uintptr_t)arg;
	uint64_t pos = (uintptr_t)arg * share, end = pos + share;
	int fd = open_or_die(dev, O_WRONLY | O_DIRECT);
	uint64_t *buf = buffer();
	size_t len;

	for (; pos < end; pos += len) {
		len = some_length(&seed, end - pos);
		fill(buf, pos, len);
		if (pwrite(fd, buf, len, pos) != (ssize_t)len)
			bad++;
	}
	close(fd);
	free(buf);
	return NULL;
}

/* Anywhere, through the page cache or past it */
static void *reader(void *arg)
{
	uint64_t seed = 100 + (uintptr_t)arg, written = size / THREADS / SECTOR * SECTOR * THREADS;
	int fd = open_or_die(dev, O_RDONLY | ((uintptr_t)arg & 1 ? O_DIRECT : 0));
	uint64_t *buf = buffer(), pos;
	size_t len;
	int i;

	for (i = 0; i < 200; i++) {
		pos = next_random(&seed) % (written / SECTOR) * SECTOR;
		len = some_length(&seed, written - pos);
		if (pread(fd, buf, len, pos) != (ssize_t)len || !is_filled(buf, pos, len))
			bad++;
	}
	close(fd);
	free(buf);
	return NULL;
}

static bool all(void *(*what)(void *arg))
{
	pthread_t thread[THREADS];
	uintptr_t i;

	bad = 0;
	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&thread[i], NULL, what, (void *)i))
			exit(2);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return !bad;
}

/* ---- what is checked ----------------------------------------------------- */

static bool reads_zero(int fd, uint64_t pos, uint64_t len)
{
	uint64_t *buf = buffer();
	bool good = true;

	for (; len && good; pos += MOST, len -= MOST)
		good = pread(fd, buf, MOST, pos) == MOST && is_zero(buf, MOST);
	free(buf);
	return good;
}

static void same_sum(const char *want)
{
	int fd = open_or_die(dev, O_RDONLY);
	char sum[20];

	snprintf(sum, sizeof(sum), "%016" PRIx64, sum_of(fd));
	ok(!strcmp(sum, want), "the host's image is what is read");
	close(fd);
}

static void past_the_end(int fd)
{
	uint64_t *buf = buffer();

	ok(pread(fd, buf, SECTOR, size) == 0, "nothing to read past the end");
	ok(pwrite(fd, buf, SECTOR, size) == -1 && errno == ENOSPC, "nor to write");
	free(buf);
}

static void ranges(int fd)
{
	uint64_t part[2] = { MIB, 2 * MIB };
	int direct;

	ok(!ioctl(fd, BLKZEROOUT, part), "zeroes");
	direct = open_or_die(dev, O_RDONLY | O_DIRECT);
	ok(reads_zero(direct, part[0], part[1]), "are read");
	part[0] = 4 * MIB;
	part[1] = MIB;
	if (ioctl(fd, BLKDISCARD, part) && errno == EOPNOTSUPP)
		ok(true, "discard # SKIP the host's file system cannot");
	else
		ok(reads_zero(direct, part[0], part[1]), "discard");
	close(direct);
}

static void tell_serial(void)
{
	FILE *f = fopen("/sys/block/vda/serial", "r");
	char serial[40] = "";

	if (f && fgets(serial, sizeof(serial), f))
		serial[strcspn(serial, "\n")] = 0;
	printf("disk: serial %s\n", serial);
	if (f)
		fclose(f);
}

static int check(const char *want)
{
	int fd;

	tell_serial();
	printf("1..10\n");
	same_sum(want);
	ok(all(writer), "writes");
	fd = open_or_die(dev, O_RDWR);
	ok(!fsync(fd), "flush");
	ioctl(fd, BLKFLSBUF, 0);
	ok(all(reader), "reads");
	past_the_end(fd);
	ranges(fd);
	ok(!fsync(fd), "flush at the end");
	ioctl(fd, BLKFLSBUF, 0);
	printf("disk: sum %016" PRIx64 "\n", sum_of(fd));
	return failed;
}

static int readonly(const char *want)
{
	uint64_t part[2] = { 0, SECTOR };
	int fd, on = 0;
	void *buf = buffer();

	printf("1..4\n");
	same_sum(want);
	fd = open_or_die(dev, O_RDONLY);
	ok(!ioctl(fd, BLKROGET, &on) && on, "it is read-only");
	ok(ioctl(fd, BLKDISCARD, part) < 0, "no discard");
	/* some kernels refuse to open it, some to write */
	fd = open(dev, O_RDWR);
	ok(fd < 0 || pwrite(fd, buf, SECTOR, 0) < 0, "no write");
	return failed;
}

/* ---- a journal ----------------------------------------------------------- */

#define RECORD	4096

static void make_record(uint64_t *buf, uint64_t number)
{
	fill(buf, number * 7919 * RECORD, RECORD);
	buf[0] = number;
}

static int journal(void)
{
	int fd = open_or_die(dev, O_RDWR);
	uint64_t *buf = buffer(), number;

	for (number = 1; number < size / RECORD; number++) {
		make_record(buf, number);
		if (pwrite(fd, buf, RECORD, number * RECORD) != RECORD || fsync(fd)) {
			perror(dev);
			return 1;
		}
		printf("flushed %" PRIu64 "\n", number);
		fflush(stdout);
	}
	return 0;
}

static int replay(const char *upto)
{
	uint64_t *buf = buffer(), *want = buffer(), number, last = strtoull(upto, NULL, 10);
	int fd = open_or_die(dev, O_RDONLY);

	for (number = 1; number <= last; number++) {
		make_record(want, number);
		if (pread(fd, buf, RECORD, number * RECORD) != RECORD ||
		    memcmp(buf, want, RECORD)) {
			printf("record %" PRIu64 " of %" PRIu64 " is not there\n", number, last);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	dev = argv[2];
	fd = open_or_die(dev, O_RDONLY);
	size = lseek(fd, 0, SEEK_END);
	if (!strcmp(argv[1], "sum")) {
		printf("%016" PRIx64 "\n", sum_of(fd));
		return 0;
	}
	close(fd);
	if (!strcmp(argv[1], "journal"))
		return journal();
	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "check"))
		return check(argv[3]);
	if (!strcmp(argv[1], "readonly"))
		return readonly(argv[3]);
	if (!strcmp(argv[1], "replay"))
		return replay(argv[3]);
	return 2;
}
