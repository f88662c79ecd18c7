/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing to the report disk from user space, by port: the host needs no disk driver for it, and
 * every kernel's is a module anyway.
 */
#ifndef SIMHOST_ATA_H
#define SIMHOST_ATA_H

#include <linux/types.h>
#include <sys/io.h>

#define ATA_BASE	0x170
#define ATA_CONTROL	0x376
#define ATA_NO_IRQ	0x02
#define ATA_BUSY	0x80
#define ATA_DATA	0x08
#define ATA_WRITE	0x30
#define ATA_MAX_SECTORS	128u

static inline void ata_write(__u32 lba, const void *data, unsigned int sectors)
{
	const __u16 *p = data;

	outb(ATA_NO_IRQ, ATA_CONTROL);
	outb((unsigned char)sectors, ATA_BASE + 2);
	outb((unsigned char)lba, ATA_BASE + 3);
	outb((unsigned char)(lba >> 8), ATA_BASE + 4);
	outb((unsigned char)(lba >> 16), ATA_BASE + 5);
	outb((unsigned char)(0xe0 | lba >> 24), ATA_BASE + 6);
	outb(ATA_WRITE, ATA_BASE + 7);
	for (; sectors; sectors--, p += 256) {
		while ((inb(ATA_BASE + 7) & (ATA_BUSY | ATA_DATA)) != ATA_DATA)
			;
		outsw(ATA_BASE, p, 256);
	}
	while (inb(ATA_BASE + 7) & ATA_BUSY)
		;
}

#endif
