#include "kaiser/cpu_entry_area.h"

#include "boot/descriptors.h"
#include "lib/panic.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "smp/percpu.h"

/* The same in both halves, so it may be global. */
static void map(u64 address, const void *page, u64 flags)
{
  map_page(init_mm.pgd, address, to_physical(page), PTE_PRESENT | PTE_GLOBAL | nx_bit() | flags);
}

static void *stack_page(void)
{
  void *page = page_alloc(0);
  if (!page) panic("no memory for an entry stack");
  return page;
}

void cpu_entry_area_init(u32 count)
{
  map(IDT_ADDRESS, idt, 0);
  for (u32 cpu = 0; cpu < count; cpu++) {
    u64 area = cpu_entry_area(cpu);
    map(area + AREA_GDT * PAGE_SIZE, &gdts[cpu], 0);
    map(area + AREA_ENTRY_STACK * PAGE_SIZE, stack_page(), PTE_WRITE);
    map(area + AREA_TSS * PAGE_SIZE, &tsss[cpu], 0);
    for (enum ist ist = 1; ist <= NR_IST; ist++) {
      u64 end = ist_stack_top(cpu, ist) + 16;
      for (int i = IST_STACK_PAGES; i > 0; i--) {
        u64 *page = stack_page();
        if (i == 1) page[ENTRIES - 1] = (u64)&percpu_areas[cpu];
        map(end - i * PAGE_SIZE, page, PTE_WRITE);
      }
    }
  }
}
