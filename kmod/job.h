/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * job.h - work for a request that must not wait for its end
 *
 * What asks for it may hold locks that others wait for, as generic netlink does; and the work may
 * sleep for as long as a user likes: in his file systems, or on his memory.
 */
#ifndef LODGE_JOB_H
#define LODGE_JOB_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/types.h>

struct lodge_record;

/**
 * struct lodge_job - part of what the work has to do with
 * @run: does it, in a thread of its own without locks; what it returns is the job's result
 * @free: called with the last reference; waits for nothing that a user can hold up
 * @mortal: the thread is killed when nobody waits for it any more
 * @record: of the VM that it is for; a VM has one job at a time
 * @ref: one of who asks, one of the thread
 * @done: there is a result
 * @abandoned: nobody waits for it any more
 * @result: likewise
 *
 * The first three are the caller's, the rest is lodge_job_do()'s.
 */
struct lodge_job {
	int (*run)(struct lodge_job *job);
	void (*free)(struct lodge_job *job);
	bool mortal;
	struct lodge_record *record;
	struct kref ref;
	struct completion done;
	bool abandoned;
	int result;
};

void lodge_job_put(struct lodge_job *job);
int lodge_job_do(struct lodge_job *job, struct lodge_record *record);

#endif /* LODGE_JOB_H */
