// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl --cpu-feature and --cpus: what becomes of a CPUID table.
 *
 * native-sources: ../vmctl/cpufeature.c
 */
#include <stdarg.h>
#include <stdio.h>

#include "../../vmctl/cmd.h"
#include "../../vmctl/cpufeature.h"
#include "../../vmctl/vm.h"
#include "../lib/ktap.c"

int cmd_error(int status, const char *format, ...)
{
	return status;
}

static struct cpuid_table full, t;
static char error[200];

static void leaf(uint32_t n, uint32_t sub, bool indexed, uint32_t a, uint32_t b, uint32_t c,
		 uint32_t d)
{
	full.leaf[full.nr++] = (struct lodge_cpuid_leaf){
		n, sub, indexed ? LODGE_CPUID_SUBLEAF : 0, a, b, c, d, 0,
	};
}

static void reset(void)
{
	full.nr = 0;
	leaf(0, 0, false, 0xd, 1, 2, 3);
	leaf(1, 0, false, 0x406f1, 0x05010800, 1u << 13 | 1u << 21 | 1u << 31, 1u << 4 | 1u << 9);
	leaf(7, 0, true, 0, 1u << 5 | 1u << 20, 0, 1u << 26);
	leaf(0xd, 1, true, 1, 0, 0, 0);
	leaf(0x40000000, 0, false, 0x40000001, 1, 2, 3);
	leaf(0x40000001, 0, false, 1u << 3 | 1u << 5 | 1u << 24, 0, 0, 0);
	leaf(0x80000001, 0, false, 0, 0, 1, 1u << 20);
	t = full;
}

static struct lodge_cpuid_leaf *get(uint32_t n, uint32_t sub)
{
	unsigned int i;

	for (i = 0; i < t.nr; i++)
		if (t.leaf[i].leaf == n && t.leaf[i].subleaf == sub)
			return &t.leaf[i];
	return NULL;
}

static int change(const char *list)
{
	error[0] = 0;
	return cpufeature_change(&t, &full, list, error, sizeof(error));
}

TEST(features_by_name)
{
	reset();
	EXPECT_EQ(change("-avx2,-nx,-x2apic"), 0);
	EXPECT_EQ(get(7, 0)->ebx, 1u << 20);
	EXPECT_EQ(get(0x80000001, 0)->edx, 0u);
	EXPECT_EQ(get(1, 0)->ecx, 1u << 13 | 1u << 31);
	EXPECT_EQ(change("+avx2"), 0);
	EXPECT_EQ(get(7, 0)->ebx, 1u << 5 | 1u << 20);
	EXPECT_EQ(change(""), 0);
	/* one that is not there may be taken away */
	EXPECT_EQ(change("-avx512f,-vmx"), 0);
	EXPECT_EQ(change("+tsc"), 0);
}

TEST(mistakes)
{
	reset();
	EXPECT_EQ(change("+avx512f"), -1);
	EXPECT_TRUE(strstr(error, "cannot give a guest \"avx512f\""));
	EXPECT_EQ(change("+nosuch"), -1);
	EXPECT_TRUE(strstr(error, "no processor feature \"nosuch\""));
	EXPECT_EQ(change("-avx2,avx2"), -1);
	EXPECT_TRUE(strstr(error, "not \"avx2\""));
	EXPECT_EQ(change("+"), -1);
	EXPECT_EQ(change(","), -1);
	EXPECT_EQ(change("+avx"), -1);		/* not the beginning of another */
	EXPECT_EQ(change("+avx2x"), -1);
}

