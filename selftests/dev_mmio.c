// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-mmio from inside a guest: registers, what is none, the line in both of its modes, resets
 * that are over when the write is, and values that no driver writes.
 */
#include <linux/virtio_balloon.h>
#include <unistd.h>

#include "mem.h"
#include "mmiodev.h"

#define X2APIC_EOI	0x80b
#define X2APIC_SVR	0x80f
#define IOAPIC		0xfec00000ull
#define IOAPIC_LEVEL	(1 << 15)
#define VECTOR		0x60

#define QUEUE_RESET	0x0c0
#define FEATURE_RESET	(1u << (40 - 32))
#define NUMBER		5	/* of the device; the other one has the same line */
#define OTHER		(NUMBER + LODGE_MMIO_LINES)

/* the queue */
#define QUEUE_SIZE	8
#define DESC		GPA_SCRATCH
#define AVAIL		(GPA_SCRATCH + 0x1000)
#define USED		(GPA_SCRATCH + 0x2000)
#define BUFFER		(GPA_SCRATCH + 0x3000)
#define BUFFER_LEN	0x1000
#define OTHER_QUEUE	0x10000	/* its addresses are so much higher */

struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

static volatile u64 interrupts, storm, leave, causes;
static u64 up;		/* of the queue, 0 or OTHER_QUEUE */

static void take(u64 device)
{
	number = device;
	up = device == NUMBER ? 0 : OTHER_QUEUE;
}

/* Leaves the devices as they are the first few times, as a driver that is not sure */
static void on_interrupt(struct guest_frame *f)
{
	u64 was = number;

	interrupts++;
	if (storm)
		storm--;
	else if (!leave)
		for (number = NUMBER; number <= OTHER; number += LODGE_MMIO_LINES) {
			causes |= mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS);
			mmio_put(VIRTIO_MMIO_INTERRUPT_ACK, mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS));
		}
	number = was;
	wrmsr(X2APIC_EOI, 0);
}

static void route(u32 flags)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
	write32(IOAPIC, 0x11 + 2 * (LODGE_MMIO_GSI + NUMBER % LODGE_MMIO_LINES));
	write32(IOAPIC + 0x10, 0);
	write32(IOAPIC, 0x10 + 2 * (LODGE_MMIO_GSI + NUMBER % LODGE_MMIO_LINES));
	write32(IOAPIC + 0x10, flags | VECTOR);
}

/* ---- a driver ------------------------------------------------------------ */

static void clear_queue(void)
{
	volatile u64 *p;

	for (p = (u64 *)(DESC + up); p < (u64 *)(BUFFER + up + BUFFER_LEN); p++)
		*p = 0;
}

static void set_up_queue(void)
{
	clear_queue();
	mmio_queue(0, QUEUE_SIZE, DESC + up, AVAIL + up, USED + up);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_READY), 1);
}

static void negotiate(u32 high)
{
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0);
	mmio_put(VIRTIO_MMIO_STATUS, 1);
	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(0, 0);
	mmio_accept(1, high);
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xb);
}

static void start(void)
{
	negotiate(1 | FEATURE_RESET);
	set_up_queue();
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
}

