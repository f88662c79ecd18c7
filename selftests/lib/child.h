/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that a test runs, with pipes or a terminal at its standard files.
 */
#ifndef LODGE_SELFTESTS_CHILD_H
#define LODGE_SELFTESTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct child - a program
 * @pid: its process, which leads a process group (with a terminal: a session)
 * @in: write end of its standard input, or -1; the terminal's other side, if it has one
 * @out: what comes from its standard output; the same as @in with a terminal
 * @err: what comes from its standard error
 * @text: what came out, a string
 * @len: bytes of it
 * @error: what came out of standard error
 * @error_len: bytes of it
 */
struct child {
	pid_t pid;
	int in;
	int out;
	int err;
	char *text;
	size_t len;
	char *error;
	size_t error_len;
};

/* The next program starts with this signal ignored, as nohup has it */
extern int child_ignores;

/* All of them end the test when something that is not under test fails */
void child_start(struct child *c, char * const argv[]);
/* vmctl with these words, blanks between them */
void child_start_vmctl(struct child *c, const char *words);
void child_start_on_terminal(struct child *c, char * const argv[]);
void child_write(struct child *c, const void *bytes, size_t len);
void child_close_input(struct child *c);

/* Reads what is there, for @ms at most, until standard output has these words; true if it has */
bool child_expect(struct child *c, const char *words, int ms);

/*
 * Reads to the end and waits for the end; the status as a shell has it, or -1 after @ms, when it is
 * killed.  Frees what child_start() took but @text and @error.
 */
int child_end(struct child *c, int ms);

/* What a child said; if it is otherwise, they tell */
bool text_has(const char *text, const char *words);
bool text_is(const char *text, const char *words);

#endif /* LODGE_SELFTESTS_CHILD_H */
