#include "sched/signal.h"

#include "entry/offsets.h"
#include "lib/asm.h"
#include "mm/layout.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"

/* Below RSP user code may have data that it has not made room for yet (the red zone of the ABI). */
enum { RED_ZONE = 128 };

/* What the handler finds on its stack: where it returns to, and what sigreturn puts back. */
struct signal_frame {
  u64 restorer;
  struct registers regs;
};

bool signal_raise(u32 signal)
{
  struct task *task = current();
  if (!task->handler || task->in_handler) return false;
  __atomic_or_fetch(&task->pending_signals, (u32)BIT(signal), __ATOMIC_SEQ_CST);
  return true;
}

bool signal_waits(void)
{
  const struct task *task = current();
  return task->pending_signals && task->handler && !task->in_handler;
}

void signal_deliver(struct registers *regs)
{
  struct task *task = current();
  u32 signal = (u32)__builtin_ctz(task->pending_signals);
  __atomic_and_fetch(&task->pending_signals, ~(u32)BIT(signal), __ATOMIC_SEQ_CST);
  struct signal_frame frame = { task->restorer, *regs };
  /* A function finds RSP 8 below a multiple of 16 (System V ABI, 3.2.2). */
  u64 at = ALIGN_DOWN(regs->rsp - RED_ZONE - sizeof frame, 16) - 8;
  if (!copy_to_user(at, &frame, sizeof frame)) do_exit(EXIT_FAULT);
  task->in_handler = true;
  regs->rip = task->handler;
  regs->rsp = at;
  regs->rdi = signal;
  regs->rsi = at + offsetof(struct signal_frame, regs);
  regs->cs = USER_CS;
  regs->ss = USER_DS;
  regs->rflags &= ~(RFLAGS_TF | RFLAGS_DF);
}

s64 sys_sigaction(u64 handler, u64 restorer)
{
  if (handler >= USER_END || restorer >= USER_END) return -EINVAL;
  current()->handler = handler;
  current()->restorer = restorer;
  return 0;
}

/* What user mode may set of RFLAGS: arithmetic flags, TF, DF, RF, AC, ID. */
#define USER_FLAGS 0x250dd5ull

static bool is_user_selector(u64 cs)
{
  return cs == USER_CS || cs == USER_CS32;
}

s64 sys_sigreturn(struct registers *regs)
{
  struct registers old;
  if (!copy_from_user(&old, regs->rsp, sizeof old) || !is_user_selector(old.cs)) do_exit(EXIT_FAULT);
  old.ss = USER_DS;
  old.rflags = (old.rflags & USER_FLAGS) | RFLAGS_IF | BIT(1);
  *regs = old;
  current()->in_handler = false;
  return (s64)old.rax;
}

s64 sys_tkill(u32 pid, u32 signal)
{
  if (signal == 0 || signal > MAX_SIGNAL) return -EINVAL;
  u64 flags = spin_lock_irq(&sched_lock);
  struct task *task = pid ? task_find_locked(pid) : NULL;
  s64 result = -ESRCH;
  if (task && task->mm && task->handler) {
    result = 0;
    __atomic_or_fetch(&task->pending_signals, (u32)BIT(signal), __ATOMIC_SEQ_CST);
  }
  spin_unlock_irq(&sched_lock, flags);
  return result;
}
