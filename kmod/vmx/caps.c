// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities: reads the VMX capability MSRs (SDM Vol 3D, appendix A) and
 * negotiates the controls that controls.h lists.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <linux/lodge.h>

#include "../mmu/ept.h"
#include "../x86/hwmsr.h"
#include "caps.h"
#include "ops.h"
#include "spec.h"

static char *disable = "";
module_param(disable, charp, 0444);
MODULE_PARM_DESC(disable,
		 "Optional VMX features not to use, by name: disable=proc2_vpid,ept_ad");

#ifdef LODGE_DEBUG
static int unfit_cpu = -1;
module_param(unfit_cpu, int, 0444);
MODULE_PARM_DESC(unfit_cpu, "Debug: a CPU to be taken for one that lacks features of the others");

static bool unfit(int cpu)
{
	return cpu == unfit_cpu;
}
#else
static bool unfit(int cpu)
{
	return false;
}
#endif

struct vmx_caps vmx_caps;
static struct lodge_caps raw;

enum vmx_need { OFF, OPT, REQ, DYN };

struct vmx_control {
	u8 bit;
	u8 need;
	const char *name;
	const char *text;
};

#define X(bit, name, need, text) { bit, need, #name, text },
static const struct vmx_control pin_controls[] = { VMX_PIN_CONTROLS(X) };
static const struct vmx_control proc_controls[] = { VMX_PROC_CONTROLS(X) };
static const struct vmx_control proc2_controls[] = { VMX_PROC2_CONTROLS(X) };
static const struct vmx_control exit_controls[] = { VMX_EXIT_CONTROLS(X) };
static const struct vmx_control entry_controls[] = { VMX_ENTRY_CONTROLS(X) };
static const struct vmx_control ept_caps[] = { VMX_EPT_CAPS(X) };
#undef X

/**
 * struct vmx_word - one control word to be negotiated
 * @controls: what lodge knows of it
 * @nr: how many
 * @must: bits that the processor wants set
 * @may: bits that it allows to be set
 * @out: the result
 */
struct vmx_word {
	const struct vmx_control *controls;
	unsigned int nr;
	u32 must;
	u32 may;
	u32 *out;
};

static bool name_listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *p = list;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == len && !strncasecmp(p, name, len))
			return true;
		p += n;
		p += *p == ',';
	}
	return false;
}

/* Appends the name of each required control that is missing to @missing */
static void negotiate(const struct vmx_word *w, char *missing, size_t size)
{
	u32 value = w->must;
	unsigned int i;

	for (i = 0; i < w->nr; i++) {
		const struct vmx_control *c = &w->controls[i];
		size_t used = strlen(missing);

		if (c->need == OFF || (c->need == OPT && name_listed(disable, c->name)))
			continue;
		if (!(w->may & BIT(c->bit))) {
			if (c->need != OPT)
				scnprintf(missing + used, size - used, "%s%s (%s)",
					  used ? ", " : "", c->text, c->name);
			continue;
		}
		if (c->need != DYN)
			value |= BIT(c->bit);
	}
	*w->out = value;
}

static bool name_optional(const struct vmx_control *c, unsigned int nr, const char *name,
			  size_t len)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (c[i].need == OPT && strlen(c[i].name) == len &&
		    !strncasecmp(c[i].name, name, len))
			return true;
	return false;
}

static int check_disable(void)
{
	const char *p = disable;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n && !name_optional(pin_controls, ARRAY_SIZE(pin_controls), p, n) &&
		    !name_optional(proc_controls, ARRAY_SIZE(proc_controls), p, n) &&
		    !name_optional(proc2_controls, ARRAY_SIZE(proc2_controls), p, n) &&
		    !name_optional(exit_controls, ARRAY_SIZE(exit_controls), p, n) &&
		    !name_optional(entry_controls, ARRAY_SIZE(entry_controls), p, n) &&
		    !name_optional(ept_caps, ARRAY_SIZE(ept_caps), p, n)) {
			pr_err("disable=%.*s: no optional VMX feature has this name\n", (int)n, p);
			return -EINVAL;
		}
		p += n;
		p += *p == ',';
	}
	return 0;
}

