// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI bus: its host bridge, and devices of one function with a BAR of memory and one of ports.
 * Configuration space is reached by configuration mechanism 1 (PCI Local Bus 3.0,
 * 3.2.2.3.2) and in memory (PCI Express 4.0, 7.2.2), 4096 bytes a function of which
 * only the first 256 are anything.
 *
 * BARs are where the guest puts them, so all of the window that they can be in is one range
 * of the VM's device memory, or of its ports, and who answers in it is looked for here.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/pci_regs.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "../irq/route.h"
#include "pci.h"

#define PORTS			8	/* address, data */
#define PORT_DATA		4
#define PORT_RESET		1	/* 0xcf9 lies inside the address register */

#define ADDRESS_ENABLE		BIT(31)
#define ADDRESS_KEPT		0x80fffffc
#define ADDRESS_BUS(a)		((a) >> 16 & 0xff)
#define ADDRESS_FUNCTION(a)	((a) >> 8 & 7)
#define ADDRESS_SLOT(a)		((a) >> 11 & 31)
#define ADDRESS_REG(a)		((a) & 0xfc)

#define ECAM_FUNCTION(o)	((o) >> 12 & 7)
#define ECAM_SLOT(o)		((o) >> 15 & 31)
#define ECAM_REG(o)		((o) & 0xfff)

#define COMMAND_KEPT		(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define BAR_REG(i)		(PCI_BASE_ADDRESS_0 + 4 * (i))
#define MSIX_FLAGS		2	/* offset into the capability */

/*
 * Where BARs can be, and how far from each other they are until the guest moves them: that of
 * device n is the nth
 */
static const struct space {
	u32 first;
	u32 size;
	u32 step;
	u32 address;		/* bits of the register */
	u16 enable;		/* bit of the command register */
} spaces[LODGE_PCI_BARS] = {
	[LODGE_PCI_BAR_MEMORY] = {
		.first = LODGE_PCI_MEMORY, .size = LODGE_PCI_MEMORY_SIZE, .step = 0x100000,
		.address = (u32)PCI_BASE_ADDRESS_MEM_MASK, .enable = PCI_COMMAND_MEMORY,
	},
	[LODGE_PCI_BAR_IO] = {
		.first = LODGE_PCI_IO, .size = LODGE_PCI_IO_SIZE, .step = 0x100,
		.address = (u32)PCI_BASE_ADDRESS_IO_MASK, .enable = PCI_COMMAND_IO,
	},
};

/* ---- bytes of configuration space ---------------------------------------- */

static u32 get(const u8 *p, unsigned int width)
{
	u32 value = 0;

	while (width--)
		value = value << 8 | p[width];
	return value;
}

static void put(u8 *p, unsigned int width, u32 value)
{
	for (; width--; value >>= 8)
		*p++ = value;
}

/**
 * lodge_pci_get_config - read a register
 * @dev: that has been added
 * @reg: its offset
 * @width: bytes, 1 to 4
 *
 * Return: the register.
 */
u32 lodge_pci_get_config(struct lodge_pci_device *dev, u8 reg, u8 width)
{
	unsigned long flags;
	u32 value;

	raw_spin_lock_irqsave(&dev->pci->lock, flags);
	value = get(dev->config + reg, width);
	raw_spin_unlock_irqrestore(&dev->pci->lock, flags);
	return value;
}

/**
 * lodge_pci_put_config - change a register that is the device's own
 * @dev: that has been added
 * @reg: its offset; none of the header or of MSI-X
 * @width: bytes, 1 to 4
 * @value: for all of its bits
 */
void lodge_pci_put_config(struct lodge_pci_device *dev, u8 reg, u8 width, u32 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->pci->lock, flags);
	put(dev->config + reg, width, value);
	raw_spin_unlock_irqrestore(&dev->pci->lock, flags);
}

/* ---- what follows from it ------------------------------------------------ */

static u16 command(const struct lodge_pci_device *dev)
{
	return get(dev->config + PCI_COMMAND, 2);
}

