// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that the kernel wants done before a task goes back to user space, and so
 * before it enters a guest too: signals, rescheduling, task work.
 */
#include <linux/sched.h>
#include <linux/sched/signal.h>

#define LODGE_GUESTWORK_C
#include "compat.h"
#include "guestwork.h"

/**
 * lodge_guestwork_pending - must work be done before the guest is entered?
 *
 * Interrupts off.
 *
 * Return: true if lodge_guestwork_handle() must be called.
 */
bool lodge_guestwork_pending(void)
{
	return xfer_to_guest_mode_work_pending();
}

/**
 * lodge_guestwork_handle - do that work
 *
 * Interrupts on, no locks that a schedule would break.
 *
 * Return: 0, or -EINTR if a signal waits.
 */
int lodge_guestwork_handle(void)
{
	return compat_guest_mode_handle_work();
}
