// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a VM, starts and ends its vCPU threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "balloon.h"
#include "cmd.h"
#include "cpufeature.h"
#include "module.h"
#include "vm.h"

enum slot { SLOT_LOW, SLOT_HIGH, SLOT_ROM };

static const char *why(int error)
{
	return error == EUSERS ? "you have as many as the module's parameters allow, see lodge(4)" :
				 strerror(error);
}

static int fail(const char *what)
{
	cmd_error(CMD_FAILED, "%s: %s", what, why(errno));
	return -1;
}

static int open_device(void)
{
	int fd = open(MODULE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		cmd_error(CMD_FAILED, "there is no %s: load the module with \"modprobe lodge\" or \"insmod lodge.ko\"; \"vmctl check\" tells whether this machine can run it",
			  MODULE_DEVICE);
	else if (errno == EACCES || errno == EPERM)
		cmd_error(CMD_FAILED, "you may not open %s: become root, or have root give you access to it",
			  MODULE_DEVICE);
	else
		fail(MODULE_DEVICE);
	return -1;
}

static int read_info(struct vm *vm)
{
	vm->info.size = sizeof(vm->info);
	if (ioctl(vm->dev, LODGE_GET_INFO, &vm->info))
		return fail("the module does not tell what it offers");
	if (vm->info.api_version != LODGE_API_VERSION) {
		cmd_error(CMD_FAILED, "the module's interface has version %u, vmctl wants %u: take both from the same build",
			  vm->info.api_version, LODGE_API_VERSION);
		return -1;
	}
	if (vm->config->cpus > vm->info.max_vcpus) {
		cmd_error(CMD_FAILED, "%u CPUs are too many: a guest can have %u", vm->config->cpus,
			  vm->info.max_vcpus);
		return -1;
	}
	return 0;
}

static int create_fd(struct vm *vm)
{
	struct lodge_create_vm c = {
		.size = sizeof(c),
		.flags = LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS | LODGE_VM_MACHINE |
			 LODGE_VM_CLOSED | (vm->config->no_pci ? 0 : LODGE_VM_PCI),
	};

	snprintf(c.name, sizeof(c.name), "%s", vm->config->name);
	vm->fd = ioctl(vm->dev, LODGE_CREATE_VM, &c);
	if (vm->fd >= 0)
		return 0;
	if (errno == EINVAL)
		cmd_error(CMD_FAILED, "the loaded module is too old for \"vmctl run\", or does not take the name \"%s\"",
			  vm->config->name);
	else
		fail("cannot create a VM");
	return -1;
}

static int set_slot(struct vm *vm, enum slot nr, uint32_t flags, uint64_t gpa, uint64_t len,
		    void *hva)
{
	struct lodge_slot s = {
		.size = sizeof(s), .slot = nr, .flags = flags, .gpa = gpa, .len = len,
		.hva = (uintptr_t)hva,
	};

	if (!len || !ioctl(vm->fd, LODGE_VM_SET_SLOT, &s))
		return 0;
	if (errno == EINVAL) {
		cmd_error(CMD_FAILED, "%llu MiB of memory do not fit: the processor gives guests addresses of %u bits",
			  (unsigned long long)vm->mem.size >> 20, vm->info.phys_bits);
		return -1;
	}
	return fail("cannot give the guest its memory");
}

static int add_memory(struct vm *vm)
{
	if (set_slot(vm, SLOT_LOW, 0, 0, guestmem_low(&vm->mem), vm->mem.host))
		return -1;
	if (set_slot(vm, SLOT_ROM, LODGE_SLOT_READONLY, GUESTMEM_HIGH - vm->rom_size, vm->rom_size,
		     vm->rom))
		return -1;
	return set_slot(vm, SLOT_HIGH, 0, GUESTMEM_HIGH, guestmem_high(&vm->mem),
			vm->mem.host + guestmem_low(&vm->mem));
}

static int add_device(struct vm *vm, struct lodge_add_device *d, const char *what)
{
	d->size = sizeof(*d);
	if (ioctl(vm->fd, LODGE_VM_ADD_DEVICE, d) >= 0)
		return 0;
	if (errno == ENOTTY || errno == EINVAL || errno == ENODEV)
		cmd_error(CMD_FAILED, "the loaded module does not know how to make %s: take it and vmctl from the same build",
			  what);
	else if (errno == ENOSPC)
		cmd_error(CMD_FAILED, "%s is one device too many: a guest can have 31", what);
	else
		cmd_error(CMD_FAILED, "cannot give the guest %s: %s", what, why(errno));
	return -1;
}

static int add_disk(struct vm *vm, const struct disk *disk)
{
	struct lodge_add_device d = {
		.id = LODGE_DEVICE_BLOCK, .fd = disk->fd, .queues = disk->queues,
		.flags = disk->readonly ? LODGE_DEVICE_READONLY : 0,
		.max_requests = disk->limits.requests, .max_bytes = disk->limits.bytes,
	};

	memcpy(d.serial, disk->serial, sizeof(d.serial));
	return add_device(vm, &d, disk->path);
}

static int add_net(struct vm *vm, const struct net *net)
{
	struct lodge_add_device d = {
		.id = LODGE_DEVICE_NET, .fd = net->fd[0], .queues = net->queues, .mtu = net->mtu,
		.max_requests = net->limits.requests, .max_bytes = net->limits.bytes,
	};

	memcpy(d.mac, net->mac, sizeof(d.mac));
	memcpy(d.fds, net->fd + 1, (net->queues - 1) * sizeof(d.fds[0]));
	return add_device(vm, &d, "a network device");
}

static int add_console(struct vm *vm)
{
	struct lodge_add_device d = { .id = LODGE_DEVICE_CONSOLE, .fd = -1 };
	unsigned int i;

	for (i = 0; i < vm->config->nr_ports; i++)
		memcpy(d.ports[i], vm->config->ports[i].name, sizeof(d.ports[i]));
	return add_device(vm, &d, "a console");
}

/* With their former numbers, so that the guest finds them where they were */
static int add_kept(struct vm *vm)
{
	const struct vm_kept *kept = vm->config->kept;
	struct lodge_add_device d;
	unsigned int i;

	for (i = 0; i < kept->nr; i++) {
		d = kept->device[i];
		if (add_device(vm, &d, "what it had before"))
			return -1;
	}
	if (vm->config->balloon && balloon_open(vm))
		return -1;
	return vm->config->vsock ? vsock_open(vm) : 0;
}

/* In the order of the command line, the disks first: the guest numbers them so */
static int add_devices(struct vm *vm)
{
	struct lodge_add_device rng = { .id = LODGE_DEVICE_RNG, .fd = -1 };
	struct lodge_add_device balloon = { .id = LODGE_DEVICE_BALLOON, .fd = -1 };
	struct lodge_add_device vsock = { .id = LODGE_DEVICE_VSOCK, .fd = -1 };
	unsigned int i;

	if (vm->config->kept && vm->config->kept->valid)
		return add_kept(vm);
	for (i = 0; i < vm->config->nr_disks; i++)
		if (add_disk(vm, &vm->config->disks[i]))
			return -1;
	for (i = 0; i < vm->config->nr_nets; i++)
		if (add_net(vm, &vm->config->nets[i]))
			return -1;
	if (vm->config->rng && add_device(vm, &rng, "a random number generator"))
		return -1;
	if ((vm->config->console || vm->config->nr_ports) && add_console(vm))
		return -1;
	if (vm->config->balloon && (add_device(vm, &balloon, "a balloon") || balloon_open(vm)))
		return -1;
	if (vm->config->vsock && (add_device(vm, &vsock, "a vsock") || vsock_open(vm)))
		return -1;
	return 0;
}

static int add_vcpu(struct vm *vm)
{
	struct vcpu *cpu = &vm->cpu[vm->nr_cpus];
	struct lodge_create_vcpu c = { .size = sizeof(c), .id = vm->nr_cpus };

	cpu->vm = vm;
	cpu->id = c.id;
	cpu->fd = ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &c);
	if (cpu->fd < 0 && errno == EBUSY) {
		cmd_error(CMD_FAILED, "VMX cannot be used right now, another hypervisor may hold it: see \"vmctl check\" and the kernel's log");
		return -1;
	}
	if (cpu->fd < 0)
		return fail("cannot create a vCPU");
	vm->nr_cpus++;
	cpu->run = mmap(NULL, vm->info.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (cpu->run == MAP_FAILED) {
		cpu->run = NULL;
		return fail("cannot map a vCPU's run area");
	}
	return cpufeature_apply(cpu->fd, cpu->id, vm->config);
}

/**
 * vm_alloc - the memory of a VM, to load an image into
 * @vm: to fill; vm_destroy() undoes it, also when this has failed
 * @config: must live as long
 * @rom_size: bytes of read-only memory that ends at 4 GiB, or 0; rounded up to pages
 *
 * Return: 0, or -1 after having told the user.
 */
int vm_alloc(struct vm *vm, const struct vm_config *config, size_t rom_size)
{
	int error;

	*vm = (struct vm){ .config = config, .dev = -1, .fd = -1, .wake = -1,
			   .balloon = -1, .vsock = { .vhost = -1, .fd = -1 } };
	pthread_mutex_init(&vm->lock, NULL);
	error = guestmem_alloc(&vm->mem, config->memory, config->pages);
	if (error) {
		cmd_error(CMD_FAILED, "cannot have %llu MiB of memory: %s%s",
			  (unsigned long long)config->memory >> 20, strerror(error),
			  config->pages == GUESTMEM_HUGETLB ?
			  "; /proc/sys/vm/nr_hugepages has the pool of huge pages" : "");
		return -1;
	}
	if (!rom_size)
		return 0;
	rom_size = (rom_size + 4095) & ~4095UL;
	vm->rom = mmap(NULL, rom_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->rom == MAP_FAILED) {
		vm->rom = NULL;
		return fail("cannot have memory for the firmware");
	}
	vm->rom_size = rom_size;
	return 0;
}

/* What firmware reads */
static int add_files(const struct vm *vm, const struct boot *b)
{
	unsigned int i;

	for (i = 0; i < b->nr_files; i++) {
		const struct boot_fwfile *file = &b->files[i];
		struct lodge_add_file f = {
			.size = sizeof(f), .len = file->len, .data = (uintptr_t)file->data,
		};

		snprintf(f.name, sizeof(f.name), "%s", file->name);
		if (ioctl(vm->fd, LODGE_VM_ADD_FILE, &f))
			return fail("cannot give the firmware its files");
	}
	return 0;
}

/**
 * vm_create - the VM itself, with its vCPUs, not started
 * @vm: vm_alloc() has been called
 * @b: has been loaded
 *
 * Return: 0, or -1 after having told the user.
 */
int vm_create(struct vm *vm, const struct boot *b)
{
	vm->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->cpu = calloc(vm->config->cpus, sizeof(*vm->cpu));
	if (!vm->cpu || vm->wake < 0)
		return fail("cannot create a VM");
	vm->dev = open_device();
	if (vm->dev < 0)
		return -1;
	if (read_info(vm) || create_fd(vm) || add_memory(vm) || add_devices(vm) ||
	    add_files(vm, b))
		return -1;
	while (vm->nr_cpus < vm->config->cpus)
		if (add_vcpu(vm))
			return -1;
	return 0;
}

/* The first vCPU's registers; after a reset they are right for firmware as they are */
int vm_set_start(struct vm *vm, const struct boot *b)
{
	struct lodge_sregs sregs = { .size = sizeof(sregs) };
	struct lodge_regs regs;
	int fd = vm->cpu[0].fd;

	if (b->mode == BOOT_MODE_RESET)
		return 0;
	if (ioctl(fd, LODGE_VCPU_GET_SREGS, &sregs))
		return fail("cannot read a vCPU's registers");
	start_registers(b, &regs, &sregs);
	if (ioctl(fd, LODGE_VCPU_SET_SREGS, &sregs) || ioctl(fd, LODGE_VCPU_SET_REGS, &regs))
		return fail("cannot set a vCPU's registers");
	return 0;
}

/* A descriptor of LODGE_VM_CONSOLE */
int vm_console(struct vm *vm, unsigned int which)
{
	struct lodge_open_console c = { .size = sizeof(c), .which = which };
	int fd = ioctl(vm->fd, LODGE_VM_CONSOLE, &c);

	if (fd < 0)
		return fail("cannot open the guest's console");
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	return fd;
}

/* ---- the end ------------------------------------------------------------- */

static void end_locked(struct vm *vm, enum vm_end_kind kind)
{
	uint64_t one = 1;

	vm->end.kind = kind;
	if (write(vm->wake, &one, sizeof(one)) < 0)
		abort();
}

/**
 * vm_finish - the guest has ended
 * @vm: the VM; the first end counts
 * @kind: how
 * @code: what goes with it
 */
void vm_finish(struct vm *vm, enum vm_end_kind kind, uint32_t code)
{
	pthread_mutex_lock(&vm->lock);
	if (vm->end.kind == VM_RUNS) {
		vm->end.code = code;
		end_locked(vm, kind);
	}
	pthread_mutex_unlock(&vm->lock);
}

/* A vCPU, whose thread calls this, cannot go on */
void vm_fail(struct vcpu *cpu, const char *format, ...)
{
	struct vm *vm = cpu->vm;
	va_list ap;

	pthread_mutex_lock(&vm->lock);
	if (vm->end.kind == VM_RUNS) {
		va_start(ap, format);
		vsnprintf(vm->end.text, sizeof(vm->end.text), format, ap);
		va_end(ap);
		vcpu_registers(cpu, vm->end.registers, sizeof(vm->end.registers));
		vm->end.shutdown = cpu->run->exit_reason == LODGE_EXIT_SHUTDOWN;
		end_locked(vm, VM_FAILED);
	}
	pthread_mutex_unlock(&vm->lock);
}

/**
 * vm_tell_end - for those who see the VM from elsewhere
 * @vm: the VM
 * @reason: why it ended
 * @status: exit status
 * @flags: LODGE_VM_END_*
 *
 * A module that does not take it has no record to keep it in.
 */
void vm_tell_end(struct vm *vm, enum lodge_end_reason reason, unsigned int status,
		 unsigned int flags)
{
	struct lodge_vm_end end = {
		.size = sizeof(end), .reason = reason, .status = status, .flags = flags,
	};

	ioctl(vm->fd, LODGE_VM_END, &end);
}

/* ---- threads ------------------------------------------------------------- */

/* "NAME/0"; the kernel keeps 15 characters, of which the number must be among */
static void name_thread(struct vcpu *cpu)
{
	char number[8], name[16];
	int n = snprintf(number, sizeof(number), "/%u", cpu->id);

	snprintf(name, sizeof(name), "%.*s%s", 15 - n, cpu->vm->config->name, number);
	pthread_setname_np(cpu->thread, name);
}

/* The first vCPU last: the others wait for it to start them */
int vm_start(struct vm *vm)
{
	pthread_attr_t attr;
	unsigned int i = vm->nr_cpus;
	int error = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VM_STACK_SIZE);
	while (i-- > 0) {
		error = pthread_create(&vm->cpu[i].thread, &attr, vcpu_thread, &vm->cpu[i]);
		if (error)
			break;
		vm->cpu[i].started = true;
		name_thread(&vm->cpu[i]);
	}
	pthread_attr_destroy(&attr);
	if (!error)
		return 0;
	errno = error;
	return fail("cannot start a vCPU's thread");
}

