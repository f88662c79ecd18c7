/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * lodge_netlink.h - the generic netlink family "lodge": virtual machines, made,
 * listed, watched and controlled
 *
 * Documentation/netlink/lodge.yaml describes the family in the kernel's format for
 * such; Documentation/netlink.rst tells what it leaves out.  Who sends a message
 * sees the VMs of his user, user namespace and network namespace; with
 * CAP_SYS_ADMIN in a VM's user namespace, that VM too.  To anybody else a VM
 * does not exist (ENOENT).
 */
#ifndef _UAPI_LINUX_LODGE_NETLINK_H
#define _UAPI_LINUX_LODGE_NETLINK_H

#define LODGE_FAMILY_NAME	"lodge"
#define LODGE_FAMILY_VERSION	1

#define LODGE_MCGRP_LIFE	"life"
#define LODGE_MCGRP_DEVICE	"device"
#define LODGE_MCGRP_GUEST	"guest"

enum lodge_cmd {
	LODGE_CMD_VM_GET = 1,		/* a VM, or all (dump) */
	LODGE_CMD_VM_SET,		/* do something to it: enum lodge_action, name, limit */
	LODGE_CMD_VM_DELETE,		/* forget one that has ended */
	LODGE_CMD_VCPU_GET,		/* a vCPU, or all of a VM (dump) */
	LODGE_CMD_STATS_GET,		/* counters of a VM or vCPU, or of all vCPUs (dump) */
	LODGE_CMD_CAPS_GET,		/* what the module offers */
	LODGE_CMD_CONSOLE_GET,		/* the last of a console */
	LODGE_CMD_EVENT,		/* to those who listen */
	LODGE_CMD_EVENT_LISTEN,		/* events of the caller's VMs, to this socket from now on */
	LODGE_CMD_CONSOLE_WRITE,	/* input for the serial console */
	LODGE_CMD_MEMORY_GET,		/* bytes of the guest's memory, or all slots (dump) */
	LODGE_CMD_REGS_GET,		/* a vCPU's registers, of a VM that is paused */
	LODGE_CMD_BALLOON_GET,		/* of a VM; has the guest tell anew */
	LODGE_CMD_BALLOON_SET,		/* what the guest is asked to do without */
	LODGE_CMD_DEVICE_GET,		/* a virtio device, or all of a VM (dump) */
	LODGE_CMD_DEVICE_SET,		/* its size, cable or limits */
	LODGE_CMD_DEVICE_NEW,		/* give a VM a disk or NIC; answers with it */
	LODGE_CMD_DEVICE_DELETE,	/* have the guest give one back */
	LODGE_CMD_VM_NEW,		/* make a VM; answers with it, and its descriptor */

	__LODGE_CMD_MAX,
	LODGE_CMD_MAX = (__LODGE_CMD_MAX - 1)
};

enum lodge_state {
	LODGE_STATE_CREATED,		/* no vCPU has run yet */
	LODGE_STATE_RUNNING,
	LODGE_STATE_PAUSED,
	LODGE_STATE_ENDED,		/* what is left is a record */
};

enum lodge_action {
	LODGE_ACTION_PAUSE = 1,		/* no vCPU is in the guest when the answer comes */
	LODGE_ACTION_RESUME,
	LODGE_ACTION_STOP,		/* presses the ACPI power button */
	LODGE_ACTION_RESET,		/* one LODGE_VCPU_RUN returns with LODGE_SYSTEM_RESET */
	LODGE_ACTION_KILL,		/* every LODGE_VCPU_RUN returns with LODGE_SYSTEM_KILL */
	LODGE_ACTION_NMI,		/* to the boot processor */
};

enum lodge_event_kind {
	LODGE_VM_EVENT_CREATED = 1,
	LODGE_VM_EVENT_RUNNING,		/* its first vCPU runs */
	LODGE_VM_EVENT_PAUSED,
	LODGE_VM_EVENT_RESUMED,
	LODGE_VM_EVENT_ENDED,		/* with reason and status */
	LODGE_VM_EVENT_DELETED,		/* its number may be used again */
	LODGE_VM_EVENT_ATTACHED,	/* it has been given a device */
	LODGE_VM_EVENT_DETACHED,	/* a device is gone, and what was behind it let go */
	LODGE_VM_EVENT_PANIC,		/* the guest's kernel has told so (pvpanic) */
	LODGE_VM_EVENT_POWEROFF,	/* the guest has powered itself off */
	LODGE_VM_EVENT_RESET,		/* the guest has reset itself */
	LODGE_VM_EVENT_TRIPLE_FAULT,	/* a processor of the guest has shut down */
	LODGE_VM_EVENT_RENAMED,		/* it is called as this event says */
	LODGE_VM_EVENT_LIMITED,		/* it has another limit of processor time */
	LODGE_VM_EVENT_WATCHDOG,	/* the guest has not restarted its watchdog in time */
};

