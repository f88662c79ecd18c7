// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest page walker: tables by hand for every mode, then random tables
 * against a reference that is written the other way round, mode by mode.
 *
 * native-sources: x86/walk.c
 *
 * Usage: walk_test [-s seed] [-n walks]
 */
#include <sys/random.h>
#include <unistd.h>

#include "x86/walk.h"

#define MEM_PAGES	32
#define MEM_SIZE	(MEM_PAGES * 4096u)

#define PG	(1ULL << 31 | 1)
#define WP	(1ULL << 16)
#define PSE	(1ULL << 4)
#define PAE	(1ULL << 5)
#define LA57	(1ULL << 12)
#define SMEP	(1ULL << 20)
#define SMAP	(1ULL << 21)
#define PKE	(1ULL << 22)
#define LMA	(1ULL << 10)
#define NXE	(1ULL << 11)
#define AC	(1ULL << 18)
#define NX	(1ULL << 63)

static u8 mem[MEM_SIZE];
static unsigned int test_number, failures, races, reads;
static int read_errno;
static u64 rnd_state;

static u64 rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (rnd() >> 32) % n;
}

static void result(bool ok, const char *name)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++test_number, name);
	failures += !ok;
}

/* Outside the memory all bits are clear: not present. */
static int read_gpa(struct lodge_walk *w, u64 gpa, void *buf, unsigned int len)
{
	reads++;
	if (gpa % len)
		abort();
	memset(buf, 0, len);
	if (read_errno)
		return read_errno;
	if (gpa < MEM_SIZE)
		memcpy(buf, mem + gpa, len);
	return 0;
}

static int cmpxchg_gpa(struct lodge_walk *w, u64 gpa, u64 old, u64 new, unsigned int len)
{
	u64 now = 0;

	if (gpa % len || gpa >= MEM_SIZE)
		abort();
	if (races) {
		races--;
		return -EAGAIN;
	}
	memcpy(&now, mem + gpa, len);
	if (now != old)
		return -EAGAIN;
	memcpy(mem + gpa, &new, len);
	return 0;
}

static void put(u64 gpa, u64 entry, unsigned int len)
{
	memcpy(mem + gpa, &entry, len);
}

static u64 get(u64 gpa, unsigned int len)
{
	u64 v = 0;

	memcpy(&v, mem + gpa, len);
	return v;
}

/* Tables by hand */

struct row {
	const char *name;
	u64 cr0, cr4, efer, rflags;
	u32 pkru;
	u64 e[5];		/* entries from the top down */
	unsigned int access;
	int want;		/* enum lodge_walk_result */
	u32 error;
	u64 gpa, size;
};

#define RD	0
#define WR	LODGE_ACC_WRITE
#define EX	LODGE_ACC_FETCH
#define US	LODGE_ACC_USER
#define IMP	LODGE_ACC_IMPLICIT
#define OK	LODGE_WALK_OK
#define PF	LODGE_WALK_FAULT
#define T1	0x2000		/* the tables below the one at 0x1000 */
#define T2	0x3000
#define T3	0x4000
#define T4	0x5000
#define L	(LMA | NXE)
#define KEY(n)	((u64)(n) << 59)

/* The address is 0x0000008040403123 & what the mode has: index 1 everywhere. */
#define LINEAR	(1ULL << 48 | 1ULL << 39 | 1ULL << 30 | 1ULL << 21 | 1ULL << 12 | 0x123)

