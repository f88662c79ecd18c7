/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_CR_H
#define LODGE_X86_CR_H

#include <linux/types.h>

struct lodge_sregs;
struct lodge_vcpu;

void lodge_cr_init(void);
u64 lodge_cr_cr4_owned(const struct lodge_vcpu *vcpu);
unsigned int lodge_cr_linear_bits(void);
bool lodge_cr_canonical(const struct lodge_vcpu *vcpu, u64 address);
void lodge_cr_reset(struct lodge_vcpu *vcpu);
int lodge_cr_write0(struct lodge_vcpu *vcpu, u64 value);
int lodge_cr_write3(struct lodge_vcpu *vcpu, u64 value);
int lodge_cr_write4(struct lodge_vcpu *vcpu, u64 value);
u64 lodge_cr_read8(const struct lodge_vcpu *vcpu);
int lodge_cr_write8(struct lodge_vcpu *vcpu, u64 value);
int lodge_cr_write_efer(struct lodge_vcpu *vcpu, u64 value);
int lodge_cr_xsetbv(struct lodge_vcpu *vcpu, u32 index, u64 value);
int lodge_cr_apic_base(struct lodge_vcpu *vcpu, u64 value);
int lodge_cr_set(struct lodge_vcpu *vcpu, const struct lodge_sregs *s);

#endif /* LODGE_X86_CR_H */
