// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl check on machines that we do not have: the JSON writer, the decoding of
 * capability MSRs, what is read from a machine's files, and the verdict.
 */
#define LODGE_VERSION "0.0-test"

#include <sys/stat.h>

#include "../../vmctl/json.c"
#include "../../vmctl/host.c"
#include "../../vmctl/caps.c"
#include "../../vmctl/module.c"
#include "../../vmctl/verdict.c"
#include "../../vmctl/report.c"
#include "../lib/ktap.c"

/* ---- a machine made of files --------------------------------------------- */

#define VMX	(1u << 5)
#define XSAVE	(1u << 26)
#define OSXSAVE	(1u << 27)

static char root[] = "/tmp/vmctl-test.XXXXXX";
static struct cpuid_regs cpuid_1, cpuid_7_1;
static const char *cpuid_vendor, *cpuid_hypervisor;

static void put_words(struct cpuid_regs *r, const char *text, bool vendor_order)
{
	memcpy(&r->ebx, text, 4);
	memcpy(vendor_order ? &r->edx : &r->ecx, text + 4, 4);
	memcpy(vendor_order ? &r->ecx : &r->edx, text + 8, 4);
}

static void fake_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	*r = (struct cpuid_regs){ 0 };
	if (leaf == 0) {
		r->eax = 7;
		put_words(r, cpuid_vendor, true);
	} else if (leaf == 1) {
		*r = cpuid_1;
	} else if (leaf == 7 && !subleaf) {
		r->eax = 1;
	} else if (leaf == 7 && subleaf == 1) {
		*r = cpuid_7_1;
	} else if (leaf == 0x40000000) {
		put_words(r, cpuid_hypervisor, false);
	} else if (leaf == 0x80000000) {
		r->eax = 0x80000004;
	} else if (leaf == 0x80000002) {
		memcpy(r, "   Model of a pr", 16);
	} else if (leaf == 0x80000003) {
		memcpy(r, "ocessor\0\0\0\0\0\0\0\0", 16);
	}
}

static const struct host_source fake = { .root = root, .cpuid = fake_cpuid };

