/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_CHARDEV_H
#define LODGE_CHARDEV_H

struct file;
struct lodge_create_vm;

int lodge_chardev_init(void);
void lodge_chardev_exit(void);
int lodge_chardev_may_create(struct file *file);
int lodge_chardev_create_vm(const struct lodge_create_vm *arg, struct file **file);

#endif /* LODGE_CHARDEV_H */
