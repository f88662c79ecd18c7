/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nested page tables in user space, and a model to compare them with.
 *
 * The model knows what each of some sample pages is mapped to; the pages stand
 * at the edges of tables.  A string of bytes is a sequence of calls; after each,
 * model and tables must agree, and what a processor may have cached without a
 * flush having been asked for must still be true.
 */
#ifndef SELFTESTS_NATIVE_EPT_MODEL_H
#define SELFTESTS_NATIVE_EPT_MODEL_H

#include "kshim.h"

#define GFP_KERNEL_ACCOUNT	0
#define NUMA_NO_NODE		(-1)
#define __pa(p)			((unsigned long)(p))
#define __va(a)			((void *)(unsigned long)(a))
/* what the kernel's is */
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)

static void (*before_cmpxchg)(u64 *p);	/* a test's processor, in the middle of a change */

static inline u64 shim_cmpxchg(u64 *p, u64 old, u64 new)
{
	if (before_cmpxchg)
		before_cmpxchg(p);
	__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

#define cmpxchg(p, old, new)	shim_cmpxchg(p, old, new)

static inline bool test_and_clear_bit(int nr, unsigned long *p)
{
	return __atomic_fetch_and(p, ~BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr);
}

#define clear_bit(nr, p)	test_and_clear_bit(nr, p)

static unsigned long pages_allocated;
static int fail_allocations;

static inline void *lodge_alloc_page(int gfp, int node)
{
	void *p;

	if (fail_allocations)
		return NULL;
	p = aligned_alloc(4096, 4096);
	memset(p, 0, 4096);
	pages_allocated++;
	return p;
}

static inline void free_page(unsigned long p)
{
	pages_allocated--;
	free((void *)p);
}

#include "../../kmod/mmu/ept.c"

#define P4K	lodge_ept_size(LODGE_EPT_4K)
#define P2M	lodge_ept_size(LODGE_EPT_2M)
#define P1G	lodge_ept_size(LODGE_EPT_1G)
#define P512G	lodge_ept_size(4)

static inline void ept_refill(struct lodge_ept *ept)
{
	while (ept->nspare < ept->caps.levels)
		lodge_ept_give(ept, lodge_ept_alloc_table());
}

/* What the caller does after a flush */
static inline void ept_flushed(struct lodge_ept *ept)
{
	lodge_ept_free_tables(lodge_ept_take_dead(ept));
}

/* ---- the model ----------------------------------------------------------- */

#define NR_REGIONS	4
#define NR_CHUNKS	4
#define NR_PAGES	5
#define NR_SAMPLES	(NR_REGIONS * NR_CHUNKS * NR_PAGES)

/* A page that the model follows: level 0 is not mapped, e is as it should be */
struct sample {
	u64 gpa;
	int level;
	u64 e;
};

struct model {
	struct lodge_ept ept;
	struct sample sample[NR_SAMPLES];
	struct sample before[NR_SAMPLES];
	bool flush;
	const char *wrong;
};

struct bytes {
	const u8 *p;
	size_t n;
};

static inline unsigned int byte(struct bytes *b)
{
	if (!b->n)
		return 0;
	b->n--;
	return *b->p++;
}

static inline void model_samples(struct model *m)
{
	static const u64 region[NR_REGIONS] = { 0, 1, 511, 512 };
	static const u64 chunk[NR_CHUNKS] = { 0, 1, 2, 511 };
	static const u64 page[NR_PAGES] = { 0, 1, 2, 255, 511 };
	int r, c, p, i = 0;

	for (r = 0; r < NR_REGIONS; r++)
		for (c = 0; c < NR_CHUNKS; c++)
			for (p = 0; p < NR_PAGES; p++)
				m->sample[i++].gpa = region[r] * P1G + chunk[c] * P2M +
						     page[p] * P4K;
}

/* Whether the leaf that maps s has any of [gpa, end) in it */
static inline bool sample_hit(const struct sample *s, u64 gpa, u64 end)
{
	u64 size = lodge_ept_size(s->level ? s->level : 1), start = s->gpa & ~(size - 1);

	return s->level && start < end && start + size > gpa;
}

/* Where the walk for gpa ends, by a walker of our own: level of the last entry */
static inline int raw_level(const struct lodge_ept *ept, u64 gpa, u64 *e)
{
	u64 *table = ept->root;
	int l;

	for (l = ept->caps.levels; l; l--) {
		*e = table[gpa >> (3 + 9 * l) & 511];
		if (!(*e & 7) || l == 1 || *e & 0x80)
			break;
		table = (u64 *)(unsigned long)(*e & 0xffffffffff000);
	}
	return l;
}

/* Count tables, and look for entries that no processor takes. */
static inline unsigned long raw_check(struct model *m, u64 *table, int level)
{
	unsigned long n = 0;
	u64 *table_below, e;
	int i;

	for (i = 0; i < 512; i++) {
		e = table[i];
		if (!(e & 7)) {
			if (e)
				m->wrong = "rubbish in an absent entry";
			continue;
		}
		if ((e & 3) == 2 || e >> 52)
			m->wrong = "misconfigured entry";
		if (level == 1 || e & 0x80) {
			if (level > 3 || (level > 1 && e & (lodge_ept_size(level) - 1) & ~0xfffULL))
				m->wrong = "misplaced leaf";
			if (level > 1 && m->ept.caps.no_exec_huge && e & 4)
				m->wrong = "huge leaf is executable";
			if (level == 1 && e & 0x80)
				m->wrong = "size bit in a small leaf";
		} else if (e & 0x2f8) {
			m->wrong = "reserved bits in a pointer";
		} else {
			table_below = (u64 *)(unsigned long)(e & 0xffffffffff000);
			n += 1 + raw_check(m, table_below, level - 1);
		}
	}
	return n;
}

/* The leaf that a map of this level makes, with tables as they are */
static inline int model_level(const struct lodge_ept *ept, u64 gpa, int level)
{
	u64 e;
	int l = raw_level(ept, gpa, &e);

	/* a leaf or nothing at l: a table stands at each level above */
	return min(level, l);
}

static inline u64 model_leaf(const struct model *m, u64 hpa, int level, u64 attr)
{
	u64 size = lodge_ept_size(level);

	if (level > 1) {
		attr |= 0x80;
		if (m->ept.caps.no_exec_huge)
			attr &= ~4ULL;
	}
	return (hpa & ~(size - 1)) | attr;
}

/* What the map of gpa does to s: split of its leaf, new leaf, more rights */
static inline void model_map(struct model *m, struct sample *s, u64 gpa, u64 hpa, int level,
			     u64 attr)
{
	u64 size;

	/* a larger leaf around gpa becomes a table at each level below it, on the way only */
	while (s->level > level && s->level > 1) {
		size = lodge_ept_size(s->level);
		if ((s->gpa ^ gpa) & ~(size - 1))
			break;
		s->level--;
		s->e += s->gpa & (size - 1) & ~(lodge_ept_size(s->level) - 1);
		if (s->level == 1)
			s->e = (s->e & ~0x80ULL) | 4;
	}
	if ((s->gpa ^ gpa) & ~(lodge_ept_size(level) - 1))
		return;
	attr = model_leaf(m, hpa, level, attr);
	if (s->level == level && !((s->e ^ attr) & LODGE_EPT_ADDR))
		s->e |= attr;
	else
		s->e = attr;
	s->level = level;
}

static inline void do_map(struct model *m, struct bytes *b)
{
	static const u64 attrs[4] = {
		LODGE_EPT_R | LODGE_EPT_X, LODGE_EPT_RWX | LODGE_EPT_D, LODGE_EPT_RWX, LODGE_EPT_R,
	};
	u64 gpa = m->sample[byte(b) % NR_SAMPLES].gpa;
	unsigned int kind = byte(b);
	u64 hpa = ((kind >> 4) % 4 + 1) * P1G + gpa % P1G;
	u64 attr = attrs[kind % 4] | LODGE_EPT_A | LODGE_EPT_MEMTYPE;
	int level = model_level(&m->ept, gpa, (kind >> 2) % 4 ?: 1);
	int ret, i;

	if (kind >= 0xf0) {
		lodge_ept_free_tables(m->ept.spare);
		m->ept.spare = NULL;
		m->ept.nspare = 0;
		if (lodge_ept_map(&m->ept, gpa, hpa, level, attr) != -ENOMEM)
			m->wrong = "map without spare tables";
		return;
	}
	ret = lodge_ept_map(&m->ept, gpa, hpa, (kind >> 2) % 4 ?: 1, attr);
	if (ret < 0)
		m->wrong = "map fails";
	m->flush |= ret;
	for (i = 0; i < NR_SAMPLES; i++)
		model_map(m, &m->sample[i], gpa, hpa, level, attr);
}

static inline u64 range(struct model *m, struct bytes *b, u64 *end)
{
	static const u64 lens[8] = { 1, 2, 3, 256, 512, 513, 1 << 18, 1 << 27 };
	u64 gpa = m->sample[byte(b) % NR_SAMPLES].gpa;

	*end = gpa + lens[byte(b) % 8] * P4K;
	return gpa;
}

static inline void do_zap(struct model *m, struct bytes *b, bool prune)
{
	u64 end, gpa = range(m, b, &end), at;
	bool again = false;
	int i;

	for (at = gpa; at < end; )
		at = lodge_ept_zap(&m->ept, at, end, &m->flush);
	for (at = gpa; at < end; )
		at = lodge_ept_zap(&m->ept, at, end, &again);
	if (prune)
		lodge_ept_prune(&m->ept, gpa, end, &m->flush);
	else if (again)
		m->wrong = "something left after a zap";
	for (i = 0; i < NR_SAMPLES; i++) {
		if (sample_hit(&m->sample[i], gpa, end))
			m->sample[i].level = 0;
	}
}

static inline void do_protect(struct model *m, struct bytes *b)
{
	u64 end, gpa = range(m, b, &end), at;
	struct sample *s;

	for (at = gpa; at < end; )
		at = lodge_ept_protect(&m->ept, at, end, &m->flush);
	for (s = m->sample; s < m->sample + NR_SAMPLES; s++) {
		if (!sample_hit(s, gpa, end))
			continue;
		if (s->level > 1)
			s->level = 0;
		else
			s->e &= ~(m->ept.caps.pml ? LODGE_EPT_D : LODGE_EPT_W);
	}
}

static inline void do_age(struct model *m, struct bytes *b)
{
	u64 end, gpa = range(m, b, &end);
	bool clear = byte(b) & 1, young, expected = false, ad = m->ept.caps.ad;
	struct sample *s;

	end = min(end, gpa + 2 * P2M);
	young = lodge_ept_age(&m->ept, gpa, end, clear, &m->flush);
	for (s = m->sample; s < m->sample + NR_SAMPLES; s++) {
		if (!sample_hit(s, gpa, end))
			continue;
		expected |= !ad || s->e & LODGE_EPT_A;
		if (clear && ad)
			s->e &= ~LODGE_EPT_A;
		else if (clear)
			s->level = 0;
	}
	if (expected && !young)
		m->wrong = "an access is missed";
	if (clear && lodge_ept_age(&m->ept, gpa, end, false, &m->flush))
		m->wrong = "an access is not cleared";
}

/* The processor: sets A and D in the leaf, if the rights allow the access */
static inline void do_touch(struct model *m, struct bytes *b)
{
	struct sample *at = &m->sample[byte(b) % NR_SAMPLES], *s;
	u64 bits = LODGE_EPT_A | (byte(b) & 1 ? LODGE_EPT_D : 0), e, gpa = at->gpa;
	int level = at->level;

	if (!level || !m->ept.caps.ad || (bits & LODGE_EPT_D && !(at->e & LODGE_EPT_W)))
		return;
	*step(&m->ept, gpa, gpa, &level) |= bits;
	raw_level(&m->ept, gpa, &e);
	for (s = m->sample; s < m->sample + NR_SAMPLES; s++) {
		if (s->level == level && !((s->gpa ^ gpa) & ~(lodge_ept_size(level) - 1)))
			s->e |= bits;
	}
}

/* What a processor has cached from before must still be so. */
static inline bool cached_ok(const struct sample *was, const struct sample *is)
{
	u64 kept = LODGE_EPT_ADDR | LODGE_EPT_RWX | LODGE_EPT_D | LODGE_EPT_MEMTYPE;

	if (!was->level)
		return true;
	return is->level == was->level && !((is->e ^ was->e) & LODGE_EPT_ADDR) &&
	       !(was->e & ~is->e & kept);
}

static inline void model_check(struct model *m)
{
	const struct sample *s;
	int i, level;
	u64 e;

	for (i = 0; i < NR_SAMPLES; i++) {
		s = &m->sample[i];
		level = raw_level(&m->ept, s->gpa, &e);
		if (!(e & 7) != !s->level)
			m->wrong = s->level ? "a mapping is missing" : "a mapping too many";
		else if (s->level && (level != s->level || e != s->e))
			m->wrong = "another mapping than expected";
		if (!m->flush && !cached_ok(&m->before[i], s))
			m->wrong = "a flush was not asked for";
	}
	if (raw_check(m, m->ept.root, m->ept.caps.levels) != m->ept.ntables)
		m->wrong = "tables are miscounted";
	if (m->ept.dead && !m->flush)
		m->wrong = "tables cut out without a flush";
}

/* Run the calls that the bytes stand for. Return: NULL, or what went wrong. */
static inline const char *model_run(const u8 *data, size_t size)
{
	struct bytes b = { data, size };
	unsigned int kind = byte(&b);
	struct lodge_ept_caps caps = {
		.ad = kind & 1, .pml = kind & 2, .no_exec_huge = kind & 4, .wb = true,
		.page_2m = true, .page_1g = true, .levels = kind & 8 ? 5 : 4,
	};
	struct model m = { .wrong = NULL };

	model_samples(&m);
	if (lodge_ept_init(&m.ept, &caps))
		return "init fails";
	while (b.n && !m.wrong) {
		ept_refill(&m.ept);
		memcpy(m.before, m.sample, sizeof(m.sample));
		m.flush = false;
		switch (byte(&b) % 8) {
		case 0: case 1: case 2:
			do_map(&m, &b);
			break;
		case 3:
			do_zap(&m, &b, false);
			break;
		case 4:
			do_zap(&m, &b, true);
			break;
		case 5:
			do_protect(&m, &b);
			break;
		case 6:
			do_age(&m, &b);
			break;
		case 7:
			do_touch(&m, &b);
			break;
		}
		model_check(&m);
		ept_flushed(&m.ept);
	}
	lodge_ept_destroy(&m.ept);
	if (!m.wrong && pages_allocated)
		m.wrong = "tables are left over";
	return m.wrong;
}

#endif /* SELFTESTS_NATIVE_EPT_MODEL_H */
