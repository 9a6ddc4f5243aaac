/* fork: a second process like the current one. */
#include "fs/file.h"
#include "mm/mm.h"
#include "sched/new_task.h"
#include "smp/percpu.h"
#include "smp/spinlock.h"

s64 sys_fork(const struct registers *regs)
{
  struct mm *mm = mm_create();
  if (!mm) return -ENOMEM;
  mm->isolated = current()->mm->isolated;
  int copied = mm_copy(mm, current()->mm);
  mm_publish(mm);
  struct task *child = copied == 0 ? task_allocate(current()->comm) : NULL;
  if (!child) {
    mm_destroy(mm);
    return -ENOMEM;
  }
  child->mm = mm;
  child->kaiser_work = current()->kaiser_work; /* its PGD was filled by the policy that ours was */
  child->parent = current();
  child->handler = current()->handler;
  child->restorer = current()->restorer;
  for (unsigned i = 0; i < MAX_FILES; i++) child->files[i] = file_get(current()->files[i]);
  /* It returns from the same system call, with 0. */
  struct registers *registers = task_registers(child);
  *registers = *regs;
  registers->rax = 0;
  task_prepare(child, NULL, NULL);
  u32 pid = child->pid; /* once it runs it may be gone before we look */
  task_start(child);
  return pid;
}
