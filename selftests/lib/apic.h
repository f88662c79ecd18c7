/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU's local APIC for guest code (SDM Vol 3A, chapter 11), in either of its modes: a test
 * says which by x2apic, before it makes the VM, which has a copy.
 */
#ifndef LODGE_SELFTESTS_APIC_H
#define LODGE_SELFTESTS_APIC_H

#include "vm.h"

#define MACHINE		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL)

#define APIC_BASE	0xfee00000ull
#define APIC_BSP	0x100ull
#define APIC_EXTD	0x400ull
#define APIC_EN		0x800ull

#define APIC_ID		0x20
#define APIC_VERSION	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVT	0x320	/* timer, thermal, performance, LINT0, LINT1, error */
#define APIC_LINT0	0x350
#define APIC_LVTERR	0x370
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0

#define LVT_MASKED	0x10000
#define ICR_NMI		0x400
#define ICR_TO_SELF	0x40000
#define ICR_TO_ALL	0x80000
#define ICR_TO_OTHERS	0xc0000

#define PATIENCE	2000000

static bool x2apic;

static inline u64 apic_read(u32 reg)
{
	return x2apic ? rdmsr(0x800 + (reg >> 4)) : *(volatile u32 *)(APIC_BASE + reg);
}

static inline void apic_write(u32 reg, u32 value)
{
	if (x2apic)
		wrmsr(0x800 + (reg >> 4), value);
	else
		*(volatile u32 *)(APIC_BASE + reg) = value;
}

static inline u32 apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

static inline void apic_send(u32 command, u32 dest)
{
	if (x2apic) {
		wrmsr(0x800 + (APIC_ICR >> 4), (u64)dest << 32 | command);
		return;
	}
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, command);
}

/* Of IRR, ISR or TMR */
static inline bool apic_bit(u32 set, u8 vector)
{
	return apic_read(set + vector / 32 * 0x10) >> vector % 32 & 1;
}

/* Errors since the last call */
static inline u32 apic_errors(void)
{
	apic_write(APIC_ESR, 0);
	return apic_read(APIC_ESR);
}

/* On, in its mode, with IF clear */
static inline void apic_enable(void)
{
	cli();
	if (x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_EXTD);
	apic_write(APIC_SVR, 0x1ff);
}

/* Open for interrupts for a moment, which takes all that wait */
static inline void let_in(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

/* For what comes from elsewhere */
static inline bool wait_for(volatile u32 *what, u32 value)
{
	u32 i;

	for (i = 0; i < PATIENCE && *what != value; i++)
		cpu_relax();
	return *what == value;
}

/* Runs it to its end; where its APIC is not, nothing is */
static inline void run_alone(struct vm *vm, void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_long(vm, 0, fn);
	enum ucall said;

	for (;;) {
		said = vcpu_ucall(vcpu);
		if (said || vcpu->run->exit_reason != LODGE_EXIT_MMIO)
			break;
		memset(vcpu->run->mmio.data, 0xff, sizeof(vcpu->run->mmio.data));
	}
	ASSERT_EQ(said, UCALL_DONE);
}

/* A test for each mode */
#define TEST_MODES(test)							\
	static void test(void);							\
	TEST(test##_xapic)							\
	{									\
		x2apic = false;							\
		test();								\
	}									\
	TEST(test##_x2apic)							\
	{									\
		x2apic = true;							\
		test();								\
	}									\
	static void test(void)

#endif /* LODGE_SELFTESTS_APIC_H */
