#include "kaiser/espfix.h"

#include "lib/panic.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "smp/percpu.h"

/* What the last IRET needs: RAX and the five words of its frame; rounded up. */
enum { STACK_SIZE = 64 };

static u64 *pud_table, pmd_table;

static u64 *table(void)
{
  u64 *fresh = page_alloc(0);
  if (!fresh) panic("no memory for the espfix stacks");
  return fresh;
}

void espfix_init(u32 count)
{
  /* 4 GiB of addresses, 64 KiB apart the same page: all PUD entries lead to one PMD table, all of that to one PTE table. */
  u64 *page = table(), *ptes = table(), *pmds = table(), *puds = table();
  for (unsigned i = 0; i < ENTRIES; i += 16) ptes[i] = to_physical(page) | PTE_PRESENT | nx_bit();
  for (unsigned i = 0; i < ENTRIES; i++) pmds[i] = to_physical(ptes) | TABLE_KERNEL;
  pmd_table = to_physical(pmds);
  pud_table = puds;
  init_mm.pgd[ESPFIX_PGD] = to_physical(puds) | TABLE_KERNEL;
  for (u32 cpu = 0; cpu < count; cpu++) {
    percpu_areas[cpu].espfix_writable = (u64)page + cpu * STACK_SIZE;
    percpu_areas[cpu].espfix_stack = ESPFIX_BASE + cpu * STACK_SIZE;
  }
}

void espfix_map(void)
{
  for (unsigned i = 0; i < 4; i++) WRITE_ONCE(pud_table[i], pmd_table | TABLE_KERNEL);
}
