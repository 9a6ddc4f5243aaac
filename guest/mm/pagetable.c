#include "mm/pagetable.h"

#include "boot/features.h"
#include "kaiser/kaiser.h"
#include "lib/panic.h"

u64 nx_bit(void)
{
  return cpu_has.nx ? PTE_NX : 0;
}

u64 *walk(u64 *pgd, u64 address, enum level level, u64 table)
{
  u64 *entry = &pgd[table_index(address, LEVEL_PGD)];
  for (enum level at = LEVEL_PGD; at > level; at--) {
    if (!(*entry & PTE_PRESENT)) {
      void *fresh = table ? page_alloc(0) : NULL;
      if (!fresh) return NULL;
      u64 value = to_physical(fresh) | table;
      if (at == LEVEL_PGD) set_pgd(entry, value);
      else WRITE_ONCE(*entry, value);
    }
    if (at != LEVEL_PGD && *entry & PTE_LARGE) return NULL;
    entry = &entry_table(*entry)[table_index(address, at - 1)];
  }
  return entry;
}

void map_page(u64 *pgd, u64 address, u64 physical, u64 flags)
{
  u64 *entry = walk(pgd, address, LEVEL_PTE, TABLE_KERNEL);
  if (!entry) panic("no memory for a page table of the kernel");
  *entry = physical | flags;
}

static void free_table(u64 entry, enum level level)
{
  u64 *table = entry_table(entry);
  for (unsigned i = 0; i < ENTRIES; i++) {
    if (!(table[i] & PTE_PRESENT)) continue;
    if (level == LEVEL_PTE) page_put(table[i] & PTE_ADDRESS);
    else free_table(table[i], level - 1);
  }
  page_free(table, 0);
}

void free_tables(u64 pgd_entry)
{
  free_table(pgd_entry, LEVEL_PUD);
}
