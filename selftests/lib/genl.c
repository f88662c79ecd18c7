// SPDX-License-Identifier: GPL-2.0-only
/* Generic netlink for tests */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "genl.h"
#include "ktap.h"

#define HEADERS	(NLMSG_HDRLEN + GENL_HDRLEN)

static char buf[65536] __attribute__((aligned(8)));

static const void *data_of(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}

static void parse(const char *p, int len, struct genl_answer *answer)
{
	const struct nlattr *a;

	for (; len >= NLA_HDRLEN; p += NLA_ALIGN(a->nla_len), len -= NLA_ALIGN(a->nla_len)) {
		a = (const struct nlattr *)p;
		ASSERT_GE(a->nla_len, NLA_HDRLEN);
		ASSERT_LE(a->nla_len, len);
		if ((a->nla_type & NLA_TYPE_MASK) < GENL_ATTRS)
			answer->attr[a->nla_type & NLA_TYPE_MASK] = a;
	}
}

static void parse_message(const struct nlmsghdr *h, struct genl_answer *answer)
{
	const struct genlmsghdr *g = NLMSG_DATA(h);

	memset(answer, 0, sizeof(*answer));
	ASSERT_GE(h->nlmsg_len, HEADERS);
	answer->cmd = g->cmd;
	parse((const char *)h + HEADERS, h->nlmsg_len - HEADERS, answer);
}

void genl_nested(const struct nlattr *attr, struct genl_answer *inside)
{
	ASSERT_TRUE(attr);
	memset(inside, 0, sizeof(*inside));
	parse(data_of(attr), attr->nla_len - NLA_HDRLEN, inside);
}

uint32_t genl_u32(const struct genl_answer *answer, int type)
{
	uint32_t value;

	ASSERT_TRUE(answer->attr[type]);
	ASSERT_EQ(answer->attr[type]->nla_len, NLA_HDRLEN + sizeof(value));
	memcpy(&value, data_of(answer->attr[type]), sizeof(value));
	return value;
}

uint64_t genl_u64(const struct genl_answer *answer, int type)
{
	uint64_t value;

	ASSERT_TRUE(answer->attr[type]);
	ASSERT_EQ(answer->attr[type]->nla_len, NLA_HDRLEN + sizeof(value));
	memcpy(&value, data_of(answer->attr[type]), sizeof(value));
	return value;
}

/* ---- requests ------------------------------------------------------------ */

void genl_begin(struct genl *g, int cmd, int flags)
{
	struct nlmsghdr *h = (struct nlmsghdr *)g->room;
	struct genlmsghdr *gh = NLMSG_DATA(h);

	memset(g->room, 0, HEADERS);
	h->nlmsg_type = g->family;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++g->seq;
	gh->cmd = cmd;
	gh->version = LODGE_FAMILY_VERSION;
	g->len = HEADERS;
}

void genl_put(struct genl *g, int type, const void *data, unsigned int len)
{
	struct nlattr *a = (struct nlattr *)(g->room + g->len);

	ASSERT_LE(g->len + NLA_HDRLEN + NLA_ALIGN(len), sizeof(g->room));
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy(a + 1, data, len);
	g->len += NLA_HDRLEN + NLA_ALIGN(len);
}

void genl_put_u32(struct genl *g, int type, uint32_t value)
{
	genl_put(g, type, &value, sizeof(value));
}

/* The attribute at this offset of the request */
static int type_at(const struct genl *g, unsigned int offset)
{
	if (offset < HEADERS || offset + NLA_HDRLEN > g->len)
		return -1;
	return ((const struct nlattr *)(g->room + offset))->nla_type & NLA_TYPE_MASK;
}

static int take_error(struct genl *g, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	unsigned int skip = NLMSG_HDRLEN + sizeof(*e);
	struct genl_answer tlv = { 0 };
	uint32_t offset;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return e->error;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - NLMSG_HDRLEN;
	parse((const char *)h + skip, h->nlmsg_len - skip, &tlv);
	if (tlv.attr[NLMSGERR_ATTR_MSG])
		snprintf(g->text, sizeof(g->text), "%.*s",
			 tlv.attr[NLMSGERR_ATTR_MSG]->nla_len - NLA_HDRLEN,
			 (const char *)data_of(tlv.attr[NLMSGERR_ATTR_MSG]));
	if (tlv.attr[NLMSGERR_ATTR_OFFS]) {
		memcpy(&offset, data_of(tlv.attr[NLMSGERR_ATTR_OFFS]), sizeof(offset));
		g->bad = type_at(g, offset);
	}
	return e->error;
}