/* One more buffer, and a kick */
static void offer(u32 len)
{
	volatile struct desc *d = (struct desc *)(DESC + up);
	u16 idx = read16(AVAIL + up + 2);

	d[0].addr = BUFFER + up;
	d[0].len = len;
	d[0].flags = 2;
	write16(AVAIL + up + 4 + idx % QUEUE_SIZE * 2, 0);
	write16(AVAIL + up + 2, idx + 1);
	mmio_put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void wait_used(u16 idx)
{
	while (read16(USED + up + 2) != idx)
		cpu_relax();
}

static void wait_interrupts(u64 nr)
{
	cli();
	while (interrupts < nr) {
		safe_halt();
		cli();
	}
}

/* Long enough for what should not happen to happen */
static void linger(void)
{
	u64 begin = rdtsc();

	sti();
	while (rdtsc() - begin < 5000000)
		cpu_relax();
	cli();
}

/* ---- registers ----------------------------------------------------------- */

static void no_registers(void)
{
	u32 at;

	/* none of another width, or in between */
	GUEST_ASSERT_EQ(read8(mmio_reg(0)), 0);
	GUEST_ASSERT_EQ(read16(mmio_reg(0)), 0);
	GUEST_ASSERT_EQ(*(volatile u64 *)mmio_reg(0), 0);
	GUEST_ASSERT_EQ(read32(mmio_reg(2)), 0);
	write8(mmio_reg(VIRTIO_MMIO_STATUS), 1);
	write16(mmio_reg(VIRTIO_MMIO_STATUS), 1);
	*(volatile u64 *)mmio_reg(VIRTIO_MMIO_STATUS) = 1;
	write32(mmio_reg(VIRTIO_MMIO_STATUS + 2), 0x01010101);
	write32(mmio_reg(VIRTIO_MMIO_STATUS - 2), 0x01010101);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0);
	/* of the first version, and between registers */
	for (at = 0x14; at < 0xfc; at += 4)
		if ((at > 0x14 && at < 0x34 && at != 0x30) || (at >= 0x3c && at < 0x44))
			GUEST_ASSERT_EQ(mmio_get(at), 0);
	/* this device has no configuration */
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_CONFIG), 0);
	GUEST_ASSERT_EQ(mmio_get(LODGE_MMIO_SIZE - 4), 0);
	mmio_put(VIRTIO_MMIO_CONFIG, ~0);
	mmio_put(LODGE_MMIO_SIZE - 4, ~0);
	/* nobody is there */
	for (number = 0; number < LODGE_MMIO_DEVICES; number++)
		if (number != NUMBER && number != OTHER) {
			GUEST_ASSERT_EQ(mmio_get(0), ~0u);
			mmio_put(VIRTIO_MMIO_STATUS, 1);
		}
	take(NUMBER);
}

static void shared_memory(void)
{
	u32 i, at;

	for (i = 0; i < 3; i++) {
		mmio_put(VIRTIO_MMIO_SHM_SEL, i - 1);
		for (at = VIRTIO_MMIO_SHM_LEN_LOW; at <= VIRTIO_MMIO_SHM_BASE_HIGH; at += 4)
			GUEST_ASSERT_EQ(mmio_get(at), ~0u);
	}
}

static void selections(void)
{
	static const u32 none[] = { 1, 15, 16, 0x10000, 0x80000000, ~0u };
	u32 i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		mmio_put(VIRTIO_MMIO_QUEUE_SEL, none[i]);
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		mmio_put(VIRTIO_MMIO_QUEUE_NUM, 8);
		mmio_address(VIRTIO_MMIO_QUEUE_DESC_LOW, DESC);
		mmio_put(VIRTIO_MMIO_QUEUE_READY, 1);
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_READY), 0);
		mmio_put(VIRTIO_MMIO_QUEUE_READY, 0);
		mmio_put(QUEUE_RESET, 1);
		GUEST_ASSERT_EQ(mmio_get(QUEUE_RESET), 0);
		mmio_put(VIRTIO_MMIO_QUEUE_NOTIFY, none[i]);
		GUEST_ASSERT_EQ(mmio_features(none[i] + 1), none[i] + 1 ? 0 : 3u << 28);
	}
	mmio_put(VIRTIO_MMIO_QUEUE_SEL, 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
}

static void registers(void)
{
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_VERSION), 2);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_DEVICE_ID), LODGE_DEVICE_RNG);
	GUEST_ASSERT(mmio_get(VIRTIO_MMIO_VENDOR_ID));
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	GUEST_ASSERT_EQ(mmio_features(0), 3u << 28);
	GUEST_ASSERT_EQ(mmio_features(1), 1 << 0 | 1 << 2 | 1 << 8);
	no_registers();
	shared_memory();
	selections();
	/* not ready before features are settled */
	mmio_put(VIRTIO_MMIO_QUEUE_READY, 1);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_READY), 0);
	/* without VERSION_1 they never are */
	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(1, 0);
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 3);
	start();
	offer(64);
	wait_used(1);
	GUEST_ASSERT_EQ(read32(USED + 8), 64);
	GUEST_DONE();
}

