// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues: what each rule of the rings' formats asks for, by hand; drivers that break
 * them; then a driver and a device that sleep until they are told, at random.
 *
 * native-sources: virtio/vq.c
 * native-shim: vqshim.h
 */
#include "../lib/ktap.c"
#include "vq_driver.h"

static struct lodge_vq vq;
static struct lodge_vq_chain chain;

static void start(u16 size, bool packed, bool event_idx, bool indirect)
{
	driver_start(size, packed, event_idx, indirect);
	ASSERT_EQ(lodge_vq_start(&vq, &memory, &drv.s), 0);
}

#define START_SPLIT()	start(8, false, false, true)
#define START_PACKED()	start(8, true, false, true)

static void popped_broken(int err)
{
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), err);
	EXPECT_TRUE(vq.broken);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), -EIO);
	EXPECT_EQ(lodge_vq_push(&vq, &chain, 0), -EIO);
	EXPECT_EQ(lodge_vq_undo(&vq, &chain), -EIO);
	EXPECT_EQ(lodge_vq_wants_interrupt(&vq), -EIO);
	EXPECT_EQ(lodge_vq_enable_kicks(&vq), -EIO);
}

/* The packed ring's first descriptor, and the split ring's, made available */
static void offer(u64 addr, u32 len, u16 flags, u16 next)
{
	if (drv.s.packed) {
		packed_desc(DESC, 0, addr, len, 0, flags | AVAIL_BIT);
	} else {
		split_desc(DESC, 0, addr, len, flags, next);
		split_offer(0);
	}
}

/* ---- the rules ----------------------------------------------------------- */

static void refuses(u16 size, bool packed, u64 desc, u64 driver, u64 device)
{
	struct lodge_vq_setup s = {
		.size = size, .packed = packed, .desc = desc, .driver = driver, .device = device,
	};

	EXPECT_EQ(lodge_vq_start(&vq, &memory, &s), -EINVAL);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), -EIO);
}

TEST(what_cannot_be_started)
{
	refuses(0, false, DESC, DRIVER, DEVICE);
	refuses(0, true, DESC, DRIVER, DEVICE);
	refuses(3, false, DESC, DRIVER, DEVICE);
	refuses(2048, false, DESC, DRIVER, DEVICE);
	refuses(1025, true, DESC, DRIVER, DEVICE);
	refuses(8, false, DESC + 8, DRIVER, DEVICE);
	refuses(8, false, DESC, DRIVER + 1, DEVICE);
	refuses(8, false, DESC, DRIVER, DEVICE + 2);
	refuses(8, true, DESC + 8, DRIVER, DEVICE);
	refuses(8, true, DESC, DRIVER + 2, DEVICE);
	refuses(8, true, DESC, DRIVER, DEVICE + 2);
	refuses(8, false, ~0xfULL, DRIVER, DEVICE);
	refuses(8, false, DESC, 1ULL << 52, DEVICE);
	refuses(8, true, DESC, DRIVER, ~0x3ULL);
	start(3, true, false, false);
	start(1024, true, false, false);
	start(1024, false, false, false);
	start(1, false, false, false);
}

static void one_chain(bool packed, bool indirect)
{
	struct part part[] = {
		{ BUFFERS + 1, 16 }, { BUFFERS + 0x100, 3 }, { SECOND - 8, 24, true },
		{ BUFFERS + 0x1000, 1, true },
	};
	u32 len;

	start(8, packed, false, true);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
	ASSERT_TRUE(driver_add(part, 4, indirect));
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.nr_out, 2);
	EXPECT_EQ(chain.out_len, 19);
	/* the third is in two slots */
	EXPECT_EQ(chain.nr_in, 3);
	EXPECT_EQ(chain.in_len, 25);
	EXPECT_TRUE(chain.iov[0].iov_base == at(BUFFERS + 1));
	EXPECT_EQ(chain.iov[0].iov_len, 16);
	EXPECT_TRUE(chain.iov[2].iov_base == at(SECOND - 8));
	EXPECT_EQ(chain.iov[2].iov_len, 8);
	EXPECT_TRUE(chain.iov[3].iov_base == at(SECOND));
	EXPECT_EQ(chain.iov[3].iov_len, 16);
	EXPECT_EQ(chain.gpa[3], SECOND);
	EXPECT_EQ(chain.gpa[4], BUFFERS + 0x1000);
	EXPECT_EQ(driver_used(&len), -1);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
	EXPECT_EQ(lodge_vq_push(&vq, &chain, 7), 0);
	EXPECT_EQ(driver_used(&len), chain.id);
	EXPECT_EQ(len, 7);
	EXPECT_EQ(drv.room, 8);
}

