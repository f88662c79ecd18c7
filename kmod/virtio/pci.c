// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtio over PCI, modern devices only (virtio 1.2, 4.1): capabilities that tell where
 * in BAR 0 each group of registers is, and the registers.  Notification is in BAR 1 once more, and
 * preferred there (4.1.4.1): a write to a port needs no instruction emulated, nor the window left.
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/pci_regs.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#include "../alloc.h"
#include "../dev/pci.h"
#include "device.h"
#include "pci.h"

#define VENDOR		0x1af4
#define DEVICE_BASE	0x1040
#define REVISION	1

/* BAR 0, a page for each group */
#define PAGE(offset)	((offset) >> 12)
#define COMMON		0x0000
#define ISR		0x1000
#define CONFIG		0x2000
#define NOTIFY		0x3000
#define TABLE		0x4000
#define PENDING		0x5000
#define BAR_SIZE	0x8000

#define COMMON_LEN	0x3c
#define CONFIG_LEN	0x1000
#define NOTIFY_SHIFT	2		/* a double word for each queue */
#define PORTS		roundup_pow_of_two(LODGE_VIRTIO_QUEUES << NOTIFY_SHIFT)

/* Of the capability that opens a window on the BAR (4.1.4.9) */
#define WINDOW_BAR	offsetof(struct virtio_pci_cap, bar)
#define WINDOW_OFFSET	offsetof(struct virtio_pci_cap, offset)
#define WINDOW_LENGTH	offsetof(struct virtio_pci_cap, length)
#define WINDOW_DATA	sizeof(struct virtio_pci_cap)

#define ISR_QUEUE	BIT(0)
#define ISR_CONFIG	BIT(1)

/**
 * struct virtio_pci - a virtio device on a PCI bus
 * @pci: as the bus sees it
 * @dev: the device, which is destroyed with this [I]
 * @window: capability that opens a window on the BAR [I]
 * @isr: ISR status [L]
 * @queue: selected queue [L]
 * @device_half: selected half of the offered features [L]
 * @driver_half: likewise of the accepted ones [L]
 *
 * [I] constant, [L] lodge_virtio.lock; lodge_pci.lock is taken inside.
 */
struct virtio_pci {
	struct lodge_pci_device pci;
	struct lodge_virtio *dev;
	u8 window;
	u8 isr;
	u16 queue;
	u32 device_half;
	u32 driver_half;
};

static struct virtio_pci *of(struct lodge_pci_device *pci)
{
	return container_of(pci, struct virtio_pci, pci);
}

/* The selected queue, locked; NULL if there is none */
static struct lodge_virtio_queue *selected(struct virtio_pci *vp)
{
	return lodge_virtio_queue_at(vp->dev, vp->queue);
}

/* ---- common configuration, 4.1.4.3 --------------------------------------- */

static u32 read_queue(struct virtio_pci *vp, unsigned int word)
{
	const struct lodge_virtio_queue *q = selected(vp);

	if (!q)
		return 0;
	switch (word * 4) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return q->setup.size | (u32)q->vector << 16;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		/* the upper half is queue_notify_off */
		return q->enabled | (u32)vp->queue << 16;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return q->setup.desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return q->setup.desc >> 32;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return q->setup.driver;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return q->setup.driver >> 32;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return q->setup.device;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return q->setup.device >> 32;
	case COMMON_LEN - 4:
		/* queue_notify_data, queue_reset */
		return vp->queue | (u32)q->reset << 16;
	default:
		return 0;
	}
}

static u32 read_word(struct virtio_pci *vp, unsigned int word)
{
	struct lodge_virtio *dev = vp->dev;

	switch (word * 4) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return vp->device_half;
	case VIRTIO_PCI_COMMON_DF:
		return lodge_virtio_half(dev->features, vp->device_half);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return vp->driver_half;
	case VIRTIO_PCI_COMMON_GF:
		return lodge_virtio_half(dev->driver_features, vp->driver_half);
	case VIRTIO_PCI_COMMON_MSIX:
		return dev->config_vector | dev->nr_queues << 16;
	case VIRTIO_PCI_COMMON_STATUS:
		return dev->status | dev->generation << 8 | (u32)vp->queue << 16;
	default:
		return read_queue(vp, word);
	}
}

static u64 common_read(struct virtio_pci *vp, u32 offset, u8 width)
{
	unsigned long flags;
	u64 value;

	if (offset + width > COMMON_LEN)
		return 0;
	raw_spin_lock_irqsave(&vp->dev->lock, flags);
	value = read_word(vp, offset / 4);
	if (offset % 4 + width > 4)
		value |= (u64)read_word(vp, offset / 4 + 1) << 32;
	raw_spin_unlock_irqrestore(&vp->dev->lock, flags);
	return value >> 8 * (offset % 4);
}

