// SPDX-License-Identifier: GPL-2.0-only
/* A test's VM: memory, the program in it, descriptor tables and page tables */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_PS		(1ull << 7)
#define PTE_ADDRESS	0x000ffffffffff000ull

extern const char guest_stubs[];

/**
 * lodge_open - open /dev/lodge
 *
 * Return: descriptor; the test ends if there is none.
 */
int lodge_open(void)
{
	int fd = open("/dev/lodge", O_RDWR | O_CLOEXEC);

	ASSERT_OK(fd);
	return fd;
}

/**
 * lodge_info - what the module offers
 * @info: to fill
 */
void lodge_info(struct lodge_info *info)
{
	int fd = lodge_open();

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	ASSERT_OK(ioctl(fd, LODGE_GET_INFO, info));
	close(fd);
}

/* Copy the segments of this program to where they are in this process */
static void load_image(struct vm *vm)
{
	const ElfW(Phdr) *ph = (const void *)getauxval(AT_PHDR);
	unsigned long i, nr = getauxval(AT_PHNUM);

	for (i = 0; i < nr; i++, ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		ASSERT_GE(ph->p_vaddr, (unsigned long)GPA_IMAGE);
		ASSERT_LE(ph->p_vaddr + ph->p_memsz, (unsigned long)GPA_FREE);
		vm_load(vm, ph->p_vaddr, (void *)ph->p_vaddr,
			(void *)(ph->p_vaddr + ph->p_memsz));
	}
}

static void build_page_tables(struct vm *vm)
{
	u64 *pml4 = vm_ptr(vm, GPA_PML4), *pdpt = pml4 + 512, *pd = pdpt + 512;
	u64 *pdpt32 = vm_ptr(vm, GPA_PDPT32);
	u32 *pd32 = vm_ptr(vm, GPA_PD32);
	unsigned int i;

	pml4[0] = (GPA_PML4 + 0x1000) | PTE_P | PTE_W | PTE_U;
	for (i = 0; i < 4; i++) {
		pdpt[i] = (GPA_PML4 + 0x2000 + i * 0x1000) | PTE_P | PTE_W | PTE_U;
		pdpt32[i] = (GPA_PML4 + 0x2000 + i * 0x1000) | PTE_P;
	}
	for (i = 0; i < 4 * 512; i++)
		pd[i] = (u64)i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
	for (i = 0; i < 1024; i++)
		pd32[i] = i << 22 | PTE_P | PTE_W | PTE_U | PTE_PS;
	vm->next_table = GPA_TABLES;
}

/**
 * vm_gate - set an entry of the IDT
 * @vm: the VM
 * @vector: which
 * @target: handler's address
 * @type: 14 for an interrupt gate, 15 for a trap gate; 0 for a gate that is not present
 * @ist: 0 or 1
 */
void vm_gate(struct vm *vm, u8 vector, u64 target, u8 type, u8 ist)
{
	u64 *gate = (u64 *)vm_ptr(vm, GPA_IDT) + 2 * vector;

	gate[0] = (target & 0xffff) | SEL_CODE << 16 | (u64)ist << 32 |
		  (target >> 16 & 0xffff) << 48;
	if (type)
		gate[0] |= (0xe0ull | type) << 40;	/* present, DPL 3 */
	gate[1] = target >> 32;
}

static void build_idt(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		vm_gate(vm, i, (u64)guest_stubs + 16 * i, 14, 0);
}

u32 vm_tsc_khz;

/**
 * vm_bare - create a VM without memory
 * @name: its name
 *
 * Return: its descriptor.
 */
int vm_bare(const char *name)
{
	struct lodge_create_vm create = { .size = sizeof(create) };
	int fd, dev = lodge_open();

	snprintf(create.name, sizeof(create.name), "%s", name);
	fd = ioctl(dev, LODGE_CREATE_VM, &create);
	ASSERT_OK(fd);
	close(dev);
	return fd;
}

/**
 * vm_create_on - create a VM with given memory
 * @flags: LODGE_VM_*
 * @mem: memory for guest-physical 0 on
 * @size: at least GPA_FREE bytes
 *
 * Return: the VM.
 */
struct vm *vm_create_on(u32 flags, void *mem, size_t size)
{
	struct lodge_create_vm create = { .size = sizeof(create), .flags = flags,
					   .tsc_khz = vm_tsc_khz };
	int fd, dev = lodge_open();

	fd = ioctl(dev, LODGE_CREATE_VM, &create);
	close(dev);
	return vm_of(fd, mem, size);
}

