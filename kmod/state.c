// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a vCPU for user space: every part of it, got and set.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "state.h"
#include "vm.h"
#include "vmx/vmx.h"
#include "x86/cr.h"

/* INTERRUPTIBILITY_* of vmx/fields.h, which this file does not know */
#define SHADOW_STI	0x1
#define SHADOW_MOV_SS	0x2
#define SHADOW_NMI	0x8

#define SREGS_PARTS	(LODGE_PART_SEGS | LODGE_PART_CRS | LODGE_PART_APIC)
#define GPR_PARTS	(LODGE_PART_RIP | LODGE_PART_RSP | LODGE_PART_RFLAGS)

long lodge_state_get_regs(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_regs *r = arg;
	int err = vmx_state_fetch(vcpu, GPR_PARTS);

	if (err)
		return err;
	memcpy(r->gpr, vcpu->gpr, sizeof(r->gpr));
	r->rip = vcpu->rip;
	r->rflags = vcpu->rflags;
	r->pad = 0;
	return 0;
}

long lodge_state_set_regs(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_regs *r = arg;

	/* bits that are always zero, but for the fixed one */
	if (r->pad || r->rflags & ~0x3f7fd7ULL)
		return -EINVAL;
	memcpy(vcpu->gpr, r->gpr, sizeof(vcpu->gpr));
	vcpu->rip = r->rip;
	vcpu->rflags = r->rflags | 2;
	vcpu->exception.pending = false;
	if (vcpu->insn.complete == LODGE_COMPLETE_UNKNOWN)
		vcpu->insn.complete = LODGE_COMPLETE_NONE;
	lodge_vcpu_mark(vcpu, GPR_PARTS);
	return 0;
}

long lodge_state_get_sregs(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_sregs *s = arg;
	u32 size = s->size;
	int err = vmx_state_fetch(vcpu, SREGS_PARTS);

	if (err)
		return err;
	*s = vcpu->s;
	s->size = size;
	s->cr8 = lodge_cr_read8(vcpu);
	return 0;
}

long lodge_state_set_sregs(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	int err = vmx_state_fetch(vcpu, SREGS_PARTS);

	return err ? err : lodge_cr_set(vcpu, arg);
}

long lodge_state_get_debug(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_debug *d = arg;
	int err = vmx_state_fetch(vcpu, LODGE_PART_DR7);

	if (err)
		return err;
	memcpy(d->db, vcpu->debug.db, sizeof(d->db));
	d->dr6 = vcpu->debug.dr6;
	d->dr7 = vcpu->debug.dr7;
	d->pad = 0;
	return 0;
}

