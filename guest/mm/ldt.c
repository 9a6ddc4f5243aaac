#include "mm/ldt.h"

#include "boot/descriptors.h"
#include "entry/offsets.h"
#include "kaiser/espfix.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "sched/task.h"
#include "smp/percpu.h"

enum { LDT_ENTRIES = PAGE_SIZE / 8 };

/* Bits of a descriptor (SDM Vol. 3A, figure 5-1). */
#define DESCRIPTOR_ACCESSED BIT(40)
#define DESCRIPTOR_CODE BIT(43)
#define DESCRIPTOR_SEGMENT BIT(44)
#define DESCRIPTOR_DPL (3ull << 45)
#define DESCRIPTOR_LONG BIT(53)

void ldt_load(struct mm *mm)
{
  u32 cpu = this_cpu_read(cpu);
  if (!mm->ldt) {
    asm volatile("lldt %w0" : : "r"(0));
    return;
  }
  u64 base = mm->ldt_base;
  gdts[cpu].entries[LDT_SELECTOR / 8] = (PAGE_SIZE - 1) | (base & 0xffffff) << 16 | 0x82ull << 40 | (base >> 24 & 0xff) << 56;
  gdts[cpu].entries[LDT_SELECTOR / 8 + 1] = base >> 32;
  asm volatile("lldt %w0" : : "r"(LDT_SELECTOR) : "memory");
}

/* Gives the mm a page and maps it, in a subtree that both halves share. */
static bool create(struct mm *mm)
{
  espfix_map();
  u64 *page = page_alloc(0);
  u64 *entry = page ? walk(mm->pgd, LDT_BASE, LEVEL_PTE, TABLE_KERNEL) : NULL;
  if (!entry) {
    if (page) page_free(page, 0);
    return false;
  }
  *entry = to_physical(page) | PTE_PRESENT | nx_bit(); /* read only: the kernel writes where the page lies */
  if (kaiser_pgd_order() == PGD_PAIR_ORDER) shadow_half(mm->pgd)[LDT_PGD] = mm->pgd[LDT_PGD];
  mm->ldt = page;
  /*
   * LDTR points at the page's place in slot 509. Without CURE_LDT a kernel with KAISER off uses the page where it lies, in
   * the direct map, which the shadow half does not have.
   */
  mm->ldt_base = has_cure(CURE_LDT) || kaiser_enabled ? LDT_BASE : (u64)page;
  return true;
}

bool ldt_copy(struct mm *child, const struct mm *parent)
{
  if (!parent->ldt) return true;
  if (!create(child)) return false;
  memcpy(child->ldt, parent->ldt, PAGE_SIZE);
  return true;
}

void ldt_free(struct mm *mm)
{
  if (!mm->ldt) return;
  free_tables(mm->pgd[LDT_PGD]);
  mm->ldt = NULL;
}

s64 sys_modify_ldt(u64 index, u64 descriptor)
{
  struct mm *mm = current()->mm;
  if (index >= LDT_ENTRIES) return -EINVAL;
  /* Only segments of user mode, and no 64-bit code: what a gate or a TSS could do is not for programs. */
  if (descriptor && ((descriptor & (DESCRIPTOR_SEGMENT | DESCRIPTOR_DPL)) != (DESCRIPTOR_SEGMENT | DESCRIPTOR_DPL) ||
                     (descriptor & DESCRIPTOR_CODE && descriptor & DESCRIPTOR_LONG)))
    return -EINVAL;
  if (!mm->ldt && !create(mm)) return -ENOMEM;
  /* The CPU would write the accessed bit otherwise, and it only sees the page read only. */
  WRITE_ONCE(mm->ldt[index], descriptor ? descriptor | DESCRIPTOR_ACCESSED : 0);
  u64 flags = local_irq_save();
  ldt_load(mm);
  local_irq_restore(flags);
  return 0;
}