/* Writes a file and the folders that lead to it */
static void put_file(const char *path, const char *data, size_t len)
{
	char full[512], *p;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (p = strchr(full + sizeof(root), '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	ASSERT_TRUE(f);
	ASSERT_EQ(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put_text(const char *path, const char *text)
{
	put_file(path, text, strlen(text));
}

/* An Intel machine with VMX whose firmware is content; no KVM, no lodge */
static void fake_machine(void)
{
	ASSERT_TRUE(mkdtemp(root));
	cpuid_vendor = "GenuineIntel";
	cpuid_hypervisor = "KVMKVMKVM\0\0\0";
	cpuid_1 = (struct cpuid_regs){ .ecx = VMX | XSAVE | OSXSAVE };
	cpuid_7_1 = (struct cpuid_regs){ 0 };
	put_text("/proc/cpuinfo",
		 "processor\t: 0\nflags\t\t: fpu vmx nx\nvmx flags\t: vnmi ept unrestricted_guest\n");
	put_text("/sys/module/other", "");
}

static void remove_machine(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ASSERT_EQ(system(command), 0);
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
}

/* ---- capability MSRs made of numbers ------------------------------------- */

struct fake_msrs {
	uint64_t value[0x20];
	uint64_t feature_control;
	uint32_t failing;
};

static int fake_rdmsr(void *ctx, uint32_t index, uint64_t *value)
{
	struct fake_msrs *m = ctx;

	if (index == m->failing)
		return -EIO;
	if (index == MSR_FEATURE_CONTROL)
		*value = m->feature_control;
	else
		*value = m->value[index - MSR_VMX_BASIC];
	return 0;
}

/* A processor that allows all and has its firmware's blessing */
static void all_msrs(struct fake_msrs *m)
{
	memset(m, 0, sizeof(*m));
	memset(m->value, 0xff, sizeof(m->value));
	m->feature_control = CAPS_FC_LOCKED | CAPS_FC_VMX;
}

static void clear_control(struct fake_msrs *m, uint32_t index, unsigned int bit)
{
	m->value[index - MSR_VMX_BASIC] &= ~(1ULL << (32 + bit));
}

/* The verdict for the fake machine with these MSRs; NULL for none that can be read */
static struct check *checked(struct fake_msrs *m)
{
	static struct check c;

	memset(&c, 0, sizeof(c));
	host_read(&c.host, &fake);
	module_read(&c.module, root);
	if (m)
		caps_from_msrs(&c.caps, fake_rdmsr, m);
	else
		caps_from_dev_msr(&c.caps, root);
	check_conclude(&c);
	return &c;
}

static bool says(const struct check *c, const char *words)
{
	if (strstr(c->verdict.text, words))
		return true;
	diag("the verdict is: %s", c->verdict.text);
	return false;
}

/* ---- JSON ---------------------------------------------------------------- */

static char *json_text(void (*write)(struct json *j))
{
	static char text[4096];
	struct json j;
	FILE *f = fmemopen(text, sizeof(text), "w");

	ASSERT_TRUE(f);
	memset(text, 0, sizeof(text));
	json_init(&j, f);
	write(&j);
	ASSERT_EQ(j.depth, 0u);
	fclose(f);
	return text;
}

static void write_nested(struct json *j)
{
	json_object(j, NULL);
	json_array(j, "empty");
	json_end(j);
	json_array(j, "list");
	json_number(j, NULL, UINT64_MAX);
	json_object(j, NULL);
	json_bool(j, "yes", true);
	json_null(j, "nothing");
	json_end(j);
	json_string(j, NULL, NULL);
	json_end(j);
	json_hex(j, "hex", 0xdeadbeefULL << 32);
	json_end(j);
}

TEST(json_nesting)
{
	EXPECT_EQ(strcmp(json_text(write_nested),
			 "{\n  \"empty\": [],\n  \"list\": [\n    18446744073709551615,\n"
			 "    {\n      \"yes\": true,\n      \"nothing\": null\n    },\n    null\n  ],\n"
			 "  \"hex\": \"0xdeadbeef00000000\"\n}\n"), 0);
}

static void write_strings(struct json *j)
{
	static const char *const strings[] = {
		"a\"b\\c", "\n\r\t\x01\x1f\x7f", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8f\xa8",
		"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff\xfe",
		"\xe0\x80\x80", "\xf0\x80\x80\x80",
	};
	size_t i;

	json_array(j, NULL);
	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		json_string(j, NULL, strings[i]);
	json_end(j);
}

TEST(json_escapes)
{
	const char *text = json_text(write_strings);

	EXPECT_TRUE(strstr(text, "\"a\\\"b\\\\c\""));
	EXPECT_TRUE(strstr(text, "\"\\n\\r\\t\\u0001\\u001f\\u007f\""));
	EXPECT_TRUE(strstr(text, "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8f\xa8\""));
	EXPECT_TRUE(strstr(text, "\"\\ufffd\",\n  \"\\ufffd\",\n  \"\\ufffd\\ufffd\","));
	EXPECT_FALSE(strpbrk(text, "\x80\xc0\xed\xf4\xff"));
}

/* ---- capabilities -------------------------------------------------------- */

TEST(caps_tables)
{
	unsigned int word, i, k;

	for (word = 0; word < CAPS_NR_WORDS; word++) {
		ASSERT_GT(caps_words[word].nr, 0u);
		for (i = 0; i < caps_words[word].nr; i++) {
			EXPECT_LT(caps_words[word].controls[i].bit, 32u);
			for (k = 0; k < i; k++)
				EXPECT_NE(caps_words[word].controls[i].bit,
					  caps_words[word].controls[k].bit);
		}
	}
}

TEST(caps_all_present)
{
	struct fake_msrs m;
	struct caps c;
	unsigned int missing;

	all_msrs(&m);
	caps_from_msrs(&c, fake_rdmsr, &m);
	EXPECT_EQ(c.source, CAPS_FROM_MSRS);
	EXPECT_TRUE(caps_true_controls(&c));
	EXPECT_GT(caps_required(&c, &missing), 20u);
	EXPECT_EQ(missing, 0u);
}

TEST(caps_from_true_msrs)
{
	struct fake_msrs m;
	struct caps c;

	all_msrs(&m);
	m.value[MSR_VMX_TRUE_PIN - MSR_VMX_BASIC] = 0x1234ULL << 32;
	m.value[MSR_VMX_PIN - MSR_VMX_BASIC] = 0x5678ULL << 32;
	caps_from_msrs(&c, fake_rdmsr, &m);
	EXPECT_EQ(c.allowed[CAPS_PIN], 0x1234u);
	m.value[0] &= ~BASIC_TRUE_CONTROLS;
	caps_from_msrs(&c, fake_rdmsr, &m);
	EXPECT_FALSE(caps_true_controls(&c));
	EXPECT_EQ(c.allowed[CAPS_PIN], 0x5678u);
}

/* Registers that the processor has only with others are not read without them */
TEST(caps_absent_msrs)
{
	struct fake_msrs m;
	struct caps c;

	all_msrs(&m);
	clear_control(&m, MSR_VMX_TRUE_PROC, 31);
	m.failing = MSR_VMX_PROC2;
	caps_from_msrs(&c, fake_rdmsr, &m);
	EXPECT_EQ(c.source, CAPS_FROM_MSRS);
	EXPECT_EQ(c.allowed[CAPS_PROC2], 0u);
	EXPECT_EQ(c.allowed[CAPS_EPT], 0u);

	all_msrs(&m);
	clear_control(&m, MSR_VMX_PROC2, 1);
	clear_control(&m, MSR_VMX_PROC2, 5);
	m.failing = MSR_VMX_EPT_VPID;
	caps_from_msrs(&c, fake_rdmsr, &m);
	EXPECT_EQ(c.source, CAPS_FROM_MSRS);
	EXPECT_EQ(c.allowed[CAPS_EPT], 0u);
}

TEST(caps_unreadable)
{
	static const uint32_t each[] = {
		MSR_FEATURE_CONTROL, MSR_VMX_BASIC, MSR_VMX_TRUE_PIN, MSR_VMX_TRUE_PROC,
		MSR_VMX_TRUE_EXIT, MSR_VMX_TRUE_ENTRY, MSR_VMX_PROC2, MSR_VMX_EPT_VPID,
	};
	struct fake_msrs m;
	struct caps c;
	size_t i;

	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		all_msrs(&m);
		m.failing = each[i];
		caps_from_msrs(&c, fake_rdmsr, &m);
		EXPECT_EQ(c.source, CAPS_FROM_NOWHERE);
		EXPECT_TRUE(c.why[0]);
	}
}

TEST(caps_of_the_module)
{
	struct lodge_caps l = { .size = sizeof(l) };
	struct caps c;

	l.msr_proc2 = 0xabcdULL << 32 | 0x1111;
	l.msr_ept_vpid = 0x0f0106334141ULL;
	l.used_ept = 0x4040;
	l.defences = LODGE_DEF_VERW;
	caps_from_module(&c, &l);
	EXPECT_EQ(c.allowed[CAPS_PROC2], 0xabcdu);
	EXPECT_EQ(c.allowed[CAPS_EPT], 0x06334141u);
	EXPECT_EQ(c.used[CAPS_EPT], 0x4040u);
	EXPECT_EQ(c.defences, LODGE_DEF_VERW);
}

/* ---- the machine --------------------------------------------------------- */

TEST(host_facts)
{
	struct host h;

	fake_machine();
	put_file("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		 "\x06\0\0\0\x01", 5);
	put_text("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put_text("/sys/module/kvm_intel/refcnt", "3\n");
	put_text("/sys/module/kvm/parameters/enable_virt_at_load", "Y\n");
	put_text("/sys/devices/system/cpu/vulnerabilities/mds", "Not affected\n");
	put_text("/sys/devices/system/cpu/vulnerabilities/l1tf", "Mitigation: PTE Inversion\n");
	host_read(&h, &fake);
	EXPECT_EQ(strcmp(h.vendor, "GenuineIntel"), 0);
	EXPECT_EQ(strcmp(h.model, "Model of a processor"), 0);
	EXPECT_TRUE(h.vmx && h.vmx_flag.known && h.vmx_flag.yes);
	EXPECT_TRUE(h.nested.known && !h.nested.yes);
	EXPECT_TRUE(h.fred_used.known && !h.fred_used.yes && !h.fred);
	EXPECT_TRUE(h.secure_boot.known && h.secure_boot.yes);
	EXPECT_EQ(strcmp(h.lockdown, "integrity"), 0);
	EXPECT_TRUE(h.kvm_loaded && h.kvm_at_load.yes);
	EXPECT_EQ(h.kvm_refs, 3u);
	EXPECT_EQ(h.nr_vulnerabilities, 2u);
	EXPECT_EQ(strcmp(h.vulnerabilities[0].name, "l1tf"), 0);
	EXPECT_EQ(strcmp(h.vulnerabilities[1].state, "Not affected"), 0);
	remove_machine();
}

TEST(host_unknowns)
{
	struct host h;

	fake_machine();
	put_text("/proc/cpuinfo", "processor\t: 0\n");
	put_text("/sys/firmware/efi/runtime", "");
	put_text("/sys/kernel/security/lockdown", "what is this\n");
	host_read(&h, &fake);
	EXPECT_TRUE(!h.vmx_flag.known && h.vmx_flag.why[0]);
	EXPECT_TRUE(!h.fred_used.known && h.fred_used.why[0]);
	EXPECT_TRUE(!h.secure_boot.known && h.secure_boot.why[0]);
	EXPECT_TRUE(!h.lockdown[0] && h.lockdown_why[0]);
	remove_machine();
}

/* ---- the verdict --------------------------------------------------------- */

TEST(can_run)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CAN);
	EXPECT_TRUE(says(c, "insmod lodge.ko"));
	EXPECT_TRUE(c->firmware.known && c->firmware.yes);
	EXPECT_TRUE(c->holder.known && !c->holder.yes);
	remove_machine();
}

TEST(no_vmx)
{
	struct check *c;

	fake_machine();
	cpuid_vendor = "AuthenticAMD";
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "AMD") && says(c, "make demo"));

	cpuid_vendor = "GenuineIntel";
	cpuid_1.ecx = 0;
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "this processor has no VMX") && says(c, "make demo"));

	cpuid_1.ecx = 1u << 31;
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "under KVM") && says(c, "nested virtualisation"));
	remove_machine();
}

