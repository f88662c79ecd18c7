/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quota.h - how much processor time the vCPUs of a VM may have together
 */
#ifndef LODGE_QUOTA_H
#define LODGE_QUOTA_H

#include <linux/spinlock.h>
#include <linux/types.h>

#define LODGE_QUOTA_MAX		6400	/* percent: 64 vCPUs at full speed */

/**
 * struct lodge_quota - a VM's share
 * @percent: of one host CPU, LODGE_QUOTA_MAX at most; 0: all that they can get; written under @lock
 * @lock: guards what follows; nothing is taken inside
 * @age: goes up with each change of @percent, never 0 once there was one [L]
 * @end: of this period, ns of CLOCK_MONOTONIC [L]
 * @left: ns of this period; below 0: owed to the next ones [L]
 */
struct lodge_quota {
	u32 percent;
	spinlock_t lock;
	u32 age;
	u64 end;
	s64 left;
};

/**
 * struct lodge_quota_use - what a vCPU has had
 * @age: lodge_quota.age that @ran is of; 0: of none
 * @ran: ns that its thread had run when it was charged last
 */
struct lodge_quota_use {
	u32 age;
	u64 ran;
};

void lodge_quota_init(struct lodge_quota *quota, u32 percent);
void lodge_quota_set(struct lodge_quota *quota, u32 percent);
u64 lodge_quota_charge(struct lodge_quota *quota, struct lodge_quota_use *use);

#endif /* LODGE_QUOTA_H */
