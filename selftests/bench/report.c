// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table for people, the JSON for programs, and the file that carries the
 * counters from a run with a debug build of the module to one without.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

static bool have_ratio(const struct result *r)
{
	return r->lodge >= 0 && r->kvm > 0;
}

static void print_ticks(double ticks)
{
	if (ticks < 0)
		printf("  %10s", "-");
	else if (ticks < 100)
		printf("  %10.1f", ticks);
	else
		printf("  %10.0f", ticks);
}

static void print_target(const struct op *op, const struct result *r)
{
	double limit = op->target;

	if (op->target_ratio) {
		if (!have_ratio(r))
			return;
		limit = op->target_ratio * r->kvm;
	}
	if (!limit || r->lodge < 0)
		return;
	printf("  <= %-8.0f %s", limit, r->lodge <= limit ? "met" : "MISSED");
}

static void print_counts(const struct op *op, const struct result *r)
{
	const struct rates *c = &r->rates;

	if (c->exits < 0.5 / op->n)
		return;
	printf("%-32s  %10.2f  %10.2f  %10.2f  %10.2f\n", op->name, c->exits,
	       c->vmreads / c->exits, c->vmwrites / c->exits, c->msrs / c->exits);
}

/**
 * report_table - print what was measured
 * @title: what it was measured on
 * @results: one for each of ops[]
 */
void report_table(const char *title, const struct result *results)
{
	bool counted = false;
	unsigned int i;

	printf("\n%s\n\n%-32s  %10s  %10s  %10s  %s\n", title, "ticks per operation", "lodge",
	       "kvm", "ratio", "target");
	for (i = 0; i < nr_ops; i++) {
		printf("%-32s", ops[i].name);
		print_ticks(results[i].lodge);
		print_ticks(results[i].kvm);
		if (have_ratio(&results[i]))
			printf("  %10.2f", results[i].lodge / results[i].kvm);
		else
			printf("  %10s", "");
		print_target(&ops[i], &results[i]);
		putchar('\n');
		counted |= results[i].rates.vmreads > 0;
	}
	if (!counted)
		return;
	printf("\n%-32s  %10s  %10s  %10s  %10s\n", "lodge, debug build", "exits/op",
	       "VMREAD/exit", "VMWRITE/exit", "MSR/exit");
	for (i = 0; i < nr_ops; i++)
		print_counts(&ops[i], &results[i]);
}

static void json_number(FILE *f, const char *key, double value, bool known)
{
	if (known)
		fprintf(f, ", \"%s\": %.2f", key, value);
	else
		fprintf(f, ", \"%s\": null", key);
}

static void json_row(FILE *f, const char *name, const char *suffix, const char *unit,
		     const struct result *r)
{
	fprintf(f, "{\"name\": \"%s%s\", \"unit\": \"%s\"", name, suffix, unit);
	json_number(f, "lodge", r->lodge, r->lodge >= 0);
	json_number(f, "kvm", r->kvm, r->kvm >= 0);
	json_number(f, "ratio", r->lodge / r->kvm, have_ratio(r));
	fputs("}", f);
}

static void json_counts(FILE *f, const struct op *op, const char *suffix, const struct rates *c)
{
	const struct { const char *unit; double value; } rows[] = {
		{ "exits/op", c->exits }, { "vmreads/op", c->vmreads },
		{ "vmwrites/op", c->vmwrites }, { "msr accesses/op", c->msrs },
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result r = { .lodge = rows[i].value, .kvm = -1 };

		fputs(",\n", f);
		json_row(f, op->name, suffix, rows[i].unit, &r);
	}
}

/**
 * report_json - write an array, one object a line
 * @path: file
 * @suffix: to the names
 * @results: one for each of ops[]
 *
 * Return: 0 or -1 after fail().
 */
int report_json(const char *path, const char *suffix, const struct result *results)
{
	FILE *f = fopen(path, "w");
	unsigned int i;

	if (!f)
		return fail("%s: %s", path, strerror(errno));
	fputs("[\n", f);
	for (i = 0; i < nr_ops; i++) {
		if (i)
			fputs(",\n", f);
		json_row(f, ops[i].name, suffix, "ticks/op", &results[i]);
		if (results[i].rates.vmreads > 0)
			json_counts(f, &ops[i], suffix, &results[i].rates);
	}
	fputs("\n]\n", f);
	return fclose(f) ? fail("%s: %s", path, strerror(errno)) : 0;
}

/**
 * report_write_counts - keep the counters for report_read_counts()
 * @path: file, a line for each of ops[]
 * @results: likewise
 *
 * Return: 0 or -1 after fail().
 */
int report_write_counts(const char *path, const struct result *results)
{
	FILE *f = fopen(path, "w");
	unsigned int i;

	if (!f)
		return fail("%s: %s", path, strerror(errno));
	for (i = 0; i < nr_ops; i++) {
		const struct rates *c = &results[i].rates;

		fprintf(f, "%f %f %f %f\n", c->exits, c->vmreads, c->vmwrites, c->msrs);
	}
	return fclose(f) ? fail("%s: %s", path, strerror(errno)) : 0;
}

/**
 * report_read_counts - take the counters of another run
 * @path: file from report_write_counts() of the same program
 * @results: get them
 *
 * Return: 0 or -1 after fail().
 */
int report_read_counts(const char *path, struct result *results)
{
	FILE *f = fopen(path, "r");
	unsigned int i;
	int got = 4;

	if (!f)
		return fail("%s: %s", path, strerror(errno));
	for (i = 0; i < nr_ops && got == 4; i++) {
		struct rates *c = &results[i].rates;

		got = fscanf(f, "%lf %lf %lf %lf", &c->exits, &c->vmreads, &c->vmwrites, &c->msrs);
	}
	fclose(f);
	return got == 4 ? 0 : fail("%s: not of this program", path);
}
