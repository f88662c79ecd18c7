// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs that arrive while a guest runs reach the host's handler at once and are counted.
 * They are sent by SysRq-L, which asks every other CPU for a backtrace.
 *
 * Machine checks: Bochs cannot raise #MC, nor can a program here; the way of one that
 * exits is the NMI's up to the last call, and is not tested.
 */
#include <fcntl.h>
#include <unistd.h>

#include "vm.h"

#define NMIS	30

static volatile u64 loops;
static volatile u32 stop;

static void loop(void)
{
	while (!stop)
		loops++;
	GUEST_DONE();
}

static void loop_if_clear(void)
{
	cli();
	loop();
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	pin_to_cpu(1);
	vcpu_done(vcpu);
	return NULL;
}

static void send_nmis(void (*fn)(void))
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, fn);
	int i, fd = open("/proc/sysrq-trigger", O_WRONLY);
	u64 nmis, exits, took, start;
	pthread_t t;

	need_cpus(2);
	if (fd < 0)
		SKIP("/proc/sysrq-trigger: %s", strerror(errno));
	pin_to_cpu(0);
	t = thread_start(runner, vcpu);
	while (!GUEST_VAR(vm, loops))
		sleep_ms(1);
	nmis = host_interrupts("NMI", 1);
	exits = vcpu_stat(vcpu, LODGE_STAT_NMI_EXITS);
	start = now_ns();
	for (i = 0; i < NMIS; i++)
		ASSERT_EQ(write(fd, "l", 1), 1l);
	took = now_ns() - start;
	nmis = host_interrupts("NMI", 1) - nmis;
	exits = vcpu_stat(vcpu, LODGE_STAT_NMI_EXITS) - exits;
	GUEST_VAR(vm, stop) = 1;
	ASSERT_EQ(pthread_join(t, NULL), 0);
	diag("%d sent, %llu arrived, %llu of them in the guest, %llu us each", NMIS,
	     (unsigned long long)nmis, (unsigned long long)exits,
	     (unsigned long long)took / 1000 / NMIS);
	EXPECT_GE(nmis, (u64)NMIS);
	/* the rest found the thread in the host */
	EXPECT_GT(exits, 0ull);
	EXPECT_LE(exits, nmis);
	/* SysRq waits up to 10 s for the answer */
	EXPECT_LT(took / NMIS, 1000000000ull);
	EXPECT_GT(GUEST_VAR(vm, loops), 0ull);
}

TEST(nmis)
{
	send_nmis(loop);
}

/* An NMI asks for no IF */
TEST(nmis_with_if_clear)
{
	send_nmis(loop_if_clear);
}

TEST(machine_checks)
{
	SKIP("nothing here can raise a machine check");
}
