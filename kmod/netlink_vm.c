// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on VMs: get, dump, set, delete, new; console; capabilities.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "chardev.h"
#include "compat.h"
#include "control.h"
#include "main.h"
#include "netlink.h"
#include "vm.h"
#include "vmx/caps.h"

/* ---- get and dump -------------------------------------------------------- */

static int fill_vm(struct sk_buff *skb, const void *what)
{
	const struct lodge_record_view *v = what;

	if (nla_put_u32(skb, LODGE_A_VM_NUMBER, v->number) ||
	    nla_put_string(skb, LODGE_A_VM_NAME, v->name) ||
	    nla_put_u32(skb, LODGE_A_VM_STATE, v->state) ||
	    nla_put_u32(skb, LODGE_A_VM_UID, from_kuid_munged(current_user_ns(), v->uid)) ||
	    nla_put_u32(skb, LODGE_A_VM_PID, v->pid) ||
	    nla_put_u32(skb, LODGE_A_VM_VCPUS, v->vcpus) ||
	    nla_put_u64_64bit(skb, LODGE_A_VM_MEMORY, v->memory, LODGE_A_VM_PAD) ||
	    nla_put_u64_64bit(skb, LODGE_A_VM_CREATED, v->created, LODGE_A_VM_PAD))
		return -EMSGSIZE;
	if (v->percent && nla_put_u32(skb, LODGE_A_VM_CPU_LIMIT, v->percent))
		return -EMSGSIZE;
	if (v->state != LODGE_STATE_ENDED)
		return 0;
	if (nla_put_u32(skb, LODGE_A_VM_REASON, v->reason) ||
	    nla_put_u32(skb, LODGE_A_VM_STATUS, v->status) ||
	    nla_put_u64_64bit(skb, LODGE_A_VM_ENDED, v->ended, LODGE_A_VM_PAD))
		return -EMSGSIZE;
	return v->restarts ? nla_put_flag(skb, LODGE_A_VM_RESTARTS) : 0;
}

int lodge_netlink_vm_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *filter = info->attrs[LODGE_A_VM_NAME] ?: info->attrs[LODGE_A_VM_STATE];
	struct lodge_record_view view;
	struct lodge_record *record;

	if (filter) {
		NL_SET_ERR_MSG_ATTR(info->extack, filter, "only a dump is filtered");
		return -EINVAL;
	}
	record = lodge_netlink_find(skb, info->attrs[LODGE_A_VM_NUMBER], info->extack);
	if (IS_ERR(record))
		return PTR_ERR(record);
	lodge_registry_look(record, &view);
	lodge_registry_put(record);
	return lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_vm, &view);
}

static bool wanted(const struct lodge_record_view *v, struct nlattr **attrs)
{
	struct nlattr *name = attrs[LODGE_A_VM_NAME], *state = attrs[LODGE_A_VM_STATE];

	if (name && nla_strcmp(name, v->name))
		return false;
	return !state || nla_get_u32(state) == v->state;
}

int lodge_netlink_vm_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attrs = compat_genl_dump_attrs(cb);
	struct lodge_dump *dump = (struct lodge_dump *)cb->ctx;
	struct lodge_record *record;
	struct lodge_record_view view;
	struct lodge_caller who;

	lodge_netlink_dump_caller(cb, &who);
	cb->seq = lodge_registry_generation();
	while ((record = lodge_registry_next(&who, &dump->next))) {
		lodge_registry_look(record, &view);
		lodge_registry_put(record);
		if (wanted(&view, attrs) &&
		    lodge_netlink_add(skb, cb, LODGE_CMD_VM_GET, fill_vm, &view))
			break;
		dump->next++;
	}
	return skb->len;
}

/* ---- set and delete ------------------------------------------------------ */

static int stop(struct lodge_vm *vm, struct netlink_ext_ack *extack)
{
	int err = lodge_control_stop(vm);

	if (err == -ENODEV)
		NL_SET_ERR_MSG(extack, "the VM has no power button");
	else if (err)
		NL_SET_ERR_MSG(extack, "the VM is paused");
	return err;
}

