/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_STATS_H
#define LODGE_STATS_H

#include <linux/compiler.h>
#include <linux/lodge.h>
#include <linux/types.h>

/* Basic exit reasons (SDM Vol 3D, appendix C); the last stands for all beyond as well */
#define LODGE_EXIT_REASONS	80

/**
 * struct lodge_exit_count - exits of one reason
 * @count: how many
 * @ticks: of the host's TSC, from each to the next entry, whatever was done meanwhile
 */
struct lodge_exit_count {
	u64 count;
	u64 ticks;
};

/**
 * struct lodge_counts - what a vCPU has done, or all of a VM together
 * @stat: by enum lodge_stat
 * @exit: by basic exit reason
 */
struct lodge_counts {
	u64 stat[LODGE_NR_STATS];
	struct lodge_exit_count exit[LODGE_EXIT_REASONS];
};

/**
 * lodge_stats_add - add up
 * @sum: added to
 * @more: may change meanwhile
 */
static inline void lodge_stats_add(struct lodge_counts *sum, const struct lodge_counts *more)
{
	unsigned int i;

	for (i = 0; i < LODGE_NR_STATS; i++)
		sum->stat[i] += READ_ONCE(more->stat[i]);
	for (i = 0; i < LODGE_EXIT_REASONS; i++) {
		sum->exit[i].count += READ_ONCE(more->exit[i].count);
		sum->exit[i].ticks += READ_ONCE(more->exit[i].ticks);
	}
}

#endif /* LODGE_STATS_H */
