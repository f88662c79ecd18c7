// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's fw_cfg (its Documentation, specs/fw_cfg), as far as firmware and kernels without firmware
 * ask for it: how many processors and how much memory there are, and files that user
 * space has given it, such as the memory map.  An item is selected at port 0x510 and read from
 * 0x511, a byte at a time; what there is not reads as 0.  There is no DMA, and no writing.
 */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/lodge.h>

#include "../alloc.h"
#include "../irq/route.h"
#include "bus.h"
#include "fwcfg.h"

#define PORT		0x510
#define DATA		1	/* offset */

#define KEY_SIGNATURE	0x00
#define KEY_ID		0x01
#define KEY_RAM_SIZE	0x03
#define KEY_NOGRAPHIC	0x04
#define KEY_NB_CPUS	0x05
#define KEY_MAX_CPUS	0x0f
#define KEY_DIR		0x19
#define KEY_FILES	0x20

#define SIGNATURE	0x554d4551	/* "QEMU" */
#define ID_PORTS	BIT(0)

/* ---- the ports ----------------------------------------------------------- */

static u64 data_read(void *dev, u32 offset, u8 width)
{
	struct lodge_fwcfg *f = dev;
	unsigned long flags;
	u8 byte = 0;

	if (offset != DATA || width != 1)
		return ~0ULL;
	raw_spin_lock_irqsave(&f->lock, flags);
	if (f->at < f->len)
		byte = f->item[array_index_nospec(f->at++, f->len)];
	raw_spin_unlock_irqrestore(&f->lock, flags);
	return byte;
}

static void select(struct lodge_fwcfg *f, const void *item, u32 len)
{
	f->item = item;
	f->len = len;
	f->at = 0;
}

static void select_value(struct lodge_fwcfg *f, u64 value, u32 len)
{
	f->value = cpu_to_le64(value);
	select(f, &f->value, len);
}

static void select_file(struct lodge_fwcfg *f, u32 nr)
{
	if (nr >= f->nr_files) {
		select(f, NULL, 0);
		return;
	}
	nr = array_index_nospec(nr, f->nr_files);
	select(f, f->file[nr], be32_to_cpu(f->dir->entry[nr].size));
}

static void select_key(struct lodge_fwcfg *f, u16 key)
{
	switch (key) {
	case KEY_SIGNATURE:
		select_value(f, SIGNATURE, 4);
		break;
	case KEY_ID:
		select_value(f, ID_PORTS, 4);
		break;
	case KEY_RAM_SIZE:
		select_value(f, f->ram(f->owner), 8);
		break;
	case KEY_NOGRAPHIC:
		select_value(f, 1, 2);
		break;
	case KEY_NB_CPUS:
	case KEY_MAX_CPUS:
		select_value(f, READ_ONCE(f->irq->nr_lapics), 2);
		break;
	case KEY_DIR:
		select(f, f->dir, f->dir ? sizeof(*f->dir) : 0);
		break;
	default:
		/* one below the first wraps to a number that is none */
		select_file(f, (u32)key - KEY_FILES);
	}
}

static enum lodge_bus_end select_write(void *dev, u32 offset, u8 width, u64 value)
{
	struct lodge_fwcfg *f = dev;
	unsigned long flags;

	if (offset == DATA || width != 2)
		return LODGE_BUS_DONE;
	raw_spin_lock_irqsave(&f->lock, flags);
	select_key(f, value);
	raw_spin_unlock_irqrestore(&f->lock, flags);
	return LODGE_BUS_DONE;
}

static const struct lodge_bus_ops fwcfg_ops = {
	.read = data_read,
	.write = select_write,
};

/* ---- files --------------------------------------------------------------- */

static bool name_valid(const char *name)
{
	size_t i, len = strnlen(name, LODGE_FWCFG_NAME);

	for (i = 0; i < len; i++)
		if (!isgraph(name[i]))
			return false;
	return len && len < LODGE_FWCFG_NAME;
}

static bool name_taken(const struct lodge_fwcfg *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->nr_files; i++)
		if (!strcmp(f->dir->entry[i].name, name))
			return true;
	return false;
}

static int need_dir(struct lodge_fwcfg *f)
{
	if (!f->dir)
		f->dir = lodge_alloc(sizeof(*f->dir), GFP_KERNEL_ACCOUNT);
	return f->dir ? 0 : -ENOMEM;
}

/**
 * lodge_fwcfg_read - what a file is to have in it
 * @arg: checked here
 *
 * With no lock held: the caller's memory may keep it.
 *
 * Return: the content, for lodge_fwcfg_add() or kvfree(), or an ERR_PTR: -EINVAL, -ENOMEM, -EFAULT.
 */
u8 *lodge_fwcfg_read(const struct lodge_add_file *arg)
{
	u8 *content;

	if (!name_valid(arg->name) || arg->pad || !arg->len || arg->len > LODGE_FILE_MAX)
		return ERR_PTR(-EINVAL);
	content = lodge_alloc_large(arg->len, GFP_KERNEL_ACCOUNT);
	if (!content)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(content, u64_to_user_ptr(arg->data), arg->len)) {
		kvfree(content);
		return ERR_PTR(-EFAULT);
	}
	return content;
}

/**
 * lodge_fwcfg_add - LODGE_VM_ADD_FILE
 * @f: of a VM that has no vCPU yet; the caller lets nobody else in
 * @arg: of lodge_fwcfg_read()
 * @content: what that returned; stays the caller's on error
 *
 * Return: 0, -EEXIST if there is a file of this name, -ENOSPC if there are as many as there may
 * be, -ENOMEM.
 */
int lodge_fwcfg_add(struct lodge_fwcfg *f, const struct lodge_add_file *arg, u8 *content)
{
	struct lodge_fwcfg_entry *entry;

	BUILD_BUG_ON(sizeof(entry->name) != sizeof(arg->name));
	if (need_dir(f))
		return -ENOMEM;
	if (name_taken(f, arg->name))
		return -EEXIST;
	if (f->nr_files == LODGE_FWCFG_FILES)
		return -ENOSPC;
	entry = &f->dir->entry[f->nr_files];
	entry->size = cpu_to_be32(arg->len);
	entry->select = cpu_to_be16(KEY_FILES + f->nr_files);
	strscpy(entry->name, arg->name, sizeof(entry->name));
	f->file[f->nr_files++] = content;
	f->dir->count = cpu_to_be32(f->nr_files);
	return 0;
}

/**
 * lodge_fwcfg_attach - put it on a VM's bus
 * @f: zeroed, part of the machine
 * @ports: the VM's
 * @irq: the machine's
 * @ram: gives the bytes of memory; is called in any context
 * @owner: argument of @ram
 *
 * Return: 0 or what lodge_bus_add() returned.
 */
int lodge_fwcfg_attach(struct lodge_fwcfg *f, struct lodge_bus *ports, struct lodge_irq *irq,
		       u64 (*ram)(void *owner), void *owner)
{
	const struct lodge_bus_range range = {
		.first = PORT, .count = 2, .ops = &fwcfg_ops, .dev = f,
	};

	raw_spin_lock_init(&f->lock);
	f->irq = irq;
	f->ram = ram;
	f->owner = owner;
	return lodge_bus_add(ports, &range);
}

/**
 * lodge_fwcfg_detach - mirror of lodge_fwcfg_attach(); frees the files
 * @f: of a VM that has no vCPU any more; zeroed: nothing happens
 */
void lodge_fwcfg_detach(struct lodge_fwcfg *f)
{
	while (f->nr_files)
		kvfree(f->file[--f->nr_files]);
	kfree(f->dir);
	f->dir = NULL;
}