static const struct row rows[] = {
	{ "off", 1, 0, 0, 0, 0, { 0 }, WR | US, OK, 0, (u32)LINEAR, 4096 },
	/* 32-bit: indices 0x101 and 0x201 */
	{ "32-bit", PG, 0, 0, 0, 0, { T1 | 3, 0x9003 }, RD, OK, 0, 0x9123, 4096 },
	{ "32-bit no PDE", PG, 0, 0, 0, 0, { 0 }, WR, PF, 2 },
	{ "32-bit no PTE", PG, 0, 0, 0, 0, { T1 | 7 }, WR | US, PF, 6 },
	{ "32-bit user", PG, 0, 0, 0, 0, { T1 | 3, 0x9007 }, US, PF, 5 },
	{ "32-bit write", PG, 0, 0, 0, 0, { T1 | 7, 0x9005 }, WR | US, PF, 7 },
	{ "32-bit without WP", PG, 0, 0, 0, 0, { T1 | 7, 0x9005 }, WR, OK, 0, 0x9123, 4096 },
	{ "32-bit with WP", PG | WP, 0, 0, 0, 0, { T1 | 7, 0x9005 }, WR, PF, 3 },
	{ "32-bit fetch has no bit", PG, 0, 0, 0, 0, { T1 | 3, 0x9003 }, EX | US, PF, 5 },
	{ "32-bit PS without PSE", PG, 0, 0, 0, 0, { T1 | 0x83, 0x9003 }, RD, OK, 0, 0x9123, 4096 },
	{ "4 MiB", PG, PSE, 0, 0, 0, { 0x800083 }, RD, OK, 0, 0xa01123, 4 << 20 },
	{ "PSE-36", PG, PSE, 0, 0, 0, { 0x806083 }, RD, OK, 0, 0x300a01123, 4 << 20 },
	{ "PSE-36 reserved", PG, PSE, 0, 0, 0, { 0xa00083 }, RD, PF, 9 },
	{ "PSE-36 too wide", PG, PSE, 0, 0, 0, { 0x900083 }, RD, PF, 9 },
	{ "32-bit SMEP", PG, SMEP, 0, 0, 0, { T1 | 7, 0x9007 }, EX, PF, 17 },
	/* PAE */
	{ "PAE", PG, PAE, 0, 0, 0, { T1 | 1, T2 | 7, 0x9007 }, WR | US, OK, 0, 0x9123, 4096 },
	{ "PAE no PDPTE", PG, PAE, 0, 0, 0, { 0 }, US, PF, 4 },
	{ "PAE PDPTE reserved", PG, PAE, 0, 0, 0, { T1 | 3, T2 | 7, 0x9007 }, RD, PF, 9 },
	{ "PAE 2 MiB", PG, PAE, 0, 0, 0, { T1 | 1, 0x800087 }, RD, OK, 0, 0x801123, 2 << 20 },
	{ "PAE 2 MiB reserved", PG, PAE, 0, 0, 0, { T1 | 1, 0x802087 }, RD, PF, 9 },
	{ "PAE NX off", PG, PAE, 0, 0, 0, { T1 | 1, T2 | 7, NX | 0x9007 }, RD, PF, 9 },
	{ "PAE NX", PG, PAE, NXE, 0, 0, { T1 | 1, T2 | 7, NX | 0x9007 }, EX | US, PF, 21 },
	{ "PAE NX above", PG, PAE, NXE, 0, 0, { T1 | 1, NX | T2 | 7, 0x9007 }, EX, PF, 17 },
	{ "PAE bit 52", PG, PAE, 0, 0, 0, { T1 | 1, T2 | 7, 1ULL << 52 | 0x9007 }, RD, PF, 9 },
	/* four levels */
	{ "4 levels", PG, PAE, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, WR | US, OK, 0,
	  0x9123, 4096 },
	{ "bits 52 to 62 are free", PG, PAE, L, 0, 0,
	  { 0x7ffULL << 52 | T1 | 7, T2 | 7, T3 | 7, 0x7ffULL << 52 | 0x9007 }, WR | US, OK, 0,
	  0x9123, 4096 },
	{ "PML4E with PS", PG, PAE, L, 0, 0, { T1 | 0x87 }, RD, PF, 9 },
	{ "address too wide", PG, PAE, L, 0, 0, { 1ULL << 40 | T1 | 7 }, RD, PF, 9 },
	{ "1 GiB", PG, PAE, L, 0, 0, { T1 | 7, 0x80000087 }, RD, OK, 0, 0x80201123, 1 << 30 },
	{ "1 GiB reserved", PG, PAE, L, 0, 0, { T1 | 7, 0x80002087 }, RD, PF, 9 },
	{ "2 MiB with PAT", PG, PAE, L, 0, 0, { T1 | 7, T2 | 7, 0x801087 }, RD, OK, 0, 0x801123,
	  2 << 20 },
	{ "user bit above", PG, PAE, L, 0, 0, { T1 | 7, T2 | 3, T3 | 7, 0x9007 }, US, PF, 5 },
	{ "write bit above", PG, PAE, L, 0, 0, { T1 | 5, T2 | 7, T3 | 7, 0x9007 }, US | WR, PF, 7 },
	{ "NX above", PG, PAE, L, 0, 0, { NX | T1 | 7, T2 | 7, T3 | 7, 0x9007 }, EX, PF, 17 },
	{ "not present fetch", PG, PAE, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0 }, EX | US, PF, 20 },
	{ "SMEP", PG, PAE | SMEP, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, EX, PF, 17 },
	{ "SMEP lets supervisor pages", PG, PAE | SMEP, L, 0, 0, { T1 | 7, T2 | 7, T3 | 3, 0x9007 },
	  EX, OK, 0, 0x9123, 4096 },
	{ "SMAP", PG, PAE | SMAP, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, WR, PF, 3 },
	{ "SMAP with AC", PG, PAE | SMAP, L, AC, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, WR, OK, 0,
	  0x9123, 4096 },
	{ "SMAP implicit", PG, PAE | SMAP, L, AC, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, US | IMP,
	  PF, 1 },
	{ "SMAP spares user code", PG, PAE | SMAP, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 }, US,
	  OK, 0, 0x9123, 4096 },
	{ "key AD", PG, PAE | PKE, L, 0, 1 << 6, { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9007 }, RD,
	  PF, 0x21 },
	{ "key WD", PG, PAE | PKE, L, 0, 2 << 6, { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9007 },
	  WR | US, PF, 0x27 },
	{ "key WD, supervisor without WP", PG, PAE | PKE, L, 0, 2 << 6,
	  { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9007 }, WR, OK, 0, 0x9123, 4096 },
	{ "key WD, supervisor with WP", PG | WP, PAE | PKE, L, 0, 2 << 6,
	  { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9007 }, WR, PF, 0x23 },
	{ "key and fetch", PG, PAE | PKE, L, 0, 3 << 6,
	  { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9007 }, EX | US, OK, 0, 0x9123, 4096 },
	{ "key of a supervisor page", PG, PAE | PKE, L, 0, 3 << 6,
	  { T1 | 7, T2 | 7, T3 | 7, KEY(3) | 0x9003 }, RD, OK, 0, 0x9123, 4096 },
	{ "5 levels", PG, PAE | LA57, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, T4 | 7, 0x9007 }, WR | US,
	  OK, 0, 0x9123, 4096 },
	{ "5 levels, no PML5E", PG, PAE | LA57, L, 0, 0, { 0 }, WR, PF, 2 },
};