static int act(struct lodge_vm *vm, u32 action, struct netlink_ext_ack *extack)
{
	int err = 0;

	switch (action) {
	case LODGE_ACTION_PAUSE:
		err = lodge_control_pause(vm);
		if (err == -EALREADY)
			NL_SET_ERR_MSG(extack, "the VM is paused already");
		else if (err == -ETIMEDOUT)
			NL_SET_ERR_MSG(extack, "the VM's process does not stop vhost-vsock");
		else if (err == -EBUSY)
			NL_SET_ERR_MSG(extack, "another request pauses the VM, or has it go on");
		break;
	case LODGE_ACTION_RESUME:
		err = lodge_control_resume(vm);
		if (err == -EALREADY)
			NL_SET_ERR_MSG(extack, "the VM is not paused");
		else if (err == -EBUSY)
			NL_SET_ERR_MSG(extack, "another request pauses the VM, or has it go on");
		break;
	case LODGE_ACTION_STOP:
		return stop(vm, extack);
	case LODGE_ACTION_RESET:
		lodge_control_reset(vm);
		break;
	case LODGE_ACTION_KILL:
		lodge_control_kill(vm);
		break;
	case LODGE_ACTION_NMI:
		err = lodge_control_nmi(vm);
		if (err)
			NL_SET_ERR_MSG(extack, "the VM has no processor");
		break;
	}
	return err;
}

/* Return: 0 or -EINVAL */
static int get_name(struct genl_info *info, char *name)
{
	struct nlattr *attr = info->attrs[LODGE_A_VM_NAME];

	memset(name, 0, LODGE_NAME_LEN);
	if (attr)
		nla_strscpy(name, attr, LODGE_NAME_LEN);
	if (lodge_vm_name_valid(name))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "a name has printable characters, and no slash");
	return -EINVAL;
}

/* What it is called, how much it may have, what it does, in this order */
static int set(struct lodge_vm *vm, struct genl_info *info)
{
	struct nlattr *action = info->attrs[LODGE_A_VM_ACTION];
	struct nlattr *limit = info->attrs[LODGE_A_VM_CPU_LIMIT];
	struct nlattr *name = info->attrs[LODGE_A_VM_NAME];
	char text[LODGE_NAME_LEN];
	int err;

	if (!action && !limit && !name) {
		GENL_SET_ERR_MSG(info, "there is nothing to do: no action, name or limit is there");
		return -EINVAL;
	}
	err = get_name(info, text);
	if (err)
		return err;
	if (name)
		lodge_registry_rename(vm, text);
	if (limit)
		lodge_registry_limit(vm, nla_get_u32(limit));
	return action ? act(vm, nla_get_u32(action), info->extack) : 0;
}

int lodge_netlink_vm_set(struct sk_buff *skb, struct genl_info *info)
{
	u32 number;
	struct lodge_vm *vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_VM_NUMBER],
						    &number);
	int err;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = set(vm, info);
	lodge_vm_put_later(vm);
	return err;
}

int lodge_netlink_vm_delete(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *number = info->attrs[LODGE_A_VM_NUMBER];
	struct lodge_record *record = lodge_netlink_find(skb, number, info->extack);
	int err;

	if (IS_ERR(record))
		return PTR_ERR(record);
	err = lodge_registry_delete(record);
	lodge_registry_put(record);
	if (err == -EBUSY)
		NL_SET_ERR_MSG_ATTR(info->extack, number, "the VM has not ended");
	return err;
}

/* ---- new ----------------------------------------------------------------- */

/**
 * struct made - a VM that has just been made
 * @view: what others see of it
 * @fd: its descriptor
 */
struct made {
	struct lodge_record_view view;
	int fd;
};

static int fill_made(struct sk_buff *skb, const void *what)
{
	const struct made *m = what;
	int err = fill_vm(skb, &m->view);

	return err ? err : nla_put_s32(skb, LODGE_A_VM_FD, m->fd);
}

