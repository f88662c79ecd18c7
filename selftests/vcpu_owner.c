// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM belongs to a process: its threads may all use it, others, forked ones among
 * them, get EIO, and descriptors that outlive the owner do no harm.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static void idle(void)
{
	u64 i;

	for (i = 1;; i++)
		GUEST_SYNC(i);
}

/* Every call on a VM's and a vCPU's descriptor, from a stranger */
static void expect_eio(struct vm *vm, struct vcpu *vcpu)
{
	struct lodge_create_vcpu create = { .size = sizeof(create), .id = 9 };
	struct lodge_events e = { .flags = 0 };
	struct lodge_regs r;
	struct lodge_mp m;

	EXPECT_ERRNO(vcpu_run_try(vcpu), EIO);
	EXPECT_ERRNO(vcpu_try_get_regs(vcpu, &r), EIO);
	EXPECT_ERRNO(vcpu_try_set_regs(vcpu, &r), EIO);
	EXPECT_ERRNO(vcpu_try_set_events(vcpu, &e), EIO);
	EXPECT_ERRNO(vcpu_try_get_mp(vcpu, &m), EIO);
	EXPECT_ERRNO(vcpu_interrupt(vcpu, 0x40), EIO);
	EXPECT_ERRNO(vcpu_nmi(vcpu), EIO);
	EXPECT_ERRNO(vm_slot_try(vm, 5, 0, 0x10000000, 4096, vm->mem), EIO);
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &create), EIO);
}

TEST(forked_child)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	int status;
	pid_t pid;

	vcpu_sync(vcpu, 1);
	pid = fork();
	if (!pid) {
		struct vcpu *mine;

		expect_eio(vm, vcpu);
		/* a VM of its own is another matter */
		mine = vcpu_long(vm_create(0), 0, idle);
		vcpu_sync(mine, 1);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	vcpu_sync(vcpu, 2);
}

/* Passed to another process by a socket */
static int receive_fd(int sock)
{
	char room[CMSG_SPACE(sizeof(int))], c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};

	ASSERT_EQ(recvmsg(sock, &m, 0), 1);
	return *(int *)CMSG_DATA(CMSG_FIRSTHDR(&m));
}

static void send_fd(int sock, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(h) = fd;
	ASSERT_EQ(sendmsg(sock, &m, 0), 1);
}

TEST(descriptors_outlive_the_owner)
{
	int s[2], vm_fd, vcpu_fd, status;
	struct vcpu stranger = { 0 };
	struct vm strange_vm = { 0 };
	pid_t pid;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(0);
		struct vcpu *vcpu = vcpu_long(vm, 0, idle);

		vcpu_sync(vcpu, 1);
		send_fd(s[1], vm->fd);
		send_fd(s[1], vcpu->fd);
		_exit(0);
	}
	vm_fd = receive_fd(s[0]);
	vcpu_fd = receive_fd(s[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	strange_vm.fd = vm_fd;
	stranger.fd = vcpu_fd;
	expect_eio(&strange_vm, &stranger);
	EXPECT_OK(close(vcpu_fd));
	EXPECT_OK(close(vm_fd));
}

/* The child's copy keeps the VM after the parent has closed its own; nothing is left behind */
TEST(child_closes_last)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	int fds[2], status;
	pid_t pid;
	char c;

	vcpu_sync(vcpu, 1);
	ASSERT_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		close(fds[1]);
		if (read(fds[0], &c, 1) < 0)
			_exit(1);
		expect_eio(vm, vcpu);
		_exit(0);
	}
	close(fds[0]);
	vcpu_free(vcpu);
	vm_free(vm);
	close(fds[1]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* The vCPU outlives the VM's descriptor: it holds the VM */
TEST(vm_closed_first)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);

	vcpu_sync(vcpu, 1);
	ASSERT_OK(close(vm->fd));
	vcpu_sync(vcpu, 2);
	vcpu_free(vcpu);
}

/* Threads of the owner: each may run the vCPU in turn, and look at it while it does not run */
static struct vcpu *shared;
static volatile u64 next = 1;

static void *one_turn(void *arg)
{
	struct lodge_regs r;

	vcpu_sync(shared, next);
	next++;
	vcpu_get_regs(shared, &r);
	return NULL;
}

TEST(any_thread_may_run_it)
{
	pthread_t t;
	int i;

	shared = vcpu_long(vm_create(0), 0, idle);
	for (i = 0; i < 50; i++) {
		t = thread_start(one_turn, NULL);
		ASSERT_EQ(pthread_join(t, NULL), 0);
	}
	EXPECT_EQ(next, 51ull);
}

/* A state call while it runs waits for the run's end; a signal ends the waiting */
static void spin(void)
{
	for (;;)
		cpu_relax();
}

static void on_signal(int nr)
{
}

static void *run_until_signal(void *arg)
{
	EXPECT_ERRNO(vcpu_run_try(arg), EINTR);
	return NULL;
}

TEST(state_call_while_it_runs)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, spin);
	struct lodge_regs r;
	pthread_t t;

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	t = thread_start(run_until_signal, vcpu);
	while (!vcpu_stat(vcpu, LODGE_STAT_EXITS))
		sleep_ms(1);
	/* SIGALRM goes to this thread: the other has it blocked by then */
	alarm(1);
	for (;;) {
		int ret = vcpu_try_get_regs(vcpu, &r);

		if (ret)
			EXPECT_EQ(errno, EINTR);
		else
			EXPECT_EQ(r.rip >> 22, 1ull);	/* it was the other thread that woke */
		break;
	}
	pthread_kill(t, SIGUSR1);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	vcpu_get_regs(vcpu, &r);
	EXPECT_EQ(r.rip >> 22, 1ull);
}
