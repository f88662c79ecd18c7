// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work for a request that must not wait for its end.
 *
 * Each has a thread: one that is stuck then is in the way of no other, and it can be killed, which
 * those of workqueues cannot.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "job.h"
#include "registry.h"

#define PATIENCE	(2 * HZ)

/* Who waits for another job of the same VM to end */
static DECLARE_WAIT_QUEUE_HEAD(ended);

static void free_job(struct kref *ref)
{
	struct lodge_job *job = container_of(ref, struct lodge_job, ref);
	struct lodge_record *record = job->record;

	job->free(job);
	lodge_registry_put(record);
}

/**
 * lodge_job_put - give a reference back
 * @job: that lodge_job_do() has been called with
 */
void lodge_job_put(struct lodge_job *job)
{
	kref_put(&job->ref, free_job);
}

static bool begin(struct lodge_record *record)
{
	return !test_and_set_bit_lock(0, &record->busy);
}

static void end(struct lodge_record *record)
{
	clear_bit_unlock(0, &record->busy);
	wake_up_all(&ended);
}

static int thread(void *arg)
{
	struct lodge_job *job = arg;

	allow_kernel_signal(SIGKILL);
	/* what was sent before that was ignored; the lock of signals is between the two */
	job->result = job->mortal && READ_ONCE(job->abandoned) ? -EINTR : job->run(job);
	end(job->record);
	complete(&job->done);
	lodge_job_put(job);
	module_put_and_kthread_exit(0);
}

/* Return: what is left of the patience, -EBUSY, -ERESTARTSYS */
static long wait_for_turn(struct lodge_record *record)
{
	long left = wait_event_killable_timeout(ended, begin(record), PATIENCE);

	return left ?: -EBUSY;
}

/* Return: the result, or why there is none yet */
static int wait_for_end(struct lodge_job *job, struct task_struct *task, long patience)
{
	long left = wait_for_completion_killable_timeout(&job->done, patience);

	if (left > 0)
		return job->result;
	if (job->mortal) {
		WRITE_ONCE(job->abandoned, true);
		send_sig(SIGKILL, task, 1);
	}
	return left ?: -ETIMEDOUT;
}

/**
 * lodge_job_do - have a job done, and wait a little
 * @job: for lodge_job_put(), whatever this returns
 * @record: of a VM on which the caller has a reference
 *
 * Returns within two seconds.  A job that is not done then goes on, unless it is mortal.
 *
 * Return: what lodge_job.run() returned; -EBUSY if another job of the VM does not end, -ETIMEDOUT
 * if this one does not, -ERESTARTSYS or -EINTR if the caller is killed, -ENOMEM.
 */
int lodge_job_do(struct lodge_job *job, struct lodge_record *record)
{
	long patience = wait_for_turn(record);
	struct task_struct *task;
	int ret;

	job->record = record;
	kref_get(&record->ref);
	kref_init(&job->ref);
	init_completion(&job->done);
	if (patience < 0)
		return patience;
	task = kthread_create(thread, job, "lodge-job/%u", record->number);
	if (IS_ERR(task)) {
		end(record);
		return PTR_ERR(task);
	}
	get_task_struct(task);
	kref_get(&job->ref);
	__module_get(THIS_MODULE);
	wake_up_process(task);
	ret = wait_for_end(job, task, patience);
	put_task_struct(task);
	return ret;
}
