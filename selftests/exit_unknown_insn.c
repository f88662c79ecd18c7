// SPDX-License-Identifier: GPL-2.0-only
/* An instruction on device memory that is not emulated: the exit shows it, running on is #UD */
#include "vm.h"

#define DEV	0xfed00000ull

static volatile u64 ud_rip;

static void on_ud(struct guest_frame *f)
{
	ud_rip = f->rip;
	f->rip += 4;
}

extern const char unusual[];
static void use_unusual(void)
{
	asm volatile(".globl unusual\n"
		     "unusual: fxsave (%%rdi)\n"	/* 3 bytes, and the NOP */
		     "nop" : : "D" (DEV) : "memory");
	GUEST_SYNC2(1, ud_rip);
}

TEST(reported_then_ud)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, use_unusual);
	const struct lodge_run_insn *insn = &vcpu->run->insn;

	vm_handler(vm, X_UD, on_ud);
	vcpu_exit(vcpu, LODGE_EXIT_UNKNOWN_INSN);
	EXPECT_EQ(insn->rip, (u64)unusual);
	EXPECT_GE(insn->len, 3u);
	ASSERT_LE(insn->len, 15u);
	EXPECT_EQ(memcmp(insn->bytes, unusual, insn->len), 0);
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->arg[1], (u64)unusual);
}

/* User space may instead emulate it and set RIP */
TEST(user_space_emulates)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, use_unusual);
	struct lodge_regs r;

	vm_handler(vm, X_UD, on_ud);
	vcpu_exit(vcpu, LODGE_EXIT_UNKNOWN_INSN);
	vcpu_get_regs(vcpu, &r);
	EXPECT_EQ(r.rip, (u64)unusual);
	r.rip += 3;
	vcpu_set_regs(vcpu, &r);
	vcpu_sync(vcpu, 1);
	EXPECT_EQ(vcpu->arg[1], 0ull);
}

/* VMX and other privileged instructions that the guest does not have: #UD at once */
static void undefined(void)
{
	u64 m = 0;

	GUEST_ASSERT_EQ(GUEST_TRY("vmxoff", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("vmptrst (%[m])", [m] "r" (&m)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("vmlaunch", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("monitor", "a" (&m), "c" (0), "d" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("mwait", "a" (0), "c" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("ud2", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("getsec", "a" (0), "b" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("rsm", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY("rdpmc", "c" (0)), EXC(X_GP));
	GUEST_ASSERT_EQ(GUEST_TRY("wbinvd", "a" (0)), 0);
}

TEST(undefined_at_once)
{
	vcpu_done(vcpu_long(vm_create(0), 0, undefined));
}
