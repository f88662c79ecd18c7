/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_CONTROL_H
#define LODGE_CONTROL_H

#include <linux/bitops.h>
#include <linux/types.h>

#include "vm.h"

/* lodge_vm.control: bits */
enum lodge_control {
	LODGE_CONTROL_PAUSE,
	LODGE_CONTROL_RESET,	/* taken by the first vCPU that sees it */
	LODGE_CONTROL_KILL,	/* for good */
	LODGE_CONTROL_WATCHDOG,	/* as _RESET */
};

/**
 * lodge_control_paused - is the VM paused?
 * @vm: the VM
 */
static inline bool lodge_control_paused(const struct lodge_vm *vm)
{
	return test_bit(LODGE_CONTROL_PAUSE, &vm->control);
}

int lodge_control_pause(struct lodge_vm *vm);
int lodge_control_resume(struct lodge_vm *vm);
int lodge_control_stop(struct lodge_vm *vm);
void lodge_control_reset(struct lodge_vm *vm);
void lodge_control_watchdog(void *vm);
void lodge_control_kill(struct lodge_vm *vm);
void lodge_control_limit(struct lodge_vm *vm, u32 percent);
int lodge_control_nmi(struct lodge_vm *vm);
int lodge_control_regs(struct lodge_vm *vm, u32 id, struct lodge_regs *regs,
		       struct lodge_sregs *sregs);

void lodge_control_publish(struct lodge_vcpu *vcpu);
int lodge_control_heed(struct lodge_vcpu *vcpu);

#endif /* LODGE_CONTROL_H */
