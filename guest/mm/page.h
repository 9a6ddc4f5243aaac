/* Physical pages: a buddy allocator of orders 0-10, and a count of users for each page. */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include "lib/types.h"
#include "mm/layout.h"

enum { MAX_ORDER = 10 };

/* Takes over all RAM above the kernel. */
void page_init(void);

/* 2^order pages, aligned to their size and zeroed; their virtual address in the direct map, or null. Users: 1. */
void *page_alloc(unsigned order);
/* Gives a block back whatever its count of users. */
void page_free(void *block, unsigned order);

/* The count of users of a single page. Pages of the kernel image are never freed. */
void page_get(u64 physical);
void page_put(u64 physical);
u32 page_users(u64 physical);

u64 pages_free_count(void);

static inline void *to_virtual(u64 physical)
{
  return (void *)(PHYSMAP_BASE + physical);
}
/* Of an address in the direct map or in the kernel image. */
static inline u64 to_physical(const void *address)
{
  u64 value = (u64)address;
  return value >= KERNEL_BASE ? value - KERNEL_BASE : value - PHYSMAP_BASE;
}

#endif
