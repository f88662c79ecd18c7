// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs that do something to VMs: stop, pause, resume, reset, kill, wait, rm.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "run.h"

#define MS		1000000ULL
#define LOOK_MS		100	/* how often a VM is looked at that is waited for */
#define KILL_MS		5000	/* how long a process has to end a VM that is killed */

static int act(const struct nl_vm *vm, enum lodge_action action)
{
	int error = nl_act(vm->number, action);

	return error ? ctl_fail(error, vm->name) : CMD_OK;
}

/* ---- waiting ------------------------------------------------------------- */

static bool is_over(const struct nl_vm *vm)
{
	return vm->state == LODGE_STATE_ENDED && !vm->restarts;
}

/* Waits a moment; true if it was heard meanwhile how @vm ended */
static bool heard_end(bool listening, struct nl_vm *vm)
{
	struct timespec t = { .tv_nsec = LOOK_MS * MS };
	int ms = LOOK_MS, error = 0;
	struct nl_event e;

	if (!listening) {
		nanosleep(&t, NULL);
		return false;
	}
	while (!error || error == -ENOBUFS) {
		error = nl_next_event(&e, ms);
		ms = 0;
		if (error || e.vm != vm->number || e.kind != LODGE_VM_EVENT_ENDED || e.restarts)
			continue;
		vm->state = LODGE_STATE_ENDED;
		vm->restarts = false;
		vm->reason = e.reason;
		vm->status = e.status;
		return true;
	}
	return false;
}

/*
 * Until @vm has ended, for @ms at most (0: whenever).  Who may listen to events learns how it
 * ended even if no record is kept.  -ENOENT: it is gone; -ETIMEDOUT; or what netlink said.
 */
static int wait_end(struct nl_vm *vm, uint64_t ms)
{
	uint64_t limit = ms ? ctl_now() + ms * MS : 0;
	bool listening = !nl_listen(1u << LODGE_EVENT_GROUP_LIFE);
	struct nl_vm now;
	int error;

	for (;;) {
		error = nl_vm(vm->number, &now);
		if (error && error != -ENOENT)
			return error;
		if (!error)
			*vm = now;
		if (is_over(vm) || heard_end(listening, vm))
			return 0;
		if (error)
			return error;
		if (limit && ctl_now() >= limit)
			return -ETIMEDOUT;
	}
}

/* As wait_end(); what is gone has ended, too */
static int wait_gone(struct nl_vm *vm, uint64_t ms)
{
	int error = wait_end(vm, ms);

	return error == -ENOENT ? 0 : error;
}

/* ---- verbs --------------------------------------------------------------- */

static int pause_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	(void)args;
	return act(vm, LODGE_ACTION_PAUSE);
}

static int resume_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	(void)args;
	return act(vm, LODGE_ACTION_RESUME);
}

static int reset_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	(void)args;
	return act(vm, LODGE_ACTION_RESET);
}

/* Its program is told; if that does not end it, the program is killed */
static int kill_one(const struct cmd_args *args, const struct nl_vm *target)
{
	struct nl_vm vm = *target;
	int status = act(&vm, LODGE_ACTION_KILL);
	int error;

	(void)args;
	if (status)
		return status;
	error = wait_gone(&vm, KILL_MS);
	if (error == -ETIMEDOUT && vm.pid && !kill(vm.pid, SIGKILL))
		error = wait_gone(&vm, KILL_MS);
	if (error == -ETIMEDOUT)
		return cmd_error(CMD_FAILED, "%s: its process %u does not end", vm.name, vm.pid);
	return error ? ctl_fail(error, vm.name) : CMD_OK;
}

static int stop_one(const struct cmd_args *args, const struct nl_vm *target)
{
	struct nl_vm vm = *target;
	int status, error;

	if (ctl_option(args, 'f'))
		return kill_one(args, &vm);
	status = act(&vm, LODGE_ACTION_STOP);
	if (status || !ctl_option(args, 'w'))
		return status;
	error = wait_gone(&vm, 0);
	return error ? ctl_fail(error, vm.name) : CMD_OK;
}

static void tell_end(const struct cmd_args *args, const struct nl_vm *vm, bool known)
{
	if (ctl_option(args, 'q'))
		return;
	if (known)
		printf("%s\t%s\t%u\n", vm->name, ctl_reason(vm->reason), vm->status);
	else
		printf("%s\tunknown\t\n", vm->name);
}

static int wait_one(const struct cmd_args *args, const struct nl_vm *target)
{
	const char *limit = ctl_option(args, 't');
	double seconds = limit ? ctl_seconds(limit) : 0;
	struct nl_vm vm = *target;
	int error;

	if (limit && !seconds)
		return cmd_error(CMD_USAGE, "--timeout takes seconds, not \"%s\"", limit);
	error = wait_end(&vm, seconds * 1000 + (seconds > 0));
	if (error == -ETIMEDOUT)
		return cmd_error(CMD_TIMEOUT, "%s has not ended", vm.name);
	if (error && error != -ENOENT)
		return ctl_fail(error, vm.name);
	tell_end(args, &vm, !error);
	return error ? CMD_OK : (int)vm.status;
}

static int rm_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	int error = nl_delete(vm->number);

	(void)args;
	return error ? ctl_fail(error, vm->name) : CMD_OK;
}

int cmd_rename(const struct cmd_args *args)
{
	const char *name = args->argc > 1 ? args->argv[1] : "";
	struct nl_vm vm;
	int error, status;

	if (args->argc < 2)
		return cmd_error(CMD_USAGE, "rename takes a VM and what it is to be called");
	status = run_check_name(name);
	if (!status)
		status = ctl_find(args->argv[0], &vm);
	if (!status && strcmp(vm.name, name))
		status = ctl_check_name(name);
	if (status)
		return status;
	error = nl_rename(vm.number, name);
	return error ? ctl_fail(error, vm.name) : CMD_OK;
}

int cmd_pause(const struct cmd_args *args)
{
	return ctl_each(args, pause_one);
}

int cmd_resume(const struct cmd_args *args)
{
	return ctl_each(args, resume_one);
}

int cmd_reset(const struct cmd_args *args)
{
	return ctl_each(args, reset_one);
}

int cmd_kill(const struct cmd_args *args)
{
	return ctl_each(args, kill_one);
}

int cmd_stop(const struct cmd_args *args)
{
	return ctl_each(args, stop_one);
}

int cmd_wait(const struct cmd_args *args)
{
	return ctl_each(args, wait_one);
}

int cmd_rm(const struct cmd_args *args)
{
	return ctl_each(args, rm_one);
}
