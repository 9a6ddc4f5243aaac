/* The end of a process, and the parent who is told: exit, wait, kill. */
#include "fs/file.h"
#include "lib/panic.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"
#include "sched/new_task.h"
#include "smp/spinlock.h"

/* Orphans go to the first process, the shell, which waits for them sooner or later. */
static void give_children_away_locked(const struct task *parent, struct task *heir)
{
  for (struct task *task = task_list; task; task = task->next) {
    if (task->parent != parent) continue;
    task->parent = heir;
    if (task->state == TASK_ZOMBIE) wake_up_locked(heir);
  }
}

void do_exit(int code)
{
  struct task *task = current();
  if (task->pid == 1) panic("the shell has ended, with status %d", code);
  local_irq_enable();
  for (unsigned i = 0; i < MAX_FILES; i++) file_put(task->files[i]);

  struct mm *mm = task->mm;
  local_irq_disable();
  task->mm = NULL;
  switch_mm(&init_mm);
  local_irq_enable();
  if (mm) mm_destroy(mm);

  spin_lock_irq(&sched_lock);
  give_children_away_locked(task, task_find_locked(1));
  task->exit_code = code;
  /* sleep_locked would mark it as sleeping: a zombie is never woken, only freed by its parent. */
  task->state = TASK_ZOMBIE;
  if (task->parent) wake_up_locked(task->parent);
  schedule_away_locked();
}

/* One look at the children: the pid of a zombie that was freed, 0 if there are only living ones, -ECHILD if none. */
static s64 reap_locked(s64 pid, int *code)
{
  s64 result = -ECHILD;
  for (struct task *child = task_list; child; child = child->next) {
    if (child->parent != current() || (pid > 0 && child->pid != pid)) continue;
    result = 0;
    if (child->state != TASK_ZOMBIE) continue;
    *code = child->exit_code;
    result = child->pid;
    task_free_locked(child);
    break;
  }
  return result;
}

s64 sys_wait(s64 pid, u64 status, u64 options)
{
  int code = 0;
  u64 flags = spin_lock_irq(&sched_lock);
  s64 result;
  current()->waits_for = pid > 0 ? (u32)pid : 0;
  while ((result = reap_locked(pid, &code)) == 0 && !(options & WAIT_NO_HANG) && !current()->killed) sleep_locked(current(), 0);
  current()->waits_for = 0;
  spin_unlock_irq(&sched_lock, flags);
  if (result > 0 && status && !copy_to_user(status, &code, sizeof code)) return -EFAULT;
  return result;
}

s64 sys_kill(u32 pid)
{
  u64 flags = spin_lock_irq(&sched_lock);
  struct task *task = pid ? task_find_locked(pid) : NULL;
  s64 result = -ESRCH;
  if (task && task->mm && task->pid != 1) {
    result = 0;
    task->killed = true;
    /* It dies on its way to user mode: out of its sleep, or at the next tick. */
    wake_task_locked(task);
  }
  spin_unlock_irq(&sched_lock, flags);
  return result;
}
