/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench - the same guest loops on lodge and on KVM
 *
 *   guest.S   the loops		kvm.c, lodge.c  the two back ends
 *   layout.c  guest memory		ops.c           how each operation is measured
 *   report.c  table and JSON	main.c          options, and the order of it all
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "guest.h"

struct backend;

/**
 * struct vm - a VM with one vCPU, about to run a guest loop
 * @be: whose VM it is
 * @fd: the VM
 * @vcpu: its vCPU
 * @run: the shared run area
 * @run_size: its size
 * @mem: guest memory from address 0, GUEST_MEM_SIZE bytes
 * @fault_mem: guest memory from FAULT_GPA, FAULT_SIZE bytes
 * @faulted: bytes of it that the guest has touched
 */
struct vm {
	const struct backend *be;
	int fd;
	int vcpu;
	void *run;
	size_t run_size;
	unsigned char *mem;
	unsigned char *fault_mem;
	__u64 faulted;
};

/**
 * struct entry - where the guest is to start
 * @rip: instruction pointer
 * @rdx: RDX
 * @irqs: with interrupts enabled
 */
struct entry {
	__u64 rip;
	__u64 rdx;
	bool irqs;
};

/**
 * struct counts - what happened in the kernel, lodge only
 * @exits: VM exits
 * @vmreads: VMREADs, in a debug build of the module
 * @vmwrites: likewise
 * @msrs: RDMSRs and WRMSRs, likewise
 */
struct counts {
	double exits;
	double vmreads;
	double vmwrites;
	double msrs;
};

/**
 * struct backend - a hypervisor
 * @name: for messages and the table
 * @device: its device node
 * @kernel_port: a port that it handles in the kernel
 * @eoi_msr: MSR by which the guest ends an interrupt, or 0
 * @create: VM, slots and a vCPU in 64-bit mode; @vm has its memory already
 * @start: set the registers
 * @run: run until the guest writes PORT_DONE; 1 when a signal came instead
 * @set_immediate_exit: have @run return 1 at once
 * @nmi: send an NMI
 * @interrupt: send GUEST_VECTOR
 * @get_counts: NULL where there are none
 *
 * All return 0, or -1 after fail().
 */
struct backend {
	const char *name;
	const char *device;
	__u16 kernel_port;
	__u32 eoi_msr;
	int (*create)(struct vm *vm);
	int (*start)(struct vm *vm, const struct entry *entry);
	int (*run)(struct vm *vm);
	void (*set_immediate_exit)(struct vm *vm, bool on);
	int (*nmi)(struct vm *vm);
	int (*interrupt)(struct vm *vm);
	int (*get_counts)(struct vm *vm, struct counts *counts);
};

extern const struct backend backend_lodge, backend_kvm;

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
	int (*measure)(struct vm *vm, const struct op *op, double *ticks);
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
 * struct result - what came of one operation
 * @lodge: ticks an operation, negative if there is no figure
 * @kvm: likewise
 * @counts: per operation; all 0 without a debug build
 */
struct result {
	double lodge;
	double kvm;
	struct counts counts;
};

/* main.c */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* layout.c */
__u64 guest_address(const unsigned char *symbol);
struct guest_args *guest_args(struct vm *vm);
int vm_alloc_memory(struct vm *vm);
void vm_free_memory(struct vm *vm);
int vm_create(struct vm *vm, const struct backend *be);
void vm_destroy(struct vm *vm);

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
