/* Switching at run time: what is common to all designs. */
#include "kaiser/kaiser.h"
#include "lib/print.h"
#include "sched/mutex.h"

static struct mutex toggling;

/*
 * The debugger has probes on these two: they mark the beginning and the end of a toggle in its history, whichever
 * design's protocol runs between them.
 */
void kaiser_toggle_begin(int on);
void kaiser_toggle_end(int on);

noinline void kaiser_toggle_begin(int on)
{
  asm volatile("" : : "r"(on) : "memory");
}

noinline void kaiser_toggle_end(int on)
{
  asm volatile("" : : "r"(on) : "memory");
}

void kaiser_toggle_lock(void)
{
  mutex_lock(&toggling);
}

void kaiser_toggle_unlock(void)
{
  mutex_unlock(&toggling);
}

s64 kaiser_toggle(bool on)
{
  s64 (*act)(void) = on ? kaiser_design->enable : kaiser_design->disable;
  if (!act) {
    printk("kaiser-enabled: the design %s cannot be switched %s at run time\n", kaiser_design->name, on ? "on" : "off");
    return -EINVAL;
  }
  if (has_cure(CURE_MUTEX)) mutex_lock(&toggling);
  s64 result = 0;
  if (kaiser_enabled != on) {
    kaiser_toggle_begin(on);
    result = act();
    kaiser_toggle_end(on);
  }
  if (has_cure(CURE_MUTEX)) mutex_unlock(&toggling);
  return result;
}
