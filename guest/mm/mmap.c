/* Areas of an address space, and the system calls that add and remove them. */
#include "kaiser/kaiser.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/tlb.h"

struct area *area_find(struct mm *mm, u64 address)
{
  for (unsigned i = 0; i < MAX_AREAS; i++)
    if (address >= mm->areas[i].start && address < mm->areas[i].end) return &mm->areas[i];
  return NULL;
}

bool area_add(struct mm *mm, struct area area)
{
  for (unsigned i = 0; i < MAX_AREAS; i++) {
    if (mm->areas[i].start != mm->areas[i].end) continue;
    mm->areas[i] = area;
    return true;
  }
  return false;
}

/* The lowest gap of this length from MMAP_BASE on. */
static u64 find_gap(const struct mm *mm, u64 length)
{
  u64 start = MMAP_BASE;
  for (unsigned i = 0; i < MAX_AREAS; i++) {
    const struct area *area = &mm->areas[i];
    if (area->start == area->end || start >= area->end || start + length <= area->start) continue;
    start = area->end;
    i = -1; /* look at all areas again */
  }
  return start;
}

s64 mm_mmap(struct mm *mm, u64 length, u32 prot)
{
  if (length == 0 || length > MMAP_BASE || prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC)) return -EINVAL;
  length = ALIGN_UP(length, PAGE_SIZE);
  u64 start = find_gap(mm, length);
  if (!area_add(mm, (struct area){ .start = start, .end = start + length, .prot = prot })) return -ENOMEM;
  return (s64)start;
}

/* What a PGD slot covers. */
#define SLOT_SIZE (PMD_SIZE * ENTRIES * ENTRIES)

static bool slot_is_used(const struct mm *mm, u64 slot)
{
  for (unsigned i = 0; i < MAX_AREAS; i++) {
    const struct area *area = &mm->areas[i];
    if (area->start != area->end && area->start < slot + SLOT_SIZE && area->end > slot) return true;
  }
  return false;
}

/* The last area of a slot takes the slot's tables with it. The order is that of pages: entry, translations, table. */
static void release_tables(struct mm *mm, u64 start, u64 end)
{
  for (u64 slot = ALIGN_DOWN(start, SLOT_SIZE); slot < end; slot += SLOT_SIZE) {
    u64 *entry = &mm->pgd[table_index(slot, LEVEL_PGD)];
    u64 tables = READ_ONCE(*entry);
    if (!(tables & PTE_PRESENT) || slot_is_used(mm, slot)) continue;
    set_pgd(entry, 0);
    tlb_flush_range(mm, slot, slot + SLOT_SIZE);
    free_tables(tables);
  }
}

s64 mm_munmap(struct mm *mm, u64 start, u64 length)
{
  struct area *area = area_find(mm, start);
  if (!area || area->image || area->start != start || area->end != start + ALIGN_UP(length, PAGE_SIZE)) return -EINVAL;
  u64 end = area->end;
  area->end = area->start;

  /*
   * First no entry, then no translation, then no page: a page must not get another use while any CPU can still reach
   * it through its TLB. So the pages are gathered, in batches, and put back after the flush.
   */
  u64 batch[64];
  unsigned count = 0;
  u64 flushed = start;
  for (u64 at = start; at < end; at += PAGE_SIZE) {
    u64 *entry = walk(mm->pgd, at, LEVEL_PTE, 0);
    if (entry && *entry & PTE_PRESENT) batch[count++] = __atomic_exchange_n(entry, 0, __ATOMIC_RELAXED) & PTE_ADDRESS;
    if (count < ARRAY_SIZE(batch) && at + PAGE_SIZE < end) continue;
    if (count > 0) tlb_flush_range(mm, flushed, at + PAGE_SIZE);
    flushed = at + PAGE_SIZE;
    while (count > 0) page_put(batch[--count]);
  }
  release_tables(mm, start, end);
  return 0;
}