TEST(firmware)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	m.feature_control = CAPS_FC_LOCKED;
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "the firmware has switched VMX off") && says(c, "setup"));

	m.feature_control = 0;
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "CONFIG_IA32_FEAT_CTL"));

	/* without the MSR, the kernel's word is taken */
	put_text("/proc/cpuinfo", "flags\t\t: fpu nx\n");
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "the firmware has switched VMX off"));
	remove_machine();
}

TEST(missing_controls_have_names)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	clear_control(&m, MSR_VMX_PROC2, 7);
	clear_control(&m, MSR_VMX_TRUE_EXIT, 20);
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "\"unrestricted guest\" (PROC2_UNRESTRICTED_GUEST)"));
	EXPECT_TRUE(says(c, "\"save IA32_EFER\" (EXIT_SAVE_EFER)"));

	/* an optional one is nothing that stands in the way */
	all_msrs(&m);
	clear_control(&m, MSR_VMX_PROC2, 5);
	EXPECT_EQ(checked(&m)->verdict.answer, CHECK_CAN);

	/* no control at all: the first few are named */
	memset(m.value, 0, sizeof(m.value));
	m.value[0] = BASIC_TRUE_CONTROLS;
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "PIN_EXTINT_EXITING") && says(c, " more; "));
	EXPECT_TRUE(says(c, "make demo"));

	m.value[0] = 0;
	EXPECT_TRUE(says(checked(&m), "true VMX controls"));
	remove_machine();
}

