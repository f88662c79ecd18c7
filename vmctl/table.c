// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"

void table_init(struct table *t, const char * const *names)
{
	*t = (struct table){ .names = names, .people = isatty(STDOUT_FILENO) };
}

static void out_of_memory(void)
{
	fputs("vmctl: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

void table_cell(struct table *t, const char *format, ...)
{
	char *text, *p, **more = realloc(t->cells, (t->nr + 1) * sizeof(*more));
	va_list ap;

	if (!more)
		out_of_memory();
	t->cells = more;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		out_of_memory();
	va_end(ap);
	for (p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = ' ';
	t->cells[t->nr++] = text;
}

static unsigned int columns(const struct table *t)
{
	unsigned int n = 0;

	while (t->names[n])
		n++;
	return n;
}

static const char *name_of(const struct table *t, unsigned int column)
{
	return t->names[column] + (t->names[column][0] == '>');
}

static void put(const struct table *t, unsigned int column, unsigned int nr, const int *width,
		const char *text)
{
	bool last = column + 1 == nr;

	if (!t->people)
		printf("%s%c", text, last ? '\n' : '\t');
	else if (t->names[column][0] == '>')
		printf("%*s%s", width[column], text, last ? "\n" : "  ");
	else if (last)
		printf("%s\n", text);
	else
		printf("%-*s  ", width[column], text);
}

void table_print(struct table *t)
{
	int width[TABLE_MAX_COLUMNS] = { 0 };
	unsigned int i, n = columns(t);

	for (i = 0; i < n; i++)
		width[i] = strlen(name_of(t, i));
	for (i = 0; i < t->nr; i++)
		if ((int)strlen(t->cells[i]) > width[i % n])
			width[i % n] = strlen(t->cells[i]);
	for (i = 0; i < n && t->people && t->nr; i++)
		put(t, i, n, width, name_of(t, i));
	for (i = 0; i < t->nr; i++) {
		put(t, i % n, n, width, t->cells[i]);
		free(t->cells[i]);
	}
	free(t->cells);
	t->cells = NULL;
	t->nr = 0;
}
