// SPDX-License-Identifier: GPL-2.0-only
/* CPUs that go offline and come back while guests run, ours and KVM's */
#include <fcntl.h>
#include <unistd.h>

#include "backend/workload.h"
#include "lib/ktap.h"

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"
#define ROUNDS		8

static void set_online(bool on)
{
	int fd = open(CPU1_ONLINE, O_WRONLY | O_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, on ? "1" : "0", 1), 1);
	close(fd);
	ASSERT_EQ(sysconf(_SC_NPROCESSORS_ONLN), on ? 2 : 1);
}

static void need_hotplug(void)
{
	if (access(CPU1_ONLINE, W_OK))
		SKIP("CPU 1 cannot go offline");
}

/* One vCPU goes where it likes, one is on the CPU that goes */
static void cycle(struct worker *lodge)
{
	unsigned int i;

	worker_start(&lodge[0], &backend_lodge, -1);
	worker_start(&lodge[1], &backend_lodge, 1);
	for (i = 0; i < ROUNDS; i++) {
		workers_await(lodge, 2, 1);
		set_online(false);
		workers_await(lodge, 2, 1);
		set_online(true);
	}
	workers_await(lodge, 2, 1);
	workers_stop(lodge, 2);
}

TEST_SECONDS(alone, 120)
{
	struct worker lodge[2] = { 0 };

	need_hotplug();
	cycle(lodge);
	EXPECT_GT(lodge[0].counts.migrations + lodge[1].counts.migrations, 0ull);
}

TEST_SECONDS(beside_idle_kvm, 120)
{
	struct worker lodge[2] = { 0 };

	need_hotplug();
	need_kvm();
	cycle(lodge);
}

TEST_SECONDS(beside_kvm, 120)
{
	struct worker lodge[2] = { 0 }, kvm = { 0 };

	need_hotplug();
	need_kvm();
	worker_start(&kvm, &backend_kvm, 1);
	cycle(lodge);
	worker_stop(&kvm);
	EXPECT_GT(lodge[0].counts.neighbour + lodge[1].counts.neighbour, 0ull);
}
