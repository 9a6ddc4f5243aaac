/* Starting the other CPUs. */
#ifndef SMP_BRINGUP_H
#define SMP_BRINGUP_H

#include "lib/types.h"

/* Starts CPUs 1 to count - 1 one after another; those that do not answer are reported and left out. */
void smp_start(u32 count, const u32 *apic_ids);
/* CPUs that the machine has, in use or not. */
u32 smp_possible(void);
/* Starts one more; false when it does not answer. */
bool smp_start_next(void);

#endif