static bool msix_enabled(const struct lodge_pci_device *dev)
{
	return dev->msix_at &&
	       (get(dev->config + dev->msix_at + MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE);
}

/* A line is shared: it is asserted as long as one of its devices does */
static void settle_intx(struct lodge_pci_device *dev)
{
	struct lodge_pci *pci = dev->pci;
	unsigned int line = dev->slot % LODGE_PCI_LINES;
	bool want = dev->intx && !dev->gone && !(command(dev) & PCI_COMMAND_INTX_DISABLE) &&
		    !msix_enabled(dev);

	if (want == dev->asserted)
		return;
	dev->asserted = want;
	pci->asserted[line] += want ? 1 : -1;
	if (pci->asserted[line] == want)
		lodge_route_set_gsi(pci->irq, LODGE_PCI_GSI + line, want);
}

/* Outside the window, and at 0, nothing answers */
static u32 bar_address(const struct lodge_pci_device *dev, unsigned int bar)
{
	const struct space *s = &spaces[bar];
	u32 address = get(dev->config + BAR_REG(bar), 4) & s->address;

	if (!dev->bar[bar].size || dev->gone || !(command(dev) & s->enable) ||
	    address < s->first || address - s->first > s->size - dev->bar[bar].size)
		return 0;
	return address;
}

static void settle(struct lodge_pci_device *dev)
{
	unsigned int i;
	u16 flags;

	for (i = 0; i < LODGE_PCI_BARS; i++)
		WRITE_ONCE(dev->bar[i].where, bar_address(dev, i));
	WRITE_ONCE(dev->master, !dev->gone && (command(dev) & PCI_COMMAND_MASTER));
	settle_intx(dev);
	if (!dev->msix_at)
		return;
	flags = get(dev->config + dev->msix_at + MSIX_FLAGS, 2);
	lodge_msix_set(&dev->msix, !dev->gone && (flags & PCI_MSIX_FLAGS_ENABLE),
		       (flags & PCI_MSIX_FLAGS_MASKALL) || !dev->master);
}

/**
 * lodge_pci_set_intx - the device has an interrupt, or has it no more
 * @dev: that has been added
 * @level: true: it has
 *
 * Any context but NMI.
 */
void lodge_pci_set_intx(struct lodge_pci_device *dev, bool level)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->pci->lock, flags);
	dev->intx = level;
	if (level)
		dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	settle_intx(dev);
	raw_spin_unlock_irqrestore(&dev->pci->lock, flags);
}

/* ---- accesses to configuration space ------------------------------------- */

/* In an RCU read section, as what is done with it */
static struct lodge_pci_device *device_at(struct lodge_pci *pci, unsigned int slot,
					  unsigned int function)
{
	return function ? NULL :
	       rcu_dereference(pci->device[array_index_nospec(slot, LODGE_PCI_SLOTS)]);
}

static u64 config_read(struct lodge_pci_device *dev, u32 reg, u8 width)
{
	unsigned long flags;
	u64 value = 0;
	int i;

	if (!dev)
		return ~0ULL;
	if (reg >= LODGE_PCI_CONFIG)
		return 0;
	reg = array_index_nospec(reg, LODGE_PCI_CONFIG);
	width = min_t(u32, width, LODGE_PCI_CONFIG - reg);
	if (dev->ops && dev->ops->before_read)
		dev->ops->before_read(dev, reg, width);
	raw_spin_lock_irqsave(&dev->pci->lock, flags);
	for (i = width - 1; i >= 0; i--)
		value = value << 8 | dev->config[reg + i];
	raw_spin_unlock_irqrestore(&dev->pci->lock, flags);
	return value;
}

static void config_write(struct lodge_pci_device *dev, u32 reg, u8 width, u64 value)
{
	unsigned long flags;
	unsigned int i;

	if (!dev || reg >= LODGE_PCI_CONFIG)
		return;
	reg = array_index_nospec(reg, LODGE_PCI_CONFIG);
	width = min_t(u32, width, LODGE_PCI_CONFIG - reg);
	raw_spin_lock_irqsave(&dev->pci->lock, flags);
	for (i = reg; i < reg + width; i++, value >>= 8)
		dev->config[i] = (dev->config[i] & ~dev->mask[i]) | (value & dev->mask[i]);
	settle(dev);
	raw_spin_unlock_irqrestore(&dev->pci->lock, flags);
	if (dev->ops && dev->ops->after_write)
		dev->ops->after_write(dev, reg, width);
}

