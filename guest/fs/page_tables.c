#include "fs/page_tables.h"

#include "kaiser/cpu_entry_area.h"
#include "lib/print.h"
#include "mm/pagetable.h"

static const struct marker {
  u64 start;
  const char *name;
} markers[] = {
  { 0, "User Space" },
  { 0xffff800000000000, "Kernel Space" },
  { PHYSMAP_BASE, "Direct Map" },
  { IDT_ADDRESS, "CPU entry area" },
  { LDT_BASE, "LDT" },
  { ESPFIX_BASE, "ESPfix Area" },
  { KERNEL_BASE, "Kernel Image" },
  { LOCAL_APIC_BASE, "Local APIC" },
};

/* Flags that a line shows; the rest of an entry does not end a run. */
#define SHOWN (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL | PTE_NX)

struct dump {
  char *text;
  size_t size, length;
  unsigned marker;        /* the next one to print */
  u64 start, end, flags;  /* the run so far; flags 0: none */
  enum level level;
  unsigned espfix_lines;
};

/* The same page 65,536 times: the first few tell all. */
enum { ESPFIX_LINES = 16 };
static bool is_skipped(struct dump *dump)
{
  return dump->start >= ESPFIX_BASE && dump->start < KERNEL_BASE && ++dump->espfix_lines > ESPFIX_LINES;
}

static void finish_run(struct dump *dump)
{
  if (!dump->flags) return;
  if (is_skipped(dump)) {
    dump->flags = 0;
    return;
  }
  const struct marker *last = NULL;
  while (dump->marker < ARRAY_SIZE(markers) && dump->start >= markers[dump->marker].start) last = &markers[dump->marker++];
  char line[128];
  size_t length = 0;
  if (last) length += (size_t)format_text(line, sizeof line, "---[ %s ]---\n", last->name);

  u64 size = dump->end - dump->start;
  unsigned unit = 0;
  for (size >>= 10; size && !(size & 1023) && unit < 4; unit++) size >>= 10;
  static const char *const levels[] = { "pte", "pmd", "pud", "pgd" };
  u64 flags = dump->flags;
  length += (size_t)format_text(line + length, sizeof line - length, "0x%016lx-0x%016lx %9lu%c %s%s%s%s%s%s%s%s\n", dump->start,
                                dump->end, size, "KMGTP"[unit], flags & PTE_USER ? "USR " : "    ",
                                flags & PTE_WRITE ? "RW " : "ro ", flags & PTE_PWT ? "PWT " : "    ",
                                flags & PTE_PCD ? "PCD " : "    ", flags & PTE_LARGE ? "PSE " : "    ",
                                flags & PTE_GLOBAL ? "GLB " : "    ", flags & PTE_NX ? "NX " : "x  ", levels[dump->level]);
  for (size_t i = 0; i < length && dump->length < dump->size; i++) dump->text[dump->length++] = line[i];
  dump->flags = 0;
}

static void add_leaf(struct dump *dump, u64 address, u64 size, u64 flags, enum level level)
{
  if (dump->flags != flags || dump->level != level || dump->end != address) {
    finish_run(dump);
    dump->start = address;
    dump->flags = flags;
    dump->level = level;
  }
  dump->end = address + size;
}

/* U/S and R/W are the AND of all levels, NX is the OR (SDM Vol. 3A, 4.6). */
static u64 combine(u64 above, u64 entry)
{
  u64 both = above & entry & (PTE_WRITE | PTE_USER);
  return (entry & SHOWN & ~(PTE_WRITE | PTE_USER)) | both | ((above | entry) & PTE_NX);
}

static void dump_table(struct dump *dump, const u64 *table, u64 base, enum level level, u64 above)
{
  for (unsigned i = 0; i < ENTRIES; i++) {
    u64 size = 1ull << (PAGE_SHIFT + 9 * level);
    u64 address = base + i * size;
    if (level == LEVEL_PGD && i >= ENTRIES / 2) address |= 0xffff000000000000;
    u64 entry = READ_ONCE(table[i]);
    if (!(entry & PTE_PRESENT)) continue;
    u64 flags = combine(above, entry);
    if (level == LEVEL_PTE || entry & PTE_LARGE) add_leaf(dump, address, size, flags, level);
    else dump_table(dump, entry_table(entry), address, level - 1, flags);
  }
}

size_t page_tables_show(char *text, size_t size, const u64 *pgd)
{
  struct dump dump = { .text = text, .size = size };
  dump_table(&dump, pgd, 0, LEVEL_PGD, PTE_WRITE | PTE_USER);
  finish_run(&dump);
  return dump.length;
}
