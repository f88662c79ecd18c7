// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of a local APIC, in its two modes: xAPIC, memory-mapped, where
 * reserved bits are ignored, and x2APIC, in MSRs, where they fault (SDM Vol 3A,
 * 11.4 and 11.12).  Messages between APICs are in message.c.
 *
 * There is no lock.  Others set bits of IRR and TMR, all else is written by the
 * vCPU itself.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <asm/apicdef.h>

#include "lapic.h"
#include "message.h"
#include "route.h"

/* Version 0x14, highest LVT entry 5, EOI broadcasts can be suppressed */
#define VERSION		(0x14 | (LODGE_NR_LVTS - 1) << 16 | APIC_LVR_DIRECTED_EOI)

#define REG(offset)	((offset) >> 4)
#define NR_REGS		0x40

/* How a register may be accessed, by mode */
#define XR		1
#define XW		2
#define X2R		4
#define X2W		8
#define RO		(XR | X2R)
#define RW		(XR | XW | X2R | X2W)

/* Reserved bits of an ICR's lower half are the others */
#define ICR_VALID	(APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_DEST_LOGICAL | \
			 APIC_INT_ASSERT | APIC_INT_LEVELTRIG | APIC_DEST_ALLBUT)
#define SVR_VALID	(APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED | APIC_SPIV_FOCUS_DISABLED | \
			 APIC_SPIV_DIRECTED_EOI)
#define LVT_READ_ONLY	(APIC_SEND_PENDING | APIC_LVT_REMOTE_IRR)
#define LVT_PLAIN	(APIC_VECTOR_MASK | APIC_LVT_MASKED)
#define LVT_MODE	(LVT_PLAIN | APIC_MODE_MASK)
#define LVT_LINT	(LVT_MODE | APIC_INPUT_POLARITY | APIC_LVT_LEVEL_TRIGGER)
#define LVT_TIMER	(LVT_PLAIN | APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE)

/**
 * struct reg - a register (SDM Vol 3A, tables 11-1 and 11-6)
 * @access: none: reserved
 * @valid: bits that may be written
 */
struct reg {
	u8 access;
	u32 valid;
};

static const struct reg regs[NR_REGS] = {
	[REG(APIC_ID)] = { RO },
	[REG(APIC_LVR)] = { RO },
	[REG(APIC_TASKPRI)] = { RW, APIC_TPRI_MASK },
	/* APR and RRR are reserved, yet their access is no error */
	[REG(APIC_ARBPRI)] = { XR },
	[REG(APIC_PROCPRI)] = { RO },
	[REG(APIC_EOI)] = { XW | X2W, 0 },
	[REG(APIC_RRR)] = { XR },
	[REG(APIC_LDR)] = { RO | XW, APIC_LDR_MASK },
	[REG(APIC_DFR)] = { XR | XW, 0xf0000000 },
	[REG(APIC_SPIV)] = { RW, SVR_VALID },
	[REG(APIC_ISR) ... REG(APIC_ESR) - 1] = { RO },
	[REG(APIC_ESR)] = { RW, 0 },
	[REG(APIC_ICR)] = { RW, ICR_VALID },
	[REG(APIC_ICR2)] = { XR | XW, 0xff000000 },
	[REG(APIC_LVTT)] = { RW, LVT_TIMER },
	[REG(APIC_LVTTHMR)] = { RW, LVT_MODE },
	[REG(APIC_LVTPC)] = { RW, LVT_MODE },
	[REG(APIC_LVT0)] = { RW, LVT_LINT },
	[REG(APIC_LVT1)] = { RW, LVT_LINT },
	[REG(APIC_LVTERR)] = { RW, LVT_PLAIN },
	[REG(APIC_TMICT)] = { RW, 0xffffffff },
	[REG(APIC_TMCCT)] = { RO },
	[REG(APIC_TDCR)] = { RW, 0xb },
	[REG(APIC_SELF_IPI)] = { X2W, APIC_VECTOR_MASK },
};

