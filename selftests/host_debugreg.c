// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's debug registers beside guests that have their own: ptrace watchpoints and
 * perf breakpoints of a program fire when they must, and never for the guest's.
 */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/trash.h"

#define ROUNDS	100

static volatile u64 target, other;

static int watch(volatile u64 *address, bool disabled)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W, .bp_addr = (u64)address, .bp_len = HW_BREAKPOINT_LEN_8,
		.disabled = disabled, .exclude_kernel = 1, .exclude_hv = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	if (fd < 0)
		SKIP("perf_event_open of a breakpoint: %s", strerror(errno));
	return fd;
}

static u64 hits(int fd)
{
	u64 n = 0;

	ASSERT_EQ(read(fd, &n, sizeof(n)), (long)sizeof(n));
	return n;
}

/* A counting watchpoint, written before, between and after runs of the thread's own guest */
TEST(perf_across_runs)
{
	struct vcpu *vcpu = trash_vcpu();
	int i, fd = watch(&target, false);

	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		target = i;
		other = i;
	}
	EXPECT_EQ(hits(fd), (u64)ROUNDS);
	close(fd);
}

TEST(perf_beside)
{
	u64 before;
	int i, fd;

	pin_to_cpu(0);
	trash_beside(0);
	trash_beside(0);
	while (!trash_more(5))
		sched_yield();
	fd = watch(&target, false);
	before = trash_rounds();
	for (i = 0; i < ROUNDS || !trash_more(before + ROUNDS); i++) {
		target = i;
		sched_yield();
	}
	EXPECT_EQ(hits(fd), (u64)i);
	close(fd);
}

static long debugreg(pid_t pid, int nr)
{
	return ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[nr]), 0);
}

static void set_debugreg(pid_t pid, int nr, u64 value)
{
	ASSERT_OK(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[nr]), value));
}

static void tracee(void)
{
	struct vcpu *vcpu;
	int i;

	ASSERT_OK(ptrace(PTRACE_TRACEME, 0, 0, 0));
	vcpu = trash_vcpu();
	raise(SIGSTOP);
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		other = i;
		if (i % 10 == 9)
			target = i;		/* SIGTRAP */
	}
	_exit(5);
}

static void expect_stop(pid_t pid, int signal)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(WSTOPSIG(status), signal);
}

/* A debugger's watchpoint in a VMM: it stops at each write, and nowhere else */
TEST(ptrace_watchpoint)
{
	pid_t pid = fork();
	int i, status;

	if (!pid)
		tracee();
	expect_stop(pid, SIGSTOP);
	set_debugreg(pid, 0, (u64)&target);
	set_debugreg(pid, 7, 1 | 1ull << 16 | 2ull << 18);	/* L0, write, 8 bytes */
	for (i = 9; i < ROUNDS; i += 10) {
		ASSERT_OK(ptrace(PTRACE_CONT, pid, 0, 0));
		expect_stop(pid, SIGTRAP);
		EXPECT_EQ((u64)ptrace(PTRACE_PEEKDATA, pid, &target, 0), (u64)i);
		EXPECT_EQ(debugreg(pid, 6) & 0xf, 1l);
		EXPECT_EQ(debugreg(pid, 0), (long)&target);
		EXPECT_EQ(debugreg(pid, 1), 0l);
		set_debugreg(pid, 6, 0);
	}
	ASSERT_OK(ptrace(PTRACE_CONT, pid, 0, 0));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 5);
}

/* The guest's breakpoints point at this program's code and data: they must not fire here */
TEST(guests_do_not_fire_here)
{
	struct vcpu *vcpu = trash_vcpu();
	int i;

	/* raw_ioctl() and trash_rounds() are what the guest has set its breakpoints on */
	for (i = 0; i < ROUNDS; i++) {
		trash_once(vcpu);
		trash_rounds();
	}
	/* a SIGTRAP would have killed the test */
}
