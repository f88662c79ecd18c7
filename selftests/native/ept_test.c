// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nested page tables (kmod/mmu/ept.c): entries bit by bit, each call on its
 * own, random sequences against a model, and a processor that sets A and D
 * while entries are changed.
 */
#include <pthread.h>

#include "../lib/ktap.c"
#include "ept_model.h"

#define RW	(LODGE_EPT_RWX | LODGE_EPT_A | LODGE_EPT_D | LODGE_EPT_MEMTYPE)
#define RO	(LODGE_EPT_R | LODGE_EPT_X | LODGE_EPT_A | LODGE_EPT_MEMTYPE)

static struct lodge_ept ept;
static const struct lodge_ept_caps all = {
	.ad = true, .pml = true, .page_2m = true, .page_1g = true, .wb = true, .levels = 4,
};

static void set_up(struct lodge_ept_caps caps)
{
	ASSERT_EQ(lodge_ept_init(&ept, &caps), 0);
}

static void tear_down(void)
{
	lodge_ept_destroy(&ept);
	EXPECT_EQ(pages_allocated, 0);
}

static int map(u64 gpa, u64 hpa, int level, u64 attr)
{
	int ret;

	ept_refill(&ept);
	ret = lodge_ept_map(&ept, gpa, hpa, level, attr);
	EXPECT_GE(ret, 0);
	return ret;
}

static bool zap(u64 gpa, u64 end)
{
	bool flush = false;

	while (gpa < end)
		gpa = lodge_ept_zap(&ept, gpa, end, &flush);
	ept_flushed(&ept);
	return flush;
}

static u64 at(u64 gpa, int *level)
{
	return lodge_ept_lookup(&ept, gpa, level);
}

TEST(init_refuses_what_cannot_be)
{
	struct lodge_ept_caps caps = all;

	caps.levels = 3;
	EXPECT_EQ(lodge_ept_init(&ept, &caps), -EINVAL);
	caps.levels = 6;
	EXPECT_EQ(lodge_ept_init(&ept, &caps), -EINVAL);
	caps.levels = 4;
	fail_allocations = 1;
	EXPECT_EQ(lodge_ept_init(&ept, &caps), -ENOMEM);
	fail_allocations = 0;
	EXPECT_EQ(pages_allocated, 0);
}

TEST(pml_needs_dirty_bits)
{
	struct lodge_ept_caps caps = all;

	caps.ad = false;
	set_up(caps);
	EXPECT_TRUE(!ept.caps.pml);
	tear_down();
}

TEST(ept_pointer)
{
	struct lodge_ept_caps caps = all;

	set_up(caps);
	EXPECT_EQ(lodge_ept_pointer(&ept), (u64)(unsigned long)ept.root | 0x5e);
	tear_down();
	caps.ad = false;
	caps.wb = false;
	caps.levels = 5;
	set_up(caps);
	EXPECT_EQ(lodge_ept_pointer(&ept), (u64)(unsigned long)ept.root | 0x20);
	tear_down();
}

TEST(small_leaf)
{
	int level;

	set_up(all);
	EXPECT_EQ(map(0x12345000, 0xabcdef000, 1, RW), 0);
	EXPECT_EQ(at(0x12345678, &level), 0xabcdef377);
	EXPECT_EQ(level, 1);
	EXPECT_EQ(at(0x12346000, &level), 0);
	EXPECT_EQ(ept.ntables, 3);
	/* pointers carry the rights and A alone */
	EXPECT_EQ(ept.root[0] & 0xfff, 0x107);
	tear_down();
}

TEST(large_leaves)
{
	int level;

	set_up(all);
	map(5 * P2M + 7 * P4K, 9 * P2M + 7 * P4K, 2, RW);
	EXPECT_EQ(at(5 * P2M, &level), (9 * P2M) | 0x3f7);
	EXPECT_EQ(level, 2);
	map(3 * P1G + 5 * P2M, 8 * P1G + 5 * P2M, 3, RO);
	EXPECT_EQ(at(3 * P1G, &level), (8 * P1G) | 0x1f5);
	EXPECT_EQ(level, 3);
	EXPECT_EQ(ept.ntables, 2);
	tear_down();
}

TEST(a_table_keeps_leaves_small)
{
	int level;

	set_up(all);
	map(P4K, P4K, 1, RW);
	EXPECT_EQ(map(2 * P4K, 2 * P4K, 2, RW), 0);
	at(2 * P4K, &level);
	EXPECT_EQ(level, 1);
	/* gone with all it maps, it gives way to a large one */
	EXPECT_TRUE(zap(0, P2M));
	EXPECT_EQ(map(2 * P4K, 2 * P4K, 2, RW), 0);
	at(2 * P4K, &level);
	EXPECT_EQ(level, 2);
	tear_down();
}

