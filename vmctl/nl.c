// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's generic netlink family, through libnl; nothing else knows of that.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "nl.h"

#define BUFFER		(64 << 10)
#define DUMP_TRIES	16
#define STILL_TRIES	500	/* times STILL_NS: until a vCPU of a VM that was paused waits */
#define STILL_NS	10000000

/* Each thread's own: a vCPU pauses its VM (--panic) while the first one asks for its number */
static __thread struct nl_sock *sock;
static __thread int family;
static __thread int no_socket;	/* why there is none: a negative errno */
static __thread char sentence[256];
static struct nl_sock *events;

const char *nl_error(void)
{
	return sentence;
}

static int fail(int error, const char *text)
{
	snprintf(sentence, sizeof(sentence), "%s", text);
	return -error;
}

/* ---- the socket ---------------------------------------------------------- */

static struct nl_sock *connect_socket(void)
{
	struct nl_sock *s = nl_socket_alloc();
	int one = 1;

	if (!s)
		return NULL;
	if (genl_connect(s)) {
		nl_socket_free(s);
		return NULL;
	}
	nl_socket_set_msg_buf_size(s, BUFFER);
	/* an answer, as the kernel counts its room, and the one behind it that ends it */
	nl_socket_set_buffer_size(s, 4 * BUFFER, BUFFER);
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	return s;
}

static int open_socket(void)
{
	if (sock)
		return 0;
	sock = connect_socket();
	if (!sock)
		return no_socket = fail(EIO, "cannot open a netlink socket");
	family = genl_ctrl_resolve(sock, LODGE_FAMILY_NAME);
	if (family >= 0)
		return 0;
	nl_socket_free(sock);
	sock = NULL;
	return no_socket = fail(ENODEV,
				"the module lodge is not loaded, or is too old to be asked by netlink");
}

/* ---- requests ------------------------------------------------------------ */

/**
 * struct request - a request under way
 * @take: called for each message that comes back; returns 0 or a negative errno
 * @arg: its argument
 * @left: more is to come
 * @error: 0 or a negative errno
 */
struct request {
	int (*take)(struct nlattr **attrs, void *arg);
	void *arg;
	bool left;
	int error;
};

/* What the kernel says besides the errno */
static void keep_sentence(const struct nlmsgerr *err)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)err - 1;
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1] = { NULL };
	int len = h->nlmsg_len, skip = sizeof(*h) + sizeof(*err);

	snprintf(sentence, sizeof(sentence), "%s", strerror(-err->error));
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	if (skip >= len || nla_parse(tb, NLMSGERR_ATTR_MAX,
				     (struct nlattr *)((char *)h + skip), len - skip, NULL))
		return;
	if (tb[NLMSGERR_ATTR_MSG])
		snprintf(sentence, sizeof(sentence), "%.*s", nla_len(tb[NLMSGERR_ATTR_MSG]),
			 (char *)nla_data(tb[NLMSGERR_ATTR_MSG]));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct request *r = arg;

	(void)from;
	r->left = false;
	r->error = err->error;
	keep_sentence(err);
	return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct request *r = arg;

	(void)msg;
	r->left = false;
	return NL_STOP;
}

#define ATTR_MAX	64

static int on_message(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[ATTR_MAX + 1];
	struct request *r = arg;

	if (!genlmsg_parse(nlmsg_hdr(msg), 0, attrs, ATTR_MAX, NULL) && !r->error)
		r->error = r->take(attrs, r->arg);
	return NL_OK;
}

static int receive(struct request *r)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err = 0;

	if (!cb)
		return fail(ENOMEM, "out of memory");
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, r);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, r);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, r);
	if (r->take)
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, r);
	r->left = true;
	while (r->left && err >= 0)
		err = nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	if (err == -NLE_DUMP_INTR)
		return -EAGAIN;
	if (err < 0 && r->left)
		return fail(EIO, nl_geterror(err));
	return r->error;
}

