/* System call numbers; as in Linux where Linux has the call. Shared with user programs. */
#ifndef SCHED_SYSCALL_NUMBERS_H
#define SCHED_SYSCALL_NUMBERS_H

enum {
  SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_MMAP = 9, SYS_MUNMAP = 11,
  SYS_SIGACTION = 13, SYS_SIGRETURN = 15, SYS_MODIFY_LDT = 154, SYS_TKILL = 200, SYS_YIELD = 24, SYS_SLEEP = 35,
  SYS_GETPID = 39, SYS_FORK = 57, SYS_EXEC = 59, SYS_EXIT = 60, SYS_WAIT = 61, SYS_KILL = 62,
  SYS_POWEROFF = 169, /* reboot */
  SYS_TASK_INFO = 500,
};

#endif
