// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended state: x87, SSE, AVX, AVX-512 and PKRU of the guest against the host's.
 *
 * Both are swapped here, in full, while interrupts are off: whatever the registers
 * hold at the start of a window (the user's values, or none of meaning if the
 * kernel has put those away) they hold again at its end, so the kernel's own
 * management of them need not know.  State that the guest's XCR0 can not reach
 * (AMX, CET) never changes.  PKRU is kept out of the images: the kernel's
 * accesses to user memory obey it.
 */
#include <linux/cpufeature.h>
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/fpu/xcr.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/special_insns.h>

#include "../alloc.h"
#include "fpu.h"
#include "hwmsr.h"

#define XSTATE_FP	BIT_ULL(0)
#define XSTATE_SSE	BIT_ULL(1)
#define XSTATE_AVX	BIT_ULL(2)
#define XSTATE_AVX512	(BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(7))
#define XSTATE_PKRU	BIT_ULL(9)

/* Offsets in an XSAVE image (SDM Vol 1, 13.4) */
#define XSAVE_MXCSR	24
#define XSAVE_MXCSR_MASK 28
#define XSAVE_BV	512
#define XSAVE_COMP_BV	520
#define XSAVE_HEADER_END 576
#define XSAVE_XMM	160
#define MXCSR_DEFAULT	0x1f80

static u64 host_xcr0;
static u64 guest_mask;		/* what a guest's XCR0 may have */
static u64 swap_mask;		/* the same without PKRU */
static u32 image_size;
static u32 pkru_offset;
static u32 ymm_offset;
static bool have_pkru;
static bool have_xsavec;
static u64 host_xss;		/* set at boot, the same on every CPU */
static u32 mxcsr_valid = 0xffbf;

/* Size, offset in the standard format, and flags of a component */
static void cpuid_d(u32 sub, u32 *eax, u32 *ebx, u32 *ecx)
{
	u32 a = 0xd, b, c = sub, d;

	asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	*eax = a;
	*ebx = b;
	*ecx = c;
}

/* Bits that LDMXCSR takes (SDM Vol 1, 11.6.6); FXSAVE changes no register */
static void read_mxcsr_mask(void)
{
	static u8 area[512] __aligned(16);
	u32 mask;

	asm volatile("fxsave64 %0" : "+m" (area));
	mask = *(u32 *)(area + XSAVE_MXCSR_MASK);
	if (mask)
		mxcsr_valid = mask;
}

/**
 * lodge_fpu_init - learn what the host has of extended state
 *
 * Return: 0, or -EOPNOTSUPP after a log line on a host that does not use XSAVE.
 */
int lodge_fpu_init(void)
{
	u32 size, offset, flags;

	if (!boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		pr_err("cannot run here: the processor or the kernel does not use XSAVE\n");
		return -EOPNOTSUPP;
	}
	read_mxcsr_mask();
	host_xcr0 = xgetbv(0);
	guest_mask = host_xcr0 &
		     (XSTATE_FP | XSTATE_SSE | XSTATE_AVX | XSTATE_AVX512 | XSTATE_PKRU);
	have_pkru = (guest_mask & XSTATE_PKRU) && boot_cpu_has(X86_FEATURE_OSPKE);
	if (!have_pkru)
		guest_mask &= ~XSTATE_PKRU;
	swap_mask = guest_mask & ~XSTATE_PKRU;
	have_xsavec = boot_cpu_has(X86_FEATURE_XSAVEC);
	host_xss = boot_cpu_has(X86_FEATURE_XSAVES) ? lodge_hwmsr_read(MSR_IA32_XSS) : 0;
	image_size = lodge_fpu_size_of(guest_mask);
	if (have_pkru) {
		cpuid_d(9, &size, &offset, &flags);
		pkru_offset = offset;
	}
	if (guest_mask & XSTATE_AVX) {
		cpuid_d(2, &size, &offset, &flags);
		ymm_offset = offset;
	}
	return 0;
}

/**
 * lodge_fpu_mask - bits that a guest's XCR0 may have
 *
 * Return: the mask.
 */
u64 lodge_fpu_mask(void)
{
	return guest_mask;
}

/**
 * lodge_fpu_size - bytes of a guest's XSAVE image
 *
 * Return: the size, at least 576.
 */
u32 lodge_fpu_size(void)
{
	return image_size;
}

/**
 * lodge_fpu_size_of - bytes of a standard-format image with some components
 * @xcr0: the components
 *
 * Return: the size, at least 576.
 */
u32 lodge_fpu_size_of(u64 xcr0)
{
	u32 size, offset, flags, total = XSAVE_HEADER_END;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		cpuid_d(i, &size, &offset, &flags);
		total = max(total, size + offset);
	}
	return total;
}

/**
 * lodge_fpu_compact_size_of - bytes of a compacted image with some components
 * @xcr0: the components
 *
 * Return: the size, at least 576 (SDM Vol 1, 13.4.3).
 */
