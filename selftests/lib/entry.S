/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest entry points of exceptions and interrupts: guest_stubs holds 256 stubs of
 * 16 bytes, one a vector, that hand a struct guest_frame to guest_trap().
 */
	.text

/*
 * Every long-mode guest starts here, with its function in R11.  The page of the stubs
 * is touched first: Bochs with several CPUs gets RIP wrong in an EPT violation on the
 * first fetch of an exception's handler (the build of simhost/bochs-fast does not).
 */
	.globl	guest_start
guest_start:
	cmpb	$0, guest_stubs(%rip)
	jmp	*%r11

	.globl	guest_stubs
	.p2align 12
guest_stubs:
	vector = 0
	.rept	256
	.p2align 4
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	pushq	$0
	.endif
	pushq	$vector
	jmp	guest_entry
	vector = vector + 1
	.endr

guest_entry:
	cld
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	guest_trap
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
