/* A lock whose holder may sleep. */
#ifndef SCHED_MUTEX_H
#define SCHED_MUTEX_H

#include "lib/types.h"

struct mutex {
  bool held;
};

void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif
