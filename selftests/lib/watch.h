/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that watches memory while its owner changes what lies behind it.
 *
 * Each probe, a page in the watched memory, holds a number that tells its place and its
 * age, and a counter of the guest's own.  The owner says how old a number may be at
 * least only when a change is complete: a translation that was not flushed shows as a
 * number that is too old, a page of somebody else as one that is no number of the
 * probe, and a write to a page that is no longer the owner's as a counter that is not
 * what the guest wrote.
 *
 *	watch_start(&w, mem, len);
 *	for (...) {
 *		watch_drop(&w);		// from here on zero may be read too
 *		madvise(mem, len, MADV_DONTNEED);
 *		watch_dropped(&w);	// from here on the old content may not
 *		watch_loops(&w, 2);	// the guest looks
 *		watch_publish(&w);	// new content: zero may not be read any more
 *		watch_loops(&w, 2);
 *	}
 *	watch_stop(&w);
 */
#ifndef LODGE_SELFTESTS_WATCH_H
#define LODGE_SELFTESTS_WATCH_H

#include "mem.h"

#define WATCH_PROBES	16
#define WATCH_NOTHING	(~0u)	/* as the least age: no read may succeed */

/**
 * struct watch_shared - what guest and owner tell each other
 * @gpa: of each probe
 * @lo: least age that it may have
 * @hi: greatest age of any
 * @zero_ok: zero may be read
 * @drops: the guest's counters may go back to zero
 * @writes: the guest writes its counters
 * @stop: end
 * @pause: touch no probe
 * @paused: does not
 * @loops: how often the guest has looked at all
 * @mine: what the guest wrote last
 */
struct watch_shared {
	u64 gpa[WATCH_PROBES];
	volatile u32 lo[WATCH_PROBES];
	volatile u32 hi;
	volatile u32 zero_ok;
	volatile u32 drops;
	volatile u32 writes;
	volatile u32 stop;
	volatile u32 pause;
	volatile u32 paused;
	volatile u64 loops;
	u64 mine[WATCH_PROBES];
};

/**
 * struct watch - a guest that watches
 * @vm: its VM
 * @vcpu: its vCPU
 * @s: in the guest's memory
 * @thread: that runs the vCPU
 * @mem: watched memory
 * @len: bytes
 * @age: of the content
 * @errors_ok: the guest may find no memory
 * @errors: how often it did
 * @last_error: errno of the last
 * @mmio_ok: the guest may find no slot
 * @mmio: how often it did
 */
struct watch {
	struct vm *vm;
	struct vcpu *vcpu;
	struct watch_shared *s;
	pthread_t thread;
	char *mem;
	size_t len;
	u32 age;
	volatile bool errors_ok;
	volatile u64 errors;
	volatile u32 last_error;
	volatile bool mmio_ok;
	volatile u64 mmio;
};

void watch_start(struct watch *w, void *mem, size_t len);
void watch_slot_start(struct watch *w, void *mem, size_t len, u32 flags);
void watch_stop(struct watch *w);
void watch_loops(struct watch *w, unsigned int nr);
void watch_pause(struct watch *w);
void watch_resume(struct watch *w);
void watch_publish(struct watch *w);
void watch_fill(struct watch *w, char *mem, u32 age);
void watch_drop(struct watch *w);
void watch_dropped(struct watch *w);
void watch_gone(struct watch *w);
void watch_least(struct watch *w, u32 age);
void watch_no_access(struct watch *w);
void watch_access(struct watch *w);
void watch_junk(void);
u64 *watch_probe(struct watch *w, unsigned int nr);

#endif /* LODGE_SELFTESTS_WATCH_H */
