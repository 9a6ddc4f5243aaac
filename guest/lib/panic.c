#include "lib/panic.h"

#include "entry/registers.h"
#include "lib/asm.h"
#include "lib/print.h"
#include "smp/ipi.h"
#include "smp/percpu.h"

#define DEBUG_EXIT_PORT 0xf4

noreturn_fn void power_off(u32 code)
{
  local_irq_disable();
  outl(DEBUG_EXIT_PORT, code);
  /* Without that device the machine just stops. */
  for (;;) asm volatile("cli; hlt");
}

noreturn_fn void panic(const char *format, ...)
{
  char text[320];
  va_list args;
  va_start(args, format);
  vformat(text, sizeof text, format, args);
  va_end(args);
  local_irq_disable();
  printk("kernel panic: %s\n", text);
  ipi_halt_others();
  power_off(PANIC_EXIT_CODE);
}

noreturn_fn void panic_at(const struct registers *regs, u64 error, const char *what)
{
  panic("%s rip=0x%lx cr2=0x%lx cr3=0x%lx err=0x%lx cpu=%u", what, regs->rip, read_cr2(), read_cr3(), error,
        this_cpu_read(cpu));
}
