// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own debugging: breakpoints, watchpoints, single steps, protected registers */
#include "vm.h"

#define DR6_RESET	0xffff0ff0ull
#define DR6_BD		(1u << 13)
#define DR6_BS		(1u << 14)
#define DR7_GD		(1u << 13)

static volatile u32 hits;
static volatile u64 last_rip, last_dr6;
static volatile u64 watched;

static void on_db(struct guest_frame *f)
{
	hits++;
	last_rip = f->rip;
	last_dr6 = read_dr6();
	write_dr6(DR6_RESET);
	f->rflags |= RFLAGS_RF;
	f->rflags &= ~(u64)RFLAGS_TF;
}

extern const char bp_here[];

static void __attribute__((noinline, noclone)) target(void)
{
	asm volatile(".globl bp_here\nbp_here: nop");
}

static void breakpoints(void)
{
	u32 i;

	write_dr0((u64)bp_here);
	write_dr7(0x402);			/* G0, execution */
	for (i = 1; i <= 3; i++) {
		target();
		GUEST_ASSERT_EQ(hits, i);
		GUEST_ASSERT_EQ(last_rip, (u64)bp_here);
		GUEST_ASSERT_EQ(last_dr6, DR6_RESET | 1);
		GUEST_SYNC(i);
	}
	write_dr7(0x400);
	target();
	GUEST_ASSERT_EQ(hits, 3);
}

static struct vcpu *start(void (*fn)(void))
{
	struct vm *vm = vm_create(0);

	vm_handler(vm, X_DB, on_db);
	return vcpu_long(vm, 0, fn);
}

TEST(execution_breakpoint)
{
	struct vcpu *vcpu = start(breakpoints);

	vcpu_sync(vcpu, 1);
	vcpu_sync(vcpu, 2);
	vcpu_sync(vcpu, 3);
	vcpu_done(vcpu);
}

/* Write (1) and read-or-write (3) watchpoints of 8 bytes in DR1 and DR2 */
static void watchpoints(void)
{
	u64 v;

	write_dr1((u64)&watched);
	write_dr7(0x400 | 1 << 2 | 1 << 20 | 2 << 22);
	watched = 5;
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(last_dr6, DR6_RESET | 2);
	v = watched;
	GUEST_ASSERT_EQ(hits, 1);
	write_dr2((u64)&watched);
	write_dr7(0x400 | 1 << 4 | 3 << 24 | 2 << 26);
	v += watched;
	GUEST_ASSERT_EQ(hits, 2);
	GUEST_ASSERT_EQ(last_dr6, DR6_RESET | 4);
	GUEST_ASSERT_EQ(v, 10);
	write_dr7(0x400);
	watched = 6;
	GUEST_ASSERT_EQ(hits, 2);
}

TEST(watchpoints)
{
	vcpu_done(start(watchpoints));
}

/* TF traps after each instruction, also after those that exit: CPUID, OUT, RDMSR, MOV CR */
static volatile u64 steps[16];
static volatile u32 nr_steps;

static void on_step(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(read_dr6() & DR6_BS, DR6_BS);
	write_dr6(DR6_RESET);
	if (nr_steps < 16)
		steps[nr_steps] = f->rip;
	nr_steps++;
	if (*(u8 *)f->rip == 0x90)		/* the NOP ends it */
		f->rflags &= ~(u64)RFLAGS_TF;
}

extern const char step_1[], step_2[], step_3[], step_4[], step_5[], step_6[], step_7[];