static struct lodge_pci_device *addressed(struct lodge_pci *pci, u32 address)
{
	if (!(address & ADDRESS_ENABLE) || ADDRESS_BUS(address))
		return NULL;
	return device_at(pci, ADDRESS_SLOT(address), ADDRESS_FUNCTION(address));
}

static u64 port_read(void *opaque, u32 offset, u8 width)
{
	struct lodge_pci *pci = opaque;
	u32 address = READ_ONCE(pci->address);
	u64 value;

	if (offset >= PORT_DATA) {
		rcu_read_lock();
		value = config_read(addressed(pci, address), ADDRESS_REG(address) + offset % 4,
				    width);
		rcu_read_unlock();
		return value;
	}
	if (!offset && width == 4)
		return address;
	if (offset == PORT_RESET && width == 1)
		return pci->reset.ops->read(pci->reset.dev, 0, width);
	return ~0ULL;
}

/* Only a write of all four bytes is one to the address register (3.2.2.3.2) */
static enum lodge_bus_end port_write(void *opaque, u32 offset, u8 width, u64 value)
{
	struct lodge_pci *pci = opaque;
	u32 address = READ_ONCE(pci->address);

	if (offset >= PORT_DATA) {
		rcu_read_lock();
		config_write(addressed(pci, address), ADDRESS_REG(address) + offset % 4, width,
			     value);
		rcu_read_unlock();
	} else if (!offset && width == 4) {
		WRITE_ONCE(pci->address, value & ADDRESS_KEPT);
	} else if (offset == PORT_RESET && width == 1) {
		return pci->reset.ops->write(pci->reset.dev, 0, width, value);
	}
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops port_ops = {
	.read = port_read,
	.write = port_write,
};

static u64 ecam_read(void *opaque, u32 offset, u8 width)
{
	u64 value;

	rcu_read_lock();
	value = config_read(device_at(opaque, ECAM_SLOT(offset), ECAM_FUNCTION(offset)),
			    ECAM_REG(offset), width);
	rcu_read_unlock();
	return value;
}

static enum lodge_bus_end ecam_write(void *opaque, u32 offset, u8 width, u64 value)
{
	rcu_read_lock();
	config_write(device_at(opaque, ECAM_SLOT(offset), ECAM_FUNCTION(offset)),
		     ECAM_REG(offset), width, value);
	rcu_read_unlock();
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops ecam_ops = {
	.read = ecam_read,
	.write = ecam_write,
};

/* ---- accesses to BARs ---------------------------------------------------- */

/* Looked at once: the BAR may be moved meanwhile */
static bool covers(const struct lodge_pci_device *dev, enum lodge_pci_space space, u32 address,
		   u8 width, u32 *offset)
{
	u32 where = dev ? READ_ONCE(dev->bar[space].where) : 0;

	*offset = address - where;
	return where && *offset < dev->bar[space].size && dev->bar[space].size - *offset >= width;
}

/* Where two BARs overlap, either answers; in an RCU read section, as what is done with it */
static struct lodge_pci_device *find(struct lodge_pci *pci, enum lodge_pci_space space,
				     u32 address, u8 width, u32 *offset)
{
	unsigned int slot = READ_ONCE(pci->hint[space]);
	struct lodge_pci_device *dev = rcu_dereference(pci->device[slot]);

	if (likely(covers(dev, space, address, width, offset)))
		return dev;
	for (slot = 0; slot < LODGE_PCI_SLOTS; slot++) {
		dev = rcu_dereference(pci->device[slot]);
		if (covers(dev, space, address, width, offset)) {
			WRITE_ONCE(pci->hint[space], slot);
			return dev;
		}
	}
	return NULL;
}

/* Where a device was a driver may wait for the end of a reset, which is 0, before it lets go */
static u64 nobody(struct lodge_pci *pci, u32 address)
{
	unsigned int slot;
	unsigned long flags;
	u64 value = ~0ULL;

	raw_spin_lock_irqsave(&pci->lock, flags);
	for (slot = 0; slot < LODGE_PCI_SLOTS; slot++) {
		if (pci->left[slot].where && address - pci->left[slot].where < pci->left[slot].size)
			value = 0;
	}
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return value;
}

static u64 memory_read(void *opaque, u32 offset, u8 width)
{
	u32 address = LODGE_PCI_MEMORY + offset;
	struct lodge_pci_device *dev;
	u64 value;

	rcu_read_lock();
	dev = find(opaque, LODGE_PCI_BAR_MEMORY, address, width, &offset);
	value = dev ? dev->ops->read(dev, offset, width) : nobody(opaque, address);
	rcu_read_unlock();
	return value;
}

static enum lodge_bus_end memory_write(void *opaque, u32 offset, u8 width, u64 value)
{
	struct lodge_pci_device *dev;