static bool x2apic(const struct lodge_lapic *lapic)
{
	return lapic->base & LODGE_LAPIC_BASE_X2APIC;
}

static bool software_enabled(const struct lodge_lapic *lapic)
{
	return lapic->svr & APIC_SPIV_APIC_ENABLED;
}

/* The highest vector of a set, -1 if it is empty */
static __always_inline int highest(const unsigned long *set)
{
	unsigned long word;
	int i;

	for (i = 3; i >= 0; i--) {
		word = READ_ONCE(set[i]);
		if (word)
			return i * 64 + __fls(word);
	}
	return -1;
}

/* SDM Vol 3A, 11.8.3.1 */
static u32 processor_priority(const struct lodge_lapic *lapic)
{
	int vector = highest(lapic->isr);

	if (vector < 0 || lapic->tpr >> 4 >= vector >> 4)
		return lapic->tpr;
	return vector & 0xf0;
}

/* Something has changed that may have held an interrupt back */
static void look_again(struct lodge_lapic *lapic)
{
	if (lodge_lapic_next(lapic) >= 0)
		lapic->ops->wake(lapic);
}

/* ---- registers ----------------------------------------------------------- */

static u32 vectors(const unsigned long *set, u32 reg)
{
	return READ_ONCE(set[(reg & 7) / 2]) >> 32 * (reg & 1);
}

/* A register that the mode lets read; not the upper half of x2APIC's ICR */
static u32 read_reg(struct lodge_lapic *lapic, u32 reg)
{
	switch (reg) {
	case REG(APIC_ID):
		return x2apic(lapic) ? lapic->id : lapic->id << 24;
	case REG(APIC_LVR):
		return VERSION;
	case REG(APIC_TASKPRI):
		return lapic->tpr;
	case REG(APIC_PROCPRI):
		return processor_priority(lapic);
	case REG(APIC_LDR):
		return x2apic(lapic) ? lodge_message_x2apic_ldr(lapic->id) : lapic->ldr;
	case REG(APIC_DFR):
		return lapic->dfr;
	case REG(APIC_SPIV):
		return lapic->svr;
	case REG(APIC_ISR) ... REG(APIC_TMR) - 1:
		return vectors(lapic->isr, reg);
	case REG(APIC_TMR) ... REG(APIC_IRR) - 1:
		return vectors(lapic->tmr, reg);
	case REG(APIC_IRR) ... REG(APIC_ESR) - 1:
		return vectors(lapic->irr, reg);
	case REG(APIC_ESR):
		return lapic->esr;
	case REG(APIC_ICR):
		return lapic->icr;
	case REG(APIC_ICR2):
		return lapic->icr >> 32;
	case REG(APIC_LVTT) ... REG(APIC_LVTERR):
		return lapic->lvt[array_index_nospec(reg - REG(APIC_LVTT), LODGE_NR_LVTS)];
	case REG(APIC_TMICT):
		return lapic->timer.initial;
	case REG(APIC_TMCCT):
		return lodge_timer_count(&lapic->timer);
	case REG(APIC_TDCR):
		return lapic->timer.divide;
	}
	return 0;
}

static void write_eoi(struct lodge_lapic *lapic)
{
	int vector = highest(lapic->isr);

	if (vector < 0)
		return;
	__clear_bit(vector, lapic->isr);
	if (unlikely(test_bit(vector, lapic->tmr)) && !(lapic->svr & APIC_SPIV_DIRECTED_EOI))
		lodge_route_eoi(lapic->irq, vector);
	look_again(lapic);
}

static void write_tpr(struct lodge_lapic *lapic, u32 value)
{
	bool lower = value < lapic->tpr;

	WRITE_ONCE(lapic->tpr, value);
	if (lower)
		look_again(lapic);
}

