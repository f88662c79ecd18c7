// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_net - what a virtio network device costs, under lodge and under KVM with vhost-net
 *
 * The guest is the same (net_guest.c), and so are the tap and what is at its other end: frames that
 * come from the guest end where the host's network finds nobody who wants them, frames for it
 * and pings come from a packet socket.  With one CPU the ticks are those of all who take part:
 * guest, exits, worker, the host's network.  What it costs user space to run the guest once,
 * which has no part in it, is taken off.
 *
 * JSON=FILE: where to put all of it once more.
 */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define TAP		"lodgebench"
#define WARM		16	/* pings that are not counted */
#define EMPTY		50	/* times that nothing is done, to see what that costs */
#define MOST		64	/* frames that the host sends at once */

/* A TCP segment of many: headers as in virtio 1.2, 5.1.6.2 */
#define HEADERS		54
#define PAYLOAD		(45 * 1448)
#define SMALL		60

/**
 * struct job - a line of the table
 * @what: for it
 * @kind: NET_*
 * @batch: frames that are sent at once
 * @batches: how many
 * @big: segments, not small frames
 */
struct job {
	const char *what;
	enum net_kind kind;
	u32 batch;
	u32 batches;
	bool big;
};

static const struct job jobs[] = {
	{ "small frame to the host, 64 at a time", NET_SEND, 64, 40 },
	{ "small frame to the host, one at a time", NET_SEND, 1, 500 },
	{ "64 KiB segment to the host, 8 at a time", NET_SEND, 8, 20, true },
	{ "small frame to the guest, 64 at a time", NET_RECEIVE, 64, 40 },
	{ "small frame to the guest, one at a time", NET_RECEIVE, 1, 500 },
	{ "64 KiB segment to the guest, 8 at a time", NET_RECEIVE, 8, 20, true },
	{ "ping, host to guest and back", NET_ECHO, 1, 500 },
};

#define NR_JOBS		(sizeof(jobs) / sizeof(jobs[0]))

/**
 * struct figures - of a job, for each frame
 * @ticks: of the host
 * @exits: hundredths
 * @interrupts: that the guest took, hundredths
 */
struct figures {
	u64 ticks;
	u64 exits;
	u64 interrupts;
};

/**
 * struct bench - a guest with its network
 * @vm: memory, and the VM under lodge
 * @vcpu: under lodge
 * @kvm: under KVM, or NULL
 * @tap: its tap
 * @packet: socket at the other end
 * @empty: ticks of a job in which nothing is done
 */
struct bench {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm *kvm;
	int tap;
	int packet;
	u64 empty;
};

/* ---- the host's network -------------------------------------------------- */

static void no_ipv6(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) != 1)
		diag("IPv6 will send frames of its own");
	close(fd);
}

static int open_tap(void)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), header = NET_HDR;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		SKIP("no /dev/net/tun: modprobe tun");
	strcpy(req.ifr_name, TAP);
	no_ipv6();
	ASSERT_OK(ioctl(fd, TUNSETIFF, &req));
	ASSERT_OK(ioctl(fd, TUNSETVNETHDRSZ, &header));
	ASSERT_OK(sock);
	req.ifr_flags = IFF_UP;
	ASSERT_OK(ioctl(sock, SIOCSIFFLAGS, &req));
	close(sock);
	return fd;
}

static int open_packet(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, room = 4 << 20;
	struct timeval patience = { .tv_sec = 60 };

	ASSERT_OK(fd);
	ASSERT_OK(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	ASSERT_OK(setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)));
	ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)));
	ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	return fd;
}

/* Until a socket listens it has nothing of what the guest sends */
static void bind_packet(int packet, bool listens)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = listens ? htons(NET_ETHERTYPE) : 0,
		.sll_ifindex = if_nametoindex(TAP),
	};

	ASSERT_OK(bind(packet, (struct sockaddr *)&at, sizeof(at)));
}

