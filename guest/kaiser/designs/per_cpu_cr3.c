/*
 * D8 with a difference that others made (FreeBSD's PCPU ucr3, XPTI): exits do not derive the CR3 of user mode from the kernel's, they load
 * it from a word that the CPU keeps ready. That is one more thing which must be right at every exit: switch_mm sets it, on or off (user_cr3).
 *
 * Nor may a task keep with it what it found when it was last put to sleep (at_exit): the machine may have been switched since.
 *
 * The word has no bit 63: each exit drops the translations of the user's PCID, so the mask of those to be flushed is not needed.
 */
#include "kaiser/designs/designs.h"

const struct kaiser_design kaiser_per_cpu_cr3 = {
  .name = "per_cpu_cr3",
  .asks = ASKS_CPU_WORD,
  .entry_by_cr3 = true,
  .keeps_user_cr3 = true,
  .enable = kaiser_enable_stopped,
  .disable = kaiser_disable_stopped,
};
