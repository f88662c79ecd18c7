/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations, all zeroed and charged to the caller's memory cgroup where @gfp
 * says so.  In a debug build (LODGE_DEBUG) the module parameter fail_nth makes
 * the n-th of them fail, once, so that tests can walk every error path.
 */
#ifndef LODGE_ALLOC_H
#define LODGE_ALLOC_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#ifdef LODGE_DEBUG
bool lodge_alloc_fails(void);
#else
static inline bool lodge_alloc_fails(void)
{
	return false;
}
#endif

/**
 * lodge_alloc - zeroed memory, to be freed with kfree()
 * @size: bytes
 * @gfp: GFP_KERNEL or GFP_KERNEL_ACCOUNT
 *
 * Return: the memory or NULL.
 */
static inline void *lodge_alloc(size_t size, gfp_t gfp)
{
	return lodge_alloc_fails() ? NULL : kzalloc(size, gfp);
}

/**
 * lodge_alloc_large - zeroed memory that need not be contiguous, for kvfree()
 * @size: bytes
 * @gfp: GFP_KERNEL or GFP_KERNEL_ACCOUNT
 *
 * Return: the memory or NULL.
 */
static inline void *lodge_alloc_large(size_t size, gfp_t gfp)
{
	return lodge_alloc_fails() ? NULL : kvzalloc(size, gfp);
}

/**
 * lodge_alloc_page - a zeroed page, to be freed with free_page()
 * @gfp: GFP_KERNEL or GFP_KERNEL_ACCOUNT
 * @node: NUMA node or NUMA_NO_NODE
 *
 * Return: the page's address or NULL.
 */
static inline void *lodge_alloc_page(gfp_t gfp, int node)
{
	struct page *page;

	if (lodge_alloc_fails())
		return NULL;
	page = alloc_pages_node(node, gfp | __GFP_ZERO, 0);
	return page ? page_address(page) : NULL;
}

/**
 * lodge_alloc_user - zeroed pages that remap_vmalloc_range() takes, for vfree()
 * @size: bytes, a multiple of the page size
 *
 * Return: the memory or NULL.
 */
static inline void *lodge_alloc_user(size_t size)
{
	return lodge_alloc_fails() ? NULL : vmalloc_user(size);
}

#endif /* LODGE_ALLOC_H */
