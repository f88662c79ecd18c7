// SPDX-License-Identifier: GPL-2.0-only
/* A guest that watches memory while its owner changes what lies behind it */
#include <sys/mman.h>
#include <unistd.h>

#include "watch.h"

#define TAG(nr)		((0xabc0000ull + (nr)) << 32)
#define JUNK_PAGES	64

static struct watch_shared shared;
static char *junk;

/* ---- the guest ----------------------------------------------------------- */

static void complain(const char *what, unsigned int nr, u64 found, u64 wanted)
{
	GUEST_PRINT("probe %llu: found %llx, wanted %llx", nr, found, wanted);
	guest_ucall(UCALL_ASSERT, (u64)what, nr, found, wanted);
}

static void look(unsigned int nr)
{
	volatile u64 *p = (u64 *)shared.gpa[nr];
	u32 lo = shared.lo[nr], zero_ok = shared.zero_ok;
	u64 v = p[0], own;

	if (!v) {
		/* the owner may have been through a whole round since */
		if (!zero_ok && !shared.zero_ok && shared.lo[nr] == lo)
			complain("no page that was dropped", nr, v, TAG(nr) | lo);
	} else if ((v & ~0xffffffffull) != TAG(nr)) {
		complain("no foreign memory", nr, v, TAG(nr) | lo);
	} else if ((u32)v < lo && (lo != WATCH_NOTHING || shared.lo[nr] == lo)) {
		/* a read that was forbidden may have waited until it was not */
		complain("no stale memory", nr, v, TAG(nr) | lo);
	} else if ((u32)v > shared.hi) {
		complain("nothing that was not written yet", nr, v, TAG(nr) | shared.hi);
	}
	own = p[1];
	if (own != shared.mine[nr] && !(shared.drops && !own))
		complain("what the guest wrote", nr, own, shared.mine[nr]);
	if (!shared.writes)
		return;
	/* the order matters: if the write is repeated, the number is there */
	own = own ? own + 1 : shared.mine[nr] + 1;
	shared.mine[nr] = own;
	p[1] = own;
}

static void watcher(void)
{
	unsigned int nr;

	while (!shared.stop) {
		for (nr = 0; nr < WATCH_PROBES; nr++)
			look(nr);
		shared.loops++;
		while (shared.pause && !shared.stop)
			shared.paused = 1;
	}
}

/* ---- the owner ----------------------------------------------------------- */

static void *runner(void *arg)
{
	struct watch *w = arg;
	struct lodge_run *run = w->vcpu->run;

	for (;;) {
		u32 reason = vcpu_run_exit(w->vcpu);

		if (vcpu_is_ucall(w->vcpu))
			return NULL;
		if (reason == LODGE_EXIT_MEMORY_ERROR && w->errors_ok) {
			w->last_error = run->memory.error;
			w->errors++;
			usleep(500);
			continue;
		}
		if (reason == LODGE_EXIT_MMIO && w->mmio_ok) {
			memset(run->mmio.data, 0, sizeof(run->mmio.data));
			w->mmio++;
			usleep(500);
			continue;
		}
		diag("GPA %#llx, error %u, access %u; MMIO GPA %#llx", run->memory.gpa,
		     run->memory.error, run->memory.access, run->mmio.gpa);
		ASSERT_EQ(reason, (u32)LODGE_EXIT_NR);
	}
}

/* Offset of a probe in the watched memory: not always the first page of its part */
static size_t place(const struct watch *w, unsigned int nr)
{
	size_t part = w->len / WATCH_PROBES;

	return nr * part + (part > 16 * PAGE ? nr : 0) * PAGE;
}

/* The owner's address of a probe: the number, and the guest's counter */
u64 *watch_probe(struct watch *w, unsigned int nr)
{
	return (u64 *)(w->mem + place(w, nr));
}

/**
 * watch_slot_start - start a guest that watches memory
 * @w: to be set up
 * @mem: the memory, zero
 * @len: bytes, at least WATCH_PROBES pages
 * @flags: of the slot; in a read-only one the guest does not write
 */
