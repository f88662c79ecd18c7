/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that puts something else into every register it can reach, again and again:
 * general, x87, SSE, AVX, AVX-512, PKRU, debug registers with breakpoints on, segment
 * bases, the MSRs of SYSCALL, TSC_AUX, CR2.  The host beside it must see nothing.
 */
#ifndef LODGE_SELFTESTS_TRASH_H
#define LODGE_SELFTESTS_TRASH_H

#include "vm.h"

struct vcpu *trash_vcpu(void);
void trash_once(struct vcpu *vcpu);
void trash_beside(int cpu);
u64 trash_rounds(void);
bool trash_more(u64 target);
long raw_ioctl(int fd, unsigned long cmd);
void raw_yield(void);

#endif /* LODGE_SELFTESTS_TRASH_H */
