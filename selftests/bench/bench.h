/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench - the same guest loops on lodge and on KVM
 *
 *   guest.S   the loops		../backend/  what runs them
 *   ops.c     how each is measured	report.c     table and JSON
 *   main.c    options, and the order of it all
 */
#ifndef BENCH_H
#define BENCH_H

#include "guest.h"

#define FAULT_SIZE	0x1800000	/* of the second slot, in which EPT faults are taken */

#define KERNEL_PORT	0xffffffff

/**
 * struct op - an operation to be measured
 * @name: for the table and the JSON file
 * @measure: gives ticks per operation of one round
 * @loop: guest loop, for most
 * @n: operations a round
 * @value: for the loop; KERNEL_PORT for the back end's port
 * @irqs: wake with an interrupt, not an NMI
 * @fresh: every round wants a VM of its own, which @measure makes
 * @target: lodge should need at most so many ticks, 0 for no target
 * @target_ratio: or so much of what KVM needs
 */
struct op {
	const char *name;
	int (*measure)(struct machine *m, const struct op *op, double *ticks);
	const unsigned char *loop;
	unsigned int n;
	__u32 value;
	bool irqs;
	bool fresh;
	double target;
	double target_ratio;
};

extern const struct op ops[];
extern const unsigned int nr_ops;

/**
 * struct rates - struct counts, per operation
 * @exits: VM exits
 * @vmreads: VMREADs
 * @vmwrites: VMWRITEs
 * @msrs: RDMSRs and WRMSRs
 */
struct rates {
	double exits;
	double vmreads;
	double vmwrites;
	double msrs;
};

/**
 * struct result - what came of one operation
 * @lodge: ticks an operation, negative if there is no figure
 * @kvm: likewise
 * @rates: all 0 without a debug build
 */
struct result {
	double lodge;
	double kvm;
	struct rates rates;
};

/* report.c */
void report_table(const char *title, const struct result *results);
int report_json(const char *path, const char *suffix, const struct result *results);
int report_write_counts(const char *path, const struct result *results);
int report_read_counts(const char *path, struct result *results);

static inline __u64 rdtsc(void)
{
	__u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return (__u64)hi << 32 | lo;
}

#endif /* BENCH_H */
