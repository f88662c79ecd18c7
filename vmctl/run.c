// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmctl run: a guest from its files to its end.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acpi.h"
#include "console.h"
#include "run.h"

static void kicked(int sig)
{
	(void)sig;
}

/*
 * Those that mean something to vmctl.  Who started it with some of them ignored, as nohup and a
 * shell's "&" do, wants them ignored.
 */
static void choose_signals(sigset_t *set)
{
	static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct sigaction now;
	unsigned int i;

	sigemptyset(set);
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (!sigaction(taken[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(set, taken[i]);
	sigaddset(set, SIGCONT);
	sigaddset(set, SIGWINCH);
}

/*
 * They are blocked in all threads and read by the loop; but SIGUSR1 is let in by the vCPU threads,
 * so that it takes them out of LODGE_VCPU_RUN.
 */
static void prepare_signals(struct run *r)
{
	struct sigaction kick = { .sa_handler = kicked };
	sigset_t set;

	choose_signals(&r->signals);
	set = r->signals;
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGUSR1, &kick, NULL);
	/* a reader that has gone, or input that is not ours, is an errno */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
}

static int build_acpi(struct vm *vm, struct boot *b)
{
	uint8_t *p = guestmem_ptr(&vm->mem, BOOT_ACPI, BOOT_HIGH - BOOT_ACPI);
	const struct acpi_machine machine = {
		.cpus = vm->config->cpus, .pci = !vm->config->no_pci,
		.virtio = vm->config->no_pci ? vm_config_devices(vm->config) : 0,
	};

	b->rsdp = BOOT_ACPI;
	if (p && acpi_build(p, BOOT_HIGH - BOOT_ACPI, BOOT_ACPI, &machine))
		return 0;
	cmd_error(CMD_FAILED, "the ACPI tables do not fit");
	return -1;
}

static int load(const struct run *r, struct vm *vm, struct boot *b)
{
	int failed;

	*b = (struct boot){
		.mem = &vm->mem, .image = r->image, .initrd = r->initrd, .nr_initrd = r->nr_initrd,
		.cmdline = r->append, .hvc = r->vm.console,
		.flat = r->flat, .flat_addr = r->flat_addr,
	};
	if (!r->firmware.name && build_acpi(vm, b))
		return -1;
	failed = r->firmware.name ? boot_firmware(b, &r->firmware, vm->rom, vm->rom_size,
						  vm->config->cpus) :
				    boot_load(b);
	if (failed)
		cmd_error(CMD_FAILED, "%s", b->error);
	return failed;
}

/* The image first: what is wrong with it can be told on any machine */
static int prepare(struct run *r, struct vm *vm)
{
	static struct boot b;

	if (vm_alloc(vm, &r->vm, r->firmware.len) || load(r, vm, &b))
		return -1;
	if (!r->restart)
		run_free_files(r);
	if (vm_create(vm, &b))
		return -1;
	return vm_set_start(vm, &b);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The module has them: what is detached is closed then, and can be used by others */
static void close_devices(struct run *r)
{
	unsigned int i, j;

	for (i = 0; i < r->vm.nr_disks; i++)
		close_fd(&r->disk[i].fd);
	for (i = 0; i < r->vm.nr_nets; i++)
		for (j = 0; j < r->net[i].queues; j++)
			close_fd(&r->net[i].fd[j]);
	for (i = 0; i < r->kept.nr; i++) {
		close_fd(&r->kept.device[i].fd);
		/* 0 is none */
		for (j = 0; j < LODGE_MAX_PAIRS - 1 && r->kept.device[i].fds[j] > 0; j++)
			close_fd(&r->kept.device[i].fds[j]);
	}
	r->kept.nr = 0;
}

static uint64_t deadline_of(const struct run *r)
{
	struct timespec now;

	if (!r->timeout)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + (uint64_t)(r->timeout * 1e9);
}

int run_guest(struct run *r)
{
	static struct vm vm;
	uint64_t deadline;
	bool again = true;
	int status = CMD_FAILED;
	unsigned int i;

	r->vm.kept = &r->kept;
	prepare_signals(r);
	console_init();
	deadline = deadline_of(r);
	while (again) {
		again = false;
		status = CMD_FAILED;
		if (!prepare(r, &vm)) {
			close_devices(r);
			status = run_loop(r, &vm, deadline, &again);
		}
		if (again)
			vm_keep_devices(&vm, &r->kept);
		vm_destroy(&vm);
	}
	for (i = 0; i < r->vm.nr_ports; i++)
		port_close(&r->port[i]);
	return status;
}

int cmd_run(const struct cmd_args *args)
{
	static struct run r;
	struct cmd_args one;
	bool dry_run;
	const char *file = vmfile_wanted(args, &dry_run);
	int status = CMD_OK;

	if (file)
		status = vmfile_one(args, file, &one);
	if (!status)
		status = run_parse(&r, file ? &one : args, false);
	if (!status && dry_run && file) {
		vmfile_tell(&one);
		return CMD_OK;
	}
	if (!status)
		status = run_read_files(&r);
	return status ? status : run_guest(&r);
}
