/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pci.h - a PCI bus with its host bridge: configuration space by ports and in memory,
 * a BAR of memory and one of ports per device, MSI-X, INTx
 */
#ifndef LODGE_DEV_PCI_H
#define LODGE_DEV_PCI_H

#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "bus.h"
#include "msix.h"

struct lodge_irq;
struct lodge_pci;
struct lodge_pci_device;

#define LODGE_PCI_PORT		0xcf8
#define LODGE_PCI_ECAM		0xc0000000ULL	/* of bus 0, the only one */
#define LODGE_PCI_ECAM_SIZE	0x100000
#define LODGE_PCI_MEMORY	0xc0100000ULL	/* BARs answer in this window only */
#define LODGE_PCI_MEMORY_SIZE	0x3eb00000	/* to the I/O APIC */
#define LODGE_PCI_IO		0xc000		/* likewise those of ports */
#define LODGE_PCI_IO_SIZE	0x4000
#define LODGE_PCI_GSI		16		/* INTA of device n is GSI 16 + n % 8 */
#define LODGE_PCI_LINES		8
#define LODGE_PCI_SLOTS		32		/* device numbers; 0 is the host bridge */
#define LODGE_PCI_CONFIG	256		/* bytes of configuration space */

/**
 * enum lodge_pci_space - where a BAR lies, and its number
 * @LODGE_PCI_BAR_MEMORY: in memory
 * @LODGE_PCI_BAR_IO: at ports
 * @LODGE_PCI_BARS: how many there are
 */
enum lodge_pci_space {
	LODGE_PCI_BAR_MEMORY,
	LODGE_PCI_BAR_IO,
	LODGE_PCI_BARS,
};

/**
 * struct lodge_pci_bar - a range of addresses that a device answers at
 * @size: bytes, a power of two, 0: none [I]
 * @where: guest-physical address or port at which it answers, 0: nowhere; written under
 *	lodge_pci.lock, read without
 */
struct lodge_pci_bar {
	u32 size;
	u32 where;
};

/**
 * struct lodge_pci_ops - a device behind its BARs
 * @read: @width bytes at @offset into BAR 0, all of them inside; as lodge_bus_ops.read
 * @write: likewise
 * @write_port: likewise, into BAR 1, whose ports read as all ones; may be NULL without that
 * @before_read: configuration space from @reg on is about to be read; may be NULL
 * @after_write: it has been written; may be NULL
 * @destroy: frees the device; no guest reaches it any more; may sleep
 *
 * All but @destroy are called in an RCU read section, with no lock held, interrupts off or on.
 */
struct lodge_pci_ops {
	u64 (*read)(struct lodge_pci_device *dev, u32 offset, u8 width);
	void (*write)(struct lodge_pci_device *dev, u32 offset, u8 width, u64 value);
	void (*write_port)(struct lodge_pci_device *dev, u32 offset, u8 width, u64 value);
	void (*before_read)(struct lodge_pci_device *dev, u8 reg, u8 width);
	void (*after_write)(struct lodge_pci_device *dev, u8 reg, u8 width);
	void (*destroy)(struct lodge_pci_device *dev);
};

/**
 * struct lodge_pci_id - the head of a configuration space
 * @vendor: vendor ID
 * @device: device ID
 * @class: class, subclass, programming interface
 * @revision: revision
 * @sub_vendor: subsystem's vendor
 * @sub_device: subsystem
 */
struct lodge_pci_id {
	u16 vendor;
	u16 device;
	u32 class;
	u8 revision;
	u16 sub_vendor;
	u16 sub_device;
};

