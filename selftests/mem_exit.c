// SPDX-License-Identifier: GPL-2.0-only
/*
 * An owner goes at any moment and in any way; what it leaves is freed.  Others that hold
 * its descriptors can do nothing with them but close them.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

#define REFCNT	"/sys/module/lodge/refcnt"
#define SMALL	(64 * PAGE)

static void endless(void)
{
	u64 n = 0, i;

	for (;;) {
		for (i = 0; i < SMALL; i += PAGE)
			*(volatile u64 *)(GPA_REGION + i) = n++;
		if (n % (64 << 10) == 0)
			GUEST_SYNC(n);
	}
}

static long refcnt_before;

static void remember(void)
{
	refcnt_before = get_number(REFCNT);
	if (refcnt_before < 0)
		SKIP("no " REFCNT);
}

/* All descriptors and mappings are gone; the last steps may come a little later */
static void expect_freed(void)
{
	int i;

	for (i = 0; i < 2000 && get_number(REFCNT) != refcnt_before; i++)
		usleep(1000);
	EXPECT_EQ(get_number(REFCNT), refcnt_before);
}

static struct vcpu *new_guest(void)
{
	struct vm *vm = vm_create(0);
	char *mem = mem_anon(SMALL, PAGE);

	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, SMALL, mem);
	return vcpu_long(vm, 0, endless);
}

static void *runner(void *arg)
{
	for (;;)
		vcpu_run(arg);
	return NULL;
}

/* A process with a guest that runs in two threads; it says when */
static void owner(int ready, int how)
{
	struct vcpu *vcpu = new_guest(), *second = vcpu_long(vcpu->vm, 1, endless);

	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	thread_start(runner, vcpu);
	thread_start(runner, second);
	ASSERT_EQ(write(ready, "", 1), 1);
	switch (how) {
	case 0:
		_exit(0);
	case 1:
		usleep(3000);
		_exit(0);
	case 2:
		munmap(vcpu->vm->mem, vcpu->vm->size);
		_exit(0);
	case 3:
		abort();
	case 4:
		execl("/bin/true", "true", NULL);
		execl("/bin/busybox", "true", NULL);
		_exit(0);
	}
	for (;;)
		pause();
}

static pid_t start_owner(int how)
{
	int ready[2];
	pid_t pid;
	char c;

	ASSERT_OK(pipe(ready));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid)
		owner(ready[1], how);
	close(ready[1]);
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

TEST(exits)
{
	int how, status;

	remember();
	for (how = 0; how < 10; how++) {
		pid_t pid = start_owner(how % 5);

		ASSERT_EQ(waitpid(pid, &status, 0), pid);
	}
	expect_freed();
}

TEST(killed)
{
	int i, status;
	pid_t pid;

	remember();
	for (i = 0; i < 15; i++) {
		pid = start_owner(9);
		usleep(i * i * 50);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	expect_freed();
}

/* Killed while it creates and destroys */
static void restless(void)
{
	for (;;) {
		struct vcpu *vcpu = new_guest();
		struct vm *vm = vcpu->vm;

		ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
		vm_slot(vm, REGION_SLOT, 0, 0, 0, NULL);
		vcpu_free(vcpu);
		vm_free(vm);
	}
}

TEST(killed_while_creating)
{
	int i, status;
	pid_t pid;

	remember();
	for (i = 0; i < 12; i++) {
		pid = fork();
		ASSERT_OK(pid);
		if (!pid)
			restless();
		usleep(1000 + i * 3700);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	expect_freed();
}

TEST(run_area_twice)
{
	struct vcpu *vcpu = new_guest();
	struct lodge_run *again;

	again = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT_NE((void *)again, MAP_FAILED);
	again->immediate_exit = 1;
	EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	EXPECT_EQ(again->io.port, UCALL_PORT);
	ASSERT_OK(munmap(vcpu->run, vcpu->run_size));
	vcpu->run = again;
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	/* no mapping at all */
	ASSERT_OK(munmap(again, vcpu->run_size));
	EXPECT_OK(vcpu_run_try(vcpu));
}

/* Descriptors in any order of closing; what is mapped stays until it is unmapped */
TEST(order_of_closing)
{
	struct vcpu *vcpu;
	volatile u32 *reason;

	remember();
	vcpu = new_guest();
	close(vcpu->vm->fd);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	reason = &vcpu->run->exit_reason;
	close(vcpu->fd);
	EXPECT_EQ(*reason, (u32)LODGE_EXIT_IO);
	EXPECT_GT(get_number(REFCNT), refcnt_before);
	munmap(vcpu->run, vcpu->run_size);
	expect_freed();
	vcpu = new_guest();
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
	EXPECT_GT(get_number(REFCNT), refcnt_before);
	close(vcpu->vm->fd);
	expect_freed();
}

/* Closed by one thread while another is inside */
TEST(closed_while_it_runs)
{
	struct vcpu *vcpu;
	int i;

	for (i = 0; i < 8; i++) {
		vcpu = new_guest();
		thread_start(runner, vcpu);
		usleep(i * 700);
		close(vcpu->vm->fd);
		vcpu->run->immediate_exit = 1;
		usleep(500);
		munmap(vcpu->vm->mem, vcpu->vm->size);
		/* the runner meets EINTR, and MEMORY_ERROR, for ever: it goes with the test */
	}
}

/* ---- other processes ------------------------------------------------------- */

static void all_eio(int vm, int vcpu)
{
	struct lodge_slot slot = { .size = sizeof(slot), .slot = 9, .gpa = 0x50000000,
				   .len = PAGE, .hva = 0x10000000 };
	struct lodge_regs regs = { .size = sizeof(regs) };
	struct lodge_create_vcpu create = { .size = sizeof(create), .id = 9 };
	struct lodge_dirty_log log = { .size = sizeof(log) };
	struct lodge_interrupt irq = { .size = sizeof(irq), .vector = 99 };
	unsigned int nr;

	EXPECT_ERRNO(ioctl(vm, LODGE_VM_SET_SLOT, &slot), EIO);
	EXPECT_ERRNO(ioctl(vm, LODGE_VM_SET_SLOT, NULL), EIO);
	EXPECT_ERRNO(ioctl(vm, LODGE_VM_GET_DIRTY, &log), EIO);
	EXPECT_ERRNO(ioctl(vm, LODGE_VM_CREATE_VCPU, &create), EIO);
	EXPECT_ERRNO(ioctl(vcpu, LODGE_VCPU_RUN), EIO);
	EXPECT_ERRNO(ioctl(vcpu, LODGE_VCPU_GET_REGS, &regs), EIO);
	EXPECT_ERRNO(ioctl(vcpu, LODGE_VCPU_INTERRUPT, &irq), EIO);
	EXPECT_ERRNO(ioctl(vcpu, LODGE_VCPU_NMI), EIO);
	for (nr = 0x21; nr <= 0x33; nr++)
		EXPECT_ERRNO(ioctl(vcpu, LODGE_IOC(nr), &regs), EIO);
}

TEST(forked)
{
	struct vcpu *vcpu = new_guest();
	int status;
	pid_t pid;

	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		all_eio(vcpu->vm->fd, vcpu->fd);
		/* a VM of its own it may have */
		ASSERT_EQ(vcpu_ucall(new_guest()), UCALL_SYNC);
		_exit(0);
	}
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
}

/* The owner goes, a child keeps the descriptors and the run area */
TEST(owner_gone)
{
	int p[2], status;
	char c;
	pid_t pid;

	remember();
	ASSERT_OK(pipe(p));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		struct vcpu *vcpu = new_guest();

		ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
		pid = fork();
		ASSERT_OK(pid);
		if (pid)
			_exit(0);
		usleep(20000);
		all_eio(vcpu->vm->fd, vcpu->fd);
		EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_IO);
		_exit(0);
	}
	close(p[1]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(read(p[0], &c, 1), 0);	/* until the grandchild is gone */
	expect_freed();
}

