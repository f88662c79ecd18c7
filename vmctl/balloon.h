/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balloon.h - memory that the guest does without goes back to the host
 */
#ifndef VMCTL_BALLOON_H
#define VMCTL_BALLOON_H

struct vm;

int balloon_open(struct vm *vm);
void balloon_serve(struct vm *vm);

#endif /* VMCTL_BALLOON_H */
