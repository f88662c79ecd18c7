/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_X86_FPU_H
#define LODGE_X86_FPU_H

#include <linux/types.h>

/**
 * struct lodge_fpu - a vCPU's extended state
 * @xstate: standard-format XSAVE image, 64-byte aligned, without PKRU
 * @host_xstate: the registers as they were before the window, compacted or not
 * @xcr0: guest's XCR0
 * @pkru: guest's PKRU
 * @host_pkru: the host's while the guest's is loaded
 */
struct lodge_fpu {
	void *xstate;
	void *host_xstate;
	u64 xcr0;
	u32 pkru;
	u32 host_pkru;
};

int lodge_fpu_init(void);
u64 lodge_fpu_mask(void);
u32 lodge_fpu_size(void);
u32 lodge_fpu_size_of(u64 xcr0);
u32 lodge_fpu_compact_size_of(u64 xcr0);
int lodge_fpu_create(struct lodge_fpu *fpu);
void lodge_fpu_destroy(struct lodge_fpu *fpu);
void lodge_fpu_enter(struct lodge_fpu *fpu);
void lodge_fpu_leave(struct lodge_fpu *fpu);
u32 lodge_fpu_host_keys(const struct lodge_fpu *fpu);
void lodge_fpu_guest_keys(const struct lodge_fpu *fpu, u32 pkru);
bool lodge_fpu_xcr0_valid(u64 xcr0);
void lodge_fpu_get(const struct lodge_fpu *fpu, void *image);
int lodge_fpu_set(struct lodge_fpu *fpu, const void *image);
int lodge_fpu_vector_read(const struct lodge_fpu *fpu, unsigned int reg, void *buf,
			  unsigned int len);
int lodge_fpu_vector_write(struct lodge_fpu *fpu, unsigned int reg, const void *buf,
			   unsigned int len, bool zero_upper);

#endif /* LODGE_X86_FPU_H */
