// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verb balloon, for VMs that run elsewhere.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "json.h"
#include "size.h"

#define FRESH_NS	1000000000ULL	/* the guest has told so lately */
#define TRIES		20

static const struct {
	int attr;
	const char *name;
	bool bytes;
} rows[] = {
	{ LODGE_A_BALLOON_TOTAL, "total", true },
	{ LODGE_A_BALLOON_FREE, "free", true },
	{ LODGE_A_BALLOON_AVAILABLE, "available", true },
	{ LODGE_A_BALLOON_CACHES, "caches", true },
	{ LODGE_A_BALLOON_SWAP_IN, "swap-in", true },
	{ LODGE_A_BALLOON_SWAP_OUT, "swap-out", true },
	{ LODGE_A_BALLOON_MAJOR_FAULTS, "major-faults", false },
	{ LODGE_A_BALLOON_MINOR_FAULTS, "minor-faults", false },
};

#define NR_ROWS	(sizeof(rows) / sizeof(*rows))

/* The first look has the guest tell anew; a guest without a driver does not */
static int look(const struct nl_vm *vm, struct nl_balloon *b)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	int i, error;

	for (i = 0; i < TRIES; i++) {
		error = nl_balloon(vm->number, b);
		if (error || (i && b->has[LODGE_A_BALLOON_AGE] &&
			      b->value[LODGE_A_BALLOON_AGE] < FRESH_NS))
			return error;
		if (i && !b->has[LODGE_A_BALLOON_AGE] && !b->value[LODGE_A_BALLOON_ACTUAL])
			return 0;
		nanosleep(&moment, NULL);
	}
	return 0;
}

static void print_json(uint64_t asked, uint64_t kept, const struct nl_balloon *b)
{
	struct json j;
	unsigned int i;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_number(&j, "asked", asked);
	json_number(&j, "kept", kept);
	for (i = 0; i < NR_ROWS; i++)
		if (b->has[rows[i].attr])
			json_number(&j, rows[i].name, b->value[rows[i].attr]);
	json_end(&j);
}

static void print_bytes(const char *name, uint64_t bytes)
{
	printf("%-14s %12.1f MiB\n", name, bytes / 1048576.0);
}

static void print(uint64_t asked, uint64_t kept, const struct nl_balloon *b)
{
	unsigned int i;

	print_bytes("asked to keep", asked);
	print_bytes("keeps", kept);
	for (i = 0; i < NR_ROWS; i++) {
		uint64_t value = b->value[rows[i].attr];

		if (b->has[rows[i].attr] && rows[i].bytes)
			print_bytes(rows[i].name, value);
		else if (b->has[rows[i].attr])
			printf("%-14s %12llu\n", rows[i].name, (unsigned long long)value);
	}
}

static int tell(const struct cmd_args *args, const struct nl_vm *vm)
{
	struct nl_balloon b = { 0 };
	uint64_t asked, kept;
	int error = look(vm, &b);

	if (error)
		return ctl_fail(error, vm->name);
	asked = vm->memory - b.value[LODGE_A_BALLOON_TARGET];
	kept = vm->memory - b.value[LODGE_A_BALLOON_ACTUAL];
	if (args->json)
		print_json(asked, kept, &b);
	else
		print(asked, kept, &b);
	return CMD_OK;
}

static int ask(const struct nl_vm *vm, const char *word)
{
	uint64_t size = size_parse(word);
	int error;

	if (!size || size % 4096)
		return cmd_error(CMD_USAGE, "balloon takes a size as 512M, a multiple of 4k, not \"%s\"",
				 word);
	if (size > vm->memory)
		return cmd_error(CMD_USAGE, "%s has %llu MiB: it cannot keep more", vm->name,
				 (unsigned long long)vm->memory >> 20);
	error = nl_balloon_set(vm->number, vm->memory - size);
	return error ? ctl_fail(error, vm->name) : CMD_OK;
}

int cmd_balloon(const struct cmd_args *args)
{
	struct nl_vm vm;
	int status;

	if (!args->argc)
		return cmd_error(CMD_USAGE, "balloon of which VM? Name one, or give its number: see vmctl list");
	status = ctl_find(args->argv[0], &vm);
	if (status)
		return status;
	return args->argc > 1 ? ask(&vm, args->argv[1]) : tell(args, &vm);
}
