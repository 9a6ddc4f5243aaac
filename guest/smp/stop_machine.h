/* Runs a function while no CPU does anything else. */
#ifndef SMP_STOP_MACHINE_H
#define SMP_STOP_MACHINE_H

#include "lib/types.h"

/* Bit n: the stopper of CPU n has not yet come. */
extern u32 stop_unanswered;

/* Starts the stopper task of each CPU, and lets them come to where they wait. For the boot CPU, still idle. */
void stop_machine_init(void);

/*
 * Gathers all CPUs in their stopper tasks with interrupts off, runs once(argument) on one of them, then each(argument) on
 * every one, and lets them go. It waits for every section with preemption disabled to end; NMIs still come. May sleep.
 */
void stop_machine(void (*once)(void *), void (*each)(void *), void *argument);

#endif
