// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMCS in readable form, for the log, when an entry or an exit went wrong.
 */
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "ops.h"
#include "vmx.h"

struct field {
	u32 encoding;
	const char *name;
};

#define F(name) { VMCS_##name, #name }
static const struct field fields[] = {
	F(GUEST_RIP), F(GUEST_RSP), F(GUEST_RFLAGS), F(GUEST_INTERRUPTIBILITY),
	F(GUEST_CR0), F(CR0_SHADOW), F(GUEST_CR3), F(GUEST_CR4), F(CR4_SHADOW), F(GUEST_EFER),
	F(GUEST_ACTIVITY), F(GUEST_PENDING_DEBUG), F(GUEST_DR7), F(GUEST_DEBUGCTL), F(GUEST_PAT),
	F(GUEST_GDTR_BASE), F(GUEST_GDTR_LIMIT), F(GUEST_IDTR_BASE), F(GUEST_IDTR_LIMIT),
	F(GUEST_SYSENTER_CS), F(GUEST_SYSENTER_ESP), F(GUEST_SYSENTER_EIP), F(LINK_POINTER),
	F(PIN_CONTROLS), F(PROC_CONTROLS), F(PROC2_CONTROLS), F(EXIT_CONTROLS), F(ENTRY_CONTROLS),
	F(EXCEPTION_BITMAP), F(TSC_OFFSET), F(ENTRY_INTR_INFO), F(ENTRY_ERROR_CODE),
	F(EXIT_REASON), F(EXIT_QUALIFICATION), F(GUEST_PHYSICAL_ADDRESS), F(EXIT_INTR_INFO),
	F(IDT_VECTORING_INFO), F(EXIT_INSN_LEN),
#ifdef LODGE_DEBUG	/* addresses that the log's readers have no business with */
	F(HOST_CR0), F(HOST_CR3), F(HOST_CR4), F(HOST_EFER), F(HOST_RSP), F(HOST_RIP),
	F(HOST_FS_BASE), F(HOST_GS_BASE), F(HOST_TR_BASE), F(HOST_GDTR_BASE), F(HOST_IDTR_BASE),
	F(EPTP),
#endif
};

#undef F

static const char *const segments[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };

#define NR_VALUES	(ARRAY_SIZE(fields) + 4 * ARRAY_SIZE(segments))

static void read_values(unsigned long *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		*v++ = vmcs_read_any(fields[i].encoding);
	for (i = 0; i < ARRAY_SIZE(segments); i++) {
		*v++ = vmcs_read_any(VMCS_GUEST_ES_SEL + 2 * i);
		*v++ = vmcs_read_any(VMCS_GUEST_ES_BASE + 2 * i);
		*v++ = vmcs_read_any(VMCS_GUEST_ES_LIMIT + 2 * i);
		*v++ = vmcs_read_any(VMCS_GUEST_ES_ATTR + 2 * i);
	}
}

static void print_values(const unsigned long *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		pr_err("  %-24s %#lx\n", fields[i].name, *v++);
	for (i = 0; i < ARRAY_SIZE(segments); i++, v += 4)
		pr_err("  GUEST_%-4s selector %#06lx base %#lx limit %#lx attr %#lx\n",
		       segments[i], v[0], v[1], v[2], v[3]);
}

/**
 * vmx_dump_reason - what an exit reason is called
 * @reason: VMCS_EXIT_REASON
 *
 * Return: text.
 */
const char *vmx_dump_reason(u32 reason)
{
	static const struct {
		u32 nr;
		const char *text;
	} texts[] = {
#define X(nr, name, text) { nr, text },
		VMX_EXIT_REASONS(X)
#undef X
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].nr == (reason & VMX_EXIT_REASON_MASK))
			return texts[i].text;
	return "unknown";
}

/**
 * vmx_dump - log the VMCS of a vCPU, rate-limited
 * @vmx: locked, not in a window
 */
void vmx_dump(struct vmx_vcpu *vmx)
{
	static DEFINE_RATELIMIT_STATE(limit, 30 * HZ, 3);
	const struct vmx_exit *e = &vmx->exit;
	unsigned long *values;
	int err;

	if (!__ratelimit(&limit))
		return;
	values = kcalloc(NR_VALUES, sizeof(*values), GFP_KERNEL);
	if (!values)
		return;
	local_irq_disable();
	err = vmx_cpu_open(&vmx->window, &vmx->vmcs_pa);
	if (!err) {
		read_values(values);
		vmx_cpu_close(&vmx->window, &vmx->vmcs_pa);
	}
	local_irq_enable();
	if (!err) {
		pr_err("vCPU %u: exit reason %#x (%s), instruction error %u; VMCS:\n",
		       vmx->vcpu->id, e->reason, vmx_dump_reason(e->reason), e->insn_error);
		print_values(values);
	}
	kfree(values);
}
