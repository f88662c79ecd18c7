// SPDX-License-Identifier: GPL-2.0-only
/* What tests want of the host: CPUs, time, threads, /proc */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

/**
 * pin_to_cpu - have the calling thread run on one CPU
 * @cpu: which
 */
void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_OK(sched_setaffinity(0, sizeof(set), &set));
}

int nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* Skip the test on smaller hosts */
void need_cpus(int nr)
{
	if (nr_cpus() < nr)
		SKIP("needs %d host CPUs, there is %d", nr, nr_cpus());
}

u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Parameters of the module */
void set_parameter(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/module/lodge/parameters/%s", name);
	fd = open(path, O_WRONLY);
	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

/* Is the word @flag in the flags of /proc/cpuinfo? */
bool host_has(const char *flag)
{
	size_t len = strlen(flag);
	char line[8192], *p;
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	ASSERT_TRUE(f);
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		for (p = line; !found && (p = strstr(p, flag)); p += len)
			found = p[-1] == ' ' && (p[len] == ' ' || p[len] == '\n');
		break;
	}
	fclose(f);
	return found;
}

static bool file_has(const char *path, const char *text)
{
	char line[4096] = "";
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, text);
}

/**
 * bochs_if_clear - does the host's processor hold interrupts back from a guest with IF = 0?
 *
 * Bochs works out which events are masked before it notes that it is in a guest, so
 * that "external-interrupt exiting" has no effect at a VM entry with IF clear: such a
 * guest, if it loops, keeps the host's interrupts out.  A simulated host with this
 * mended says bochs_if=mended on its command line.
 *
 * Return: true if so.
 */
bool bochs_if_clear(void)
{
	return file_has("/sys/class/dmi/id/bios_vendor", "Bochs") &&
	       !file_has("/proc/cmdline", "bochs_if=mended");
}

/**
 * host_interrupts - a count from /proc/interrupts
 * @name: of the line, such as "LOC" or "NMI"
 * @cpu: which CPU; -1 for all
 *
 * Return: the count; 0 without such a line.
 */
unsigned long host_interrupts(const char *name, int cpu)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long sum = 0, n;
	char line[1024], *p, *end;
	int i;

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " ");
		if (strncmp(p, name, strlen(name)) || p[strlen(name)] != ':')
			continue;
		p += strlen(name) + 1;
		for (i = 0; n = strtoul(p, &end, 10), end != p; i++, p = end)
			if (cpu < 0 || i == cpu)
				sum += n;
	}
	fclose(f);
	return sum;
}

pthread_t thread_start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, fn, arg);
	ASSERT_EQ(errno, 0);
	return t;
}
