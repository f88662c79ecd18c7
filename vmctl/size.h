/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMCTL_SIZE_H
#define VMCTL_SIZE_H

#include <stdint.h>

#define SIZE_MAX_MEMORY	(1ULL << 46)

uint64_t size_parse(const char *s);

#endif /* VMCTL_SIZE_H */
