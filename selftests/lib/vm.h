/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM and its vCPUs for tests: memory at guest-physical 0, the test program in it,
 * descriptor tables and page tables, and a run loop that understands ucalls.
 * Failures of what is not under test end the test (ASSERT_*).
 */
#ifndef LODGE_SELFTESTS_VM_H
#define LODGE_SELFTESTS_VM_H

#include <linux/lodge.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "guest.h"
#include "ktap.h"

/* Guest-physical (and, with paging on, linear) addresses */
#define GPA_PML4	0x1000		/* to 0x6fff: maps the first 4 GiB one to one */
#define GPA_PDPT32	0x7000		/* PAE paging, the same 4 GiB */
#define GPA_PD32	0x8000		/* 32-bit paging with 4 MiB pages */
#define GPA_IDT		0x9000
#define GPA_CODE16	0xc000		/* for code of 16 and 32 bits, and the end of its stack */
#define GPA_DESC	0x10000		/* GDT and TSS of each vCPU, 1 KiB each */
#define GPA_TABLES	0x20000		/* page tables of vm_map_page(), to 0x7ffff */
#define GPA_STACK	0x100000	/* 32 KiB of stack for each of 64 vCPUs */
#define GPA_SCRATCH	0x300000	/* 1 MiB for the test */
#define GPA_IMAGE	0x400000	/* the test program */
#define GPA_FREE	0x800000	/* to the end of memory: for the test */
#define VM_MEMORY	0x1000000
#define VM_SLOT		0		/* slot of the memory at 0 */

/* For vm_create(): all devices in the kernel */
#define VM_PC		(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL | LODGE_VM_PCI)

/* Selectors, laid out for SYSCALL and SYSRET */
#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_USER_CODE32	0x1b
#define SEL_USER_DATA	0x23
#define SEL_USER_CODE	0x2b
#define SEL_TSS		0x30
#define SEL_CODE32	0x40
#define SEL_CODE16	0x48
#define SEL_DATA16	0x50

/* Where in a vCPU's 32 KiB the stacks end: of ring 0 from ring 3, of IST 1, of the guest's start */
#define STACK_SIZE	0x8000
#define STACK_RSP0	0x3000
#define STACK_IST1	0x5000

/**
 * struct vm - a VM
 * @fd: descriptor
 * @mem: host address of guest-physical 0
 * @size: bytes at @mem
 * @next_table: guest-physical address of the next free page for page tables
 */
struct vm {
	int fd;
	void *mem;
	size_t size;
	u64 next_table;
};

/**
 * struct vcpu - a vCPU
 * @vm: its VM
 * @fd: descriptor
 * @id: number
 * @run: run area
 * @run_size: bytes of it
 * @arg: arguments of the last ucall
 */
struct vcpu {
	struct vm *vm;
	int fd;
	u32 id;
	struct lodge_run *run;
	size_t run_size;
	u64 arg[4];
};

int lodge_open(void);
void lodge_info(struct lodge_info *info);
extern u32 vm_tsc_khz;	/* of VMs that are created, 0 for the host's */
int vm_bare(const char *name);
struct vm *vm_create(u32 flags);
struct vm *vm_create_on(u32 flags, void *mem, size_t size);
struct vm *vm_of(int fd, void *mem, size_t size);
void *vm_shared_memory(size_t size);
void vm_free(struct vm *vm);
int vm_slot_try(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 len, void *hva);
void vm_slot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 len, void *hva);
void vm_load(struct vm *vm, u64 gpa, const void *start, const void *end);
void vm_handler(struct vm *vm, u8 vector, guest_handler handler);
void vm_gate(struct vm *vm, u8 vector, u64 target, u8 type, u8 ist);
void vm_map_page(struct vm *vm, u64 gva, u64 gpa, u64 flags);

/* Host address of guest-physical memory */
static inline void *vm_ptr(struct vm *vm, u64 gpa)
{
	return (char *)vm->mem + gpa;
}

/* The guest's copy of a global variable of the test */
#define GUEST_VAR(vm, var)	(*(__typeof__(&(var)))vm_ptr(vm, (u64)&(var)))

struct vcpu *vcpu_create(struct vm *vm, u32 id);
void vcpu_free(struct vcpu *vcpu);
void vcpu_start_long(struct vcpu *vcpu, void (*fn)(void));
void vcpu_start_long_arg(struct vcpu *vcpu, void (*fn)(u64 arg), u64 arg);
void vcpu_start_flat32(struct vcpu *vcpu, u32 eip);
void vcpu_start_real(struct vcpu *vcpu, u16 cs, u16 ip);
struct vcpu *vcpu_long(struct vm *vm, u32 id, void (*fn)(void));

