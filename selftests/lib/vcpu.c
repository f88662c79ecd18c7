// SPDX-License-Identifier: GPL-2.0-only
/* A test's vCPU: its start in each mode, the run loop with ucalls, its state */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define ATTR_CODE64	(LODGE_SEG_P | LODGE_SEG_S | LODGE_SEG_L | LODGE_SEG_G | 11)
#define ATTR_CODE32	(LODGE_SEG_P | LODGE_SEG_S | LODGE_SEG_DB | LODGE_SEG_G | 11)
#define ATTR_DATA32	(LODGE_SEG_P | LODGE_SEG_S | LODGE_SEG_DB | LODGE_SEG_G | 3)
#define ATTR_DATA16	(LODGE_SEG_P | LODGE_SEG_S | 3)
#define ATTR_TSS	(LODGE_SEG_P | 11)
#define ATTR_LDT	(LODGE_SEG_P | 2)

#define TSS_OFFSET	0x100		/* in a vCPU's 1 KiB at GPA_DESC */
#define TSS_LIMIT	0x67

extern const char guest_start[];

/**
 * vcpu_create - create a vCPU, in the state after reset
 * @vm: the VM
 * @id: number
 *
 * Return: the vCPU.
 */
struct vcpu *vcpu_create(struct vm *vm, u32 id)
{
	struct lodge_create_vcpu create = { .size = sizeof(create), .id = id };
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	struct lodge_info info;

	ASSERT_TRUE(vcpu);
	lodge_info(&info);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->fd, LODGE_VM_CREATE_VCPU, &create);
	ASSERT_OK(vcpu->fd);
	vcpu->run_size = info.run_size;
	vcpu->run = mmap(NULL, info.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT_NE((void *)vcpu->run, MAP_FAILED);
	return vcpu;
}

/**
 * vcpu_free - close a vCPU
 * @vcpu: that does not run
 */
void vcpu_free(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	ASSERT_OK(close(vcpu->fd));
	free(vcpu);
}

/* ---- starting ------------------------------------------------------------ */

static u64 desc_base(const struct vcpu *vcpu)
{
	return GPA_DESC + 0x400 * vcpu->id;
}

static void build_gdt(struct vcpu *vcpu)
{
	u64 *gdt = vm_ptr(vcpu->vm, desc_base(vcpu));
	u64 tss = desc_base(vcpu) + TSS_OFFSET, stack = GPA_STACK + STACK_SIZE * vcpu->id;
	u32 *t = vm_ptr(vcpu->vm, tss);

	gdt[SEL_CODE / 8] = 0x00af9b000000ffffull;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffffull;
	gdt[SEL_USER_CODE32 / 8] = 0x00cffb000000ffffull;
	gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffffull;
	gdt[SEL_USER_CODE / 8] = 0x00affb000000ffffull;
	gdt[SEL_TSS / 8] = TSS_LIMIT | tss << 16 | 0x8bull << 40;	/* base below 16 MiB */
	gdt[SEL_TSS / 8 + 1] = 0;
	gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffffull;
	gdt[SEL_CODE16 / 8] = 0x00009b000000ffffull;
	gdt[SEL_DATA16 / 8] = 0x000093000000ffffull;
	memset(t, 0, TSS_LIMIT + 1);
	t[1] = stack + STACK_RSP0;
	t[9] = stack + STACK_IST1;
	t[25] = (TSS_LIMIT + 1) << 16;		/* no I/O bitmap */
}

static struct lodge_segment segment(u16 selector, u32 attr, u64 base, u32 limit)
{
	return (struct lodge_segment){
		.selector = selector, .attr = attr, .base = base, .limit = limit,
	};
}

/* Flat segments; @code is for CS */
static void flat_sregs(struct vcpu *vcpu, struct lodge_sregs *s, u16 selector, u32 code)
{
	unsigned int i;

	build_gdt(vcpu);
	vcpu_get_sregs(vcpu, s);
	for (i = LODGE_ES; i <= LODGE_GS; i++)
		s->seg[i] = segment(SEL_DATA, ATTR_DATA32, 0, ~0u);
	s->seg[LODGE_CS] = segment(selector, code, 0, ~0u);
	s->seg[LODGE_LDTR] = segment(0, LODGE_SEG_UNUSABLE, 0, 0);
	s->seg[LODGE_TR] = segment(SEL_TSS, ATTR_TSS, desc_base(vcpu) + TSS_OFFSET, TSS_LIMIT);
	s->gdt_base = desc_base(vcpu);
	s->gdt_limit = SEL_DATA16 + 7;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE;
}

