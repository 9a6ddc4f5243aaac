/* The steps of making and unmaking a task, shared by fork, exit and kernel tasks. */
#ifndef SCHED_NEW_TASK_H
#define SCHED_NEW_TASK_H

#include "sched/task.h"

/* A task with a stack and a pid, sleeping, in no list. Null when memory is short. */
struct task *task_allocate(const char *name);
/* Its first switch goes to ret_from_fork, with function(argument) to call or null; puts it in the list of all. */
void task_prepare(struct task *task, void (*function)(void *), void *argument);
/* Frees a zombie. Under sched_lock: then it does not run any more. */
void task_free_locked(struct task *task);

/* Leaves the current task for good. */
__attribute__((noreturn)) void schedule_away_locked(void);

u64 task_stack_top(const struct task *task);
/* Where its registers of user mode lie while it is in the kernel. */
struct registers *task_registers(const struct task *task);

#endif
