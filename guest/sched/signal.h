/*
 * Signals, as far as a user handler needs them: one handler for all of a process, not nested. It gets the number and the
 * registers, which it may change.
 */
#ifndef SCHED_SIGNAL_H
#define SCHED_SIGNAL_H

#include "entry/registers.h"
#include "lib/types.h"

/* Numbers as in Linux. */
enum { SIGILL = 4, SIGTRAP = 5, SIGFPE = 8, SIGUSR1 = 10, SIGSEGV = 11, MAX_SIGNAL = 31 };

/* The current process is to get a signal for what it has just done. False: it has no handler, or is in it. */
bool signal_raise(u32 signal);

/*
 * On the way to user mode, interrupts on: makes `regs` enter the handler when a signal waits, with the registers that were there on the
 * user's stack. Ends the process when that stack cannot be written.
 */
void signal_deliver(struct registers *regs);
bool signal_waits(void);

/* System calls. The handler returns to `restorer`, which calls sigreturn with RSP where the handler had it on entry, plus 8. */
s64 sys_sigaction(u64 handler, u64 restorer);
s64 sys_sigreturn(struct registers *regs);
s64 sys_tkill(u32 pid, u32 signal);

#endif
