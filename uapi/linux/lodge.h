/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * lodge.h - the char device interface of the lodge hypervisor
 *
 * Three kinds of file descriptor, each with its own ioctls:
 *
 *   /dev/lodge            LODGE_GET_INFO, LODGE_GET_CAPS, LODGE_CREATE_VM
 *   a VM (CREATE_VM)      LODGE_VM_*: memory slots, dirty log, vCPUs
 *   a vCPU (CREATE_VCPU)  LODGE_VCPU_*: run, state, events; mmap of the run area
 *
 * Every structure starts with its own size in bytes, set by the caller.  The
 * kernel takes members beyond that size as zero, and refuses with E2BIG a
 * larger structure whose extra bytes are not zero, so that structures can grow
 * in both directions of compatibility.  A size smaller than the first version
 * of the structure is EINVAL.  Reserved members and unknown flags must be zero
 * (EINVAL).  Documentation/uapi.rst tells each call's errors.
 *
 * A VM belongs to the process that created it: all calls on its descriptors
 * from another address space return EIO.
 */
#ifndef _UAPI_LINUX_LODGE_H
#define _UAPI_LINUX_LODGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LODGE_API_VERSION	1
#define LODGE_NAME_LEN		32

#define LODGE_IOC(nr)		_IO(0xBE, nr)

/* ---- /dev/lodge ---------------------------------------------------------- */

#define LODGE_GET_INFO		LODGE_IOC(0x01)
#define LODGE_GET_CAPS		LODGE_IOC(0x02)
#define LODGE_CREATE_VM		LODGE_IOC(0x03)

/**
 * struct lodge_info - what this module offers (LODGE_GET_INFO)
 * @size: sizeof(struct lodge_info)
 * @api_version: LODGE_API_VERSION the module was built with
 * @run_size: bytes to mmap of a vCPU descriptor at offset 0
 * @max_vcpus: vCPUs of one VM
 * @max_slots: memory slots of one VM
 * @phys_bits: width of a guest-physical address
 * @xsave_size: bytes of the XSAVE image that LODGE_VCPU_GET_XSAVE returns
 * @pad: zero
 * @xcr0_mask: bits a guest may set in XCR0
 * @version: the module's version, a string
 */
struct lodge_info {
	__u32 size;
	__u32 api_version;
	__u32 run_size;
	__u32 max_vcpus;
	__u32 max_slots;
	__u32 phys_bits;
	__u32 xsave_size;
	__u32 pad;
	__u64 xcr0_mask;
	char version[32];
};

/* struct lodge_caps.holder: who has VMX on the calling CPU right now */
#define LODGE_VMX_HOLDER_NONE	0	/* CR4.VMXE clear */
#define LODGE_VMX_HOLDER_OTHER	1	/* CR4.VMXE set, and not by lodge */

/* struct lodge_caps.defences: what is done at VM entry and exit on this host */
#define LODGE_DEF_L1D_FLUSH	(1ULL << 0)	/* L1D flush at entry (L1TF) */
#define LODGE_DEF_VERW		(1ULL << 1)	/* CPU buffers cleared at entry (MDS and kin) */
#define LODGE_DEF_RSB_FILL	(1ULL << 2)	/* return stack buffer refilled at exit */
#define LODGE_DEF_RSB_LITE	(1ULL << 3)	/* one unbalanced-call guard at exit (PBRSB) */
#define LODGE_DEF_IBRS		(1ULL << 4)	/* SPEC_CTRL rewritten at exit (retbleed) */
#define LODGE_DEF_BHB_CLEAR	(1ULL << 5)	/* branch history cleared at exit (BHI) */
#define LODGE_DEF_IBPB_SWITCH	(1ULL << 6)	/* IBPB when another VM's vCPU enters */
#define LODGE_DEF_IBPB_USER	(1ULL << 7)	/* IBPB before return to user (VMSCAPE) */
#define LODGE_DEF_NX_HUGE	(1ULL << 8)	/* huge EPT pages not executable (iTLB multihit) */

