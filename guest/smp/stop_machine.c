#include "smp/stop_machine.h"

#include "lib/print.h"
#include "sched/mutex.h"
#include "sched/task.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"

static struct {
  void (*once)(void *), (*each)(void *);
  void *argument;
  u32 cpus;                                      /* that are to come */
  u32 arrived, silent, ran, done, left; /* CPUs that have come to each step; `ran` is 0 or 1 */
} work;
u32 stop_unanswered;
static bool finished;
static struct mutex mutex;

static u32 step(u32 *counter)
{
  return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static void wait_for(const u32 *counter, u32 value)
{
  while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < value) cpu_relax();
}

/* On every CPU at once. Nobody leaves a step before all have come to it. */
static void stop_here(void)
{
  /*
   * Interrupts stay on until all are here: a CPU that still waits for the answers to a TLB shootdown needs ours, or it
   * would never get to its own stopper.
   */
  preempt_disable();
  step(&work.arrived);
  wait_for(&work.arrived, work.cpus);
  local_irq_disable();
  step(&work.silent);
  wait_for(&work.silent, work.cpus);
  if (this_cpu_read(cpu) == 0) { /* the lowest of them all: it is never out of use */
    work.once(work.argument);
    step(&work.ran);
  }
  wait_for(&work.ran, 1);
  work.each(work.argument);
  step(&work.done);
  wait_for(&work.done, work.cpus);
  local_irq_enable();
  preempt_enable_no_check();
  /* Only who leaves last may say so: then nobody looks at these counters any more, and the next caller may reset them. */
  if (step(&work.left) != work.cpus) return;
  u64 flags = spin_lock_irq(&sched_lock);
  finished = true;
  wake_up_locked(&work);
  spin_unlock_irq(&sched_lock, flags);
}

static void stopper(void *argument)
{
  (void)argument;
  for (;;) {
    u64 flags = spin_lock_irq(&sched_lock);
    u32 mine = (u32)BIT(this_cpu_read(cpu));
    while (!(stop_unanswered & mine)) sleep_locked(&stop_unanswered, 0);
    stop_unanswered &= ~mine;
    spin_unlock_irq(&sched_lock, flags);
    stop_here();
  }
}

void stop_machine_init(void)
{
  for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
    char name[16];
    format_text(name, sizeof name, "stop/%u", cpu);
    percpu_areas[cpu].stopper = task_create_kernel(name, stopper, NULL, cpu);
    task_start(percpu_areas[cpu].stopper);
  }
  /* Each is to wait for work before the first process looks at the list of tasks. */
  for (u32 cpu = 0; cpu < nr_cpus; cpu++)
    while (READ_ONCE(percpu_areas[cpu].stopper->state) != TASK_SLEEPING || READ_ONCE(sched_lock.held)) schedule();
}

void stop_machine(void (*once)(void *), void (*each)(void *), void *argument)
{
  mutex_lock(&mutex);
  work.once = once;
  work.each = each;
  work.argument = argument;
  work.cpus = nr_cpus;
  work.arrived = work.silent = work.ran = work.done = work.left = 0;
  u64 flags = spin_lock_irq(&sched_lock);
  finished = false;
  stop_unanswered = (u32)BIT(nr_cpus) - 1;
  wake_up_locked(&stop_unanswered);
  while (!finished) sleep_locked(&work, 0);
  spin_unlock_irq(&sched_lock, flags);
  mutex_unlock(&mutex);
}
