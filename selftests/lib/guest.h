/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest code, written as C functions beside the test, can use.
 *
 * The whole test program is copied into the guest's memory at the address it is
 * linked at, and that memory is mapped one to one: guest code may call functions,
 * use string literals and globals of its own file, but of its own copy.  It must not
 * call libc.  All of it is compiled without SSE, red zone or stack protector.
 *
 * GUEST_*() talk to the test by an OUT to one port (a "ucall").
 */
#ifndef LODGE_SELFTESTS_GUEST_H
#define LODGE_SELFTESTS_GUEST_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define UCALL_PORT	0x10c0

/* EAX of the OUT; RDI, RSI, RCX, RBX are the arguments */
enum ucall {
	UCALL_NONE,		/* an exit that was no ucall */
	UCALL_SYNC,		/* number */
	UCALL_DONE,
	UCALL_PRINT,		/* format, three numbers */
	UCALL_ASSERT,		/* expression, line, two numbers */
	UCALL_TRAP,		/* vector, error code, RIP, CR2 */
};

static inline void guest_ucall(u32 cmd, u64 a, u64 b, u64 c, u64 d)
{
	asm volatile("outl %%eax, %%dx"
		     : : "a" (cmd), "d" (UCALL_PORT), "D" (a), "S" (b), "c" (c), "b" (d)
		     : "memory");
}

#define GUEST_SYNC(n)		guest_ucall(UCALL_SYNC, (u64)(n), 0, 0, 0)
#define GUEST_SYNC2(n, v)	guest_ucall(UCALL_SYNC, (u64)(n), (u64)(v), 0, 0)
#define GUEST_DONE()		guest_ucall(UCALL_DONE, 0, 0, 0, 0)
/* a literal format for %llx, %llu and %s, and three values */
#define GUEST_PRINT(fmt, a, b, c)						\
	guest_ucall(UCALL_PRINT, (u64)(fmt), (u64)(a), (u64)(b), (u64)(c))

#define GUEST_CHECK_(expr, line, a, b)						\
	guest_ucall(UCALL_ASSERT, (u64)(expr), (line), (u64)(a), (u64)(b))

#define GUEST_ASSERT(cond) do {							\
	if (!(cond))								\
		GUEST_CHECK_(#cond, __LINE__, 0, 0);				\
} while (0)

#define GUEST_ASSERT_EQ(a, b) do {						\
	u64 ga_ = (u64)(a), gb_ = (u64)(b);					\
										\
	if (ga_ != gb_)								\
		GUEST_CHECK_(#a " == " #b, __LINE__, ga_, gb_);			\
} while (0)

/* ---- exceptions and interrupts ------------------------------------------- */

#define X_DE	0
#define X_DB	1
#define X_NMI	2
#define X_BP	3
#define X_OF	4
#define X_BR	5
#define X_UD	6
#define X_NM	7
#define X_DF	8
#define X_TS	10
#define X_NP	11
#define X_SS	12
#define X_GP	13
#define X_PF	14
#define X_MF	16
#define X_AC	17
#define X_XM	19

/**
 * struct guest_frame - what an exception or interrupt handler may look at and change
 * @gpr: r15 to r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
 * @vector: of the event
 * @error: error code, or 0
 * @rip: where it happened
 * @cs: code segment
 * @rflags: flags
 * @rsp: stack pointer
 * @ss: stack segment
 */
struct guest_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler)(struct guest_frame *f);

extern guest_handler guest_handlers[256];
void guest_trap(struct guest_frame *f);

/*
 * One instruction that may fault.  @out and @in are asm operands; the value is 0,
 * or EXC(vector) of what it raised, with the error code in guest_try_error.
 */
#define EXC(vector)	(0x100u | (vector))
extern volatile u64 guest_try_error;

#define TRY_(insn)								\
	"xor %%r11d, %%r11d\n"							\
	"1:	" insn "\n"							\
	"2:\n"									\
	".pushsection guest_try, \"a\"\n"					\
	".quad 1b, 2b\n"							\
	".popsection\n"								\
	"mov %%r11d, %[exc]\n"

#define GUEST_TRY(insn, in...) ({						\
	u32 exc_;								\
										\
	asm volatile(TRY_(insn) : [exc] "=&r" (exc_) : in : "r11", "memory", "cc");	\
	exc_;									\
})

/* ---- instructions -------------------------------------------------------- */

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline void outw(u16 port, u16 v)
{
	asm volatile("outw %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %1" : : "a" (v), "Nd" (port) : "memory");
}

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a" (v) : "Nd" (port) : "memory");
	return v;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)v), "d" ((u32)(v >> 32)) : "memory");
}

