/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nl_put.h - the attributes of requests about devices, for nl.c
 */
#ifndef VMCTL_NL_PUT_H
#define VMCTL_NL_PUT_H

#include <linux/lodge.h>
#include <stdbool.h>
#include <stdint.h>

struct nl_msg;

/* One of LODGE_A_DEVICE_* that can be asked for; a flag has no @value; false: no room */
bool nl_put_setting(struct nl_msg *msg, int attr, uint64_t value);
/* What LODGE_CMD_DEVICE_NEW takes but for the VM; likewise */
bool nl_put_device(struct nl_msg *msg, const struct lodge_add_device *d);

#endif /* VMCTL_NL_PUT_H */
