// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions: the guest's own, and those that user space injects, with all that is pushed */
#include "vm.h"

static volatile u64 seen_vector, seen_error, seen_rip, seen_cr2, seen_flags;
static volatile u32 count;

static void on_any(struct guest_frame *f)
{
	seen_vector = f->vector;
	seen_error = f->error;
	seen_rip = f->rip;
	seen_flags = f->rflags;
	seen_cr2 = read_cr2();
	count++;
	GUEST_SYNC(100 + f->vector);
}

static void idle(void)
{
	u64 i;

	for (i = 1;; i++)
		GUEST_SYNC(i);
}

static struct vm *handled(void)
{
	struct vm *vm = vm_create(0);
	int i;

	for (i = 0; i < 32; i++)
		vm_handler(vm, i, on_any);
	return vm;
}

static void inject(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct lodge_events e = {
		.flags = LODGE_EVENT_EXCEPTION | (has_error ? LODGE_EVENT_ERROR_CODE : 0),
		.vector = vector, .error_code = error,
	};

	vcpu_set_events(vcpu, &e);
}

TEST(injected)
{
	static const u8 without[] = { X_DE, X_OF, X_BR, X_UD, X_NM, X_MF, X_XM };
	static const u8 with[] = { X_TS, X_NP, X_SS, X_GP, X_PF };
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	struct lodge_events e;
	struct lodge_regs r;
	u64 next = 1;
	unsigned int i;

	for (i = 0; i < sizeof(without) + sizeof(with); i++) {
		bool has_error = i >= sizeof(without);
		u8 vector = has_error ? with[i - sizeof(without)] : without[i];

		vcpu_sync(vcpu, next++);
		vcpu_get_regs(vcpu, &r);
		inject(vcpu, vector, has_error, has_error ? 0x28 + 8 * i : 0);
		vcpu_sync(vcpu, 100 + vector);
		EXPECT_EQ(GUEST_VAR(vm, seen_vector), (u64)vector);
		EXPECT_EQ(GUEST_VAR(vm, seen_error), has_error ? 0x28ull + 8 * i : 0);
		EXPECT_EQ(GUEST_VAR(vm, seen_rip), r.rip);
		vcpu_get_events(vcpu, &e);
		EXPECT_EQ(e.flags, 0u);			/* delivered once */
	}
	vcpu_sync(vcpu, next);
	EXPECT_EQ(GUEST_VAR(vm, count), i);
}

TEST(page_fault_with_cr2)
{
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);
	struct lodge_sregs s;

	vcpu_sync(vcpu, 1);
	vcpu_get_sregs(vcpu, &s);
	s.cr2 = 0xdeadbeef000ull;
	vcpu_set_sregs(vcpu, &s);
	inject(vcpu, X_PF, true, 6);
	vcpu_sync(vcpu, 100 + X_PF);
	EXPECT_EQ(GUEST_VAR(vm, seen_error), 6ull);
	EXPECT_EQ(GUEST_VAR(vm, seen_cr2), 0xdeadbeef000ull);
}

/* In real mode no error code is pushed, whatever user space says */
GUEST_BLOB(real,
	".code16\n"
	"	mov	$0x5555, %ax\n"
	"	push	%ax\n"
	"	out	%al, $0x80\n"
	"	hlt\n"
);

GUEST_BLOB(real_gp,
	".code16\n"
	"	add	$6, %sp\n"		/* IP, CS, FLAGS */
	"	pop	%ax\n"
	"	out	%ax, $0x81\n"
);

TEST(real_mode_pushes_no_error)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vm_load_blob(vm, GPA_CODE16, real);
	vm_load_blob(vm, 0x700, real_gp);
	*(u32 *)vm_ptr(vm, X_GP * 4) = 0x700;
	vcpu_start_real(vcpu, 0, GPA_CODE16);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	inject(vcpu, X_GP, true, 0x18);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0x81);
	EXPECT_EQ(*(u16 *)((u8 *)vcpu->run + vcpu->run->io.data_offset), 0x5555);
}

