// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vsock without vhost-vsock: what the process is asked for, that the guest waits for it, how
 * kicks and interrupts go, and an owner who refuses, goes away or is killed.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eventfds.h"
#include "genl.h"
#include "killed.h"
#include "mmiodev.h"

#define NUMBER		3	/* of the device */
#define CID		0xfffffffeu
#define NR_QUEUES	3
#define QUEUE_SIZE	8
#define EVENT_IDX	(1u << 29)
#define OFFERED		(1u << 1 | 1u << 28 | EVENT_IDX)
#define VERSION_1	1	/* of the upper half */

/* Some are no memory: nobody but the process finds out */
#define DESC(queue)	(0x8000000000ull + (queue) * 0x10000)
#define AVAIL(queue)	(DESC(queue) + 0x1002)
#define USED(queue)	(DESC(queue) + 0x2004)

/* ---- inside -------------------------------------------------------------- */

static volatile u64 stage;

static void begin(void)
{
	u32 i;

	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(0, EVENT_IDX);
	mmio_accept(1, VERSION_1);
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xb);
	for (i = 0; i < NR_QUEUES; i++)
		mmio_queue(i, QUEUE_SIZE, DESC(i), AVAIL(i), USED(i));
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
}

static void end(void)
{
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0);
}

static void wait_needs_reset(void)
{
	while (!(mmio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET))
		cpu_relax();
}

static void served(void)
{
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_DEVICE_ID), LODGE_DEVICE_VSOCK);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_CONFIG), CID);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_CONFIG + 4), 0);
	GUEST_ASSERT_EQ(mmio_features(0), OFFERED);
	GUEST_ASSERT_EQ(mmio_features(1), VERSION_1);
	begin();
	while (!(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING))
		mmio_put(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	stage = 1;
	end();
	stage = 2;
	begin();
	/* the others go on where they were */
	mmio_put(VIRTIO_MMIO_QUEUE_SEL, 2);
	mmio_put(VIRTIO_MMIO_QUEUE_READY, 0);
	stage = 3;
	end();
	GUEST_DONE();
}

/* Each time the owner has something else against it */
static void refused(void)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		begin();
		wait_needs_reset();
		GUEST_ASSERT(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
		end();
	}
	GUEST_DONE();
}

static void started_and_ended(void)
{
	begin();
	while (!(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING))
		cpu_relax();
	end();
	/* and there is nobody any more */
	begin();
	wait_needs_reset();
	end();
	GUEST_DONE();
}

/* Until it is told by an interrupt, which finds it where it was before the pause */
static void is_paused(void)
{
	begin();
	stage = 1;
	while (!(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING))
		cpu_relax();
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xf);
	stage = 2;
	wait_needs_reset();
	end();
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

/**
 * struct owner - a VM with a vsock, and its owner's side
 * @vm: the VM
 * @fd: of LODGE_VM_VSOCK
 * @a: what was given to it
 */
struct owner {
	struct vm *vm;
	int fd;
	struct lodge_vsock a;
};

static struct vm *vm_with(u32 id)
{
	struct lodge_add_device d = { .size = sizeof(d), .id = id, .slot = NUMBER, .fd = -1 };
	struct vm *vm;

	/* which the guest has a copy of, from now on */
	number = NUMBER;
	vm = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), NUMBER);
	return vm;
}

/* Eventfds that block */
static struct lodge_vsock arguments(void)
{
	return (struct lodge_vsock){
		.size = sizeof(struct lodge_vsock), .cid = CID, .features = ~0ull,
		.kick = { eventfd(0, 0), eventfd(0, 0) }, .call = { event(), event() },
		.error = event(),
	};
}

static struct owner owner_new(void)
{
	struct owner o = { .vm = vm_with(LODGE_DEVICE_VSOCK), .a = arguments() };

	o.fd = ioctl(o.vm->fd, LODGE_VM_VSOCK, &o.a);
	ASSERT_OK(o.fd);
	return o;
}

