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

#include "backend.h"

#define ELCR_PORT		0x4d0
#define X2APIC_EOI_MSR		0x80b
#define APIC_BASE_X2APIC	0x400
#define APIC_SVR		0xf0
#define APIC_SVR_ENABLED	0x1ff
#define MSI_NMI			0x400
#define MAX_CPUID		128
#define TSC_DEADLINE		(1u << 24)	/* leaf 1, ECX */

/* KVM_EXIT_HYPERCALL of KVM_HC_MAP_GPA_RANGE; absent from older headers */
#ifndef KVM_CAP_EXIT_HYPERCALL
#define KVM_CAP_EXIT_HYPERCALL	201
#endif
#define HC_MAP_GPA_RANGE	12

#define CALL(fd, request, arg) backend_call(fd, request, (void *)(arg), #request)

static int add_slot(struct machine *m, __u32 slot, __u64 gpa, size_t size, void *mem)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (unsigned long)mem,
	};

	return CALL(m->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int set_cpuid(int kvm, struct machine *m)
{
	struct kvm_cpuid2 *cpuid;
	unsigned int i;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return fail("kvm: no memory");
	cpuid->nent = MAX_CPUID;
	ret = CALL(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	/* KVM leaves it to user space, which has to see to it that there is an APIC */
	for (i = 0; !ret && i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= TSC_DEADLINE;
	if (!ret)
		ret = CALL(m->vcpu, KVM_SET_CPUID2, cpuid);
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

static int set_sregs(struct machine *m)
{
	struct kvm_sregs s;

	if (CALL(m->vcpu, KVM_GET_SREGS, &s))
		return -1;
	segment(&s.cs, GUEST_CS, 0xb, true);
	segment(&s.ss, GUEST_DS, 3, false);
	s.ds = s.ss;
	s.es = s.ss;
	s.fs = s.ss;
	s.gs = s.ss;
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
	return CALL(m->vcpu, KVM_SET_SREGS, &s);
}

static int enable_apic(struct machine *m)
{
	struct kvm_lapic_state lapic;
	__u32 svr = APIC_SVR_ENABLED;

	if (CALL(m->vcpu, KVM_GET_LAPIC, &lapic))
		return -1;
	memcpy(lapic.regs + APIC_SVR, &svr, sizeof(svr));
	return CALL(m->vcpu, KVM_SET_LAPIC, &lapic);
}

static int create_vcpu(int kvm, struct machine *m, long id)
{
	m->vcpu = CALL(m->fd, KVM_CREATE_VCPU, id);
	if (m->vcpu < 0)
		return -1;
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		return fail("kvm: mmap of a vCPU: %s", strerror(errno));
	if (set_cpuid(kvm, m) || set_sregs(m))
		return -1;
	return enable_apic(m);
}

static int create_with(int kvm, struct machine *m)
{
	struct kvm_enable_cap hypercall = {
		.cap = KVM_CAP_EXIT_HYPERCALL, .args = { 1 << HC_MAP_GPA_RANGE },
	};
	int size;

	m->fd = CALL(kvm, KVM_CREATE_VM, 0);
	size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (m->fd < 0 || size < 0)
		return -1;
	if (CALL(m->fd, KVM_CREATE_IRQCHIP, 0) || CALL(m->fd, KVM_ENABLE_CAP, &hypercall) ||
	    add_slot(m, 0, 0, GUEST_MEM_SIZE, m->mem) ||
	    (m->extra_size && add_slot(m, 1, EXTRA_GPA, m->extra_size, m->extra)))
		return -1;
	m->run_size = size;
	return create_vcpu(kvm, m, 0);
}

static int open_kvm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return kvm < 0 ? fail("kvm: /dev/kvm: %s", strerror(errno)) : kvm;
}

static int kvm_create(struct machine *m)
{
	int kvm = open_kvm(), ret;

	if (kvm < 0)
		return -1;
	ret = create_with(kvm, m);
	close(kvm);
	return ret;
}

static int kvm_add_vcpu(const struct machine *m, struct machine *second)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int kvm = open_kvm(), ret;

	if (kvm < 0)
		return -1;
	*second = *m;
	second->vcpu = -1;
	second->run = MAP_FAILED;
	ret = create_vcpu(kvm, second, 1);
	if (!ret)
		ret = CALL(second->vcpu, KVM_SET_MP_STATE, &mp);
	close(kvm);
	return ret;
}

static int kvm_start(struct machine *m, const struct entry *entry)
{
	struct kvm_regs regs = {
		.rip = machine_guest_address(m, entry->start),
		.rsp = entry->stack ? entry->stack : GUEST_STACK, .rdi = GUEST_ARGS,
		.rdx = entry->rdx, .rflags = entry->irqs ? 0x202 : 2,
	};

	return CALL(m->vcpu, KVM_SET_REGS, &regs);
}

static int kvm_run(struct machine *m)
{
	struct kvm_run *run = m->run;
	int ret;

	for (;;) {
		if (ioctl(m->vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				return 1;
			return fail("kvm: KVM_RUN: %s", strerror(errno));
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			ret = machine_port(m, run->io.port, (char *)run + run->io.data_offset,
					   run->io.size);
			if (ret)
				return ret < 0 ? -1 : 0;
			break;
		case KVM_EXIT_HYPERCALL:
			run->hypercall.ret = 0;
			break;
		default:
			return fail("kvm: exit reason %u", run->exit_reason);
		}
	}
}

static void kvm_set_immediate_exit(struct machine *m, bool on)
{
	struct kvm_run *run = m->run;

	run->immediate_exit = on;
}

static int signal_msi(struct machine *m, __u32 data)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = data };

	/* 1 when it was delivered */
	return CALL(m->fd, KVM_SIGNAL_MSI, &msi) < 0 ? -1 : 0;
}

/* Not KVM_NMI, which waits for the end of KVM_RUN */
static int kvm_nmi(struct machine *m)
{
	return signal_msi(m, MSI_NMI);
}

static int kvm_interrupt(struct machine *m)
{
	return signal_msi(m, GUEST_VECTOR);
}

const struct backend backend_kvm = {
	.name = "kvm",
	.kernel_port = ELCR_PORT,
	.eoi_msr = X2APIC_EOI_MSR,
	.create = kvm_create,
	.add_vcpu = kvm_add_vcpu,
	.start = kvm_start,
	.run = kvm_run,
	.set_immediate_exit = kvm_set_immediate_exit,
	.nmi = kvm_nmi,
	.interrupt = kvm_interrupt,
};