/* What an event is about; a multicast group of this name has them */
enum lodge_event_group {
	LODGE_EVENT_GROUP_LIFE,		/* from _CREATED to _DELETED; _RENAMED, _LIMITED */
	LODGE_EVENT_GROUP_DEVICE,	/* _ATTACHED, _DETACHED */
	LODGE_EVENT_GROUP_GUEST,	/* from _PANIC to _TRIPLE_FAULT; _WATCHDOG */
	LODGE_EVENT_GROUP_NR
};

enum lodge_vcpu_state {
	LODGE_VCPU_STATE_USER,		/* not in LODGE_VCPU_RUN, or on its way in or out */
	LODGE_VCPU_STATE_GUEST,		/* executes the guest's instructions */
	LODGE_VCPU_STATE_HALTED,
	LODGE_VCPU_STATE_WAITS,		/* for a startup IPI */
	LODGE_VCPU_STATE_PAUSED,
};

enum {
	LODGE_A_VM_NUMBER = 1,
	LODGE_A_VM_NAME,
	LODGE_A_VM_STATE,		/* enum lodge_state */
	LODGE_A_VM_REASON,		/* enum lodge_end_reason, of one that has ended */
	LODGE_A_VM_STATUS,		/* exit status, likewise */
	LODGE_A_VM_UID,			/* owner, as the receiver's user namespace has it */
	LODGE_A_VM_PID,			/* process, in the receiver's PID namespace; 0: not there */
	LODGE_A_VM_VCPUS,
	LODGE_A_VM_MEMORY,		/* bytes in slots */
	LODGE_A_VM_CREATED,		/* ns since 1970 */
	LODGE_A_VM_ENDED,		/* likewise, of one that has ended */
	LODGE_A_VM_RESTARTS,		/* flag: its process is about to make it again */
	LODGE_A_VM_ACTION,		/* enum lodge_action */
	LODGE_A_VM_PAD,
	LODGE_A_VM_CPU_LIMIT,		/* percent of one host CPU; 0, or not there: none */
	LODGE_A_VM_FLAGS,		/* new: those of struct lodge_create_vm */
	LODGE_A_VM_TSC_KHZ,		/* new: likewise; 0, or not there: the host's */
	LODGE_A_VM_DEVICE,		/* new: /dev/lodge, open in the calling process */
	LODGE_A_VM_FD,			/* new: the VM, open there when the call returns */

	__LODGE_A_VM_MAX,
	LODGE_A_VM_MAX = (__LODGE_A_VM_MAX - 1)
};

enum {
	LODGE_A_VCPU_VM = 1,		/* number of the VM */
	LODGE_A_VCPU_ID,
	LODGE_A_VCPU_STATE,		/* enum lodge_vcpu_state */
	LODGE_A_VCPU_CPU,		/* host CPU that it ran on last */
	LODGE_A_VCPU_TID,		/* thread that ran it last, as with LODGE_A_VM_PID */
	LODGE_A_VCPU_EXITS,		/* VM exits */
	LODGE_A_VCPU_PAD,
	LODGE_A_VCPU_AFFINITY,		/* host CPUs that the thread may be on: bits of u64 words */

	__LODGE_A_VCPU_MAX,
	LODGE_A_VCPU_MAX = (__LODGE_A_VCPU_MAX - 1)
};

enum {
	LODGE_A_STATS_VM = 1,		/* number of the VM */
	LODGE_A_STATS_VCPU,		/* of this vCPU; without: of all there ever were, summed */
	LODGE_A_STATS_COUNTERS,		/* nest: u64, type LODGE_A_COUNTER() of enum lodge_stat */
	LODGE_A_STATS_EXITS,		/* nest of nests, one a reason: LODGE_A_EXIT_* */

