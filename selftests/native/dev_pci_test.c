// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI bus, its configuration spaces, BARs and MSI-X tables: lines that devices share, and
 * whatever a guest may do, with sanitizers to watch.
 *
 * native-sources: dev/bus.c dev/msix.c dev/pci.c
 * native-shim: devshim.h
 */
#include <linux/pci_regs.h>

#include "../lib/ktap.c"
#include "dev/bus.h"
#include "dev/pci.h"

#define DEVICES		12
#define BAR_SIZE	0x2000
#define IO_SIZE		32
#define TABLE		0x1000
#define PENDING		0x1800
#define ENTRIES		5
#define CONTROL		2

static struct lodge_bus ports, memory;
static struct lodge_pci pci;
static struct lodge_pci_device dev[DEVICES];
static struct lodge_irq *const irq = (void *)0x1000;
static bool line[24];
static unsigned int messages, reads, destroyed, port_writes;
static struct lodge_pci_device *port_of;
static u32 port_offset;
static u64 last_address;
static u32 last_data;

void lodge_route_set_gsi(struct lodge_irq *to, unsigned int gsi, bool level)
{
	ASSERT_TRUE(to == irq);
	ASSERT_LT(gsi, 24u);
	ASSERT_NE(line[gsi], level);
	line[gsi] = level;
}

void lodge_route_msi(struct lodge_irq *to, u64 address, u32 data);
void lodge_route_msi(struct lodge_irq *to, u64 address, u32 data)
{
	ASSERT_TRUE(to == irq);
	messages++;
	last_address = address;
	last_data = data;
}

/* ---- devices ------------------------------------------------------------- */

static u64 bar_read(struct lodge_pci_device *d, u32 offset, u8 width)
{
	ASSERT_LE(offset + width, BAR_SIZE);
	reads++;
	if (offset >= PENDING)
		return lodge_msix_read_pending(&d->msix, offset - PENDING, width);
	return offset < TABLE ? d->slot : lodge_msix_read(&d->msix, offset - TABLE, width);
}

static void bar_write(struct lodge_pci_device *d, u32 offset, u8 width, u64 value)
{
	ASSERT_LE(offset + width, BAR_SIZE);
	if (offset >= TABLE)
		lodge_msix_write(&d->msix, offset - TABLE, width, value);
}

static void write_port(struct lodge_pci_device *d, u32 offset, u8 width, u64 value)
{
	ASSERT_LE(offset + width, IO_SIZE);
	port_writes++;
	port_of = d;
	port_offset = offset;
}

static void looked_at(struct lodge_pci_device *d, u8 reg, u8 width)
{
	ASSERT_LE(reg + width, LODGE_PCI_CONFIG);
}

static void destroy(struct lodge_pci_device *d)
{
	destroyed++;
}

static const struct lodge_pci_ops ops = {
	.read = bar_read,
	.write = bar_write,
	.write_port = write_port,
	.before_read = looked_at,
	.after_write = looked_at,
	.destroy = destroy,
};

static u64 reset_read(void *d, u32 offset, u8 width)
{
	return 0x0a;
}

static enum lodge_bus_end reset_write(void *d, u32 offset, u8 width, u64 value)
{
	return value & 4 ? LODGE_BUS_RESET : LODGE_BUS_DONE;
}

static const struct lodge_bus_ops reset_ops = {
	.read = reset_read,
	.write = reset_write,
};

static void set_up(void)
{
	static const struct lodge_pci_id id = { .vendor = 0x1234, .device = 0x5678 };
	const struct lodge_bus_range reset = { 0xcf9, 1, &reset_ops, NULL };
	unsigned int i;

	memset(&ports, 0, sizeof(ports));
	memset(&memory, 0, sizeof(memory));
	memset(&pci, 0, sizeof(pci));
	memset(dev, 0, sizeof(dev));
	memset(line, 0, sizeof(line));
	messages = 0;
	destroyed = 0;
	ASSERT_EQ(lodge_bus_add(&ports, &reset), 0);
	ASSERT_EQ(lodge_pci_attach(&pci, &ports, &memory, irq), 0);
	for (i = 1; i < DEVICES; i++) {
		lodge_pci_init(&dev[i], &ops, &id, BAR_SIZE, i == DEVICES - 1 ? 0 : IO_SIZE);
		lodge_pci_add_msix(&dev[i], irq, ENTRIES, TABLE, PENDING);
		ASSERT_EQ(lodge_pci_free_slot(&pci), (int)i);
		ASSERT_EQ(lodge_pci_add(&pci, &dev[i], i), 0);
		ASSERT_EQ(lodge_pci_add(&pci, &dev[i], i), -EEXIST);
	}
}

