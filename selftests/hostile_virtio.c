// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that writes anything into the rings and registers of a disk, split and packed, in
 * memory that comes and goes.  The device asks for a reset, or does as it is told; the host says
 * nothing, the image is written to only where requests may, and after a reset it works.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blkguest.h"
#include "mem.h"

#define ROUNDS		400
#define SECTORS		64
#define REGION_LEN	0x10000
#define GPA_ROM		0x50000000ull

/* ---- inside -------------------------------------------------------------- */

static u32 seed;
static u64 resets_asked, answers;

static u32 rnd(void)
{
	return random_next(&seed);
}

/* Never where the guest's own code, tables and stack are */
static u64 some_address(void)
{
	static const u64 bad[] = {
		~0ull, ~0ull - 15, 1ull << 52, 1ull << 63, 0xfee00000, 0xfec00000, ECAM,
		GPA_ROM, GPA_ROM + PAGE - 8, GPA_REGION + REGION_LEN - 8, GPA_REGION + REGION_LEN,
		VM_MEMORY - 16, VM_MEMORY, 0x100000000ull,
	};

	switch (rnd() % 8) {
	case 0:
		return bad[rnd() % (sizeof(bad) / sizeof(bad[0]))];
	case 1:
		return blk_bar + rnd() % BAR_SIZE;
	case 2:
		return GPA_REGION + rnd() % REGION_LEN;
	case 3:
		return HEADER + rnd() % 64 * 16;
	default:
		return DATA + rnd() % 0x8000;
	}
}

static u32 some_length(void)
{
	static const u32 some[] = { 0, 1, 15, 16, 17, 32, 512, 513, 1024, 4096, 0x10000, ~0u,
				    0x80000000, 0xfffffff0, 16384, 16400 };

	return some[rnd() % (sizeof(some) / sizeof(some[0]))];
}

static void scribble_ring(u16 size)
{
	volatile struct vring_desc *d = (struct vring_desc *)RING_DESC + rnd() % RING_SIZE;
	u64 i;

	switch (rnd() % 6) {
	case 0:
		write16(RING_AVAIL + 2, rnd() % 4 ? read16(RING_AVAIL + 2) + rnd() % 8 : rnd());
		break;
	case 1:
		write16(RING_AVAIL + 4 + rnd() % RING_SIZE * 2, rnd() % 8 ? rnd() % size : rnd());
		break;
	case 2:
		write32(RING_AVAIL, rnd());
		break;
	case 3:
		/* headers that are more or less good */
		i = rnd() % 64 * 16;
		write32(HEADER + i, rnd() % 16);
		*(volatile u64 *)(HEADER + i + 8) = rnd() % 8 ? rnd() % SECTORS : ~0ull - rnd();
		break;
	default:
		d->addr = some_address();
		d->len = some_length();
		/* also as a packed ring has it: ID, flags with both bits of availability */
		d->flags = rnd() % 4 ? rnd() % 8 : rnd();
		d->next = rnd() % 4 ? (rnd() % size) | (rnd() & 0x8087) : rnd();
	}
}

/* A chain as it should be, with one thing wrong at times */
static void near_miss(u16 size)
{
	volatile struct vring_desc *d = (struct vring_desc *)RING_DESC;
	u16 idx = read16(RING_AVAIL + 2);

	write32(HEADER, rnd() % 3 ? rnd() & 1 : rnd() % 14);
	*(volatile u64 *)(HEADER + 8) = rnd() % (SECTORS + 1);
	d[0].addr = rnd() % 8 ? HEADER : some_address();
	d[0].len = rnd() % 8 ? 16 : some_length();
	d[0].flags = rnd() % 8 ? VRING_DESC_F_NEXT : rnd() % 8;
	d[0].next = 1;
	d[1].addr = some_address();
	d[1].len = rnd() % 2 ? 512 : some_length();
	d[1].flags = VRING_DESC_F_NEXT | (rnd() % 2 ? VRING_DESC_F_WRITE : 0);
	d[1].next = rnd() % 8 ? 2 : rnd() % size;
	d[2].addr = rnd() % 8 ? STATUS : some_address();
	d[2].len = 1;
	d[2].flags = VRING_DESC_F_WRITE;
	write16(RING_AVAIL + 4 + idx % size * 2, 0);
	write16(RING_AVAIL + 2, idx + 1);
}

/* Registers of the device, but not of where it lies */
static void scribble_register(void)
{
	u32 reg = rnd() % 64;

	switch (rnd() % 4) {
	case 0:
		write8(blk_bar + blk_common + reg, rnd());
		break;
	case 1:
		write16(blk_bar + blk_common + (reg & ~1), rnd());
		break;
	case 2:
		write32(blk_bar + blk_common + (reg & ~3), rnd());
		break;
	default:
		write32(blk_bar + blk_config + (reg & ~3), rnd());
	}
}

