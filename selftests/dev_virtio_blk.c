// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio disk driven by hand: what each request does, in any cut, and what none may.
 *
 * The image is a file in memory; with DISK=FILE in the environment that file or block device, and
 * with DIRECT=1 by direct I/O.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blkguest.h"

#define SECTORS		64
#define OK		VIRTIO_BLK_S_OK
#define IOERR		VIRTIO_BLK_S_IOERR
#define UNSUPP		VIRTIO_BLK_S_UNSUPP

static int image;	/* for the test to look at */
static int disk;	/* for the device */

/* ---- inside -------------------------------------------------------------- */

static void fill(u64 at, u8 v, u32 len)
{
	while (len--)
		write8(at++, v);
}

static bool filled(u64 at, u8 v, u32 len)
{
	while (len--) {
		if (read8(at++) != v)
			return false;
	}
	return true;
}

static void registers(void)
{
	u32 low;

	blk_find();
	blk_reset();
	low = blk_features(0);
	GUEST_ASSERT(low & 1 << VIRTIO_BLK_F_FLUSH && low & 1 << VIRTIO_BLK_F_SEG_MAX);
	GUEST_ASSERT(!(low & 1 << VIRTIO_BLK_F_RO));
	GUEST_ASSERT_EQ(read32(blk_bar + blk_config), SECTORS);
	GUEST_ASSERT_EQ(read32(blk_bar + blk_config + 4), 0);
	GUEST_ASSERT_EQ(read32(blk_bar + blk_config + 20), 512);
	GUEST_ASSERT_EQ(read16(blk_bar + blk_config + 34), 3);
	/* nobody writes there */
	write32(blk_bar + blk_config, 5);
	GUEST_ASSERT_EQ(read32(blk_bar + blk_config), SECTORS);
	GUEST_DONE();
}

static void reads_and_writes(void)
{
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 3, DATA, 1024), OK);
	GUEST_ASSERT(filled(DATA, 3, 512) && filled(DATA + 512, 4, 512));
	GUEST_ASSERT_EQ(blk_used(), 1025);
	fill(DATA, 0xa5, 512);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 5, DATA, 512), OK);
	GUEST_ASSERT_EQ(blk_used(), 1);
	fill(DATA, 0x5a, 1024);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, SECTORS - 2, DATA, 1024), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_FLUSH, 0, 0, 0), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 5, DATA, 512), OK);
	GUEST_ASSERT(filled(DATA, 0xa5, 512));
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_GET_ID, 0, DATA, 20), OK);
	GUEST_ASSERT_EQ(read32(DATA), 'w' << 8 | 't' | 'e' << 16 | 'n' << 24);
	GUEST_ASSERT_EQ(blk_used(), 21);
	GUEST_DONE();
}

/* virtio 1.2, 2.7.4.3: where one descriptor ends and the next begins says nothing */
static void any_cut(void)
{
	u32 i;

	blk_up();
	/* a byte each */
	blk_header(VIRTIO_BLK_T_IN, 7);
	for (i = 0; i < 16; i++)
		blk_part(HEADER + i, 1, false, true);
	blk_part(DATA, 3, true, true);
	blk_part(DATA + 3, 506, true, true);
	/* the end of the data and the status */
	write8(DATA + 509 + 3, NO_STATUS);
	blk_part(DATA + 509, 4, true, false);
	blk_go();
	GUEST_ASSERT_EQ(read8(DATA + 512), OK);
	GUEST_ASSERT(filled(DATA, 7, 512));
	GUEST_ASSERT_EQ(blk_used(), 513);
	/* header and data as one */
	blk_header(VIRTIO_BLK_T_OUT, 9);
	for (i = 0; i < 16; i++)
		write8(DATA + i, read8(HEADER + i));
	fill(DATA + 16, 0x99, 512);
	blk_part(DATA, 528, false, true);
	blk_part(STATUS, 1, true, false);
	GUEST_ASSERT_EQ(blk_go(), OK);
	GUEST_DONE();
}

static void out_of_bounds(void)
{
	blk_up();
	fill(DATA, 0xee, 4096);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, SECTORS, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, SECTORS - 1, DATA, 1024), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, ~0ull, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, ~0ull >> 9, DATA, 1024), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 1ull << 55, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 0, DATA, 511), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 0, DATA, 1), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, SECTORS, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_used(), 0);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, DATA, 513), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, SECTORS, DATA, 0), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, SECTORS + 1, DATA, 0), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_GET_ID, 0, DATA, 0), OK);
	GUEST_ASSERT_EQ(blk_ask(2, 0, DATA, 512), UNSUPP);
	GUEST_ASSERT_EQ(blk_ask(0x80000000, 0, DATA, 512), UNSUPP);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_SECURE_ERASE, 0, DATA, 16), UNSUPP);
	GUEST_DONE();
}

