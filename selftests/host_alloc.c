// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failed allocations: the n-th allocation of the module fails, for every n that creating,
 * setting up and running a VM gets to; each failure is ENOMEM or no harm at all, and
 * nothing is left behind.
 *
 * Needs a debug build of the module (parameter fail_nth); with a kernel that has fault
 * injection, /proc/self/make-it-fail is used too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define FAIL_NTH	"/sys/module/lodge/parameters/fail_nth"
#define MAX_NTH		300
#define MEMORY		0x400000

static void write_number(const char *path, int n)
{
	FILE *f = fopen(path, "w");

	ASSERT_TRUE(f);
	ASSERT_GT(fprintf(f, "%d\n", n), 0);
	ASSERT_EQ(fclose(f), 0);
}

static int read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = -1;

	ASSERT_TRUE(f);
	ASSERT_EQ(fscanf(f, "%d", &n), 1);
	fclose(f);
	return n;
}

/* HLT in real mode, and before it a store to each of 64 pages */
static const u8 code[] = {
	0x31, 0xdb,			/* xor %bx, %bx */
	0xb9, 0x40, 0x00,		/* mov $64, %cx */
	0x8e, 0xdb,			/* 1: mov %bx, %ds */
	0xc6, 0x06, 0x00, 0x00, 0x01,	/* movb $1, 0 */
	0x81, 0xc3, 0x00, 0x01,		/* add $0x100, %bx */
	0xe2, 0xf3,			/* loop 1b */
	0xf4,				/* hlt */
};

/* Eventfds of two VMs, since one that has a machine does not exit at HLT */
static int use_eventfds(int dev, int vm)
{
	struct lodge_create_vm create = {
		.size = sizeof(create), .flags = LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL,
	};
	int fd = eventfd(0, 0), other = eventfd(0, 0), machine;
	struct lodge_ioeventfd io = { .size = sizeof(io), .len = 4, .fd = fd };
	struct lodge_irqfd irq = {
		.size = sizeof(irq), .flags = LODGE_IRQFD_LEVEL, .fd = fd, .resample_fd = other,
		.gsi = 20,
	};

	for (io.addr = 0x10000000; io.addr < 0x10000008; io.addr += 4)
		if (ioctl(vm, LODGE_VM_IOEVENTFD, &io))
			return errno;
	io.addr = 0x10000000;
	io.flags = LODGE_IOEVENTFD_DEASSIGN;
	if (ioctl(vm, LODGE_VM_IOEVENTFD, &io))
		return errno;
	machine = ioctl(dev, LODGE_CREATE_VM, &create);
	if (machine < 0 || ioctl(machine, LODGE_VM_IRQFD, &irq))
		return errno;
	close(machine);
	close(fd);
	close(other);
	return 0;
}

/* Everything that allocates, with calls whose failure ends it; Return: errno or 0 */
static int use_all(void)
{
	struct lodge_create_vm create = { .size = sizeof(create) };
	struct lodge_create_vcpu create_vcpu = { .size = sizeof(create_vcpu) };
	struct lodge_slot slot = { .size = sizeof(slot), .len = MEMORY };
	struct lodge_regs r = { .size = sizeof(r), .rip = 0x7c00 };
	struct lodge_sregs s = { .size = sizeof(s) };
	static struct lodge_cpuid_leaf leaf[LODGE_MAX_CPUID];
	struct lodge_cpuid c = { sizeof(c), LODGE_MAX_CPUID, (u64)leaf };
	int fd = open("/dev/lodge", O_RDWR), vm, vcpu;
	char *mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || mem == MAP_FAILED)
		return errno;
	memcpy(mem + 0x7c00, code, sizeof(code));
	vm = ioctl(fd, LODGE_CREATE_VM, &create);
	if (vm < 0)
		return errno;
	slot.hva = (u64)mem;
	if (ioctl(vm, LODGE_VM_SET_SLOT, &slot))
		return errno;
	slot.slot = 1;
	slot.gpa = MEMORY;
	slot.flags = LODGE_SLOT_LOG_DIRTY;
	if (ioctl(vm, LODGE_VM_SET_SLOT, &slot))
		return errno;
	if (use_eventfds(fd, vm))
		return errno;
	vcpu = ioctl(vm, LODGE_VM_CREATE_VCPU, &create_vcpu);
	if (vcpu < 0)
		return errno;
	if (ioctl(vcpu, LODGE_VCPU_GET_SREGS, &s))
		return errno;
	s.seg[LODGE_CS].base = 0;
	s.seg[LODGE_CS].selector = 0;
	if (ioctl(vcpu, LODGE_VCPU_SET_SREGS, &s) || ioctl(vcpu, LODGE_VCPU_SET_REGS, &r) ||
	    ioctl(vcpu, LODGE_VCPU_GET_CPUID, &c) || ioctl(vcpu, LODGE_VCPU_SET_CPUID, &c))
		return errno;
	if (ioctl(vcpu, LODGE_VCPU_RUN))
		return errno;
	/* the guest may have met a memory error instead of its HLT: fine too */
	close(vcpu);
	close(vm);
	close(fd);
	munmap(mem, MEMORY);
	return 0;
}

static int refs(void)
{
	return read_number("/sys/module/lodge/refcnt");
}

TEST_SECONDS(every_one_in_turn, 200)
{
	int n, status, failed = 0;

	if (access(FAIL_NTH, W_OK))
		SKIP("the module is no debug build (no parameter fail_nth)");
	for (n = 1; n <= MAX_NTH; n++) {
		pid_t pid;

		write_number(FAIL_NTH, n);
		pid = fork();
		if (!pid)
			_exit(use_all());
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFEXITED(status));
		if (WEXITSTATUS(status)) {
			EXPECT_EQ(WEXITSTATUS(status), ENOMEM);
			failed++;
		}
		EXPECT_EQ(refs(), 0);
		if (read_number(FAIL_NTH) > 0)
			break;			/* all of them have been had */
	}
	write_number(FAIL_NTH, 0);
	diag("%d allocations, %d of whose failures ended in ENOMEM", n - 1, failed);
	EXPECT_GT(failed, 3);
	EXPECT_LT(n, MAX_NTH);
	EXPECT_EQ(use_all(), 0);
}

TEST_SECONDS(kernels_fault_injection, 200)
{
	int i, status, failed = 0;

	if (access("/proc/self/make-it-fail", W_OK) ||
	    access("/sys/kernel/debug/failslab/probability", W_OK))
		SKIP("the kernel has no fault injection (CONFIG_FAILSLAB)");
	write_number("/sys/kernel/debug/failslab/probability", 5);
	write_number("/sys/kernel/debug/failslab/times", -1);
	for (i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid) {
			write_number("/proc/self/make-it-fail", 1);
			_exit(use_all());
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		failed += !WIFEXITED(status) || WEXITSTATUS(status);
	}
	write_number("/sys/kernel/debug/failslab/probability", 0);
	EXPECT_GT(failed, 0);
	EXPECT_EQ(refs(), 0);
	EXPECT_EQ(use_all(), 0);
}