/**
 * struct lodge_caps - the processor's VMX capabilities and what lodge made of them
 * @size: sizeof(struct lodge_caps)
 * @holder: LODGE_VMX_HOLDER_* on the calling CPU
 * @msr_basic: IA32_VMX_BASIC
 * @msr_pin: IA32_VMX_(TRUE_)PINBASED_CTLS
 * @msr_proc: IA32_VMX_(TRUE_)PROCBASED_CTLS
 * @msr_proc2: IA32_VMX_PROCBASED_CTLS2, or 0
 * @msr_exit: IA32_VMX_(TRUE_)EXIT_CTLS
 * @msr_entry: IA32_VMX_(TRUE_)ENTRY_CTLS
 * @msr_misc: IA32_VMX_MISC
 * @msr_ept_vpid: IA32_VMX_EPT_VPID_CAP, or 0
 * @msr_vmfunc: IA32_VMX_VMFUNC, or 0
 * @msr_feature_control: IA32_FEATURE_CONTROL
 * @used_pin: pin-based controls that lodge sets in a VMCS
 * @used_proc: processor-based controls
 * @used_proc2: secondary processor-based controls
 * @used_exit: VM-exit controls
 * @used_entry: VM-entry controls
 * @used_ept: bits of @msr_ept_vpid that lodge makes use of, low half
 * @defences: LODGE_DEF_*
 */
struct lodge_caps {
	__u32 size;
	__u32 holder;
	__u64 msr_basic;
	__u64 msr_pin;
	__u64 msr_proc;
	__u64 msr_proc2;
	__u64 msr_exit;
	__u64 msr_entry;
	__u64 msr_misc;
	__u64 msr_ept_vpid;
	__u64 msr_vmfunc;
	__u64 msr_feature_control;
	__u32 used_pin;
	__u32 used_proc;
	__u32 used_proc2;
	__u32 used_exit;
	__u32 used_entry;
	__u32 used_ept;
	__u64 defences;
};

/* struct lodge_create_vm.flags */
#define LODGE_VM_HLT_IN_KERNEL	(1U << 0)	/* HLT waits in the kernel, no exit */
#define LODGE_VM_DEBUG_PORTS	(1U << 1)	/* 0xe9, 0xf4; with a machine 0x510 too */
#define LODGE_VM_MACHINE	(1U << 2)	/* interrupt controllers and chipset in the kernel,
						 * hypercalls too; with HLT_IN_KERNEL only
						 */
#define LODGE_VM_CLOSED		(1U << 3)	/* ports and addresses that nobody answers at
						 * read as all ones, without an exit
						 */
#define LODGE_VM_PCI		(1U << 4)	/* a PCI bus in the kernel, with MACHINE only */

/**
 * struct lodge_create_vm - LODGE_CREATE_VM; returns the VM's descriptor
 * @size: sizeof(struct lodge_create_vm)
 * @flags: LODGE_VM_*
 * @name: NUL-terminated, printable, without '/'; empty for none
 * @tsc_khz: ticks of the guest's TSC in a millisecond, 0 for the host's; another than that
 *	needs the VMX control "use TSC scaling", else EOPNOTSUPP
 * @pad: zero
 */
struct lodge_create_vm {
	__u32 size;
	__u32 flags;
	char name[LODGE_NAME_LEN];
	__u32 tsc_khz;
	__u32 pad;
};

/* ---- a VM ---------------------------------------------------------------- */

#define LODGE_VM_SET_SLOT	LODGE_IOC(0x10)
#define LODGE_VM_GET_DIRTY	LODGE_IOC(0x11)
#define LODGE_VM_CREATE_VCPU	LODGE_IOC(0x12)
#define LODGE_VM_SET_GSI	LODGE_IOC(0x13)
#define LODGE_VM_MSI		LODGE_IOC(0x14)
#define LODGE_VM_CONSOLE	LODGE_IOC(0x15)
#define LODGE_VM_ADD_DEVICE	LODGE_IOC(0x16)
#define LODGE_VM_BALLOON	LODGE_IOC(0x17)
#define LODGE_VM_IOEVENTFD	LODGE_IOC(0x18)
#define LODGE_VM_IRQFD		LODGE_IOC(0x19)
#define LODGE_VM_VSOCK		LODGE_IOC(0x1a)
#define LODGE_VM_GET_DEVICE	LODGE_IOC(0x1b)
#define LODGE_VM_ADD_FILE	LODGE_IOC(0x1e)
#define LODGE_VM_END		LODGE_IOC(0x1f)