static void write_lvt(struct lodge_lapic *lapic, u32 i, u32 value)
{
	/* SDM Vol 3A, 11.4.7.2 */
	if (!software_enabled(lapic))
		value |= APIC_LVT_MASKED;
	WRITE_ONCE(lapic->lvt[i], value);
	if (i == LODGE_LVT_TIMER)
		lodge_timer_set_lvt(&lapic->timer, value);
	else if (i == LODGE_LVT_LINT0 && lodge_lapic_takes_extint(lapic))
		lapic->ops->wake(lapic);	/* the PICs may have waited for that */
}

static void write_svr(struct lodge_lapic *lapic, u32 value)
{
	bool was = software_enabled(lapic);
	u32 i;

	WRITE_ONCE(lapic->svr, value);
	if (software_enabled(lapic)) {
		if (!was)
			lodge_route_retry(lapic->irq);
		look_again(lapic);
		return;
	}
	for (i = 0; i < LODGE_NR_LVTS; i++)
		write_lvt(lapic, i, lapic->lvt[i]);
}

static void write_esr(struct lodge_lapic *lapic)
{
	lapic->esr = xchg(&lapic->esr_pending, 0);
}

/* The bits that may be written; TSC-deadline mode goes with a feature (SDM Vol 3A, 11.5.1) */
static u32 valid_bits(const struct lodge_lapic *lapic, const struct reg *r)
{
	if (unlikely(lapic->no_deadline) && r == &regs[REG(APIC_LVTT)])
		return r->valid & ~APIC_LVT_TIMER_TSCDEADLINE;
	return r->valid;
}

/* @value has no reserved bits */
static void write_reg(struct lodge_lapic *lapic, u32 reg, u32 value)
{
	switch (reg) {
	case REG(APIC_TASKPRI):
		write_tpr(lapic, value);
		break;
	case REG(APIC_EOI):
		write_eoi(lapic);
		break;
	case REG(APIC_LDR):
		WRITE_ONCE(lapic->ldr, value);
		break;
	case REG(APIC_DFR):
		WRITE_ONCE(lapic->dfr, value | 0x0fffffff);
		break;
	case REG(APIC_SPIV):
		write_svr(lapic, value);
		break;
	case REG(APIC_ESR):
		write_esr(lapic);
		break;
	case REG(APIC_ICR):
		lapic->icr = (lapic->icr & ~0xffffffffULL) | value;
		lodge_message_command(lapic, lapic->icr, x2apic(lapic));
		break;
	case REG(APIC_ICR2):
		lapic->icr = (u32)lapic->icr | (u64)value << 32;
		break;
	case REG(APIC_LVTT) ... REG(APIC_LVTERR):
		write_lvt(lapic, array_index_nospec(reg - REG(APIC_LVTT), LODGE_NR_LVTS), value);
		break;
	case REG(APIC_TMICT):
		lodge_timer_set_count(&lapic->timer, value);
		break;
	case REG(APIC_TDCR):
		lodge_timer_set_divide(&lapic->timer, value);
		break;
	case REG(APIC_SELF_IPI):
		lodge_message_self(lapic, value);
		break;
	}
}

/* The register at an MSR's index; reserved ones have no access */
static const struct reg *x2apic_reg(const struct lodge_lapic *lapic, u32 *reg)
{
	static const struct reg none;

	if (!x2apic(lapic) || *reg >= NR_REGS)
		return &none;
	*reg = array_index_nospec(*reg, NR_REGS);
	return &regs[*reg];
}

/**
 * lodge_lapic_read_msr - RDMSR of an x2APIC register
 * @lapic: owned
 * @index: LODGE_LAPIC_MSR_FIRST to LODGE_LAPIC_MSR_LAST
 * @value: written on success
 *
 * Return: 0, or -EINVAL for #GP.
 */