	rcu_read_lock();
	dev = find(opaque, LODGE_PCI_BAR_MEMORY, LODGE_PCI_MEMORY + offset, width, &offset);
	if (dev)
		dev->ops->write(dev, offset, width, value);
	rcu_read_unlock();
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops memory_ops = {
	.read = memory_read,
	.write = memory_write,
};

static u64 io_read(void *opaque, u32 offset, u8 width)
{
	return ~0ULL;
}

static enum lodge_bus_end io_write(void *opaque, u32 offset, u8 width, u64 value)
{
	struct lodge_pci_device *dev;

	rcu_read_lock();
	dev = find(opaque, LODGE_PCI_BAR_IO, LODGE_PCI_IO + offset, width, &offset);
	if (dev)
		dev->ops->write_port(dev, offset, width, value);
	rcu_read_unlock();
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops io_ops = {
	.read = io_read,
	.write = io_write,
};

/* ---- making devices ------------------------------------------------------ */

static void init_bar(struct lodge_pci_device *dev, enum lodge_pci_space space, u32 size)
{
	dev->bar[space].size = size;
	put(dev->mask + BAR_REG(space), 4, -size);
	dev->mask[PCI_COMMAND] |= size ? spaces[space].enable : 0;
}

/**
 * lodge_pci_init - a device's configuration space
 * @dev: zeroed
 * @ops: NULL if it has neither BARs nor registers of its own
 * @id: what it is
 * @memory_size: bytes of BAR 0: a power of two, 16 to 1 MiB, or 0
 * @io_size: ports of BAR 1: a power of two, 4 to 256, or 0
 */
void lodge_pci_init(struct lodge_pci_device *dev, const struct lodge_pci_ops *ops,
		    const struct lodge_pci_id *id, u32 memory_size, u32 io_size)
{
	u8 *c = dev->config;

	dev->ops = ops;
	dev->end = PCI_STD_HEADER_SIZEOF;
	put(c + PCI_VENDOR_ID, 2, id->vendor);
	put(c + PCI_DEVICE_ID, 2, id->device);
	put(c + PCI_CLASS_REVISION, 4, id->class << 8 | id->revision);
	put(c + PCI_SUBSYSTEM_VENDOR_ID, 2, id->sub_vendor);
	put(c + PCI_SUBSYSTEM_ID, 2, id->sub_device);
	dev->mask[PCI_CACHE_LINE_SIZE] = 0xff;
	if (!memory_size)
		return;
	put(dev->mask + PCI_COMMAND, 2, COMMAND_KEPT);
	init_bar(dev, LODGE_PCI_BAR_MEMORY, memory_size);
	init_bar(dev, LODGE_PCI_BAR_IO, io_size);
	c[BAR_REG(LODGE_PCI_BAR_IO)] = io_size ? PCI_BASE_ADDRESS_SPACE_IO : 0;
	dev->mask[PCI_INTERRUPT_LINE] = 0xff;
	c[PCI_INTERRUPT_LINE] = 0xff;	/* of the PICs: none */
	c[PCI_INTERRUPT_PIN] = 1;
}

/**
 * lodge_pci_add_capability - one more in the list
 * @dev: not added yet
 * @id: PCI_CAP_ID_*
 * @body: what follows the pointer to the next one
 * @len: bytes of the whole
 *
 * All capabilities of a device fit into its configuration space; nothing in it can be
 * changed by the guest unless the caller sets its mask.
 *
 * Return: where it is.
 */
u8 lodge_pci_add_capability(struct lodge_pci_device *dev, u8 id, const void *body, u8 len)
{
	u8 at = dev->end;

	dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->config[dev->last ? dev->last + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST] = at;
	dev->config[at] = id;
	memcpy(dev->config + at + 2, body, len - 2);
	dev->last = at;
	dev->end = (at + len + 3) & ~3;
	return at;
}

/**
 * lodge_pci_add_msix - the capability of MSI-X
 * @dev: not added yet
 * @irq: the VM's
 * @nr: entries, LODGE_MSIX_MAX at most
 * @table: offset of the table into BAR 0, a multiple of 8
 * @pending: likewise of the pending bits
 *
 * The device's ops pass accesses to the two on.
 */
void lodge_pci_add_msix(struct lodge_pci_device *dev, struct lodge_irq *irq, unsigned int nr,
			u32 table, u32 pending)
{
	u8 body[PCI_CAP_MSIX_SIZEOF - 2];

	put(body, 2, nr - 1);
	put(body + 2, 4, table);
	put(body + 6, 4, pending);
	dev->msix_at = lodge_pci_add_capability(dev, PCI_CAP_ID_MSIX, body, PCI_CAP_MSIX_SIZEOF);
	put(dev->mask + dev->msix_at + MSIX_FLAGS, 2,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	lodge_msix_init(&dev->msix, irq, nr);
}

/**
 * lodge_pci_has - whether a device number is taken
 * @pci: that nobody changes meanwhile
 * @slot: below LODGE_PCI_SLOTS
 *
 * Return: true if there is a device, or one that is not gone yet.
 */
bool lodge_pci_has(const struct lodge_pci *pci, unsigned int slot)
{
	return rcu_access_pointer(pci->device[slot]) || (pci->leaving & BIT(slot));
}

/**
 * lodge_pci_free_slot - the first device number that is free
 * @pci: that nobody changes meanwhile
 *
 * Return: the number, or -ENOSPC.
 */
int lodge_pci_free_slot(const struct lodge_pci *pci)
{
	int slot;

	for (slot = 1; slot < LODGE_PCI_SLOTS; slot++)
		if (!lodge_pci_has(pci, slot))
			return slot;
	return -ENOSPC;
}

/**
 * lodge_pci_add - put a device on the bus
 * @pci: destroys the device in the end; a guest may run
 * @dev: complete
 * @slot: device number, 1 to LODGE_PCI_SLOTS - 1
 *
 * The caller lets nobody else add or remove one meanwhile.
 *
 * Return: 0, or -EEXIST if the number is taken.
 */
int lodge_pci_add(struct lodge_pci *pci, struct lodge_pci_device *dev, unsigned int slot)
{
	unsigned long flags;
	unsigned int i;

	if (lodge_pci_has(pci, slot))
		return -EEXIST;
	dev->pci = pci;
	dev->slot = slot;
	for (i = 0; i < LODGE_PCI_BARS; i++)
		if (dev->bar[i].size)
			put(dev->config + BAR_REG(i), 4, (dev->config[BAR_REG(i)] & 0xf) +
			    spaces[i].first + slot * spaces[i].step);
	raw_spin_lock_irqsave(&pci->lock, flags);
	pci->left[slot].where = 0;
	settle(dev);
	rcu_assign_pointer(pci->device[slot], dev);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return 0;
}

/**
 * lodge_pci_remove - take a device off the bus
 * @pci: of a VM whose guest may run
 * @slot: device number, of a device that has been added
 * @forced: the guest has not ejected it
 *
 * Configuration space reads as all ones from now on, its line is released, and it sends nothing
 * any more.  The BAR does so, too; if @forced, it reads as zeroes until there is another device.
 * The caller lets nobody else add or remove one meanwhile.
 *
 * Return: the device, for lodge_pci_destroy(); its number is taken until lodge_pci_vacate().
 */
struct lodge_pci_device *lodge_pci_remove(struct lodge_pci *pci, unsigned int slot, bool forced)
{
	struct lodge_pci_device *dev = rcu_dereference_protected(pci->device[slot], true);
	unsigned long flags;

	raw_spin_lock_irqsave(&pci->lock, flags);
	RCU_INIT_POINTER(pci->device[slot], NULL);
	pci->leaving |= BIT(slot);
	if (forced)
		pci->left[slot] = dev->bar[LODGE_PCI_BAR_MEMORY];
	/* a vCPU that has found it may write to its configuration space still */
	dev->gone = true;
	settle(dev);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return dev;
}

/**
 * lodge_pci_destroy - end a device
 * @dev: of lodge_pci_remove(); may sleep, for as long as what is under way in it takes
 */
void lodge_pci_destroy(struct lodge_pci_device *dev)
{
	synchronize_rcu();
	dev->ops->destroy(dev);
}

/**
 * lodge_pci_vacate - let the number of a device that is gone be given again
 * @pci: that nobody else changes meanwhile
 * @slot: as for lodge_pci_remove()
 */
void lodge_pci_vacate(struct lodge_pci *pci, unsigned int slot)
{
	pci->leaving &= ~BIT(slot);
}

static void add_bridge(struct lodge_pci *pci)
{
	/* the one of QEMU's machines without a chipset to imitate */
	static const struct lodge_pci_id id = {
		.vendor = 0x1b36, .device = 0x0008, .class = 0x060000,
		.sub_vendor = 0x1af4, .sub_device = 0x1100,
	};

	lodge_pci_init(&pci->bridge, NULL, &id, 0, 0);
	pci->bridge.pci = pci;
	RCU_INIT_POINTER(pci->device[0], &pci->bridge);
}

/**
 * lodge_pci_attach - a bus with its host bridge
 * @pci: zeroed
 * @ports: the VM's; who answers at port 0xcf9 goes on to do so
 * @memory: the VM's device memory
 * @irq: the VM's
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_pci_attach(struct lodge_pci *pci, struct lodge_bus *ports, struct lodge_bus *memory,
		     struct lodge_irq *irq)
{
	const struct lodge_bus_range port = { LODGE_PCI_PORT, PORTS, &port_ops, pci };
	const struct lodge_bus_range ecam = {
		LODGE_PCI_ECAM, LODGE_PCI_ECAM_SIZE, &ecam_ops, pci,
	};
	const struct lodge_bus_range window = {
		LODGE_PCI_MEMORY, LODGE_PCI_MEMORY_SIZE, &memory_ops, pci,
	};
	const struct lodge_bus_range io = {
		LODGE_PCI_IO, LODGE_PCI_IO_SIZE, &io_ops, pci,
	};
	int err;

	raw_spin_lock_init(&pci->lock);
	pci->irq = irq;
	add_bridge(pci);
	err = lodge_bus_remove(ports, LODGE_PCI_PORT + PORT_RESET, &pci->reset);
	if (!err)
		err = lodge_bus_add(ports, &port);
	if (!err)
		err = lodge_bus_add(ports, &io);
	if (!err)
		err = lodge_bus_add(memory, &ecam);
	return err ? err : lodge_bus_add(memory, &window);
}

/**
 * lodge_pci_detach - mirror of lodge_pci_attach(); destroys the devices
 * @pci: of a VM that has no vCPU any more; zeroed: nothing happens; may sleep
 */
void lodge_pci_detach(struct lodge_pci *pci)
{
	struct lodge_pci_device *dev;
	unsigned int slot;

	for (slot = 1; slot < LODGE_PCI_SLOTS; slot++) {
		dev = rcu_dereference_protected(pci->device[slot], true);
		RCU_INIT_POINTER(pci->device[slot], NULL);
		if (dev)
			dev->ops->destroy(dev);
	}
}
