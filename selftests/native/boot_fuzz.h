/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzers of vmctl's loaders share.  An input is either an image, or changes
 * to a good one: its first byte tells which, then come triples of an offset (two bytes)
 * and a value.  The includer defines fuzz_template().
 */
#ifndef SELFTESTS_NATIVE_BOOT_FUZZ_H
#define SELFTESTS_NATIVE_BOOT_FUZZ_H

#include <stdio.h>

#include "boot_images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_template(struct image *m, unsigned int which);

static void fuzz_fail(const char *what, uint64_t value)
{
	fprintf(stderr, "boot fuzzer: %s: 0x%llx\n", what, (unsigned long long)value);
	abort();
}

/* What must hold whatever the image is */
static void fuzz_check(struct boot *b, int result)
{
	unsigned int i, j;
	int64_t at = written_unclaimed(b);

	if (at != -1)
		fuzz_fail("a byte was written that nobody claimed", at);
	for (i = 0; i < b->nr_claims; i++) {
		const struct boot_claim *c = &b->claims[i];

		if (c->start >= c->end || c->end > b->mem->size)
			fuzz_fail("a claim is not memory", c->start);
		for (j = 0; j < i; j++)
			if (strcmp(c->owner, b->claims[j].owner) && c->start < b->claims[j].end &&
			    b->claims[j].start < c->end)
				fuzz_fail("two claims overlap", c->start);
		memset(b->mem->host + c->start, 0, c->end - c->start);
	}
	if (result) {
		if (!b->error[0])
			fuzz_fail("a refusal without a word", 0);
		return;
	}
	if (b->entry >= b->mem->size || b->mode == BOOT_MODE_RESET)
		fuzz_fail("the entry is not memory", b->entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t disk[5000] = { 1 };
	static const struct boot_file initrd[] = {
		{ "one", "two", disk, sizeof(disk) }, { "three", "", disk, 1 },
	};
	static struct guestmem mem;
	static struct image m;
	uint8_t *copy;
	struct boot b;
	size_t i, len;

	if (!mem.host)
		mem = memory_of(BIG_MEMORY);
	if (!size)
		return 0;
	b = boot_of(&mem, &m);
	if (data[0] & 1) {
		len = size - 1;
		copy = malloc(len ? len : 1);
		memcpy(copy, data + 1, len);
	} else {
		fuzz_template(&m, data[0] >> 4);
		for (i = 1; i + 3 <= size; i += 3)
			m.data[(data[i] | data[i + 1] << 8) % sizeof(m.data)] = data[i + 2];
		len = data[0] & 4 && size > 3 ? (data[1] | data[2] << 8) % (m.len + 1) : m.len;
		copy = malloc(len ? len : 1);
		memcpy(copy, m.data, len);
	}
	b.image.data = copy;
	b.image.len = len;
	b.initrd = initrd;
	b.nr_initrd = data[0] & 2 ? 2 : 0;
	fuzz_check(&b, boot_load(&b));
	free(copy);
	return 0;
}

#ifdef STANDALONE
#include <unistd.h>

static int run_file(const char *name)
{
	static uint8_t data[1 << 16];
	FILE *f = fopen(name, "rb");
	size_t n;

	if (!f) {
		perror(name);
		return 1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(data, n);
}

/* Most changes near the start, where the headers are, and with values that often matter */
static size_t make_input(uint8_t *data)
{
	static const uint8_t values[] = { 0, 1, 4, 0x10, 0x7f, 0x80, 0xff };
	size_t i, n = 1 + 3 * (random() % 6);

	data[0] = random() & 0xf6;
	for (i = 1; i + 3 <= n; i += 3) {
		unsigned int at = random() % (random() & 1 ? 0x300 : 0x1100);

		data[i] = at;
		data[i + 1] = at >> 8;
		data[i + 2] = random() & 1 ? random() : values[random() % sizeof(values)];
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long i, count = 2000;
	unsigned int seed = getpid();
	uint8_t data[64];
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	for (i = optind; i < argc; i++)
		if (run_file(argv[i]))
			return 1;
	if (optind < argc)
		return 0;
	printf("# %s: %lu images, seed %u\n", argv[0], count, seed);
	srandom(seed);
	for (i = 0; i < count; i++)
		LLVMFuzzerTestOneInput(data, make_input(data));
	return 0;
}
#endif

#endif /* SELFTESTS_NATIVE_BOOT_FUZZ_H */
