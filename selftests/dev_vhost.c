// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vsock with the host's vhost-vsock behind it: what the host sends while the VM is paused does
 * not touch the guest's memory, and is there when it goes on.
 */
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "eventfds.h"
#include "genl.h"
#include "mmiodev.h"

#define NUMBER		3	/* of the device */
#define CID		0x6c6f6467u
#define PORT_AT		4711
#define NR_QUEUES	3
#define QUEUE_SIZE	8
#define VERSION_1	1	/* of the upper half */

#define DESC(queue)	(GPA_SCRATCH + (queue) * 0x4000ull)
#define AVAIL(queue)	(DESC(queue) + 0x1000)
#define USED(queue)	(DESC(queue) + 0x2000)
#define BUFFER(i)	(GPA_FREE + (i) * 0x1000ull)

/* ---- inside -------------------------------------------------------------- */

/* Buffers for what the host sends */
static void offer_buffers(void)
{
	volatile struct vring_desc *d = (struct vring_desc *)DESC(0);
	u16 i;

	for (i = 0; i < QUEUE_SIZE; i++) {
		d[i].addr = BUFFER(i);
		d[i].len = 0x1000;
		d[i].flags = VRING_DESC_F_WRITE;
		write16(AVAIL(0) + 4 + 2 * i, i);
	}
	write16(AVAIL(0) + 2, QUEUE_SIZE);
}

static void begin(void)
{
	u32 i;

	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(0, 0);
	mmio_accept(1, VERSION_1);
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	offer_buffers();
	for (i = 0; i < NR_QUEUES; i++)
		mmio_queue(i, QUEUE_SIZE, DESC(i), AVAIL(i), USED(i));
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
}

/* The next packet is a request for a connection, and lies in the next buffer */
static void is_asked(u16 n, u32 port)
{
	const volatile struct virtio_vsock_hdr *hdr = (struct virtio_vsock_hdr *)BUFFER(n);

	while (read16(USED(0) + 2) == n)
		cpu_relax();
	GUEST_ASSERT_EQ(read16(USED(0) + 2), n + 1);
	GUEST_ASSERT_EQ(read32(USED(0) + 4 + 8 * n), n);
	GUEST_ASSERT_EQ(hdr->op, VIRTIO_VSOCK_OP_REQUEST);
	GUEST_ASSERT_EQ(hdr->dst_cid, CID);
	GUEST_ASSERT_EQ(hdr->dst_port, port);
}

static void listens(void)
{
	begin();
	GUEST_SYNC(1);
	is_asked(0, PORT_AT);
	GUEST_SYNC(2);
	is_asked(1, PORT_AT + 1);
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

/**
 * struct owner - a VM with a vsock, and its owner's side
 * @vm: the VM
 * @vhost: the host's vhost-vsock
 * @fd: of LODGE_VM_VSOCK
 * @a: what was given to it
 * @starts: requests to start that were answered
 */
struct owner {
	struct vm *vm;
	int vhost;
	int fd;
	struct lodge_vsock a;
	volatile u32 starts;
};

static struct genl g;

static void set_eventfd(const struct owner *o, unsigned long request, u32 queue, int fd)
{
	struct vhost_vring_file file = { .index = queue, .fd = fd };

	ASSERT_OK(ioctl(o->vhost, request, &file));
}

static void connect_vhost(struct owner *o)
{
	u64 cid = CID;
	u32 i;

	ASSERT_OK(ioctl(o->vhost, VHOST_SET_OWNER));
	ASSERT_OK(ioctl(o->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid));
	o->a = (struct lodge_vsock){ .size = sizeof(o->a), .cid = CID, .error = event() };
	ASSERT_OK(ioctl(o->vhost, VHOST_GET_FEATURES, &o->a.features));
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		o->a.kick[i] = event();
		o->a.call[i] = event();
		set_eventfd(o, VHOST_SET_VRING_KICK, i, o->a.kick[i]);
		set_eventfd(o, VHOST_SET_VRING_CALL, i, o->a.call[i]);
		set_eventfd(o, VHOST_SET_VRING_ERR, i, o->a.error);
	}
	o->fd = ioctl(o->vm->fd, LODGE_VM_VSOCK, &o->a);
	ASSERT_OK(o->fd);
}

static void owner_new(struct owner *o)
{
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_VSOCK, .slot = NUMBER, .fd = -1,
	};

	*o = (struct owner){ .vhost = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC) };
	if (o->vhost < 0)
		SKIP("the host has no vhost-vsock");
	/* which the guest has a copy of, from now on */
	number = NUMBER;
	o->vm = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	ASSERT_EQ(ioctl(o->vm->fd, LODGE_VM_ADD_DEVICE, &d), NUMBER);
	connect_vhost(o);
}