/* struct lodge_slot.flags */
#define LODGE_SLOT_READONLY	(1U << 0)	/* guest writes exit as MMIO */
#define LODGE_SLOT_LOG_DIRTY	(1U << 1)

/**
 * struct lodge_slot - a range of guest-physical memory (LODGE_VM_SET_SLOT)
 * @size: sizeof(struct lodge_slot)
 * @slot: number below lodge_info.max_slots; a slot in use is replaced
 * @flags: LODGE_SLOT_*
 * @pad: zero
 * @gpa: guest-physical address, a multiple of 4096
 * @len: bytes, a multiple of 4096; 0 removes the slot
 * @hva: address in the caller's memory, a multiple of 4096
 */
struct lodge_slot {
	__u32 size;
	__u32 slot;
	__u32 flags;
	__u32 pad;
	__u64 gpa;
	__u64 len;
	__u64 hva;
};

/* struct lodge_dirty_log.flags */
#define LODGE_DIRTY_PEEK	(1U << 0)	/* do not clear what is read */

/**
 * struct lodge_dirty_log - pages written since the last call (LODGE_VM_GET_DIRTY)
 * @size: sizeof(struct lodge_dirty_log)
 * @slot: a slot with LODGE_SLOT_LOG_DIRTY
 * @flags: LODGE_DIRTY_*
 * @pad: zero
 * @first_page: first page in the slot, a multiple of 64
 * @npages: pages to read; a multiple of 64 unless it ends with the slot
 * @bitmap: user address of npages bits, rounded up to 8 bytes
 */
struct lodge_dirty_log {
	__u32 size;
	__u32 slot;
	__u32 flags;
	__u32 pad;
	__u64 first_page;
	__u64 npages;
	__u64 bitmap;
};

/**
 * struct lodge_create_vcpu - LODGE_VM_CREATE_VCPU; returns the vCPU's descriptor
 * @size: sizeof(struct lodge_create_vcpu)
 * @id: below lodge_info.max_vcpus, also the initial APIC ID
 *
 * A new vCPU has the state that the SDM gives after RESET (Vol 3A, table 10-1);
 * with LODGE_VM_MACHINE all but number 0 wait for a startup IPI.
 */
struct lodge_create_vcpu {
	__u32 size;
	__u32 id;
};

/**
 * struct lodge_gsi - drive an interrupt line (LODGE_VM_SET_GSI)
 * @size: sizeof(struct lodge_gsi)
 * @gsi: pin of the IOAPIC, below 24; those below 16 reach the PICs too
 * @level: 0 or 1
 * @pad: zero
 *
 * With LODGE_VM_MACHINE only, else ENODEV; may be called by any thread of the owner.
 */
struct lodge_gsi {
	__u32 size;
	__u32 gsi;
	__u32 level;
	__u32 pad;
};

/**
 * struct lodge_msi - a message-signalled interrupt (LODGE_VM_MSI)
 * @size: sizeof(struct lodge_msi)
 * @data: SDM Vol 3A, 11.11.2
 * @address: SDM Vol 3A, 11.11.1; at 0xfeexxxxx
 *
 * With LODGE_VM_MACHINE only, else ENODEV.
 */
struct lodge_msi {
	__u32 size;
	__u32 data;
	__u64 address;
};

/* struct lodge_open_console.which */
#define LODGE_CONSOLE_SERIAL	0	/* UART at 0x3f8 */
#define LODGE_CONSOLE_DEBUG	1	/* port 0xe9, output only */
#define LODGE_CONSOLE_VIRTIO	2	/* LODGE_DEVICE_CONSOLE, ENODEV without */
#define LODGE_CONSOLE_PORT	3	/* and on: struct lodge_add_device.ports, likewise */

