#include "smp/ipi.h"

#include "drivers/lapic.h"
#include "entry/handlers.h"
#include "smp/percpu.h"

bool halting;

void ipi_send(u32 cpu, u8 vector)
{
  lapic_send(percpu_areas[cpu].apic_id, vector);
}

void ipi_resched(u32 cpu)
{
  WRITE_ONCE(percpu_areas[cpu].need_resched, 1);
  if (cpu != this_cpu_read(cpu)) ipi_send(cpu, VECTOR_IPI_RESCHED);
}

/* Nothing to do: need_resched is set, and every way out of an interrupt looks at it. */
void do_ipi_resched(struct registers *regs)
{
  (void)regs;
}

void ipi_halt_others(void)
{
  WRITE_ONCE(halting, true);
  for (u32 cpu = 0; cpu < nr_cpus; cpu++)
    if (cpu != this_cpu_read(cpu)) lapic_send_nmi(percpu_areas[cpu].apic_id);
}
