// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can lodge run here?  Pure: facts in, one sentence out.
 */
#include <stdarg.h>
#include <string.h>

#include "check.h"

#define MAX_NAMED	4	/* controls in the last sentence; the report has all */

#define TRY_DEMO "try it in the simulated machine that \"make demo\" starts, which needs no VMX"

static void conclude(struct verdict *v, enum check_answer answer, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void conclude(struct verdict *v, enum check_answer answer, const char *format, ...)
{
	va_list ap;

	v->answer = answer;
	va_start(ap, format);
	vsnprintf(v->text, sizeof(v->text), format, ap);
	va_end(ap);
}

static bool vendor_has_vmx(const char *vendor)
{
	return !strcmp(vendor, "GenuineIntel") || !strcmp(vendor, "CentaurHauls") ||
	       !strcmp(vendor, "  Shanghai  ");
}

static void conclude_firmware(struct check *c)
{
	uint64_t fc = c->caps.feature_control;

	if (!c->host.vmx)
		fact_unknown(&c->firmware, "the processor has no VMX");
	else if (c->caps.source != CAPS_FROM_NOWHERE)
		fact_tell(&c->firmware, (fc & CAPS_FC_LOCKED) && (fc & CAPS_FC_VMX),
			  "IA32_FEATURE_CONTROL is 0x%llx, %slocked", (unsigned long long)fc,
			  fc & CAPS_FC_LOCKED ? "" : "not ");
	else if (!c->host.vmx_flag.known)
		fact_unknown(&c->firmware, "%s", c->caps.why);
	else if (c->host.vmx_flag.yes)
		fact_tell(&c->firmware, true, "the kernel lists vmx in /proc/cpuinfo");
	else
		fact_tell(&c->firmware, false, "the kernel does not list vmx in /proc/cpuinfo");
}

/* From the outside: what is known of kvm_intel's habits (before 6.12: VMX with the first VM) */
static void conclude_holder_outside(struct check *c)
{
	const struct host *h = &c->host;

	if (h->other)
		fact_unknown(&c->holder, "%s is loaded and may; only lodge's module could tell",
			     h->other);
	else if (!h->kvm_loaded)
		fact_tell(&c->holder, false, "kvm_intel is not loaded");
	else if (h->kvm_at_load.known && h->kvm_at_load.yes)
		fact_tell(&c->holder, true, "kvm_intel, as long as it is loaded");
	else if (!h->kvm_refs)
		fact_tell(&c->holder, false, "kvm_intel is loaded and has no user");
	else
		fact_unknown(&c->holder, "kvm_intel has %u users, and holds VMX if they have a VM",
			     h->kvm_refs);
}

static void conclude_holder(struct check *c)
{
	const struct host *h = &c->host;

	if (!h->vmx) {
		fact_tell(&c->holder, false, "the processor has no VMX");
	} else if (c->caps.source != CAPS_FROM_MODULE) {
		conclude_holder_outside(c);
	} else if (c->caps.holder == LODGE_VMX_HOLDER_NONE) {
		fact_tell(&c->holder, false, "%s",
			  h->kvm_loaded ? "kvm_intel is loaded and does not hold it" : "");
	} else {
		fact_tell(&c->holder, true, "%s",
			  h->kvm_loaded ? "kvm_intel" :
			  h->other ? h->other : "no hypervisor that is known by name");
	}
}

/* The first few by name, and how many more */
static void list_missing(const struct caps *caps, char *buf, size_t size)
{
	unsigned int word, i, n = 0;
	size_t used = 0;

	buf[0] = 0;
	for (word = 0; word < CAPS_NR_WORDS; word++) {
		for (i = 0; i < caps_words[word].nr; i++) {
			const struct caps_control *ctl = &caps_words[word].controls[i];

			if (ctl->need == CAPS_OPT || ctl->need == CAPS_OFF ||
			    caps_allowed(caps, word, i) || n++ >= MAX_NAMED || used >= size)
				continue;
			used += snprintf(buf + used, size - used, "%s\"%s\" (%s)",
					 used ? ", " : "", ctl->text, ctl->name);
		}
	}
	if (n > MAX_NAMED && used < size)
		snprintf(buf + used, size - used, " and %u more", n - MAX_NAMED);
}

/* Without the MSRs: what the kernel's own list of VMX features denies */
static const char *missing_by_flags(const struct host *h)
{
	static const char *const flags[][2] = {
		{ " ept ", "\"enable EPT\" (PROC2_EPT)" },
		{ " unrestricted_guest ", "\"unrestricted guest\" (PROC2_UNRESTRICTED_GUEST)" },
		{ " vnmi ", "\"virtual NMIs\" (PIN_VIRTUAL_NMIS)" },
	};
	size_t i;

	if (!h->vmx_flags[0])
		return NULL;
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!strstr(h->vmx_flags, flags[i][0]))
			return flags[i][1];
	return NULL;
}

