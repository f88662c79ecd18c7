// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lodge back end.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/lodge.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "backend.h"

#define DEBUG_CONSOLE_PORT	0xe9
#define APIC_BASE_X2APIC	0x400

#define CALL(fd, request, arg) backend_call(fd, request, (void *)(arg), #request)

static int add_slot(struct machine *m, __u32 slot, __u64 gpa, size_t len, void *mem)
{
	struct lodge_slot arg = {
		.size = sizeof(arg), .slot = slot, .gpa = gpa, .len = len,
		.hva = (unsigned long)mem,
	};

	return CALL(m->fd, LODGE_VM_SET_SLOT, &arg);
}

static int set_sregs(struct machine *m)
{
	static const struct lodge_segment data = {
		.limit = 0xffffffff, .selector = GUEST_DS,
		.attr = LODGE_SEG_G | LODGE_SEG_DB | LODGE_SEG_P | LODGE_SEG_S | 3,
	};
	struct lodge_sregs s = { .size = sizeof(s) };
	int i;

	if (CALL(m->vcpu, LODGE_VCPU_GET_SREGS, &s))
		return -1;
	for (i = LODGE_ES; i <= LODGE_GS; i++)
		s.seg[i] = data;
	s.seg[LODGE_CS].selector = GUEST_CS;
	s.seg[LODGE_CS].attr = LODGE_SEG_G | LODGE_SEG_L | LODGE_SEG_P | LODGE_SEG_S | 0xb;
	s.seg[LODGE_LDTR] = (struct lodge_segment){ .attr = LODGE_SEG_UNUSABLE };
	s.seg[LODGE_TR] = (struct lodge_segment){
		.base = GUEST_TSS, .limit = 0x67, .selector = GUEST_TR, .attr = LODGE_SEG_P | 0xb,
	};
	s.gdt_base = GUEST_GDT;
	s.gdt_limit = GUEST_TR + 0xf;
	s.idt_base = GUEST_IDT;
	s.idt_limit = 0xfff;
	s.cr0 = 0x80050033;
	s.cr3 = GUEST_PML4;
	s.cr4 = 0x620;
	s.efer = 0x500;
	s.apic_base |= APIC_BASE_X2APIC;
	return CALL(m->vcpu, LODGE_VCPU_SET_SREGS, &s);
}

static int create_vcpu(struct machine *m, __u32 id)
{
	struct lodge_create_vcpu vcpu = { .size = sizeof(vcpu), .id = id };

	m->vcpu = CALL(m->fd, LODGE_VM_CREATE_VCPU, &vcpu);
	if (m->vcpu < 0)
		return -1;
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		return fail("lodge: mmap of a vCPU: %s", strerror(errno));
	return set_sregs(m);
}

static int create_with(int lodge, struct machine *m)
{
	struct lodge_create_vm create = {
		.size = sizeof(create),
		.flags = LODGE_VM_HLT_IN_KERNEL | LODGE_VM_DEBUG_PORTS | LODGE_VM_MACHINE,
	};
	struct lodge_info info = { .size = sizeof(info) };

	if (CALL(lodge, LODGE_GET_INFO, &info))
		return -1;
	m->fd = CALL(lodge, LODGE_CREATE_VM, &create);
	if (m->fd < 0)
		return -1;
	if (add_slot(m, 0, 0, GUEST_MEM_SIZE, m->mem) ||
	    (m->extra_size && add_slot(m, 1, EXTRA_GPA, m->extra_size, m->extra)))
		return -1;
	m->run_size = info.run_size;
	return create_vcpu(m, 0);
}

static int lodge_create(struct machine *m)
{
	int lodge, ret;

	lodge = open("/dev/lodge", O_RDWR | O_CLOEXEC);
	if (lodge < 0)
		return fail("lodge: /dev/lodge: %s", strerror(errno));
	ret = create_with(lodge, m);
	close(lodge);
	return ret;
}

static int lodge_add_vcpu(const struct machine *m, struct machine *second)
{
	struct lodge_mp mp = { .size = sizeof(mp), .state = LODGE_MP_RUNNABLE };

	*second = *m;
	second->vcpu = -1;
	second->run = MAP_FAILED;
	return create_vcpu(second, 1) || CALL(second->vcpu, LODGE_VCPU_SET_MP, &mp) ? -1 : 0;
}

static int lodge_start(struct machine *m, const struct entry *entry)
{
	struct lodge_regs regs = {
		.size = sizeof(regs), .rip = machine_guest_address(m, entry->start),
		.rflags = entry->irqs ? 0x202 : 2,
		.gpr = {
			[LODGE_RSP] = entry->stack ? entry->stack : GUEST_STACK,
			[LODGE_RDI] = GUEST_ARGS,
			[LODGE_RDX] = entry->rdx,
		},
	};

	return CALL(m->vcpu, LODGE_VCPU_SET_REGS, &regs);
}

static int lodge_run(struct machine *m)
{
	struct lodge_run *run = m->run;
	int ret;

	for (;;) {
		if (ioctl(m->vcpu, LODGE_VCPU_RUN, 0) < 0) {
			if (errno == EINTR)
				return 1;
			return fail("lodge: LODGE_VCPU_RUN: %s", strerror(errno));
		}
		switch (run->exit_reason) {
		case LODGE_EXIT_IO:
			ret = machine_port(m, run->io.port, (char *)run + run->io.data_offset,
					   run->io.width);
			if (ret)
				return ret < 0 ? -1 : 0;
			break;
		case LODGE_EXIT_HYPERCALL:
			run->hypercall.ret = 0;
			break;
		default:
			return fail("lodge: exit reason %u", run->exit_reason);
		}
	}
}

static void lodge_set_immediate_exit(struct machine *m, bool on)
{
	struct lodge_run *run = m->run;

	run->immediate_exit = on;
}

static int lodge_nmi(struct machine *m)
{
	return CALL(m->vcpu, LODGE_VCPU_NMI, 0);
}

static int lodge_interrupt(struct machine *m)
{
	struct lodge_interrupt arg = { .size = sizeof(arg), .vector = GUEST_VECTOR };

	return CALL(m->vcpu, LODGE_VCPU_INTERRUPT, &arg);
}

static int lodge_get_counts(struct machine *m, struct counts *counts)
{
	__u64 values[LODGE_NR_STATS] = { 0 };
	struct lodge_stats stats = {
		.size = sizeof(stats), .count = LODGE_NR_STATS, .values = (unsigned long)values,
	};

	if (CALL(m->vcpu, LODGE_VCPU_GET_STATS, &stats))
		return -1;
	counts->exits = values[LODGE_STAT_EXITS];
	counts->neighbour = values[LODGE_STAT_NEIGHBOUR];
	counts->migrations = values[LODGE_STAT_MIGRATIONS];
	counts->vmreads = values[LODGE_STAT_VMREADS];
	counts->vmwrites = values[LODGE_STAT_VMWRITES];
	counts->msrs = values[LODGE_STAT_MSR_ACCESSES];
	return 0;
}

const struct backend backend_lodge = {
	.name = "lodge",
	.kernel_port = DEBUG_CONSOLE_PORT,
	.create = lodge_create,
	.add_vcpu = lodge_add_vcpu,
	.start = lodge_start,
	.run = lodge_run,
	.set_immediate_exit = lodge_set_immediate_exit,
	.nmi = lodge_nmi,
	.interrupt = lodge_interrupt,
	.get_counts = lodge_get_counts,
};
