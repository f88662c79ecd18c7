/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory, for kmod/virtio/vq.c in user space.
 */
#ifndef SELFTESTS_NATIVE_VQ_MODEL_H
#define SELFTESTS_NATIVE_VQ_MODEL_H

#include <linux/virtio_ring.h>

#include "virtio/vq.h"

#define AVAIL_BIT	(1 << VRING_PACKED_DESC_F_AVAIL)
#define USED_BIT	(1 << VRING_PACKED_DESC_F_USED)
#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

#define PAGE		4096
#define DESC		0x00000		/* rings, where the tests have them */
#define DRIVER		0x04000
#define DEVICE		0x05000
#define TABLES		0x08000		/* indirect ones */
#define BUFFERS		0x10000
#define SECOND		0x20000		/* here the second slot begins */
#define MEM_END		0x30000
#define ROM		0x100000
#define ROM_END		0x104000

static u8 first_slot[SECOND] __aligned(PAGE), second_slot[MEM_END - SECOND] __aligned(PAGE),
	  rom_slot[ROM_END - ROM] __aligned(PAGE);

static struct slot {
	u64 gpa, len;
	u8 *host;
	bool readonly;
} slots[] = {
	{ 0, SECOND, first_slot },
	{ SECOND, MEM_END - SECOND, second_slot },
	{ ROM, ROM_END - ROM, rom_slot, true },
};

static struct lodge_mem memory;
static bool dirty[ROM_END / PAGE];

/* Called after each read by the device: the driver is at work meanwhile */
static void (*after_read)(u64 gpa, size_t len);

static struct slot *slot_of(u64 gpa)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		if (gpa - slots[i].gpa < slots[i].len)
			return &slots[i];
	}
	return NULL;
}

static void *at(u64 gpa)
{
	struct slot *s = slot_of(gpa);

	return s ? s->host + (gpa - s->gpa) : NULL;
}

static void copy(u64 gpa, void *buf, size_t len, bool write)
{
	u8 *p = buf;

	for (; len; len--, gpa++, p++) {
		if (write)
			*(u8 *)at(gpa) = *p;
		else
			*p = *(u8 *)at(gpa);
	}
}

static bool all_there(u64 gpa, size_t len, bool write)
{
	struct slot *s;
	u64 n;

	for (; len; gpa += n, len -= n) {
		s = slot_of(gpa);
		if (!s || (write && s->readonly))
			return false;
		n = min_t(u64, len, s->gpa + s->len - gpa);
	}
	return true;
}

int lodge_mem_read(struct lodge_mem *mem, gpa_t gpa, void *buf, size_t len)
{
	WARN_ON(mem != &memory);
	mem->accesses++;
	if (!all_there(gpa, len, false))
		return 1;
	copy(gpa, buf, len, false);
	if (after_read)
		after_read(gpa, len);
	return 0;
}

int lodge_mem_write(struct lodge_mem *mem, gpa_t gpa, const void *buf, size_t len)
{
	mem->accesses++;
	if (!all_there(gpa, len, true))
		return 1;
	copy(gpa, (void *)buf, len, true);
	lodge_mem_log(mem, gpa, len);
	return 0;
}

int lodge_mem_iov(struct lodge_mem *mem, struct lodge_mem_near *near, gpa_t gpa, size_t len,
		  bool write, struct iovec *iov, unsigned int max)
{
	unsigned int nr = 0;
	struct slot *s;
	u64 n;

	if (!all_there(gpa, len, write))
		return -EFAULT;
	for (; len; gpa += n, len -= n) {
		if (nr == max)
			return -E2BIG;
		s = slot_of(gpa);
		n = min_t(u64, len, s->gpa + s->len - gpa);
		iov[nr++] = (struct iovec){ at(gpa), n };
	}
	return nr;
}

void lodge_mem_log(struct lodge_mem *mem, gpa_t gpa, size_t len)
{
	u64 page;

	WARN_ON(!len);
	for (page = gpa / PAGE; page <= (gpa + len - 1) / PAGE; page++) {
		if (slot_of(page * PAGE))
			dirty[page] = true;
	}
}

static u16 get16(u64 gpa)
{
	return *(u16 *)at(gpa);
}

static void set16(u64 gpa, u16 v)
{
	*(u16 *)at(gpa) = v;
}

static void set32(u64 gpa, u32 v)
{
	*(u32 *)at(gpa) = v;
}

static void set64(u64 gpa, u64 v)
{
	*(u64 *)at(gpa) = v;
}

/* Split and packed ones differ in the order of the last two */
static void set_desc(u64 gpa, u64 addr, u32 len, u16 third, u16 fourth)
{
	set64(gpa, addr);
	set32(gpa + 8, len);
	set16(gpa + 12, third);
	set16(gpa + 14, fourth);
}

#endif /* SELFTESTS_NATIVE_VQ_MODEL_H */