/* A message for the kernel; @number 0: no attribute 1, which is a VM's number everywhere */
static struct nl_msg *new_message(int cmd, int flags, uint32_t number)
{
	struct nl_msg *msg = open_socket() ? NULL : nlmsg_alloc_size(2 * LODGE_CONSOLE_WRITE_MAX);

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, cmd,
			 LODGE_FAMILY_VERSION) ||
	    (number && nla_put_u32(msg, LODGE_A_VM_NUMBER, number))) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Sends and frees it */
static int send_message(struct nl_msg *msg, struct request *r)
{
	int err;

	if (!msg)
		return sock ? fail(ENOMEM, "out of memory") : no_socket;
	err = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	if (err < 0)
		return fail(EIO, nl_geterror(err));
	return receive(r);
}

static int ask(int cmd, uint32_t number, int (*take)(struct nlattr **attrs, void *arg), void *arg)
{
	struct request r = { .take = take, .arg = arg };

	return send_message(new_message(cmd, NLM_F_ACK, number), &r);
}

/* Sends a message that was built, unless it did not fit */
static int send_built(struct nl_msg *msg, bool fits, struct request *r)
{
	if (fits || !msg)
		return send_message(msg, r);
	nlmsg_free(msg);
	return fail(ENOMEM, "out of memory");
}

static uint32_t get_u32(struct nlattr *a)
{
	return a && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
}

static uint64_t get_u64(struct nlattr *a)
{
	return a && nla_len(a) >= 8 ? nla_get_u64(a) : 0;
}

static void get_name(struct nlattr *a, char *name)
{
	if (a)
		nla_strlcpy(name, a, LODGE_NAME_LEN);
}

/* ---- lists --------------------------------------------------------------- */

typedef void (*list_parse)(struct nlattr **attrs, void *item);

/**
 * struct list - what a dump gives
 * @items: array, or NULL
 * @n: how many
 * @size: bytes of one
 * @parse: fills one
 */
struct list {
	void *items;
	unsigned int n;
	size_t size;
	list_parse parse;
};

static int take_item(struct nlattr **attrs, void *arg)
{
	struct list *l = arg;
	void *more = realloc(l->items, (l->n + 1) * l->size);

	if (!more)
		return fail(ENOMEM, "out of memory");
	l->items = more;
	l->parse(attrs, memset((char *)more + l->n++ * l->size, 0, l->size));
	return 0;
}

/* Again, as long as something changes meanwhile */
static int dump(int cmd, uint32_t number, struct list *l)
{
	int tries, err = 0;

	for (tries = 0; tries < DUMP_TRIES; tries++) {
		struct request r = { .take = take_item, .arg = l };

		l->n = 0;
		err = send_message(new_message(cmd, NLM_F_DUMP, number), &r);
		if (err != -EAGAIN)
			break;
		/* the last try may be what it is */
		err = 0;
	}
	if (err) {
		free(l->items);
		l->items = NULL;
	}
	return err;
}

static void parse_vm(struct nlattr **a, void *item)
{
	struct nl_vm *vm = item;

	*vm = (struct nl_vm){
		.number = get_u32(a[LODGE_A_VM_NUMBER]),
		.state = get_u32(a[LODGE_A_VM_STATE]),
		.reason = get_u32(a[LODGE_A_VM_REASON]),
		.status = get_u32(a[LODGE_A_VM_STATUS]),
		.uid = get_u32(a[LODGE_A_VM_UID]),
		.pid = get_u32(a[LODGE_A_VM_PID]),
		.vcpus = get_u32(a[LODGE_A_VM_VCPUS]),
		.memory = get_u64(a[LODGE_A_VM_MEMORY]),
		.created = get_u64(a[LODGE_A_VM_CREATED]),
		.ended = get_u64(a[LODGE_A_VM_ENDED]),
		.restarts = a[LODGE_A_VM_RESTARTS],
		.cpu_limit = get_u32(a[LODGE_A_VM_CPU_LIMIT]),
	};
	get_name(a[LODGE_A_VM_NAME], vm->name);
}

