// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYSCALL and SYSRET in the guest, while the host, whose MSRs for it are others, does
 * system calls of its own between the guest's: each sees its own entry point.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

#define ROUNDS		300
#define USER_STACK	(GPA_SCRATCH + 0x8000)

static volatile u64 calls, kernel_rsp, done_rip;

/* Entered by SYSCALL: RCX is the return address, R11 the flags; interrupts are masked */
extern void syscall_entry(void);
asm(".pushsection .text\n"
    "syscall_entry:\n"
    "	mov %rsp, user_rsp(%rip)\n"
    "	mov kernel_rsp(%rip), %rsp\n"
    "	push %rcx\n"
    "	push %r11\n"
    "	call on_syscall\n"
    "	pop %r11\n"
    "	pop %rcx\n"
    "	mov user_rsp(%rip), %rsp\n"
    "	sysretq\n"
    ".popsection\n");
extern volatile u64 user_rsp;
volatile u64 user_rsp;
void on_syscall(void);

void on_syscall(void)
{
	u64 flags, cs, ss;

	asm volatile("pushf; pop %0; mov %%cs, %1; mov %%ss, %2"
		     : "=r" (flags), "=r" (cs), "=r" (ss));
	GUEST_ASSERT_EQ(flags & (RFLAGS_IF | RFLAGS_DF), 0);
	GUEST_ASSERT_EQ(cs, SEL_CODE);
	GUEST_ASSERT_EQ(ss, SEL_DATA);
	calls++;
	GUEST_SYNC(calls);
	if (calls == ROUNDS)
		GUEST_DONE();
}

static void user_code(void)
{
	u64 cs;

	for (;;) {
		asm volatile("std; syscall; cld; mov %%cs, %0" : "=r" (cs)
			     : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			     "memory", "cc");
		if (cs != SEL_USER_CODE)
			asm volatile("hlt");
	}
}

static void start_user(void)
{
	u64 rsp;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (u64)SEL_CODE << 32 | (u64)SEL_USER_CODE32 << 48);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF);
	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	kernel_rsp = rsp - 0x800;
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)USER_STACK), "i" (SEL_USER_CODE),
		     "r" ((u64)user_code));
}

TEST(beside_the_hosts)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, start_user);
	pid_t pid = getpid();
	u32 i;

	for (i = 1; i <= ROUNDS; i++) {
		vcpu_sync(vcpu, i);
		ASSERT_EQ(syscall(SYS_getpid), pid);
	}
	vcpu_done(vcpu);
	EXPECT_EQ(vcpu_get_msr(vcpu, MSR_LSTAR), (u64)syscall_entry);
}

/* Two VMs with entry points of their own on one CPU */
TEST(two_guests)
{
	struct vcpu *a = vcpu_long(vm_create(0), 0, start_user);
	struct vcpu *b = vcpu_long(vm_create(0), 0, start_user);
	u32 i;

	pin_to_cpu(0);
	for (i = 1; i <= ROUNDS; i++) {
		vcpu_sync(a, i);
		vcpu_sync(b, i);
	}
	vcpu_done(a);
	vcpu_done(b);
}

/* With SCE clear it is #UD, whatever the host has */
static void without_sce(void)
{
	GUEST_ASSERT_EQ(GUEST_TRY("syscall", "a" (0)), EXC(X_UD));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
	GUEST_ASSERT_EQ(GUEST_TRY("syscall", "a" (0)), EXC(X_UD));
}

TEST(without_sce)
{
	vcpu_done(vcpu_long(vm_create(0), 0, without_sce));
}

/* SYSENTER has its own MSRs */
extern void sysenter_entry(void);
asm(".pushsection .text\n"
    "sysenter_entry:\n"
    "	mov $5, %edi\n"
    "	mov $1, %eax\n"		/* UCALL_SYNC */
    "	mov $0x10c0, %edx\n"
    "	out %eax, %dx\n"
    "	hlt\n"
    ".popsection\n");

static void use_sysenter(void)
{
	u64 rsp;

	asm volatile("mov %%rsp, %0" : "=r" (rsp));
	wrmsr(MSR_SYSENTER_CS, SEL_CODE);
	wrmsr(MSR_SYSENTER_ESP, rsp);
	wrmsr(MSR_SYSENTER_EIP, (u64)sysenter_entry);
	asm volatile("sysenter");
}

TEST(sysenter)
{
	vcpu_sync(vcpu_long(vm_create(0), 0, use_sysenter), 5);
}