void watch_slot_start(struct watch *w, void *mem, size_t len, u32 flags)
{
	unsigned int nr;

	memset(w, 0, sizeof(*w));
	if (!junk)
		junk = mem_anon(JUNK_PAGES * PAGE, PAGE);
	w->vm = vm_create(0);
	w->vcpu = vcpu_long(w->vm, 0, watcher);
	w->s = &GUEST_VAR(w->vm, shared);
	w->mem = mem;
	w->len = len;
	for (nr = 0; nr < WATCH_PROBES; nr++)
		w->s->gpa[nr] = GPA_REGION + place(w, nr);
	w->s->writes = !(flags & LODGE_SLOT_READONLY);
	watch_publish(w);
	vm_slot(w->vm, REGION_SLOT, flags, GPA_REGION, len, mem);
	w->thread = thread_start(runner, w);
	watch_loops(w, 2);
}

void watch_start(struct watch *w, void *mem, size_t len)
{
	watch_slot_start(w, mem, len, 0);
}

/* The guest is content to the end, and is gone afterwards */
void watch_stop(struct watch *w)
{
	watch_loops(w, 2);
	w->s->stop = 1;
	ASSERT_EQ(pthread_join(w->thread, NULL), 0);
	vcpu_free(w->vcpu);
	vm_free(w->vm);
}

/* Wait until the guest has looked at all probes so many times, from the start */
void watch_loops(struct watch *w, unsigned int nr)
{
	u64 until = w->s->loops + nr + 1;	/* one is under way */

	while (w->s->loops < until)
		usleep(200);
}

/* The guest leaves the probes alone from now on */
void watch_pause(struct watch *w)
{
	w->s->paused = 0;
	w->s->pause = 1;
	while (!w->s->paused)
		usleep(200);
}

void watch_resume(struct watch *w)
{
	w->s->pause = 0;
}

/**
 * watch_fill - write content of an age to memory that may lie anywhere
 * @w: that is going to watch it
 * @mem: as large as what is watched
 * @age: of the content
 */
void watch_fill(struct watch *w, char *mem, u32 age)
{
	unsigned int nr;

	for (nr = 0; nr < WATCH_PROBES; nr++)
		*(volatile u64 *)(mem + place(w, nr)) = TAG(nr) | age;
}

/* From now on the content is at least so old; the greatest age follows */
void watch_least(struct watch *w, u32 age)
{
	unsigned int nr;

	for (nr = 0; nr < WATCH_PROBES; nr++)
		w->s->lo[nr] = age;
}

/* Write new content; from then on nothing else may be read */
void watch_publish(struct watch *w)
{
	w->s->hi = ++w->age;
	watch_fill(w, w->mem, w->age);
	watch_least(w, w->age);
	w->s->zero_ok = 0;
}

/* The content is going to be replaced by zeroes */
void watch_drop(struct watch *w)
{
	w->s->drops = 1;
	w->s->zero_ok = 1;
}

/* It was: the old one may not be read any more */
void watch_dropped(struct watch *w)
{
	watch_least(w, w->age + 1);
}

/* The memory is gone, and what the guest wrote with it: it may not read at all */
void watch_gone(struct watch *w)
{
	w->s->drops = 1;
	watch_no_access(w);
}

/* The guest has no right to read; the content stays */
void watch_no_access(struct watch *w)
{
	watch_least(w, WATCH_NOTHING);
}

/* It is going to have it again */
void watch_access(struct watch *w)
{
	watch_least(w, w->age);
}

/*
 * Take pages that were freed, and write to them.  Their addresses were taken before:
 * new ones could lie where watched memory has just been unmapped, and the guest
 * would rightly see them.
 */
void watch_junk(void)
{
	memset(junk, 0xdb, JUNK_PAGES * PAGE);
	ASSERT_OK(madvise(junk, JUNK_PAGES * PAGE, MADV_DONTNEED));
}
