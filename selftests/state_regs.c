// SPDX-License-Identifier: GPL-2.0-only
/* General registers: what is set is what the guest has, and what it leaves is what is read */
#include "vm.h"

/* Adds 1 to every register that it can without flags, then exits */
extern void bump_all(void);
asm(".pushsection .text\n"
    "bump_all:\n"
    ".irp r, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15\n"
    "	lea 1(%\\r), %\\r\n"
    ".endr\n"
    "	out %al, $0x80\n"
    ".popsection\n");

static void fill(struct lodge_regs *r)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < LODGE_NR_GPRS; i++)
		r->gpr[i] = 0x0101010101010101ull * (i + 0x11);
	r->rip = (u64)bump_all;
	r->rflags = 0x2 | 0x8d5;	/* CF PF AF ZF SF OF */
}

TEST(round_trip)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_regs a, b;

	fill(&a);
	vcpu_set_regs(vcpu, &a);
	vcpu_get_regs(vcpu, &b);
	EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0);
	a.rflags = 0;
	vcpu_set_regs(vcpu, &a);
	vcpu_get_regs(vcpu, &b);
	EXPECT_EQ(b.rflags, 2ull);
}

TEST(guest_has_them)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, bump_all);
	struct lodge_regs a, b;
	unsigned int i;

	fill(&a);
	vcpu_set_regs(vcpu, &a);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0x80);
	vcpu_get_regs(vcpu, &b);
	for (i = 0; i < LODGE_NR_GPRS; i++)
		EXPECT_EQ(b.gpr[i], a.gpr[i] + 1);
	EXPECT_EQ(b.rflags & 0xffff, a.rflags);
	/* the OUT itself is done: RIP is behind it */
	EXPECT_EQ(b.rip, a.rip + 16 * 4 + 2 + 2);	/* RSP and R12 want a SIB byte */
}

TEST(reset_values)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct lodge_regs r;
	unsigned int i;
	u32 eax = 1, ebx, ecx, edx;

	vcpu_get_regs(vcpu, &r);
	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "=c" (ecx), "=d" (edx));
	EXPECT_EQ(r.rip, 0xfff0ull);
	EXPECT_EQ(r.rflags, 2ull);
	for (i = 0; i < LODGE_NR_GPRS; i++) {
		/* SDM Vol 3A, table 10-1: EDX holds the processor's signature */
		if (i == LODGE_RDX)
			EXPECT_TRUE(r.gpr[i] == eax || r.gpr[i] == 0x600);
		else
			EXPECT_EQ(r.gpr[i], 0ull);
	}
}

TEST(refuses_reserved)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, bump_all);
	struct lodge_regs r;

	fill(&r);
	r.pad = 1;
	EXPECT_ERRNO(vcpu_try_set_regs(vcpu, &r), EINVAL);
}
