/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - differences between kernels, all of them
 *
 * Detected by feature where the headers show it, by version where they do not.
 */
#ifndef LODGE_COMPAT_H
#define LODGE_COMPAT_H

#include <linux/version.h>

/* mm */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

/* int before the callbacks that ask for accesses returned bool */
#define lodge_young_t	typeof(((struct mmu_notifier_ops *)NULL)->test_young(NULL, NULL, 0))

#ifdef _PAGE_DEVMAP
#define LODGE_PAGE_DEVMAP	_PAGE_DEVMAP
#else
#define LODGE_PAGE_DEVMAP	0
#endif

/* the flags were macros before the latter two came to be: enumerators cannot be asked for */
#ifdef FOLL_WRITE
#define LODGE_FOLL_FAULT	FOLL_HWPOISON
#else
#define LODGE_FOLL_FAULT	(FOLL_HWPOISON | FOLL_INTERRUPTIBLE | FOLL_HONOR_NUMA_FAULT)
#endif

/*
 * A page of another process, to be read; the caller holds mmap_lock, which is dropped for a wait,
 * and then @locked is 0.  1 if it is there
 */
static inline long compat_get_page_remote(struct mm_struct *mm, unsigned long address,
					  struct page **page, int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, address, 1, 0, page, NULL, locked);
#else
	return get_user_pages_remote(mm, address, 1, 0, page, locked);
#endif
}

/* mm: end */

/* ---- timers -------------------------------------------------------------- */

#include <linux/hrtimer.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#else
#define compat_hrtimer_setup	hrtimer_setup
#endif

/* ---- work before a guest is entered -------------------------------------- */

/* The kernel notes a signal in the vCPU where it takes one */
#ifdef LODGE_HAVE_ENTRY_VIRT
#include <linux/entry-virt.h>
#define compat_guest_mode_handle_work(vcpu)	xfer_to_guest_mode_handle_work()
#else
#include <linux/entry-kvm.h>
#define compat_guest_mode_handle_work(vcpu)	xfer_to_guest_mode_handle_work(vcpu)
#endif

/* ---- interprocessor interrupts ------------------------------------------- */

/* smp_send_reschedule() has a tracepoint in it, which the caller must declare */
#ifdef LODGE_HAVE_TRACE_IPI
#include <trace/events/ipi.h>
#endif

/* ---- eventfds ------------------------------------------------------------- */

#include <linux/eventfd.h>

static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/* ---- taps ------------------------------------------------------------------ */

#include <linux/if_tun.h>

/* Where in the memory of a frame its virtio header is looked for, if the memory is so large */
static inline void *compat_tun_header(void *memory, int size)
{
#ifdef LODGE_HAVE_TUN_XDP_HDR
	struct tun_xdp_hdr *hdr = memory;

	hdr->buflen = size;
	return &hdr->gso;
#else
	return memory;
#endif
}

/* ---- generic netlink ------------------------------------------------------ */

/* With <net/genetlink.h>: the attributes of a dump's request */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define compat_genl_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#else
#define compat_genl_dump_attrs(cb)	(genl_dumpit_info(cb)->info.attrs)
#endif

/* ---- speculative-execution defences -------------------------------------- */

#ifdef X86_FEATURE_CLEAR_BHB_VMEXIT
#define COMPAT_FEATURE_BHB_VMEXIT	X86_FEATURE_CLEAR_BHB_VMEXIT
#else
#define COMPAT_FEATURE_BHB_VMEXIT	X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
#endif

#ifdef X86_BUG_RFDS
#define COMPAT_BUG_RFDS			boot_cpu_has_bug(X86_BUG_RFDS)
#else
#define COMPAT_BUG_RFDS			false
#endif

#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
#define COMPAT_IBPB_EXIT_TO_USER	boot_cpu_has(X86_FEATURE_IBPB_EXIT_TO_USER)
#define compat_ibpb_exit_to_user()	this_cpu_write(x86_ibpb_exit_to_user, true)
#else
#define COMPAT_IBPB_EXIT_TO_USER	false
#define compat_ibpb_exit_to_user()	do { } while (0)
#endif

/* ---- split locks ---------------------------------------------------------- */

#include <linux/kvm_types.h>
#include <asm/cpu.h>

/* Kernels that keep exports for KVM alone keep this one */
#ifdef EXPORT_SYMBOL_FOR_KVM
#define COMPAT_GUEST_SPLIT_LOCK		false
static inline void compat_guest_split_lock(unsigned long ip)
{
}
#else
#define COMPAT_GUEST_SPLIT_LOCK		true
static inline void compat_guest_split_lock(unsigned long ip)
{
	handle_guest_split_lock(ip);
}
#endif

#endif /* LODGE_COMPAT_H */
