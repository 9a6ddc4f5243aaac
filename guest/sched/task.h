/* Tasks: processes, and the kernel's own. Each has a kernel stack; a process has an address space as well. */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

#include "entry/registers.h"
#include "lib/types.h"

#define MAX_FILES 8

enum task_state { TASK_RUNNING, TASK_SLEEPING, TASK_ZOMBIE };
enum { EXIT_FAULT = 139, EXIT_KILLED = 137 };
enum { NO_CPU = ~0u };

struct file;
struct mm;

struct task {
  u64 kernel_rsp;      /* while it does not run; first, for sched/switch.S */
  struct task *next;   /* list of all tasks, from task_list */
  u32 pid;
  u32 state;           /* enum task_state; RUNNING: it runs or waits for a CPU */
  char comm[16];
  struct mm *mm;       /* null: a kernel task, which borrows whatever is loaded */
  void *stack;
  struct task *parent;
  struct task *queue_next;
  const void *channel; /* what a sleeping task waits for */
  u64 wake_tick;       /* when it wakes even so; 0: never */
  u32 only_cpu;        /* or NO_CPU: any */
  bool queued;
  bool kaiser_work;    /* the design wants to see the task before it returns to user mode */
  u32 kept_word;       /* 1 + the word of the CPU that it last ran on; only without CURE_AT_EXIT */
  bool killed;         /* is to exit before it returns to user mode */
  u16 fs;              /* selector, while it does not run */
  bool in_handler;     /* of a signal */
  u32 pending_signals; /* bit n: signal n */
  u64 handler, restorer; /* user addresses; 0: none */
  int exit_code;
  u32 waits_for;       /* pid in wait(), for ^C */
  struct file *files[MAX_FILES];
};

extern struct task *task_list;
extern struct spinlock sched_lock;

/* Makes the running boot or start-up code of this CPU its idle task. */
void task_init_idle(u32 cpu, void *stack);
/* A kernel task that calls function(argument), not running yet. Panics when memory is short. */
struct task *task_create_kernel(const char *name, void (*function)(void *), void *argument, u32 only_cpu);
void task_start(struct task *task);

/* Gives the CPU to the next task in turn. Interrupts may be on or off. */
void schedule(void);
/* The first thing a new task does. */
void schedule_tail(void);
/* The timer: once per tick on every CPU. */
void sched_tick(bool user_mode);
/* Ticks of the boot CPU since boot. */
extern u64 ticks;

/*
 * Sleeps until wake_up(channel) or, with ticks > 0, for that long. Between the caller's test of its condition and the
 * sleep nothing must be missed: the caller holds sched_lock (with interrupts off), which is released meanwhile.
 */
void sleep_locked(const void *channel, u64 for_ticks);
void wake_up(const void *channel);
void wake_up_locked(const void *channel);
/* For a task that is known. */
void wake_task_locked(struct task *task);
struct task *task_find_locked(u32 pid);

/* What each CPU does when there is nothing to do. */
__attribute__((noreturn)) void idle_loop(void);

/* System calls. Errors are negative. */
s64 sys_fork(const struct registers *regs);
s64 sys_exec(struct registers *regs, u64 name, u64 argv);
__attribute__((noreturn)) void do_exit(int code);
s64 sys_wait(s64 pid, u64 status, u64 options);
s64 sys_kill(u32 pid);
s64 sys_task_info(u64 index, u64 buffer);
enum { WAIT_NO_HANG = 1 };

/* sched/exec.c: the task becomes the program; for the first process. */
int exec_program(struct registers *regs, const char *name, char *const *argv, int argc);

#endif
