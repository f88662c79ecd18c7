/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a vCPU for user space.  All take a struct lodge_vcpu and the
 * structure that uapi/linux/lodge.h gives for the call; see there for meaning and
 * Documentation/uapi.rst for errors.  The vCPU is locked, but for the activity and
 * the statistics.
 */
#ifndef LODGE_STATE_H
#define LODGE_STATE_H

long lodge_state_get_regs(void *object, void *arg);
long lodge_state_set_regs(void *object, void *arg);
long lodge_state_get_sregs(void *object, void *arg);
long lodge_state_set_sregs(void *object, void *arg);
long lodge_state_get_debug(void *object, void *arg);
long lodge_state_set_debug(void *object, void *arg);
long lodge_state_get_xsave(void *object, void *arg);
long lodge_state_set_xsave(void *object, void *arg);
long lodge_state_get_msrs(void *object, void *arg);
long lodge_state_set_msrs(void *object, void *arg);
long lodge_state_get_cpuid(void *object, void *arg);
long lodge_state_set_cpuid(void *object, void *arg);
long lodge_state_get_events(void *object, void *arg);
long lodge_state_set_events(void *object, void *arg);
long lodge_state_get_mp(void *object, void *arg);
long lodge_state_set_mp(void *object, void *arg);
long lodge_state_get_stats(void *object, void *arg);

#endif /* LODGE_STATE_H */
