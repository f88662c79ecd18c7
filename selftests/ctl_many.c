// SPDX-License-Identifier: GPL-2.0-only
/* A hundred small VMs, started, listed, paused, resumed, ended, three times over */
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"
#include "pcguest.h"

#define MANY	100
#define ROUNDS	3
#define LISTS	10
#define LONG	60000	/* ms: an emulated host is slow */

PC_GUEST(sleeps, ".code16\n" PC_PUTS("sleeps_text")
	 "1: cli; hlt; jmp 1b\nsleeps_text: .asciz \"asleep\\n\"");

static char image[] = "/tmp/ctl-many.XXXXXX";
static struct child c;

static int vmctl(char * const argv[])
{
	child_start(&c, argv);
	child_close_input(&c);
	return child_end(&c, LONG);
}

/* A verb, and the names of all */
static int on_all(const char *verb)
{
	static char names[MANY][8];
	char *argv[MANY + 3] = { (char *)"vmctl", (char *)verb };
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "vm%d", i);
		argv[i + 2] = names[i];
	}
	return vmctl(argv);
}

static void start_all(void)
{
	char name[8];
	char *argv[] = {
		(char *)"vmctl", (char *)"start", (char *)"--flat", (char *)"0x7c00", (char *)"-m",
		(char *)"2M", (char *)"-n", name, image, NULL
	};
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		ASSERT_EQ(vmctl(argv), 0);
	}
}

/* How many lines of a list have this word as state */
static int in_state(const char *state)
{
	char *argv[] = { (char *)"vmctl", (char *)"list", NULL };
	char word[32];
	const char *p;
	int n = 0;

	snprintf(word, sizeof(word), "\t%s\t", state);
	EXPECT_EQ(vmctl(argv), 0);
	for (p = c.text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

/* CPU time of a list, in us */
static long list_us(void)
{
	struct rusage before, after;
	long us;
	int i;

	getrusage(RUSAGE_CHILDREN, &before);
	for (i = 0; i < LISTS; i++)
		EXPECT_EQ(in_state("nowhere"), 0);
	getrusage(RUSAGE_CHILDREN, &after);
	us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec +
	      after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
	     after.ru_utime.tv_usec - before.ru_utime.tv_usec +
	     after.ru_stime.tv_usec - before.ru_stime.tv_usec;
	return us / LISTS;
}

/* The kernel's memory that it cannot take back, in KiB */
static long unreclaimable(void)
{
	char line[128];
	long kib = -1, slab = 0, tables = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "SUnreclaim: %ld", &kib) == 1)
			slab = kib;
		else if (sscanf(line, "VmallocUsed: %ld", &kib) == 1)
			tables = kib;
	}
	fclose(f);
	return slab + tables;
}

TEST_SECONDS(a_hundred, 400)
{
	long first = 0, last = 0, us = 0;
	int round, fd = mkstemp(image);

	ASSERT_OK(fd);
	ASSERT_GT(write(fd, sleeps_start, sleeps_end - sleeps_start), 0);
	close(fd);
	for (round = 0; round < ROUNDS; round++) {
		start_all();
		EXPECT_EQ(in_state("running"), MANY);
		if (!round)
			us = list_us();
		EXPECT_EQ(on_all("pause"), 0);
		EXPECT_EQ(in_state("paused"), MANY);
		EXPECT_EQ(on_all("resume"), 0);
		EXPECT_EQ(in_state("running"), MANY);
		EXPECT_EQ(on_all("kill"), 0);
		EXPECT_EQ(in_state("running"), 0);
		/* the module keeps no more of a user than its parameter says */
		EXPECT_EQ(in_state("ended"), 64);
		/* the first 36 have been forgotten */
		EXPECT_EQ(on_all("rm"), 3);
		EXPECT_EQ(in_state("ended"), 0);
		last = unreclaimable();
		if (!round)
			first = last;
	}
	unlink(image);
	diag("vmctl list: %ld us of CPU", us);
	diag("kernel memory after a round %ld KiB, after %d %ld KiB", first, ROUNDS, last);
	/* 20 ms at 1,000 million instructions a second; the emulated processor does 100 */
	EXPECT_LE(us, 200000);
	EXPECT_LE(last, first + 1024);
}
