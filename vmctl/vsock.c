// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vsock: the module tells when the guest's driver has its rings ready, and when it wants
 * them back; the host's vhost-vsock takes such orders only from the process that has the memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd.h"
#include "vm.h"

#define DEVICE	"/dev/vhost-vsock"

/* ---- its beginning ------------------------------------------------------- */

static int fail(const char *what)
{
	cmd_error(CMD_FAILED, "%s: %s", what, strerror(errno));
	return -1;
}

static int open_vhost(struct vsock *v)
{
	v->vhost = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (v->vhost >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		cmd_error(CMD_FAILED, "there is no %s: load the host's module with \"modprobe vhost_vsock\"",
			  DEVICE);
	else if (errno == EACCES || errno == EPERM)
		cmd_error(CMD_FAILED, "you may not open %s: become root, or have root give you access to it",
			  DEVICE);
	else
		fail(DEVICE);
	return -1;
}

static int set_cid(const struct vsock *v, uint64_t cid)
{
	if (!ioctl(v->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid))
		return 0;
	if (errno != EADDRINUSE)
		return fail("cannot give the guest its CID");
	cmd_error(CMD_FAILED, "CID %llu is in use, another guest may have it: choose another for --vsock",
		  (unsigned long long)cid);
	return -1;
}

/* What is closed is not signalled */
static void close_eventfds(const struct lodge_vsock *a)
{
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		close(a->kick[i]);
		close(a->call[i]);
	}
	close(a->error);
}

static int set_eventfd(const struct vsock *v, unsigned long request, unsigned int queue, int fd)
{
	struct vhost_vring_file file = { .index = queue, .fd = fd };

	return ioctl(v->vhost, request, &file);
}

/* From here on both have them */
static int connect_eventfds(const struct vm *vm, struct vsock *v, struct lodge_vsock *a)
{
	unsigned int i;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++)
		if (set_eventfd(v, VHOST_SET_VRING_KICK, i, a->kick[i]) ||
		    set_eventfd(v, VHOST_SET_VRING_CALL, i, a->call[i]) ||
		    set_eventfd(v, VHOST_SET_VRING_ERR, i, a->error))
			return -1;
	v->fd = ioctl(vm->fd, LODGE_VM_VSOCK, a);
	return v->fd < 0 ? -1 : fcntl(v->fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

static int connect_both(const struct vm *vm, struct vsock *v)
{
	struct lodge_vsock a = { .size = sizeof(a), .cid = vm->config->vsock };
	unsigned int i;
	int failed, error;

	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		a.kick[i] = eventfd(0, EFD_CLOEXEC);
		a.call[i] = eventfd(0, EFD_CLOEXEC);
	}
	a.error = eventfd(0, EFD_CLOEXEC);
	failed = ioctl(v->vhost, VHOST_GET_FEATURES, &a.features) || connect_eventfds(vm, v, &a);
	error = errno;
	close_eventfds(&a);
	errno = error;
	return failed ? fail("cannot connect the guest with " DEVICE) : 0;
}

/**
 * vsock_open - have the host's vhost-vsock ready for a VM
 * @vm: has the device
 *
 * Return: 0, or -1 after having told the user; vsock_close() in any case.
 */
int vsock_open(struct vm *vm)
{
	struct vsock *v = &vm->vsock;

	if (open_vhost(v))
		return -1;
	if (ioctl(v->vhost, VHOST_SET_OWNER))
		return fail("cannot use " DEVICE);
	if (set_cid(v, vm->config->vsock))
		return -1;
	return connect_both(vm, v);
}

/**
 * vsock_close - nobody serves the guest any more
 * @v: of a VM whose vCPUs do not run any more, or closed; its memory is touched no more after
 */
void vsock_close(struct vsock *v)
{
	if (v->vhost >= 0)
		close(v->vhost);
	if (v->fd >= 0)
		close(v->fd);
	*v = (struct vsock){ .vhost = -1, .fd = -1 };
}

