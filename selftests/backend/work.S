/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of workload.c, in 64-bit mode with interrupts on.  RDI: struct
 * work_args.  R8: value, R10: multiplier, R11: addend, R12: blocks left, R13: sum
 * of the table, XMM1: sum of the values.
 */
#include "backend.h"
#include "workload.h"

	.section .rodata.work, "a"
	.balign	16
	.globl	work_start
work_start:
	mov	WORK_BLOCKS(%rdi), %r12
	mov	WORK_VALUE(%rdi), %r8
	movabs	$WORK_MUL, %r10
	movabs	$WORK_ADD, %r11
	xor	%r13d, %r13d
	pxor	%xmm1, %xmm1

.Lblock:
	mov	$WORK_STEPS, %r9d
.Lstep:
	imul	%r10, %r8
	add	%r11, %r8
	movq	%r8, %xmm0
	paddq	%xmm0, %xmm1
	mov	%r8, %rsi
	shr	$51, %rsi
	add	WORK_TABLE(,%rsi,8), %r13
	mov	%r8, WORK_TABLE(,%rsi,8)
	dec	%r9d
	jnz	.Lstep

	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	mov	WORK_PORT(%rdi), %edx
	in	%dx, %al
	mov	$PORT_USER, %edx
	in	%dx, %eax
	mov	%eax, %eax		/* all ones from the host would show */
	add	%rax, %r8
	dec	%r12
	jnz	.Lblock

	mov	%r8, WORK_VALUE(%rdi)
	movq	%xmm1, WORK_SUM(%rdi)
	mov	%r13, WORK_TOTAL(%rdi)
	mov	$PORT_DONE, %edx
	out	%al, %dx
	ud2

	.globl	work_on_irq
	.balign	16
work_on_irq:
	push	%rax
	push	%rcx
	push	%rdx
	incq	WORK_IRQS(%rdi)
	mov	WORK_EOI_MSR(%rdi), %rcx
	jrcxz	1f
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
1:	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	.globl	work_end
work_end:

	.section .note.GNU-stack, "", @progbits
