// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX capability MSRs (SDM Vol 3D, appendix A), from the module or read here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/lodge.h>

#include "../kmod/vmx/controls.h"
#include "caps.h"

#define MSR_FEATURE_CONTROL	0x3a
#define MSR_VMX_BASIC		0x480
#define MSR_VMX_PIN		0x481
#define MSR_VMX_PROC		0x482
#define MSR_VMX_EXIT		0x483
#define MSR_VMX_ENTRY		0x484
#define MSR_VMX_PROC2		0x48b
#define MSR_VMX_EPT_VPID	0x48c
#define MSR_VMX_TRUE_PIN	0x48d
#define MSR_VMX_TRUE_PROC	0x48e
#define MSR_VMX_TRUE_EXIT	0x48f
#define MSR_VMX_TRUE_ENTRY	0x490

#define BASIC_TRUE_CONTROLS	(1ULL << 55)
#define PROC_SECONDARY		(1u << 31)
#define PROC2_EPT		(1u << 1)
#define PROC2_VPID		(1u << 5)

#define X(bit, name, need, text) { bit, #name, CAPS_##need, text },
static const struct caps_control pin_controls[] = { VMX_PIN_CONTROLS(X) };
static const struct caps_control proc_controls[] = { VMX_PROC_CONTROLS(X) };
static const struct caps_control proc2_controls[] = { VMX_PROC2_CONTROLS(X) };
static const struct caps_control exit_controls[] = { VMX_EXIT_CONTROLS(X) };
static const struct caps_control entry_controls[] = { VMX_ENTRY_CONTROLS(X) };
static const struct caps_control ept_controls[] = { VMX_EPT_CAPS(X) };
#undef X

#define CONTROLS(list) list, sizeof(list) / sizeof((list)[0])
const struct caps_word caps_words[CAPS_NR_WORDS] = {
	[CAPS_PIN] = { CONTROLS(pin_controls) },
	[CAPS_PROC] = { CONTROLS(proc_controls) },
	[CAPS_PROC2] = { CONTROLS(proc2_controls) },
	[CAPS_EXIT] = { CONTROLS(exit_controls) },
	[CAPS_ENTRY] = { CONTROLS(entry_controls) },
	[CAPS_EPT] = { CONTROLS(ept_controls) },
};

void caps_from_module(struct caps *c, const struct lodge_caps *l)
{
	memset(c, 0, sizeof(*c));
	c->source = CAPS_FROM_MODULE;
	c->basic = l->msr_basic;
	c->feature_control = l->msr_feature_control;
	c->allowed[CAPS_PIN] = l->msr_pin >> 32;
	c->allowed[CAPS_PROC] = l->msr_proc >> 32;
	c->allowed[CAPS_PROC2] = l->msr_proc2 >> 32;
	c->allowed[CAPS_EXIT] = l->msr_exit >> 32;
	c->allowed[CAPS_ENTRY] = l->msr_entry >> 32;
	c->allowed[CAPS_EPT] = l->msr_ept_vpid;
	c->used[CAPS_PIN] = l->used_pin;
	c->used[CAPS_PROC] = l->used_proc;
	c->used[CAPS_PROC2] = l->used_proc2;
	c->used[CAPS_EXIT] = l->used_exit;
	c->used[CAPS_ENTRY] = l->used_entry;
	c->used[CAPS_EPT] = l->used_ept;
	c->holder = l->holder;
	c->defences = l->defences;
}

/* The high half of a capability MSR: controls that may be 1 */
static int read_allowed(caps_rdmsr rdmsr, void *ctx, uint32_t index, uint32_t *allowed)
{
	uint64_t value = 0;
	int err = rdmsr(ctx, index, &value);

	*allowed = value >> 32;
	return err;
}

static int read_words(struct caps *c, caps_rdmsr rdmsr, void *ctx)
{
	bool exact = caps_true_controls(c);
	uint64_t ept = 0;
	int err;

	err = read_allowed(rdmsr, ctx, exact ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN,
			   &c->allowed[CAPS_PIN]);
	if (!err)
		err = read_allowed(rdmsr, ctx, exact ? MSR_VMX_TRUE_PROC : MSR_VMX_PROC,
				   &c->allowed[CAPS_PROC]);
	if (!err)
		err = read_allowed(rdmsr, ctx, exact ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT,
				   &c->allowed[CAPS_EXIT]);
	if (!err)
		err = read_allowed(rdmsr, ctx, exact ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY,
				   &c->allowed[CAPS_ENTRY]);
	if (!err && c->allowed[CAPS_PROC] & PROC_SECONDARY)
		err = read_allowed(rdmsr, ctx, MSR_VMX_PROC2, &c->allowed[CAPS_PROC2]);
	if (!err && c->allowed[CAPS_PROC2] & (PROC2_EPT | PROC2_VPID))
		err = rdmsr(ctx, MSR_VMX_EPT_VPID, &ept);
	c->allowed[CAPS_EPT] = ept;
	return err;
}

void caps_from_msrs(struct caps *c, caps_rdmsr rdmsr, void *ctx)
{
	int err;

	memset(c, 0, sizeof(*c));
	err = rdmsr(ctx, MSR_FEATURE_CONTROL, &c->feature_control);
	if (!err)
		err = rdmsr(ctx, MSR_VMX_BASIC, &c->basic);
	if (!err)
		err = read_words(c, rdmsr, ctx);
	if (err)
		snprintf(c->why, sizeof(c->why), "reading the VMX capability MSRs: %s",
			 strerror(-err));
	else
		c->source = CAPS_FROM_MSRS;
}

static int pread_msr(void *ctx, uint32_t index, uint64_t *value)
{
	ssize_t n = pread(*(int *)ctx, value, sizeof(*value), index);

	if (n == sizeof(*value))
		return 0;
	return n < 0 ? -errno : -EIO;
}

void caps_from_dev_msr(struct caps *c, const char *root)
{
	char path[256];
	int fd, err;

	snprintf(path, sizeof(path), "%s/dev/cpu/0/msr", root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		caps_from_msrs(c, pread_msr, &fd);
		close(fd);
		return;
	}
	err = errno;
	memset(c, 0, sizeof(*c));
	if (err == ENOENT || err == ENXIO)
		snprintf(c->why, sizeof(c->why),
			 "there is no /dev/cpu/0/msr: run \"modprobe msr\" as root, then this as root");
	else if (err == EACCES || err == EPERM)
		snprintf(c->why, sizeof(c->why), "only root may read /dev/cpu/0/msr");
	else
		snprintf(c->why, sizeof(c->why), "/dev/cpu/0/msr: %s", strerror(err));
}

bool caps_true_controls(const struct caps *c)
{
	return c->basic & BASIC_TRUE_CONTROLS;
}

unsigned int caps_required(const struct caps *c, unsigned int *missing)
{
	unsigned int word, i, required = 0, absent = 0;

	for (word = 0; word < CAPS_NR_WORDS; word++) {
		for (i = 0; i < caps_words[word].nr; i++) {
			enum caps_need need = caps_words[word].controls[i].need;

			if (need != CAPS_REQ && need != CAPS_DYN)
				continue;
			required++;
			absent += !caps_allowed(c, word, i);
		}
	}
	if (missing)
		*missing = absent;
	return required;
}
