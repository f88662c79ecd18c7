// SPDX-License-Identifier: GPL-2.0-only
/* HLT that leaves to user space: state after it, waking it from there */
#include "vm.h"

static volatile u32 irqs;

static void on_irq(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->vector, 0x40);
	irqs++;
}

static void halts(void)
{
	asm volatile("cli; hlt");
	GUEST_SYNC(1);
	safe_halt();
	GUEST_SYNC2(2, irqs);
}

static u32 mp(struct vcpu *vcpu)
{
	struct lodge_mp m;

	vcpu_get_mp(vcpu, &m);
	return m.state;
}

TEST(to_user)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, halts);
	struct lodge_regs b;

	vm_handler(vm, 0x40, on_irq);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
	vcpu_get_regs(vcpu, &b);
	EXPECT_EQ(*(u8 *)(b.rip - 1), 0xf4);	/* RIP is behind the HLT */
	EXPECT_EQ(mp(vcpu), (u32)LODGE_MP_HALTED);
	EXPECT_EQ(vcpu->run->if_flag, 0);
	EXPECT_EQ(vcpu->run->ready_for_irq, 0);
	/* to run on is user space's decision */
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(mp(vcpu), (u32)LODGE_MP_RUNNABLE);
	vcpu_exit(vcpu, LODGE_EXIT_HLT);
	EXPECT_EQ(vcpu->run->if_flag, 1);
	EXPECT_EQ(vcpu->run->ready_for_irq, 1);
	ASSERT_OK(vcpu_interrupt(vcpu, 0x40));
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_HLT), 2ull);
}

/* An interrupt that waits already: HLT after STI must still not be lost */
static void halt_with_pending(void)
{
	GUEST_SYNC(1);
	safe_halt();
	GUEST_SYNC2(2, irqs);
}

TEST(pending_before_halt)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, halt_with_pending);

	vm_handler(vm, 0x40, on_irq);
	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_interrupt(vcpu, 0x40));
	/* the STI's shadow covers the HLT; what comes first is an exit or the handler */
	if (vcpu_run_exit(vcpu) == LODGE_EXIT_HLT)
		vcpu_run_exit(vcpu);
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(vcpu->arg[0], 2ull);
	EXPECT_EQ(vcpu->arg[1], 1ull);
}
