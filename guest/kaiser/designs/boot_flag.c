/*
 * D1. Decided once, by kaiser= on the command line: a variable that no code writes after the first process has begun. Entry
 * code still pays for looking at it, every time.
 */
#include "kaiser/designs/designs.h"

const struct kaiser_design kaiser_boot_flag = { .name = "boot_flag", .asks = ASKS_FLAG };
