// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host sleeps while guests run: each stage of suspend that the kernel lets one
 * try on its own (pm_test), down to the one with all CPUs but the first offline and
 * interrupts off, and then the real thing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/workload.h"
#include "lib/ktap.h"

#define WAKEALARM	"/sys/class/rtc/rtc0/wakealarm"
#define PM_STATE	"/sys/power/state"
#define MEM_SLEEP	"/sys/power/mem_sleep"
#define PM_TEST		"/sys/power/pm_test"
#define PM_TEST_DELAY	"/sys/module/suspend/parameters/pm_test_delay"

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool lists(const char *path, const char *word)
{
	char text[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	return strstr(text, word);
}

/* For a real machine: Bochs wakes from suspend to RAM by itself at once */
static bool set_alarm(void)
{
	put(WAKEALARM, "0");
	return put(WAKEALARM, "+5");
}

/* Guests of both run before, after, and as far as the host lets them */
static void sleep_with_guests(const char *state, bool with_kvm)
{
	struct worker lodge[2] = { 0 }, kvm = { 0 };
	unsigned int i;

	workers_start(lodge, 2, &backend_lodge);
	if (with_kvm)
		worker_start(&kvm, &backend_kvm, -1);
	for (i = 0; i < 2; i++) {
		workers_await(lodge, 2, 1);
		set_alarm();
		EXPECT_TRUE(put(PM_STATE, state));
		workers_await(lodge, 2, 1);
	}
	workers_stop(lodge, 2);
	if (with_kvm) {
		worker_await(&kvm, 1);
		worker_stop(&kvm);
	}
}

static void stage(const char *state, const char *name)
{
	if (!lists(PM_STATE, state))
		SKIP("no %s in " PM_STATE, state);
	if (!lists(PM_TEST, name))
		SKIP("no %s in " PM_TEST, name);
	put(PM_TEST_DELAY, "1");
	ASSERT_TRUE(put(PM_TEST, name));
	sleep_with_guests(state, kvm_load());
	ASSERT_TRUE(put(PM_TEST, "none"));
}

TEST(freezer)
{
	stage("freeze", "freezer");
}

TEST(devices)
{
	stage("freeze", "devices");
}

TEST(platform)
{
	stage("freeze", "platform");
}

/* All CPUs but one go offline */
TEST(processors)
{
	stage("mem", "processors");
}

TEST(core)
{
	stage("mem", "core");
}

/*
 * The processors have been reset afterwards: nothing of VMX operation, nor of
 * IA32_FEATURE_CONTROL, is there but what the host puts there.
 */
TEST(suspend_to_ram)
{
	if (!lists(PM_STATE, "mem") || !lists(MEM_SLEEP, "deep"))
		SKIP("no suspend to RAM");
	if (!getenv("SIMHOST") && !set_alarm())
		SKIP("no alarm to wake the host");
	ASSERT_TRUE(put(MEM_SLEEP, "deep"));
	sleep_with_guests("mem", false);
	sleep_with_guests("mem", kvm_load());
}

TEST(suspend_to_idle)
{
	if (!lists(PM_STATE, "freeze"))
		SKIP("no suspend-to-idle");
	if (getenv("SIMHOST"))
		SKIP("Bochs has nothing that wakes an idle host");
	if (!set_alarm())
		SKIP("no alarm to wake the host");
	sleep_with_guests("freeze", kvm_load());
}
