/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kmod/irq wants of the kernel, for one thread: locks that must not be taken
 * twice, RCU that must be read-locked, and high-resolution timers on a clock that
 * only moves when a test says so.
 */
#ifndef SELFTESTS_NATIVE_IRQ_SHIM_H
#define SELFTESTS_NATIVE_IRQ_SHIM_H

#include <time.h>

#include "kshim.h"

/* The sources shall include the kernel's headers, which are empty here, but no others' shim */
#define __KERNEL__
#define LODGE_COMPAT_H
#define LODGE_TRACE_H
#define trace_lodge_irq(vm, gsi, level)
#define trace_lodge_msi(vm, address, data)

#undef noinline	/* a word of ktap.h's attributes */

#define __rcu
#define container_of(p, t, m)	((t *)((char *)(p) - offsetof(t, m)))

/* ---- bits ---------------------------------------------------------------- */

static inline bool test_bit(unsigned int nr, const unsigned long *p)
{
	return p[nr / 64] >> (nr % 64) & 1;
}

static inline bool test_and_set_bit(unsigned int nr, unsigned long *p)
{
	bool was = test_bit(nr, p);

	p[nr / 64] |= BIT(nr % 64);
	return was;
}

static inline void clear_bit(unsigned int nr, unsigned long *p)
{
	p[nr / 64] &= ~BIT(nr % 64);
}

#define set_bit(nr, p)		test_and_set_bit(nr, p)
#define __set_bit(nr, p)	test_and_set_bit(nr, p)
#define __clear_bit(nr, p)	clear_bit(nr, p)
#define __fls(w)		(63 - __builtin_clzl(w))
#define __ffs(w)		__builtin_ctzl(w)
#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

static inline u64 mul_u64_u64_shr(u64 a, u64 mul, unsigned int shift)
{
	return (__uint128_t)a * mul >> shift;
}

#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)

/* What a wrong guess would read is nothing here, but an index out of range is an error */
#define array_index_nospec(i, n) \
	({ \
		__typeof__(i) _i = (i); \
		WARN_ON(_i >= (n)); \
		_i; \
	})

/* ---- locks --------------------------------------------------------------- */

typedef struct {
	int held;
} raw_spinlock_t;

#define raw_spin_lock_init(l)	((l)->held = 0)
#define lockdep_is_held(l)	((l)->held)
#define raw_spin_lock_irqsave(l, flags) \
	do { \
		WARN_ON((l)->held); \
		(l)->held = 1; \
		(flags) = 1; \
	} while (0)
#define raw_spin_unlock_irqrestore(l, flags) \
	do { \
		WARN_ON(!(l)->held || (flags) != 1); \
		(l)->held = 0; \
	} while (0)

extern int shim_rcu;

#define rcu_read_lock()		(shim_rcu++)
#define rcu_read_unlock()	WARN_ON(--shim_rcu < 0)
#define rcu_access_pointer(p)	(p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define RCU_INIT_POINTER(p, v)	((p) = (v))
#define rcu_dereference_check(p, c) \
	({ \
		WARN_ON(!shim_rcu && !(c)); \
		READ_ONCE(p); \
	})
#define rcu_dereference(p)	rcu_dereference_check(p, 0)

/* ---- time ---------------------------------------------------------------- */

typedef s64 ktime_t;

enum hrtimer_restart {
	HRTIMER_NORESTART,
	HRTIMER_RESTART,
};

enum hrtimer_mode {
	HRTIMER_MODE_ABS_HARD = 8,
};

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	ktime_t expires;
	bool queued;
	struct hrtimer *next;	/* of all that have been set up */
};

extern u64 shim_ns;		/* CLOCK_MONOTONIC */
extern u64 shim_tsc;		/* of the host */
extern struct hrtimer *shim_timers;
extern unsigned long shim_starts;	/* how often a timer was started */
extern unsigned int tsc_khz;

