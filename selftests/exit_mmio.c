// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory accesses outside all slots, and writes to a read-only one: every width, by
 * the instructions that compilers and kernels use for device registers.
 */
#include "vm.h"

#define DEV	0xfed00000ull		/* no slot here */
#define ROM	0x20000000ull

static const struct lodge_run_mmio *expect(struct vcpu *vcpu, u64 gpa, u32 len, u32 is_write)
{
	const struct lodge_run_mmio *m = &vcpu->run->mmio;

	vcpu_exit(vcpu, LODGE_EXIT_MMIO);
	ASSERT_EQ(m->gpa, gpa);
	ASSERT_EQ(m->len, len);
	ASSERT_EQ(m->is_write, is_write);
	return m;
}

static void answer(struct vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	expect(vcpu, gpa, len, 0);
	memcpy(vcpu->run->mmio.data, &value, len);
}

static void written(struct vcpu *vcpu, u64 gpa, u32 len, u64 value)
{
	u64 v = 0;

	memcpy(&v, expect(vcpu, gpa, len, 1)->data, len);
	EXPECT_EQ(v, value);
}

static void write_widths(void)
{
	*(volatile u8 *)DEV = 0x11;
	*(volatile u16 *)(DEV + 2) = 0x2222;
	*(volatile u32 *)(DEV + 4) = 0x33333333;
	*(volatile u64 *)(DEV + 8) = 0x4444444444444444ull;
	asm volatile("movb $0x55, 16(%0); movw $0x6666, 18(%0); movl $0x77777777, 20(%0);"
		     "movq $-2, 24(%0)" : : "r" (DEV) : "memory");
}

TEST(writes)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, write_widths);

	written(vcpu, DEV, 1, 0x11);
	written(vcpu, DEV + 2, 2, 0x2222);
	written(vcpu, DEV + 4, 4, 0x33333333);
	written(vcpu, DEV + 8, 8, 0x4444444444444444ull);
	written(vcpu, DEV + 16, 1, 0x55);
	written(vcpu, DEV + 18, 2, 0x6666);
	written(vcpu, DEV + 20, 4, 0x77777777);
	written(vcpu, DEV + 24, 8, -2ull);
	vcpu_done(vcpu);
	EXPECT_GE(vcpu_stat(vcpu, LODGE_STAT_MMIO), 8ull);
}

#define READ(insn, reg) ({							\
	u64 v_ = 0x1111111111111111ull;						\
										\
	asm volatile(insn : "+a" (v_) : [d] "r" (DEV) : "memory", "cc");	\
	v_;									\
})

static void read_widths(void)
{
	GUEST_ASSERT_EQ(READ("movb (%[d]), %%al", a), 0x11111111111111a1ull);
	GUEST_ASSERT_EQ(READ("movw (%[d]), %%ax", a), 0x111111111111a2a1ull);
	GUEST_ASSERT_EQ(READ("movl (%[d]), %%eax", a), 0xa4a3a2a1ull);
	GUEST_ASSERT_EQ(READ("movq (%[d]), %%rax", a), 0xa8a7a6a5a4a3a2a1ull);
	GUEST_ASSERT_EQ(READ("movb 8(%[d]), %%ah", a), 0x111111111111a111ull);
	GUEST_ASSERT_EQ(READ("movzbl (%[d]), %%eax", a), 0xa1ull);
	GUEST_ASSERT_EQ(READ("movzwl (%[d]), %%eax", a), 0xa2a1ull);
	GUEST_ASSERT_EQ(READ("movsbl (%[d]), %%eax", a), 0xffffffa1ull);
	GUEST_ASSERT_EQ(READ("movswq (%[d]), %%rax", a), 0xffffffffffffa2a1ull);
	GUEST_ASSERT_EQ(READ("movslq (%[d]), %%rax", a), 0xffffffffa4a3a2a1ull);
}

TEST(reads)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, read_widths);
	static const u8 width[] = { 1, 2, 4, 8, 1, 1, 2, 1, 2, 4 };
	unsigned int i;

	for (i = 0; i < sizeof(width); i++)
		answer(vcpu, DEV + (i == 4 ? 8 : 0), width[i], 0xa8a7a6a5a4a3a2a1ull);
	vcpu_done(vcpu);
}

