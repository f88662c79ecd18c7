// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID features by the names that /proc/cpuinfo has for them (SDM Vol 2A, CPUID;
 * the paravirtual ones: Documentation/virt/kvm/x86/cpuid.rst of the kernel).
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cmd.h"
#include "cpufeature.h"
#include "vm.h"

#define PV_SIGNATURE	0x40000000
#define PV_FEATURES	0x40000001
#define ALL_PV		"kvm"

enum reg { EAX, EBX, ECX, EDX };

/**
 * struct feature - a feature
 * @name: as the user writes it
 * @leaf: of CPUID
 * @subleaf: likewise
 * @reg: register
 * @mask: bits
 */
struct feature {
	const char *name;
	uint32_t leaf;
	uint32_t subleaf;
	enum reg reg;
	uint32_t mask;
};

#define BITS(name, leaf, subleaf, reg, mask) { name, leaf, subleaf, reg, mask }
#define F1D(name, bit)	BITS(name, 1, 0, EDX, 1u << (bit))
#define F1C(name, bit)	BITS(name, 1, 0, ECX, 1u << (bit))
#define F7B(name, bit)	BITS(name, 7, 0, EBX, 1u << (bit))
#define F7C(name, bit)	BITS(name, 7, 0, ECX, 1u << (bit))
#define F7D(name, bit)	BITS(name, 7, 0, EDX, 1u << (bit))
#define F71(name, bit)	BITS(name, 7, 1, EAX, 1u << (bit))
#define FD1(name, bit)	BITS(name, 0xd, 1, EAX, 1u << (bit))
#define FXC(name, bit)	BITS(name, 0x80000001, 0, ECX, 1u << (bit))
#define FXD(name, bit)	BITS(name, 0x80000001, 0, EDX, 1u << (bit))
#define FPV(name, mask)	BITS(name, PV_FEATURES, 0, EAX, mask)

static const struct feature features[] = {
	F1D("fpu", 0), F1D("vme", 1), F1D("de", 2), F1D("pse", 3), F1D("tsc", 4), F1D("msr", 5),
	F1D("pae", 6), F1D("mce", 7), F1D("cx8", 8), F1D("apic", 9), F1D("sep", 11),
	F1D("mtrr", 12), F1D("pge", 13), F1D("mca", 14), F1D("cmov", 15), F1D("pat", 16),
	F1D("pse36", 17), F1D("clflush", 19), F1D("acpi", 22), F1D("mmx", 23), F1D("fxsr", 24),
	F1D("sse", 25), F1D("sse2", 26), F1D("ss", 27), F1D("ht", 28),
	F1C("pni", 0), F1C("pclmulqdq", 1), F1C("monitor", 3), F1C("vmx", 5), F1C("ssse3", 9),
	F1C("fma", 12), F1C("cx16", 13), F1C("pdcm", 15), F1C("pcid", 17), F1C("sse4_1", 19),
	F1C("sse4_2", 20), F1C("x2apic", 21), F1C("movbe", 22), F1C("popcnt", 23),
	F1C("tsc_deadline_timer", 24), F1C("aes", 25), F1C("xsave", 26), F1C("avx", 28),
	F1C("f16c", 29), F1C("rdrand", 30), F1C("hypervisor", 31),
	F7B("fsgsbase", 0), F7B("tsc_adjust", 1), F7B("bmi1", 3), F7B("hle", 4), F7B("avx2", 5),
	F7B("smep", 7), F7B("bmi2", 8), F7B("erms", 9), F7B("invpcid", 10), F7B("rtm", 11),
	F7B("mpx", 14), F7B("avx512f", 16), F7B("avx512dq", 17), F7B("rdseed", 18), F7B("adx", 19),
	F7B("smap", 20), F7B("avx512ifma", 21), F7B("clflushopt", 23), F7B("clwb", 24),
	F7B("intel_pt", 25), F7B("avx512pf", 26), F7B("avx512er", 27), F7B("avx512cd", 28),
	F7B("sha_ni", 29), F7B("avx512bw", 30), F7B("avx512vl", 31),
	F7C("avx512vbmi", 1), F7C("umip", 2), F7C("pku", 3), F7C("waitpkg", 5),
	F7C("avx512_vbmi2", 6), F7C("gfni", 8), F7C("vaes", 9), F7C("vpclmulqdq", 10),
	F7C("avx512_vnni", 11), F7C("avx512_bitalg", 12), F7C("avx512_vpopcntdq", 14),
	F7C("la57", 16), F7C("rdpid", 22), F7C("cldemote", 25), F7C("movdiri", 27),
	F7C("movdir64b", 28),
	F7D("avx512_4vnniw", 2), F7D("avx512_4fmaps", 3), F7D("fsrm", 4),
	F7D("avx512_vp2intersect", 8), F7D("md_clear", 10), F7D("serialize", 14), F7D("ibt", 20),
	F7D("amx_bf16", 22), F7D("avx512_fp16", 23), F7D("amx_tile", 24), F7D("amx_int8", 25),
	F7D("ibrs", 26), F7D("ibpb", 26), F7D("stibp", 27), F7D("flush_l1d", 28),
	F7D("arch_capabilities", 29), F7D("ssbd", 31),
	F71("avx_vnni", 4), F71("avx512_bf16", 5),
	FD1("xsaveopt", 0), FD1("xsavec", 1), FD1("xgetbv1", 2), FD1("xsaves", 3),
	FXC("lahf_lm", 0), FXC("abm", 5), FXC("3dnowprefetch", 8),
	FXD("syscall", 11), FXD("nx", 20), FXD("pdpe1gb", 26), FXD("rdtscp", 27), FXD("lm", 29),
	BITS("nonstop_tsc", 0x80000007, 0, EDX, 1u << 8),
	FPV("kvmclock", 1u << 0 | 1u << 3 | 1u << 24), FPV("steal-time", 1u << 5),
	FPV("pv-eoi", 1u << 6), FPV("pv-unhalt", 1u << 7), FPV("pv-tlb-flush", 1u << 9),
	FPV("pv-ipi", 1u << 11), FPV("poll-control", 1u << 12), FPV("pv-sched-yield", 1u << 13),
	FPV(ALL_PV, ~0u),
};

