// SPDX-License-Identifier: GPL-2.0-only
/*
 * console.c - virtio-console: the guest's hvc0, and ports with a name (virtio 1.2, 5.3)
 *
 *	driver's bytes -> pop -> dev/console.c -> the reader's descriptor
 *
 * and back.  While somebody has the descriptor open and does not read, the driver's
 * buffer waits.  A port's other end is always there: what nobody reads is kept, the last of it.
 *
 * The reader may tell the size of his terminal, which the driver finds in the configuration.  With
 * named ports it would be a message (5.3.6.2), whose two numbers Linux takes in this order or in
 * that, depending on its version: then nothing is told.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/termios.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "../alloc.h"
#include "../dev/console.h"
#include "console.h"
#include "device.h"

#define QUEUE_SIZE	64
#define BATCH		16
#define BATCH_BYTES	SZ_64K	/* of output, which goes byte by byte */
#define PIECE		256

/* Of a port; those of the second one come after two for control (5.3.2) */
enum { INPUT, OUTPUT, NR_QUEUES };
enum { CONTROL_INPUT = 2, CONTROL_OUTPUT, NR_CONTROL = 2 };

/**
 * enum owed - what the driver is to be told of a port, in this order (5.3.6.2)
 * @OWED_ADD: there is one
 * @OWED_CONSOLE: it is a console
 * @OWED_NAME: what it is called
 * @OWED_OPEN: the other end is there
 */
enum owed { OWED_ADD, OWED_CONSOLE, OWED_NAME, OWED_OPEN };

/**
 * struct port - a port
 * @console: the device [I]
 * @con: what its reader and it exchange
 * @name: of the port, for the driver; none of the first one, which is a console [I]
 * @chain: the driver's output that is being put; the worker's, as what follows
 * @held: there is such
 * @at: bytes of it that have been put
 * @open: somebody in the guest has it open
 * @owed: a bit for each enum owed
 */
struct port {
	struct console *console;
	struct lodge_console con;
	char name[LODGE_PORT_LEN];
	struct lodge_vq_chain chain;
	bool held;
	u32 at;
	bool open;
	unsigned long owed;
};

/**
 * struct console - a console
 * @dev: the device
 * @buffer: the driver's, for input or about control, for a moment; the worker's
 * @cols: of the reader's terminal, 0 if it is not known [L]
 * @rows: likewise [L]
 * @room: bytes of output that may still be put before others get their turn; the worker's
 * @nr_ports: how many there are in @port [I]
 * @port: by number
 *
 * [I] constant, [L] lodge_virtio.lock.
 */
struct console {
	struct lodge_virtio dev;
	struct lodge_vq_chain buffer;
	u16 cols;
	u16 rows;
	u32 room;
	unsigned int nr_ports;
	struct port port[];
};

static struct console *console_of(struct lodge_virtio *dev)
{
	return container_of(dev, struct console, dev);
}

static unsigned int queue_of(const struct port *p, unsigned int which)
{
	unsigned int i = p - p->console->port;

	return i ? NR_QUEUES * i + NR_CONTROL + which : which;
}

