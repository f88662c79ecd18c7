// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that mean harm, of each kind of device at once: any features, any queues, buffers and
 * what is in them, registers and configuration, in memory that comes and goes.  The owner's side
 * is as bad: what is behind the devices talks on, and reads late or not at all.  In the end
 * each device still starts as new.  hostile_virtio does this to a disk on the PCI bus, in depth.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "eventfds.h"
#include "mem.h"
#include "mmiodev.h"

#define ROUNDS		150	/* of each device */
#define DEVICES		6
#define VSOCK		5	/* number of the one that is not served here */
#define QUEUES		4
#define RING_SIZE	64
#define SECTORS		64
#define REGION_LEN	0x10000
#define BUFFERS		GPA_FREE
#define BUFFERS_LEN	0x40000
#define PACKED		(1u << (34 - 32))
#define QUEUE_RESET	0x0c0
#define VNET_HEADER	12

/* ---- inside -------------------------------------------------------------- */

static u32 seed;
static volatile u64 resets_asked[DEVICES + 1], answers[DEVICES + 1];

static u32 rnd(void)
{
	return random_next(&seed);
}

static u64 ring(u32 queue)
{
	return GPA_SCRATCH + queue * 0x4000;
}

static u64 avail_of(u32 queue)
{
	return ring(queue) + 0x1000;
}

static u64 used_of(u32 queue)
{
	return ring(queue) + 0x2000;
}

/* Never where the guest's own code, tables and stack are */
static u64 some_address(void)
{
	static const u64 bad[] = {
		~0ull, 1ull << 52, 0xfee00000, LODGE_MMIO_BASE + LODGE_MMIO_SIZE, VM_MEMORY - 4,
		VM_MEMORY, GPA_REGION + REGION_LEN - 8, 0x100000000ull,
	};

	switch (rnd() % 8) {
	case 0:
		return bad[rnd() % (sizeof(bad) / sizeof(bad[0]))];
	case 1:
		return GPA_REGION + rnd() % REGION_LEN;
	default:
		return BUFFERS + rnd() % BUFFERS_LEN;
	}
}

static u32 some_length(void)
{
	static const u32 some[] = { 1, 2, 4, 6, 8, 12, 16, 60, 76, 512, 1526, 4096, 0x11000 };

	return rnd() % 16 ? some[rnd() % (sizeof(some) / sizeof(some[0]))] : rnd();
}

/* What commands are made of: small numbers, with a large one here and there */
static void fill_buffer(u64 at)
{
	u32 i;

	for (i = 0; i < 32; i++)
		write8(at + i, rnd() % 8 ? rnd() % 6 : rnd());
}

static void chain(u32 queue, u16 size)
{
	volatile struct vring_desc *d = (struct vring_desc *)ring(queue);
	u32 i, first = rnd() % RING_SIZE, n = 1 + rnd() % 4;
	u16 idx = read16(avail_of(queue) + 2);

	for (i = 0; i < n; i++, d++) {
		u64 at = BUFFERS + rnd() % (BUFFERS_LEN / 64) * 64;

		d = (struct vring_desc *)ring(queue) + (first + i) % size;
		fill_buffer(at);
		d->addr = rnd() % 32 ? at : some_address();
		d->len = some_length();
		/* a packed ring has its bits of availability there */
		d->flags = rnd() % 64 ? (rnd() & 0x8082) : rnd();
		if (i + 1 < n)
			d->flags |= VRING_DESC_F_NEXT;
		d->next = rnd() % 64 ? (first + i + 1) % size : rnd();
	}
	write16(avail_of(queue) + 4 + idx % size * 2, rnd() % 64 ? first % size : rnd());
	write16(avail_of(queue) + 2, rnd() % 64 ? idx + 1 : rnd());
	mmio_put(VIRTIO_MMIO_QUEUE_NOTIFY, rnd() % 16 ? queue : rnd());
}

static void scribble_register(void)
{
	switch (rnd() % 8) {
	case 0:
		mmio_put(VIRTIO_MMIO_QUEUE_SEL, rnd() % (QUEUES + 1));
		mmio_put(QUEUE_RESET, 1);
		break;
	case 1:
		mmio_put(VIRTIO_MMIO_INTERRUPT_ACK, rnd());
		break;
	case 2:
		mmio_put(VIRTIO_MMIO_STATUS, rnd() % 0x100);
		break;
	case 3:
		write8(mmio_reg(VIRTIO_MMIO_CONFIG + rnd() % 0x40), rnd());
		break;
	default:
		read32(mmio_reg(rnd() % LODGE_MMIO_SIZE & ~3));
	}
}

