/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.h - the user's terminal, and the streams between it and the guest
 */
#ifndef VMCTL_CONSOLE_H
#define VMCTL_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the terminal -------------------------------------------------------- */

/* What the user typed after Ctrl-a */
enum console_key {
	CONSOLE_NONE,
	CONSOLE_BYTE,		/* a byte for the guest */
	CONSOLE_LEAVE,
	CONSOLE_HELP,
	CONSOLE_STATS,
};

/**
 * struct console_escape - state of the escape key
 * @armed: Ctrl-a was the last key
 */
struct console_escape {
	bool armed;
};

/* A key; with CONSOLE_BYTE the guest gets @byte */
enum console_key console_escape(struct console_escape *e, uint8_t byte);

/* Is standard input a terminal?  Remembers its settings and restores them whenever vmctl ends */
bool console_init(void);

/* Raw, unless this process is in the background; returns whether it is raw and ours */
bool console_raw(void);

/* As it was; also from a signal handler */
void console_restore(void);

/* May standard input be read: it is no terminal, or this process is in the foreground */
bool console_foreground(void);

/* A sentence on stderr, with the carriage return that a raw terminal wants; any thread */
void console_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lines, likewise */
void console_print(const char *lines);

/* ---- what the guest writes ----------------------------------------------- */

/**
 * struct console_stream - a thread that copies what the guest writes to a file
 * @in: non-blocking descriptor of LODGE_VM_CONSOLE; closed at the end
 * @out: where to; may block
 * @stop: eventfd: copy what is there, then end
 * @notify: eventfd to write to when the thread has ended or @error is set
 * @error: errno of a failed write, or 0
 * @last: the last byte that was copied
 * @done: the thread has ended
 * @thread: does it
 * @started: it is there
 */
struct console_stream {
	int in;
	int out;
	int stop;
	int notify;
	int error;
	char last;
	bool done;
	pthread_t thread;
	bool started;
};

/* Returns 0 or an errno */
int console_stream_start(struct console_stream *s, int in, int out, int notify);
void console_stream_stop(struct console_stream *s);
bool console_stream_done(const struct console_stream *s);
int console_stream_error(const struct console_stream *s);

/*
 * Joins a thread that is done.  One that hangs in a file that takes no more is left alone, and @s
 * must stay until the process ends.
 */
void console_stream_free(struct console_stream *s);

#endif /* VMCTL_CONSOLE_H */
