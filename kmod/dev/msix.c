// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X: a table of messages in a device's memory, each maskable, and what waits
 * (PCI Local Bus 3.0, 6.8.2).
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/nospec.h>

#include "../irq/route.h"
#include "msix.h"

/* words of an entry */
#define ADDRESS_LOW	0
#define ADDRESS_HIGH	1
#define DATA		2
#define CONTROL		3

#define CONTROL_MASKED	BIT(0)
#define ADDRESS_ZERO	3u	/* these bits are */

/**
 * lodge_msix_init - as after reset: every entry masked
 * @msix: zeroed
 * @irq: the VM's
 * @nr: entries, LODGE_MSIX_MAX at most
 */
void lodge_msix_init(struct lodge_msix *msix, struct lodge_irq *irq, unsigned int nr)
{
	unsigned int i;

	raw_spin_lock_init(&msix->lock);
	msix->irq = irq;
	msix->nr = nr;
	for (i = 0; i < nr; i++)
		msix->entry[i][CONTROL] = CONTROL_MASKED;
}

static bool is_held(const struct lodge_msix *msix, unsigned int i)
{
	return msix->held || (msix->entry[i][CONTROL] & CONTROL_MASKED);
}

static void send(struct lodge_msix *msix, unsigned int i)
{
	const u32 *e = msix->entry[i];

	lodge_route_msi(msix->irq, e[ADDRESS_LOW] | (u64)e[ADDRESS_HIGH] << 32, e[DATA]);
}

/* What waited and may go now */
static void send_pending(struct lodge_msix *msix, unsigned int i)
{
	if (!(msix->pending & BIT_ULL(i)) || !msix->enabled || is_held(msix, i))
		return;
	msix->pending &= ~BIT_ULL(i);
	send(msix, i);
}

/**
 * lodge_msix_set - the function's control bits have been written
 * @msix: the function's
 * @enabled: MSI-X Enable; what is pending is forgotten when it falls
 * @held: no message may go
 *
 * Any context but NMI.
 */
void lodge_msix_set(struct lodge_msix *msix, bool enabled, bool held)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&msix->lock, flags);
	msix->enabled = enabled;
	msix->held = held;
	if (!enabled)
		msix->pending = 0;
	for (i = 0; msix->pending && i < msix->nr; i++)
		send_pending(msix, i);
	raw_spin_unlock_irqrestore(&msix->lock, flags);
}

/* Aligned words and double words are all that a driver may use (6.8.2) */
static bool is_access(const struct lodge_msix *msix, u32 offset, u8 width)
{
	return offset < msix->nr * LODGE_MSIX_ENTRY && (width == 4 || width == 8) &&
	       !(offset & (width - 1));
}

/**
 * lodge_msix_read - the guest reads the table
 * @msix: the function's
 * @offset: the guest's choice
 * @width: bytes
 *
 * Return: the bytes, 0 for what is no access of 4 or 8 to the table.
 */
u64 lodge_msix_read(struct lodge_msix *msix, u32 offset, u8 width)
{
	unsigned long flags;
	u64 value = 0;
	u32 *word;

	if (!is_access(msix, offset, width))
		return 0;
	word = msix->entry[array_index_nospec(offset / LODGE_MSIX_ENTRY, LODGE_MSIX_MAX)];
	word += offset / 4 % 4;
	raw_spin_lock_irqsave(&msix->lock, flags);
	value = word[0];
	if (width == 8)
		value |= (u64)word[1] << 32;
	raw_spin_unlock_irqrestore(&msix->lock, flags);
	return value;
}

static void write_word(u32 *entry, unsigned int word, u32 value)
{
	if (word == ADDRESS_LOW)
		value &= ~ADDRESS_ZERO;
	else if (word == CONTROL)
		value &= CONTROL_MASKED;
	entry[word] = value;
}

/**
 * lodge_msix_write - the guest writes to the table
 * @msix: the function's
 * @offset: the guest's choice
 * @width: bytes; nothing happens unless it is an aligned access of 4 or 8
 * @value: as written
 *
 * An entry that is unmasked sends what waits.
 */
void lodge_msix_write(struct lodge_msix *msix, u32 offset, u8 width, u64 value)
{
	unsigned long flags;
	unsigned int i, word;

	if (!is_access(msix, offset, width))
		return;
	i = array_index_nospec(offset / LODGE_MSIX_ENTRY, LODGE_MSIX_MAX);
	word = offset / 4 % 4;
	raw_spin_lock_irqsave(&msix->lock, flags);
	write_word(msix->entry[i], word, value);
	if (width == 8)
		write_word(msix->entry[i], word + 1, value >> 32);
	send_pending(msix, i);
	raw_spin_unlock_irqrestore(&msix->lock, flags);
}

/**
 * lodge_msix_read_pending - the guest reads the pending bits
 * @msix: the function's
 * @offset: the guest's choice
 * @width: bytes
 *
 * Return: the bytes, 0 beyond the array.
 */
u64 lodge_msix_read_pending(struct lodge_msix *msix, u32 offset, u8 width)
{
	if (offset >= 8)
		return 0;
	return READ_ONCE(msix->pending) >> (offset & 7) * 8;
}

/**
 * lodge_msix_fire - the function has an interrupt
 * @msix: the function's
 * @entry: of the table; nothing happens beyond its end, or with MSI-X disabled
 *
 * Any context but NMI.
 */
void lodge_msix_fire(struct lodge_msix *msix, unsigned int entry)
{
	unsigned long flags;

	if (entry >= msix->nr)
		return;
	entry = array_index_nospec(entry, LODGE_MSIX_MAX);
	raw_spin_lock_irqsave(&msix->lock, flags);
	if (msix->enabled) {
		msix->pending |= BIT_ULL(entry);
		send_pending(msix, entry);
	}
	raw_spin_unlock_irqrestore(&msix->lock, flags);
}