/* ---- while the guest runs ------------------------------------------------ */

/* What vhost-vsock may touch: the guest's memory, without what it cannot write to */
static int set_memory(const struct vm *vm)
{
	const struct guestmem *mem = &vm->mem;
	uint64_t low = guestmem_low(mem), high = guestmem_high(mem);
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region[2];
	} table = {
		.head.nregions = high ? 2 : 1,
		.region = {
			{ .guest_phys_addr = 0, .memory_size = low,
			  .userspace_addr = (uintptr_t)mem->host },
			{ .guest_phys_addr = GUESTMEM_HIGH, .memory_size = high,
			  .userspace_addr = (uintptr_t)mem->host + low },
		},
	};

	return ioctl(vm->vsock.vhost, VHOST_SET_MEM_TABLE, &table);
}

/*
 * Rings are told by their addresses in our memory, which vhost-vsock does not check against the
 * table: they are the guest's only if all of each is.  Lengths are those with event indexes.
 */
static bool place_ring(const struct vm *vm, const struct lodge_vsock_queue *q,
		       struct vhost_vring_addr *addr)
{
	const struct guestmem *mem = &vm->mem;

	void *desc = guestmem_ptr(mem, q->desc, q->size * sizeof(struct vring_desc));
	void *avail = guestmem_ptr(mem, q->driver, 6 + q->size * sizeof(uint16_t));
	void *used = guestmem_ptr(mem, q->device, 6 + q->size * sizeof(struct vring_used_elem));

	addr->desc_user_addr = (uintptr_t)desc;
	addr->avail_user_addr = (uintptr_t)avail;
	addr->used_user_addr = (uintptr_t)used;
	return desc && avail && used;
}

static int set_ring(const struct vm *vm, unsigned int i, const struct lodge_vsock_queue *q)
{
	struct vhost_vring_state size = { .index = i, .num = q->size };
	struct vhost_vring_state next = { .index = i, .num = q->next };
	struct vhost_vring_addr addr = { .index = i };
	int fd = vm->vsock.vhost;

	if (!place_ring(vm, q, &addr)) {
		errno = EFAULT;
		return -1;
	}
	return ioctl(fd, VHOST_SET_VRING_NUM, &size) || ioctl(fd, VHOST_SET_VRING_BASE, &next) ||
	       ioctl(fd, VHOST_SET_VRING_ADDR, &addr);
}

/* 0 or an errno */
static int start(const struct vm *vm, const struct lodge_vsock_request *r)
{
	int one = 1, fd = vm->vsock.vhost;
	unsigned int i;

	if (set_memory(vm) || ioctl(fd, VHOST_SET_FEATURES, &r->features))
		return errno;
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++)
		if (set_ring(vm, i, &r->queue[i]))
			return errno;
	return ioctl(fd, VHOST_VSOCK_SET_RUNNING, &one) ? errno : 0;
}

/* When this returns, no ring is read or written */
static int stop(const struct vm *vm, struct lodge_vsock_answer *a)
{
	int zero = 0, fd = vm->vsock.vhost;
	unsigned int i;

	if (ioctl(fd, VHOST_VSOCK_SET_RUNNING, &zero))
		return errno;
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		struct vhost_vring_state next = { .index = i };

		if (ioctl(fd, VHOST_GET_VRING_BASE, &next))
			return errno;
		a->next[i] = next.num & 0xffff;
	}
	return 0;
}

/**
 * vsock_serve - what the module wants done, if anything
 * @vm: with a vsock; its descriptor is readable
 */
void vsock_serve(struct vm *vm)
{
	struct lodge_vsock_answer a = {};
	struct lodge_vsock_request r;

	if (read(vm->vsock.fd, &r, sizeof(r)) != sizeof(r))
		return;
	a.error = r.running ? start(vm, &r) : stop(vm, &a);
	/* it fails if the VM has ended meanwhile */
	if (write(vm->vsock.fd, &a, sizeof(a)) < 0)
		return;
}
