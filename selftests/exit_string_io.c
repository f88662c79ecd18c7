// SPDX-License-Identifier: GPL-2.0-only
/* INS and OUTS: single and repeated, all widths, both directions, across pages */
#include "vm.h"

#define AREA	((u8 *)GPA_SCRATCH)

/* OUTS or INS with all of it given; back come the pointer and the count */
#define STRING_IO(insn, port, ptr, n, down) ({					\
	u64 p_ = (u64)(ptr), n_ = (n);						\
										\
	asm volatile("test %[d], %[d]; jz 1f; std; 1: " insn "; cld"		\
		     : "+S" (p_), "+c" (n_)					\
		     : [d] "r" (down), "d" (port), "D" (p_) : "memory", "cc");	\
	(p_ - (u64)(ptr));							\
})

#define STRING_IN(insn, port, ptr, n, down) ({					\
	u64 p_ = (u64)(ptr), n_ = (n);						\
										\
	asm volatile("test %[d], %[d]; jz 1f; std; 1: " insn "; cld"		\
		     : "+D" (p_), "+c" (n_)					\
		     : [d] "r" (down), "d" (port) : "memory", "cc");		\
	GUEST_ASSERT(!n_ || insn[0] != 'r');	/* a REP has counted down */	\
	(p_ - (u64)(ptr));							\
})

static void fill(void)
{
	u32 i;

	for (i = 0; i < 0x4000; i++)
		AREA[i] = i ^ i >> 8;
}

static u8 filled(u32 i)
{
	return i ^ i >> 8;
}

static void outs_guest(void)
{
	fill();
	GUEST_ASSERT_EQ(STRING_IO("outsb", 0x80, AREA, 1, 0), 1);
	GUEST_ASSERT_EQ(STRING_IO("outsw", 0x81, AREA + 4, 1, 0), 2);
	GUEST_ASSERT_EQ(STRING_IO("outsl", 0x82, AREA + 8, 1, 0), 4);
	GUEST_ASSERT_EQ(STRING_IO("rep outsb", 0x83, AREA + 3, 21, 0), 21);
	GUEST_ASSERT_EQ(STRING_IO("rep outsw", 0x84, AREA + 0xffd, 9, 0), 18);
	GUEST_ASSERT_EQ(STRING_IO("rep outsl", 0x85, AREA + 0x10, 2500, 0), 10000);
	GUEST_ASSERT_EQ(STRING_IO("rep outsb", 0x86, AREA + 0x1005, 16, 1), (u64)-16);
	GUEST_ASSERT_EQ(STRING_IO("rep outsl", 0x87, AREA + 0x2008, 8, 1), (u64)-32);
	GUEST_ASSERT_EQ(STRING_IO("rep outsb", 0x88, AREA, 0, 0), 0);
}

/* Collects what one REP sends, over as many exits as it takes */
static u32 collect(struct vcpu *vcpu, u16 port, u8 width, u32 count, u8 *to)
{
	const struct lodge_run_io *io = &vcpu->run->io;
	u32 got = 0;

	while (got < count) {
		vcpu_exit(vcpu, LODGE_EXIT_IO);
		ASSERT_EQ(io->port, port);
		ASSERT_EQ(io->direction, LODGE_IO_OUT);
		ASSERT_EQ(io->width, width);
		ASSERT_GE(io->count, 1u);
		ASSERT_LE(got + io->count, count);
		ASSERT_LE(io->data_offset + io->count * width, (u32)vcpu->run_size);
		memcpy(to + got * width, (u8 *)vcpu->run + io->data_offset, io->count * width);
		got += io->count;
	}
	return got;
}

static void expect_outs(struct vcpu *vcpu, u16 port, u8 width, u32 count, u32 from, int step)
{
	static u8 got[0x4000];
	u32 i, j;

	collect(vcpu, port, width, count, got);
	for (i = 0; i < count; i++)
		for (j = 0; j < width; j++)
			ASSERT_EQ(got[i * width + j], filled(from + (int)i * step + j));
}

TEST(outs)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, outs_guest);

	expect_outs(vcpu, 0x80, 1, 1, 0, 1);
	expect_outs(vcpu, 0x81, 2, 1, 4, 2);
	expect_outs(vcpu, 0x82, 4, 1, 8, 4);
	expect_outs(vcpu, 0x83, 1, 21, 3, 1);
	expect_outs(vcpu, 0x84, 2, 9, 0xffd, 2);
	expect_outs(vcpu, 0x85, 4, 2500, 0x10, 4);
	expect_outs(vcpu, 0x86, 1, 16, 0x1005, -1);
	expect_outs(vcpu, 0x87, 4, 8, 0x2008, -4);
	vcpu_done(vcpu);
}

