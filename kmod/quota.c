// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's share of processor time.
 *
 * Each period has so much of it, for all vCPUs together. They are charged what the scheduler says
 * that their threads have run, as they come by before they enter the guest, which a tick of the
 * host sees to. So a vCPU can have had more than there was; that is owed to the periods after.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "quota.h"

#define PERIOD		(100 * NSEC_PER_MSEC)
#define MOST_OWED	100	/* periods */

static s64 share(const struct lodge_quota *quota)
{
	return (s64)quota->percent * (PERIOD / 100);
}

/**
 * lodge_quota_init - a VM's share from its beginning
 * @quota: zeroed
 * @percent: as in struct lodge_quota
 */
void lodge_quota_init(struct lodge_quota *quota, u32 percent)
{
	spin_lock_init(&quota->lock);
	if (percent)
		lodge_quota_set(quota, percent);
}

/**
 * lodge_quota_set - another share, in a period that begins now
 * @quota: of a VM; the caller has its vCPUs look at it
 * @percent: as in struct lodge_quota
 */
void lodge_quota_set(struct lodge_quota *quota, u32 percent)
{
	spin_lock(&quota->lock);
	WRITE_ONCE(quota->percent, percent);
	if (!++quota->age)
		quota->age = 1;
	quota->end = ktime_get_ns() + PERIOD;
	quota->left = share(quota);
	spin_unlock(&quota->lock);
}

/* What is left of a period is lost, what is owed is paid */
static void next_period(struct lodge_quota *quota, u64 now)
{
	u64 periods;

	if (now < quota->end)
		return;
	periods = div64_u64(now - quota->end, PERIOD) + 1;
	quota->end += periods * PERIOD;
	if (periods > MOST_OWED)
		quota->left = share(quota);
	else
		quota->left = min(quota->left + (s64)periods * share(quota), share(quota));
}

/**
 * lodge_quota_charge - take from the share what a vCPU has had
 * @quota: its VM's
 * @use: the vCPU's; the calling thread runs it
 *
 * Return: 0, or until when it is to wait, ns of CLOCK_MONOTONIC.
 */
u64 lodge_quota_charge(struct lodge_quota *quota, struct lodge_quota_use *use)
{
	u64 ran = READ_ONCE(current->se.sum_exec_runtime);
	u64 until = 0;

	spin_lock(&quota->lock);
	if (quota->percent) {
		next_period(quota, ktime_get_ns());
		/* the first time there is nothing to compare with */
		if (use->age == quota->age)
			quota->left -= (s64)min_t(u64, ran - use->ran, NSEC_PER_SEC);
		quota->left = max(quota->left, -MOST_OWED * share(quota));
		use->age = quota->age;
		use->ran = ran;
		if (quota->left <= 0)
			until = quota->end;
	}
	spin_unlock(&quota->lock);
	return until;
}
