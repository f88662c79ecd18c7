// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs that show VMs: list, info, stat.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"
#include "ctl.h"
#include "device.h"
#include "json.h"
#include "table.h"

/* ---- list ---------------------------------------------------------------- */

static void json_vm(struct json *j, const char *key, const struct nl_vm *vm)
{
	bool over = vm->state == LODGE_STATE_ENDED;

	json_object(j, key);
	json_number(j, "number", vm->number);
	json_string(j, "name", vm->name);
	json_string(j, "state", ctl_state(vm));
	json_number(j, "cpus", vm->vcpus);
	json_number(j, "memory", vm->memory);
	json_number(j, "uid", vm->uid);
	if (vm->pid)
		json_number(j, "pid", vm->pid);
	else
		json_null(j, "pid");
	json_number(j, "created", vm->created / 1000000000);
	if (over) {
		json_number(j, "ended", vm->ended / 1000000000);
		json_string(j, "reason", ctl_reason(vm->reason));
		json_number(j, "status", vm->status);
	} else {
		json_null(j, "ended");
		json_null(j, "reason");
		json_null(j, "status");
	}
	if (vm->cpu_limit)
		json_number(j, "cpu_limit", vm->cpu_limit);
	else
		json_null(j, "cpu_limit");
	json_end(j);
}

static void list_json(const struct nl_vm *list, unsigned int n)
{
	struct json j;
	unsigned int i;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_array(&j, "vms");
	for (i = 0; i < n; i++)
		json_vm(&j, NULL, &list[i]);
	json_end(&j);
	json_end(&j);
}

static void row_for_people(struct table *t, const struct nl_vm *vm)
{
	bool over = vm->state == LODGE_STATE_ENDED;
	char size[16], age[32];

	table_cell(t, "%u", vm->number);
	table_cell(t, "%s", vm->name);
	if (over && !vm->restarts)
		table_cell(t, "%s (%u)", ctl_reason(vm->reason), vm->status);
	else
		table_cell(t, "%s", ctl_state(vm));
	table_cell(t, "%u", vm->vcpus);
	table_cell(t, "%s", ctl_size(vm->memory, size, sizeof(size)));
	table_cell(t, "%s", ctl_age(vm->created, age, sizeof(age)));
	if (vm->pid)
		table_cell(t, "%u", vm->pid);
	else
		table_cell(t, "-");
	table_cell(t, "%s", ctl_user(vm->uid));
}

/* Their order is part of the interface: new ones come behind; vmctl.8 documents them */
static void row_for_programs(struct table *t, const struct nl_vm *vm)
{
	table_cell(t, "%u", vm->number);
	table_cell(t, "%s", vm->name);
	table_cell(t, "%s", ctl_state(vm));
	table_cell(t, "%u", vm->vcpus);
	table_cell(t, "%llu", (unsigned long long)vm->memory);
	table_cell(t, "%llu", (unsigned long long)vm->created / 1000000000);
	table_cell(t, "%u", vm->pid);
	table_cell(t, "%u", vm->uid);
	table_cell(t, "%s", ctl_reason(vm->reason));
	table_cell(t, "%u", vm->status);
}

static void list_table(const struct nl_vm *list, unsigned int n)
{
	static const char * const people[] = {
		">NR", "NAME", "STATE", ">CPUS", ">MEMORY", ">AGE", ">PID", "OWNER", NULL
	};
	static const char * const programs[] = {
		"number", "name", "state", "cpus", "memory", "created", "pid", "uid", "reason",
		"status", NULL
	};
	struct table t;
	unsigned int i;

	table_init(&t, programs);
	if (t.people)
		t.names = people;
	for (i = 0; i < n; i++)
		if (t.people)
			row_for_people(&t, &list[i]);
		else
			row_for_programs(&t, &list[i]);
	table_print(&t);
}

/* All, or those that live, or those that the command line names */
static unsigned int choose(const struct cmd_args *args, struct nl_vm *list, unsigned int n)
{
	bool alive = ctl_option(args, 'r');
	unsigned int i, kept = 0;

	for (i = 0; i < n; i++)
		if (!alive || list[i].state != LODGE_STATE_ENDED || list[i].restarts)
			list[kept++] = list[i];
	return kept;
}

int cmd_list(const struct cmd_args *args)
{
	struct nl_vm *list = NULL;
	unsigned int n = 0;
	int i, error, status = CMD_OK;

	if (args->argc) {
		list = calloc(args->argc, sizeof(*list));
		if (!list)
			return cmd_error(CMD_FAILED, "out of memory");
		for (i = 0; i < args->argc && !status; i++)
			status = ctl_find(args->argv[i], &list[n++]);
	} else {
		error = nl_vms(&list, &n);
		if (error)
			return ctl_fail(error, NULL);
	}
	if (!status) {
		n = choose(args, list, n);
		if (args->json)
			list_json(list, n);
		else
			list_table(list, n);
	}
	free(list);
	return status;
}