#define NR_FEATURES	(sizeof(features) / sizeof(features[0]))

const char *cpufeature_name(unsigned int n)
{
	return n < NR_FEATURES ? features[n].name : NULL;
}

static struct lodge_cpuid_leaf *find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		const struct lodge_cpuid_leaf *l = &t->leaf[i];

		if (l->leaf == leaf && (!(l->flags & LODGE_CPUID_SUBLEAF) || l->subleaf == subleaf))
			return (struct lodge_cpuid_leaf *)l;
	}
	return NULL;
}

static uint32_t *reg_of(struct lodge_cpuid_leaf *l, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &l->eax;
	case EBX:
		return &l->ebx;
	case ECX:
		return &l->ecx;
	default:
		return &l->edx;
	}
}

static void remove_leaves(struct cpuid_table *t, uint32_t first, uint32_t last)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nr; i++)
		if (t->leaf[i].leaf < first || t->leaf[i].leaf > last)
			t->leaf[n++] = t->leaf[i];
	t->nr = n;
}

/* Without its leaves nothing but the bit in leaf 1 tells of a hypervisor */
static void set_all_pv(struct cpuid_table *t, const struct cpuid_table *full, bool on)
{
	unsigned int i;

	remove_leaves(t, PV_SIGNATURE, PV_SIGNATURE + 0xff);
	for (i = 0; on && i < full->nr && t->nr < LODGE_MAX_CPUID; i++)
		if (full->leaf[i].leaf >> 8 == PV_SIGNATURE >> 8)
			t->leaf[t->nr++] = full->leaf[i];
}

/* What "+name" is about, or NULL with a sentence in @error */
static const struct feature *parse(const char *word, size_t len, char *error, size_t size)
{
	const struct feature *f = features, *end = features + NR_FEATURES;

	if (len < 2 || (*word != '+' && *word != '-')) {
		snprintf(error, size, "--cpu-feature takes +NAME or -NAME, not \"%.*s\"", (int)len,
			 word);
		return NULL;
	}
	while (f < end && (strlen(f->name) != len - 1 || memcmp(f->name, word + 1, len - 1)))
		f++;
	if (f < end)
		return f;
	snprintf(error, size, "there is no processor feature \"%.*s\": the names are those of /proc/cpuinfo",
		 (int)len - 1, word + 1);
	return NULL;
}

static int change_one(struct cpuid_table *t, const struct cpuid_table *full, const char *word,
		      size_t len, char *error, size_t size)
{
	const struct feature *f = parse(word, len, error, size);
	struct lodge_cpuid_leaf *l, *have;
	bool on = *word == '+';
	uint32_t bits;

	if (!f)
		return -1;
	have = find(full, f->leaf, f->subleaf);
	bits = have ? *reg_of(have, f->reg) & f->mask : 0;
	if (on && !bits) {
		snprintf(error, size, "this processor or lodge cannot give a guest \"%s\"",
			 f->name);
		return -1;
	}
	if (!strcmp(f->name, ALL_PV)) {
		set_all_pv(t, full, on);
		return 0;
	}
	l = find(t, f->leaf, f->subleaf);
	if (on && !l) {
		/* "-kvm" took the leaf: it is back, with this feature alone */
		set_all_pv(t, full, true);
		l = find(t, f->leaf, f->subleaf);
		if (l)
			*reg_of(l, f->reg) = 0;
	}
	if (l && on)
		*reg_of(l, f->reg) |= bits;
	else if (l)
		*reg_of(l, f->reg) &= ~f->mask;
	return 0;
}

int cpufeature_check(const char *list, char *error, size_t size)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (!parse(list, len, error, size))
			return -1;
		list += len;
		list += *list == ',';
	}
	return 0;
}

int cpufeature_change(struct cpuid_table *t, const struct cpuid_table *full, const char *list,
		      char *error, size_t size)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (change_one(t, full, list, len, error, size))
			return -1;
		list += len;
		list += *list == ',';
	}
	return 0;
}

/* ---- topology ------------------------------------------------------------ */