static void set_up(struct lodge_walk *w, const struct row *r)
{
	bool pae = (r->cr4 & PAE);
	unsigned int len = pae ? 8 : 4, i;
	u64 table = 0x1000, index;

	memset(mem, 0, sizeof(mem));
	*w = (struct lodge_walk){
		.cr0 = r->cr0, .cr3 = 0x1000, .cr4 = r->cr4, .efer = r->efer,
		.rflags = r->rflags, .pkru = r->pkru, .maxphyaddr = 36, .gbpages = true,
		.read_gpa = read_gpa, .cmpxchg_gpa = cmpxchg_gpa,
	};
	for (i = 0; i < 5; i++) {
		/* all indices are 1 but those of 32-bit paging */
		index = pae ? 1 : i == 0 ? (u32)LINEAR >> 22 : LINEAR >> 12 & 0x3ff;
		if (i && !r->e[i])
			break;
		put(table + index * len, r->e[i], len);
		table = r->e[i] & 0xff000;
	}
}

static bool by_hand(void)
{
	unsigned int i;
	bool all = true;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct lodge_walk w;
		int ret;

		set_up(&w, r);
		ret = lodge_walk(&w, LINEAR, r->access);
		if (ret != r->want || (ret == PF && w.error != r->error) ||
		    (ret == OK && (w.gpa != r->gpa || w.size != r->size))) {
			printf("# %s: %d error %#x gpa %#llx size %#llx\n", r->name, ret, w.error,
			       w.gpa, w.size);
			all = false;
		}
	}
	return all;
}

