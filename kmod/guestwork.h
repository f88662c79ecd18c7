/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_GUESTWORK_H
#define LODGE_GUESTWORK_H

#include <linux/types.h>

bool lodge_guestwork_pending(void);
int lodge_guestwork_handle(void);

#endif /* LODGE_GUESTWORK_H */