static u64 get(struct lodge_bus *bus, u64 address, u8 width)
{
	const struct lodge_bus_range *r = lodge_bus_find(bus, address, width);

	return r ? r->ops->read(r->dev, address - r->first, width) : ~0ULL;
}

static enum lodge_bus_end set(struct lodge_bus *bus, u64 address, u8 width, u64 value)
{
	const struct lodge_bus_range *r = lodge_bus_find(bus, address, width);

	return r ? r->ops->write(r->dev, address - r->first, width, value) : LODGE_BUS_DONE;
}

static u64 config(unsigned int slot, u32 reg)
{
	return LODGE_PCI_ECAM + (slot << 15) + reg;
}

static void command(unsigned int slot, u16 value)
{
	set(&memory, config(slot, PCI_COMMAND), 2, value);
}

/* ---- tests --------------------------------------------------------------- */

TEST(a_line_is_shared)
{
	set_up();
	/* 1 and 9 */
	lodge_pci_set_intx(&dev[1], true);
	EXPECT_TRUE(line[17]);
	lodge_pci_set_intx(&dev[9], true);
	lodge_pci_set_intx(&dev[1], false);
	EXPECT_TRUE(line[17]);
	EXPECT_EQ(get(&memory, config(9, PCI_STATUS), 1) & PCI_STATUS_INTERRUPT,
		  PCI_STATUS_INTERRUPT);
	command(9, PCI_COMMAND_INTX_DISABLE);
	EXPECT_FALSE(line[17]);
	EXPECT_EQ(get(&memory, config(9, PCI_STATUS), 1) & PCI_STATUS_INTERRUPT,
		  PCI_STATUS_INTERRUPT);
	command(9, 0);
	EXPECT_TRUE(line[17]);
	/* MSI-X takes its place */
	set(&memory, config(9, dev[9].msix_at + CONTROL), 2, PCI_MSIX_FLAGS_ENABLE);
	EXPECT_FALSE(line[17]);
	set(&memory, config(9, dev[9].msix_at + CONTROL), 2, 0);
	EXPECT_TRUE(line[17]);
	lodge_pci_set_intx(&dev[9], false);
	EXPECT_FALSE(line[17]);
}

