/*
 * D10. Each process has a state of its own, which it gets at exec and keeps (FreeBSD's PROC_KPTI_CTL). The file only says what
 * the next exec gives. At exec nobody is in user mode in the new address space, and it has no table entries yet: there is
 * nothing to flush, to poison or to wait for.
 *
 * Exits ask a word of the CPU that switch_mm sets; entries believe CR3.
 */
#include "kaiser/designs/designs.h"

static s64 enable(void)
{
  WRITE_ONCE(kaiser_enabled, 1);
  return 0;
}

static s64 disable(void)
{
  WRITE_ONCE(kaiser_enabled, 0);
  return 0;
}

const struct kaiser_design kaiser_per_process = {
  .name = "per_process",
  .asks = ASKS_CPU_WORD,
  .entry_by_cr3 = true,
  .enable = enable,
  .disable = disable,
  .per_process = true,
};
