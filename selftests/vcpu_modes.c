// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that start in real, 32-bit and 64-bit mode, and one that goes through all
 * modes and back: real, protected, PAE paging, long, compatibility, real again.
 */
#include "vm.h"

#define REPORT	"out %al, $0x80\n"

GUEST_BLOB(real,
	".code16\n"
	"	mov	%cs, %ax\n"
	"	mov	%ax, %ds\n"
	"	call	1f\n"
	"1:	pop	%bx\n"
	"	mov	$0x1234, %cx\n"
	"	mov	%cx, %es:0x500\n"
	"	mov	$0x11, %al\n"
	"	int	$0x21\n"
	REPORT
	"	hlt\n"
);

/* The handler that the vector table names: doubles AL */
GUEST_BLOB(real_isr,
	".code16\n"
	"	add	%al, %al\n"
	"	iret\n"
);

TEST(real_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_regs r;
	struct lodge_sregs s;

	/* segment 0x0c00 has base 0xc000 */
	vm_load_blob(vm, GPA_CODE16, real);
	vm_load_blob(vm, 0x600, real_isr);
	*(u32 *)vm_ptr(vm, 0x21 * 4) = 0x00600000;
	vcpu_start_real(vcpu, GPA_CODE16 >> 4, 0);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(*((u8 *)vcpu->run + vcpu->run->io.data_offset), 0x22);
	EXPECT_EQ(*(u16 *)vm_ptr(vm, 0x500), 0x1234);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
	vcpu_get_regs(vcpu, &r);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(r.gpr[LODGE_RBX] & 0xffff, 7ull);	/* IP, not the linear address */
	EXPECT_EQ(s.seg[LODGE_DS].base, (u64)GPA_CODE16);
	EXPECT_EQ(s.seg[LODGE_DS].selector, GPA_CODE16 >> 4);
}

/* The state after RESET, untouched: execution starts 16 bytes below 4 GiB */
GUEST_BLOB(vector,
	".code16\n"
	"	mov	%cs, %ax\n"
	"	mov	$0x80, %dx\n"
	"	out	%ax, %dx\n"
	"	hlt\n"
);

TEST(reset_vector)
{
	static u8 rom[4096] __attribute__((aligned(4096)));
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	memcpy(rom + 0xff0, vector_start, vector_end - vector_start);
	vm_slot(vm, 1, LODGE_SLOT_READONLY, 0xfffff000, sizeof(rom), rom);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(*(u16 *)((u8 *)vcpu->run + vcpu->run->io.data_offset), 0xf000);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
}

GUEST_BLOB(flat,
	".code32\n"
	"	mov	$0x12345678, %eax\n"
	"	push	%eax\n"
	"	mov	$0x300000, %ebx\n"
	"	pop	(%ebx)\n"
	"	mov	%eax, 4(%ebx)\n"
	"	out	%eax, $0x80\n"
	"	hlt\n"
);

TEST(flat_32_bit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_load_blob(vm, GPA_CODE16, flat);
	vcpu_start_flat32(vcpu, GPA_CODE16);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.width, 4);
	EXPECT_EQ(*(u64 *)vm_ptr(vm, GPA_SCRATCH), 0x1234567812345678ull);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
}

static void start_paging32(struct vcpu *vcpu, u64 cr3, u64 cr4)
{
	struct lodge_sregs s;

	vcpu_start_flat32(vcpu, GPA_CODE16);
	vcpu_get_sregs(vcpu, &s);
	s.cr0 |= CR0_PG;
	s.cr3 = cr3;
	s.cr4 = cr4;
	vcpu_set_sregs(vcpu, &s);
}

TEST(paging_32_bit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_load_blob(vm, GPA_CODE16, flat);
	/* linear 0x300000 to physical 0xb00000: the first 4 MiB lie 8 MiB higher */
	memcpy(vm_ptr(vm, 0x800000), vm->mem, 0x400000);
	*(u32 *)vm_ptr(vm, GPA_PD32) += 0x800000;
	start_paging32(vcpu, GPA_PD32, CR4_PSE);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(*(u64 *)vm_ptr(vm, 0xb00000), 0x1234567812345678ull);
	EXPECT_EQ(*(u64 *)vm_ptr(vm, GPA_SCRATCH), 0ull);
}

TEST(paging_pae)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_load_blob(vm, GPA_CODE16, flat);
	start_paging32(vcpu, GPA_PDPT32, CR4_PAE);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(*(u64 *)vm_ptr(vm, GPA_SCRATCH), 0x1234567812345678ull);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
}