/**
 * vm_of - give a VM its memory
 * @fd: of the VM, which is new
 * @mem: memory for guest-physical 0 on
 * @size: at least GPA_FREE bytes
 *
 * Return: the VM.
 */
struct vm *vm_of(int fd, void *mem, size_t size)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	ASSERT_TRUE(vm);
	ASSERT_NE(mem, MAP_FAILED);
	ASSERT_OK(fd);
	vm->fd = fd;
	vm->mem = mem;
	vm->size = size;
	load_image(vm);
	build_page_tables(vm);
	build_idt(vm);
	vm_slot(vm, VM_SLOT, 0, 0, size, mem);
	return vm;
}

/**
 * vm_create - create a VM with VM_MEMORY of anonymous memory
 * @flags: LODGE_VM_*
 *
 * Return: the VM.
 */
struct vm *vm_create(u32 flags)
{
	void *mem = mmap(NULL, VM_MEMORY, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return vm_create_on(flags, mem, VM_MEMORY);
}

/**
 * vm_shared_memory - memory for vm_create_on() that processes forked later share
 * @size: bytes
 *
 * Return: the memory.
 */
void *vm_shared_memory(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(mem, MAP_FAILED);
	return mem;
}

/**
 * vm_free - close the VM and unmap its memory
 * @vm: whose vCPUs were freed
 */
void vm_free(struct vm *vm)
{
	ASSERT_OK(close(vm->fd));
	munmap(vm->mem, vm->size);
	free(vm);
}

/**
 * vm_slot_try - LODGE_VM_SET_SLOT
 * @vm: the VM
 * @slot: number
 * @flags: LODGE_SLOT_*
 * @gpa: guest-physical address
 * @len: bytes; 0 removes
 * @hva: memory
 *
 * Return: as the ioctl.
 */
int vm_slot_try(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 len, void *hva)
{
	struct lodge_slot s = {
		.size = sizeof(s), .slot = slot, .flags = flags,
		.gpa = gpa, .len = len, .hva = (u64)hva,
	};

	return ioctl(vm->fd, LODGE_VM_SET_SLOT, &s);
}

/* As vm_slot_try(); a failure ends the test */
void vm_slot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 len, void *hva)
{
	ASSERT_OK(vm_slot_try(vm, slot, flags, gpa, len, hva));
}

/**
 * vm_load - copy into guest memory
 * @vm: the VM
 * @gpa: where to
 * @start: first byte
 * @end: after the last byte
 */
void vm_load(struct vm *vm, u64 gpa, const void *start, const void *end)
{
	size_t len = (const char *)end - (const char *)start;

	ASSERT_LE(gpa + len, vm->size);
	memcpy(vm_ptr(vm, gpa), start, len);
}

/**
 * vm_handler - have an exception or interrupt handled
 * @vm: the VM
 * @vector: which
 * @handler: function of the test; NULL for none
 */
void vm_handler(struct vm *vm, u8 vector, guest_handler handler)
{
	GUEST_VAR(vm, guest_handlers)[vector] = handler;
}

static u64 *next_level(struct vm *vm, u64 *entry, u64 size)
{
	u64 old = *entry, *table, i;

	if ((old & PTE_P) && !(old & PTE_PS))
		return vm_ptr(vm, old & PTE_ADDRESS);
	ASSERT_LT(vm->next_table, 0x80000ul);
	table = vm_ptr(vm, vm->next_table);
	for (i = 0; i < 512; i++) {
		table[i] = 0;
		if (old & PTE_P)	/* a large page falls into 512 */
			table[i] = (old & ~PTE_PS) + i * size;
	}
	*entry = vm->next_table | PTE_P | PTE_W | PTE_U;
	vm->next_table += 0x1000;
	return table;
}

/**
 * vm_map_page - change the guest's mapping of one 4 KiB page (long mode)
 * @vm: the VM
 * @gva: linear address
 * @gpa: guest-physical address
 * @flags: low bits of the page-table entry; 0 for not present
 */
void vm_map_page(struct vm *vm, u64 gva, u64 gpa, u64 flags)
{
	u64 *pml4 = vm_ptr(vm, GPA_PML4), *pdpt, *pd, *pt;

	pdpt = next_level(vm, &pml4[gva >> 39 & 511], 0);
	pd = next_level(vm, &pdpt[gva >> 30 & 511], 0);
	pt = next_level(vm, &pd[gva >> 21 & 511], 0x1000);
	pt[gva >> 12 & 511] = gpa | flags;
}
