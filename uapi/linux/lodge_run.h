/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * lodge_run.h - the run area of a vCPU, which mmap of its descriptor gives: why
 * LODGE_VCPU_RUN has returned.  Included by lodge.h.
 */
#ifndef _UAPI_LINUX_LODGE_RUN_H
#define _UAPI_LINUX_LODGE_RUN_H

#include <linux/types.h>

enum lodge_exit_reason {
	LODGE_EXIT_NONE,		/* interrupted: see the errno of LODGE_VCPU_RUN */
	LODGE_EXIT_IO,			/* port access: lodge_run.io */
	LODGE_EXIT_MMIO,		/* memory access outside all slots: lodge_run.mmio */
	LODGE_EXIT_HLT,			/* HLT, without LODGE_VM_HLT_IN_KERNEL */
	LODGE_EXIT_IRQ_WINDOW,		/* asked for with want_irq_window */
	LODGE_EXIT_HYPERCALL,		/* VMCALL: lodge_run.hypercall */
	LODGE_EXIT_SHUTDOWN,		/* triple fault */
	LODGE_EXIT_DEBUG_EXIT,		/* port 0xf4: lodge_run.debug_exit */
	LODGE_EXIT_FAIL_ENTRY,		/* lodge_run.fail */
	LODGE_EXIT_UNKNOWN_INSN,	/* not emulated; lodge_run.insn.  Running on injects #UD,
					 * unless LODGE_VCPU_SET_REGS has come first
					 */
	LODGE_EXIT_MEMORY_ERROR,	/* owner's memory could not be had: lodge_run.memory */
	LODGE_EXIT_INTERNAL,		/* lodge_run.fail, with the VM-exit reason */
	LODGE_EXIT_SYSTEM,		/* the guest has ended or reset itself: lodge_run.system */
	LODGE_EXIT_NR
};

/* struct lodge_run_system.type */
enum lodge_system_event {
	LODGE_SYSTEM_POWEROFF,		/* ACPI S5 */
	LODGE_SYSTEM_RESET,		/* port 0xcf9, i8042, ACPI reset register; or by netlink */
	LODGE_SYSTEM_PANIC,		/* pvpanic: the kernel has panicked */
	LODGE_SYSTEM_KILL,		/* by netlink; each further LODGE_VCPU_RUN returns it too */
	LODGE_SYSTEM_WATCHDOG,		/* not restarted in time; it counts from the beginning */
	LODGE_SYSTEM_NR
};

/**
 * struct lodge_run_system - the guest has ended or reset itself
 * @type: enum lodge_system_event
 * @code: what was written to the register
 */
struct lodge_run_system {
	__u32 type;
	__u32 code;
};

/* struct lodge_run_io.direction */
#define LODGE_IO_IN	0
#define LODGE_IO_OUT	1

/**
 * struct lodge_run_io - a port access
 * @port: port number
 * @width: bytes of one access: 1, 2 or 4
 * @direction: LODGE_IO_*
 * @count: accesses, all to the same port (INS, OUTS)
 * @data_offset: where in the run area their bytes are (OUT) or are wanted (IN)
 */
struct lodge_run_io {
	__u16 port;
	__u8 width;
	__u8 direction;
	__u32 count;
	__u32 data_offset;
};

/**
 * struct lodge_run_mmio - a memory access outside all slots, or a write to a read-only one
 * @gpa: guest-physical address
 * @data: bytes written, or to be filled in before the next LODGE_VCPU_RUN
 * @len: 1 to 8
 * @is_write: 0 or 1
 */
struct lodge_run_mmio {
	__u64 gpa;
	__u8 data[8];
	__u32 len;
	__u32 is_write;
};

/**
 * struct lodge_run_hypercall - VMCALL
 * @nr: RAX
 * @args: RBX, RCX, RDX, RSI, RDI, R8
 * @ret: for RAX, at the next LODGE_VCPU_RUN
 * @cpl: privilege level of the caller
 * @longmode: 1 in 64-bit mode, else registers are cut to 32 bits
 */
struct lodge_run_hypercall {
	__u64 nr;
	__u64 args[6];
	__u64 ret;
	__u32 cpl;
	__u32 longmode;
};

/**
 * struct lodge_run_fail - VM entry failed, or an exit that lodge has no answer to
 * @exit_reason: VM-exit reason as in the VMCS (SDM Vol 3D, appendix C)
 * @insn_error: VM-instruction error number (SDM Vol 3C, 31.4), or 0
 * @qualification: exit qualification
 * @cpu: host CPU
 * @pad: zero
 */
struct lodge_run_fail {
	__u32 exit_reason;
	__u32 insn_error;
	__u64 qualification;
	__u32 cpu;
	__u32 pad;
};

/**
 * struct lodge_run_insn - an instruction that is not emulated
 * @rip: where it stands
 * @len: valid bytes
 * @bytes: the instruction's first bytes
 */
struct lodge_run_insn {
	__u64 rip;
	__u32 len;
	__u8 bytes[20];
};

/**
 * struct lodge_run_memory - guest memory that the owner's memory does not back
 * @gpa: guest-physical address
 * @error: errno, positive
 * @access: bit 0 read, bit 1 write, bit 2 fetch
 */
struct lodge_run_memory {
	__u64 gpa;
	__u32 error;
	__u32 access;
};

/**
 * struct lodge_run - start of the area that mmap of a vCPU descriptor gives
 * @immediate_exit: in: LODGE_VCPU_RUN returns EINTR at once while nonzero
 * @want_irq_window: in: exit as soon as an interrupt could be delivered
 * @pad: zero
 * @exit_reason: out: enum lodge_exit_reason
 * @ready_for_irq: out: an interrupt would be delivered at the next entry
 * @if_flag: out: RFLAGS.IF
 * @pad2: zero
 * @cr8: out: task priority; not with LODGE_VM_MACHINE, see LODGE_VCPU_GET_SREGS
 * @io: for LODGE_EXIT_IO
 * @mmio: for LODGE_EXIT_MMIO
 * @hypercall: for LODGE_EXIT_HYPERCALL
 * @debug_exit: for LODGE_EXIT_DEBUG_EXIT: the value written
 * @fail: for LODGE_EXIT_FAIL_ENTRY and LODGE_EXIT_INTERNAL
 * @insn: for LODGE_EXIT_UNKNOWN_INSN
 * @memory: for LODGE_EXIT_MEMORY_ERROR
 * @system: for LODGE_EXIT_SYSTEM
 * @room: keeps the union's size
 */
struct lodge_run {
	__u8 immediate_exit;
	__u8 want_irq_window;
	__u8 pad[6];
	__u32 exit_reason;
	__u8 ready_for_irq;
	__u8 if_flag;
	__u8 pad2[2];
	__u64 cr8;
	union {
		struct lodge_run_io io;
		struct lodge_run_mmio mmio;
		struct lodge_run_hypercall hypercall;
		__u32 debug_exit;
		struct lodge_run_fail fail;
		struct lodge_run_insn insn;
		struct lodge_run_memory memory;
		struct lodge_run_system system;
		__u8 room[256];
	};
};

#endif /* _UAPI_LINUX_LODGE_RUN_H */
