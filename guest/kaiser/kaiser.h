/*
 * KAISER: kernel page-table isolation. Every address space has a pair of PGDs, 8 KiB aligned: the kernel half, which maps
 * everything, and behind it the shadow half, which user mode runs on and which maps of the kernel only what the CPU
 * needs to get in and out. CR3 bit 12 chooses.
 */
#ifndef KAISER_KAISER_H
#define KAISER_KAISER_H

#include "kaiser/cures.h"
#include "lib/types.h"
#include "mm/layout.h"

struct mm;

/* An 8 KiB block, aligned to its size. */
#define PGD_PAIR_ORDER 1

static inline u64 *shadow_half(u64 *pgd)
{
  return (u64 *)((u64)pgd | PAGE_SIZE);
}

/*
 * The policy: are user entries of the kernel halves to be poisoned, and does the file say 1? C code only.
 */
extern u32 kaiser_enabled;

/*
 * What entry code reads, on one page that both halves map. `kaiser_asm_do_switch` is the flag: 1 = switch CR3. The others
 * are set once, at boot. All are 0 or 1 but for the last two: bit 63 with PCIDs and 0 without, and bit 63 if writes to CR3
 * are to keep translations as well.
 */
extern u32 kaiser_asm_do_switch, kaiser_asm_paranoid_by_cr3, kaiser_asm_paranoid_gap, kaiser_asm_fsgsbase, kaiser_asm_smap;
extern u64 kaiser_asm_cr3_noflush, kaiser_asm_cr3_keep;

/* How entry code learns whether KAISER is on; see kaiser/sites.h. */
enum kaiser_asks { ASKS_FLAG, ASKS_CPU_WORD, ASKS_CODE };

/* A way to decide and to switch; one file each in designs/, chosen by kaiser_design= on the command line. */
struct kaiser_design {
  const char *name;
  enum kaiser_asks asks;
  /* Entries believe CR3: they switch when the shadow half is loaded, whatever anything else says. */
  bool entry_by_cr3;
  /* Exits load the CR3 of user mode from the CPU's user_cr3 (smp/percpu.h); they do not derive it from the kernel's. */
  bool keeps_user_cr3;
  /* The cures that it does without, a mask of BIT(CURE_...). */
  u32 lacks;
  /* The file's write. 0, or a negative error number. Null: the state is decided at boot. */
  s64 (*enable)(void);
  s64 (*disable)(void);
  /* Code is linked as off, and set as the command line says only by late_init. */
  bool keys_off_at_boot;
  /* After the other CPUs have started, before the first process: what could not be done earlier. May be null. */
  void (*late_init)(void);
  /* On the way to user mode with interrupts on, when the task has `kaiser_work` set. May be null. */
  void (*exit_work)(void);
  /* Each process has a state of its own, which it gets at exec; the file says what the next one gets. */
  bool per_process;
};
extern const struct kaiser_design *kaiser_design;
extern const char *kaiser_design_name;

/* Chooses the design and the state to boot with; before the first page table for a process. */
void kaiser_init(void);
void kaiser_late_init(void);
/* Builds the shadow half of init_mm for this many CPUs; all processes copy their kernel slots from it. */
void kaiser_build_shadow(u32 nr_possible_cpus);

/*
 * Writes an entry of a PGD's kernel half. Entries of the user half go to the shadow half as well; in the kernel
 * half they get the NX poison while KAISER is on.
 */
void set_pgd(u64 *entry, u64 value);

/* Sets or clears the poison in every PGD there is, or in one. */
void kaiser_poison_all(bool poison);
void kaiser_poison_mm(struct mm *mm, bool poison);

/*
 * For designs that stop nobody, in this order of steps. In: the policy first, so that new entries are poisoned, then those
 * there are; only when no CPU can be in user mode on the kernel half any more. Out: the policy first, so that no poison is
 * added behind the walk; when it returns, no CPU has a poisoned entry in its TLB.
 */
void kaiser_poison_in(void);
void kaiser_poison_out(void);

bool kaiser_maintains_user_pcids(void);

/* Sets what entry code asks for: the flag, or the word of every CPU, also of those that are not running. */
void kaiser_set_switch(bool on);
/* Drops all translations of this CPU, or of all; nothing without CURE_FLUSH. */
void kaiser_flush_here(void);
void kaiser_flush_everywhere(void);

/* Orders of PGD allocations: a pair, or half of one where nobody will ever enable KAISER (without CURE_PGD_PAIR). */
unsigned kaiser_pgd_order(void);

/* Keeps toggles out, for whoever takes CPUs out of use. */
void kaiser_toggle_lock(void);
void kaiser_toggle_unlock(void);

/* The file's write: on or off by the chosen design's protocol. Interrupts on; may sleep. 0 or a negative error number. */
s64 kaiser_toggle(bool on);

#endif