static bool accessed_and_dirty(void)
{
	static const struct row r = {
		"", PG, PAE, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9007 },
	};
	static const struct row ro = {
		"", PG | WP, PAE, L, 0, 0, { T1 | 7, T2 | 7, T3 | 7, 0x9005 },
	};
	struct lodge_walk w;
	bool ok = true;

	set_up(&w, &r);
	ok &= lodge_walk(&w, LINEAR, RD) == OK && w.writable && w.user;
	ok &= get(0x1008, 8) == (T1 | 0x27) && get(T1 + 8, 8) == (T2 | 0x27);
	ok &= get(T3 + 8, 8) == 0x9027;
	ok &= lodge_walk(&w, LINEAR, WR) == OK && get(T3 + 8, 8) == 0x9067;
	ok &= get(T2 + 8, 8) == (T3 | 0x27);

	/* nothing is marked by a walk that faults */
	set_up(&w, &ro);
	ok &= lodge_walk(&w, LINEAR, WR) == PF && get(T3 + 8, 8) == 0x9005;
	ok &= get(0x1008, 8) == (T1 | 7);
	ok &= lodge_walk(&w, LINEAR, RD) == OK && !w.writable;

	/* an entry that changes under the walk */
	set_up(&w, &r);
	races = 3;
	ok &= lodge_walk(&w, LINEAR, WR) == OK && get(T3 + 8, 8) == 0x9067;
	set_up(&w, &r);
	races = 1000;
	ok &= lodge_walk(&w, LINEAR, WR) == -EAGAIN;
	races = 0;

	/* without the callback */
	set_up(&w, &r);
	w.cmpxchg_gpa = NULL;
	ok &= lodge_walk(&w, LINEAR, WR) == OK && get(T3 + 8, 8) == 0x9007;
	return ok;
}

static bool misfortunes(void)
{
	static const struct row r = {
		"", PG, PAE, 0, 0, 0, { T1 | 1, T2 | 7, 0x9007 },
	};
	static const u64 pdpte[4] = { 0, T4 | 1, 0, 0 };
	struct lodge_walk w;
	bool ok = true;

	set_up(&w, &r);
	read_errno = -EFAULT;
	ok &= lodge_walk(&w, LINEAR, RD) == -EFAULT;
	read_errno = 0;

	/* the processor's own PDPTEs, not those in memory */
	w.pdpte = pdpte;
	put(T4 + 8, T2 | 7, 8);
	reads = 0;
	ok &= lodge_walk(&w, LINEAR, WR) == OK && w.gpa == 0x9123 && reads == 2;
	ok &= get(0x1008, 8) == (T1 | 1) && get(T4 + 8, 8) == (T2 | 0x27);

	/* tables outside memory, and a table that is its own */
	set_up(&w, &r);
	w.cr3 = ~0ULL;
	ok &= lodge_walk(&w, LINEAR, RD) == PF && w.error == 0;
	w.efer = L;
	w.cr3 = 0x1000;
	put(0x1008, 0x1007, 8);
	ok &= lodge_walk(&w, LINEAR, RD) == OK && w.gpa == 0x1123;
	return ok;
}

/* The reference: one mode after the other, straight from the manual's figures. */

struct ref {
	const struct lodge_walk *w;
	bool fault, present, rsvd;
	bool user, write, nx;
	u64 gpa, size, leaf;
};

static bool ref_take(struct ref *r, u64 entry, u64 rsvd)
{
	if (!(entry & 1)) {
		r->fault = true;
		return false;
	}
	if (entry & rsvd) {
		r->fault = true;
		r->present = true;
		r->rsvd = true;
		return false;
	}
	r->write &= entry >> 1 & 1;
	r->user &= entry >> 2 & 1;
	r->nx |= entry >> 63;
	r->leaf = entry;
	return true;
}

static u64 ref_bits(unsigned int from, unsigned int to)
{
	u64 v = 0;

	for (; from <= to; from++)
		v |= 1ULL << from;
	return v;
}

static u64 ref_entry(u64 at, unsigned int len)
{
	return at < MEM_SIZE ? get(at, len) : 0;
}

