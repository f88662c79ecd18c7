// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of counters.
 */
#include <linux/lodge.h>
#include <stddef.h>

#include "counter.h"

static const struct {
	const char *key;
	const char *text;
} names[LODGE_NR_STATS] = {
	[LODGE_STAT_EXITS] = { "exits", "exits" },
	[LODGE_STAT_EXITS_USER] = { "exits_user", "exits to user space" },
	[LODGE_STAT_WINDOWS] = { "windows", "stretches in VMX operation" },
	[LODGE_STAT_NEIGHBOUR] = { "neighbour", "beside a neighbour" },
	[LODGE_STAT_IRQ_EXITS] = { "irq_exits", "host interrupts" },
	[LODGE_STAT_NMI_EXITS] = { "nmi_exits", "host NMIs" },
	[LODGE_STAT_MCE_EXITS] = { "mce_exits", "machine checks" },
	[LODGE_STAT_CPUID] = { "cpuid", "cpuid" },
	[LODGE_STAT_HLT] = { "hlt", "hlt" },
	[LODGE_STAT_IO] = { "io", "port accesses" },
	[LODGE_STAT_IO_USER] = { "io_user", "ports to user space" },
	[LODGE_STAT_MMIO] = { "mmio", "memory-mapped accesses" },
	[LODGE_STAT_MSR] = { "msr", "MSR accesses" },
	[LODGE_STAT_CR] = { "cr", "control registers" },
	[LODGE_STAT_DR] = { "dr", "debug registers" },
	[LODGE_STAT_EPT_FAULTS] = { "ept_faults", "EPT faults" },
	[LODGE_STAT_EMULATED] = { "emulated", "emulated instructions" },
	[LODGE_STAT_INJECTED] = { "injected", "injected events" },
	[LODGE_STAT_TLB_FLUSHES] = { "tlb_flushes", "TLB flushes" },
	[LODGE_STAT_MIGRATIONS] = { "migrations", "migrations" },
	[LODGE_STAT_VMREADS] = { "vmreads", "VMREADs" },
	[LODGE_STAT_VMWRITES] = { "vmwrites", "VMWRITEs" },
	[LODGE_STAT_MSR_ACCESSES] = { "msr_accesses", "host MSR accesses" },
	[LODGE_STAT_FAULTS_4K] = { "faults_4k", "EPT faults for 4 KiB" },
	[LODGE_STAT_FAULTS_2M] = { "faults_2m", "EPT faults for 2 MiB" },
	[LODGE_STAT_FAULTS_1G] = { "faults_1g", "EPT faults for 1 GiB" },
};

const char *counter_text(unsigned int stat)
{
	return stat < LODGE_NR_STATS && names[stat].text ? names[stat].text : "(new)";
}

const char *counter_key(unsigned int stat)
{
	return stat < LODGE_NR_STATS && names[stat].key ? names[stat].key : "new";
}
