/* Taking CPUs out of use and back while the kernel runs. */
#ifndef SMP_HOTPLUG_H
#define SMP_HOTPLUG_H

#include "lib/types.h"

/*
 * Makes CPUs 0 to count - 1 the ones in use: parks those above, or starts those that are missing. 0, or -EINVAL for a
 * number that is 0 or more than the machine has, or a CPU that does not start. May sleep.
 */
s64 cpus_set_online(u32 count);

/* For the idle task: does not return on a CPU that is to be out of use. */
void park_if_offline(void);

#endif
