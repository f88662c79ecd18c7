// SPDX-License-Identifier: GPL-2.0-only
/* A reader of JSON, as strict as RFC 8259 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

#define MAX_DEPTH	32

static const char *skip_value(const char *p, int depth);

static const char *skip_space(const char *p)
{
	while (p && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* All of these return where the thing ends, or NULL if it is none */
static const char *skip_string(const char *p)
{
	int i;

	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p++ != '\\')
			continue;
		if (*p == 'u') {
			for (i = 1; i <= 4; i++)
				if (!isxdigit((unsigned char)p[i]))
					return NULL;
			p += 4;
		} else if (!*p || !strchr("\"\\/bfnrt", *p)) {
			return NULL;
		}
		p++;
	}
	return p + 1;
}

static const char *skip_digits(const char *p)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

static const char *skip_number(const char *p)
{
	if (*p == '-')
		p++;
	p = *p == '0' ? p + 1 : skip_digits(p);
	if (p && *p == '.')
		p = skip_digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = skip_digits(p + (*p == '+' || *p == '-'));
	}
	return p;
}

/* "key": */
static const char *skip_key(const char *p)
{
	p = skip_space(skip_string(p));
	return p && *p == ':' ? skip_space(p + 1) : NULL;
}

static const char *skip_list(const char *p, bool object, int depth)
{
	char end = object ? '}' : ']';

	p = skip_space(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		if (object)
			p = skip_key(p);
		p = p ? skip_space(skip_value(p, depth)) : NULL;
		if (!p || (*p != ',' && *p != end))
			return NULL;
		if (*p == end)
			return p + 1;
		p = skip_space(p + 1);
	}
}

static const char *skip_value(const char *p, int depth)
{
	static const char * const words[] = { "true", "false", "null" };
	unsigned int i;

	if (depth > MAX_DEPTH)
		return NULL;
	if (*p == '{' || *p == '[')
		return skip_list(p, *p == '{', depth + 1);
	if (*p == '"')
		return skip_string(p);
	for (i = 0; i < 3; i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	return skip_number(p);
}

bool json_valid(const char *text)
{
	const char *end = skip_space(skip_value(skip_space(text), 0));

	return end && !*end;
}

/* The member or element that the beginning of a path names, of a list that is valid */
static const char *enter(const char *p, const char *path, size_t len)
{
	bool object = *p == '{';
	long left = strtol(path, NULL, 10);
	const char *key;

	if (!object && *p != '[')
		return NULL;
	p = skip_space(p + 1);
	while (*p != '}' && *p != ']') {
		key = p;
		if (object) {
			p = skip_key(p);
			if (skip_string(key) == key + len + 2 && !strncmp(key + 1, path, len))
				return p;
		} else if (!left--) {
			return p;
		}
		p = skip_space(skip_value(p, 0));
		if (*p == ',')
			p = skip_space(p + 1);
	}
	return NULL;
}

const char *json_at(const char *text, const char *path)
{
	static char value[256];
	const char *p = skip_space(text), *end;
	size_t len;

	if (!json_valid(text))
		return NULL;
	while (p && *path) {
		len = strcspn(path, ".");
		p = enter(p, path, len);
		path += len + (path[len] == '.');
	}
	end = p ? skip_value(p, 0) : NULL;
	if (!end)
		return NULL;
	if (*p == '"') {
		p++;
		end--;
	}
	snprintf(value, sizeof(value), "%.*s", (int)(end - p), p);
	return value;
}
