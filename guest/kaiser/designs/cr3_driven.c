/*
 * D7. Entries look at CR3 itself: if it has the shadow half they switch, and no flag has a say. Only exits ask the flag. Then
 * an entry cannot be wrong, at whatever moment the flag changes, and nobody has to be stopped:
 *
 *   off: poison out, flush, flag. A CPU that is still on the shadow half comes back by an entry that sees it.
 *   on:  flush, flag, wait until every CPU has been in an interrupt, and so leaves by an exit that has seen the flag; then
 *        poison. The policy comes last: while exits do not switch yet, set_pgd must not poison what user mode runs on.
 */
#include "kaiser/designs/designs.h"
#include "smp/cross_call.h"

static void nothing(void *argument)
{
  (void)argument;
}

static s64 enable(void)
{
  kaiser_flush_everywhere();
  kaiser_set_switch(true);
  on_each_cpu(nothing, NULL);
  kaiser_poison_in();
  return 0;
}

static s64 disable(void)
{
  if (!has_cure(CURE_ORDER)) kaiser_set_switch(false); /* too early */
  kaiser_poison_out();
  kaiser_set_switch(false);
  return 0;
}

const struct kaiser_design kaiser_cr3_driven = {
  .name = "cr3_driven",
  .asks = ASKS_FLAG,
  .entry_by_cr3 = true,
  .enable = enable,
  .disable = disable,
};