/* A guest function that returns is done */
static void guest_returned(void)
{
	for (;;)
		GUEST_DONE();
}

/**
 * vcpu_start_long_arg - set a vCPU up to call a function in 64-bit mode, ring 0
 * @vcpu: the vCPU
 * @fn: function of the test; it may return
 * @arg: its argument
 *
 * RFLAGS.IF is set: see bochs_if_clear().
 */
void vcpu_start_long_arg(struct vcpu *vcpu, void (*fn)(u64 arg), u64 arg)
{
	u64 rsp = GPA_STACK + STACK_SIZE * (vcpu->id + 1) - 8;
	struct lodge_regs r = { .rip = (u64)guest_start, .rflags = RFLAGS_IF | 2 };
	struct lodge_sregs s;

	flat_sregs(vcpu, &s, SEL_CODE, ATTR_CODE64);
	s.idt_base = GPA_IDT;
	s.idt_limit = 0xfff;
	s.cr0 |= CR0_PG | CR0_WP | CR0_MP;
	s.cr3 = GPA_PML4;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s.efer = EFER_LME | EFER_LMA;
	vcpu_set_sregs(vcpu, &s);
	*(u64 *)vm_ptr(vcpu->vm, rsp) = (u64)guest_returned;
	r.gpr[LODGE_RSP] = rsp;
	r.gpr[LODGE_RDI] = arg;
	r.gpr[LODGE_R11] = (u64)fn;
	vcpu_set_regs(vcpu, &r);
}

/* As vcpu_start_long_arg(), without argument */
void vcpu_start_long(struct vcpu *vcpu, void (*fn)(void))
{
	vcpu_start_long_arg(vcpu, (void (*)(u64))fn, 0);
}

/**
 * vcpu_long - create a vCPU that starts in 64-bit mode
 * @vm: the VM
 * @id: number
 * @fn: function of the test
 *
 * Return: the vCPU.
 */
struct vcpu *vcpu_long(struct vm *vm, u32 id, void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_create(vm, id);

	vcpu_start_long(vcpu, fn);
	return vcpu;
}

/**
 * vcpu_start_flat32 - set a vCPU up for 32-bit protected mode without paging
 * @vcpu: the vCPU
 * @eip: where to start; the stack grows down from GPA_CODE16
 */
void vcpu_start_flat32(struct vcpu *vcpu, u32 eip)
{
	struct lodge_regs r = { .rip = eip, .rflags = 2 };
	struct lodge_sregs s;

	flat_sregs(vcpu, &s, SEL_CODE32, ATTR_CODE32);
	vcpu_set_sregs(vcpu, &s);
	r.gpr[LODGE_RSP] = GPA_CODE16;
	vcpu_set_regs(vcpu, &r);
}

/**
 * vcpu_start_real - set a vCPU up for real mode, all data segments 0
 * @vcpu: the vCPU
 * @cs: code segment
 * @ip: where to start in it; the stack grows down from GPA_CODE16
 */
void vcpu_start_real(struct vcpu *vcpu, u16 cs, u16 ip)
{
	struct lodge_regs r = { .rip = ip, .rflags = 2 };
	struct lodge_sregs s;
	unsigned int i;

	build_gdt(vcpu);
	vcpu_get_sregs(vcpu, &s);
	for (i = LODGE_ES; i <= LODGE_GS; i++)
		s.seg[i] = segment(0, ATTR_DATA16, 0, 0xffff);
	s.seg[LODGE_CS] = segment(cs, LODGE_SEG_P | LODGE_SEG_S | 11, (u32)cs << 4, 0xffff);
	s.seg[LODGE_LDTR] = segment(0, ATTR_LDT, 0, 0xffff);
	s.seg[LODGE_TR] = segment(0, ATTR_TSS, 0, 0xffff);
	s.idt_base = 0;
	s.idt_limit = 0x3ff;
	s.cr0 = CR0_ET;
	s.cr4 = 0;
	s.efer = 0;
	vcpu_set_sregs(vcpu, &s);
	r.gpr[LODGE_RSP] = GPA_CODE16;
	vcpu_set_regs(vcpu, &r);
}

