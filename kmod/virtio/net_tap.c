// SPDX-License-Identifier: GPL-2.0-only
/*
 * net_tap.c - a network device's tap, and the frames that come from it
 *
 * The tap takes and gives frames with the virtio header in front, and checks what it says
 * of checksums and segments.  Frames go straight from the tap to the owner's memory.
 *
 * With several pairs each has a queue of the tap for itself.  Which queue a frame for the guest
 * goes to is the tap's choice: where the guest sends that flow from, else by its hash, over all
 * queues that are attached.  A guest need not use all pairs, and starts with one.  QEMU detaches
 * the queues of the others from the tap (TUNSETQUEUE), which takes its argument from user space,
 * so it is not for a worker.  Here they stay attached, and their frames are put into the receive
 * queue of a pair that is used (lodge_net_pair.to): no frame is lost.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tun.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "../mem.h"
#include "net_tap.h"

#define OFFLOAD_GAP	(HZ / 20)

#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

/* ---- from tap to driver -------------------------------------------------- */

/* Return: 0, or -EMSGSIZE if the chain has too many pieces beside what there is. */
static int keep(struct lodge_net_buffers *b, const struct lodge_vq_chain *chain)
{
	unsigned int i;

	if (b->nr_iov + chain->nr_in > LODGE_NET_IOV)
		return -EMSGSIZE;
	/* one piece, mostly */
	for (i = 0; i < chain->nr_in; i++) {
		b->iov[b->nr_iov] = chain->iov[i];
		b->gpa[b->nr_iov++] = chain->gpa[i];
	}
	b->head[b->nr] = (struct lodge_vq_used){ .id = chain->id, .slots = chain->slots };
	b->size[b->nr++] = chain->in_len;
	b->len += chain->in_len;
	return 0;
}

/*
 * Have buffers for so many bytes.
 * Return: 1; 0, the driver has too few; -EMSGSIZE, they are too small; else negative, the
 * driver has broken the rules.
 */
static int gather(struct lodge_net *net, struct lodge_net_buffers *b, struct lodge_vq *vq, u32 need)
{
	unsigned int most = lodge_virtio_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF) ?
			    LODGE_NET_HEADS : 1;
	struct lodge_vq_chain *chain = &net->chain;
	int ret;

	while (b->len < need) {
		if (b->nr == most)
			return -EMSGSIZE;
		ret = lodge_vq_pop(vq, chain);
		if (ret <= 0)
			return ret;
		if (chain->out_len || !chain->in_len)
			return -EINVAL;
		ret = keep(b, chain);
		if (ret)
			return lodge_vq_undo(vq, chain) ?: ret;
	}
	return 1;
}

/* The first buffers, with the pieces they have, are used; the rest move up. */
static void forget(struct lodge_net_buffers *b, unsigned int nr)
{
	unsigned int i, pieces = 0;
	u64 len = 0, seen = 0;

	if (nr == b->nr) {
		b->nr = 0;
		b->nr_iov = 0;
		b->len = 0;
		return;
	}
	for (i = 0; i < nr; i++)
		len += b->size[i];
	while (seen < len)
		seen += b->iov[pieces++].iov_len;
	b->nr -= nr;
	b->nr_iov -= pieces;
	b->len -= len;
	memmove(b->head, b->head + nr, b->nr * sizeof(b->head[0]));
	memmove(b->size, b->size + nr, b->nr * sizeof(b->size[0]));
	memmove(b->gpa, b->gpa + pieces, b->nr_iov * sizeof(b->gpa[0]));
	memmove(b->iov, b->iov + pieces, b->nr_iov * sizeof(b->iov[0]));
}

static void log_written(struct lodge_vq *vq, const struct lodge_net_buffers *b, u32 len)
{
	unsigned int i;
	size_t n;

	if (!lodge_mem_logs(vq->mem))
		return;
	for (i = 0; len; i++, len -= n) {
		n = min_t(size_t, len, b->iov[i].iov_len);
		lodge_mem_log(vq->mem, b->gpa[i], n);
	}
}

/* The tap leaves it out; it is 1 also where buffers are not merged (5.1.6.4.1). */
static bool put_nr_buffers(struct lodge_net_buffers *b, u16 nr)
{
	unsigned int at = offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	__le16 le = cpu_to_le16(nr);
	struct iov_iter iter;

	if (b->iov[0].iov_len >= LODGE_NET_HDR)
		return !put_user(le, (__le16 __user *)(b->iov[0].iov_base + at));
	iov_iter_init(&iter, ITER_DEST, b->iov, b->nr_iov, LODGE_NET_HDR);
	iov_iter_advance(&iter, at);
	return copy_to_iter(&le, sizeof(le), &iter) == sizeof(le);
}