static u16 fit_vector(const struct virtio_pci *vp, u16 vector)
{
	return vector < vp->pci.msix.nr ? vector : LODGE_VIRTIO_NO_VECTOR;
}

static void place_queue(struct lodge_virtio_queue *q, u32 offset, u32 value)
{
	bool high = offset & 4;

	switch (offset & ~7) {
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return lodge_virtio_place(q, LODGE_VIRTIO_DESC, high, value);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return lodge_virtio_place(q, LODGE_VIRTIO_DRIVER, high, value);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return lodge_virtio_place(q, LODGE_VIRTIO_DEVICE, high, value);
	}
}

/* What is changed under the lock */
static void write_locked(struct virtio_pci *vp, u32 offset, u32 value)
{
	struct lodge_virtio_queue *q = selected(vp);

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		vp->device_half = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		vp->driver_half = value;
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		WRITE_ONCE(vp->dev->config_vector, fit_vector(vp, value));
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		vp->queue = value;
		break;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (q && !q->enabled)
			q->setup.size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		if (q)
			WRITE_ONCE(q->vector, fit_vector(vp, value));
		break;
	default:
		if (q)
			place_queue(q, offset, value);
	}
}

/* Bytes of the register that starts there and can be written; 0: none does */
static u8 register_width(u32 offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_STATUS:
		return 1;
	case VIRTIO_PCI_COMMON_MSIX:
	case VIRTIO_PCI_COMMON_Q_SELECT:
	case VIRTIO_PCI_COMMON_Q_SIZE:
	case VIRTIO_PCI_COMMON_Q_MSIX:
	case VIRTIO_PCI_COMMON_Q_ENABLE:
	case COMMON_LEN - 2:		/* queue_reset */
		return 2;
	case VIRTIO_PCI_COMMON_DFSELECT:
	case VIRTIO_PCI_COMMON_GFSELECT:
	case VIRTIO_PCI_COMMON_GF:
		return 4;
	default:
		return offset >= VIRTIO_PCI_COMMON_Q_DESCLO &&
		       offset <= VIRTIO_PCI_COMMON_Q_USEDHI && !(offset & 3) ? 4 : 0;
	}
}

/* A register is written as a whole (4.1.3.1); two halves of an address at once will do */
static void common_write(struct virtio_pci *vp, u32 offset, u8 width, u64 value)
{
	struct lodge_virtio *dev = vp->dev;
	unsigned long flags;

	if (width == 8) {
		common_write(vp, offset, 4, (u32)value);
		common_write(vp, offset + 4, 4, value >> 32);
		return;
	}
	if (register_width(offset) != width)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_STATUS:
		lodge_virtio_set_status(dev, value);
		return;
	case VIRTIO_PCI_COMMON_GF:
		lodge_virtio_set_features(dev, READ_ONCE(vp->driver_half), value);
		return;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			lodge_virtio_enable_queue(dev, READ_ONCE(vp->queue));
		return;
	case COMMON_LEN - 2:
		if (value == 1)
			lodge_virtio_reset_queue(dev, READ_ONCE(vp->queue));
		return;
	}
	raw_spin_lock_irqsave(&dev->lock, flags);
	write_locked(vp, offset, value);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

/* ---- ISR status, 4.1.4.5 ------------------------------------------------- */

/* Reading it releases the line */
static u64 isr_read(struct virtio_pci *vp, u32 offset)
{
	unsigned long flags;
	u8 isr;

	if (offset)
		return 0;
	raw_spin_lock_irqsave(&vp->dev->lock, flags);
	isr = vp->isr;
	vp->isr = 0;
	if (isr)
		lodge_pci_set_intx(&vp->pci, false);
	raw_spin_unlock_irqrestore(&vp->dev->lock, flags);
	return isr;
}

/* ---- BAR 0 --------------------------------------------------------------- */

static u64 bar_read(struct lodge_pci_device *pci, u32 offset, u8 width)
{
	struct virtio_pci *vp = of(pci);
	u32 in_page = offset % 0x1000;

	switch (PAGE(offset)) {
	case PAGE(COMMON):
		return common_read(vp, in_page, width);
	case PAGE(ISR):
		return isr_read(vp, in_page);
	case PAGE(CONFIG):
		return lodge_virtio_read_config(vp->dev, in_page, width);
	case PAGE(TABLE):
		return lodge_msix_read(&pci->msix, in_page, width);
	case PAGE(PENDING):
		return lodge_msix_read_pending(&pci->msix, in_page, width);
	default:
		return 0;
	}
}

