#include "kaiser/kaiser.h"

#include "boot/boot_info.h"
#include "boot/features.h"
#include "kaiser/cpu_entry_area.h"
#include "kaiser/designs/designs.h"
#include "kaiser/sites.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/pagetable.h"
#include "mm/tlb.h"
#include "sched/quiescent.h"
#include "sched/task.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"

#define FLAG_PAGE section(".data.kaiser_flag")
u32 kaiser_asm_do_switch FLAG_PAGE = 1;
u32 kaiser_asm_paranoid_by_cr3 FLAG_PAGE = 1;
u32 kaiser_asm_paranoid_gap FLAG_PAGE = 0;
u32 kaiser_asm_fsgsbase FLAG_PAGE = 0;
u32 kaiser_asm_smap FLAG_PAGE = 0;
u64 kaiser_asm_cr3_noflush FLAG_PAGE = 0;
u64 kaiser_asm_cr3_keep FLAG_PAGE = 0;

u32 kaiser_enabled = 1;

static const struct kaiser_design *const designs[] = {
  &kaiser_naive,           &kaiser_boot_flag,       &kaiser_alternatives,  &kaiser_static_branch,
  &kaiser_static_branch_one_key, &kaiser_stop_machine, &kaiser_deferred_poison, &kaiser_cr3_driven,
  &kaiser_per_cpu_word,    &kaiser_one_way,         &kaiser_per_process,   &kaiser_static_branch_stopped,
  &kaiser_per_cpu_cr3,
};
const struct kaiser_design *kaiser_design = &kaiser_stop_machine;
const char *kaiser_design_name;
static bool booted_on;

static void choose_design(void)
{
  char name[32];
  if (command_line_value("kaiser_design", name, sizeof name)) {
    kaiser_design = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(designs); i++)
      if (strcmp(designs[i]->name, name) == 0) kaiser_design = designs[i];
    if (!kaiser_design) {
      char known[256];
      size_t length = 0;
      for (unsigned i = 0; i < ARRAY_SIZE(designs); i++)
        length += (size_t)format_text(known + length, sizeof known - length, "%s%s", i ? ", " : "", designs[i]->name);
      panic("unknown design in kaiser_design=%s; the designs are %s", name, known);
    }
  }
  kaiser_design_name = kaiser_design->name;
  cures_init(kaiser_design->lacks);
}

void kaiser_init(void)
{
  choose_design();
  char state[8];
  if (command_line_value("kaiser", state, sizeof state)) {
    if (strcmp(state, "on") && strcmp(state, "off")) panic("kaiser=%s on the command line; it is on or off", state);
    kaiser_enabled = strcmp(state, "on") == 0;
  }
  booted_on = kaiser_enabled;
  kaiser_asm_paranoid_by_cr3 = has_cure(CURE_PARANOID);
  kaiser_asm_paranoid_gap = !has_cure(CURE_PARANOID_EXIT);
  kaiser_asm_fsgsbase = cpu_has.fsgsbase;
  kaiser_asm_smap = cpu_has.smap;
  kaiser_asm_cr3_noflush = cpu_has.pcid ? CR3_NOFLUSH : 0;
  kaiser_asm_cr3_keep = cpu_has.noflush ? CR3_NOFLUSH : 0;
  kaiser_set_switch(kaiser_enabled);
  sites_init(kaiser_enabled && !kaiser_design->keys_off_at_boot);
}

void kaiser_late_init(void)
{
  if (!kaiser_design->late_init) return;
  local_irq_enable(); /* it may call other CPUs, which may have something to ask in turn */
  kaiser_design->late_init();
  local_irq_disable();
}

/*
 * The one instruction that changes what entry code finds has a name, and so has the next one: the debugger notes where every CPU is at that moment.
 * Its operands are where a function has its first two arguments.
 */
static noinline void write_switch(u32 *word, u32 on)
{
  asm volatile(".globl kaiser_switch_write\nkaiser_switch_write: movl %%esi, (%%rdi)\n.globl kaiser_switch_written\nkaiser_switch_written:" : : "D"(word), "S"(on) : "memory");
}

void kaiser_set_switch(bool on)
{
  u32 told = has_cure(CURE_OFFLINE) ? MAX_CPUS : nr_cpus;
  if (kaiser_design->asks == ASKS_FLAG) write_switch(&kaiser_asm_do_switch, on);
  else
    for (u32 cpu = 0; cpu < told; cpu++) write_switch(&percpu_areas[cpu].kaiser_word, on);
  /* Entry code looks at the one for bit 12 of CR3 and at the other for bit 11, and this may come in between. */
  if (!has_cure(CURE_ONE_WORD)) WRITE_ONCE(kaiser_asm_cr3_noflush, on && cpu_has.pcid ? CR3_NOFLUSH : 0);
}

void kaiser_flush_here(void)
{
  if (has_cure(CURE_FLUSH)) tlb_flush_all_local();
}

void kaiser_flush_everywhere(void)
{
  if (has_cure(CURE_FLUSH)) tlb_flush_all();
}

