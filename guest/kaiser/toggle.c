/* Switching at run time: what is common to all designs. */
#include "kaiser/kaiser.h"

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

void kaiser_toggle(bool on)
{
  kaiser_toggle_begin(on);
  if (on) kaiser_design->enable();
  else kaiser_design->disable();
  kaiser_toggle_end(on);
}
