/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv.h - the paravirtual interface that KVM documents and Linux guests speak
 * (the kernel's Documentation/virt/kvm/x86/: cpuid.rst, msr.rst, hypercalls.rst)
 *
 * Which of it a guest has is what bits stand in its CPUID leaf 0x40000001.
 */
#ifndef LODGE_X86_PV_H
#define LODGE_X86_PV_H

#include <linux/sched.h>
#include <linux/types.h>
#include <uapi/asm/kvm_para.h>

struct lodge_vcpu;

#define LODGE_PV_LEAF		0x40000000
#define LODGE_PV_LEAF_FEATURES	0x40000001
#define LODGE_PV_LEAF_TIMING	0x40000010

/**
 * struct lodge_pv_state - paravirtual MSRs of a vCPU
 * @clock: system time: address and enable bit
 * @wall: address that the wall clock was last written to
 * @steal: steal time: address and enable bit
 * @eoi: end of interrupt: address and enable bit
 * @poll_control: whether the host may poll while the guest is halted; it never does
 * @clock_version: of the record, even
 * @steal_version: likewise
 * @stolen: ns reported so far
 * @run_delay: of the thread when they were counted last, ns
 * @thread: the thread that @run_delay is of, for identity only
 * @preempted: the steal-time record says that the vCPU does not run
 * @eoi_offered: the guest may end the interrupt in service through memory
 *
 * All under lodge_vcpu.lock.
 */
struct lodge_pv_state {
	u64 clock;
	u64 wall;
	u64 steal;
	u64 eoi;
	u64 poll_control;
	u32 clock_version;
	u32 steal_version;
	u64 stolen;
	u64 run_delay;
	const void *thread;
	bool preempted;
	bool eoi_offered;
};

/**
 * lodge_pv_run_delay - how long the calling thread has waited for a CPU in its life
 *
 * Return: ns; 0 where the kernel does not count.
 */
static inline u64 lodge_pv_run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/**
 * lodge_pv_was_away - has the thread waited for a CPU that the guest was not told of?
 * @pv: of the calling thread's vCPU
 *
 * Return: true if lodge_pv_resumed() has something to do.
 */
static inline bool lodge_pv_was_away(const struct lodge_pv_state *pv)
{
	return pv->steal & KVM_MSR_ENABLED && pv->run_delay != lodge_pv_run_delay();
}

u32 lodge_pv_offered(void);
void lodge_pv_reset(struct lodge_pv_state *pv);
int lodge_pv_read_msr(struct lodge_vcpu *vcpu, u32 index, u64 *value);
int lodge_pv_write_msr(struct lodge_vcpu *vcpu, u32 index, u64 value);
void lodge_pv_tsc_changed(struct lodge_vcpu *vcpu);
void lodge_pv_pausing(struct lodge_vcpu *vcpu);
void lodge_pv_resumed(struct lodge_vcpu *vcpu);
void lodge_pv_offer_eoi(struct lodge_vcpu *vcpu, u8 vector);
void lodge_pv_settle_eoi(struct lodge_vcpu *vcpu);
void lodge_pv_handle(struct lodge_vcpu *vcpu);
void lodge_pv_hypercall(struct lodge_vcpu *vcpu, bool wide);

#endif /* LODGE_X86_PV_H */
