/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lapic.h - the local APIC of a vCPU (SDM Vol 3A, chapter 11)
 *
 * Who may call: "owner" is the vCPU's thread, or whoever has the vCPU locked;
 * "any" is any thread or interrupt handler that keeps the APIC alive by RCU.
 * Nothing here sleeps, all of it may be called with interrupts off and from
 * inside a VMX window.
 */
#ifndef LODGE_IRQ_LAPIC_H
#define LODGE_IRQ_LAPIC_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_irq;
struct lodge_lapic;

#define LODGE_LAPIC_BASE	0xfee00000ULL
#define LODGE_LAPIC_SIZE	0x1000
#define LODGE_LAPIC_MSR_FIRST	0x800		/* x2APIC registers, SDM table 11-6 */
#define LODGE_LAPIC_MSR_LAST	0x8ff
#define LODGE_LAPIC_BUS_HZ	1000000000ULL	/* of the timer before its divider */

/**
 * struct lodge_lapic_ops - what a vCPU provides to its APIC
 * @wake: an interrupt may be deliverable now: the vCPU looks before it next runs
 *	the guest, and leaves the guest if it is there
 * @nmi: an NMI
 * @init: an INIT
 * @startup: a startup IPI; @vector gives the page to start at
 *
 * All are called by anybody, in any context that is not an NMI, also with
 * interrupts off and inside a window of another vCPU.
 */
struct lodge_lapic_ops {
	void (*wake)(struct lodge_lapic *lapic);
	void (*nmi)(struct lodge_lapic *lapic);
	void (*init)(struct lodge_lapic *lapic);
	void (*startup)(struct lodge_lapic *lapic, u8 vector);
};

/**
 * struct lodge_lapic - a local APIC, embedded in its vCPU
 * @irq: the VM's interrupt controllers [I]
 * @ops: the vCPU's functions [I]
 * @id: number of the vCPU; x2APIC ID, and xAPIC ID after reset [I]
 * @base: IA32_APIC_BASE, written by the owner, read by any
 * @irr: requested vectors, set by any [a]
 * @tmr: level-triggered ones of those that were requested last [a]
 * @isr: vectors in service [o]
 * @xapic_id: xAPIC ID register, bits 31:24 [o], read by any
 * @tpr: task-priority register [o]
 * @ldr: logical destination as the guest sees it [o], read by any
 * @dfr: destination format, xAPIC mode [o], read by any
 * @svr: spurious-interrupt vector [o], read by any
 * @esr: error status, latched by a write [o]
 * @esr_pending: errors since that write [a]
 * @icr: interrupt command [o]
 * @lvt: timer, thermal, performance, LINT0, LINT1, error, CMCI [o], read by any
 * @divide: divide configuration [o]
 * @initial_count: of the timer [o]
 * @deadline: IA32_TSC_DEADLINE, 0 if not armed [o]
 * @armed_at: when the count started, ns of CLOCK_MONOTONIC [o]
 * @timer: one-shot, periodic and TSC-deadline timer
 * @period: ns, 0 if not periodic [o]
 * @tsc_offset: guest's TSC minus the host's, may change while the APIC is in use [I]
 *
 * [I] constant after creation, [o] the owner, [a] atomic.
 */
struct lodge_lapic {
	struct lodge_irq *irq;
	const struct lodge_lapic_ops *ops;
	u32 id;
	u64 base;
	unsigned long irr[4];
	unsigned long tmr[4];
	unsigned long isr[4];
	u32 xapic_id;
	u32 tpr;
	u32 ldr;
	u32 dfr;
	u32 svr;
	u32 esr;
	u32 esr_pending;
	u64 icr;
	u32 lvt[7];
	u32 divide;
	u32 initial_count;
	u64 deadline;
	u64 armed_at;
	struct hrtimer timer;
	u64 period;
	const u64 *tsc_offset;
};

/**
 * struct lodge_lapic_message - an interrupt message to local APICs
 * @dest: destination, x2APIC or xAPIC format as @dest_wide says
 * @vector: 0 to 255
 * @mode: delivery mode, 0 to 7 (SDM Vol 3A, 11.6.1)
 * @logical: destination mode
 * @level: level-triggered
 * @dest_wide: @dest is 32 bits wide; broadcast is all ones of the width
 */
struct lodge_lapic_message {
	u32 dest;
	u8 vector;
	u8 mode;
	bool logical;
	bool level;
	bool dest_wide;
};

/* life: the creator of the vCPU */
void lodge_lapic_create(struct lodge_lapic *lapic, struct lodge_irq *irq, u32 id,
			const struct lodge_lapic_ops *ops, const u64 *tsc_offset);
void lodge_lapic_publish(struct lodge_lapic *lapic);
void lodge_lapic_destroy(struct lodge_lapic *lapic);

/* owner: registers */
void lodge_lapic_reset(struct lodge_lapic *lapic, bool init);
int lodge_lapic_set_base(struct lodge_lapic *lapic, u64 value);
int lodge_lapic_read_msr(struct lodge_lapic *lapic, u32 index, u64 *value);
int lodge_lapic_write_msr(struct lodge_lapic *lapic, u32 index, u64 value);
u32 lodge_lapic_read(struct lodge_lapic *lapic, u32 offset);
void lodge_lapic_write(struct lodge_lapic *lapic, u32 offset, u32 value);
u64 lodge_lapic_read_deadline(struct lodge_lapic *lapic);
void lodge_lapic_write_deadline(struct lodge_lapic *lapic, u64 value);
u8 lodge_lapic_cr8(const struct lodge_lapic *lapic);
void lodge_lapic_set_cr8(struct lodge_lapic *lapic, u8 cr8);

/* owner: delivery */
int lodge_lapic_next(struct lodge_lapic *lapic);
void lodge_lapic_accept(struct lodge_lapic *lapic, u8 vector);
void lodge_lapic_return(struct lodge_lapic *lapic, u8 vector);
bool lodge_lapic_takes_extint(const struct lodge_lapic *lapic);

/* any */
bool lodge_lapic_deliver(struct lodge_irq *irq, const struct lodge_lapic_message *m);

#endif /* LODGE_IRQ_LAPIC_H */