u32 lodge_fpu_compact_size_of(u64 xcr0)
{
	u32 size, offset, flags, total = XSAVE_HEADER_END;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		cpuid_d(i, &size, &offset, &flags);
		if (flags & BIT(1))
			total = ALIGN(total, 64);
		total += size;
	}
	return total;
}

/**
 * lodge_fpu_create - extended state as after RESET
 * @fpu: to set up
 *
 * Return: 0 or -ENOMEM, after which lodge_fpu_destroy() is due too.
 */
int lodge_fpu_create(struct lodge_fpu *fpu)
{
	/* a power of two from kmalloc() is aligned to itself, and XSAVE wants 64 */
	fpu->xstate = lodge_alloc(roundup_pow_of_two(image_size), GFP_KERNEL_ACCOUNT);
	fpu->host_xstate = lodge_alloc(roundup_pow_of_two(image_size), GFP_KERNEL_ACCOUNT);
	if (!fpu->xstate || !fpu->host_xstate)
		return -ENOMEM;
	*(u32 *)(fpu->xstate + XSAVE_MXCSR) = MXCSR_DEFAULT;
	fpu->xcr0 = XSTATE_FP;
	return 0;
}

/**
 * lodge_fpu_destroy - mirror of lodge_fpu_create(), or of its failure
 * @fpu: of a vCPU that does not run
 */
void lodge_fpu_destroy(struct lodge_fpu *fpu)
{
	kfree(fpu->host_xstate);
	kfree(fpu->xstate);
}

static void xrstor(const void *image, u64 mask)
{
	asm volatile("xrstor64 %0"
		     : : "m" (*(const char *)image), "a" ((u32)mask), "d" ((u32)(mask >> 32))
		     : "memory");
}

static void xsave(void *image, u64 mask)
{
	asm volatile("xsave64 %0"
		     : "+m" (*(char *)image) : "a" ((u32)mask), "d" ((u32)(mask >> 32))
		     : "memory");
}

/* Compacted where the processor can: parts in their initial state cost nothing */
static void xsave_host(void *image, u64 mask)
{
	if (likely(have_xsavec))
		asm volatile("xsavec64 %0"
			     : "+m" (*(char *)image)
			     : "a" ((u32)mask), "d" ((u32)(mask >> 32)) : "memory");
	else
		xsave(image, mask);
}

