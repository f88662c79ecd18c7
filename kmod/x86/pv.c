// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual MSRs and hypercalls: clock, steal time, the end of interrupts, IPIs to
 * many, yielding and kicking.
 *
 * The clock is one line for the whole VM, from its creation on, in the TSC: all
 * vCPUs agree, and a record is only written when the guest asks for it or sets its
 * TSC.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <asm/apicdef.h>
#include <asm/msr.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>
#include <uapi/asm/kvm_para.h>
#include <uapi/linux/kvm_para.h>

#include "../vm.h"
#include "cpuid.h"
#include "pv.h"

#define CLOCK_ENABLE	1ULL
#define STEAL_RESERVED	0x3eULL		/* between the enable bit and the address */
#define EOI_RESERVED	0x2ULL
#define EOI_WAITS	0x1		/* the record: the guest may clear it instead of an EOI */

#define CLOCK_FEATURES	(BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) | \
			 BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

/**
 * lodge_pv_offered - what there is on this host
 *
 * Return: KVM_FEATURE_* as bits, for CPUID.
 */
u32 lodge_pv_offered(void)
{
	u32 bits = BIT(KVM_FEATURE_NOP_IO_DELAY) | BIT(KVM_FEATURE_PV_UNHALT) |
		   BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_POLL_CONTROL) |
		   BIT(KVM_FEATURE_PV_SCHED_YIELD) | BIT(KVM_FEATURE_PV_EOI);

	/* a TSC that is no clock for the host is none for a guest */
	if (!check_tsc_unstable())
		bits |= CLOCK_FEATURES;
#ifdef CONFIG_SCHED_INFO
	bits |= BIT(KVM_FEATURE_STEAL_TIME) | BIT(KVM_FEATURE_PV_TLB_FLUSH);
#endif
	return bits;
}

static bool has(const struct lodge_vcpu *vcpu, u32 features)
{
	const struct lodge_cpuid_leaf *l =
		lodge_cpuid_find(&vcpu->cpuid, LODGE_PV_LEAF_FEATURES, 0);

	return l && l->leaf == LODGE_PV_LEAF_FEATURES && (l->eax & features);
}

/**
 * lodge_pv_reset - as after RESET and INIT
 * @pv: to clear
 */
void lodge_pv_reset(struct lodge_pv_state *pv)
{
	*pv = (struct lodge_pv_state){ 0 };
}

/* ---- clock --------------------------------------------------------------- */

/* ns = (ticks << shift) * mul >> 32 */
static void scale(const struct lodge_tsc *tsc, u32 *mul, s8 *shift)
{
	u64 ns = NSEC_PER_SEC, ticks = tsc->khz * 1000ULL;

	*shift = 0;
	while (ticks > ns * 2) {
		ticks >>= 1;
		(*shift)--;
	}
	while (ticks < ns) {
		ticks <<= 1;
		(*shift)++;
	}
	*mul = min_t(u64, div64_u64(ns << 32, ticks), U32_MAX);
}

static u64 guest_ns(const struct lodge_vm *vm)
{
	u64 ticks = lodge_tsc_guest(&vm->tsc, rdtsc() - vm->tsc.start);
	s8 shift;
	u32 mul;

	scale(&vm->tsc, &mul, &shift);
	return mul_u64_u32_shr(shift < 0 ? ticks >> -shift : ticks << shift, mul, 32);
}

/* The version is odd while the rest is written; a guest that unmaps it has no clock */
static void write_clock(struct lodge_vcpu *vcpu)
{
	struct lodge_pv_state *pv = &vcpu->pv;
	struct lodge_mem *mem = &vcpu->vm->mem;
	const struct lodge_tsc *tsc = &vcpu->vm->tsc;
	u64 gpa = pv->clock & ~CLOCK_ENABLE;
	struct pvclock_vcpu_time_info info = {
		.version = pv->clock_version + 1,
		.tsc_timestamp = lodge_tsc_guest(tsc, tsc->start) + vcpu->msr.tsc_offset,
		.system_time = 0,
		.flags = PVCLOCK_TSC_STABLE_BIT,
	};

	if (!(pv->clock & CLOCK_ENABLE))
		return;
	scale(tsc, &info.tsc_to_system_mul, &info.tsc_shift);
	if (lodge_mem_write(mem, gpa, &info.version, sizeof(info.version)))
		return;
	lodge_mem_write(mem, gpa + sizeof(info.version), &info.pad0,
			sizeof(info) - sizeof(info.version));
	pv->clock_version += 2;
	lodge_mem_write(mem, gpa, &pv->clock_version, sizeof(pv->clock_version));
}

