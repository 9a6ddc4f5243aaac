/*
 * D3 with D4: code that says on or off by itself, patched while every CPU is stopped. Steady state costs no test, and the order of keys, the
 * INT3 and the answers to it are not needed: nobody is running who could come by a site.
 *
 * What the machinery of static branches does when it is called as it is (without raw_poke) is another matter: it takes locks that sleep, so
 * it wants interrupts on, and then it waits for every CPU to answer that it has serialized. The others wait with interrupts off for this one.
 */
#include "kaiser/designs/designs.h"
#include "kaiser/sites.h"
#include "lib/asm.h"
#include "smp/stop_machine.h"

#define KEY (BIT(SITE_TO_KERNEL) | BIT(SITE_TO_USER))

static void flip(void *argument)
{
  u32 on = *(const u32 *)argument;
  WRITE_ONCE(kaiser_enabled, on);
  if (has_cure(CURE_RAW_POKE)) {
    sites_patch(KEY, on);
  } else {
    local_irq_enable();
    sites_patch_live(KEY, on, false);
    local_irq_disable();
  }
  kaiser_poison_all(on);
}

/* On every CPU, before it goes on. */
static void flush_and_serialize(void *argument)
{
  (void)argument;
  u32 a, b, c, d;
  cpuid(0, 0, &a, &b, &c, &d);
  kaiser_flush_here();
}

static s64 toggle(u32 on)
{
  stop_machine(flip, flush_and_serialize, &on);
  return 0;
}

static s64 enable(void)
{
  return toggle(1);
}

static s64 disable(void)
{
  return toggle(0);
}

const struct kaiser_design kaiser_static_branch_stopped = {
  .name = "static_branch_stopped",
  .asks = ASKS_CODE,
  .enable = enable,
  .disable = disable,
};
