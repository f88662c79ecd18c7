// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints what `vmctl check` found, for people and as JSON.
 */
#include <string.h>

#include "check.h"
#include "json.h"

#define LABEL "%-18s "

static const struct {
	uint64_t bit;
	const char *name;
	const char *text;
} defences[] = {
	{ LODGE_DEF_L1D_FLUSH, "l1d_flush", "L1D flush at entry (L1TF)" },
	{ LODGE_DEF_VERW, "verw", "CPU buffers cleared at entry (MDS and kin)" },
	{ LODGE_DEF_RSB_FILL, "rsb_fill", "return stack refilled at exit" },
	{ LODGE_DEF_RSB_LITE, "rsb_lite", "return stack guarded at exit (PBRSB)" },
	{ LODGE_DEF_IBRS, "ibrs", "SPEC_CTRL rewritten at exit (retbleed)" },
	{ LODGE_DEF_BHB_CLEAR, "bhb_clear", "branch history cleared at exit (BHI)" },
	{ LODGE_DEF_IBPB_SWITCH, "ibpb_switch", "IBPB between virtual machines" },
	{ LODGE_DEF_IBPB_USER, "ibpb_user", "IBPB before return to user space (VMSCAPE)" },
	{ LODGE_DEF_NX_HUGE, "nx_huge", "huge pages not executable (iTLB multihit)" },
};

#define NR_DEFENCES (sizeof(defences) / sizeof(defences[0]))

/* ---- for people ---------------------------------------------------------- */

static void text_fact(FILE *f, const char *label, const struct fact *fact)
{
	fprintf(f, LABEL "%s", label, !fact->known ? "unknown" : fact->yes ? "yes" : "no");
	if (fact->why[0])
		fprintf(f, " (%s)", fact->why);
	fputc('\n', f);
}

static void text_module(const struct module *m, FILE *f)
{
	fprintf(f, LABEL "%s (interface %d)\n", "vmctl", LODGE_VERSION, LODGE_API_VERSION);
	if (!m->loaded)
		fprintf(f, LABEL "not loaded\n", "module");
	else if (m->answers)
		fprintf(f, LABEL "%s (interface %u)\n", "module", m->version, m->info.api_version);
	else
		fprintf(f, LABEL "%s\n", "module", m->version[0] ? m->version : "loaded");
	if (m->answers)
		fprintf(f, LABEL "%s, at most %u vCPUs and %u slots a VM\n", "device",
			MODULE_DEVICE, m->info.max_vcpus, m->info.max_slots);
	else
		fprintf(f, LABEL "%s\n", "device", m->why);
}

static void text_required(const struct caps *c, FILE *f)
{
	unsigned int word, i, missing, required = caps_required(c, &missing);

	if (c->source == CAPS_FROM_NOWHERE) {
		fprintf(f, LABEL "unknown (%s)\n", "required", c->why);
		fprintf(f, LABEL "unknown (%s)\n", "optional", c->why);
		return;
	}
	fprintf(f, LABEL "%u of %u VMX features present, as %s\n", "required", required - missing,
		required, c->source == CAPS_FROM_MODULE ? "the module tells" :
		"/dev/cpu/0/msr tells");
	if (!caps_true_controls(c))
		fprintf(f, LABEL "true VMX controls (IA32_VMX_BASIC bit 55)\n", "missing");
	for (word = 0; word < CAPS_NR_WORDS; word++) {
		for (i = 0; i < caps_words[word].nr; i++) {
			const struct caps_control *ctl = &caps_words[word].controls[i];

			if (ctl->need != CAPS_OPT && ctl->need != CAPS_OFF &&
			    !caps_allowed(c, word, i))
				fprintf(f, LABEL "%s (%s)\n", "missing", ctl->text, ctl->name);
		}
	}
}

