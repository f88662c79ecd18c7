/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpufeature.h - a vCPU's CPUID table: features by name, and the topology
 */
#ifndef VMCTL_CPUFEATURE_H
#define VMCTL_CPUFEATURE_H

#include <linux/lodge.h>
#include <stddef.h>

struct vm_config;

/**
 * struct cpuid_table - a CPUID table
 * @nr: entries
 * @leaf: unordered
 */
struct cpuid_table {
	unsigned int nr;
	struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
};

/* Are all names in "+name,-name" known?  0, or -1 with a sentence in @error */
int cpufeature_check(const char *list, char *error, size_t size);

/**
 * cpufeature_change - carry out "+name,-name"
 * @t: to change
 * @full: what the processor and lodge can give
 * @list: the words
 * @error: for a sentence
 * @size: of @error
 *
 * Return: 0, or -1 with @error.
 */
int cpufeature_change(struct cpuid_table *t, const struct cpuid_table *full, const char *list,
		      char *error, size_t size);

/**
 * cpufeature_topology - @cpus cores of one thread each, in one package
 * @t: to change
 * @host: whose leaf 4 is taken if @t has none
 * @apic_id: of this vCPU
 * @cpus: how many
 */
void cpufeature_topology(struct cpuid_table *t, const struct cpuid_table *host,
			 unsigned int apic_id, unsigned int cpus);

/* Both for a vCPU that does not run; returns 0, or -1 after having told the user */
int cpufeature_apply(int fd, unsigned int id, const struct vm_config *config);

/* The name of feature @n from 0, or NULL behind the last */
const char *cpufeature_name(unsigned int n);

#endif /* VMCTL_CPUFEATURE_H */
