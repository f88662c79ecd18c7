// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events whose delivery runs into memory that is not mapped yet in the nested page
 * tables: the IDT, the stack, the TSS.  The exit comes in the middle of the delivery,
 * which must be done again, once.
 */
#include <sys/mman.h>

#include "vm.h"

#define ROUNDS	60

static volatile u32 irqs, nmis, traps, ints, breaks;

static void on_irq(struct guest_frame *f)
{
	irqs++;
}

static void on_nmi(struct guest_frame *f)
{
	nmis++;
}

static void on_ud(struct guest_frame *f)
{
	traps++;
	f->rip += 2;
}

static void on_int(struct guest_frame *f)
{
	ints++;
}

static void on_bp(struct guest_frame *f)
{
	breaks++;
}

static void all_kinds(void)
{
	u32 i;

	for (i = 1; i <= ROUNDS; i++) {
		sti();
		GUEST_SYNC(i);			/* the test takes pages away, sends an event */
		asm volatile("nop; nop");
		GUEST_ASSERT_EQ(irqs, i);
		GUEST_ASSERT_EQ(nmis, i);
		cli();
		GUEST_SYNC(1000 + i);
		asm volatile("ud2");
		GUEST_ASSERT_EQ(traps, i);
		GUEST_SYNC(2000 + i);
		asm volatile("int $0x50");
		GUEST_ASSERT_EQ(ints, i);
		GUEST_SYNC(3000 + i);
		asm volatile("int3");
		GUEST_ASSERT_EQ(breaks, i);
	}
	GUEST_DONE();
}

/*
 * Take a page out of the nested page tables, its contents kept: they are moved to
 * other host memory and back.
 */
static void unmap(struct vm *vm, u64 gpa, u64 len)
{
	static u8 keep[0x10000];
	void *p = vm_ptr(vm, gpa);

	ASSERT_LE(len, (u64)sizeof(keep));
	memcpy(keep, p, len);
	ASSERT_OK(madvise(p, len, MADV_DONTNEED));
	memcpy(p, keep, len);
}

static void unmap_all(struct vm *vm)
{
	unmap(vm, GPA_IDT, 0x1000);
	unmap(vm, GPA_DESC, 0x1000);
	unmap(vm, GPA_STACK, STACK_SIZE);
}

static struct vm *handled(void)
{
	struct vm *vm = vm_create(0);

	vm_handler(vm, 0x44, on_irq);
	vm_handler(vm, X_NMI, on_nmi);
	vm_handler(vm, X_UD, on_ud);
	vm_handler(vm, 0x50, on_int);
	vm_handler(vm, X_BP, on_bp);
	return vm;
}

TEST(each_once)
{
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, all_kinds);
	u64 faults;
	u32 i;

	/* small pages, so that only what is taken away faults */
	madvise(vm->mem, vm->size, MADV_NOHUGEPAGE);
	for (i = 1; i <= ROUNDS; i++) {
		vcpu_sync(vcpu, i);
		unmap_all(vm);
		ASSERT_OK(vcpu_interrupt(vcpu, 0x44));
		ASSERT_OK(vcpu_nmi(vcpu));
		faults = vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS);
		vcpu_sync(vcpu, 1000 + i);
		EXPECT_GT(vcpu_stat(vcpu, LODGE_STAT_EPT_FAULTS), faults);
		unmap_all(vm);
		vcpu_sync(vcpu, 2000 + i);
		unmap_all(vm);
		vcpu_sync(vcpu, 3000 + i);
		unmap_all(vm);
	}
	vcpu_done(vcpu);
}

/* The same for what user space injects, with its error code */
static volatile u64 error;

static void on_gp(struct guest_frame *f)
{
	error = f->error;
	traps++;
}

static void idle(void)
{
	u64 i;

	for (i = 1;; i++)
		GUEST_SYNC2(i, traps);
}

TEST(injected_exception)
{
	struct lodge_events e = {
		.flags = LODGE_EVENT_EXCEPTION | LODGE_EVENT_ERROR_CODE, .vector = X_GP,
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	u32 i;

	vm_handler(vm, X_GP, on_gp);
	vcpu_sync(vcpu, 1);
	for (i = 1; i <= ROUNDS; i++) {
		e.error_code = 8 * i;
		vcpu_set_events(vcpu, &e);
		unmap_all(vm);
		vcpu_sync(vcpu, i + 1);
		EXPECT_EQ(vcpu->arg[1], (u64)i);
		EXPECT_EQ(GUEST_VAR(vm, error), 8ull * i);
	}
}

/* A signal between the interrupted delivery and its repetition */
TEST(with_immediate_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	u32 i;

	vm_handler(vm, X_NMI, on_nmi);
	vcpu_sync(vcpu, 1);
	for (i = 1; i <= ROUNDS; i++) {
		ASSERT_OK(vcpu_nmi(vcpu));
		unmap_all(vm);
		vcpu->run->immediate_exit = 1;
		EXPECT_ERRNO(vcpu_run_try(vcpu), EINTR);
		vcpu->run->immediate_exit = 0;
		vcpu_sync(vcpu, i + 1);
	}
	EXPECT_EQ(GUEST_VAR(vm, nmis), (u32)ROUNDS);
}

/* Delivery through memory that no slot backs: reported, not repeated for ever */
TEST(stack_outside_all_slots)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	struct lodge_regs r;
	u32 reason;

	vcpu_sync(vcpu, 1);
	vcpu_get_regs(vcpu, &r);
	r.gpr[LODGE_RSP] = 0x30000000;
	vcpu_set_regs(vcpu, &r);
	ASSERT_OK(vcpu_nmi(vcpu));
	reason = vcpu_run_exit(vcpu);
	diag("exit %s", exit_name(reason));
	EXPECT_TRUE(reason == LODGE_EXIT_INTERNAL || reason == LODGE_EXIT_MMIO ||
		    reason == LODGE_EXIT_SHUTDOWN);
}
