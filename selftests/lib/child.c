// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program beside a test and keeps what it prints.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "ktap.h"

int child_ignores;

/* As a simulated host has it in its path; else the one that was built with the tests */
static void exec_program(char * const argv[])
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	char path[512];
	unsigned int i;
	ssize_t n;

	/* when the harness kills a test that hangs */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* whatever the shell that runs the tests does with them */
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], sigs[i] == child_ignores ? SIG_IGN : SIG_DFL);
	execvp(argv[0], argv);
	n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	if (n > 0) {
		path[n] = 0;
		strcpy(strrchr(path, '/'), "/../");
		strcat(path, argv[0]);
		execv(path, argv);
	}
	_exit(127);
}

static void init(struct child *c)
{
	*c = (struct child){ .in = -1, .out = -1, .err = -1, .text = calloc(1, 1),
			     .error = calloc(1, 1) };
	ASSERT_TRUE(c->text && c->error);
}

void child_start(struct child *c, char * const argv[])
{
	int in[2], out[2], err[2], i;

	init(c);
	ASSERT_OK(pipe2(in, O_CLOEXEC));
	ASSERT_OK(pipe2(out, O_CLOEXEC));
	ASSERT_OK(pipe2(err, O_CLOEXEC));
	c->pid = fork();
	ASSERT_OK(c->pid);
	if (!c->pid) {
		int fd[3] = { in[0], out[1], err[1] };

		setpgid(0, 0);
		for (i = 0; i < 3; i++)
			dup2(fd[i], i);
		exec_program(argv);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
}

void child_start_vmctl(struct child *c, const char *words)
{
	char *argv[64] = { (char *)"vmctl" };
	char line[1024];
	int argc = 1;

	ASSERT_LT(strlen(words), sizeof(line));
	strcpy(line, words);
	for (argv[argc] = strtok(line, " "); argv[argc]; argv[argc] = strtok(NULL, " ")) {
		argc++;
		ASSERT_LT(argc, sizeof(argv) / sizeof(argv[0]));
	}
	child_start(c, argv);
}

void child_start_on_terminal(struct child *c, char * const argv[])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	char name[64];

	init(c);
	ASSERT_OK(master);
	ASSERT_EQ(grantpt(master), 0);
	ASSERT_EQ(unlockpt(master), 0);
	ASSERT_EQ(ptsname_r(master, name, sizeof(name)), 0);
	/* kept open, so that the terminal can be looked at when the program has ended */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ASSERT_OK(slave);
	c->pid = fork();
	ASSERT_OK(c->pid);
	if (!c->pid) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		exec_program(argv);
	}
	c->in = master;
	c->out = master;
}

void child_write(struct child *c, const void *bytes, size_t len)
{
	ASSERT_EQ(write(c->in, bytes, len), (ssize_t)len);
}

void child_close_input(struct child *c)
{
	close(c->in);
	c->in = -1;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Appends what can be read; false at the end of the file */
static bool take(int fd, char **text, size_t *len)
{
	char buf[4096], *more;
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	more = realloc(*text, *len + n + 1);
	ASSERT_TRUE(more);
	memcpy(more + *len, buf, n);
	*len += n;
	more[*len] = 0;
	*text = more;
	return true;
}

/* One turn; false when there is nothing more to come from either */
static bool take_both(struct child *c, int ms)
{
	struct pollfd p[] = {
		{ .fd = c->out, .events = POLLIN },
		{ .fd = c->err, .events = POLLIN },
	};

	if (c->out < 0 && c->err < 0)
		return false;
	poll(p, 2, ms);
	if (p[0].revents && !take(c->out, &c->text, &c->len)) {
		if (c->out != c->in)
			close(c->out);
		c->out = -1;
	}
	if (p[1].revents && !take(c->err, &c->error, &c->error_len)) {
		close(c->err);
		c->err = -1;
	}
	return true;
}

bool child_expect(struct child *c, const char *words, int ms)
{
	long long end = now_ms() + ms, left;

	while (!memmem(c->text, c->len, words, strlen(words))) {
		left = end - now_ms();
		if (left <= 0 || !take_both(c, left)) {
			diag("no \"%s\" in \"%.200s\", \"%.200s\"", words, c->text, c->error);
			return false;
		}
	}
	return true;
}

/*
 * The end of a process that has a terminal does not end the terminal, which the test has open: so
 * the process is looked at every now and then.
 */
int child_end(struct child *c, int ms)
{
	long long end = now_ms() + ms;
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(c->pid, &status, WNOHANG);
		ASSERT_OK(pid);
		if (pid)
			break;
		if (now_ms() >= end) {
			diag("it does not end: \"%.200s\", \"%.200s\"", c->text, c->error);
			kill(-c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
			status = -1;
			break;
		}
		if (!take_both(c, 20))
			poll(NULL, 0, 5);
	}
	while (c->out >= 0 || c->err >= 0) {
		struct pollfd p[] = {
			{ .fd = c->out, .events = POLLIN }, { .fd = c->err, .events = POLLIN },
		};

		if (poll(p, 2, 50) <= 0)
			break;
		take_both(c, 0);
	}
	if (status == -1)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool text_has(const char *text, const char *words)
{
	if (strstr(text, words))
		return true;
	diag("no \"%s\" in \"%.400s\"", words, text);
	return false;
}

bool text_is(const char *text, const char *words)
{
	if (text && !strcmp(text, words))
		return true;
	diag("\"%.300s\" is not \"%s\"", text ? text : "(nothing)", words);
	return false;
}
