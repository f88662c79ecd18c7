// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_memory - kernel memory of an idle VM with one vCPU and a machine
 *
 * Many are made, each runs its first instruction; what MemFree has lost, over their
 * number, is kernel memory: the one page of guest memory that all share is the
 * program's, and nested page tables are a few pages each, which are included.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define VMS	64

static const struct guest_code loops = { .start = guest_start, .end = guest_end };

int fail(const char *fmt, ...)
{
	va_list ap;

	fputs("bench_memory: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

/* KiB, after what can be dropped has been dropped */
static long mem_free(void)
{
	char line[128];
	long kib = -1;
	FILE *f;

	sync();
	f = fopen("/proc/sys/vm/drop_caches", "w");
	if (f) {
		fputs("3", f);
		fclose(f);
	}
	/* what is freed by RCU and by workers */
	sleep(1);
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int main(void)
{
	struct machine *m = calloc(VMS + 1, sizeof(*m));
	long before = 0, kib;
	unsigned int i;

	if (!m || machine_alloc_memory(&m[0], &loops, 0))
		return 1;
	for (i = 0; i <= VMS; i++) {
		struct entry entry = { .start = guest_first, .rdx = PORT_DONE };

		/* the first one pays for what the module allocates but once */
		if (i == 1)
			before = mem_free();
		m[i] = (struct machine){ .code = &loops, .mem = m[0].mem };
		if (machine_create(&m[i], &backend_lodge) ||
		    backend_lodge.start(&m[i], &entry) || backend_lodge.run(&m[i]))
			return 1;
	}
	kib = (before - mem_free()) / VMS;
	printf("\nkernel memory of an idle VM: %ld KiB, nested page tables included (<= 256: %s)\n",
	       kib, kib <= 256 ? "met" : "MISSED");
	return kib > 0 ? 0 : 1;
}
