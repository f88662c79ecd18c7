/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_PLUG_H
#define LODGE_PLUG_H

#include <linux/types.h>

struct lodge_add_device;
struct lodge_vm;

void lodge_plug_init(struct lodge_vm *vm);
void lodge_plug_stop(struct lodge_vm *vm);
int lodge_plug_add(struct lodge_vm *vm, const struct lodge_add_device *arg);
int lodge_plug_remove(struct lodge_vm *vm, unsigned int slot, bool force);

#endif /* LODGE_PLUG_H */
