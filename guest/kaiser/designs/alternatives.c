/*
 * D2. What Linux 4.15 shipped: a CPU feature, and entry code that is patched by it once, at boot, while there is one CPU and
 * nobody in user mode. Off costs nothing but NOPs and a jump, on has no test. The sites cannot be patched again: the
 * alternative that was not chosen is gone.
 */
#include "kaiser/designs/designs.h"

const struct kaiser_design kaiser_alternatives = { .name = "alternatives", .asks = ASKS_CODE };
