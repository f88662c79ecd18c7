/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nl.h - the module's generic netlink family
 *
 * Functions return 0 or a negative errno, with a sentence in nl_error().
 */
#ifndef VMCTL_NL_H
#define VMCTL_NL_H

#include <linux/lodge.h>
#include <linux/lodge_netlink.h>
#include <stdbool.h>
#include <stdint.h>

#define NL_CONSOLE_MAX	16384
#define NL_MEMORY_MAX	32768

/**
 * struct nl_vm - a VM, or what is left of one: members as attributes LODGE_A_VM_*
 */
struct nl_vm {
	uint32_t number;
	char name[LODGE_NAME_LEN];
	uint32_t state;
	uint32_t reason;
	uint32_t status;
	uint32_t uid;
	uint32_t pid;
	uint32_t vcpus;
	uint64_t memory;
	uint64_t created;
	uint64_t ended;
	bool restarts;
	uint32_t cpu_limit;
};

#define NL_AFFINITY	128	/* words of 64 bits: as many CPUs as Linux can have on x86 */
#define NL_EXITS	80

/**
 * struct nl_vcpu - a vCPU: members as attributes LODGE_A_VCPU_*
 */
struct nl_vcpu {
	uint32_t id;
	uint32_t state;
	uint32_t cpu;
	uint32_t tid;
	uint64_t exits;
	uint64_t affinity[NL_AFFINITY];
};

/**
 * struct nl_exit - exits of one reason: members as attributes LODGE_A_EXIT_*
 */
struct nl_exit {
	uint32_t reason;
	uint64_t count;
	uint64_t ticks;
};

/**
 * struct nl_counters - counters of a vCPU
 */
struct nl_counters {
	uint32_t id;
	uint64_t value[LODGE_NR_STATS];
	struct nl_exit exit[NL_EXITS];
	unsigned int nr_exits;
};

/**
 * struct nl_slot - a slot of memory: members as attributes LODGE_A_MEMORY_*
 */
struct nl_slot {
	uint64_t address;
	uint64_t length;
	bool read_only;
};

/**
 * struct nl_event - an event: members as attributes LODGE_A_EVENT_*
 */
struct nl_event {
	uint32_t seq;
	uint32_t kind;
	uint32_t vm;
	char name[LODGE_NAME_LEN];
	uint32_t uid;
	uint32_t reason;
	uint32_t status;
	bool restarts;
	uint32_t slot;
	uint32_t group;
	uint64_t time;
};

/* What went wrong last: the kernel's sentence if it gave one */
const char *nl_error(void);

/* All VMs that the caller may see, by number; the caller frees @list */
int nl_vms(struct nl_vm **list, unsigned int *n);
int nl_vm(uint32_t number, struct nl_vm *vm);
int nl_act(uint32_t number, enum lodge_action action);
int nl_rename(uint32_t number, const char *name);
/* Processor time of all vCPUs, in percent of one CPU; 0: no limit */
int nl_limit(uint32_t number, uint32_t percent);
int nl_delete(uint32_t number);

/* Those of a VM, by number; the caller frees @list */
int nl_vcpus(uint32_t number, struct nl_vcpu **list, unsigned int *n);

/* Counters by enum lodge_stat; those that the module does not have are 0 */
int nl_stats(uint32_t number, uint64_t *values);

/*
 * The last that the guest wrote, NL_CONSOLE_MAX bytes at most.  With @again only what came after
 * @position, which is brought up to date.
 */
int nl_console(uint32_t number, unsigned int which, bool again, uint32_t *position, char *buf,
	       unsigned int *len);

/* Counters of each vCPU there is, by number; the caller frees @list */
int nl_vcpu_stats(uint32_t number, struct nl_counters **list, unsigned int *n);

/*
 * Input for the serial console, with a break before it or not; how much was taken.  Without a break
 * this program has the input from then on.
 */
int nl_type(uint32_t number, const void *data, unsigned int len, bool with_break,
	    unsigned int *taken);

/* Slots of memory, by address; the caller frees @list.  Then NL_MEMORY_MAX bytes at most. */
int nl_slots(uint32_t number, struct nl_slot **list, unsigned int *n);
int nl_memory(uint32_t number, uint64_t address, void *buf, unsigned int len);

/**
 * struct nl_balloon - a balloon
 * @value: by LODGE_A_BALLOON_*, bytes but for those of times and faults
 * @has: which of them there are
 */
struct nl_balloon {
	uint64_t value[LODGE_A_BALLOON_MAX + 1];
	bool has[LODGE_A_BALLOON_MAX + 1];
};

int nl_balloon(uint32_t number, struct nl_balloon *balloon);
int nl_balloon_set(uint32_t number, uint64_t target);

#define NL_DEVICE_NAME	1024
#define NL_DEVICE_SERIAL 20

/**
 * struct nl_device - a virtio device
 * @value: numbers, by LODGE_A_DEVICE_*; of a flag 1
 * @has: which attributes there are
 * @behind: name of the file or tap behind it, or empty
 * @serial: of a disk, may be empty
 * @mac: of a NIC
 */
struct nl_device {
	uint64_t value[LODGE_A_DEVICE_MAX + 1];
	bool has[LODGE_A_DEVICE_MAX + 1];
	char behind[NL_DEVICE_NAME];
	char serial[NL_DEVICE_SERIAL + 1];
	uint8_t mac[6];
};

/* Those of a VM, by slot; the caller frees @list */
int nl_devices(uint32_t number, struct nl_device **list, unsigned int *n);
/* One of LODGE_A_DEVICE_* that can be asked for; a flag has no @value */
int nl_device_set(uint32_t number, uint32_t slot, int attr, uint64_t value);

/* As LODGE_VM_ADD_DEVICE, for a VM of another process; its number */
int nl_device_new(uint32_t number, const struct lodge_add_device *device, uint32_t *slot);
/* It goes later, when the guest has given it back */
int nl_device_delete(uint32_t number, uint32_t slot, bool force);

/* Registers of a vCPU of a VM that is paused */
int nl_regs(uint32_t number, uint32_t id, struct lodge_regs *regs, struct lodge_sregs *sregs);

/*
 * Listen from now on: with CAP_SYS_ADMIN to events of all VMs, else to those of one's own; @groups
 * has a bit for each enum lodge_event_group
 */
int nl_listen(uint32_t groups);

/* The next event within @ms (-1: whenever); -EAGAIN if there was none, -ENOBUFS if some got lost */
int nl_next_event(struct nl_event *event, int ms);

#endif /* VMCTL_NL_H */
