// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers: what the guest may write, and what follows from it
 * (SDM Vol 3A, 2.5 and 4.1; Vol 2, MOV to control registers).
 */
#include <linux/cpufeature.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

#include "../vm.h"
#include "cr.h"

#define CR0_VALID	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
			 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | \
			 X86_CR0_PG)
#define CR4_ALWAYS	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
			 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT)
/* no exit when the guest changes these */
#define CR4_OWNED	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE | \
			 X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_UMIP | \
			 X86_CR4_FSGSBASE | X86_CR4_SMEP | X86_CR4_SMAP)
/* a MOV that changes one of these loads the PDPTEs (SDM Vol 3A, 4.4.1) */
#define CR4_RELOADS	(X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP)
#define CR0_RELOADS	(X86_CR0_CD | X86_CR0_NW | X86_CR0_PG)
#define EFER_VALID	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)
#define APIC_BASE_MODE	(MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE)

static u64 cr4_optional;	/* that this host can give a guest */

/* 5-level paging is the processor's; the host need not use it */
static bool has_la57(void)
{
	u32 eax = 7, ebx, ecx = 0, edx;

	if (boot_cpu_data.cpuid_level < 7)
		return false;
	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return ecx & BIT(16);
}

/**
 * lodge_cr_init - learn which CR4 bits a guest can have on this host
 */
void lodge_cr_init(void)
{
	static const struct {
		u16 feature;
		u64 bit;
	} optional[] = {
		{ X86_FEATURE_UMIP, X86_CR4_UMIP },
		{ X86_FEATURE_FSGSBASE, X86_CR4_FSGSBASE },
		{ X86_FEATURE_PCID, X86_CR4_PCIDE },
		{ X86_FEATURE_OSXSAVE, X86_CR4_OSXSAVE },
		{ X86_FEATURE_SMEP, X86_CR4_SMEP },
		{ X86_FEATURE_SMAP, X86_CR4_SMAP },
		{ X86_FEATURE_OSPKE, X86_CR4_PKE },
	};
	unsigned int i;

	cr4_optional = has_la57() ? X86_CR4_LA57 : 0;
	for (i = 0; i < ARRAY_SIZE(optional); i++)
		if (boot_cpu_has(optional[i].feature))
			cr4_optional |= optional[i].bit;
}

/**
 * lodge_cr_linear_bits - width of a guest's linear addresses at most
 *
 * Return: 48 or 57.
 */
unsigned int lodge_cr_linear_bits(void)
{
	return cr4_optional & X86_CR4_LA57 ? 57 : 48;
}

/**
 * lodge_cr_canonical - would a register take an address?
 * @vcpu: whose; what its CPUID says matters, not CR4.LA57 (SDM Vol 3A, 4.5.3)
 * @address: linear
 *
 * Return: true if so.
 */
bool lodge_cr_canonical(const struct lodge_vcpu *vcpu, u64 address)
{
	unsigned int shift = 64 - (cr4_optional & vcpu->cpuid.cr4 & X86_CR4_LA57 ? 57 : 48);

	return (u64)((s64)(address << shift) >> shift) == address;
}

static u64 cr4_valid(const struct lodge_vcpu *vcpu)
{
	return CR4_ALWAYS | (cr4_optional & vcpu->cpuid.cr4);
}

/**
 * lodge_cr_cr4_owned - CR4 bits that a guest may change without an exit
 * @vcpu: whose
 *
 * Return: the mask.
 */
u64 lodge_cr_cr4_owned(const struct lodge_vcpu *vcpu)
{
	return CR4_OWNED & cr4_valid(vcpu);
}

static void set_segment(struct lodge_segment *s, u16 selector, u64 base, u32 attr)
{
	*s = (struct lodge_segment){
		.selector = selector, .base = base, .limit = 0xffff, .attr = attr,
	};
}

/**
 * lodge_cr_reset - system registers as after RESET (SDM Vol 3A, table 10-1)
 * @vcpu: locked or not yet published
 */
