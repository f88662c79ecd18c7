/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counter.h - what the counters of enum lodge_stat are called
 */
#ifndef VMCTL_COUNTER_H
#define VMCTL_COUNTER_H

/* For people; "(new)" beyond LODGE_NR_STATS */
const char *counter_text(unsigned int stat);

/* For programs: as Documentation/netlink/lodge.yaml has it, with "_" for "-" */
const char *counter_key(unsigned int stat);

#endif /* VMCTL_COUNTER_H */
