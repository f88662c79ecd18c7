// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio console with named ports, driven by hand: what it tells of them, what it makes of
 * control messages that cannot be meant, and whose bytes go where.
 */
#include <fcntl.h>
#include <linux/virtio_console.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "queues.h"

/* Queues */
#define CONSOLE_OUT	1
#define CONTROL_IN	2
#define CONTROL_OUT	3
#define FIRST_IN	4
#define FIRST_OUT	5
#define QUEUES		8
#define PORTS		3

#define MAX_PORTS_AT	4	/* in struct virtio_console_config */
#define FLOOD		200

/* ---- inside -------------------------------------------------------------- */

/* The C library's takes instructions that the guest has not got */
static u32 length(const char *text)
{
	u32 n = 0;

	while (read8((u64)text + n))
		n++;
	return n;
}

/* So many bytes of a message */
static void tell_part(u32 id, u16 event, u16 value, u32 len)
{
	u64 at = BUFFER_OF(CONTROL_OUT, 0);

	write32(at, id);
	write16(at + 4, event);
	write16(at + 6, value);
	queue_describe(CONTROL_OUT, 0, at, len, 0);
	queue_offer(CONTROL_OUT, 0);
	queue_wait(CONTROL_OUT, NULL);
}

static void tell(u32 id, u16 event, u16 value)
{
	tell_part(id, event, value, sizeof(struct virtio_console_control));
}

static void offer_control(u32 len)
{
	queue_describe(CONTROL_IN, 0, BUFFER_OF(CONTROL_IN, 0), len, VRING_DESC_F_WRITE);
	queue_offer(CONTROL_IN, 0);
}

/* The next message from the device is this; one buffer is there for those after it */
static void hear(u32 id, u16 event, const char *text)
{
	u64 at = BUFFER_OF(CONTROL_IN, 0);
	u32 i, len, text_len = text ? length(text) : 0;

	queue_wait(CONTROL_IN, &len);
	GUEST_ASSERT_EQ(len, sizeof(struct virtio_console_control) + text_len);
	GUEST_ASSERT_EQ(read32(at), id);
	GUEST_ASSERT_EQ(read16(at + 4), event);
	GUEST_ASSERT_EQ(read16(at + 6), 1);
	for (i = 0; i < text_len; i++)
		GUEST_ASSERT_EQ(read8(at + 8 + i), text[i]);
	offer_control(BUFFER_LEN);
}

static void say(u16 q, const char *text)
{
	u64 at = BUFFER_OF(q, 0);
	u32 i, len = length(text);

	for (i = 0; i < len; i++)
		write8(at + i, text[i]);
	queue_describe(q, 0, at, len, 0);
	queue_offer(q, 0);
	queue_wait(q, NULL);
}

static void nonsense(void)
{
	static const u32 ids[] = { PORTS, PORTS + 1, 0x100, 0x7fffffff, 0x80000000, ~0u };
	u32 i, event;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		for (event = 1; event < 12; event++)
			tell(ids[i], event, 1);
	for (i = 0; i < PORTS; i++) {
		tell(i, VIRTIO_CONSOLE_PORT_ADD, 1);
		tell(i, VIRTIO_CONSOLE_PORT_REMOVE, 1);
		tell(i, VIRTIO_CONSOLE_PORT_NAME, 1);
		tell(i, VIRTIO_CONSOLE_PORT_READY, 0);
		tell(i, 0xffff, 0xffff);
	}
	tell(0, VIRTIO_CONSOLE_DEVICE_READY, 0);
	for (i = 1; i < sizeof(struct virtio_console_control); i++)
		tell_part(0, VIRTIO_CONSOLE_DEVICE_READY, 1, i);
}

static void bring_up(void)
{
	u16 q;

	queues_negotiate(1 << VIRTIO_CONSOLE_F_MULTIPORT, 1);
	GUEST_ASSERT_EQ(read32(blk_bar + blk_config + MAX_PORTS_AT), PORTS);
	for (q = 0; q < QUEUES; q++)
		queue_set_up(q);
	queues_go();
}