void lodge_cr_reset(struct lodge_vcpu *vcpu)
{
	struct lodge_sregs *s = &vcpu->s;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = LODGE_ES; i <= LODGE_GS; i++)
		set_segment(&s->seg[i], 0, 0, LODGE_SEG_P | LODGE_SEG_S | 3);
	set_segment(&s->seg[LODGE_CS], 0xf000, 0xffff0000, LODGE_SEG_P | LODGE_SEG_S | 11);
	set_segment(&s->seg[LODGE_LDTR], 0, 0, LODGE_SEG_P | 2);
	set_segment(&s->seg[LODGE_TR], 0, 0, LODGE_SEG_P | 11);
	s->gdt_limit = 0xffff;
	s->idt_limit = 0xffff;
	s->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
	s->xcr0 = 1;
	s->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
		       (vcpu->id ? 0 : MSR_IA32_APICBASE_BSP);
}

static bool pae_paging(const struct lodge_sregs *s)
{
	return (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) && !(s->efer & EFER_LMA);
}

/* Sleeps.  A PDPTE with reserved bits is a #GP (SDM Vol 3A, 4.4.1). */
static int load_pdptes(struct lodge_vcpu *vcpu, u64 cr3)
{
	const u64 reserved = GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1) |
			     GENMASK_ULL(63, boot_cpu_data.x86_phys_bits);
	u64 pdpte[4];
	unsigned int i;

	if (lodge_mem_read(&vcpu->vm->mem, cr3 & 0xffffffe0, pdpte, sizeof(pdpte)))
		return -EINVAL;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return -EINVAL;
	memcpy(vcpu->pdpte, pdpte, sizeof(pdpte));
	lodge_vcpu_mark(vcpu, LODGE_PART_PDPTE);
	return 0;
}

/* What the processor derives from CR0 and EFER together */
static int settle_long_mode(struct lodge_vcpu *vcpu, struct lodge_sregs *s)
{
	if (!(s->efer & EFER_LME) || !(s->cr0 & X86_CR0_PG)) {
		s->efer &= ~EFER_LMA;
		return 0;
	}
	if (!(s->cr4 & X86_CR4_PAE))
		return -EINVAL;
	s->efer |= EFER_LMA;
	/* MOV to CR0 leaves TR alone, VM entry wants a 32-bit busy TSS */
	if (s->seg[LODGE_TR].attr & LODGE_SEG_P)
		s->seg[LODGE_TR].attr = (s->seg[LODGE_TR].attr & ~LODGE_SEG_TYPE) | 11;
	return 0;
}

