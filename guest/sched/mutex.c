#include "sched/mutex.h"

#include "sched/task.h"
#include "smp/spinlock.h"

void mutex_lock(struct mutex *mutex)
{
  u64 flags = spin_lock_irq(&sched_lock);
  while (mutex->held) sleep_locked(mutex, 0);
  mutex->held = true;
  spin_unlock_irq(&sched_lock, flags);
}

void mutex_unlock(struct mutex *mutex)
{
  u64 flags = spin_lock_irq(&sched_lock);
  mutex->held = false;
  wake_up_locked(mutex);
  spin_unlock_irq(&sched_lock, flags);
}