static void announced(void)
{
	u32 i;

	tell(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (i = 0; i < PORTS; i++)
		hear(i, VIRTIO_CONSOLE_PORT_ADD, NULL);
	tell(0, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(0, VIRTIO_CONSOLE_CONSOLE_PORT, NULL);
	hear(0, VIRTIO_CONSOLE_PORT_OPEN, NULL);
	tell(2, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(2, VIRTIO_CONSOLE_PORT_NAME, "another.one");
	hear(2, VIRTIO_CONSOLE_PORT_OPEN, NULL);
}

static void ports(void)
{
	u32 i, len;

	bring_up();
	offer_control(BUFFER_LEN);
	nonsense();
	GUEST_ASSERT(!queue_has_used(CONTROL_IN));
	announced();
	nonsense();
	GUEST_ASSERT(!queue_has_used(CONTROL_IN));
	/* it is said once, however often it was asked for before there was a buffer */
	tell(1, VIRTIO_CONSOLE_PORT_READY, 1);
	queue_wait(CONTROL_IN, NULL);
	for (i = 0; i < FLOOD; i++)
		tell(1, VIRTIO_CONSOLE_PORT_READY, 1);
	offer_control(BUFFER_LEN);
	hear(1, VIRTIO_CONSOLE_PORT_NAME, "one");
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, NULL);
	tell(0, 0xffff, 0);
	GUEST_ASSERT(!queue_has_used(CONTROL_IN));

	queue_describe(FIRST_IN, 0, BUFFER_OF(FIRST_IN, 0), BUFFER_LEN, VRING_DESC_F_WRITE);
	queue_offer(FIRST_IN, 0);
	say(FIRST_OUT, "from one");
	say(CONSOLE_OUT, "from the console");
	GUEST_SYNC(1);
	/* what has come waits until the port is open */
	tell(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	GUEST_ASSERT(!queue_has_used(FIRST_IN));
	tell(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	queue_wait(FIRST_IN, &len);
	GUEST_ASSERT_EQ(len, 5);
	GUEST_ASSERT_EQ(read32(BUFFER_OF(FIRST_IN, 0)), 0x6c726165);
	say(FIRST_OUT, ", again");
	GUEST_DONE();
}

static void small_buffer(void)
{
	bring_up();
	offer_control(sizeof(struct virtio_console_control) - 1);
	tell(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	while (!(blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET))
		cpu_relax();
	/* it has forgotten that it owes something */
	bring_up();
	offer_control(BUFFER_LEN);
	tell(0, 0xffff, 0);
	GUEST_ASSERT(!queue_has_used(CONTROL_IN));
	announced();
	GUEST_DONE();
}

/* A driver that knows of no ports */
static void console_alone(void)
{
	queues_negotiate(0, 1);
	queue_set_up(CONSOLE_OUT);
	queue_set_up(CONTROL_IN);
	queue_set_up(FIRST_OUT);
	queues_go();
	queue_describe(FIRST_OUT, 0, BUFFER_OF(FIRST_OUT, 0), 16, 0);
	queue_offer(FIRST_OUT, 0);
	offer_control(BUFFER_LEN);
	say(CONSOLE_OUT, "from the console");
	say(CONSOLE_OUT, ", again");
	GUEST_ASSERT(!queue_has_used(FIRST_OUT) && !queue_has_used(CONTROL_IN));
	GUEST_DONE();
}

static u32 size(void)
{
	return read32(blk_bar + blk_config);
}

/* A driver is told of a size when it starts, and when it changes */
static void sized(void)
{
	queues_negotiate(1 << VIRTIO_CONSOLE_F_SIZE, 1);
	GUEST_ASSERT_EQ(size(), 24 << 16 | 80);
	queue_set_up(CONSOLE_OUT);
	queues_go();
	while (!(read8(blk_bar + blk_isr) & VIRTIO_PCI_ISR_CONFIG))
		cpu_relax();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read8(blk_bar + blk_isr), 0);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(read8(blk_bar + blk_isr), VIRTIO_PCI_ISR_CONFIG);
	GUEST_ASSERT_EQ(size(), 25 << 16 | 65535);
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static const struct lodge_add_device console = {
	.size = sizeof(console), .id = LODGE_DEVICE_CONSOLE, .slot = SLOT, .fd = -1,
	.ports = { "one", "another.one" },
};

static int open_port(struct vm *vm, u32 which)
{
	struct lodge_open_console c = { .size = sizeof(c), .which = which };

	return ioctl(vm->fd, LODGE_VM_CONSOLE, &c);
}

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = vm_create(VM_PC);

	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &console), SLOT);
	return vcpu_long(vm, 0, fn);
}

static void expect_text(int fd, const char *text)
{
	char buf[64] = "";
	size_t n = 0;

	while (n < strlen(text)) {
		ssize_t got = read(fd, buf + n, sizeof(buf) - 1 - n);

		ASSERT_TRUE(got > 0);
		n += got;
	}
	EXPECT_EQ(strcmp(buf, text), 0);
}

TEST(named_ports)
{
	struct vcpu *vcpu = vcpu_for(ports);
	int fd;

	vcpu_sync(vcpu, 1);
	/* what was written while nobody had it open is there, also for who comes later */
	fd = open_port(vcpu->vm, LODGE_CONSOLE_PORT);
	ASSERT_OK(fd);
	EXPECT_ERRNO(open_port(vcpu->vm, LODGE_CONSOLE_PORT), EBUSY);
	ASSERT_EQ(write(fd, "early", 5), 5);
	expect_text(fd, "from one");
	close(fd);
	fd = open_port(vcpu->vm, LODGE_CONSOLE_VIRTIO);
	ASSERT_OK(fd);
	expect_text(fd, "from the console");
	close(fd);
	vcpu_done(vcpu);
	fd = open_port(vcpu->vm, LODGE_CONSOLE_PORT);
	ASSERT_OK(fd);
	expect_text(fd, ", again");
}

TEST(control_buffer_that_is_too_small)
{
	vcpu_done(vcpu_for(small_buffer));
}

TEST(no_ports_for_a_driver_without)
{
	struct vcpu *vcpu = vcpu_for(console_alone);
	int fd;

	vcpu_done(vcpu);
	fd = open_port(vcpu->vm, LODGE_CONSOLE_VIRTIO);
	ASSERT_OK(fd);
	expect_text(fd, "from the console, again");
}

static int resize(int fd, u16 cols, u16 rows)
{
	const struct winsize w = { .ws_col = cols, .ws_row = rows };

	return ioctl(fd, TIOCSWINSZ, &w);
}

TEST(size_of_the_terminal)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_CONSOLE, .slot = SLOT, .fd = -1,
	};
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu;
	int fd, serial;

	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	fd = open_port(vm, LODGE_CONSOLE_VIRTIO);
	serial = open_port(vm, LODGE_CONSOLE_SERIAL);
	vcpu = vcpu_long(vm, 0, sized);
	ASSERT_OK(fd);
	EXPECT_ERRNO(resize(serial, 80, 24), ENOTTY);
	EXPECT_ERRNO(ioctl(fd, TIOCSWINSZ, 8), EFAULT);
	EXPECT_ERRNO(ioctl(fd, TIOCGWINSZ, &d), ENOTTY);
	EXPECT_OK(resize(fd, 80, 24));
	vcpu_sync(vcpu, 1);
	/* nothing new */
	EXPECT_OK(resize(fd, 80, 24));
	vcpu_sync(vcpu, 2);
	EXPECT_OK(resize(fd, 65535, 25));
	vcpu_done(vcpu);
}