/* What the guest raises itself does not leave it */
static void raise_all(void)
{
	volatile u64 *hole = (u64 *)0x8000000000ull;	/* beyond the page tables */
	u64 v = 0;

	GUEST_ASSERT_EQ(GUEST_TRY("div %[v]", [v] "r" (v), "a" (1), "d" (0)), EXC(X_DE));
	GUEST_ASSERT_EQ(GUEST_TRY("ud2", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("mov (%[v]), %%rax", [v] "r" (hole)), EXC(X_PF));
	GUEST_ASSERT_EQ(guest_try_error, 0);
	GUEST_ASSERT_EQ(read_cr2(), (u64)hole);
	GUEST_ASSERT_EQ(GUEST_TRY("mov %%rax, 8(%[v])", [v] "r" (hole)), EXC(X_PF));
	GUEST_ASSERT_EQ(guest_try_error, 2);
	GUEST_ASSERT_EQ(read_cr2(), (u64)hole + 8);
	GUEST_ASSERT_EQ(GUEST_TRY("mov (%[v]), %%rax", [v] "r" (1ull << 62)), EXC(X_GP));
	GUEST_ASSERT_EQ(GUEST_TRY("mov %w[v], %%fs", [v] "r" (0x100ull)), EXC(X_GP));
	GUEST_ASSERT_EQ(guest_try_error, 0x100);
	GUEST_ASSERT_EQ(GUEST_TRY("int $0x81", "a" (0)), EXC(X_GP));	/* gate not present */
	GUEST_ASSERT_EQ(read_cr2(), (u64)hole + 8);
}

static void own(void)
{
	raise_all();
	GUEST_SYNC(1);
	raise_all();
	GUEST_SYNC(2);
}

TEST(guests_own)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, own);
	u64 exits, injected;

	*((u64 *)vm_ptr(vm, GPA_IDT) + 2 * 0x81) = 0x8eull << 32;	/* type 0: #GP */
	vcpu_sync(vcpu, 1);
	/* the first time, pages that delivery wants were not mapped yet */
	exits = vcpu_stat(vcpu, LODGE_STAT_EXITS) - vcpu_stat(vcpu, LODGE_STAT_IRQ_EXITS);
	injected = vcpu_stat(vcpu, LODGE_STAT_INJECTED);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_INJECTED), injected);
	EXPECT_EQ(vcpu_stat(vcpu, LODGE_STAT_EXITS) - vcpu_stat(vcpu, LODGE_STAT_IRQ_EXITS),
		  exits + 1);
}

/* #AC exits, since a guest that takes it in its own delivery would never end */
static volatile u32 acs;

static void on_ac(struct guest_frame *f)
{
	acs++;
	GUEST_ASSERT_EQ(f->error, 0);
	f->rflags &= ~(1ull << 18);
}

static void misaligned(void)
{
	/* ring 3, RFLAGS.AC set: MOV of 4 bytes at an odd address, then a hypercall */
	asm volatile("mov (%0), %%eax; vmcall" : : "r" ((u64)GPA_SCRATCH + 1) : "rax");
}

static void alignment_check(void)
{
	write_cr0(read_cr0() | CR0_AM);
	asm volatile("pushq %0; pushq %1; pushq $0x40002; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)GPA_SCRATCH + 0x1000),
		     "i" (SEL_USER_CODE), "r" ((u64)misaligned));
}

TEST(alignment_check)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, alignment_check);

	vm_handler(vm, X_AC, on_ac);
	vcpu_exit(vcpu, LODGE_EXIT_HYPERCALL);
	EXPECT_EQ(GUEST_VAR(vm, acs), 1u);
}

/* RF in what a fault pushes, so that the handler's IRET does not meet a breakpoint again */
TEST(fault_pushes_rf)
{
	struct vm *vm = handled();
	struct vcpu *vcpu = vcpu_long(vm, 0, idle);

	vcpu_sync(vcpu, 1);
	inject(vcpu, X_GP, true, 0);
	vcpu_sync(vcpu, 100 + X_GP);
	EXPECT_TRUE(GUEST_VAR(vm, seen_flags) & RFLAGS_RF);
}
