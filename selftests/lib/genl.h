/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink to the letter, for tests that send what no library would.
 */
#ifndef LODGE_SELFTESTS_GENL_H
#define LODGE_SELFTESTS_GENL_H

#include <linux/genetlink.h>
#include <linux/lodge_netlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#define GENL_MAX	8192		/* bytes of a request */
#define GENL_ATTRS	96

/**
 * struct genl - a socket, and what came of the last request
 * @fd: the socket
 * @family: ID of the family "lodge"
 * @group: of its events, by enum lodge_event_group
 * @seq: of the last request
 * @room: the request being made; with @len bytes
 * @len: likewise
 * @text: the kernel's sentence, or ""
 * @bad: type of the attribute that the kernel finds fault with, 0 for none
 * @interrupted: a dump was inconsistent
 */
struct genl {
	int fd;
	int family;
	int group[LODGE_EVENT_GROUP_NR];
	uint32_t seq;
	char room[GENL_MAX] __attribute__((aligned(8)));
	unsigned int len;
	char text[128];
	int bad;
	bool interrupted;
};

/**
 * struct genl_answer - the attributes of a message
 * @cmd: LODGE_CMD_*
 * @attr: by type, NULL if it is not there
 */
struct genl_answer {
	int cmd;
	const struct nlattr *attr[GENL_ATTRS];
};

typedef void (*genl_take)(const struct genl_answer *answer, void *arg);

void genl_open(struct genl *g);
void genl_close(struct genl *g);

void genl_begin(struct genl *g, int cmd, int flags);
void genl_put(struct genl *g, int type, const void *data, unsigned int len);
void genl_put_u32(struct genl *g, int type, uint32_t value);

/* Sends what was made; 0 or a negative errno.  @take, or NULL, gets what comes back */
int genl_send(struct genl *g, genl_take take, void *arg);

/* LODGE_CMD_VM_SET with an action; 0 or a negative error code */
int genl_act(struct genl *g, uint32_t number, enum lodge_action action);

/* Joins a group of events; 0 or a negative errno */
int genl_join(struct genl *g, enum lodge_event_group group);

/* The next event within @ms; false if there is none */
bool genl_event(struct genl *g, int ms, struct genl_answer *answer);

/* The number of the only VM there is, or of the last */
uint32_t genl_last_vm(struct genl *g);

/* What is nested in an attribute */
void genl_nested(const struct nlattr *attr, struct genl_answer *inside);

uint32_t genl_u32(const struct genl_answer *answer, int type);
uint64_t genl_u64(const struct genl_answer *answer, int type);

#endif /* LODGE_SELFTESTS_GENL_H */