TEST(messages_wait)
{
	u64 at, entry;

	set_up();
	command(3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	at = get(&memory, config(3, PCI_BASE_ADDRESS_0), 4);
	entry = at + TABLE + 16 * 2;
	lodge_msix_fire(&dev[3].msix, 2);
	EXPECT_EQ(get(&memory, at + PENDING, 8), 0u);
	set(&memory, config(3, dev[3].msix_at + CONTROL), 2, PCI_MSIX_FLAGS_ENABLE);
	lodge_msix_fire(&dev[3].msix, 2);
	lodge_msix_fire(&dev[3].msix, 2);
	lodge_msix_fire(&dev[3].msix, ENTRIES);
	EXPECT_EQ(messages, 0u);
	EXPECT_EQ(get(&memory, at + PENDING, 8), 4u);
	EXPECT_EQ(get(&memory, at + PENDING, 1), 4u);
	set(&memory, entry, 8, 0xfee01003);
	EXPECT_EQ(get(&memory, entry, 4), 0xfee01000u);
	/* others than whole words are no accesses */
	set(&memory, entry + 12, 1, 0);
	set(&memory, entry + 10, 4, 0);
	EXPECT_EQ(messages, 0u);
	set(&memory, entry + 8, 8, 0x4041);
	EXPECT_EQ(messages, 1u);
	EXPECT_EQ(last_address, 0xfee01000u);
	EXPECT_EQ(last_data, 0x4041u);
	lodge_msix_fire(&dev[3].msix, 2);
	EXPECT_EQ(messages, 2u);
	/* not the bus's master */
	command(3, PCI_COMMAND_MEMORY);
	lodge_msix_fire(&dev[3].msix, 2);
	EXPECT_EQ(messages, 2u);
	command(3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EXPECT_EQ(messages, 3u);
	EXPECT_EQ(get(&memory, at + PENDING, 8), 0u);
	/* what waited when MSI-X was disabled is gone */
	set(&memory, entry + 12, 4, 1);
	lodge_msix_fire(&dev[3].msix, 2);
	set(&memory, config(3, dev[3].msix_at + CONTROL), 2, 0);
	set(&memory, config(3, dev[3].msix_at + CONTROL), 2, PCI_MSIX_FLAGS_ENABLE);
	set(&memory, entry + 12, 4, 0);
	EXPECT_EQ(messages, 3u);
}

TEST(a_port_of_somebody_else)
{
	struct lodge_bus other = { 0 };

	set_up();
	EXPECT_EQ(get(&ports, 0xcf9, 1), 0x0au);
	EXPECT_EQ(set(&ports, 0xcf9, 1, 6), LODGE_BUS_RESET);
	EXPECT_EQ(set(&ports, 0xcf8, 4, 0x00000600), LODGE_BUS_DONE);
	EXPECT_EQ(set(&ports, 0xcf9, 2, 6), LODGE_BUS_DONE);
	EXPECT_EQ(lodge_pci_attach(&pci, &other, &memory, irq), -ENOENT);
}

TEST(ports_of_devices)
{
	const u32 bar = PCI_BASE_ADDRESS_0 + 4;

	set_up();
	port_writes = 0;
	EXPECT_EQ(get(&memory, config(3, bar), 4), 0xc301u);
	set(&ports, 0xc304, 2, 0);
	EXPECT_EQ(port_writes, 0u);
	command(3, PCI_COMMAND_MEMORY);
	set(&ports, 0xc304, 2, 0);
	EXPECT_EQ(port_writes, 0u);
	command(3, PCI_COMMAND_IO);
	command(4, PCI_COMMAND_IO);
	set(&ports, 0xc304, 2, 0);
	EXPECT_EQ(port_writes, 1u);
	EXPECT_TRUE(port_of == &dev[3]);
	EXPECT_EQ(port_offset, 4u);
	set(&ports, 0xc41c, 4, 0);
	EXPECT_EQ(port_writes, 2u);
	EXPECT_TRUE(port_of == &dev[4]);
	/* all inside or not at all; all ones are read */
	set(&ports, 0xc31e, 4, 0);
	set(&ports, 0xc320, 1, 0);
	EXPECT_EQ(port_writes, 2u);
	EXPECT_EQ(get(&ports, 0xc300, 1) & 0xff, 0xffu);
	/* its size, and that it is one of ports, cannot be changed */
	set(&memory, config(3, bar), 4, ~0u);
	EXPECT_EQ(get(&memory, config(3, bar), 4), 0xffffffe1u);
	set(&ports, 0xffe0, 1, 0);
	EXPECT_EQ(port_writes, 2u);
	set(&memory, config(3, bar), 4, 0xffe0);
	set(&ports, 0xffe8, 1, 0);
	EXPECT_EQ(port_writes, 3u);
	EXPECT_EQ(port_offset, 8u);
	/* below the window are others */
	set(&memory, config(3, bar), 4, 0xbfe0);
	set(&ports, 0xbfe0, 1, 0);
	set(&memory, config(3, bar), 4, 0);
	set(&ports, 0xc000, 1, 0);
	EXPECT_EQ(port_writes, 3u);
	/* one without */
	command(DEVICES - 1, 0xffff);
	EXPECT_EQ(get(&memory, config(DEVICES - 1, PCI_COMMAND), 2) & PCI_COMMAND_IO, 0u);
	set(&memory, config(DEVICES - 1, bar), 4, 0xc001);
	EXPECT_EQ(get(&memory, config(DEVICES - 1, bar), 4), 0u);
}

TEST(devices_are_destroyed)
{
	set_up();
	lodge_pci_detach(&pci);
	EXPECT_EQ(destroyed, DEVICES - 1);
	lodge_pci_detach(&pci);
	EXPECT_EQ(destroyed, DEVICES - 1);
}

static u32 seed = 1;

static u32 any(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static u64 any_address(void)
{
	u32 slot = any(DEVICES + 1);

	switch (any(4)) {
	case 0:
		return LODGE_PCI_ECAM + any(LODGE_PCI_ECAM_SIZE);
	case 1:
		return config(slot, any(300));
	case 2:
		return LODGE_PCI_MEMORY + (u64)any(16) * 0x100000 +
		       (any(2) ? any(BAR_SIZE + 8) - 4 : TABLE + any(4 * ENTRIES + 1) * 4);
	default:
		return LODGE_PCI_MEMORY + any(1 << 24) * 32;
	}
}

/* What cannot be changed is not, and lines are the sum of what devices want */
static void check_all(void)
{
	unsigned int i, want[8] = { 0 };

	for (i = 1; i < DEVICES; i++) {
		ASSERT_EQ(get(&memory, config(i, 0), 4), 0x56781234u);
		ASSERT_EQ(get(&memory, config(i, dev[i].msix_at), 1), PCI_CAP_ID_MSIX);
		want[i % 8] += dev[i].asserted;
		if (dev[i].bar[0].where) {
			ASSERT_GE(dev[i].bar[0].where, (u32)LODGE_PCI_MEMORY);
			ASSERT_LE(dev[i].bar[0].where - LODGE_PCI_MEMORY,
				  (u32)LODGE_PCI_MEMORY_SIZE - BAR_SIZE);
		}
		if (dev[i].bar[1].where) {
			ASSERT_GE(dev[i].bar[1].where, (u32)LODGE_PCI_IO);
			ASSERT_LE(dev[i].bar[1].where - LODGE_PCI_IO,
				  (u32)LODGE_PCI_IO_SIZE - IO_SIZE);
		}
	}
	for (i = 0; i < 8; i++)
		ASSERT_EQ(line[16 + i], !!want[i]);
}

static u32 likely_reg(void)
{
	const u32 regs[] = {
		PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_0 + 4, PCI_COMMAND, dev[1].msix_at,
	};

	return regs[any(4)];
}

TEST(whatever_a_guest_does)
{
	static const u8 widths[] = { 1, 2, 4, 8 };
	unsigned int i;

	set_up();
	reads = 0;
	port_writes = 0;
	for (i = 0; i < 2000000; i++) {
		u8 width = widths[any(4)];
		u64 value = any(3) ? (u64)any(~0u) << 32 | any(~0u) << 8 | any(256) :
			    any(2) ? LODGE_PCI_MEMORY + any(16) * 0x100000 :
			    LODGE_PCI_IO + any(64) * 32;

		switch (any(9)) {
		case 0:
			lodge_pci_set_intx(&dev[1 + any(DEVICES - 1)], any(2));
			break;
		case 1:
			lodge_msix_fire(&dev[1 + any(DEVICES - 1)].msix, any(ENTRIES + 2));
			break;
		case 2:
			set(&ports, 0xcf8 + any(8), widths[any(3)], any(2) ? value :
			    0x80000000 | any(DEVICES + 1) << 11 | any(256));
			break;
		case 3:
			get(&ports, 0xcf8 + any(8), widths[any(3)]);
			break;
		case 4:
			set(&memory, config(1 + any(DEVICES - 1), likely_reg()), 4, value);
			break;
		case 5:
			set(&memory, any_address(), width, value);
			break;
		case 6:
			set(&ports, LODGE_PCI_IO - 4 + any(2048), widths[any(3)], value);
			break;
		default:
			get(&memory, any_address(), width);
		}
		if (!(i % 1000))
			check_all();
	}
	EXPECT_GE(reads, 1000u);
	EXPECT_GE(port_writes, 100u);
	EXPECT_GE(messages, 10u);
	diag("%u reads of BARs, %u messages", reads, messages);
}
