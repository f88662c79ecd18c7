// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's own life: 50 times in and out with a guest run in between, with nothing
 * left behind; it stays while a VM exists.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define ROUNDS	50
#define WARM_UP	10		/* rounds that may grow caches */

static const char *module_path(void)
{
	const char *path = getenv("LODGE_KO");

	return path ? path : "/lodge.ko";
}

static int load(void)
{
	int ret, fd = open(module_path(), O_RDONLY | O_CLOEXEC);

	ASSERT_OK(fd);
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "lodge", O_NONBLOCK);
}

static void need_module_file(void)
{
	if (access(module_path(), R_OK))
		SKIP("no module file at %s (LODGE_KO names another)", module_path());
}

/* devtmpfs makes the node in its own thread */
static void wait_for_device(void)
{
	int i;

	for (i = 0; i < 200 && access("/dev/lodge", R_OK); i++)
		sleep_ms(5);
}

static void hello(void)
{
	GUEST_SYNC(1);
}

static void run_guest(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, hello);

	vcpu_sync(vcpu, 1);
	vcpu_free(vcpu);
	vm_free(vm);
}

/* A line of /proc/meminfo, in KiB */
static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long n = -1;

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			n = atol(line + strlen(name) + 1);
	fclose(f);
	ASSERT_GE(n, 0l);
	return n;
}

/* Allocations that a caller in lodge made and that still stand */
static int vmalloc_areas(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "r");
	char line[512];
	int n = 0;

	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, "[lodge]") || !!strstr(line, "lodge_");
	fclose(f);
	return n;
}

/*
 * What was freed by RCU and by workers is free only after a while, and pages on a
 * CPU's own lists only when those are drained.
 */
static long settled(const char *name)
{
	int i, fd = open("/proc/sys/vm/compact_memory", O_WRONLY);
	long last = -1, now;

	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			diag("compact_memory: %s", strerror(errno));
		close(fd);
	}
	for (i = 0; i < 20; i++) {
		now = meminfo(name);
		if (now == last)
			break;
		last = now;
		sleep_ms(100);
	}
	return now;
}

TEST_SECONDS(fifty_rounds, 200)
{
	long slab = 0, kernel_stack = 0, tables = 0, vmalloc = 0, free = 0;
	int i;

	need_module_file();
	pin_to_cpu(0);
	for (i = 0; i < ROUNDS; i++) {
		if (i == WARM_UP) {
			slab = settled("Slab");
			kernel_stack = settled("KernelStack");
			tables = settled("PageTables");
			vmalloc = settled("VmallocUsed");
			free = settled("MemFree");
		}
		ASSERT_OK(unload());
		ASSERT_EQ(vmalloc_areas(), 0);
		ASSERT_TRUE(access("/dev/lodge", F_OK));
		ASSERT_OK(load());
		wait_for_device();
		run_guest();
	}
	diag("KiB more than %d rounds before: slab %ld, stacks %ld, tables %ld, vmalloc %ld, not free %ld",
	     ROUNDS - WARM_UP, settled("Slab") - slab, settled("KernelStack") - kernel_stack,
	     settled("PageTables") - tables, settled("VmallocUsed") - vmalloc,
	     free - settled("MemFree"));
	/* a leak of one page a round would be 160 KiB */
	EXPECT_LT(settled("Slab") - slab, 100l);
	EXPECT_LT(settled("KernelStack") - kernel_stack, 100l);	/* a kworker comes and goes */
	EXPECT_LE(settled("PageTables") - tables, 8l);
	EXPECT_LE(settled("VmallocUsed") - vmalloc, 16l);
	EXPECT_LT(free - settled("MemFree"), 600l);
}

TEST(stays_while_used)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int fd;

	need_module_file();
	fd = lodge_open();
	EXPECT_ERRNO(unload(), EWOULDBLOCK);
	close(fd);
	vm = vm_create(0);
	EXPECT_ERRNO(unload(), EWOULDBLOCK);
	vcpu = vcpu_long(vm, 0, hello);
	ASSERT_OK(close(vm->fd));
	EXPECT_ERRNO(unload(), EWOULDBLOCK);	/* the vCPU holds it too */
	vcpu_sync(vcpu, 1);
	vcpu_free(vcpu);
	EXPECT_ERRNO(load(), EEXIST);
}

/* VMs come and go without the module going: nothing adds up either */
TEST_SECONDS(two_hundred_vms, 200)
{
	long slab = 0, vmalloc = 0, free = 0;
	int i;

	pin_to_cpu(0);
	for (i = 0; i < 200; i++) {
		if (i == 50) {
			slab = settled("Slab");
			vmalloc = settled("VmallocUsed");
			free = settled("MemFree");
		}
		run_guest();
	}
	diag("KiB more than 150 VMs before: slab %ld, vmalloc %ld, not free %ld",
	     settled("Slab") - slab, settled("VmallocUsed") - vmalloc, free - settled("MemFree"));
	EXPECT_LT(settled("Slab") - slab, 300l);
	EXPECT_LE(settled("VmallocUsed") - vmalloc, 16l);
	EXPECT_LT(free - settled("MemFree"), 600l);
}