/* A frame lies in the first buffers. Return: how many were used, negative if broken. */
static int deliver(struct lodge_net *net, struct lodge_net_buffers *b, struct lodge_vq *vq, u32 len)
{
	unsigned int nr = 0;
	u32 rest = len;
	int err;

	for (; rest; nr++) {
		b->head[nr].written = min(rest, b->size[nr]);
		rest -= b->head[nr].written;
	}
	if (!put_nr_buffers(b, nr))
		return 0;
	log_written(vq, b, len);
	err = lodge_vq_push_all(vq, b->head, nr);
	if (err)
		return err;
	forget(b, nr);
	lodge_limit_charge(&net->limit[LODGE_NET_RX], len - LODGE_NET_HDR);
	lodge_virtio_count(&net->dev, LODGE_VIRTIO_IN, 1);
	lodge_virtio_count(&net->dev, LODGE_VIRTIO_IN_BYTES, len - LODGE_NET_HDR);
	return nr;
}

static bool is_wanted(const struct lodge_net *net, const struct lodge_net_buffers *b, u32 len)
{
	u8 start[VLAN_ETH_HLEN];
	size_t n = min_t(size_t, len - LODGE_NET_HDR, sizeof(start));
	struct iov_iter iter;

	if (lodge_net_ctl_wants_all(net))
		return true;
	iov_iter_init(&iter, ITER_SOURCE, b->iov, b->nr_iov, LODGE_NET_HDR + n);
	iov_iter_advance(&iter, LODGE_NET_HDR);
	return copy_from_iter_full(start, n, &iter) && lodge_net_ctl_wants(net, start, n);
}

/*
 * The frame is another one than was looked at if somebody else reads from the tap.
 * Return: buffers used, 0 if the frame is lost, negative if the driver has broken the rules.
 */
static int receive_frame(struct lodge_net_pair *pair, struct lodge_net_buffers *b,
			 struct lodge_vq *vq, u32 room)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	int len;

	iov_iter_init(&msg.msg_iter, ITER_DEST, b->iov, b->nr_iov, room);
	len = pair->sock->ops->recvmsg(pair->sock, &msg, room, MSG_DONTWAIT | MSG_TRUNC);
	if (len < (int)(LODGE_NET_HDR + ETH_HLEN) || (u32)len > room ||
	    !is_wanted(pair->net, b, len))
		return 0;
	return deliver(pair->net, b, vq, len);
}

/* It fits nowhere, or comes while the cable is out */
static void drop_frame(struct lodge_net_pair *pair)
{
	u8 none[LODGE_NET_HDR];
	struct kvec vec = { .iov_base = none, .iov_len = sizeof(none) };
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, sizeof(none));
	pair->sock->ops->recvmsg(pair->sock, &msg, sizeof(none), MSG_DONTWAIT | MSG_TRUNC);
	lodge_virtio_count(&pair->net->dev, LODGE_VIRTIO_ERRORS, 1);
}

/* As gather(), for a frame of this length */
static int make_room(struct lodge_net *net, struct lodge_net_buffers *b, struct lodge_vq *vq,
		     int len)
{
	if (len > LODGE_NET_MAX_FRAME || !READ_ONCE(net->plugged))
		return -EMSGSIZE;
	return gather(net, b, vq, LODGE_NET_HDR + len);
}

/* As lodge_net_tap_receive(), what has come to the tap's queue of one pair */
static int receive_from(struct lodge_net_pair *pair, unsigned int to, unsigned int *pushed)
{
	struct lodge_net *net = pair->net;
	struct lodge_vq *vq = &lodge_net_queue(net, to, LODGE_NET_RX)->vq;
	struct lodge_net_buffers *b = &net->pair[to].rx;
	int i, len, ret;

	for (i = 0; i < LODGE_NET_BATCH; i++) {
		if (lodge_limit_reached(&net->limit[LODGE_NET_RX]))
			return 0;
		len = pair->sock->ops->peek_len(pair->sock);
		if (len <= 0)
			return 0;
		ret = make_room(net, b, vq, len);
		if (!ret) {
			ret = lodge_vq_enable_kicks(vq);
			if (ret <= 0)
				return ret;
			continue;
		}
		if (ret == -EMSGSIZE) {
			drop_frame(pair);
			continue;
		}
		if (ret > 0)
			ret = receive_frame(pair, b, vq, LODGE_NET_HDR + len);
		if (ret < 0)
			return ret;
		*pushed += ret;
	}
	return 1;
}

