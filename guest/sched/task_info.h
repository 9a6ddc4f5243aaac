/* What the shell's `ps` gets to know of a task. Shared with user programs. */
#ifndef SCHED_TASK_INFO_H
#define SCHED_TASK_INFO_H

struct task_info {
  unsigned pid;
  char state; /* R running or waiting for a CPU, S sleeping, Z ended */
  char name[16];
};

#endif