/* The queue is the address; what is written is not looked at */
static void notify(struct lodge_pci_device *pci, u32 offset)
{
	/* who may not master the bus cannot look at the queue */
	if (READ_ONCE(pci->master))
		lodge_virtio_kick(of(pci)->dev, offset >> NOTIFY_SHIFT);
}

static void write_port(struct lodge_pci_device *pci, u32 offset, u8 width, u64 value)
{
	notify(pci, offset);
}

static void bar_write(struct lodge_pci_device *pci, u32 offset, u8 width, u64 value)
{
	struct virtio_pci *vp = of(pci);
	u32 in_page = offset % 0x1000;

	switch (PAGE(offset)) {
	case PAGE(NOTIFY):
		notify(pci, in_page);
		break;
	case PAGE(COMMON):
		common_write(vp, in_page, width, value);
		break;
	case PAGE(CONFIG):
		lodge_virtio_write_config(vp->dev, in_page, width, value);
		break;
	case PAGE(TABLE):
		lodge_msix_write(&pci->msix, in_page, width, value);
		break;
	}
}

/* ---- the window in configuration space, 4.1.4.9 -------------------------- */

/* The BAR, and where in it the window is; LODGE_PCI_BARS if that is nowhere */
static unsigned int window(struct virtio_pci *vp, u32 *offset, u8 *width)
{
	u32 length = lodge_pci_get_config(&vp->pci, vp->window + WINDOW_LENGTH, 4);
	u8 bar = lodge_pci_get_config(&vp->pci, vp->window + WINDOW_BAR, 1);
	u32 at = lodge_pci_get_config(&vp->pci, vp->window + WINDOW_OFFSET, 4), size;

	if (bar >= LODGE_PCI_BARS || (length != 1 && length != 2 && length != 4) ||
	    (at & (length - 1)))
		return LODGE_PCI_BARS;
	bar = array_index_nospec(bar, LODGE_PCI_BARS);
	size = vp->pci.bar[bar].size;
	if (at >= size)
		return LODGE_PCI_BARS;
	*offset = array_index_nospec(at, size);
	*width = length;
	return bar;
}

static bool meets_window(const struct virtio_pci *vp, u8 reg, u8 width)
{
	u8 data = vp->window + WINDOW_DATA;

	return reg < data + 4 && reg + width > data;
}

static void before_read(struct lodge_pci_device *pci, u8 reg, u8 width)
{
	struct virtio_pci *vp = of(pci);
	unsigned int bar;
	u32 offset;

	if (!meets_window(vp, reg, width))
		return;
	bar = window(vp, &offset, &width);
	if (bar < LODGE_PCI_BARS)
		lodge_pci_put_config(pci, vp->window + WINDOW_DATA, width,
				     bar ? ~0 : bar_read(pci, offset, width));
}

static void after_write(struct lodge_pci_device *pci, u8 reg, u8 width)
{
	struct virtio_pci *vp = of(pci);
	unsigned int bar;
	u32 offset;

	if (!meets_window(vp, reg, width))
		return;
	bar = window(vp, &offset, &width);
	if (bar == LODGE_PCI_BAR_IO)
		notify(pci, offset);
	else if (bar == LODGE_PCI_BAR_MEMORY)
		bar_write(pci, offset, width,
			  lodge_pci_get_config(pci, vp->window + WINDOW_DATA, width));
}

/* ---- interrupts ---------------------------------------------------------- */

static void raise_intx(struct virtio_pci *vp, u8 cause)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vp->dev->lock, flags);
	vp->isr |= cause;
	lodge_pci_set_intx(&vp->pci, true);
	raw_spin_unlock_irqrestore(&vp->dev->lock, flags);
}

static void interrupt(struct lodge_virtio *dev, int queue)
{
	struct virtio_pci *vp = dev->transport;

	if (!READ_ONCE(vp->pci.msix.enabled))
		raise_intx(vp, queue == LODGE_VIRTIO_CONFIG ? ISR_CONFIG : ISR_QUEUE);
	else if (queue == LODGE_VIRTIO_CONFIG)
		lodge_msix_fire(&vp->pci.msix, READ_ONCE(dev->config_vector));
	else
		lodge_msix_fire(&vp->pci.msix, READ_ONCE(dev->queue[queue].vector));
}

