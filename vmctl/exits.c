// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verb exits: why processors of a VM left the guest, how often, and what it took.
 */
#include <asm/vmx.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counter.h"
#include "ctl.h"
#include "json.h"
#include "table.h"

#define MAX_COLUMNS	8	/* processors in a table for people; more are summed only */
#define NAME		32

/* As Linux calls them, and "perf kvm stat" shows them */
static const char *reason_name(uint32_t reason, char *buf)
{
	static const struct {
		uint32_t reason;
		const char *name;
	} names[] = { VMX_EXIT_REASONS };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].reason == reason)
			return names[i].name;
	snprintf(buf, NAME, "REASON_%u", reason);
	return buf;
}

/* The exits for one reason of a processor, or NULL */
static const struct nl_exit *find(const struct nl_counters *c, uint32_t reason)
{
	unsigned int i;

	for (i = 0; i < c->nr_exits; i++)
		if (c->exit[i].reason == reason)
			return &c->exit[i];
	return NULL;
}

static int more_first(const void *a, const void *b)
{
	const struct nl_exit *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (int)x->reason - (int)y->reason;
}

/* All processors' in @sum, of NL_EXITS, those that are most first; how many reasons there are */
static unsigned int add_up(const struct nl_counters *list, unsigned int n, struct nl_exit *sum)
{
	unsigned int i, nr = 0;
	uint32_t reason;

	for (reason = 0; reason < NL_EXITS; reason++) {
		sum[nr] = (struct nl_exit){ .reason = reason };
		for (i = 0; i < n; i++) {
			const struct nl_exit *e = find(&list[i], reason);

			sum[nr].count += e ? e->count : 0;
			sum[nr].ticks += e ? e->ticks : 0;
		}
		nr += !!sum[nr].count;
	}
	qsort(sum, nr, sizeof(*sum), more_first);
	return nr;
}

static void print_json(const struct nl_vm *vm, const struct nl_counters *list, unsigned int n)
{
	unsigned int i, k;
	char name[NAME];
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_number(&j, "number", vm->number);
	json_string(&j, "name", vm->name);
	json_array(&j, "cpus");
	for (i = 0; i < n; i++) {
		json_object(&j, NULL);
		json_number(&j, "id", list[i].id);
		json_array(&j, "exits");
		for (k = 0; k < list[i].nr_exits; k++) {
			const struct nl_exit *e = &list[i].exit[k];

			json_object(&j, NULL);
			json_string(&j, "reason", reason_name(e->reason, name));
			json_number(&j, "number", e->reason);
			json_number(&j, "count", e->count);
			json_number(&j, "ticks", e->ticks);
			json_end(&j);
		}
		json_end(&j);
		json_object(&j, "counters");
		for (k = 0; k < LODGE_NR_STATS; k++)
			json_number(&j, counter_key(k), list[i].value[k]);
		json_end(&j);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

/* A line a reason and processor */
static void print_for_programs(const struct nl_counters *list, unsigned int n)
{
	unsigned int i, k;
	char name[NAME];

	for (i = 0; i < n; i++)
		for (k = 0; k < list[i].nr_exits; k++) {
			const struct nl_exit *e = &list[i].exit[k];

			printf("%u\t%s\t%llu\t%llu\n", list[i].id, reason_name(e->reason, name),
			       (unsigned long long)e->count, (unsigned long long)e->ticks);
		}
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

static void print_for_people(const struct nl_counters *list, unsigned int n)
{
	static char heads[MAX_COLUMNS][NAME];
	const char *names[TABLE_MAX_COLUMNS + 1] = {
		"REASON", ">EXITS", ">%", ">TICKS EACH", ">% OF TICKS"
	};
	unsigned int i, k, fixed = 5, columns = n > 1 && n <= MAX_COLUMNS ? n : 0;
	uint64_t exits = 0, ticks = 0;
	struct nl_exit sum[NL_EXITS];
	unsigned int nr = add_up(list, n, sum);
	char name[NAME];
	struct table t;

	for (i = 0; i < columns; i++) {
		snprintf(heads[i], sizeof(heads[i]), ">CPU %u", list[i].id);
		names[fixed + i] = heads[i];
	}
	for (k = 0; k < nr; k++) {
		exits += sum[k].count;
		ticks += sum[k].ticks;
	}
	table_init(&t, names);
	for (k = 0; k < nr; k++) {
		table_cell(&t, "%s", reason_name(sum[k].reason, name));
		table_cell(&t, "%llu", (unsigned long long)sum[k].count);
		table_cell(&t, "%.1f", percent(sum[k].count, exits));
		table_cell(&t, "%llu", (unsigned long long)(sum[k].ticks / sum[k].count));
		table_cell(&t, "%.1f", percent(sum[k].ticks, ticks));
		for (i = 0; i < columns; i++) {
			const struct nl_exit *e = find(&list[i], sum[k].reason);

			table_cell(&t, "%llu", e ? (unsigned long long)e->count : 0);
		}
	}
	table_print(&t);
}

static int exits_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	struct nl_counters *list = NULL;
	unsigned int n = 0;
	int error;

	if (vm->state == LODGE_STATE_ENDED)
		return cmd_error(CMD_NO_VM, "%s has ended: see vmctl stat", vm->name);
	error = nl_vcpu_stats(vm->number, &list, &n);
	if (error)
		return ctl_fail(error, vm->name);
	if (args->json)
		print_json(vm, list, n);
	else if (isatty(STDOUT_FILENO))
		print_for_people(list, n);
	else
		print_for_programs(list, n);
	free(list);
	return CMD_OK;
}

int cmd_exits(const struct cmd_args *args)
{
	return ctl_each(args, exits_one);
}