static bool processor_in_the_way(struct check *c)
{
	const struct host *h = &c->host;

	if (!vendor_has_vmx(h->vendor)) {
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: this processor%s has no VMX, which is Intel's; "
			 TRY_DEMO ".",
			 strcmp(h->vendor, "AuthenticAMD") ? "" : " is AMD's and");
	} else if (!h->vmx && h->nested.yes) {
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: this is a virtual machine (%s) that is given no VMX: switch nested virtualisation on for it in its hypervisor, or "
			 TRY_DEMO ".", h->nested.why);
	} else if (!h->vmx) {
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: this processor has no VMX; " TRY_DEMO ".");
	} else {
		return false;
	}
	return true;
}

static bool firmware_in_the_way(struct check *c)
{
	if (!c->firmware.known || c->firmware.yes)
		return false;
	if (c->caps.source != CAPS_FROM_NOWHERE && !(c->caps.feature_control & CAPS_FC_LOCKED))
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: neither the firmware nor the kernel has set up IA32_FEATURE_CONTROL: use a kernel with CONFIG_IA32_FEAT_CTL, or "
			 TRY_DEMO ".");
	else
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: the firmware has switched VMX off: enable \"Intel Virtualization Technology\" or \"VT-x\" in the firmware's setup and switch the machine off and on, or "
			 TRY_DEMO ".");
	return true;
}

static bool kernel_in_the_way(struct check *c)
{
	if (!c->host.xsave)
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: the processor lacks XSAVE; " TRY_DEMO ".");
	else if (!c->host.xsave_used)
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: the kernel does not use XSAVE: start it without noxsave on its command line, and see its log if that is not there.");
	else if (c->host.fred_used.known && c->host.fred_used.yes)
		conclude(&c->verdict, CHECK_CANNOT,
			 "lodge cannot run here: the kernel delivers events by FRED, which lodge does not know yet: start it with fred=off on its command line.");
	else
		return false;
	return true;
}

static bool controls_in_the_way(struct check *c)
{
	char missing[320] = "";
	const char *flag;

	if (c->caps.source == CAPS_FROM_NOWHERE) {
		flag = missing_by_flags(&c->host);
		if (flag)
			snprintf(missing, sizeof(missing), "%s", flag);
	} else if (!caps_true_controls(&c->caps)) {
		snprintf(missing, sizeof(missing), "true VMX controls (IA32_VMX_BASIC bit 55)");
	} else {
		list_missing(&c->caps, missing, sizeof(missing));
	}
	if (!missing[0])
		return false;
	conclude(&c->verdict, CHECK_CANNOT,
		 "lodge cannot run here: the processor%s lacks %s; " TRY_DEMO ".",
		 c->host.nested.yes ? " that this virtual machine is given" : "", missing);
	return true;
}

void check_conclude(struct check *c)
{
	conclude_firmware(c);
	conclude_holder(c);
	if (c->module.answers)
		conclude(&c->verdict, CHECK_CAN, "lodge can run here, and its module is loaded.");
	else if (processor_in_the_way(c) || firmware_in_the_way(c) || kernel_in_the_way(c) ||
		 controls_in_the_way(c))
		return;
	else if (c->module.loaded)
		conclude(&c->verdict, CHECK_CAN,
			 "lodge can run here, and its module is loaded, but its device cannot be used: %s.",
			 c->module.why);
	else if (c->caps.source == CAPS_FROM_NOWHERE)
		conclude(&c->verdict, CHECK_UNKNOWN,
			 "It cannot be told whether lodge can run here: %s.", c->caps.why);
	else
		conclude(&c->verdict, CHECK_CAN,
			 "lodge can run here: load its module with \"modprobe lodge\" or \"insmod lodge.ko\".");
}

const char *check_note(const struct check *c, unsigned int n, char *buf, size_t size)
{
	if (!c->module.loaded && c->host.lockdown[0] && strcmp(c->host.lockdown, "none") && !n--)
		snprintf(buf, size,
			 "the kernel is locked down (%s) and loads lodge.ko only if it is signed by a key that it trusts",
			 c->host.lockdown);
	else if (c->module.answers && c->module.info.api_version != LODGE_API_VERSION && !n--)
		snprintf(buf, size,
			 "the module's interface is %u, vmctl's is %u: install both from one version",
			 c->module.info.api_version, LODGE_API_VERSION);
	else
		return NULL;
	return buf;
}
