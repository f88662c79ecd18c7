// SPDX-License-Identifier: GPL-2.0-only
/* See trash.h */
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trash.h"

#define MXCSR	0xffc0u		/* flush to zero, round to zero, all exceptions masked */
#define FCW	0x0c7fu		/* round to zero, single precision */

static volatile u64 xcr0, has_pku, has_tsc_aux;
static volatile u64 watch[8] __attribute__((aligned(64)));	/* used by nobody */
static volatile u64 *rounds;

static void trash_vectors(u64 seed)
{
	asm volatile("movq %0, %%xmm0; punpcklqdq %%xmm0, %%xmm0;"
		     ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		     "movdqa %%xmm0, %%xmm\\n\n"
		     ".endr" : : "r" (seed));
	if (xcr0 & 4)
		asm volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
			     "vinsertf128 $1, %%xmm0, %%ymm0, %%ymm\\n\n"
			     ".endr" : :);
	if (xcr0 & 0x80)
		asm volatile(".irp n, 0,5,10,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
			     "vpbroadcastq %0, %%zmm\\n\n"
			     ".endr\n"
			     ".irp n, 0,1,2,3,4,5,6,7\n"
			     "kmovw %k0, %%k\\n\n"
			     ".endr" : : "r" (seed));
}

static void trash_fpu(u64 seed)
{
	u32 mxcsr = MXCSR;
	u16 fcw = FCW;

	asm volatile("ldmxcsr %0; fninit; fldcw %1" : : "m" (mxcsr), "m" (fcw));
	asm volatile(".rept 8; fildll %0; .endr" : : "m" (seed));
	if (has_pku)
		asm volatile("wrpkru" : : "a" ((u32)seed & ~3u), "c" (0), "d" (0));
}

/* Watchpoints on what the host program uses: in its memory they must not fire */
static void trash_debug(void)
{
	write_dr7(0x400);
	write_dr0((u64)&watch[0]);
	write_dr1((u64)&watch[1]);
	write_dr2((u64)raw_ioctl);
	write_dr3((u64)&rounds);
	/* all enabled: read or write 8 bytes, execution for DR2 */
	write_dr7(0x400 | 0xff | 0xbull << 16 | 0xbull << 20 | 0ull << 24 | 0xbull << 28);
}

static void trash_msrs(u64 seed)
{
	u64 address = seed >> 17;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, seed);
	wrmsr(MSR_LSTAR, address);
	wrmsr(MSR_CSTAR, address + 1);
	wrmsr(MSR_FMASK, (u32)seed);
	wrmsr(MSR_KERNEL_GS_BASE, address + 2);
	wrmsr(MSR_FS_BASE, address + 3);
	wrmsr(MSR_GS_BASE, address + 4);
	wrmsr(MSR_SYSENTER_CS, SEL_CODE);
	wrmsr(MSR_SYSENTER_ESP, address);
	wrmsr(MSR_SYSENTER_EIP, address);
	if (has_tsc_aux)
		wrmsr(MSR_TSC_AUX, (u32)seed);
	write_cr2(seed);
}

static void trash_segments(void)
{
	asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; lldt %w1"
		     : : "r" (SEL_USER_DATA), "r" (0));
}

/* Each part is checked, too, when its turn comes again: the guest sees nothing either */
static void check_own(u64 seed)
{
	u32 mxcsr;
	u64 v;

	asm volatile("movq %%xmm13, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, seed);
	asm volatile("stmxcsr %0" : "=m" (mxcsr));
	GUEST_ASSERT_EQ(mxcsr & ~0x3fu, MXCSR & ~0x3fu);
	GUEST_ASSERT_EQ(rdmsr(MSR_STAR), seed);
	GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), seed >> 17);
	GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), (seed >> 17) + 2);
	GUEST_ASSERT_EQ(rdmsr(MSR_FS_BASE), (seed >> 17) + 3);
	GUEST_ASSERT_EQ(read_cr2(), seed);
	GUEST_ASSERT_EQ(read_dr1(), (u64)&watch[1]);
	if (has_tsc_aux)
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_AUX), (u32)seed);
}