TEST(split_chain)	{ one_chain(false, false); }
TEST(split_indirect)	{ one_chain(false, true); }
TEST(packed_chain)	{ one_chain(true, false); }
TEST(packed_indirect)	{ one_chain(true, true); }

/* 2.7.5.3.2: descriptors in the ring, then a table */
TEST(split_direct_then_indirect)
{
	START_SPLIT();
	split_desc(DESC, 0, BUFFERS, 4, NEXT, 5);
	/* the flag that has no meaning there is ignored */
	split_desc(DESC, 5, TABLES, 32, INDIRECT | WRITE, 0);
	split_desc(TABLES, 0, BUFFERS + 16, 8, NEXT, 1);
	split_desc(TABLES, 1, BUFFERS + 32, 8, WRITE, 0);
	split_offer(0);
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.out_len, 12);
	EXPECT_EQ(chain.in_len, 8);
}

/* A table's entries may be in any order */
TEST(split_table_out_of_order)
{
	START_SPLIT();
	split_desc(TABLES, 0, BUFFERS, 1, NEXT, 2);
	split_desc(TABLES, 1, BUFFERS + 32, 4, WRITE, 0);
	split_desc(TABLES, 2, BUFFERS + 16, 2, NEXT, 1);
	offer(TABLES, 48, INDIRECT, 0);
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.out_len, 3);
	EXPECT_EQ(chain.in_len, 4);
}

static void lengths_of_zero(bool packed)
{
	struct part part[] = { { ~0ULL, 0 }, { BUFFERS, 1 }, { 1ULL << 60, 0, true } };

	start(8, packed, false, true);
	ASSERT_TRUE(driver_add(part, 3, false));
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.nr_out, 1);
	EXPECT_EQ(chain.nr_in, 0);
	ASSERT_TRUE(driver_add(part, 1, false));
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.nr_out, 0);
}

TEST(split_zero_length)		{ lengths_of_zero(false); }
TEST(packed_zero_length)	{ lengths_of_zero(true); }

static void undone(bool packed)
{
	struct part part[] = { { BUFFERS, 1 }, { BUFFERS, 2 }, { BUFFERS, 4 } };
	unsigned int i;
	u32 len;

	start(4, packed, false, false);
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(lodge_vq_peek(&vq), 0);
		ASSERT_TRUE(driver_add(part, 3, false));
		EXPECT_EQ(lodge_vq_peek(&vq), 1);
		ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
		EXPECT_EQ(lodge_vq_peek(&vq), 0);
		EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
		ASSERT_EQ(lodge_vq_undo(&vq, &chain), 0);
		EXPECT_EQ(lodge_vq_enable_kicks(&vq), 1);
		memset(&chain, 0, sizeof(chain));
		ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
		EXPECT_EQ(chain.out_len, 7);
		EXPECT_EQ(lodge_vq_enable_kicks(&vq), 0);
		ASSERT_EQ(lodge_vq_push(&vq, &chain, 0), 0);
		ASSERT_TRUE(driver_used(&len) >= 0);
	}
}

TEST(split_undo)	{ undone(false); }
TEST(packed_undo)	{ undone(true); }

TEST(what_is_written_is_logged)
{
	struct part part[] = { { BUFFERS, 16 }, { BUFFERS + PAGE, 2 * PAGE, true },
			       { SECOND - 1, 2, true } };

	START_SPLIT();
	ASSERT_TRUE(driver_add(part, 3, false));
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	lodge_vq_written(&vq, &chain, PAGE);
	EXPECT_TRUE(dirty[BUFFERS / PAGE + 1]);
	EXPECT_FALSE(dirty[BUFFERS / PAGE + 2]);
	lodge_vq_written(&vq, &chain, 2 * PAGE + 1);
	EXPECT_TRUE(dirty[BUFFERS / PAGE + 2]);
	EXPECT_TRUE(dirty[SECOND / PAGE - 1]);
	EXPECT_FALSE(dirty[SECOND / PAGE]);
	lodge_vq_written(&vq, &chain, U32_MAX);
	EXPECT_TRUE(dirty[SECOND / PAGE]);
	EXPECT_FALSE(dirty[BUFFERS / PAGE]);
	EXPECT_FALSE(dirty[DEVICE / PAGE]);
	ASSERT_EQ(lodge_vq_push(&vq, &chain, 1), 0);
	EXPECT_TRUE(dirty[DEVICE / PAGE]);
}

