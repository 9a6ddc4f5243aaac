/* Page faults: demand paging, copy on write, and what becomes of those that are somebody's mistake. */
#include "entry/handlers.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/percpu.h"

/* Error code of a page fault (SDM Vol. 3A, 4.7). */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_USER = 4, FAULT_RESERVED = 8, FAULT_FETCH = 16 };

static u64 leaf_flags(const struct area *area)
{
  return PTE_PRESENT | PTE_USER | (area->prot & PROT_EXEC ? 0 : nx_bit());
}

/* A write to a page that several may share: the last user keeps it, everybody else gets a copy. */
static bool copy_on_write(struct mm *mm, const struct area *area, u64 address, u64 *entry)
{
  u64 old = *entry & PTE_ADDRESS;
  if (!area->image && page_users(old) == 1) {
    __atomic_or_fetch(entry, PTE_WRITE | PTE_DIRTY, __ATOMIC_RELAXED);
    tlb_flush_page_local(mm, address);
    return true;
  }
  void *copy = page_alloc(0);
  if (!copy) return false;
  memcpy(copy, to_virtual(old), PAGE_SIZE);
  WRITE_ONCE(*entry, to_physical(copy) | leaf_flags(area) | PTE_WRITE);
  tlb_flush_range(mm, address, address + PAGE_SIZE);
  page_put(old);
  return true;
}

/* The first access to a page: of the image, the page itself; of anonymous memory, zeros. */
static bool bring_in(struct area *area, u64 address, u64 *entry)
{
  if (area->image) {
    u64 physical = area->image_physical + (address - area->start);
    page_get(physical);
    *entry = physical | leaf_flags(area);
    return true;
  }
  void *fresh = page_alloc(0);
  if (!fresh) return false;
  *entry = to_physical(fresh) | leaf_flags(area) | (area->prot & PROT_WRITE ? PTE_WRITE : 0);
  return true;
}

bool mm_handle_fault(struct mm *mm, u64 address, u64 error)
{
  address = ALIGN_DOWN(address, PAGE_SIZE);
  struct area *area = area_find(mm, address);
  if (!area || error & FAULT_RESERVED) return false;
  if (error & FAULT_WRITE && !(area->prot & PROT_WRITE)) return false;
  if (error & FAULT_FETCH && !(area->prot & PROT_EXEC)) return false;
  /*
   * A read or fetch that failed although the page is present lacks a right, and no paging brings it. That is the rule
   * of Linux's access_error(), and the reason why a process dies when it runs on a poisoned PGD entry.
   */
  if (error & FAULT_PRESENT && !(error & FAULT_WRITE)) return false;

  u64 *entry = walk(mm->pgd, address, LEVEL_PTE, TABLE_USER);
  if (!entry) return false;
  if (!(*entry & PTE_PRESENT) && !bring_in(area, address, entry)) return false;
  if (error & FAULT_WRITE && !(*entry & PTE_WRITE)) return copy_on_write(mm, area, address, entry);
  return true;
}

void do_page_fault(struct registers *regs, u64 error)
{
  u64 address = read_cr2(); /* before interrupts are on: another fault would overwrite it */
  if (regs->rflags & RFLAGS_IF) local_irq_enable();

  bool user = from_user_mode(regs);
  bool copying = !user && is_user_access(regs->rip);
  struct mm *mm = current()->mm;
  if ((user || copying) && mm && address < USER_END && mm_handle_fault(mm, address, error)) return;
  if (user) {
    punish_page_fault(regs, error, address);
    return;
  }
  if (copying) {
    regs->rip = user_access_fixup(regs->rip);
    return;
  }
  local_irq_disable();
  write_cr2(address);
  panic_at(regs, error, "page fault in kernel mode");
}
