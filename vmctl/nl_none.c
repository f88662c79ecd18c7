// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the place of nl.c where libnl is not there to build with.
 */
#include <errno.h>
#include <stddef.h>

#include "nl.h"

const char *nl_error(void)
{
	return "this vmctl was built without libnl-3 and libnl-genl-3, and cannot do that";
}

int nl_vms(struct nl_vm **list, unsigned int *n)
{
	*list = NULL;
	*n = 0;
	return -EOPNOTSUPP;
}

int nl_vm(uint32_t number, struct nl_vm *vm)
{
	(void)number;
	(void)vm;
	return -EOPNOTSUPP;
}

int nl_act(uint32_t number, enum lodge_action action)
{
	(void)number;
	(void)action;
	return -EOPNOTSUPP;
}

int nl_rename(uint32_t number, const char *name)
{
	(void)number;
	(void)name;
	return -EOPNOTSUPP;
}

int nl_limit(uint32_t number, uint32_t percent)
{
	(void)number;
	(void)percent;
	return -EOPNOTSUPP;
}

int nl_delete(uint32_t number)
{
	(void)number;
	return -EOPNOTSUPP;
}

int nl_vcpus(uint32_t number, struct nl_vcpu **list, unsigned int *n)
{
	(void)number;
	*list = NULL;
	*n = 0;
	return -EOPNOTSUPP;
}

int nl_stats(uint32_t number, uint64_t *values)
{
	(void)number;
	(void)values;
	return -EOPNOTSUPP;
}

int nl_console(uint32_t number, unsigned int which, bool again, uint32_t *position, char *buf,
	       unsigned int *len)
{
	(void)number;
	(void)which;
	(void)again;
	(void)position;
	(void)buf;
	*len = 0;
	return -EOPNOTSUPP;
}

int nl_listen(uint32_t groups)
{
	(void)groups;
	return -EOPNOTSUPP;
}

int nl_next_event(struct nl_event *event, int ms)
{
	(void)event;
	(void)ms;
	return -EOPNOTSUPP;
}

int nl_vcpu_stats(uint32_t number, struct nl_counters **list, unsigned int *n)
{
	(void)number;
	*list = NULL;
	*n = 0;
	return -EOPNOTSUPP;
}

int nl_type(uint32_t number, const void *data, unsigned int len, bool with_break,
	    unsigned int *taken)
{
	(void)number;
	(void)data;
	(void)len;
	(void)with_break;
	*taken = 0;
	return -EOPNOTSUPP;
}

int nl_slots(uint32_t number, struct nl_slot **list, unsigned int *n)
{
	(void)number;
	*list = NULL;
	*n = 0;
	return -EOPNOTSUPP;
}

int nl_memory(uint32_t number, uint64_t address, void *buf, unsigned int len)
{
	(void)number;
	(void)address;
	(void)buf;
	(void)len;
	return -EOPNOTSUPP;
}

int nl_regs(uint32_t number, uint32_t id, struct lodge_regs *regs, struct lodge_sregs *sregs)
{
	(void)number;
	(void)id;
	(void)regs;
	(void)sregs;
	return -EOPNOTSUPP;
}

int nl_balloon(uint32_t number, struct nl_balloon *balloon)
{
	(void)number;
	(void)balloon;
	return -EOPNOTSUPP;
}

int nl_balloon_set(uint32_t number, uint64_t target)
{
	(void)number;
	(void)target;
	return -EOPNOTSUPP;
}

int nl_devices(uint32_t number, struct nl_device **list, unsigned int *n)
{
	(void)number;
	*list = NULL;
	*n = 0;
	return -EOPNOTSUPP;
}

int nl_device_set(uint32_t number, uint32_t slot, int attr, uint64_t value)
{
	(void)number;
	(void)slot;
	(void)attr;
	(void)value;
	return -EOPNOTSUPP;
}

int nl_device_new(uint32_t number, const struct lodge_add_device *device, uint32_t *slot)
{
	(void)number;
	(void)device;
	(void)slot;
	return -EOPNOTSUPP;
}

int nl_device_delete(uint32_t number, uint32_t slot, bool force)
{
	(void)number;
	(void)slot;
	(void)force;
	return -EOPNOTSUPP;
}