/**
 * struct lodge_open_console - LODGE_VM_CONSOLE; returns a descriptor for read, write, poll
 * @size: sizeof(struct lodge_open_console)
 * @which: LODGE_CONSOLE_*, LODGE_CONSOLE_PORT + n for the port with the name @ports[n]
 * @flags: zero
 * @pad: zero
 *
 * While it is open, a guest that writes faster than it is read has to wait at the
 * UART and at the virtio console and its ports, and loses what is too much at port 0xe9,
 * which cannot make it wait; while it is not open, the newest output is kept.  One at a time, else
 * EBUSY; ENODEV without LODGE_VM_MACHINE, or without such a console.  Non-blocking with
 * O_NONBLOCK by fcntl().
 *
 * TIOCSWINSZ of LODGE_CONSOLE_VIRTIO's tells the guest the size of the terminal; ENOTTY for others,
 * and where it has named ports.
 */
struct lodge_open_console {
	__u32 size;
	__u32 which;
	__u32 flags;
	__u32 pad;
};

/* How a VM ended */
enum lodge_end_reason {
	LODGE_END_NONE,			/* it has not */
	LODGE_END_POWEROFF,
	LODGE_END_RESET,
	LODGE_END_PANIC,		/* pvpanic */
	LODGE_END_EXIT,			/* the debug exit port */
	LODGE_END_TRIPLE_FAULT,
	LODGE_END_ERROR,		/* it could not go on */
	LODGE_END_TIMEOUT,
	LODGE_END_SIGNAL,		/* its program was told to end */
	LODGE_END_USER,			/* its user ended it at its terminal */
	LODGE_END_KILLED,		/* by netlink, or with its process */
	LODGE_END_CLOSED,		/* its descriptors were closed, and nothing told */
	LODGE_END_WATCHDOG,		/* the guest did not restart it in time */
	LODGE_END_NR
};

/* struct lodge_vm_end.flags */
#define LODGE_VM_END_KEEP	(1U << 0)	/* keep a record when it is gone */
#define LODGE_VM_END_RESTARTS	(1U << 1)	/* with KEEP: the next VM of this process with this
						 * name is the same one, started again
						 */

/**
 * struct lodge_vm_end - tell how the VM ended (LODGE_VM_END)
 * @size: sizeof(struct lodge_vm_end)
 * @reason: enum lodge_end_reason, not LODGE_END_NONE
 * @status: exit status, below 256
 * @flags: LODGE_VM_END_*
 *
 * Counts when the last descriptor of the VM is closed; until then it may be called
 * again.  Without it a VM whose process dies by a signal leaves a record, and
 * one whose descriptors are closed leaves none.
 */
struct lodge_vm_end {
	__u32 size;
	__u32 reason;
	__u32 status;
	__u32 flags;
};

#define LODGE_FILE_NAME_LEN	56
#define LODGE_FILE_MAX		(256U << 10)

/**
 * struct lodge_add_file - LODGE_VM_ADD_FILE: a file that the guest finds by QEMU's fw_cfg
 * @size: sizeof(struct lodge_add_file)
 * @len: bytes of it, 1 to LODGE_FILE_MAX
 * @data: address of its content, which is copied
 * @name: NUL-terminated, printable, without spaces, such as "etc/e820"
 * @pad: zero
 *
 * With LODGE_VM_MACHINE and LODGE_VM_DEBUG_PORTS only, else ENODEV, and before the first vCPU, else
 * EBUSY.  A VM may have 16; ENOSPC, and EEXIST if there is one of this name.
 */
struct lodge_add_file {
	__u32 size;
	__u32 len;
	__u64 data;
	char name[LODGE_FILE_NAME_LEN];
	__u64 pad;
};

/**
 * struct lodge_range - memory that the guest does without, from LODGE_VM_BALLOON's descriptor
 * @addr: address in the memory of the VM's process, a multiple of 4096
 * @len: bytes, a multiple of 4096, above 0
 *
 * LODGE_VM_BALLOON has no argument and returns a descriptor, one at a time (EBUSY), of a
 * VM with a LODGE_DEVICE_BALLOON (ENODEV).  A read returns whole structures, EINVAL
 * if there is no room for one.  The guest makes no use of these ranges until the next
 * read, which tells that they are dealt with: discarded, by madvise() perhaps, or left as
 * they are.  So the descriptor is readable also when there is nothing new, and the read
 * that finds nothing (EAGAIN with O_NONBLOCK) must not be left out: the guest waits.
 * Nothing waits while there is no descriptor, and nothing is discarded.
 *
 * A write of a __u64 sets how many bytes the guest is asked for, a multiple of 4096.
 * By a process that is not the VM's reads and writes fail with EIO.
 */
