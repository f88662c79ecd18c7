// SPDX-License-Identifier: GPL-2.0-only
/*
 * LODGE_VM_CONSOLE: what a guest writes to its UART and to port 0xe9 comes out of the
 * descriptor, what is written to it goes in, and reading, writing, polling, forking
 * and dying behave as they do with a terminal.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define MACHINE	(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS)

#define COM1	0x3f8
#define LSR	(COM1 + 5)
#define DR	0x01
#define THRE	0x20

#define FLOOD	60000

static int console_open(struct vm *vm, u32 which)
{
	struct lodge_open_console arg = { .size = sizeof(arg), .which = which };

	return ioctl(vm->fd, LODGE_VM_CONSOLE, &arg);
}

static int serial(struct vm *vm)
{
	int fd = console_open(vm, LODGE_CONSOLE_SERIAL);

	ASSERT_OK(fd);
	return fd;
}

static void nonblock(int fd)
{
	ASSERT_OK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
}

static void read_all(int fd, char *buf, size_t len)
{
	size_t n = 0;
	ssize_t ret;

	while (n < len) {
		ret = read(fd, buf + n, len - n);
		ASSERT_GT(ret, 0);
		n += ret;
	}
}

static void guest_put(u8 c)
{
	while (!(inb(LSR) & THRE))
		cpu_relax();
	outb(COM1, c);
}

static u8 guest_get(void)
{
	while (!(inb(LSR) & DR))
		cpu_relax();
	return inb(COM1);
}

static void *run_to_the_end(void *vcpu)
{
	vcpu_done(vcpu);
	return NULL;
}

static struct vcpu *vcpu_for(void (*fn)(void), int *fd)
{
	struct vm *vm = vm_create(MACHINE);

	*fd = serial(vm);
	return vcpu_long(vm, 0, fn);
}

/* ---- output -------------------------------------------------------------- */

static void hello(void)
{
	static const char text[] = "hello, world\n";
	unsigned int i;

	for (i = 0; i < sizeof(text) - 1; i++)
		guest_put(text[i]);
	GUEST_DONE();
}

TEST(output)
{
	char buf[64];
	int fd;
	struct vcpu *vcpu = vcpu_for(hello, &fd);

	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	vcpu_done(vcpu);
	/* nothing of it was user space's matter, but the end */
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS_USER), 1u);
	ASSERT_EQ(read(fd, buf, sizeof(buf)), 13);
	EXPECT_EQ(memcmp(buf, "hello, world\n", 13), 0);
	nonblock(fd);
	EXPECT_ERRNO(read(fd, buf, 1), EAGAIN);
}

static void strings(void)
{
	static const char text[] = "by strings\n";
	const char *p = text;
	u64 n = sizeof(text) - 1;

	asm volatile("rep outsb" : "+S" (p), "+c" (n) : "d" (COM1) : "memory");
	p = text;
	n = sizeof(text) - 1;
	asm volatile("rep outsb" : "+S" (p), "+c" (n) : "d" (0xe9) : "memory");
	GUEST_ASSERT_EQ(inb(0xe9), 0xe9);
	GUEST_DONE();
}

TEST(string_instructions_and_the_debug_console)
{
	char buf[64];
	int fd, debug;
	struct vcpu *vcpu = vcpu_for(strings, &fd);

	vcpu_done(vcpu);
	ASSERT_EQ(read(fd, buf, sizeof(buf)), 11);
	EXPECT_EQ(memcmp(buf, "by strings\n", 11), 0);
	debug = console_open(vcpu->vm, LODGE_CONSOLE_DEBUG);
	ASSERT_OK(debug);
	ASSERT_EQ(read(debug, buf, sizeof(buf)), 11);
	EXPECT_EQ(memcmp(buf, "by strings\n", 11), 0);
	EXPECT_ERRNO(write(debug, "x", 1), EBADF);
	EXPECT_ERRNO(console_open(vcpu->vm, LODGE_CONSOLE_DEBUG), EBUSY);
}

static void flood(void)
{
	u32 i;

	for (i = 0; i < FLOOD; i++)
		guest_put(i * 7 >> 3);
	GUEST_DONE();
}

/* A reader that is slow stops the guest, and loses nothing */
TEST(flood)
{
	static char buf[FLOOD];
	struct timespec ms = { .tv_nsec = 1000000 };
	size_t n = 0, i;
	ssize_t ret;
	int fd;
	struct vcpu *vcpu = vcpu_for(flood, &fd);
	pthread_t t = thread_start(run_to_the_end, vcpu);

	while (n < FLOOD) {
		ret = read(fd, buf + n, n % 3 ? 1000 : 30000);
		ASSERT_GT(ret, 0);
		n += ret;
		if (n < FLOOD / 4)
			nanosleep(&ms, NULL);
	}
	pthread_join(t, NULL);
	for (i = 0; i < FLOOD; i++)
		ASSERT_EQ((u8)buf[i], (u8)(i * 7 >> 3));
	nonblock(fd);
	EXPECT_ERRNO(read(fd, buf, 1), EAGAIN);
}

