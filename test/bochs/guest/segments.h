#pragma once
#include "probe.h"

/* An instruction that takes a selector in RAX. `kernel`: it needs CPL 0. */
struct load { const char *name, *code; int kernel, compat; };
enum { LOADS = 17 };
extern const struct load loads[LOADS];

void run_load(const struct load *, int cpl, u16 selector, u64 rdi);
