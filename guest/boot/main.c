/* The boot, from the first C function to the shell. */
#include "boot/acpi.h"
#include "boot/boot_info.h"
#include "boot/descriptors.h"
#include "boot/features.h"
#include "drivers/lapic.h"
#include "drivers/uart.h"
#include "entry/handlers.h"
#include "fs/file.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "mm/init.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/tlb.h"
#include "sched/new_task.h"
#include "sched/task.h"
#include "smp/bringup.h"
#include "smp/percpu.h"
#include "smp/stop_machine.h"

extern char boot_stack[];
void kernel_main(u64 start_info);

/* The first process. Its task was made by the kernel, so it has to become one: by exec, like any program. */
static void become_shell(void *argument)
{
  (void)argument;
  struct file *console = console_open();
  for (unsigned i = 0; i < 3; i++) current()->files[i] = i ? file_get(console) : console;
  char *args[] = { "sh" };
  int result = exec_program(task_registers(current()), args[0], args, 1);
  if (result < 0) panic("the program sh cannot be run (error %d)", -result);
}

static u32 boot_apic_id(void)
{
  u32 a, b, c, d;
  cpuid(1, 0, &a, &b, &c, &d);
  return b >> 24; /* initial local APIC identifier (SDM Vol. 2, CPUID) */
}

void kernel_main(u64 start_info)
{
  percpu_init(0);
  uart_init();
  printk("Kaiserscope guest kernel\n");
  boot_info_read(start_info);
  features_detect();
  u32 apic_ids[MAX_CPUS];
  u32 count = acpi_find_cpus(boot_info.rsdp, boot_apic_id(), apic_ids);
  percpu_areas[0].apic_id = apic_ids[0];

  page_init();
  kaiser_init();
  idt_init();
  mm_init(count);
  mm_load_init();
  features_enable();
  descriptors_load(0);
  switch_mm(&init_mm);
  task_init_idle(0, boot_stack);
  lapic_init();

  smp_start(count, apic_ids);
  printk("smp: %u CPU%s online\n", nr_cpus, nr_cpus == 1 ? "" : "s");
  printk("kaiser: %s, design %s\n", kaiser_enabled ? "on" : "off", kaiser_design->name);

  kaiser_late_init();
  struct task *shell = task_create_kernel("sh", become_shell, NULL, NO_CPU); /* pid 1 */
  stop_machine_init();
  lapic_start_timer();
  task_start(shell);
  idle_loop();
}
