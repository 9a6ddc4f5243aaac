/* Calling a function on every CPU. */
#ifndef SMP_CROSS_CALL_H
#define SMP_CROSS_CALL_H

#include "lib/types.h"

/* Bit n: CPU n has not yet answered the call that is under way. */
extern u32 call_unanswered;

/* Runs function(argument) on every CPU with interrupts off, and waits for all. Interrupts must be on; may not be nested. */
void on_each_cpu(void (*function)(void *), void *argument);

#endif