static void text_optional(const struct caps *c, FILE *f)
{
	unsigned int word, i;

	if (c->source == CAPS_FROM_NOWHERE)
		return;
	for (word = 0; word < CAPS_NR_WORDS; word++) {
		for (i = 0; i < caps_words[word].nr; i++) {
			const struct caps_control *ctl = &caps_words[word].controls[i];

			if (ctl->need != CAPS_OPT)
				continue;
			fprintf(f, LABEL "%s (%s): %s\n", "optional", ctl->text, ctl->name,
				!caps_allowed(c, word, i) ? "absent" :
				c->source != CAPS_FROM_MODULE ? "present" :
				caps_used(c, word, i) ? "present, used" : "present, not used");
		}
	}
}

static void text_defences(const struct check *c, FILE *f)
{
	unsigned int i;

	if (c->caps.source == CAPS_FROM_MODULE) {
		for (i = 0; i < NR_DEFENCES; i++)
			fprintf(f, LABEL "%s: %s\n", "defence", defences[i].text,
				c->caps.defences & defences[i].bit ? "on" : "off");
		return;
	}
	fprintf(f, LABEL "unknown (only the module tells); the kernel says of the processor:\n",
		"defence");
	for (i = 0; i < c->host.nr_vulnerabilities; i++)
		fprintf(f, LABEL "%s: %s\n", "vulnerability", c->host.vulnerabilities[i].name,
			c->host.vulnerabilities[i].state);
}

void check_print_text(const struct check *c, FILE *f)
{
	const struct host *h = &c->host;
	char buf[256];
	unsigned int i;

	fprintf(f, LABEL "%s %s\n", "kernel", h->release, h->arch);
	text_module(&c->module, f);
	fprintf(f, LABEL "%s (%s)\n", "processor", h->model[0] ? h->model : "no name", h->vendor);
	fprintf(f, LABEL "%s\n", "VMX", h->vmx ? "yes" : "no");
	text_fact(f, "VMX in firmware", &c->firmware);
	text_fact(f, "VMX in use", &c->holder);
	text_fact(f, "virtual machine", &h->nested);
	text_fact(f, "Secure Boot", &h->secure_boot);
	if (h->lockdown[0])
		fprintf(f, LABEL "%s\n", "lockdown", h->lockdown);
	else
		fprintf(f, LABEL "unknown (%s)\n", "lockdown", h->lockdown_why);
	fprintf(f, LABEL "%s\n", "XSAVE", !h->xsave ? "no" : h->xsave_used ? "yes" :
		"yes, but the kernel does not use it");
	fprintf(f, LABEL "%s\n", "FRED", h->fred ? "yes" : "no");
	text_fact(f, "FRED in use", &h->fred_used);
	text_required(&c->caps, f);
	text_optional(&c->caps, f);
	text_defences(c, f);
	for (i = 0; check_note(c, i, buf, sizeof(buf)); i++)
		fprintf(f, LABEL "%s\n", "note", buf);
	fprintf(f, "\n%s\n", c->verdict.text);
}

/* ---- as JSON ------------------------------------------------------------- */

/* "key": true, false or null, and "key_why" where there are words */
static void json_fact(struct json *j, const char *key, const struct fact *fact)
{
	char why_key[40];

	if (fact->known)
		json_bool(j, key, fact->yes);
	else
		json_null(j, key);
	snprintf(why_key, sizeof(why_key), "%s_why", key);
	if (fact->why[0])
		json_string(j, why_key, fact->why);
}

static void json_module(struct json *j, const struct module *m)
{
	json_object(j, "module");
	json_bool(j, "loaded", m->loaded);
	json_string(j, "version", m->version[0] ? m->version : NULL);
	json_string(j, "device", MODULE_DEVICE);
	json_bool(j, "device_present", m->present);
	json_fact(j, "device_usable", &m->usable);
	if (m->answers) {
		json_number(j, "interface", m->info.api_version);
		json_number(j, "max_vcpus", m->info.max_vcpus);
		json_number(j, "max_slots", m->info.max_slots);
		json_number(j, "phys_bits", m->info.phys_bits);
	}
	json_end(j);
}