/* The VM is to be seen by the socket that it was made by: user and namespaces are the process's */
static int check_sender(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_caller who;

	lodge_netlink_caller(skb, &who);
	if (!uid_valid(who.uid)) {
		GENL_SET_ERR_MSG(info, "the socket is another user's");
		return -EPERM;
	}
	if (who.net != current->nsproxy->net_ns) {
		GENL_SET_ERR_MSG(info, "the socket is of another network namespace");
		return -EPERM;
	}
	return 0;
}

static int get_arg(struct genl_info *info, struct lodge_create_vm *arg)
{
	struct nlattr *flags = info->attrs[LODGE_A_VM_FLAGS];
	struct nlattr *khz = info->attrs[LODGE_A_VM_TSC_KHZ];

	*arg = (struct lodge_create_vm){
		.size = sizeof(*arg),
		.flags = flags ? nla_get_u32(flags) : 0,
		.tsc_khz = khz ? nla_get_u32(khz) : 0,
	};
	if (lodge_vm_flags_valid(arg->flags))
		return get_name(info, arg->name);
	NL_SET_ERR_MSG_ATTR(info->extack, flags,
			    "a machine halts in the kernel, and a PCI bus is a machine's");
	return -EINVAL;
}

/* /dev/lodge, open in the calling process: who has that may make VMs.  It also keeps the module */
static struct file *get_chardev(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[LODGE_A_VM_DEVICE];
	struct file *file;
	int err;

	if (!attr) {
		GENL_SET_ERR_MSG(info, "the descriptor of /dev/lodge is missing");
		return ERR_PTR(-EINVAL);
	}
	file = fget(nla_get_s32(attr));
	if (!file) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "the descriptor is not open");
		return ERR_PTR(-EBADF);
	}
	err = lodge_chardev_may_create(file);
	if (!err)
		return file;
	fput(file);
	if (err == -ENOTTY)
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "the descriptor is not of /dev/lodge");
	else
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "a security module does not allow it");
	return ERR_PTR(err);
}

/* Return: @err */
static int refuse_new(struct genl_info *info, int err)
{
	struct nlattr *khz = info->attrs[LODGE_A_VM_TSC_KHZ];

	switch (err) {
	case -EUSERS:
		GENL_SET_ERR_MSG(info, "the user has as many VMs as he may have");
		break;
	case -EMFILE:
		GENL_SET_ERR_MSG(info, "the process has as many descriptors as it may have");
		break;
	case -ENFILE:
		GENL_SET_ERR_MSG(info, "the host has as many open files as it may have");
		break;
	case -EOPNOTSUPP:
		NL_SET_ERR_MSG_ATTR(info->extack, khz,
				    "the processor cannot scale the time-stamp counter");
		break;
	case -EINVAL:
		NL_SET_ERR_MSG_ATTR(info->extack, khz,
				    "the frequency is too far from the host's");
		break;
	}
	return err;
}

static int make(struct genl_info *info, const struct lodge_create_vm *arg)
{
	struct nlattr *limit = info->attrs[LODGE_A_VM_CPU_LIMIT];
	struct lodge_vm *vm;
	struct file *file;
	struct made made;
	int err;

	made.fd = lodge_chardev_create_vm(arg, &file);
	if (made.fd < 0)
		return refuse_new(info, made.fd);
	vm = file->private_data;
	if (limit)
		lodge_registry_limit(vm, nla_get_u32(limit));
	lodge_registry_look(vm->record, &made.view);
	err = lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_made, &made);
	/* a descriptor that is open cannot be taken back, so this comes after all that can fail */
	if (!err) {
		fd_install(made.fd, file);
		return 0;
	}
	put_unused_fd(made.fd);
	fput(file);
	return err;
}

int lodge_netlink_vm_new(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_create_vm arg;
	struct file *device;
	int err;

	err = check_sender(skb, info);
	if (!err)
		err = get_arg(info, &arg);
	if (err)
		return err;
	device = get_chardev(info);
	if (IS_ERR(device))
		return PTR_ERR(device);
	err = make(info, &arg);
	fput(device);
	return err;
}