static void parse_vcpu(struct nlattr **a, void *item)
{
	struct nlattr *affinity = a[LODGE_A_VCPU_AFFINITY];
	struct nl_vcpu *vcpu = item;

	*vcpu = (struct nl_vcpu){
		.id = get_u32(a[LODGE_A_VCPU_ID]),
		.state = get_u32(a[LODGE_A_VCPU_STATE]),
		.cpu = get_u32(a[LODGE_A_VCPU_CPU]),
		.tid = get_u32(a[LODGE_A_VCPU_TID]),
		.exits = get_u64(a[LODGE_A_VCPU_EXITS]),
	};
	if (affinity)
		nla_memcpy(vcpu->affinity, affinity, sizeof(vcpu->affinity));
}

/* The items are the caller's to free, also if there is an error */
static void *get_list(int cmd, uint32_t number, size_t size, list_parse parse, unsigned int *n,
		      int *err)
{
	struct list l = { .size = size, .parse = parse };

	*err = dump(cmd, number, &l);
	*n = *err ? 0 : l.n;
	return l.items;
}

int nl_vms(struct nl_vm **list, unsigned int *n)
{
	int err;

	*list = get_list(LODGE_CMD_VM_GET, 0, sizeof(**list), parse_vm, n, &err);
	return err;
}

static void parse_slot(struct nlattr **a, void *item)
{
	*(struct nl_slot *)item = (struct nl_slot){
		.address = get_u64(a[LODGE_A_MEMORY_ADDRESS]),
		.length = get_u64(a[LODGE_A_MEMORY_LENGTH]),
		.read_only = a[LODGE_A_MEMORY_READ_ONLY],
	};
}

int nl_slots(uint32_t number, struct nl_slot **list, unsigned int *n)
{
	int err;

	*list = get_list(LODGE_CMD_MEMORY_GET, number, sizeof(**list), parse_slot, n, &err);
	return err;
}

int nl_vcpus(uint32_t number, struct nl_vcpu **list, unsigned int *n)
{
	int err;

	*list = get_list(LODGE_CMD_VCPU_GET, number, sizeof(**list), parse_vcpu, n, &err);
	return err;
}

/* ---- one VM -------------------------------------------------------------- */

static int take_vm(struct nlattr **attrs, void *arg)
{
	parse_vm(attrs, arg);
	return 0;
}

int nl_vm(uint32_t number, struct nl_vm *vm)
{
	return ask(LODGE_CMD_VM_GET, number, take_vm, vm);
}

static int set_u32(uint32_t number, int attr, uint32_t value)
{
	struct request r = { .take = NULL };
	struct nl_msg *msg = new_message(LODGE_CMD_VM_SET, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_u32(msg, attr, value), &r);
}

int nl_act(uint32_t number, enum lodge_action action)
{
	return set_u32(number, LODGE_A_VM_ACTION, action);
}

int nl_rename(uint32_t number, const char *name)
{
	struct request r = { .take = NULL };
	struct nl_msg *msg = new_message(LODGE_CMD_VM_SET, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_string(msg, LODGE_A_VM_NAME, name), &r);
}

int nl_limit(uint32_t number, uint32_t percent)
{
	return set_u32(number, LODGE_A_VM_CPU_LIMIT, percent);
}

int nl_delete(uint32_t number)
{
	return ask(LODGE_CMD_VM_DELETE, number, NULL, NULL);
}

static int take_stats(struct nlattr **attrs, void *arg)
{
	struct nlattr *counters[ATTR_MAX + 1];
	uint64_t *values = arg;
	unsigned int i;

	if (!attrs[LODGE_A_STATS_COUNTERS] ||
	    nla_parse_nested(counters, ATTR_MAX, attrs[LODGE_A_STATS_COUNTERS], NULL))
		return fail(EPROTO, "the module's answer has no counters");
	for (i = 0; i < LODGE_NR_STATS; i++)
		values[i] = get_u64(counters[LODGE_A_COUNTER(i)]);
	return 0;
}

