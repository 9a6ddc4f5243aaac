/*
 * The switch as distributions shipped it (RHEL 7), and as the answer to the patch of 2017 asked for it: with the whole
 * machine stopped.
 *
 * While stop_machine() runs, every CPU is in its stopper task: in the kernel, on the kernel's CR3, interrupts off, and no
 * other kernel code is in the middle of anything that it must not be preempted in. So no CPU is in user mode, or on its
 * way between a look at the flag and the write to CR3. What remains:
 *  - NMIs and machine checks come all the same. Their entry and exit do not use the flag (paranoid_by_cr3).
 *  - The shadow halves are complete at all times, because set_pgd mirrors whatever the policy says.
 *  - Translations: each CPU drops all of its own, of every PCID and global ones too, before it goes on. What was cached
 *    of a user PCID before KAISER was switched off is gone, and so is every poisoned entry.
 *  - Two writers: the mutex.
 */
#include "kaiser/kaiser.h"
#include "mm/tlb.h"
#include "sched/mutex.h"
#include "smp/stop_machine.h"

static struct mutex mutex;

/* On one CPU, while all the others wait. */
static void flip(void *argument)
{
  u32 on = *(const u32 *)argument;
  WRITE_ONCE(kaiser_enabled, on);
  WRITE_ONCE(kaiser_asm_do_switch, on);
  kaiser_poison_all(on, true);
}

/* Then on every CPU. */
static void flush(void *argument)
{
  (void)argument;
  tlb_flush_all_local();
}

static void toggle(u32 on)
{
  mutex_lock(&mutex);
  if (kaiser_enabled != on) stop_machine(flip, flush, &on);
  mutex_unlock(&mutex);
}

static void enable(void)
{
  toggle(1);
}

static void disable(void)
{
  toggle(0);
}

const struct kaiser_design kaiser_stop_machine = {
  .name = "stop_machine",
  .enable = enable,
  .disable = disable,
  .paranoid_by_cr3 = true,
  .always_maintains_user_pcids = true,
};
