// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs attach and detach: devices that come and go while a VM runs.
 *
 * What is behind a device is opened here, with the rights of who calls, and is the module's from
 * then on: it stays open and locked when vmctl ends, until the device is gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "device.h"
#include "disk.h"
#include "net.h"

#define MS		1000000ULL
#define LOOK_MS		50	/* how often it is asked whether the device is gone */
#define WAIT_SECONDS	10

/* ---- attach -------------------------------------------------------------- */

static int add(const struct cmd_args *args, const struct nl_vm *vm,
	       const struct lodge_add_device *d)
{
	uint32_t slot;
	int error = nl_device_new(vm->number, d, &slot);
	unsigned int i;

	close(d->fd);
	/* what is made of 0 is that there is none */
	for (i = 0; i < LODGE_MAX_PAIRS - 1 && d->fds[i]; i++)
		close(d->fds[i]);
	return error ? ctl_fail(error, vm->name) : device_print(args, vm, slot);
}

static int add_disk(const struct cmd_args *args, const struct nl_vm *vm, const char *value)
{
	struct lodge_add_device d = { .id = LODGE_DEVICE_BLOCK };
	struct disk disk;
	int status = disk_parse(&disk, value);

	if (!status)
		status = disk_open(&disk);
	if (status)
		return status;
	d.fd = disk.fd;
	d.queues = disk.queues;
	d.max_requests = disk.limits.requests;
	d.max_bytes = disk.limits.bytes;
	d.flags = disk.readonly ? LODGE_DEVICE_READONLY : 0;
	memcpy(d.serial, disk.serial, sizeof(d.serial));
	return add(args, vm, &d);
}

/* The tap stays while the module has it; what serves a guest's network would end with vmctl */
static int add_net(const struct cmd_args *args, const struct nl_vm *vm, const char *value)
{
	struct lodge_add_device d = { .id = LODGE_DEVICE_NET };
	struct net net;
	int status = net_parse(&net, value);

	if (!status && net.nat)
		status = cmd_error(CMD_USAGE, "attach --net: nat would end with this command: start the VM with --net nat, or attach a tap or bridge whose network the host lets out");
	net.alone = true;
	if (!status)
		status = net_open(&net, false);
	if (status)
		return status;
	d.fd = net.fd[0];
	d.queues = net.queues;
	memcpy(d.fds, net.fd + 1, (net.queues - 1) * sizeof(d.fds[0]));
	d.mtu = net.mtu;
	d.max_requests = net.limits.requests;
	d.max_bytes = net.limits.bytes;
	memcpy(d.mac, net.mac, sizeof(d.mac));
	return add(args, vm, &d);
}

int cmd_attach(const struct cmd_args *args)
{
	const struct cmd_value *v;
	struct nl_vm vm;
	int i, status;

	if (!args->argc || !args->nr_values)
		return cmd_error(CMD_USAGE, "attach which device to which VM? See vmctl help attach");
	status = ctl_find(args->argv[0], &vm);
	for (i = 0; i < args->nr_values && !status; i++) {
		v = &args->values[i];
		status = v->id == CTL_NET ? add_net(args, &vm, v->value) :
			 add_disk(args, &vm, v->value);
	}
	return status;
}

/* ---- detach -------------------------------------------------------------- */

/* 0 while it is there; CMD_NO_VM, not told of, when it is gone, with its VM perhaps */
static int look(const struct device_target *t)
{
	struct nl_device *list;
	unsigned int i, n;
	int error = nl_devices(t->vm.number, &list, &n);
	bool there = false;

	for (i = 0; i < n && !error; i++)
		there |= list[i].value[LODGE_A_DEVICE_SLOT] == t->d.value[LODGE_A_DEVICE_SLOT];
	free(list);
	there |= error && error != -ENOENT && error != -ESRCH;
	return there ? CMD_OK : CMD_NO_VM;
}

static int wait_gone(const struct device_target *t, double seconds, bool force)
{
	const struct timespec moment = { .tv_nsec = LOOK_MS * MS };
	uint64_t end = ctl_now() + seconds * 1e9;

	while (!look(t)) {
		if (ctl_now() < end)
			nanosleep(&moment, NULL);
		else if (force && t->vm.state == LODGE_STATE_PAUSED)
			return cmd_error(CMD_TIMEOUT, "%s: the device goes when the VM is resumed, or with another detach -f",
					 t->vm.name);
		else if (force)
			return cmd_error(CMD_TIMEOUT, "%s: what is under way in the device takes its time",
					 t->vm.name);
		else
			return cmd_error(CMD_TIMEOUT, "%s: the guest has not given the device back yet; -f takes it anyhow",
					 t->vm.name);
	}
	return CMD_OK;
}

int cmd_detach(const struct cmd_args *args)
{
	const char *limit = ctl_option(args, 't');
	double seconds = limit ? ctl_seconds(limit) : WAIT_SECONDS;
	bool force = ctl_option(args, 'f');
	struct device_target t;
	int error, status;

	if (!seconds)
		return cmd_error(CMD_USAGE, "detach --timeout takes seconds, not \"%s\"", limit);
	status = device_find(args, 0, &t);
	if (status)
		return status;
	error = nl_device_delete(t.vm.number, t.d.value[LODGE_A_DEVICE_SLOT], force);
	return error ? ctl_fail(error, t.vm.name) : wait_gone(&t, seconds, force);
}
