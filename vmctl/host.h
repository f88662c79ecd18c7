/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the processor and the kernel tell about this machine.  Facts only; what
 * follows from them is in verdict.c.
 */
#ifndef VMCTL_HOST_H
#define VMCTL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct fact - something that is so, is not so, or cannot be told
 * @known: it can be told
 * @yes: it is so
 * @why: why it cannot be told, or a detail; may be empty
 */
struct fact {
	bool known;
	bool yes;
	char why[120];
};

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/**
 * struct host_source - where to look; tests have machines of their own
 * @root: goes before each path, "" for this machine
 * @cpuid: the CPUID instruction
 */
struct host_source {
	const char *root;
	void (*cpuid)(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *regs);
};

extern const struct host_source host_this_machine;

#define HOST_MAX_VULNERABILITIES	32

struct host_vulnerability {
	char name[40];
	char state[160];
};

/**
 * struct host - this machine
 * @release: of the kernel
 * @arch: as uname tells
 * @vendor: CPUID vendor string
 * @model: CPUID brand string, may be empty
 * @vmx: CPUID.1:ECX.5
 * @nested: this is a virtual machine; detail: of which hypervisor
 * @xsave: CPUID.1:ECX.26
 * @xsave_used: CPUID.1:ECX.27, the kernel has switched it on
 * @fred: CPUID.(7,1):EAX.17
 * @fred_used: the kernel delivers events by FRED
 * @vmx_flag: /proc/cpuinfo has "vmx", which the kernel drops when the firmware forbids VMX
 * @vmx_flags: the "vmx flags" line of /proc/cpuinfo with a space at each end, or empty
 * @secure_boot: the firmware checks signatures
 * @lockdown: the kernel's lockdown mode, empty if it cannot be told
 * @lockdown_why: then, why not
 * @kvm_loaded: /sys/module/kvm_intel exists
 * @kvm_refs: its users
 * @kvm_at_load: it takes VMX when it is loaded; unknown on kernels without that parameter
 * @other: another module that may hold VMX, NULL for none
 * @nr_vulnerabilities: entries used below
 * @vulnerabilities: /sys/devices/system/cpu/vulnerabilities, by name
 */
struct host {
	char release[72];
	char arch[72];
	char vendor[13];
	char model[49];
	bool vmx;
	struct fact nested;
	bool xsave;
	bool xsave_used;
	bool fred;
	struct fact fred_used;
	struct fact vmx_flag;
	char vmx_flags[512];
	struct fact secure_boot;
	char lockdown[24];
	char lockdown_why[120];
	bool kvm_loaded;
	unsigned int kvm_refs;
	struct fact kvm_at_load;
	const char *other;
	unsigned int nr_vulnerabilities;
	struct host_vulnerability vulnerabilities[HOST_MAX_VULNERABILITIES];
};

void host_read(struct host *h, const struct host_source *src);

/* Makes @fact a known one, or an unknown one, with printf's words for @why */
void fact_tell(struct fact *fact, bool yes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void fact_unknown(struct fact *fact, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Reads the file @path under @root as a string without its last newline.
 * Returns its length, cut to @size - 1, or -errno.
 */
ssize_t host_read_file(const char *root, const char *path, char *buf, size_t size);

#endif /* VMCTL_HOST_H */