int vcpu_run_try(struct vcpu *vcpu);
u32 vcpu_run(struct vcpu *vcpu);
u32 vcpu_run_exit(struct vcpu *vcpu);
enum ucall vcpu_ucall(struct vcpu *vcpu);
bool vcpu_is_ucall(struct vcpu *vcpu);
const char *exit_name(u32 reason);

/* Run until the guest says so */
#define vcpu_done(vcpu)		ASSERT_EQ(vcpu_ucall(vcpu), UCALL_DONE)
#define vcpu_sync(v, n) do {							\
	struct vcpu *sync_ = (v);						\
										\
	ASSERT_EQ(vcpu_ucall(sync_), UCALL_SYNC);				\
	ASSERT_EQ(sync_->arg[0], (u64)(n));					\
} while (0)
/* Run until an exit that is not a ucall, which must be this one */
#define vcpu_exit(vcpu, reason)	ASSERT_EQ(vcpu_run_exit(vcpu), (u32)(reason))

/* The state groups: vcpu_get_regs(vcpu, &regs), vcpu_set_regs(...), vcpu_try_set_regs(...) */
#define VCPU_STATE(name, NAME)							\
static inline int vcpu_try_get_##name(struct vcpu *vcpu, struct lodge_##name *s)	\
{										\
	s->size = sizeof(*s);							\
	return ioctl(vcpu->fd, LODGE_VCPU_GET_##NAME, s);			\
}										\
										\
static inline int vcpu_try_set_##name(struct vcpu *vcpu, struct lodge_##name *s)	\
{										\
	s->size = sizeof(*s);							\
	return ioctl(vcpu->fd, LODGE_VCPU_SET_##NAME, s);			\
}										\
										\
static inline void vcpu_get_##name(struct vcpu *vcpu, struct lodge_##name *s)	\
{										\
	memset(s, 0, sizeof(*s));						\
	ASSERT_OK(vcpu_try_get_##name(vcpu, s));				\
}										\
										\
static inline void vcpu_set_##name(struct vcpu *vcpu, struct lodge_##name *s)	\
{										\
	ASSERT_OK(vcpu_try_set_##name(vcpu, s));				\
}

VCPU_STATE(regs, REGS)
VCPU_STATE(sregs, SREGS)
VCPU_STATE(debug, DEBUG)
VCPU_STATE(events, EVENTS)
VCPU_STATE(mp, MP)

int vcpu_try_get_xsave(struct vcpu *vcpu, void *data, u32 len);
int vcpu_try_set_xsave(struct vcpu *vcpu, const void *data, u32 len);
u64 vcpu_get_msr(struct vcpu *vcpu, u32 index);
int vcpu_set_msr(struct vcpu *vcpu, u32 index, u64 value);
int vcpu_get_cpuid(struct vcpu *vcpu, struct lodge_cpuid_leaf *leaf, u32 room);
int vcpu_set_cpuid(struct vcpu *vcpu, const struct lodge_cpuid_leaf *leaf, u32 nr);
int vcpu_interrupt(struct vcpu *vcpu, u32 vector);
int vcpu_nmi(struct vcpu *vcpu);
u64 vcpu_stat(struct vcpu *vcpu, enum lodge_stat stat);

/* Host side helpers */
void pin_to_cpu(int cpu);
int nr_cpus(void);
void need_cpus(int nr);
u64 now_ns(void);
void sleep_ms(unsigned int ms);
bool bochs_if_clear(void);
bool host_has(const char *cpuinfo_flag);
void set_parameter(const char *name, const char *value);
unsigned long host_interrupts(const char *line, int cpu);
pthread_t thread_start(void *(*fn)(void *), void *arg);

/* Machine code that is loaded elsewhere than where the test is linked: name_start, name_end */
#define GUEST_BLOB(name, code...)						\
	extern const char name##_start[], name##_end[];			\
	asm(".pushsection .rodata, \"a\"\n"					\
	    #name "_start:\n" code "\n" #name "_end:\n"				\
	    ".code64\n"								\
	    ".popsection\n")

#define vm_load_blob(vm, gpa, name)	vm_load(vm, gpa, name##_start, name##_end)

#endif /* LODGE_SELFTESTS_VM_H */
