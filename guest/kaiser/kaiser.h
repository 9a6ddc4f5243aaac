/*
 * KAISER: kernel page-table isolation. Every address space has a pair of PGDs, 8 KiB aligned: the kernel half, which maps
 * everything, and behind it the shadow half, which user mode runs on and which maps of the kernel only what the CPU
 * needs to get in and out. CR3 bit 12 chooses.
 */
#ifndef KAISER_KAISER_H
#define KAISER_KAISER_H

#include "lib/types.h"
#include "mm/layout.h"

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
 * are set once, at boot. All are 0 or 1 but for the last, which is bit 63 with PCIDs and 0 without.
 */
extern u32 kaiser_asm_do_switch, kaiser_asm_paranoid_by_cr3, kaiser_asm_fsgsbase, kaiser_asm_smap;
extern u64 kaiser_asm_cr3_noflush;

/* A way to switch at run time; one file each in designs/, chosen by kaiser_design= on the command line. */
struct kaiser_design {
  const char *name;
  void (*enable)(void);
  void (*disable)(void);
  /* Paranoid entries decide by what is in CR3 and not by the flag. */
  bool paranoid_by_cr3;
  /* Flushes of the users' PCIDs are remembered even while KAISER is off. */
  bool always_maintains_user_pcids;
};
extern const struct kaiser_design kaiser_naive, kaiser_stop_machine;
extern const struct kaiser_design *kaiser_design;
extern const char *kaiser_design_name;

/* Chooses the design and the state to boot with; before the first page table for a process. */
void kaiser_init(void);
/* Builds the shadow half of init_mm for this many CPUs; all processes copy their kernel slots from it. */
void kaiser_build_shadow(u32 nr_possible_cpus);

/*
 * Writes an entry of a PGD's kernel half. Entries of the user half go to the shadow half as well, always; in the kernel
 * half they get the NX poison while KAISER is on.
 */
void set_pgd(u64 *entry, u64 value);

/* Sets or clears the poison in every PGD there is. With `atomic` no concurrent change to an entry can be lost. */
void kaiser_poison_all(bool poison, bool atomic);

bool kaiser_maintains_user_pcids(void);

/* The file's write: on or off by the chosen design's protocol. Interrupts on; may sleep. */
void kaiser_toggle(bool on);

#endif
