#include "smp/bringup.h"

#include "boot/descriptors.h"
#include "boot/features.h"
#include "drivers/lapic.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/tlb.h"
#include "sched/task.h"
#include "smp/percpu.h"

extern const char trampoline_start[], trampoline_end[];

/*
 * A CPU that starts runs on the tables of the boot, where low addresses are its own code's (boot/trampoline.S). They are on the list like those
 * of the processes (as Linux has trampoline_pgd and EFI's on it), so the walk that poisons comes by, and is to leave them alone (CURE_USER_RULE).
 */
extern u64 boot_pgd[];
static struct mm boot_mm = { .pgd = boot_pgd };

/* For the CPU that is being started; boot/trampoline.S reads the first. */
u64 secondary_stack;
static u32 secondary_cpu, secondary_ready;

void secondary_main(void);

void secondary_main(void)
{
  u32 cpu = secondary_cpu;
  percpu_init(cpu);
  mm_load_init();
  features_enable();
  descriptors_load(cpu);
  switch_mm(&init_mm);
  task_init_idle(cpu, (void *)(secondary_stack - KERNEL_STACK_SIZE));
  lapic_init();
  lapic_start_timer();
  __atomic_store_n(&secondary_ready, 1, __ATOMIC_RELEASE);
  idle_loop();
}

/* There is no clock yet: long enough for the slowest machine, and only waited for in full when a CPU is dead. */
static bool wait_ready(u64 patience)
{
  while (!__atomic_load_n(&secondary_ready, __ATOMIC_ACQUIRE) && patience-- > 0) cpu_relax();
  return secondary_ready;
}

static u32 possible = 1;

static bool start(u32 cpu, u32 apic_id)
{
  struct task *idle = percpu_areas[cpu].idle; /* of a CPU that has run before */
  void *stack = idle ? idle->stack : page_alloc(2);
  if (!stack) panic("no memory for the stack of CPU %u", cpu);
  percpu_areas[cpu].apic_id = apic_id;
  secondary_stack = (u64)stack + KERNEL_STACK_SIZE;
  secondary_cpu = cpu;
  secondary_ready = 0;
  lapic_send_init(apic_id);
  for (int i = 0; i < 1000; i++) cpu_relax();
  lapic_send_startup(apic_id, TRAMPOLINE_PHYS >> PAGE_SHIFT);
  if (wait_ready(10000000)) return true;
  /* A second one is allowed, and ignored by a CPU that has started (SDM Vol. 3A, 8.4.4.1). */
  lapic_send_startup(apic_id, TRAMPOLINE_PHYS >> PAGE_SHIFT);
  return wait_ready(100000000);
}

bool smp_start_next(void)
{
  if (!start(nr_cpus, percpu_areas[nr_cpus].apic_id)) return false;
  nr_cpus++;
  return true;
}

u32 smp_possible(void)
{
  return possible;
}

void smp_start(u32 count, const u32 *apic_ids)
{
  mm_link(&boot_mm);
  memcpy(to_virtual(TRAMPOLINE_PHYS), trampoline_start, (size_t)(trampoline_end - trampoline_start));
  for (u32 cpu = 1; cpu < count; cpu++) {
    if (!start(nr_cpus, apic_ids[cpu])) {
      printk("smp: CPU %u (local APIC %u) does not start\n", cpu, apic_ids[cpu]);
      continue;
    }
    nr_cpus++;
  }
  possible = nr_cpus;
}