static u8 range(u32 type, u64 sector, u32 sectors, u32 flags, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		*(volatile u64 *)(DATA + 16ull * i) = sector + i * sectors;
		write32(DATA + 16 * i + 8, sectors);
		write32(DATA + 16 * i + 12, flags);
	}
	return blk_ask(type, 0, DATA, 16 * n);
}

static void ranges(void)
{
	blk_up();
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 8, 8, 0, 1), OK);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 16, 8, 1, 1), OK);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 24, 8, 0, 2), OK);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 0, 0, 16), OK);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8, 1, 1), UNSUPP);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2, 1), UNSUPP);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, SECTORS - 1, 2, 0, 1), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, ~0ull, 2, 0, 1), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, ~0u, 0, 1), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0, 2), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 1, 0, 17), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 1, 0, 0), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_DISCARD, 0, DATA, 15), IOERR);
	GUEST_DONE();
}

static void read_only(void)
{
	blk_up();
	GUEST_ASSERT(blk_features(0) & 1 << VIRTIO_BLK_F_RO);
	GUEST_ASSERT(!(blk_features(0) & 1 << VIRTIO_BLK_F_DISCARD));
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 3, DATA, 512), OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 3, DATA + 512, 512), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8, 0, 1), IOERR);
	GUEST_ASSERT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0, 1), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_FLUSH, 0, 0, 0), OK);
	GUEST_DONE();
}

static void again(void)
{
	GUEST_ASSERT(blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET);
	blk_reset();
	blk_start(1 << VIRTIO_BLK_F_FLUSH, 1, RING_SIZE);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 3, DATA, 512), OK);
}

/* What is no request at all: the device asks for a reset, and works after it */
static void no_request(void)
{
	blk_up();
	/* no room for a status */
	blk_header(VIRTIO_BLK_T_OUT, 0);
	blk_part(HEADER, 16, false, true);
	blk_part(DATA, 512, false, false);
	GUEST_ASSERT_EQ(blk_go(), NO_STATUS);
	again();
	/* half a header */
	blk_header(VIRTIO_BLK_T_FLUSH, 0);
	blk_part(HEADER, 15, false, true);
	blk_part(STATUS, 1, true, false);
	GUEST_ASSERT_EQ(blk_go(), NO_STATUS);
	again();
	/* data in what is no memory, or in a device's registers */
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, 0xf0000000, 512), NO_STATUS);
	again();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, blk_bar, 512), NO_STATUS);
	again();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 0, ~0ull - 100, 512), NO_STATUS);
	again();
	GUEST_DONE();
}

/* The image shrinks while it is in use: what is not there any more is an error, and no more */
static void shrinks(void)
{
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 40, DATA, 512), OK);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 40, DATA, 512), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 7, DATA, 1024), IOERR);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 7, DATA, 512), OK);
	GUEST_DONE();
}

/* Many at once, and the driver has no patience */
static void resets_amid(void)
{
	volatile struct vring_desc *d = (struct vring_desc *)RING_DESC;
	u32 round, i;

	blk_find();
	for (round = 0; round < 100; round++) {
		blk_reset();
		blk_start(1 << VIRTIO_BLK_F_FLUSH, 1, RING_SIZE);
		for (i = 0; i < RING_SIZE / 2; i++) {
			d[2 * i].addr = HEADER + 16 * i;
			d[2 * i].len = 16;
			d[2 * i].flags = VRING_DESC_F_NEXT;
			d[2 * i].next = 2 * i + 1;
			d[2 * i + 1].addr = DATA + 1024 * i;
			d[2 * i + 1].len = 513;
			d[2 * i + 1].flags = VRING_DESC_F_WRITE;
			write32(HEADER + 16 * i, i % 8 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_FLUSH);
			*(volatile u64 *)(HEADER + 16ull * i + 8) = i;
			write16(RING_AVAIL + 4 + 2 * i, 2 * i);
		}
		write16(RING_AVAIL + 2, RING_SIZE / 2);
		blk_ring(0);
		for (i = 0; i < round * 50; i++)
			cpu_relax();
	}
	while (read16(RING_USED + 2) != RING_SIZE / 2)
		cpu_relax();
	GUEST_ASSERT_EQ(read8(DATA + 1024 * 9 + 512), OK);
	GUEST_ASSERT(filled(DATA + 1024 * 9, 9, 512));
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

/* Each sector has its number in it */
static void make_image(void)
{
	const char *name = getenv("DISK");
	u8 sector[512];
	unsigned int i;

	image = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) :
		       memfd_create("image", MFD_CLOEXEC);
	ASSERT_OK(image);
	disk = name && getenv("DIRECT") ? open(name, O_RDWR | O_DIRECT | O_CLOEXEC) : image;
	ASSERT_OK(disk);
	for (i = 0; i < SECTORS; i++) {
		memset(sector, i, sizeof(sector));
		ASSERT_EQ(write(image, sector, sizeof(sector)), (ssize_t)sizeof(sector));
	}
	ASSERT_OK(fsync(image));
}

