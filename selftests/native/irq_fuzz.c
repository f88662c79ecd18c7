// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random accesses to the interrupt controllers.  With libFuzzer, or alone:
 *
 *   irq_fuzz [-n sequences] [-s seed] [file...]
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include <unistd.h>

#include "irq_random.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	run_bytes(data, size);
	return 0;
}

#ifdef STANDALONE
static int run_file(const char *name)
{
	static u8 data[1 << 16];
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

int main(int argc, char **argv)
{
	unsigned long i, count = 5000;
	unsigned int seed = getpid();
	static u8 data[4096];
	size_t j, n;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:")) != -1) {
		if (opt == 'n')
			count = strtoul(optarg, NULL, 0);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	for (; optind < argc; optind++) {
		if (run_file(argv[optind]))
			return 1;
		count = 0;
	}
	printf("# irq_fuzz: %lu sequences, seed %u\n", count, seed);
	fflush(stdout);
	srandom(seed);
	for (i = 0; i < count; i++) {
		n = random() % sizeof(data);
		for (j = 0; j < n; j++)
			data[j] = random() >> 8;
		LLVMFuzzerTestOneInput(data, n);
	}
	return 0;
}
#endif
