/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON, indented.  The key is NULL inside an array and for the outermost
 * value.  Nothing to free; errors show in ferror() of the stream.
 */
#ifndef VMCTL_JSON_H
#define VMCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_MAX_DEPTH	32

/**
 * struct json - a document being written
 * @f: where to
 * @depth: open objects and arrays
 * @arrays: bit n set: what is open at depth n is an array
 * @filled: bit n set: it has a member already
 * @compact: all on one line; json_init() leaves it off
 */
struct json {
	FILE *f;
	unsigned int depth;
	uint32_t arrays;
	uint32_t filled;
	bool compact;
};

void json_init(struct json *j, FILE *f);
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);

/* Closes the innermost object or array; a newline follows the outermost */
void json_end(struct json *j);

/* @value NULL gives null.  Bytes that are not UTF-8 become U+FFFD */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* A string "0x...": JSON's numbers do not hold 64 bits in every reader */
void json_hex(struct json *j, const char *key, uint64_t value);

#endif /* VMCTL_JSON_H */
