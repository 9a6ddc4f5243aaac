/* System calls: number in RAX, arguments in RDI, RSI, RDX, result in RAX; negative results are error numbers. */
#include "sched/syscall_numbers.h"

#include "entry/handlers.h"
#include "fs/file.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/ldt.h"
#include "mm/mm.h"
#include "mm/uaccess.h"
#include "sched/new_task.h"
#include "sched/signal.h"
#include "sched/task_info.h"
#include "smp/spinlock.h"

static s64 sys_sleep(u64 for_ticks)
{
  u64 flags = spin_lock_irq(&sched_lock);
  u64 until = ticks + for_ticks;
  while (ticks < until && !current()->killed) sleep_locked(current()->files, until - ticks);
  spin_unlock_irq(&sched_lock, flags);
  return 0;
}

static s64 sys_yield(void)
{
  schedule();
  return 0;
}

/* The index-th task that has a pid; -ESRCH behind the last one. */
s64 sys_task_info(u64 index, u64 buffer)
{
  struct task_info info = { 0 };
  u64 flags = spin_lock_irq(&sched_lock);
  for (struct task *task = task_list; task; task = task->next) {
    if (task->pid == 0 || index-- != 0) continue;
    info.pid = task->pid;
    info.state = "RSZ"[task->state];
    copy_string(info.name, task->comm, sizeof info.name);
    break;
  }
  spin_unlock_irq(&sched_lock, flags);
  if (info.pid == 0) return -ESRCH;
  return copy_to_user(buffer, &info, sizeof info) ? 0 : -EFAULT;
}

static s64 call(struct registers *regs, u64 a, u64 b, u64 c)
{
  switch (regs->orig_rax) {
  case SYS_READ: return sys_read(a, b, c);
  case SYS_WRITE: return sys_write(a, b, c);
  case SYS_OPEN: return sys_open(a, b);
  case SYS_CLOSE: return sys_close(a);
  case SYS_MMAP: return mm_mmap(current()->mm, a, (u32)b);
  case SYS_MUNMAP: return mm_munmap(current()->mm, a, b);
  case SYS_MODIFY_LDT: return sys_modify_ldt(a, b);
  case SYS_SIGACTION: return sys_sigaction(a, b);
  case SYS_SIGRETURN: return sys_sigreturn(regs);
  case SYS_TKILL: return sys_tkill((u32)a, (u32)b);
  case SYS_YIELD: return sys_yield();
  case SYS_SLEEP: return sys_sleep(a);
  case SYS_GETPID: return current()->pid;
  case SYS_FORK: return sys_fork(regs);
  case SYS_EXEC: return sys_exec(regs, a, b);
  case SYS_EXIT: do_exit((int)a);
  case SYS_WAIT: return sys_wait((s64)a, b, c);
  case SYS_KILL: return sys_kill((u32)a);
  case SYS_POWEROFF: power_off((u32)a);
  case SYS_TASK_INFO: return sys_task_info(a, b);
  default: return -ENOSYS;
  }
}

static void serve(struct registers *regs, u64 a, u64 b, u64 c)
{
  local_irq_enable();
  s64 result = call(regs, a, b, c);
  regs->rax = (u64)result;
  local_irq_disable();
  prepare_user_mode(regs);
}

void do_syscall(struct registers *regs)
{
  serve(regs, regs->rdi, regs->rsi, regs->rdx);
}

/* From a 32-bit program: its registers have 32 bits, and the arguments are in others. */
void do_syscall32(struct registers *regs)
{
  regs->orig_rax = (u32)regs->orig_rax;
  serve(regs, (u32)regs->rbx, (u32)regs->rsi, (u32)regs->rdi);
}