TEST(fetch_splits_a_large_leaf)
{
	struct lodge_ept_caps caps = all;
	int level;

	caps.no_exec_huge = true;
	set_up(caps);
	map(0, 4 * P1G, 3, RW);
	EXPECT_EQ(at(0, &level) & LODGE_EPT_X, 0);
	EXPECT_EQ(map(P2M + P4K, 4 * P1G + P2M + P4K, 1, RO), 1);
	EXPECT_EQ(at(P2M + P4K, &level), (4 * P1G + P2M + P4K) | 0x377);
	EXPECT_EQ(level, 1);
	EXPECT_EQ(at(P2M + 511 * P4K, &level), (4 * P1G + P2M + 511 * P4K) | 0x377);
	EXPECT_EQ(at(511 * P2M, &level), (4 * P1G + 511 * P2M) | 0x3f3);
	EXPECT_EQ(level, 2);
	tear_down();
}

TEST(rights_are_added_without_a_flush)
{
	int level;

	set_up(all);
	map(P4K, 2 * P4K, 1, RO);
	EXPECT_EQ(map(P4K, 2 * P4K, 1, RW), 0);
	EXPECT_EQ(at(P4K, &level), (2 * P4K) | RW);
	EXPECT_EQ(map(P4K, 2 * P4K, 1, RO), 0);
	EXPECT_EQ(at(P4K, &level), (2 * P4K) | RW);
	tear_down();
}

TEST(other_memory_wants_a_flush)
{
	int level;

	set_up(all);
	map(P4K, 2 * P4K, 1, RW);
	EXPECT_EQ(map(P4K, 3 * P4K, 1, RO), 1);
	EXPECT_EQ(at(P4K, &level), (3 * P4K) | RO);
	tear_down();
}

TEST(map_without_spare_tables_changes_nothing)
{
	int level;

	set_up(all);
	map(0, 0, 2, RW);
	lodge_ept_free_tables(ept.spare);
	ept.spare = NULL;
	ept.nspare = 0;
	EXPECT_EQ(lodge_ept_map(&ept, P4K, P4K, 1, RO), -ENOMEM);
	EXPECT_EQ(lodge_ept_map(&ept, P512G, 0, 1, RO), -ENOMEM);
	at(P4K, &level);
	EXPECT_EQ(level, 2);
	EXPECT_EQ(ept.ntables, 2);
	tear_down();
}

TEST(zap_takes_whole_leaves)
{
	int level;

	set_up(all);
	map(0, 0, 2, RW);
	map(P2M, P2M, 1, RW);
	EXPECT_TRUE(zap(5 * P4K, 6 * P4K));
	EXPECT_EQ(at(0, &level), 0);
	EXPECT_TRUE(at(P2M, &level) != 0);
	EXPECT_TRUE(!zap(0, P2M));
	EXPECT_TRUE(!zap(P2M + P4K, P512G));
	tear_down();
}

TEST(cut_tables_wait_for_the_flush)
{
	bool flush = false;
	unsigned int i, n = 0;
	u64 *t;

	set_up(all);
	for (i = 0; i < 8; i++)
		map(i * P2M, i * P2M, 1, RW);
	EXPECT_EQ(ept.ntables, 10);
	EXPECT_EQ(lodge_ept_zap(&ept, 0, P1G, &flush), P1G);
	EXPECT_TRUE(flush);
	EXPECT_EQ(ept.ntables, 1);
	for (t = ept.dead; t; t = (u64 *)(unsigned long)t[0], n++)
		EXPECT_EQ(t[0] & 7, 0);	/* a walk in it ends at the chain */
	EXPECT_EQ(n, 9);
	ept_flushed(&ept);
	tear_down();
}

TEST(prune_leaves_no_table)
{
	bool flush = false;

	set_up(all);
	map(P512G - P4K, 0, 1, RW);
	map(P512G + P4K, 0, 1, RW);
	EXPECT_EQ(ept.ntables, 6);
	EXPECT_TRUE(zap(P512G - P4K, P512G + 2 * P4K));
	EXPECT_TRUE(ept.ntables != 0);
	lodge_ept_prune(&ept, P512G - P4K, P512G + 2 * P4K, &flush);
	EXPECT_TRUE(flush);
	EXPECT_EQ(ept.ntables, 0);
	ept_flushed(&ept);
	tear_down();
}

TEST(work_of_a_call_is_bounded)
{
	bool flush = false;
	unsigned int i, calls = 0;
	u64 gpa = P4K;

	set_up(all);
	for (i = 0; i < 8 * 512; i++)
		map(i * P4K, i * P4K, 1, RW);
	for (gpa = 0; gpa < 8 * P2M; calls++)
		gpa = lodge_ept_protect(&ept, gpa, 8 * P2M, &flush);
	EXPECT_EQ(calls, 4);
	for (calls = 0, gpa = 0; gpa < P512G << 8; calls++)
		gpa = lodge_ept_zap(&ept, gpa, P512G << 8, &flush);
	EXPECT_GE(calls, 2);
	EXPECT_EQ(ept.ntables, 1);
	ept_flushed(&ept);
	tear_down();
}