static inline u32 rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo = 0, hi = 0, exc;

	asm volatile(TRY_("rdmsr")
		     : [exc] "=&r" (exc), "+a" (lo), "+d" (hi) : "c" (msr) : "r11", "memory");
	*v = lo | (u64)hi << 32;
	return exc;
}

static inline u32 wrmsr_safe(u32 msr, u64 v)
{
	return GUEST_TRY("wrmsr", "c" (msr), "a" ((u32)v), "d" ((u32)(v >> 32)));
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 r[4])
{
	asm volatile("cpuid"
		     : "=a" (r[0]), "=b" (r[1]), "=c" (r[2]), "=d" (r[3])
		     : "0" (leaf), "2" (subleaf));
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a" (lo), "=d" (hi) : : "memory");
	return lo | (u64)hi << 32;
}

static inline u64 xgetbv(u32 index)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a" (lo), "=d" (hi) : "c" (index));
	return lo | (u64)hi << 32;
}

static inline u32 xsetbv_safe(u32 index, u64 v)
{
	return GUEST_TRY("xsetbv", "c" (index), "a" ((u32)v), "d" ((u32)(v >> 32)));
}

#define GUEST_REG(name, reg)							\
static inline u64 read_##name(void)						\
{										\
	u64 v;									\
										\
	asm volatile("mov %%" reg ", %0" : "=r" (v) : : "memory");		\
	return v;								\
}										\
										\
static inline void write_##name(u64 v)						\
{										\
	asm volatile("mov %0, %%" reg : : "r" (v) : "memory");			\
}										\
										\
static inline u32 write_##name##_safe(u64 v)					\
{										\
	return GUEST_TRY("mov %[v], %%" reg, [v] "r" (v));			\
}

GUEST_REG(cr0, "cr0")
GUEST_REG(cr2, "cr2")
GUEST_REG(cr3, "cr3")
GUEST_REG(cr4, "cr4")
GUEST_REG(cr8, "cr8")
GUEST_REG(dr0, "dr0")
GUEST_REG(dr1, "dr1")
GUEST_REG(dr2, "dr2")
GUEST_REG(dr3, "dr3")
GUEST_REG(dr6, "dr6")
GUEST_REG(dr7, "dr7")

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void halt(void)
{
	asm volatile("hlt" : : : "memory");
}

/* STI; HLT: no interrupt can come between the two */
static inline void safe_halt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

#define MSR_TSC			0x10
#define MSR_APIC_BASE		0x1b
#define MSR_TSC_ADJUST		0x3b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MISC_ENABLE		0x1a0
#define MSR_DEBUGCTL		0x1d9
#define MSR_PAT			0x277
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_FMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

#define CR0_PE		(1u << 0)
#define CR0_MP		(1u << 1)
#define CR0_EM		(1u << 2)
#define CR0_TS		(1u << 3)
#define CR0_ET		(1u << 4)
#define CR0_NE		(1u << 5)
#define CR0_WP		(1u << 16)
#define CR0_AM		(1u << 18)
#define CR0_NW		(1u << 29)
#define CR0_CD		(1u << 30)
#define CR0_PG		(1u << 31)

#define CR4_VME		(1u << 0)
#define CR4_TSD		(1u << 2)
#define CR4_DE		(1u << 3)
#define CR4_PSE		(1u << 4)
#define CR4_PAE		(1u << 5)
#define CR4_MCE		(1u << 6)
#define CR4_PGE		(1u << 7)
#define CR4_OSFXSR	(1u << 9)
#define CR4_OSXMMEXCPT	(1u << 10)
#define CR4_UMIP	(1u << 11)
#define CR4_LA57	(1u << 12)
#define CR4_VMXE	(1u << 13)
#define CR4_FSGSBASE	(1u << 16)
#define CR4_PCIDE	(1u << 17)
#define CR4_OSXSAVE	(1u << 18)
#define CR4_SMEP	(1u << 20)
#define CR4_SMAP	(1u << 21)
#define CR4_PKE		(1u << 22)

#define EFER_SCE	(1u << 0)
#define EFER_LME	(1u << 8)
#define EFER_LMA	(1u << 10)
#define EFER_NX		(1u << 11)

#define RFLAGS_TF	(1u << 8)
#define RFLAGS_IF	(1u << 9)
#define RFLAGS_DF	(1u << 10)
#define RFLAGS_RF	(1u << 16)

#endif /* LODGE_SELFTESTS_GUEST_H */
