// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: page tables, descriptor tables, the guest code; and the life of a
 * struct machine, as far as it is the same for both back ends.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "backend.h"

#define PTE_TABLE	0x3	/* present, writable */
#define PTE_LARGE	0xe3	/* and accessed, dirty, 2 MiB */
#define GATE_INTERRUPT	0x8e00

/**
 * machine_guest_address - where a label of the guest code is in the guest
 * @m: has its code
 * @symbol: the label
 *
 * Return: guest-physical and, the mapping being one to one, linear address.
 */
__u64 machine_guest_address(const struct machine *m, const unsigned char *symbol)
{
	return GUEST_CODE + (symbol - m->code->start);
}

static void set_gate(struct machine *m, unsigned int vector, const unsigned char *handler)
{
	__u64 *gate = (__u64 *)(m->mem + GUEST_IDT) + 2 * vector;
	__u64 address = machine_guest_address(m, handler);

	gate[0] = (address & 0xffff) | GUEST_CS << 16 | (__u64)GATE_INTERRUPT << 32 |
		  (address & 0xffff0000) << 32;
	gate[1] = address >> 32;
}

static void lay_out(struct machine *m)
{
	__u64 *pml4 = (__u64 *)(m->mem + GUEST_PML4);
	__u64 *pdpt = (__u64 *)(m->mem + GUEST_PDPT);
	__u64 *pd = (__u64 *)(m->mem + GUEST_PD);
	__u64 *gdt = (__u64 *)(m->mem + GUEST_GDT);
	__u64 i;

	pml4[0] = GUEST_PDPT | PTE_TABLE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (GUEST_PD + i * 4096) | PTE_TABLE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i << 21 | PTE_LARGE;

	gdt[GUEST_CS / 8] = 0x00af9b000000ffff;
	gdt[GUEST_DS / 8] = 0x00cf93000000ffff;
	gdt[GUEST_TR / 8] = 0x00008b0000000067 | (__u64)GUEST_TSS << 16;

	if (m->code->on_nmi)
		set_gate(m, GUEST_NMI, m->code->on_nmi);
	if (m->code->on_irq)
		set_gate(m, GUEST_VECTOR, m->code->on_irq);
	memcpy(m->mem + GUEST_CODE, m->code->start, m->code->end - m->code->start);
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
 * machine_alloc_memory - guest memory, touched by the host and laid out
 * @m: gets it
 * @code: the guest code
 * @extra_size: bytes of a second slot at EXTRA_GPA, or 0
 *
 * Return: 0 or -1 after fail(); machine_free_memory() either way.
 */
int machine_alloc_memory(struct machine *m, const struct guest_code *code, size_t extra_size)
{
	m->fd = -1;
	m->vcpu = -1;
	m->run = MAP_FAILED;
	m->code = code;
	m->extra_size = extra_size;
	m->mem = map(GUEST_MEM_SIZE);
	if (extra_size)
		m->extra = map(extra_size);
	if (!m->mem || (extra_size && !m->extra))
		return fail("no memory for a guest");
	lay_out(m);
	return 0;
}

void machine_free_memory(struct machine *m)
{
	if (m->mem)
		munmap(m->mem, GUEST_MEM_SIZE);
	if (m->extra)
		munmap(m->extra, m->extra_size);
	m->mem = NULL;
	m->extra = NULL;
}

/**
 * machine_create - a VM around memory that is there
 * @m: has its memory; the rest is filled in
 * @be: whose it shall be
 *
 * Return: 0 or -1 after fail(); machine_destroy() either way.
 */
int machine_create(struct machine *m, const struct backend *be)
{
	m->be = be;
	return be->create(m);
}

/* A vCPU alone; the VM stays */
void machine_remove_vcpu(struct machine *m)
{
	if (m->run != MAP_FAILED)
		munmap(m->run, m->run_size);
	if (m->vcpu >= 0)
		close(m->vcpu);
	m->vcpu = -1;
	m->run = MAP_FAILED;
}

void machine_destroy(struct machine *m)
{
	machine_remove_vcpu(m);
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/**
 * machine_port - a port access that came to user space, for the back ends
 * @m: whose
 * @port: port number
 * @data: what is written, or where to put what is read
 * @width: its bytes
 *
 * Return: 1 when the guest has ended, 0 to run on, or -1.
 */
int machine_port(struct machine *m, unsigned int port, void *data, unsigned int width)
{
	if (port == PORT_DONE)
		return 1;
	if (port != PORT_USER)
		return fail("%s: the guest uses port %#x", m->be->name, port);
	memset(data, 0, width);
	return m->on_port ? m->on_port(m) : 0;
}

/**
 * backend_call - an ioctl that must succeed, and may be interrupted (the freezer does)
 * @fd: file descriptor
 * @request: its number
 * @arg: its argument
 * @name: for the message
 *
 * Return: what it returned, or -1 after fail().
 */
int backend_call(int fd, unsigned long request, void *arg, const char *name)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? fail("%s: %s", name, strerror(errno)) : ret;
}
