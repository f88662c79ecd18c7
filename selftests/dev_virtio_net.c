// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network device with two pairs of queues, driven by hand: which of them frames come in, as the
 * driver commands, and that none is lost whatever it uses.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "queues.h"

#define RX0		0
#define RX1		2
#define TX1		3
#define CTL_ONE_PAIR	2
#define CTL		4
#define QUEUES		5

#define VNET_HDR	12
#define FLOWS		64
#define TRIES		20
#define PORT		7007
#define MAX_PAIRS_AT	8	/* in struct virtio_net_config */

/* ---- inside -------------------------------------------------------------- */

static u64 came[QUEUES];	/* frames of the test's, by queue */

static void fill(u16 q)
{
	u16 i;

	for (i = 0; i < QUEUE_SIZE; i++) {
		queue_describe(q, i, BUFFER_OF(q, i), BUFFER_LEN, VRING_DESC_F_WRITE);
		queue_offer(q, i);
	}
}

/* UDP to the port */
static bool is_ours(u64 frame)
{
	return read16(frame + 12) == 0x0008 && read8(frame + 23) == 17 &&
	       read8(frame + 36) << 8 == (PORT & 0xff00) && read8(frame + 37) == (PORT & 0xff);
}

static void look_at(u16 q)
{
	u32 id;

	while (queue_has_used(q)) {
		id = queue_wait(q, NULL);
		came[q] += is_ours(BUFFER_OF(q, id) + VNET_HDR);
		queue_offer(q, id);
	}
}

/* The host has sent, or will, so many */
static void receive(u64 nr, bool two)
{
	came[RX0] = 0;
	came[RX1] = 0;
	while (came[RX0] + came[RX1] < nr) {
		look_at(RX0);
		if (two)
			look_at(RX1);
	}
}

static void start(u32 features)
{
	/* VERSION_1, RING_RESET */
	queues_negotiate(features | 1 << VIRTIO_NET_F_CTRL_VQ | 1 << VIRTIO_NET_F_CTRL_RX,
			 1 | 1 << 8);
	GUEST_ASSERT(blk_features(0) & 1 << VIRTIO_NET_F_MQ);
}

/* What the device answers, a command with its class, and so much of a value behind it */
static u8 tell(u16 q, u16 what, u32 value, u32 len)
{
	u64 at = BUFFER_OF(q, 0);

	write16(at, what);
	write32(at + 2, value);
	write8(at + 16, NO_STATUS);
	queue_describe(q, 0, at, 2 + len, VRING_DESC_F_NEXT);
	queue_describe(q, 1, at + 16, 1, VRING_DESC_F_WRITE);
	queue_offer(q, 0);
	queue_wait(q, NULL);
	return read8(at + 16);
}

#define MQ(command)	(VIRTIO_NET_CTRL_MQ | (command) << 8)
#define RX_PROMISC	VIRTIO_NET_CTRL_RX
#define MAC_SET		(VIRTIO_NET_CTRL_MAC | VIRTIO_NET_CTRL_MAC_ADDR_SET << 8)

static void set_pairs(u32 pairs)
{
	GUEST_ASSERT_EQ(tell(CTL, MQ(0), pairs, 2), VIRTIO_NET_OK);
}

static void bad_commands(void)
{
	static const u32 pairs[] = { 0, 3, 4, 0x100, 0x8000, 0xffff };
	u32 i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		GUEST_ASSERT_EQ(tell(CTL, MQ(0), pairs[i], 2), VIRTIO_NET_ERR);
	for (i = 1; i < 256; i += 1 + i / 4)
		GUEST_ASSERT_EQ(tell(CTL, MQ(i), 1, 2), VIRTIO_NET_ERR);
	GUEST_ASSERT_EQ(tell(CTL, MQ(0), 1, 0), VIRTIO_NET_ERR);
	GUEST_ASSERT_EQ(tell(CTL, MQ(0), 1, 1), VIRTIO_NET_ERR);
	GUEST_ASSERT_EQ(tell(CTL, 6, 1, 2), VIRTIO_NET_ERR);
}

static void reset_queue(u16 q)
{
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), q);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_RESET), 1);
	while (read16(blk_reg(VIRTIO_PCI_COMMON_Q_RESET)))
		cpu_relax();
}

/* A frame to the host by the second pair, and the answers, until one comes by it too */
static void send_and_receive(void)
{
	u64 at = BUFFER_OF(TX1, 0);
	int i;

	for (i = 0; i < TRIES; i++) {
		queue_describe(TX1, 0, at, VNET_HDR + 14 + 20 + 8, 0);
		queue_offer(TX1, 0);
		receive(1, true);
		if (came[RX1])
			break;
	}
	GUEST_ASSERT(i < TRIES);
	GUEST_ASSERT_EQ(read16(QUEUE_USED(TX1) + 2), i + 1);
}

