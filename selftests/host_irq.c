// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's interrupts reach it at once while a guest loops for ever without exits,
 * with the guest's IF set or clear; each that arrives in the guest is counted.
 */
#include <signal.h>
#include <sys/time.h>

#include "vm.h"

static volatile u64 loops;
static volatile u32 stop;

static void loop_if_0(void)
{
	cli();
	while (!stop)
		loops++;
}

static void loop_if_1(void)
{
	sti();
	while (!stop)
		loops++;
}

static void loop_tight(void)
{
	asm volatile("1: jmp 1b");
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	pin_to_cpu(nr_cpus() - 1);
	vcpu_done(vcpu);
	return NULL;
}

static void measure(void (*fn)(void))
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, fn);
	u64 loc, exits, n;
	pthread_t t;
	int cpu = nr_cpus() - 1;

	pin_to_cpu(0);
	t = thread_start(runner, vcpu);
	while (!GUEST_VAR(vm, loops))
		sleep_ms(1);
	loc = host_interrupts("LOC", cpu);
	exits = vcpu_stat(vcpu, LODGE_STAT_IRQ_EXITS);
	n = GUEST_VAR(vm, loops);
	sleep_ms(1000);
	loc = host_interrupts("LOC", cpu) - loc;
	exits = vcpu_stat(vcpu, LODGE_STAT_IRQ_EXITS) - exits;
	n = GUEST_VAR(vm, loops) - n;
	diag("in a second: %llu timer interrupts, %llu exits for interrupts, %llu loops",
	     (unsigned long long)loc, (unsigned long long)exits, (unsigned long long)n);
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	/* 250 ticks a second; the guest has all of that CPU, or half of the only one */
	EXPECT_GE(loc, 200ull);
	EXPECT_GE(exits, nr_cpus() > 1 ? 200ull : 80ull);
	EXPECT_GT(n, 1000ull);
}

TEST(guest_with_if_clear)
{
	if (bochs_if_clear())
		SKIP("Bochs has no external-interrupt exits from a guest whose IF is 0");
	measure(loop_if_0);
}

TEST(guest_with_if_set)
{
	measure(loop_if_1);
}

/* A timer's signal ends the run of a guest that does nothing but jump to itself */
static volatile u64 alarms;

static void on_alarm(int nr)
{
	alarms++;
}

TEST(signal_latency)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, loop_tight);
	struct itimerval it = { .it_value = { .tv_usec = 20000 } };
	struct sigaction sa = { .sa_handler = on_alarm };
	u64 start, took, worst = 0;
	int i;

	sigaction(SIGALRM, &sa, NULL);
	for (i = 0; i < 20; i++) {
		start = now_ns();
		ASSERT_OK(setitimer(ITIMER_REAL, &it, NULL));
		EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
		EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_NONE);
		took = now_ns() - start - 20000000;
		if (took > worst)
			worst = took;
	}
	EXPECT_EQ(alarms, 20ull);
	diag("worst of 20: %llu us late", (unsigned long long)worst / 1000);
	EXPECT_LT(worst, 50000000ull);
}

/* Another thread's signal, from the other CPU */
static void *run_until_signal(void *arg)
{
	struct vcpu *vcpu = arg;

	EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
	return NULL;
}

TEST(signal_from_another_thread)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, loop_tight);
	struct sigaction sa = { .sa_handler = on_alarm };
	u64 start, took, worst = 0;
	pthread_t t;
	int i;

	sigaction(SIGUSR1, &sa, NULL);
	for (i = 0; i < 20; i++) {
		t = thread_start(run_until_signal, vcpu);
		sleep_ms(5);
		start = now_ns();
		ASSERT_EQ(pthread_kill(t, SIGUSR1), 0);
		ASSERT_EQ(pthread_join(t, NULL), 0);
		took = now_ns() - start;
		if (took > worst)
			worst = took;
	}
	diag("worst of 20: %llu us", (unsigned long long)worst / 1000);
	EXPECT_LT(worst, 50000000ull);
}
