// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl trace: tracepoints of one VM, through an instance of tracefs of our own.  A process
 * beside this one takes the instance away when this one has ended, in whatever way.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"

#define PREFIX		"vmctl-"
#define MARK		": lodge_"
#define LOOK_MS		100
#define ASK_EVERY	5	/* looks between questions whether the VM is still there */
#define UNDO_TRIES	50
#define MAX_PATH	256

static const char * const mounts[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

const char * const trace_events[] = {
	"entry", "exit", "inject", "fault", "kick", "irq", "msi", NULL
};

/**
 * struct tracer - a trace under way
 * @args: the command line
 * @vm: whose
 * @instance: its directory in tracefs
 * @guard: the process that takes that away
 * @alive: it reads this pipe until we close it, or are gone
 * @fd: trace_pipe
 * @left: events until the end, 0 for no end
 * @people: for a terminal
 * @headed: with its headings already
 * @line: what has come of a line
 * @len: bytes of it
 */
struct tracer {
	const struct cmd_args *args;
	const struct nl_vm *vm;
	char instance[MAX_PATH];
	pid_t guard;
	int alive;
	int fd;
	unsigned long left;
	bool people;
	bool headed;
	char line[1024];
	size_t len;
};

/**
 * struct trace_line - an event
 * @time: as it stands there, seconds since the host's start
 * @cpu: of the host
 * @event: its name
 * @fields: words NAME=VALUE, with blanks between
 */
struct trace_line {
	char *time;
	unsigned int cpu;
	char *event;
	char *fields;
};

static volatile sig_atomic_t over;

static void on_signal(int nr)
{
	over = nr;
}

/* ---- tracefs ------------------------------------------------------------- */

static int no_tracefs(const char *path)
{
	int e = errno;

	if (e == EACCES || e == EPERM)
		return cmd_error(CMD_FAILED, "tracing is for root: %s: %s", path, strerror(e));
	return cmd_error(CMD_UNSUPPORTED, "there is no tracefs in %s: mount -t tracefs nodev %s",
			 mounts[0], mounts[0]);
}

static int find_tracefs(const char **root)
{
	char path[MAX_PATH];
	unsigned int i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		snprintf(path, sizeof(path), "%s/instances", mounts[i]);
		if (!access(path, R_OK | W_OK | X_OK)) {
			*root = mounts[i];
			snprintf(path, sizeof(path), "%s/events/lodge", mounts[i]);
			return !access(path, F_OK) ? CMD_OK :
			       cmd_error(CMD_UNSUPPORTED, "the module has no tracepoints here");
		}
		if (errno != ENOENT)
			break;
	}
	return no_tracefs(mounts[0]);
}