#define BOTH()	GUEST_ASSERT(came[RX0] && came[RX1])
#define ONE()	GUEST_ASSERT_EQ(came[RX0], FLOWS)

static void two_pairs(void)
{
	u16 q;

	start(1 << VIRTIO_NET_F_MQ);
	GUEST_ASSERT_EQ(read16(blk_bar + blk_config + MAX_PAIRS_AT), 2);
	for (q = 0; q < QUEUES; q++)
		queue_set_up(q);
	queues_go();
	fill(RX0);
	fill(RX1);
	bad_commands();
	GUEST_SYNC(1);
	receive(FLOWS, true);
	ONE();
	set_pairs(2);
	GUEST_SYNC(2);
	receive(FLOWS, true);
	BOTH();
	GUEST_SYNC(3);
	send_and_receive();
	bad_commands();
	GUEST_SYNC(4);
	receive(FLOWS, true);
	BOTH();
	reset_queue(RX1);
	GUEST_SYNC(5);
	receive(FLOWS, false);
	ONE();
	queue_set_up(RX1);
	fill(RX1);
	GUEST_SYNC(6);
	receive(FLOWS, true);
	BOTH();
	set_pairs(1);
	GUEST_SYNC(7);
	receive(FLOWS, true);
	ONE();
	GUEST_DONE();
}

/* A driver that knows nothing of pairs has its control queue elsewhere */
static void one_pair(void)
{
	start(0);
	queue_set_up(RX0);
	queue_set_up(CTL_ONE_PAIR);
	queues_go();
	fill(RX0);
	GUEST_ASSERT_EQ(tell(CTL_ONE_PAIR, RX_PROMISC, 1, 1), VIRTIO_NET_OK);
	GUEST_ASSERT_EQ(tell(CTL_ONE_PAIR, MQ(0), 1, 2), VIRTIO_NET_ERR);
	GUEST_SYNC(1);
	receive(FLOWS, false);
	ONE();
	GUEST_DONE();
}

static u64 address_of_device(void)
{
	return read32(blk_bar + blk_config) | (u64)read16(blk_bar + blk_config + 4) << 32;
}

/* What it has been told does not outlive a reset, even where a bad queue has stopped it before */
static void other_address(void)
{
	u64 own;

	start(1 << VIRTIO_NET_F_CTRL_MAC_ADDR);
	own = address_of_device();
	queue_set_up(RX0);
	queue_set_up(CTL_ONE_PAIR);
	queues_go();
	write16(BUFFER_OF(CTL_ONE_PAIR, 0) + 6, 0x7766);
	GUEST_ASSERT_EQ(tell(CTL_ONE_PAIR, MAC_SET, 0x55443302, 6), VIRTIO_NET_OK);
	GUEST_ASSERT_EQ(address_of_device(), 0x776655443302ull);
	reset_queue(RX0);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), RX0);
	blk_address(VIRTIO_PCI_COMMON_Q_DESCLO, QUEUE_DESC(RX0) + 1);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
	while (!(blk_status() & VIRTIO_CONFIG_S_NEEDS_RESET))
		cpu_relax();
	GUEST_ASSERT_EQ(address_of_device(), 0x776655443302ull);
	blk_reset();
	GUEST_ASSERT_EQ(address_of_device(), own);
	GUEST_DONE();
}

/* ---- outside ------------------------------------------------------------- */

static const u8 host_mac[6] = { 2, 0, 0, 0, 0, 1 }, guest_mac[6] = { 2, 0, 0, 0, 0, 2 };
static int taps[2];

static struct sockaddr_in address(const char *ip, u16 port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	ASSERT_EQ(inet_pton(AF_INET, ip, &in.sin_addr), 1);
	return in;
}

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ASSERT_OK(fd);
	return fd;
}

static void set_address(int fd, struct ifreq *req, unsigned long request, const char *ip)
{
	struct sockaddr_in in = address(ip, 0);

	memcpy(&req->ifr_addr, &in, sizeof(in));
	ASSERT_OK(ioctl(fd, request, req));
}

/* The guest needs not be asked for its address */
static void introduce(int fd, const char *name)
{
	struct sockaddr_in in = address("10.99.0.2", 0);
	struct arpreq arp = { .arp_flags = ATF_COM | ATF_PERM };

	memcpy(&arp.arp_pa, &in, sizeof(in));
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, guest_mac, sizeof(guest_mac));
	snprintf(arp.arp_dev, sizeof(arp.arp_dev), "%s", name);
	ASSERT_OK(ioctl(fd, SIOCSARP, &arp));
}