/* The time of day at which the guest's clock was 0 */
static void write_wall(struct lodge_vcpu *vcpu, u64 gpa)
{
	struct lodge_mem *mem = &vcpu->vm->mem;
	u64 start = ktime_get_real_ns() - guest_ns(vcpu->vm);
	struct pvclock_wall_clock wall = { .version = 1 };
	u32 nsec;

	wall.sec = div_u64_rem(start, NSEC_PER_SEC, &nsec);
	wall.nsec = nsec;
	if (lodge_mem_write(mem, gpa, &wall, sizeof(wall)))
		return;
	wall.version = 2;
	lodge_mem_write(mem, gpa, &wall.version, sizeof(wall.version));
}

/**
 * lodge_pv_tsc_changed - the guest has set its TSC
 * @vcpu: owned; may be inside a window
 */
void lodge_pv_tsc_changed(struct lodge_vcpu *vcpu)
{
	if (vcpu->pv.clock & CLOCK_ENABLE)
		set_bit(LODGE_REQ_PV_CLOCK, &vcpu->requests);
}

/* ---- steal time ---------------------------------------------------------- */

static u64 steal_gpa(const struct lodge_pv_state *pv)
{
	return pv->steal & ~(KVM_MSR_ENABLED | STEAL_RESERVED);
}

/*
 * Others of the guest leave a note beside the flag instead of an IPI when they want
 * translations dropped.  Any byte but ours may be such a note.
 */
static void clear_preempted(struct lodge_vcpu *vcpu)
{
	struct lodge_mem *mem = &vcpu->vm->mem;
	u64 gpa = steal_gpa(&vcpu->pv) + offsetof(struct kvm_steal_time, preempted);
	u64 found = KVM_VCPU_PREEMPTED;
	u8 none = 0;

	if (!lodge_mem_cmpxchg(mem, gpa, &found, none, sizeof(none)) &&
	    found == KVM_VCPU_PREEMPTED) {
		vcpu->pv.preempted = false;
		return;
	}
	/* what is noted until the write is done by the flush, which comes after it */
	vcpu->pv.preempted = lodge_mem_write(mem, gpa, &none, sizeof(none));
	vcpu->flush_tlb = true;
}

static void write_steal(struct lodge_vcpu *vcpu)
{
	struct lodge_pv_state *pv = &vcpu->pv;
	struct lodge_mem *mem = &vcpu->vm->mem;
	u64 gpa = steal_gpa(pv);
	u64 delay = lodge_pv_run_delay();
	u32 version = pv->steal_version + 1;

	if (!(pv->steal & KVM_MSR_ENABLED))
		return;
	if (pv->preempted)
		clear_preempted(vcpu);
	if (pv->thread == current && pv->run_delay == delay)
		return;
	/* another thread's count begins anew */
	if (pv->thread == current)
		pv->stolen += delay - pv->run_delay;
	pv->thread = current;
	pv->run_delay = delay;
	if (lodge_mem_write(mem, gpa + offsetof(struct kvm_steal_time, version), &version,
			    sizeof(version)))
		return;
	lodge_mem_write(mem, gpa + offsetof(struct kvm_steal_time, steal), &pv->stolen,
			sizeof(pv->stolen));
	pv->steal_version += 2;
	lodge_mem_write(mem, gpa + offsetof(struct kvm_steal_time, version),
			&pv->steal_version, sizeof(pv->steal_version));
}

/**
 * lodge_pv_pausing - the vCPU is about to wait, for an event or for a CPU
 * @vcpu: locked, outside a window; sleeps
 *
 * lodge_pv_resumed() must follow before the guest is entered.
 */
void lodge_pv_pausing(struct lodge_vcpu *vcpu)
{
	struct lodge_pv_state *pv = &vcpu->pv;
	u8 flag = KVM_VCPU_PREEMPTED;

	if (!(pv->steal & KVM_MSR_ENABLED) || pv->preempted)
		return;
	pv->preempted = !lodge_mem_write(&vcpu->vm->mem, steal_gpa(pv) +
					 offsetof(struct kvm_steal_time, preempted),
					 &flag, sizeof(flag));
}

/**
 * lodge_pv_resumed - the vCPU's thread may have waited
 * @vcpu: locked, outside a window
 */
void lodge_pv_resumed(struct lodge_vcpu *vcpu)
{
	struct lodge_pv_state *pv = &vcpu->pv;

	if (pv->steal & KVM_MSR_ENABLED &&
	    (pv->preempted || pv->thread != current || lodge_pv_was_away(pv)))
		set_bit(LODGE_REQ_PV_STEAL, &vcpu->requests);
}