TEST(without_msrs)
{
	struct check *c;

	fake_machine();
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_UNKNOWN);
	EXPECT_TRUE(says(c, "modprobe msr"));
	put_text("/proc/cpuinfo", "flags\t\t: fpu vmx nx\nvmx flags\t: vnmi ept vpid\n");
	c = checked(NULL);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "PROC2_UNRESTRICTED_GUEST"));
	remove_machine();
}

TEST(fred)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	cpuid_7_1.eax = 1u << 17;
	EXPECT_EQ(checked(&m)->verdict.answer, CHECK_CAN);
	put_text("/proc/cpuinfo", "flags\t\t: fpu vmx fred\n");
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "fred=off"));
	remove_machine();
}

TEST(xsave)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	cpuid_1.ecx = VMX | XSAVE;
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "the kernel does not use XSAVE"));
	cpuid_1.ecx = VMX;
	c = checked(&m);
	EXPECT_EQ(c->verdict.answer, CHECK_CANNOT);
	EXPECT_TRUE(says(c, "the processor lacks XSAVE"));
	remove_machine();
}

TEST(holder)
{
	struct fake_msrs m;
	struct check *c;

	fake_machine();
	all_msrs(&m);
	put_text("/sys/module/kvm_intel/refcnt", "0\n");
	c = checked(&m);
	EXPECT_TRUE(c->holder.known && !c->holder.yes);
	put_text("/sys/module/kvm_intel/refcnt", "2\n");
	c = checked(&m);
	EXPECT_TRUE(!c->holder.known && strstr(c->holder.why, "2 users"));
	put_text("/sys/module/kvm/parameters/enable_virt_at_load", "Y\n");
	c = checked(&m);
	EXPECT_TRUE(c->holder.known && c->holder.yes);
	put_text("/sys/module/vmmon/refcnt", "0\n");
	c = checked(&m);
	EXPECT_TRUE(!c->holder.known && strstr(c->holder.why, "vmmon"));
	EXPECT_EQ(c->verdict.answer, CHECK_CAN);
	remove_machine();
}