/**
 * lodge_cr_write0 - MOV to CR0, LMSW
 * @vcpu: locked, CRS and SEGS cached
 * @value: all of CR0
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_write0(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_sregs s = vcpu->s;
	bool was_pae = pae_paging(&s);

	if (value >> 32)
		return -EINVAL;
	s.cr0 = (value & CR0_VALID) | X86_CR0_ET;
	if ((s.cr0 & X86_CR0_PG) && !(s.cr0 & X86_CR0_PE))
		return -EINVAL;
	if ((s.cr0 & X86_CR0_NW) && !(s.cr0 & X86_CR0_CD))
		return -EINVAL;
	if ((vcpu->s.cr0 ^ s.cr0) & X86_CR0_PG) {
		if (!(s.cr0 & X86_CR0_PG) && (s.cr4 & X86_CR4_PCIDE))
			return -EINVAL;
		if ((s.efer & EFER_LME) && (s.seg[LODGE_CS].attr & LODGE_SEG_L))
			return -EINVAL;
	}
	if (settle_long_mode(vcpu, &s))
		return -EINVAL;
	if (pae_paging(&s) && (!was_pae || ((vcpu->s.cr0 ^ s.cr0) & CR0_RELOADS)) &&
	    load_pdptes(vcpu, s.cr3))
		return -EINVAL;
	vcpu->s = s;
	vcpu->flush_tlb = true;
	lodge_vcpu_mark(vcpu, LODGE_PART_CRS | LODGE_PART_SEGS);
	return 0;
}

/**
 * lodge_cr_write3 - MOV to CR3, where it exits
 * @vcpu: locked, CRS cached
 * @value: all of CR3
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_write3(struct lodge_vcpu *vcpu, u64 value)
{
	if (vcpu->s.cr4 & X86_CR4_PCIDE)
		value &= ~BIT_ULL(63);
	if (value & GENMASK_ULL(63, boot_cpu_data.x86_phys_bits))
		return -EINVAL;
	if (pae_paging(&vcpu->s) && load_pdptes(vcpu, value))
		return -EINVAL;
	vcpu->s.cr3 = value;
	vcpu->flush_tlb = true;
	lodge_vcpu_mark(vcpu, LODGE_PART_CRS);
	return 0;
}

/**
 * lodge_cr_write4 - MOV to CR4
 * @vcpu: locked, CRS cached
 * @value: all of CR4
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_write4(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_sregs s = vcpu->s;
	u64 changed = s.cr4 ^ value;

	if (value & ~cr4_valid(vcpu))
		return -EINVAL;
	s.cr4 = value;
	if ((s.efer & EFER_LMA) && (changed & X86_CR4_LA57))
		return -EINVAL;
	if ((s.efer & EFER_LMA) && !(value & X86_CR4_PAE))
		return -EINVAL;
	if ((changed & value & X86_CR4_PCIDE) && (!(s.efer & EFER_LMA) || (s.cr3 & 0xfff)))
		return -EINVAL;
	if (pae_paging(&s) && (changed & CR4_RELOADS) && load_pdptes(vcpu, s.cr3))
		return -EINVAL;
	vcpu->s.cr4 = value;
	vcpu->flush_tlb = true;
	lodge_cpuid_update(&vcpu->cpuid, value, vcpu->s.xcr0);
	lodge_vcpu_mark(vcpu, LODGE_PART_CRS);
	return 0;
}

/**
 * lodge_cr_write8 - MOV to CR8
 * @vcpu: locked
 * @value: task priority
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_write8(struct lodge_vcpu *vcpu, u64 value)
{
	if (value & ~15ULL)
		return -EINVAL;
	if (vcpu->vm->machine)
		lodge_lapic_set_cr8(&vcpu->lapic, value);
	else
		vcpu->s.cr8 = value;
	return 0;
}

/**
 * lodge_cr_read8 - MOV from CR8
 * @vcpu: locked
 *
 * Return: the task priority, 0 to 15.
 */
u64 lodge_cr_read8(const struct lodge_vcpu *vcpu)
{
	return vcpu->vm->machine ? lodge_lapic_cr8(&vcpu->lapic) : vcpu->s.cr8;
}

/**
 * lodge_cr_write_efer - WRMSR of IA32_EFER
 * @vcpu: locked
 * @value: all of it; LMA is taken from what the vCPU has
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_write_efer(struct lodge_vcpu *vcpu, u64 value)
{
	if (value & ~EFER_VALID)
		return -EINVAL;
	if (((value ^ vcpu->s.efer) & EFER_LME) && (vcpu->s.cr0 & X86_CR0_PG))
		return -EINVAL;
	vcpu->s.efer = (value & ~EFER_LMA) | (vcpu->s.efer & EFER_LMA);
	lodge_vcpu_mark(vcpu, LODGE_PART_CRS);
	return 0;
}

/**
 * lodge_cr_xsetbv - XSETBV
 * @vcpu: locked, does not run
 * @index: ECX
 * @value: EDX:EAX
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_xsetbv(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	const struct lodge_cpuid_leaf *l = lodge_cpuid_find(&vcpu->cpuid, 0xd, 0);

	if (index || !lodge_fpu_xcr0_valid(value))
		return -EINVAL;
	/* components that the guest was not given */
	if (l && l->leaf == 0xd && value & ~(l->eax | (u64)l->edx << 32))
		return -EINVAL;
	vcpu->s.xcr0 = value;
	vcpu->fpu.xcr0 = value;
	lodge_cpuid_update(&vcpu->cpuid, vcpu->s.cr4, value);
	return 0;
}

