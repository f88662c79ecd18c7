// SPDX-License-Identifier: GPL-2.0-only
/*
 * host.c - look an address up in the owner's page tables
 *
 * A plain read of the tables, without a lock and without a reference on the
 * page.  It is sound for the same reason as the fast path of get_user_pages():
 * tables are not freed while interrupts are off here.  That the page is still
 * there when it gets mapped is for lodge_mmu_stale() to tell.
 */
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "../compat.h"
#include "ept.h"
#include "host.h"

/* Bits of a leaf that make it other than plain memory */
#define ODD_BITS	(_PAGE_SPECIAL | LODGE_PAGE_DEVMAP | _PAGE_PKEY_MASK)

static void leaf(struct lodge_host_page *page, u64 pfn, u64 bits, int level, unsigned long hva)
{
	u64 offset = hva & (lodge_ept_size(level) - 1) & PAGE_MASK;
	u64 cache = level > LODGE_EPT_4K ? _PAGE_LARGE_CACHE_MASK : _PAGE_CACHE_MASK;

	page->hpa = (pfn << PAGE_SHIFT) + offset;
	page->level = level;
	page->writable = bits & _PAGE_RW;
	page->dirty = bits & _PAGE_DIRTY;
	page->odd = (bits & ODD_BITS) || !(bits & _PAGE_USER);
	page->uncached = bits & cache;
}

/**
 * lodge_host_walk() - how an address is mapped at this moment
 * @mm: owner; alive, as current uses it
 * @hva: below mm->task_size
 * @page: result
 *
 * Interrupts are off.  An entry that is not really present (migration, swap,
 * NUMA hinting, being split) counts as none.
 */
void lodge_host_walk(struct mm_struct *mm, unsigned long hva, struct lodge_host_page *page)
{
	pgd_t *pgdp = pgd_offset(mm, hva), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t pte;

	lockdep_assert_irqs_disabled();
	page->level = 0;
	if (pgd_none(pgd))
		return;
	p4dp = p4d_offset_lockless(pgdp, pgd, hva);
	p4d = READ_ONCE(*p4dp);
	if (!(p4d_val(p4d) & _PAGE_PRESENT))
		return;
	pudp = pud_offset_lockless(p4dp, p4d, hva);
	pud = READ_ONCE(*pudp);
	if (!(pud_val(pud) & _PAGE_PRESENT))
		return;
	if (pud_val(pud) & _PAGE_PSE) {
		leaf(page, pud_pfn(pud), pud_val(pud), LODGE_EPT_1G, hva);
		return;
	}
	pmdp = pmd_offset_lockless(pudp, pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (!(pmd_val(pmd) & _PAGE_PRESENT))
		return;
	if (pmd_val(pmd) & _PAGE_PSE) {
		leaf(page, pmd_pfn(pmd), pmd_val(pmd), LODGE_EPT_2M, hva);
		return;
	}
	pte = READ_ONCE(*pte_offset_kernel(&pmd, hva));
	if (pte_val(pte) & _PAGE_PRESENT)
		leaf(page, pte_pfn(pte), pte_val(pte), LODGE_EPT_4K, hva);
}
