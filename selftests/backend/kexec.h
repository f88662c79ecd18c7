/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KEXEC_H
#define KEXEC_H

#include <stdbool.h>

int kexec_prepare(const char *vmlinux, const char *module, bool on_crash);

#endif /* KEXEC_H */
