// SPDX-License-Identifier: GPL-2.0-only
/* A guest that never leaves by itself holds up nobody who waits for an RCU grace period */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define ROUNDS	20

static volatile u64 stop, loops;

static void spin(void)
{
	while (!stop)
		loops++;
	GUEST_DONE();
}

static void *runner(void *arg)
{
	pin_to_cpu(1);
	vcpu_done((struct vcpu *)arg);
	return NULL;
}

/* Milliseconds, of the longest */
static u64 grace_periods(u64 *mean)
{
	u64 t, start = now_ns(), longest = 0;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		t = now_ns();
		ASSERT_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
		t = now_ns() - t;
		longest = t > longest ? t : longest;
	}
	*mean = (now_ns() - start) / ROUNDS / 1000000;
	return longest / 1000000;
}

TEST(grace_periods)
{
	u64 longest, mean, idle_longest, idle_mean;
	struct vcpu *vcpu;
	struct vm *vm;
	pthread_t t;

	need_cpus(2);
	if (!(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & MEMBARRIER_CMD_GLOBAL))
		SKIP("no membarrier() that waits for all CPUs");
	pin_to_cpu(0);
	idle_longest = grace_periods(&idle_mean);
	vm = vm_create(0);
	vcpu = vcpu_long(vm, 0, spin);
	t = thread_start(runner, vcpu);
	while (!GUEST_VAR(vm, loops))
		sleep_ms(1);
	longest = grace_periods(&mean);
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	diag("ms: %llu, at most %llu; with a guest %llu, at most %llu",
	     (unsigned long long)idle_mean, (unsigned long long)idle_longest,
	     (unsigned long long)mean, (unsigned long long)longest);
	/* RCU forces a CPU that says nothing after 100 ms and more */
	EXPECT_LT(mean, 60ull);
}
