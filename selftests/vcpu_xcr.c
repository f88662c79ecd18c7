// SPDX-License-Identifier: GPL-2.0-only
/* XCR0: what XSETBV takes, and that the guest's own value rules what it can use */
#include "vm.h"

static volatile u64 mask;

static void values(void)
{
	u32 r[4];

	GUEST_ASSERT_EQ(xsetbv_safe(0, 3), EXC(X_UD));		/* no OSXSAVE */
	write_cr4(read_cr4() | CR4_OSXSAVE);
	GUEST_ASSERT_EQ(xgetbv(0), 1);
	GUEST_ASSERT_EQ(xsetbv_safe(0, 3), 0);
	GUEST_ASSERT_EQ(xgetbv(0), 3);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(xgetbv(0), 3);
	GUEST_ASSERT_EQ(xsetbv_safe(0, 2), EXC(X_GP));		/* x87 is always on */
	GUEST_ASSERT_EQ(xsetbv_safe(0, 0), EXC(X_GP));
	GUEST_ASSERT_EQ(xsetbv_safe(0, 5), EXC(X_GP));		/* AVX wants SSE */
	GUEST_ASSERT_EQ(xsetbv_safe(0, 0x27), EXC(X_GP));	/* a third of AVX-512 */
	GUEST_ASSERT_EQ(xsetbv_safe(0, 0xe3), EXC(X_GP));	/* AVX-512 without AVX */
	GUEST_ASSERT_EQ(xsetbv_safe(0, 1ull << 63 | 3), EXC(X_GP));
	GUEST_ASSERT_EQ(xsetbv_safe(0, 1ull << 17 | 3), EXC(X_GP));	/* AMX is not carried */
	GUEST_ASSERT_EQ(xsetbv_safe(1, 3), EXC(X_GP));
	GUEST_ASSERT_EQ(xgetbv(0), 3);
	cpuid(0xd, 0, r);
	GUEST_ASSERT_EQ(r[0], mask);
	GUEST_ASSERT_EQ(xsetbv_safe(0, mask), 0);
	GUEST_ASSERT_EQ(xgetbv(0), mask);
}

static struct vm *start(void (*fn)(void), struct vcpu **vcpu)
{
	struct lodge_info info;
	struct vm *vm;

	if (!host_has("xsave"))
		SKIP("the processor has no XSAVE");
	lodge_info(&info);
	vm = vm_create(0);
	GUEST_VAR(vm, mask) = info.xcr0_mask;
	*vcpu = vcpu_long(vm, 0, fn);
	return vm;
}

TEST(values)
{
	struct lodge_sregs s;
	struct vcpu *vcpu;

	start(values, &vcpu);
	vcpu_sync(vcpu, 1);
	vcpu_get_sregs(vcpu, &s);
	EXPECT_EQ(s.xcr0, 3ull);
	vcpu_done(vcpu);
}

/* AVX is #UD while the guest's XCR0 lacks it, though the host's has it */
static void avx(void)
{
	write_cr4(read_cr4() | CR4_OSXSAVE);
	GUEST_ASSERT_EQ(GUEST_TRY("vxorps %%ymm1, %%ymm1, %%ymm1", "a" (0)), EXC(X_UD));
	GUEST_ASSERT_EQ(xsetbv_safe(0, 7), 0);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(GUEST_TRY("vxorps %%ymm1, %%ymm1, %%ymm1", "a" (0)), 0);
	GUEST_ASSERT_EQ(xsetbv_safe(0, 3), 0);
	GUEST_ASSERT_EQ(GUEST_TRY("vxorps %%ymm1, %%ymm1, %%ymm1", "a" (0)), EXC(X_UD));
}

TEST(rules_avx)
{
	struct vcpu *vcpu;

	if (!host_has("avx"))
		SKIP("the processor has no AVX");
	start(avx, &vcpu);
	vcpu_sync(vcpu, 1);
	vcpu_done(vcpu);
}

/* State that XCR0 hides for a while is still there */
static void hidden(void)
{
	u64 v;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv_safe(0, 7);
	asm volatile("movq %0, %%xmm1; vinsertf128 $1, %%xmm1, %%ymm1, %%ymm1"
		     : : "r" (0x1234567890abcdefull));
	xsetbv_safe(0, 3);
	GUEST_SYNC(1);
	xsetbv_safe(0, 7);
	asm volatile("vextractf128 $1, %%ymm1, %%xmm2; movq %%xmm2, %0" : "=r" (v));
	GUEST_ASSERT_EQ(v, 0x1234567890abcdefull);
}

TEST(keeps_what_is_hidden)
{
	struct vcpu *vcpu;

	if (!host_has("avx"))
		SKIP("the processor has no AVX");
	start(hidden, &vcpu);
	vcpu_sync(vcpu, 1);
	vcpu_done(vcpu);
}

/* XSAVE in the guest writes what the guest's XCR0 says, not more */
static u8 area[8192] __attribute__((aligned(64)));

static void save(void)
{
	u32 r[4], i;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	for (i = 0; i < sizeof(area); i++)
		area[i] = 0xee;
	for (i = 512; i < 576; i++)
		area[i] = 0;
	xsetbv_safe(0, 3);
	cpuid(0xd, 0, r);
	GUEST_ASSERT_EQ(r[1], 576);
	asm volatile("movq %0, %%xmm5; xsave (%1)"
		     : : "r" (0x55ull), "r" (area), "a" (-1), "d" (-1) : "memory");
	GUEST_ASSERT_EQ(*(u64 *)(area + 160 + 16 * 5), 0x55);
	for (i = 576; i < sizeof(area); i++)
		GUEST_ASSERT_EQ(area[i], 0xee);
	GUEST_ASSERT_EQ(*(u64 *)(area + 512) & ~3ull, 0);
}

TEST(xsave_in_guest)
{
	struct vcpu *vcpu;

	start(save, &vcpu);
	vcpu_done(vcpu);
}