static bool has_control(const struct console *c)
{
	return lodge_virtio_has(&c->dev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* A driver that knows of one port has no other queues; NULL for those for control */
static struct port *port_of(struct console *c, unsigned int queue)
{
	if (queue < NR_QUEUES)
		return &c->port[0];
	if (!has_control(c) || queue < NR_QUEUES + NR_CONTROL)
		return NULL;
	return &c->port[(queue - NR_CONTROL) / NR_QUEUES];
}

/* ---- bytes --------------------------------------------------------------- */

/* Return: false if the reader must read first, who then wakes the worker, or there is no room */
static bool put(struct port *p)
{
	const struct lodge_vq_chain *chain = &p->chain;
	u32 *room = &p->console->room;
	struct iov_iter iter;
	u8 bytes[PIECE];
	size_t i, n;

	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	iov_iter_advance(&iter, p->at);
	for (; *room; *room -= n) {
		n = copy_from_iter(bytes, min_t(u32, *room, sizeof(bytes)), &iter);
		if (!n)
			return true;
		for (i = 0; i < n; i++, p->at++)
			if (!lodge_console_put(&p->con, bytes[i]))
				return false;
	}
	return false;
}

/* Return: 1 and an answer, 0 if there is nothing to do now, or negative with the queue broken */
static int put_one(struct port *p, struct lodge_vq *vq)
{
	struct lodge_virtio *dev = &p->console->dev;
	int ret;

	if (!p->held) {
		ret = lodge_vq_pop(vq, &p->chain);
		if (ret != 1)
			return ret ?: lodge_vq_enable_kicks(vq);
		p->held = true;
		p->at = 0;
	}
	/* a driver's output may be 4 GiB long */
	if (!put(p))
		return !p->console->room;
	p->held = false;
	lodge_virtio_count(dev, LODGE_VIRTIO_OUT, 1);
	lodge_virtio_count(dev, LODGE_VIRTIO_OUT_BYTES, p->at);
	return lodge_vq_push(vq, &p->chain, 0) ?: 1;
}

/* What comes for a port that nobody has open a driver may throw away */
static bool has_input(const struct port *p)
{
	bool wanted = p->open || p == p->console->port;

	return wanted && lodge_console_has_input(&p->con);
}

/* As put_one(); input without a buffer of the driver's stays where it is */
static int get_one(struct port *p, struct lodge_vq *vq)
{
	struct lodge_vq_chain *buffer = &p->console->buffer;
	struct lodge_virtio *dev = &p->console->dev;
	struct iov_iter iter;
	u8 bytes[PIECE];
	u32 n;
	int ret;

	if (!has_input(p))
		return 0;
	ret = lodge_vq_pop(vq, buffer);
	if (ret != 1)
		return ret ?: lodge_vq_enable_kicks(vq);
	n = lodge_console_get(&p->con, bytes, min_t(u32, buffer->in_len, sizeof(bytes)));
	iov_iter_init(&iter, ITER_DEST, buffer->iov + buffer->nr_out, buffer->nr_in,
		      buffer->in_len);
	n = copy_to_iter(bytes, n, &iter);
	lodge_vq_written(vq, buffer, n);
	lodge_virtio_count(dev, LODGE_VIRTIO_IN, 1);
	lodge_virtio_count(dev, LODGE_VIRTIO_IN_BYTES, n);
	return lodge_vq_push(vq, buffer, n) ?: 1;
}

/* ---- control ------------------------------------------------------------- */

/* Return: bytes at @msg */
static u32 compose(const struct port *p, enum owed what, u8 *msg)
{
	static const u16 events[] = {
		[OWED_ADD] = VIRTIO_CONSOLE_PORT_ADD,
		[OWED_CONSOLE] = VIRTIO_CONSOLE_CONSOLE_PORT,
		[OWED_NAME] = VIRTIO_CONSOLE_PORT_NAME,
		[OWED_OPEN] = VIRTIO_CONSOLE_PORT_OPEN,
	};
	struct virtio_console_control control = {
		.id = (__force __virtio32)cpu_to_le32(p - p->console->port),
		.event = (__force __virtio16)cpu_to_le16(events[what]),
		.value = (__force __virtio16)cpu_to_le16(1),
	};
	u32 len = what == OWED_NAME ? strlen(p->name) : 0;

	memcpy(msg, &control, sizeof(control));
	memcpy(msg + sizeof(control), p->name, len);
	return sizeof(control) + len;
}

static struct port *find_owed(struct console *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++)
		if (c->port[i].owed)
			return &c->port[i];
	return NULL;
}

/* As put_one(); a message waits until the driver has a buffer, which has to be large enough */
static int tell_one(struct console *c, struct lodge_vq *vq)
{
	u8 msg[sizeof(struct virtio_console_control) + LODGE_PORT_LEN];
	struct lodge_vq_chain *buffer = &c->buffer;
	struct port *p = find_owed(c);
	struct iov_iter iter;
	unsigned int what;
	u32 len;
	int ret;

	if (!p)
		return 0;
	ret = lodge_vq_pop(vq, buffer);
	if (ret != 1)
		return ret ?: lodge_vq_enable_kicks(vq);
	what = __ffs(p->owed);
	p->owed &= ~BIT(what);
	len = compose(p, what, msg);
	if (buffer->in_len < len)
		return -EINVAL;
	iov_iter_init(&iter, ITER_DEST, buffer->iov + buffer->nr_out, buffer->nr_in, len);
	len = copy_to_iter(msg, len, &iter);
	lodge_vq_written(vq, buffer, len);
	return lodge_vq_push(vq, buffer, len) ?: 1;
}

static void owe_all(struct console *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++)
		c->port[i].owed |= BIT(OWED_ADD);
}