/* ---- info ---------------------------------------------------------------- */

#define AFFINITY	256	/* bytes of a list of CPUs, cut if it is longer */

static bool may_be_on(const struct nl_vcpu *vcpu, unsigned int cpu)
{
	return cpu < 64 * NL_AFFINITY && (vcpu->affinity[cpu / 64] >> cpu % 64 & 1);
}

/* As pin takes it: "0-3,8"; empty without a thread */
static const char *affinity(const struct nl_vcpu *vcpu, char *buf, size_t size)
{
	unsigned int cpu, last;
	size_t used = 0;

	*buf = 0;
	for (cpu = 0; cpu < 64 * NL_AFFINITY && used < size; cpu++) {
		if (!may_be_on(vcpu, cpu))
			continue;
		for (last = cpu; may_be_on(vcpu, last + 1); last++)
			;
		used += snprintf(buf + used, size - used, last > cpu ? "%s%u-%u" : "%s%u",
				 used ? "," : "", cpu, last);
		cpu = last;
	}
	return buf;
}

static void info_json(const struct nl_vm *vm, const struct nl_vcpu *cpus, unsigned int n)
{
	char text[AFFINITY];
	struct json j;
	unsigned int i;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_vm(&j, "vm", vm);
	json_array(&j, "cpus");
	for (i = 0; i < n; i++) {
		json_object(&j, NULL);
		json_number(&j, "id", cpus[i].id);
		json_string(&j, "state", ctl_vcpu_state(cpus[i].state));
		json_number(&j, "host_cpu", cpus[i].cpu);
		json_number(&j, "thread", cpus[i].tid);
		json_number(&j, "exits", cpus[i].exits);
		json_string(&j, "affinity", affinity(&cpus[i], text, sizeof(text)));
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static void print_time(const char *name, uint64_t ns)
{
	time_t s = ns / 1000000000;
	struct tm tm;
	char text[64];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%-10s %s\n", name, text);
}

static void info_text(const struct nl_vm *vm, const struct nl_vcpu *cpus, unsigned int n)
{
	static const char * const names[] = {
		">CPU", "STATE", ">HOST CPU", ">THREAD", ">EXITS", "AFFINITY", NULL
	};
	char size[16], text[AFFINITY];
	struct table t;
	unsigned int i;

	printf("%-10s %u\n%-10s %s\n%-10s %s\n", "number", vm->number, "name", vm->name, "state",
	       ctl_state(vm));
	printf("%-10s %u\n%-10s %s\n", "cpus", vm->vcpus, "memory",
	       ctl_size(vm->memory, size, sizeof(size)));
	if (vm->cpu_limit)
		printf("%-10s %u%%\n", "cpu limit", vm->cpu_limit);
	printf("%-10s %s\n", "owner", ctl_user(vm->uid));
	if (vm->pid)
		printf("%-10s %u\n", "process", vm->pid);
	print_time("created", vm->created);
	if (vm->state == LODGE_STATE_ENDED) {
		print_time("ended", vm->ended);
		printf("%-10s %s\n%-10s %u\n", "reason", ctl_reason(vm->reason), "status",
		       vm->status);
	}
	if (!n)
		return;
	putchar('\n');
	table_init(&t, names);
	t.people = true;
	for (i = 0; i < n; i++) {
		table_cell(&t, "%u", cpus[i].id);
		table_cell(&t, "%s", ctl_vcpu_state(cpus[i].state));
		table_cell(&t, "%u", cpus[i].cpu);
		table_cell(&t, "%u", cpus[i].tid);
		table_cell(&t, "%llu", (unsigned long long)cpus[i].exits);
		table_cell(&t, "%s", affinity(&cpus[i], text, sizeof(text)));
	}
	table_print(&t);
}

static int info_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	struct nl_vcpu *cpus = NULL;
	unsigned int n = 0;
	int error = nl_vcpus(vm->number, &cpus, &n);

	if (error)
		return ctl_fail(error, vm->name);
	if (args->json)
		info_json(vm, cpus, n);
	else
		info_text(vm, cpus, n);
	free(cpus);
	return CMD_OK;
}

int cmd_info(const struct cmd_args *args)
{
	return ctl_each(args, info_one);
}

/* ---- stat ---------------------------------------------------------------- */

/**
 * struct devices - a VM's, now and when they were looked at before
 * @now: or NULL
 * @n: how many
 * @before: or NULL
 */
struct devices {
	struct nl_device *now;
	unsigned int n;
	struct nl_device *before;
};

/* The difference to what was there before, which is brought up to date */
static int take_stats(const struct nl_vm *vm, uint64_t *before, uint64_t *grown)
{
	uint64_t now[LODGE_NR_STATS];
	int error = nl_stats(vm->number, now);
	unsigned int i;

	for (i = 0; i < LODGE_NR_STATS && !error; i++) {
		grown[i] = now[i] - before[i];
		before[i] = now[i];
	}
	return error;
}

/* Devices do not come or go while the VM lives; what is made again begins anew */
static void take_devices(const struct nl_vm *vm, struct devices *d)
{
	unsigned int n = d->n;

	free(d->before);
	d->before = d->now;
	if (nl_devices(vm->number, &d->now, &d->n) || (d->before && n != d->n)) {
		free(d->before);
		d->before = NULL;
	}
}

static uint64_t grown_of(const struct devices *d, unsigned int device, unsigned int i)
{
	unsigned int attr = LODGE_A_DEVICE_IN + i;
	uint64_t now = d->now[device].value[attr];

	return d->before ? now - d->before[device].value[attr] : now;
}

static void stat_json(const struct nl_vm *vm, const uint64_t *values, const struct devices *d)
{
	char name[DEVICE_NAME];
	struct json j;
	unsigned int i, k;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_number(&j, "number", vm->number);
	json_string(&j, "name", vm->name);
	json_object(&j, "counters");
	for (i = 0; i < LODGE_NR_STATS; i++)
		json_number(&j, counter_key(i), values[i]);
	json_end(&j);
	json_object(&j, "devices");
	for (k = 0; k < d->n; k++) {
		json_object(&j, device_name(&d->now[k], d->now, name));
		for (i = 0; i < DEVICE_COUNTS; i++)
			json_number(&j, device_count(i), grown_of(d, k, i));
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static void stat_devices(const struct devices *d, bool people)
{
	char name[DEVICE_NAME], text[64];
	unsigned int i, k;

	for (k = 0; k < d->n; k++) {
		device_name(&d->now[k], d->now, name);
		for (i = 0; i < DEVICE_COUNTS; i++) {
			unsigned long long value = grown_of(d, k, i);

			snprintf(text, sizeof(text), "%s.%s", name, device_count(i));
			if (!people)
				printf("%s\t%llu\n", text, value);
			else if (value)
				printf("%-28s %14llu\n", text, value);
		}
	}
}

static void stat_text(const uint64_t *values, const struct devices *d)
{
	bool people = isatty(STDOUT_FILENO);
	unsigned int i;

	for (i = 0; i < LODGE_NR_STATS; i++)
		if (!people)
			printf("%s\t%llu\n", counter_key(i), (unsigned long long)values[i]);
		else if (values[i])
			printf("%-28s %14llu\n", counter_text(i), (unsigned long long)values[i]);
	stat_devices(d, people);
}

static void sleep_seconds(double s)
{
	struct timespec t = { .tv_sec = s, .tv_nsec = (s - (time_t)s) * 1e9 };

	nanosleep(&t, NULL);
}

/* Until it is enough; what there is of @d is the caller's to free */
static int stat_again(const struct cmd_args *args, const struct nl_vm *vm, unsigned long left,
		      double seconds, struct devices *d)
{
	uint64_t before[LODGE_NR_STATS] = { 0 }, grown[LODGE_NR_STATS];
	int error;

	for (;;) {
		error = take_stats(vm, before, grown);
		if (error)
			return ctl_fail(error, vm->name);
		take_devices(vm, d);
		if (args->json)
			stat_json(vm, grown, d);
		else
			stat_text(grown, d);
		if (!--left)
			return CMD_OK;
		if (!args->json)
			putchar('\n');
		fflush(stdout);
		sleep_seconds(seconds ? seconds : 1);
	}
}

static int stat_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	const char *interval = ctl_option(args, 'i'), *count = ctl_option(args, 'c');
	double seconds = interval ? ctl_seconds(interval) : 0;
	unsigned long left = count ? strtoul(count, NULL, 10) : interval ? -1UL : 1;
	struct devices d = { 0 };
	int status;

	if ((interval && !seconds) || (count && !left))
		return cmd_error(CMD_USAGE, "stat --interval takes seconds, --count a number");
	status = stat_again(args, vm, left, seconds, &d);
	free(d.now);
	free(d.before);
	return status;
}

int cmd_stat(const struct cmd_args *args)
{
	return ctl_each(args, stat_one);
}