/* ---- running ------------------------------------------------------------- */

const char *exit_name(u32 reason)
{
	static const char * const names[LODGE_EXIT_NR] = {
		"NONE", "IO", "MMIO", "HLT", "IRQ_WINDOW", "HYPERCALL", "SHUTDOWN",
		"DEBUG_EXIT", "FAIL_ENTRY", "UNKNOWN_INSN", "MEMORY_ERROR", "INTERNAL",
		"SYSTEM",
	};

	return reason < LODGE_EXIT_NR ? names[reason] : "?";
}

/* LODGE_VCPU_RUN as it is */
int vcpu_run_try(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, LODGE_VCPU_RUN);
}

/**
 * vcpu_run - run until an exit; signals only interrupt
 * @vcpu: the vCPU
 *
 * Return: enum lodge_exit_reason; LODGE_EXIT_NONE only with immediate_exit set.
 */
u32 vcpu_run(struct vcpu *vcpu)
{
	while (vcpu_run_try(vcpu)) {
		ASSERT_EQ(errno, EINTR);
		if (vcpu->run->immediate_exit)
			return LODGE_EXIT_NONE;
	}
	return vcpu->run->exit_reason;
}

/* Was the last exit a ucall? */
bool vcpu_is_ucall(struct vcpu *vcpu)
{
	return vcpu->run->exit_reason == LODGE_EXIT_IO && vcpu->run->io.port == UCALL_PORT &&
	       vcpu->run->io.direction == LODGE_IO_OUT;
}

/* Take the ucall in, and deal with those that are no news for the test */
static enum ucall take_ucall(struct vcpu *vcpu)
{
	struct lodge_regs r;
	u32 cmd;

	memcpy(&cmd, (char *)vcpu->run + vcpu->run->io.data_offset, sizeof(cmd));
	vcpu_get_regs(vcpu, &r);
	vcpu->arg[0] = r.gpr[LODGE_RDI];
	vcpu->arg[1] = r.gpr[LODGE_RSI];
	vcpu->arg[2] = r.gpr[LODGE_RCX];
	vcpu->arg[3] = r.gpr[LODGE_RBX];
	switch (cmd) {
	case UCALL_PRINT: {
		char line[256];

		/* the format is at the same address here */
		snprintf(line, sizeof(line), (const char *)vcpu->arg[0], vcpu->arg[1],
			 vcpu->arg[2], vcpu->arg[3]);
		diag("guest: %s", line);
		break;
	}
	case UCALL_ASSERT:
		ktap_fail_cmp("guest", vcpu->arg[1], (const char *)vcpu->arg[0], vcpu->arg[2],
			      vcpu->arg[3]);
		ktap_stop();
	case UCALL_TRAP:
		diag("guest: exception %" PRIu64 ", error %#" PRIx64 ", RIP %#" PRIx64
		     ", CR2 %#" PRIx64, vcpu->arg[0], vcpu->arg[1], vcpu->arg[2], vcpu->arg[3]);
		ktap_fail("guest", 0, "no exception that the guest does not expect");
		ktap_stop();
	}
	return cmd;
}

static void tell_exit(struct vcpu *vcpu)
{
	const struct lodge_run *run = vcpu->run;
	struct lodge_regs r;

	vcpu_get_regs(vcpu, &r);
	diag("vCPU %u: exit %s at RIP %#llx", vcpu->id, exit_name(run->exit_reason), r.rip);
	if (run->exit_reason == LODGE_EXIT_FAIL_ENTRY || run->exit_reason == LODGE_EXIT_INTERNAL)
		diag("exit reason %#x, instruction error %u, qualification %#llx",
		     run->fail.exit_reason, run->fail.insn_error, run->fail.qualification);
	if (run->exit_reason == LODGE_EXIT_MEMORY_ERROR)
		diag("GPA %#llx, error %u, access %u", run->memory.gpa, run->memory.error,
		     run->memory.access);
	if (run->exit_reason == LODGE_EXIT_MMIO)
		diag("GPA %#llx, len %u, write %u", run->mmio.gpa, run->mmio.len,
		     run->mmio.is_write);
	if (run->exit_reason == LODGE_EXIT_IO)
		diag("port %#x, width %u, direction %u", run->io.port, run->io.width,
		     run->io.direction);
}

