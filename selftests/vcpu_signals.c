// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals at a vCPU thread while its guest computes: a storm of them disturbs nothing,
 * immediate_exit set by a handler is never missed, stop and continue work.
 */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define SIGNALS	2000
#define LEN	2048

static volatile u32 stop, rounds;

static u32 step(u32 x)
{
	x ^= x << 13;
	x ^= x >> 17;
	return x ^ x << 5;
}

static void compute(void)
{
	u32 *a = (u32 *)GPA_FREE, i, x, n;
	u64 v;

	asm volatile("movq %0, %%xmm11" : : "r" (0x1122334455667788ull));
	for (n = 1; !stop; n++) {
		for (x = n, i = 0; i < LEN; i++) {
			x = step(x);
			a[i] = x;
		}
		for (x = n, i = 0; i < LEN; i++) {
			x = step(x);
			GUEST_ASSERT_EQ(a[i], x);
		}
		asm volatile("movq %%xmm11, %0" : "=r" (v));
		GUEST_ASSERT_EQ(v, 0x1122334455667788ull);
		/* ports in between, whose answers must not be lost or doubled */
		GUEST_ASSERT_EQ(inl(0x500), n);
		rounds = n;
	}
	GUEST_SYNC2(1, n);
}

static volatile u32 handled;

static void on_signal(int nr)
{
	handled++;
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;
	u32 n = 0, interrupted = 0;

	for (;;) {
		if (vcpu_run_try(vcpu)) {
			ASSERT_EQ(errno, EINTR);
			ASSERT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_NONE);
			interrupted++;
			continue;
		}
		ASSERT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_IO);
		if (vcpu->run->io.port != 0x500)
			break;
		n++;
		memcpy((u8 *)vcpu->run + vcpu->run->io.data_offset, &n, 4);
	}
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	diag("%u runs interrupted, %u rounds", interrupted, n);
	EXPECT_EQ(GUEST_VAR(vcpu->vm, rounds), n);
	return NULL;
}

static void catch_signal(int nr)
{
	struct sigaction sa = { .sa_handler = on_signal };

	ASSERT_OK(sigaction(nr, &sa, NULL));
}

TEST_SECONDS(storm, 120)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, compute);
	pthread_t t;
	u32 i;

	catch_signal(SIGUSR1);
	t = thread_start(runner, vcpu);
	for (i = 0; i < SIGNALS; i++) {
		ASSERT_EQ(pthread_kill(t, SIGUSR1), 0);
		if (i % 16 == 0)
			sched_yield();
	}
	while (GUEST_VAR(vm, rounds) < 3)
		sleep_ms(1);
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_GT(handled, 0u);
}

/* From an interval timer, into the vCPU's own thread */
TEST_SECONDS(interval_timer, 120)
{
	struct itimerval it = {
		.it_interval = { .tv_usec = 500 }, .it_value = { .tv_usec = 500 },
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, compute);

	catch_signal(SIGALRM);
	ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
	GUEST_VAR(vm, stop) = 0;
	while (handled < 300) {
		if (vcpu_run_try(vcpu)) {
			ASSERT_EQ(errno, EINTR);
			continue;
		}
		ASSERT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_IO);
		ASSERT_EQ(vcpu->run->io.port, 0x500);
		*(u32 *)((u8 *)vcpu->run + vcpu->run->io.data_offset) =
			GUEST_VAR(vm, rounds) + 1;
	}
}

/*
 * The race that immediate_exit is for: the handler may run between the thread's last
 * look at a flag and LODGE_VCPU_RUN.  With immediate_exit set by the handler, the run
 * always ends, or does not begin.
 */
static struct vcpu *current_vcpu;
static volatile u32 wanted;

static void set_exit(int nr)
{
	current_vcpu->run->immediate_exit = 1;
	wanted++;
}

static void endless(void)
{
	for (;;)
		cpu_relax();
}

TEST_SECONDS(immediate_exit_in_handler, 120)
{
	struct itimerval it = { .it_value = { .tv_usec = 1 } };
	struct sigaction sa = { .sa_handler = set_exit };
	volatile u32 spin;
	u32 i;

	current_vcpu = vcpu_long(vm_create(0), 0, endless);
	ASSERT_OK(sigaction(SIGALRM, &sa, NULL));
	for (i = 0; i < 500; i++) {
		current_vcpu->run->immediate_exit = 0;
		it.it_value.tv_usec = 1 + i % 97;
		ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
		for (spin = 0; spin < i * 7 % 1000; spin++)
			;
		EXPECT_ERRNO(vcpu_run_try(current_vcpu), EINTR);
		EXPECT_EQ(wanted, i + 1);
	}
}

TEST(immediate_exit_stays)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, endless);
	int i;

	vcpu->run->immediate_exit = 1;
	for (i = 0; i < 3; i++) {
		EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
		EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_NONE);
	}
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS), 0ull);
}

/* A blocked signal does not end the run; what pends ends it before it begins */
TEST(blocked_and_pending)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, endless);
	sigset_t set, old;

	catch_signal(SIGUSR1);
	catch_signal(SIGALRM);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	alarm(1);
	EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
	EXPECT_EQ(handled, 1u);			/* the alarm */
	EXPECT_GT(vcpu_stat(vcpu, LODGE_STAT_EXITS), 0ull);
	sigprocmask(SIG_SETMASK, &old, NULL);
	EXPECT_EQ(handled, 2u);
}

/* SIGSTOP stops the guest, SIGCONT lets it go on, as if nothing had been */
static volatile u64 beats;

static void count(void)
{
	while (!stop)
		beats++;
	GUEST_DONE();
}

static void child(void *mem, int to_parent)
{
	struct vm *vm = vm_create_on(0, mem, VM_MEMORY);
	struct vcpu *vcpu = vcpu_long(vm, 0, count);

	if (write(to_parent, "x", 1) != 1)
		_exit(9);
	vcpu_done(vcpu);
	_exit(0);
}

TEST(stop_and_continue)
{
	void *mem = vm_shared_memory(VM_MEMORY);
	volatile u64 *n = (u64 *)((char *)mem + (u64)&beats);
	int fds[2], status, i;
	u64 before;
	pid_t pid;
	char c;

	ASSERT_OK(pipe(fds));
	pid = fork();
	if (!pid)
		child(mem, fds[1]);
	ASSERT_EQ(read(fds[0], &c, 1), 1);
	for (i = 0; i < 10; i++) {
		before = *n;
		while (*n == before)
			sleep_ms(1);
		ASSERT_OK(kill(pid, SIGSTOP));
		ASSERT_EQ(waitpid(pid, &status, WUNTRACED), pid);
		ASSERT_TRUE(WIFSTOPPED(status));
		before = *n;
		sleep_ms(20);
		EXPECT_EQ(*n, before);
		ASSERT_OK(kill(pid, SIGCONT));
	}
	*(volatile u32 *)((char *)mem + (u64)&stop) = 1;
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}
