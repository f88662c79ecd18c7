// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: the host's leaves with what lodge can not carry taken out, as the table
 * that a new vCPU has; and the look-up at a CPUID exit.
 */
#include <linux/cpufeature.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/tsc.h>

#include "../irq/lapic.h"
#include "cpuid.h"
#include "cr.h"
#include "fpu.h"
#include "pv.h"

#define OSXSAVE		BIT(27)		/* leaf 1, ECX */
#define OSPKE		BIT(4)		/* leaf 7, ECX */

/*
 * Features that a guest may use when the host has them (SDM Vol 2A, CPUID).
 * Left out are those that need an MSR, an exit or state that lodge does not carry.
 */
/* SSE3 PCLMUL SSSE3 FMA CX16 PCID SSE4 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
#define LEAF1_ECX	0x76da3203
#define LEAF1_EDX	0x078ba97f	/* FPU to CX8, SEP PGE CMOV PAT PSE36 CLFSH MMX to SSE2 */
#define LEAF7_EBX	0xfdbf27eb	/* FSGSBASE TSC_ADJUST BMI AVX2 SMEP ERMS INVPCID AVX512 */
#define LEAF7_ECX	0x00405f4e	/* AVX512 extras, UMIP, PKU, VAES, RDPID */
#define LEAF7_EDX	0x0000011c	/* AVX512 4VNNIW, 4FMAPS, FSRM, VP2INTERSECT */
/* With a machine: 5-level paging, CLDEMOTE, MOVDIRI; MD_CLEAR, SERIALIZE, ARCH_CAPABILITIES */
#define MACHINE7_ECX	(BIT(16) | BIT(25) | BIT(27))
#define MACHINE7_EDX	(BIT(10) | BIT(14) | BIT(29))
#define LEAFD1_EAX	0x00000007	/* XSAVEOPT, XSAVEC, XGETBV with ECX = 1 */
#define EXT1_ECX	0x00000121	/* LAHF LZCNT PREFETCHW */
#define EXT1_EDX	0x2c100800	/* SYSCALL NX 1G RDTSCP LM */
/* With interrupt controllers of our own: APIC MCE MTRR MCA; x2APIC, TSC deadline */
#define MACHINE1_EDX	(BIT(9) | BIT(7) | BIT(12) | BIT(14))
#define MACHINE1_ECX	(BIT(21) | BIT(24))
#define LEAF6_EAX	BIT(2)		/* the APIC's timer never stops */
#define EXT7_EDX	BIT(8)		/* the TSC never stops */
#define EXT8_EAX	0x000000ff	/* physical address width */
#define LINEAR_BITS	48
#define LINEAR_BITS_LA57 57

/* instructions that are #UD in a guest unless a control allows them */
static struct {
	bool rdtscp;
	bool invpcid;
} may;

/**
 * lodge_cpuid_init - learn which instructions the processor can allow a guest
 * @rdtscp: RDTSCP and RDPID
 * @invpcid: INVPCID
 */
void lodge_cpuid_init(bool rdtscp, bool invpcid)
{
	may.rdtscp = rdtscp;
	may.invpcid = invpcid;
}

static bool have_avx(void)
{
	return lodge_fpu_mask() & BIT(2);
}

static void host_cpuid(struct lodge_cpuid_leaf *l, u32 leaf, u32 subleaf)
{
	*l = (struct lodge_cpuid_leaf){ .leaf = leaf, .subleaf = subleaf };
	asm volatile("cpuid"
		     : "=a" (l->eax), "=b" (l->ebx), "=c" (l->ecx), "=d" (l->edx)
		     : "0" (leaf), "2" (subleaf));
}

static void zero_bcd(struct lodge_cpuid_leaf *l)
{
	l->ebx = 0;
	l->ecx = 0;
	l->edx = 0;
}

