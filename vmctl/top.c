// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verb top.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "console.h"
#include "ctl.h"
#include "table.h"

#define SECOND_NS	1000000000ULL
/* Of /proc/PID/stat behind the name: utime, stime, rss (proc(5)) */
#define STAT_FIELDS	" %*c" REPEAT10(" %*s") " %lu %lu" REPEAT4(" %*s") REPEAT4(" %*s") " %lu"
#define REPEAT4(s)	s s s s
#define REPEAT10(s)	REPEAT4(s) REPEAT4(s) s s

/* ---- top ----------------------------------------------------------------- */

/**
 * struct sample - a VM at a moment
 * @vm: as the module has it
 * @exits: of all its processors
 * @cpu: time that its process has had, s
 * @resident: bytes of its process
 * @when: ns of CLOCK_MONOTONIC
 */
struct sample {
	struct nl_vm vm;
	uint64_t exits;
	double cpu;
	uint64_t resident;
	uint64_t when;
};

struct samples {
	struct sample *list;
	unsigned int n;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* Times and pages of a process; nothing of one in another PID namespace */
static void look_at_process(struct sample *s)
{
	unsigned long user = 0, sys = 0, pages = 0;
	char path[32], text[1024];
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", s->vm.pid);
	f = s->vm.pid ? fopen(path, "r") : NULL;
	if (!f)
		return;
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	p = strrchr(text, ')');
	if (p && sscanf(p + 1, STAT_FIELDS, &user, &sys, &pages) == 3) {
		s->cpu = (double)(user + sys) / sysconf(_SC_CLK_TCK);
		s->resident = (uint64_t)pages * sysconf(_SC_PAGESIZE);
	}
}

static int take_samples(struct samples *now)
{
	uint64_t counters[LODGE_NR_STATS];
	struct nl_vm *list;
	unsigned int i, n;
	int error = nl_vms(&list, &n);

	now->n = 0;
	now->list = NULL;
	if (error)
		return error;
	now->list = calloc(n + 1, sizeof(*now->list));
	for (i = 0; i < n && now->list; i++) {
		struct sample *s = &now->list[now->n];

		if (list[i].state == LODGE_STATE_ENDED && !list[i].restarts)
			continue;
		*s = (struct sample){ .vm = list[i], .when = now_ns() };
		/* it may have ended just now */
		if (!nl_stats(list[i].number, counters))
			s->exits = counters[LODGE_STAT_EXITS];
		look_at_process(s);
		now->n++;
	}
	free(list);
	return now->list ? 0 : -1;
}

static const struct sample *find_sample(const struct samples *s, uint32_t number)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (s->list[i].vm.number == number)
			return &s->list[i];
	return NULL;
}

static void print_top(const struct samples *before, const struct samples *now)
{
	static const char * const names[] = {
		">NR", "NAME", "STATE", ">CPUS", ">%CPU", ">EXITS/S", ">RESIDENT", ">MEMORY", ">AGE",
		"OWNER", NULL
	};
	char size[16], age[32];
	struct table t;
	unsigned int i;

	table_init(&t, names);
	t.people = true;
	for (i = 0; i < now->n; i++) {
		const struct sample *s = &now->list[i], *old = find_sample(before, s->vm.number);
		double seconds = old ? (double)(s->when - old->when) / SECOND_NS : 0;
		bool grown = old && seconds > 0 && s->exits >= old->exits && s->cpu >= old->cpu;

		table_cell(&t, "%u", s->vm.number);
		table_cell(&t, "%s", s->vm.name);
		table_cell(&t, "%s", ctl_state(&s->vm));
		table_cell(&t, "%u", s->vm.vcpus);
		table_cell(&t, "%.1f", grown ? 100 * (s->cpu - old->cpu) / seconds : 0.0);
		table_cell(&t, "%.0f", grown ? (s->exits - old->exits) / seconds : 0.0);
		table_cell(&t, "%s", ctl_size(s->resident, size, sizeof(size)));
		table_cell(&t, "%s", ctl_size(s->vm.memory, size, sizeof(size)));
		table_cell(&t, "%s", ctl_age(s->vm.created, age, sizeof(age)));
		table_cell(&t, "%s", ctl_user(s->vm.uid));
	}
	table_print(&t);
}

/* Waits; true if the user has had enough */
static bool pause_or_leave(double seconds, bool live)
{
	struct pollfd p = { .fd = live ? STDIN_FILENO : -1, .events = POLLIN };
	char key;

	if (poll(&p, 1, seconds * 1000) <= 0)
		return false;
	if (read(STDIN_FILENO, &key, 1) <= 0)
		return true;
	return key == 'q' || key == 'Q' || key == 3;
}

static int run_top(double seconds, unsigned long left, bool live)
{
	struct samples before, now;
	int error = take_samples(&before);

	while (!error && !pause_or_leave(seconds, live)) {
		error = take_samples(&now);
		if (error)
			break;
		if (live)
			fputs("\033[H\033[J", stdout);
		print_top(&before, &now);
		fflush(stdout);
		free(before.list);
		before = now;
		if (!--left || ferror(stdout))
			break;
		if (!live)
			putchar('\n');
	}
	free(before.list);
	return error ? ctl_fail(error, NULL) : CMD_OK;
}

int cmd_top(const struct cmd_args *args)
{
	const char *interval = ctl_option(args, 'i'), *count = ctl_option(args, 'n');
	double seconds = interval ? ctl_seconds(interval) : 2;
	unsigned long left = count ? strtoul(count, NULL, 10) : -1UL;
	bool live = isatty(STDOUT_FILENO) && !ctl_option(args, 'b');
	int status;

	if (!seconds || !left)
		return cmd_error(CMD_USAGE, "top --interval takes seconds, --iterations a number");
	live = live && console_init();
	if (live)
		console_raw();
	status = run_top(seconds, left, live);
	console_restore();
	return status;
}