TEST(an_interrupt_a_batch)
{
	struct part part = { BUFFERS, 1, true };
	unsigned int i;

	start(8, false, true, false);
	/* 2.7.7.2: with the used index that reaches the driver's */
	set16(DRIVER + 4 + 8 * 2, 2);
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(driver_add(&part, 1, false));
		ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
		ASSERT_EQ(lodge_vq_push(&vq, &chain, 1), 0);
		/* the first answer, with nothing to compare with, is yes */
		EXPECT_EQ(lodge_vq_wants_interrupt(&vq), i == 0 || i == 2);
		EXPECT_EQ(lodge_vq_wants_interrupt(&vq), 0);
	}
}

/* ---- drivers that break them --------------------------------------------- */

TEST(index_that_jumps)
{
	START_SPLIT();
	set16(DRIVER + 2, 9);
	popped_broken(-EINVAL);
	START_SPLIT();
	set16(DRIVER + 2, 0xffff);
	popped_broken(-EINVAL);
}

TEST(head_or_next_out_of_the_table)
{
	START_SPLIT();
	split_offer(8);
	popped_broken(-EINVAL);
	START_SPLIT();
	split_offer(0xffff);
	popped_broken(-EINVAL);
	START_SPLIT();
	offer(BUFFERS, 1, NEXT, 8);
	popped_broken(-EINVAL);
	START_SPLIT();
	split_desc(TABLES, 0, BUFFERS, 1, NEXT, 2);
	offer(TABLES, 32, INDIRECT, 0);
	popped_broken(-EINVAL);
}

TEST(loops)
{
	unsigned int i;

	START_SPLIT();
	offer(BUFFERS, 1, NEXT, 0);
	popped_broken(-EINVAL);
	EXPECT_TRUE(memory.accesses < 16);
	/* of descriptors without a length, which take no room */
	START_SPLIT();
	offer(BUFFERS, 0, NEXT, 0);
	popped_broken(-EINVAL);
	START_SPLIT();
	split_desc(TABLES, 0, BUFFERS, 0, NEXT, 1);
	split_desc(TABLES, 1, BUFFERS, 0, NEXT, 0);
	offer(TABLES, 32, INDIRECT, 0);
	popped_broken(-EINVAL);
	EXPECT_TRUE(memory.accesses < 16);
	START_PACKED();
	for (i = 0; i < 8; i++)
		packed_desc(DESC, i, BUFFERS, 1, 0, NEXT | AVAIL_BIT);
	popped_broken(-EINVAL);
	EXPECT_TRUE(memory.accesses < 16);
}

static void too_many_pieces(bool packed)
{
	unsigned int i, n = LODGE_VQ_MAX_IOV;

	start(512, packed, false, true);
	for (i = 0; i < n; i++) {
		if (packed)
			packed_desc(DESC, i, BUFFERS, 1, 0,
				    AVAIL_BIT | (i + 1 < n ? NEXT : 0));
		else
			split_desc(DESC, i, BUFFERS, 1, i + 1 < n ? NEXT : 0, i + 1);
	}
	if (!packed)
		split_offer(0);
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.out_len, n);
	start(512, packed, false, true);
	for (i = 0; i <= n; i++) {
		if (packed)
			packed_desc(DESC, i, BUFFERS, 1, 0,
				    AVAIL_BIT | (i < n ? NEXT : 0));
		else
			split_desc(DESC, i, BUFFERS, 1, i < n ? NEXT : 0, i + 1);
	}
	if (!packed)
		split_offer(0);
	popped_broken(-E2BIG);
}

TEST(split_too_many_pieces)	{ too_many_pieces(false); }
TEST(packed_too_many_pieces)	{ too_many_pieces(true); }

static void bad_addresses(bool packed)
{
	static const struct {
		u64 addr;
		u32 len;
		u16 flags;
	} bad[] = {
		{ MEM_END, 1 }, { MEM_END - 1, 2 }, { MEM_END - 1, 2, WRITE }, { ~0ULL, 1 },
		{ ~0ULL, 2, WRITE }, { 0x8000000000000000, 0x1000 }, { BUFFERS, U32_MAX },
		{ ROM, 1, WRITE }, { ROM_END, 1 }, { ROM_END - 1, 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start(8, packed, false, true);
		offer(bad[i].addr, bad[i].len, bad[i].flags, 0);
		popped_broken(-EFAULT);
	}
	/* what cannot be written to can be read */
	start(8, packed, false, true);
	offer(ROM, 1, 0, 0);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 1);
}

