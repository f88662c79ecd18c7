// SPDX-License-Identifier: GPL-2.0-only
/*
 * work NAME...: programs of a guest's day, each of which tells whether it went as it must.
 *
 *	sum	integer, floating point and string work; prints a sum that is the same everywhere
 *	memory	48 MiB, written and read back
 *	hungry	most of the free memory, likewise
 *	faults	page faults of all kinds, fork
 *	signals	signals, timers
 *	clock	CLOCK_MONOTONIC of all processors in one order
 *	timers	sleeps of 1 ms end in time
 *	ipi	barriers and TLB shootdowns between all processors
 *	ticks	tells the time, ten times a second for 20 seconds
 *
 * A line of KTAP's for each; exit status 1 if one failed.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define NS		1000000000LL
#define MAX_CPUS	64

static char note[200];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return random_state >> 29;
}

static bool fail(const char *what)
{
	snprintf(note, sizeof(note), "%s", what);
	return false;
}

/* ---- computing ----------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

#define NUMBERS	20000
#define ORDER	40

static uint64_t sort_numbers(void)
{
	static uint32_t n[NUMBERS];
	uint64_t sum = 0;
	unsigned int i;

	random_state = 7;
	for (i = 0; i < NUMBERS; i++)
		n[i] = next_random();
	qsort(n, NUMBERS, sizeof(n[0]), compare);
	for (i = 0; i < NUMBERS; i++)
		sum = sum * 31 + n[i] / (i + 1) + n[i] % (i + 3);
	return sum;
}

static uint64_t multiply_matrices(void)
{
	static double a[ORDER][ORDER], b[ORDER][ORDER], c[ORDER][ORDER];
	uint64_t bits, sum = 0;
	unsigned int i, j, k;

	for (i = 0; i < ORDER; i++) {
		for (j = 0; j < ORDER; j++) {
			a[i][j] = 1.0 / (i + j + 1);
			b[i][j] = (double)(int64_t)(next_random() & 0xffff) / 7;
		}
	}
	for (i = 0; i < ORDER; i++)
		for (j = 0; j < ORDER; j++)
			for (k = 0; k < ORDER; k++)
				c[i][j] += a[i][k] * b[k][j];
	for (i = 0; i < ORDER; i++) {
		for (j = 0; j < ORDER; j++) {
			memcpy(&bits, &c[i][j], sizeof(bits));
			sum = sum * 33 + bits;
		}
	}
	return sum;
}

static uint64_t move_strings(void)
{
	static char s[PAGE * 4];
	uint64_t sum = 0;
	unsigned int i;

	memset(s, 0, sizeof(s));
	for (i = 0; i < 400; i++) {
		unsigned int at = next_random() % (sizeof(s) / 2), len = next_random() % PAGE;

		memset(s + at, 'a' + i % 26, len);
		memmove(s + at + 3, s + at, len);
		sum = sum * 37 + (uintptr_t)strchrnul(s, 'a' + i % 13) - (uintptr_t)s;
	}
	return sum;
}

static bool do_sum(void)
{
	snprintf(note, sizeof(note), "%016llx",
		 (unsigned long long)(sort_numbers() ^ multiply_matrices() ^ move_strings()));
	return true;
}

/* ---- memory -------------------------------------------------------------- */

static size_t free_memory(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %zu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
}

/* Some words of each page, so that an emulator comes to an end; their neighbours stay zero */
static bool fill_memory(size_t size)
{
	uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (!size || p == MAP_FAILED)
		return fail("mmap");
	random_state = 3;
	for (i = 0; i < size / 8; i += 37)
		p[i] = next_random() + i;
	random_state = 3;
	for (i = 0; i < size / 8; i += 37)
		if (p[i] != next_random() + i)
			return fail("it does not hold what was written");
	for (i = 0; i < size / 8; i += 37)
		if (p[i ^ 1])
			return fail("it was not zero at first");
	munmap(p, size);
	snprintf(note, sizeof(note), "%zu MiB", size >> 20);
	return true;
}