/* Frames that the host has had from the tap */
static u64 frames_seen(void)
{
	char text[32] = "";
	int fd = open("/sys/class/net/" TAP "/statistics/rx_packets", O_RDONLY | O_CLOEXEC);

	ASSERT_OK(fd);
	ASSERT_GT(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return strtoull(text, NULL, 10);
}

/* A frame with @hdr bytes of virtio header before it, for nobody's address */
static u32 make_frame(u8 *at, u32 hdr, bool big)
{
	static const u8 address[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	struct virtio_net_hdr *h = (void *)at;
	u8 *eth = at + hdr, *ip = eth + ETH_HLEN, *tcp = ip + 20;

	memset(at, 0, hdr + HEADERS + SMALL);
	memcpy(eth, address, sizeof(address));
	*(u16 *)(eth + 12) = htons(big ? ETH_P_IP : NET_ETHERTYPE);
	if (!big)
		return SMALL;
	*h = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = HEADERS, .gso_size = 1448, .csum_start = 34, .csum_offset = 16,
	};
	ip[0] = 0x45;
	*(u16 *)(ip + 2) = htons(40 + PAYLOAD);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, (const u8 []){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	tcp[3] = 9;		/* the port of "discard" */
	tcp[12] = 5 << 4;
	tcp[13] = 0x10;		/* ACK */
	return HEADERS + PAYLOAD;
}

static void host_sends(int packet, u32 nr, bool big)
{
	static u8 frame[sizeof(struct virtio_net_hdr) + HEADERS + PAYLOAD];
	struct iovec iov = { .iov_base = frame };
	struct mmsghdr msg[MOST] = { 0 };
	u32 i;

	iov.iov_len = sizeof(struct virtio_net_hdr) +
		      make_frame(frame, sizeof(struct virtio_net_hdr), big);
	for (i = 0; i < nr; i++) {
		msg[i].msg_hdr.msg_iov = &iov;
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	ASSERT_EQ(sendmmsg(packet, msg, nr, 0), (int)nr);
}

/* ---- jobs ---------------------------------------------------------------- */

static void sync_guest(struct bench *b)
{
	if (b->kvm)
		kvm_sync(b->kvm);
	else
		vcpu_sync(b->vcpu, 1);
}

static u64 exits_of(struct bench *b)
{
	return b->kvm ? kvm_exits(b->kvm) : vcpu_stat(b->vcpu, LODGE_STAT_EXITS);
}

static void give(struct bench *b, const struct job *j, u32 frames)
{
	u32 len = make_frame(vm_ptr(b->vm, NET_FRAME), NET_HDR, j->big);

	GUEST_VAR(b->vm, net_job) = (struct net_job){
		.kind = j->kind, .frames = frames, .batch = j->batch, .len = len,
		.pieces = j->big ? 3 : 1,
	};
}

/* The guest has all of one batch before the next is sent */
static u64 guest_receives(struct bench *b, const struct job *j, u64 *interrupts)
{
	u64 start = rdtsc();
	u32 i;

	for (i = 0; i < j->batches; i++) {
		give(b, j, j->batch);
		host_sends(b->packet, j->batch, j->big);
		sync_guest(b);
		*interrupts += GUEST_VAR(b->vm, net_job).interrupts;
	}
	return rdtsc() - start - j->batches * b->empty;
}

static u64 guest_sends(struct bench *b, const struct job *j, u64 *interrupts)
{
	u64 before = frames_seen(), start;

	give(b, j, j->batch * j->batches);
	start = rdtsc();
	sync_guest(b);
	start = rdtsc() - start - b->empty;
	ASSERT_EQ(frames_seen() - before, (u64)j->batch * j->batches);
	*interrupts = GUEST_VAR(b->vm, net_job).interrupts;
	return start;
}

/**
 * struct pinger - who sends pings while the guest runs
 * @packet: socket
 * @nr: how many
 * @ticks: of them
 */
struct pinger {
	int packet;
	u32 nr;
	u64 ticks;
};

static void *ping(void *opaque)
{
	struct pinger *p = opaque;
	char answer[256];
	u64 start = 0;
	u32 i;

	for (i = 0; i < WARM + p->nr; i++) {
		if (i == WARM)
			start = rdtsc();
		host_sends(p->packet, 1, false);
		ASSERT_GT(recv(p->packet, answer, sizeof(answer), 0), 0);
	}
	p->ticks = rdtsc() - start;
	return NULL;
}

static u64 guest_echoes(struct bench *b, const struct job *j, u64 *interrupts)
{
	struct pinger p = { .packet = b->packet, .nr = j->batches };
	pthread_t thread;

	bind_packet(b->packet, true);
	give(b, j, WARM + j->batches);
	thread = thread_start(ping, &p);
	sync_guest(b);
	pthread_join(thread, NULL);
	*interrupts = GUEST_VAR(b->vm, net_job).interrupts;
	return p.ticks;
}

static void do_job(struct bench *b, const struct job *j, struct figures *f)
{
	u64 frames = j->batch * j->batches, before = exits_of(b), syncs = 1, interrupts = 0, ticks;

	if (j->kind == NET_RECEIVE) {
		ticks = guest_receives(b, j, &interrupts);
		syncs = j->batches;
	} else if (j->kind == NET_SEND) {
		ticks = guest_sends(b, j, &interrupts);
	} else {
		ticks = guest_echoes(b, j, &interrupts);
		frames += WARM;
	}
	f->exits = (exits_of(b) - before - syncs) * 100 / frames;
	f->interrupts = interrupts * 100 / frames;
	f->ticks = ticks / (j->batch * j->batches);
}

static void do_nothing(struct bench *b)
{
	u64 start = 0;
	u32 i;

	for (i = 0; i < 2 * EMPTY; i++) {
		if (i == EMPTY)
			start = rdtsc();
		GUEST_VAR(b->vm, net_job) = (struct net_job){ .kind = NET_NOTHING };
		sync_guest(b);
	}
	b->empty = (rdtsc() - start) / EMPTY;
}

/* Twice: what happens but once is not what is asked for. */
static void do_all(struct bench *b, struct figures *f)
{
	u32 i;

	b->packet = open_packet();
	bind_packet(b->packet, false);
	sync_guest(b);
	do_nothing(b);
	for (i = 0; i < NR_JOBS; i++) {
		do_job(b, &jobs[i], &f[i]);
		do_job(b, &jobs[i], &f[i]);
	}
	close(b->packet);
}

/* ---- the two of them ----------------------------------------------------- */

static struct vcpu *make_vcpu(struct vm *vm)
{
	vm_handler(vm, NET_VECTOR + NET_RX, net_on_interrupt);
	vm_handler(vm, NET_VECTOR + NET_TX, net_on_interrupt);
	return vcpu_long(vm, 0, net_drive);
}

static void under_lodge(struct figures *f)
{
	struct bench b = { .vm = vm_create(VM_PC), .tap = open_tap() };
	struct lodge_add_device d = {
		.size = sizeof(d), .id = LODGE_DEVICE_NET, .slot = NET_SLOT, .fd = b.tap,
	};

	ASSERT_EQ(ioctl(b.vm->fd, LODGE_VM_ADD_DEVICE, &d), NET_SLOT);
	b.vcpu = make_vcpu(b.vm);
	do_all(&b, f);
	vcpu_free(b.vcpu);
	vm_free(b.vm);
	close(b.tap);
}

/* A VM of lodge's says what memory and registers are to be, and does not run */
static void under_kvm(struct figures *f)
{
	struct bench b = { .vm = vm_create(VM_PC), .tap = open_tap() };

	GUEST_VAR(b.vm, net_doorbell)[NET_RX] = NET_DOORBELL;
	GUEST_VAR(b.vm, net_doorbell)[NET_TX] = NET_DOORBELL + 0x1000;
	b.vcpu = make_vcpu(b.vm);
	b.kvm = kvm_create(b.vcpu, b.tap);
	do_all(&b, f);
	kvm_destroy(b.kvm);
	vcpu_free(b.vcpu);
	vm_free(b.vm);
	close(b.tap);
}

static void report(const struct job *j, const struct figures *lodge, const struct figures *kvm)
{
	const char *json = getenv("JSON");
	u64 ratio = lodge->ticks * 100 / kvm->ticks;
	FILE *f;

	printf("%-40s  %8llu  %9llu  %3llu.%02llu  %3llu.%02llu/%3llu.%02llu  %3llu.%02llu/%3llu.%02llu  %s\n",
	       j->what, (unsigned long long)lodge->ticks, (unsigned long long)kvm->ticks,
	       (unsigned long long)(ratio / 100), (unsigned long long)(ratio % 100),
	       (unsigned long long)(lodge->exits / 100), (unsigned long long)(lodge->exits % 100),
	       (unsigned long long)(kvm->exits / 100), (unsigned long long)(kvm->exits % 100),
	       (unsigned long long)(lodge->interrupts / 100),
	       (unsigned long long)(lodge->interrupts % 100),
	       (unsigned long long)(kvm->interrupts / 100),
	       (unsigned long long)(kvm->interrupts % 100),
	       lodge->ticks <= kvm->ticks ? "met" : "MISSED");
	fflush(stdout);
	f = json ? fopen(json, "a") : NULL;
	if (!f)
		return;
	fprintf(f, "{\"name\": \"network, %s\", \"unit\": \"ticks/op\"", j->what);
	fprintf(f, ", \"lodge\": %llu, \"kvm\": %llu}\n", (unsigned long long)lodge->ticks,
		(unsigned long long)kvm->ticks);
	fclose(f);
}

TEST_SECONDS(network, 300)
{
	struct figures lodge[NR_JOBS], kvm[NR_JOBS];
	u32 i;

	under_kvm(kvm);
	under_lodge(lodge);
	printf("\n%-40s  %8s  %9s  %6s  %13s  %13s  <= vhost-net\n", "ticks a frame", "lodge",
	       "vhost-net", "ratio", "exits", "interrupts");
	for (i = 0; i < NR_JOBS; i++)
		report(&jobs[i], &lodge[i], &kvm[i]);
}
