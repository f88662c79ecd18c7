/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - a VM's virtio devices, as users name and see them
 */
#ifndef VMCTL_DEVICE_H
#define VMCTL_DEVICE_H

#include <stdbool.h>
#include <stdio.h>

#include "json.h"
#include "nl.h"

#define DEVICE_NAME	32

/* Counters of a device are the attributes from LODGE_A_DEVICE_IN on */
#define DEVICE_COUNTS	(LODGE_A_DEVICE_INTERRUPTS - LODGE_A_DEVICE_IN + 1)

/* "disk0": the first of its kind; @d is one of the @list */
const char *device_name(const struct nl_device *d, const struct nl_device *list, char *name);

/* "in_bytes", of the @i-th counter */
const char *device_count(unsigned int i);

/* As an object of JSON */
void device_json(struct json *j, const struct nl_device *d, const struct nl_device *list);

#endif /* VMCTL_DEVICE_H */
