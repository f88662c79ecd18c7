// SPDX-License-Identifier: GPL-2.0-only
/*
 * rings ADDRESS: a bad driver of the vsock whose registers (virtio-mmio) are there: rings that are
 * no memory, or end in what is none, and a buffer that is none.  Each time the device must ask for
 * a reset, and rings that are right must work in between.  Nobody else drives it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define PAGE	4096
#define SIZE	8		/* descriptors */
#define PARTS	3		/* of a ring: descriptors, available, used */
#define QUEUES	2
#define TX	1
#define SECONDS	20
#define HEADER	44		/* of a packet */

static volatile uint32_t *regs;
static uint8_t *page;		/* both rings and a buffer */
static uint64_t gpa;		/* of it */

static void fail(const char *what)
{
	printf("rings: %s\n", what);
	exit(1);
}

static void put(unsigned int reg, uint32_t v)
{
	regs[reg / 4] = v;
}

static unsigned int place(unsigned int queue, unsigned int part)
{
	return queue * 0x800 + part * 0x100;
}

static void get_page(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED ||
	    pread(fd, &entry, 8, (uintptr_t)page / PAGE * 8) != 8 || !(entry << 9))
		fail("no memory");
	gpa = (entry & ((1ULL << 55) - 1)) * PAGE;
}

/* With one part of one ring elsewhere; @bad 0: none */
static void start(unsigned int bad_queue, unsigned int bad_part, uint64_t bad)
{
	static const unsigned int reg[PARTS] = {
		VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_USED_LOW,
	};
	unsigned int q, p;

	memset(page, 0, PAGE);
	put(VIRTIO_MMIO_STATUS, 0);
	put(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	put(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(VIRTIO_MMIO_DRIVER_FEATURES, 1 << (VIRTIO_F_VERSION_1 - 32));
	put(VIRTIO_MMIO_STATUS, 0xb);
	for (q = 0; q < QUEUES; q++) {
		put(VIRTIO_MMIO_QUEUE_SEL, q);
		put(VIRTIO_MMIO_QUEUE_NUM, SIZE);
		for (p = 0; p < PARTS; p++) {
			uint64_t at = bad && q == bad_queue && p == bad_part ? bad :
				      gpa + place(q, p);

			put(reg[p], at);
			put(reg[p] + 4, at >> 32);
		}
		put(VIRTIO_MMIO_QUEUE_READY, 1);
	}
	put(VIRTIO_MMIO_STATUS, 0xf);
}

/* One buffer for the device to read */
static void offer(uint64_t at)
{
	struct vring_desc *d = (struct vring_desc *)(page + place(TX, 0));
	volatile struct vring_avail *avail = (void *)(page + place(TX, 1));

	*d = (struct vring_desc){ .addr = at, .len = HEADER };
	avail->ring[avail->idx % SIZE] = 0;
	__sync_synchronize();
	avail->idx++;
	put(VIRTIO_MMIO_QUEUE_NOTIFY, TX);
}

static int is_broken(void)
{
	return regs[VIRTIO_MMIO_STATUS / 4] & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static int is_used(void)
{
	volatile struct vring_used *used = (void *)(page + place(TX, 2));

	return used->idx == 1;
}

static void wait_until(int (*done)(void), const char *what)
{
	time_t end = time(NULL) + SECONDS;

	while (!done())
		if (time(NULL) > end)
			fail(what);
}

/* A packet of nobody, which is dropped */
static void works(void)
{
	start(0, 0, 0);
	offer(gpa + 0x700);
	wait_until(is_used, "a right ring does not work");
	if (is_broken())
		fail("a right ring is taken for a wrong one");
}

int main(int argc, char **argv)
{
	uint64_t memory = sysconf(_SC_PHYS_PAGES), at = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	/* the last is where the guest's memory ends: its size is a multiple of 128 MiB */
	uint64_t bad[] = { 0xd0000000, 0xfffff000, 1ULL << 32, 1ULL << 40, ~0ULL << 12,
			   (((memory * PAGE >> 27) + 1) << 27) - 16 };
	unsigned int i, q, p;
	void *map;

	get_page();
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   open("/dev/mem", O_RDWR | O_SYNC), at);
	if (map == MAP_FAILED)
		fail("no registers");
	regs = map;
	works();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (q = 0; q < QUEUES; q++)
			for (p = 0; p < PARTS; p++) {
				start(q, p, bad[i]);
				wait_until(is_broken, "a wrong ring is not found");
			}
	works();
	offer(bad[0]);
	wait_until(is_broken, "a wrong buffer is not found");
	works();
	put(VIRTIO_MMIO_STATUS, 0);
	return 0;
}