static bool do_memory(void)
{
	return fill_memory(48UL << 20);
}

static bool do_hungry(void)
{
	return fill_memory(free_memory() / 4 * 3 & -PAGE);
}

static sigjmp_buf after_fault;
static char *fault_page;
static volatile int nr_faults;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	nr_faults++;
	if ((char *)info->si_addr != fault_page)
		siglongjmp(after_fault, 1);
	mprotect(fault_page, PAGE, PROT_READ | PROT_WRITE);
}

static bool fault_on_protection(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	int i;

	sigaction(SIGSEGV, &action, NULL);
	fault_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nr_faults = 0;
	if (sigsetjmp(after_fault, 1))
		return fail("a fault at another address");
	for (i = 0; i < 500; i++) {
		*(volatile char *)fault_page = i;
		if (*(volatile char *)fault_page != (char)i)
			return fail("a store that faulted");
		mprotect(fault_page, PAGE, i & 1 ? PROT_READ : PROT_NONE);
	}
	signal(SIGSEGV, SIG_DFL);
	return nr_faults == 500 || fail("not each access faulted");
}

static bool fork_and_write(volatile char *p, size_t size, int value)
{
	int status = -1;
	size_t i;
	pid_t pid = fork();

	if (!pid) {
		for (i = 0; i < size; i += PAGE) {
			if (p[i] != (char)value)
				_exit(1);
			p[i] = ~value;
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	for (i = 0; i < size; i += PAGE)
		if (p[i] != (char)value)
			return fail("the child wrote to its parent's page");
	return !status || fail("the child saw other pages");
}

static bool do_faults(void)
{
	size_t size = 64 * PAGE, at;
	char *p;
	int i;

	for (i = 0; i < 30; i++) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return fail("mmap");
		for (at = 0; at < size; at += PAGE)
			p[at] = i;
		if (!fork_and_write(p, size, i))
			return false;
		munmap(p, size);
	}
	return fault_on_protection();
}

/* ---- signals and time ---------------------------------------------------- */

static volatile sig_atomic_t nr_signals;

static void on_signal(int sig)
{
	(void)sig;
	nr_signals++;
}

static bool do_signals(void)
{
	struct itimerval every = { { 0, 4000 }, { 0, 4000 } }, never = { { 0, 0 }, { 0, 0 } };
	int64_t end;
	int i;

	signal(SIGUSR1, on_signal);
	for (i = 0; i < 3000; i++)
		kill(getpid(), SIGUSR1);
	if (nr_signals != 3000)
		return fail("signals to itself were lost");
	nr_signals = 0;
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &every, NULL);
	for (end = now_ns() + NS / 2; now_ns() < end;)
		;
	setitimer(ITIMER_REAL, &never, NULL);
	snprintf(note, sizeof(note), "%d of 125 alarms while busy", nr_signals);
	return nr_signals >= 60 && nr_signals <= 126;
}

static bool do_timers(void)
{
	int64_t late, most = 0, total = 0, start;
	struct timespec ms = { 0, 1000000 };
	int i;

	for (i = 0; i < 200; i++) {
		start = now_ns();
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL);
		late = now_ns() - start - ms.tv_nsec;
		if (late < 0)
			return fail("a sleep ended early");
		total += late;
		if (late > most)
			most = late;
	}
	snprintf(note, sizeof(note), "%lld us late, %lld at most", (long long)total / 200000,
		 (long long)most / 1000);
	return total / 200 < 4000000;
}

static bool do_ticks(void)
{
	int64_t end = now_ns() + 20 * NS;
	struct timespec tenth = { 0, 100000000 };

	while (now_ns() < end) {
		printf("tick %lld\n", (long long)now_ns());
		clock_nanosleep(CLOCK_MONOTONIC, 0, &tenth, NULL);
	}
	return true;
}

/* ---- all processors ------------------------------------------------------ */

static pthread_barrier_t all_ready;
static volatile bool stop, bad;
static int64_t latest;

