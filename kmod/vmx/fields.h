/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encodings of the VMCS fields (SDM Vol 3D, appendix B), of VM-exit reasons
 * (appendix C) and of the bits in the fields that lodge reads or writes.
 *
 * Own definitions: the kernel's asm/vmx.h changes names between releases.
 */
#ifndef LODGE_VMX_FIELDS_H
#define LODGE_VMX_FIELDS_H

#include "reasons.h"

/* 16-bit control */
#define VMCS_VPID			0x0000
#define VMCS_GUEST_INTR_STATUS		0x0810	/* RVI, SVI in the upper half */
#define VMCS_PML_INDEX			0x0812
/* 16-bit guest state: in the order of enum lodge_sreg */
#define VMCS_GUEST_ES_SEL		0x0800
/* 16-bit host state */
#define VMCS_HOST_ES_SEL		0x0c00
#define VMCS_HOST_CS_SEL		0x0c02
#define VMCS_HOST_SS_SEL		0x0c04
#define VMCS_HOST_DS_SEL		0x0c06
#define VMCS_HOST_FS_SEL		0x0c08
#define VMCS_HOST_GS_SEL		0x0c0a
#define VMCS_HOST_TR_SEL		0x0c0c
/* 64-bit control */
#define VMCS_MSR_BITMAP			0x2004
#define VMCS_PML_ADDRESS		0x200e
#define VMCS_TSC_OFFSET			0x2010
#define VMCS_TSC_MULTIPLIER		0x2032
#define VMCS_VIRTUAL_APIC_PAGE		0x2012
#define VMCS_EPTP			0x201a
#define VMCS_EOI_EXIT0			0x201c
#define VMCS_XSS_BITMAP			0x202c
#define VMCS_ENCLS_BITMAP		0x202e
/* 64-bit read-only */
#define VMCS_GUEST_PHYSICAL_ADDRESS	0x2400
/* 64-bit guest state */
#define VMCS_LINK_POINTER		0x2800
#define VMCS_GUEST_DEBUGCTL		0x2802
#define VMCS_GUEST_PAT			0x2804
#define VMCS_GUEST_EFER			0x2806
#define VMCS_GUEST_PDPTE0		0x280a
/* 64-bit host state */
#define VMCS_HOST_PAT			0x2c00
#define VMCS_HOST_EFER			0x2c02
/* 32-bit control */
#define VMCS_PIN_CONTROLS		0x4000
#define VMCS_PROC_CONTROLS		0x4002
#define VMCS_EXCEPTION_BITMAP		0x4004
#define VMCS_PF_ERROR_MASK		0x4006
#define VMCS_PF_ERROR_MATCH		0x4008
#define VMCS_CR3_TARGET_COUNT		0x400a
#define VMCS_EXIT_CONTROLS		0x400c
#define VMCS_EXIT_MSR_STORE_COUNT	0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT	0x4010
#define VMCS_ENTRY_CONTROLS		0x4012
#define VMCS_ENTRY_MSR_LOAD_COUNT	0x4014
#define VMCS_ENTRY_INTR_INFO		0x4016
#define VMCS_ENTRY_ERROR_CODE		0x4018
#define VMCS_ENTRY_INSN_LEN		0x401a
#define VMCS_TPR_THRESHOLD		0x401c
#define VMCS_PROC2_CONTROLS		0x401e
#define VMCS_PLE_GAP			0x4020
#define VMCS_PLE_WINDOW			0x4022
/* 32-bit read-only */
#define VMCS_INSN_ERROR			0x4400
#define VMCS_EXIT_REASON		0x4402
#define VMCS_EXIT_INTR_INFO		0x4404
#define VMCS_EXIT_INTR_ERROR		0x4406
#define VMCS_IDT_VECTORING_INFO		0x4408
#define VMCS_IDT_VECTORING_ERROR	0x440a
#define VMCS_EXIT_INSN_LEN		0x440c
#define VMCS_EXIT_INSN_INFO		0x440e
/* 32-bit guest state */
#define VMCS_GUEST_ES_LIMIT		0x4800
#define VMCS_GUEST_GDTR_LIMIT		0x4810
#define VMCS_GUEST_IDTR_LIMIT		0x4812
#define VMCS_GUEST_ES_ATTR		0x4814
#define VMCS_GUEST_INTERRUPTIBILITY	0x4824
#define VMCS_GUEST_ACTIVITY		0x4826
#define VMCS_GUEST_SYSENTER_CS		0x482a
/* 32-bit host state */
#define VMCS_HOST_SYSENTER_CS		0x4c00
/* natural-width control */
#define VMCS_CR0_MASK			0x6000
#define VMCS_CR4_MASK			0x6002
#define VMCS_CR0_SHADOW			0x6004
#define VMCS_CR4_SHADOW			0x6006
/* natural-width read-only */
#define VMCS_EXIT_QUALIFICATION		0x6400
#define VMCS_GUEST_LINEAR_ADDRESS	0x640a
/* natural-width guest state */
#define VMCS_GUEST_CR0			0x6800
#define VMCS_GUEST_CR3			0x6802
#define VMCS_GUEST_CR4			0x6804
#define VMCS_GUEST_ES_BASE		0x6806
#define VMCS_GUEST_GDTR_BASE		0x6816
#define VMCS_GUEST_IDTR_BASE		0x6818
#define VMCS_GUEST_DR7			0x681a
#define VMCS_GUEST_RSP			0x681c
#define VMCS_GUEST_RIP			0x681e
#define VMCS_GUEST_RFLAGS		0x6820
#define VMCS_GUEST_PENDING_DEBUG	0x6822
#define VMCS_GUEST_SYSENTER_ESP		0x6824
#define VMCS_GUEST_SYSENTER_EIP		0x6826
#define VMCS_GUEST_S_CET		0x6828
#define VMCS_GUEST_SSP			0x682a
#define VMCS_GUEST_SSP_TABLE		0x682c
/* natural-width host state */
#define VMCS_HOST_CR0			0x6c00
#define VMCS_HOST_CR3			0x6c02
#define VMCS_HOST_CR4			0x6c04
#define VMCS_HOST_FS_BASE		0x6c06
#define VMCS_HOST_GS_BASE		0x6c08
#define VMCS_HOST_TR_BASE		0x6c0a
#define VMCS_HOST_GDTR_BASE		0x6c0c
#define VMCS_HOST_IDTR_BASE		0x6c0e
#define VMCS_HOST_SYSENTER_ESP		0x6c10
#define VMCS_HOST_SYSENTER_EIP		0x6c12
#define VMCS_HOST_RSP			0x6c14
#define VMCS_HOST_RIP			0x6c16
#define VMCS_HOST_S_CET			0x6c18
#define VMCS_HOST_SSP			0x6c1a
#define VMCS_HOST_SSP_TABLE		0x6c1c

