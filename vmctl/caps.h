/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX capabilities of the processor, held against the controls that
 * kmod/vmx/controls.h lists.
 */
#ifndef VMCTL_CAPS_H
#define VMCTL_CAPS_H

#include <stdbool.h>
#include <stdint.h>

struct lodge_caps;

enum caps_need { CAPS_REQ, CAPS_OPT, CAPS_DYN, CAPS_OFF };

struct caps_control {
	unsigned int bit;
	const char *name;
	enum caps_need need;
	const char *text;
};

/* The control words, in the order of controls.h */
enum { CAPS_PIN, CAPS_PROC, CAPS_PROC2, CAPS_EXIT, CAPS_ENTRY, CAPS_EPT, CAPS_NR_WORDS };

struct caps_word {
	const struct caps_control *controls;
	unsigned int nr;
};

extern const struct caps_word caps_words[CAPS_NR_WORDS];

enum caps_source { CAPS_FROM_NOWHERE, CAPS_FROM_MODULE, CAPS_FROM_MSRS };

/**
 * struct caps - what the processor offers
 * @source: who told; with CAPS_FROM_NOWHERE nothing below is known but @why
 * @why: then, why not
 * @basic: IA32_VMX_BASIC
 * @feature_control: IA32_FEATURE_CONTROL
 * @allowed: by word, the controls that may be set
 * @used: by word, those that lodge sets; known with CAPS_FROM_MODULE only
 * @holder: LODGE_VMX_HOLDER_*, with CAPS_FROM_MODULE only
 * @defences: LODGE_DEF_*, with CAPS_FROM_MODULE only
 */
struct caps {
	enum caps_source source;
	char why[160];
	uint64_t basic;
	uint64_t feature_control;
	uint32_t allowed[CAPS_NR_WORDS];
	uint32_t used[CAPS_NR_WORDS];
	uint32_t holder;
	uint64_t defences;
};

#define CAPS_FC_LOCKED		(1u << 0)
#define CAPS_FC_VMX		(1u << 2)	/* VMX outside SMX operation */

/* Reads an MSR: 0 or -errno */
typedef int (*caps_rdmsr)(void *ctx, uint32_t index, uint64_t *value);

void caps_from_module(struct caps *c, const struct lodge_caps *l);
void caps_from_msrs(struct caps *c, caps_rdmsr rdmsr, void *ctx);

/* Reads /dev/cpu/0/msr under @root */
void caps_from_dev_msr(struct caps *c, const char *root);

/* IA32_VMX_BASIC[55], which lodge requires: the "true" capability MSRs exist */
bool caps_true_controls(const struct caps *c);

static inline bool caps_allowed(const struct caps *c, unsigned int word, unsigned int control)
{
	return c->allowed[word] >> caps_words[word].controls[control].bit & 1;
}

static inline bool caps_used(const struct caps *c, unsigned int word, unsigned int control)
{
	return c->used[word] >> caps_words[word].controls[control].bit & 1;
}

/* @missing NULL only counts.  Returns how many required controls there are */
unsigned int caps_required(const struct caps *c, unsigned int *missing);

#endif /* VMCTL_CAPS_H */