static void ins_guest(void)
{
	u32 i;

	GUEST_ASSERT_EQ(STRING_IN("insb", 0x90, AREA, 1, 0), 1);
	GUEST_ASSERT_EQ(AREA[0], filled(0));
	GUEST_ASSERT_EQ(STRING_IN("rep insb", 0x91, AREA + 0xff8, 20, 0), 20);
	for (i = 0; i < 20; i++)
		GUEST_ASSERT_EQ(AREA[0xff8 + i], filled(i));
	GUEST_ASSERT_EQ(STRING_IN("rep insl", 0x92, AREA + 0x2000, 2500, 0), 10000);
	for (i = 0; i < 10000; i++)
		GUEST_ASSERT_EQ(AREA[0x2000 + i], filled(i));
	GUEST_ASSERT_EQ(STRING_IN("rep insw", 0x93, AREA + 0x1006, 8, 1), (u64)-16);
	for (i = 0; i < 8; i++) {
		GUEST_ASSERT_EQ(AREA[0x1006 - 2 * i], filled(2 * i));
		GUEST_ASSERT_EQ(AREA[0x1007 - 2 * i], filled(2 * i + 1));
	}
}

static void feed(struct vcpu *vcpu, u16 port, u8 width, u32 count)
{
	const struct lodge_run_io *io = &vcpu->run->io;
	u32 i, given = 0;

	while (given < count) {
		vcpu_exit(vcpu, LODGE_EXIT_IO);
		ASSERT_EQ(io->port, port);
		ASSERT_EQ(io->direction, LODGE_IO_IN);
		ASSERT_EQ(io->width, width);
		ASSERT_GE(io->count, 1u);
		ASSERT_LE(given + io->count, count);
		ASSERT_LE(io->data_offset + io->count * width, (u32)vcpu->run_size);
		for (i = 0; i < io->count * width; i++)
			((u8 *)vcpu->run)[io->data_offset + i] = filled(given * width + i);
		given += io->count;
	}
}

TEST(ins)
{
	struct vcpu *vcpu = vcpu_long(vm_create(0), 0, ins_guest);

	feed(vcpu, 0x90, 1, 1);
	feed(vcpu, 0x91, 1, 20);
	feed(vcpu, 0x92, 4, 2500);
	feed(vcpu, 0x93, 2, 8);
	vcpu_done(vcpu);
}

/* INS into a page that faults in the guest: nothing is lost, and CR2 is right */
#define HOLE	0x40000000ull

static volatile u32 faults;

static void map_hole(struct guest_frame *f)
{
	GUEST_ASSERT_EQ(f->error, 2);
	GUEST_ASSERT_EQ(read_cr2(), HOLE + 0x1000);
	faults++;
	/* the test left the address of the page-table entry, and its value */
	**(volatile u64 **)(GPA_SCRATCH + 16) = *(volatile u64 *)(GPA_SCRATCH + 24);
	asm volatile("invlpg (%0)" : : "r" (HOLE + 0x1000) : "memory");
}

static void ins_fault_guest(void)
{
	volatile u8 *p = (u8 *)HOLE;
	u32 i;

	GUEST_ASSERT_EQ(STRING_IN("rep insb", 0x91, HOLE + 0xff0, 32, 0), 32);
	GUEST_ASSERT_EQ(faults, 1);
	for (i = 0; i < 32; i++)
		GUEST_ASSERT_EQ(p[0xff0 + i], filled(i));
}

TEST(ins_faults_in_guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_long(vm, 0, ins_fault_guest);
	u64 pt;

	vm_map_page(vm, HOLE, GPA_FREE, 7);
	vm_map_page(vm, HOLE + 0x1000, 0, 0);
	pt = vm->next_table - 0x1000;
	*(u64 *)vm_ptr(vm, GPA_SCRATCH + 16) = pt + 8;
	*(u64 *)vm_ptr(vm, GPA_SCRATCH + 24) = (GPA_FREE + 0x1000) | 7;
	vm_handler(vm, X_PF, map_hole);
	feed(vcpu, 0x91, 1, 32);
	vcpu_done(vcpu);
}
