// SPDX-License-Identifier: GPL-2.0-only
/*
 * The harness behind ktap.h: runs the registered tests one by one, each in a
 * process group of its own, and prints KTAP.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"

#define KILL_SECONDS	20	/* for a killed test to be gone */

/**
 * struct shared - what a test's processes tell the harness
 * @failed: an EXPECT or ASSERT did not hold
 * @reason: of a skip
 */
static struct shared {
	volatile int failed;
	char reason[256];
} *shared;

static struct ktap_test *first;
static struct ktap_test **last = &first;

void ktap_register(struct ktap_test *t)
{
	*last = t;
	last = &t->next;
}

/* One write() per line, so that lines of several processes do not mix */
static void vdiag(const char *fmt, va_list ap)
{
	char line[512] = "# ";
	int len = vsnprintf(line + 2, sizeof(line) - 3, fmt, ap) + 2;

	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDOUT_FILENO, line, len) < 0)
		return;
}

/**
 * diag - print a line of diagnostics
 * @fmt: without newline
 */
void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdiag(fmt, ap);
	va_end(ap);
}

void ktap_fail(const char *file, int line, const char *what)
{
	int err = errno;

	shared->failed = 1;
	diag("%s:%d: not so: %s (errno %d: %s)", file, line, what, err, strerror(err));
}

void ktap_fail_cmp(const char *file, int line, const char *what, unsigned long long left,
		   unsigned long long right)
{
	shared->failed = 1;
	diag("%s:%d: not so: %s (left %lld 0x%llx, right %lld 0x%llx)", file, line, what,
	     (long long)left, left, (long long)right, right);
}

static void (*at_end)(void);

void ktap_at_end(void (*fn)(void))
{
	at_end = fn;
}

static void __attribute__((noreturn)) end(int status)
{
	void (*fn)(void) = at_end;

	/* once, also if it fails itself */
	at_end = NULL;
	if (fn)
		fn();
	_exit(status);
}

void ktap_stop(void)
{
	end(KTAP_FAIL);
}

void ktap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->reason, sizeof(shared->reason), fmt, ap);
	va_end(ap);
	end(KTAP_SKIP);
}

static void run_child(struct ktap_test *t, const sigset_t *mask)
{
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	errno = 0;
	t->fn();
	end(shared->failed ? KTAP_FAIL : KTAP_PASS);
}

/* Return: false after @seconds without the child's end */
static bool wait_child(pid_t pid, int *status, unsigned int seconds)
{
	struct timespec now, end, left;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (waitpid(pid, status, WNOHANG) != pid) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end.tv_sec)
			return false;
		left = (struct timespec){ .tv_sec = end.tv_sec - now.tv_sec };
		sigtimedwait(&chld, NULL, &left);
	}
	return true;
}

/* Return: KTAP_* of one test, with @why set for a failure that the test can not tell itself */
static int run_test(struct ktap_test *t, char *why, size_t size)
{
	sigset_t chld, old;
	int status, ret;
	pid_t pid;

	shared->failed = 0;
	shared->reason[0] = 0;
	why[0] = 0;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_child(t, &old);
	if (pid < 0) {
		snprintf(why, size, "fork: %s", strerror(errno));
		return KTAP_FAIL;
	}
	if (wait_child(pid, &status, t->seconds)) {
		ret = WIFEXITED(status) ? WEXITSTATUS(status) : KTAP_FAIL;
		if (WIFSIGNALED(status))
			snprintf(why, size, "killed by %s", strsignal(WTERMSIG(status)));
		kill(-pid, SIGKILL);
	} else {
		ret = KTAP_FAIL;
		snprintf(why, size, "no end after %u s", t->seconds);
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		if (!wait_child(pid, &status, KILL_SECONDS))
			snprintf(why, size, "no end after %u s, and can not be killed", t->seconds);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (ret == KTAP_SKIP && !shared->failed)
		return KTAP_SKIP;
	return ret || shared->failed ? KTAP_FAIL : KTAP_PASS;
}

static bool wanted(const struct ktap_test *t, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned int nr = 0, count[KTAP_SKIP + 1] = { 0 };
	struct ktap_test *t;
	char why[128];
	int ret;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return KTAP_FAIL;
	for (t = first; t; t = t->next)
		nr += wanted(t, argc, argv);
	printf("KTAP version 1\n1..%u\n", nr);
	nr = 0;
	for (t = first; t; t = t->next) {
		if (!wanted(t, argc, argv))
			continue;
		ret = run_test(t, why, sizeof(why));
		count[ret]++;
		printf("%sok %u %s", ret == KTAP_FAIL ? "not " : "", ++nr, t->name);
		if (ret == KTAP_SKIP)
			printf(" # SKIP %s", shared->reason);
		printf(why[0] ? " # %s\n" : "\n", why);
		fflush(stdout);
	}
	if (count[KTAP_FAIL] || !nr)
		return KTAP_FAIL;
	return count[KTAP_PASS] ? KTAP_PASS : KTAP_SKIP;
}
