#include "kaiser/kaiser.h"

#include "boot/boot_info.h"
#include "boot/features.h"
#include "kaiser/cpu_entry_area.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/tlb.h"
#include "smp/spinlock.h"

#define FLAG_PAGE section(".data.kaiser_flag")
u32 kaiser_asm_do_switch FLAG_PAGE = 1;
u32 kaiser_asm_paranoid_by_cr3 FLAG_PAGE = 1;
u32 kaiser_asm_fsgsbase FLAG_PAGE = 0;
u32 kaiser_asm_smap FLAG_PAGE = 0;
u64 kaiser_asm_cr3_noflush FLAG_PAGE = 0;

u32 kaiser_enabled = 1;

static const struct kaiser_design *const designs[] = { &kaiser_naive, &kaiser_stop_machine };
const struct kaiser_design *kaiser_design = &kaiser_stop_machine;
const char *kaiser_design_name;

static void choose_design(void)
{
  char name[32];
  if (command_line_value("kaiser_design", name, sizeof name)) {
    kaiser_design = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(designs); i++)
      if (strcmp(designs[i]->name, name) == 0) kaiser_design = designs[i];
    if (!kaiser_design) panic("unknown design in kaiser_design=%s; the designs are naive and stop_machine", name);
  }
  kaiser_design_name = kaiser_design->name;
}

void kaiser_init(void)
{
  choose_design();
  char state[8];
  if (command_line_value("kaiser", state, sizeof state)) {
    if (strcmp(state, "on") && strcmp(state, "off")) panic("kaiser=%s on the command line; it is on or off", state);
    kaiser_enabled = strcmp(state, "on") == 0;
  }
  kaiser_asm_do_switch = kaiser_enabled;
  kaiser_asm_paranoid_by_cr3 = kaiser_design->paranoid_by_cr3;
  kaiser_asm_fsgsbase = cpu_has.fsgsbase;
  kaiser_asm_smap = cpu_has.smap;
  kaiser_asm_cr3_noflush = cpu_has.pcid ? CR3_NOFLUSH : 0;
}

/* Maps one page of the kernel image in the shadow half just as it is in the kernel half. */
static void expose_page(u64 address)
{
  u64 *entry = walk(init_mm.pgd, address, LEVEL_PTE, 0);
  if (!entry || !(*entry & PTE_PRESENT)) panic("0x%lx is to be shown to user mode but is not mapped", address);
  /* Mapped alike in both halves, it may stay in the TLB across switches: global. */
  *entry |= PTE_GLOBAL;
  map_page(shadow_half(init_mm.pgd), address, *entry & PTE_ADDRESS, *entry & ~PTE_ADDRESS);
}

extern char __entry_text_start[], __entry_text_end[], __kaiser_flag_page[];

void kaiser_build_shadow(u32 nr_possible_cpus)
{
  u64 *pgd = init_mm.pgd;
  /* The cpu_entry_area is shared from the top: one subtree for both halves. */
  shadow_half(pgd)[CPU_ENTRY_AREA_PGD] = pgd[CPU_ENTRY_AREA_PGD];
  /* Of slot 511 the shadow half has tables of its own, with nothing in them but these pages. */
  for (u64 at = (u64)__entry_text_start; at < (u64)__entry_text_end; at += PAGE_SIZE) expose_page(at);
  expose_page((u64)__kaiser_flag_page);
  for (u32 cpu = 0; cpu < nr_possible_cpus; cpu++) expose_page((u64)percpu_areas[cpu].exported_page);
}

static bool is_poisonable(u64 value)
{
  return (value & (PTE_PRESENT | PTE_USER)) == (PTE_PRESENT | PTE_USER);
}

void set_pgd(u64 *entry, u64 value)
{
  bool user_slot = ((u64)entry & (PAGE_SIZE - 1)) < PAGE_SIZE / 2;
  if (!user_slot) {
    WRITE_ONCE(*entry, value);
    return;
  }
  /*
   * Reading the policy and storing what follows from it must not be torn apart by a toggle. stop_machine() waits for
   * code that has preemption disabled, and so does the naive patch's wait for quiescent states.
   */
  preempt_disable();
  WRITE_ONCE(*shadow_half(entry), value);
  if (kaiser_enabled && is_poisonable(value)) value |= nx_bit();
  WRITE_ONCE(*entry, value);
  preempt_enable();
}

static void poison_pgd(u64 *pgd, bool poison, bool atomic)
{
  for (unsigned i = 0; i < ENTRIES / 2; i++) {
    if (!is_poisonable(pgd[i])) continue;
    if (atomic) {
      if (poison) __atomic_or_fetch(&pgd[i], PTE_NX, __ATOMIC_SEQ_CST);
      else __atomic_and_fetch(&pgd[i], ~PTE_NX, __ATOMIC_SEQ_CST);
    } else {
      u64 value = READ_ONCE(pgd[i]);
      WRITE_ONCE(pgd[i], poison ? value | PTE_NX : value & ~PTE_NX);
    }
  }
}

void kaiser_poison_all(bool poison, bool atomic)
{
  if (!cpu_has.nx) return;
  spin_lock(&mm_list_lock);
  for (struct mm *mm = mm_list; mm; mm = mm->next) poison_pgd(mm->pgd, poison, atomic);
  spin_unlock(&mm_list_lock);
}

bool kaiser_maintains_user_pcids(void)
{
  return kaiser_enabled || kaiser_design->always_maintains_user_pcids;
}
