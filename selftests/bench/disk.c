// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_disk - what a virtio disk costs, beside the same requests made on the host itself
 *
 * The guest is a driver by hand: it puts a batch of requests into its queue, kicks once, and halts
 * until they are done, as Linux does.  Natively it is a batch of asynchronous I/O.  With one CPU
 * the ticks are those of all who take part: guest, exits, worker, block layer.
 *
 * The disk is a file in memory; with DISK=FILE in the environment also that block device, by
 * direct I/O: its first 16 MiB are written to.  JSON=FILE: where to put all of it once more.
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blkguest.h"

#define X2APIC_EOI	0x80b
#define X2APIC_SVR	0x80f
#define VECTOR		0x60

#define DISK_SIZE	(16u << 20)
#define DEPTH		32
#define SLOTS		128	/* of the ring; three a request */
#define USED_EVENT	(RING_AVAIL + 4 + 2 * SLOTS)
#define AVAIL_EVENT	(RING_USED + 4 + 8 * SLOTS)
#define EVENT_IDX	(1u << VIRTIO_RING_F_EVENT_IDX)

/* What the target of batches is */
#define MOST_RATIO	13	/* tenths of what it costs natively */
#define MOST_ADDED	1500	/* and so many ticks */

/**
 * struct job - requests to be made
 * @what: for the table
 * @type: VIRTIO_BLK_T_IN or VIRTIO_BLK_T_OUT
 * @depth: requests of a batch, DEPTH at most
 * @len: bytes of a request
 * @batches: how many
 * @random: anywhere, not one after the other
 * @ticks: out: of all of them
 * @interrupts: out: likewise
 */
struct job {
	const char *what;
	u32 type;
	u32 depth;
	u32 len;
	u32 batches;
	bool random;
	u64 ticks;
	u64 interrupts;
};

static struct job job;
static volatile u64 interrupts;

static const struct job jobs[] = {
	{ "4 KiB random read, one at a time", VIRTIO_BLK_T_IN, 1, 4096, 500, true },
	{ "4 KiB random read, 32 at a time", VIRTIO_BLK_T_IN, 32, 4096, 50, true },
	{ "4 KiB random write, one at a time", VIRTIO_BLK_T_OUT, 1, 4096, 500, true },
	{ "4 KiB random write, 32 at a time", VIRTIO_BLK_T_OUT, 32, 4096, 50, true },
	{ "128 KiB of 1 MiB in a row, read", VIRTIO_BLK_T_IN, 8, 131072, 32, false },
	{ "128 KiB of 1 MiB in a row, write", VIRTIO_BLK_T_OUT, 8, 131072, 32, false },
};

/* Where the next request is, in bytes; the same for guest and host */
static u64 next_position(const struct job *j, u64 *seed)
{
	if (!j->random) {
		*seed += j->len;
		return *seed % DISK_SIZE;
	}
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (*seed >> 33) % (DISK_SIZE / j->len) * j->len;
}

/* ---- inside -------------------------------------------------------------- */

static void on_interrupt(struct guest_frame *f)
{
	interrupts++;
	wrmsr(X2APIC_EOI, 0);
}

static void use_messages(void)
{
	u32 at = read8(config(PCI_CAPABILITY_LIST));
	u64 table;

	while (at && read8(config(at)) != PCI_CAP_ID_MSIX)
		at = read8(config(at + 1));
	GUEST_ASSERT(at);
	table = blk_bar + read32(config(at + PCI_MSIX_TABLE));
	write32(table, 0xfee00000);
	write32(table + 4, 0);
	write32(table + 8, VECTOR);
	write32(table + 12, 0);
	write16(config(at + PCI_MSIX_FLAGS), PCI_MSIX_FLAGS_ENABLE);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_MSIX), 0);
}

static void make_chain(u32 i)
{
	blk_next = 3 * i;
	blk_part(HEADER + 16 * i, 16, false, true);
	blk_part(GPA_FREE + (u64)i * job.len, job.len, job.type == VIRTIO_BLK_T_IN, true);
	blk_part(STATUS + i, 1, true, false);
	write32(HEADER + 16 * i, job.type);
	write8(STATUS + i, NO_STATUS);
}

static void batch(u64 *seed)
{
	u16 old = read16(RING_AVAIL + 2), new = old + job.depth, seen;
	u32 i;

	for (i = 0; i < job.depth; i++) {
		make_chain(i);
		*(volatile u64 *)(HEADER + 16ull * i + 8) = next_position(&job, seed) / 512;
		write16(RING_AVAIL + 4 + (u16)(old + i) % SLOTS * 2, 3 * i);
	}
	write16(USED_EVENT, old);
	write16(RING_AVAIL + 2, new);
	asm volatile("mfence" : : : "memory");
	if ((u16)(new - read16(AVAIL_EVENT) - 1) < (u16)(new - old))
		blk_ring(0);
	for (;;) {
		cli();
		seen = read16(RING_USED + 2);
		if (seen == new)
			break;
		write16(USED_EVENT, seen);
		asm volatile("mfence" : : : "memory");
		if (seen == read16(RING_USED + 2))
			safe_halt();
	}
	sti();
	for (i = 0; i < job.depth; i++)
		GUEST_ASSERT_EQ(read8(STATUS + i), VIRTIO_BLK_S_OK);
}

static void drive(void)
{
	u64 seed, start, before;
	u32 i;

	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
	blk_find();
	blk_reset();
	blk_start(1 << VIRTIO_BLK_F_FLUSH | EVENT_IDX, 1, SLOTS);
	use_messages();
	sti();
	for (;;) {
		GUEST_SYNC(1);
		seed = 0;
		before = interrupts;
		start = rdtsc();
		for (i = 0; i < job.batches; i++)
			batch(&seed);
		job.ticks = rdtsc() - start;
		job.interrupts = interrupts - before;
	}
}