static void trash(void)
{
	volatile u32 i;
	u64 n, seed;

	if (xcr0) {
		write_cr4(read_cr4() | CR4_OSXSAVE | (has_pku ? CR4_PKE : 0));
		GUEST_ASSERT_EQ(xsetbv_safe(0, xcr0), 0);
	}
	for (n = 1;; n++) {
		seed = n * 0x9e3779b97f4a7c15ull;
		trash_segments();
		trash_msrs(seed);
		trash_vectors(seed);
		trash_fpu(seed);
		trash_debug();
		GUEST_SYNC(n);
		check_own(seed);
		for (i = 0; i < 2000; i++)	/* long enough to be interrupted here, at times */
			;
		check_own(seed);
	}
}

/* As much of XCR0 as there is; for every other vCPU only SSE, so that it differs from the host's */
static void set_up(struct vm *vm)
{
	static unsigned int nr;
	struct lodge_info info;

	lodge_info(&info);
	GUEST_VAR(vm, xcr0) = info.xcr0_mask && nr++ & 1 ? 3 : info.xcr0_mask;
	GUEST_VAR(vm, has_pku) = host_has("ospke") && (GUEST_VAR(vm, xcr0) & 0x200);
	GUEST_VAR(vm, has_tsc_aux) = host_has("rdtscp");
}

/**
 * trash_vcpu - a vCPU with the guest that trashes
 *
 * Return: the vCPU.
 */
struct vcpu *trash_vcpu(void)
{
	struct vm *vm = vm_create(0);

	set_up(vm);
	return vcpu_long(vm, 0, trash);
}

/**
 * raw_ioctl - ioctl() without libc, which may use vector registers
 * @fd: descriptor
 * @cmd: LODGE_VCPU_RUN
 *
 * Return: as the system call, negative errno.
 */
long __attribute__((noinline)) raw_ioctl(int fd, unsigned long cmd)
{
	long ret;

	asm volatile("syscall" : "=a" (ret) : "0" (16l), "D" ((long)fd), "S" (cmd), "d" (0l)
		     : "rcx", "r11", "memory");
	return ret;
}

/* sched_yield() likewise */
void raw_yield(void)
{
	long ret;

	asm volatile("syscall" : "=a" (ret) : "0" (24l) : "rcx", "r11", "memory");
}

/**
 * trash_once - one round of the guest in the calling thread, without libc
 * @vcpu: of trash_vcpu()
 */
void trash_once(struct vcpu *vcpu)
{
	long ret;

	do {
		ret = raw_ioctl(vcpu->fd, LODGE_VCPU_RUN);
	} while (ret == -EINTR);
	if (ret || !vcpu_is_ucall(vcpu) ||
	    *(u32 *)((u8 *)vcpu->run + vcpu->run->io.data_offset) != UCALL_SYNC) {
		vcpu_ucall(vcpu);	/* prints what is wrong */
		ktap_fail(__FILE__, __LINE__, "the trashing guest goes on");
		ktap_stop();
	}
}

/**
 * trash_beside - trash in a process of its own on one CPU until the test ends
 * @cpu: which
 */
void trash_beside(int cpu)
{
	struct vcpu *vcpu;
	pid_t pid;

	if (!rounds)
		rounds = vm_shared_memory(4096);
	pid = fork();
	ASSERT_OK(pid);
	if (pid)
		return;
	pin_to_cpu(cpu);
	vcpu = trash_vcpu();
	for (;;) {
		trash_once(vcpu);
		++*rounds;
		/* gives way every time, so that most switches are from and to the guest's task */
		if (*rounds & 1)
			sched_yield();
	}
}

/* How many rounds all those beside have done */
u64 trash_rounds(void)
{
	return rounds ? *rounds : 0;
}

/**
 * trash_more - have those beside done so many rounds?
 * @target: of trash_rounds()
 *
 * The test ends if one of them has ended.
 *
 * Return: false if not yet.
 */
bool trash_more(u64 target)
{
	int status;

	if (trash_rounds() >= target)
		return true;
	if (waitpid(-1, &status, WNOHANG) > 0) {
		ktap_fail(__FILE__, __LINE__, "the trashing guests go on");
		ktap_stop();
	}
	return false;
}