static void read_modify_write(void)
{
	u64 v, old;

	asm volatile("addl $5, (%0)" : : "r" (DEV) : "memory", "cc");
	asm volatile("orb $0x80, (%0)" : : "r" (DEV + 1) : "memory", "cc");
	asm volatile("lock; incq (%0)" : : "r" (DEV + 8) : "memory", "cc");
	v = 0x1234;
	asm volatile("xchgl %k0, (%1)" : "+r" (v) : "r" (DEV) : "memory");
	GUEST_ASSERT_EQ(v, 0x9999);
	v = 3;
	asm volatile("lock; xaddl %k0, (%1)" : "+r" (v) : "r" (DEV) : "memory", "cc");
	GUEST_ASSERT_EQ(v, 40);
	old = 7;
	asm volatile("lock; cmpxchgl %k2, (%1)" : "+a" (old) : "r" (DEV), "r" (8ull)
		     : "memory", "cc");
	GUEST_ASSERT_EQ(old, 7);
	asm volatile("movl $0, %k0; cmpl $9, (%1); sete %b0" : "=&r" (v) : "r" (DEV)
		     : "memory", "cc");
	GUEST_ASSERT_EQ(v, 1);
	asm volatile("movl $0, %k0; testb $0x40, (%1); setnz %b0" : "=&r" (v) : "r" (DEV)
		     : "memory", "cc");
	GUEST_ASSERT_EQ(v, 1);
	v = 6;
	asm volatile("andq (%1), %0" : "+r" (v) : "r" (DEV) : "memory", "cc");
	GUEST_ASSERT_EQ(v, 2);
}

TEST(read_modify_writes)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, read_modify_write);

	answer(vcpu, DEV, 4, 0x100);
	written(vcpu, DEV, 4, 0x105);
	answer(vcpu, DEV + 1, 1, 0x12);
	written(vcpu, DEV + 1, 1, 0x92);
	answer(vcpu, DEV + 8, 8, 0xffffffffffull);
	written(vcpu, DEV + 8, 8, 0x10000000000ull);
	answer(vcpu, DEV, 4, 0x9999);
	written(vcpu, DEV, 4, 0x1234);
	answer(vcpu, DEV, 4, 40);
	written(vcpu, DEV, 4, 43);
	answer(vcpu, DEV, 4, 7);
	written(vcpu, DEV, 4, 8);
	answer(vcpu, DEV, 4, 9);
	answer(vcpu, DEV, 1, 0x40);
	answer(vcpu, DEV, 8, 3);
	vcpu_done(vcpu);
}

static void strings(void)
{
	u64 si = GPA_SCRATCH, di = DEV, n = 3;

	*(u32 *)GPA_SCRATCH = 0x11223344;
	*(u32 *)(GPA_SCRATCH + 4) = 0x55667788;
	*(u32 *)(GPA_SCRATCH + 8) = 0x99aabbcc;
	asm volatile("rep movsl" : "+S" (si), "+D" (di), "+c" (n) : : "memory");
	GUEST_ASSERT_EQ(di, DEV + 12);
	GUEST_ASSERT_EQ(n, 0);
	si = DEV;
	di = GPA_SCRATCH + 0x100;
	n = 2;
	asm volatile("rep movsw" : "+S" (si), "+D" (di), "+c" (n) : : "memory");
	GUEST_ASSERT_EQ(*(u32 *)(GPA_SCRATCH + 0x100), 0xbbbbaaaa);
	di = DEV + 0x20;
	n = 2;
	asm volatile("rep stosq" : "+D" (di), "+c" (n) : "a" (0x5a5a5a5a5a5a5a5aull) : "memory");
	si = DEV;
	asm volatile("lodsb" : "+S" (si), "=a" (n) : : "memory");
	GUEST_ASSERT_EQ(n & 0xff, 0x77);
}

TEST(string_instructions)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, strings);

	written(vcpu, DEV, 4, 0x11223344);
	written(vcpu, DEV + 4, 4, 0x55667788);
	written(vcpu, DEV + 8, 4, 0x99aabbcc);
	answer(vcpu, DEV, 2, 0xaaaa);
	answer(vcpu, DEV + 2, 2, 0xbbbb);
	written(vcpu, DEV + 0x20, 8, 0x5a5a5a5a5a5a5a5aull);
	written(vcpu, DEV + 0x28, 8, 0x5a5a5a5a5a5a5a5aull);
	answer(vcpu, DEV, 1, 0x77);
	vcpu_done(vcpu);
}

/* A quadword whose halves lie on both sides of a page: two exits, the parts in order */
static void crossing(void)
{
	u64 v;

	*(volatile u64 *)(DEV + 0xffd) = 0x8877665544332211ull;
	v = *(volatile u64 *)(DEV + 0xffd);
	GUEST_ASSERT_EQ(v, 0xb8b7b6b5b4b3b2b1ull);
	/* half in memory, half outside */
	v = *(volatile u32 *)(VM_MEMORY - 2);
	GUEST_ASSERT_EQ(v, 0xc2c1a5a5ull);
}

