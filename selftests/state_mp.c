// SPDX-License-Identifier: GPL-2.0-only
/* Activity of a vCPU: running, halted, waiting to be started */
#include "vm.h"

static void say_1(void)
{
	GUEST_SYNC(1);
}

static u32 mp(struct vcpu *vcpu)
{
	struct lodge_mp m;

	vcpu_get_mp(vcpu, &m);
	return m.state;
}

static int set_mp(struct vcpu *vcpu, u32 state)
{
	struct lodge_mp m = { .state = state };

	return vcpu_try_set_mp(vcpu, &m);
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0);
	u32 state;

	EXPECT_EQ(mp(vcpu), (u32)LODGE_MP_RUNNABLE);
	for (state = 0; state < LODGE_MP_NR; state++) {
		EXPECT_OK(set_mp(vcpu, state));
		EXPECT_EQ(mp(vcpu), state);
	}
	EXPECT_ERRNO(set_mp(vcpu, LODGE_MP_NR), EINVAL);
	EXPECT_ERRNO(set_mp(vcpu, ~0u), EINVAL);
}

static void *run_it(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, 1);
	return NULL;
}

/* A vCPU that waits to be started runs nothing until SET_MP, which another thread does */
TEST(waits_for_start)
{
	struct vcpu *vcpu = vcpu_long(vm_create(LODGE_VM_HLT_IN_KERNEL), 0, say_1);
	pthread_t t;

	ASSERT_OK(set_mp(vcpu, LODGE_MP_WAIT_SIPI));
	t = thread_start(run_it, vcpu);
	sleep_ms(50);
	EXPECT_EQ(pthread_tryjoin_np(t, NULL), EBUSY);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS), 0ull);
	ASSERT_OK(set_mp(vcpu, LODGE_MP_RUNNABLE));
	ASSERT_EQ(pthread_join(t, NULL), 0);
}