	__LODGE_A_STATS_MAX,
	LODGE_A_STATS_MAX = (__LODGE_A_STATS_MAX - 1)
};

enum {
	LODGE_A_EXIT_REASON = 1,	/* SDM Vol 3D, appendix C; 79: and those beyond */
	LODGE_A_EXIT_COUNT,
	LODGE_A_EXIT_TICKS,		/* of the host's TSC, from each to the next entry */
	LODGE_A_EXIT_PAD,

	__LODGE_A_EXIT_MAX,
	LODGE_A_EXIT_MAX = (__LODGE_A_EXIT_MAX - 1)
};

#define LODGE_A_COUNTER(stat)	((stat) + 1)

enum {
	LODGE_A_CAPS_VERSION = 1,	/* of the module, a string */
	LODGE_A_CAPS_API_VERSION,	/* of the char device */
	LODGE_A_CAPS_MAX_VCPUS,		/* of a VM */
	LODGE_A_CAPS_MAX_SLOTS,		/* of a VM */
	LODGE_A_CAPS_PHYS_BITS,
	LODGE_A_CAPS_VMS_PER_USER,
	LODGE_A_CAPS_RECORDS_PER_USER,
	LODGE_A_CAPS_DEFENCES,		/* LODGE_DEF_* */
	LODGE_A_CAPS_PAD,

	__LODGE_A_CAPS_MAX,
	LODGE_A_CAPS_MAX = (__LODGE_A_CAPS_MAX - 1)
};

enum {
	LODGE_A_CONSOLE_VM = 1,		/* number of the VM */
	LODGE_A_CONSOLE_WHICH,		/* LODGE_CONSOLE_*; without: serial */
	LODGE_A_CONSOLE_POSITION,	/* bytes ever written, modulo 2^32; asked: data since */
	LODGE_A_CONSOLE_DATA,		/* 16 KiB at most, of input LODGE_CONSOLE_WRITE_MAX */
	LODGE_A_CONSOLE_BREAK,		/* flag: a serial break before the data */
	LODGE_A_CONSOLE_WRITTEN,	/* bytes of input that there was room for */

	__LODGE_A_CONSOLE_MAX,
	LODGE_A_CONSOLE_MAX = (__LODGE_A_CONSOLE_MAX - 1)
};

#define LODGE_CONSOLE_WRITE_MAX	4096

enum {
	LODGE_A_MEMORY_VM = 1,		/* number of the VM */
	LODGE_A_MEMORY_ADDRESS,		/* guest-physical */
	LODGE_A_MEMORY_LENGTH,		/* bytes: the slot's, or at most LODGE_MEMORY_GET_MAX */
	LODGE_A_MEMORY_DATA,		/* not there if all of it is zeroes */
	LODGE_A_MEMORY_READ_ONLY,	/* flag: of a slot */
	LODGE_A_MEMORY_PAD,

	__LODGE_A_MEMORY_MAX,
	LODGE_A_MEMORY_MAX = (__LODGE_A_MEMORY_MAX - 1)
};

#define LODGE_MEMORY_GET_MAX	65536

enum {
	LODGE_A_REGS_VM = 1,		/* number of the VM */
	LODGE_A_REGS_ID,		/* of the vCPU */
	LODGE_A_REGS_GENERAL,		/* struct lodge_regs */
	LODGE_A_REGS_SYSTEM,		/* struct lodge_sregs */

	__LODGE_A_REGS_MAX,
	LODGE_A_REGS_MAX = (__LODGE_A_REGS_MAX - 1)
};

enum {
	LODGE_A_BALLOON_VM = 1,		/* number of the VM */
	LODGE_A_BALLOON_TARGET,		/* bytes that the guest is asked to do without */
	LODGE_A_BALLOON_ACTUAL,		/* bytes that it does without, as it says */
	LODGE_A_BALLOON_AGE,		/* ns since it told what follows; not there if it has not */
	LODGE_A_BALLOON_SWAP_IN,	/* bytes */
	LODGE_A_BALLOON_SWAP_OUT,	/* bytes */
	LODGE_A_BALLOON_MAJOR_FAULTS,
	LODGE_A_BALLOON_MINOR_FAULTS,
	LODGE_A_BALLOON_FREE,		/* bytes, as those below */
	LODGE_A_BALLOON_TOTAL,
	LODGE_A_BALLOON_AVAILABLE,
	LODGE_A_BALLOON_CACHES,
	LODGE_A_BALLOON_PAD,