/* A tap with two queues, up, with the address 10.99.0.1 */
static void make_tap(void)
{
	struct ifreq req = { .ifr_name = "two%d" };
	int i, header = VNET_HDR, fd = udp();

	for (i = 0; i < 2; i++) {
		taps[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		if (taps[i] < 0)
			SKIP("/dev/net/tun: %s", strerror(errno));
		req.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
		ASSERT_OK(ioctl(taps[i], TUNSETIFF, &req));
		ASSERT_OK(ioctl(taps[i], TUNSETVNETHDRSZ, &header));
	}
	req.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(req.ifr_hwaddr.sa_data, host_mac, sizeof(host_mac));
	ASSERT_OK(ioctl(fd, SIOCSIFHWADDR, &req));
	set_address(fd, &req, SIOCSIFADDR, "10.99.0.1");
	set_address(fd, &req, SIOCSIFNETMASK, "255.255.255.0");
	ASSERT_OK(ioctl(fd, SIOCGIFFLAGS, &req));
	req.ifr_flags |= IFF_UP;
	ASSERT_OK(ioctl(fd, SIOCSIFFLAGS, &req));
	introduce(fd, req.ifr_name);
	close(fd);
}

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct lodge_add_device d = { .size = sizeof(d), .id = LODGE_DEVICE_NET, .slot = SLOT };
	struct vm *vm = vm_create(VM_PC);

	make_tap();
	d.fd = taps[0];
	d.fds[0] = taps[1];
	d.queues = 2;
	memcpy(d.mac, guest_mac, sizeof(guest_mac));
	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	close(taps[0]);
	close(taps[1]);
	return vcpu_long(vm, 0, fn);
}

/* A flow each: every socket has a port of its own */
static void send_flows(void)
{
	struct sockaddr_in to = address("10.99.0.2", PORT);
	int i, fd[FLOWS];

	for (i = 0; i < FLOWS; i++) {
		fd[i] = udp();
		ASSERT_EQ(sendto(fd[i], &i, sizeof(i), 0, (struct sockaddr *)&to, sizeof(to)),
			  (ssize_t)sizeof(i));
	}
	for (i = 0; i < FLOWS; i++)
		close(fd[i]);
}

static void sync_and_send(struct vcpu *vcpu, u64 n)
{
	vcpu_sync(vcpu, n);
	send_flows();
}

/* What the guest sends: Ethernet, IP with its checksum, UDP without */
static void put_frame(struct vm *vm)
{
	static const u8 ip[] = { 0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0,
				 10, 99, 0, 2, 10, 99, 0, 1 };
	static const u8 udp_header[] = { PORT >> 8, PORT & 0xff, PORT >> 8, PORT & 0xff, 0, 8 };
	u8 *p = vm_ptr(vm, BUFFER_OF(TX1, 0));
	u32 sum = 0;
	int i;

	memset(p, 0, VNET_HDR + 14 + sizeof(ip) + 8);
	p += VNET_HDR;
	memcpy(p, host_mac, 6);
	memcpy(p + 6, guest_mac, 6);
	p[12] = 8;
	memcpy(p + 14, ip, sizeof(ip));
	memcpy(p + 34, udp_header, sizeof(udp_header));
	for (i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[24] = sum >> 8;
	p[25] = sum;
}

/* For ever: each datagram comes back */
static void *echo(void *arg)
{
	int fd = *(int *)arg;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char data[64];
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len)) >= 0)
		ASSERT_EQ(sendto(fd, data, n, 0, (struct sockaddr *)&from, len), n);
	return NULL;
}

TEST(pairs_of_queues)
{
	struct vcpu *vcpu = vcpu_for(two_pairs);
	struct sockaddr_in at = address("10.99.0.1", PORT);
	int i, fd = udp();

	ASSERT_OK(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	sync_and_send(vcpu, 1);
	sync_and_send(vcpu, 2);
	vcpu_sync(vcpu, 3);
	put_frame(vcpu->vm);
	thread_start(echo, &fd);
	for (i = 4; i <= 7; i++)
		sync_and_send(vcpu, i);
	vcpu_done(vcpu);
}

TEST(a_driver_of_one_pair)
{
	struct vcpu *vcpu = vcpu_for(one_pair);

	sync_and_send(vcpu, 1);
	vcpu_done(vcpu);
}

TEST(an_address_of_the_drivers)
{
	vcpu_done(vcpu_for(other_address));
}