/* ---- on the host --------------------------------------------------------- */

static void native(int fd, struct job *j)
{
	struct iocb cb[DEPTH], *list[DEPTH];
	struct io_event events[DEPTH];
	aio_context_t ctx = 0;
	u64 seed = 0, start;
	char *buf = mmap(NULL, DEPTH * 131072, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	u32 b, i;

	ASSERT_NE(buf, MAP_FAILED);
	ASSERT_OK(syscall(SYS_io_setup, DEPTH, &ctx));
	start = rdtsc();
	for (b = 0; b < j->batches; b++) {
		for (i = 0; i < j->depth; i++) {
			cb[i] = (struct iocb){
				.aio_fildes = fd,
				.aio_lio_opcode = j->type == VIRTIO_BLK_T_IN ? IOCB_CMD_PREAD :
									       IOCB_CMD_PWRITE,
				.aio_buf = (u64)buf + i * j->len,
				.aio_nbytes = j->len,
				.aio_offset = next_position(j, &seed),
			};
			list[i] = &cb[i];
		}
		ASSERT_EQ(syscall(SYS_io_submit, ctx, (long)j->depth, list), (long)j->depth);
		ASSERT_EQ(syscall(SYS_io_getevents, ctx, (long)j->depth, (long)j->depth, events,
				  NULL), (long)j->depth);
		for (i = 0; i < j->depth; i++)
			ASSERT_EQ(events[i].res, (long long)j->len);
	}
	j->ticks = rdtsc() - start;
	syscall(SYS_io_destroy, ctx);
	munmap(buf, DEPTH * 131072);
}

static u64 exits_of(struct vcpu *vcpu)
{
	u64 exits = 0;
	struct lodge_stats s = { .size = sizeof(s), .count = 1, .values = (u64)&exits };

	ASSERT_OK(ioctl(vcpu->fd, LODGE_VCPU_GET_STATS, &s));
	return exits;
}

/* Twice: what happens but once is not what is asked for.  Returns the exits. */
static u64 guest_does(struct vcpu *vcpu, struct job *j)
{
	u64 before = 0;
	int i;

	for (i = 0; i < 2; i++) {
		GUEST_VAR(vcpu->vm, job) = *j;
		before = exits_of(vcpu);
		vcpu_sync(vcpu, 1);
	}
	*j = GUEST_VAR(vcpu->vm, job);
	/* one is of the call itself */
	return exits_of(vcpu) - before - 1;
}

static void report(const char *disk, const struct job *j, u64 lodge, u64 native, u64 exits)
{
	u64 n = j->batches * j->depth, most = native * MOST_RATIO / 10 + MOST_ADDED;
	const char *json = getenv("JSON");
	FILE *f;

	printf("%-36s  %8llu  %8llu  %3llu.%02llu  %6llu.%02llu  %7llu.%02llu",
	       j->what, (unsigned long long)lodge, (unsigned long long)native,
	       (unsigned long long)(lodge / native),
	       (unsigned long long)(lodge * 100 / native % 100),
	       (unsigned long long)(exits / n), (unsigned long long)(exits * 100 / n % 100),
	       (unsigned long long)(j->interrupts / n),
	       (unsigned long long)(j->interrupts * 100 / n % 100));
	if (j->depth > 1 && j->random)
		printf("  <= %llu %s", (unsigned long long)most, lodge <= most ? "met" : "MISSED");
	putchar('\n');
	fflush(stdout);
	f = json ? fopen(json, "a") : NULL;
	if (!f)
		return;
	fprintf(f, "{\"name\": \"%s, %s\", \"unit\": \"ticks/op\"", disk, j->what);
	fprintf(f, ", \"lodge\": %llu, \"kvm\": null, \"native\": %llu}\n",
		(unsigned long long)lodge, (unsigned long long)native);
	fclose(f);
}

static void compare(const char *disk, int fd)
{
	struct vm *vm = vm_create(VM_PC);
	struct vcpu *vcpu;
	unsigned int i;

	ASSERT_EQ(blk_add(vm, fd, 0, 1), SLOT);
	vm_handler(vm, VECTOR, on_interrupt);
	vcpu = vcpu_long(vm, 0, drive);
	vcpu_sync(vcpu, 1);
	printf("\n%-36s  %8s  %8s  %6s  %9s  %10s  target\n", disk, "lodge", "native", "ratio",
	       "exits", "interrupts");
	for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		u64 n = jobs[i].batches * jobs[i].depth, exits;
		struct job in = jobs[i], out = jobs[i];

		exits = guest_does(vcpu, &in);
		native(fd, &out);
		native(fd, &out);
		report(disk, &in, in.ticks / n, out.ticks / n, exits);
	}
}

static void fill(int fd)
{
	char *buf = mmap(NULL, DISK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ASSERT_NE(buf, MAP_FAILED);
	ASSERT_EQ(pwrite(fd, buf, DISK_SIZE, 0), (ssize_t)DISK_SIZE);
	munmap(buf, DISK_SIZE);
}

TEST_SECONDS(file_in_memory, 300)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	ASSERT_OK(fd);
	fill(fd);
	compare("ticks a request, file in memory", fd);
}

TEST_SECONDS(block_device, 300)
{
	const char *name = getenv("DISK");
	int fd;

	if (!name)
		SKIP("no DISK=FILE in the environment");
	fd = open(name, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_OK(fd);
	fill(fd);
	compare("ticks a request, direct I/O", fd);
}