static void start_vhost(const struct owner *o, const struct lodge_vsock_request *r)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = {
		.head.nregions = 1,
		.region = { .memory_size = o->vm->size, .userspace_addr = (u64)o->vm->mem },
	};
	int one = 1;
	u32 i;

	ASSERT_OK(ioctl(o->vhost, VHOST_SET_MEM_TABLE, &table));
	ASSERT_OK(ioctl(o->vhost, VHOST_SET_FEATURES, &r->features));
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		const struct lodge_vsock_queue *q = &r->queue[i];
		struct vhost_vring_state num = { .index = i, .num = q->size };
		struct vhost_vring_state base = { .index = i, .num = q->next };
		struct vhost_vring_addr addr = {
			.index = i, .desc_user_addr = (u64)vm_ptr(o->vm, q->desc),
			.avail_user_addr = (u64)vm_ptr(o->vm, q->driver),
			.used_user_addr = (u64)vm_ptr(o->vm, q->device),
		};

		ASSERT_OK(ioctl(o->vhost, VHOST_SET_VRING_NUM, &num));
		ASSERT_OK(ioctl(o->vhost, VHOST_SET_VRING_BASE, &base));
		ASSERT_OK(ioctl(o->vhost, VHOST_SET_VRING_ADDR, &addr));
	}
	ASSERT_OK(ioctl(o->vhost, VHOST_VSOCK_SET_RUNNING, &one));
}

static void stop_vhost(const struct owner *o, struct lodge_vsock_answer *a)
{
	int zero = 0;
	u32 i;

	ASSERT_OK(ioctl(o->vhost, VHOST_VSOCK_SET_RUNNING, &zero));
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		struct vhost_vring_state base = { .index = i };

		ASSERT_OK(ioctl(o->vhost, VHOST_GET_VRING_BASE, &base));
		a->next[i] = base.num;
	}
}

/* Does what it is asked for until the program ends */
static void *serve(void *arg)
{
	struct lodge_vsock_request r;
	struct owner *o = arg;

	while (read(o->fd, &r, sizeof(r)) == sizeof(r)) {
		struct lodge_vsock_answer a = { .error = 0 };

		if (r.running)
			start_vhost(o, &r);
		else
			stop_vhost(o, &a);
		ASSERT_EQ(write(o->fd, &a, sizeof(a)), (ssize_t)sizeof(a));
		o->starts += r.running;
	}
	return NULL;
}

/* Asks the guest for a connection, and does not wait for it; false: it has to be asked again */
static bool ask(u32 port)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = CID, .svm_port = port,
	};
	/* who gives up takes back what has not been sent */
	const struct timeval patience = { .tv_sec = 3600 };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);

	ASSERT_OK(fd);
	ASSERT_OK(setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD, &patience,
			     sizeof(patience)));
	ASSERT_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -1);
	/* newer kernels refuse it while vhost-vsock is stopped */
	if (errno == EHOSTUNREACH)
		return false;
	ASSERT_EQ(errno, EINPROGRESS);
	return true;
}

static void *run_to_the_end(void *vcpu)
{
	vcpu_done((struct vcpu *)vcpu);
	return NULL;
}

TEST(paused)
{
	struct owner o;
	struct vcpu *vcpu;
	pthread_t t;
	bool asked;
	void *was;
	u32 i, vm;

	owner_new(&o);
	genl_open(&g);
	vm = genl_last_vm(&g);
	vcpu = vcpu_long(o.vm, 0, listens);
	thread_start(serve, &o);
	vcpu_sync(vcpu, 1);
	while (!o.starts)
		sleep_ms(10);
	ASSERT_TRUE(ask(PORT_AT));
	vcpu_sync(vcpu, 2);
	t = thread_start(run_to_the_end, vcpu);
	ASSERT_EQ(genl_act(&g, vm, LODGE_ACTION_PAUSE), 0);
	was = malloc(o.vm->size);
	ASSERT_TRUE(was);
	memcpy(was, o.vm->mem, o.vm->size);
	asked = ask(PORT_AT + 1);
	/* as a rule vhost-vsock would have it in the guest's memory by then */
	sleep_ms(300);
	EXPECT_EQ(memcmp(was, o.vm->mem, o.vm->size), 0);
	EXPECT_EQ(o.starts, 1u);
	ASSERT_EQ(genl_act(&g, vm, LODGE_ACTION_RESUME), 0);
	for (i = 0; i < 1000 && !asked; i++) {
		sleep_ms(20);
		asked = ask(PORT_AT + 1);
	}
	ASSERT_TRUE(asked);
	pthread_join(t, NULL);
	EXPECT_EQ(o.starts, 2u);
}
