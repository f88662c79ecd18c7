// SPDX-License-Identifier: GPL-2.0-only
/* VMCALL: number, arguments, result, privilege level, and the mode that cuts registers */
#include "vm.h"

static u64 hypercall(u64 nr, u64 b, u64 c, u64 d, u64 si, u64 di, u64 e)
{
	register u64 r8 asm("r8") = e;
	u64 ret;

	asm volatile("vmcall"
		     : "=a" (ret)
		     : "0" (nr), "b" (b), "c" (c), "d" (d), "S" (si), "D" (di), "r" (r8)
		     : "memory");
	return ret;
}

static void call_long(void)
{
	u64 r = hypercall(0x1122334455667788ull, 1, 2, 3, 4, 5, 0x8000000000000006ull);

	GUEST_ASSERT_EQ(r, 0xffffffffffffffdaull);
	GUEST_ASSERT_EQ(hypercall(7, 0, 0, 0, 0, 0, 0), 0);
}

TEST(in_64_bit_mode)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, call_long);
	struct lodge_run_hypercall *h = &vcpu->run->hypercall;
	int i;

	vcpu_exit(vcpu, LODGE_EXIT_HYPERCALL);
	EXPECT_EQ(h->nr, 0x1122334455667788ull);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(h->args[i], i + 1ull);
	EXPECT_EQ(h->args[5], 0x8000000000000006ull);
	EXPECT_EQ(h->cpl, 0u);
	EXPECT_EQ(h->longmode, 1u);
	h->ret = 0xffffffffffffffdaull;
	vcpu_exit(vcpu, LODGE_EXIT_HYPERCALL);
	EXPECT_EQ(h->nr, 7ull);
	EXPECT_EQ(h->ret, 0ull);	/* the default */
	vcpu_done(vcpu);
}

GUEST_BLOB(call32,
	".code32\n"
	"	mov	$0x89abcdef, %eax\n"
	"	mov	$0xfffffff1, %ebx\n"
	"	vmcall\n"
	"	out	%eax, $0x80\n"
);

TEST(in_32_bit_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_regs r;

	vm_load_blob(vm, GPA_CODE16, call32);
	vcpu_start_flat32(vcpu, GPA_CODE16);
	vcpu_get_regs(vcpu, &r);
	r.gpr[LODGE_RCX] = 0xdeadbeef00000002ull;	/* the upper half cannot be seen there */
	vcpu_set_regs(vcpu, &r);
	vcpu_exit(vcpu, LODGE_EXIT_HYPERCALL);
	EXPECT_EQ(vcpu->run->hypercall.nr, 0x89abcdefull);
	EXPECT_EQ(vcpu->run->hypercall.args[0], 0xfffffff1ull);
	EXPECT_EQ(vcpu->run->hypercall.args[1], 2ull);
	EXPECT_EQ(vcpu->run->hypercall.longmode, 0u);
	vcpu->run->hypercall.ret = 0x123456789ull;
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(*(u32 *)((u8 *)vcpu->run + vcpu->run->io.data_offset), 0x23456789u);
	vcpu_get_regs(vcpu, &r);
	EXPECT_EQ(r.gpr[LODGE_RAX], 0x23456789ull);
}

static void user_code(void)
{
	asm volatile("vmcall; hlt" : : "a" (99ull));
}

static void enter_user(void)
{
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)GPA_SCRATCH + 0x1000),
		     "i" (SEL_USER_CODE), "r" ((u64)user_code));
}

TEST(privilege_level)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, enter_user);

	vcpu_exit(vcpu, LODGE_EXIT_HYPERCALL);
	EXPECT_EQ(vcpu->run->hypercall.nr, 99ull);
	EXPECT_EQ(vcpu->run->hypercall.cpl, 3u);
}
