/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads JSON (RFC 8259): is it such, and what does a path in it say?
 */
#ifndef LODGE_SELFTESTS_JSON_READ_H
#define LODGE_SELFTESTS_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

/* One value, and nothing but space behind it */
bool json_valid(const char *text);

/*
 * The value at a path as "vms.0.name", as it stands there, strings without their quotes; NULL if
 * there is none.  In a static buffer.
 */
const char *json_at(const char *text, const char *path);

#endif /* LODGE_SELFTESTS_JSON_READ_H */