int lodge_lapic_read_msr(struct lodge_lapic *lapic, u32 index, u64 *value)
{
	u32 reg = index - LODGE_LAPIC_MSR_FIRST;

	if (!(x2apic_reg(lapic, &reg)->access & X2R))
		return -EINVAL;
	*value = reg == REG(APIC_ICR) ? lapic->icr : read_reg(lapic, reg);
	return 0;
}

/**
 * lodge_lapic_write_msr - WRMSR of an x2APIC register
 * @lapic: owned
 * @index: LODGE_LAPIC_MSR_FIRST to LODGE_LAPIC_MSR_LAST
 * @value: the guest's
 *
 * Return: 0, or -EINVAL for #GP.
 */
int lodge_lapic_write_msr(struct lodge_lapic *lapic, u32 index, u64 value)
{
	u32 reg = index - LODGE_LAPIC_MSR_FIRST;
	const struct reg *r = x2apic_reg(lapic, &reg);
	u32 writable = valid_bits(lapic, r), valid = writable;

	if (!(r->access & X2W))
		return -EINVAL;
	if (reg == REG(APIC_ICR)) {
		if ((u32)value & ~valid)
			return -EINVAL;
		lapic->icr = value;
		lodge_message_command(lapic, value, true);
		return 0;
	}
	if (reg >= REG(APIC_LVTT) && reg <= REG(APIC_LVTERR))
		valid |= LVT_READ_ONLY;
	if (value & ~(u64)valid)
		return -EINVAL;
	write_reg(lapic, reg, value & writable);
	return 0;
}

static bool memory_mapped(const struct lodge_lapic *lapic)
{
	return (lapic->base & (LODGE_LAPIC_BASE_ENABLE | LODGE_LAPIC_BASE_X2APIC)) ==
		LODGE_LAPIC_BASE_ENABLE;
}

/* The register at an offset; NULL, and an error noted, if it is reserved */
static const struct reg *xapic_reg(struct lodge_lapic *lapic, u32 offset, u32 *reg)
{
	const struct reg *r = NULL;

	*reg = REG(offset);
	if (*reg < NR_REGS) {
		*reg = array_index_nospec(*reg, NR_REGS);
		r = &regs[*reg];
	}
	if (!r || !(r->access & (XR | XW))) {
		lodge_message_error(lapic, APIC_ESR_ILLREGA);
		return NULL;
	}
	return r;
}

/**
 * lodge_lapic_read - read a memory-mapped register
 * @lapic: owned
 * @offset: into the page; a register is the first 4 bytes of each 16
 *
 * Return: its value; 0 for what is reserved, write-only or not aligned; all ones,
 * as where no device is, unless the APIC is in xAPIC mode.
 */
u32 lodge_lapic_read(struct lodge_lapic *lapic, u32 offset)
{
	const struct reg *r;
	u32 reg;

	if (!memory_mapped(lapic))
		return 0xffffffff;
	if (offset & 0xf || offset >= LODGE_LAPIC_SIZE)
		return 0;
	r = xapic_reg(lapic, offset, &reg);
	return r && (r->access & XR) ? read_reg(lapic, reg) : 0;
}

/**
 * lodge_lapic_write - write a memory-mapped register
 * @lapic: owned
 * @offset: into the page, as of lodge_lapic_read()
 * @value: what is reserved of it is ignored
 */
void lodge_lapic_write(struct lodge_lapic *lapic, u32 offset, u32 value)
{
	const struct reg *r;
	u32 reg;

	if (!memory_mapped(lapic) || offset & 0xf || offset >= LODGE_LAPIC_SIZE)
		return;
	r = xapic_reg(lapic, offset, &reg);
	if (r && (r->access & XW))
		write_reg(lapic, reg, value & valid_bits(lapic, r));
}

/**
 * lodge_lapic_read_deadline - RDMSR of IA32_TSC_DEADLINE
 * @lapic: owned
 *
 * Return: the deadline in the guest's TSC, 0 if none is to come.
 */
