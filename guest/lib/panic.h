/* The end: says why on the console and stops the machine with exit code 99. */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

#include "lib/types.h"

struct registers;

#define PANIC_EXIT_CODE 99

noreturn_fn void panic(const char *format, ...) printf_like(1, 2);
/* The same for a fault in kernel mode; `error` is the error code of the exception. */
noreturn_fn void panic_at(const struct registers *regs, u64 error, const char *what);
/* Writes the debug-exit port. */
noreturn_fn void power_off(u32 code);

#endif
