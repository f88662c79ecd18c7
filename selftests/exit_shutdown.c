// SPDX-License-Identifier: GPL-2.0-only
/* Triple faults: the run ends with a shutdown, in every mode, and again if run on */
#include "vm.h"

static void fault_without_idt(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idtr = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m" (idtr));
}

TEST(long_mode)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fault_without_idt);

	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
}

/* A stack that is not there, and no IST: the #DF cannot be delivered either */
static void bad_stack(void)
{
	asm volatile("mov $0x8000000000, %rsp; push %rax");
}

TEST(no_stack)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, bad_stack);

	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
}

/* With an IST stack for #DF the guest survives the same */
static void on_df(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->error, 0);
	GUEST_SYNC(8);
}

extern const char guest_stubs[];

TEST(double_fault_on_ist)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, bad_stack);

	vm_handler(vm, X_DF, on_df);
	vm_gate(vm, X_DF, (u64)guest_stubs + 16 * X_DF, 14, 1);
	vcpu_sync(vcpu, 8);
}

GUEST_BLOB(real,
	".code16\n"
	"	lidtl	%cs:(0xc000 + 1f - real_start)\n"
	"	int	$0x10\n"
	"1:	.word	0\n"
	"	.long	0\n"
);

TEST(real_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_load_blob(vm, GPA_CODE16, real);
	vcpu_start_real(vcpu, 0, GPA_CODE16);
	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
}

/* After a shutdown a vCPU can be set up anew */
static void fine(void)
{
	GUEST_SYNC(3);
}

TEST(usable_again)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fault_without_idt);

	vcpu_exit(vcpu, LODGE_EXIT_SHUTDOWN);
	vcpu_start_long(vcpu, fine);
	vcpu_sync(vcpu, 3);
}
