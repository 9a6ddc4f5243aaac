#include "mm/page.h"

#include "boot/boot_info.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "smp/spinlock.h"

extern char __kernel_end[];

/* One for each page of RAM, the low ones included, so that a page number is an index. */
struct page {
  u32 users;
  u8 free_order; /* order + 1 of the free block that begins here; 0 when none does */
};

/* A free block holds the links of its list. */
struct block {
  struct block *next, *previous;
};

static struct page *pages;
static u64 nr_pages, nr_free;
static struct block free_lists[MAX_ORDER + 1];
static struct spinlock lock;

static u64 number(const void *address)
{
  return to_physical(address) >> PAGE_SHIFT;
}

static void list_add(struct block *block, unsigned order)
{
  struct block *head = &free_lists[order];
  block->next = head->next;
  block->previous = head;
  head->next->previous = block;
  head->next = block;
  pages[number(block)].free_order = (u8)(order + 1);
}

static void list_remove(struct block *block)
{
  block->previous->next = block->next;
  block->next->previous = block->previous;
  pages[number(block)].free_order = 0;
}

static void free_block(u64 page, unsigned order)
{
  nr_free += 1u << order;
  while (order < MAX_ORDER) {
    u64 buddy = page ^ (1ull << order);
    if (buddy >= nr_pages || pages[buddy].free_order != order + 1) break;
    list_remove(to_virtual(buddy << PAGE_SHIFT));
    page &= ~(1ull << order);
    order++;
  }
  list_add(to_virtual(page << PAGE_SHIFT), order);
}

/* Frees pages `from` to `end` in blocks as large as their alignment and the range allow. */
static void free_range(u64 from, u64 end)
{
  while (from < end) {
    unsigned order = 0;
    while (order < MAX_ORDER && !(from & 1ull << order) && from + (2ull << order) <= end) order++;
    free_block(from, order);
    from += 1ull << order;
  }
}

void page_init(void)
{
  nr_pages = boot_info.ram_end >> PAGE_SHIFT;
  for (unsigned order = 0; order <= MAX_ORDER; order++) free_lists[order].next = free_lists[order].previous = &free_lists[order];

  /* The table of pages itself comes right behind the kernel. */
  u64 start = ALIGN_UP(to_physical(__kernel_end), PAGE_SIZE);
  pages = to_virtual(start);
  memset(pages, 0, nr_pages * sizeof *pages);
  start = ALIGN_UP(start + nr_pages * sizeof *pages, PAGE_SIZE);
  for (u64 page = 0; page < start >> PAGE_SHIFT; page++) pages[page].users = 1;

  for (u32 i = 0; i < boot_info.nr_ram; i++) free_range(MAX(boot_info.ram[i].start, start) >> PAGE_SHIFT, boot_info.ram[i].end >> PAGE_SHIFT);
  if (nr_free < 1024) panic("only %lu KiB of memory are free, the kernel needs 4 MiB", nr_free * 4);
}

void *page_alloc(unsigned order)
{
  u64 flags = spin_lock_irq(&lock);
  struct block *block = NULL;
  for (unsigned have = order; have <= MAX_ORDER; have++) {
    if (free_lists[have].next == &free_lists[have]) continue;
    block = free_lists[have].next;
    list_remove(block);
    while (have > order) {
      have--;
      list_add((struct block *)((char *)block + (PAGE_SIZE << have)), have);
    }
    nr_free -= 1u << order;
    pages[number(block)].users = 1;
    break;
  }
  spin_unlock_irq(&lock, flags);
  if (block) memset(block, 0, (size_t)PAGE_SIZE << order);
  return block;
}

void page_free(void *block, unsigned order)
{
  u64 flags = spin_lock_irq(&lock);
  pages[number(block)].users = 0;
  free_block(number(block), order);
  spin_unlock_irq(&lock, flags);
}

void page_get(u64 physical)
{
  __atomic_add_fetch(&pages[physical >> PAGE_SHIFT].users, 1, __ATOMIC_ACQ_REL);
}

void page_put(u64 physical)
{
  if (__atomic_sub_fetch(&pages[physical >> PAGE_SHIFT].users, 1, __ATOMIC_ACQ_REL) == 0) page_free(to_virtual(physical), 0);
}

u32 page_users(u64 physical)
{
  return READ_ONCE(pages[physical >> PAGE_SHIFT].users);
}

u64 pages_free_count(void)
{
  return nr_free;
}