static void protects(bool pml, u64 cleared)
{
	struct lodge_ept_caps caps = all;
	bool flush = false;
	int level;

	caps.pml = pml;
	set_up(caps);
	map(P4K, P4K, 1, RW);
	map(P2M, P2M, 2, RW);
	EXPECT_EQ(lodge_ept_protect(&ept, 0, 2 * P2M, &flush), 2 * P2M);
	EXPECT_TRUE(flush);
	EXPECT_EQ(at(P4K, &level), P4K | (RW & ~cleared));
	EXPECT_EQ(at(P2M, &level), 0);
	flush = false;
	lodge_ept_protect(&ept, 0, 2 * P2M, &flush);
	EXPECT_TRUE(!flush);
	tear_down();
}

TEST(protect_takes_the_right_to_write)
{
	protects(false, LODGE_EPT_W);
}

TEST(protect_clears_dirty_for_pml)
{
	protects(true, LODGE_EPT_D);
}

TEST(age_with_accessed_bits)
{
	bool flush = false;
	int level;

	set_up(all);
	map(P4K, P4K, 1, RW);
	EXPECT_TRUE(lodge_ept_age(&ept, 0, P2M, false, &flush));
	EXPECT_TRUE(lodge_ept_age(&ept, 0, P2M, true, &flush));
	EXPECT_TRUE(!lodge_ept_age(&ept, 0, P2M, true, &flush));
	EXPECT_EQ(at(P4K, &level), P4K | (RW & ~LODGE_EPT_A));
	EXPECT_TRUE(!flush);
	tear_down();
}

TEST(age_without_accessed_bits)
{
	struct lodge_ept_caps caps = all;
	bool flush = false;
	int level;

	caps.ad = false;
	set_up(caps);
	map(P2M, P2M, 2, RW);
	EXPECT_TRUE(lodge_ept_age(&ept, P2M + P4K, P2M + 2 * P4K, false, &flush));
	EXPECT_TRUE(!flush);
	EXPECT_TRUE(lodge_ept_age(&ept, P2M + P4K, P2M + 2 * P4K, true, &flush));
	EXPECT_TRUE(flush);
	EXPECT_EQ(at(P2M, &level), 0);
	EXPECT_TRUE(!lodge_ept_age(&ept, 0, P1G, true, &flush));
	tear_down();
}

TEST(random_sequences_match_the_model)
{
	const char *wrong = NULL;
	u8 data[768];
	unsigned int seed, i;

	for (seed = 1; seed <= 400 && !wrong; seed++) {
		srandom(seed);
		for (i = 0; i < sizeof(data); i++)
			data[i] = random() >> 8;
		wrong = model_run(data, sizeof(data));
	}
	if (wrong)
		diag("seed %u: %s", seed - 1, wrong);
	EXPECT_TRUE(!wrong);
}

static void set_dirty(u64 *p)
{
	*p |= LODGE_EPT_D;
	before_cmpxchg = NULL;
}

TEST(dirty_set_in_the_middle_of_a_map_stays)
{
	int level;

	set_up(all);
	map(P4K, P4K, 1, RW & ~(LODGE_EPT_D | LODGE_EPT_A));
	before_cmpxchg = set_dirty;
	map(P4K, P4K, 1, RO);
	EXPECT_EQ(at(P4K, &level), P4K | RW);
	tear_down();
}

/* ---- a processor beside us ----------------------------------------------- */

#define RACE_PAGES	64
#define RACE_ROUNDS	20000

static u64 *race_table;
static int race_over;
static unsigned int race_logged[RACE_PAGES];

/* Writes pages: D goes up in the entry and the write is logged, as PML does. */
static void *processor(void *unused)
{
	unsigned int i, x = 1;
	u64 e;

	while (!__atomic_load_n(&race_over, __ATOMIC_ACQUIRE)) {
		x = x * 1103515245 + 12345;
		i = (x >> 16) % RACE_PAGES;
		e = __atomic_load_n(&race_table[i], __ATOMIC_ACQUIRE);
		if (!(e & LODGE_EPT_W) || e & LODGE_EPT_D)
			continue;
		if (__atomic_compare_exchange_n(&race_table[i], &e, e | 0x300, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&race_logged[i], 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

TEST(bits_set_by_the_processor_are_not_lost)
{
	unsigned int i, n, cleared[RACE_PAGES] = { 0 };
	bool flush;
	pthread_t t;
	int level;

	set_up(all);
	for (i = 0; i < RACE_PAGES; i++)
		map(i * P4K, i * P4K, 1, RW & ~LODGE_EPT_D);
	race_table = step(&ept, 0, 0, &level);
	ASSERT_EQ(pthread_create(&t, NULL, processor, NULL), 0);
	for (n = 0; n < RACE_ROUNDS; n++) {
		i = n % RACE_PAGES;
		flush = false;
		lodge_ept_protect(&ept, i * P4K, (i + 1) * P4K, &flush);
		cleared[i] += flush;
		map(i * P4K, i * P4K, 1, RO);
		lodge_ept_age(&ept, i * P4K, (i + 1) * P4K, true, &flush);
	}
	__atomic_store_n(&race_over, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	/* each D that went up was either seen going down or is still there */
	for (i = 0; i < RACE_PAGES; i++)
		EXPECT_EQ(race_logged[i], cleared[i] + !!(race_table[i] & LODGE_EPT_D));
	tear_down();
}