/* Linux would take some of it for what it is not */
TEST(no_size_with_named_ports)
{
	struct vm *vm = vm_create(VM_PC);
	int fd;

	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &console), SLOT);
	fd = open_port(vm, LODGE_CONSOLE_VIRTIO);
	ASSERT_OK(fd);
	EXPECT_ERRNO(resize(fd, 80, 24), ENOTTY);
	fd = open_port(vm, LODGE_CONSOLE_PORT);
	ASSERT_OK(fd);
	EXPECT_ERRNO(resize(fd, 80, 24), ENOTTY);
}

TEST(names_are_refused)
{
	static const char * const bad[] = { "a/b", "a b", "\x7f", "\xe4", ".", "..", "one",
					    "01234567890123456789012345678901" };
	struct vm *vm = vm_create(VM_PC);
	struct lodge_add_device d;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		d = console;
		memset(d.ports[1], 0, sizeof(d.ports[1]));
		memcpy(d.ports[1], bad[i], strlen(bad[i]));
		EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	}
	d = console;
	d.ports[0][0] = 0;
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	d = console;
	d.ports[1][31] = 'x';
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	d = console;
	d.id = LODGE_DEVICE_RNG;
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), EINVAL);
	EXPECT_ERRNO(open_port(vm, LODGE_CONSOLE_PORT), ENODEV);
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &console), SLOT);
	EXPECT_ERRNO(open_port(vm, LODGE_CONSOLE_PORT + 2), ENODEV);
	EXPECT_ERRNO(open_port(vm, LODGE_CONSOLE_PORT + LODGE_MAX_PORTS), EINVAL);
	EXPECT_OK(open_port(vm, LODGE_CONSOLE_PORT + 1));
}