/* ---- console ------------------------------------------------------------- */

/**
 * struct piece - part of a console's output
 * @vm: number
 * @which: LODGE_CONSOLE_*
 * @end: bytes ever written, modulo 2^32
 * @data: the last of them
 * @len: how many
 */
struct piece {
	u32 vm;
	u32 which;
	u32 end;
	const u8 *data;
	u32 len;
};

static int fill_console(struct sk_buff *skb, const void *what)
{
	const struct piece *p = what;

	if (nla_put_u32(skb, LODGE_A_CONSOLE_VM, p->vm) ||
	    nla_put_u32(skb, LODGE_A_CONSOLE_WHICH, p->which) ||
	    nla_put_u32(skb, LODGE_A_CONSOLE_POSITION, p->end) ||
	    nla_put(skb, LODGE_A_CONSOLE_DATA, p->len, p->data))
		return -EMSGSIZE;
	return 0;
}

/* Who has read up to a place gets what came after it, if it is still there */
static void skip_read(struct piece *p, u32 from)
{
	u32 fresh = p->end - from;

	if (fresh < p->len) {
		p->data += p->len - fresh;
		p->len = fresh;
	}
}

int lodge_netlink_console_get(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_record *record = lodge_netlink_find(skb, info->attrs[LODGE_A_CONSOLE_VM],
							 info->extack);
	struct nlattr *which = info->attrs[LODGE_A_CONSOLE_WHICH];
	struct nlattr *from = info->attrs[LODGE_A_CONSOLE_POSITION];
	struct piece p;
	u8 *buf;
	int err;

	if (IS_ERR(record))
		return PTR_ERR(record);
	buf = lodge_alloc_large(LODGE_CONSOLE_OUT_SIZE, GFP_KERNEL);
	if (!buf) {
		lodge_registry_put(record);
		return -ENOMEM;
	}
	p = (struct piece){
		.vm = record->number, .which = which ? nla_get_u32(which) : LODGE_CONSOLE_SERIAL,
		.data = buf,
	};
	p.len = lodge_registry_console(record, p.which, buf, &p.end);
	lodge_registry_put(record);
	if (from)
		skip_read(&p, nla_get_u32(from));
	err = lodge_netlink_reply(info, p.len + GENLMSG_DEFAULT_SIZE, fill_console, &p);
	kvfree(buf);
	return err;
}

/* ---- capabilities -------------------------------------------------------- */

static int fill_caps(struct sk_buff *skb, const void *what)
{
	const struct lodge_caps *caps = what;
	u32 vms, kept;

	lodge_registry_limits(&vms, &kept);
	if (nla_put_string(skb, LODGE_A_CAPS_VERSION, LODGE_VERSION) ||
	    nla_put_u32(skb, LODGE_A_CAPS_API_VERSION, LODGE_API_VERSION) ||
	    nla_put_u32(skb, LODGE_A_CAPS_MAX_VCPUS, LODGE_MAX_VCPUS) ||
	    nla_put_u32(skb, LODGE_A_CAPS_MAX_SLOTS, LODGE_MEM_MAX_SLOTS) ||
	    nla_put_u32(skb, LODGE_A_CAPS_PHYS_BITS, vmx_caps.phys_bits) ||
	    nla_put_u32(skb, LODGE_A_CAPS_VMS_PER_USER, vms) ||
	    nla_put_u32(skb, LODGE_A_CAPS_RECORDS_PER_USER, kept) ||
	    nla_put_u64_64bit(skb, LODGE_A_CAPS_DEFENCES, caps->defences, LODGE_A_CAPS_PAD))
		return -EMSGSIZE;
	return 0;
}

int lodge_netlink_caps_get(struct sk_buff *skb, struct genl_info *info)
{
	struct lodge_caps caps = { .size = sizeof(caps) };

	vmx_caps_describe(&caps);
	return lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_caps, &caps);
}
