/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.h - two byte streams between a device and a reader in user space
 *
 * The device's side is called with interrupts off and in windows; the reader's
 * side is a file descriptor.
 */
#ifndef LODGE_DEV_CONSOLE_H
#define LODGE_DEV_CONSOLE_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#define LODGE_CONSOLE_OUT_SIZE	16384	/* powers of 2 */
#define LODGE_CONSOLE_IN_SIZE	4096
#define LODGE_CONSOLE_UNGET	16	/* bytes of the input ring that are kept free */

/**
 * struct lodge_console - a console
 * @lock: guards the rings; raw, interrupts saved
 * @out: ring of bytes for the reader, LODGE_CONSOLE_OUT_SIZE [I]
 * @in: ring of bytes from the reader, LODGE_CONSOLE_IN_SIZE, NULL if there is no input [I]
 * @out_head: bytes ever written [L]
 * @out_tail: bytes ever read, or dropped while nobody had it open [L]
 * @in_head: bytes ever written [L], read without as a hint
 * @in_tail: bytes ever read [L], likewise
 * @open: somebody has the descriptor [L]
 * @stalled: the device found @out full and waits [L]
 * @delayed: @delay is under way [L]
 * @read_lock: one reads from @out at a time; sleeps, outside @lock
 * @break_at: @in_head when the break came [L]
 * @has_break: a break waits in the input [L], read without as a hint
 * @wait: readers and writers in user space
 * @delay: wakes the reader a moment after the first byte, so that many go at once
 * @wake: wakes it at once, from any context
 * @changed: input has come or room was made; called without @lock [I]
 * @dev: its argument [I]
 * @ioctl: of the descriptor, with @dev, as file_operations.unlocked_ioctl; NULL if there are
 *	none [I]
 * @put: releases @owner; set when it is opened
 * @owner: what keeps the console alive while it is open
 *
 * [I] constant after creation, [L] @lock.
 */
struct lodge_console {
	raw_spinlock_t lock;
	u8 *out;
	u8 *in;
	u32 out_head;
	u32 out_tail;
	u32 in_head;
	u32 in_tail;
	bool open;
	bool stalled;
	bool delayed;
	struct mutex read_lock;
	u32 break_at;
	bool has_break;
	wait_queue_head_t wait;
	struct hrtimer delay;
	struct irq_work wake;
	void (*changed)(void *dev);
	void *dev;
	long (*ioctl)(void *dev, unsigned int cmd, unsigned long arg);
	void (*put)(void *owner);
	void *owner;
};

int lodge_console_create(struct lodge_console *con, void (*changed)(void *dev), void *dev);
void lodge_console_destroy(struct lodge_console *con);

/* the device's side */
bool lodge_console_put(struct lodge_console *con, u8 byte);
unsigned int lodge_console_get(struct lodge_console *con, u8 *buf, unsigned int n);
void lodge_console_unget(struct lodge_console *con, unsigned int n);
bool lodge_console_take_break(struct lodge_console *con);

/* anybody's */
u32 lodge_console_last(struct lodge_console *con, u8 *buf, u32 *end);
int lodge_console_type(struct lodge_console *con, const u8 *data, u32 len, bool with_break);

/**
 * lodge_console_has_input - is there something to get?
 * @con: the console
 *
 * A hint without lock: input that comes at the same moment calls @con->changed.
 */
static inline bool lodge_console_has_input(const struct lodge_console *con)
{
	return READ_ONCE(con->in_head) != READ_ONCE(con->in_tail) || READ_ONCE(con->has_break);
}

/* the reader's side */
int lodge_console_open(struct lodge_console *con, void (*put)(void *owner), void *owner);

#endif /* LODGE_DEV_CONSOLE_H */