static bool sector_is(unsigned int i, u8 v)
{
	u8 sector[512];
	unsigned int j;

	ASSERT_EQ(pread(image, sector, sizeof(sector), i * 512), (ssize_t)sizeof(sector));
	for (j = 0; j < sizeof(sector); j++) {
		if (sector[j] != v)
			return false;
	}
	return true;
}

/* All sectors but those from @from to @to are as they were */
static void rest_is_untouched(unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = 0; i < SECTORS; i++) {
		if (i < from || i > to)
			EXPECT_TRUE(sector_is(i, i));
	}
}

static struct vcpu *vcpu_for(void (*fn)(void), u32 flags, u32 queues)
{
	struct vm *vm = vm_create(VM_PC);

	make_image();
	ASSERT_EQ(blk_add(vm, disk, flags, queues), SLOT);
	return vcpu_long(vm, 0, fn);
}

TEST(configuration)
{
	vcpu_done(vcpu_for(registers, 0, 3));
}

TEST(reading_and_writing)
{
	vcpu_done(vcpu_for(reads_and_writes, 0, 1));
	EXPECT_TRUE(sector_is(4, 4));
	EXPECT_TRUE(sector_is(5, 0xa5));
	EXPECT_TRUE(sector_is(6, 6));
	EXPECT_TRUE(sector_is(SECTORS - 3, SECTORS - 3));
	EXPECT_TRUE(sector_is(SECTORS - 2, 0x5a));
	EXPECT_TRUE(sector_is(SECTORS - 1, 0x5a));
}

TEST(requests_in_any_cut)
{
	vcpu_done(vcpu_for(any_cut, 0, 1));
	EXPECT_TRUE(sector_is(9, 0x99));
	rest_is_untouched(9, 9);
}

TEST(bounds)
{
	struct vcpu *vcpu = vcpu_for(out_of_bounds, 0, 1);

	vcpu_done(vcpu);
	rest_is_untouched(SECTORS, SECTORS);
	EXPECT_EQ(lseek(image, 0, SEEK_END), SECTORS * 512);
}

TEST(discard_and_zeroes)
{
	unsigned int i;

	vcpu_done(vcpu_for(ranges, 0, 1));
	rest_is_untouched(8, 39);
	for (i = 8; i < 40; i++)
		EXPECT_TRUE(sector_is(i, 0));
}

TEST(readonly)
{
	vcpu_done(vcpu_for(read_only, LODGE_DEVICE_READONLY, 1));
	rest_is_untouched(SECTORS, SECTORS);
}

TEST(what_is_no_request)
{
	vcpu_done(vcpu_for(no_request, 0, 1));
	rest_is_untouched(SECTORS, SECTORS);
}

TEST(image_that_shrinks)
{
	struct vcpu *vcpu = vcpu_for(shrinks, 0, 1);

	vcpu_sync(vcpu, 1);
	if (ftruncate(image, 8 * 512))
		ktap_skip("a block device has its size");
	vcpu_done(vcpu);
}

TEST(resets_with_requests_under_way)
{
	vcpu_done(vcpu_for(resets_amid, 0, 1));
	rest_is_untouched(SECTORS, SECTORS);
}

TEST(what_is_no_disk)
{
	struct vm *vm = vm_create(VM_PC);
	int ends[2], dir = open("/", O_RDONLY), ro;

	ASSERT_OK(pipe(ends));
	make_image();
	EXPECT_ERRNO(blk_add(vm, ends[0], 0, 1), ENOTBLK);
	EXPECT_ERRNO(blk_add(vm, dir, 0, 1), ENOTBLK);
	EXPECT_ERRNO(blk_add(vm, -1, 0, 1), EBADF);
	EXPECT_ERRNO(blk_add(vm, 1000, 0, 1), EBADF);
	EXPECT_ERRNO(blk_add(vm, image, 2, 1), EINVAL);
	EXPECT_ERRNO(blk_add(vm, image, 0, LODGE_MAX_QUEUES + 1), EINVAL);
	ro = open("/init", O_RDONLY);
	ASSERT_OK(ro);
	EXPECT_ERRNO(blk_add(vm, ro, 0, 1), EBADF);
	EXPECT_EQ(blk_add(vm, ro, LODGE_DEVICE_READONLY, 1), SLOT);
	EXPECT_ERRNO(blk_add(vm, image, 0, 1), EEXIST);
}
