// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random accesses to the interrupt controllers, as irq_fuzz makes them.
 *
 * native-shim: irq_shim.h
 * native-sources: irq/lapic.c irq/message.c irq/timer.c irq/ioapic.c irq/pic.c irq/route.c
 * native-sources: dev/bus.c
 */
#include "../lib/ktap.c"
#include "irq_random.h"

#define SEQUENCES	3000

static void run_random(unsigned int seed)
{
	static u8 data[4096];
	size_t j, n;
	int i;

	diag("irq_fuzz -n %d -s %u", SEQUENCES, seed);
	srandom(seed);
	for (i = 0; i < SEQUENCES; i++) {
		n = random() % sizeof(data);
		for (j = 0; j < n; j++)
			data[j] = random() >> 8;
		run_bytes(data, n);
	}
}

TEST(same_sequences)
{
	run_random(1);
}

TEST(other_sequences)
{
	run_random(time(NULL));
}