/**
 * vcpu_ucall - run until the guest says something
 * @vcpu: the vCPU
 *
 * Return: UCALL_SYNC or UCALL_DONE, with vcpu->arg; UCALL_NONE for another exit,
 * which is printed.
 */
enum ucall vcpu_ucall(struct vcpu *vcpu)
{
	for (;;) {
		enum ucall cmd;

		vcpu_run(vcpu);
		if (!vcpu_is_ucall(vcpu)) {
			tell_exit(vcpu);
			return UCALL_NONE;
		}
		cmd = take_ucall(vcpu);
		if (cmd != UCALL_PRINT)
			return cmd;
	}
}

/**
 * vcpu_run_exit - run until another exit than a ucall that prints
 * @vcpu: the vCPU
 *
 * Return: enum lodge_exit_reason.
 */
u32 vcpu_run_exit(struct vcpu *vcpu)
{
	do {
		vcpu_run(vcpu);
	} while (vcpu_is_ucall(vcpu) && take_ucall(vcpu) == UCALL_PRINT);
	return vcpu->run->exit_reason;
}

/* ---- state with lists ---------------------------------------------------- */

int vcpu_try_get_xsave(struct vcpu *vcpu, void *data, u32 len)
{
	struct lodge_xsave x = { .size = sizeof(x), .len = len, .data = (u64)data };

	return ioctl(vcpu->fd, LODGE_VCPU_GET_XSAVE, &x);
}

int vcpu_try_set_xsave(struct vcpu *vcpu, const void *data, u32 len)
{
	struct lodge_xsave x = { .size = sizeof(x), .len = len, .data = (u64)data };

	return ioctl(vcpu->fd, LODGE_VCPU_SET_XSAVE, &x);
}

/* An MSR that the vCPU has */
u64 vcpu_get_msr(struct vcpu *vcpu, u32 index)
{
	struct lodge_msr msr = { .index = index };
	struct lodge_msrs m = { .size = sizeof(m), .count = 1, .entries = (u64)&msr };

	ASSERT_EQ(ioctl(vcpu->fd, LODGE_VCPU_GET_MSRS, &m), 1);
	return msr.value;
}

/* Return: 1, or 0 if it was not taken */
int vcpu_set_msr(struct vcpu *vcpu, u32 index, u64 value)
{
	struct lodge_msr msr = { .index = index, .value = value };
	struct lodge_msrs m = { .size = sizeof(m), .count = 1, .entries = (u64)&msr };
	int ret = ioctl(vcpu->fd, LODGE_VCPU_SET_MSRS, &m);

	ASSERT_OK(ret);
	return ret;
}

/* Return: number of leaves, -1 on failure */
int vcpu_get_cpuid(struct vcpu *vcpu, struct lodge_cpuid_leaf *leaf, u32 room)
{
	struct lodge_cpuid c = { .size = sizeof(c), .count = room, .entries = (u64)leaf };

	return ioctl(vcpu->fd, LODGE_VCPU_GET_CPUID, &c) ? -1 : (int)c.count;
}

int vcpu_set_cpuid(struct vcpu *vcpu, const struct lodge_cpuid_leaf *leaf, u32 nr)
{
	struct lodge_cpuid c = { .size = sizeof(c), .count = nr, .entries = (u64)leaf };

	return ioctl(vcpu->fd, LODGE_VCPU_SET_CPUID, &c);
}

int vcpu_interrupt(struct vcpu *vcpu, u32 vector)
{
	struct lodge_interrupt i = { .size = sizeof(i), .vector = vector };

	return ioctl(vcpu->fd, LODGE_VCPU_INTERRUPT, &i);
}

int vcpu_nmi(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, LODGE_VCPU_NMI);
}

u64 vcpu_stat(struct vcpu *vcpu, enum lodge_stat stat)
{
	u64 values[LODGE_NR_STATS] = { 0 };
	struct lodge_stats s = {
		.size = sizeof(s), .count = LODGE_NR_STATS, .values = (u64)values,
	};

	ASSERT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	return values[stat];
}