/* A reset device has no interrupt */
static void reset(struct lodge_virtio *dev)
{
	struct virtio_pci *vp = dev->transport;

	vp->isr = 0;
	lodge_pci_set_intx(&vp->pci, false);
}

/* ---- making it ----------------------------------------------------------- */

static void destroy(struct lodge_pci_device *pci)
{
	struct virtio_pci *vp = of(pci);

	lodge_virtio_destroy(vp->dev);
	kfree(vp);
}

static const struct lodge_pci_ops ops = {
	.read = bar_read,
	.write = bar_write,
	.write_port = write_port,
	.before_read = before_read,
	.after_write = after_write,
	.destroy = destroy,
};

static u32 class_of(u16 id)
{
	switch (id) {
	case VIRTIO_ID_NET:
		return 0x020000;
	case VIRTIO_ID_BLOCK:
		return 0x018000;
	case VIRTIO_ID_CONSOLE:
		return 0x078000;
	default:
		return 0x00ff00;
	}
}

static u8 add_group(struct virtio_pci *vp, u8 type, u8 bar, u32 offset, u32 length, u8 room)
{
	struct {
		struct virtio_pci_cap cap;
		__le32 last;
	} c = {
		.cap.cap_len = room,
		.cap.cfg_type = type,
		.cap.bar = bar,
		.cap.offset = cpu_to_le32(offset),
		.cap.length = cpu_to_le32(length),
		.last = cpu_to_le32(type == VIRTIO_PCI_CAP_NOTIFY_CFG ? BIT(NOTIFY_SHIFT) : 0),
	};

	return lodge_pci_add_capability(&vp->pci, PCI_CAP_ID_VNDR, (u8 *)&c + 2, room);
}

static void add_capabilities(struct virtio_pci *vp)
{
	const u8 plain = sizeof(struct virtio_pci_cap);
	const u32 doorbells = vp->dev->nr_queues << NOTIFY_SHIFT;
	u8 *mask = vp->pci.mask;

	add_group(vp, VIRTIO_PCI_CAP_COMMON_CFG, 0, COMMON, COMMON_LEN, plain);
	add_group(vp, VIRTIO_PCI_CAP_NOTIFY_CFG, LODGE_PCI_BAR_IO, 0, doorbells, plain + 4);
	add_group(vp, VIRTIO_PCI_CAP_NOTIFY_CFG, 0, NOTIFY, doorbells, plain + 4);
	add_group(vp, VIRTIO_PCI_CAP_ISR_CFG, 0, ISR, 1, plain);
	if (vp->dev->ops->config_len)
		add_group(vp, VIRTIO_PCI_CAP_DEVICE_CFG, 0, CONFIG, CONFIG_LEN, plain);
	vp->window = add_group(vp, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0, plain + 4);
	mask += vp->window;
	mask[WINDOW_BAR] = 0xff;
	memset(mask + WINDOW_OFFSET, 0xff, 4);
	memset(mask + WINDOW_LENGTH, 0xff, 4);
	memset(mask + WINDOW_DATA, 0xff, 4);
}

/**
 * lodge_virtio_pci_add - put a virtio device on a PCI bus
 * @pci: it destroys the device in the end
 * @dev: the device; the caller's still after a failure
 * @slot: as for lodge_pci_add()
 *
 * Return: 0, -ENOMEM, or what lodge_pci_add() returned.
 */
int lodge_virtio_pci_add(struct lodge_pci *pci, struct lodge_virtio *dev, unsigned int slot)
{
	const struct lodge_pci_id id = {
		.vendor = VENDOR, .device = DEVICE_BASE + dev->ops->id,
		.class = class_of(dev->ops->id), .revision = REVISION,
		.sub_vendor = VENDOR, .sub_device = DEVICE_BASE + dev->ops->id,
	};
	struct virtio_pci *vp = lodge_alloc(sizeof(*vp), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vp)
		return -ENOMEM;
	BUILD_BUG_ON(LODGE_VIRTIO_QUEUES + 1 > LODGE_MSIX_MAX);
	vp->dev = dev;
	lodge_pci_init(&vp->pci, &ops, &id, BAR_SIZE, PORTS);
	lodge_pci_add_msix(&vp->pci, pci->irq, dev->nr_queues + 1, TABLE, PENDING);
	add_capabilities(vp);
	dev->transport = vp;
	dev->interrupt = interrupt;
	dev->transport_reset = reset;
	err = lodge_pci_add(pci, &vp->pci, slot);
	if (err)
		kfree(vp);
	return err;
}