static void send_fds(int to, int a, int b)
{
	char room[CMSG_SPACE(2 * sizeof(int))] = { 0 }, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(h), (int[]){ a, b }, 2 * sizeof(int));
	ASSERT_EQ(sendmsg(to, &m, 0), 1);
}

static void receive_fds(int from, int fds[2])
{
	char room[CMSG_SPACE(2 * sizeof(int))] = { 0 }, c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };

	ASSERT_EQ(recvmsg(from, &m, 0), 1);
	ASSERT_TRUE(CMSG_FIRSTHDR(&m));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), 2 * sizeof(int));
}

TEST(passed_on)
{
	int s[2], fds[2], status;
	struct vcpu *vcpu;
	struct vm *vm;
	pid_t pid;

	remember();
	ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		receive_fds(s[0], fds);
		all_eio(fds[0], fds[1]);
		_exit(0);
	}
	vcpu = new_guest();
	send_fds(s[1], vcpu->vm->fd, vcpu->fd);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	/* in a queue that nobody reads, and the queue goes */
	send_fds(s[1], vcpu->vm->fd, vcpu->fd);
	vm = vcpu->vm;
	vcpu_free(vcpu);
	vm_free(vm);
	EXPECT_GT(get_number(REFCNT), refcnt_before);
	close(s[0]);
	close(s[1]);
	expect_freed();
}

/* ---- exec: this program again, which finds the descriptors in its environment -------- */

static void __attribute__((constructor)) after_exec(void)
{
	const char *text = getenv("LODGE_FDS");
	struct lodge_regs regs = { .size = sizeof(regs) };
	int vm, vcpu;

	if (!text || sscanf(text, "%d,%d", &vm, &vcpu) != 2)
		return;
	if (ioctl(vcpu, LODGE_VCPU_RUN) != -1 || errno != EIO)
		_exit(11);
	if (ioctl(vcpu, LODGE_VCPU_GET_REGS, &regs) != -1 || errno != EIO)
		_exit(12);
	if (ioctl(vm, LODGE_VM_SET_SLOT, &regs) != -1 || errno != EIO)
		_exit(13);
	_exit(0);
}

TEST(exec)
{
	struct vcpu *vcpu;
	char text[64];
	int status;
	pid_t pid;

	remember();
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		vcpu = new_guest();
		ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
		thread_start(runner, vcpu);
		/* close-on-exec is the default; without it they survive, of no use */
		EXPECT_EQ(fcntl(vcpu->fd, F_GETFD), FD_CLOEXEC);
		EXPECT_EQ(fcntl(vcpu->vm->fd, F_GETFD), FD_CLOEXEC);
		fcntl(vcpu->fd, F_SETFD, 0);
		fcntl(vcpu->vm->fd, F_SETFD, 0);
		snprintf(text, sizeof(text), "%d,%d", vcpu->vm->fd, vcpu->fd);
		setenv("LODGE_FDS", text, 1);
		execl("/proc/self/exe", "exec", NULL);
		_exit(10);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	expect_freed();
}