/* The width of a field, from its encoding (SDM Vol 3C, 25.11.2) */
#define VMCS_WIDTH_16			0
#define VMCS_WIDTH_64			1
#define VMCS_WIDTH_32			2
#define VMCS_WIDTH_NATURAL		3
#define VMCS_FIELD_WIDTH(field)		(((field) >> 13) & 3)

enum vmx_exit_reason {
#define X(nr, name, text) VMX_EXIT_##name = nr,
	VMX_EXIT_REASONS(X)
#undef X
	VMX_EXIT_NR
};

#define VMX_EXIT_REASON_MASK		0xffff
#define VMX_EXIT_ENTRY_FAILED		0x80000000u

/* Interruption information (SDM Vol 3C, 25.8.3, 25.9.2, 25.9.3) */
#define INTR_VECTOR_MASK		0x000000ffu
#define INTR_TYPE_MASK			0x00000700u
#define INTR_TYPE_EXTERNAL		(0u << 8)
#define INTR_TYPE_NMI			(2u << 8)
#define INTR_TYPE_HARD_EXCEPTION	(3u << 8)
#define INTR_TYPE_SOFT_INTERRUPT	(4u << 8)
#define INTR_TYPE_PRIV_EXCEPTION	(5u << 8)
#define INTR_TYPE_SOFT_EXCEPTION	(6u << 8)
#define INTR_ERROR_CODE			0x00000800u
#define INTR_NMI_UNBLOCKED		0x00001000u
#define INTR_VALID			0x80000000u

/* Guest interruptibility (SDM Vol 3C, 25.4.2) */
#define INTERRUPTIBILITY_STI		0x1
#define INTERRUPTIBILITY_MOV_SS		0x2
#define INTERRUPTIBILITY_INSN		0x3	/* STI or MOV SS */
#define INTERRUPTIBILITY_SMI		0x4
#define INTERRUPTIBILITY_NMI		0x8

/* Exit qualification of an EPT violation (SDM Vol 3C, table 28-7) */
#define EPTQ_READ			0x001
#define EPTQ_WRITE			0x002
#define EPTQ_FETCH			0x004
#define EPTQ_PRESENT			0x038
#define EPTQ_NMI_UNBLOCKED		0x1000

/* Exit qualification of a CR access (table 28-3) */
#define CRQ_NR(q)			((q) & 15)
#define CRQ_TYPE(q)			(((q) >> 4) & 3)
#define CRQ_TYPE_MOV_TO			0
#define CRQ_TYPE_MOV_FROM		1
#define CRQ_TYPE_CLTS			2
#define CRQ_TYPE_LMSW			3
#define CRQ_GPR(q)			(((q) >> 8) & 15)
#define CRQ_LMSW_SOURCE(q)		(((q) >> 16) & 0xffff)

/* Exit qualification of a task switch (table 28-2), the selector in its low half */
#define TSQ_SOURCE(q)			(((q) >> 30) & 3)

/* Exit qualification of MOV DR (table 28-4) */
#define DRQ_NR(q)			((q) & 7)
#define DRQ_READ			0x10
#define DRQ_GPR(q)			(((q) >> 8) & 15)

/* Exit qualification of an I/O instruction (table 28-5) */
#define IOQ_WIDTH(q)			(((q) & 7) + 1)
#define IOQ_IN				0x08
#define IOQ_STRING			0x10
#define IOQ_REP				0x20
#define IOQ_PORT(q)			(((q) >> 16) & 0xffff)

/* Exit qualification of a #DB (table 28-1) */
#define DBQ_MASK			0x16c0f	/* B0-B3, BLD, BD, BS, RTM */

/* Records in a page-modification log (SDM Vol 3C, 29.3.6) */
#define VMX_PML_ENTRIES			512

#endif /* LODGE_VMX_FIELDS_H */