static void set_up(u32 *size)
{
	u32 low = blk_features(0), high = blk_features(1);

	*size = 1u << rnd() % 7;
	blk_set_status(3);
	blk_accept(0, low & (rnd() | rnd()));
	blk_accept(1, 1 | (high & rnd()));
	blk_set_status(0xb);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), rnd() % 8 ? 0 : rnd() % 3);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SIZE), rnd() % 8 ? *size : rnd());
	blk_address(VIRTIO_PCI_COMMON_Q_DESCLO, rnd() % 8 ? RING_DESC : some_address() & ~15ull);
	blk_address(VIRTIO_PCI_COMMON_Q_AVAILLO, rnd() % 8 ? RING_AVAIL : some_address() & ~3ull);
	blk_address(VIRTIO_PCI_COMMON_Q_USEDLO, rnd() % 8 ? RING_USED : some_address() & ~3ull);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
	blk_set_status(0xf);
}

static void one_round(void)
{
	volatile u64 *p;
	u32 i, size, n = 20 + rnd() % 100;

	for (p = (u64 *)RING_DESC; p < (u64 *)HEADER; p++)
		*p = 0;
	blk_reset();
	set_up(&size);
	for (i = 0; i < n && !(blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET); i++) {
		switch (rnd() % 8) {
		case 0:
			scribble_register();
			break;
		case 1:
		case 2:
			near_miss(size);
			break;
		case 3:
			break;
		default:
			scribble_ring(size);
		}
		if (rnd() % 2)
			write16(blk_bar + blk_notify, rnd() % 16 ? 0 : rnd());
		else if (rnd() % 2)
			outl(blk_doorbell + (rnd() % 16 ? 0 : rnd() % 128), rnd());
	}
	answers += read16(RING_USED + 2);
	if (blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET)
		resets_asked++;
}

static void hostile(u64 start)
{
	u64 i;

	seed = start;
	blk_find();
	for (i = 0; i < ROUNDS; i++)
		one_round();
	/* it works as ever */
	blk_up();
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_OUT, 5, DATA, 512), VIRTIO_BLK_S_OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_FLUSH, 0, 0, 0), VIRTIO_BLK_S_OK);
	GUEST_ASSERT_EQ(blk_ask(VIRTIO_BLK_T_IN, 5, DATA + 512, 512), VIRTIO_BLK_S_OK);
	for (i = 0; i < 512; i++)
		GUEST_ASSERT_EQ(read8(DATA + i), read8(DATA + 512 + i));
	GUEST_SYNC2(resets_asked, answers);
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static volatile bool stopped;
static struct vm *vm;
static void *region;

/* The region's memory, and the region, come and go */
static void *memory_moves(void *arg)
{
	while (!stopped) {
		ASSERT_OK(mprotect(region, REGION_LEN, PROT_NONE));
		usleep(2000);
		ASSERT_OK(mprotect(region, REGION_LEN, PROT_READ | PROT_WRITE));
		ASSERT_OK(madvise(region, REGION_LEN, MADV_DONTNEED));
		usleep(2000);
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, 0, NULL);
		usleep(1000);
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, REGION_LEN, region);
		usleep(5000);
	}
	return NULL;
}

static void run(u32 flags, u64 start)
{
	int image = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	pthread_t thread;
	struct vcpu *vcpu;
	void *rom;

	ASSERT_OK(image);
	ASSERT_OK(ftruncate(image, (SECTORS + 8) * 512));
	ASSERT_OK(fcntl(image, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	vm = vm_create(VM_PC);
	ASSERT_EQ(blk_add(vm, image, flags, 2), SLOT);
	region = mem_anon(REGION_LEN, PAGE);
	rom = mem_anon(PAGE, PAGE);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, REGION_LEN, region);
	vm_slot(vm, REGION_SLOT + 1, LODGE_SLOT_READONLY, GPA_ROM, PAGE, rom);
	vcpu = vcpu_create(vm, 0);
	vcpu_start_long_arg(vcpu, hostile, start);
	ASSERT_EQ(pthread_create(&thread, NULL, memory_moves, NULL), 0);
	ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
	diag("seed %llu: %llu resets asked for, %llu answers", (unsigned long long)start,
	     (unsigned long long)vcpu->arg[0], (unsigned long long)vcpu->arg[1]);
	EXPECT_TRUE(vcpu->arg[0] && vcpu->arg[1]);
	vcpu_done(vcpu);
	stopped = true;
	pthread_join(thread, NULL);
	vcpu_free(vcpu);
	vm_free(vm);
	close(image);
}

TEST_SECONDS(rings_and_registers, 300)
{
	run(0, 1);
}

TEST_SECONDS(other_rings_and_registers, 300)
{
	run(0, 20260101);
}