/**
 * struct lodge_pci_device - a device, embedded in the device proper
 * @ops: its functions [I]
 * @pci: the bus, from lodge_pci_add() on [I]
 * @slot: device number [I]
 * @last: capability that was added last, 0: none [I]
 * @end: first byte of configuration space behind the capabilities [I]
 * @msix_at: MSI-X capability, 0: none [I]
 * @bar: by space
 * @master: it may write to memory and send messages; written under @pci's lock, read without
 * @intx: it has an interrupt [L]
 * @asserted: it is one of those that assert its line [L]
 * @gone: it has been taken off the bus: it has no BAR, line or message any more [L]
 * @config: configuration space [L]
 * @mask: bits of it that the guest can change [I]
 * @msix: messages; has a lock of its own
 *
 * [I] constant once the guest runs, [L] lodge_pci.lock.
 */
struct lodge_pci_device {
	const struct lodge_pci_ops *ops;
	struct lodge_pci *pci;
	u8 slot;
	u8 last;
	u8 end;
	u8 msix_at;
	struct lodge_pci_bar bar[LODGE_PCI_BARS];
	bool master;
	bool intx;
	bool asserted;
	bool gone;
	u8 config[LODGE_PCI_CONFIG];
	u8 mask[LODGE_PCI_CONFIG];
	struct lodge_msix msix;
};

/**
 * struct lodge_pci - the bus
 * @lock: guards configuration space and lines; raw, interrupts saved; lodge_irq.lock and
 *	the locks of MSI-X tables are taken inside
 * @irq: interrupt controllers [I]
 * @reset: who answered at port 0xcf9, among ours, before [I]
 * @address: port 0xcf8
 * @asserted: devices that assert each line [L]
 * @hint: device that was accessed last in each space
 * @device: by number; read under RCU, changed by one at a time, who sees to that itself
 * @leaving: a bit for each number whose device has been taken off the bus, and is not gone
 *	yet; changed likewise
 * @left: by number, the memory BAR of a device that went without the guest's doing, until there
 *	is another one [L]
 * @bridge: device 0
 *
 * [I] constant once the guest runs, [L] @lock.
 */
struct lodge_pci {
	raw_spinlock_t lock;
	struct lodge_irq *irq;
	struct lodge_bus_range reset;
	u32 address;
	u8 asserted[LODGE_PCI_LINES];
	u8 hint[LODGE_PCI_BARS];
	struct lodge_pci_device __rcu *device[LODGE_PCI_SLOTS];
	u32 leaving;
	struct lodge_pci_bar left[LODGE_PCI_SLOTS];
	struct lodge_pci_device bridge;
};

int lodge_pci_attach(struct lodge_pci *pci, struct lodge_bus *ports, struct lodge_bus *memory,
		     struct lodge_irq *irq);
void lodge_pci_detach(struct lodge_pci *pci);

/* making a device */
void lodge_pci_init(struct lodge_pci_device *dev, const struct lodge_pci_ops *ops,
		    const struct lodge_pci_id *id, u32 memory_size, u32 io_size);
u8 lodge_pci_add_capability(struct lodge_pci_device *dev, u8 id, const void *body, u8 len);
void lodge_pci_add_msix(struct lodge_pci_device *dev, struct lodge_irq *irq, unsigned int nr,
			u32 table, u32 pending);
bool lodge_pci_has(const struct lodge_pci *pci, unsigned int slot);
int lodge_pci_free_slot(const struct lodge_pci *pci);
int lodge_pci_add(struct lodge_pci *pci, struct lodge_pci_device *dev, unsigned int slot);
struct lodge_pci_device *lodge_pci_remove(struct lodge_pci *pci, unsigned int slot, bool forced);
void lodge_pci_destroy(struct lodge_pci_device *dev);
void lodge_pci_vacate(struct lodge_pci *pci, unsigned int slot);

/* for devices */
void lodge_pci_set_intx(struct lodge_pci_device *dev, bool level);
u32 lodge_pci_get_config(struct lodge_pci_device *dev, u8 reg, u8 width);
void lodge_pci_put_config(struct lodge_pci_device *dev, u8 reg, u8 width, u32 value);

#endif /* LODGE_DEV_PCI_H */