u64 lodge_lapic_read_deadline(struct lodge_lapic *lapic)
{
	return lodge_timer_deadline(&lapic->timer);
}

/**
 * lodge_lapic_write_deadline - WRMSR of IA32_TSC_DEADLINE
 * @lapic: owned
 * @value: any
 */
void lodge_lapic_write_deadline(struct lodge_lapic *lapic, u64 value)
{
	lodge_timer_set_deadline(&lapic->timer, value);
}

/**
 * lodge_lapic_offset_changed - the guest's TSC was written: a deadline moves
 * @lapic: owned
 */
void lodge_lapic_offset_changed(struct lodge_lapic *lapic)
{
	lodge_timer_offset_changed(&lapic->timer);
}

/**
 * lodge_lapic_cr8 - task priority as CR8 has it
 * @lapic: owned
 *
 * Return: 0 to 15.
 */
u8 lodge_lapic_cr8(const struct lodge_lapic *lapic)
{
	return lapic->tpr >> 4;
}

/**
 * lodge_lapic_set_cr8 - write CR8
 * @lapic: owned
 * @cr8: 0 to 15
 */
void lodge_lapic_set_cr8(struct lodge_lapic *lapic, u8 cr8)
{
	write_tpr(lapic, (u32)(cr8 & 0xf) << 4);
}

/* ---- modes --------------------------------------------------------------- */

static void reset_regs(struct lodge_lapic *lapic)
{
	u32 i;

	lodge_timer_reset(&lapic->timer);
	for (i = 0; i < ARRAY_SIZE(lapic->irr); i++) {
		WRITE_ONCE(lapic->irr[i], 0);
		WRITE_ONCE(lapic->tmr[i], 0);
		lapic->isr[i] = 0;
	}
	WRITE_ONCE(lapic->tpr, 0);
	WRITE_ONCE(lapic->ldr, 0);
	WRITE_ONCE(lapic->dfr, 0xffffffff);
	WRITE_ONCE(lapic->svr, 0xff);
	WRITE_ONCE(lapic->extint, false);
	lapic->esr = 0;
	WRITE_ONCE(lapic->esr_pending, 0);
	lapic->icr = 0;
	for (i = 0; i < LODGE_NR_LVTS; i++)
		WRITE_ONCE(lapic->lvt[i], APIC_LVT_MASKED);
}

/**
 * lodge_lapic_reset - as after power-up, or by INIT
 * @lapic: owned, or not yet published
 * @init: INIT: mode and ID stay (SDM Vol 3A, 11.4.7.3)
 *
 * After power-up LINT0 of the first vCPU lets the PICs through, which is how a
 * PC's firmware hands it over and guests without any firmware rely on.
 */
void lodge_lapic_reset(struct lodge_lapic *lapic, bool init)
{
	reset_regs(lapic);
	if (init)
		return;
	WRITE_ONCE(lapic->base, LODGE_LAPIC_BASE | LODGE_LAPIC_BASE_ENABLE |
		   (lapic->id ? 0 : LODGE_LAPIC_BASE_BSP));
	if (!lapic->id)
		WRITE_ONCE(lapic->lvt[LODGE_LVT_LINT0], APIC_DM_EXTINT);
}

/**
 * lodge_lapic_set_base - write IA32_APIC_BASE
 * @lapic: owned
 * @value: the guest's
 *
 * The BSP bit is kept as it is.  How wide an address may be is the caller's to check,
 * and where it is the caller's to decode: where memory is, the guest gets that.
 *
 * Return: 0, or -EINVAL for #GP: reserved bits, or a transition that
 * SDM Vol 3A, 11.12.5 does not have.
 */
