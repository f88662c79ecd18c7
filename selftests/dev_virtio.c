// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device from inside a guest: its registers, MSI-X and INTx, with a queue that works,
 * and how its worker ends.
 */
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcidev.h"

#define X2APIC_EOI	0x80b
#define X2APIC_SVR	0x80f
#define IOAPIC		0xfec00000ull

#define VECTOR		0x60	/* MSI-X: of the queue; the next one: of the configuration */
#define LINE_VECTOR	0x70

/* the queue */
#define QUEUE_SIZE	8
#define DESC		GPA_SCRATCH
#define AVAIL		(GPA_SCRATCH + 0x1000)
#define USED		(GPA_SCRATCH + 0x2000)
#define BUFFER		(GPA_SCRATCH + 0x3000)
#define BUFFER_LEN	64

#define COMMAND_ALL	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

static volatile u64 interrupts, storm;
static u64 bar;
static u32 common, notify, doorbell, isr, table, pending, msix, window;

static void on_interrupt(struct guest_frame *f)
{
	interrupts++;
	wrmsr(X2APIC_EOI, 0);
}

/* Leaves the device as it is the first few times, as a driver that is not sure */
static void on_line(struct guest_frame *f)
{
	interrupts++;
	if (storm)
		storm--;
	else
		read8(bar + isr);
	wrmsr(X2APIC_EOI, 0);
}

static void set_up_apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x1ff);
}

/* ---- virtio -------------------------------------------------------------- */

/* Where everything is, as the capabilities tell */
static void find_registers(void)
{
	u32 at, type, offset;

	bar = read32(config(PCI_BASE_ADDRESS_0));
	for (at = read8(config(PCI_CAPABILITY_LIST)); at; at = read8(config(at + 1))) {
		GUEST_ASSERT(at >= 0x40 && !(at & 3));
		if (read8(config(at)) == PCI_CAP_ID_MSIX) {
			msix = at;
			GUEST_ASSERT_EQ(read16(config(at + 2)), 1);	/* two entries */
			table = read32(config(at + PCI_MSIX_TABLE));
			pending = read32(config(at + PCI_MSIX_PBA));
			GUEST_ASSERT_EQ((table | pending) & 7, 0);
			continue;
		}
		GUEST_ASSERT_EQ(read8(config(at)), PCI_CAP_ID_VNDR);
		type = read8(config(at + 3));
		offset = read32(config(at + 8));
		if (read8(config(at + 4)) == 1) {
			/* comes first, and so is what drivers take */
			GUEST_ASSERT_EQ(type, VIRTIO_PCI_CAP_NOTIFY_CFG);
			GUEST_ASSERT_EQ(notify, 0);
			doorbell = read32(config(PCI_BASE_ADDRESS_1));
			GUEST_ASSERT_EQ(doorbell & 3, PCI_BASE_ADDRESS_SPACE_IO);
			doorbell = (doorbell & ~3u) + offset;
			continue;
		}
		GUEST_ASSERT_EQ(read8(config(at + 4)), 0);
		GUEST_ASSERT(offset + read32(config(at + 12)) <= BAR_SIZE);
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			common = offset;
		else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			notify = offset;
		else if (type == VIRTIO_PCI_CAP_ISR_CFG)
			isr = offset;
		else if (type == VIRTIO_PCI_CAP_PCI_CFG)
			window = at;
		else
			GUEST_ASSERT_EQ(type, 0);
	}
	GUEST_ASSERT(msix && notify && doorbell && isr && window && table && pending);
	command(COMMAND_ALL);
}

static u8 status(void)
{
	return read8(bar + common + VIRTIO_PCI_COMMON_STATUS);
}

static void set_status(u8 v)
{
	write8(bar + common + VIRTIO_PCI_COMMON_STATUS, v);
}

static u32 features(u32 half)
{
	write32(bar + common + VIRTIO_PCI_COMMON_DFSELECT, half);
	return read32(bar + common + VIRTIO_PCI_COMMON_DF);
}

static void accept(u32 half, u32 value)
{
	write32(bar + common + VIRTIO_PCI_COMMON_GFSELECT, half);
	write32(bar + common + VIRTIO_PCI_COMMON_GF, value);
}

static void address(u32 reg, u64 v)
{
	write32(bar + common + reg, v);
	write32(bar + common + reg + 4, v >> 32);
}

static void set_up_queue(void)
{
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SELECT, 0);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE, QUEUE_SIZE);
	address(VIRTIO_PCI_COMMON_Q_DESCLO, DESC);
	address(VIRTIO_PCI_COMMON_Q_AVAILLO, AVAIL);
	address(VIRTIO_PCI_COMMON_Q_USEDLO, USED);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_MSIX, 0);
	write16(bar + common + VIRTIO_PCI_COMMON_MSIX, 1);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE), 1);
}