long lodge_state_set_debug(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_debug *d = arg;
	int err;

	if (d->pad || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	err = vmx_state_fetch(vcpu, LODGE_PART_DR7);
	if (err)
		return err;
	memcpy(vcpu->debug.db, d->db, sizeof(d->db));
	vcpu->debug.dr6 = (d->dr6 & LODGE_DR6_VALID) | LODGE_DR6_FIXED;
	vcpu->debug.dr7 = (d->dr7 & 0xffff2bffULL) | LODGE_DR7_FIXED;
	lodge_vcpu_mark(vcpu, LODGE_PART_DR7);
	return 0;
}

long lodge_state_get_xsave(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_xsave *x = arg;
	void *image;
	long ret = 0;

	if (x->len != lodge_fpu_size())
		return -EINVAL;
	image = kmalloc(x->len, GFP_KERNEL);
	if (!image)
		return -ENOMEM;
	lodge_fpu_get(&vcpu->fpu, image);
	if (copy_to_user(u64_to_user_ptr(x->data), image, x->len))
		ret = -EFAULT;
	kfree(image);
	return ret;
}

long lodge_state_set_xsave(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_xsave *x = arg;
	void *image;
	long ret;

	if (x->len != lodge_fpu_size())
		return -EINVAL;
	image = memdup_user(u64_to_user_ptr(x->data), x->len);
	if (IS_ERR(image))
		return PTR_ERR(image);
	ret = lodge_fpu_set(&vcpu->fpu, image);
	kfree(image);
	return ret;
}

/* Does each entry in turn until one fails; how many were done */
static long each_msr(struct lodge_vcpu *vcpu, struct lodge_msr *m, u32 count, bool set)
{
	int i;

	/* @count is small; i is signed, for a result that may be an errno */
	for (i = 0; i < (int)count; i++) {
		int err = vmx_state_fetch(vcpu, lodge_msr_part(m[i].index) | LODGE_PART_CRS);

		if (err)
			return i ? i : err;
		if (m[i].pad)
			return i ? i : -EINVAL;
		err = set ? lodge_msr_write(vcpu, m[i].index, m[i].value) :
			    lodge_msr_read(vcpu, m[i].index, &m[i].value);
		if (err)
			return i;
	}
	return count;
}

static long do_msrs(struct lodge_vcpu *vcpu, const struct lodge_msrs *a, bool set)
{
	void __user *user = u64_to_user_ptr(a->entries);
	struct lodge_msr *m;
	size_t size = a->count * sizeof(*m);
	long done;

	if (a->count > LODGE_MAX_MSRS)
		return -EINVAL;
	if (!a->count)
		return 0;
	m = memdup_user(user, size);
	if (IS_ERR(m))
		return PTR_ERR(m);
	done = each_msr(vcpu, m, a->count, set);
	if (!set && done > 0 && copy_to_user(user, m, done * sizeof(*m)))
		done = -EFAULT;
	kfree(m);
	return done;
}

long lodge_state_get_msrs(void *object, void *arg)
{
	return do_msrs(object, arg, false);
}

long lodge_state_set_msrs(void *object, void *arg)
{
	return do_msrs(object, arg, true);
}

long lodge_state_get_cpuid(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_cpuid *c = arg;
	u32 room = c->count;

	c->count = vcpu->cpuid.nr;
	if (room < vcpu->cpuid.nr)
		return -E2BIG;
	if (copy_to_user(u64_to_user_ptr(c->entries), vcpu->cpuid.leaf,
			 vcpu->cpuid.nr * sizeof(vcpu->cpuid.leaf[0])))
		return -EFAULT;
	return 0;
}

long lodge_state_set_cpuid(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_cpuid *c = arg;
	struct lodge_cpuid_leaf *leaf = NULL;
	long ret;

	if (c->count > LODGE_MAX_CPUID)
		return -EINVAL;
	ret = vmx_state_fetch(vcpu, LODGE_PART_CRS);
	if (ret)
		return ret;
	if (c->count) {
		leaf = memdup_user(u64_to_user_ptr(c->entries), c->count * sizeof(*leaf));
		if (IS_ERR(leaf))
			return PTR_ERR(leaf);
	}
	ret = lodge_cpuid_set(&vcpu->cpuid, leaf, c->count);
	if (!ret) {
		lodge_cpuid_update(&vcpu->cpuid, vcpu->s.cr4, vcpu->s.xcr0);
		vcpu->lapic.no_deadline = !lodge_cpuid_has(&vcpu->cpuid, 1, LODGE_CPUID_ECX, 24);
		/* which bits of CR4 there are has changed */
		lodge_vcpu_mark(vcpu, LODGE_PART_CRS);
	}
	kfree(leaf);
	return ret;
}

long lodge_state_get_events(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_events *e = arg;
	const struct lodge_exception *x = &vcpu->exception;
	int err = vmx_state_fetch(vcpu, LODGE_PART_SHADOW);

	if (err)
		return err;
	*e = (struct lodge_events){
		.size = e->size,
		.flags = (x->pending ? LODGE_EVENT_EXCEPTION : 0) |
			 (x->pending && x->has_error ? LODGE_EVENT_ERROR_CODE : 0) |
			 (atomic_read(&vcpu->nmi_pending) ? LODGE_EVENT_NMI_PENDING : 0) |
			 (vcpu->shadow & SHADOW_NMI ? LODGE_EVENT_NMI_BLOCKED : 0) |
			 (vcpu->shadow & SHADOW_STI ? LODGE_EVENT_STI_SHADOW : 0) |
			 (vcpu->shadow & SHADOW_MOV_SS ? LODGE_EVENT_SS_SHADOW : 0),
		.vector = x->pending ? x->vector : 0,
		.error_code = x->pending && x->has_error ? x->error : 0,
	};
	memcpy(e->irr, vcpu->irr, sizeof(e->irr));
	return 0;
}

static bool events_valid(const struct lodge_events *e)
{
	/* exceptions that push an error code (SDM Vol 3A, table 6-1) */
	const u32 with_error = BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17);
	const u32 known = LODGE_EVENT_EXCEPTION | LODGE_EVENT_ERROR_CODE |
			  LODGE_EVENT_NMI_PENDING | LODGE_EVENT_NMI_BLOCKED |
			  LODGE_EVENT_STI_SHADOW | LODGE_EVENT_SS_SHADOW;

	if (e->flags & ~known || memchr_inv(e->pad, 0, sizeof(e->pad)) || e->irr[0] & 0xffff)
		return false;
	if ((e->flags & LODGE_EVENT_STI_SHADOW) && (e->flags & LODGE_EVENT_SS_SHADOW))
		return false;
	if (!(e->flags & LODGE_EVENT_EXCEPTION))
		return !(e->flags & LODGE_EVENT_ERROR_CODE) && !e->vector && !e->error_code;
	if (e->vector > 31 || e->vector == 2)
		return false;
	if (!(e->flags & LODGE_EVENT_ERROR_CODE))
		return !(with_error & BIT(e->vector)) && !e->error_code;
	return (with_error & BIT(e->vector)) && e->error_code <= 0x7fff;
}

