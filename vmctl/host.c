// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads CPUID, /proc/cpuinfo, /sys/module, the lockdown mode and the state of
 * the processor's vulnerabilities.
 */
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host.h"

#define SECURE_BOOT_VAR \
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define VULNERABILITIES	"/sys/devices/system/cpu/vulnerabilities"

static void real_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	__cpuid_count(leaf, subleaf, r->eax, r->ebx, r->ecx, r->edx);
}

const struct host_source host_this_machine = { .root = "", .cpuid = real_cpuid };

void fact_tell(struct fact *fact, bool yes, const char *format, ...)
{
	va_list ap;

	fact->known = true;
	fact->yes = yes;
	va_start(ap, format);
	vsnprintf(fact->why, sizeof(fact->why), format, ap);
	va_end(ap);
}

void fact_unknown(struct fact *fact, const char *format, ...)
{
	va_list ap;

	fact->known = false;
	fact->yes = false;
	va_start(ap, format);
	vsnprintf(fact->why, sizeof(fact->why), format, ap);
	va_end(ap);
}

static int open_under(const char *root, const char *path, int flags)
{
	char full[512];
	int fd;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	fd = open(full, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool exists(const char *root, const char *path)
{
	int fd = open_under(root, path, O_PATH);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* As host_read_file(), for files that are not text */
static ssize_t read_bytes(const char *root, const char *path, char *buf, size_t size)
{
	int fd = open_under(root, path, O_RDONLY);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = read(fd, buf + used, size - used);
		if (n > 0)
			used += n;
	} while (n > 0 && used < size);
	n = n < 0 ? -errno : (ssize_t)used;
	close(fd);
	return n;
}

ssize_t host_read_file(const char *root, const char *path, char *buf, size_t size)
{
	ssize_t n = read_bytes(root, path, buf, size - 1);

	if (n < 0) {
		buf[0] = 0;
		return n;
	}
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return n;
}

/* The text after "key\t*: " of a /proc/cpuinfo line, for the first such line */
static bool cpuinfo_line(const char *text, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);
	const char *p, *end;

	for (p = text; p && *p; p = end ? end + 1 : NULL) {
		end = strchr(p, '\n');
		if (strncmp(p, key, len) || (p[len] != '\t' && p[len] != ':'))
			continue;
		p += len + strspn(p + len, "\t: ");
		len = end ? (size_t)(end - p) : strlen(p);
		snprintf(out, size, " %.*s ", (int)len, p);
		return true;
	}
	return false;
}

static void read_cpuinfo(struct host *h, const struct host_source *src)
{
	static char text[16384], flags[4096];
	ssize_t n = host_read_file(src->root, "/proc/cpuinfo", text, sizeof(text));

	if (n < 0 || !cpuinfo_line(text, "flags", flags, sizeof(flags))) {
		const char *why = n < 0 ? strerror(-n) : "it has no flags";

		fact_unknown(&h->vmx_flag, "/proc/cpuinfo: %s", why);
		fact_unknown(&h->fred_used, "/proc/cpuinfo: %s", why);
		return;
	}
	fact_tell(&h->vmx_flag, strstr(flags, " vmx "), "%s", "");
	fact_tell(&h->fred_used, strstr(flags, " fred "), "%s", "");
	cpuinfo_line(text, "vmx flags", h->vmx_flags, sizeof(h->vmx_flags));
}

static const char *hypervisor_name(const char *signature)
{
	static const char *const names[][2] = {
		{ "KVMKVMKVM", "KVM" }, { "Microsoft Hv", "Hyper-V" },
		{ "VMwareVMware", "VMware" }, { "XenVMMXenVMM", "Xen" },
		{ "TCGTCGTCGTCG", "QEMU's emulator" }, { "bhyve bhyve ", "bhyve" },
		{ "VBoxVBoxVBox", "VirtualBox" }, { "ACRNACRNACRN", "ACRN" },
		{ "Jailhouse", "Jailhouse" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(signature, names[i][0]))
			return names[i][1];
	return NULL;
}

static void read_nested(struct host *h, const struct host_source *src, bool hypervisor)
{
	struct cpuid_regs r;
	char signature[13] = "";
	const char *name;
	char *p;

	if (!hypervisor) {
		fact_tell(&h->nested, false, "%s", "");
		return;
	}
	src->cpuid(0x40000000, 0, &r);
	memcpy(signature, &r.ebx, 4);
	memcpy(signature + 4, &r.ecx, 4);
	memcpy(signature + 8, &r.edx, 4);
	for (p = signature; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	name = hypervisor_name(signature);
	if (name)
		fact_tell(&h->nested, true, "under %s", name);
	else
		fact_tell(&h->nested, true, "under a hypervisor that calls itself \"%s\"",
			  signature);
}

static void read_model(struct host *h, const struct host_source *src)
{
	struct cpuid_regs r;
	uint32_t i;
	char *p;

	src->cpuid(0x80000000, 0, &r);
	if (r.eax < 0x80000004)
		return;
	for (i = 0; i < 3; i++) {
		src->cpuid(0x80000002 + i, 0, &r);
		memcpy(h->model + i * 16, &r, 16);
	}
	p = h->model + strspn(h->model, " ");
	memmove(h->model, p, strlen(p) + 1);
	for (p = h->model + strlen(h->model); p > h->model && p[-1] == ' '; p--)
		p[-1] = 0;
}

static void read_cpuid(struct host *h, const struct host_source *src)
{
	struct cpuid_regs r;
	uint32_t max;

	src->cpuid(0, 0, &r);
	max = r.eax;
	memcpy(h->vendor, &r.ebx, 4);
	memcpy(h->vendor + 4, &r.edx, 4);
	memcpy(h->vendor + 8, &r.ecx, 4);
	src->cpuid(1, 0, &r);
	h->vmx = r.ecx & 1u << 5;
	h->xsave = r.ecx & 1u << 26;
	h->xsave_used = r.ecx & 1u << 27;
	read_nested(h, src, r.ecx & 1u << 31);
	if (max >= 7) {
		src->cpuid(7, 0, &r);
		if (r.eax >= 1) {
			src->cpuid(7, 1, &r);
			h->fred = r.eax & 1u << 17;
		}
	}
	read_model(h, src);
}

static void read_secure_boot(struct host *h, const struct host_source *src)
{
	char value[8];
	ssize_t n;

	if (!exists(src->root, "/sys/firmware/efi")) {
		fact_tell(&h->secure_boot, false, "not started through EFI");
		return;
	}
	n = read_bytes(src->root, SECURE_BOOT_VAR, value, sizeof(value));
	if (n == -ENOENT)
		fact_unknown(&h->secure_boot, "no EFI variable SecureBoot, or no efivarfs mounted");
	else if (n < 0)
		fact_unknown(&h->secure_boot, "EFI variable SecureBoot: %s", strerror(-n));
	else if (n < 5)
		fact_unknown(&h->secure_boot, "EFI variable SecureBoot is too short");
	else
		fact_tell(&h->secure_boot, value[4] == 1, "%s", "");
}

/* The file reads like "none [integrity] confidentiality" */
static void read_lockdown(struct host *h, const struct host_source *src)
{
	char text[128], *p;
	ssize_t n = host_read_file(src->root, "/sys/kernel/security/lockdown", text, sizeof(text));

	if (n < 0) {
		snprintf(h->lockdown_why, sizeof(h->lockdown_why),
			 "/sys/kernel/security/lockdown: %s%s", strerror(-n),
			 n == -ENOENT ? "; securityfs is not mounted, or has none" : "");
		return;
	}
	p = strchr(text, '[');
	if (!p || !strchr(p, ']')) {
		snprintf(h->lockdown_why, sizeof(h->lockdown_why),
			 "/sys/kernel/security/lockdown has no mode in brackets");
		return;
	}
	snprintf(h->lockdown, sizeof(h->lockdown), "%.*s", (int)strcspn(p + 1, "]"), p + 1);
}

static void read_kvm(struct host *h, const struct host_source *src)
{
	static const char *const others[] = { "vboxdrv", "vmmon" };
	char text[16], path[64];
	ssize_t n;
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", others[i]);
		if (exists(src->root, path))
			h->other = others[i];
	}
	h->kvm_loaded = exists(src->root, "/sys/module/kvm_intel");
	if (!h->kvm_loaded)
		return;
	if (host_read_file(src->root, "/sys/module/kvm_intel/refcnt", text, sizeof(text)) > 0)
		h->kvm_refs = strtoul(text, NULL, 10);
	n = host_read_file(src->root, "/sys/module/kvm/parameters/enable_virt_at_load", text,
			   sizeof(text));
	if (n <= 0)
		fact_unknown(&h->kvm_at_load, "this kernel's kvm has no enable_virt_at_load");
	else
		fact_tell(&h->kvm_at_load, *text == 'Y', "%s", "");
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void read_vulnerabilities(struct host *h, const struct host_source *src)
{
	char path[512];
	struct dirent **list;
	int i, n;

	snprintf(path, sizeof(path), "%s%s", src->root, VULNERABILITIES);
	n = scandir(path, &list, not_hidden, alphasort);
	if (n < 0)
		return;
	for (i = 0; i < n; i++) {
		struct host_vulnerability *v = &h->vulnerabilities[h->nr_vulnerabilities];

		if (h->nr_vulnerabilities < HOST_MAX_VULNERABILITIES &&
		    strlen(list[i]->d_name) < sizeof(v->name)) {
			strcpy(v->name, list[i]->d_name);
			snprintf(path, sizeof(path), VULNERABILITIES "/%s", v->name);
			if (host_read_file(src->root, path, v->state, sizeof(v->state)) > 0)
				h->nr_vulnerabilities++;
		}
		free(list[i]);
	}
	free(list);
}

void host_read(struct host *h, const struct host_source *src)
{
	struct utsname uts;

	memset(h, 0, sizeof(*h));
	if (!uname(&uts)) {
		snprintf(h->release, sizeof(h->release), "%s", uts.release);
		snprintf(h->arch, sizeof(h->arch), "%s", uts.machine);
	}
	read_cpuid(h, src);
	read_cpuinfo(h, src);
	read_secure_boot(h, src);
	read_lockdown(h, src);
	read_kvm(h, src);
	read_vulnerabilities(h, src);
}