static struct lodge_vsock_request request(const struct owner *o, u32 running)
{
	struct lodge_vsock_request r;

	ASSERT_EQ(read(o->fd, &r, sizeof(r)), (ssize_t)sizeof(r));
	ASSERT_EQ(r.running, running);
	ASSERT_EQ(r.pad, 0u);
	return r;
}

static void answer(const struct owner *o, u32 error, u32 next)
{
	struct lodge_vsock_answer a = { .error = error, .next = { next, next + 1 } };

	ASSERT_EQ(write(o->fd, &a, sizeof(a)), (ssize_t)sizeof(a));
}

static void expect_start(const struct owner *o, u32 next)
{
	struct lodge_vsock_request r = request(o, 1);
	unsigned int i;

	EXPECT_EQ(r.features, 1ull << VIRTIO_F_VERSION_1 | EVENT_IDX);
	for (i = 0; i < LODGE_VSOCK_QUEUES; i++) {
		EXPECT_EQ(r.queue[i].desc, DESC(i));
		EXPECT_EQ(r.queue[i].driver, AVAIL(i));
		EXPECT_EQ(r.queue[i].device, USED(i));
		EXPECT_EQ(r.queue[i].size, (u32)QUEUE_SIZE);
		EXPECT_EQ(r.queue[i].next, next ? next + i : 0);
	}
}

static void *run_to_the_end(void *vcpu)
{
	vcpu_done((struct vcpu *)vcpu);
	return NULL;
}

TEST(start_stop_kicks_and_interrupts)
{
	struct owner o = owner_new();
	pthread_t t = thread_start(run_to_the_end, vcpu_long(o.vm, 0, served));
	u64 count, i;

	expect_start(&o, 0);
	answer(&o, 0, 0);
	/* one of each comes with the start */
	ASSERT_EQ(read(o.a.kick[0], &count, sizeof(count)), (ssize_t)sizeof(count));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(read(o.a.kick[1], &count, sizeof(count)), (ssize_t)sizeof(count));
	signal_fd(o.a.call[1]);
	request(&o, 0);
	/* a reset that is over too soon would get so far */
	sleep_ms(100);
	EXPECT_EQ(GUEST_VAR(o.vm, stage), 1ull);
	answer(&o, 0, 5);
	expect_start(&o, 0);
	EXPECT_EQ(GUEST_VAR(o.vm, stage), 2ull);
	answer(&o, 0, 0);
	request(&o, 0);
	answer(&o, 0, 0xfffe);
	expect_start(&o, 0xfffe);
	answer(&o, 0, 0);
	request(&o, 0);
	EXPECT_EQ(GUEST_VAR(o.vm, stage), 3ull);
	answer(&o, 0, 0);
	pthread_join(t, NULL);
}

TEST(the_owner_refuses_finds_errors_and_goes)
{
	struct owner o = owner_new();
	pthread_t t = thread_start(run_to_the_end, vcpu_long(o.vm, 0, refused));

	expect_start(&o, 0);
	answer(&o, EFAULT, 0);
	expect_start(&o, 0);
	answer(&o, 0, 0);
	signal_fd(o.a.error);
	request(&o, 0);
	answer(&o, 0, 0);
	expect_start(&o, 0);
	close(o.fd);
	pthread_join(t, NULL);
}

TEST(the_owner_goes_instead_of_stopping)
{
	struct owner o = owner_new();
	pthread_t t = thread_start(run_to_the_end, vcpu_long(o.vm, 0, started_and_ended));

	expect_start(&o, 0);
	answer(&o, 0, 0);
	signal_fd(o.a.call[0]);
	request(&o, 0);
	close(o.fd);
	pthread_join(t, NULL);
	EXPECT_ERRNO(ioctl(o.vm->fd, LODGE_VM_VSOCK, &o.a), EBUSY);
}

/* ---- paused -------------------------------------------------------------- */

static volatile int paused = 1;		/* or what came of it */

