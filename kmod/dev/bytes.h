/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bytes.h - devices whose registers are bytes
 *
 * The chipset takes a wider access to an 8-bit device apart, lowest port first.
 */
#ifndef LODGE_DEV_BYTES_H
#define LODGE_DEV_BYTES_H

#include "bus.h"

/**
 * lodge_bytes_read - a read of any width as reads of bytes
 * @dev: first argument of @read
 * @offset: of the first byte
 * @width: bytes
 * @read: one byte
 *
 * Return: the bytes, little-endian.
 */
static __always_inline u64 lodge_bytes_read(void *dev, u32 offset, u8 width,
					    u8 (*read)(void *dev, u32 offset))
{
	u64 value = read(dev, offset);
	u8 i;

	for (i = 1; i < width; i++)
		value |= (u64)read(dev, offset + i) << (8 * i);
	return value;
}

/**
 * lodge_bytes_write - a write of any width as writes of bytes
 * @dev: first argument of @write
 * @offset: of the first byte
 * @width: bytes
 * @value: the bytes, little-endian
 * @write: one byte; the first that does not return LODGE_BUS_DONE is the last
 *
 * Return: what the last one returned.
 */
static __always_inline enum lodge_bus_end
lodge_bytes_write(void *dev, u32 offset, u8 width, u64 value,
		  enum lodge_bus_end (*write)(void *dev, u32 offset, u8 value))
{
	enum lodge_bus_end end = write(dev, offset, value);
	u8 i;

	for (i = 1; i < width && end == LODGE_BUS_DONE; i++)
		end = write(dev, offset + i, value >> (8 * i));
	return end;
}

#endif /* LODGE_DEV_BYTES_H */
