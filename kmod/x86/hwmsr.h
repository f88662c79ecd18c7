/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor's model-specific registers.  The kernel's accessors change names
 * from release to release and go through paravirt calls, for which a stretch
 * with interrupts off has no time.
 */
#ifndef LODGE_X86_HWMSR_H
#define LODGE_X86_HWMSR_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/asm.h>

#ifdef LODGE_DEBUG
#include <linux/percpu.h>
DECLARE_PER_CPU(u64, lodge_hwmsr_count);
#define lodge_hwmsr_counted() this_cpu_inc(lodge_hwmsr_count)
#else
#define lodge_hwmsr_counted() do { } while (0)
#endif

/**
 * lodge_hwmsr_read - RDMSR of an MSR that is known to exist
 * @msr: index
 *
 * Return: its value on this CPU.
 */
static __always_inline u64 lodge_hwmsr_read(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	lodge_hwmsr_counted();
	return (u64)hi << 32 | lo;
}

/**
 * lodge_hwmsr_write - WRMSR of a value that is known to be taken
 * @msr: index
 * @value: for this CPU
 */
static __always_inline void lodge_hwmsr_write(u32 msr, u64 value)
{
	asm volatile("wrmsr"
		     : : "c" (msr), "a" ((u32)value), "d" ((u32)(value >> 32)) : "memory");
	lodge_hwmsr_counted();
}

/**
 * lodge_hwmsr_read_safe - RDMSR of an MSR that may not exist
 * @msr: index
 *
 * Return: its value on this CPU, 0 if there is none.
 */
static inline u64 lodge_hwmsr_read_safe(u32 msr)
{
	u32 lo = 0, hi = 0;

	asm volatile("1: rdmsr\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+a" (lo), "+d" (hi) : "c" (msr));
	return (u64)hi << 32 | lo;
}

#endif /* LODGE_X86_HWMSR_H */
