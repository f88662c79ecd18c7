/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LODGE_MMU_HOST_H
#define LODGE_MMU_HOST_H

#include <linux/mm_types.h>
#include <linux/types.h>

/**
 * struct lodge_host_page - how the host maps an address of the owner
 * @hpa: host-physical address of the 4 KiB page
 * @level: LODGE_EPT_4K, _2M or _1G as the host's leaf is, 0 if there is none
 * @writable: the owner could write to it right now
 * @dirty: and the host knows that it was written to
 * @odd: not plain memory (zero page, device page, protection key): what to do with it
 *	is for get_user_pages() to say
 * @uncached: mapped other than write-back
 */
struct lodge_host_page {
	u64 hpa;
	int level;
	bool writable;
	bool dirty;
	bool odd;
	bool uncached;
};

void lodge_host_walk(struct mm_struct *mm, unsigned long hva, struct lodge_host_page *page);

#endif /* LODGE_MMU_HOST_H */