long lodge_state_set_events(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_events *e = arg;
	int err;

	if (!events_valid(e))
		return -EINVAL;
	err = vmx_state_fetch(vcpu, LODGE_PART_SHADOW);
	if (err)
		return err;
	vcpu->exception = (struct lodge_exception){
		.pending = e->flags & LODGE_EVENT_EXCEPTION,
		.vector = e->vector,
		.has_error = e->flags & LODGE_EVENT_ERROR_CODE,
		.error = e->error_code,
	};
	atomic_set(&vcpu->nmi_pending, e->flags & LODGE_EVENT_NMI_PENDING ? 1 : 0);
	vcpu->shadow = (e->flags & LODGE_EVENT_NMI_BLOCKED ? SHADOW_NMI : 0) |
		       (e->flags & LODGE_EVENT_STI_SHADOW ? SHADOW_STI : 0) |
		       (e->flags & LODGE_EVENT_SS_SHADOW ? SHADOW_MOV_SS : 0);
	memcpy(vcpu->irr, e->irr, sizeof(vcpu->irr));
	/* without a look at the bits: LODGE_VCPU_INTERRUPT may be setting one */
	WRITE_ONCE(vcpu->irq_waiting, true);
	lodge_vcpu_mark(vcpu, LODGE_PART_SHADOW);
	return 0;
}

long lodge_state_get_mp(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_mp *mp = arg;

	mp->state = READ_ONCE(vcpu->mp_state);
	return 0;
}

long lodge_state_set_mp(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	const struct lodge_mp *mp = arg;

	if (mp->state >= LODGE_MP_NR)
		return -EINVAL;
	lodge_vcpu_set_mp(vcpu, mp->state);
	return 0;
}

long lodge_state_get_stats(void *object, void *arg)
{
	struct lodge_vcpu *vcpu = object;
	struct lodge_stats *s = arg;
	u32 n = min_t(u32, s->count, LODGE_NR_STATS);

	s->count = n;
	if (copy_to_user(u64_to_user_ptr(s->values), vcpu->counts.stat, n * sizeof(u64)))
		return -EFAULT;
	return 0;
}
