// SPDX-License-Identifier: GPL-2.0-only
/* Threads whose guests compute, and what the result has to be: see workload.h */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/ktap.h"
#include "workload.h"

extern const unsigned char work_start[], work_end[], work_on_irq[];

static const struct guest_code work_code = {
	.start = work_start, .end = work_end, .on_irq = work_on_irq,
};

int fail(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag("%s", text);
	return -1;
}

static struct work_args *work_args(struct worker *w)
{
	return (struct work_args *)(w->m.mem + GUEST_ARGS);
}

/* The guest waits for its port: it takes the interrupt when it goes on */
static int send_interrupt(struct machine *m)
{
	struct worker *w = m->data;

	w->sent++;
	return m->be->interrupt(m);
}

/* What the guest computes, over a table of its own */
static void compute(struct work_args *args, __u64 *table)
{
	__u64 i;

	args->sum = 0;
	args->total = 0;
	for (i = 0; i < args->blocks * WORK_STEPS; i++) {
		args->value = args->value * WORK_MUL + WORK_ADD;
		args->sum += args->value;
		args->total += table[args->value >> 51];
		table[args->value >> 51] = args->value;
	}
}

static bool is_right(struct worker *w, struct work_args *want, __u64 *table)
{
	struct work_args *got = work_args(w);

	compute(want, table);
	if (got->value == want->value && got->sum == want->sum && got->total == want->total &&
	    got->irqs == w->sent && !memcmp(w->m.mem + WORK_TABLE, table, WORK_ENTRIES * 8))
		return true;
	diag("%s: value %llx, sum %llx, total %llx, %llu interrupts", w->m.be->name, got->value,
	     got->sum, got->total, got->irqs);
	diag("    wants %llx, sum %llx, total %llx, %llu interrupts", want->value, want->sum,
	     want->total, w->sent);
	return false;
}

static int run_once(struct worker *w, __u64 seed)
{
	static const struct entry entry = { .start = work_start, .irqs = true };
	const struct work_args args = {
		.blocks = w->blocks, .value = seed, .eoi_msr = w->m.be->eoi_msr,
		.port = w->m.be->kernel_port,
	};
	struct work_args want = args;
	__u64 *table = malloc(WORK_ENTRIES * 8);
	int ret = -1;

	if (!table)
		return -1;
	memcpy(table, w->m.mem + WORK_TABLE, WORK_ENTRIES * 8);
	*work_args(w) = args;
	w->sent = 0;
	if (!w->m.be->start(&w->m, &entry)) {
		do {
			ret = w->m.be->run(&w->m);
		} while (ret > 0);
	}
	if (!ret && !is_right(w, &want, table))
		ret = -1;
	free(table);
	return ret;
}

static void pin(int cpu)
{
	cpu_set_t one;

	if (cpu < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static bool compute_on(struct worker *w, const struct backend *be, __u64 seed)
{
	if (w->vm_each) {
		machine_destroy(&w->m);
		if (machine_create(&w->m, be))
			return false;
	}
	return !run_once(w, seed);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct backend *be = w->m.be;
	__u64 seed = (unsigned long)w;

	pin(w->cpu);
	w->m.on_port = send_interrupt;
	w->m.data = w;
	if (machine_alloc_memory(&w->m, &work_code, 0) || machine_create(&w->m, be)) {
		w->bad++;
		w->stop = true;
	}
	while (!w->stop) {
		if (compute_on(w, be, seed++)) {
			w->runs++;
		} else {
			w->bad++;
			w->stop = true;
		}
	}
	if (!w->bad && be->get_counts)
		be->get_counts(&w->m, &w->counts);
	machine_destroy(&w->m);
	machine_free_memory(&w->m);
	return NULL;
}

/**
 * worker_start - start a thread whose guest computes
 * @w: zeroed, but for .vm_each and .blocks
 * @be: on lodge, or on KVM
 * @cpu: host CPU to be pinned to, or -1
 */
void worker_start(struct worker *w, const struct backend *be, int cpu)
{
	w->m.be = be;
	w->cpu = cpu;
	if (!w->blocks)
		w->blocks = 40;
	ASSERT_EQ(pthread_create(&w->thread, NULL, work, w), 0);
}

/**
 * worker_stop - end a worker; all it computed must have been right
 * @w: started
 */
void worker_stop(struct worker *w)
{
	w->stop = true;
	pthread_join(w->thread, NULL);
	EXPECT_EQ(w->bad, 0ul);
	EXPECT_GT(w->runs, 0ul);
}

/**
 * worker_await - wait until so many more computations were right
 * @w: started
 * @runs: how many; returns early when one goes wrong
 */
void worker_await(struct worker *w, unsigned long runs)
{
	unsigned long end = w->runs + runs;

	while (w->runs < end && !w->bad)
		usleep(5000);
}

/**
 * workers_start - a worker for each of so many CPUs, not pinned
 * @w: array, as worker_start() wants it
 * @nr: how many
 * @be: on lodge, or on KVM
 */
void workers_start(struct worker *w, unsigned int nr, const struct backend *be)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		worker_start(&w[i], be, -1);
}

void workers_stop(struct worker *w, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		w[i].stop = true;
	for (i = 0; i < nr; i++)
		worker_stop(&w[i]);
}

void workers_await(struct worker *w, unsigned int nr, unsigned long runs)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		worker_await(&w[i], runs);
}

/**
 * kvm_load - modprobe kvm_intel
 *
 * Without APICv: Bochs 3.0 wants a page-aligned posted-interrupt descriptor, which
 * KVM's is not.
 *
 * Return: whether it is there.
 */
bool kvm_load(void)
{
	return !system("modprobe kvm_intel enable_apicv=0 2>/dev/null") &&
	       !access("/dev/kvm", F_OK);
}

/**
 * kvm_unload - rmmod kvm_intel; kvm, which has no part in VMX without it, may stay
 *
 * Return: whether it is gone.
 */
bool kvm_unload(void)
{
	return access("/sys/module/kvm_intel", F_OK) || !system("rmmod kvm_intel");
}

/* Ends the test where there is no kvm_intel to load */
void need_kvm(void)
{
	if (!kvm_load())
		SKIP("no kvm_intel here (simhost/run --with-kvm)");
}
