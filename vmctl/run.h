/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * run.h - `vmctl run`: its options, and its parts
 */
#ifndef VMCTL_RUN_H
#define VMCTL_RUN_H

#include <signal.h>

#include "boot.h"
#include "cmd.h"
#include "disk.h"
#include "net.h"
#include "port.h"
#include "vm.h"

/* Options without a letter */
enum run_option {
	RUN_REBOOT = 256,
	RUN_CPU_FEATURE,
	RUN_FLAT,
	RUN_FIRMWARE,
	RUN_HUGETLB,
	RUN_THP,
	RUN_KSM,
	RUN_DEBUGCON,
	RUN_STATS,
	RUN_RNG,
	RUN_NET,
	RUN_DRY_RUN,
	RUN_ON_PANIC,
	RUN_BALLOON,
	RUN_PORT,
	RUN_CONSOLE,
	RUN_NO_PCI,
	RUN_VSOCK,
	RUN_WATCHDOG,
	RUN_FOREGROUND,
};

/* Exit statuses besides those of enum cmd_status; vmctl.8 documents them */
#define RUN_TIMEOUT	124
#define RUN_SIGNAL	128	/* + its number */
#define RUN_PANIC	255

#define RUN_MAX_FILES	64
#define RUN_MAX_DISKS	31
#define RUN_MAX_NETS	31

/**
 * struct run - what the command line asks for
 * @vm: for vm_create()
 * @name: what vm.name points to
 * @image: what to boot, or no name
 * @firmware: likewise
 * @initrd: initial RAM disks or modules
 * @nr_initrd: how many
 * @disk: disks, which @vm points to
 * @net: network devices, likewise
 * @port: ports, likewise
 * @kept: likewise, when the guest restarts
 * @append: command line
 * @flat: the image is flat, and belongs at @flat_addr
 * @flat_addr: guest-physical
 * @timeout: seconds, 0 for none
 * @restart: a reset starts the guest again
 * @debugcon: file for port 0xe9, or NULL
 * @stats: print counters at the end
 * @quiet: no word about how the guest ended
 * @features: lists of --cpu-feature
 * @signals: those that the loop reads; blocked in all threads
 * @detached: it has no terminal, and leaves a record
 * @foreground: of @detached: in the process that was called, for a service manager
 * @ready: of @detached: where who started it waits for a byte, or -1
 */
struct run {
	struct vm_config vm;
	char name[LODGE_NAME_LEN];
	struct boot_file image;
	struct boot_file firmware;
	struct boot_file initrd[RUN_MAX_FILES];
	unsigned int nr_initrd;
	struct disk disk[RUN_MAX_DISKS];
	struct net net[RUN_MAX_NETS];
	struct port port[LODGE_MAX_PORTS];
	struct vm_kept kept;
	const char *append;
	bool flat;
	uint64_t flat_addr;
	double timeout;
	bool restart;
	const char *debugcon;
	bool stats;
	bool quiet;
	const char *features[RUN_MAX_FILES];
	sigset_t signals;
	bool detached;
	bool foreground;
	int ready;
};

/* runopt.c; both return 0, or an exit status after having told the user */
int run_parse(struct run *r, const struct cmd_args *args, bool detached);
int run_read_files(struct run *r);
void run_free_files(struct run *r);

/*
 * vmfile.c: the VMs of a file, with --file; each is what args would be for it.  An exit status
 * after having told the user; what it allocates stays.
 */
int vmfile_read(const struct cmd_args *args, const char *path, struct cmd_args **list,
		unsigned int *n);
/* Of them the one that the operand names; --dry-run is heeded */
int vmfile_one(const struct cmd_args *args, const char *path, struct cmd_args *one);
void vmfile_tell(const struct cmd_args *one);
const char *vmfile_wanted(const struct cmd_args *args, bool *dry_run);

/* run.c: the whole of it, after run_read_files(); an exit status */
int run_guest(struct run *r);

/* What a VM can be called: CMD_OK, or CMD_USAGE and told why */
int run_check_name(const char *name);

/* background.c: the guest runs */
void run_ready(const struct run *r);

/* runloop.c: from a VM that is ready to an exit status */
int run_loop(const struct run *r, struct vm *vm, uint64_t deadline, bool *again);

#endif /* VMCTL_RUN_H */