static void set_up_queue(u32 queue, u16 size)
{
	mmio_queue(queue, rnd() % 64 ? size : rnd(),
		   rnd() % 64 ? ring(queue) : some_address() & ~15ull,
		   rnd() % 64 ? avail_of(queue) : some_address() & ~3ull,
		   rnd() % 64 ? used_of(queue) : some_address() & ~3ull);
}

static void reset(void)
{
	mmio_put(VIRTIO_MMIO_STATUS, 0);
	while (mmio_get(VIRTIO_MMIO_STATUS))
		cpu_relax();
}

static void one_round(void)
{
	u32 i, low = mmio_features(0), high = mmio_features(1), n = 10 + rnd() % 40;
	u16 size = 1u << rnd() % 7;
	volatile u64 *p;

	reset();
	for (p = (u64 *)ring(0); p < (u64 *)ring(QUEUES); p++)
		*p = 0;
	mmio_put(VIRTIO_MMIO_STATUS, 3);
	mmio_accept(0, low & (rnd() | rnd()));
	mmio_accept(1, 1 | (high & rnd() & ~(rnd() % 4 ? PACKED : 0)));
	mmio_put(VIRTIO_MMIO_STATUS, 0xb);
	for (i = 0; i < QUEUES; i++)
		set_up_queue(i, size);
	mmio_put(VIRTIO_MMIO_STATUS, 0xf);
	for (i = 0; i < n && !(mmio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET); i++) {
		if (rnd() % 16)
			chain(rnd() % QUEUES, size);
		else
			scribble_register();
	}
	for (i = 0; i < QUEUES; i++)
		answers[number] += read16(used_of(i) + 2);
	if (mmio_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET)
		resets_asked[number]++;
}

static void hostile(u64 start)
{
	u64 i;

	seed = start;
	for (i = 0; i < ROUNDS; i++)
		for (number = 1; number <= DEVICES; number++)
			if (mmio_get(VIRTIO_MMIO_DEVICE_ID) != ~0u)
				one_round();
	for (number = 1; number <= DEVICES; number++) {
		if (mmio_get(VIRTIO_MMIO_DEVICE_ID) == ~0u)
			continue;
		reset();
		mmio_put(VIRTIO_MMIO_STATUS, 3);
		mmio_accept(0, 0);
		mmio_accept(1, 1);
		mmio_put(VIRTIO_MMIO_STATUS, 0xb);
		GUEST_ASSERT_EQ(mmio_get(VIRTIO_MMIO_STATUS), 0xb);
		GUEST_SYNC2(answers[number], resets_asked[number]);
	}
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static volatile bool stopped;
static struct vm *vm;
static void *region;
static int balloon, console, vsock, events[3], tap = -1;

static void tap_up(void)
{
	struct ifreq req = { .ifr_name = "hostile" };
	int header = VNET_HEADER, s = socket(AF_INET, SOCK_DGRAM, 0);

	ASSERT_OK(s);
	req.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	ASSERT_OK(ioctl(tap, TUNSETIFF, &req));
	ASSERT_OK(ioctl(tap, TUNSETVNETHDRSZ, &header));
	req.ifr_flags = IFF_UP;
	ASSERT_OK(ioctl(s, SIOCSIFFLAGS, &req));
	close(s);
}

/* Frames for the guest, from where it does not look */
static void send_frames(int s, u32 *random)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("hostile"), .sll_halen = 6,
	};
	char frame[1500];
	int i;

	for (i = 0; i < 8; i++) {
		memset(frame, i, sizeof(frame));
		/* a guest that takes none has the line full */
		sendto(s, frame, 14 + random_next(random) % (sizeof(frame) - 14), MSG_DONTWAIT,
		       (struct sockaddr *)&to, sizeof(to));
	}
}

static void *owner(void *arg)
{
	int s = tap >= 0 ? socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) : -1;
	u32 random = 7;
	char page[4096] = { 0 };

	while (!stopped) {
		ASSERT_OK(mprotect(region, REGION_LEN, PROT_NONE));
		usleep(2000);
		ASSERT_OK(mprotect(region, REGION_LEN, PROT_READ | PROT_WRITE));
		ASSERT_OK(madvise(region, REGION_LEN, MADV_DONTNEED));
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, 0, NULL);
		usleep(1000);
		vm_slot(vm, REGION_SLOT, 0, GPA_REGION, REGION_LEN, region);
		if (s >= 0)
			send_frames(s, &random);
		/* what cannot be had now is had some other time */
		if (random_next(&random) % 2) {
			while (read(balloon, page, sizeof(page)) > 0)
				;
			if (read(console, page, sizeof(page)) < 0 && errno != EAGAIN)
				break;
		}
		if (write(console, page, random_next(&random) % sizeof(page)) < 0 &&
		    errno != EAGAIN)
			break;
		usleep(5000);
	}
	EXPECT_TRUE(stopped);
	if (s >= 0)
		close(s);
	return NULL;
}