static bool apic_base_valid(const struct lodge_vcpu *vcpu, u64 value)
{
	u64 valid = APIC_BASE_MODE | GENMASK_ULL(boot_cpu_data.x86_phys_bits - 1, 12);

	if (vcpu->vm->machine && lodge_cpuid_has(&vcpu->cpuid, 1, LODGE_CPUID_ECX, 21))
		valid |= X2APIC_ENABLE;
	return !(value & ~valid);
}

/**
 * lodge_cr_apic_base - WRMSR of IA32_APIC_BASE
 * @vcpu: locked
 * @value: kept, for user space that emulates the APIC; or for ours
 *
 * Return: 0, or -EINVAL: #GP.
 */
int lodge_cr_apic_base(struct lodge_vcpu *vcpu, u64 value)
{
	if (!apic_base_valid(vcpu, value))
		return -EINVAL;
	if (vcpu->vm->machine) {
		if (lodge_lapic_set_base(&vcpu->lapic, value))
			return -EINVAL;
		lodge_vcpu_mark(vcpu, LODGE_PART_APIC);
		value = vcpu->lapic.base;
	}
	vcpu->s.apic_base = value;
	return 0;
}

static bool segments_valid(const struct lodge_vcpu *vcpu, const struct lodge_sregs *s)
{
	const u32 attr = LODGE_SEG_UNUSABLE | 0xf0ff;
	unsigned int i;

	for (i = 0; i < LODGE_NR_SREGS; i++) {
		const struct lodge_segment *seg = &s->seg[i];

		if (seg->attr & ~attr || memchr_inv(seg->pad, 0, sizeof(seg->pad)))
			return false;
		if (i <= LODGE_DS ? seg->base >> 32 : !lodge_cr_canonical(vcpu, seg->base))
			return false;
	}
	return s->gdt_limit <= 0xffff && s->idt_limit <= 0xffff &&
	       lodge_cr_canonical(vcpu, s->gdt_base) && lodge_cr_canonical(vcpu, s->idt_base);
}

static bool control_valid(const struct lodge_vcpu *vcpu, const struct lodge_sregs *s)
{
	bool lma = (s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG);

	if (s->cr0 & ~CR0_VALID || s->cr4 & ~cr4_valid(vcpu) || s->efer & ~EFER_VALID)
		return false;
	if ((s->cr0 & X86_CR0_PG) && !(s->cr0 & X86_CR0_PE))
		return false;
	if ((s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD))
		return false;
	if (lma != !!(s->efer & EFER_LMA) || (lma && !(s->cr4 & X86_CR4_PAE)))
		return false;
	if ((s->cr4 & X86_CR4_PCIDE) && !lma)
		return false;
	return !(s->cr3 & GENMASK_ULL(63, boot_cpu_data.x86_phys_bits)) && s->cr8 <= 15 &&
	       apic_base_valid(vcpu, s->apic_base) && lodge_fpu_xcr0_valid(s->xcr0);
}

/**
 * lodge_cr_set - LODGE_VCPU_SET_SREGS
 * @vcpu: locked
 * @s: from user space
 *
 * Return: 0, or -EINVAL for what no processor takes.  Segments that contradict
 * each other are left for VM entry to refuse.
 */
int lodge_cr_set(struct lodge_vcpu *vcpu, const struct lodge_sregs *s)
{
	u64 apic_base;

	if (s->pad || !segments_valid(vcpu, s) || !control_valid(vcpu, s))
		return -EINVAL;
	if (pae_paging(s) && load_pdptes(vcpu, s->cr3))
		return -EINVAL;
	if (lodge_cr_apic_base(vcpu, s->apic_base))
		return -EINVAL;
	lodge_cr_write8(vcpu, s->cr8);
	apic_base = vcpu->s.apic_base;
	vcpu->s = *s;
	vcpu->s.apic_base = apic_base;
	vcpu->s.cr0 |= X86_CR0_ET;
	vcpu->flush_tlb = true;
	vcpu->fpu.xcr0 = s->xcr0;
	lodge_cpuid_update(&vcpu->cpuid, s->cr4, s->xcr0);
	lodge_vcpu_mark(vcpu, LODGE_PART_CRS | LODGE_PART_SEGS);
	return 0;
}
