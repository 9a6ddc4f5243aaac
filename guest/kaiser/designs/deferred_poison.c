/*
 * D6. stop_machine() makes the switch, and each task sees to the poison of its own address space on its next way to user
 * mode. So the machine stands still for a moment that does not grow with the number of processes. It may be deferred
 * because of what the poison is for: on the way on it may come late, being only a tripwire; on the way off it must be gone
 * before the first fetch in user mode, and no task gets there without passing exit_work.
 */
#include "kaiser/designs/designs.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "sched/task.h"
#include "smp/spinlock.h"

static void flip(void *argument)
{
  u32 on = *(const u32 *)argument;
  WRITE_ONCE(kaiser_enabled, on);
  kaiser_set_switch(on);
  for (struct task *task = task_list; task; task = task->next)
    if (task->mm) task->kaiser_work = true;
}

/*
 * The CPUs that ran this task before may have the other kind of entry in their TLBs, under the PCID that they keep for it, and
 * the task may be back there soon: they are flushed before the task goes on (shootdown), or only this one is.
 */
static void exit_work(void)
{
  struct mm *mm = current()->mm;
  current()->kaiser_work = false;
  kaiser_poison_mm(mm, READ_ONCE(kaiser_enabled));
  if (has_cure(CURE_SHOOTDOWN)) tlb_flush_mm(mm);
  else tlb_flush_all_local();
}

static s64 enable(void)
{
  return kaiser_switch_stopped(flip, 1);
}

static s64 disable(void)
{
  return kaiser_switch_stopped(flip, 0);
}

const struct kaiser_design kaiser_deferred_poison = {
  .name = "deferred_poison",
  .asks = ASKS_FLAG,
  .enable = enable,
  .disable = disable,
  .exit_work = exit_work,
};
