// SPDX-License-Identifier: GPL-2.0-only
/* Control registers in the guest: values kept, #GP for impossible ones, what bits do */
#include <sys/mman.h>

#include "vm.h"

static void cr0(void)
{
	u64 v = read_cr0();

	GUEST_ASSERT_EQ(v, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	write_cr0(v | CR0_AM | CR0_TS);
	GUEST_ASSERT_EQ(read_cr0(), v | CR0_AM | CR0_TS);
	GUEST_SYNC(1);
	asm volatile("clts");
	GUEST_ASSERT_EQ(read_cr0(), v | CR0_AM);
	write_cr0(v | CR0_CD | CR0_NW);
	GUEST_ASSERT_EQ(read_cr0(), v | CR0_CD | CR0_NW);
	write_cr0(v & ~CR0_NE);
	GUEST_ASSERT_EQ(read_cr0(), v & ~CR0_NE);
	/* CR0.ET cannot be cleared */
	write_cr0(v & ~CR0_ET);
	GUEST_ASSERT_EQ(read_cr0(), v);
	GUEST_ASSERT_EQ(write_cr0_safe(v | 1ull << 32), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr0_safe(v & ~CR0_PE), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr0_safe((v & ~CR0_CD) | CR0_NW), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr0_safe(v & ~CR0_PG), EXC(X_GP));	/* in 64-bit code */
	GUEST_ASSERT_EQ(read_cr0(), v);
}

TEST(cr0)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cr0);
	struct lodge_sregs s;

	vcpu_sync(vcpu, 1);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.cr0 & (CR0_AM | CR0_TS), (u64)(CR0_AM | CR0_TS));
	vcpu_done(vcpu);
}

static void lmsw(void)
{
	u64 v = read_cr0(), w;

	asm volatile("lmsw %w0" : : "r" (v | CR0_TS | CR0_EM));
	GUEST_ASSERT_EQ(read_cr0(), v | CR0_TS | CR0_EM);
	asm volatile("lmsw %w0" : : "r" (v & ~(u64)(CR0_PE | CR0_MP)));	/* PE stays */
	GUEST_ASSERT_EQ(read_cr0(), v & ~(u64)CR0_MP);
	asm volatile("smsw %0" : "=r" (w));
	GUEST_ASSERT_EQ(w & 0xffff, v & 0xffff & ~(u64)CR0_MP);
	*(volatile u16 *)GPA_SCRATCH = v | CR0_TS;
	asm volatile("lmsw (%0)" : : "r" ((u64)GPA_SCRATCH));
	GUEST_ASSERT_EQ(read_cr0(), v | CR0_TS);
}

TEST(lmsw_and_smsw)
{
	vcpu_done(vcpu_long(vm_create(0), 0, lmsw));
}

/* The guest's TS and EM work, however lazily the host treats its FPU */
static void fpu_bits(void)
{
	u64 v = read_cr0();

	write_cr0(v | CR0_TS);
	GUEST_ASSERT_EQ(GUEST_TRY("fninit", "a" (0)), EXC(X_NM));
	GUEST_ASSERT_EQ(GUEST_TRY("pxor %%xmm0, %%xmm0", "a" (0)), EXC(X_NM));
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(GUEST_TRY("pxor %%xmm0, %%xmm0", "a" (0)), EXC(X_NM));
	asm volatile("clts");
	GUEST_ASSERT_EQ(GUEST_TRY("pxor %%xmm0, %%xmm0", "a" (0)), 0);
	write_cr0(v | CR0_EM);
	GUEST_ASSERT_EQ(GUEST_TRY("fninit", "a" (0)), EXC(X_NM));
	GUEST_ASSERT_EQ(GUEST_TRY("pxor %%xmm0, %%xmm0", "a" (0)), EXC(X_UD));
	write_cr0(v);
	write_cr4(read_cr4() & ~CR4_OSFXSR);
	GUEST_ASSERT_EQ(GUEST_TRY("pxor %%xmm0, %%xmm0", "a" (0)), EXC(X_UD));
}

TEST(ts_and_em)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, fpu_bits);

	vcpu_sync(vcpu, 1);
	vcpu_done(vcpu);
}

static void cr4(void)
{
	u64 v = read_cr4();

	GUEST_ASSERT_EQ(v, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
	write_cr4(v | CR4_PGE | CR4_DE | CR4_TSD | CR4_PSE | CR4_MCE);
	GUEST_ASSERT_EQ(read_cr4(), v | CR4_PGE | CR4_DE | CR4_TSD | CR4_PSE | CR4_MCE);
	GUEST_SYNC(1);
	write_cr4(v);
	GUEST_ASSERT_EQ(read_cr4(), v);		/* the host's MCE and VMXE do not show */
	GUEST_ASSERT_EQ(write_cr4_safe(v | CR4_VMXE), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr4_safe(v | 1ull << 30), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr4_safe(v | 1ull << 63), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr4_safe(v | CR4_LA57), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr4_safe(v & ~(u64)CR4_PAE), EXC(X_GP));
	GUEST_ASSERT_EQ(read_cr4(), v);
}

TEST(cr4)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cr4);
	struct lodge_sregs s;

	vcpu_sync(vcpu, 1);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_TRUE(s.cr4 & CR4_PGE);
	EXPECT_TRUE(s.cr4 & CR4_TSD);
	EXPECT_FALSE(s.cr4 & CR4_VMXE);
	vcpu_done(vcpu);
}