static void reset(void)
{
	set_status(0);
	while (status())
		cpu_relax();
}

static void clear_queue(void)
{
	volatile u64 *p;

	for (p = (u64 *)DESC; p < (u64 *)BUFFER; p++)
		*p = 0;
}

static void start(void)
{
	find_registers();
	clear_queue();
	reset();
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE);
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	accept(0, 0);
	accept(1, 1 << (VIRTIO_F_VERSION_1 - 32) | 1 << (40 - 32));
	set_status(status() | VIRTIO_CONFIG_S_FEATURES_OK);
	GUEST_ASSERT_EQ(status(), 0xb);
	set_up_queue();
	set_status(status() | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* By port and in memory, in turn */
static void kick(u16 nr)
{
	if (nr & 1)
		write16(bar + notify, 0);
	else
		outw(doorbell, 0);
}

/* One more buffer, and a kick */
static void offer(void)
{
	volatile struct desc *d = (struct desc *)DESC;
	u16 idx = read16(AVAIL + 2);

	d[0].addr = BUFFER;
	d[0].len = BUFFER_LEN;
	d[0].flags = 2;
	write16(AVAIL + 4 + idx % QUEUE_SIZE * 2, 0);
	write16(AVAIL + 2, idx + 1);
	kick(idx);
}

static bool used(u16 idx)
{
	return read16(USED + 2) == idx;
}

static void wait_used(u16 idx)
{
	while (!used(idx))
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
	u64 start = rdtsc();

	while (rdtsc() - start < 20000000)
		cpu_relax();
}

static void negotiation(void)
{
	find_registers();
	reset();
	GUEST_ASSERT_EQ(features(0), 1u << 28 | 1u << 29);
	GUEST_ASSERT_EQ(features(1), 1 << 0 | 1 << 2 | 1 << 8);
	GUEST_ASSERT_EQ(features(2), 0);
	/* registers as after reset */
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_NUMQ), 1);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_MSIX), 0xffff);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SELECT, 1);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE), 0);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SELECT, 0);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE), 64);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_MSIX), 0xffff);
	/* a vector that is not there */
	write16(bar + common + VIRTIO_PCI_COMMON_MSIX, 2);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_MSIX), 0xffff);
	/* not enabled before features are settled */
	write16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE), 0);
	/* without VERSION_1, and with what was not offered, FEATURES_OK is not taken */
	set_status(3);
	accept(0, 0);
	accept(1, 0);
	set_status(0xb);
	GUEST_ASSERT_EQ(status(), 3);
	accept(0, 1);
	accept(1, 1);
	set_status(0xb);
	GUEST_ASSERT_EQ(status(), 3);
	set_status(7);		/* nor DRIVER_OK without it */
	GUEST_ASSERT_EQ(status(), 3);
	accept(0, 0);
	set_status(0xb);
	GUEST_ASSERT_EQ(status(), 0xb);
	/* settled is settled */
	accept(0, 1u << 28);
	write32(bar + common + VIRTIO_PCI_COMMON_GFSELECT, 0);
	GUEST_ASSERT_EQ(read32(bar + common + VIRTIO_PCI_COMMON_GF), 0);
	/* an address that cannot be: the driver is told to reset */
	set_up_queue();
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE, 3);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE), QUEUE_SIZE);
	reset();
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE), 0);
	set_status(3);
	accept(1, 1);
	set_status(0xb);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE, 3);
	write16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE, 1);
	set_status(0xf);
	while (!(status() & VIRTIO_CONFIG_S_NEEDS_RESET))
		cpu_relax();
	reset();
	GUEST_DONE();
}

static void message(u32 entry, u8 vector, bool masked)
{
	u64 at = bar + table + 16 * entry;

	write32(at, 0xfee00000);
	write32(at + 4, 0);
	write32(at + 8, vector);
	write32(at + 12, masked);
}

