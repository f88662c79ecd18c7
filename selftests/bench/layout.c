// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: page tables, descriptor tables, the copied loops; and the life of
 * a struct vm, which is the same for both back ends.
 */
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "bench.h"

#define PTE_TABLE	0x3	/* present, writable */
#define PTE_LARGE	0xe3	/* and accessed, dirty, 2 MiB */
#define GATE_INTERRUPT	0x8e00

/**
 * guest_address - where a label of guest.S is in the guest
 * @symbol: the label
 *
 * Return: guest-physical and, the mapping being identity, linear address.
 */
__u64 guest_address(const unsigned char *symbol)
{
	return GUEST_CODE + (symbol - guest_start);
}

struct guest_args *guest_args(struct vm *vm)
{
	return (struct guest_args *)(vm->mem + GUEST_ARGS);
}

static void set_gate(struct vm *vm, unsigned int vector, const unsigned char *handler)
{
	__u64 *gate = (__u64 *)(vm->mem + GUEST_IDT) + 2 * vector;
	__u64 address = guest_address(handler);

	gate[0] = (address & 0xffff) | GUEST_CS << 16 | (__u64)GATE_INTERRUPT << 32 |
		  (address & 0xffff0000) << 32;
	gate[1] = address >> 32;
}

static void lay_out(struct vm *vm)
{
	__u64 *pml4 = (__u64 *)(vm->mem + GUEST_PML4);
	__u64 *pdpt = (__u64 *)(vm->mem + GUEST_PDPT);
	__u64 *pd = (__u64 *)(vm->mem + GUEST_PD);
	__u64 *gdt = (__u64 *)(vm->mem + GUEST_GDT);
	__u64 i;

	pml4[0] = GUEST_PDPT | PTE_TABLE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (GUEST_PD + i * 4096) | PTE_TABLE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i << 21 | PTE_LARGE;

	gdt[GUEST_CS / 8] = 0x00af9b000000ffff;
	gdt[GUEST_DS / 8] = 0x00cf93000000ffff;
	gdt[GUEST_TR / 8] = 0x00008b0000000067 | (__u64)GUEST_TSS << 16;

	set_gate(vm, GUEST_NMI, guest_on_nmi);
	set_gate(vm, GUEST_VECTOR, guest_on_irq);
	memcpy(vm->mem + GUEST_CODE, guest_start, guest_end - guest_start);
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Pages of 4 KiB, all of them there: a fault is then the hypervisor's alone */
	madvise(p, size, MADV_NOHUGEPAGE);
	memset(p, 0, size);
	return p;
}

/**
 * vm_alloc_memory - guest memory, touched by the host and laid out
 * @vm: gets it
 *
 * Return: 0 or -1 after fail().
 */
int vm_alloc_memory(struct vm *vm)
{
	vm->mem = map(GUEST_MEM_SIZE);
	vm->fault_mem = map(FAULT_SIZE);
	if (!vm->mem || !vm->fault_mem)
		return fail("no memory for a guest");
	lay_out(vm);
	return 0;
}

void vm_free_memory(struct vm *vm)
{
	if (vm->mem)
		munmap(vm->mem, GUEST_MEM_SIZE);
	if (vm->fault_mem)
		munmap(vm->fault_mem, FAULT_SIZE);
	vm->mem = vm->fault_mem = NULL;
}

/**
 * vm_create - a VM around memory that is there
 * @vm: has its memory; the rest is filled in
 * @be: whose it shall be
 *
 * Return: 0 or -1 after fail(); vm_destroy() either way.
 */
int vm_create(struct vm *vm, const struct backend *be)
{
	vm->be = be;
	vm->fd = vm->vcpu = -1;
	vm->run = MAP_FAILED;
	return be->create(vm);
}

void vm_destroy(struct vm *vm)
{
	if (vm->run != MAP_FAILED)
		munmap(vm->run, vm->run_size);
	if (vm->vcpu >= 0)
		close(vm->vcpu);
	if (vm->fd >= 0)
		close(vm->fd);
}