/**
 * lodge_net_tap_receive - put what has come into a receive queue
 * @net: the device, started; the worker calls, with the owner's mm
 * @to: the queue's pair
 * @pushed: buffers that were used are added
 *
 * Return: 1, there may be more; 0, a kick or the tap will tell; negative if the driver has
 * broken the rules.
 */
int lodge_net_tap_receive(struct lodge_net *net, unsigned int to, unsigned int *pushed)
{
	const struct sock *sk = net->pair[0].sock->sk;
	unsigned int i;
	int more = 0, ret;

	lodge_net_set_tap(net, !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN));
	for (i = 0; i < net->nr_pairs; i++) {
		if (net->pair[i].to != to)
			continue;
		ret = receive_from(&net->pair[i], to, pushed);
		if (ret < 0)
			return ret;
		more |= ret;
	}
	return more;
}

/* ---- the tap ------------------------------------------------------------- */

/* Any context: the tap holds its lock. */
static int woken(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct lodge_net_pair *pair = container_of(wait, struct lodge_net_pair, wait);
	unsigned int i = pair - pair->net->pair, to = READ_ONCE(pair->to);
	struct lodge_virtio *dev = &pair->net->dev;
	__poll_t events = key_to_poll(key);

	if (!events || events & ~EPOLLOUT)
		lodge_virtio_wake(dev, LODGE_NET_PAIR * to + LODGE_NET_RX);
	if (!events || events & EPOLLOUT)
		lodge_virtio_wake(dev, LODGE_NET_PAIR * i + LODGE_NET_TX);
	return 0;
}

static void add_wait(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct lodge_net_pair *pair = container_of(table, struct lodge_net_pair, table);

	if (pair->head)
		return;
	pair->head = head;
	add_wait_queue(head, &pair->wait);
}

/**
 * lodge_net_tap_is_writable - whether the tap takes frames
 * @pair: of a device that has been started; the worker calls
 *
 * Return: true; false if it is full, and wakes the worker when it is not any more, or is down.
 */
bool lodge_net_tap_is_writable(struct lodge_net_pair *pair)
{
	return vfs_poll(pair->file, NULL) & (EPOLLOUT | EPOLLERR);
}

static bool is_used(struct lodge_net *net, unsigned int pair)
{
	return pair < net->used_pairs && lodge_net_queue(net, pair, LODGE_NET_RX)->running;
}

/* Itself, or the first that is used */
static unsigned int choose(struct lodge_net *net, unsigned int pair)
{
	unsigned int i;

	if (is_used(net, pair))
		return pair;
	for (i = 0; i < net->used_pairs; i++)
		if (is_used(net, i))
			return i;
	return 0;
}

/**
 * lodge_net_tap_steer - there are other pairs that the driver wants frames in, or can have them in
 * @net: the device; the worker calls
 *
 * Also where a receive queue is reset and others are not (5.1.6.5.5).
 */
void lodge_net_tap_steer(struct lodge_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		WRITE_ONCE(net->pair[i].to, choose(net, i));
		/*
		 * For what came before.  Who sees the old one in woken() has put the frame there
		 * before, with the barrier in sock_def_readable() between; the one here is in
		 * test_and_set_bit().
		 */
		lodge_virtio_wake(&net->dev, LODGE_NET_PAIR * net->pair[i].to + LODGE_NET_RX);
	}
}

/**
 * lodge_net_tap_start - have the tap wake the worker
 * @net: the device; the worker calls
 */
void lodge_net_tap_start(struct lodge_net *net)
{
	unsigned int i;

	lodge_net_tap_steer(net);
	for (i = 0; i < net->nr_pairs; i++)
		vfs_poll(net->pair[i].file, &net->pair[i].table);
}

static void give_back(struct lodge_net_pair *pair, unsigned int i)
{
	struct lodge_vq *vq = &lodge_net_queue(pair->net, i, LODGE_NET_RX)->vq;
	struct lodge_vq_chain *chain = &pair->net->chain;
	struct lodge_net_buffers *b = &pair->rx;

	while (b->nr) {
		chain->slots = b->head[--b->nr].slots;
		lodge_vq_undo(vq, chain);
	}
	b->nr_iov = 0;
	b->len = 0;
}

/**
 * lodge_net_tap_stop - the tap wakes nobody any more, and the driver has its buffers back
 * @net: the device; the worker calls
 */
void lodge_net_tap_stop(struct lodge_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		struct lodge_net_pair *pair = &net->pair[i];

		if (pair->head)
			remove_wait_queue(pair->head, &pair->wait);
		pair->head = NULL;
		give_back(pair, i);
	}
}

