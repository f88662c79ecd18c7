// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink operations on what is inside a guest: its serial line's input, its memory,
 * its registers.
 */
#include <linux/err.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "control.h"
#include "job.h"
#include "netlink.h"
#include "vm.h"

/* ---- console ------------------------------------------------------------- */

struct written {
	u32 vm;
	u32 bytes;
};

static int fill_written(struct sk_buff *skb, const void *what)
{
	const struct written *w = what;

	if (nla_put_u32(skb, LODGE_A_CONSOLE_VM, w->vm) ||
	    nla_put_u32(skb, LODGE_A_CONSOLE_WRITTEN, w->bytes))
		return -EMSGSIZE;
	return 0;
}

static int type(struct lodge_vm *vm, struct genl_info *info)
{
	struct nlattr *data = info->attrs[LODGE_A_CONSOLE_DATA];
	int n;

	if (!vm->machine) {
		GENL_SET_ERR_MSG(info, "the VM has no serial port");
		return -ENODEV;
	}
	n = lodge_console_type(&vm->machine->serial, data ? nla_data(data) : NULL,
			       data ? nla_len(data) : 0, info->attrs[LODGE_A_CONSOLE_BREAK]);
	if (n == -EBUSY)
		GENL_SET_ERR_MSG(info, "the VM's own process has the input of its console");
	else if (n == -EAGAIN)
		GENL_SET_ERR_MSG(info, "the guest does not read its serial port");
	return n;
}

int lodge_netlink_console_write(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *number = info->attrs[LODGE_A_CONSOLE_VM];
	struct lodge_record *record = lodge_netlink_find(skb, number, info->extack);
	struct written w;
	struct lodge_vm *vm;
	int err = 0;

	if (IS_ERR(record))
		return PTR_ERR(record);
	/* a break is for emergencies, and does not mind who types */
	if (!info->attrs[LODGE_A_CONSOLE_BREAK])
		err = lodge_registry_claim(record, genl_info_net(info), info->snd_portid);
	lodge_registry_put(record);
	if (err == -EBUSY)
		NL_SET_ERR_MSG_ATTR(info->extack, number, "another has the input of the console");
	if (err)
		return err;
	vm = lodge_netlink_find_vm(skb, info, number, &w.vm);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = type(vm, info);
	lodge_vm_put_later(vm);
	if (err < 0)
		return err;
	w.bytes = err;
	return lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_written, &w);
}

/* ---- memory -------------------------------------------------------------- */

/**
 * struct piece - a slot, or part of the memory
 * @vm: number
 * @address: guest-physical
 * @len: bytes
 * @data: they, or NULL for a slot and for zeroes
 * @read_only: of a slot
 */
struct piece {
	u32 vm;
	u64 address;
	u64 len;
	const void *data;
	bool read_only;
};

static int fill_memory(struct sk_buff *skb, const void *what)
{
	const struct piece *p = what;

	if (nla_put_u32(skb, LODGE_A_MEMORY_VM, p->vm) ||
	    nla_put_u64_64bit(skb, LODGE_A_MEMORY_ADDRESS, p->address, LODGE_A_MEMORY_PAD) ||
	    nla_put_u64_64bit(skb, LODGE_A_MEMORY_LENGTH, p->len, LODGE_A_MEMORY_PAD))
		return -EMSGSIZE;
	if (p->data)
		return nla_put(skb, LODGE_A_MEMORY_DATA, p->len, p->data);
	return p->read_only ? nla_put_flag(skb, LODGE_A_MEMORY_READ_ONLY) : 0;
}

/**
 * struct reading - the owner's memory may be where it takes its time to come from
 * @job: reads it
 * @vm: whose, with a reference
 * @address: guest-physical
 * @len: bytes
 * @data: they
 */
struct reading {
	struct lodge_job job;
	struct lodge_vm *vm;
	u64 address;
	u64 len;
	u8 data[];
};

static int run_reading(struct lodge_job *job)
{
	struct reading *r = container_of(job, struct reading, job);

	return lodge_mem_peek(&r->vm->mem, r->address, r->data, r->len);
}

static void free_reading(struct lodge_job *job)
{
	struct reading *r = container_of(job, struct reading, job);

	lodge_vm_put_later(r->vm);
	kvfree(r);
}

static int refuse_reading(struct genl_info *info, int err)
{
	switch (err) {
	case LODGE_MEM_MMIO:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[LODGE_A_MEMORY_ADDRESS],
				    "there is no memory");
		return -EFAULT;
	case -ETIMEDOUT:
		GENL_SET_ERR_MSG(info, "the memory of the VM's process does not come");
		break;
	case -EBUSY:
		GENL_SET_ERR_MSG(info, "another request to the VM has not come to its end");
		break;
	}
	return err;
}