/* ---- end of interrupt ---------------------------------------------------- */

/* In a window the keys that guard user memory are the guest's */
static int swap_eoi(struct lodge_vcpu *vcpu, u8 *record)
{
	u32 keys = lodge_fpu_host_keys(&vcpu->fpu);
	int ret = lodge_mem_swap_byte(&vcpu->vm->mem, vcpu->pv.eoi & ~KVM_MSR_ENABLED, record);

	lodge_fpu_guest_keys(&vcpu->fpu, keys);
	return ret;
}

/**
 * lodge_pv_offer_eoi - let the guest end an interrupt without an exit
 * @vcpu: in a window, about to enter the guest
 * @vector: which the local APIC has just given it
 *
 * Only if nothing waits for the end.  What comes while the guest runs brings it
 * out of there, and the offer is taken back then.
 */
void lodge_pv_offer_eoi(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lodge_pv_state *pv = &vcpu->pv;
	u8 record = EOI_WAITS;

	if (pv->eoi & KVM_MSR_ENABLED && lodge_lapic_ends_unseen(&vcpu->lapic, vector))
		pv->eoi_offered = !swap_eoi(vcpu, &record);
}

static void settle_eoi(struct lodge_vcpu *vcpu, u8 record)
{
	vcpu->pv.eoi_offered = false;
	if (!(record & EOI_WAITS))
		lodge_lapic_end(&vcpu->lapic);
}

/**
 * lodge_pv_settle_eoi - after an exit: has the guest taken the offer?
 * @vcpu: in a window, before anything looks at the local APIC
 */
void lodge_pv_settle_eoi(struct lodge_vcpu *vcpu)
{
	u8 record = 0;

	if (likely(!swap_eoi(vcpu, &record)))
		settle_eoi(vcpu, record);
	else	/* the guest is not entered before the page is there */
		set_bit(LODGE_REQ_PV_EOI, &vcpu->requests);
}

/* Nothing is offered; this also brings the page in */
static void clear_eoi(struct lodge_vcpu *vcpu)
{
	const u8 none = 0;

	if (vcpu->pv.eoi & KVM_MSR_ENABLED)
		lodge_mem_write(&vcpu->vm->mem, vcpu->pv.eoi & ~KVM_MSR_ENABLED, &none,
				sizeof(none));
}

static void settle_eoi_late(struct lodge_vcpu *vcpu)
{
	u8 record = EOI_WAITS;

	if (!vcpu->pv.eoi_offered)
		return;
	lodge_mem_read(&vcpu->vm->mem, vcpu->pv.eoi & ~KVM_MSR_ENABLED, &record, sizeof(record));
	clear_eoi(vcpu);
	settle_eoi(vcpu, record);
}

/**
 * lodge_pv_handle - write what lodge_vcpu.requests asks for
 * @vcpu: locked, outside a window, interrupts on; sleeps
 */
void lodge_pv_handle(struct lodge_vcpu *vcpu)
{
	if (test_and_clear_bit(LODGE_REQ_PV_CLOCK, &vcpu->requests))
		write_clock(vcpu);
	if (test_and_clear_bit(LODGE_REQ_PV_STEAL, &vcpu->requests))
		write_steal(vcpu);
	if (test_and_clear_bit(LODGE_REQ_PV_EOI, &vcpu->requests))
		settle_eoi_late(vcpu);
}

/* ---- MSRs ---------------------------------------------------------------- */

/* The feature without which there is no such MSR; 0 for one that is not ours */
static u32 msr_feature(u32 index)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return BIT(KVM_FEATURE_CLOCKSOURCE);
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return BIT(KVM_FEATURE_CLOCKSOURCE2);
	case MSR_KVM_STEAL_TIME:
		return BIT(KVM_FEATURE_STEAL_TIME);
	case MSR_KVM_PV_EOI_EN:
		return BIT(KVM_FEATURE_PV_EOI);
	case MSR_KVM_POLL_CONTROL:
		return BIT(KVM_FEATURE_POLL_CONTROL);
	}
	return 0;
}

/**
 * lodge_pv_read_msr - RDMSR of a paravirtual MSR
 * @vcpu: owned; may be inside a window
 * @index: ECX
 * @value: written on success
 *
 * Return: 0, or -EINVAL: there is no such MSR.
 */