static int processors(void)
{
	int n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < MAX_CPUS ? n : MAX_CPUS;
}

/* One thread on each processor, and this one on the first; waits for their end */
static bool on_all(void *(*fn)(void *), bool (*own)(void))
{
	pthread_t thread[MAX_CPUS];
	cpu_set_t set, before;
	int i, n = processors();
	bool good;

	stop = false;
	bad = false;
	sched_getaffinity(0, sizeof(before), &before);
	pthread_barrier_init(&all_ready, NULL, n + 1);
	for (i = 0; i < n; i++) {
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		sched_setaffinity(0, sizeof(set), &set);
		if (pthread_create(&thread[i], NULL, fn, (void *)(intptr_t)i))
			return fail("pthread_create");
	}
	sched_setaffinity(0, sizeof(before), &before);
	pthread_barrier_wait(&all_ready);
	good = own();
	stop = true;
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&all_ready);
	return good && !bad;
}

/* No clock is behind what another processor's has shown already */
static void *watch_clock(void *arg)
{
	int64_t seen, now;

	(void)arg;
	pthread_barrier_wait(&all_ready);
	while (!stop) {
		seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
		now = now_ns();
		if (now < seen) {
			snprintf(note, sizeof(note), "%lld ns back", (long long)(seen - now));
			bad = true;
			break;
		}
		while (now > seen && !__atomic_compare_exchange_n(&latest, &seen, now, false,
								  __ATOMIC_ACQ_REL,
								  __ATOMIC_ACQUIRE))
			;
	}
	return NULL;
}

static bool watch_for_a_while(void)
{
	usleep(400000);
	return true;
}

static bool do_clock(void)
{
	return on_all(watch_clock, watch_for_a_while);
}

#define BARRIERS	100
#define SHOOTDOWNS	100

static char *shared;
static uint64_t loops[MAX_CPUS];

static void *be_interrupted(void *arg)
{
	int id = (intptr_t)arg;

	pthread_barrier_wait(&all_ready);
	while (!stop) {
		loops[id]++;
		/* in this processor's TLB when the page goes */
		if (*(volatile char *)shared > 1)
			bad = true;
		sched_yield();
	}
	return NULL;
}

static bool interrupt_all(void)
{
	int i;

	for (i = 0; i < BARRIERS; i++)
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0))
			return fail("membarrier");
	for (i = 0; i < SHOOTDOWNS; i++) {
		if (madvise(shared, PAGE, MADV_DONTNEED))
			return fail("madvise");
		*shared = i & 1;
	}
	return true;
}

static bool do_ipi(void)
{
	int64_t start = now_ns();
	int i;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED ||
	    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0))
		return fail("membarrier");
	memset(loops, 0, sizeof(loops));
	if (!on_all(be_interrupted, interrupt_all))
		return note[0] ? false : fail("a page that has gone is still seen");
	for (i = 0; i < processors(); i++)
		if (!loops[i])
			return fail("a processor did nothing");
	snprintf(note, sizeof(note), "%lld us each",
		 (long long)(now_ns() - start) / 1000 / (BARRIERS + SHOOTDOWNS));
	return true;
}

/* ---- together ------------------------------------------------------------ */

static const struct {
	const char *name;
	bool (*fn)(void);
} works[] = {
	{ "sum", do_sum }, { "memory", do_memory }, { "hungry", do_hungry },
	{ "faults", do_faults }, { "signals", do_signals }, { "timers", do_timers },
	{ "ticks", do_ticks }, { "clock", do_clock }, { "ipi", do_ipi },
};

int main(int argc, char **argv)
{
	int i, status = 0;
	unsigned int j;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		bool good = false;

		note[0] = 0;
		for (j = 0; j < sizeof(works) / sizeof(works[0]); j++) {
			if (!strcmp(argv[i], works[j].name)) {
				good = works[j].fn();
				break;
			}
		}
		printf("%s %s%s%s\n", good ? "ok" : "not ok", argv[i], note[0] ? " # " : "", note);
		status |= !good;
	}
	return status;
}
