/* Time: the tick that takes the CPU away from a task, wakes sleepers and marks quiescent states; and idling. */
#include "drivers/console.h"
#include "sched/quiescent.h"
#include "sched/task.h"
#include "smp/hotplug.h"
#include "smp/spinlock.h"

u64 ticks;

bool sched_work_waits(void);

static void wake_sleepers(void)
{
  u64 flags = spin_lock_irq(&sched_lock);
  for (struct task *task = task_list; task; task = task->next)
    if (task->state == TASK_SLEEPING && task->wake_tick && task->wake_tick <= ticks) wake_task_locked(task);
  spin_unlock_irq(&sched_lock, flags);
}

void sched_tick(bool user_mode)
{
  struct percpu *cpu = this_percpu();
  if (user_mode || cpu->idling || cpu->preempt_count == 0) cpu->quiescent++;
  if (cpu->cpu == 0) {
    ticks++;
    console_poll();
    wake_sleepers();
  }
  if (sched_work_waits()) cpu->need_resched = 1;
}

void synchronize_quiescent(void)
{
  u64 before[MAX_CPUS]; /* of all CPUs first: then one tick is enough for all of them */
  for (u32 cpu = 0; cpu < nr_cpus; cpu++) before[cpu] = READ_ONCE(percpu_areas[cpu].quiescent);
  for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
    while (READ_ONCE(percpu_areas[cpu].quiescent) == before[cpu]) {
      u64 flags = spin_lock_irq(&sched_lock);
      sleep_locked(&ticks, 1);
      spin_unlock_irq(&sched_lock, flags);
    }
  }
}

__attribute__((noreturn)) void idle_loop(void)
{
  for (;;) {
    park_if_offline();
    if (this_cpu_read(need_resched) || sched_work_waits()) {
      schedule();
      continue;
    }
    local_irq_disable();
    /* Work that comes from here on comes with an interrupt, which ends the HLT. */
    if (this_cpu_read(need_resched)) local_irq_enable();
    else wait_for_interrupt();
  }
}