static int act(u32 action)
{
	struct genl g;
	u32 vm;
	int err;

	genl_open(&g);
	vm = genl_last_vm(&g);
	err = genl_act(&g, vm, action);
	genl_close(&g);
	return err;
}

static void *pause_it(void *arg)
{
	paused = act(LODGE_ACTION_PAUSE);
	return arg;
}

/* The VM is not paused before the owner has stopped vhost-vsock, and goes on where that was */
TEST(stopped_while_paused)
{
	struct owner o = owner_new();
	pthread_t pauser, t = thread_start(run_to_the_end, vcpu_long(o.vm, 0, is_paused));

	expect_start(&o, 0);
	answer(&o, 0, 0);
	while (!GUEST_VAR(o.vm, stage))
		sleep_ms(1);
	pauser = thread_start(pause_it, NULL);
	request(&o, 0);
	/* a pause that does not wait would be over */
	sleep_ms(100);
	EXPECT_EQ(paused, 1);
	/* nor does anybody else */
	EXPECT_EQ(act(LODGE_ACTION_RESUME), -EBUSY);
	answer(&o, 0, 0x1234);
	pthread_join(pauser, NULL);
	EXPECT_EQ(paused, 0);
	EXPECT_EQ(act(LODGE_ACTION_PAUSE), -EALREADY);
	/* to go on does not wait for the owner */
	EXPECT_EQ(act(LODGE_ACTION_RESUME), 0);
	expect_start(&o, 0x1234);
	EXPECT_EQ(GUEST_VAR(o.vm, stage), 1ull);
	answer(&o, 0, 0);
	EXPECT_EQ(act(LODGE_ACTION_RESUME), -EALREADY);
	signal_fd(o.a.call[0]);
	while (GUEST_VAR(o.vm, stage) != 2)
		sleep_ms(1);
	/* where it stopped is not known: the driver begins anew */
	pauser = thread_start(pause_it, NULL);
	request(&o, 0);
	answer(&o, EIO, 0);
	pthread_join(pauser, NULL);
	EXPECT_EQ(paused, 0);
	EXPECT_EQ(act(LODGE_ACTION_RESUME), 0);
	pthread_join(t, NULL);
}

/* Whose owner does not stop it is not paused */
TEST(not_stopped)
{
	struct owner o = owner_new();

	thread_start(run_to_the_end, vcpu_long(o.vm, 0, is_paused));
	expect_start(&o, 0);
	answer(&o, 0, 0);
	while (!GUEST_VAR(o.vm, stage))
		sleep_ms(1);
	EXPECT_EQ(act(LODGE_ACTION_PAUSE), -ETIMEDOUT);
	EXPECT_EQ(act(LODGE_ACTION_RESUME), -EALREADY);
	request(&o, 0);
	answer(&o, 0, 7);
	expect_start(&o, 7);
	answer(&o, 0, 0);
	signal_fd(o.a.call[0]);
	while (GUEST_VAR(o.vm, stage) != 2)
		sleep_ms(1);
}

/* ---- killed -------------------------------------------------------------- */

/* Its guest waits, for a start or for a stop, and for ever */
static struct owner waits_for_start(void)
{
	struct owner o = owner_new();

	thread_start(run_to_the_end, vcpu_long(o.vm, 0, started_and_ended));
	expect_start(&o, 0);
	return o;
}

static void neglects_start(void)
{
	waits_for_start();
}

static void neglects_stop(void)
{
	struct owner o = waits_for_start();

	answer(&o, 0, 0);
	signal_fd(o.a.call[0]);
	request(&o, 0);
}

/* The ring is mapped and has the descriptor open: who waits for that keeps both */
static void neglects_start_with_a_ring(void)
{
	struct owner o = waits_for_start();
	struct io_uring_params p = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &p);
	void *at;

	ASSERT_OK(ring);
	at = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(u32), PROT_READ, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	ASSERT_NE(at, MAP_FAILED);
	ASSERT_OK(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &o.fd, 1));
}

TEST(killed_instead_of_starting)
{
	kill_while(neglects_start);
	kill_while(neglects_start_with_a_ring);
}