/* What cannot be meant, as a port that is not there, or that failed, changes nothing (5.3.6.2) */
static void obey(struct console *c, u32 id, u16 event, u16 value)
{
	struct port *p;

	if (event == VIRTIO_CONSOLE_DEVICE_READY && value)
		owe_all(c);
	if (id >= c->nr_ports)
		return;
	p = &c->port[array_index_nospec(id, c->nr_ports)];
	if (event == VIRTIO_CONSOLE_PORT_READY && value) {
		p->owed |= BIT(OWED_OPEN) | BIT(p->name[0] ? OWED_NAME : OWED_CONSOLE);
	} else if (event == VIRTIO_CONSOLE_PORT_OPEN) {
		p->open = value;
		lodge_virtio_wake(&c->dev, queue_of(p, INPUT));
	}
}

/* As put_one() */
static int hear_one(struct console *c, struct lodge_vq *vq)
{
	struct lodge_vq_chain *chain = &c->buffer;
	struct virtio_console_control control;
	struct iov_iter iter;
	int ret;

	ret = lodge_vq_pop(vq, chain);
	if (ret != 1)
		return ret ?: lodge_vq_enable_kicks(vq);
	iov_iter_init(&iter, ITER_SOURCE, chain->iov, chain->nr_out, chain->out_len);
	if (copy_from_iter_full(&control, sizeof(control), &iter))
		obey(c, le32_to_cpu((__force __le32)control.id),
		     le16_to_cpu((__force __le16)control.event),
		     le16_to_cpu((__force __le16)control.value));
	lodge_virtio_count(&c->dev, LODGE_VIRTIO_OTHER, 1);
	lodge_virtio_wake(&c->dev, CONTROL_INPUT);
	return lodge_vq_push(vq, chain, 0) ?: 1;
}

/* ---- the worker ---------------------------------------------------------- */

static int serve_one(struct console *c, unsigned int queue, struct lodge_vq *vq)
{
	struct port *p = port_of(c, queue);

	if (p)
		return queue % NR_QUEUES == OUTPUT ? put_one(p, vq) : get_one(p, vq);
	if (!has_control(c))
		return 0;
	return queue == CONTROL_OUTPUT ? hear_one(c, vq) : tell_one(c, vq);
}

static bool kick(struct lodge_virtio *dev, unsigned int queue)
{
	struct lodge_vq *vq = &dev->queue[queue].vq;
	struct console *c = console_of(dev);
	u16 used = vq->used;
	int i, ret = 1;

	c->room = BATCH_BYTES;
	lodge_vq_disable_kicks(vq);
	for (i = 0; i < BATCH && c->room && ret == 1; i++)
		ret = serve_one(c, queue, vq);
	if (vq->used != used && lodge_vq_wants_interrupt(vq) == 1)
		lodge_virtio_interrupt(dev, queue);
	if (ret < 0 || vq->broken)
		lodge_virtio_needs_reset(dev);
	return ret > 0;
}

/* Output that nobody has read yet is not waited for */
static void stop(struct lodge_virtio *dev)
{
	struct console *c = console_of(dev);
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++) {
		struct port *p = &c->port[i];

		if (p->held)
			lodge_vq_push(&dev->queue[queue_of(p, OUTPUT)].vq, &p->chain, 0);
		p->held = false;
	}
}

static void reset(struct lodge_virtio *dev)
{
	struct console *c = console_of(dev);
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++) {
		c->port[i].open = false;
		c->port[i].owed = 0;
	}
}

/* Linux looks for the size when it is told that there is something new, and not before */
static int start(struct lodge_virtio *dev)
{
	if (READ_ONCE(console_of(dev)->cols))
		lodge_virtio_config_changed(dev);
	return 0;
}

static void read_config(struct lodge_virtio *dev, u32 offset, void *buf, u32 len)
{
	const struct console *c = console_of(dev);
	const struct virtio_console_config config = {
		.cols = (__force __virtio16)cpu_to_le16(c->cols),
		.rows = (__force __virtio16)cpu_to_le16(c->rows),
		.max_nr_ports = (__force __virtio32)cpu_to_le32(c->nr_ports),
	};

	lodge_virtio_copy_config(buf, len, &config, sizeof(config), offset);
}

/* ---- life ---------------------------------------------------------------- */

static void free_console(struct console *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_ports; i++)
		lodge_console_destroy(&c->port[i].con);
	kvfree(c);
}

static void destroy(struct lodge_virtio *dev)
{
	free_console(console_of(dev));
}

static const struct lodge_virtio_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.config_len = sizeof(struct virtio_console_config),
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.read_config = read_config,
	.destroy = destroy,
};

/* Input has come, or there is room for output */
static void changed(void *opaque)
{
	struct port *p = opaque;
	struct lodge_virtio *dev = &p->console->dev;

	lodge_virtio_wake(dev, queue_of(p, INPUT));
	lodge_virtio_wake(dev, queue_of(p, OUTPUT));
}

