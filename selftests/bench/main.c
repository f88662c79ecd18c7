// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench - the same guest loops on lodge and on KVM, in ticks of the TSC
 *
 * Meant for the simulated host (selftests/bench/run), where a tick is an
 * instruction; it runs on a machine as well. The two never have a VM at the same
 * time. The status is 0 unless something could not be measured.
 */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MAX_ROUNDS	10

static struct {
	const char *json;
	const char *suffix;
	const char *title;
	const char *read_counts;
	const char *write_counts;
	const char *only;
	const char *op;
	unsigned int rounds;
} options = {
	.suffix = "",
	.title = "lodge and KVM on this machine",
	.rounds = 7,
};

static const struct guest_code loops = {
	.start = guest_start, .end = guest_end, .on_nmi = guest_on_nmi, .on_irq = guest_on_irq,
};

static bool failed;

/**
 * fail - tell what went wrong
 * @fmt: as for printf()
 *
 * Return: -1.
 */
int fail(const char *fmt, ...)
{
	va_list ap;

	failed = true;
	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One round more, between two readings of the counters; returns 0 or -1 */
static int count(struct machine *m, const struct op *op, struct rates *rates)
{
	struct counts before, after;
	double ticks;

	if (!m->be->get_counts || op->fresh)
		return 0;
	if (m->be->get_counts(m, &before) || op->measure(m, op, &ticks) ||
	    m->be->get_counts(m, &after))
		return -1;
	rates->exits = (double)(after.exits - before.exits) / op->n;
	rates->vmreads = (double)(after.vmreads - before.vmreads) / op->n;
	rates->vmwrites = (double)(after.vmwrites - before.vmwrites) / op->n;
	rates->msrs = (double)(after.msrs - before.msrs) / op->n;
	return 0;
}

/* A round to warm up, then the median of the others; negative if there is none */
static double measure(struct machine *m, const struct op *op, struct rates *rates)
{
	double ticks[MAX_ROUNDS];
	unsigned int i;

	if (op->measure(m, op, &ticks[0]))
		return -1;
	for (i = 0; i < options.rounds; i++)
		if (op->measure(m, op, &ticks[i]))
			return -1;
	if (count(m, op, rates))
		return -1;
	qsort(ticks, options.rounds, sizeof(ticks[0]), compare);
	return ticks[options.rounds / 2];
}

static double measure_op(const struct backend *be, const struct op *op, struct rates *rates)
{
	__u64 faulted = 0;
	struct machine m = { .data = &faulted };
	double ticks = -1;

	if (!machine_alloc_memory(&m, &loops, FAULT_SIZE)) {
		if (op->fresh) {
			m.be = be;
			ticks = measure(&m, op, rates);
		} else {
			if (!machine_create(&m, be))
				ticks = measure(&m, op, rates);
			machine_destroy(&m);
		}
	}
	machine_free_memory(&m);
	return ticks;
}

static void measure_all(const struct backend *be, struct result *results, bool lodge)
{
	unsigned int i;

	for (i = 0; i < nr_ops; i++) {
		struct rates rates = { 0 };
		double *ticks = lodge ? &results[i].lodge : &results[i].kvm;

		*ticks = -1;
		if (options.only && strcmp(options.only, be->name))
			continue;
		if (options.op && strcmp(options.op, ops[i].name))
			continue;
		*ticks = measure_op(be, &ops[i], &rates);
		if (lodge)
			results[i].rates = rates;
		if (*ticks < 0)
			fail("%s: %s could not be measured", be->name, ops[i].name);
	}
}

static void on_signal(int nr)
{
	(void)nr;
}

/* Everything on one CPU: the wake-ups are between threads that take turns */
static void prepare(void)
{
	struct sigaction interrupt = { .sa_handler = on_signal };
	cpu_set_t one;

	sigaction(SIGUSR1, &interrupt, NULL);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void usage(void)
{
	puts("usage: bench [--only lodge|kvm] [--op NAME] [--rounds 1..9] [--title TEXT]\n"
	     "             [--json FILE] [--suffix TEXT] [--write-counts FILE] [--counts FILE]");
}

static int parse(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "op", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "title", required_argument, NULL, 't' },
		{ "json", required_argument, NULL, 'j' },
		{ "suffix", required_argument, NULL, 's' },
		{ "write-counts", required_argument, NULL, 'w' },
		{ "counts", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) >= 0) {
		switch (c) {
		case 'o':
			options.only = optarg;
			break;
		case 'p':
			options.op = optarg;
			break;
		case 'r':
			options.rounds = atoi(optarg);
			break;
		case 't':
			options.title = optarg;
			break;
		case 'j':
			options.json = optarg;
			break;
		case 's':
			options.suffix = optarg;
			break;
		case 'w':
			options.write_counts = optarg;
			break;
		case 'c':
			options.read_counts = optarg;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && options.rounds && options.rounds < MAX_ROUNDS ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct result results[nr_ops];

	if (parse(argc, argv)) {
		usage();
		return 2;
	}
	memset(results, 0, sizeof(results));
	prepare();
	measure_all(&backend_kvm, results, false);
	measure_all(&backend_lodge, results, true);
	if (options.read_counts)
		report_read_counts(options.read_counts, results);
	if (options.write_counts)
		report_write_counts(options.write_counts, results);
	else
		report_table(options.title, results);
	if (options.json)
		report_json(options.json, options.suffix, results);
	return failed ? 1 : 0;
}