static const char *check_firmware(void)
{
	u32 eax, ecx;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return "the processor is not Intel's";
	/* not boot_cpu_has(): the kernel clears it when the firmware has VMX off */
	asm volatile("cpuid" : "=a" (eax), "=c" (ecx) : "0" (1), "1" (0) : "ebx", "edx");
	if (!(ecx & BIT(5)))
		return "the processor, or the hypervisor this runs in, offers no VMX";
	raw.msr_feature_control = lodge_hwmsr_read_safe(MSR_IA32_FEAT_CTL);
	if ((raw.msr_feature_control & FEAT_CTL_LOCKED) &&
	    !(raw.msr_feature_control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return "the firmware has switched VMX off (IA32_FEATURE_CONTROL)";
	if (!(raw.msr_feature_control & FEAT_CTL_LOCKED))
		return "IA32_FEATURE_CONTROL is not locked, so VMXON would fault";
#ifdef X86_FEATURE_FRED
	if (boot_cpu_has(X86_FEATURE_FRED))
		return "the kernel uses FRED event delivery; boot with fred=off";
#endif
	return NULL;
}

static void read_msrs(struct lodge_caps *c)
{
	c->msr_basic = lodge_hwmsr_read_safe(MSR_IA32_VMX_BASIC);
	c->msr_pin = lodge_hwmsr_read_safe(MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	c->msr_proc = lodge_hwmsr_read_safe(MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	c->msr_exit = lodge_hwmsr_read_safe(MSR_IA32_VMX_TRUE_EXIT_CTLS);
	c->msr_entry = lodge_hwmsr_read_safe(MSR_IA32_VMX_TRUE_ENTRY_CTLS);
	c->msr_misc = lodge_hwmsr_read_safe(MSR_IA32_VMX_MISC);
	if (c->msr_proc >> 32 & PROC_SECONDARY)
		c->msr_proc2 = lodge_hwmsr_read_safe(MSR_IA32_VMX_PROCBASED_CTLS2);
	if (c->msr_proc2 >> 32 & (PROC2_EPT | PROC2_VPID))
		c->msr_ept_vpid = lodge_hwmsr_read_safe(MSR_IA32_VMX_EPT_VPID_CAP);
	if (c->msr_proc2 >> 32 & PROC2_VMFUNC)
		c->msr_vmfunc = lodge_hwmsr_read_safe(MSR_IA32_VMX_VMFUNC);
}

static void fill_words(const struct lodge_caps *c, struct vmx_word *w)
{
#define WORD(list, msr, field) \
	((struct vmx_word){ list, ARRAY_SIZE(list), (u32)(msr), (msr) >> 32, &vmx_caps.field })
	w[0] = WORD(pin_controls, c->msr_pin, pin);
	w[1] = WORD(proc_controls, c->msr_proc, proc);
	w[2] = WORD(proc2_controls, c->msr_proc2, proc2);
	w[3] = WORD(exit_controls, c->msr_exit, exit);
	w[4] = WORD(entry_controls, c->msr_entry, entry);
	/* a plain mask: nothing of it must be set */
	w[5] = WORD(ept_caps, c->msr_ept_vpid << 32, ept);
#undef WORD
}

static void negotiate_all(const struct vmx_word *w, unsigned int nr, char *missing, size_t size)
{
	unsigned int i;

	missing[0] = 0;
	for (i = 0; i < nr; i++)
		negotiate(&w[i], missing, size);
}

/* Features that only make sense together */
static void settle_dependencies(void)
{
	if (!(vmx_caps.ept & EPT_AD))
		vmx_caps.proc2 &= ~PROC2_PML;
	if (!(vmx_caps.proc & PROC_TPR_SHADOW) || !(vmx_caps.proc2 & PROC2_X2APIC) ||
	    !(vmx_caps.proc2 & PROC2_VIRTUAL_INTERRUPTS)) {
		vmx_caps.proc &= ~PROC_TPR_SHADOW;
		vmx_caps.proc2 &= ~(PROC2_X2APIC | PROC2_VIRTUAL_INTERRUPTS);
	}
	if (!(vmx_caps.exit & EXIT_LOAD_CET) || !(vmx_caps.entry & ENTRY_LOAD_CET)) {
		vmx_caps.exit &= ~EXIT_LOAD_CET;
		vmx_caps.entry &= ~ENTRY_LOAD_CET;
	}
}

static bool word_fits(const struct vmx_word *w)
{
	unsigned int i;

	if ((*w->out & ~w->may) || (w->must & ~*w->out))
		return false;
	/* those that change at run time are not in the value */
	for (i = 0; i < w->nr; i++)
		if (w->controls[i].need == DYN && !(w->may & BIT(w->controls[i].bit)))
			return false;
	return true;
}

/**
 * vmx_caps_fit - can this CPU do what was negotiated on another?
 *
 * Interrupts off.
 *
 * Return: true if so; CPUs may differ in what lodge does not use.
 */
bool vmx_caps_fit(void)
{
	u64 control = lodge_hwmsr_read_safe(MSR_IA32_FEAT_CTL);
	struct lodge_caps here = { 0 };
	struct vmx_word words[6];
	unsigned int i;

	if (unfit(smp_processor_id()))
		return false;
	if (!(control & FEAT_CTL_LOCKED) || !(control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return false;
	read_msrs(&here);
	if (!(here.msr_basic & BIT_ULL(55)) ||
	    (here.msr_basic & 0x7fffffff) != vmx_caps.revision)
		return false;
	if (!(here.msr_misc & BIT(14)) && (raw.msr_misc & BIT(14)))
		return false;
	fill_words(&here, words);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!word_fits(&words[i]))
			return false;
	return true;
}

static void check_cpu(void *other)
{
	if (!vmx_caps_fit())
		atomic_set(other, smp_processor_id());
}

static int check_cpus(void)
{
	atomic_t other = ATOMIC_INIT(-1);

	on_each_cpu(check_cpu, &other, 1);
	if (atomic_read(&other) < 0)
		return 0;
	pr_err("cannot run here: CPU %d lacks VMX features that others have\n",
	       atomic_read(&other));
	return -EOPNOTSUPP;
}

/**
 * vmx_caps_init - read the capabilities of this processor, negotiate the controls
 *
 * Return: 0, -EOPNOTSUPP after one log line that names all that is missing, or
 * -EINVAL if the parameter disable= names what is not optional.
 */
int vmx_caps_init(void)
{
	static char missing[512];
	const char *reason = check_firmware();
	struct vmx_word words[6];

	if (reason) {
		pr_err("cannot run here: %s\n", reason);
		return -EOPNOTSUPP;
	}
	if (check_disable())
		return -EINVAL;
	read_msrs(&raw);
	if (!(raw.msr_basic & BIT_ULL(55))) {
		pr_err("cannot run here: the processor has no true VMX controls\n");
		return -EOPNOTSUPP;
	}
	fill_words(&raw, words);
	negotiate_all(words, ARRAY_SIZE(words), missing, sizeof(missing));
	if (missing[0]) {
		pr_err("cannot run here: the processor lacks %s\n", missing);
		return -EOPNOTSUPP;
	}
	settle_dependencies();
	vmx_caps.revision = raw.msr_basic & 0x7fffffff;
	vmx_caps.no_pt = boot_cpu_has(X86_FEATURE_INTEL_PT) && !(raw.msr_misc & BIT(14));
	vmx_caps.phys_bits = min_t(u32, boot_cpu_data.x86_phys_bits, 48);
	return check_cpus();
}

/**
 * vmx_caps_describe - the capabilities as LODGE_GET_CAPS gives them
 * @caps: to fill, but for its size
 *
 * The caller may run on any CPU; @caps->holder is that CPU's at some moment
 * during the call.
 */
void vmx_caps_describe(struct lodge_caps *caps)
{
	u32 size = caps->size;

	*caps = raw;
	caps->size = size;
	caps->holder = __read_cr4() & X86_CR4_VMXE ? LODGE_VMX_HOLDER_OTHER : LODGE_VMX_HOLDER_NONE;
	caps->used_pin = vmx_caps.pin;
	caps->used_proc = vmx_caps.proc;
	caps->used_proc2 = vmx_caps.proc2;
	caps->used_exit = vmx_caps.exit;
	caps->used_entry = vmx_caps.entry;
	caps->used_ept = vmx_caps.ept;
	caps->defences = vmx_spec.defences;
}

/**
 * vmx_caps_ept - the EPT features in use, as mmu/ wants them
 * @ept: to fill
 */
void vmx_caps_ept(struct lodge_ept_caps *ept)
{
	*ept = (struct lodge_ept_caps){
		.ad = vmx_caps.ept & EPT_AD,
		.pml = vmx_caps.proc2 & PROC2_PML,
		.page_2m = vmx_caps.ept & EPT_2M,
		.page_1g = vmx_caps.ept & EPT_1G,
		.no_exec_huge = vmx_spec.defences & LODGE_DEF_NX_HUGE,
		.exec_only = vmx_caps.ept & EPT_EXEC_ONLY,
		.levels = 4,
		.wb = true,
	};
}