struct lodge_range {
	__u64 addr;
	__u64 len;
};

/* struct lodge_ioeventfd.flags */
#define LODGE_IOEVENTFD_PORT	(1U << 0)	/* @addr is a port, else an address in memory */
#define LODGE_IOEVENTFD_MATCH	(1U << 1)	/* only if @match is written */
#define LODGE_IOEVENTFD_DEASSIGN (1U << 2)	/* not any more */

#define LODGE_MAX_IOEVENTFDS	512

/**
 * struct lodge_ioeventfd - a write of the guest that signals an eventfd (LODGE_VM_IOEVENTFD)
 * @size: sizeof(struct lodge_ioeventfd)
 * @flags: LODGE_IOEVENTFD_*
 * @addr: port, or guest-physical address, of the first byte written
 * @match: with LODGE_IOEVENTFD_MATCH: the value, no wider than @len; else zero
 * @len: bytes written: 1, 2, 4, or 8 in memory; or 0: any number, without LODGE_IOEVENTFD_MATCH
 * @fd: eventfd; with LODGE_IOEVENTFD_DEASSIGN -1 will do
 *
 * Such a write adds 1 to the eventfd's counter and has no other effect: the vCPU goes on.
 * It must be one that would come as LODGE_EXIT_IO or LODGE_EXIT_MMIO otherwise: EEXIST if a
 * device in the kernel is there, or another ioeventfd that the same write could mean.
 * Reads exit as ever.  LODGE_MAX_IOEVENTFDS at most for ports, and as many in memory: ENOSPC.
 * They last until they are taken away, by a call with the same members (ENOENT), or
 * the VM is gone.
 */
struct lodge_ioeventfd {
	__u32 size;
	__u32 flags;
	__u64 addr;
	__u64 match;
	__u32 len;
	__s32 fd;
};

/* struct lodge_irqfd.flags */
#define LODGE_IRQFD_LEVEL	(1U << 0)	/* @gsi stays asserted until the EOI */
#define LODGE_IRQFD_MSI		(1U << 1)	/* a message, not a line */
#define LODGE_IRQFD_DEASSIGN	(1U << 2)	/* not any more; without the others */

#define LODGE_MAX_IRQFDS	512

/**
 * struct lodge_irqfd - an eventfd that interrupts the guest (LODGE_VM_IRQFD)
 * @size: sizeof(struct lodge_irqfd)
 * @flags: LODGE_IRQFD_*
 * @fd: eventfd; its counter is read by the kernel, so nobody else should
 * @resample_fd: with LODGE_IRQFD_LEVEL: an eventfd that is signalled when the guest has handled
 *	the interrupt; else -1
 * @gsi: line, as in struct lodge_gsi, but not 2; zero with LODGE_IRQFD_MSI
 * @data: with LODGE_IRQFD_MSI: as in struct lodge_msi; else zero
 * @address: likewise
 *
 * Each time the eventfd is signalled the line is pulsed, or the message sent.  With
 * LODGE_IRQFD_LEVEL the line is asserted; the EOI of the interrupt, at an I/O APIC's pin that is
 * level-triggered or at a PIC, releases it and signals @resample_fd: who still has something to
 * tell signals @fd again.  Several may share a line: the EOI is told to all of them.
 *
 * With LODGE_VM_MACHINE only, else ENODEV.  An eventfd can be used once in a VM: EEXIST.  ENOSPC
 * for more than LODGE_MAX_IRQFDS.  They last until they are taken away (ENOENT if @fd is not
 * there; other members are as if there were none: zero, @resample_fd -1), the eventfd's last
 * descriptor is closed, or the VM is gone.
 */
struct lodge_irqfd {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__s32 resample_fd;
	__u32 gsi;
	__u32 data;
	__u64 address;
};

/* ---- a vCPU -------------------------------------------------------------- */

