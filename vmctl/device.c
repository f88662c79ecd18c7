// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verb devices, and those that change a device: resize, link, limit.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "device.h"
#include "rate.h"
#include "size.h"
#include "table.h"

#define NR(list)	(sizeof(list) / sizeof(*(list)))

/* ---- names --------------------------------------------------------------- */

static const char *kind_of(const struct nl_device *d)
{
	static const char * const kinds[] = {
		[LODGE_DEVICE_NET] = "net",
		[LODGE_DEVICE_BLOCK] = "disk",
		[LODGE_DEVICE_CONSOLE] = "console",
		[LODGE_DEVICE_RNG] = "rng",
		[LODGE_DEVICE_BALLOON] = "balloon",
		[LODGE_DEVICE_VSOCK] = "vsock",
	};
	uint64_t kind = d->value[LODGE_A_DEVICE_KIND];

	return kind < NR(kinds) && kinds[kind] ? kinds[kind] : "virtio";
}

/**
 * device_name - what a device is called
 * @d: one of the @list
 * @list: a VM's devices
 * @name: filled in, DEVICE_NAME bytes
 *
 * Return: @name.
 */
const char *device_name(const struct nl_device *d, const struct nl_device *list, char *name)
{
	const struct nl_device *other;
	unsigned int index = 0;

	for (other = list; other < d; other++)
		index += other->value[LODGE_A_DEVICE_KIND] == d->value[LODGE_A_DEVICE_KIND];
	snprintf(name, DEVICE_NAME, "%s%u", kind_of(d), index);
	return name;
}

/**
 * device_count - what a counter is called
 * @i: below DEVICE_COUNTS
 *
 * Return: its key.
 */
const char *device_count(unsigned int i)
{
	static const char * const names[DEVICE_COUNTS] = {
		"in", "in_bytes", "out", "out_bytes", "other", "errors", "kicks", "interrupts",
	};

	return names[i];
}

static const char *state_of(const struct nl_device *d)
{
	uint64_t status = d->value[LODGE_A_DEVICE_STATUS];

	if (status & VIRTIO_CONFIG_S_FAILED)
		return "failed";
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return "broken";
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		return "running";
	return status ? "starting" : "unused";
}

/* By name, PCI number, path or tap, the path's last part, or serial number; NULL if it is none */
static const struct nl_device *choose(const char *word, const struct nl_device *list,
				      unsigned int n)
{
	const struct nl_device *d;
	const char *base;
	char name[DEVICE_NAME];
	uint64_t slot;

	for (d = list; d < list + n; d++) {
		base = strrchr(d->behind, '/');
		if (!strcmp(word, device_name(d, list, name)) ||
		    (ctl_number(word, &slot) && slot == d->value[LODGE_A_DEVICE_SLOT]))
			return d;
		if (*word && (!strcmp(word, d->behind) || (base && !strcmp(word, base + 1)) ||
			      !strcmp(word, d->serial)))
			return d;
	}
	return NULL;
}

/* ---- devices ------------------------------------------------------------- */