/**
 * lodge_net_tap_look - the name of the tap
 * @net: the device
 * @view: gets it; none if the tap does not tell
 *
 * It may be another one than it was; what /proc has of the file is where the kernel tells.
 */
void lodge_net_tap_look(struct lodge_net *net, struct lodge_virtio_view *view)
{
	struct seq_file seq = { .buf = view->name, .size = sizeof(view->name) };
	struct file *file = net->pair[0].file;
	const char *start, *end;

	if (!file->f_op->show_fdinfo)
		return;
	file->f_op->show_fdinfo(&seq, file);
	view->name[min(seq.count, sizeof(view->name) - 1)] = 0;
	start = strstr(view->name, "iff:\t");
	end = start ? strchr(start, '\n') : NULL;
	if (!end) {
		view->name[0] = 0;
		return;
	}
	start += strlen("iff:\t");
	memmove(view->name, start, end - start);
	view->name[end - start] = 0;
}

static int set_offload(struct file *file, u32 flags)
{
	return file->f_op->unlocked_ioctl(file, TUNSETOFFLOAD, flags);
}

/* It takes the lock of all the host's network devices, which is not for a guest to keep busy */
static void wait_for_turn(struct lodge_net *net)
{
	long left = net->next_offload - jiffies;

	if (net->next_offload && left > 0)
		schedule_timeout_idle(left);
	net->next_offload = jiffies + OFFLOAD_GAP;
}

/**
 * lodge_net_tap_offload - what frames may leave to the driver
 * @net: the device; the worker calls
 * @features: VIRTIO_NET_F_GUEST_*, a bit each; others mean nothing
 *
 * May sleep for a twentieth of a second after another change.
 *
 * Return: 0, or what the tap says.
 */
int lodge_net_tap_offload(struct lodge_net *net, u64 features)
{
	u32 flags = 0;

	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4))
		flags |= TUN_F_TSO4;
	if (features & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6))
		flags |= TUN_F_TSO6;
	/* none without those that it is an addition to (5.1.3.1) */
	if (flags && (features & BIT_ULL(VIRTIO_NET_F_GUEST_ECN)))
		flags |= TUN_F_TSO_ECN;
	flags = features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) ? flags | TUN_F_CSUM : 0;
	wait_for_turn(net);
	/* of the tap, not of one of its queues */
	return set_offload(net->pair[0].file, flags & net->offloads);
}

/* The module can do without tun, which is there where somebody has a tap open */
static struct socket *socket_of(struct file *file)
{
	struct socket *(*get)(struct file *file) = symbol_get(tun_get_socket);
	struct socket *sock = ERR_PTR(-EINVAL);

	if (get) {
		sock = get(file);
		symbol_put(tun_get_socket);
	}
	return sock;
}

/* Likewise for one pair of it */
static int init_pair(struct lodge_net *net, struct lodge_net_pair *pair, struct file *file)
{
	int err;

	if (!(file->f_mode & FMODE_READ) || !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	pair->sock = socket_of(file);
	if (IS_ERR(pair->sock))
		return PTR_ERR(pair->sock);
	if (!pair->sock->ops->peek_len)
		return -EINVAL;
	err = set_offload(file, OFFLOADS);
	if (err == -EINVAL) {
		net->offloads = 0;
		err = set_offload(file, 0);
	}
	if (err)
		return err;
	pair->net = net;
	pair->file = get_file(file);
	init_waitqueue_func_entry(&pair->wait, woken);
	init_poll_funcptr(&pair->table, add_wait);
	return 0;
}

/**
 * lodge_net_tap_init - the tap of a device
 * @net: new, with its number of pairs; lodge_net_tap_put() also after an error
 * @file: what is to be one, or its queues: one for each pair
 *
 * Return: 0 with references to the files, -EINVAL if one is no tap, -EBADF if it is not open
 * for reading and writing, -EBADFD if it is attached to no device.
 */
int lodge_net_tap_init(struct lodge_net *net, struct file *const *file)
{
	unsigned int i;
	int err = 0;

	net->offloads = OFFLOADS;
	for (i = 0; i < net->nr_pairs && !err; i++)
		err = init_pair(net, &net->pair[i], file[i]);
	return err;
}

/**
 * lodge_net_tap_put - the device needs its tap no more
 * @net: the device, stopped, or never started
 */
void lodge_net_tap_put(struct lodge_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs && net->pair[i].file; i++)
		fput(net->pair[i].file);
}
