/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_GUESTWORK_H
#define LODGE_GUESTWORK_H

#include "compat.h"

/**
 * lodge_guestwork_pending - must work be done before the guest is entered?
 *
 * Interrupts off.
 *
 * Return: true if lodge_guestwork_handle() must be called.
 */
static __always_inline bool lodge_guestwork_pending(void)
{
	return xfer_to_guest_mode_work_pending();
}

int lodge_guestwork_handle(void);

#endif /* LODGE_GUESTWORK_H */
