/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * aml.h - an encoder for the little AML that a DSDT needs (ACPI 6.5, chapter 20)
 *
 * Blocks nest: aml_device() ... aml_end().  A buffer that is too small sets
 * @overflow and takes no more bytes; the caller looks once, at the end.
 */
#ifndef VMCTL_AML_H
#define VMCTL_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_MAX_DEPTH	8

/**
 * struct aml - a table body being written
 * @buf: where to
 * @room: bytes there
 * @len: bytes written
 * @depth: open blocks
 * @start: of each open block: where its length goes
 * @buffer: a block is a Buffer, whose size stands before its bytes
 * @overflow: it did not fit
 */
struct aml {
	uint8_t *buf;
	size_t room;
	size_t len;
	unsigned int depth;
	size_t start[AML_MAX_DEPTH];
	bool buffer[AML_MAX_DEPTH];
	bool overflow;
};

void aml_init(struct aml *a, void *buf, size_t room);

/* Blocks; a @name has four characters at most, or is a path as "\\_SB.PCI0" */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_package(struct aml *a, uint8_t elements);
void aml_resources(struct aml *a);
void aml_method(struct aml *a, const char *name, unsigned int args, bool serialized);
void aml_if(struct aml *a);		/* the condition is what is written next */
void aml_fields(struct aml *a, const char *region);
void aml_end(struct aml *a);

/* Name(@name, value): the value is what is written next */
void aml_name(struct aml *a, const char *name);

void aml_integer(struct aml *a, uint32_t value);
void aml_string(struct aml *a, const char *s);

/* Double words of a region of ports, in aml_fields() of it one after the other */
void aml_region(struct aml *a, const char *name, uint16_t port, uint8_t ports);
void aml_field(struct aml *a, const char *name);

/* In methods: terms, and what is done with those that are written next */
void aml_masked(struct aml *a, unsigned int n, uint32_t mask);	/* bits of the n-th argument */
void aml_term(struct aml *a, const char *name);
void aml_local(struct aml *a, unsigned int n);
void aml_arg(struct aml *a, unsigned int n);
void aml_store(struct aml *a);		/* the first to the second */
void aml_notify(struct aml *a, const char *name);	/* of the next one */

/* "PNP0501" as the integer that ACPI takes for it */
void aml_eisaid(struct aml *a, const char *id);

/* In aml_resources() */
void aml_ports(struct aml *a, uint16_t first, uint8_t count);
void aml_irq(struct aml *a, unsigned int irq);
void aml_memory(struct aml *a, uint32_t first, uint32_t len);
void aml_gsi(struct aml *a, uint32_t gsi);

/* In aml_resources() of a bus: what it passes on */
void aml_port_window(struct aml *a, uint16_t first, uint16_t len);
void aml_memory_window(struct aml *a, uint32_t first, uint32_t len);
void aml_buses(struct aml *a, uint8_t first, uint8_t last);

#endif /* VMCTL_AML_H */
