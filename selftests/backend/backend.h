/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM with one vCPU, or two, in 64-bit mode, on lodge or on KVM: what the benchmark and
 * the tests of the two side by side need of a hypervisor, and no more.
 *
 * Guest memory begins at 0 and is mapped one to one. The guest code is copied to
 * GUEST_CODE; it starts with RDI pointing to GUEST_ARGS, which is the program's own.
 */
#ifndef BACKEND_H
#define BACKEND_H

#define GUEST_PML4	0x1000
#define GUEST_PDPT	0x2000
#define GUEST_PD	0x3000		/* four pages: 4 GiB */
#define GUEST_GDT	0x7000
#define GUEST_TSS	0x7800
#define GUEST_IDT	0x8000
#define GUEST_ARGS	0x9000
#define GUEST_CODE	0xa000
#define GUEST_STACK	0x20000		/* top */
#define GUEST_STACK2	0x18000		/* of a second vCPU */
#define GUEST_DATA	0x20000		/* to the end: free for use */
#define GUEST_MEM_SIZE	0x200000

#define GUEST_CS	0x08
#define GUEST_DS	0x10
#define GUEST_TR	0x18

#define GUEST_NMI	2
#define GUEST_VECTOR	0x40		/* of the only interrupt */

#define PORT_DONE	0x500		/* written: the guest has ended */
#define PORT_USER	0x504		/* nobody's: goes to user space, reads as 0 */

#define EXTRA_GPA	0x4000000	/* of the second slot */

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct backend;
struct machine;

/**
 * struct guest_code - position-independent 64-bit code
 * @start: its first byte
 * @end: behind its last
 * @on_nmi: NMI handler, NULL for none
 * @on_irq: handler of GUEST_VECTOR, NULL for none
 */
struct guest_code {
	const unsigned char *start;
	const unsigned char *end;
	const unsigned char *on_nmi;
	const unsigned char *on_irq;
};

/**
 * struct machine - a VM and its vCPU
 * @be: whose VM it is
 * @code: what lies at GUEST_CODE
 * @mem: guest memory from address 0, GUEST_MEM_SIZE bytes
 * @extra: guest memory from EXTRA_GPA
 * @extra_size: its size, 0 for none
 * @on_port: called for each access of PORT_USER, unless NULL; below 0 ends the run
 * @data: for @on_port
 * @fd: the VM
 * @vcpu: its vCPU
 * @run: the shared run area
 * @run_size: its size
 */
struct machine {
	const struct backend *be;
	const struct guest_code *code;
	unsigned char *mem;
	unsigned char *extra;
	size_t extra_size;
	int (*on_port)(struct machine *m);
	void *data;
	int fd;
	int vcpu;
	void *run;
	size_t run_size;
};

/**
 * struct entry - where the guest is to start
 * @start: a label of its code
 * @rdx: RDX
 * @stack: its top, 0 for GUEST_STACK
 * @irqs: with interrupts enabled
 */
struct entry {
	const unsigned char *start;
	__u64 rdx;
	__u64 stack;
	bool irqs;
};

/**
 * struct counts - what happened in the kernel, lodge only
 * @exits: VM exits
 * @neighbour: stretches in VMX operation while somebody else held it
 * @migrations: entries on another CPU than the last
 * @vmreads: VMREADs, in a debug build of the module
 * @vmwrites: likewise
 * @msrs: RDMSRs and WRMSRs, likewise
 */
struct counts {
	__u64 exits;
	__u64 neighbour;
	__u64 migrations;
	__u64 vmreads;
	__u64 vmwrites;
	__u64 msrs;
};

/**
 * struct backend - a hypervisor
 * @name: for messages
 * @kernel_port: a port that it handles in the kernel, read by the byte
 * @eoi_msr: MSR whose being written ends an interrupt, or 0
 * @create: VM, slots and a vCPU; @m has its memory already
 * @add_vcpu: vCPU number 1 of @m's VM, as @second; mirror: machine_remove_vcpu()
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
	__u16 kernel_port;
	__u32 eoi_msr;
	int (*create)(struct machine *m);
	int (*add_vcpu)(const struct machine *m, struct machine *second);
	int (*start)(struct machine *m, const struct entry *entry);
	int (*run)(struct machine *m);
	void (*set_immediate_exit)(struct machine *m, bool on);
	int (*nmi)(struct machine *m);
	int (*interrupt)(struct machine *m);
	int (*get_counts)(struct machine *m, struct counts *counts);
};

extern const struct backend backend_lodge, backend_kvm;

/* The program's own: tells what went wrong and returns -1 */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int backend_call(int fd, unsigned long request, void *arg, const char *name);
__u64 machine_guest_address(const struct machine *m, const unsigned char *symbol);
int machine_alloc_memory(struct machine *m, const struct guest_code *code, size_t extra_size);
void machine_free_memory(struct machine *m);
int machine_create(struct machine *m, const struct backend *be);
void machine_destroy(struct machine *m);
void machine_remove_vcpu(struct machine *m);
int machine_port(struct machine *m, unsigned int port, void *data, unsigned int width);

#endif /* __ASSEMBLER__ */
#endif /* BACKEND_H */
