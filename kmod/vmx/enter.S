/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: general registers, and what must happen closest to it.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define VMCS_HOST_RSP	0x6c14
#define VMX_ENTER_IBRS	0x1
#define VMX_ENTER_BHB	0x2
#define GPR(n)		((n) * 8)

/* on the stack after the pushes of the prologue */
#define SLOT_GPR	0
#define SLOT_FLAGS	8
#define SLOT_SPEC	16

.text

/*
 * int vmx_enter(u64 *gpr, u32 flags, unsigned long *host_rsp, u64 spec_ctrl)
 *
 * gpr: the guest's registers by enum lodge_gpr, but for RSP, which is in the VMCS
 * flags: VMX_ENTER_*
 * host_rsp: what VMCS_HOST_RSP holds, updated
 * spec_ctrl: written to IA32_SPEC_CTRL after the exit, with VMX_ENTER_IBRS
 *
 * Interrupts off, the VMCS current.  Returns 0 after a VM exit, 1 when the entry
 * instruction failed and 2 when it faulted.
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rcx			/* SLOT_SPEC */
	push	%rsi			/* SLOT_FLAGS */
	push	%rdi			/* SLOT_GPR */

	/* the VM exit comes back with this stack pointer */
	cmp	(%rdx), %rsp
	je	.Lrsp_done
	mov	%rsp, (%rdx)
	mov	$VMCS_HOST_RSP, %ecx
	vmwrite	%rsp, %rcx
.Lrsp_done:
	/* CF = resume, SF = verw; MOV keeps both, VERW changes only ZF */
	shl	$1, %esi
	mov	GPR(0)(%rdi), %rax
	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi
	jns	.Lno_verw
	verw	.Lverw_selector(%rip)
.Lno_verw:
	UNWIND_HINT_SAVE
	jnc	.Llaunch
.Lresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
	vmlaunch
	jmp	.Lfailed

	_ASM_EXTABLE(.Lresume, .Lfaulted)
	_ASM_EXTABLE(.Llaunch, .Lfaulted)

SYM_INNER_LABEL(vmx_enter_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	xchg	%rdi, SLOT_GPR(%rsp)
	mov	%rax, GPR(0)(%rdi)
	mov	%rcx, GPR(1)(%rdi)
	mov	%rdx, GPR(2)(%rdi)
	mov	%rbx, GPR(3)(%rdi)
	mov	%rbp, GPR(5)(%rdi)
	mov	%rsi, GPR(6)(%rdi)
	mov	%r8, GPR(8)(%rdi)
	mov	%r9, GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	mov	SLOT_GPR(%rsp), %rax
	mov	%rax, GPR(7)(%rdi)
	xor	%eax, %eax
.Lclear:
	/* no guest value stays in a register that the host could speculate on */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	mov	%eax, %ebx

	/* before any RET, and before any indirect branch */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE
	testl	$VMX_ENTER_IBRS, SLOT_FLAGS(%rsp)
	jz	.Lno_ibrs
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	SLOT_SPEC(%rsp), %eax
	mov	SLOT_SPEC+4(%rsp), %edx
	wrmsr
.Lno_ibrs:
	testl	$VMX_ENTER_BHB, SLOT_FLAGS(%rsp)
	jz	.Lno_bhb
	call	clear_branch_history
.Lno_bhb:
	mov	%ebx, %eax
	add	$24, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %eax
	jmp	.Lclear
.Lfaulted:
	mov	$2, %eax
	jmp	.Lclear
SYM_FUNC_END(vmx_enter)

/*
 * Overwrites the branch history with taken branches of ours, more than it holds,
 * so that the guest's does not steer the host's indirect branches (BHI).
 */
SYM_FUNC_START_LOCAL(clear_branch_history)
	mov	$16, %ecx
.Lhistory_outer:
	mov	$8, %eax
.Lhistory_inner:
	jmp	.Lhistory_next
	nop
.Lhistory_next:
	dec	%eax
	jnz	.Lhistory_inner
	dec	%ecx
	jnz	.Lhistory_outer
	RET
SYM_FUNC_END(clear_branch_history)

.section .rodata
.Lverw_selector:
	.word	__KERNEL_DS