static void parse_counters(struct nlattr **a, void *item)
{
	struct nlattr *exit[LODGE_A_EXIT_MAX + 1], *one;
	struct nl_counters *c = item;
	int left;

	c->id = get_u32(a[LODGE_A_STATS_VCPU]);
	take_stats(a, c->value);
	if (!a[LODGE_A_STATS_EXITS])
		return;
	nla_for_each_nested(one, a[LODGE_A_STATS_EXITS], left)
		if (c->nr_exits < NL_EXITS && !nla_parse_nested(exit, LODGE_A_EXIT_MAX, one, NULL))
			c->exit[c->nr_exits++] = (struct nl_exit){
				.reason = get_u32(exit[LODGE_A_EXIT_REASON]),
				.count = get_u64(exit[LODGE_A_EXIT_COUNT]),
				.ticks = get_u64(exit[LODGE_A_EXIT_TICKS]),
			};
}

int nl_vcpu_stats(uint32_t number, struct nl_counters **list, unsigned int *n)
{
	int err;

	*list = get_list(LODGE_CMD_STATS_GET, number, sizeof(**list), parse_counters, n, &err);
	return err;
}

int nl_stats(uint32_t number, uint64_t *values)
{
	_Static_assert(LODGE_A_COUNTER(LODGE_NR_STATS) <= ATTR_MAX, "counters");
	return ask(LODGE_CMD_STATS_GET, number, take_stats, values);
}

/**
 * struct piece - part of a console's output
 * @buf: NL_CONSOLE_MAX bytes
 * @len: how many there are
 * @position: where they end
 */
struct piece {
	char *buf;
	unsigned int len;
	uint32_t position;
};

static int take_console(struct nlattr **attrs, void *arg)
{
	struct nlattr *data = attrs[LODGE_A_CONSOLE_DATA];
	struct piece *p = arg;

	if (!data || nla_len(data) > NL_CONSOLE_MAX)
		return fail(EPROTO, "the module's answer has no console output");
	p->len = nla_len(data);
	memcpy(p->buf, nla_data(data), p->len);
	p->position = get_u32(attrs[LODGE_A_CONSOLE_POSITION]);
	return 0;
}

int nl_console(uint32_t number, unsigned int which, bool again, uint32_t *position, char *buf,
	       unsigned int *len)
{
	struct piece p = { .buf = buf };
	struct request r = { .take = take_console, .arg = &p };
	struct nl_msg *msg = new_message(LODGE_CMD_CONSOLE_GET, NLM_F_ACK, number);
	int err;

	err = send_built(msg, msg && !nla_put_u32(msg, LODGE_A_CONSOLE_WHICH, which) &&
			 (!again || !nla_put_u32(msg, LODGE_A_CONSOLE_POSITION, *position)), &r);
	*len = err ? 0 : p.len;
	if (!err)
		*position = p.position;
	return err;
}

/* ---- inside a VM --------------------------------------------------------- */

static int take_written(struct nlattr **attrs, void *arg)
{
	*(unsigned int *)arg = get_u32(attrs[LODGE_A_CONSOLE_WRITTEN]);
	return 0;
}

int nl_type(uint32_t number, const void *data, unsigned int len, bool with_break,
	    unsigned int *taken)
{
	struct request r = { .take = take_written, .arg = taken };
	struct nl_msg *msg;

	*taken = 0;
	if (len > LODGE_CONSOLE_WRITE_MAX)
		len = LODGE_CONSOLE_WRITE_MAX;
	msg = new_message(LODGE_CMD_CONSOLE_WRITE, NLM_F_ACK, number);
	return send_built(msg, msg && !nla_put(msg, LODGE_A_CONSOLE_DATA, len, data) &&
			  (!with_break || !nla_put_flag(msg, LODGE_A_CONSOLE_BREAK)), &r);
}

