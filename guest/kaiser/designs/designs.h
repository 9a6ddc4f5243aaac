/* The designs, in the order of the names D0 to D10 that the documentation gives them. */
#ifndef KAISER_DESIGNS_DESIGNS_H
#define KAISER_DESIGNS_DESIGNS_H

#include "kaiser/kaiser.h"

extern const struct kaiser_design kaiser_naive;                 /* D0 */
extern const struct kaiser_design kaiser_boot_flag;             /* D1 */
extern const struct kaiser_design kaiser_alternatives;          /* D2 */
extern const struct kaiser_design kaiser_static_branch;         /* D3 */
extern const struct kaiser_design kaiser_static_branch_one_key; /* D3, broken */
extern const struct kaiser_design kaiser_static_branch_stopped; /* D3 with D4 */
extern const struct kaiser_design kaiser_stop_machine;          /* D4, with D5 */
extern const struct kaiser_design kaiser_deferred_poison;       /* D6 */
extern const struct kaiser_design kaiser_cr3_driven;            /* D7 */
extern const struct kaiser_design kaiser_per_cpu_word;          /* D8 */
extern const struct kaiser_design kaiser_per_cpu_cr3;           /* D8, with the CR3 of user mode kept ready */
extern const struct kaiser_design kaiser_one_way;               /* D9 */
extern const struct kaiser_design kaiser_per_process;           /* D10 */

/* Switches with every CPU stopped: `flip` runs on one of them, with the state asked for as a u32, then each drops its translations. */
s64 kaiser_switch_stopped(void (*flip)(void *), u32 on);

/* The whole switch made so, as D4 does it: policy, what entry code asks, poison. */
s64 kaiser_enable_stopped(void);
s64 kaiser_disable_stopped(void);

#endif
