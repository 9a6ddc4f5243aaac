/* Making and unmaking address spaces: the PGD pair, and the tables below its user half. */
#include "kaiser/kaiser.h"
#include "lib/string.h"
#include "mm/ldt.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/tlb.h"
#include "smp/spinlock.h"

struct mm init_mm = { .ctx_id = 1 };
struct mm *mm_list;
struct spinlock mm_list_lock;
static u64 next_ctx_id = 2;

_Static_assert(sizeof(struct mm) <= PAGE_SIZE, "an mm is allocated as a page");

void mm_link(struct mm *mm)
{
  spin_lock(&mm_list_lock);
  mm->next = mm_list;
  mm_list = mm;
  spin_unlock(&mm_list_lock);
}

struct mm *mm_create(void)
{
  struct mm *mm = page_alloc(0);
  if (!mm) return NULL;
  mm->pgd = page_alloc(kaiser_pgd_order());
  if (!mm->pgd) {
    page_free(mm, 0);
    return NULL;
  }
  /* The kernel's slots never change after boot, in neither half, so copying them once is enough. */
  memcpy(mm->pgd + ENTRIES / 2, init_mm.pgd + ENTRIES / 2, PAGE_SIZE / 2);
  if (kaiser_pgd_order() == PGD_PAIR_ORDER)
    memcpy(shadow_half(mm->pgd) + ENTRIES / 2, shadow_half(init_mm.pgd) + ENTRIES / 2, PAGE_SIZE / 2);
  mm->ctx_id = __atomic_fetch_add(&next_ctx_id, 1, __ATOMIC_RELAXED);
  mm->tlb_gen = 1;

  /* From here on a toggle of KAISER sees this PGD; all its user entries are yet to be written, by set_pgd. */
  if (has_cure(CURE_FORK)) mm_link(mm);
  return mm;
}

void mm_publish(struct mm *mm)
{
  if (!has_cure(CURE_FORK)) mm_link(mm);
}

void mm_destroy(struct mm *mm)
{
  tlb_drop_mm(mm);
  spin_lock(&mm_list_lock);
  struct mm **link = &mm_list;
  while (*link && *link != mm) link = &(*link)->next;
  if (*link) *link = mm->next;
  spin_unlock(&mm_list_lock);
  for (unsigned i = 0; i < ENTRIES / 2; i++)
    if (mm->pgd[i] & PTE_PRESENT) free_tables(mm->pgd[i]);
  ldt_free(mm);
  page_free(mm->pgd, kaiser_pgd_order());
  page_free(mm, 0);
}

static int copy_area(struct mm *child, struct mm *parent, const struct area *area)
{
  for (u64 at = area->start; at < area->end; at += PAGE_SIZE) {
    u64 *from = walk(parent->pgd, at, LEVEL_PTE, 0);
    if (!from || !(*from & PTE_PRESENT)) continue;
    u64 *to = walk(child->pgd, at, LEVEL_PTE, TABLE_USER);
    if (!to) return -ENOMEM;
    /* Copy on write: both lose the right to write; who writes first gets a page of its own (mm/fault.c). */
    __atomic_and_fetch(from, ~PTE_WRITE, __ATOMIC_RELAXED);
    *to = *from & ~(PTE_DIRTY | PTE_ACCESSED);
    page_get(*from & PTE_ADDRESS);
  }
  return 0;
}

int mm_copy(struct mm *child, struct mm *parent)
{
  int result = 0;
  for (unsigned i = 0; i < MAX_AREAS && result == 0; i++) {
    child->areas[i] = parent->areas[i];
    if (parent->areas[i].start != parent->areas[i].end) result = copy_area(child, parent, &parent->areas[i]);
  }
  if (result == 0 && !ldt_copy(child, parent)) result = -ENOMEM;
  tlb_flush_mm(parent);
  return result;
}