int lodge_lapic_set_base(struct lodge_lapic *lapic, u64 value)
{
	const u64 mode = LODGE_LAPIC_BASE_ENABLE | LODGE_LAPIC_BASE_X2APIC;
	u64 old = lapic->base & mode, new = value & mode;

	if (value & ~(mode | LODGE_LAPIC_BASE_BSP | LODGE_LAPIC_BASE_ADDRESS))
		return -EINVAL;
	if (new == LODGE_LAPIC_BASE_X2APIC)
		return -EINVAL;
	if (new == mode && !old)
		return -EINVAL;
	if (new == LODGE_LAPIC_BASE_ENABLE && old == mode)
		return -EINVAL;
	WRITE_ONCE(lapic->base, (value & LODGE_LAPIC_BASE_ADDRESS) | new |
		   (lapic->base & LODGE_LAPIC_BASE_BSP));
	if (old && !new) {
		reset_regs(lapic);
		/* the processor's INTR pin is the PICs' now */
		lapic->ops->wake(lapic);
	}
	if (new != old && new == mode)
		lapic->icr = (u32)lapic->icr;
	return 0;
}

/**
 * lodge_lapic_create - prepare a vCPU's local APIC
 * @lapic: zeroed, embedded in the vCPU
 * @irq: the VM's; outlives the APIC
 * @id: number of the vCPU, below LODGE_IRQ_MAX_LAPICS
 * @ops: the vCPU's functions
 * @tsc: the VM's; outlives the APIC
 * @tsc_offset: what the vCPU's TSC has beyond that, likewise
 *
 * No interrupt reaches it before lodge_lapic_publish().
 */
void lodge_lapic_create(struct lodge_lapic *lapic, struct lodge_irq *irq, u32 id,
			const struct lodge_lapic_ops *ops, const struct lodge_tsc *tsc,
			const u64 *tsc_offset)
{
	lapic->irq = irq;
	lapic->ops = ops;
	lapic->id = id;
	lodge_timer_create(&lapic->timer, tsc, tsc_offset);
	lodge_lapic_reset(lapic, false);
}

/**
 * lodge_lapic_publish - let interrupts find it
 * @lapic: of a vCPU that is complete; its ID is not taken
 */
void lodge_lapic_publish(struct lodge_lapic *lapic)
{
	struct lodge_irq *irq = lapic->irq;
	unsigned long flags;

	raw_spin_lock_irqsave(&irq->lock, flags);
	rcu_assign_pointer(irq->lapic[lapic->id], lapic);
	if (irq->nr_lapics <= lapic->id)
		WRITE_ONCE(irq->nr_lapics, lapic->id + 1);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
}

/**
 * lodge_lapic_destroy - mirror of lodge_lapic_create() and _publish()
 * @lapic: its vCPU does not run; may be freed after an RCU grace period
 */
void lodge_lapic_destroy(struct lodge_lapic *lapic)
{
	struct lodge_irq *irq = lapic->irq;
	unsigned long flags;

	raw_spin_lock_irqsave(&irq->lock, flags);
	if (rcu_access_pointer(irq->lapic[lapic->id]) == lapic)
		RCU_INIT_POINTER(irq->lapic[lapic->id], NULL);
	raw_spin_unlock_irqrestore(&irq->lock, flags);
	lodge_timer_destroy(&lapic->timer);
}

/* ---- delivery to the vCPU ------------------------------------------------ */

/**
 * lodge_lapic_next - the interrupt that its vCPU should take now
 * @lapic: owned
 *
 * Return: the vector, -1 if there is none above the processor's priority.
 */
int lodge_lapic_next(struct lodge_lapic *lapic)
{
	int vector = highest(lapic->irr);

	if (vector < 0)
		return -1;
	if (!(lapic->base & LODGE_LAPIC_BASE_ENABLE) || !software_enabled(lapic))
		return -1;
	return vector >> 4 > processor_priority(lapic) >> 4 ? vector : -1;
}

/**
 * lodge_lapic_accept - the vCPU takes an interrupt
 * @lapic: owned
 * @vector: what lodge_lapic_next() returned
 */
