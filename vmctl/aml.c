// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI Machine Language, written forwards; a block's length is put in when it ends.
 */
#include <assert.h>
#include <string.h>

#include "aml.h"

#define OP_ZERO		0x00
#define OP_NAME		0x08
#define OP_BYTE		0x0a
#define OP_WORD		0x0b
#define OP_DWORD	0x0c
#define OP_STRING	0x0d
#define OP_SCOPE	0x10
#define OP_BUFFER	0x11
#define OP_PACKAGE	0x12
#define OP_METHOD	0x14
#define OP_DUAL_NAME	0x2e
#define OP_MULTI_NAME	0x2f
#define OP_EXT		0x5b
#define OP_EXT_REGION	0x80
#define OP_EXT_FIELD	0x81
#define OP_EXT_DEVICE	0x82
#define OP_LOCAL0	0x60
#define OP_ARG0		0x68
#define OP_STORE	0x70
#define OP_AND		0x7b
#define OP_NOTIFY	0x86
#define OP_IF		0xa0

#define METHOD_SERIALIZED	0x08
#define REGION_PORTS	1
#define FIELD_DWORDS	3	/* accesses */

/* Small resource descriptors (6.4.2) */
#define RES_IRQ		0x22
#define RES_IO		0x47
#define RES_END		0x79

/* Large ones (6.4.3) */
#define RES_MEMORY_FIXED	0x86
#define RES_SPACE_32		0x87
#define RES_SPACE_16		0x88
#define RES_EXT_IRQ		0x89
#define SPACE_MEMORY		0
#define SPACE_IO		1
#define SPACE_BUS		2
#define SPACE_FIXED		0x0c	/* minimum and maximum */
#define MEMORY_WRITABLE		1
#define IO_ENTIRE		3	/* ISA's ports or not */
#define IRQ_CONSUMER		0x01
#define IRQ_SHARED		0x08	/* level-triggered, active high */

static void put(struct aml *a, const void *bytes, size_t len)
{
	if (len > a->room - a->len) {
		a->overflow = true;
		return;
	}
	memcpy(a->buf + a->len, bytes, len);
	a->len += len;
}

static void put8(struct aml *a, uint8_t byte)
{
	put(a, &byte, 1);
}

static void put16(struct aml *a, uint16_t value)
{
	put8(a, value);
	put8(a, value >> 8);
}

static void put32(struct aml *a, uint32_t value)
{
	put16(a, value);
	put16(a, value >> 16);
}

/* Bytes in the middle, for lengths that are known at the end */
static void insert(struct aml *a, size_t at, const uint8_t *bytes, size_t len)
{
	if (a->overflow || len > a->room - a->len) {
		a->overflow = true;
		return;
	}
	memmove(a->buf + at + len, a->buf + at, a->len - at);
	memcpy(a->buf + at, bytes, len);
	a->len += len;
}

void aml_init(struct aml *a, void *buf, size_t room)
{
	*a = (struct aml){ .buf = buf, .room = room };
}

/* Each part of a path is padded with '_' to four characters (20.2.2) */
static void put_name(struct aml *a, const char *name)
{
	unsigned int parts = 1;
	const char *p;
	size_t len;

	if (*name == '\\')
		put8(a, *name++);
	for (p = name; *p; p++)
		parts += *p == '.';
	if (parts == 2)
		put8(a, OP_DUAL_NAME);
	if (parts > 2) {
		put8(a, OP_MULTI_NAME);
		put8(a, parts);
	}
	for (; parts--; name += len + 1) {
		len = strcspn(name, ".");
		assert(len <= 4);
		put(a, name, len);
		put(a, "____", 4 - len);
	}
}

static void begin(struct aml *a, bool buffer)
{
	assert(a->depth < AML_MAX_DEPTH);
	a->buffer[a->depth] = buffer;
	a->start[a->depth++] = a->len;
}

void aml_scope(struct aml *a, const char *name)
{
	put8(a, OP_SCOPE);
	begin(a, false);
	put_name(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_DEVICE);
	begin(a, false);
	put_name(a, name);
}

void aml_package(struct aml *a, uint8_t elements)
{
	put8(a, OP_PACKAGE);
	begin(a, false);
	put8(a, elements);
}

void aml_method(struct aml *a, const char *name, unsigned int args, bool serialized)
{
	put8(a, OP_METHOD);
	begin(a, false);
	put_name(a, name);
	put8(a, args | (serialized ? METHOD_SERIALIZED : 0));
}

void aml_if(struct aml *a)
{
	put8(a, OP_IF);
	begin(a, false);
}

void aml_fields(struct aml *a, const char *region)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_FIELD);
	begin(a, false);
	put_name(a, region);
	put8(a, FIELD_DWORDS);
}

/* A Buffer() with a resource template; aml_end() adds the end tag */
void aml_resources(struct aml *a)
{
	put8(a, OP_BUFFER);
	begin(a, true);
}

/* PkgLength (20.2.4) counts itself; @body is what follows it */
static size_t encode_length(uint8_t *out, size_t body)
{
	size_t n = body + 1 < 0x40 ? 1 : body + 2 < 0x1000 ? 2 : body + 3 < 0x100000 ? 3 : 4;
	size_t i, len = body + n;

	assert(len < 1 << 28);
	if (n == 1) {
		out[0] = len;
		return n;
	}
	out[0] = (n - 1) << 6 | (len & 0xf);
	for (i = 1, len >>= 4; i < n; i++, len >>= 8)
		out[i] = len;
	return n;
}