TEST(nobody_reads)
{
	static char buf[FLOOD];
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_long(vm, 0, flood);
	ssize_t n, i;
	int fd;

	vcpu_done(vcpu);
	fd = serial(vm);
	n = read(fd, buf, sizeof(buf));
	ASSERT_GE(n, 4096);
	for (i = 0; i < n; i++)
		ASSERT_EQ((u8)buf[i], (u8)((FLOOD - n + i) * 7 >> 3));
}

/* Closed while the guest waits for room: it goes on */
TEST(the_reader_goes)
{
	int fd;
	struct vcpu *vcpu = vcpu_for(flood, &fd);
	pthread_t t = thread_start(run_to_the_end, vcpu);

	sleep_ms(200);
	ASSERT_OK(close(fd));
	pthread_join(t, NULL);
}

/* ---- input --------------------------------------------------------------- */

#define ECHO_END	0xff

static void echo(void)
{
	u8 c;

	outb(COM1 + 2, 0x01);
	do {
		c = guest_get();
		guest_put(c);
	} while (c != ECHO_END);
	GUEST_DONE();
}

TEST(echo)
{
	char in[256], buf[256];
	unsigned int i, n;
	int fd;
	struct vcpu *vcpu = vcpu_for(echo, &fd);
	pthread_t t = thread_start(run_to_the_end, vcpu);

	for (n = 1; n < sizeof(in); n += 13) {
		for (i = 0; i < n; i++)
			in[i] = i % 255;
		ASSERT_EQ(write(fd, in, n), (ssize_t)n);
		read_all(fd, buf, n);
		ASSERT_EQ(memcmp(in, buf, n), 0);
	}
	in[0] = ECHO_END;
	ASSERT_EQ(write(fd, in, 1), 1);
	pthread_join(t, NULL);
}

static int writer_fd;

static void *write_much(void *arg)
{
	char *in = arg;

	/* in one piece: it waits for room on its way */
	ASSERT_EQ(write(writer_fd, in, FLOOD), FLOOD);
	return NULL;
}

TEST(much_input)
{
	static char in[FLOOD], buf[FLOOD];
	struct vcpu *vcpu = vcpu_for(echo, &writer_fd);
	pthread_t run, writer;
	u32 i;

	for (i = 0; i < FLOOD; i++)
		in[i] = i % 251;
	in[FLOOD - 1] = ECHO_END;
	run = thread_start(run_to_the_end, vcpu);
	writer = thread_start(write_much, in);
	read_all(writer_fd, buf, FLOOD);
	pthread_join(writer, NULL);
	pthread_join(run, NULL);
	EXPECT_EQ(memcmp(in, buf, FLOOD), 0);
}

TEST(input_that_nobody_takes)
{
	static char in[65536];
	struct pollfd p = { .events = POLLIN | POLLOUT };
	ssize_t n;
	int fd = serial(vm_create(MACHINE));

	p.fd = fd;
	nonblock(fd);
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_EQ(p.revents, POLLOUT);
	n = write(fd, in, sizeof(in));
	ASSERT_GE(n, 1024);
	ASSERT_LT(n, (ssize_t)sizeof(in));
	EXPECT_ERRNO(write(fd, in, 1), EAGAIN);
	EXPECT_EQ(poll(&p, 1, 0), 0);
}

/* ---- waiting ------------------------------------------------------------- */

static volatile u32 go;

static void put_when_told(void)
{
	while (!go)
		cpu_relax();
	guest_put('x');
	GUEST_DONE();
}

static void *tell(void *vcpu)
{
	struct vm *vm = ((struct vcpu *)vcpu)->vm;

	sleep_ms(50);
	GUEST_VAR(vm, go) = 1;
	return NULL;
}

static void wait_with(int (*wait)(int fd))
{
	int fd;
	struct vcpu *vcpu = vcpu_for(put_when_told, &fd);
	pthread_t run = thread_start(run_to_the_end, vcpu);
	pthread_t teller = thread_start(tell, vcpu);
	char c = 0;

	EXPECT_EQ(wait(fd), 1);
	nonblock(fd);
	EXPECT_EQ(read(fd, &c, 1), 1);
	EXPECT_EQ(c, 'x');
	pthread_join(teller, NULL);
	pthread_join(run, NULL);
}

static int by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 10000);
}

static int by_epoll(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);

	ASSERT_OK(ep);
	ASSERT_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	return epoll_wait(ep, &ev, 1, 10000);
}

TEST(poll)
{
	wait_with(by_poll);
}

TEST(epoll)
{
	wait_with(by_epoll);
}