	__LODGE_A_BALLOON_MAX,
	LODGE_A_BALLOON_MAX = (__LODGE_A_BALLOON_MAX - 1)
};

enum {
	LODGE_A_DEVICE_VM = 1,		/* number of the VM */
	LODGE_A_DEVICE_SLOT,		/* number on its bus, PCI or memory */
	LODGE_A_DEVICE_KIND,		/* LODGE_DEVICE_* */
	LODGE_A_DEVICE_NAME,		/* file or tap behind it, "cid:N" of a vsock */
	LODGE_A_DEVICE_STATUS,		/* virtio device status */
	LODGE_A_DEVICE_OFFERED,		/* virtio features */
	LODGE_A_DEVICE_ACCEPTED,	/* virtio features, by the driver */
	LODGE_A_DEVICE_QUEUES,		/* that there are */
	LODGE_A_DEVICE_ENABLED,		/* queues that the driver has enabled */
	LODGE_A_DEVICE_IN,		/* requests or frames: reads, received */
	LODGE_A_DEVICE_IN_BYTES,	/* of these */
	LODGE_A_DEVICE_OUT,		/* requests or frames: writes, sent */
	LODGE_A_DEVICE_OUT_BYTES,	/* of these */
	LODGE_A_DEVICE_OTHER,		/* requests that are neither */
	LODGE_A_DEVICE_ERRORS,		/* requests that failed, frames that were lost */
	LODGE_A_DEVICE_KICKS,		/* by the driver */
	LODGE_A_DEVICE_INTERRUPTS,	/* for the driver */
	LODGE_A_DEVICE_SIZE,		/* disk: bytes; asked: the file gets this size */
	LODGE_A_DEVICE_RESCAN,		/* flag, disk: its size is what the file's is now */
	LODGE_A_DEVICE_READ_ONLY,	/* flag, disk */
	LODGE_A_DEVICE_SERIAL,		/* disk: string */
	LODGE_A_DEVICE_MAC,		/* NIC: 6 bytes */
	LODGE_A_DEVICE_MTU,		/* NIC: not there if the driver is told none */
	LODGE_A_DEVICE_LINK,		/* NIC: 1: up, 0: down; asked: the cable is put in or out */
	LODGE_A_DEVICE_MAX_REQUESTS,	/* a second; 0: no limit; NIC: in each direction */
	LODGE_A_DEVICE_MAX_BYTES,	/* likewise */
	LODGE_A_DEVICE_PAD,
	LODGE_A_DEVICE_FD,		/* new: what is behind it; NIC: one a pair of queues */
	LODGE_A_DEVICE_FORCE,		/* flag, delete: it goes, ejected or not */

	__LODGE_A_DEVICE_MAX,
	LODGE_A_DEVICE_MAX = (__LODGE_A_DEVICE_MAX - 1)
};

enum {
	LODGE_A_EVENT_SEQ = 1,		/* in the group, or of it to the listener; goes up by 1 */
	LODGE_A_EVENT_KIND,		/* enum lodge_event_kind */
	LODGE_A_EVENT_VM,		/* number of the VM */
	LODGE_A_EVENT_NAME,
	LODGE_A_EVENT_UID,		/* owner, as the network namespace's users have it */
	LODGE_A_EVENT_REASON,		/* with LODGE_VM_EVENT_ENDED */
	LODGE_A_EVENT_STATUS,		/* likewise */
	LODGE_A_EVENT_RESTARTS,		/* flag, likewise */
	LODGE_A_EVENT_TIME,		/* ns since 1970 */
	LODGE_A_EVENT_PAD,
	LODGE_A_EVENT_SLOT,		/* of the device, with LODGE_VM_EVENT_ATTACHED, _DETACHED */
	LODGE_A_EVENT_GROUP,		/* enum lodge_event_group */
	LODGE_A_EVENT_GROUPS,		/* listen: a bit for each group; without: all */

	__LODGE_A_EVENT_MAX,
	LODGE_A_EVENT_MAX = (__LODGE_A_EVENT_MAX - 1)
};

#endif /* _UAPI_LINUX_LODGE_NETLINK_H */