static int put(const struct tracer *t, const char *name, const char *value)
{
	char path[MAX_PATH + 64];
	int fd, ok;

	snprintf(path, sizeof(path), "%s/%s", t->instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	if (!ok)
		cmd_error(CMD_FAILED, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? CMD_OK : CMD_FAILED;
}

/* What processes have left that were killed together with their guards; not one that is in use */
static void sweep(const char *root)
{
	char path[2 * MAX_PATH];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/instances", root);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) ||
		    !kill(atoi(d->d_name + strlen(PREFIX)), 0) || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/instances/%.200s", root, d->d_name);
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

/* In a process of its own, with the read end of the pipe */
static void guard(const char *instance, int alive)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int i;
	char c;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(alive, &c, 1) < 0 && errno == EINTR)
		;
	/* busy while the other's descriptors are being closed */
	for (i = 0; i < UNDO_TRIES && rmdir(instance) && errno == EBUSY; i++)
		nanosleep(&pause, NULL);
	_exit(0);
}

static int start_guard(struct tracer *t)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return cmd_error(CMD_FAILED, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	t->guard = fork();
	if (!t->guard) {
		close(ends[1]);
		/* who waits for the end of our output need not wait for this process */
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		guard(t->instance, ends[0]);
	}
	close(ends[0]);
	t->alive = ends[1];
	return t->guard > 0 ? CMD_OK : cmd_error(CMD_FAILED, "cannot fork: %s", strerror(errno));
}

static void stop(struct tracer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	close(t->alive);
	if (t->guard > 0)
		while (waitpid(t->guard, NULL, 0) < 0 && errno == EINTR)
			;
}

static bool wanted(const struct tracer *t, const char *event)
{
	int i;

	for (i = 1; i < t->args->argc; i++)
		if (!strcmp(t->args->argv[i], event))
			return true;
	return t->args->argc == 1;
}

static int switch_on(struct tracer *t)
{
	char text[MAX_PATH + 32];
	unsigned int i;
	int status;

	if (mkdir(t->instance, 0700))
		return cmd_error(CMD_FAILED, "%s: %s", t->instance, strerror(errno));
	snprintf(text, sizeof(text), "%s/trace_pipe", t->instance);
	t->fd = open(text, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return cmd_error(CMD_FAILED, "%s: %s", text, strerror(errno));
	snprintf(text, sizeof(text), "vm == %u", t->vm->number);
	status = put(t, "events/lodge/filter", text);
	for (i = 0; trace_events[i] && !status; i++) {
		snprintf(text, sizeof(text), "events/lodge/lodge_%s/enable", trace_events[i]);
		if (wanted(t, trace_events[i]))
			status = put(t, text, "1");
	}
	return status;
}

/* ---- lines --------------------------------------------------------------- */

/* The word before @end, which must be in @line; it is cut off */
static char *word_before(char *line, char *end)
{
	while (end > line && end[-1] == ' ')
		end--;
	*end = 0;
	while (end > line && end[-1] != ' ')
		end--;
	return end;
}

/*
 * "NAME-PID [CPU] FLAGS TIME: lodge_EVENT: FIELDS", where NAME is whatever a process calls itself:
 * read from its end.
 */
static bool parse(char *line, struct trace_line *l)
{
	char *mark = NULL, *p, *end;

	for (p = line; (p = strstr(p, MARK)); p++)
		mark = p;
	if (!mark)
		return false;
	l->event = mark + strlen(MARK);
	end = strstr(l->event, ": ");
	if (!end)
		return false;
	*end = 0;
	l->fields = end + 2;
	l->time = word_before(line, mark);
	p = word_before(line, l->time);
	if (*p != '[')
		p = word_before(line, p);
	l->cpu = atoi(p + 1);
	return *p == '[' && isdigit((unsigned char)*l->time);
}

/* Cuts the next NAME=VALUE off; the VM's number is known */
static bool next_field(char **fields, char **name, char **value)
{
	do {
		*name = strsep(fields, " ");
		*value = *name ? strchr(*name, '=') : NULL;
		if (!*value)
			return false;
		*(*value)++ = 0;
	} while (!strcmp(*name, "vm"));
	return true;
}

static void print_json(const struct nl_vm *vm, struct trace_line *l)
{
	char *name, *value;
	struct json j;

	json_init(&j, stdout);
	j.compact = true;
	json_object(&j, NULL);
	json_string(&j, "time", l->time);
	json_number(&j, "cpu", l->cpu);
	json_string(&j, "event", l->event);
	json_number(&j, "number", vm->number);
	while (next_field(&l->fields, &name, &value))
		if (strspn(value, "0123456789") == strlen(value))
			json_number(&j, name, strtoull(value, NULL, 10));
		else
			json_string(&j, name, value);
	json_end(&j);
}

static void print_line(struct tracer *t, struct trace_line *l)
{
	char *name, *value;

	if (t->people && !t->headed)
		printf("%14s  %3s  %-6s  %s\n", "TIME", "CPU", "EVENT", "WHAT");
	t->headed = true;
	printf(t->people ? "%14s  %3u  %-6s " : "%s\t%u\t%s", l->time, l->cpu, l->event);
	while (next_field(&l->fields, &name, &value))
		printf("%c%s=%s", t->people ? ' ' : '\t', name, value);
	putchar('\n');
}

/* Returns false when there have been enough of them */
static bool take_line(struct tracer *t)
{
	struct trace_line l;
	char *lost = strstr(t->line, " [LOST ");

	t->line[t->len] = 0;
	t->len = 0;
	if (lost && !strncmp(t->line, "CPU:", 4)) {
		cmd_error(CMD_OK, "%lu events were missed", strtoul(lost + 7, NULL, 10));
		return true;
	}
	if (!parse(t->line, &l))
		return true;
	if (t->args->json)
		print_json(t->vm, &l);
	else
		print_line(t, &l);
	return !t->left || --t->left;
}

/* What there is now.  Returns false when it is over. */
static bool drain(struct tracer *t)
{
	char buf[4096];
	ssize_t n, i;

	while (!over && (n = read(t->fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++) {
			if (buf[i] == '\n') {
				if (!take_line(t))
					return false;
			} else if (t->len < sizeof(t->line) - 1) {
				t->line[t->len++] = buf[i];
			}
		}
	}
	return !fflush(stdout) && !over;
}

static bool is_there(const struct tracer *t)
{
	struct nl_vm now;

	return !nl_vm(t->vm->number, &now) && (now.state != LODGE_STATE_ENDED || now.restarts);
}

static void follow(struct tracer *t)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	unsigned int looks = 0;
	bool there = true;

	/* asked first: what it did before its end is got after that */
	while (drain(t) && there) {
		nanosleep(&pause, NULL);
		if (++looks % ASK_EVERY == 0)
			there = is_there(t);
	}
}

/* ---- the command --------------------------------------------------------- */

static int check_events(const struct cmd_args *args)
{
	unsigned int j;
	int i;

	for (i = 1; i < args->argc; i++) {
		for (j = 0; trace_events[j] && strcmp(trace_events[j], args->argv[i]); j++)
			;
		if (!trace_events[j])
			return cmd_error(CMD_USAGE, "there is no event \"%s\": see vmctl help trace",
					 args->argv[i]);
	}
	return CMD_OK;
}

static int trace(struct tracer *t)
{
	const struct sigaction ends = { .sa_handler = on_signal };
	const char *root = NULL;
	int status = find_tracefs(&root);

	if (status)
		return status;
	sweep(root);
	snprintf(t->instance, sizeof(t->instance), "%s/instances/" PREFIX "%d", root, getpid());
	sigaction(SIGINT, &ends, NULL);
	sigaction(SIGTERM, &ends, NULL);
	sigaction(SIGHUP, &ends, NULL);
	sigaction(SIGPIPE, &ends, NULL);
	status = start_guard(t);
	if (!status)
		status = switch_on(t);
	if (!status)
		follow(t);
	stop(t);
	if (over) {
		signal(over, SIG_DFL);
		raise(over);
	}
	return status;
}

int cmd_trace(const struct cmd_args *args)
{
	const char *count = ctl_option(args, 'c');
	struct nl_vm vm;
	struct tracer t = {
		.args = args, .vm = &vm, .fd = -1, .people = isatty(STDOUT_FILENO),
		.left = count ? strtoul(count, NULL, 10) : 0,
	};
	int status;

	if (count && !t.left)
		return cmd_error(CMD_USAGE, "trace --count takes a number, not \"%s\"", count);
	if (!args->argc)
		return cmd_error(CMD_USAGE, "trace which VM? Name one, or give its number: see vmctl list");
	status = check_events(args);
	if (!status)
		status = ctl_find(args->argv[0], &vm);
	if (status)
		return status;
	if (vm.state == LODGE_STATE_ENDED && !vm.restarts)
		return cmd_error(CMD_NO_VM, "%s: the VM has ended", args->argv[0]);
	return trace(&t);
}
