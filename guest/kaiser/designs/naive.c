/*
 * The patch of November 2017 that let KAISER be switched at run time, step for step: a policy that C code reads, a flag
 * that entry code reads, and waiting in between that is thought to be enough.
 *
 * It is not. Nothing keeps the other CPUs out of user mode while the flag changes. One that is in user mode on its
 * shadow half when `kaiser_asm_do_switch` becomes 0 enters the kernel with the next interrupt, does not switch, and runs
 * on into kernel code and data that the shadow half does not map. The IPI of the flush that is to make the change safe
 * is the very interrupt that does it. Two writers at a time are not kept apart either.
 */
#include "kaiser/kaiser.h"
#include "mm/tlb.h"
#include "sched/quiescent.h"

static void naive_disable(void)
{
  if (!kaiser_enabled) return;
  WRITE_ONCE(kaiser_enabled, 0);
  synchronize_quiescent(); /* nobody is left who read the old policy and has yet to poison an entry by it */
  kaiser_poison_all(false, false);
  tlb_flush_all();
  WRITE_ONCE(kaiser_asm_do_switch, 0);
  tlb_flush_all(); /* meant to take every CPU through an entry, and so to the kernel's CR3 */
}

static void naive_enable(void)
{
  if (kaiser_enabled) return;
  WRITE_ONCE(kaiser_enabled, 1);
  synchronize_quiescent();
  WRITE_ONCE(kaiser_asm_do_switch, 1);
  synchronize_quiescent(); /* is to say that every CPU has left the kernel by the shadow half once; it does not */
  kaiser_poison_all(true, false);
  tlb_flush_all();
}

const struct kaiser_design kaiser_naive = {
  .name = "naive",
  .enable = naive_enable,
  .disable = naive_disable,
  .paranoid_by_cr3 = false,
  .always_maintains_user_pcids = false,
};
