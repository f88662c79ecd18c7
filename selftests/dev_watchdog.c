// SPDX-License-Identifier: GPL-2.0-only
/* The watchdog: hung guests, paused ones, a reset at the same time, and the end of the VM */
#include <unistd.h>

#include "genl.h"
#include "vm.h"

#define RUN	0x630
#define EXPIRED	0x634
#define PERIOD	0x638
#define LEFT	0x63c
#define COUNT	100	/* ms */
#define MS	1000000ull

static struct genl g;

static void start_watchdog(u32 counts)
{
	outl(PERIOD, counts);
	outl(RUN, 1);
}

static void expect_expiry(struct vcpu *vcpu)
{
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_WATCHDOG);
	EXPECT_EQ(vcpu->run->system.code, 0u);
}

static void spins(void)
{
	start_watchdog(2);
	for (;;)
		cpu_relax();
}

static void halts(void)
{
	start_watchdog(2);
	cli();
	for (;;)
		halt();
}

/* Each time anew, and not before it is time */
static void hung(void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_long(vm_create(VM_PC), 0, fn);
	u64 start = now_ns();
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		expect_expiry(vcpu);
		EXPECT_GE(now_ns() - start, i * 2 * COUNT * MS);
	}
}

TEST(hung_in_a_loop)
{
	hung(spins);
}

TEST(halted_for_ever)
{
	hung(halts);
}

static void restarts(void)
{
	u32 i, status;

	GUEST_ASSERT_EQ(inl(RUN), 0);
	GUEST_ASSERT_EQ(inl(EXPIRED), 0);
	start_watchdog(3);
	do {
		status = inl(EXPIRED);
	} while (!status);
	outl(EXPIRED, 0);
	outl(PERIOD, 20);
	/* for longer than the period */
	for (i = 0; i < 5; i++) {
		while (inl(LEFT) > 15)
			cpu_relax();
		outl(LEFT, 1);
	}
	outl(RUN, 0);
	GUEST_ASSERT_EQ(inl(EXPIRED), 0);
	GUEST_DONE();
}

TEST(restarted_in_time)
{
	struct vcpu *vcpu = vcpu_long(vm_create(VM_PC), 0, restarts);

	expect_expiry(vcpu);
	vcpu_done(vcpu);
}

static void *run(void *arg)
{
	vcpu_run_exit(arg);
	return NULL;
}

static volatile bool started;

static void spins_then(void)
{
	start_watchdog(5);
	started = true;
	for (;;)
		cpu_relax();
}

/* Paused for longer than there was left; then it has what there was */
TEST(rests_while_paused)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu = vcpu_long(vm, 0, spins_then);
	struct genl listener;
	pthread_t thread;
	u64 resumed;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	genl_open(&listener);
	ASSERT_EQ(genl_join(&listener, LODGE_EVENT_GROUP_GUEST), 0);
	thread = thread_start(run, vcpu);
	while (!GUEST_VAR(vm, started))
		sleep_ms(1);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_PAUSE), 0);
	EXPECT_FALSE(genl_event(&listener, 10 * COUNT, &(struct genl_answer){}));
	resumed = now_ns();
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESUME), 0);
	pthread_join(thread, NULL);
	diag("%llu ms after it was resumed", (now_ns() - resumed) / MS);
	EXPECT_EQ(vcpu->run->exit_reason, (u32)LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_WATCHDOG);
}

/* A reset that is asked for at the same time is not lost */
TEST(watchdog_and_reset)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu = vcpu_long(vm, 0, spins_then);
	pthread_t thread;
	u32 number;

	genl_open(&g);
	number = genl_last_vm(&g);
	thread = thread_start(run, vcpu);
	pthread_join(thread, NULL);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_WATCHDOG);
	sleep_ms(6 * COUNT);
	EXPECT_EQ(genl_act(&g, number, LODGE_ACTION_RESET), 0);
	expect_expiry(vcpu);
	vcpu_exit(vcpu, LODGE_EXIT_SYSTEM);
	EXPECT_EQ(vcpu->run->system.type, (u32)LODGE_SYSTEM_RESET);
}

static void starts_shortest(void)
{
	start_watchdog(1);
	GUEST_DONE();
}

TEST(gone_while_it_counts)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct vm *vm = vm_create(VM_PC);
		struct vcpu *vcpu = vcpu_long(vm, 0, starts_shortest);

		vcpu_done(vcpu);
		/* about when it ends */
		sleep_ms(COUNT - 10 + i);
		vcpu_free(vcpu);
		vm_free(vm);
	}
}