static struct lodge_cpuid_leaf *add(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
	struct lodge_cpuid_leaf *l = find(t, leaf, subleaf);

	if (l || t->nr == LODGE_MAX_CPUID)
		return l;
	l = &t->leaf[t->nr++];
	*l = (struct lodge_cpuid_leaf){
		.leaf = leaf, .subleaf = subleaf, .flags = LODGE_CPUID_SUBLEAF,
	};
	return l;
}

static unsigned int id_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

/* Caches: those of level 1 and 2 are a core's own, level 3 is the package's */
static void set_caches(struct cpuid_table *t, const struct cpuid_table *host, unsigned int bits)
{
	unsigned int i, nr = host->nr;
	bool have = find(t, 4, 0);

	for (i = 0; i < nr && !have; i++) {
		struct lodge_cpuid_leaf *l;

		if (host->leaf[i].leaf != 4 || !(host->leaf[i].eax & 0x1f))
			continue;
		l = add(t, 4, host->leaf[i].subleaf);
		if (l)
			*l = host->leaf[i];
	}
	for (i = 0; i < t->nr; i++) {
		struct lodge_cpuid_leaf *l = &t->leaf[i];
		uint32_t sharing;

		if (l->leaf != 4 || !(l->eax & 0x1f))
			continue;
		sharing = (l->eax >> 5 & 7) >= 3 ? (1u << bits) - 1 : 0;
		l->eax = (l->eax & 0x3fff) | sharing << 14 | ((1u << bits) - 1) << 26;
	}
}

static void set_levels(struct cpuid_table *t, uint32_t leaf, unsigned int apic_id,
		       unsigned int cpus)
{
	const struct {
		uint32_t shift;
		uint32_t cpus;
		uint32_t type;
	} levels[] = {
		{ 0, 1, 1 },			/* threads of a core */
		{ id_bits(cpus), cpus, 2 },	/* cores of the package */
		{ 0, 0, 0 },
	};
	unsigned int i;

	remove_leaves(t, leaf, leaf);
	for (i = 0; i < 3; i++) {
		struct lodge_cpuid_leaf *l = add(t, leaf, i);

		if (!l)
			return;
		l->eax = levels[i].shift;
		l->ebx = levels[i].cpus;
		l->ecx = levels[i].type << 8 | i;
		l->edx = apic_id;
	}
}

void cpufeature_topology(struct cpuid_table *t, const struct cpuid_table *host,
			 unsigned int apic_id, unsigned int cpus)
{
	struct lodge_cpuid_leaf *l = find(t, 0, 0);
	uint32_t max = l ? l->eax : 0;

	if (l && max < 0xb)
		l->eax = 0xb;
	l = find(t, 1, 0);
	if (l) {
		l->ebx = (l->ebx & 0x0000ffff) | (1u << id_bits(cpus) & 0xff) << 16 |
			 (apic_id & 0xff) << 24;
		if (cpus > 1)
			l->edx |= 1u << 28;
		else
			l->edx &= ~(1u << 28);
	}
	set_caches(t, host, id_bits(cpus));
	set_levels(t, 0xb, apic_id, cpus);
	if (max >= 0x1f)
		set_levels(t, 0x1f, apic_id, cpus);
}

/* ---- a vCPU -------------------------------------------------------------- */

static void read_host_caches(struct cpuid_table *host)
{
	struct lodge_cpuid_leaf *l = host->leaf;
	unsigned int i;

	host->nr = 0;
	for (i = 0; i < 8; i++, l++) {
		*l = (struct lodge_cpuid_leaf){
			.leaf = 4, .subleaf = i, .flags = LODGE_CPUID_SUBLEAF,
		};
		if (!__get_cpuid_count(4, i, &l->eax, &l->ebx, &l->ecx, &l->edx) ||
		    !(l->eax & 0x1f))
			return;
		host->nr++;
	}
}

int cpufeature_apply(int fd, unsigned int id, const struct vm_config *config)
{
	struct cpuid_table full, t, host;
	struct lodge_cpuid c = {
		.size = sizeof(c), .count = LODGE_MAX_CPUID, .entries = (uintptr_t)full.leaf,
	};
	char error[200];
	unsigned int i;

	if (ioctl(fd, LODGE_VCPU_GET_CPUID, &c)) {
		cmd_error(CMD_FAILED, "cannot read a vCPU's CPUID table: %s", strerror(errno));
		return -1;
	}
	full.nr = c.count;
	t = full;
	for (i = 0; i < config->nr_cpu_features; i++) {
		if (cpufeature_change(&t, &full, config->cpu_features[i], error, sizeof(error))) {
			cmd_error(CMD_FAILED, "%s", error);
			return -1;
		}
	}
	read_host_caches(&host);
	cpufeature_topology(&t, &host, id, config->cpus);
	c.count = t.nr;
	c.entries = (uintptr_t)t.leaf;
	if (ioctl(fd, LODGE_VCPU_SET_CPUID, &c)) {
		cmd_error(CMD_FAILED, "cannot set a vCPU's CPUID table: %s", strerror(errno));
		return -1;
	}
	return 0;
}
