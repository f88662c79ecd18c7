/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - a VM of this process: its descriptors, memory and vCPU threads
 */
#ifndef VMCTL_VM_H
#define VMCTL_VM_H

#include <linux/lodge.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "disk.h"
#include "net.h"
#include "port.h"
#include "guestmem.h"
#include "vsock.h"

#define VM_MAX_CPUS	64
#define VM_STACK_SIZE	(64 << 10)	/* of a vCPU's thread */

/* How a run ended */
enum vm_end_kind {
	VM_RUNS,
	VM_POWEROFF,
	VM_RESET,
	VM_PANIC,
	VM_WATCHDOG,
	VM_KILLED,	/* by netlink */
	VM_EXIT,	/* the debug-exit port; code: what was written */
	VM_FAILED,	/* text: a sentence */
};

/**
 * struct vm_end - how it ended
 * @kind: why
 * @code: for VM_EXIT, VM_PANIC
 * @text: for VM_FAILED
 * @shutdown: likewise: it was a triple fault
 * @registers: lines about the vCPU that failed, or empty
 */
struct vm_end {
	enum vm_end_kind kind;
	uint32_t code;
	char text[256];
	bool shutdown;
	char registers[640];
};

/**
 * struct vcpu - a vCPU
 * @vm: its VM
 * @id: number, also the APIC ID
 * @fd: descriptor
 * @run: run area
 * @thread: runs it
 * @started: @thread is there
 */
struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct lodge_run *run;
	pthread_t thread;
	bool started;
};

/**
 * struct vm_kept - the devices of a VM that is about to be made again
 * @nr: how many
 * @device: they, with their numbers and open
 * @valid: these and no others are what the next one gets
 */
struct vm_kept {
	unsigned int nr;
	struct lodge_add_device device[LODGE_MMIO_DEVICES];
	bool valid;
};

/* What the end of the guest's watchdog does */
enum vm_watchdog {
	VM_WATCHDOG_RESET,
	VM_WATCHDOG_PAUSE,
	VM_WATCHDOG_NMI,
};

/**
 * struct vm_config - what is wanted
 * @name: valid for LODGE_CREATE_VM
 * @memory: bytes
 * @pages: kind of memory
 * @cpus: vCPUs
 * @cpu_features: "+x,-y" lists
 * @nr_cpu_features: how many
 * @disks: open
 * @nr_disks: how many
 * @nets: open
 * @nr_nets: how many
 * @no_pci: no PCI bus: the devices are virtio-mmio
 * @rng: a random number generator
 * @pause_on_panic: a panic does not end it
 * @on_watchdog: what its watchdog does
 * @console: a virtio console, as terminal
 * @ports: open, ports of it
 * @nr_ports: how many
 * @balloon: a balloon
 * @balloon_size: bytes that it leaves the guest at first, 0: all
 * @vsock: its CID, 0: there is none
 * @kept: devices of the VM before, if they are valid: in place of those above
 */
struct vm_config {
	const char *name;
	uint64_t memory;
	enum guestmem_pages pages;
	unsigned int cpus;
	const char * const *cpu_features;
	unsigned int nr_cpu_features;
	const struct disk *disks;
	unsigned int nr_disks;
	const struct net *nets;
	unsigned int nr_nets;
	bool no_pci;
	bool rng;
	bool pause_on_panic;
	enum vm_watchdog on_watchdog;
	bool console;
	struct port *ports;
	unsigned int nr_ports;
	bool balloon;
	uint64_t balloon_size;
	uint32_t vsock;
	const struct vm_kept *kept;
};

/* How many devices vm_create() gives it without struct vm_kept */
static inline unsigned int vm_config_devices(const struct vm_config *c)
{
	return c->nr_disks + c->nr_nets + c->rng + (c->console || c->nr_ports) + c->balloon +
	       !!c->vsock;
}

/**
 * struct vm - a VM
 * @config: as asked for
 * @info: what the module offers
 * @dev: /dev/lodge
 * @fd: the VM
 * @balloon: descriptor of its balloon, or -1
 * @vsock: its vsock
 * @mem: guest memory
 * @rom: firmware, or NULL; @rom_size bytes that end at 4 GiB
 * @rom_size: a multiple of 4096
 * @cpu: vCPUs
 * @nr_cpus: how many have been created
 * @wake: eventfd: the run has ended
 * @stopping: vCPU threads shall end
 * @lock: guards @end and @told
 * @end: how the run ended
 * @told: an instruction that is not emulated has been told of
 */
struct vm {
	const struct vm_config *config;
	struct lodge_info info;
	int dev;
	int fd;
	int balloon;
	struct vsock vsock;
	struct guestmem mem;
	uint8_t *rom;
	size_t rom_size;
	struct vcpu *cpu;
	unsigned int nr_cpus;
	int wake;
	bool stopping;
	pthread_mutex_t lock;
	struct vm_end end;
	bool told;
};

/* These tell the user what went wrong and return -1 */
int vm_alloc(struct vm *vm, const struct vm_config *config, size_t rom_size);
int vm_create(struct vm *vm, const struct boot *b);
int vm_set_start(struct vm *vm, const struct boot *b);
int vm_start(struct vm *vm);
int vm_console(struct vm *vm, unsigned int which);

void vm_tell_end(struct vm *vm, enum lodge_end_reason reason, unsigned int status,
		 unsigned int flags);
void vm_stop(struct vm *vm);
void vm_keep_devices(const struct vm *vm, struct vm_kept *kept);
void vm_destroy(struct vm *vm);
void vm_finish(struct vm *vm, enum vm_end_kind kind, uint32_t code);
void vm_fail(struct vcpu *cpu, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Counters of all vCPUs; returns how many the module knows, LODGE_NR_STATS at most */
unsigned int vm_stats(struct vm *vm, uint64_t *sum);

/* vcpu.c */
void *vcpu_thread(void *cpu);
void vcpu_registers(struct vcpu *cpu, char *text, size_t size);

/* start.c: the registers of a boot; the rest of @sregs as after RESET */
void start_registers(const struct boot *b, struct lodge_regs *regs, struct lodge_sregs *sregs);

#endif /* VMCTL_VM_H */