TEST(paravirtual)
{
	reset();
	EXPECT_EQ(change("-kvmclock"), 0);
	EXPECT_EQ(get(0x40000001, 0)->eax, 1u << 5);
	EXPECT_EQ(change("+kvmclock"), 0);
	EXPECT_EQ(get(0x40000001, 0)->eax, 1u << 3 | 1u << 5 | 1u << 24);
	EXPECT_EQ(change("+pv-ipi"), -1);
	EXPECT_EQ(change("-kvm"), 0);
	EXPECT_TRUE(!get(0x40000000, 0) && !get(0x40000001, 0));
	EXPECT_TRUE(get(0x80000001, 0) && get(0xd, 1));
	EXPECT_EQ(change("-steal-time"), 0);
	EXPECT_EQ(change("+kvm"), 0);
	EXPECT_EQ(get(0x40000000, 0)->eax, 0x40000001u);
	EXPECT_EQ(get(0x40000001, 0)->eax, full.leaf[5].eax);
	/* none but one */
	EXPECT_EQ(change("-kvm,+steal-time"), 0);
	ASSERT_TRUE(get(0x40000000, 0) && get(0x40000001, 0));
	EXPECT_EQ(get(0x40000001, 0)->eax, 1u << 5);
}

TEST(every_name_is_one_feature)
{
	unsigned int i, j;

	for (i = 0; cpufeature_name(i); i++)
		for (j = 0; j < i; j++)
			EXPECT_NE(strcmp(cpufeature_name(i), cpufeature_name(j)), 0);
	EXPECT_GT(i, 100u);
}

static void topology(unsigned int cpus, unsigned int bits)
{
	static const struct cpuid_table host = { .nr = 3, .leaf = {
		{ 4, 0, LODGE_CPUID_SUBLEAF, 0x1c004121, 1, 2, 3, 0 },
		{ 4, 1, LODGE_CPUID_SUBLEAF, 0x1c004143, 1, 2, 3, 0 },
		{ 4, 2, LODGE_CPUID_SUBLEAF, 0x1c03c163, 1, 2, 3, 0 },
	} };
	unsigned int id = cpus - 1;

	reset();
	cpufeature_topology(&t, &host, id, cpus);
	EXPECT_EQ(get(1, 0)->ebx, 0x0800 | (1u << bits) << 16 | id << 24);
	EXPECT_EQ(get(1, 0)->edx >> 28 & 1, cpus > 1);
	EXPECT_EQ(get(1, 0)->edx & 1u << 9, 1u << 9);
	EXPECT_EQ(get(4, 0)->eax, 0x121u | ((1u << bits) - 1) << 26);
	EXPECT_EQ(get(4, 2)->eax, 0x163u | ((1u << bits) - 1) << 14 | ((1u << bits) - 1) << 26);
	EXPECT_EQ(get(4, 2)->ebx, 1u);
	EXPECT_EQ(get(0xb, 0)->eax, 0u);
	EXPECT_EQ(get(0xb, 0)->ebx, 1u);
	EXPECT_EQ(get(0xb, 0)->ecx, 0x100u);
	EXPECT_EQ(get(0xb, 1)->eax, bits);
	EXPECT_EQ(get(0xb, 1)->ebx, cpus);
	EXPECT_EQ(get(0xb, 1)->ecx, 0x201u);
	EXPECT_EQ(get(0xb, 1)->edx, id);
	EXPECT_EQ(get(0xb, 2)->ecx, 2u);
	EXPECT_TRUE(!get(0x1f, 0));
}

TEST(topology_of_cores)
{
	topology(1, 0);
	topology(2, 1);
	topology(3, 2);
	topology(4, 2);
	topology(5, 3);
	topology(64, 6);
}

TEST(topology_of_old_and_new_processors)
{
	static const struct cpuid_table none;

	reset();
	full.leaf[0].eax = 7;
	t = full;
	cpufeature_topology(&t, &none, 0, 2);
	EXPECT_EQ(get(0, 0)->eax, 0xbu);
	full.leaf[0].eax = 0x20;
	t = full;
	cpufeature_topology(&t, &none, 1, 2);
	EXPECT_EQ(get(0, 0)->eax, 0x20u);
	EXPECT_EQ(get(0x1f, 1)->edx, 1u);
	EXPECT_TRUE(!get(4, 0));
	/* a full table is not left */
	while (t.nr < LODGE_MAX_CPUID)
		t.leaf[t.nr++] = (struct lodge_cpuid_leaf){ .leaf = 0x1000 + t.nr };
	cpufeature_topology(&t, &none, 1, 2);
	EXPECT_LE(t.nr, (unsigned int)LODGE_MAX_CPUID);
}
