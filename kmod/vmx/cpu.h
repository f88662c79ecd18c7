/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VMX_CPU_H
#define LODGE_VMX_CPU_H

#include <linux/types.h>

/**
 * struct vmx_window - a stretch of VMX operation on this CPU, interrupts off
 * @cr4: to be put back, unless @neighbour
 * @their_vmcs: current VMCS of the neighbour, or ~0
 * @vmcs: our VMCS, physical address
 * @neighbour: VMX operation was somebody else's before us
 */
struct vmx_window {
	unsigned long cr4;
	u64 their_vmcs;
	u64 vmcs;
	bool neighbour;
};

int vmx_cpu_init(void);
void vmx_cpu_exit(void);
int vmx_cpu_open(struct vmx_window *w, u64 vmcs);
int vmx_cpu_prepare(struct vmx_window *w, u64 vmcs);
void vmx_cpu_close(struct vmx_window *w);

#endif /* LODGE_VMX_CPU_H */