static struct lodge_cpuid_leaf *add(struct lodge_cpuid_table *t, u32 leaf, u32 subleaf, u32 flags)
{
	struct lodge_cpuid_leaf *l = &t->leaf[t->nr];

	if (t->nr == LODGE_MAX_CPUID)
		return l - 1;
	host_cpuid(l, leaf, subleaf);
	l->flags = flags;
	t->nr++;
	return l;
}

static void add_features(struct lodge_cpuid_table *t, u32 apic_id)
{
	struct lodge_cpuid_leaf *l = add(t, 1, 0, 0);

	l->ebx = (l->ebx & 0x0000ffff) | 1 << 16 | apic_id << 24;
	l->ecx = (l->ecx & LEAF1_ECX) | BIT(31);	/* a hypervisor is present */
	l->edx &= LEAF1_EDX;
	if (!boot_cpu_has(X86_FEATURE_PCID))
		l->ecx &= ~BIT(17);
	if (!have_avx())
		l->ecx &= ~(BIT(12) | BIT(28) | BIT(29));	/* FMA AVX F16C */
}

static void add_structured(struct lodge_cpuid_table *t, bool machine)
{
	struct lodge_cpuid_leaf *l = add(t, 7, 0, LODGE_CPUID_SUBLEAF);
	u64 xcr0 = lodge_fpu_mask();

	l->eax = 0;
	l->ebx &= LEAF7_EBX;
	l->ecx &= LEAF7_ECX | (machine ? MACHINE7_ECX : 0);
	l->edx &= LEAF7_EDX | (machine ? MACHINE7_EDX : 0);
	if (!(xcr0 & 0xe0))		/* AVX-512 */
		l->ebx &= ~0xdc230000;
	if (!have_avx()) {
		l->ebx &= ~BIT(5);			/* AVX2 */
		l->ecx &= ~(BIT(9) | BIT(10));		/* VAES VPCLMULQDQ */
	}
	if (!may.invpcid || !boot_cpu_has(X86_FEATURE_PCID))
		l->ebx &= ~BIT(10);
	if (!may.rdtscp)
		l->ecx &= ~BIT(22);			/* RDPID */
	if (!(xcr0 & BIT(9)) || !boot_cpu_has(X86_FEATURE_OSPKE))
		l->ecx &= ~BIT(3);
	if (!boot_cpu_has(X86_FEATURE_SMEP))
		l->ebx &= ~BIT(7);
	if (!boot_cpu_has(X86_FEATURE_SMAP))
		l->ebx &= ~BIT(20);
	if (!boot_cpu_has(X86_FEATURE_FSGSBASE))
		l->ebx &= ~BIT(0);
	if (!boot_cpu_has(X86_FEATURE_UMIP))
		l->ecx &= ~BIT(2);
	if (lodge_cr_linear_bits() != LINEAR_BITS_LA57)
		l->ecx &= ~BIT(16);
	if (!boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		l->edx &= ~BIT(29);
}

static struct lodge_cpuid_leaf *add_zero(struct lodge_cpuid_table *t, u32 leaf, u32 subleaf,
					 u32 flags)
{
	struct lodge_cpuid_leaf *l = add(t, leaf, subleaf, flags);

	l->eax = 0;
	zero_bcd(l);
	return l;
}

/* The host's caches, shared by no other vCPU */
static void add_caches(struct lodge_cpuid_table *t)
{
	struct lodge_cpuid_leaf *l;
	u32 i;

	add(t, 2, 0, 0);
	for (i = 0; i < 8; i++) {
		l = add(t, 4, i, LODGE_CPUID_SUBLEAF);
		if (!(l->eax & 0x1f))
			break;
		l->eax &= 0x3fff;
	}
}

/* One thread a core, one core until user space knows better (SDM Vol 2A, leaf 0xb) */
static void add_topology(struct lodge_cpuid_table *t, u32 apic_id)
{
	struct lodge_cpuid_leaf *l;
	u32 i;

	for (i = 0; i < 2; i++) {
		l = add_zero(t, 0xb, i, LODGE_CPUID_SUBLEAF);
		l->eax = i ? 6 : 0;
		l->ebx = 1;
		l->ecx = (i + 1) << 8 | i;
		l->edx = apic_id;
	}
	l = add_zero(t, 0xb, 2, LODGE_CPUID_SUBLEAF);
	l->ecx = 2;
	l->edx = apic_id;
}

static void add_paravirtual(struct lodge_cpuid_table *t, u32 khz)
{
	struct lodge_cpuid_leaf *l = add_zero(t, LODGE_PV_LEAF, 0, 0);

	l->eax = LODGE_PV_LEAF_TIMING;
	memcpy(&l->ebx, "KVMK", 4);
	memcpy(&l->ecx, "VMKV", 4);
	memcpy(&l->edx, "M\0\0\0", 4);
	l = add_zero(t, LODGE_PV_LEAF_FEATURES, 0, 0);
	l->eax = lodge_pv_offered();
	l = add_zero(t, LODGE_PV_LEAF_TIMING, 0, 0);
	l->eax = khz;
	l->ebx = LODGE_LAPIC_BUS_HZ / 1000;
}

static void add_machine(struct lodge_cpuid_table *t, u32 apic_id, u32 khz, u32 last)
{
	struct lodge_cpuid_leaf *l = &t->leaf[1];

	l->edx |= MACHINE1_EDX;
	l->ecx |= MACHINE1_ECX;
	if (last >= 4)
		add_caches(t);
	if (last >= 6)
		add_zero(t, 6, 0, 0)->eax = LEAF6_EAX;
	if (last >= 0xb)
		add_topology(t, apic_id);
	add_paravirtual(t, khz);
}

/* Extended state (leaf 0xd) and its components */
static void add_xsave(struct lodge_cpuid_table *t)
{
	struct lodge_cpuid_leaf *l;
	u64 mask = lodge_fpu_mask();
	unsigned int i;

	l = add(t, 0xd, 0, LODGE_CPUID_SUBLEAF);
	l->eax = mask;
	l->edx = mask >> 32;
	l->ecx = lodge_fpu_size();
	l = add(t, 0xd, 1, LODGE_CPUID_SUBLEAF);
	l->eax &= LEAFD1_EAX;
	zero_bcd(l);
	for (i = 2; i < 63; i++)
		if (mask & BIT_ULL(i))
			add(t, 0xd, i, LODGE_CPUID_SUBLEAF);
}

static void add_extended(struct lodge_cpuid_table *t, bool la57)
{
	struct lodge_cpuid_leaf *l = add(t, 0x80000000, 0, 0);
	u32 leaf, last = min(l->eax, 0x80000008u);

	l->eax = last;
	zero_bcd(l);
	for (leaf = 0x80000001; leaf <= last; leaf++) {
		l = add(t, leaf, 0, 0);
		if (leaf == 0x80000001) {
			l->ecx &= EXT1_ECX;
			l->edx &= EXT1_EDX;
			if (!may.rdtscp)
				l->edx &= ~BIT(27);
		} else if (leaf == 0x80000007) {
			*l = (struct lodge_cpuid_leaf){ .leaf = leaf, .edx = l->edx & EXT7_EDX };
		} else if (leaf == 0x80000008) {
			l->eax &= EXT8_EAX;
			l->eax |= (la57 ? LINEAR_BITS_LA57 : LINEAR_BITS) << 8;
			zero_bcd(l);
		}
	}
}

static int compare(const void *a, const void *b)
{
	const struct lodge_cpuid_leaf *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	if (x->subleaf != y->subleaf)
		return x->subleaf < y->subleaf ? -1 : 1;
	return 0;
}

static u64 cr4_of(const struct lodge_cpuid_table *t)
{
	static const struct {
		u8 leaf, reg, bit;
		u32 cr4;
	} features[] = {
		{ 1, LODGE_CPUID_ECX, 17, X86_CR4_PCIDE },
		{ 1, LODGE_CPUID_ECX, 26, X86_CR4_OSXSAVE },
		{ 7, LODGE_CPUID_EBX, 0, X86_CR4_FSGSBASE },
		{ 7, LODGE_CPUID_EBX, 7, X86_CR4_SMEP },
		{ 7, LODGE_CPUID_EBX, 20, X86_CR4_SMAP },
		{ 7, LODGE_CPUID_ECX, 2, X86_CR4_UMIP },
		{ 7, LODGE_CPUID_ECX, 3, X86_CR4_PKE },
		{ 7, LODGE_CPUID_ECX, 16, X86_CR4_LA57 },
	};
	unsigned int i;
	u64 cr4 = 0;

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (lodge_cpuid_has(t, features[i].leaf, features[i].reg, features[i].bit))
			cr4 |= features[i].cr4;
	return cr4;
}

static void build_index(struct lodge_cpuid_table *t)
{
	u32 i;

	sort(t->leaf, t->nr, sizeof(t->leaf[0]), compare, NULL);
	memset(t->basic, 0, sizeof(t->basic));
	memset(t->extended, 0, sizeof(t->extended));
	for (i = t->nr; i-- > 0;) {
		u32 leaf = t->leaf[i].leaf;

		if (leaf < LODGE_CPUID_INDEXED)
			t->basic[leaf] = i + 1;
		else if (leaf - 0x80000000 < LODGE_CPUID_INDEXED)
			t->extended[leaf - 0x80000000] = i + 1;
	}
	t->max_basic = t->basic[0] ? t->leaf[t->basic[0] - 1].eax : 0;
	t->cr4 = cr4_of(t);
}

/**
 * lodge_cpuid_reset - the table of a new vCPU
 * @t: to fill
 * @apic_id: initial APIC ID
 * @machine_khz: ticks of the TSC in a millisecond, if the VM has interrupt controllers and
 *	the paravirtual interface, else 0
 */
void lodge_cpuid_reset(struct lodge_cpuid_table *t, u32 apic_id, u32 machine_khz)
{
	struct lodge_cpuid_leaf *l;
	u32 last;

	t->nr = 0;
	l = add(t, 0, 0, 0);
	last = min(l->eax, 0xdu);
	l->eax = last;
	add_features(t, apic_id);
	if (machine_khz)
		add_machine(t, apic_id, machine_khz, last);
	if (last >= 7)
		add_structured(t, machine_khz);
	if (last >= 0xd)
		add_xsave(t);
	add_extended(t, machine_khz && lodge_cr_linear_bits() == LINEAR_BITS_LA57);
	build_index(t);
	lodge_cpuid_update(t, 0, 1);
}

/**
 * lodge_cpuid_set - replace the table
 * @t: of a vCPU that does not run
 * @leaf: from user space
 * @nr: entries, at most LODGE_MAX_CPUID
 *
 * Return: 0, or -EINVAL for unknown flags or an entry that stands twice.
 */
int lodge_cpuid_set(struct lodge_cpuid_table *t, const struct lodge_cpuid_leaf *leaf, u32 nr)
{
	u32 i, j;

	for (i = 0; i < nr; i++) {
		if (leaf[i].flags & ~LODGE_CPUID_SUBLEAF || leaf[i].pad)
			return -EINVAL;
		if (!(leaf[i].flags & LODGE_CPUID_SUBLEAF) && leaf[i].subleaf)
			return -EINVAL;
		for (j = 0; j < i; j++)
			if (!compare(&leaf[i], &leaf[j]))
				return -EINVAL;
	}
	memcpy(t->leaf, leaf, nr * sizeof(*leaf));
	t->nr = nr;
	build_index(t);
	return 0;
}

static struct lodge_cpuid_leaf *find_exact(struct lodge_cpuid_table *t, u32 leaf, u32 subleaf)
{
	const struct lodge_cpuid_leaf *l = lodge_cpuid_find(t, leaf, subleaf);

	return l && l->leaf == leaf ? (struct lodge_cpuid_leaf *)l : NULL;
}

/**
 * lodge_cpuid_update - bring the bits up to date that follow other registers
 * @t: of a vCPU that does not run
 * @cr4: the guest's CR4: OSXSAVE, OSPKE
 * @xcr0: the guest's XCR0: size of the XSAVE area
 */
void lodge_cpuid_update(struct lodge_cpuid_table *t, u64 cr4, u64 xcr0)
{
	struct lodge_cpuid_leaf *l;

	l = find_exact(t, 1, 0);
	if (l)
		l->ecx = (l->ecx & ~OSXSAVE) | (cr4 & X86_CR4_OSXSAVE ? OSXSAVE : 0);
	l = find_exact(t, 7, 0);
	if (l)
		l->ecx = (l->ecx & ~OSPKE) | (cr4 & X86_CR4_PKE ? OSPKE : 0);
	l = find_exact(t, 0xd, 0);
	if (l)
		l->ebx = lodge_fpu_size_of(xcr0);
	l = find_exact(t, 0xd, 1);
	if (l)
		l->ebx = lodge_fpu_compact_size_of(xcr0);
}

static const struct lodge_cpuid_leaf *first_entry(const struct lodge_cpuid_table *t, u32 leaf)
{
	u32 i = 0;

	/* the guest chooses the leaf: no speculation beyond the index */
	if (likely(leaf < LODGE_CPUID_INDEXED)) {
		i = t->basic[array_index_nospec(leaf, LODGE_CPUID_INDEXED)];
		return i ? &t->leaf[i - 1] : NULL;
	}
	if (leaf - 0x80000000 < LODGE_CPUID_INDEXED) {
		i = t->extended[array_index_nospec(leaf - 0x80000000, LODGE_CPUID_INDEXED)];
		return i ? &t->leaf[i - 1] : NULL;
	}
	for (i = 0; i < t->nr; i++)
		if (t->leaf[i].leaf == leaf)
			return &t->leaf[i];
	return NULL;
}

/**
 * lodge_cpuid_find - what CPUID returns
 * @t: the vCPU's table
 * @leaf: EAX
 * @subleaf: ECX
 *
 * Called in a window.  A leaf above the highest gives the highest basic one's
 * data, as Intel's processors do; but not in the hypervisors' range at 0x40000000.
 *
 * Return: the entry, or NULL: all zero.
 */
const struct lodge_cpuid_leaf *lodge_cpuid_find(const struct lodge_cpuid_table *t, u32 leaf,
						u32 subleaf)
{
	const struct lodge_cpuid_leaf *l = first_entry(t, leaf);
	const struct lodge_cpuid_leaf *end = t->leaf + t->nr;

	if (!l && leaf > t->max_basic && leaf >> 28 != 4)
		l = first_entry(t, leaf = t->max_basic);
	if (!l || !(l->flags & LODGE_CPUID_SUBLEAF))
		return l;
	for (; l < end && l->leaf == leaf; l++)
		if (l->subleaf == subleaf)
			return l;
	return NULL;
}

/**
 * lodge_cpuid_has - whether the guest has a feature
 * @t: the vCPU's table
 * @leaf: of subleaf 0
 * @reg: register
 * @bit: 0 to 31
 *
 * Return: true if the bit is set.
 */
bool lodge_cpuid_has(const struct lodge_cpuid_table *t, u32 leaf, enum lodge_cpuid_reg reg,
		     u32 bit)
{
	const struct lodge_cpuid_leaf *l = lodge_cpuid_find(t, leaf, 0);

	return l && l->leaf == leaf && (&l->eax)[reg] & BIT(bit);
}