/* Who may not master the bus does nothing, nor does the port of who may not have it */
static void offer_in_vain(u16 nr)
{
	command(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	offer();
	outw(doorbell, 0);
	linger();
	GUEST_ASSERT(used(nr));
	command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	outw(doorbell, 0);
	linger();
	GUEST_ASSERT(used(nr));
	command(COMMAND_ALL);
	outw(doorbell, 0);
}

static void messages(void)
{
	set_up_apic();
	start();
	GUEST_ASSERT_EQ(read32(bar + table + 12), 1);
	message(0, VECTOR, false);
	message(1, VECTOR + 1, true);
	GUEST_ASSERT_EQ(read32(bar + table), 0xfee00000);
	GUEST_ASSERT_EQ(*(volatile u64 *)(bar + table + 8), VECTOR);
	write16(config(msix + 2), PCI_MSIX_FLAGS_ENABLE);
	GUEST_ASSERT_EQ(read16(config(msix + 2)), PCI_MSIX_FLAGS_ENABLE | 1);
	offer();
	wait_interrupts(1);
	wait_used(1);
	GUEST_ASSERT_EQ(read32(USED + 8), BUFFER_LEN);
	/* masked: the interrupt waits until it is not */
	write32(bar + table + 12, 1);
	offer();
	wait_used(2);
	while (!read32(bar + pending))
		cpu_relax();
	GUEST_ASSERT_EQ(read32(bar + pending), 1);
	sti();
	linger();
	GUEST_ASSERT_EQ(interrupts, 1);
	write32(bar + table + 12, 0);
	wait_interrupts(2);
	GUEST_ASSERT_EQ(read32(bar + pending), 0);
	/* likewise for all */
	write16(config(msix + 2), PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	offer();
	wait_used(3);
	while (!read32(bar + pending))
		cpu_relax();
	GUEST_ASSERT_EQ(interrupts, 2);
	write16(config(msix + 2), PCI_MSIX_FLAGS_ENABLE);
	wait_interrupts(3);
	offer_in_vain(3);
	wait_used(4);
	wait_interrupts(4);
	/* no vector, no interrupt */
	write16(bar + common + VIRTIO_PCI_COMMON_Q_MSIX, 0xffff);
	offer();
	wait_used(5);
	sti();
	linger();
	GUEST_ASSERT_EQ(interrupts, 4);
	GUEST_DONE();
}

static void route(u32 pin, u64 entry)
{
	write32(IOAPIC, 0x10 + 2 * pin + 1);
	write32(IOAPIC + 0x10, entry >> 32);
	write32(IOAPIC, 0x10 + 2 * pin);
	write32(IOAPIC + 0x10, entry);
}

static void line(void)
{
	set_up_apic();
	start();
	route(16 + SLOT % 8, 1 << 15 | LINE_VECTOR);
	/* again and again, until the status is read */
	storm = 3;
	offer();
	wait_interrupts(4);
	sti();
	linger();
	cli();
	GUEST_ASSERT_EQ(interrupts, 4);
	GUEST_ASSERT_EQ(read8(bar + isr), 0);
	/* disabled it is seen in the status only */
	command(COMMAND_ALL | PCI_COMMAND_INTX_DISABLE);
	offer();
	wait_used(2);
	while (!(read16(config(PCI_STATUS)) & PCI_STATUS_INTERRUPT))
		cpu_relax();
	sti();
	linger();
	cli();
	GUEST_ASSERT_EQ(interrupts, 4);
	command(COMMAND_ALL);
	wait_interrupts(5);
	GUEST_ASSERT_EQ(read16(config(PCI_STATUS)) & PCI_STATUS_INTERRUPT, 0);
	/* a reset takes it back */
	command(COMMAND_ALL | PCI_COMMAND_INTX_DISABLE);
	offer();
	while (!(read16(config(PCI_STATUS)) & PCI_STATUS_INTERRUPT))
		cpu_relax();
	reset();
	GUEST_ASSERT_EQ(read16(config(PCI_STATUS)) & PCI_STATUS_INTERRUPT, 0);
	command(COMMAND_ALL);
	sti();
	linger();
	GUEST_ASSERT_EQ(interrupts, 5);
	GUEST_DONE();
}

static void queue_reset(void)
{
	start();
	offer();
	wait_used(1);
	write16(bar + common + 0x3a, 1);
	while (read16(bar + common + 0x3a))
		cpu_relax();
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_ENABLE), 0);
	GUEST_ASSERT_EQ(read16(bar + common + VIRTIO_PCI_COMMON_Q_SIZE), 64);
	GUEST_ASSERT_EQ(status(), 0xf);
	/* from the beginning */
	clear_queue();
	set_up_queue();
	offer();
	wait_used(1);
	GUEST_DONE();
}

/* All of it by configuration space alone, with the BAR switched off */
static u32 through(u32 offset, u32 len)
{
	write8(config(window + 4), 0);
	write32(config(window + 8), offset);
	write32(config(window + 12), len);
	return read32(config(window + 16)) & (len == 4 ? ~0u : (1u << 8 * len) - 1);
}

static void put_through(u32 offset, u32 len, u32 value)
{
	write8(config(window + 4), 0);
	write32(config(window + 8), offset);
	write32(config(window + 12), len);
	write32(config(window + 16), value);
}

