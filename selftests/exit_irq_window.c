// SPDX-License-Identifier: GPL-2.0-only
/* want_irq_window: the run ends as soon as an interrupt could be delivered, not before */
#include "vm.h"

static void open_and_close(void)
{
	cli();
	GUEST_SYNC(1);
	asm volatile("nop; sti; nop; nop; cli; nop");
	GUEST_SYNC(2);
	sti();
	GUEST_SYNC(3);
	for (;;)
		cpu_relax();
}

TEST(window)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, open_and_close);
	struct lodge_regs r;

	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->run->ready_for_irq, 0);
	EXPECT_EQ(vcpu->run->if_flag, 0);
	vcpu->run->want_irq_window = 1;
	vcpu_exit(vcpu, LODGE_EXIT_IRQ_WINDOW);
	EXPECT_EQ(vcpu->run->ready_for_irq, 1);
	EXPECT_EQ(vcpu->run->if_flag, 1);
	vcpu_get_regs(vcpu, &r);
	/* one instruction after STI has been executed, the second NOP is next */
	EXPECT_EQ(*(u8 *)(r.rip - 1), 0x90);
	EXPECT_EQ(*(u8 *)(r.rip - 2), 0xfb);
	EXPECT_EQ(*(u8 *)r.rip, 0x90);
	vcpu->run->want_irq_window = 0;
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->run->ready_for_irq, 0);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(vcpu->run->ready_for_irq, 1);
	/* open already: it ends at once */
	vcpu->run->want_irq_window = 1;
	vcpu_exit(vcpu, LODGE_EXIT_IRQ_WINDOW);
	vcpu_exit(vcpu, LODGE_EXIT_IRQ_WINDOW);
}

/* A user-space interrupt controller's way: window, then the interrupt */
static volatile u32 irqs;

static void on_irq(struct guest_frame *f)
{
	irqs++;
}

static void on_off(void)
{
	u32 i;

	cli();
	for (i = 0; i < 100; i++) {
		GUEST_SYNC2(1, irqs);
		sti();
		asm volatile("nop");
		cli();
	}
	GUEST_SYNC2(2, irqs);
}

TEST(interrupt_in_each_window)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, on_off);
	u32 i;

	vm_handler(vm, 0x33, on_irq);
	for (i = 0; i < 100; i++) {
		vcpu_sync(vcpu, 1);
		EXPECT_EQ(vcpu->arg[1], i);
		vcpu->run->want_irq_window = 1;
		vcpu_exit(vcpu, LODGE_EXIT_IRQ_WINDOW);
		vcpu->run->want_irq_window = 0;
		ASSERT_OK(vcpu_interrupt(vcpu, 0x33));
	}
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 100ull);
}
