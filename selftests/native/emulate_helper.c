// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandbox of emulate_test: executes single instructions on the real CPU.
 *
 * A signal handler returns into each case with RFLAGS.TF set, so that the trap
 * or the fault of the one instruction brings the next signal, whose frame holds
 * the result.  FS belongs to the cases, so nothing here may touch thread-local
 * storage once it is set, and seccomp leaves only read, write and sigreturn.
 */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "emulate_cpu.h"

#define FLAG_TF		0x100
#define MAX_STEPS	4096
#define XSTATE_HEADER	512
#define XSTATE_YMM_HIGH	576

static const int greg[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct cpu_shared *shared;
static volatile int running;
static unsigned int current, steps;
static gregset_t home;

static long raw(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret;
}

static void put_code(const struct cpu_case *c, int fill)
{
	uint64_t end = CPU_CODE + CPU_CODE_PAGES * CPU_PAGE;
	uint64_t at = c->in.rip;
	volatile uint8_t *p;
	unsigned int i;

	if (c->cs == LDT_SEL(LDT_CODE16) || c->cs == LDT_SEL(LDT_SHORT32))
		at += CPU_CODE;
	for (i = 0; i < 15 && at + i < end && at + i >= CPU_CODE; i++) {
		p = (volatile uint8_t *)(at + i);
		*p = fill ? CPU_CODE_FILL : c->bytes[i];
	}
}

static void put_vectors(ucontext_t *uc, const struct cpu_case *c)
{
	uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
	unsigned int i, j;

	for (i = 0; i < 16; i++) {
		for (j = 0; j < 16; j++) {
			fp[160 + 16 * i + j] = c->in.vec[i][j];
			fp[XSTATE_YMM_HIGH + 16 * i + j] = c->in.vec[i][16 + j];
		}
	}
	*(volatile uint64_t *)(fp + XSTATE_HEADER) |= 7;
}

static void get_vectors(const ucontext_t *uc, struct cpu_case *c)
{
	const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;
	uint64_t present = *(const volatile uint64_t *)(fp + XSTATE_HEADER);
	unsigned int i, j;

	for (i = 0; i < 16; i++) {
		for (j = 0; j < 16; j++) {
			c->out.vec[i][j] = present & 2 ? fp[160 + 16 * i + j] : 0;
			c->out.vec[i][16 + j] = present & 4 ?
				fp[XSTATE_YMM_HIGH + 16 * i + j] : 0;
		}
	}
}

static void start_case(ucontext_t *uc)
{
	const struct cpu_case *c = &shared->cases[current];
	greg_t *g = uc->uc_mcontext.gregs;
	unsigned int i;

	steps = 0;
	put_code(c, 0);
	if (c->poke_at)
		*(volatile uint64_t *)(shared->data + (c->poke_at - CPU_DATA)) = c->poke;
	for (i = 0; i < 16; i++)
		g[greg[i]] = c->in.gpr[i];
	g[REG_RIP] = c->in.rip;
	g[REG_EFL] = c->in.rflags | FLAG_TF;
	g[REG_CSGSFS] = c->cs | (uint64_t)c->ss << 48;
	if (c->use_vec)
		put_vectors(uc, c);
	asm volatile("mov %0, %%ds; mov %1, %%es" : : "r"((uint32_t)c->ds), "r"((uint32_t)c->es));
}

static void end_case(const ucontext_t *uc)
{
	struct cpu_case *c = &shared->cases[current];
	const greg_t *g = uc->uc_mcontext.gregs;
	unsigned int i;

	for (i = 0; i < 16; i++)
		c->out.gpr[i] = g[greg[i]];
	c->out.rip = g[REG_RIP];
	c->out.rflags = g[REG_EFL];
	c->trapno = g[REG_TRAPNO];
	c->err = g[REG_ERR];
	c->cr2 = g[REG_CR2];
	if (c->use_vec)
		get_vectors(uc, c);
	put_code(c, 1);
	c->sum = cpu_sum(shared->data);
}

static void handler(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	unsigned int i;

	(void)sig;
	(void)info;
	/* the kernel leaves AC as the case had it */
	asm volatile("pushfq; andq $~0x40000, (%%rsp); popfq" : : : "cc", "memory");
	if (!running) {
		for (i = 0; i < NGREG; i++)
			home[i] = g[i];
		running = 1;
		current = 0;
		start_case(uc);
		return;
	}
	if (shared->cases[current].string && g[REG_TRAPNO] == 1 &&
	    (uint64_t)g[REG_RIP] == shared->cases[current].in.rip && ++steps < MAX_STEPS) {
		g[REG_EFL] |= FLAG_TF;
		return;
	}
	end_case(uc);
	if (++current < shared->count) {
		start_case(uc);
		return;
	}
	for (i = 0; i < NGREG; i++)
		g[i] = home[i];
	g[REG_RIP] += 2;	/* over the UD2 that began it */
	running = 0;
}

static void set_ldt(void)
{
	struct user_desc d;
	unsigned int i;

	for (i = 0; i < LDT_COUNT; i++) {
		const struct cpu_ldt *l = &cpu_ldt[i];

		d = (struct user_desc){
			.entry_number = i, .base_addr = l->base, .limit = l->limit,
			.seg_32bit = l->big, .contents = l->contents,
			.read_exec_only = l->read_exec_only, .limit_in_pages = l->pages,
		};
		if (raw(SYS_modify_ldt, 1, (long)&d, sizeof(d)))
			return;
	}
	shared->can_segments = 1;
}

static void *map(uint64_t at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p = mmap((void *)at, len, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		exit(2);
	return p;
}

static void set_handlers(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	stack_t stack = { .ss_size = 1 << 18 };
	unsigned int i;

	stack.ss_sp = map(0, stack.ss_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &sa, NULL);
}

/* emulate_helper: file descriptors 3 memory, 4 commands, 5 answers. */
int main(void)
{
	off_t data = offsetof(struct cpu_shared, data);
	volatile uint8_t *code;
	unsigned int i;
	char byte;

	shared = map(0, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	map(CPU_DATA, CPU_DATA_RW * CPU_PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED | MAP_POPULATE, 3, data);
	map(CPU_DATA + CPU_DATA_RW * CPU_PAGE, CPU_PAGE, PROT_READ,
	    MAP_SHARED | MAP_FIXED | MAP_POPULATE, 3, data + CPU_DATA_RW * CPU_PAGE);
	code = map(CPU_CODE, CPU_CODE_PAGES * CPU_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (i = 0; i < CPU_CODE_PAGES * CPU_PAGE; i++)
		code[i] = CPU_CODE_FILL;
	set_ldt();
	set_handlers();
	alarm(600);
	raw(SYS_arch_prctl, ARCH_SET_GS, CPU_GS_BASE, 0);
	raw(SYS_arch_prctl, ARCH_SET_FS, CPU_FS_BASE, 0);
	raw(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0);

	while (raw(SYS_read, 4, (long)&byte, 1) == 1) {
		if (shared->count)
			asm volatile("ud2" : : : "memory");
		raw(SYS_write, 5, (long)&byte, 1);
	}
	raw(SYS_exit, 0, 0, 0);
}
