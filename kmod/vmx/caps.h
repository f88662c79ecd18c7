/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VMX_CAPS_H
#define LODGE_VMX_CAPS_H

#include <linux/bits.h>
#include <linux/types.h>

#include "controls.h"

struct lodge_caps;
struct lodge_ept_caps;

/* PIN_NMI_EXITING and so on: the bit of each control in its word */
enum vmx_control_bits {
#define X(bit, name, need, text) name = (int)BIT(bit),
	VMX_PIN_CONTROLS(X)
	VMX_PROC_CONTROLS(X)
	VMX_PROC2_CONTROLS(X)
	VMX_EXIT_CONTROLS(X)
	VMX_ENTRY_CONTROLS(X)
	VMX_EPT_CAPS(X)
#undef X
};

/**
 * struct vmx_caps - what this processor offers and what lodge uses of it
 * @revision: VMCS revision identifier (IA32_VMX_BASIC[30:0])
 * @pin: pin-based controls of every VMCS
 * @proc: processor-based controls, without those that change at run time
 * @proc2: secondary processor-based controls
 * @exit: VM-exit controls
 * @entry: VM-entry controls, without IA-32e mode guest
 * @ept: EPT_* capability bits in use
 * @phys_bits: width of a guest-physical address
 * @no_pt: Intel PT cannot trace in VMX operation (IA32_VMX_MISC[14] clear)
 *
 * Written once by vmx_caps_init(), constant after.
 */
struct vmx_caps {
	u32 revision;
	u32 pin;
	u32 proc;
	u32 proc2;
	u32 exit;
	u32 entry;
	u32 ept;
	u32 phys_bits;
	bool no_pt;
};

extern struct vmx_caps vmx_caps;

int vmx_caps_init(void);
bool vmx_caps_fit(void);
void vmx_caps_describe(struct lodge_caps *caps);
void vmx_caps_ept(struct lodge_ept_caps *ept);

#endif /* LODGE_VMX_CAPS_H */
