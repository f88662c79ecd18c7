// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small JSON writer (RFC 8259).
 */
#include <assert.h>
#include <inttypes.h>

#include "json.h"

/*
 * Length of the UTF-8 sequence at @s, 0 if it is not one (RFC 3629: no overlong
 * forms, no surrogates, nothing beyond U+10FFFF).
 */
static unsigned int utf8_len(const unsigned char *s)
{
	unsigned int n, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_ascii(FILE *f, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		fputc('\\', f);
		fputc(c, f);
		break;
	case '\n':
		fputs("\\n", f);
		break;
	case '\t':
		fputs("\\t", f);
		break;
	case '\r':
		fputs("\\r", f);
		break;
	default:
		if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
}

static void put_string(FILE *f, const char *string)
{
	const unsigned char *s = (const unsigned char *)string;

	fputc('"', f);
	while (*s) {
		unsigned int n = utf8_len(s);

		if (n == 1)
			put_ascii(f, *s);
		else if (n)
			fwrite(s, 1, n, f);
		else
			fputs("\\ufffd", f);
		s += n ? n : 1;
	}
	fputc('"', f);
}

static void indent(struct json *j)
{
	if (!j->compact)
		fprintf(j->f, "\n%*s", (int)j->depth * 2, "");
}

/* Comma, line break and key: all that comes before a value */
static void begin_value(struct json *j, const char *key)
{
	bool in_object = j->depth && !(j->arrays & 1u << j->depth);

	assert(in_object == !!key);
	if (j->filled & 1u << j->depth)
		fputc(',', j->f);
	j->filled |= 1u << j->depth;
	if (j->depth)
		indent(j);
	if (key) {
		put_string(j->f, key);
		fputs(": ", j->f);
	}
}

static void open_value(struct json *j, const char *key, bool array)
{
	begin_value(j, key);
	fputc(array ? '[' : '{', j->f);
	j->depth++;
	assert(j->depth < JSON_MAX_DEPTH);
	j->filled &= ~(1u << j->depth);
	if (array)
		j->arrays |= 1u << j->depth;
	else
		j->arrays &= ~(1u << j->depth);
}

void json_init(struct json *j, FILE *f)
{
	*j = (struct json){ .f = f };
}

void json_object(struct json *j, const char *key)
{
	open_value(j, key, false);
}

void json_array(struct json *j, const char *key)
{
	open_value(j, key, true);
}

void json_end(struct json *j)
{
	bool array = j->arrays & 1u << j->depth;
	bool filled = j->filled & 1u << j->depth;

	assert(j->depth);
	j->depth--;
	if (filled)
		indent(j);
	fputc(array ? ']' : '}', j->f);
	if (!j->depth)
		fputc('\n', j->f);
}

void json_string(struct json *j, const char *key, const char *value)
{
	if (!value) {
		json_null(j, key);
		return;
	}
	begin_value(j, key);
	put_string(j->f, value);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	fprintf(j->f, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", j->f);
}

void json_null(struct json *j, const char *key)
{
	begin_value(j, key);
	fputs("null", j->f);
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	fprintf(j->f, "\"0x%" PRIx64 "\"", value);
}