#define LODGE_VCPU_RUN		LODGE_IOC(0x20)
#define LODGE_VCPU_GET_REGS	LODGE_IOC(0x21)
#define LODGE_VCPU_SET_REGS	LODGE_IOC(0x22)
#define LODGE_VCPU_GET_SREGS	LODGE_IOC(0x23)
#define LODGE_VCPU_SET_SREGS	LODGE_IOC(0x24)
#define LODGE_VCPU_GET_DEBUG	LODGE_IOC(0x25)
#define LODGE_VCPU_SET_DEBUG	LODGE_IOC(0x26)
#define LODGE_VCPU_GET_XSAVE	LODGE_IOC(0x27)
#define LODGE_VCPU_SET_XSAVE	LODGE_IOC(0x28)
#define LODGE_VCPU_GET_MSRS	LODGE_IOC(0x29)
#define LODGE_VCPU_SET_MSRS	LODGE_IOC(0x2a)
#define LODGE_VCPU_GET_CPUID	LODGE_IOC(0x2b)
#define LODGE_VCPU_SET_CPUID	LODGE_IOC(0x2c)
#define LODGE_VCPU_GET_EVENTS	LODGE_IOC(0x2d)
#define LODGE_VCPU_SET_EVENTS	LODGE_IOC(0x2e)
#define LODGE_VCPU_GET_MP	LODGE_IOC(0x2f)
#define LODGE_VCPU_SET_MP	LODGE_IOC(0x30)
#define LODGE_VCPU_INTERRUPT	LODGE_IOC(0x31)
#define LODGE_VCPU_NMI		LODGE_IOC(0x32)
#define LODGE_VCPU_GET_STATS	LODGE_IOC(0x33)

/* index into struct lodge_regs.gpr: the order of the instruction encoding */
enum lodge_gpr {
	LODGE_RAX, LODGE_RCX, LODGE_RDX, LODGE_RBX,
	LODGE_RSP, LODGE_RBP, LODGE_RSI, LODGE_RDI,
	LODGE_R8, LODGE_R9, LODGE_R10, LODGE_R11,
	LODGE_R12, LODGE_R13, LODGE_R14, LODGE_R15,
	LODGE_NR_GPRS
};

/**
 * struct lodge_regs - general registers (LODGE_VCPU_GET_REGS, _SET_REGS)
 * @size: sizeof(struct lodge_regs)
 * @pad: zero
 * @gpr: by enum lodge_gpr
 * @rip: instruction pointer
 * @rflags: bit 1 is taken as set
 */
struct lodge_regs {
	__u32 size;
	__u32 pad;
	__u64 gpr[LODGE_NR_GPRS];
	__u64 rip;
	__u64 rflags;
};

/* struct lodge_segment.attr: the VMX access-rights format (SDM Vol 3C, 25.4.1) */
#define LODGE_SEG_TYPE		0x0000f
#define LODGE_SEG_S		0x00010
#define LODGE_SEG_DPL		0x00060
#define LODGE_SEG_P		0x00080
#define LODGE_SEG_AVL		0x01000
#define LODGE_SEG_L		0x02000
#define LODGE_SEG_DB		0x04000
#define LODGE_SEG_G		0x08000
#define LODGE_SEG_UNUSABLE	0x10000

/**
 * struct lodge_segment - a segment register with its hidden part
 * @base: linear address
 * @limit: in bytes, after scaling by the granularity
 * @attr: LODGE_SEG_*
 * @selector: visible part
 * @pad: zero
 */
struct lodge_segment {
	__u64 base;
	__u32 limit;
	__u32 attr;
	__u16 selector;
	__u16 pad[3];
};

/* index into struct lodge_sregs.seg: the order of the instruction encoding */
enum lodge_sreg {
	LODGE_ES, LODGE_CS, LODGE_SS, LODGE_DS, LODGE_FS, LODGE_GS,
	LODGE_LDTR, LODGE_TR, LODGE_NR_SREGS
};