void aml_end(struct aml *a)
{
	uint8_t length[8];
	size_t start, n;

	assert(a->depth);
	start = a->start[--a->depth];
	if (a->buffer[a->depth]) {
		/* end tag with a checksum of 0: "take it as right" (6.4.2.9) */
		put8(a, RES_END);
		put8(a, 0);
		length[0] = OP_WORD;
		length[1] = a->len - start;
		length[2] = (a->len - start) >> 8;
		insert(a, start, length, 3);
	}
	n = encode_length(length, a->len - start);
	insert(a, start, length, n);
}

void aml_name(struct aml *a, const char *name)
{
	put8(a, OP_NAME);
	put_name(a, name);
}

void aml_integer(struct aml *a, uint32_t value)
{
	if (value <= 1) {
		put8(a, OP_ZERO + value);
	} else if (value <= 0xff) {
		put8(a, OP_BYTE);
		put8(a, value);
	} else if (value <= 0xffff) {
		put8(a, OP_WORD);
		put16(a, value);
	} else {
		put8(a, OP_DWORD);
		put32(a, value);
	}
}

void aml_string(struct aml *a, const char *s)
{
	put8(a, OP_STRING);
	put(a, s, strlen(s) + 1);
}

void aml_region(struct aml *a, const char *name, uint16_t port, uint8_t ports)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_REGION);
	put_name(a, name);
	put8(a, REGION_PORTS);
	aml_integer(a, port);
	aml_integer(a, ports);
}

void aml_field(struct aml *a, const char *name)
{
	put_name(a, name);
	put8(a, 32);		/* bits, as a PkgLength of one byte */
}

void aml_term(struct aml *a, const char *name)
{
	put_name(a, name);
}

void aml_local(struct aml *a, unsigned int n)
{
	put8(a, OP_LOCAL0 + n);
}

void aml_arg(struct aml *a, unsigned int n)
{
	put8(a, OP_ARG0 + n);
}

void aml_store(struct aml *a)
{
	put8(a, OP_STORE);
}

void aml_masked(struct aml *a, unsigned int n, uint32_t mask)
{
	put8(a, OP_AND);
	aml_arg(a, n);
	aml_integer(a, mask);
	put8(a, OP_ZERO);	/* stored nowhere */
}

void aml_notify(struct aml *a, const char *name)
{
	put8(a, OP_NOTIFY);
	put_name(a, name);
}

static unsigned int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three letters of five bits and four hex digits, most significant byte first (19.3.4) */
void aml_eisaid(struct aml *a, const char *id)
{
	unsigned int letters, digits = 0, i;

	assert(strlen(id) == 7);
	letters = (id[0] & 0x1f) << 10 | (id[1] & 0x1f) << 5 | (id[2] & 0x1f);
	for (i = 3; i < 7; i++)
		digits = digits << 4 | hex_digit(id[i]);
	put8(a, OP_DWORD);
	put8(a, letters >> 8);
	put8(a, letters);
	put8(a, digits >> 8);
	put8(a, digits);
}

void aml_ports(struct aml *a, uint16_t first, uint8_t count)
{
	put8(a, RES_IO);
	put8(a, 1);		/* decodes 16 bits */
	put16(a, first);	/* minimum */
	put16(a, first);	/* maximum */
	put8(a, 1);		/* alignment */
	put8(a, count);
}

/* An ISA interrupt: edge, active high, not shared */
void aml_irq(struct aml *a, unsigned int irq)
{
	put8(a, RES_IRQ);
	put16(a, 1u << irq);
}

/* A pin of the I/O APIC: level, active high, shared (6.4.3.6) */
void aml_gsi(struct aml *a, uint32_t gsi)
{
	put8(a, RES_EXT_IRQ);
	put16(a, 6);
	put8(a, IRQ_CONSUMER | IRQ_SHARED);
	put8(a, 1);
	put32(a, gsi);
}

void aml_memory(struct aml *a, uint32_t first, uint32_t len)
{
	put8(a, RES_MEMORY_FIXED);
	put16(a, 9);
	put8(a, MEMORY_WRITABLE);
	put32(a, first);
	put32(a, len);
}

void aml_memory_window(struct aml *a, uint32_t first, uint32_t len)
{
	put8(a, RES_SPACE_32);
	put16(a, 23);
	put8(a, SPACE_MEMORY);
	put8(a, SPACE_FIXED);
	put8(a, MEMORY_WRITABLE);
	put32(a, 0);			/* granularity */
	put32(a, first);
	put32(a, first + (len - 1));
	put32(a, 0);			/* translation */
	put32(a, len);
}

static void put_space16(struct aml *a, uint8_t type, uint8_t flags, uint16_t first, uint16_t last)
{
	put8(a, RES_SPACE_16);
	put16(a, 13);
	put8(a, type);
	put8(a, SPACE_FIXED);
	put8(a, flags);
	put16(a, 0);			/* granularity */
	put16(a, first);
	put16(a, last);
	put16(a, 0);			/* translation */
	put16(a, last - first + 1);
}

void aml_port_window(struct aml *a, uint16_t first, uint16_t len)
{
	put_space16(a, SPACE_IO, IO_ENTIRE, first, first + (len - 1));
}

void aml_buses(struct aml *a, uint8_t first, uint8_t last)
{
	put_space16(a, SPACE_BUS, 0, first, last);
}
