// SPDX-License-Identifier: GPL-2.0-only
/*
 * drift: reads what a guest's "work ticks" prints as it comes, and compares the guest's clock with
 * this machine's.  Exit status 1 if they drift apart by more than 100 ppm, or it cannot be told.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define NS	1000000000LL
#define MAX	2000
#define WINDOW	2	/* s, at each end: the line that came fastest counts */

static int64_t guest[MAX], lag[MAX];
static int nr;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

/* The least of what this clock is ahead of the guest's in a part of the time */
static int64_t least_lag(int64_t from, int64_t to, int64_t *when)
{
	int64_t least = INT64_MAX;
	int i;

	for (i = 0; i < nr; i++) {
		if (guest[i] < from || guest[i] > to || lag[i] >= least)
			continue;
		least = lag[i];
		*when = guest[i];
	}
	return least;
}

int main(void)
{
	int64_t first, last, first_when = 0, last_when = 0;
	char line[256];
	long long tick;
	double ppm;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "tick %lld", &tick) != 1 || nr == MAX)
			continue;
		guest[nr] = tick;
		lag[nr++] = now_ns() - tick;
	}
	if (!nr || guest[nr - 1] - guest[0] < 3 * WINDOW * NS) {
		printf("only %d ticks came\n", nr);
		return 1;
	}
	first = least_lag(guest[0], guest[0] + WINDOW * NS, &first_when);
	last = least_lag(guest[nr - 1] - WINDOW * NS, guest[nr - 1], &last_when);
	ppm = (double)(last - first) / (last_when - first_when) * 1e6;
	printf("%.1f ppm over %.1f s\n", -ppm, (last_when - first_when) / 1e9);
	return ppm > 100 || ppm < -100;
}
