/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink.h - the generic netlink family, and what its parts share
 */
#ifndef LODGE_NETLINK_H
#define LODGE_NETLINK_H

#include <linux/bits.h>
#include <linux/lodge_netlink.h>
#include <linux/types.h>

#include "registry.h"

struct genl_family;
struct genl_info;
struct netlink_callback;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;

/**
 * struct lodge_dump - what a dump remembers between its messages, in netlink_callback.ctx
 * @uid: as in struct lodge_caller
 * @vm: number of the VM, of dumps that are of one
 * @next: where to go on
 */
struct lodge_dump {
	kuid_t uid;
	u32 vm;
	u32 next;
};

/* Characters of a name */
#define LODGE_NETLINK_NAME	(LODGE_NAME_LEN - 1)

/* A bit for each group of events */
#define LODGE_NETLINK_GROUPS	(BIT(LODGE_EVENT_GROUP_NR) - 1)

extern struct genl_family lodge_netlink_family;

int lodge_netlink_init(void);
void lodge_netlink_exit(void);

int lodge_netlink_event_init(void);
void lodge_netlink_event_exit(void);
void lodge_netlink_event(const struct lodge_record *record, enum lodge_event_kind kind,
			 u32 slot);

void lodge_netlink_caller(struct sk_buff *skb, struct lodge_caller *who);
struct lodge_record *lodge_netlink_find(struct sk_buff *skb, struct nlattr *attr,
					struct netlink_ext_ack *extack);
struct lodge_vm *lodge_netlink_find_vm(struct sk_buff *skb, struct genl_info *info,
				       struct nlattr *attr, u32 *number);
int lodge_netlink_dump_start(struct netlink_callback *cb);
int lodge_netlink_dump_start_vm(struct netlink_callback *cb);
void lodge_netlink_dump_caller(struct netlink_callback *cb, struct lodge_caller *who);
struct lodge_vm *lodge_netlink_dump_vm(struct netlink_callback *cb);

typedef int (*lodge_netlink_fill)(struct sk_buff *skb, const void *what);
int lodge_netlink_reply(struct genl_info *info, size_t room, lodge_netlink_fill fill,
			const void *what);
int lodge_netlink_add(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      lodge_netlink_fill fill, const void *what);

int lodge_netlink_vm_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_vm_dump(struct sk_buff *skb, struct netlink_callback *cb);
int lodge_netlink_vm_set(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_vm_new(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_vm_delete(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_console_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_vcpu_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_vcpu_dump(struct sk_buff *skb, struct netlink_callback *cb);
int lodge_netlink_stats_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_stats_dump(struct sk_buff *skb, struct netlink_callback *cb);
int lodge_netlink_balloon_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_balloon_set(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_device_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_device_dump(struct sk_buff *skb, struct netlink_callback *cb);
int lodge_netlink_device_set(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_device_new(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_device_delete(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_caps_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_console_write(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_memory_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_memory_dump(struct sk_buff *skb, struct netlink_callback *cb);
int lodge_netlink_regs_get(struct sk_buff *skb, struct genl_info *info);
int lodge_netlink_event_listen(struct sk_buff *skb, struct genl_info *info);

#endif /* LODGE_NETLINK_H */
