// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests as long as they can be, for which a device's worker would have to do the same thing
 * again and again: who has had enough of the VM can kill it all the same.
 */
#include "killed.h"
#include "queues.h"

#define PIECES		127	/* of a request */
#define TABLE		QUEUE_DESC(QUEUES_MOST)
#define INDIRECT	(1u << 28)

/* ---- inside -------------------------------------------------------------- */

/* All that can be offered of @queue at once: the memory that is free, again and again */
static void ask_for_ever(u16 queue)
{
	volatile struct vring_desc *d = (struct vring_desc *)TABLE;
	u16 i;

	for (i = 0; i < PIECES; i++) {
		d[i].addr = GPA_FREE;
		d[i].len = VM_MEMORY - GPA_FREE;
		d[i].flags = i + 1 < PIECES ? VRING_DESC_F_NEXT : 0;
		d[i].next = i + 1;
	}
	queues_negotiate(INDIRECT, 1);
	queue_set_up(queue);
	for (i = 0; i < QUEUE_SIZE; i++) {
		queue_describe(queue, i, TABLE, PIECES * sizeof(*d), VRING_DESC_F_INDIRECT);
		write16(QUEUE_AVAIL(queue) + 4 + i * 2, i);
	}
	write16(QUEUE_AVAIL(queue) + 2, QUEUE_SIZE);
	queues_go();
	write16(blk_bar + blk_notify + 4 * queue, queue);
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* What nobody reads is dropped byte by byte */
static void writes(void)
{
	ask_for_ever(1);
}

/* No number is one of a page */
static void inflates(void)
{
	ask_for_ever(0);
}

/* ---- outside ------------------------------------------------------------- */

static void begin(u32 id, void (*guest)(void))
{
	struct lodge_add_device d = { .size = sizeof(d), .id = id, .slot = SLOT, .fd = -1 };
	struct vm *vm = vm_create(VM_PC);

	ASSERT_EQ(ioctl(vm->fd, LODGE_VM_ADD_DEVICE, &d), SLOT);
	memset(vm_ptr(vm, GPA_FREE), 0xff, VM_MEMORY - GPA_FREE);
	vcpu_sync(vcpu_long(vm, 0, guest), 1);
	/* the worker is at it, or else there is less to see */
	sleep_ms(100);
}

static void begin_console(void)
{
	begin(LODGE_DEVICE_CONSOLE, writes);
}

static void begin_balloon(void)
{
	begin(LODGE_DEVICE_BALLOON, inflates);
}

TEST(killed_while_it_writes)
{
	kill_while(begin_console);
}

TEST(killed_while_it_inflates)
{
	kill_while(begin_balloon);
}
