/* Starting the other CPUs. */
#ifndef SMP_BRINGUP_H
#define SMP_BRINGUP_H

#include "lib/types.h"

/* Starts CPUs 1 to count - 1 one after another; those that do not answer are reported and left out. */
void smp_start(u32 count, const u32 *apic_ids);

#endif
