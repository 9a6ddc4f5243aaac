#include "smp/hotplug.h"

#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "sched/mutex.h"
#include "smp/bringup.h"
#include "smp/percpu.h"
#include "smp/stop_machine.h"

static struct mutex mutex;

static void one_less(void *argument)
{
  (void)argument;
  nr_cpus--;
}

/* With all CPUs stopped nobody waits for an answer of the one that leaves, and from here on nobody will ask it. */
static void leave(void *argument)
{
  struct percpu *cpu = this_percpu();
  if (cpu->cpu != *(const u32 *)argument) return;
  switch_mm(&init_mm);
  cpu->offline = true;
}

void park_if_offline(void)
{
  if (!this_percpu()->offline) return;
  local_irq_disable();
  WRITE_ONCE(this_percpu()->parked, true);
  for (;;) asm volatile("hlt");
}

static s64 offline_last(void)
{
  u32 cpu = nr_cpus - 1;
  stop_machine(one_less, leave, &cpu);
  while (!READ_ONCE(percpu_areas[cpu].parked)) cpu_relax();
  return 0;
}

static s64 set_online(u32 count)
{
  if (count == 0 || count > smp_possible()) return -EINVAL;
  while (nr_cpus > count) offline_last();
  while (nr_cpus < count)
    if (!smp_start_next()) return -EINVAL;
  return 0;
}

s64 cpus_set_online(u32 count)
{
  mutex_lock(&mutex);
  if (has_cure(CURE_OFFLINE)) kaiser_toggle_lock();
  s64 result = set_online(count);
  if (has_cure(CURE_OFFLINE)) kaiser_toggle_unlock();
  mutex_unlock(&mutex);
  return result;
}