/**
 * struct wanted - where the bytes of an attribute go
 * @type: LODGE_A_*
 * @buf: where
 * @len: how many there must be
 */
struct wanted {
	int type;
	void *buf;
	unsigned int len;
};

/* An array of them, ended by one without @buf */
static int take_bytes(struct nlattr **attrs, void *arg)
{
	const struct wanted *w;

	for (w = arg; w->buf; w++) {
		if (!attrs[w->type] || (unsigned int)nla_len(attrs[w->type]) != w->len)
			return fail(EPROTO, "the module's answer is not of this vmctl's version");
		memcpy(w->buf, nla_data(attrs[w->type]), w->len);
	}
	return 0;
}

static int take_memory(struct nlattr **attrs, void *arg)
{
	const struct wanted *w = arg;

	/* zeroes are not sent */
	if (attrs[w->type])
		return take_bytes(attrs, arg);
	memset(w->buf, 0, w->len);
	return 0;
}

int nl_memory(uint32_t number, uint64_t address, void *buf, unsigned int len)
{
	struct wanted wanted[] = { { LODGE_A_MEMORY_DATA, buf, len }, { 0 } };
	struct request r = { .take = take_memory, .arg = wanted };
	struct nl_msg *msg = new_message(LODGE_CMD_MEMORY_GET, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_u64(msg, LODGE_A_MEMORY_ADDRESS, address) &&
			  !nla_put_u64(msg, LODGE_A_MEMORY_LENGTH, len), &r);
}

static int take_balloon(struct nlattr **attrs, void *arg)
{
	struct nl_balloon *b = arg;
	int i;

	for (i = LODGE_A_BALLOON_TARGET; i <= LODGE_A_BALLOON_CACHES; i++) {
		b->has[i] = attrs[i];
		b->value[i] = get_u64(attrs[i]);
	}
	return 0;
}

int nl_balloon(uint32_t number, struct nl_balloon *balloon)
{
	_Static_assert(LODGE_A_BALLOON_MAX <= ATTR_MAX, "attributes");
	return ask(LODGE_CMD_BALLOON_GET, number, take_balloon, balloon);
}

int nl_balloon_set(uint32_t number, uint64_t target)
{
	struct request r = { 0 };
	struct nl_msg *msg = new_message(LODGE_CMD_BALLOON_SET, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_u64(msg, LODGE_A_BALLOON_TARGET, target), &r);
}

static void parse_device(struct nlattr **a, void *item)
{
	struct nl_device *d = item;
	int i;

	for (i = 1; i <= LODGE_A_DEVICE_MAX; i++) {
		d->has[i] = a[i];
		if (a[i])
			d->value[i] = nla_len(a[i]) ? nla_len(a[i]) < 8 ? get_u32(a[i]) :
				      get_u64(a[i]) : 1;
	}
	if (a[LODGE_A_DEVICE_NAME])
		nla_strlcpy(d->behind, a[LODGE_A_DEVICE_NAME], sizeof(d->behind));
	if (a[LODGE_A_DEVICE_SERIAL])
		nla_strlcpy(d->serial, a[LODGE_A_DEVICE_SERIAL], sizeof(d->serial));
	if (a[LODGE_A_DEVICE_MAC])
		nla_memcpy(d->mac, a[LODGE_A_DEVICE_MAC], sizeof(d->mac));
}

int nl_devices(uint32_t number, struct nl_device **list, unsigned int *n)
{
	int err;

	_Static_assert(LODGE_A_DEVICE_MAX <= ATTR_MAX, "attributes");
	*list = get_list(LODGE_CMD_DEVICE_GET, number, sizeof(**list), parse_device, n, &err);
	return err;
}

static bool put_setting(struct nl_msg *msg, int attr, uint64_t value)
{
	switch (attr) {
	case LODGE_A_DEVICE_RESCAN:
		return !nla_put_flag(msg, attr);
	case LODGE_A_DEVICE_LINK:
		return !nla_put_u32(msg, attr, value);
	default:
		return !nla_put_u64(msg, attr, value);
	}
}

