/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's own page tables, walked in software.
 *
 * Pure code: the tables are read and marked through two callbacks.  The
 * emulator's ops use it to turn a linear address into a guest-physical one.
 *
 * Source: SDM Vol 3A, chapter 4 (paging).
 */
#ifndef LODGE_X86_WALK_H
#define LODGE_X86_WALK_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/types.h>
#else
#include "kshim.h"
#endif

/*
 * What an access is.  WRITE in a read means read-modify-write: the operand is
 * read now and written in the same instruction, so a fault tells of a write.
 */
#define LODGE_ACC_WRITE		0x1	/* a write, or a read that a write follows */
#define LODGE_ACC_FETCH		0x2	/* instruction bytes */
#define LODGE_ACC_USER		0x4	/* made at CPL 3 */
#define LODGE_ACC_IMPLICIT	0x8	/* by the processor for itself: GDT, IDT, TSS */

/* Bits of a page fault's error code. */
#define LODGE_PF_PRESENT	0x01
#define LODGE_PF_WRITE		0x02
#define LODGE_PF_USER		0x04
#define LODGE_PF_RSVD		0x08
#define LODGE_PF_FETCH		0x10
#define LODGE_PF_PK		0x20

/**
 * enum lodge_walk_result - what lodge_walk() returns beside a negative errno
 * @LODGE_WALK_OK: @lodge_walk.gpa and what follows it are valid
 * @LODGE_WALK_FAULT: inject #PF with @lodge_walk.error and CR2 = the address
 */
enum lodge_walk_result {
	LODGE_WALK_OK,
	LODGE_WALK_FAULT,
};

/**
 * struct lodge_walk - one walk's input, callbacks and result
 * @cr0: guest CR0 (PG, WP)
 * @cr3: guest CR3
 * @cr4: guest CR4 (PSE, PAE, LA57, SMEP, SMAP, PKE)
 * @efer: guest EFER (LMA, NXE)
 * @rflags: guest RFLAGS (AC, for SMAP)
 * @pkru: guest PKRU
 * @maxphyaddr: guest-physical address bits; entries with more are reserved
 * @gbpages: the guest's CPUID offers 1 GiB pages
 * @pdpte: the four PDPTEs that the processor holds in PAE paging, or NULL to
 *	read them from memory at CR3
 * @read_gpa: read @len (4 or 8, aligned) bytes of guest-physical memory; 0 or
 *	a negative errno that lodge_walk() passes on
 * @cmpxchg_gpa: replace an entry if it still holds @old, to set accessed and
 *	dirty; 0, -EAGAIN if it holds something else (the walk starts anew), or
 *	another errno to pass on.  NULL: accessed and dirty are not set.
 * @priv: the callbacks' own
 * @gpa: result: the guest-physical address
 * @size: result: bytes of the page that holds it (4096 with paging off)
 * @writable: result: a write with the same access rights would succeed
 * @user: result: the page is a user page
 * @error: result of a fault: the error code
 */
struct lodge_walk {
	u64 cr0, cr3, cr4, efer, rflags;
	u32 pkru;
	u8 maxphyaddr;
	bool gbpages;
	const u64 *pdpte;
	int (*read_gpa)(struct lodge_walk *w, u64 gpa, void *buf, unsigned int len);
	int (*cmpxchg_gpa)(struct lodge_walk *w, u64 gpa, u64 old, u64 new, unsigned int len);
	void *priv;

	u64 gpa;
	u64 size;
	bool writable;
	bool user;
	u32 error;
};

/**
 * lodge_walk() - translate one linear address
 * @w: state and callbacks in, result out
 * @linear: canonical linear address (32 bits of it outside IA-32e mode)
 * @access: LODGE_ACC_* bits
 *
 * The result holds for the page around @linear only; an access that crosses a
 * page takes two walks.
 *
 * Return: an enum lodge_walk_result, or what a callback returned below zero;
 * -EAGAIN when entries kept changing under the walk.
 */
int lodge_walk(struct lodge_walk *w, u64 linear, unsigned int access);

#endif /* LODGE_X86_WALK_H */
