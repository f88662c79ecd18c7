// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KVM back end: a VM as a small VMM would make it, with the in-kernel
 * interrupt controllers and all of KVM's CPUID leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

#define ELCR_PORT		0x4d0
#define X2APIC_EOI_MSR		0x80b
#define APIC_BASE_X2APIC	0x400
#define APIC_SVR		0xf0
#define APIC_SVR_ENABLED	0x1ff
#define MAX_CPUID		128

/* KVM_EXIT_HYPERCALL of KVM_HC_MAP_GPA_RANGE; absent from older headers */
#ifndef KVM_CAP_EXIT_HYPERCALL
#define KVM_CAP_EXIT_HYPERCALL	201
#endif
#define HC_MAP_GPA_RANGE	12

static int call(int fd, unsigned long request, void *arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? fail("kvm: %s: %s", name, strerror(errno)) : ret;
}

#define CALL(fd, request, arg) call(fd, request, (void *)(arg), #request)

static int add_slot(struct vm *vm, __u32 slot, __u64 gpa, size_t size, void *mem)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (unsigned long)mem,
	};

	return CALL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int set_cpuid(int kvm, struct vm *vm)
{
	struct kvm_cpuid2 *cpuid;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return fail("kvm: no memory");
	cpuid->nent = MAX_CPUID;
	ret = CALL(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (!ret)
		ret = CALL(vm->vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return ret;
}

static void segment(struct kvm_segment *seg, __u16 selector, __u8 type, bool code)
{
	*seg = (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type, .present = 1,
		.s = 1, .db = !code, .l = code, .g = 1,
	};
}

static int set_sregs(struct vm *vm)
{
	struct kvm_sregs s;

	if (CALL(vm->vcpu, KVM_GET_SREGS, &s))
		return -1;
	segment(&s.cs, GUEST_CS, 0xb, true);
	segment(&s.ss, GUEST_DS, 3, false);
	s.ds = s.es = s.fs = s.gs = s.ss;
	s.tr = (struct kvm_segment){
		.base = GUEST_TSS, .limit = 0x67, .selector = GUEST_TR, .type = 0xb, .present = 1,
	};
	s.gdt.base = GUEST_GDT;
	s.gdt.limit = GUEST_TR + 0xf;
	s.idt.base = GUEST_IDT;
	s.idt.limit = 0xfff;
	s.cr0 = 0x80050033;
	s.cr3 = GUEST_PML4;
	s.cr4 = 0x620;
	s.efer = 0x500;
	s.apic_base |= APIC_BASE_X2APIC;
	return CALL(vm->vcpu, KVM_SET_SREGS, &s);
}

static int enable_apic(struct vm *vm)
{
	struct kvm_lapic_state lapic;
	__u32 svr = APIC_SVR_ENABLED;

	if (CALL(vm->vcpu, KVM_GET_LAPIC, &lapic))
		return -1;
	memcpy(lapic.regs + APIC_SVR, &svr, sizeof(svr));
	return CALL(vm->vcpu, KVM_SET_LAPIC, &lapic);
}

static int create_with(int kvm, struct vm *vm)
{
	struct kvm_enable_cap hypercall = {
		.cap = KVM_CAP_EXIT_HYPERCALL, .args = { 1 << HC_MAP_GPA_RANGE },
	};
	int size;

	vm->fd = CALL(kvm, KVM_CREATE_VM, 0);
	size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->fd < 0 || size < 0)
		return -1;
	if (CALL(vm->fd, KVM_CREATE_IRQCHIP, 0) || CALL(vm->fd, KVM_ENABLE_CAP, &hypercall) ||
	    add_slot(vm, 0, 0, GUEST_MEM_SIZE, vm->mem) ||
	    add_slot(vm, 1, FAULT_GPA, FAULT_SIZE, vm->fault_mem))
		return -1;
	vm->vcpu = CALL(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return -1;
	vm->run_size = size;
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		return fail("kvm: mmap of a vCPU: %s", strerror(errno));
	if (set_cpuid(kvm, vm) || set_sregs(vm))
		return -1;
	return enable_apic(vm);
}

static int kvm_create(struct vm *vm)
{
	int kvm, ret;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return fail("kvm: /dev/kvm: %s", strerror(errno));
	ret = create_with(kvm, vm);
	close(kvm);
	return ret;
}

static int kvm_start(struct vm *vm, const struct entry *entry)
{
	struct kvm_regs regs = {
		.rip = entry->rip, .rsp = GUEST_STACK, .rdi = GUEST_ARGS, .rdx = entry->rdx,
		.rflags = entry->irqs ? 0x202 : 2,
	};

	return CALL(vm->vcpu, KVM_SET_REGS, &regs);
}

static int kvm_run(struct vm *vm)
{
	struct kvm_run *run = vm->run;

	for (;;) {
		if (ioctl(vm->vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				return 1;
			return fail("kvm: KVM_RUN: %s", strerror(errno));
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (run->io.port == PORT_DONE)
				return 0;
			*(__u32 *)((char *)run + run->io.data_offset) = 0;
			break;
		case KVM_EXIT_HYPERCALL:
			run->hypercall.ret = 0;
			break;
		default:
			return fail("kvm: exit reason %u", run->exit_reason);
		}
	}
}

static void kvm_set_immediate_exit(struct vm *vm, bool on)
{
	struct kvm_run *run = vm->run;

	run->immediate_exit = on;
}

static int kvm_nmi(struct vm *vm)
{
	return CALL(vm->vcpu, KVM_NMI, 0);
}

static int kvm_interrupt(struct vm *vm)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = GUEST_VECTOR };

	/* 1 when it was delivered */
	return CALL(vm->fd, KVM_SIGNAL_MSI, &msi) < 0 ? -1 : 0;
}

const struct backend backend_kvm = {
	.name = "kvm",
	.device = "/dev/kvm",
	.kernel_port = ELCR_PORT,
	.eoi_msr = X2APIC_EOI_MSR,
	.create = kvm_create,
	.start = kvm_start,
	.run = kvm_run,
	.set_immediate_exit = kvm_set_immediate_exit,
	.nmi = kvm_nmi,
	.interrupt = kvm_interrupt,
};