/**
 * struct lodge_sregs - system registers (LODGE_VCPU_GET_SREGS, _SET_SREGS)
 * @size: sizeof(struct lodge_sregs)
 * @pad: zero
 * @seg: by enum lodge_sreg
 * @gdt_base: GDTR
 * @idt_base: IDTR
 * @gdt_limit: in bytes, at most 0xffff
 * @idt_limit: in bytes, at most 0xffff
 * @cr0: as the guest sees it
 * @cr2: page-fault address
 * @cr3: page-table base
 * @cr4: as the guest sees it
 * @cr8: 0 to 15
 * @efer: IA32_EFER; LMA must be what LME and CR0.PG make it
 * @apic_base: IA32_APIC_BASE
 * @xcr0: a value XSETBV would take
 *
 * Values that no processor accepts together are refused with EINVAL.
 */
struct lodge_sregs {
	__u32 size;
	__u32 pad;
	struct lodge_segment seg[LODGE_NR_SREGS];
	__u64 gdt_base;
	__u64 idt_base;
	__u32 gdt_limit;
	__u32 idt_limit;
	__u64 cr0;
	__u64 cr2;
	__u64 cr3;
	__u64 cr4;
	__u64 cr8;
	__u64 efer;
	__u64 apic_base;
	__u64 xcr0;
};

/**
 * struct lodge_debug - debug registers (LODGE_VCPU_GET_DEBUG, _SET_DEBUG)
 * @size: sizeof(struct lodge_debug)
 * @pad: zero
 * @db: DR0 to DR3
 * @dr6: high half must be zero
 * @dr7: high half must be zero
 */
struct lodge_debug {
	__u32 size;
	__u32 pad;
	__u64 db[4];
	__u64 dr6;
	__u64 dr7;
};

/**
 * struct lodge_xsave - extended state (LODGE_VCPU_GET_XSAVE, _SET_XSAVE)
 * @size: sizeof(struct lodge_xsave)
 * @len: bytes at @data: lodge_info.xsave_size
 * @data: user address of a standard-format (not compacted) XSAVE image
 */
struct lodge_xsave {
	__u32 size;
	__u32 len;
	__u64 data;
};

/**
 * struct lodge_msr - one model-specific register
 * @index: ECX of RDMSR
 * @pad: zero
 * @value: EDX:EAX
 */
struct lodge_msr {
	__u32 index;
	__u32 pad;
	__u64 value;
};

/**
 * struct lodge_msrs - a list of MSRs (LODGE_VCPU_GET_MSRS, _SET_MSRS)
 * @size: sizeof(struct lodge_msrs)
 * @count: at most LODGE_MAX_MSRS
 * @entries: user address of @count struct lodge_msr
 *
 * Returns how many were done: the first that the vCPU does not have, or whose
 * value it does not take, ends the call.
 */
struct lodge_msrs {
	__u32 size;
	__u32 count;
	__u64 entries;
};

#define LODGE_MAX_MSRS		256

/* struct lodge_cpuid_leaf.flags */
#define LODGE_CPUID_SUBLEAF	(1U << 0)	/* @subleaf matters */

/**
 * struct lodge_cpuid_leaf - what CPUID returns for one leaf
 * @leaf: EAX
 * @subleaf: ECX, with LODGE_CPUID_SUBLEAF
 * @flags: LODGE_CPUID_*
 * @eax: result
 * @ebx: result
 * @ecx: result; OSXSAVE and OSPKE follow the vCPU's CR4 by themselves
 * @edx: result
 * @pad: zero
 */
struct lodge_cpuid_leaf {
	__u32 leaf;
	__u32 subleaf;
	__u32 flags;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 pad;
};

/**
 * struct lodge_cpuid - the CPUID table (LODGE_VCPU_GET_CPUID, _SET_CPUID)
 * @size: sizeof(struct lodge_cpuid)
 * @count: in: room (GET) or entries (SET), at most LODGE_MAX_CPUID; out (GET): entries
 * @entries: user address of @count struct lodge_cpuid_leaf
 *
 * A new vCPU has the leaves of the host that lodge can carry.  GET with too
 * little room is E2BIG, with @count telling how much is wanted.
 */
struct lodge_cpuid {
	__u32 size;
	__u32 count;
	__u64 entries;
};

#define LODGE_MAX_CPUID		128