static void ref_32(struct ref *r, u32 la)
{
	const struct lodge_walk *w = r->w;
	u64 e = ref_entry((w->cr3 & 0xfffff000) + (la >> 22) * 4, 4);

	if ((e & 0x80) && (e & 1) && (w->cr4 & PSE)) {
		u64 wide = (e >> 13 & 0xff) << 32;
		u64 rsvd = 1 << 21;

		if (w->maxphyaddr < 40 && wide >> w->maxphyaddr)
			rsvd = ~0ULL;
		if (ref_take(r, e, rsvd)) {
			r->size = 4 << 20;
			r->gpa = wide | (e & 0xffc00000) | (la & 0x3fffff);
		}
		return;
	}
	if (!ref_take(r, e, 0))
		return;
	e = ref_entry((e & 0xfffff000) + (la >> 12 & 0x3ff) * 4, 4);
	if (!ref_take(r, e, 0))
		return;
	r->size = 4096;
	r->gpa = (e & 0xfffff000) | (la & 0xfff);
}

/* From the page directory down, common to PAE and long mode. */
static void ref_pd(struct ref *r, u64 pd, u64 la, u64 rsvd)
{
	u64 e = ref_entry(pd + (la >> 21 & 511) * 8, 8);

	if (!ref_take(r, e, rsvd | (e & 0x80 ? ref_bits(13, 20) : 0)))
		return;
	if (e & 0x80) {
		r->size = 2 << 20;
		r->gpa = (e & ref_bits(21, 51)) | (la & 0x1fffff);
		return;
	}
	e = ref_entry((e & ref_bits(12, 51)) + (la >> 12 & 511) * 8, 8);
	if (!ref_take(r, e, rsvd))
		return;
	r->size = 4096;
	r->gpa = (e & ref_bits(12, 51)) | (la & 0xfff);
}

static void ref_walk(struct ref *r, u64 la)
{
	const struct lodge_walk *w = r->w;
	u64 rsvd = ref_bits(w->maxphyaddr, 51), e, table = w->cr3 & ref_bits(12, 51);
	int shift;

	if (!(w->cr4 & PAE)) {
		ref_32(r, la);
		return;
	}
	if (!(w->efer & NXE))
		rsvd |= NX;
	if (!(w->efer & LMA)) {
		e = ref_entry((w->cr3 & 0xffffffe0) + ((u32)la >> 30) * 8, 8);
		if (!ref_take(r, e, ref_bits(w->maxphyaddr, 63) | 6 | 0x1e0))
			return;
		r->user = true;
		r->write = true;
		ref_pd(r, e & ref_bits(12, 51), (u32)la, rsvd | ref_bits(52, 62));
		return;
	}
	for (shift = w->cr4 & LA57 ? 48 : 39; shift >= 39; shift -= 9) {
		e = ref_entry(table + (la >> shift & 511) * 8, 8);
		if (!ref_take(r, e, rsvd | 0x80))
			return;
		table = e & ref_bits(12, 51);
	}
	e = ref_entry(table + (la >> 30 & 511) * 8, 8);
	if (!(e & 0x80)) {
		if (ref_take(r, e, rsvd))
			ref_pd(r, e & ref_bits(12, 51), la, rsvd);
		return;
	}
	if (!ref_take(r, e, rsvd | (w->gbpages ? ref_bits(13, 29) : 0x80)))
		return;
	r->size = 1 << 30;
	r->gpa = (e & ref_bits(30, 51)) | (la & 0x3fffffff);
}

/* Rights as the manual lists them, 4.6.1; true: allowed. */
static bool ref_rights(const struct ref *r, unsigned int access, bool *key)
{
	const struct lodge_walk *w = r->w;
	bool user = (access & US) && !(access & IMP), wp = w->cr0 & WP;
	u32 pk = w->pkru >> (r->leaf >> 59 & 15) * 2 & 3;
	bool keys = (w->cr4 & PKE) && (w->efer & LMA) && r->user;
	bool smap = (w->cr4 & SMAP) && ((access & IMP) || !(w->rflags & AC));

	*key = keys && !(access & EX) &&
	       ((pk & 1) || ((pk & 2) && (access & WR) && (user || wp)));
	if (access & EX) {
		if (r->nx && (w->efer & NXE))
			return false;
		return user ? r->user : !r->user || !(w->cr4 & SMEP);
	}
	if (*key)
		return false;
	if (user)
		return r->user && (!(access & WR) || r->write);
	if (r->user && smap)
		return false;
	return !(access & WR) || r->write || !wp;
}

