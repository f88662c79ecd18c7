// SPDX-License-Identifier: GPL-2.0-only
/*
 * The terminal is raw while a guest has it, and restored on every way out that a
 * process can notice.  The guest's output is copied by threads of their own, so that
 * a terminal or pipe that takes nothing stops neither signals nor time limits.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"

#define ESCAPE	1	/* Ctrl-a */
#define CHUNK	16384

static struct {
	bool is_terminal;
	volatile sig_atomic_t raw;
	struct termios before;
} terminal;

enum console_key console_escape(struct console_escape *e, uint8_t byte)
{
	if (!e->armed) {
		e->armed = byte == ESCAPE;
		return e->armed ? CONSOLE_NONE : CONSOLE_BYTE;
	}
	e->armed = false;
	switch (byte) {
	case 'x':
	case 'X':
		return CONSOLE_LEAVE;
	case 'h':
	case 'H':
	case '?':
		return CONSOLE_HELP;
	case 's':
	case 'S':
		return CONSOLE_STATS;
	case ESCAPE:
		return CONSOLE_BYTE;
	default:
		return CONSOLE_NONE;
	}
}

void console_restore(void)
{
	if (!terminal.raw)
		return;
	terminal.raw = 0;
	/* A background process that does this would be stopped; a terminal may drain never */
	if (tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
}

/* A fault in vmctl itself: the terminal first, then as if there were no handler */
static void crashed(int sig)
{
	if (terminal.raw && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
	signal(sig, SIG_DFL);
	raise(sig);
}

bool console_init(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	unsigned int i;

	if (tcgetattr(STDIN_FILENO, &terminal.before))
		return false;
	terminal.is_terminal = true;
	atexit(console_restore);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		signal(faults[i], crashed);
	return true;
}

bool console_foreground(void)
{
	return !terminal.is_terminal || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool console_raw(void)
{
	struct termios t = terminal.before;

	if (!terminal.is_terminal || !console_foreground())
		return false;
	if (terminal.raw)
		return true;
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t))
		return false;
	terminal.raw = 1;
	return true;
}

/* One write, so that lines of several threads do not mix */
void console_print(const char *lines)
{
	const char *newline = terminal.raw ? "\r\n" : "\n";
	char out[4096];
	size_t n = 0;

	while (*lines && n < sizeof(out) - 2) {
		if (*lines == '\n') {
			n += snprintf(out + n, sizeof(out) - n, "%s", newline);
			lines++;
		} else {
			out[n++] = *lines++;
		}
	}
	if (write(STDERR_FILENO, out, n) < 0)
		return;		/* there is nobody to tell */
}

void console_tell(const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line), "vmctl: ");
	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	strcat(line, "\n");
	console_print(line);
}

/* ---- streams ------------------------------------------------------------- */

/* Who was not waited for may find that the other end has gone */
static void notify(struct console_stream *s)
{
	uint64_t one = 1;

	if (write(s->notify, &one, sizeof(one)) < 0)
		return;
}

/* After an error the rest is lost: the guest must not wait for a reader that has gone */
static void write_all(struct console_stream *s, const char *buf, size_t len)
{
	struct pollfd p = { .fd = s->out, .events = POLLOUT };
	ssize_t n;

	while (len && !s->error) {
		n = write(s->out, buf, len);
		if (n >= 0) {
			buf += n;
			len -= n;
		} else if (errno == EAGAIN) {
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			__atomic_store_n(&s->error, errno, __ATOMIC_RELEASE);
			notify(s);
		}
	}
}

/* Copies what is there; false when there will be no more */
static bool copy(struct console_stream *s, char *buf)
{
	ssize_t n;

	for (;;) {
		n = read(s->in, buf, CHUNK);
		if (n > 0) {
			write_all(s, buf, n);
			s->last = buf[n - 1];
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			return false;
		} else if (errno == EAGAIN) {
			return true;
		}
	}
}

static void *stream_thread(void *arg)
{
	struct console_stream *s = arg;
	struct pollfd p[] = {
		{ .fd = s->in, .events = POLLIN },
		{ .fd = s->stop, .events = POLLIN },
	};
	char buf[CHUNK];
	bool more = true;

	pthread_setname_np(pthread_self(), "console");
	do {
		poll(p, 2, -1);
		if (more)
			more = copy(s, buf);
		if (!more)
			p[0].fd = -1;
	} while (!(p[1].revents & POLLIN));
	/* What came between the last look and the word to stop */
	if (more)
		copy(s, buf);
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	notify(s);
	return NULL;
}

int console_stream_start(struct console_stream *s, int in, int out, int notify_fd)
{
	pthread_attr_t attr;
	int error;

	*s = (struct console_stream){ .in = in, .out = out, .notify = notify_fd };
	s->stop = eventfd(0, EFD_CLOEXEC);
	if (s->stop < 0)
		return errno;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	error = pthread_create(&s->thread, &attr, stream_thread, s);
	pthread_attr_destroy(&attr);
	s->started = !error;
	if (error)
		close(s->stop);
	return error;
}

void console_stream_stop(struct console_stream *s)
{
	uint64_t one = 1;

	if (s->started && write(s->stop, &one, sizeof(one)) < 0)
		abort();
}

bool console_stream_done(const struct console_stream *s)
{
	return !s->started || __atomic_load_n(&s->done, __ATOMIC_ACQUIRE);
}

int console_stream_error(const struct console_stream *s)
{
	return __atomic_load_n(&s->error, __ATOMIC_ACQUIRE);
}

void console_stream_free(struct console_stream *s)
{
	if (!s->started)
		return;
	s->started = false;
	if (!console_stream_done(s)) {
		pthread_detach(s->thread);
		return;
	}
	pthread_join(s->thread, NULL);
	close(s->stop);
	close(s->in);
}