/* struct lodge_events.flags */
#define LODGE_EVENT_EXCEPTION	(1U << 0)	/* @vector is to be delivered */
#define LODGE_EVENT_ERROR_CODE	(1U << 1)	/* with @error_code */
#define LODGE_EVENT_NMI_PENDING	(1U << 2)
#define LODGE_EVENT_NMI_BLOCKED	(1U << 3)	/* until IRET */
#define LODGE_EVENT_STI_SHADOW	(1U << 4)
#define LODGE_EVENT_SS_SHADOW	(1U << 5)	/* after MOV SS or POP SS */

/**
 * struct lodge_events - what is pending (LODGE_VCPU_GET_EVENTS, _SET_EVENTS)
 * @size: sizeof(struct lodge_events)
 * @flags: LODGE_EVENT_*
 * @error_code: of the exception
 * @vector: of the exception, below 32, not 2
 * @pad: zero
 * @irr: external interrupts waiting, a bit a vector; vectors below 16 are not valid
 */
struct lodge_events {
	__u32 size;
	__u32 flags;
	__u32 error_code;
	__u8 vector;
	__u8 pad[3];
	__u64 irr[4];
};

enum lodge_mp_state {
	LODGE_MP_RUNNABLE,
	LODGE_MP_HALTED,		/* after HLT: until an interrupt or NMI */
	LODGE_MP_WAIT_SIPI,		/* waits for LODGE_VCPU_SET_MP */
	LODGE_MP_NR
};

/**
 * struct lodge_mp - activity (LODGE_VCPU_GET_MP, _SET_MP)
 * @size: sizeof(struct lodge_mp)
 * @state: enum lodge_mp_state
 */
struct lodge_mp {
	__u32 size;
	__u32 state;
};

/**
 * struct lodge_interrupt - an external interrupt (LODGE_VCPU_INTERRUPT)
 * @size: sizeof(struct lodge_interrupt)
 * @vector: 16 to 255; one that already waits merges with it
 *
 * May be called by any thread of the owner, also while the vCPU runs.
 */
struct lodge_interrupt {
	__u32 size;
	__u32 vector;
};

enum lodge_stat {
	LODGE_STAT_EXITS,		/* all VM exits */
	LODGE_STAT_EXITS_USER,		/* returns of LODGE_VCPU_RUN */
	LODGE_STAT_WINDOWS,		/* stretches in VMX operation */
	LODGE_STAT_NEIGHBOUR,		/* of these, with VMX held by somebody else */
	LODGE_STAT_IRQ_EXITS,		/* host interrupts that arrived in the guest */
	LODGE_STAT_NMI_EXITS,		/* host NMIs */
	LODGE_STAT_MCE_EXITS,		/* machine checks */
	LODGE_STAT_CPUID,
	LODGE_STAT_HLT,
	LODGE_STAT_IO,			/* port accesses */
	LODGE_STAT_IO_USER,		/* of these, those left to user space */
	LODGE_STAT_MMIO,		/* emulated memory accesses */
	LODGE_STAT_MSR,
	LODGE_STAT_CR,
	LODGE_STAT_DR,
	LODGE_STAT_EPT_FAULTS,
	LODGE_STAT_EMULATED,		/* instructions emulated */
	LODGE_STAT_INJECTED,		/* events injected */
	LODGE_STAT_TLB_FLUSHES,		/* INVEPT and INVVPID */
	LODGE_STAT_MIGRATIONS,		/* entries on another CPU than the last */
	LODGE_STAT_VMREADS,		/* debug builds only, else 0 */
	LODGE_STAT_VMWRITES,		/* debug builds only */
	LODGE_STAT_MSR_ACCESSES,	/* debug builds only */
	LODGE_STAT_FAULTS_4K,		/* EPT faults that mapped a page of this size */
	LODGE_STAT_FAULTS_2M,
	LODGE_STAT_FAULTS_1G,
	LODGE_NR_STATS
};

/**
 * struct lodge_stats - counters of a vCPU (LODGE_VCPU_GET_STATS)
 * @size: sizeof(struct lodge_stats)
 * @count: in: room at @values; out: how many were written, LODGE_NR_STATS at most
 * @values: user address of u64 by enum lodge_stat
 */
struct lodge_stats {
	__u32 size;
	__u32 count;
	__u64 values;
};

#include <linux/lodge_device.h>
#include <linux/lodge_run.h>

#endif /* _UAPI_LINUX_LODGE_H */