/* One datagram; true if the request is done with, with its error */
static bool receive(struct genl *g, genl_take take, void *arg, int *error)
{
	ssize_t n = recv(g->fd, buf, sizeof(buf), 0);
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	struct genl_answer answer;

	ASSERT_GT(n, 0);
	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != g->seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR && h->nlmsg_type != NLMSG_ERROR)
			g->interrupted = true;
		if (h->nlmsg_type == NLMSG_ERROR) {
			*error = take_error(g, h);
			return true;
		}
		if (h->nlmsg_type == NLMSG_DONE) {
			memcpy(error, NLMSG_DATA(h), sizeof(*error));
			return true;
		}
		parse_message(h, &answer);
		if (take)
			take(&answer, arg);
	}
	return false;
}

int genl_send(struct genl *g, genl_take take, void *arg)
{
	struct nlmsghdr *h = (struct nlmsghdr *)g->room;
	int error = 0;

	g->text[0] = 0;
	g->bad = 0;
	g->interrupted = false;
	h->nlmsg_len = g->len;
	if (!(h->nlmsg_flags & NLM_F_DUMP))
		h->nlmsg_flags |= NLM_F_ACK;
	ASSERT_EQ(send(g->fd, g->room, g->len, 0), (ssize_t)g->len);
	while (!receive(g, take, arg, &error))
		;
	return error;
}

bool genl_event(struct genl *g, int ms, struct genl_answer *answer)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return false;
	n = recv(g->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 || !NLMSG_OK(h, n))
		return false;
	parse_message(h, answer);
	return true;
}

/* ---- the family ---------------------------------------------------------- */

static void take_family(const struct genl_answer *answer, void *arg)
{
	const struct nlattr *groups = answer->attr[CTRL_ATTR_MCAST_GROUPS];
	struct genl_answer list = { 0 }, group;
	struct genl *g = arg;
	uint16_t id;
	int i;

	memcpy(&id, data_of(answer->attr[CTRL_ATTR_FAMILY_ID]), sizeof(id));
	g->family = id;
	ASSERT_TRUE(groups);
	parse(data_of(groups), groups->nla_len - NLA_HDRLEN, &list);
	for (i = 0; i < LODGE_EVENT_GROUP_NR; i++) {
		const struct nlattr *a = list.attr[i + 1];

		ASSERT_TRUE(a);
		memset(&group, 0, sizeof(group));
		parse(data_of(a), a->nla_len - NLA_HDRLEN, &group);
		g->group[i] = genl_u32(&group, CTRL_ATTR_MCAST_GRP_ID);
	}
}

int genl_act(struct genl *g, uint32_t number, enum lodge_action action)
{
	genl_begin(g, LODGE_CMD_VM_SET, 0);
	genl_put_u32(g, LODGE_A_VM_NUMBER, number);
	genl_put_u32(g, LODGE_A_VM_ACTION, action);
	return genl_send(g, NULL, NULL);
}

int genl_join(struct genl *g, enum lodge_event_group group)
{
	return setsockopt(g->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &g->group[group],
			  sizeof(g->group[group])) ? -errno : 0;
}

void genl_open(struct genl *g)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int one = 1;

	memset(g, 0, sizeof(*g));
	g->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	ASSERT_OK(g->fd);
	ASSERT_OK(bind(g->fd, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_OK(setsockopt(g->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)));
	g->family = GENL_ID_CTRL;
	genl_begin(g, CTRL_CMD_GETFAMILY, 0);
	genl_put(g, CTRL_ATTR_FAMILY_NAME, LODGE_FAMILY_NAME, sizeof(LODGE_FAMILY_NAME));
	ASSERT_EQ(genl_send(g, take_family, g), 0);
}

void genl_close(struct genl *g)
{
	close(g->fd);
}

static void take_number(const struct genl_answer *a, void *arg)
{
	*(uint32_t *)arg = genl_u32(a, LODGE_A_VM_NUMBER);
}

uint32_t genl_last_vm(struct genl *g)
{
	uint32_t number = 0;

	genl_begin(g, LODGE_CMD_VM_GET, NLM_F_DUMP);
	EXPECT_EQ(genl_send(g, take_number, &number), 0);
	ASSERT_TRUE(number);
	return number;
}
