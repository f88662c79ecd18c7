/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX instructions.  A caller has interrupts off and, but for vmx_op_vmxon(),
 * the CPU in VMX operation.  An instruction that fails or faults is reported by
 * vmx_report_error() and its result is 0.
 */
#ifndef LODGE_VMX_OPS_H
#define LODGE_VMX_OPS_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/asm.h>

#include "fields.h"

/* The outcome of a VMX instruction (SDM Vol 3C, 31.2) */
#define VMX_OP_OK	0
#define VMX_OP_FAILED	1	/* VMfailInvalid or VMfailValid */
#define VMX_OP_FAULTED	2	/* #UD or #GP */

void vmx_report_error(const char *insn, unsigned long operand, int outcome);

#ifdef LODGE_DEBUG
#include <linux/percpu.h>
struct vmx_op_counts {
	u64 vmreads;
	u64 vmwrites;
};
DECLARE_PER_CPU(struct vmx_op_counts, vmx_op_counts);
#define vmx_op_count(what) this_cpu_inc(vmx_op_counts.what)
#else
#define vmx_op_count(what) do { } while (0)
#endif

/*
 * A fault skips the instruction that would overwrite the outcome, so it keeps
 * the VMX_OP_FAULTED it started with.
 */
#define vmx_op_asm(insn, outcome, ...)						\
	asm volatile("1: " insn "\n\t"						\
		     "setbe %b[out]\n"						\
		     "2:\n"							\
		     _ASM_EXTABLE(1b, 2b)					\
		     : [out] "+q" (outcome) : __VA_ARGS__ : "cc", "memory")

/*
 * Of those in every window a failure jumps: success costs no more than the instruction.
 * They take their 64-bit operand where it lies.
 */
#define vmx_op_goto(insn, operand)						\
	asm volatile goto("1: " insn " %[pa]\n\t"				\
			  "jbe %l[failed]\n\t"					\
			  _ASM_EXTABLE(1b, %l[faulted])				\
			  : : [pa] "m" (operand) : "cc", "memory" : failed, faulted)

#define VMX_OP_ON_ADDRESS(name, insn)						\
static __always_inline int name(const u64 *pa)					\
{										\
	vmx_op_goto(insn, *pa);							\
	return VMX_OP_OK;							\
failed:										\
	return VMX_OP_FAILED;							\
faulted:									\
	return VMX_OP_FAULTED;							\
}

VMX_OP_ON_ADDRESS(vmx_op_vmxon, "vmxon")
VMX_OP_ON_ADDRESS(vmx_op_vmclear, "vmclear")
VMX_OP_ON_ADDRESS(vmx_op_vmptrld, "vmptrld")

static __always_inline int vmx_op_vmxoff(void)
{
	asm volatile goto("1: vmxoff\n\t"
			  "jbe %l[failed]\n\t"
			  _ASM_EXTABLE(1b, %l[faulted])
			  : : : "cc", "memory" : failed, faulted);
	return VMX_OP_OK;
failed:
	return VMX_OP_FAILED;
faulted:
	return VMX_OP_FAULTED;
}

static inline int vmx_op_vmptrst(u64 *pa)
{
	int outcome = VMX_OP_FAULTED;

	asm volatile("1: vmptrst %[pa]\n\t"
		     "setbe %b[out]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [out] "+q" (outcome), [pa] "+m" (*pa) : : "cc");
	return outcome;
}

/* INVEPT and INVVPID descriptors (SDM Vol 3C, chapter 31) */
struct vmx_inv_descriptor {
	u64 first;
	u64 second;
} __packed;

#define INVEPT_SINGLE	1UL
#define INVEPT_ALL	2UL

static inline int vmx_op_invept(unsigned long type, u64 eptp)
{
	struct vmx_inv_descriptor d = { .first = eptp };
	int outcome = VMX_OP_FAULTED;

	vmx_op_asm("invept %[d], %[type]", outcome, [d] "m" (d), [type] "r" (type));
	return outcome;
}

/* For those who expect a failure */
static inline int vmx_op_vmread(unsigned long field, unsigned long *value)
{
	int outcome = VMX_OP_FAULTED;
	unsigned long v = 0;

	asm volatile("1: vmread %[field], %[value]\n\t"
		     "setbe %b[out]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [out] "+q" (outcome), [value] "+r" (v)
		     : [field] "r" (field) : "cc");
	*value = v;
	return outcome;
}

/* A jump to the failure costs nothing where there is none */
static __always_inline unsigned long vmcs_read_any(unsigned long field)
{
	unsigned long value;

	vmx_op_count(vmreads);
	asm volatile goto("1: vmread %[field], %[value]\n\t"
			  "jbe %l[failed]\n\t"
			  _ASM_EXTABLE(1b, %l[faulted])
			  : [value] "=r" (value)
			  : [field] "r" (field) : "cc" : failed, faulted);
	return value;

failed:
	vmx_report_error("VMREAD", field, VMX_OP_FAILED);
	return 0;
faulted:
	vmx_report_error("VMREAD", field, VMX_OP_FAULTED);
	return 0;
}

static __always_inline void vmcs_write_any(unsigned long field, unsigned long value)
{
	vmx_op_count(vmwrites);
	asm volatile goto("1: vmwrite %[value], %[field]\n\t"
			  "jbe %l[failed]\n\t"
			  _ASM_EXTABLE(1b, %l[faulted])
			  : : [field] "r" (field), [value] "rm" (value)
			  : "cc" : failed, faulted);
	return;

failed:
	vmx_report_error("VMWRITE", field, VMX_OP_FAILED);
	return;
faulted:
	vmx_report_error("VMWRITE", field, VMX_OP_FAULTED);
}

/*
 * The accessors that the rest uses: a field of another width does not compile.
 * Where the field is not a constant (segment registers in a loop) the check is
 * left out and the _any form is called.
 */
#define vmcs_check_width(field, width)						\
	BUILD_BUG_ON_MSG(!__builtin_constant_p(field) ||			\
			 VMCS_FIELD_WIDTH(field) != (width), "VMCS field has another width")

#define vmcs_read16(field) ({							\
	vmcs_check_width(field, VMCS_WIDTH_16);					\
	(u16)vmcs_read_any(field); })
#define vmcs_read32(field) ({							\
	vmcs_check_width(field, VMCS_WIDTH_32);					\
	(u32)vmcs_read_any(field); })
#define vmcs_read64(field) ({							\
	vmcs_check_width(field, VMCS_WIDTH_64);					\
	(u64)vmcs_read_any(field); })
#define vmcs_readl(field) ({							\
	vmcs_check_width(field, VMCS_WIDTH_NATURAL);				\
	vmcs_read_any(field); })

#define vmcs_write16(field, value) do {						\
	vmcs_check_width(field, VMCS_WIDTH_16);					\
	vmcs_write_any(field, (u16)(value));					\
} while (0)
#define vmcs_write32(field, value) do {						\
	vmcs_check_width(field, VMCS_WIDTH_32);					\
	vmcs_write_any(field, (u32)(value));					\
} while (0)
#define vmcs_write64(field, value) do {						\
	vmcs_check_width(field, VMCS_WIDTH_64);					\
	vmcs_write_any(field, (u64)(value));					\
} while (0)
#define vmcs_writel(field, value) do {						\
	vmcs_check_width(field, VMCS_WIDTH_NATURAL);				\
	vmcs_write_any(field, (unsigned long)(value));				\
} while (0)

#endif /* LODGE_VMX_OPS_H */
