/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lodge.ko as user space sees it: /sys/module/lodge and /dev/lodge.
 */
#ifndef VMCTL_MODULE_H
#define VMCTL_MODULE_H

#include <linux/lodge.h>

#include "host.h"

#define MODULE_DEVICE	"/dev/lodge"

/**
 * struct module - the module and its device
 * @loaded: /sys/module/lodge exists
 * @version: it says, or empty
 * @present: the device node exists
 * @usable: the caller may open it; detail or reason in words
 * @answers: LODGE_GET_INFO and LODGE_GET_CAPS worked, @info and @caps are valid
 * @why: if not, why
 * @info: what the module offers
 * @caps: what the processor offers
 */
struct module {
	bool loaded;
	char version[32];
	bool present;
	struct fact usable;
	bool answers;
	char why[120];
	struct lodge_info info;
	struct lodge_caps caps;
};

void module_read(struct module *m, const char *root);

#endif /* VMCTL_MODULE_H */
