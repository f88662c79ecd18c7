// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that the kernel wants done before a task goes back to user space, and so
 * before it enters a guest too: signals, rescheduling, task work.
 */
#include <linux/kvm_host.h>

#include "guestwork.h"

/**
 * lodge_guestwork_handle - do that work
 *
 * Interrupts on, no locks that a schedule would break.
 *
 * Return: 0, or -EINTR if a signal waits.
 */
int lodge_guestwork_handle(void)
{
	/* for kernels that note a signal in the vCPU; nobody reads it */
	static struct kvm_run run;
	static struct kvm_vcpu vcpu = { .run = &run };

	(void)vcpu;
	return compat_guest_mode_handle_work(&vcpu);
}