int lodge_pv_read_msr(struct lodge_vcpu *vcpu, u32 index, u64 *value)
{
	const struct lodge_pv_state *pv = &vcpu->pv;

	if (!has(vcpu, msr_feature(index)))
		return -EINVAL;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = pv->wall;
		break;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*value = pv->clock;
		break;
	case MSR_KVM_STEAL_TIME:
		*value = pv->steal;
		break;
	case MSR_KVM_PV_EOI_EN:
		*value = pv->eoi;
		break;
	case MSR_KVM_POLL_CONTROL:
		*value = pv->poll_control;
		break;
	}
	return 0;
}

/**
 * lodge_pv_write_msr - WRMSR of a paravirtual MSR
 * @vcpu: locked, outside a window; sleeps
 * @index: ECX
 * @value: EDX:EAX
 *
 * Return: 0, or -EINVAL: there is no such MSR, or reserved bits are set.
 */
int lodge_pv_write_msr(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	struct lodge_pv_state *pv = &vcpu->pv;

	if (!has(vcpu, msr_feature(index)))
		return -EINVAL;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		pv->wall = value;
		write_wall(vcpu, value);
		break;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		pv->clock = value;
		write_clock(vcpu);
		break;
	case MSR_KVM_STEAL_TIME:
		if (value & STEAL_RESERVED)
			return -EINVAL;
		pv->steal = value;
		/* whatever stands there */
		pv->preempted = true;
		pv->thread = NULL;
		write_steal(vcpu);
		break;
	case MSR_KVM_PV_EOI_EN:
		if (value & EOI_RESERVED)
			return -EINVAL;
		settle_eoi_late(vcpu);
		pv->eoi = value;
		clear_eoi(vcpu);
		break;
	case MSR_KVM_POLL_CONTROL:
		if (value & ~1ULL)
			return -EINVAL;
		pv->poll_control = value;
		break;
	}
	return 0;
}

/* ---- hypercalls ---------------------------------------------------------- */

/* To those of 128 APIC IDs from @first on whose bits are set (32-bit guests: of 64) */
static u64 send_ipi(struct lodge_vcpu *vcpu, const u64 args[4], bool wide)
{
	unsigned int width = wide ? 64 : 32;
	struct lodge_irq *irq = &vcpu->vm->machine->irq;
	struct lodge_lapic_message m = {
		.vector = args[3],
		.mode = GET_APIC_DELIVERY_MODE((u32)args[3]),
		.dest_wide = true,
	};
	u64 sent = 0;
	unsigned int i;

	if (args[3] & ~(u64)(APIC_VECTOR_MASK | APIC_MODE_MASK) ||
	    (m.mode != LODGE_LAPIC_FIXED && m.mode != LODGE_LAPIC_NMI))
		return -KVM_EINVAL;
	for (i = 0; i < 2 * width; i++) {
		u64 dest = (u64)(u32)args[2] + i;

		if (!(args[i / width] & BIT_ULL(i % width)) || dest >= LODGE_MAX_VCPUS)
			continue;
		m.dest = dest;
		sent += lodge_lapic_deliver(irq, &m);
	}
	return sent;
}

/**
 * lodge_pv_hypercall - VMCALL in a VM with a machine
 * @vcpu: locked, outside a window, segments cached
 * @wide: in 64-bit mode; else registers are cut to 32 bits
 *
 * The result goes to RAX.
 */
void lodge_pv_hypercall(struct lodge_vcpu *vcpu, bool wide)
{
	u64 mask = wide ? ~0ULL : U32_MAX;
	u64 *gpr = vcpu->gpr;
	u64 args[4] = {
		gpr[LODGE_RBX] & mask, gpr[LODGE_RCX] & mask,
		gpr[LODGE_RDX] & mask, gpr[LODGE_RSI] & mask,
	};
	u64 ret = -KVM_ENOSYS;

	if (vcpu->s.seg[LODGE_SS].attr & LODGE_SEG_DPL) {
		gpr[LODGE_RAX] = -KVM_EPERM & mask;
		return;
	}
	switch (gpr[LODGE_RAX] & mask) {
	case KVM_HC_VAPIC_POLL_IRQ:
		ret = 0;
		break;
	case KVM_HC_KICK_CPU:
		if (has(vcpu, BIT(KVM_FEATURE_PV_UNHALT)))
			ret = lodge_vcpu_unhalt(vcpu->vm, args[1]);
		break;
	case KVM_HC_SEND_IPI:
		if (has(vcpu, BIT(KVM_FEATURE_PV_SEND_IPI)))
			ret = send_ipi(vcpu, args, wide);
		break;
	case KVM_HC_SCHED_YIELD:
		if (has(vcpu, BIT(KVM_FEATURE_PV_SCHED_YIELD)))
			ret = lodge_vcpu_yield_to(vcpu, args[0]);
		break;
	}
	gpr[LODGE_RAX] = ret & mask;
}
