// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of bench_net: a driver by hand, which does as Linux' does.  It puts a batch of frames
 * into its ring, kicks once if it is asked to, and halts until they are gone; while frames come
 * in it takes them without interrupts, and asks for one when there are no more.
 */
#include <linux/virtio_config.h>

#include "blkguest.h"
#include "net.h"

#define X2APIC_EOI	0x80b
#define X2APIC_SVR	0x80f
#define MSR_PV_EOI	0x4b564d04
#define PV_FEATURES	0x40000001
#define PV_EOI		(1u << 6)

#define BUFFER		4096

struct net_job net_job;
u64 net_doorbell[2];

static volatile u64 interrupts;
static u16 seen[2];		/* entries of the used rings that were looked at */
static u16 available[2];	/* likewise put into the others */
static u16 kicked[2];		/* of these, before the last look at whether to kick */
static bool pv_eoi;

static inline void fence(void)
{
	asm volatile("mfence" : : : "memory");
}

/* ---- rings --------------------------------------------------------------- */

static inline void put_desc(u32 q, u32 i, u64 addr, u32 len, u16 flags)
{
	volatile struct vring_desc *d = (struct vring_desc *)NET_DESC(q) + i;

	d->addr = addr;
	d->len = len;
	d->flags = flags;
	d->next = i + 1;
}

static inline void add(u32 q, u32 head)
{
	write16(NET_AVAIL(q) + 4 + available[q]++ % NET_SLOTS * 2, head);
}

/* A port, or memory */
static void ring(u32 q)
{
	if (net_doorbell[q] < 0x10000)
		outw(net_doorbell[q], q);
	else
		write16(net_doorbell[q], q);
}

static void publish(u32 q)
{
	u16 old = kicked[q], new = available[q];

	asm volatile("" : : : "memory");
	write16(NET_AVAIL(q) + 2, new);
	fence();
	kicked[q] = new;
	if ((u16)(new - read16(NET_USED(q) + 4 + 8 * NET_SLOTS) - 1) < (u16)(new - old))
		ring(q);
}

static inline u16 used(u32 q)
{
	return read16(NET_USED(q) + 2);
}

static inline void ask_interrupt(u32 q, u16 event)
{
	write16(NET_AVAIL(q) + 4 + 2 * NET_SLOTS, event);
	fence();
}

/* ---- frames -------------------------------------------------------------- */

static void make_frame(u32 i)
{
	u32 pieces = net_job.pieces, rest = NET_HDR + net_job.len, n, len;
	u64 at = NET_FRAME;

	for (n = 0; n < pieces; n++, at += len, rest -= len) {
		/* headers first, as Linux has them */
		len = n + 1 == pieces ? rest : n ? 32768 : NET_HDR + 54;
		put_desc(NET_TX, i * pieces + n, at, len,
			 n + 1 == pieces ? 0 : VRING_DESC_F_NEXT);
	}
}

static void send(void)
{
	u32 i, done;
	u16 end;

	for (i = 0; i < net_job.batch; i++)
		make_frame(i);
	for (done = 0; done < net_job.frames; done += net_job.batch) {
		for (i = 0; i < net_job.batch; i++)
			add(NET_TX, i * net_job.pieces);
		end = available[NET_TX];
		ask_interrupt(NET_TX, end - 1);
		publish(NET_TX);
		for (;;) {
			cli();
			if (used(NET_TX) == end)
				break;
			safe_halt();
		}
		sti();
	}
	seen[NET_TX] = used(NET_TX);
}

/* Take a frame, whose buffers are made available again. Return: whether it is one of ours */
static bool take(void)
{
	u32 head = read32(NET_USED(NET_RX) + 4 + seen[NET_RX] % NET_SLOTS * 8);
	u64 buffer = NET_BUFFERS + head * BUFFER;
	u16 nr = read16(buffer + 10), type = read16(buffer + NET_HDR + 12);

	GUEST_ASSERT(nr && nr <= (u16)(used(NET_RX) - seen[NET_RX]));
	while (nr--) {
		head = read32(NET_USED(NET_RX) + 4 + seen[NET_RX]++ % NET_SLOTS * 8);
		add(NET_RX, head);
	}
	return type == __builtin_bswap16(NET_ETHERTYPE) || type == __builtin_bswap16(0x0800);
}

