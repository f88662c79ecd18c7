// SPDX-License-Identifier: GPL-2.0-only
/*
 * hello: the first guest.  It starts in real mode, goes through protected to 64-bit
 * mode, says where it is by OUT to the debug console in each, and halts.
 */
#include <stdio.h>
#include <unistd.h>

#include "vm.h"

#define CONSOLE	0xe9

/*
 * 0xc000 is GPA_CODE16: the guest is loaded and started there.  "say" takes a text in
 * ESI; the same bytes are right in real and in protected mode.
 */
GUEST_BLOB(hello,
	".code16\n"
	"	mov	$(0xc000 + text16 - hello_start), %si\n"
	"1:	lodsb\n"
	"	out	%al, $0xe9\n"
	"	cmp	$10, %al\n"
	"	jne	1b\n"
	"	lgdtl	0xc000 + gdtr - hello_start\n"
	"	mov	%cr0, %eax\n"
	"	or	$1, %al\n"
	"	mov	%eax, %cr0\n"
	"	ljmpl	$0x40, $(0xc000 + flat - hello_start)\n"
	".code32\n"
	"flat:	mov	$0x10, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	%ax, %ss\n"
	"	mov	$(0xc000 + text32 - hello_start), %esi\n"
	"1:	lodsb\n"
	"	out	%al, $0xe9\n"
	"	cmp	$10, %al\n"
	"	jne	1b\n"
	"	mov	%cr4, %eax\n"
	"	or	$0x20, %eax\n"			/* PAE */
	"	mov	%eax, %cr4\n"
	"	mov	$0x1000, %eax\n"		/* GPA_PML4 */
	"	mov	%eax, %cr3\n"
	"	mov	$0xc0000080, %ecx\n"		/* EFER.LME */
	"	rdmsr\n"
	"	or	$0x100, %eax\n"
	"	wrmsr\n"
	"	mov	%cr0, %eax\n"
	"	or	$0x80000000, %eax\n"
	"	mov	%eax, %cr0\n"
	"	ljmp	$0x08, $(0xc000 + long64 - hello_start)\n"
	".code64\n"
	"long64: lea	text64(%rip), %rsi\n"
	"1:	lodsb\n"
	"	out	%al, $0xe9\n"
	"	cmp	$10, %al\n"
	"	jne	1b\n"
	"	hlt\n"
	"text16: .ascii \"hello from a lodge guest, in real mode\\n\"\n"
	"text32: .ascii \"and in 32-bit protected mode\\n\"\n"
	"text64: .ascii \"and in 64-bit mode\\n\"\n"
	"gdtr:	.word	0x57\n"
	"	.long	0x10000\n"			/* GPA_DESC */
);

/* Print what the guest writes to the console, until it halts */
static u32 run_guest(struct vcpu *vcpu, char *text, size_t size)
{
	size_t len = 0;
	u32 reason;

	while ((reason = vcpu_run(vcpu)) == LODGE_EXIT_IO) {
		const struct lodge_run_io *io = &vcpu->run->io;

		ASSERT_EQ(io->port, CONSOLE);
		ASSERT_EQ(io->direction, LODGE_IO_OUT);
		ASSERT_LT(len, size - 1);
		text[len++] = ((char *)vcpu->run)[io->data_offset];
	}
	text[len] = 0;
	return reason;
}

TEST(hello)
{
	struct vm *vm = vm_create(LODGE_VM_DEBUG_PORTS);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_sregs s;
	char text[256];

	vm_load_blob(vm, GPA_CODE16, hello);
	vcpu_start_real(vcpu, 0, GPA_CODE16);
	EXPECT_EQ(run_guest(vcpu, text, sizeof(text)), (u32)LODGE_EXIT_HLT);
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		return;
	EXPECT_EQ(strcmp(text, "hello from a lodge guest, in real mode\n"
			 "and in 32-bit protected mode\nand in 64-bit mode\n"), 0);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.efer, (u64)(EFER_LME | EFER_LMA));
	diag("halted in 64-bit mode after %llu exits",
	     (unsigned long long)vcpu_stat(vcpu, LODGE_STAT_EXITS));
}
