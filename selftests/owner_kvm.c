// SPDX-License-Identifier: GPL-2.0-only
/*
 * lodge and KVM on one machine: KVM absent, idle, running a guest on the same CPU
 * and on another, its VMs and its module coming and going beside running guests of
 * ours.  Both hypervisors' guests must compute the right results.
 *
 * Which of them holds VMX when depends on the host kernel: KVM of 6.1 from its first
 * VM to its last, that of 6.12 and later from its loading to its unloading.
 */
#include <stdio.h>
#include <unistd.h>

#include "backend/workload.h"
#include "lib/ktap.h"

#define RUNS	20

static int nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static void pair(int lodge_cpu, int kvm_cpu, struct worker *lodge, struct worker *kvm)
{
	worker_start(lodge, &backend_lodge, lodge_cpu);
	worker_start(kvm, &backend_kvm, kvm_cpu);
	worker_await(lodge, RUNS);
	worker_await(kvm, RUNS);
	worker_stop(lodge);
	worker_stop(kvm);
}

TEST(absent)
{
	struct worker lodge = { 0 };

	ASSERT_TRUE(kvm_unload());
	worker_start(&lodge, &backend_lodge, -1);
	worker_await(&lodge, RUNS);
	worker_stop(&lodge);
	EXPECT_EQ(lodge.counts.neighbour, 0ull);
}

TEST(idle)
{
	struct worker lodge = { 0 };

	need_kvm();
	worker_start(&lodge, &backend_lodge, -1);
	worker_await(&lodge, RUNS);
	worker_stop(&lodge);
	diag("%llu entries beside an idle holder of VMX", lodge.counts.neighbour);
}

TEST(same_cpu)
{
	struct worker lodge = { 0 }, kvm = { 0 };

	need_kvm();
	pair(0, 0, &lodge, &kvm);
	EXPECT_GT(lodge.counts.neighbour, 0ull);
}

TEST(other_cpu)
{
	struct worker lodge = { 0 }, kvm = { 0 };

	need_kvm();
	if (nr_cpus() < 2)
		SKIP("needs two CPUs");
	pair(0, 1, &lodge, &kvm);
	EXPECT_GT(lodge.counts.neighbour, 0ull);
}

/* More vCPUs than CPUs, which the scheduler moves about as it likes */
TEST(crowded)
{
	struct worker lodge[4] = { 0 }, kvm[4] = { 0 };
	unsigned int i;

	need_kvm();
	workers_start(lodge, 4, &backend_lodge);
	workers_start(kvm, 4, &backend_kvm);
	workers_await(lodge, 4, RUNS / 2);
	workers_await(kvm, 4, RUNS / 2);
	workers_stop(lodge, 4);
	workers_stop(kvm, 4);
	for (i = 0; i < 4; i++)
		EXPECT_GT(lodge[i].counts.neighbour, 0ull);
}

/* On 6.1 each first VM of KVM's takes VMX on all CPUs and the last gives it back */
TEST(vms_come_and_go)
{
	struct worker lodge[2] = { 0 }, kvm = { .vm_each = true, .blocks = 4 };

	need_kvm();
	workers_start(lodge, 2, &backend_lodge);
	worker_start(&kvm, &backend_kvm, -1);
	worker_await(&kvm, 50);
	worker_stop(&kvm);
	workers_await(lodge, 2, 1);
	workers_stop(lodge, 2);
}

/* And ours beside a guest of KVM's */
TEST(our_vms_come_and_go)
{
	struct worker lodge = { .vm_each = true, .blocks = 4 }, kvm = { 0 };

	need_kvm();
	worker_start(&kvm, &backend_kvm, -1);
	worker_await(&kvm, 1);
	worker_start(&lodge, &backend_lodge, -1);
	worker_await(&lodge, 50);
	worker_stop(&lodge);
	worker_await(&kvm, 1);
	worker_stop(&kvm);
}

/* The module itself, each time with a guest of KVM's in between or without one */
TEST_SECONDS(load_and_unload, 240)
{
	struct worker lodge[2] = { 0 };
	unsigned int i;

	need_kvm();
	workers_start(lodge, 2, &backend_lodge);
	for (i = 0; i < 6; i++) {
		struct worker kvm = { .blocks = 10 };

		ASSERT_TRUE(kvm_unload());
		workers_await(lodge, 2, 1);
		ASSERT_TRUE(kvm_load());
		workers_await(lodge, 2, 1);
		if (i & 1)
			continue;
		worker_start(&kvm, &backend_kvm, -1);
		worker_await(&kvm, 2);
		worker_stop(&kvm);
	}
	ASSERT_TRUE(kvm_unload());
	workers_await(lodge, 2, 1);
	workers_stop(lodge, 2);
}
