/* What exceptions come to, page faults apart, and the C part of entering and leaving the kernel. */
#include "boot/features.h"
#include "drivers/lapic.h"
#include "entry/handlers.h"
#include "kaiser/cures.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/print.h"
#include "sched/signal.h"
#include "sched/task.h"
#include "smp/spinlock.h"
#include "smp/ipi.h"
#include "smp/percpu.h"
#include "smp/text_poke.h"

struct registers *sync_registers(struct registers *from)
{
  struct registers *to = (struct registers *)this_cpu_read(kernel_stack_top) - 1;
  *to = *from;
  return to;
}

/* `bad` interrupted the IRET, whose own frame is what its RSP points at. */
struct registers *fixup_bad_iret(struct registers *bad)
{
  struct registers *to = (struct registers *)this_cpu_read(kernel_stack_top) - 1;
  const u64 *frame = (const u64 *)bad->rsp;
  *to = *bad;
  to->rip = frame[0];
  to->cs = frame[1];
  to->rflags = frame[2];
  to->rsp = frame[3];
  to->ss = frame[4];
  return to;
}

/* Runs with interrupts off, last thing before user mode; everything that is due is done when it returns. */
void prepare_user_mode(struct registers *regs)
{
  for (;;) {
    if (current()->killed) do_exit(EXIT_KILLED);
    if (!this_cpu_read(need_resched) && !current()->kaiser_work && !signal_waits()) return;
    local_irq_enable();
    if (this_cpu_read(need_resched)) schedule();
    if (current()->kaiser_work) kaiser_design->exit_work();
    if (signal_waits()) signal_deliver(regs);
    local_irq_disable();
  }
}

/* The interrupted kernel code may be preempted when it holds no lock. */
void prepare_kernel_mode(struct registers *regs)
{
  if (!(regs->rflags & RFLAGS_IF)) return;
  if (this_cpu_read(need_resched) && this_cpu_read(preempt_count) == 0) schedule();
}

void punish(const struct registers *regs, u64 error, u32 signal, const char *what)
{
  if (signal_raise(signal)) return;
  char code[24] = "";
  if (error != (u64)NO_ERROR_CODE) format_text(code, sizeof code, " err=0x%lx", error);
  local_irq_enable();
  printk("sh: %u %s: %s at rip=0x%lx%s\n", current()->pid, current()->comm, what, regs->rip, code);
  do_exit(EXIT_FAULT);
}

void punish_page_fault(const struct registers *regs, u64 error, u64 address)
{
  if (signal_raise(SIGSEGV)) return;
  local_irq_enable();
  printk("sh: %u %s: segmentation fault at rip=0x%lx cr2=0x%lx err=0x%lx\n", current()->pid, current()->comm, regs->rip,
         address, error);
  do_exit(EXIT_FAULT);
}

/* An exception that has no other use: it ends the process, or the kernel. */
#define FATAL_EXCEPTION(name, signal, what)                                                                            \
  void do_##name(struct registers *regs, u64 error);                                                                   \
  void do_##name(struct registers *regs, u64 error)                                                                    \
  {                                                                                                                    \
    if (!from_user_mode(regs)) panic_at(regs, error, what);                                                            \
    punish(regs, error, signal, what);                                                                                  \
  }
FATAL_EXCEPTION(divide_error, SIGFPE, "divide error")
FATAL_EXCEPTION(overflow, SIGSEGV, "overflow")
FATAL_EXCEPTION(bound_range, SIGSEGV, "bound range exceeded")
FATAL_EXCEPTION(invalid_opcode, SIGILL, "invalid opcode")
FATAL_EXCEPTION(device_not_available, SIGSEGV, "x87 instruction")
FATAL_EXCEPTION(invalid_tss, SIGSEGV, "invalid TSS")
FATAL_EXCEPTION(segment_not_present, SIGSEGV, "segment not present")
FATAL_EXCEPTION(stack_segment, SIGSEGV, "stack segment fault")
FATAL_EXCEPTION(general_protection, SIGSEGV, "general protection fault")
FATAL_EXCEPTION(x87, SIGFPE, "x87 error")
FATAL_EXCEPTION(alignment_check, SIGSEGV, "alignment check")
FATAL_EXCEPTION(simd, SIGFPE, "SIMD error")

void do_double_fault(struct registers *regs, u64 error)
{
  panic_at(regs, error, "double fault");
}

/* INT3: of user mode, a mistake; of the kernel, an instruction that is being replaced. */
void do_breakpoint(struct registers *regs, u64 error)
{
  if (from_user_mode(regs)) punish(regs, error, SIGTRAP, "breakpoint");
  else if (!text_poke_trap(regs)) panic_at(regs, error, "breakpoint");
}

/* Debug registers are not used, so this is single stepping that user mode switched on for itself. */
void do_debug(struct registers *regs, u64 error)
{
  if (!from_user_mode(regs)) {
    regs->rflags &= ~RFLAGS_TF;
    return;
  }
  punish(regs, error, SIGTRAP, "debug trap");
}

/* Counted, and the interrupted code goes on: machine checks come from whoever injects them, nothing is broken. */
void do_machine_check(struct registers *regs, u64 error)
{
  (void)regs;
  (void)error;
  this_percpu()->machine_checks++;
  if (!has_cure(CURE_PARANOID_IRQS)) {
    /* As a handler that has something to report might: whoever waits for this CPU, to stop the machine perhaps, gets it now. */
    u32 may_run_on = current()->only_cpu;
    current()->only_cpu = this_cpu_read(cpu);
    local_irq_enable();
    preempt_check();
    local_irq_disable();
    current()->only_cpu = may_run_on;
  }
  /* As long as MCIP is set, the next one shuts the machine down. */
  if (cpu_has.mca) wrmsr(MSR_MCG_STATUS, 0);
}

void do_nmi(struct registers *regs)
{
  (void)regs;
  this_percpu()->nmis++;
  if (READ_ONCE(halting))
    for (;;) asm volatile("cli; hlt");
}

void do_timer_interrupt(struct registers *regs)
{
  lapic_eoi();
  sched_tick(from_user_mode(regs));
}

void do_ipi_tlb_interrupt(struct registers *regs)
{
  lapic_eoi();
  do_ipi_tlb(regs);
}

void do_ipi_call_interrupt(struct registers *regs)
{
  lapic_eoi();
  do_ipi_call(regs);
}

void do_ipi_resched_interrupt(struct registers *regs)
{
  lapic_eoi();
  do_ipi_resched(regs);
}

/* Needs no end-of-interrupt (SDM Vol. 3A, 10.9). */
void do_spurious(struct registers *regs)
{
  (void)regs;
}