static void receive(bool echo)
{
	u32 got = 0, n;

	for (;;) {
		for (n = 0; seen[NET_RX] != used(NET_RX);)
			n += take();
		publish(NET_RX);
		got += n;
		while (echo && n--) {
			add(NET_TX, 0);
			publish(NET_TX);
		}
		if (got >= net_job.frames)
			break;
		cli();
		ask_interrupt(NET_RX, seen[NET_RX]);
		if (seen[NET_RX] == used(NET_RX))
			safe_halt();
		sti();
	}
}

static void echo(void)
{
	make_frame(0);
	/* nobody waits for what is sent back to have gone */
	ask_interrupt(NET_TX, available[NET_TX] + NET_SLOTS * 16);
	receive(true);
}

/* ---- interrupts ---------------------------------------------------------- */

void net_on_interrupt(struct guest_frame *f)
{
	bool accepted = false;

	interrupts++;
	if (pv_eoi)
		asm volatile("btrl $0, %0"
			     : "+m" (*(volatile u32 *)NET_RECORD), "=@ccc" (accepted));
	if (!accepted)
		wrmsr(X2APIC_EOI, 0);
}

static void start_apic(void)
{
	u32 r[4];

	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
	cpuid(PV_FEATURES, 0, r);
	pv_eoi = r[0] & PV_EOI;
	if (pv_eoi)
		wrmsr(MSR_PV_EOI, NET_RECORD | 1);
}

/* ---- the device ---------------------------------------------------------- */

static void start_messages(void)
{
	u32 at = read8(config(PCI_CAPABILITY_LIST)), q;
	u64 table;

	while (at && read8(config(at)) != PCI_CAP_ID_MSIX)
		at = read8(config(at + 1));
	GUEST_ASSERT(at);
	table = blk_bar + read32(config(at + PCI_MSIX_TABLE));
	for (q = 0; q < 2; q++, table += 16) {
		write32(table, 0xfee00000);
		write32(table + 4, 0);
		write32(table + 8, NET_VECTOR + q);
		write32(table + 12, 0);
	}
	write16(config(at + PCI_MSIX_FLAGS), PCI_MSIX_FLAGS_ENABLE);
}

static void start_queue(u32 q)
{
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SELECT), q);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_SIZE), NET_SLOTS);
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_MSIX), q);
	GUEST_ASSERT_EQ(read16(blk_reg(VIRTIO_PCI_COMMON_Q_MSIX)), q);
	blk_address(VIRTIO_PCI_COMMON_Q_DESCLO, NET_DESC(q));
	blk_address(VIRTIO_PCI_COMMON_Q_AVAILLO, NET_AVAIL(q));
	blk_address(VIRTIO_PCI_COMMON_Q_USEDLO, NET_USED(q));
	write16(blk_reg(VIRTIO_PCI_COMMON_Q_ENABLE), 1);
	/* a double word each */
	net_doorbell[q] = blk_doorbell + 4 * read16(blk_reg(VIRTIO_PCI_COMMON_Q_NOFF));
}

static void start_device(void)
{
	blk_find();
	blk_reset();
	blk_set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	GUEST_ASSERT_EQ(blk_features(0) & NET_LOW_FEATURES, NET_LOW_FEATURES);
	blk_accept(0, NET_LOW_FEATURES);
	blk_accept(1, 1);
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_FEATURES_OK);
	GUEST_ASSERT_EQ(blk_status(), 0xb);
	start_messages();
	start_queue(NET_RX);
	start_queue(NET_TX);
	blk_set_status(blk_status() | VIRTIO_CONFIG_S_DRIVER_OK);
}

void net_drive(void)
{
	u32 i;

	start_apic();
	for (i = 0; i < NET_SLOTS; i++) {
		put_desc(NET_RX, i, NET_BUFFERS + i * BUFFER, BUFFER, VRING_DESC_F_WRITE);
		add(NET_RX, i);
	}
	if (!net_doorbell[0])
		start_device();
	publish(NET_RX);
	sti();
	for (;;) {
		GUEST_SYNC(1);
		interrupts = 0;
		if (net_job.kind == NET_SEND)
			send();
		else if (net_job.kind == NET_RECEIVE)
			receive(false);
		else if (net_job.kind == NET_ECHO)
			echo();
		net_job.interrupts = interrupts;
	}
}