static u32 pkru_read(void)
{
	u32 pkru, edx;

	asm volatile("rdpkru" : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

static void pkru_write(u32 pkru)
{
	asm volatile("wrpkru" : : "a" (pkru), "c" (0), "d" (0) : "memory");
}

/**
 * lodge_fpu_enter - put the registers away, load the guest's
 * @fpu: the guest's
 *
 * Interrupts off until lodge_fpu_leave().
 */
void lodge_fpu_enter(struct lodge_fpu *fpu)
{
	xsave_host(fpu->host_xstate, swap_mask);
	xrstor(fpu->xstate, swap_mask);
	if (fpu->xcr0 != host_xcr0)
		xsetbv(0, fpu->xcr0);
	if (unlikely(host_xss))
		lodge_hwmsr_write(MSR_IA32_XSS, 0);
	if (have_pkru) {
		fpu->host_pkru = pkru_read();
		if (fpu->host_pkru != fpu->pkru)
			pkru_write(fpu->pkru);
	}
}

/**
 * lodge_fpu_leave - mirror of lodge_fpu_enter()
 * @fpu: the guest's
 */
void lodge_fpu_leave(struct lodge_fpu *fpu)
{
	if (have_pkru) {
		fpu->pkru = pkru_read();
		if (fpu->host_pkru != fpu->pkru)
			pkru_write(fpu->host_pkru);
	}
	if (unlikely(host_xss))
		lodge_hwmsr_write(MSR_IA32_XSS, host_xss);
	if (fpu->xcr0 != host_xcr0)
		xsetbv(0, host_xcr0);
	xsave(fpu->xstate, swap_mask);
	xrstor(fpu->host_xstate, swap_mask);
}

/**
 * lodge_fpu_host_keys - inside a window: reach user memory with the rights of outside
 * @fpu: the guest's, loaded
 *
 * Return: for lodge_fpu_guest_keys().
 */
u32 lodge_fpu_host_keys(const struct lodge_fpu *fpu)
{
	u32 pkru = 0;

	if (have_pkru) {
		pkru = pkru_read();
		if (pkru != fpu->host_pkru)
			pkru_write(fpu->host_pkru);
	}
	return pkru;
}

/**
 * lodge_fpu_guest_keys - mirror of lodge_fpu_host_keys()
 * @fpu: the guest's
 * @pkru: what that returned
 */
void lodge_fpu_guest_keys(const struct lodge_fpu *fpu, u32 pkru)
{
	if (have_pkru && pkru != fpu->host_pkru)
		pkru_write(pkru);
}

/**
 * lodge_fpu_xcr0_valid - would XSETBV take this value for XCR0?
 * @xcr0: the value (SDM Vol 1, 13.3)
 *
 * Return: true if so.
 */
bool lodge_fpu_xcr0_valid(u64 xcr0)
{
	if (!(xcr0 & XSTATE_FP) || (xcr0 & ~guest_mask))
		return false;
	if ((xcr0 & XSTATE_AVX) && !(xcr0 & XSTATE_SSE))
		return false;
	if (xcr0 & XSTATE_AVX512)
		return (xcr0 & XSTATE_AVX512) == XSTATE_AVX512 && (xcr0 & XSTATE_AVX);
	return true;
}

/**
 * lodge_fpu_get - the extended state as an image
 * @fpu: of a vCPU that does not run
 * @image: lodge_fpu_size() bytes
 */
void lodge_fpu_get(const struct lodge_fpu *fpu, void *image)
{
	memcpy(image, fpu->xstate, image_size);
	*(u32 *)(image + XSAVE_MXCSR_MASK) = mxcsr_valid;
	if (have_pkru) {
		*(u64 *)(image + XSAVE_BV) |= XSTATE_PKRU;
		*(u32 *)(image + pkru_offset) = fpu->pkru;
	}
}

/**
 * lodge_fpu_set - load the extended state from an image
 * @fpu: of a vCPU that does not run
 * @image: lodge_fpu_size() bytes, from anybody
 *
 * Return: 0, or -EINVAL for an image that XRSTOR would not take.
 */
int lodge_fpu_set(struct lodge_fpu *fpu, const void *image)
{
	u64 bv = *(const u64 *)(image + XSAVE_BV);

	if (bv & ~guest_mask)
		return -EINVAL;
	if (memchr_inv(image + XSAVE_COMP_BV, 0, XSAVE_HEADER_END - XSAVE_COMP_BV))
		return -EINVAL;
	if (*(const u32 *)(image + XSAVE_MXCSR) & ~mxcsr_valid)
		return -EINVAL;
	memcpy(fpu->xstate, image, image_size);
	if (have_pkru)
		fpu->pkru = bv & XSTATE_PKRU ? *(const u32 *)(image + pkru_offset) : 0;
	*(u64 *)(fpu->xstate + XSAVE_BV) = bv & ~XSTATE_PKRU;
	return 0;
}

/* Half of a vector register in the image: XMM, or the upper half of YMM */
static void *half(const struct lodge_fpu *fpu, unsigned int reg, bool upper)
{
	return fpu->xstate + (upper ? ymm_offset : XSAVE_XMM) + 16 * reg;
}

static bool half_in_use(const struct lodge_fpu *fpu, bool upper)
{
	return *(u64 *)(fpu->xstate + XSAVE_BV) & (upper ? XSTATE_AVX : XSTATE_SSE);
}

static bool vector_exists(unsigned int reg, unsigned int len)
{
	return reg < 16 && (len == 16 || (len == 32 && ymm_offset));
}

/**
 * lodge_fpu_vector_read - the low part of a vector register
 * @fpu: of a vCPU that does not run
 * @reg: 0 to 15
 * @buf: result
 * @len: 16 or 32 bytes
 *
 * Return: 0, or -EINVAL if the guest has no such register.
 */
int lodge_fpu_vector_read(const struct lodge_fpu *fpu, unsigned int reg, void *buf,
			  unsigned int len)
{
	unsigned int i;

	if (!vector_exists(reg, len))
		return -EINVAL;
	for (i = 0; i < len / 16; i++) {
		if (half_in_use(fpu, i))
			memcpy(buf + 16 * i, half(fpu, reg, i), 16);
		else
			memset(buf + 16 * i, 0, 16);
	}
	return 0;
}

/* A component in its initial state has stale bytes in the image */
static void use_half(struct lodge_fpu *fpu, bool upper)
{
	if (!half_in_use(fpu, upper))
		memset(half(fpu, 0, upper), 0, 16 * 16);
	*(u64 *)(fpu->xstate + XSAVE_BV) |= upper ? XSTATE_AVX : XSTATE_SSE;
}

/**
 * lodge_fpu_vector_write - set the low part of a vector register
 * @fpu: of a vCPU that does not run
 * @reg: 0 to 15
 * @buf: the value
 * @len: 16 or 32 bytes
 * @zero_upper: clear what lies above
 *
 * Return: 0, or -EINVAL if the guest has no such register.
 */
int lodge_fpu_vector_write(struct lodge_fpu *fpu, unsigned int reg, const void *buf,
			   unsigned int len, bool zero_upper)
{
	if (!vector_exists(reg, len))
		return -EINVAL;
	use_half(fpu, false);
	memcpy(half(fpu, reg, false), buf, 16);
	if (len == 32) {
		use_half(fpu, true);
		memcpy(half(fpu, reg, true), buf + 16, 16);
	} else if (zero_upper && ymm_offset) {
		use_half(fpu, true);
		memset(half(fpu, reg, true), 0, 16);
	}
	/* registers of AVX-512 above 256 bits: no vector move of it is emulated */
	return 0;
}
