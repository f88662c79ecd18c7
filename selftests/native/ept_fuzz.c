// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of the nested page tables against the model of ept_model.h.
 *
 * With clang a libFuzzer target; with -DSTANDALONE a program:
 *
 *   ept_fuzz [-n sequences] [-s seed]   random sequences
 *   ept_fuzz FILE...                    inputs that were found before
 */
#include "ept_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = model_run(data, size);

	if (wrong) {
		fprintf(stderr, "ept_fuzz: %s\n", wrong);
		abort();
	}
	return 0;
}

#ifdef STANDALONE
#include <unistd.h>

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
	unsigned long i, count = 2000;
	unsigned int seed = getpid();
	u8 data[1024];
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
	if (optind < argc) {
		for (; optind < argc; optind++) {
			if (run_file(argv[optind]))
				return 1;
		}
		return 0;
	}
	printf("# ept_fuzz: %lu sequences, seed %u\n", count, seed);
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
