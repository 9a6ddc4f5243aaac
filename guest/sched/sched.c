/*
 * One queue for all CPUs: tasks that wake go first, those that were preempted last. sched_lock protects it and every task's state; it is held across switch_to, so that
 * nobody can run, or free, a task whose stack a CPU is still leaving.
 */
#include "boot/descriptors.h"
#include "kaiser/cures.h"
#include "lib/panic.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "sched/new_task.h"
#include "sched/task.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"

void switch_to(struct task *previous, struct task *next);

static struct task *queue_first, **queue_end = &queue_first;

static bool may_run_on(const struct task *task, u32 cpu)
{
  if (task->only_cpu == NO_CPU) return !percpu_areas[cpu].offline;
  return task->only_cpu == cpu;
}

static void enqueue_last(struct task *task)
{
  task->queued = true;
  task->queue_next = NULL;
  *queue_end = task;
  queue_end = &task->queue_next;
}

static void enqueue_first(struct task *task)
{
  task->queued = true;
  task->queue_next = queue_first;
  queue_first = task;
  if (!task->queue_next) queue_end = &task->queue_next;
}

/* The stopper of this CPU before anything else, then whoever has waited longest. Null: nobody. */
static struct task *dequeue(u32 cpu)
{
  struct task **chosen = NULL;
  for (struct task **link = &queue_first; *link; link = &(*link)->queue_next) {
    if (!may_run_on(*link, cpu)) continue;
    if (!chosen) chosen = link;
    if (*link == percpu_areas[cpu].stopper) {
      chosen = link;
      break;
    }
  }
  if (!chosen) return NULL;
  struct task *task = *chosen;
  *chosen = task->queue_next;
  if (!*chosen) queue_end = chosen;
  task->queued = false;
  return task;
}

static bool work_waits(u32 cpu)
{
  for (struct task *task = queue_first; task; task = task->queue_next)
    if (may_run_on(task, cpu)) return true;
  return false;
}

/* FS may hold a selector of the process's LDT, which is loaded by now; GS is the kernel's own, DS and ES are null for ever. */
static void switch_segments(struct task *previous, const struct task *next)
{
  asm volatile("mov %%fs, %0" : "=rm"(previous->fs));
  if (previous->fs != next->fs) asm volatile("mov %0, %%fs" : : "rm"(next->fs));
}

/* Without CURE_AT_EXIT: what this CPU's exits do is put away with the process that has it, and brought back with it. */
static void swap_switch(struct percpu *cpu, struct task *previous, const struct task *next)
{
  if (previous->mm) previous->kept_word = 1 + cpu->kaiser_word;
  if (next->mm && next->kept_word) cpu->kaiser_word = next->kept_word - 1;
}

/* Under sched_lock, interrupts off, which is also the state on return: in another task, or the same much later. */
static void schedule_locked(void)
{
  struct percpu *cpu = this_percpu();
  struct task *previous = cpu->current;
  cpu->need_resched = 0;
  cpu->quiescent++;
  if (previous->state == TASK_RUNNING && previous != cpu->idle) enqueue_last(previous);
  struct task *next = dequeue(cpu->cpu);
  if (!next) next = cpu->idle;
  cpu->idling = next == cpu->idle;
  if (next == previous) return;

  /* A kernel task uses the kernel's half of whatever is loaded; no need to flush anything for it. */
  if (next->mm) switch_mm(next->mm);
  if (!has_cure(CURE_AT_EXIT)) swap_switch(cpu, previous, next);
  switch_segments(previous, next);
  cpu->current = next;
  cpu->kernel_stack_top = task_stack_top(next);
  descriptors_task_switched(cpu->cpu, cpu->kernel_stack_top);
  switch_to(previous, next);
}

void schedule(void)
{
  if (this_cpu_read(preempt_count)) panic("task switch while a spinlock is held");
  u64 flags = spin_lock_irq(&sched_lock);
  schedule_locked();
  __atomic_store_n(&sched_lock.held, 0, __ATOMIC_RELEASE);
  preempt_enable_no_check();
  local_irq_restore(flags);
}

void schedule_tail(void)
{
  __atomic_store_n(&sched_lock.held, 0, __ATOMIC_RELEASE);
  preempt_enable_no_check();
  local_irq_enable();
}

void preempt_check(void)
{
  if (this_cpu_read(preempt_count) == 0 && irqs_enabled()) schedule();
}

void wake_task_locked(struct task *task)
{
  if (task->state != TASK_SLEEPING) return;
  task->state = TASK_RUNNING;
  task->wake_tick = 0;
  /* Who has slept has used little of the CPUs, and others may wait for what it does next. */
  enqueue_first(task);
  if (task->only_cpu != NO_CPU) {
    ipi_resched(task->only_cpu);
    return;
  }
  /* Somebody idle takes it; if nobody is, the next CPU to switch does, at the next tick at the latest. */
  for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
    if (!percpu_areas[cpu].idling || percpu_areas[cpu].need_resched) continue;
    ipi_resched(cpu);
    return;
  }
}

void wake_up_locked(const void *channel)
{
  for (struct task *task = task_list; task; task = task->next)
    if (task->state == TASK_SLEEPING && task->channel == channel) wake_task_locked(task);
}

void wake_up(const void *channel)
{
  u64 flags = spin_lock_irq(&sched_lock);
  wake_up_locked(channel);
  spin_unlock_irq(&sched_lock, flags);
}

void sleep_locked(const void *channel, u64 for_ticks)
{
  struct task *task = current();
  if (this_cpu_read(preempt_count) != 1) panic("a task goes to sleep while a spinlock is held");
  task->channel = channel;
  task->wake_tick = for_ticks ? ticks + for_ticks : 0;
  task->state = TASK_SLEEPING;
  schedule_locked();
}

__attribute__((noreturn)) void schedule_away_locked(void)
{
  schedule_locked();
  panic("a task that has ended was run again");
}

void task_start(struct task *task)
{
  u64 flags = spin_lock_irq(&sched_lock);
  wake_task_locked(task);
  spin_unlock_irq(&sched_lock, flags);
}

bool sched_work_waits(void)
{
  u64 flags = spin_lock_irq(&sched_lock);
  bool waits = work_waits(this_cpu_read(cpu));
  spin_unlock_irq(&sched_lock, flags);
  return waits;
}
