/* Page-table entries (SDM Vol. 3A, 4.5) and the walk that finds or makes them. */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include "lib/types.h"
#include "mm/page.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_USER BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)
#define PTE_LARGE BIT(7)  /* in a PMD or PUD entry: maps 2 MiB or 1 GiB */
#define PTE_GLOBAL BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define ENTRIES 512
#define PMD_SIZE 0x200000ull

/* Bits of a table entry: rights are decided by the leaf. */
#define TABLE_KERNEL (PTE_PRESENT | PTE_WRITE)
#define TABLE_USER (PTE_PRESENT | PTE_WRITE | PTE_USER)

enum level { LEVEL_PTE, LEVEL_PMD, LEVEL_PUD, LEVEL_PGD };

static inline unsigned table_index(u64 address, enum level level)
{
  return address >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1);
}

static inline u64 *entry_table(u64 entry)
{
  return to_virtual(entry & PTE_ADDRESS);
}

/* NX, or nothing on a CPU without it: there the bit is reserved. */
u64 nx_bit(void);

/*
 * The entry for `address` at `level` under the root `pgd`. Missing tables on the way are made with the bits `table`;
 * with 0 none are made. Null when a table is missing or memory is short. Entries of the root are written by set_pgd.
 */
u64 *walk(u64 *pgd, u64 address, enum level level, u64 table);

/* Maps one 4 KiB page; panics when memory is short. For the kernel's own tables, at boot. */
void map_page(u64 *pgd, u64 address, u64 physical, u64 flags);

/* Frees the tables under a PGD entry that one address space has for itself, and drops their pages. */
void free_tables(u64 pgd_entry);

#endif
