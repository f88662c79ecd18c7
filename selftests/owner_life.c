// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's life ends while guests run: reboot, kexec, and a crash with a kernel to
 * be started then.  owner_life.sh runs these in a simulated host each and sees what
 * came of it, so they are skipped unless asked for with OWNER_LIFE=1.
 *
 * The kernel that kexec starts is the same again, /vmlinux, and its init is this
 * program: it counts the CPUs, since one left in VMX operation cannot be started
 * (INIT is blocked there), loads the module and lets a guest compute on each of them.
 */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "backend/kexec.h"
#include "backend/workload.h"
#include "lib/ktap.h"

#define MODULE		"/lodge.ko"
#define KERNEL		"/vmlinux"
#define MAX_GUESTS	8

static struct worker lodge[MAX_GUESTS], kvm;

static int nr_cpus(void)
{
	int nr = sysconf(_SC_NPROCESSORS_ONLN);

	return nr < MAX_GUESTS ? nr : MAX_GUESTS;
}

static int number(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : otherwise;
}

/* A guest on each CPU, from the last one down: the first has to do other things, too */
static void start_guests(void)
{
	int nr = number("OWNER_GUESTS", nr_cpus());
	int i;

	for (i = 0; i < nr; i++)
		worker_start(&lodge[i], &backend_lodge, i);
	for (i = 0; i < nr; i++)
		worker_await(&lodge[i], 2);
}

static void begin(void)
{
	if (!getenv("OWNER_LIFE"))
		SKIP("ends the host; selftests/owner_life.sh runs it");
	if (getenv("OWNER_KVM")) {
		need_kvm();
		worker_start(&kvm, &backend_kvm, nr_cpus() - 1);
		worker_await(&kvm, 2);
	}
	start_guests();
}

TEST_SECONDS(reboot_host, 100)
{
	begin();
	diag("rebooting");
	sync();
	reboot(RB_AUTOBOOT);
	ASSERT_TRUE(!"reboot has come back");
}

TEST_SECONDS(kexec_host, 200)
{
	begin();
	ASSERT_EQ(kexec_prepare(KERNEL, MODULE, false), 0);
	diag("kexec");
	reboot(LINUX_REBOOT_CMD_KEXEC);
	ASSERT_TRUE(!"kexec has come back");
}

/*
 * This thread crashes on CPU 0; an NMI stops the others, which are in their guests
 * most of the time. The console goes, since who watches it takes a panic for the end.
 */
TEST_SECONDS(crash_host, 200)
{
	const cpu_set_t first = { { 1 } };
	int fd;

	begin();
	ASSERT_EQ(kexec_prepare(KERNEL, MODULE, true), 0);
	ASSERT_OK(sched_setaffinity(0, sizeof(first), &first));
	fd = open("/sys/class/tty/ttyS0/console", O_WRONLY | O_CLOEXEC);
	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, "N", 1), 1);
	fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	ASSERT_OK(fd);
	diag("crash");
	usleep(200000 + number("OWNER_DELAY", 0));
	ASSERT_EQ(write(fd, "c", 1), 1);
	ASSERT_TRUE(!"the host does not crash");
}

static void say(const char *fmt, long a, long b)
{
	char text[128];
	int len = snprintf(text, sizeof(text), fmt, a, b);

	if (write(STDOUT_FILENO, text, len) < 0)
		return;
}

/* init of the second kernel */
static void __attribute__((constructor)) second_kernel(void)
{
	unsigned long runs = 0;
	int fd, i;

	if (getpid() != 1)
		return;
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	if (syscall(SYS_finit_module, fd, "", 0))
		say("second kernel: no lodge.ko: errno %ld\n", errno, 0);
	start_guests();
	for (i = 0; i < nr_cpus(); i++) {
		lodge[i].stop = true;
		pthread_join(lodge[i].thread, NULL);
		runs += lodge[i].bad ? 0 : !!lodge[i].runs;
	}
	say("second kernel: %ld CPUs, guests right on %ld\n", nr_cpus(), runs);
	tcdrain(STDOUT_FILENO);
	reboot(RB_AUTOBOOT);
}
