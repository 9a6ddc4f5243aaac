/* The kernel's own page tables. */
#ifndef MM_INIT_H
#define MM_INIT_H

#include "lib/types.h"

/* Builds the tables of init_mm, both halves, for this many CPUs. */
void mm_init(u32 nr_possible_cpus);
/* Leaves the boot tables for those of init_mm; for each CPU, before features_enable. */
void mm_load_init(void);

/* Physical address of init_mm's root, for the debugger. */
extern u64 init_pgd_phys;

#endif