static bool put_device(struct nl_msg *msg, const struct lodge_add_device *d)
{
	unsigned int i, nic = d->id == LODGE_DEVICE_NET;
	char serial[LODGE_SERIAL_LEN + 1] = "";

	if (nla_put_u32(msg, LODGE_A_DEVICE_KIND, d->id) ||
	    nla_put_s32(msg, LODGE_A_DEVICE_FD, d->fd) ||
	    (d->queues && !nic && nla_put_u32(msg, LODGE_A_DEVICE_QUEUES, d->queues)) ||
	    ((d->flags & LODGE_DEVICE_READONLY) && nla_put_flag(msg, LODGE_A_DEVICE_READ_ONLY)) ||
	    (d->max_requests &&
	     !put_setting(msg, LODGE_A_DEVICE_MAX_REQUESTS, d->max_requests)) ||
	    (d->max_bytes && !put_setting(msg, LODGE_A_DEVICE_MAX_BYTES, d->max_bytes)))
		return false;
	/* a NIC has a descriptor for each pair of queues */
	for (i = 1; nic && i < d->queues; i++)
		if (nla_put_s32(msg, LODGE_A_DEVICE_FD, d->fds[i - 1]))
			return false;
	memcpy(serial, d->serial, sizeof(d->serial));
	if ((*serial && nla_put_string(msg, LODGE_A_DEVICE_SERIAL, serial)) ||
	    (memcmp(d->mac, "\0\0\0\0\0", sizeof(d->mac)) &&
	     nla_put(msg, LODGE_A_DEVICE_MAC, sizeof(d->mac), d->mac)))
		return false;
	return !d->mtu || !nla_put_u32(msg, LODGE_A_DEVICE_MTU, d->mtu);
}

int nl_device_set(uint32_t number, uint32_t slot, int attr, uint64_t value)
{
	struct request r = { 0 };
	struct nl_msg *msg = new_message(LODGE_CMD_DEVICE_SET, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_u32(msg, LODGE_A_DEVICE_SLOT, slot) &&
			  put_setting(msg, attr, value), &r);
}

static int take_slot(struct nlattr **attrs, void *arg)
{
	*(uint32_t *)arg = get_u32(attrs[LODGE_A_DEVICE_SLOT]);
	return 0;
}

int nl_device_new(uint32_t number, const struct lodge_add_device *device, uint32_t *slot)
{
	struct request r = { .take = take_slot, .arg = slot };
	struct nl_msg *msg = new_message(LODGE_CMD_DEVICE_NEW, NLM_F_ACK, number);

	return send_built(msg, msg && put_device(msg, device), &r);
}

int nl_device_delete(uint32_t number, uint32_t slot, bool force)
{
	struct request r = { 0 };
	struct nl_msg *msg = new_message(LODGE_CMD_DEVICE_DELETE, NLM_F_ACK, number);

	return send_built(msg, msg && !nla_put_u32(msg, LODGE_A_DEVICE_SLOT, slot) &&
			  (!force || !nla_put_flag(msg, LODGE_A_DEVICE_FORCE)), &r);
}

int nl_regs(uint32_t number, uint32_t id, struct lodge_regs *regs, struct lodge_sregs *sregs)
{
	struct wanted wanted[] = {
		{ LODGE_A_REGS_GENERAL, regs, sizeof(*regs) },
		{ LODGE_A_REGS_SYSTEM, sregs, sizeof(*sregs) }, { 0 }
	};
	const struct timespec moment = { .tv_nsec = STILL_NS };
	int tries, err;

	for (tries = 0; tries < STILL_TRIES; tries++) {
		struct request r = { .take = take_bytes, .arg = wanted };
		struct nl_msg *msg = new_message(LODGE_CMD_REGS_GET, NLM_F_ACK, number);

		err = send_built(msg, msg && !nla_put_u32(msg, LODGE_A_REGS_ID, id), &r);
		if (err != -EAGAIN)
			return err;
		nanosleep(&moment, NULL);
	}
	return -EAGAIN;
}

