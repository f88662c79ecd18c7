// SPDX-License-Identifier: GPL-2.0-only
/* Extended state as an XSAVE image: round trip, in and out of the guest, refusals */
#include "vm.h"

#define BV	512
#define COMP_BV	520
#define MXCSR	24
#define XMM(n)	(160 + 16 * (n))

static u8 image[16384] __attribute__((aligned(64)));
static u8 other[16384] __attribute__((aligned(64)));
static u32 size;

static struct vcpu *start(void (*fn)(void))
{
	struct lodge_info info;
	struct vcpu *vcpu;

	lodge_info(&info);
	size = info.xsave_size;
	ASSERT_GE(size, 576u);
	ASSERT_LE(size, (u32)sizeof(image));
	vcpu = vcpu_long(vm_create(0), 0, fn);
	ASSERT_OK(vcpu_try_get_xsave(vcpu, image, size));
	return vcpu;
}

/* XMM0 and XMM15 as the test set them; leaves others */
static void check_xmm(void)
{
	u64 lo, hi, top;
	u32 mxcsr;

	asm volatile("movq %%xmm0, %0; psrldq $8, %%xmm0; movq %%xmm0, %1; movq %%xmm15, %2"
		     : "=r" (lo), "=r" (hi), "=r" (top));
	GUEST_ASSERT_EQ(lo, 0x1122334455667788ull);
	GUEST_ASSERT_EQ(hi, 0x99aabbccddeeff00ull);
	GUEST_ASSERT_EQ(top, 0xfeedfacecafebeefull);
	asm volatile("stmxcsr %0" : "=m" (mxcsr));
	GUEST_ASSERT_EQ(mxcsr, 0x1fa0);
	asm volatile("movq %0, %%xmm7" : : "r" (0x0123456789abcdefull));
	mxcsr = 0x9fc0;
	asm volatile("ldmxcsr %0" : : "m" (mxcsr));
	GUEST_DONE();
}

TEST(reset_values)
{
	start(check_xmm);
	EXPECT_EQ(*(u32 *)(image + MXCSR), 0x1f80u);
	EXPECT_EQ(*(u64 *)(image + COMP_BV), 0ull);
}

TEST(guest_has_it)
{
	struct vcpu *vcpu = start(check_xmm);

	*(u64 *)(image + BV) |= 2;
	*(u64 *)(image + XMM(0)) = 0x1122334455667788ull;
	*(u64 *)(image + XMM(0) + 8) = 0x99aabbccddeeff00ull;
	*(u64 *)(image + XMM(15)) = 0xfeedfacecafebeefull;
	*(u32 *)(image + MXCSR) = 0x1fa0;
	ASSERT_OK(vcpu_try_set_xsave(vcpu, image, size));
	vcpu_done(vcpu);
	ASSERT_OK(vcpu_try_get_xsave(vcpu, image, size));
	EXPECT_TRUE(*(u64 *)(image + BV) & 2);
	EXPECT_EQ(*(u64 *)(image + XMM(7)), 0x0123456789abcdefull);
	EXPECT_EQ(*(u64 *)(image + XMM(15)), 0xfeedfacecafebeefull);
	EXPECT_EQ(*(u32 *)(image + MXCSR), 0x9fc0u);
}

TEST(round_trip)
{
	struct vcpu *vcpu = start(check_xmm);
	unsigned int i;

	/* all of x87 and SSE that is data */
	for (i = 0; i < 8; i++)
		memset(image + 32 + 16 * i, 0x40 + i, 10);
	for (i = 0; i < 16; i++)
		memset(image + XMM(i), 0x60 + i, 16);
	*(u64 *)(image + BV) |= 3;
	ASSERT_OK(vcpu_try_set_xsave(vcpu, image, size));
	ASSERT_OK(vcpu_try_get_xsave(vcpu, other, size));
	EXPECT_EQ(memcmp(image, other, 416), 0);
	EXPECT_EQ(memcmp(image + BV, other + BV, size - BV), 0);
}

TEST(refuses)
{
	struct vcpu *vcpu = start(check_xmm);

	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, image, size - 1), EINVAL);
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, image, 0), EINVAL);
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, image, size + 64), EINVAL);
	EXPECT_ERRNO(vcpu_try_get_xsave(vcpu, image, size - 1), EINVAL);
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, NULL, size), EFAULT);
	EXPECT_ERRNO(vcpu_try_get_xsave(vcpu, NULL, size), EFAULT);
	memcpy(other, image, size);
	*(u64 *)(other + BV) |= 1ull << 62;		/* no such component */
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, other, size), EINVAL);
	memcpy(other, image, size);
	*(u64 *)(other + COMP_BV) = 1ull << 63 | 3;	/* compacted */
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, other, size), EINVAL);
	memcpy(other, image, size);
	other[COMP_BV + 20] = 1;			/* reserved part of the header */
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, other, size), EINVAL);
	memcpy(other, image, size);
	*(u32 *)(other + MXCSR) |= 1u << 16;
	EXPECT_ERRNO(vcpu_try_set_xsave(vcpu, other, size), EINVAL);
	EXPECT_OK(vcpu_try_set_xsave(vcpu, image, size));
}
