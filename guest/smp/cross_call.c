#include "smp/cross_call.h"

#include "entry/handlers.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "smp/ipi.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"

static struct {
  void (*function)(void *);
  void *argument;
} call;
static struct spinlock call_lock;
u32 call_unanswered;

void do_ipi_call(struct registers *regs)
{
  (void)regs;
  call.function(call.argument);
  __atomic_and_fetch(&call_unanswered, ~BIT(this_cpu_read(cpu)), __ATOMIC_SEQ_CST);
}

void on_each_cpu(void (*function)(void *), void *argument)
{
  if (!irqs_enabled()) panic("a call of all CPUs with interrupts off would wait for ever");
  spin_lock(&call_lock);
  call.function = function;
  call.argument = argument;
  u32 others = ((u32)BIT(nr_cpus) - 1) & ~(u32)BIT(this_cpu_read(cpu));
  __atomic_store_n(&call_unanswered, others, __ATOMIC_SEQ_CST);
  for (u32 cpu = 0; cpu < nr_cpus; cpu++)
    if (others & BIT(cpu)) ipi_send(cpu, VECTOR_IPI_CALL);
  u64 flags = local_irq_save();
  function(argument);
  local_irq_restore(flags);
  while (__atomic_load_n(&call_unanswered, __ATOMIC_SEQ_CST)) cpu_relax();
  spin_unlock(&call_lock);
}