#define ktime_get_ns()		shim_ns
#define ns_to_ktime(ns)		((ktime_t)(ns))
#define rdtsc()			shim_tsc
#define div_u64(a, b)		((a) / (b))

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
	WARN_ON(clock != CLOCK_MONOTONIC || mode != HRTIMER_MODE_ABS_HARD);
	*timer = (struct hrtimer){ .function = function, .next = shim_timers };
	shim_timers = timer;
}

static inline void hrtimer_set_expires(struct hrtimer *timer, ktime_t at)
{
	WARN_ON(timer->queued);
	timer->expires = at;
}

static inline void hrtimer_start(struct hrtimer *timer, ktime_t at, enum hrtimer_mode mode)
{
	WARN_ON(mode != HRTIMER_MODE_ABS_HARD || at < 0);
	timer->expires = at;
	timer->queued = true;
	shim_starts++;
}

static inline int hrtimer_cancel(struct hrtimer *timer)
{
	bool was = timer->queued;

	timer->queued = false;
	return was;
}

/* ---- <asm/apicdef.h>: SDM Vol 3A, tables 11-1 and 11-6 and the figures of chapter 11 -------- */

#define APIC_ID				0x020
#define APIC_LVR			0x030
#define APIC_LVR_DIRECTED_EOI		(1 << 24)
#define APIC_TASKPRI			0x080
#define APIC_TPRI_MASK			0xff
#define APIC_ARBPRI			0x090
#define APIC_PROCPRI			0x0a0
#define APIC_EOI			0x0b0
#define APIC_RRR			0x0c0
#define APIC_LDR			0x0d0
#define APIC_LDR_MASK			0xff000000
#define APIC_DFR			0x0e0
#define APIC_SPIV			0x0f0
#define APIC_SPIV_DIRECTED_EOI		(1 << 12)
#define APIC_SPIV_FOCUS_DISABLED	(1 << 9)
#define APIC_SPIV_APIC_ENABLED		(1 << 8)
#define APIC_ISR			0x100
#define APIC_TMR			0x180
#define APIC_IRR			0x200
#define APIC_ESR			0x280
#define APIC_ESR_SENDILL		0x20
#define APIC_ESR_RECVILL		0x40
#define APIC_ESR_ILLREGA		0x80
#define APIC_ICR			0x300
#define APIC_DEST_SELF			0x40000
#define APIC_DEST_ALLINC		0x80000
#define APIC_DEST_ALLBUT		0xc0000
#define APIC_INT_LEVELTRIG		0x8000
#define APIC_INT_ASSERT			0x4000
#define APIC_DEST_LOGICAL		0x800
#define APIC_DM_FIXED			0x000
#define APIC_DM_NMI			0x400
#define APIC_DM_EXTINT			0x700
#define APIC_VECTOR_MASK		0xff
#define APIC_ICR2			0x310
#define APIC_LVTT			0x320
#define APIC_LVTTHMR			0x330
#define APIC_LVTPC			0x340
#define APIC_LVT_TIMER_PERIODIC		(1 << 17)
#define APIC_LVT_TIMER_TSCDEADLINE	(2 << 17)
#define APIC_LVT_MASKED			(1 << 16)
#define APIC_LVT_LEVEL_TRIGGER		(1 << 15)
#define APIC_LVT_REMOTE_IRR		(1 << 14)
#define APIC_INPUT_POLARITY		(1 << 13)
#define APIC_SEND_PENDING		(1 << 12)
#define APIC_MODE_MASK			0x700
#define GET_APIC_DELIVERY_MODE(x)	(((x) >> 8) & 7)
#define APIC_LVT0			0x350
#define APIC_LVT1			0x360
#define APIC_LVTERR			0x370
#define APIC_TMICT			0x380
#define APIC_TMCCT			0x390
#define APIC_TDCR			0x3e0
#define APIC_SELF_IPI			0x3f0

#endif /* SELFTESTS_NATIVE_IRQ_SHIM_H */