/* A kick with both BARs switched off */
static void kick_through(void)
{
	start();
	write16(AVAIL, 1);
	command(PCI_COMMAND_MASTER);
	offer();
	linger();
	GUEST_ASSERT(used(0));
	write8(config(window + 4), 1);
	write32(config(window + 8), 0);
	write32(config(window + 12), 2);
	write32(config(window + 16), 0);
	wait_used(1);
	write32(config(window + 8), 0x7fff0000);
	write32(config(window + 16), 0);
	GUEST_DONE();
}

static void windows(void)
{
	find_registers();
	command(PCI_COMMAND_MASTER);
	GUEST_ASSERT_EQ(through(common + VIRTIO_PCI_COMMON_NUMQ, 2), 1);
	GUEST_ASSERT_EQ(through(common + VIRTIO_PCI_COMMON_STATUS, 1), 0);
	put_through(common + VIRTIO_PCI_COMMON_STATUS, 1, 3);
	GUEST_ASSERT_EQ(through(common + VIRTIO_PCI_COMMON_STATUS, 1), 3);
	put_through(common + VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	GUEST_ASSERT_EQ(through(common + VIRTIO_PCI_COMMON_DF, 4), 0x105);
	/* nowhere: nothing happens, whatever is there */
	through(BAR_SIZE, 4);
	through(BAR_SIZE - 2, 4);
	through(0xfffffffc, 4);
	through(common + 1, 2);
	through(common, 8);
	through(common, 3);
	write8(config(window + 4), 1);
	write32(config(window + 16), ~0);
	write8(config(window + 4), 2);
	write32(config(window + 16), ~0);
	GUEST_ASSERT_EQ(through(common + VIRTIO_PCI_COMMON_STATUS, 1), 3);
	GUEST_DONE();
}

/* ---- tests --------------------------------------------------------------- */

static struct vcpu *vcpu_for(void (*fn)(void))
{
	struct vm *vm = vm_create(VM_PC);

	ASSERT_EQ(pcidev_add(vm, SLOT), SLOT);
	vm_handler(vm, VECTOR, on_interrupt);
	vm_handler(vm, LINE_VECTOR, on_line);
	return vcpu_long(vm, 0, fn);
}

TEST(features_and_status)
{
	vcpu_done(vcpu_for(negotiation));
}

TEST(messages_and_masks)
{
	vcpu_done(vcpu_for(messages));
}

TEST(interrupt_line)
{
	vcpu_done(vcpu_for(line));
}

TEST(a_queue_is_reset)
{
	vcpu_done(vcpu_for(queue_reset));
}

TEST(registers_through_configuration_space)
{
	vcpu_done(vcpu_for(windows));
}

TEST(kick_through_configuration_space)
{
	vcpu_done(vcpu_for(kick_through));
}

/* ---- the end ------------------------------------------------------------- */

static void leaves(void)
{
	int i;

	start();
	for (i = 0; i < QUEUE_SIZE; i++)
		offer();
	GUEST_DONE();
}

static void works(void)
{
	start();
	for (;;) {
		offer();
		wait_used(read16(AVAIL + 2));
	}
}

/* Workers of this kind of device, in VMs without a name */
static int workers(void)
{
	char path[64], name[32];
	int fd, n = 0, pid;
	ssize_t len;

	for (pid = 2; pid < 4000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		len = read(fd, name, sizeof(name) - 1);
		close(fd);
		name[len > 0 ? len : 0] = 0;
		n += !strcmp(name, "lodge/rng5\n");
	}
	return n;
}

TEST(gone_while_buffers_wait)
{
	int i, others = workers();

	for (i = 0; i < 20; i++) {
		struct vcpu *vcpu = vcpu_for(leaves);
		struct vm *vm = vcpu->vm;

		EXPECT_EQ(workers(), others + 1);
		vcpu_done(vcpu);
		vcpu_free(vcpu);
		vm_free(vm);
		EXPECT_EQ(workers(), others);
	}
}

/* The worker has the owner's address space, which has the run area, which has the VM */
TEST(gone_with_a_killed_owner)
{
	int i, tries, others = workers();
	pid_t pid;

	for (i = 0; i < 10; i++) {
		pid = fork();
		ASSERT_OK(pid);
		if (!pid) {
			vcpu_run(vcpu_for(works));
			_exit(1);
		}
		for (tries = 0; workers() == others && tries < 1000; tries++)
			sleep_ms(5);
		EXPECT_EQ(workers(), others + 1);
		sleep_ms(20 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(waitpid(pid, NULL, 0), pid);
		for (tries = 0; workers() != others && tries < 1000; tries++)
			sleep_ms(5);
		EXPECT_EQ(workers(), others);
	}
}