static int read_memory(struct lodge_vm *vm, struct genl_info *info, struct piece *p)
{
	struct reading *r = lodge_alloc_large(struct_size(r, data, p->len), GFP_KERNEL);
	int err;

	if (!r)
		return -ENOMEM;
	lodge_vm_get(vm);
	r->job = (struct lodge_job){ .run = run_reading, .free = free_reading, .mortal = true };
	r->vm = vm;
	r->address = p->address;
	r->len = p->len;
	err = lodge_job_do(&r->job, vm->record);
	if (!err) {
		/* most of an idle guest's memory is zeroes, which need no room */
		if (memchr_inv(r->data, 0, r->len))
			p->data = r->data;
		err = lodge_netlink_reply(info, (p->data ? p->len : 0) + GENLMSG_DEFAULT_SIZE,
					  fill_memory, p);
	} else {
		err = refuse_reading(info, err);
	}
	lodge_job_put(&r->job);
	return err;
}

int lodge_netlink_memory_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *address = info->attrs[LODGE_A_MEMORY_ADDRESS];
	struct nlattr *len = info->attrs[LODGE_A_MEMORY_LENGTH];
	struct piece p = { .data = NULL };
	struct lodge_vm *vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_MEMORY_VM],
						    &p.vm);
	int err = -EINVAL;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	if (!address || !len) {
		GENL_SET_ERR_MSG(info, "the address or the length is missing");
	} else {
		p.address = nla_get_u64(address);
		p.len = nla_get_u64(len);
		err = -ERANGE;
		if (!p.len || p.len > LODGE_MEMORY_GET_MAX)
			NL_SET_ERR_MSG_ATTR(info->extack, len, "the length is out of range");
		else
			err = read_memory(vm, info, &p);
	}
	lodge_vm_put_later(vm);
	return err;
}

int lodge_netlink_memory_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lodge_dump *d = (struct lodge_dump *)cb->ctx;
	struct lodge_vm *vm = lodge_netlink_dump_vm(cb);
	struct piece p = { .vm = d->vm };

	if (!vm)
		return skb->len;
	while (lodge_mem_slot(&vm->mem, d->next, &p.address, &p.len, &p.read_only) &&
	       !lodge_netlink_add(skb, cb, LODGE_CMD_MEMORY_GET, fill_memory, &p))
		d->next++;
	lodge_vm_put_later(vm);
	return skb->len;
}

/* ---- registers ----------------------------------------------------------- */

struct regs_view {
	u32 vm;
	u32 id;
	struct lodge_regs regs;
	struct lodge_sregs sregs;
};

static int fill_regs(struct sk_buff *skb, const void *what)
{
	const struct regs_view *v = what;

	if (nla_put_u32(skb, LODGE_A_REGS_VM, v->vm) || nla_put_u32(skb, LODGE_A_REGS_ID, v->id) ||
	    nla_put(skb, LODGE_A_REGS_GENERAL, sizeof(v->regs), &v->regs) ||
	    nla_put(skb, LODGE_A_REGS_SYSTEM, sizeof(v->sregs), &v->sregs))
		return -EMSGSIZE;
	return 0;
}

static int look(struct lodge_vm *vm, struct genl_info *info, struct regs_view *v)
{
	struct nlattr *id = info->attrs[LODGE_A_REGS_ID];
	int err;

	if (!id) {
		GENL_SET_ERR_MSG(info, "the number of a vCPU is missing");
		return -EINVAL;
	}
	v->id = nla_get_u32(id);
	err = lodge_control_regs(vm, v->id, &v->regs, &v->sregs);
	if (err == -EBUSY)
		GENL_SET_ERR_MSG(info, "the VM is not paused");
	else if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, id, "the VM has no such vCPU");
	else if (err == -EAGAIN)
		NL_SET_ERR_MSG_ATTR(info->extack, id, "the vCPU does not wait yet");
	return err;
}

int lodge_netlink_regs_get(struct sk_buff *skb, struct genl_info *info)
{
	struct regs_view v = { };
	struct lodge_vm *vm = lodge_netlink_find_vm(skb, info, info->attrs[LODGE_A_REGS_VM], &v.vm);
	int err;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	err = look(vm, info, &v);
	lodge_vm_put_later(vm);
	return err ? err : lodge_netlink_reply(info, GENLMSG_DEFAULT_SIZE, fill_regs, &v);
}