static void resize(struct console *c, u16 cols, u16 rows)
{
	struct lodge_virtio *dev = &c->dev;
	unsigned long flags;
	bool is_new;

	raw_spin_lock_irqsave(&dev->lock, flags);
	is_new = cols != c->cols || rows != c->rows;
	WRITE_ONCE(c->cols, cols);
	c->rows = rows;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (is_new)
		lodge_virtio_config_changed(dev);
}

/* Of the first port's descriptor */
static long console_ioctl(void *opaque, unsigned int cmd, unsigned long arg)
{
	struct port *p = opaque;
	struct winsize size;

	if (cmd != TIOCSWINSZ || p->console->nr_ports > 1)
		return -ENOTTY;
	if (copy_from_user(&size, (void __user *)arg, sizeof(size)))
		return -EFAULT;
	resize(p->console, size.ws_col, size.ws_row);
	return 0;
}

/**
 * lodge_virtio_console_of - what the reader opens
 * @dev: of lodge_virtio_console_create()
 * @port: 0: the console; from 1 on those with a name
 *
 * Return: the console, which lives as long as the device, or NULL if there is no such port.
 */
struct lodge_console *lodge_virtio_console_of(struct lodge_virtio *dev, unsigned int port)
{
	struct console *c = console_of(dev);

	return port < c->nr_ports ? &c->port[array_index_nospec(port, c->nr_ports)].con : NULL;
}

/* Linux makes it the name of a file in sysfs, udev that of a link in /dev */
static bool is_name(const char *name)
{
	const char *p = name;

	for (; p < name + LODGE_PORT_LEN && *p; p++)
		if (!isascii(*p) || !isgraph(*p) || *p == '/')
			return false;
	return p > name && p < name + LODGE_PORT_LEN && strcmp(name, ".") && strcmp(name, "..") &&
	       !memchr_inv(p, 0, name + LODGE_PORT_LEN - p);
}

static bool are_names(const char *names, unsigned int nr)
{
	const char *name, *other;

	for (name = names; name < names + nr * LODGE_PORT_LEN; name += LODGE_PORT_LEN) {
		if (!is_name(name))
			return false;
		for (other = names; other < name; other += LODGE_PORT_LEN)
			if (!strcmp(name, other))
				return false;
	}
	return true;
}

static int add_port(struct console *c, const char *name)
{
	struct port *p = &c->port[c->nr_ports];
	int err = lodge_console_create(&p->con, changed, p);

	if (err)
		return err;
	p->console = c;
	if (name)
		strscpy(p->name, name, sizeof(p->name));
	else
		p->con.ioctl = console_ioctl;
	c->nr_ports++;
	return 0;
}

/**
 * lodge_virtio_console_create - a console
 * @mem: the VM's memory, that of the calling process
 * @name: of the worker
 * @ports: names of further ports, LODGE_PORT_LEN bytes each, copied
 * @nr: how many there are, LODGE_CONSOLE_PORTS at most; the driver need not know of them
 *
 * Return: the device, for lodge_virtio_destroy(), or an ERR_PTR: -EINVAL if a name is
 * empty, not terminated, has other than printable characters or '/', or is there twice; -ENOMEM,
 * or what lodge_virtio_init() returned.
 */
struct lodge_virtio *lodge_virtio_console_create(struct lodge_mem *mem, const char *name,
						 const char *ports, unsigned int nr)
{
	unsigned int i, queues = NR_QUEUES + (nr ? NR_CONTROL + NR_QUEUES * nr : 0);
	struct console *c;
	int err;

	BUILD_BUG_ON(NR_QUEUES * (1 + LODGE_CONSOLE_PORTS) + NR_CONTROL > LODGE_VIRTIO_QUEUES);
	if (!are_names(ports, nr))
		return ERR_PTR(-EINVAL);
	c = lodge_alloc_large(struct_size(c, port, 1 + nr), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	err = add_port(c, NULL);
	for (i = 0; i < nr && !err; i++)
		err = add_port(c, ports + i * LODGE_PORT_LEN);
	if (!err)
		err = lodge_virtio_init(&c->dev, &console_ops, mem, queues, QUEUE_SIZE, name);
	if (err) {
		free_console(c);
		return ERR_PTR(err);
	}
	c->dev.features |= BIT_ULL(nr ? VIRTIO_CONSOLE_F_MULTIPORT : VIRTIO_CONSOLE_F_SIZE);
	return &c->dev;
}
