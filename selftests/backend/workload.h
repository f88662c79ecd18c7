/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that compute, for the tests that do things to the host meanwhile: a
 * checksum over registers, SSE registers and memory, in blocks that each end with
 * an exit handled in the kernel (CPUID), a port read in the kernel, one by user
 * space, and an interrupt.  The host knows the right result.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#define WORK_TABLE	GUEST_DATA	/* 64 KiB of numbers that the guest changes */
#define WORK_ENTRIES	8192
#define WORK_STEPS	500		/* in a block */
#define WORK_MUL	6364136223846793005
#define WORK_ADD	1442695040888963407

/* offsets in struct work_args */
#define WORK_BLOCKS	0
#define WORK_VALUE	8
#define WORK_SUM	16
#define WORK_TOTAL	24
#define WORK_IRQS	32
#define WORK_EOI_MSR	40
#define WORK_PORT	48

#ifndef __ASSEMBLER__

#include <pthread.h>
#include <stdbool.h>
#include <linux/types.h>

#include "backend.h"

/**
 * struct work_args - what the guest is told, and tells
 * @blocks: to compute
 * @value: the generator; in: seed
 * @sum: out: SSE sum of the values
 * @total: out: sum of the table's old values
 * @irqs: out: interrupts taken
 * @eoi_msr: MSR that ends an interrupt, 0 for none
 * @port: handled in the kernel
 */
struct work_args {
	__u64 blocks;
	__u64 value;
	__u64 sum;
	__u64 total;
	__u64 irqs;
	__u64 eoi_msr;
	__u64 port;
};

/**
 * struct worker - a thread whose guest computes until it is told to stop
 * @m: its VM
 * @blocks: of one computation
 * @cpu: to be pinned to, or -1
 * @vm_each: a new VM for each computation
 * @stop: asks for the end
 * @runs: computations that came out right
 * @bad: that did not, or could not be done
 * @counts: of lodge, at the end
 * @sent: interrupts sent in this computation
 * @thread: the thread
 */
struct worker {
	struct machine m;
	unsigned int blocks;
	int cpu;
	bool vm_each;
	volatile bool stop;
	volatile unsigned long runs;
	volatile unsigned long bad;
	struct counts counts;
	__u64 sent;
	pthread_t thread;
};

void worker_start(struct worker *w, const struct backend *be, int cpu);
void worker_stop(struct worker *w);
void worker_await(struct worker *w, unsigned long runs);
void workers_start(struct worker *w, unsigned int nr, const struct backend *be);
void workers_stop(struct worker *w, unsigned int nr);
void workers_await(struct worker *w, unsigned int nr, unsigned long runs);
bool kvm_load(void);
bool kvm_unload(void);
void need_kvm(void);

#endif /* __ASSEMBLER__ */
#endif /* WORKLOAD_H */
