/*
 * Locks for short sections. Holding one keeps the task on its CPU; the _irq forms keep interrupt handlers out as well
 * and are needed for every lock that a handler takes.
 */
#ifndef SMP_SPINLOCK_H
#define SMP_SPINLOCK_H

#include "lib/asm.h"
#include "lib/types.h"
#include "smp/percpu.h"

struct spinlock {
  u32 held;
};

/* Offers the CPU to another task when one waits; sched/preempt.c. */
void preempt_check(void);

static inline void preempt_disable(void)
{
  asm volatile("incl %%gs:%c0" : : "i"(offsetof(struct percpu, preempt_count)) : "memory", "cc");
}
static inline void preempt_enable_no_check(void)
{
  asm volatile("decl %%gs:%c0" : : "i"(offsetof(struct percpu, preempt_count)) : "memory", "cc");
}
static inline void preempt_enable(void)
{
  preempt_enable_no_check();
  if (this_cpu_read(need_resched)) preempt_check();
}

static inline void spin_lock(struct spinlock *lock)
{
  preempt_disable();
  while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
    while (READ_ONCE(lock->held)) cpu_relax();
}
static inline void spin_unlock(struct spinlock *lock)
{
  __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
  preempt_enable();
}

static inline u64 spin_lock_irq(struct spinlock *lock)
{
  u64 flags = local_irq_save();
  spin_lock(lock);
  return flags;
}
static inline void spin_unlock_irq(struct spinlock *lock, u64 flags)
{
  __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
  preempt_enable_no_check();
  local_irq_restore(flags);
  if (this_cpu_read(need_resched)) preempt_check();
}

#endif