/* ---- events -------------------------------------------------------------- */

static int join(uint32_t groups)
{
	static const char * const names[LODGE_EVENT_GROUP_NR] = {
		[LODGE_EVENT_GROUP_LIFE] = LODGE_MCGRP_LIFE,
		[LODGE_EVENT_GROUP_DEVICE] = LODGE_MCGRP_DEVICE,
		[LODGE_EVENT_GROUP_GUEST] = LODGE_MCGRP_GUEST,
	};
	int i, id, err = 0;

	for (i = 0; i < LODGE_EVENT_GROUP_NR && !err; i++) {
		if (!(groups & 1u << i))
			continue;
		id = genl_ctrl_resolve_grp(sock, LODGE_FAMILY_NAME, names[i]);
		err = id < 0 ? id : nl_socket_add_membership(events, id);
	}
	return err;
}

static int ask_for_own(uint32_t groups)
{
	struct nl_msg *msg = new_message(LODGE_CMD_EVENT_LISTEN, NLM_F_ACK, 0);
	int err = !msg || nla_put_u32(msg, LODGE_A_EVENT_GROUPS, groups) ? -NLE_NOMEM :
		  nl_send_auto(events, msg);

	nlmsg_free(msg);
	return err < 0 ? err : nl_wait_for_ack(events);
}

int nl_listen(uint32_t groups)
{
	int err = open_socket();

	if (err || events)
		return err;
	events = connect_socket();
	if (!events)
		return fail(EIO, "cannot open a netlink socket");
	err = join(groups);
	if (err == -NLE_PERM || err == -NLE_NOACCESS)
		err = ask_for_own(groups);
	nl_socket_disable_seq_check(events);
	nl_socket_set_nonblocking(events);
	if (!err)
		return 0;
	nl_socket_free(events);
	events = NULL;
	return fail(EIO, nl_geterror(err));
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *a[ATTR_MAX + 1];
	struct nl_event *e = arg;
	struct genlmsghdr *h = nlmsg_data(nlmsg_hdr(msg));

	if (h->cmd != LODGE_CMD_EVENT || genlmsg_parse(nlmsg_hdr(msg), 0, a, ATTR_MAX, NULL))
		return NL_SKIP;
	*e = (struct nl_event){
		.seq = get_u32(a[LODGE_A_EVENT_SEQ]),
		.kind = get_u32(a[LODGE_A_EVENT_KIND]),
		.vm = get_u32(a[LODGE_A_EVENT_VM]),
		.uid = get_u32(a[LODGE_A_EVENT_UID]),
		.reason = get_u32(a[LODGE_A_EVENT_REASON]),
		.status = get_u32(a[LODGE_A_EVENT_STATUS]),
		.restarts = a[LODGE_A_EVENT_RESTARTS],
		.slot = get_u32(a[LODGE_A_EVENT_SLOT]),
		.group = get_u32(a[LODGE_A_EVENT_GROUP]),
		.time = get_u64(a[LODGE_A_EVENT_TIME]),
	};
	get_name(a[LODGE_A_EVENT_NAME], e->name);
	return NL_STOP;
}

int nl_next_event(struct nl_event *event, int ms)
{
	struct pollfd p = { .fd = nl_socket_get_fd(events), .events = POLLIN };
	int err;

	event->kind = 0;
	if (poll(&p, 1, ms) <= 0)
		return -EAGAIN;
	nl_socket_modify_cb(events, NL_CB_VALID, NL_CB_CUSTOM, on_event, event);
	err = nl_recvmsgs_default(events);
	if (err == -NLE_NOMEM)
		return -ENOBUFS;
	if (err < 0 && err != -NLE_AGAIN)
		return fail(EIO, nl_geterror(err));
	return event->kind ? 0 : -EAGAIN;
}
