/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device.h - a VM's virtio devices, as users name and see them
 */
#ifndef VMCTL_DEVICE_H
#define VMCTL_DEVICE_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd.h"
#include "json.h"
#include "nl.h"

#define DEVICE_NAME	32

/* Counters of a device are the attributes from LODGE_A_DEVICE_IN on */
#define DEVICE_COUNTS	(LODGE_A_DEVICE_INTERRUPTS - LODGE_A_DEVICE_IN + 1)

/**
 * struct device_target - what a verb is about
 * @vm: the VM
 * @d: the device; LODGE_A_DEVICE_SLOT is its number
 */
struct device_target {
	struct nl_vm vm;
	struct nl_device d;
};

/*
 * The device that the first two words of the command line name; @kind 0: any.  0, or an exit status
 * after having told the user, as device_list().
 */
int device_find(const struct cmd_args *args, unsigned int kind, struct device_target *t);

/* Those of a VM that has not ended; the caller frees @list */
int device_list(const struct nl_vm *vm, struct nl_device **list, unsigned int *n);

/* "disk0": the first of its kind; @d is one of the @list */
const char *device_name(const struct nl_device *d, const struct nl_device *list, char *name);

/* "in_bytes", of the @i-th counter */
const char *device_count(unsigned int i);

/* As an object of JSON */
void device_json(struct json *j, const struct nl_device *d, const struct nl_device *list);

/* The one with a number, on standard output: its name, or all of it with -j; an exit status */
int device_print(const struct cmd_args *args, const struct nl_vm *vm, uint32_t slot);

#endif /* VMCTL_DEVICE_H */