/* Tables full of entries that mostly lead somewhere. */
static void fill_tables(const struct lodge_walk *w)
{
	bool pae = w->cr4 & PAE;
	unsigned int len = pae ? 8 : 4, at;
	u64 e;

	for (at = 0; at < MEM_SIZE; at += len) {
		e = (u64)below(MEM_PAGES) << 12 | 1;
		if (below(8))
			e |= pae && !(w->efer & LMA) && at < 0x2000 ? 0 : 6;
		if (below(6) == 0)
			e ^= 1ULL << below(8 * len);
		if (below(40) == 0)
			e = rnd();
		if (below(6) == 0)
			e = (e & ~0x1ff000ULL) | 0x80 | (u64)below(64) << 22;
		if (pae && below(10) == 0)
			e |= KEY(below(16));
		put(at, e, len);
	}
}

static u64 maybe(u64 bits)
{
	return below(2) ? bits : 0;
}

static bool random_walks(unsigned int walks)
{
	struct lodge_walk w = { .read_gpa = read_gpa, .cmpxchg_gpa = cmpxchg_gpa };
	static const unsigned int kinds[] = { RD, WR, EX };
	unsigned int i, access, faults = 0;

	for (i = 0; i < walks; i++) {
		struct ref r = { .w = &w, .user = true, .write = true };
		bool key = false, allowed;
		u32 error = 0;
		u64 la = rnd();
		int ret;

		if (i % 64 == 0) {
			w.cr0 = PG | maybe(WP);
			w.cr3 = below(2) << 12;
			w.cr4 = maybe(PSE) | maybe(PAE) | maybe(SMEP) | maybe(SMAP) | maybe(PKE);
			w.efer = w.cr4 & PAE ? maybe(LMA) | maybe(NXE) : 0;
			w.cr4 |= w.efer & LMA ? maybe(LA57) : 0;
			w.rflags = maybe(AC);
			w.pkru = rnd();
			w.maxphyaddr = 36 + below(17);
			w.gbpages = below(2);
			fill_tables(&w);
		}
		access = kinds[below(3)] | maybe(US);
		if (!(access & EX) && below(5) == 0)
			access |= IMP;
		ref_walk(&r, la);
		allowed = !r.fault && ref_rights(&r, access, &key);
		if (!allowed) {
			faults++;
			error = (!r.fault || r.present) | (r.rsvd ? 8 : 0) | (key ? 32 : 0) |
				(access & WR ? 2 : 0) | ((access & US) && !(access & IMP) ? 4 : 0);
			if ((access & EX) && ((w.cr4 & SMEP) || (w.efer & NXE)))
				error |= 16;
		}
		ret = lodge_walk(&w, la, access);
		if (ret == -EAGAIN)
			continue;	/* a table that is its own parent changed by the mark */
		if (ret != (allowed ? OK : PF) || w.error != error ||
		    (allowed && (w.gpa != r.gpa || w.size != r.size || w.user != r.user))) {
			printf("# la %#llx cr0 %#llx cr4 %#llx efer %#llx access %#x maxphyaddr %u\n",
			       la, w.cr0, w.cr4, w.efer, access, w.maxphyaddr);
			printf("# %d error %#x gpa %#llx, reference %d error %#x gpa %#llx\n", ret,
			       w.error, w.gpa, !allowed, error, r.gpa);
			return false;
		}
	}
	printf("# %u walks, %u faults\n", walks, faults);
	return true;
}

int main(int argc, char **argv)
{
	unsigned int walks = 500000;
	u64 seed;
	int opt;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = getpid();
	while ((opt = getopt(argc, argv, "s:n:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			walks = strtoul(optarg, NULL, 0);
	}
	rnd_state = seed * 2 + 1;
	printf("TAP version 13\n1..4\n# seed %#llx\n", seed);
	result(by_hand(), "every mode, right and error code by hand");
	result(accessed_and_dirty(), "accessed and dirty");
	result(misfortunes(), "PDPTEs, errors, tables in odd places");
	result(random_walks(walks), "random tables as in the reference");
	return failures ? 1 : 0;
}