TEST(split_bad_addresses)	{ bad_addresses(false); }
TEST(packed_bad_addresses)	{ bad_addresses(true); }

static void readable_after_writable(bool packed)
{
	struct part part[] = { { BUFFERS, 1, true }, { BUFFERS, 1 } };
	int indirect;

	for (indirect = 0; indirect < 2; indirect++) {
		start(8, packed, false, true);
		ASSERT_TRUE(driver_add(part, 2, indirect));
		popped_broken(-EINVAL);
	}
}

TEST(split_wrong_order)		{ readable_after_writable(false); }
TEST(packed_wrong_order)	{ readable_after_writable(true); }

TEST(more_than_32_bits_of_bytes)
{
	static const u32 len[] = { 0xffffffff, 1 };
	unsigned int i;

	/* memory that has it all is not there: no address is looked at after the sum */
	slots[1].len = 1ULL << 33;
	START_SPLIT();
	for (i = 0; i < 2; i++)
		split_desc(DESC, i, SECOND, len[i], WRITE | (i ? 0 : NEXT), 1);
	split_offer(0);
	popped_broken(-EINVAL);
	slots[1].len = MEM_END - SECOND;
}

static void bad_tables(bool packed)
{
	static const struct {
		u64 addr;
		u32 len;
		u16 flags;
		int err;
	} bad[] = {
		{ TABLES, 0, INDIRECT, -EINVAL },
		{ TABLES, 15, INDIRECT, -EINVAL },
		{ TABLES, 17, INDIRECT, -EINVAL },
		{ TABLES, 16, INDIRECT | NEXT, -EINVAL },
		{ TABLES, U32_MAX & ~15, INDIRECT, -EINVAL },
		{ TABLES, (LODGE_VQ_MAX_SIZE + 1) * 16, INDIRECT, -EINVAL },
		{ ~0xfULL, 16, INDIRECT, -EINVAL },
		{ MEM_END, 16, INDIRECT, -EFAULT },
		{ MEM_END - 8, 16, INDIRECT, -EFAULT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start(8, packed, false, true);
		memset(at(TABLES), 0, 16);
		offer(bad[i].addr, bad[i].len, bad[i].flags, 1);
		popped_broken(bad[i].err);
		EXPECT_TRUE(memory.accesses < 16);
	}
	/* not negotiated */
	start(8, packed, false, false);
	offer(TABLES, 16, INDIRECT, 0);
	popped_broken(-EINVAL);
}

TEST(split_bad_tables)	{ bad_tables(false); }
TEST(packed_bad_tables)	{ bad_tables(true); }

TEST(tables_in_tables)
{
	START_SPLIT();
	split_desc(TABLES, 0, TABLES + 64, 16, INDIRECT, 0);
	offer(TABLES, 16, INDIRECT, 0);
	popped_broken(-EINVAL);
	/* 2.8.7: there the flag is ignored, as all but one are */
	START_PACKED();
	packed_desc(TABLES, 0, TABLES + 64, 16, 0xffff, INDIRECT | NEXT | WRITE);
	offer(TABLES, 16, INDIRECT, 0);
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.in_len, 16);
	EXPECT_EQ(chain.gpa[0], TABLES + 64);
	/* 2.8.21.2: nor one at the end of a list */
	START_PACKED();
	packed_desc(DESC, 1, TABLES, 16, 0, INDIRECT | AVAIL_BIT);
	offer(BUFFERS, 1, NEXT, 0);
	popped_broken(-EINVAL);
}

/* What is no descriptor to be had: each combination of the two bits and the wrap counter */
TEST(packed_not_available)
{
	START_PACKED();
	packed_desc(DESC, 0, BUFFERS, 1, 0, USED_BIT);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
	packed_desc(DESC, 0, BUFFERS, 1, 0, AVAIL_BIT | USED_BIT);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
	packed_desc(DESC, 0, BUFFERS, 1, 0, 0);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 0);
	EXPECT_EQ(lodge_vq_enable_kicks(&vq), 0);
	packed_desc(DESC, 0, BUFFERS, 1, 0, AVAIL_BIT);
	EXPECT_EQ(lodge_vq_enable_kicks(&vq), 1);
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), 1);
}

