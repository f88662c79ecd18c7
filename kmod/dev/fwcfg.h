/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_DEV_FWCFG_H
#define LODGE_DEV_FWCFG_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct lodge_add_file;
struct lodge_bus;
struct lodge_irq;

#define LODGE_FWCFG_FILES	16
#define LODGE_FWCFG_NAME	56	/* with the NUL */

/**
 * struct lodge_fwcfg_entry - a file in the directory (specs/fw_cfg, "File Directory")
 * @size: bytes of it
 * @select: its key
 * @reserved: zero
 * @name: NUL-terminated
 */
struct lodge_fwcfg_entry {
	__be32 size;
	__be16 select;
	__be16 reserved;
	char name[LODGE_FWCFG_NAME];
};

/**
 * struct lodge_fwcfg_dir - the directory of files
 * @count: how many there are
 * @entry: they
 */
struct lodge_fwcfg_dir {
	__be32 count;
	struct lodge_fwcfg_entry entry[LODGE_FWCFG_FILES];
};

/**
 * struct lodge_fwcfg - what firmware and test guests ask about their machine, as of QEMU's fw_cfg
 * @irq: tells the number of processors
 * @ram: tells the bytes of memory of @owner; in any context
 * @owner: for @ram
 * @dir: the files; NULL as long as there are none [I]
 * @file: their contents [I]
 * @nr_files: how many [I]
 * @lock: a raw spinlock, for the ones below; inside it nothing is taken
 * @value: what an item without a file holds, little-endian [L]
 * @item: of the item that was selected last [L]
 * @len: bytes of it [L]
 * @at: how many have been read [L]
 *
 * [I]: filled before the VM's first vCPU, constant after.  vCPUs that use it at the same time spoil
 * each other's reads.
 */
struct lodge_fwcfg {
	struct lodge_irq *irq;
	u64 (*ram)(void *owner);
	void *owner;
	struct lodge_fwcfg_dir *dir;
	u8 *file[LODGE_FWCFG_FILES];
	unsigned int nr_files;
	raw_spinlock_t lock;
	__le64 value;
	const u8 *item;
	u32 len;
	u32 at;
};

int lodge_fwcfg_attach(struct lodge_fwcfg *f, struct lodge_bus *ports, struct lodge_irq *irq,
		       u64 (*ram)(void *owner), void *owner);
u8 *lodge_fwcfg_read(const struct lodge_add_file *arg);
int lodge_fwcfg_add(struct lodge_fwcfg *f, const struct lodge_add_file *arg, u8 *content);
void lodge_fwcfg_detach(struct lodge_fwcfg *f);

#endif /* LODGE_DEV_FWCFG_H */
