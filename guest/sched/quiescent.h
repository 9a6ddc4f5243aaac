/* The simplest kind of RCU: readers are code with preemption disabled. */
#ifndef SCHED_QUIESCENT_H
#define SCHED_QUIESCENT_H

/*
 * Waits until every CPU has switched tasks, been idle, or been seen by a tick in user mode or where it may be preempted: no
 * section with preemption disabled that was running at the call is still running. May sleep.
 */
void synchronize_quiescent(void);

#endif
