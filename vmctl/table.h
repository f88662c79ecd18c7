/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - rows of cells: aligned below a line of names for people, with tabs and
 * without that line for programs
 */
#ifndef VMCTL_TABLE_H
#define VMCTL_TABLE_H

#include <stdbool.h>

#define TABLE_MAX_COLUMNS	16

/**
 * struct table - a table being filled; zeroed but for the first two members
 * @names: of the columns, ended by NULL; one that starts with '>' stands to the right
 * @people: standard output is a terminal
 * @cells: all of them, row by row
 * @nr: how many
 */
struct table {
	const char * const *names;
	bool people;
	char **cells;
	unsigned int nr;
};

/* With @names; asks whether standard output is a terminal */
void table_init(struct table *t, const char * const *names);

/* The next cell, left to right; a tab or newline in it becomes a space */
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes it to standard output and frees all */
void table_print(struct table *t);

#endif /* VMCTL_TABLE_H */