/* Sizes that no queue has: the driver is told to reset, and what is told by it works again */
static void sizes(void)
{
	static const u32 bad[] = { 0, 3, 65, 128, 0x10008, ~0u };
	u32 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		negotiate(1);
		set_up_queue();
		/* neither size nor place of one that is ready change */
		mmio_put(VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		mmio_address(VIRTIO_MMIO_QUEUE_USED_LOW, ~0ull);
		mmio_put(VIRTIO_MMIO_STATUS, 0xf);
		offer(64);
		wait_used(1);
		negotiate(1);
		mmio_put(VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		mmio_put(VIRTIO_MMIO_QUEUE_READY, 1);
		mmio_put(VIRTIO_MMIO_STATUS, 0xf);
		while (!(mmio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET))
			cpu_relax();
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
		mmio_put(VIRTIO_MMIO_STATUS, 0);
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	}
	GUEST_DONE();
}

/* ---- the line ------------------------------------------------------------ */

static void level(void)
{
	route(IOAPIC_LEVEL);
	start();
	/* again and again, until it is acknowledged */
	storm = 3;
	offer(64);
	wait_interrupts(4);
	linger();
	GUEST_ASSERT_EQ(interrupts, 4);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	/* other bits acknowledge nothing; a reset takes it back, but for what is on its way */
	offer(64);
	wait_used(2);
	while (!mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS))
		cpu_relax();
	mmio_put(VIRTIO_MMIO_INTERRUPT_ACK, ~VIRTIO_MMIO_INT_VRING);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	linger();
	GUEST_ASSERT_EQ(interrupts, 5);
	GUEST_ASSERT_EQ(causes, VIRTIO_MMIO_INT_VRING);
	GUEST_DONE();
}

/* An input that the guest has left edge-triggered, and two devices on it: none is lost */
static void edge(void)
{
	route(0);
	take(OTHER);
	start();
	take(NUMBER);
	start();
	leave = true;
	offer(64);
	wait_interrupts(1);
	/* the line is high, so this is no edge */
	take(OTHER);
	offer(64);
	wait_used(1);
	while (!mmio_get(VIRTIO_MMIO_INTERRUPT_STATUS))
		cpu_relax();
	linger();
	GUEST_ASSERT_EQ(interrupts, 1);
	take(NUMBER);
	mmio_put(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	wait_interrupts(2);
	/* nothing is left after both */
	take(OTHER);
	mmio_put(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	linger();
	GUEST_ASSERT_EQ(interrupts, 2);
	/* and from the beginning */
	offer(64);
	wait_interrupts(3);
	GUEST_DONE();
}

/* ---- resets -------------------------------------------------------------- */

/* As Linux does it: nothing is waited for, and the rings are somebody else's from then on */
static void undisturbed(void)
{
	volatile u64 *p;
	u64 begin;

	clear_queue();
	for (begin = rdtsc(); rdtsc() - begin < 200000;)
		cpu_relax();
	for (p = (u64 *)DESC; p < (u64 *)(BUFFER + BUFFER_LEN); p++)
		GUEST_ASSERT_EQ(*p, 0);
}

static void resets(void)
{
	u32 i, k;

	for (i = 0; i < 100; i++) {
		start();
		for (k = 0; k < i % QUEUE_SIZE + 1; k++)
			offer(1024);
		if (i & 1) {
			mmio_put(VIRTIO_MMIO_STATUS, 0);
			GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0);
		} else {
			mmio_put(VIRTIO_MMIO_QUEUE_READY, 0);
			GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xf);
		}
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_READY), 0);
		undisturbed();
		if (i & 1)
			continue;
		/* without a reset of the device, from the beginning */
		set_up_queue();
		offer(64);
		wait_used(1);
	}
	GUEST_DONE();
}