/*
 * immediate_exit before the signal: a thread that the signal finds on its way into LODGE_VCPU_RUN
 * comes out at once.
 */
void vm_stop(struct vm *vm)
{
	unsigned int i;

	__atomic_store_n(&vm->stopping, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < vm->nr_cpus; i++) {
		if (!vm->cpu[i].started)
			continue;
		__atomic_store_n(&vm->cpu[i].run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(vm->cpu[i].thread, SIGUSR1);
	}
	for (i = 0; i < vm->nr_cpus; i++) {
		if (vm->cpu[i].started)
			pthread_join(vm->cpu[i].thread, NULL);
		vm->cpu[i].started = false;
	}
}

/**
 * vm_keep_devices - what a VM has now, for one that takes its place
 * @vm: that has been created, and stopped
 * @kept: filled in; who uses it closes the descriptors
 *
 * Devices may have come and gone since the VM was made.
 */
void vm_keep_devices(const struct vm *vm, struct vm_kept *kept)
{
	struct lodge_add_device d;
	unsigned int slot;

	*kept = (struct vm_kept){ .valid = true };
	for (slot = 1; slot < LODGE_MMIO_DEVICES; slot++) {
		d = (struct lodge_add_device){ .size = sizeof(d), .slot = slot };
		if (ioctl(vm->fd, LODGE_VM_GET_DEVICE, &d) >= 0)
			kept->device[kept->nr++] = d;
		else if (errno != ENODEV)
			cmd_error(CMD_OK, "the guest has device %u no more: %s", slot,
				  errno == EPERM ?
				  "who attached it has other rights, and can attach it again" :
				  strerror(errno));
	}
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	vm_stop(vm);
	for (i = 0; i < vm->nr_cpus; i++) {
		if (vm->cpu[i].run)
			munmap(vm->cpu[i].run, vm->info.run_size);
		close(vm->cpu[i].fd);
	}
	free(vm->cpu);
	if (vm->balloon >= 0)
		close(vm->balloon);
	vsock_close(&vm->vsock);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->dev >= 0)
		close(vm->dev);
	if (vm->wake >= 0)
		close(vm->wake);
	if (vm->rom)
		munmap(vm->rom, vm->rom_size);
	guestmem_free(&vm->mem);
	pthread_mutex_destroy(&vm->lock);
}

unsigned int vm_stats(struct vm *vm, uint64_t *sum)
{
	uint64_t values[LODGE_NR_STATS];
	struct lodge_stats s = { .size = sizeof(s) };
	unsigned int i, j, known = 0;

	memset(sum, 0, LODGE_NR_STATS * sizeof(*sum));
	for (i = 0; i < vm->nr_cpus; i++) {
		s.count = LODGE_NR_STATS;
		s.values = (uintptr_t)values;
		if (ioctl(vm->cpu[i].fd, LODGE_VCPU_GET_STATS, &s))
			return 0;
		known = s.count < LODGE_NR_STATS ? s.count : LODGE_NR_STATS;
		for (j = 0; j < known; j++)
			sum[j] += values[j];
	}
	return known;
}
