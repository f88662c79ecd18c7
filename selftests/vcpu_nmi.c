// SPDX-License-Identifier: GPL-2.0-only
/* NMIs for the guest: delivered in spite of IF, blocked until IRET, one waits for that */
#include "vm.h"

static volatile u32 nmis, depth, max_depth;

static void on_nmi(struct guest_frame *f)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	nmis++;
	GUEST_SYNC(100 + nmis);
	depth--;
}

static void idle(void)
{
	u64 i;

	cli();
	for (i = 1;; i++)
		GUEST_SYNC2(i, nmis);
}

static struct vcpu *start(void (*fn)(void))
{
	struct vm *vm = vm_create(0);

	vm_handler(vm, X_NMI, on_nmi);
	return vcpu_long(vm, 0, fn);
}

TEST(in_spite_of_if)
{
	struct vcpu *vcpu = start(idle);

	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_sync(vcpu, 101);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(vcpu->arg[1], 1ull);
}

/* One that comes in the handler waits for its IRET; more merge with it */
TEST(blocked_until_iret)
{
	struct vcpu *vcpu = start(idle);
	struct lodge_events e;
	int i;

	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_sync(vcpu, 101);
	vcpu_get_events(vcpu, &e);
	EXPECT_EQ(e.flags, (u32)LODGE_EVENT_NMI_BLOCKED);
	for (i = 0; i < 5; i++)
		ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_get_events(vcpu, &e);
	EXPECT_EQ(e.flags, (u32)(LODGE_EVENT_NMI_BLOCKED | LODGE_EVENT_NMI_PENDING));
	vcpu_sync(vcpu, 102);
	while (vcpu_ucall(vcpu) == UCALL_SYNC && vcpu->arg[0] > 100)
		;
	EXPECT_EQ(GUEST_VAR(vcpu->vm, max_depth), 1u);
	/* the one in the handler, and one for the five more */
	EXPECT_EQ(vcpu->arg[1], 2ull);
	vcpu_get_events(vcpu, &e);
	EXPECT_EQ(e.flags, 0u);
}

/* Blocking that user space sets holds an NMI back; clearing it lets it through */
TEST(blocking_from_outside)
{
	struct vcpu *vcpu = start(idle);
	struct lodge_events e = { .flags = LODGE_EVENT_NMI_BLOCKED | LODGE_EVENT_NMI_PENDING };

	vcpu_sync(vcpu, 1);
	vcpu_set_events(vcpu, &e);
	vcpu_sync(vcpu, 2);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(vcpu->arg[1], 0ull);
	e.flags = LODGE_EVENT_NMI_PENDING;
	vcpu_set_events(vcpu, &e);
	vcpu_sync(vcpu, 101);
	vcpu_sync(vcpu, 4);
}

/* An IRET that faults has not unblocked; the one that succeeds has */
static volatile u32 faults;

static void on_gp(struct guest_frame *f)
{
	u64 *wanted = (u64 *)f->rsp;		/* what the IRET was to take */

	faults++;
	GUEST_SYNC(200);
	f->rip = wanted[0];
	f->rflags = wanted[2];
	f->rsp = wanted[3];
}

static void bad_iret(struct guest_frame *f)
{
	nmis++;
	GUEST_SYNC(100 + nmis);
	f->cs = 0x1000;				/* beyond the GDT */
}

TEST(iret_that_faults)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);

	vm_handler(vm, X_NMI, bad_iret);
	vm_handler(vm, X_GP, on_gp);
	vcpu_sync(vcpu, 1);
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_sync(vcpu, 101);
	vcpu_sync(vcpu, 200);
	EXPECT_EQ(GUEST_VAR(vm, faults), 1u);
	/* the #GP handler's own IRET has unblocked: the next one comes at once */
	vcpu_sync(vcpu, 2);
	ASSERT_OK(vcpu_nmi(vcpu));
	vcpu_sync(vcpu, 102);
}

/* In an endless loop, from another thread, many times */

static void count_only(struct guest_frame *f)
{
	nmis++;
}

static void spin(void)
{
	while (nmis < 300)
		cpu_relax();
	GUEST_SYNC2(1, nmis);
}

static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_sync(vcpu, 1);
	return NULL;
}

TEST(into_a_loop)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, spin);
	volatile u32 *seen = &GUEST_VAR(vm, nmis);
	pthread_t t;
	u32 i;

	vm_handler(vm, X_NMI, count_only);
	t = thread_start(runner, vcpu);
	for (i = 0; i < 300; i++) {
		ASSERT_OK(vcpu_nmi(vcpu));
		while (*seen <= i)
			sched_yield();
	}
	ASSERT_EQ(pthread_join(t, NULL), 0);
	EXPECT_EQ(vcpu->arg[1], 300ull);
}

/* STI's shadow does not delay an NMI for ever, and none comes in MOV SS's shadow */
static void shadows(void)
{
	u64 ss = SEL_DATA;

	cli();
	GUEST_SYNC(1);
	asm volatile("sti; nop; cli");
	GUEST_SYNC2(2, nmis);
	asm volatile("mov %0, %%ss; out %%al, $0x80; nop" : : "r" (ss));
	GUEST_SYNC2(3, nmis);
}

TEST(in_shadows)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, shadows);
	struct lodge_events e = {
		.flags = LODGE_EVENT_NMI_PENDING | LODGE_EVENT_SS_SHADOW,
	};

	vm_handler(vm, X_NMI, count_only);
	vcpu_sync(vcpu, 1);
	vcpu_set_events(vcpu, &e);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	vcpu_sync(vcpu, 3);
	EXPECT_EQ(vcpu->arg[1], 1ull);
}
