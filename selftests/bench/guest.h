/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest loops (guest.S) and ops.c agree on.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "../backend/backend.h"

/* offsets in struct guest_args */
#define ARG_N		0
#define ARG_VALUE	8
#define ARG_TICKS	16
#define ARG_WAKEUPS	24
#define ARG_EOI_MSR	32

#ifndef __ASSEMBLER__

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
extern const unsigned char guest_apic_setup[], guest_ipi_self[], guest_deadline[];
extern const unsigned char guest_ipi_other[], guest_ipi_answer[];
extern const unsigned char guest_touch[], guest_hlt[], guest_first[];
#endif

#endif /* BENCH_GUEST_H */
