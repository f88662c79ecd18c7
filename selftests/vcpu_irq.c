// SPDX-License-Identifier: GPL-2.0-only
/* External interrupts: held back by IF and shadows, highest vector first, none lost or twice */
#include "vm.h"

#define MAX	64

static volatile u32 order[MAX], nr;

static void on_irq(struct guest_frame *f)
{
	if (nr < MAX)
		order[nr] = f->vector;
	nr++;
}

static struct vm *handled(void)
{
	struct vm *vm = vm_create(0);
	int i;

	for (i = 16; i < 256; i++)
		vm_handler(vm, i, on_irq);
	return vm;
}

static void held_by_if(void)
{
	cli();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(nr, 0);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(nr, 0);
	sti();
	asm volatile("nop");
	GUEST_ASSERT_EQ(nr, 3);
	GUEST_ASSERT_EQ(order[0], 255);
	GUEST_ASSERT_EQ(order[1], 100);
	GUEST_ASSERT_EQ(order[2], 32);
}

TEST(order)
{
	struct vcpu *vcpu = vcpu_long(handled(), 0, held_by_if);

	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_interrupt(vcpu, 100));
	ASSERT_OK(vcpu_interrupt(vcpu, 32));
	ASSERT_OK(vcpu_interrupt(vcpu, 255));
	ASSERT_OK(vcpu_interrupt(vcpu, 100));	/* merges */
	EXPECT_EQ(vcpu->run->ready_for_irq, 0);
	vcpu_sync(vcpu, 2);
	vcpu_done(vcpu);
}

/* STI; X: X is executed before the interrupt. MOV SS; X: likewise */
static volatile u64 rax_at_irq;

static void on_shadowed(struct guest_frame *f)
{
	rax_at_irq = f->rax;
	nr++;
}

static void shadows(void)
{
	cli();
	GUEST_SYNC(1);
	asm volatile("xor %%eax, %%eax; sti; inc %%rax; inc %%rax; inc %%rax; cli" : : : "rax", "cc");
	GUEST_ASSERT_EQ(nr, 1);
	GUEST_ASSERT_EQ(rax_at_irq, 1);
	GUEST_SYNC(2);
	/* CPUID in the shadow exits; the shadow is over behind it */
	asm volatile("xor %%eax, %%eax; sti; cpuid; mov $7, %%eax; mov $8, %%eax; cli"
		     : : : "rax", "rbx", "rcx", "rdx", "cc");
	GUEST_ASSERT_EQ(nr, 2);
	GUEST_ASSERT(rax_at_irq != 7 && rax_at_irq != 8);
	GUEST_SYNC(3);
	asm volatile("mov %%ss, %%rcx; xor %%eax, %%eax; sti; nop;"
		     "mov %%rcx, %%ss; inc %%rax; cli" : : : "rax", "rcx", "cc");
	GUEST_ASSERT_EQ(nr, 3);
	/* before MOV SS or after the INC, not between */
	GUEST_DONE();
}

TEST(shadows)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, shadows);
	int i;

	vm_handler(vm, 0x44, on_shadowed);
	for (i = 1; i <= 3; i++) {
		vcpu_sync(vcpu, i);
		ASSERT_OK(vcpu_interrupt(vcpu, 0x44));
	}
	vcpu_done(vcpu);
}

/* Set from outside: the shadow lasts for one instruction, which is the first MOV */
static void one_more(void)
{
	sti();
	asm volatile("out %%al, $0x80; mov $1, %%eax; mov $2, %%eax; mov $3, %%eax" : : : "rax");
	GUEST_SYNC2(2, rax_at_irq);
}

static void shadow_from_outside(u32 flags)
{
	struct lodge_events e = { .flags = flags, .irr = { 0, 1ull << (0x44 - 64) } }, got;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, one_more);

	vm_handler(vm, 0x44, on_shadowed);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0x80);
	vcpu_set_events(vcpu, &e);
	vcpu_get_events(vcpu, &got);
	EXPECT_EQ(got.flags, flags);
	EXPECT_EQ(got.irr[1], e.irr[1]);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
	EXPECT_EQ(GUEST_VAR(vm, nr), 1u);
}

TEST(sti_shadow_from_outside)
{
	shadow_from_outside(LODGE_EVENT_STI_SHADOW);
}

TEST(ss_shadow_from_outside)
{
	shadow_from_outside(LODGE_EVENT_SS_SHADOW);
}

/* From another thread while the guest spins: each arrives, exactly once */
#define ROUNDS	500

static void spin(void)
{
	sti();
	while (nr < ROUNDS)
		cpu_relax();
	cli();
	GUEST_SYNC2(1, nr);
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, 1);
	return NULL;
}

TEST(into_a_loop)
{
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, spin);
	volatile u32 *seen = &GUEST_VAR(vm, nr);
	pthread_t t = thread_start(runner, vcpu);
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_OK(vcpu_interrupt(vcpu, 32 + i % 200));
		while (*seen <= i)
			sched_yield();
	}
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(vcpu->arg[1], (u64)ROUNDS);
}

/* How soon one arrives in a guest that never leaves by itself */
TEST(latency)
{
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, spin);
	volatile u32 *seen = &GUEST_VAR(vm, nr);
	u64 start, worst = 0;
	pthread_t t;
	u32 i;

	need_cpus(2);
	t = thread_start(runner, vcpu);
	for (i = 0; i < ROUNDS; i++) {
		start = now_ns();
		ASSERT_OK(vcpu_interrupt(vcpu, 0x60));
		while (*seen <= i)
			cpu_relax();
		if (now_ns() - start > worst)
			worst = now_ns() - start;
	}
	ASSERT_EQ(pthread_join(t, NULL), 0);
	diag("worst of %d: %llu us", ROUNDS, (unsigned long long)worst / 1000);
	/* a tick is 4 ms: it was a kick that brought them, not the next tick */
	EXPECT_LT(worst, 100000000ull);
}

/* TPR, which user space keeps, has no say over what LODGE_VCPU_INTERRUPT asks for */
static void with_tpr(void)
{
	write_cr8(15);
	sti();
	asm volatile("nop");
	GUEST_SYNC(1);
	GUEST_SYNC2(2, nr);
}

TEST(tpr_is_user_spaces)
{
	struct vcpu *vcpu = vcpu_long(handled(), 0, with_tpr);

	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->run->cr8, 15ull);
	ASSERT_OK(vcpu_interrupt(vcpu, 0x20));
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
}