static void queue_reset(void)
{
	/* not without the feature */
	negotiate(1);
	set_up_queue();
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
	mmio_put(QUEUE_RESET, 1);
	GUEST_ASSERT_EQ(mmio_get(QUEUE_RESET), 0);
	offer(64);
	wait_used(1);
	start();
	offer(64);
	wait_used(1);
	mmio_put(QUEUE_RESET, 1);
	while (mmio_get(QUEUE_RESET))
		cpu_relax();
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_QUEUE_READY), 0);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xf);
	undisturbed();
	set_up_queue();
	offer(64);
	wait_used(1);
	GUEST_DONE();
}

/* ---- configuration ------------------------------------------------------- */

#define PAGES	offsetof(struct virtio_balloon_config, num_pages)
#define ACTUAL	offsetof(struct virtio_balloon_config, actual)

static void configuration(void)
{
	u32 generation, at;

	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_DEVICE_ID), LODGE_DEVICE_BALLOON);
	route(IOAPIC_LEVEL);
	negotiate(1);
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
	generation = mmio_get(VIRTIO_MMIO_CONFIG_GENERATION);
	sti();
	GUEST_SYNC(1);
	wait_interrupts(1);
	GUEST_ASSERT_EQ(causes, VIRTIO_MMIO_INT_CONFIG);
	GUEST_ASSERT(mmio_get(VIRTIO_MMIO_CONFIG_GENERATION) != generation);
	/* in any width, to its end */
	at = VIRTIO_MMIO_CONFIG + PAGES;
	GUEST_ASSERT_EQ(mmio_get(at), 0xabc);
	GUEST_ASSERT_EQ(read16(mmio_reg(at)), 0xabc);
	GUEST_ASSERT_EQ(read8(mmio_reg(at + 1)), 0xa);
	GUEST_ASSERT_EQ(*(volatile u64 *)mmio_reg(at), 0xabc);
	mmio_put(VIRTIO_MMIO_CONFIG + ACTUAL, 0x12345678);
	GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_CONFIG + ACTUAL), 0x12345678);
	mmio_put(at, 0);
	GUEST_ASSERT_EQ(mmio_get(at), 0xabc);
	at = VIRTIO_MMIO_CONFIG + sizeof(struct virtio_balloon_config);
	for (; at < LODGE_MMIO_SIZE - 8; at += 61) {
		write32(mmio_reg(at), ~0);
		GUEST_ASSERT_EQ(read8(mmio_reg(at)), 0);
		GUEST_ASSERT_EQ(*(volatile u64 *)mmio_reg(at), 0);
	}
	GUEST_DONE();
}

/* ---- anything ------------------------------------------------------------ */

static void scribble(u32 *seed)
{
	static const u32 some[] = { 0, 1, 2, 3, 7, 8, 0xb, 0xf, 64, 0x80, 0x100, ~0u, 1u << 31 };
	u32 value = random_next(seed), at = random_next(seed) % 0x130;

	/* addresses: never where the guest's own code is */
	if (random_next(seed) % 4 || (at >= VIRTIO_MMIO_QUEUE_DESC_LOW && at < VIRTIO_MMIO_SHM_SEL))
		value = some[value % (sizeof(some) / sizeof(some[0]))];
	switch (random_next(seed) % 8) {
	case 0:
		write8(mmio_reg(at), value);
		break;
	case 1:
		write16(mmio_reg(at), value);
		break;
	case 2:
		*(volatile u64 *)mmio_reg(at) = value;
		break;
	case 3:
		read32(mmio_reg(at));
		break;
	default:
		write32(mmio_reg(at & ~3), value);
	}
}

