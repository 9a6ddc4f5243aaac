/*
 * D0. The patch of November 2017 that let KAISER be switched at run time, step for step: a policy that C code reads, a flag
 * that entry code reads, and waiting in between that is thought to be enough.
 *
 * It is not. Nothing keeps the other CPUs out of user mode while the flag changes. One that is in user mode on its
 * shadow half when `kaiser_asm_do_switch` becomes 0 enters the kernel with the next interrupt, does not switch, and runs
 * on into kernel code and data that the shadow half does not map. The IPI of the flush that is to make the change safe
 * is the very interrupt that does it. Two writers at a time are not kept apart either.
 */
#include "kaiser/designs/designs.h"
#include "sched/quiescent.h"

static s64 disable(void)
{
  WRITE_ONCE(kaiser_enabled, 0);
  synchronize_quiescent(); /* nobody is left who read the old policy and has yet to poison an entry by it */
  kaiser_poison_all(false);
  kaiser_flush_everywhere();
  kaiser_set_switch(false);
  kaiser_flush_everywhere(); /* meant to take every CPU through an entry, and so to the kernel's CR3 */
  return 0;
}

static s64 enable(void)
{
  WRITE_ONCE(kaiser_enabled, 1);
  synchronize_quiescent();
  kaiser_set_switch(true);
  if (has_cure(CURE_WAIT)) synchronize_quiescent(); /* is to say that every CPU has left the kernel by the shadow half once; it does not */
  kaiser_poison_all(true);
  kaiser_flush_everywhere();
  return 0;
}

const struct kaiser_design kaiser_naive = {
  .name = "naive",
  .asks = ASKS_FLAG,
  .lacks = BIT(CURE_PARANOID) | BIT(CURE_USER_PCIDS) | BIT(CURE_ATOMIC) | BIT(CURE_MUTEX),
  .enable = enable,
  .disable = disable,
};
