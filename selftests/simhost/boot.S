/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated host's boot sector: loads an uncompressed kernel from the first IDE disk straight
 * to where it is linked, and enters it through its PVH note. No decompression and no BIOS calls
 * for the disk: that is what makes the host start in seconds.
 *
 * mkdisk.c writes what this reads: in sectors 1 to 8 a struct boot_page (boot.h), loaded at
 * BOOT_PAGE, whose list of extents says which sectors go where.
 */
#include "boot.h"

	.code16
	.text
	.globl	_start
_start:
	cli
	cld
	xorl	%eax, %eax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp

	/* One byte on the console per start, so that a host that restarts is noticed. */
	movb	$BOOT_MARK, %al
	movw	$0x3f8, %dx
	outb	%al, %dx

	/* The BIOS's memory map; its entries, 24 bytes apart, are struct hvm_memmap_table_entry. */
	movw	$BOOT_MAP, %di
	xorl	%ebx, %ebx
1:	movl	$0xe820, %eax
	movl	$0x534d4150, %edx
	movl	$20, %ecx
	movl	$0, 20(%di)
	int	$0x15
	jc	2f
	addw	$24, %di
	testl	%ebx, %ebx
	jnz	1b
2:	movw	%di, %bp

	inb	$0x92, %al		/* A20 */
	orb	$2, %al
	outb	%al, $0x92
	lgdt	gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $start32

	.code32
start32:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x7c00, %esp

	movzwl	%bp, %eax		/* entries in the memory map */
	subl	$BOOT_MAP, %eax
	xorl	%edx, %edx
	movl	$24, %ecx
	divl	%ecx
	pushl	%eax

	movw	$0x3f6, %dx		/* no disk interrupts: we poll */
	movb	$2, %al
	outb	%al, %dx

	movl	$1, %eax
	movl	$BOOT_PAGE_SECTORS, %ecx
	movl	$BOOT_PAGE, %edi
	call	read

	popl	BOOT_PAGE + START_MAP_ENTRIES

	movl	$BOOT_PAGE + EXTENTS, %esi
3:	movl	(%esi), %eax
	movl	4(%esi), %ecx
	movl	8(%esi), %edi
	jecxz	4f
	call	read
	addl	$12, %esi
	jmp	3b

4:	movl	$BOOT_PAGE, %ebx
	jmp	*BOOT_PAGE + ENTRY

/* read: ecx sectors from sector eax on, to edi. */
read:
	pushl	%ecx
	cmpl	$256, %ecx
	jbe	1f
	movl	$256, %ecx
1:	subl	%ecx, (%esp)
	movl	%eax, %ebp

	movw	$0x1f2, %dx
	movb	%cl, %al		/* 256 is written as 0 */
	outb	%al, %dx
	movl	%ebp, %eax
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	movb	%ah, %al
	orb	$0xe0, %al		/* LBA, first disk */
	incw	%dx
	outb	%al, %dx
	movb	$0x20, %al		/* READ SECTORS */
	incw	%dx
	outb	%al, %dx

	addl	%ecx, %ebp
2:	movw	$0x1f7, %dx
3:	inb	%dx, %al
	testb	$0x80, %al		/* busy */
	jnz	3b
	testb	$0x08, %al		/* data request */
	jz	3b
	movw	$0x1f0, %dx
	pushl	%ecx
	movl	$256, %ecx
	rep insw
	popl	%ecx
	decl	%ecx
	jnz	2b

	movl	%ebp, %eax
	popl	%ecx
	testl	%ecx, %ecx
	jnz	read
	ret

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* code, flat, accessed */
	.quad	0x00cf93000000ffff	/* data, flat, accessed */
gdtr:	.word	. - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55
