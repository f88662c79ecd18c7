/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_CHARDEV_H
#define LODGE_CHARDEV_H

int lodge_chardev_init(void);
void lodge_chardev_exit(void);

#endif /* LODGE_CHARDEV_H */
