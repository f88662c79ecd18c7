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
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#define LODGE_CONSOLE_OUT_SIZE	65536	/* powers of 2 */
#define LODGE_CONSOLE_IN_SIZE	4096

/**
 * struct lodge_console - a console
 * @lock: guards the rings; raw, interrupts saved
 * @out: ring of bytes for the reader, LODGE_CONSOLE_OUT_SIZE [I]
 * @in: ring of bytes from the reader, LODGE_CONSOLE_IN_SIZE [I]
 * @out_head: bytes ever written [L]
 * @out_tail: bytes ever read, or dropped while nobody had it open [L]
 * @in_head: bytes ever written [L]
 * @in_tail: bytes ever read [L]
 * @open: somebody has the descriptor [L]
 * @stalled: the device found @out full and waits [L]
 * @wait: readers and writers in user space
 * @delay: wakes the reader a moment after the first byte, so that many go at once
 * @wake: wakes the reader at once, from any context
 * @changed: input has come or room was made; called in any context, may be NULL [I]
 * @dev: its argument [I]
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
	wait_queue_head_t wait;
	struct hrtimer delay;
	struct irq_work wake;
	void (*changed)(void *dev);
	void *dev;
};

int lodge_console_create(struct lodge_console *con, void (*changed)(void *dev), void *dev);
void lodge_console_destroy(struct lodge_console *con);

/* the device's side */
bool lodge_console_room(struct lodge_console *con);
void lodge_console_put(struct lodge_console *con, u8 byte);
bool lodge_console_has_input(struct lodge_console *con);
int lodge_console_get(struct lodge_console *con);

/* the reader's side */
int lodge_console_open(struct lodge_console *con, void (*put)(void *owner), void *owner);

#endif /* LODGE_DEV_CONSOLE_H */
