// SPDX-License-Identifier: GPL-2.0-only
/* Port accesses that user space answers: widths, directions, registers around them */
#include "vm.h"

static void *data(struct vcpu *vcpu)
{
	return (u8 *)vcpu->run + vcpu->run->io.data_offset;
}

static void expect_io(struct vcpu *vcpu, u16 port, u8 width, u8 direction)
{
	const struct lodge_run_io *io = &vcpu->run->io;

	vcpu_exit(vcpu, LODGE_EXIT_IO);
	ASSERT_EQ(io->port, port);
	EXPECT_EQ(io->width, width);
	EXPECT_EQ(io->direction, direction);
	EXPECT_EQ(io->count, 1u);
	ASSERT_GE(io->data_offset, (u32)sizeof(struct lodge_run));
	ASSERT_LE(io->data_offset + width, (u32)vcpu->run_size);
}

static void out_all(void)
{
	outb(0x80, 0x12);
	outw(0x1234, 0x3456);
	outl(0xfffc, 0x789abcde);
	outb(0x0, 0x01);
	outb(0xffff, 0xff);
	GUEST_DONE();
}

TEST(out)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, out_all);

	expect_io(vcpu, 0x80, 1, LODGE_IO_OUT);
	EXPECT_EQ(*(u8 *)data(vcpu), 0x12);
	expect_io(vcpu, 0x1234, 2, LODGE_IO_OUT);
	EXPECT_EQ(*(u16 *)data(vcpu), 0x3456);
	expect_io(vcpu, 0xfffc, 4, LODGE_IO_OUT);
	EXPECT_EQ(*(u32 *)data(vcpu), 0x789abcdeu);
	expect_io(vcpu, 0, 1, LODGE_IO_OUT);
	expect_io(vcpu, 0xffff, 1, LODGE_IO_OUT);
	vcpu_done(vcpu);
}

/* An access changes as much of RAX as the processor would: AL, AX, or all of it with EAX */
static void in_all(void)
{
	u64 v;

	v = 0x1111111111111111ull;
	asm volatile("inb $0x60, %%al" : "+a" (v));
	GUEST_ASSERT_EQ(v, 0x11111111111111a5ull);
	v = 0x1111111111111111ull;
	asm volatile("inw %%dx, %%ax" : "+a" (v) : "d" (0x1f0));
	GUEST_ASSERT_EQ(v, 0x111111111111a5b6ull);
	v = 0x1111111111111111ull;
	asm volatile("inl %%dx, %%eax" : "+a" (v) : "d" (0xcfc));
	GUEST_ASSERT_EQ(v, 0xa5b6c7d8ull);
	GUEST_DONE();
}

TEST(in)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, in_all);

	expect_io(vcpu, 0x60, 1, LODGE_IO_IN);
	*(u8 *)data(vcpu) = 0xa5;
	expect_io(vcpu, 0x1f0, 2, LODGE_IO_IN);
	*(u16 *)data(vcpu) = 0xa5b6;
	expect_io(vcpu, 0xcfc, 4, LODGE_IO_IN);
	*(u32 *)data(vcpu) = 0xa5b6c7d8;
	vcpu_done(vcpu);
}

/* Nothing but RAX and RIP changes, neither flags nor other registers */
extern void keep_regs(void);
asm(".pushsection .text\n"
    "keep_regs:\n"
    "	in $0x61, %al\n"
    "	out %al, $0x62\n"
    "	hlt\n"
    ".popsection\n");

TEST(other_registers)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, keep_regs);
	struct lodge_regs a, b;
	unsigned int i;

	vcpu_get_regs(vcpu, &a);
	for (i = 0; i < LODGE_NR_GPRS; i++)
		a.gpr[i] = 0x1111111111111111ull * (i & 7) + i;
	a.rflags = 0x8d7;
	a.rip = (u64)keep_regs;
	vcpu_set_regs(vcpu, &a);
	expect_io(vcpu, 0x61, 1, LODGE_IO_IN);
	*(u8 *)data(vcpu) = 0x77;
	expect_io(vcpu, 0x62, 1, LODGE_IO_OUT);
	EXPECT_EQ(*(u8 *)data(vcpu), 0x77);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
	vcpu_get_regs(vcpu, &b);
	a.gpr[LODGE_RAX] = (a.gpr[LODGE_RAX] & ~0xffull) | 0x77;
	a.rip += 5;
	EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0);
}

/* User space may give an IN's bytes only through the run area: unanswered is what was there */
static void many(void)
{
	u32 i;

	for (i = 0; i < 200; i++) {
		outl(0x500, i);
		GUEST_ASSERT_EQ(inl(0x504), i * 3);
	}
}

TEST(many_in_turn)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, many);
	u32 i;

	for (i = 0; i < 200; i++) {
		expect_io(vcpu, 0x500, 4, LODGE_IO_OUT);
		ASSERT_EQ(*(u32 *)data(vcpu), i);
		expect_io(vcpu, 0x504, 4, LODGE_IO_IN);
		*(u32 *)data(vcpu) = i * 3;
	}
	vcpu_done(vcpu);
	EXPECT_GE(vcpu_stat(vcpu, LODGE_STAT_IO_USER), 400ull);
}

/* Ring 3 may use ports only as IOPL and the TSS's bitmap let it */
static volatile u32 user_result;

static void user_code(void)
{
	asm volatile("inb $0x70, %%al" : : : "rax");
}

static void on_gp(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->cs & 3, 3);
	GUEST_ASSERT_EQ(f->error, 0);
	user_result = 1;
	GUEST_DONE();
}

static void enter_user(void)
{
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)GPA_SCRATCH + 0x1000),
		     "i" (SEL_USER_CODE), "r" ((u64)user_code));
}

TEST(ring_3_may_not)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, enter_user);

	vm_handler(vm, X_GP, on_gp);
	vcpu_done(vcpu);
	EXPECT_EQ(GUEST_VAR(vm, user_result), 1u);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_IO_USER), 1ull);	/* the ucall */
}
