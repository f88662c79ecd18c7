// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the verbs for VMs that run elsewhere have in common: names of things, which
 * VM a word means, exit statuses.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define SECOND_NS	1000000000ULL

/* ---- names --------------------------------------------------------------- */

static const char *name_of(const char * const *names, unsigned int n, uint32_t i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

#define NAME(names, i)	name_of(names, sizeof(names) / sizeof((names)[0]), i)

const char *ctl_state(const struct nl_vm *vm)
{
	static const char * const names[] = {
		[LODGE_STATE_CREATED] = "created",
		[LODGE_STATE_RUNNING] = "running",
		[LODGE_STATE_PAUSED] = "paused",
		[LODGE_STATE_ENDED] = "ended",
	};

	return vm->restarts ? "restarting" : NAME(names, vm->state);
}

const char *ctl_vcpu_state(uint32_t state)
{
	static const char * const names[] = {
		[LODGE_VCPU_STATE_USER] = "host",
		[LODGE_VCPU_STATE_GUEST] = "guest",
		[LODGE_VCPU_STATE_HALTED] = "halted",
		[LODGE_VCPU_STATE_WAITS] = "not started",
		[LODGE_VCPU_STATE_PAUSED] = "paused",
	};

	return NAME(names, state);
}

const char *ctl_reason(uint32_t reason)
{
	static const char * const names[LODGE_END_NR] = {
		[LODGE_END_NONE] = "none",
		[LODGE_END_POWEROFF] = "power-off",
		[LODGE_END_RESET] = "reset",
		[LODGE_END_PANIC] = "panic",
		[LODGE_END_EXIT] = "exit",
		[LODGE_END_TRIPLE_FAULT] = "triple-fault",
		[LODGE_END_ERROR] = "error",
		[LODGE_END_TIMEOUT] = "timeout",
		[LODGE_END_SIGNAL] = "signal",
		[LODGE_END_USER] = "user",
		[LODGE_END_KILLED] = "killed",
		[LODGE_END_CLOSED] = "closed",
		[LODGE_END_WATCHDOG] = "watchdog",
	};

	return NAME(names, reason);
}

const char *ctl_event(uint32_t kind)
{
	static const char * const names[] = {
		[LODGE_VM_EVENT_CREATED] = "created",
		[LODGE_VM_EVENT_RUNNING] = "running",
		[LODGE_VM_EVENT_PAUSED] = "paused",
		[LODGE_VM_EVENT_RESUMED] = "resumed",
		[LODGE_VM_EVENT_ENDED] = "ended",
		[LODGE_VM_EVENT_DELETED] = "deleted",
		[LODGE_VM_EVENT_ATTACHED] = "attached",
		[LODGE_VM_EVENT_DETACHED] = "detached",
		[LODGE_VM_EVENT_PANIC] = "panic",
		[LODGE_VM_EVENT_POWEROFF] = "power-off",
		[LODGE_VM_EVENT_RESET] = "reset",
		[LODGE_VM_EVENT_TRIPLE_FAULT] = "triple-fault",
		[LODGE_VM_EVENT_RENAMED] = "renamed",
		[LODGE_VM_EVENT_LIMITED] = "limited",
		[LODGE_VM_EVENT_WATCHDOG] = "watchdog",
	};

	return NAME(names, kind);
}

static const char * const groups[LODGE_EVENT_GROUP_NR] = {
	[LODGE_EVENT_GROUP_LIFE] = LODGE_MCGRP_LIFE,
	[LODGE_EVENT_GROUP_DEVICE] = LODGE_MCGRP_DEVICE,
	[LODGE_EVENT_GROUP_GUEST] = LODGE_MCGRP_GUEST,
};

const char *ctl_group(uint32_t group)
{
	return NAME(groups, group);
}

uint32_t ctl_groups(const char *list)
{
	uint32_t i, set = 0;
	size_t len;

	do {
		len = strcspn(list, ",");
		for (i = 0; i < LODGE_EVENT_GROUP_NR; i++)
			if (strlen(groups[i]) == len && !strncmp(list, groups[i], len))
				break;
		if (i == LODGE_EVENT_GROUP_NR)
			return 0;
		set |= 1u << i;
		list += len;
	} while (*list++);
	return set;
}

const char *ctl_user(uint32_t uid)
{
	static char number[16];

	/* a static program would need the C library's shared parts to ask more than this */
	if (!uid)
		return "root";
	snprintf(number, sizeof(number), "%u", uid);
	return number;
}

const char *ctl_size(uint64_t bytes, char *buf, size_t size)
{
	static const char letters[] = "BKMGT";
	unsigned int i = 0;
	double n = bytes;

	while (n >= 1024 && i < sizeof(letters) - 2) {
		n /= 1024;
		i++;
	}
	snprintf(buf, size, n == floor(n) || n >= 100 ? "%.0f%c" : "%.1f%c", n, letters[i]);
	return buf;
}

uint64_t ctl_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

const char *ctl_age(uint64_t ns, char *buf, size_t size)
{
	uint64_t now = ctl_now();
	unsigned int s = now > ns ? (now - ns) / SECOND_NS : 0;

	if (s >= 86400)
		snprintf(buf, size, "%ud %02uh", s / 86400, s / 3600 % 24);
	else
		snprintf(buf, size, "%02u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
	return buf;
}

/* ---- which VM ------------------------------------------------------------ */

int ctl_fail(int error, const char *word)
{
	int status = CMD_FAILED;

	switch (-error) {
	case ENOENT:
	case ESRCH:
		status = CMD_NO_VM;
		break;
	case EBUSY:
	case EALREADY:
		status = CMD_BUSY;
		break;
	case ENODEV:
		status = word ? CMD_FAILED : CMD_UNSUPPORTED;
		break;
	}
	if (word)
		return cmd_error(status, "%s: %s", word, nl_error());
	return cmd_error(status, "%s", nl_error());
}

static bool is_number(const char *word, uint32_t *number)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	n = strtoul(word, &end, 10);
	*number = n;
	return !*end && !errno && n && n <= INT32_MAX;
}

static int several(const char *word, const struct nl_vm *list, unsigned int n)
{
	char numbers[256];
	size_t len = 0;
	unsigned int i;

	numbers[0] = 0;
	for (i = 0; i < n && len < sizeof(numbers) - 16; i++)
		if (!strcmp(list[i].name, word) && list[i].state != LODGE_STATE_ENDED)
			len += snprintf(numbers + len, sizeof(numbers) - len, " %u",
					list[i].number);
	return cmd_error(CMD_FAILED, "several VMs are called %s: say which by its number:%s", word,
			 numbers);
}

/* Among VMs that live, or else among those that have ended, of which the last counts */
static const struct nl_vm *by_name(const char *word, const struct nl_vm *list, unsigned int n,
				   unsigned int *nr)
{
	const struct nl_vm *alive = NULL, *ended = NULL;
	unsigned int i;

	*nr = 0;
	for (i = 0; i < n; i++) {
		if (strcmp(list[i].name, word))
			continue;
		if (list[i].state != LODGE_STATE_ENDED || list[i].restarts) {
			alive = &list[i];
			++*nr;
		} else if (!ended || list[i].ended > ended->ended) {
			ended = &list[i];
		}
	}
	return alive ? alive : ended;
}

static int find_by_name(const char *word, struct nl_vm *vm)
{
	const struct nl_vm *found;
	struct nl_vm *list;
	unsigned int n, nr;
	int status = CMD_OK;
	int error = nl_vms(&list, &n);

	if (error)
		return ctl_fail(error, NULL);
	found = by_name(word, list, n, &nr);
	if (!found)
		status = cmd_error(CMD_NO_VM, "there is no VM %s", word);
	else if (nr > 1)
		status = several(word, list, n);
	else
		*vm = *found;
	free(list);
	return status;
}

int ctl_find(const char *word, struct nl_vm *vm)
{
	uint32_t number;
	int error;

	if (!is_number(word, &number))
		return find_by_name(word, vm);
	error = nl_vm(number, vm);
	if (error == -ENOENT)
		return find_by_name(word, vm);
	return error ? ctl_fail(error, NULL) : CMD_OK;
}

/* Without netlink nobody can tell, and nobody could stop it by its name either */
int ctl_check_name(const char *name)
{
	struct nl_vm *list;
	unsigned int i, n;
	int error = nl_vms(&list, &n);
	int status = CMD_OK;

	if (error)
		return ctl_fail(error, NULL);
	for (i = 0; i < n && !status; i++)
		if (!strcmp(list[i].name, name) &&
		    (list[i].state != LODGE_STATE_ENDED || list[i].restarts))
			status = cmd_error(CMD_BUSY, "VM %u is called %s already: choose another name",
					   list[i].number, name);
	free(list);
	return status;
}

int ctl_each(const struct cmd_args *args,
	     int (*fn)(const struct cmd_args *args, const struct nl_vm *vm))
{
	int i, status, first = CMD_OK;
	struct nl_vm vm;

	if (!args->argc)
		return cmd_error(CMD_USAGE, "%s which VM? Name one, or give its number: see vmctl list",
				 args->cmd->name);
	for (i = 0; i < args->argc; i++) {
		status = ctl_find(args->argv[i], &vm);
		if (!status)
			status = fn(args, &vm);
		if (!first)
			first = status;
	}
	return first;
}

/* ---- options ------------------------------------------------------------- */

const char *ctl_option(const struct cmd_args *args, int id)
{
	const char *value = NULL;
	int i;

	for (i = 0; i < args->nr_values; i++)
		if (args->values[i].id == id)
			value = args->values[i].value ? args->values[i].value : "";
	return value;
}

double ctl_seconds(const char *value)
{
	char *end;
	double s = strtod(value, &end);

	return end == value || *end || !isfinite(s) || s <= 0 || s > 1e9 ? 0 : s;
}

bool ctl_number(const char *value, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(value, &end, 0);
	return isdigit((unsigned char)*value) && !*end && !errno;
}

/* ---- holding a VM still --------------------------------------------------- */

int ctl_hold(const struct nl_vm *vm, bool *paused)
{
	int error = nl_act(vm->number, LODGE_ACTION_PAUSE);

	*paused = !error;
	return error && error != -EALREADY ? ctl_fail(error, vm->name) : CMD_OK;
}

void ctl_let_go(const struct nl_vm *vm, bool paused)
{
	if (paused)
		nl_act(vm->number, LODGE_ACTION_RESUME);
}

uint32_t ctl_number_of(uint32_t pid)
{
	struct nl_vm *list;
	unsigned int i, n;
	uint32_t number = 0;

	if (nl_vms(&list, &n))
		return 0;
	for (i = 0; i < n; i++)
		if (list[i].pid == pid)
			number = list[i].number;
	free(list);
	return number;
}

bool ctl_pause_own(void)
{
	uint32_t number = ctl_number_of(getpid());
	int error = number ? nl_act(number, LODGE_ACTION_PAUSE) : -ENOENT;

	return !error || error == -EALREADY;
}