static void on_signal(int nr)
{
}

static void alarm_after(unsigned int ms, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };
	timer_t t;
	struct itimerspec when = { .it_value.tv_nsec = ms * 1000000 };

	ASSERT_OK(sigaction(SIGALRM, &sa, NULL));
	ASSERT_OK(timer_create(CLOCK_MONOTONIC, NULL, &t));
	ASSERT_OK(timer_settime(t, 0, &when, NULL));
}

TEST(signal_ends_a_read)
{
	int fd = serial(vm_create(MACHINE));
	char c;

	alarm_after(50, 0);
	EXPECT_ERRNO(read(fd, &c, 1), EINTR);
}

TEST(signal_ends_a_write)
{
	static char in[65536];
	int fd = serial(vm_create(MACHINE));
	ssize_t n;

	alarm_after(50, 0);
	n = write(fd, in, sizeof(in));
	EXPECT_GE(n, 1024);
	EXPECT_LT(n, (ssize_t)sizeof(in));
	alarm_after(50, 0);
	EXPECT_ERRNO(write(fd, in, 1), EINTR);
}

static void *alarm_then_tell(void *vcpu)
{
	pthread_kill(*(pthread_t *)vcpu, SIGALRM);
	return NULL;
}

/* With SA_RESTART the signal is not seen */
TEST(read_goes_on_after_a_signal)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t self = pthread_self(), run, killer, teller;
	sigset_t set;
	struct vcpu *vcpu;
	char c = 0;
	int fd;

	ASSERT_OK(sigaction(SIGALRM, &sa, NULL));
	vcpu = vcpu_for(put_when_told, &fd);
	sigemptyset(&set);
	run = thread_start(run_to_the_end, vcpu);
	teller = thread_start(tell, vcpu);
	killer = thread_start(alarm_then_tell, &self);
	EXPECT_EQ(read(fd, &c, 1), 1);
	EXPECT_EQ(c, 'x');
	pthread_join(killer, NULL);
	pthread_join(teller, NULL);
	pthread_join(run, NULL);
}

/* ---- lifetimes ----------------------------------------------------------- */

TEST(survives_its_vm)
{
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_long(vm, 0, hello);
	int fd = serial(vm);
	char buf[64];

	vcpu_done(vcpu);
	vcpu_free(vcpu);
	ASSERT_OK(close(vm->fd));
	EXPECT_EQ(read(fd, buf, sizeof(buf)), 13);
	EXPECT_EQ(write(fd, buf, 13), 13);
	nonblock(fd);
	EXPECT_ERRNO(read(fd, buf, 1), EAGAIN);
	EXPECT_OK(close(fd));
}

TEST(inherited_and_duplicated)
{
	struct vm *vm = vm_create(MACHINE);
	struct vcpu *vcpu = vcpu_long(vm, 0, hello);
	int fd = serial(vm), twin = dup(fd), status;
	char buf[64];
	pid_t pid;

	ASSERT_OK(twin);
	vcpu_done(vcpu);
	pid = fork();
	ASSERT_OK(pid);
	if (!pid)
		_exit(read(fd, buf, 5) == 5 && !memcmp(buf, "hello", 5) ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(read(twin, buf, sizeof(buf)), 8);
	ASSERT_OK(close(fd));
	EXPECT_ERRNO(console_open(vm, LODGE_CONSOLE_SERIAL), EBUSY);
	ASSERT_OK(close(twin));
	EXPECT_OK(console_open(vm, LODGE_CONSOLE_SERIAL));
}

/* A process that dies in the middle of everything */
TEST(killed)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		pid = fork();
		ASSERT_OK(pid);
		if (!pid) {
			static char buf[FLOOD];
			int fd;
			struct vcpu *vcpu = vcpu_for(i % 2 ? flood : echo, &fd);

			thread_start(run_to_the_end, vcpu);
			for (;;) {
				if (i % 4 < 2)
					(void)!read(fd, buf, 1000);
				else
					(void)!write(fd, buf, sizeof(buf));
			}
		}
		sleep_ms(5 + 7 * i);
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

TEST(memory_that_is_not_there)
{
	int fd;
	struct vcpu *vcpu = vcpu_for(hello, &fd);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[16], *volatile nowhere = NULL;

	ASSERT_TRUE(page != MAP_FAILED);
	ASSERT_OK(munmap(page + 4096, 4096));
	vcpu_done(vcpu);
	EXPECT_ERRNO(read(fd, page + 4092, 13), EFAULT);
	EXPECT_ERRNO(read(fd, nowhere, 13), EFAULT);
	EXPECT_ERRNO(write(fd, page + 4092, 13), EFAULT);
	EXPECT_EQ(read(fd, buf, sizeof(buf)), 13);
	EXPECT_EQ(memcmp(buf, "hello, world\n", 13), 0);
}