TEST(killed_instead_of_stopping)
{
	kill_while(neglects_stop);
}

/* ---- calls --------------------------------------------------------------- */

#define EXPECT_REFUSED(vm, err, change) do {					\
	struct lodge_vsock a_ = arguments();					\
										\
	change;									\
	EXPECT_ERRNO(ioctl((vm)->fd, LODGE_VM_VSOCK, &a_), err);		\
} while (0)

TEST(arguments)
{
	struct vm *vm = vm_with(LODGE_DEVICE_RNG);
	struct lodge_vsock a = arguments();
	int null = open("/dev/null", O_RDWR);

	EXPECT_REFUSED(vm, ENODEV, a_.pad = 0);
	vm = vm_with(LODGE_DEVICE_VSOCK);
	EXPECT_REFUSED(vm, EINVAL, a_.cid = 2);
	EXPECT_REFUSED(vm, EINVAL, a_.cid = ~0u);
	EXPECT_REFUSED(vm, EINVAL, a_.pad = 1);
	EXPECT_REFUSED(vm, EINVAL, a_.features = OFFERED);
	EXPECT_REFUSED(vm, EBADF, a_.kick[1] = -1);
	EXPECT_REFUSED(vm, EBADF, a_.call[1] = -1);
	EXPECT_REFUSED(vm, EBADF, a_.error = -1);
	EXPECT_REFUSED(vm, EINVAL, a_.kick[0] = null);
	EXPECT_REFUSED(vm, EINVAL, a_.call[0] = null);
	EXPECT_REFUSED(vm, EINVAL, a_.error = vm->fd);
	EXPECT_OK(ioctl(vm->fd, LODGE_VM_VSOCK, &a));
	EXPECT_REFUSED(vm, EBUSY, a_.pad = 0);
	vm = vm_with(LODGE_DEVICE_VSOCK);
	vcpu_create(vm, 0);
	EXPECT_REFUSED(vm, EBUSY, a_.pad = 0);
}

#define NOWHERE	((void *)-4096)

/* By another process nothing is to be had; Return: its status */
static int as_another(const struct owner *o)
{
	struct lodge_vsock_answer a = {};
	struct lodge_vsock_request r;
	pid_t pid = fork();
	int status = -1;

	ASSERT_OK(pid);
	if (!pid) {
		EXPECT_ERRNO(read(o->fd, &r, sizeof(r)), EIO);
		EXPECT_ERRNO(write(o->fd, &a, sizeof(a)), EIO);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

TEST(reads_and_writes)
{
	struct owner o = owner_new();
	struct lodge_vsock_answer a = {};
	struct lodge_vsock_request r;
	struct pollfd p = { .fd = o.fd, .events = POLLIN };

	ASSERT_OK(fcntl(o.fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(poll(&p, 1, 0), 0);
	EXPECT_ERRNO(read(o.fd, &r, sizeof(r)), EAGAIN);
	EXPECT_ERRNO(read(o.fd, &r, sizeof(r) - 1), EINVAL);
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a)), EINVAL);
	thread_start(run_to_the_end, vcpu_long(o.vm, 0, started_and_ended));
	ASSERT_EQ(poll(&p, 1, -1), 1);
	EXPECT_ERRNO(read(o.fd, NOWHERE, sizeof(r)), EFAULT);
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a) - 1), EINVAL);
	EXPECT_ERRNO(write(o.fd, NOWHERE, sizeof(a)), EFAULT);
	a.next[1] = 0x10000;
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a)), EINVAL);
	a.next[1] = 0;
	a.error = 0x80000000;
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a)), EINVAL);
	a.error = 0;
	a.pad = 1;
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a)), EINVAL);
	EXPECT_EQ(as_another(&o), 0);
	/* it is there as ever, and once */
	expect_start(&o, 0);
	answer(&o, 0, 0);
	a.pad = 0;
	EXPECT_ERRNO(write(o.fd, &a, sizeof(a)), EINVAL);
}
