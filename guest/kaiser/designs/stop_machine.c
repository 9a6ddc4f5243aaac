/*
 * D4, with mirroring at all times (D5). The answer that the patch of 2017 asked for: the switch is made with the whole
 * machine stopped.
 *
 * While stop_machine() runs, every CPU is in its stopper task: in the kernel, on the kernel's CR3, interrupts off, and no
 * other kernel code is in the middle of anything that it must not be preempted in. So no CPU is in user mode, or on its
 * way between a look at the flag and the write to CR3. What remains, each with the cure that answers it (kaiser/cures.h):
 *  - No CPU may be stopped on its way out, behind its look at the flag: exits keep interrupts off (exit_window). Nor in a handler that has
 *    saved a CR3 of before the switch to put back (paranoid_irqs).
 *  - NMIs and machine checks come all the same. Their entry and exit do not use the flag (paranoid).
 *  - The shadow halves are complete at all times, because set_pgd mirrors whatever the policy says (mirror), and it
 *    cannot be preempted with half of its work done (preempt).
 *  - Translations: each CPU drops all of its own, of every PCID and global ones too, before it goes on (flush). What was
 *    cached of a user PCID before KAISER was switched off is gone, and so is every poisoned entry.
 *  - Two writers: the mutex.
 */
#include "kaiser/designs/designs.h"
#include "smp/stop_machine.h"

/* On one CPU, while all the others wait. */
static void flip(void *argument)
{
  u32 on = *(const u32 *)argument;
  WRITE_ONCE(kaiser_enabled, on);
  kaiser_set_switch(on);
  kaiser_poison_all(on);
}

/* Then on every CPU. */
static void flush(void *argument)
{
  (void)argument;
  kaiser_flush_here();
}

s64 kaiser_switch_stopped(void (*flip_once)(void *), u32 on)
{
  stop_machine(flip_once, flush, &on);
  return 0;
}

s64 kaiser_enable_stopped(void)
{
  return kaiser_switch_stopped(flip, 1);
}

s64 kaiser_disable_stopped(void)
{
  return kaiser_switch_stopped(flip, 0);
}

const struct kaiser_design kaiser_stop_machine = {
  .name = "stop_machine",
  .asks = ASKS_FLAG,
  .enable = kaiser_enable_stopped,
  .disable = kaiser_disable_stopped,
};