void lodge_lapic_accept(struct lodge_lapic *lapic, u8 vector)
{
	struct lodge_timer *timer = &lapic->timer;

	clear_bit(vector, lapic->irr);
	__set_bit(vector, lapic->isr);
	timer->tick_taken = false;
	if (READ_ONCE(timer->tick_waits) && timer->tick_vector == vector)
		lodge_timer_accepted(timer);
}

/**
 * lodge_lapic_ends_unseen - whether the end of an interrupt matters to nobody yet
 * @lapic: owned
 * @vector: that was accepted last
 *
 * Return: true if it is edge-triggered and no other is requested.
 */
bool lodge_lapic_ends_unseen(const struct lodge_lapic *lapic, u8 vector)
{
	return highest(lapic->irr) < 0 && !test_bit(vector, lapic->tmr);
}

/**
 * lodge_lapic_end - a write of EOI, in whatever mode the APIC is
 * @lapic: owned
 */
void lodge_lapic_end(struct lodge_lapic *lapic)
{
	write_eoi(lapic);
}

/**
 * lodge_lapic_return - undo lodge_lapic_accept(): the vector was not delivered
 * @lapic: owned
 * @vector: what was accepted last
 */
void lodge_lapic_return(struct lodge_lapic *lapic, u8 vector)
{
	struct lodge_timer *timer = &lapic->timer;

	__clear_bit(vector, lapic->isr);
	if (timer->tick_taken && timer->tick_vector == vector)
		lodge_timer_returned(timer);
	set_bit(vector, lapic->irr);
}

/**
 * lodge_lapic_virtual - whether the processor may deliver its interrupts by itself
 * @lapic: owned
 *
 * Return: true if it is in x2APIC mode and enabled.
 */
bool lodge_lapic_virtual(const struct lodge_lapic *lapic)
{
	return lapic->irq && x2apic(lapic) && software_enabled(lapic);
}

/**
 * lodge_lapic_eoi_exits - interrupts whose end must be told by lodge_lapic_ended()
 * @lapic: owned
 * @bitmap: out: level-triggered ones, and the periodic timer's
 */
void lodge_lapic_eoi_exits(const struct lodge_lapic *lapic, u64 bitmap[4])
{
	const struct lodge_timer *timer = &lapic->timer;
	unsigned int i;

	for (i = 0; i < 4; i++)
		bitmap[i] = READ_ONCE(lapic->tmr[i]);
	if (READ_ONCE(timer->tick_waits))
		__set_bit(READ_ONCE(timer->tick_vector), (unsigned long *)bitmap);
}

/**
 * lodge_lapic_ended - the processor has ended an interrupt by itself
 * @lapic: owned
 * @vector: that was in service
 */
void lodge_lapic_ended(struct lodge_lapic *lapic, u8 vector)
{
	struct lodge_timer *timer = &lapic->timer;

	if (READ_ONCE(timer->tick_waits) && timer->tick_vector == vector) {
		lodge_timer_accepted(timer);
		timer->tick_taken = false;
	}
	if (test_bit(vector, lapic->tmr) && !(lapic->svr & APIC_SPIV_DIRECTED_EOI))
		lodge_route_eoi(lapic->irq, vector);
}

/**
 * lodge_lapic_takes_extint - whether the vCPU heeds the PICs
 * @lapic: any
 *
 * Return: true if LINT0 is programmed so, if an I/O APIC passes their output on,
 * or if the APIC is disabled, which leaves the pin to the processor.
 */
bool lodge_lapic_takes_extint(const struct lodge_lapic *lapic)
{
	u32 lvt = READ_ONCE(lapic->lvt[LODGE_LVT_LINT0]);

	return !(READ_ONCE(lapic->base) & LODGE_LAPIC_BASE_ENABLE) ||
	       (lvt & (APIC_LVT_MASKED | APIC_MODE_MASK)) == APIC_DM_EXTINT ||
	       READ_ONCE(lapic->extint);
}
