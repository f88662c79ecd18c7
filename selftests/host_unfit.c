// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that differ in what VMX offers: the module is refused where one is there already, and a
 * CPU that comes later runs no guest.  The debug build takes one for such by a parameter.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem.h"

#define PARAMETER	"/sys/module/lodge/parameters/unfit_cpu"
#define ONLINE		"/sys/devices/system/cpu/cpu1/online"
#define MODULE		"/lodge.ko"

static int load(const char *parameters)
{
	int ret, fd = open(MODULE, O_RDONLY | O_CLOEXEC), i;

	ASSERT_OK(fd);
	ret = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	/* devtmpfs makes the node in its own thread */
	for (i = 0; !ret && i < 200 && access("/dev/lodge", R_OK); i++)
		sleep_ms(5);
	return ret;
}

static void unload(void)
{
	ASSERT_OK(syscall(SYS_delete_module, "lodge", O_NONBLOCK));
}

static void need_debug_module(void)
{
	need_cpus(2);
	if (access(PARAMETER, R_OK) || access(MODULE, R_OK))
		SKIP("no debug build of the module at " MODULE);
	if (access(ONLINE, W_OK))
		SKIP("no CPU hotplug");
}

static void counter(void)
{
	u64 n;

	for (n = 1;; n++)
		GUEST_SYNC(n);
}

TEST(refused)
{
	need_debug_module();
	unload();
	EXPECT_ERRNO(load("unfit_cpu=1"), EOPNOTSUPP);
	EXPECT_OK(load("unfit_cpu=1000"));
	unload();
	ASSERT_OK(load(""));
}

TEST(comes_later)
{
	struct lodge_create_vcpu arg = { sizeof(arg), 1 };
	struct vcpu *vcpu;
	struct vm *vm;

	need_debug_module();
	unload();
	ASSERT_OK(put_file(ONLINE, "0"));
	EXPECT_OK(load("unfit_cpu=1"));
	ASSERT_OK(put_file(ONLINE, "1"));
	vm = vm_create(0);
	pin_to_cpu(0);
	vcpu = vcpu_long(vm, 0, counter);
	vcpu_sync(vcpu, 1);
	pin_to_cpu(1);
	EXPECT_ERRNO(vcpu_run_try(vcpu), EBUSY);
	EXPECT_ERRNO(ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &arg), EBUSY);
	pin_to_cpu(0);
	vcpu_sync(vcpu, 2);
	vcpu_free(vcpu);
	vm_free(vm);
	unload();
	ASSERT_OK(load(""));
}