/* CR4.TSD: ring 3 may not read the TSC */
static volatile u32 gps;

static void tsd_user(void)
{
	asm volatile("rdtsc" : : : "rax", "rdx");
	asm volatile("hlt");
}

static void on_gp(struct guest_frame *f)
{
	/* RDTSC once, then the HLT that ends it */
	if (f->cs == SEL_USER_CODE && *(u8 *)f->rip == 0x0f)
		gps++;
	GUEST_SYNC2(2, gps);
}

static void tsd(void)
{
	write_cr4(read_cr4() | CR4_TSD);
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "i" (SEL_USER_DATA), "r" ((u64)GPA_SCRATCH + 0x1000),
		     "i" (SEL_USER_CODE), "r" ((u64)tsd_user));
}

TEST(tsd_in_ring_3)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, tsd);

	vm_handler(vm, X_GP, on_gp);
	vcpu_sync(vcpu, 2);
	EXPECT_EQ(vcpu->arg[1], 1ull);
}

static void cr3_and_cr2(void)
{
	u64 v = read_cr3();
	u32 r[4];

	write_cr3(v | 0x18);		/* PCD, PWT */
	GUEST_ASSERT_EQ(read_cr3(), v | 0x18);
	GUEST_ASSERT_EQ(write_cr3_safe(v | 1ull << 60), EXC(X_GP));
	write_cr2(0x123456789abcull);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read_cr2(), 0x123456789abcull);
	cpuid(0, 0, r);
	GUEST_ASSERT_EQ(read_cr2(), 0x123456789abcull);
}

TEST(cr2_and_cr3)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cr3_and_cr2);
	struct lodge_sregs s;
	volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE((void *)p, MAP_FAILED);
	vcpu_sync(vcpu, 1);
	*p = 1;				/* a page fault of the host's, with a CR2 of its own */
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.cr2, 0x123456789abcull);
	EXPECT_EQ(s.cr3, (u64)GPA_PML4 | 0x18);
	vcpu_done(vcpu);
}

static void cr8(void)
{
	u64 i;

	for (i = 0; i < 16; i++) {
		write_cr8(i);
		GUEST_SYNC(i);
		GUEST_ASSERT_EQ(read_cr8(), i);
	}
	GUEST_ASSERT_EQ(write_cr8_safe(16), EXC(X_GP));
	GUEST_ASSERT_EQ(write_cr8_safe(1ull << 63), EXC(X_GP));
	GUEST_ASSERT_EQ(read_cr8(), 15);
}

TEST(cr8)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, cr8);
	struct lodge_sregs s;
	u64 i;

	for (i = 0; i < 16; i++) {
		vcpu_sync(vcpu, i);
		EXPECT_EQ(vcpu->run->cr8, i);
		vcpu_get_sregs(vcpu, &s);
		EXPECT_EQ(s.cr8, i);
	}
	vcpu_done(vcpu);
}

/* CR1 and CR5 are not there, and user code may not */
static void bad_registers(void)
{
	GUEST_ASSERT_EQ(GUEST_TRY(".byte 0x0f, 0x20, 0xc8", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(GUEST_TRY(".byte 0x0f, 0x22, 0xe8", "a" (0)), EXC(X_UD));
}

TEST(no_such_registers)
{
	vcpu_done(vcpu_long(vm_create(0), 0, bad_registers));
}

/* Every general register can be the operand, RSP too */
static void operands(void)
{
	u64 v = read_cr4(), rsp, got;

	asm volatile("mov %%rsp, %0; mov %1, %%rsp; mov %%rsp, %%cr4; mov %%cr8, %%rsp;"
		     "mov %%rsp, %2; mov %0, %%rsp"
		     : "=&r" (rsp), "+r" (v), "=&r" (got));
	GUEST_ASSERT_EQ(read_cr4(), v);
	GUEST_ASSERT_EQ(got, 0);
	asm volatile("mov %0, %%r15; or $0x10, %%r15; mov %%r15, %%cr4; mov %%cr4, %%r15; mov %%r15, %0"
		     : "+r" (v) : : "r15");
	GUEST_ASSERT_EQ(v & CR4_PSE, CR4_PSE);
}

TEST(any_operand)
{
	vcpu_done(vcpu_long(vm_create(0), 0, operands));
}