static void json_control(struct json *j, const struct caps *c, unsigned int word, unsigned int i)
{
	const struct caps_control *ctl = &caps_words[word].controls[i];

	json_object(j, NULL);
	json_string(j, "name", ctl->name);
	json_string(j, "text", ctl->text);
	json_bool(j, "required", ctl->need == CAPS_REQ || ctl->need == CAPS_DYN);
	json_bool(j, "present", caps_allowed(c, word, i));
	if (c->source != CAPS_FROM_MODULE)
		json_null(j, "used");
	else
		json_bool(j, "used", ctl->need == CAPS_DYN || caps_used(c, word, i));
	json_end(j);
}

static void json_caps(struct json *j, const struct caps *c)
{
	static const char *const sources[] = { NULL, "module", "msr" };
	unsigned int word, i;

	json_object(j, "capabilities");
	json_string(j, "source", sources[c->source]);
	if (c->source == CAPS_FROM_NOWHERE) {
		json_string(j, "source_why", c->why);
		json_end(j);
		return;
	}
	json_hex(j, "basic", c->basic);
	json_hex(j, "feature_control", c->feature_control);
	json_bool(j, "true_controls", caps_true_controls(c));
	json_array(j, "features");
	for (word = 0; word < CAPS_NR_WORDS; word++)
		for (i = 0; i < caps_words[word].nr; i++)
			json_control(j, c, word, i);
	json_end(j);
	json_end(j);
}

static void json_defences(struct json *j, const struct check *c)
{
	unsigned int i;

	json_object(j, "defences");
	for (i = 0; i < NR_DEFENCES; i++) {
		if (c->caps.source == CAPS_FROM_MODULE)
			json_bool(j, defences[i].name, c->caps.defences & defences[i].bit);
		else
			json_null(j, defences[i].name);
	}
	json_end(j);
	json_object(j, "vulnerabilities");
	for (i = 0; i < c->host.nr_vulnerabilities; i++)
		json_string(j, c->host.vulnerabilities[i].name, c->host.vulnerabilities[i].state);
	json_end(j);
}

static void json_host(struct json *j, const struct check *c)
{
	const struct host *h = &c->host;

	json_object(j, "kernel");
	json_string(j, "release", h->release);
	json_string(j, "arch", h->arch);
	json_string(j, "lockdown", h->lockdown[0] ? h->lockdown : NULL);
	if (!h->lockdown[0])
		json_string(j, "lockdown_why", h->lockdown_why);
	json_fact(j, "secure_boot", &h->secure_boot);
	json_bool(j, "xsave", h->xsave_used);
	json_fact(j, "fred", &h->fred_used);
	json_end(j);
	json_object(j, "processor");
	json_string(j, "vendor", h->vendor);
	json_string(j, "model", h->model[0] ? h->model : NULL);
	json_bool(j, "vmx", h->vmx);
	json_fact(j, "vmx_enabled", &c->firmware);
	json_fact(j, "vmx_held", &c->holder);
	json_fact(j, "virtual", &h->nested);
	json_bool(j, "xsave", h->xsave);
	json_bool(j, "fred", h->fred);
	json_end(j);
}

void check_print_json(const struct check *c, FILE *f)
{
	struct json j;
	char buf[256];
	unsigned int i;

	json_init(&j, f);
	json_object(&j, NULL);
	if (c->verdict.answer == CHECK_UNKNOWN)
		json_null(&j, "can_run");
	else
		json_bool(&j, "can_run", c->verdict.answer == CHECK_CAN);
	json_string(&j, "verdict", c->verdict.text);
	json_array(&j, "notes");
	for (i = 0; check_note(c, i, buf, sizeof(buf)); i++)
		json_string(&j, NULL, buf);
	json_end(&j);
	json_string(&j, "vmctl", LODGE_VERSION);
	json_number(&j, "interface", LODGE_API_VERSION);
	json_module(&j, &c->module);
	json_host(&j, c);
	json_caps(&j, &c->caps);
	json_defences(&j, c);
	json_end(&j);
}