static void turn_indirect(u64 gpa, size_t len)
{
	set16(DESC + 14, AVAIL_BIT | INDIRECT | NEXT | WRITE);
	set16(DRIVER + 2, 200);
}

/* The driver changes what it has made available: what was seen first counts */
TEST(nothing_is_read_twice)
{
	START_PACKED();
	offer(BUFFERS, 5, 0, 0);
	after_read = turn_indirect;
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	EXPECT_EQ(chain.out_len, 5);
	EXPECT_EQ(chain.in_len, 0);
	START_SPLIT();
	offer(BUFFERS, 5, 0, 0);
	after_read = turn_indirect;
	ASSERT_EQ(lodge_vq_pop(&vq, &chain), 1);
	after_read = NULL;
	EXPECT_EQ(lodge_vq_pop(&vq, &chain), -EINVAL);
}

static void rings_nowhere(bool packed, u64 desc, u64 driver, u64 device)
{
	start(8, packed, true, false);
	drv.s.desc = desc;
	drv.s.driver = driver;
	drv.s.device = device;
	ASSERT_EQ(lodge_vq_start(&vq, &memory, &drv.s), 0);
}

TEST(rings_in_no_memory_or_rom)
{
	rings_nowhere(false, DESC, MEM_END, DEVICE);
	popped_broken(-EFAULT);
	rings_nowhere(false, MEM_END, DRIVER, DEVICE);
	split_offer(0);
	popped_broken(-EFAULT);
	rings_nowhere(true, MEM_END, DRIVER, DEVICE);
	popped_broken(-EFAULT);
	rings_nowhere(true, DESC, MEM_END, DEVICE);
	EXPECT_EQ(lodge_vq_wants_interrupt(&vq), -EFAULT);
	EXPECT_TRUE(vq.broken);
	rings_nowhere(true, DESC, DRIVER, ROM);
	lodge_vq_disable_kicks(&vq);
	EXPECT_TRUE(vq.broken);
	rings_nowhere(false, DESC, DRIVER, ROM);
	EXPECT_EQ(lodge_vq_push(&vq, &chain, 0), -EFAULT);
	EXPECT_TRUE(vq.broken);
	rings_nowhere(false, DESC, DRIVER, MEM_END);
	EXPECT_EQ(lodge_vq_enable_kicks(&vq), -EFAULT);
	EXPECT_TRUE(vq.broken);
	rings_nowhere(true, ROM, DRIVER, DEVICE);
	chain.slots = 1;
	EXPECT_EQ(lodge_vq_push(&vq, &chain, 0), -EFAULT);
}

/* ---- a driver and a device that sleep ------------------------------------ */

#define IN_FLIGHT	64

static struct lodge_vq_chain flight[IN_FLIGHT];
static unsigned int nr_flight;
static u32 out_sum[LODGE_VQ_MAX_SIZE], in_len[LODGE_VQ_MAX_SIZE];
static unsigned long done, kicks, interrupts;

/* By ID, a place of its own in memory, some of it across the slots' border */
static unsigned int make_parts(struct part *part, unsigned int place, u32 *sum)
{
	unsigned int i, j, n = 1 + random() % 4;
	u64 gpa = SECOND - 0x8000 + place % 64 * 0x400;

	*sum = 0;
	for (i = 0; i < n; i++) {
		part[i].gpa = gpa;
		part[i].len = random() % 0x100;
		part[i].write = i && (part[i - 1].write || random() % 2);
		for (j = 0; j < part[i].len; j++) {
			*(u8 *)at(gpa + j) = random();
			if (!part[i].write)
				*sum += *(u8 *)at(gpa + j);
		}
		gpa += part[i].len;
	}
	return n;
}

static bool driver_turn(bool indirect_too)
{
	unsigned int n, place, i, add = random() % 8;
	struct part part[4];
	bool some = false;
	u32 sum, len;
	int id;

	driver_busy();
	do {
		while ((id = driver_used(&len)) >= 0) {
			ASSERT_EQ(len, in_len[id]);
			done++;
		}
	} while (driver_waits());
	while (add--) {
		if (!drv.nr_free)
			break;
		place = drv.free[drv.nr_free - 1];
		n = make_parts(part, place, &sum);
		if (!driver_add(part, n, indirect_too && random() % 2))
			break;
		out_sum[place] = sum;
		in_len[place] = 0;
		for (i = 0; i < n; i++)
			in_len[place] += part[i].write ? part[i].len : 0;
		some = true;
	}
	return some && driver_kicks();
}

