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

#include <linux/bits.h>
#include <linux/types.h>

#include "timer.h"

struct lodge_irq;
struct lodge_lapic;

#define LODGE_LAPIC_BASE	0xfee00000ULL	/* after power-up */
#define LODGE_LAPIC_SIZE	0x1000
#define LODGE_LAPIC_MSR_FIRST	0x800		/* x2APIC registers, SDM table 11-6 */
#define LODGE_LAPIC_MSR_TPR	0x808
#define LODGE_LAPIC_MSR_EOI	0x80b
#define LODGE_LAPIC_MSR_SVR	0x80f
#define LODGE_LAPIC_MSR_ICR	0x830
#define LODGE_LAPIC_MSR_SELF_IPI 0x83f
#define LODGE_LAPIC_MSR_LAST	0x8ff
#define LODGE_LAPIC_BUS_HZ	1000000000ULL	/* of the timer before its divider */

/* IA32_APIC_BASE (SDM Vol 3A, figure 11-26) */
#define LODGE_LAPIC_BASE_BSP	0x100ULL
#define LODGE_LAPIC_BASE_X2APIC	0x400ULL
#define LODGE_LAPIC_BASE_ENABLE	0x800ULL
#define LODGE_LAPIC_BASE_ADDRESS GENMASK_ULL(51, 12)

/* Delivery modes (SDM Vol 3A, 11.6.1) */
enum lodge_lapic_mode {
	LODGE_LAPIC_FIXED,
	LODGE_LAPIC_LOWEST,
	LODGE_LAPIC_SMI,
	LODGE_LAPIC_NMI = 4,
	LODGE_LAPIC_INIT,
	LODGE_LAPIC_STARTUP,
	LODGE_LAPIC_EXTINT,
};

/* Entries of the local vector table; there is no CMCI */
enum lodge_lapic_lvt {
	LODGE_LVT_TIMER,
	LODGE_LVT_THERMAL,
	LODGE_LVT_PERF,
	LODGE_LVT_LINT0,
	LODGE_LVT_LINT1,
	LODGE_LVT_ERROR,
	LODGE_NR_LVTS,
};

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
 * @id: number of the vCPU; x2APIC ID, and xAPIC ID, which is read-only [I]
 * @base: IA32_APIC_BASE [o]
 * @irr: requested vectors [a]
 * @tmr: level-triggered ones of those that were requested last [a]
 * @isr: vectors in service, owner only
 * @tpr: task-priority register [o]
 * @ldr: logical destination in xAPIC mode [o]
 * @dfr: destination format in xAPIC mode [o]
 * @svr: spurious-interrupt vector [o]
 * @esr: error status, latched by a write, owner only
 * @esr_pending: errors since that write [a]
 * @icr: interrupt command, owner only
 * @lvt: local vector table [o]
 * @extint: an I/O APIC has sent an ExtINT message [a]
 * @no_deadline: the guest's CPUID has no TSC-deadline timer [o]
 * @timer: one-shot, periodic and TSC-deadline timer
 *
 * [I] constant after creation, [o] written by the owner, read by any, [a] atomic.
 */
struct lodge_lapic {
	struct lodge_irq *irq;
	const struct lodge_lapic_ops *ops;
	u32 id;
	u64 base;
	unsigned long irr[4];
	unsigned long tmr[4];
	unsigned long isr[4];
	u32 tpr;
	u32 ldr;
	u32 dfr;
	u32 svr;
	u32 esr;
	unsigned long esr_pending;
	u64 icr;
	u32 lvt[LODGE_NR_LVTS];
	bool extint;
	bool no_deadline;
	struct lodge_timer timer;
};

/**
 * struct lodge_lapic_message - an interrupt message to local APICs
 * @dest: destination, x2APIC or xAPIC format as @dest_wide says
 * @vector: 0 to 255
 * @mode: enum lodge_lapic_mode
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
			const struct lodge_lapic_ops *ops, const struct lodge_tsc *tsc,
			const u64 *tsc_offset);
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
void lodge_lapic_offset_changed(struct lodge_lapic *lapic);
u8 lodge_lapic_cr8(const struct lodge_lapic *lapic);
void lodge_lapic_set_cr8(struct lodge_lapic *lapic, u8 cr8);

/* owner: delivery */
int lodge_lapic_next(struct lodge_lapic *lapic);
void lodge_lapic_accept(struct lodge_lapic *lapic, u8 vector);
bool lodge_lapic_ends_unseen(const struct lodge_lapic *lapic, u8 vector);
void lodge_lapic_end(struct lodge_lapic *lapic);
void lodge_lapic_return(struct lodge_lapic *lapic, u8 vector);
bool lodge_lapic_virtual(const struct lodge_lapic *lapic);
void lodge_lapic_eoi_exits(const struct lodge_lapic *lapic, u64 bitmap[4]);
void lodge_lapic_ended(struct lodge_lapic *lapic, u8 vector);
bool lodge_lapic_takes_extint(const struct lodge_lapic *lapic);

/* any */
bool lodge_lapic_deliver(struct lodge_irq *irq, const struct lodge_lapic_message *m);
void lodge_lapic_lint0(struct lodge_lapic *lapic);
void lodge_lapic_timer_expired(struct lodge_timer *timer, u8 vector);

#endif /* LODGE_IRQ_LAPIC_H */
