/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest loops (guest.S) and the host side (layout.c) agree on: where
 * things lie in guest memory, ports, and the argument block.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#define GUEST_PML4	0x1000
#define GUEST_PDPT	0x2000
#define GUEST_PD	0x3000		/* four pages: 4 GiB, identity */
#define GUEST_GDT	0x7000
#define GUEST_TSS	0x7800
#define GUEST_IDT	0x8000
#define GUEST_ARGS	0x9000
#define GUEST_CODE	0xa000
#define GUEST_STACK	0x20000		/* top */
#define GUEST_MEM_SIZE	0x200000

#define GUEST_CS	0x08
#define GUEST_DS	0x10
#define GUEST_TR	0x18

#define GUEST_NMI	2
#define GUEST_VECTOR	0x40		/* of the interrupt that ends a HLT */

#define PORT_DONE	0x500		/* written: the round is over */
#define PORT_USER	0x504		/* nobody's: goes to user space */

/* A second slot, touched page by page to take EPT faults */
#define FAULT_GPA	0x4000000
#define FAULT_SIZE	0x1800000

/* offsets in struct guest_args */
#define ARG_N		0
#define ARG_VALUE	8
#define ARG_TICKS	16
#define ARG_WAKEUPS	24
#define ARG_EOI_MSR	32

#ifndef __ASSEMBLER__
#include <linux/types.h>

/**
 * struct guest_args - what a guest loop is told, and tells
 * @n: rounds of the loop
 * @value: port number, or address
 * @ticks: out: TSC ticks of all rounds
 * @wakeups: out: interrupts and NMIs taken
 * @eoi_msr: MSR that ends an interrupt, 0 for none
 */
struct guest_args {
	__u64 n;
	__u64 value;
	__u64 ticks;
	volatile __u64 wakeups;
	__u64 eoi_msr;
};

extern const unsigned char guest_start[], guest_end[];
extern const unsigned char guest_on_nmi[], guest_on_irq[];
extern const unsigned char guest_empty[], guest_cpuid[], guest_inb[], guest_inl[];
extern const unsigned char guest_rdmsr[], guest_wrmsr[], guest_vmcall[];
extern const unsigned char guest_write_cr8[], guest_read_cr8[];
extern const unsigned char guest_touch[], guest_hlt[], guest_first[];
#endif

#endif /* BENCH_GUEST_H */