unsigned kaiser_pgd_order(void)
{
  return booted_on || has_cure(CURE_PGD_PAIR) ? PGD_PAIR_ORDER : 0;
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
  /* The cpu_entry_area and the espfix stacks are shared from the top: one subtree for both halves. */
  shadow_half(pgd)[CPU_ENTRY_AREA_PGD] = pgd[CPU_ENTRY_AREA_PGD];
  shadow_half(pgd)[ESPFIX_PGD] = pgd[ESPFIX_PGD];
  /* Of slot 511 the shadow half has tables of its own, with nothing in them but these pages. */
  for (u64 at = (u64)__entry_text_start; at < (u64)__entry_text_end; at += PAGE_SIZE) expose_page(at);
  expose_page((u64)__kaiser_flag_page);
  for (u32 cpu = 0; cpu < nr_possible_cpus; cpu++) expose_page((u64)percpu_areas[cpu].exported_page);
}

/* Low entries without USER are not for processes: the kernel itself executes there, as a CPU that is being started does. */
static bool is_poisonable(u64 value)
{
  u64 needed = has_cure(CURE_USER_RULE) ? PTE_PRESENT | PTE_USER : PTE_PRESENT;
  return (value & needed) == needed;
}

/* Are the entries of the process at work to be poisoned? */
static bool poisons(void)
{
  if (!kaiser_design->per_process) return READ_ONCE(kaiser_enabled);
  return current()->mm && current()->mm->isolated;
}

/* Where the debugger has probes: between two of them an entry, or the policy that decides about it, must not change. */
#define MARK(name)                                                                                                     \
  static noinline void name(u64 *entry)                                                                                \
  {                                                                                                                    \
    asm volatile("# " #name : : "r"(entry) : "memory"); /* a text of its own: what is alike may be merged */           \
  }
MARK(kaiser_policy_read)
MARK(kaiser_entry_stored)
MARK(kaiser_poison_read)
MARK(kaiser_poison_written)

/* What the two halves get for `value`, by the policy of this moment. */
static noinline void store(u64 *entry, u64 value)
{
  bool poison = poisons();
  kaiser_policy_read(entry);
  if (kaiser_pgd_order() == PGD_PAIR_ORDER && (poison || has_cure(CURE_MIRROR))) WRITE_ONCE(*shadow_half(entry), value);
  if (poison && is_poisonable(value)) value |= nx_bit();
  WRITE_ONCE(*entry, value);
  kaiser_entry_stored(entry);
}

void set_pgd(u64 *entry, u64 value)
{
  bool user_slot = ((u64)entry & (PAGE_SIZE - 1)) < PAGE_SIZE / 2;
  if (!user_slot) {
    WRITE_ONCE(*entry, value);
    return;
  }
  if (!has_cure(CURE_PREEMPT)) {
    store(entry, value);
    return;
  }
  /*
   * Reading the policy and storing what follows from it must not be torn apart by a toggle. With interrupts off neither
   * stop_machine() nor a call of all CPUs nor a wait for quiescent states can come in between.
   */
  u64 flags = local_irq_save();
  store(entry, value);
  local_irq_restore(flags);
}

static noinline void poison_entry(u64 *entry, bool poison)
{
  u64 value = READ_ONCE(*entry);
  if (!is_poisonable(value)) return;
  kaiser_poison_read(entry);
  if (has_cure(CURE_ATOMIC)) {
    /* Whatever the entry is by now: an entry that was cleared stays so, but for the bit, which means nothing there. */
    if (poison) __atomic_or_fetch(entry, PTE_NX, __ATOMIC_SEQ_CST);
    else __atomic_and_fetch(entry, ~PTE_NX, __ATOMIC_SEQ_CST);
  } else {
    WRITE_ONCE(*entry, poison ? value | PTE_NX : value & ~PTE_NX);
  }
  kaiser_poison_written(entry);
}

void kaiser_poison_mm(struct mm *mm, bool poison)
{
  if (!cpu_has.nx) return;
  for (unsigned i = 0; i < ENTRIES / 2; i++) poison_entry(&mm->pgd[i], poison);
}

void kaiser_poison_all(bool poison)
{
  spin_lock(&mm_list_lock);
  for (struct mm *mm = mm_list; mm; mm = mm->next) kaiser_poison_mm(mm, poison);
  spin_unlock(&mm_list_lock);
}

static void set_policy_and_poison(bool on)
{
  WRITE_ONCE(kaiser_enabled, on);
  synchronize_quiescent(); /* nobody is left who read the old policy and has yet to store an entry by it */
  kaiser_poison_all(on);
  kaiser_flush_everywhere();
}

void kaiser_poison_in(void)
{
  set_policy_and_poison(true);
}

void kaiser_poison_out(void)
{
  set_policy_and_poison(false);
}

bool kaiser_maintains_user_pcids(void)
{
  return kaiser_enabled || has_cure(CURE_USER_PCIDS) || kaiser_design->per_process;
}