static void single_steps(void)
{
	asm volatile("pushf; orl $0x100, (%%rsp); popf\n"
		     "	xor %%eax, %%eax\n"
		     ".globl step_1\nstep_1: cpuid\n"
		     ".globl step_2\nstep_2: mov $0x3b, %%ecx\n"
		     ".globl step_3\nstep_3: rdmsr\n"
		     ".globl step_4\nstep_4: out %%al, $0x80\n"
		     ".globl step_5\nstep_5: mov %%cr8, %%rax\n"
		     ".globl step_6\nstep_6: mov %%dr6, %%rax\n"
		     ".globl step_7\nstep_7: nop\n"
		     : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	GUEST_ASSERT_EQ(nr_steps, 7);
	GUEST_ASSERT_EQ(steps[0], (u64)step_1);
	GUEST_ASSERT_EQ(steps[1], (u64)step_2);
	GUEST_ASSERT_EQ(steps[2], (u64)step_3);
	GUEST_ASSERT_EQ(steps[3], (u64)step_4);
	GUEST_ASSERT_EQ(steps[4], (u64)step_5);
	GUEST_ASSERT_EQ(steps[5], (u64)step_6);
	GUEST_ASSERT_EQ(steps[6], (u64)step_7);
}

TEST(single_steps)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, single_steps);

	vm_handler(vm, X_DB, on_step);
	vcpu_exit(vcpu, LODGE_EXIT_IO);
	EXPECT_EQ(vcpu->run->io.port, 0x80);
	vcpu_done(vcpu);
}

/* DR7.GD: an access to a debug register is a #DB before it happens; GD is cleared */
static void general_detect(void)
{
	u64 v = 0x1111;

	write_dr0(0x5000);
	write_dr7(0x400 | DR7_GD);
	asm volatile("mov %%dr0, %0" : "+r" (v));
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(last_dr6 & DR6_BD, DR6_BD);
	GUEST_ASSERT_EQ(v, 0x5000);		/* done again after the handler */
	GUEST_ASSERT_EQ(read_dr7(), 0x400);
	GUEST_ASSERT_EQ(hits, 1);
}

TEST(general_detect)
{
	vcpu_done(start(general_detect));
}

/* DR4 and DR5 are DR6 and DR7 until CR4.DE makes them #UD; high halves are #GP */
static void aliases(void)
{
	u64 v;

	asm volatile("mov %%db4, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, DR6_RESET);
	asm volatile("mov %0, %%db5" : : "r" (0x700ull));
	GUEST_ASSERT_EQ(read_dr7(), 0x700);
	GUEST_ASSERT_EQ(write_dr6_safe(1ull << 32), EXC(X_GP));
	GUEST_ASSERT_EQ(write_dr7_safe(1ull << 32), EXC(X_GP));
	write_dr0(~0ull);			/* no check here */
	write_cr4(read_cr4() | CR4_DE);
	GUEST_ASSERT_EQ(GUEST_TRY("mov %%db4, %%rax", "c" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("mov %%rcx, %%db5", "c" (0)), EXC(X_UD));
}

TEST(aliases)
{
	vcpu_done(vcpu_long(vm_create(0), 0, aliases));
}

/* INT1 and INT3 go to their vectors with RIP behind them */
static volatile u64 bp_rip;

static void on_bp(struct guest_frame *f)
{
	bp_rip = f->rip;
}

extern const char after_int3[], after_int1[];

static void software(void)
{
	asm volatile("int3\n.globl after_int3\nafter_int3: nop");
	GUEST_ASSERT_EQ(bp_rip, (u64)after_int3);
	asm volatile(".byte 0xf1\n.globl after_int1\nafter_int1: nop");
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(last_rip, (u64)after_int1);
}

TEST(int1_and_int3)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, software);

	vm_handler(vm, X_DB, on_db);
	vm_handler(vm, X_BP, on_bp);
	vcpu_done(vcpu);
}

/* A watchpoint on memory that a MOV SS shadow covers, then a breakpoint: none is lost */
static void after_mov_ss(void)
{
	u64 ss = SEL_DATA;

	*(volatile u64 *)GPA_SCRATCH = ss;
	write_dr0(GPA_SCRATCH);
	write_dr7(0x400 | 1 | 3 << 16 | 1 << 18);	/* L0, read or write, 2 bytes */
	asm volatile("mov (%0), %%ss; nop; nop" : : "r" ((u64)GPA_SCRATCH));
	write_dr7(0x400);
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(last_dr6 & 1, 1);
	GUEST_DONE();
}

TEST(watchpoint_in_mov_ss)
{
	vcpu_done(start(after_mov_ss));
}