static void serve(struct lodge_vq_chain *c)
{
	unsigned int i, j;
	u32 sum = 0;

	for (i = 0; i < c->nr_out; i++) {
		for (j = 0; j < c->iov[i].iov_len; j++)
			sum += ((u8 *)c->iov[i].iov_base)[j];
	}
	ASSERT_EQ(sum, out_sum[c->id]);
	ASSERT_EQ(c->in_len, in_len[c->id]);
	for (; i < c->nr_out + c->nr_in; i++) {
		ASSERT_TRUE(c->iov[i].iov_base == at(c->gpa[i]));
		memset(c->iov[i].iov_base, c->id, c->iov[i].iov_len);
	}
}

/* Return: 1, the driver is to be interrupted; 0; with the queue empty it asks for a kick. */
static bool device_turn(bool *asleep)
{
	unsigned int i, batch = 1 + random() % 8;
	int ret = 0;

	lodge_vq_disable_kicks(&vq);
	while (nr_flight < IN_FLIGHT && batch--) {
		ret = lodge_vq_pop(&vq, &flight[nr_flight]);
		ASSERT_TRUE(ret >= 0);
		if (!ret)
			break;
		nr_flight++;
	}
	if (!ret && nr_flight < IN_FLIGHT) {
		ret = lodge_vq_enable_kicks(&vq);
		ASSERT_TRUE(ret >= 0);
		*asleep = !ret;
	}
	/* completed in any order, and not all */
	batch = random() % 8;
	if (!nr_flight || !batch)
		return false;
	while (nr_flight && batch--) {
		i = random() % nr_flight;
		serve(&flight[i]);
		ASSERT_EQ(lodge_vq_push(&vq, &flight[i], flight[i].in_len), 0);
		flight[i] = flight[--nr_flight];
	}
	ret = lodge_vq_wants_interrupt(&vq);
	ASSERT_TRUE(ret >= 0);
	return ret;
}

/*
 * Each sleeps until it is told, so a lost notification stops the two: the driver with
 * all that it has in the ring, the device with nothing in flight.
 */
static void talk(u16 size, bool packed, bool event_idx, bool indirect)
{
	bool device_asleep = false, driver_asleep = false;
	unsigned long turns = 0;

	start(size, packed, event_idx, indirect);
	nr_flight = 0;
	done = 0;
	kicks = 0;
	interrupts = 0;
	/* a split ring's indexes go round their 16 bits */
	while (done < (packed ? 10000 : 66000)) {
		ASSERT_TRUE(turns++ < 2000000);
		if (!driver_asleep && random() % 2) {
			/* it has more to send only now and then */
			driver_asleep = random() % 2 || !drv.room;
			if (driver_turn(indirect)) {
				device_asleep = false;
				kicks++;
			}
		} else if (!device_asleep || nr_flight) {
			if (device_turn(&device_asleep)) {
				driver_asleep = false;
				interrupts++;
			}
		} else if (driver_asleep) {
			/* nothing is under way: the driver's next request wakes both */
			ASSERT_EQ(drv.room, drv.s.size);
			driver_asleep = false;
		}
	}
	ASSERT_FALSE(vq.broken);
	if (event_idx)
		EXPECT_TRUE(interrupts < done);
	diag("%s %u%s%s: %lu chains, %lu kicks, %lu interrupts", packed ? "packed" : "split",
	     size, event_idx ? " event_idx" : "", indirect ? " indirect" : "", done, kicks,
	     interrupts);
}

static void talk_all(bool packed, const u16 *size, unsigned int n)
{
	unsigned int i, how;

	srandom(4);
	for (i = 0; i < n; i++) {
		for (how = 0; how < 4; how++)
			talk(size[i], packed, how & 1, how & 2);
	}
}

TEST(split_both_sleep)
{
	static const u16 sizes[] = { 4, 64 };

	talk_all(false, sizes, ARRAY_SIZE(sizes));
}

TEST(packed_both_sleep)
{
	static const u16 sizes[] = { 4, 7, 61, 64 };

	talk_all(true, sizes, ARRAY_SIZE(sizes));
}
