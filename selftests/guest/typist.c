// SPDX-License-Identifier: GPL-2.0-only
/*
 * typist PROMPT LINE... -- COMMAND...: runs a command on a terminal of its own, and types the next
 * LINE whenever the PROMPT is there, or one of several with | between.  What the terminal shows
 * goes to standard output.  The status is the command's, as a shell has it, or 124 if nothing was
 * shown for two minutes.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS	120000
#define KEY_US		20000

/* A shell asks the terminal where its cursor is; this one does not answer */
static const char question[] = "\033[6n";

static char seen[64];		/* the end of what was shown */
static size_t nr_seen;

static void show(const char *p, ssize_t n)
{
	static size_t asked;

	for (; n > 0; p++, n--) {
		if (*p == question[asked]) {
			if (++asked == strlen(question))
				asked = 0;
			continue;
		}
		fwrite(question, 1, asked, stdout);
		asked = *p == question[0];
		if (!asked)
			putchar(*p);
		if (nr_seen == sizeof(seen))
			memmove(seen, seen + 1, --nr_seen);
		seen[nr_seen++] = *p;
	}
	fflush(stdout);
}

static int at_prompt(const char *prompt)
{
	size_t len;

	for (;; prompt += len + 1) {
		len = strcspn(prompt, "|");
		if (nr_seen >= len && !memcmp(seen + nr_seen - len, prompt, len))
			return 1;
		if (!prompt[len])
			return 0;
	}
}

static void type(int terminal, const char *line)
{
	struct timespec key = { 0, KEY_US * 1000 };

	nr_seen = 0;
	for (; *line; line++) {
		if (write(terminal, line, 1) != 1)
			return;
		nanosleep(&key, NULL);
	}
	if (write(terminal, "\r", 1) != 1)
		return;
}

/* 0 when the terminal has nobody at its other end any more, 1 after too long a wait */
static int talk(int terminal, const char *prompt, char **line)
{
	struct pollfd p = { .fd = terminal, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (*line && at_prompt(prompt))
			type(terminal, *line++);
		if (!poll(&p, 1, PATIENCE_MS))
			return 1;
		n = read(terminal, buf, sizeof(buf));
		if (n > 0)
			show(buf, n);
		else if (n == 0 || errno != EINTR)
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 25, .ws_col = 100 };
	int terminal, status, i;
	pid_t pid;

	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i >= argc - 1) {
		fprintf(stderr, "usage: typist PROMPT LINE... -- COMMAND...\n");
		return 2;
	}
	argv[i] = NULL;
	pid = forkpty(&terminal, NULL, NULL, &size);
	if (pid < 0) {
		perror("typist");
		return 1;
	}
	if (!pid) {
		execvp(argv[i + 1], argv + i + 1);
		perror(argv[i + 1]);
		_exit(127);
	}
	if (talk(terminal, argv[1], argv + 2)) {
		fprintf(stderr, "\ntypist: nothing comes any more\n");
		kill(pid, SIGTERM);
		waitpid(pid, &status, 0);
		return 124;
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