/* In vhost-vsock's place: it starts and stops, or does not, and says what it likes */
static void *vsock_owner(void *arg)
{
	struct pollfd p = { .fd = vsock, .events = POLLIN };
	u32 random = 9;

	while (!stopped) {
		struct lodge_vsock_answer a = {
			.error = random_next(&random) % 4 ? 0 : EFAULT,
			.next = { random_next(&random) & 0xffff, random_next(&random) & 0xffff },
		};

		signal_fd(events[random_next(&random) % 16 ? random_next(&random) % 2 : 2]);
		if (poll(&p, 1, 10) == 1)
			ASSERT_EQ(write(vsock, &a, sizeof(a)), (ssize_t)sizeof(a));
	}
	return NULL;
}

static int open_vsock(void)
{
	struct lodge_vsock arg = {
		.size = sizeof(arg), .cid = 3, .features = ~0ull, .kick = { event(), event() },
		.call = { event(), event() }, .error = event(),
	};

	events[0] = arg.call[0];
	events[1] = arg.call[1];
	events[2] = arg.error;
	return ioctl(vm->fd, LODGE_VM_VSOCK, &arg);
}

static int add(u32 id, u32 slot, int fd)
{
	struct lodge_add_device d = { .size = sizeof(d), .id = id, .slot = slot, .fd = fd };

	return ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d);
}

static int open_console(void)
{
	struct lodge_open_console arg = { .size = sizeof(arg), .which = LODGE_CONSOLE_VIRTIO };

	return ioctl(vm->fd, LODGE_VM_CONSOLE, &arg);
}

static void make_vm(int image)
{
	vm = vm_create(LODGE_VM_MACHINE | LODGE_VM_HLT_IN_KERNEL);
	ASSERT_EQ(add(LODGE_DEVICE_BLOCK, 1, image), 1);
	ASSERT_EQ(add(LODGE_DEVICE_CONSOLE, 2, -1), 2);
	ASSERT_EQ(add(LODGE_DEVICE_RNG, 3, -1), 3);
	ASSERT_EQ(add(LODGE_DEVICE_BALLOON, 4, -1), 4);
	ASSERT_EQ(add(LODGE_DEVICE_VSOCK, VSOCK, -1), VSOCK);
	if (tap >= 0)
		ASSERT_EQ(add(LODGE_DEVICE_NET, 6, tap), 6);
	vsock = open_vsock();
	ASSERT_OK(vsock);
	balloon = ioctl(vm->fd, LODGE_VM_BALLOON);
	ASSERT_OK(balloon);
	ASSERT_OK(fcntl(balloon, F_SETFL, O_NONBLOCK));
	console = open_console();
	ASSERT_OK(console);
	ASSERT_OK(fcntl(console, F_SETFL, O_NONBLOCK));
	region = mem_anon(REGION_LEN, PAGE);
	vm_slot(vm, REGION_SLOT, 0, GPA_REGION, REGION_LEN, region);
}

static void run(u64 start)
{
	int i, image = memfd_create("image", MFD_CLOEXEC);
	pthread_t thread, vsock_thread;
	struct vcpu *vcpu;

	ASSERT_OK(image);
	ASSERT_OK(ftruncate(image, SECTORS * 512));
	make_vm(image);
	vcpu = vcpu_create(vm, 0);
	vcpu_start_long_arg(vcpu, hostile, start);
	stopped = false;
	ASSERT_EQ(pthread_create(&thread, NULL, owner, NULL), 0);
	vsock_thread = thread_start(vsock_owner, NULL);
	for (i = 1; i <= (tap >= 0 ? 6 : 5); i++) {
		ASSERT_EQ(vcpu_ucall(vcpu), UCALL_SYNC);
		diag("seed %llu, device %d: %llu answers, %llu resets asked for",
		     (unsigned long long)start, i, (unsigned long long)vcpu->arg[0],
		     (unsigned long long)vcpu->arg[1]);
		EXPECT_TRUE((vcpu->arg[0] || i == VSOCK) && vcpu->arg[1]);
	}
	vcpu_done(vcpu);
	stopped = true;
	pthread_join(thread, NULL);
	pthread_join(vsock_thread, NULL);
	close(vsock);
	close(balloon);
	close(console);
	vcpu_free(vcpu);
	vm_free(vm);
	close(image);
}

TEST_SECONDS(all_kinds_but_net, 300)
{
	run(20261121);
}

TEST_SECONDS(all_kinds, 300)
{
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tap < 0)
		SKIP("the host has no tun");
	tap_up();
	run(1);
	close(tap);
}
