/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest loops, in 64-bit mode: the same bytes for both hypervisors. They
 * stand in the read-only data of the program and are copied into guest memory.
 *
 * RDI: struct guest_args. A loop counts in R12; a body may use RAX, RBX, RCX,
 * RDX, RSI and R8 to R11.
 */
#include "guest.h"

#define X2APIC_SVR		0x80f
#define X2APIC_LVT_TIMER	0x832
#define X2APIC_ICR		0x830
#define MSR_TSC_DEADLINE	0x6e0

	.section .rodata.guest, "a"
	.globl	guest_start
guest_start:

.macro	now reg
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \reg
.endm

/* loop NAME ... end_loop: runs the body between ARG_N times, and times it */
.macro	loop name
	.globl	guest_\name
	.balign	16
guest_\name:
	mov	ARG_N(%rdi), %r12
	mov	ARG_VALUE(%rdi), %rsi
	now	%r13
1:
.endm

.macro	end_loop
	dec	%r12
	jnz	1b
	now	%r14
	sub	%r13, %r14
	mov	%r14, ARG_TICKS(%rdi)
	mov	$PORT_DONE, %edx
	out	%al, %dx
	ud2
.endm

	loop	empty
	end_loop

	loop	cpuid
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	end_loop

	loop	inb
	mov	%esi, %edx
	in	%dx, %al
	end_loop

	loop	inl
	mov	%esi, %edx
	in	%dx, %eax
	end_loop

	loop	rdmsr
	mov	%esi, %ecx
	rdmsr
	end_loop

	loop	wrmsr
	mov	%esi, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	end_loop

	/* KVM_HC_MAP_GPA_RANGE, one page: the one that KVM gives to user space */
	loop	vmcall
	mov	$12, %eax
	mov	$0x1000, %ebx
	mov	$1, %ecx
	xor	%edx, %edx
	vmcall
	end_loop

	loop	write_cr8
	xor	%eax, %eax
	mov	%rax, %cr8
	end_loop

	loop	read_cr8
	mov	%cr8, %rax
	end_loop

	/* x2APIC on; the timer's vector is that of the only interrupt, in TSC-deadline mode */
	.globl	guest_apic_setup
	.balign	16
guest_apic_setup:
	xor	%edx, %edx
	mov	$X2APIC_SVR, %ecx
	mov	$0x1ff, %eax
	wrmsr
	mov	$X2APIC_LVT_TIMER, %ecx
	mov	$(2 << 17 | GUEST_VECTOR), %eax
	wrmsr
	mov	$PORT_DONE, %edx
	out	%al, %dx
	ud2

	/* to itself, by the shorthand; STI lets it in after the NOP */
	loop	ipi_self
	mov	$X2APIC_ICR, %ecx
	mov	$(1 << 18 | GUEST_VECTOR), %eax
	xor	%edx, %edx
	wrmsr
	sti
	nop
	cli
	end_loop

	loop	deadline
	rdtsc
	mov	$MSR_TSC_DEADLINE, %ecx
	wrmsr
	sti
	nop
	cli
	end_loop

	/* to APIC 1, and sleep until it has answered */
	loop	ipi_other
	mov	$X2APIC_ICR, %ecx
	mov	$GUEST_VECTOR, %eax
	mov	$1, %edx
	wrmsr
	sti
	hlt
	cli
	end_loop

	/* The other side, without end */
	.globl	guest_ipi_answer
	.balign	16
guest_ipi_answer:
1:	sti
	hlt
	cli
	mov	$X2APIC_ICR, %ecx
	mov	$GUEST_VECTOR, %eax
	xor	%edx, %edx
	wrmsr
	jmp	1b

	loop	touch
	movb	$1, (%rsi)
	add	$4096, %rsi
	end_loop

	/* The first instruction of a new VM tells that it ran */
	.globl	guest_first
	.balign	16
guest_first:
	out	%al, %dx
	ud2

	.globl	guest_hlt
	.balign	16
guest_hlt:
	hlt
	jmp	guest_hlt

	.globl	guest_on_nmi
	.balign	16
guest_on_nmi:
	incq	ARG_WAKEUPS(%rdi)
	iretq

	.globl	guest_on_irq
	.balign	16
guest_on_irq:
	incq	ARG_WAKEUPS(%rdi)
	mov	ARG_EOI_MSR(%rdi), %rcx
	jrcxz	2f
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
2:	iretq

	.globl	guest_end
guest_end:

	.section .note.GNU-stack, "", @progbits