static void text_mac(const struct nl_device *d, char *text, size_t size)
{
	const uint8_t *m = d->mac;

	snprintf(text, size, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const char *text_link(const struct nl_device *d)
{
	return d->value[LODGE_A_DEVICE_LINK] ? "up" : "down";
}

static void json_kind(struct json *j, const struct nl_device *d)
{
	char mac[18];

	if (d->has[LODGE_A_DEVICE_SIZE]) {
		json_number(j, "size", d->value[LODGE_A_DEVICE_SIZE]);
		json_bool(j, "read_only", d->has[LODGE_A_DEVICE_READ_ONLY]);
		json_string(j, "serial", d->serial);
	}
	if (d->has[LODGE_A_DEVICE_MAC]) {
		text_mac(d, mac, sizeof(mac));
		json_string(j, "mac", mac);
		json_string(j, "link", text_link(d));
	}
	if (d->has[LODGE_A_DEVICE_MTU])
		json_number(j, "mtu", d->value[LODGE_A_DEVICE_MTU]);
	if (!d->has[LODGE_A_DEVICE_MAX_BYTES])
		return;
	json_number(j, "max_requests", d->value[LODGE_A_DEVICE_MAX_REQUESTS]);
	json_number(j, "max_bytes", d->value[LODGE_A_DEVICE_MAX_BYTES]);
}

/**
 * device_json - a device as an object
 * @j: in an array, or at the beginning
 * @d: one of the @list
 * @list: a VM's devices
 */
void device_json(struct json *j, const struct nl_device *d, const struct nl_device *list)
{
	char name[DEVICE_NAME];
	unsigned int i;

	json_object(j, NULL);
	json_string(j, "name", device_name(d, list, name));
	json_string(j, "kind", kind_of(d));
	json_number(j, "slot", d->value[LODGE_A_DEVICE_SLOT]);
	json_string(j, "state", state_of(d));
	json_string(j, "behind", d->has[LODGE_A_DEVICE_NAME] ? d->behind : NULL);
	json_number(j, "queues", d->value[LODGE_A_DEVICE_QUEUES]);
	json_number(j, "queues_enabled", d->value[LODGE_A_DEVICE_ENABLED]);
	json_hex(j, "features_offered", d->value[LODGE_A_DEVICE_OFFERED]);
	json_hex(j, "features", d->value[LODGE_A_DEVICE_ACCEPTED]);
	for (i = 0; i < DEVICE_COUNTS; i++)
		json_number(j, device_count(i), d->value[LODGE_A_DEVICE_IN + i]);
	json_kind(j, d);
	json_end(j);
}

static void print_json(const struct nl_vm *vm, const struct nl_device *list, unsigned int n)
{
	struct json j;
	unsigned int i;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_number(&j, "number", vm->number);
	json_string(&j, "name", vm->name);
	json_array(&j, "devices");
	for (i = 0; i < n; i++)
		device_json(&j, &list[i], list);
	json_end(&j);
	json_end(&j);
}

/* "4G ro" or "up 52:54:..., 10M/s" */
static void text_more(const struct nl_device *d, char *text, size_t size)
{
	uint64_t bytes = d->value[LODGE_A_DEVICE_MAX_BYTES];
	uint64_t requests = d->value[LODGE_A_DEVICE_MAX_REQUESTS];
	char part[32];
	size_t n = 0;

	text[0] = 0;
	if (d->has[LODGE_A_DEVICE_SIZE])
		n = snprintf(text, size, "%s%s", ctl_size(d->value[LODGE_A_DEVICE_SIZE], part,
							  sizeof(part)),
			     d->has[LODGE_A_DEVICE_READ_ONLY] ? " ro" : "");
	if (d->has[LODGE_A_DEVICE_MAC]) {
		text_mac(d, part, sizeof(part));
		n = snprintf(text, size, "%s %s", text_link(d), part);
	}
	if (bytes)
		n += snprintf(text + n, size - n, ", %s/s", ctl_size(bytes, part, sizeof(part)));
	if (requests)
		snprintf(text + n, size - n, ", %llu requests/s", (unsigned long long)requests);
}

static void row_for_people(struct table *t, const struct nl_device *d,
			   const struct nl_device *list)
{
	char name[DEVICE_NAME], text[128];

	table_cell(t, "%s", device_name(d, list, name));
	table_cell(t, "%llu", (unsigned long long)d->value[LODGE_A_DEVICE_SLOT]);
	table_cell(t, "%s", state_of(d));
	table_cell(t, "%s", ctl_size(d->value[LODGE_A_DEVICE_IN_BYTES], text, sizeof(text)));
	table_cell(t, "%s", ctl_size(d->value[LODGE_A_DEVICE_OUT_BYTES], text, sizeof(text)));
	table_cell(t, "%llu", (unsigned long long)d->value[LODGE_A_DEVICE_ERRORS]);
	text_more(d, text, sizeof(text));
	table_cell(t, "%s", *text ? text : "-");
	table_cell(t, "%s", *d->behind ? d->behind : "-");
}

/* Their order is part of the interface: new ones come behind; vmctl.8 documents them */
static void row_for_programs(struct table *t, const struct nl_device *d,
			     const struct nl_device *list)
{
	char name[DEVICE_NAME];
	unsigned int i;

	table_cell(t, "%s", device_name(d, list, name));
	table_cell(t, "%llu", (unsigned long long)d->value[LODGE_A_DEVICE_SLOT]);
	table_cell(t, "%s", state_of(d));
	table_cell(t, "%s", *d->behind ? d->behind : "-");
	for (i = 0; i < DEVICE_COUNTS; i++)
		table_cell(t, "%llu", (unsigned long long)d->value[LODGE_A_DEVICE_IN + i]);
	if (d->has[LODGE_A_DEVICE_SIZE])
		table_cell(t, "%llu", (unsigned long long)d->value[LODGE_A_DEVICE_SIZE]);
	else
		table_cell(t, "%s", d->has[LODGE_A_DEVICE_MAC] ? text_link(d) : "-");
}

static void print_table(const struct nl_device *list, unsigned int n)
{
	static const char * const people[] = {
		"NAME", ">SLOT", "STATE", ">IN", ">OUT", ">ERRORS", "WHAT", "BEHIND", NULL
	};
	static const char * const programs[] = {
		"name", "slot", "state", "behind", "in", "in_bytes", "out", "out_bytes", "other",
		"errors", "kicks", "interrupts", "what", NULL
	};
	struct table t;
	unsigned int i;

	table_init(&t, programs);
	if (t.people)
		t.names = people;
	for (i = 0; i < n; i++)
		if (t.people)
			row_for_people(&t, &list[i], list);
		else
			row_for_programs(&t, &list[i], list);
	table_print(&t);
}

int device_list(const struct nl_vm *vm, struct nl_device **list, unsigned int *n)
{
	int error;

	*list = NULL;
	if (vm->state == LODGE_STATE_ENDED)
		return cmd_error(CMD_NO_VM, "%s: the VM has ended", vm->name);
	error = nl_devices(vm->number, list, n);
	return error ? ctl_fail(error, vm->name) : CMD_OK;
}

static int devices_one(const struct cmd_args *args, const struct nl_vm *vm)
{
	struct nl_device *list;
	unsigned int n;
	int status = device_list(vm, &list, &n);

	if (status)
		return status;
	if (args->json)
		print_json(vm, list, n);
	else
		print_table(list, n);
	free(list);
	return CMD_OK;
}

int cmd_devices(const struct cmd_args *args)
{
	return ctl_each(args, devices_one);
}

/* ---- changes ------------------------------------------------------------- */

int device_find(const struct cmd_args *args, unsigned int kind, struct device_target *t)
{
	const struct nl_device *d;
	struct nl_device *list;
	unsigned int n;
	int status;

	if (args->argc < 2)
		return cmd_error(CMD_USAGE, "%s which device of which VM? See vmctl devices",
				 args->cmd->name);
	status = ctl_find(args->argv[0], &t->vm);
	if (!status)
		status = device_list(&t->vm, &list, &n);
	if (status)
		return status;
	d = choose(args->argv[1], list, n);
	if (!d)
		status = cmd_error(CMD_FAILED, "%s has no device %s: see vmctl devices", t->vm.name,
				   args->argv[1]);
	else if (kind && d->value[LODGE_A_DEVICE_KIND] != kind)
		status = cmd_error(CMD_FAILED, "%s of %s is no %s", args->argv[1], t->vm.name,
				   kind == LODGE_DEVICE_NET ? "network device" : "disk");
	else
		t->d = *d;
	free(list);
	return status;
}

static int set(const struct device_target *t, int attr, uint64_t value)
{
	int error = nl_device_set(t->vm.number, t->d.value[LODGE_A_DEVICE_SLOT], attr, value);

	return error ? ctl_fail(error, t->vm.name) : CMD_OK;
}

int device_print(const struct cmd_args *args, const struct nl_vm *vm, uint32_t slot)
{
	struct nl_device *list;
	char name[DEVICE_NAME];
	struct json j;
	unsigned int i, n;
	int status = device_list(vm, &list, &n);

	if (status)
		return status;
	for (i = 0; i < n && list[i].value[LODGE_A_DEVICE_SLOT] != slot; i++)
		;
	if (i < n && args->json) {
		json_init(&j, stdout);
		device_json(&j, &list[i], list);
	} else if (i < n) {
		puts(device_name(&list[i], list, name));
	}
	free(list);
	return CMD_OK;
}

/* What has become of it, if that was asked for */
static int finish(const struct cmd_args *args, const struct device_target *t)
{
	return args->json ? device_print(args, &t->vm, t->d.value[LODGE_A_DEVICE_SLOT]) : CMD_OK;
}

int cmd_resize(const struct cmd_args *args)
{
	const char *word = args->argc > 2 ? args->argv[2] : NULL;
	uint64_t size = word ? size_parse(word) : 0;
	struct device_target t;
	int status;

	if (word && !size)
		return cmd_error(CMD_USAGE, "resize takes a size as 4G, not \"%s\"", word);
	status = device_find(args, LODGE_DEVICE_BLOCK, &t);
	if (status)
		return status;
	if (word && size < t.d.value[LODGE_A_DEVICE_SIZE] && !ctl_option(args, CTL_SHRINK))
		return cmd_error(CMD_USAGE, "the disk is larger: with --shrink what lies beyond %s is lost",
				 word);
	status = word ? set(&t, LODGE_A_DEVICE_SIZE, size) : set(&t, LODGE_A_DEVICE_RESCAN, 1);
	return status ? status : finish(args, &t);
}

int cmd_link(const struct cmd_args *args)
{
	const char *word = args->argc > 2 ? args->argv[2] : "";
	struct device_target t;
	int status;

	if (strcmp(word, "up") && strcmp(word, "down"))
		return cmd_error(CMD_USAGE, "link takes a VM, a network device, and up or down");
	status = device_find(args, LODGE_DEVICE_NET, &t);
	if (!status)
		status = set(&t, LODGE_A_DEVICE_LINK, !strcmp(word, "up"));
	return status ? status : finish(args, &t);
}

/* "50%", "50", "none"; false if it is none of these */
static bool percent_of(const char *word, uint32_t *percent)
{
	unsigned long n;
	char *end;

	*percent = 0;
	if (!strcmp(word, "none"))
		return true;
	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	n = strtoul(word, &end, 10);
	if (errno || n > UINT32_MAX || (*end && strcmp(end, "%")))
		return false;
	*percent = n;
	return true;
}

static int limit_cpu(const struct cmd_args *args, const char *word)
{
	uint32_t percent;
	struct nl_vm vm;
	struct json j;
	int error, status;

	if (!percent_of(word, &percent) || ctl_option(args, CTL_BPS) || ctl_option(args, CTL_IOPS))
		return cmd_error(CMD_USAGE, "limit VM cpu=PERCENT takes a percentage, as 50%%, or \"none\"");
	status = ctl_find(args->argv[0], &vm);
	if (status)
		return status;
	error = nl_limit(vm.number, percent);
	if (error)
		return ctl_fail(error, vm.name);
	if (args->json) {
		json_init(&j, stdout);
		json_object(&j, NULL);
		json_number(&j, "number", vm.number);
		json_string(&j, "name", vm.name);
		json_number(&j, "cpu_limit", percent);
		json_end(&j);
	}
	return CMD_OK;
}

int cmd_limit(const struct cmd_args *args)
{
	static const struct {
		int id;
		int attr;
	} limits[] = {
		{ CTL_BPS, LODGE_A_DEVICE_MAX_BYTES }, { CTL_IOPS, LODGE_A_DEVICE_MAX_REQUESTS },
	};
	const char *word[NR(limits)];
	uint64_t rate[NR(limits)];
	struct device_target t;
	unsigned int i;
	int status;

	if (args->argc == 2 && !strncmp(args->argv[1], "cpu=", 4))
		return limit_cpu(args, args->argv[1] + 4);
	for (i = 0; i < NR(limits); i++) {
		word[i] = ctl_option(args, limits[i].id);
		if (word[i] && !rate_parse(word[i], limits[i].id == CTL_BPS, &rate[i]))
			return cmd_error(CMD_USAGE, "limit takes --bps SIZE, as 10M, and --iops N; or \"none\", not \"%s\"",
					 word[i]);
	}
	if (!word[0] && !word[1])
		return cmd_error(CMD_USAGE, "limit to what? See vmctl help limit");
	status = device_find(args, 0, &t);
	for (i = 0; i < NR(limits) && !status; i++)
		if (word[i])
			status = set(&t, limits[i].attr, rate[i]);
	return status ? status : finish(args, &t);
}
