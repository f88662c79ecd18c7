/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_VMX_SPEC_H
#define LODGE_VMX_SPEC_H

#include <linux/types.h>

int vmx_spec_init(void);
void vmx_spec_exit(void);
u64 vmx_spec_defences(void);
u32 vmx_spec_enter_flags(void);
u64 vmx_spec_ctrl(void);
void vmx_spec_before(u64 vm_id);
void vmx_spec_after(void);

#endif /* LODGE_VMX_SPEC_H */