TEST(crosses_a_page)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, crossing);

	*(u16 *)vm_ptr(vm, VM_MEMORY - 2) = 0xa5a5;
	written(vcpu, DEV + 0xffd, 3, 0x332211);
	written(vcpu, DEV + 0x1000, 5, 0x8877665544ull);
	answer(vcpu, DEV + 0xffd, 3, 0xb3b2b1);
	answer(vcpu, DEV + 0x1000, 5, 0xb8b7b6b5b4ull);
	answer(vcpu, VM_MEMORY, 2, 0xc2c1);
	vcpu_done(vcpu);
}

static void vectors(void)
{
	asm volatile("movups (%0), %%xmm3; movups %%xmm3, 0x10(%0); movq %%xmm3, 0x20(%0)"
		     : : "r" (DEV) : "memory");
}

TEST(sse_moves)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, vectors);

	answer(vcpu, DEV, 8, 0x1111111122222222ull);
	answer(vcpu, DEV + 8, 8, 0x3333333344444444ull);
	written(vcpu, DEV + 0x10, 8, 0x1111111122222222ull);
	written(vcpu, DEV + 0x18, 8, 0x3333333344444444ull);
	written(vcpu, DEV + 0x20, 8, 0x1111111122222222ull);
	vcpu_done(vcpu);
}

static void rom_guest(void)
{
	volatile u32 *rom = (u32 *)ROM;

	GUEST_ASSERT_EQ(*rom, 0xfeedface);
	*rom = 0x1234;
	GUEST_ASSERT_EQ(*rom, 0xfeedface);
	asm volatile("lock; incl (%0)" : : "r" (rom) : "memory", "cc");
	GUEST_ASSERT_EQ(*rom, 0xfeedface);
	/* code in it runs */
	((void (*)(void))(ROM + 0x100))();
	GUEST_DONE();
}

TEST(read_only_slot)
{
	static u32 rom[1024] __attribute__((aligned(4096)));
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, rom_guest);

	rom[0] = 0xfeedface;
	((u8 *)rom)[0x100] = 0xc3;	/* ret */
	vm_slot(vm, 1, LODGE_SLOT_READONLY, ROM, sizeof(rom), rom);
	written(vcpu, ROM, 4, 0x1234);
	written(vcpu, ROM, 4, 0xfeedfacf);
	vcpu_done(vcpu);
	EXPECT_EQ(rom[0], 0xfeedfaceu);
}

/* Stack, call and segment forms; a device that holds the guest's stack */
static void odd_forms(void)
{
	u64 v = 0;

	asm volatile("push (%1); pop %0" : "=r" (v) : "r" (DEV) : "memory");
	GUEST_ASSERT_EQ(v, 0x0102030405060708ull);
	asm volatile("push %1; pop (%0)" : : "r" (DEV + 8), "r" (0x55ull) : "memory");
	asm volatile("bts $3, (%0)" : : "r" (DEV) : "memory", "cc");
	asm volatile("movl (%1), %k0; bswap %k0" : "=r" (v) : "r" (DEV) : "memory");
	GUEST_ASSERT_EQ(v, 0x44332211);
	asm volatile("movnti %1, (%0)" : : "r" (DEV), "r" (0x77u) : "memory");
	asm volatile("imul (%1), %0" : "+r" (v) : "r" (DEV) : "memory", "cc");
	GUEST_ASSERT_EQ(v, 0x44332211ull * 3);
	asm volatile("notl (%0); negb 4(%0); shll $4, 8(%0)" : : "r" (DEV) : "memory", "cc");
}

TEST(more_instructions)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, odd_forms);

	answer(vcpu, DEV, 8, 0x0102030405060708ull);
	written(vcpu, DEV + 8, 8, 0x55);
	answer(vcpu, DEV, 4, 1);
	written(vcpu, DEV, 4, 9);
	answer(vcpu, DEV, 4, 0x11223344);
	written(vcpu, DEV, 4, 0x77);
	answer(vcpu, DEV, 8, 3);
	answer(vcpu, DEV, 4, 0x0f0f0f0f);
	written(vcpu, DEV, 4, 0xf0f0f0f0);
	answer(vcpu, DEV + 4, 1, 1);
	written(vcpu, DEV + 4, 1, 0xff);
	answer(vcpu, DEV + 8, 4, 0x12345678);
	written(vcpu, DEV + 8, 4, 0x23456780);
	vcpu_done(vcpu);
}
