// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: what is initialised in which order, and undone in the other.
 */
#include <linux/module.h>

#include "chardev.h"
#include "main.h"
#include "netlink.h"
#include "vm.h"
#include "vmx/caps.h"
#include "vmx/cpu.h"
#include "vmx/spec.h"
#include "vmx/vmx.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/fpu.h"
#include "x86/msr.h"

#ifdef LODGE_DEBUG
#include <linux/atomic.h>

#include "alloc.h"

static int fail_nth;
module_param(fail_nth, int, 0644);
MODULE_PARM_DESC(fail_nth, "Debug: the n-th allocation from now fails");

bool lodge_alloc_fails(void)
{
	int n = READ_ONCE(fail_nth);

	while (n > 0) {
		int seen = cmpxchg(&fail_nth, n, n - 1);

		if (seen == n)
			return n == 1;
		n = seen;
	}
	return false;
}
#endif

static int __init lodge_init(void)
{
	int err;

	vmx_spec_init();
	err = vmx_caps_init();
	if (err)
		return err;
	err = lodge_fpu_init();
	if (err)
		return err;
	lodge_msr_init();
	lodge_cpuid_init(vmx_caps.proc2 & PROC2_RDTSCP, vmx_caps.proc2 & PROC2_INVPCID);
	lodge_cr_init();
	err = vmx_cpu_init();
	if (err)
		return err;
	err = vmx_vmcs_init();
	if (err)
		goto err_cpu;
	err = lodge_vm_init();
	if (err)
		goto err_vmcs;
	err = lodge_netlink_init();
	if (err)
		goto err_vm;
	err = lodge_chardev_init();
	if (err)
		goto err_netlink;
	return 0;

err_netlink:
	lodge_netlink_exit();
err_vm:
	lodge_vm_exit();
err_vmcs:
	vmx_vmcs_exit();
err_cpu:
	vmx_cpu_exit();
	return err;
}

static void __exit lodge_exit(void)
{
	lodge_chardev_exit();
	lodge_netlink_exit();
	lodge_vm_exit();
	vmx_vmcs_exit();
	vmx_cpu_exit();
}

module_init(lodge_init);
module_exit(lodge_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lodge: a hosted hypervisor");
MODULE_AUTHOR("the lodge developers");
MODULE_VERSION(LODGE_VERSION);
