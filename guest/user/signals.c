/* signals N: N times a signal by UD2, one by a read of address 8, and one that the program sends itself, each through a handler. */
#include "user/count_argument.h"

int signals_main(int argc, char **argv);

enum { SIGILL = 4, SIGUSR1 = 10, SIGSEGV = 11 };

static volatile u64 seen[32];
static u64 valid = 42;

static void handler(int number, struct registers *regs)
{
  seen[number]++;
  if (number == SIGILL) regs->rip += 2; /* behind UD2 */
  if (number == SIGSEGV) regs->rax = (u64)&valid;
}

static u64 read_through_fault(void)
{
  u64 value;
  asm volatile("mov $8, %%eax; mov (%%rax), %0" : "=r"(value) : : "rax", "memory");
  return value;
}

int signals_main(int argc, char **argv)
{
  u64 count;
  if (!count_argument(argc, argv, &count)) return 1;
  on_signal(handler);
  s64 pid = getpid();
  for (u64 i = 0; i < count; i++) {
    asm volatile("ud2" : : : "memory");
    if (read_through_fault() != valid) return 1;
    tkill(pid, SIGUSR1);
  }
  bool ok = seen[SIGILL] == count && seen[SIGSEGV] == count && seen[SIGUSR1] == count;
  print(ok ? "signals: %lu ok\n" : "signals: some of %lu have not come\n", count);
  return ok ? 0 : 1;
}