/* EDI counts the modes; 0xc000 is GPA_CODE16 */
#define AT(label)	"0xc000 + " #label " - tour_start"
GUEST_BLOB(tour,
	".code16\n"
	"	mov	$1, %ax\n"
	REPORT
	"	lgdtl	" AT(tour_gdtr) "\n"
	"	mov	%cr0, %eax\n"
	"	or	$1, %al\n"
	"	mov	%eax, %cr0\n"
	"	ljmpl	$0x40, $(" AT(tour_flat) ")\n"
	".code32\n"
	"tour_flat:\n"
	"	mov	$0x10, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	%ax, %es\n"
	"	mov	%ax, %ss\n"
	"	mov	$2, %al\n"
	REPORT
	/* PAE paging */
	"	mov	$0x20, %eax\n"
	"	mov	%eax, %cr4\n"
	"	mov	$0x7000, %eax\n"
	"	mov	%eax, %cr3\n"
	"	mov	%cr0, %eax\n"
	"	or	$0x80000000, %eax\n"
	"	mov	%eax, %cr0\n"
	"	mov	$3, %al\n"
	REPORT
	/* paging off, long mode on */
	"	mov	%cr0, %eax\n"
	"	and	$0x7fffffff, %eax\n"
	"	mov	%eax, %cr0\n"
	"	mov	$0x1000, %eax\n"
	"	mov	%eax, %cr3\n"
	"	mov	$0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	or	$0x100, %eax\n"
	"	wrmsr\n"
	"	mov	%cr0, %eax\n"
	"	or	$0x80000000, %eax\n"
	"	mov	%eax, %cr0\n"
	"	mov	$4, %al\n"			/* compatibility mode */
	REPORT
	"	ljmp	$0x08, $(" AT(tour_long) ")\n"
	".code64\n"
	"tour_long:\n"
	"	mov	$0x1234567800000005, %rax\n"
	"	mov	%rax, 0x300000\n"
	REPORT
	/* back: compatibility, paging and LME off */
	"	ljmpl	*tour_back(%rip)\n"
	"tour_back:\n"
	"	.long	" AT(tour_compat) "\n"
	"	.word	0x40\n"
	".code32\n"
	"tour_compat:\n"
	"	mov	$6, %al\n"
	REPORT
	"	mov	%cr0, %eax\n"
	"	and	$0x7fffffff, %eax\n"
	"	mov	%eax, %cr0\n"
	"	mov	$0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	and	$0xfffffeff, %eax\n"
	"	wrmsr\n"
	"	xor	%eax, %eax\n"
	"	mov	%eax, %cr4\n"
	"	mov	$7, %al\n"
	REPORT
	/* 16-bit protected mode, then real mode */
	"	ljmp	$0x48, $(" AT(tour_16) ")\n"
	".code16\n"
	"tour_16:\n"
	"	mov	$0x50, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	%ax, %es\n"
	"	mov	%ax, %ss\n"
	"	mov	$8, %al\n"
	REPORT
	"	mov	%cr0, %eax\n"
	"	and	$0xfffffffe, %eax\n"
	"	mov	%eax, %cr0\n"
	"	ljmp	$0, $(" AT(tour_real) ")\n"
	"tour_real:\n"
	"	xor	%ax, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	%ax, %ss\n"
	"	mov	$9, %al\n"
	REPORT
	"	hlt\n"
	"tour_gdtr:\n"
	"	.word	0x57\n"
	"	.long	0x10000\n"			/* GPA_DESC */
);

TEST(through_all_modes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_sregs s;
	int i;

	vm_load_blob(vm, GPA_CODE16, tour);
	vcpu_start_real(vcpu, 0, GPA_CODE16);
	for (i = 1; i <= 9; i++) {
		vcpu_exit(vcpu, LODGE_EXIT_IO);
		EXPECT_EQ(*((u8 *)vcpu->run + vcpu->run->io.data_offset), i);
		vcpu_get_sregs(vcpu, &s);
		EXPECT_EQ(!!(s.cr0 & CR0_PE), i > 1 && i < 9);
		EXPECT_EQ(!!(s.cr0 & CR0_PG), i >= 3 && i <= 6);
		EXPECT_EQ(!!(s.efer & EFER_LMA), i >= 4 && i <= 6);
		EXPECT_EQ(!!(s.seg[LODGE_CS].attr & LODGE_SEG_L), i == 5);
	}
	EXPECT_EQ(*(u64 *)vm_ptr(vm, GPA_SCRATCH), 0x1234567800000005ull);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
}

/* The same guest many times: a mode change must not depend on what was before */
TEST(through_all_modes_again)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	int i, n;

	vm_load_blob(vm, GPA_CODE16, tour);
	for (n = 0; n < 20; n++) {
		vcpu_start_real(vcpu, 0, GPA_CODE16);
		for (i = 1; i <= 9; i++)
			vcpu_exit(vcpu, LODGE_EXIT_IO);
		vcpu_exit(vcpu, LODGE_EXIT_HLT);
	}
}

static void count_up(void)
{
	volatile u64 *p = (u64 *)GPA_SCRATCH;
	int i;

	for (i = 0; i < 1000; i++)
		*p += i;
	GUEST_ASSERT_EQ(read_cr3(), GPA_PML4);
	GUEST_SYNC2(7, *p);
}

TEST(long_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, count_up);

	vcpu_sync(vcpu, 7);
	EXPECT_EQ(vcpu->arg[1], 499500ull);
	vcpu_done(vcpu);	/* the function has returned */
}
