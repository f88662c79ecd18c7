// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl start: a guest without terminal, in a process of its own; or with --foreground in this one,
 * as a service manager wants it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "run.h"

static void use_null(int fd, int how)
{
	int null = open("/dev/null", how);

	if (null >= 0 && null != fd) {
		dup2(null, fd);
		close(null);
	}
}

/* As sd_notify(3) has it */
static void tell_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static const char word[] = "READY=1";
	size_t len = path ? strlen(path) : 0;
	int s;

	if (!len || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (*path == '@')
		to.sun_path[0] = 0;
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || sendto(s, word, strlen(word), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			    offsetof(struct sockaddr_un, sun_path) + len) < 0)
		cmd_error(CMD_OK, "cannot tell %s that the guest runs: %s", path, strerror(errno));
	if (s >= 0)
		close(s);
}

/* The guest runs: nobody looks at this process's words any more, unless it is in the foreground */
void run_ready(const struct run *r)
{
	static bool done;
	uint32_t number;

	if (done || (r->ready < 0 && !r->foreground))
		return;
	done = true;
	if (r->foreground) {
		tell_manager();
		return;
	}
	number = ctl_number_of(getpid());
	if (write(r->ready, &number, sizeof(number)) != sizeof(number))
		return;
	close(r->ready);
	use_null(STDERR_FILENO, O_WRONLY);
}

/* Its standard error stays until it is ready: what goes wrong before that is told there */
static int be_guest(struct run *r, int ready)
{
	setsid();
	use_null(STDIN_FILENO, O_RDONLY);
	use_null(STDOUT_FILENO, O_WRONLY);
	r->ready = ready;
	return run_guest(r);
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CMD_FAILED;
	if (WIFSIGNALED(status))
		return RUN_SIGNAL + WTERMSIG(status);
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : CMD_FAILED;
}

static int fork_guest(struct run *r)
{
	int p[2];
	uint32_t number = 0;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return cmd_error(CMD_FAILED, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return cmd_error(CMD_FAILED, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		close(p[0]);
		_exit(be_guest(r, p[1]));
	}
	close(p[1]);
	while (read(p[0], &number, sizeof(number)) < 0)
		if (errno != EINTR)
			break;
	close(p[0]);
	if (!number)
		return status_of(pid);
	printf("%u\n", number);
	return CMD_OK;
}

/* What is told of its end is for the manager's log, so standard error stays */
static int stay(struct run *r)
{
	use_null(STDIN_FILENO, O_RDONLY);
	return run_guest(r);
}

static int start(const struct cmd_args *args)
{
	static struct run r;
	int status = run_parse(&r, args, true);

	if (!status)
		status = ctl_check_name(r.name);
	if (!status)
		status = run_read_files(&r);
	if (status)
		return status;
	return r.foreground ? stay(&r) : fork_guest(&r);
}

/* In a process of its own: no VM has what another has open, and locked */
static int start_aside(const struct cmd_args *args)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return cmd_error(CMD_FAILED, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		status = start(args);
		_exit(fflush(stdout) ? CMD_FAILED : status);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CMD_FAILED;
	return WIFSIGNALED(status) ? RUN_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* All are looked at before the first is started */
static int start_file(const struct cmd_args *args, const char *file, bool dry_run)
{
	bool foreground = ctl_option(args, RUN_FOREGROUND);
	static struct run r;
	struct cmd_args *list;
	unsigned int i, n;
	int status = vmfile_read(args, file, &list, &n);

	if (!status && foreground && n > 1)
		status = cmd_error(CMD_USAGE, "%s has %u VMs: name the one to stay for", file, n);
	for (i = 0; i < n && !status; i++)
		status = run_parse(&r, &list[i], true);
	for (i = 0; i < n && !status; i++) {
		if (dry_run)
			vmfile_tell(&list[i]);
		else
			status = foreground ? start(&list[i]) : start_aside(&list[i]);
	}
	return status;
}

int cmd_start(const struct cmd_args *args)
{
	bool dry_run;
	const char *file = vmfile_wanted(args, &dry_run);

	if (file)
		return start_file(args, file, dry_run);
	if (args->argc > 1)
		return cmd_error(CMD_USAGE, "start has no use for \"%s\": see vmctl help start",
				 args->argv[1]);
	return start(args);
}