TEST(lockdown_is_noted)
{
	struct fake_msrs m;
	char buf[256];

	fake_machine();
	all_msrs(&m);
	EXPECT_FALSE(check_note(checked(&m), 0, buf, sizeof(buf)));
	put_text("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	EXPECT_TRUE(check_note(checked(&m), 0, buf, sizeof(buf)));
	EXPECT_TRUE(strstr(buf, "integrity"));
	EXPECT_FALSE(check_note(checked(&m), 1, buf, sizeof(buf)));
	remove_machine();
}

/* Both reports of any machine can be written and name every feature that they should */
TEST(reports)
{
	static char text[32768];
	struct fake_msrs m;
	struct check *c;
	FILE *f;

	fake_machine();
	all_msrs(&m);
	clear_control(&m, MSR_VMX_PROC2, 7);
	c = checked(&m);
	f = fmemopen(text, sizeof(text), "w");
	check_print_text(c, f);
	fclose(f);
	EXPECT_TRUE(strstr(text, "missing            unrestricted guest"));
	EXPECT_TRUE(strstr(text, "enable VPID (PROC2_VPID): present"));
	f = fmemopen(text, sizeof(text), "w");
	check_print_json(c, f);
	fclose(f);
	EXPECT_TRUE(strstr(text, "\"can_run\": false"));
	EXPECT_TRUE(strstr(text, "\"name\": \"PROC2_UNRESTRICTED_GUEST\""));
	remove_machine();
}