static void hostile(void)
{
	u32 i, seed = 20260401;

	clear_queue();
	for (i = 0; i < 20000; i++) {
		if (i % 64 == 0) {
			mmio_put(VIRTIO_MMIO_STATUS, 0);
			negotiate(1 | FEATURE_RESET);
			set_up_queue();
			mmio_put(VIRTIO_MMIO_STATUS, 0xf);
			write16(AVAIL + 2, random_next(&seed));
		}
		if (i % 64 >= 48)
			mmio_put(VIRTIO_MMIO_QUEUE_READY, 0);
		scribble(&seed);
	}
	start();
	offer(64);
	wait_used(1);
	GUEST_DONE();
}

/* ---- tests --------------------------------------------------------------- */

static int add(struct vm *vm, u32 id, u32 slot)
{
	struct lodge_add_device d = { .size = sizeof(d), .id = id, .slot = slot, .fd = -1 };

	return ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d);
}

static struct vm *plain_vm(void)
{
	struct vm *vm;

	/* which the guest has a copy of, from now on */
	number = NUMBER;
	vm = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	vm_handler(vm, VECTOR, on_interrupt);
	return vm;
}

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = plain_vm();

	ASSERT_EQ(add(vm, LODGE_DEVICE_RNG, NUMBER), NUMBER);
	ASSERT_EQ(add(vm, LODGE_DEVICE_RNG, OTHER), OTHER);
	return vcpu_long(vm, 0, fn);
}

TEST(numbers)
{
	struct vm *vm = vm_create(LODGE_VM_HLT_IN_KERNEL);
	int i;

	EXPECT_ERRNO(add(vm, LODGE_DEVICE_RNG, 0), ENODEV);
	vm = plain_vm();
	EXPECT_EQ(add(vm, LODGE_DEVICE_RNG, 3), 3);
	EXPECT_ERRNO(add(vm, LODGE_DEVICE_RNG, 3), EEXIST);
	EXPECT_ERRNO(add(vm, LODGE_DEVICE_RNG, LODGE_MMIO_DEVICES), EINVAL);
	EXPECT_EQ(add(vm, LODGE_DEVICE_RNG, 31), 31);
	for (i = 1; i < 30; i++)
		EXPECT_EQ(add(vm, LODGE_DEVICE_RNG, 0), i + (i >= 3));
	EXPECT_ERRNO(add(vm, LODGE_DEVICE_RNG, 0), ENOSPC);
	vcpu_create(vm, 0);
	EXPECT_ERRNO(add(vm, LODGE_DEVICE_RNG, 0), EBUSY);
}

TEST(registers_and_none)
{
	vcpu_done(vcpu_for(registers));
}

TEST(sizes_of_queues)
{
	vcpu_done(vcpu_for(sizes));
}

TEST(level_triggered)
{
	vcpu_done(vcpu_for(level));
}

TEST(edge_triggered_and_shared)
{
	vcpu_done(vcpu_for(edge));
}

TEST(a_reset_is_over_when_it_is_written)
{
	vcpu_done(vcpu_for(resets));
}

TEST(a_queue_is_reset)
{
	vcpu_done(vcpu_for(queue_reset));
}

TEST(configuration_changes)
{
	struct vm *vm = plain_vm();
	u64 target = 0xabcull * PAGE;
	struct vcpu *vcpu;
	int fd;

	ASSERT_EQ(add(vm, LODGE_DEVICE_BALLOON, NUMBER), NUMBER);
	ASSERT_EQ(add(vm, LODGE_DEVICE_RNG, OTHER), OTHER);
	fd = ioctl(vm->fd, LODGE_VM_BALLOON);
	ASSERT_OK(fd);
	vcpu = vcpu_long(vm, 0, configuration);
	vcpu_sync(vcpu, 1);
	ASSERT_EQ(write(fd, &target, sizeof(target)), (ssize_t)sizeof(target));
	vcpu_done(vcpu);
	close(fd);
}

TEST(anything_written_anywhere)
{
	vcpu_done(vcpu_for(hostile));
}
