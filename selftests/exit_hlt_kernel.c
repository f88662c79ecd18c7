// SPDX-License-Identifier: GPL-2.0-only
/*
 * LODGE_VM_HLT_IN_KERNEL: a halted vCPU sleeps in LODGE_VCPU_RUN without burning the
 * CPU until another thread's interrupt or NMI, or a signal.
 */
#include <signal.h>
#include <time.h>

#include "vm.h"

#define VECTOR	0x55
#define ROUNDS	200

static volatile u32 irqs, nmis;

static void on_irq(struct guest_frame *f)
{
	irqs++;
}

static void on_nmi(struct guest_frame *f)
{
	nmis++;
}

static void wait_for_irqs(void)
{
	while (irqs < ROUNDS)
		safe_halt();
	GUEST_SYNC2(1, irqs);
}

static void wait_for_nmi(void)
{
	cli();
	while (!nmis)
		halt();
	GUEST_SYNC2(1, nmis);
}

static struct vcpu *start(void (*fn)(void))
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	struct vcpu *vcpu = vcpu_long(vm, 0, fn);

	vm_handler(vm, VECTOR, on_irq);
	vm_handler(vm, X_NMI, on_nmi);
	return vcpu;
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, 1);
	return NULL;
}

/* Wait until the vCPU has halted so many times */
static void until_halts(struct vcpu *vcpu, u64 nr)
{
	while (vcpu_stat(vcpu, LODGE_STAT_HLT) < nr)
		sleep_ms(1);
}

TEST(woken_by_interrupt)
{
	struct vcpu *vcpu = start(wait_for_irqs);
	pthread_t t = thread_start(runner, vcpu);
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		until_halts(vcpu, i + 1);
		ASSERT_OK(vcpu_interrupt(vcpu, VECTOR));
	}
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(vcpu->arg[1], (u64)ROUNDS);
}

/* As fast as they can be sent: none that comes while the guest is awake may be lost */
TEST(interrupts_race_with_halt)
{
	struct vcpu *vcpu = start(wait_for_irqs);
	pthread_t t = thread_start(runner, vcpu);

	while (pthread_tryjoin_np(t, NULL) == EBUSY) {
		ASSERT_OK(vcpu_interrupt(vcpu, VECTOR));
		sched_yield();
	}
	EXPECT_GE(vcpu->arg[1], (u64)ROUNDS);
}

TEST(woken_by_nmi)
{
	struct vcpu *vcpu = start(wait_for_nmi);
	pthread_t t = thread_start(runner, vcpu);

	until_halts(vcpu, 1);
	/* an interrupt does not wake it, since IF is 0 */
	ASSERT_OK(vcpu_interrupt(vcpu, VECTOR));
	sleep_ms(30);
	EXPECT_EQ(pthread_tryjoin_np(t, NULL), EBUSY);
	ASSERT_OK(vcpu_nmi(vcpu));
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(vcpu->arg[1], 1ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_HLT), 1ull);
}

/* Waiting costs no CPU time, and no exit to user space */
TEST(sleeps)
{
	struct vcpu *vcpu = start(wait_for_nmi);
	pthread_t t = thread_start(runner, vcpu);
	struct timespec a, b;
	clockid_t clock;
	u64 used;

	until_halts(vcpu, 1);
	ASSERT_EQ(pthread_getcpuclockid(t, &clock), 0);
	clock_gettime(clock, &a);
	sleep_ms(300);
	clock_gettime(clock, &b);
	used = (b.tv_sec - a.tv_sec) * 1000000000ull + b.tv_nsec - a.tv_nsec;
	EXPECT_LT(used, 30000000ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS_USER), 0ull);
	ASSERT_OK(vcpu_nmi(vcpu));
	ASSERT_EQ(pthread_join(t, NULL), 0);
}

static void on_signal(int nr)
{
}

static void *run_once(void *arg)
{
	struct vcpu *vcpu = arg;

	EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
	EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_NONE);
	return NULL;
}

TEST(signal_ends_the_wait)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct vcpu *vcpu = start(wait_for_nmi);
	struct lodge_mp m;
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	t = thread_start(run_once, vcpu);
	until_halts(vcpu, 1);
	sleep_ms(10);
	ASSERT_EQ(pthread_kill(t, SIGUSR1), 0);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	vcpu_get_mp(vcpu, &m);
	EXPECT_EQ(m.state, (u32)LODGE_MP_HALTED);	/* still */
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_sync(vcpu, 1);
}

/* Two vCPUs of one VM that wake each other through user space: neither gets stuck */
static void *ring(void *arg)
{
	struct vcpu **v = arg, *me = v[0], *other = v[1];

	for (;;) {
		ASSERT_EQ(vcpu_ucall(me), UCALL_SYNC);
		ASSERT_OK(vcpu_interrupt(other, VECTOR));
		if (me->arg[0] == 2)
			return NULL;
	}
}

static volatile u32 got[2];

static void on_ping(struct guest_frame *f)
{
	u64 rsp;

	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	got[(rsp - GPA_STACK) / STACK_SIZE]++;
}

static void ping(u64 id)
{
	u32 i;

	cli();
	for (i = 0; i < ROUNDS; i++) {
		if (!id)
			GUEST_SYNC(1);
		while (got[id] <= i) {
			safe_halt();
			cli();
		}
		if (id)
			GUEST_SYNC(i == ROUNDS - 1 ? 2 : 1);
	}
	GUEST_SYNC(2);
}

TEST(two_wake_each_other)
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	struct vcpu *a = vcpu_create(vm, 0), *b = vcpu_create(vm, 1);
	struct vcpu *ab[] = { a, b }, *ba[] = { b, a };
	pthread_t t, u;

	vm_handler(vm, VECTOR, on_ping);
	vcpu_start_long_arg(a, ping, 0);
	vcpu_start_long_arg(b, ping, 1);
	t = thread_start(ring, ab);
	u = thread_start(ring, ba);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	ASSERT_EQ(pthread_join(u, NULL), 0);
	EXPECT_EQ(GUEST_VAR(vm, got)[0], (u32)ROUNDS);
	EXPECT_EQ(GUEST_VAR(vm, got)[1], (u32)ROUNDS);
}
