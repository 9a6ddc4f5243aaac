/* CPU features that the kernel uses when they are there; for most, `noNAME` on the command line turns one off. */
#ifndef BOOT_FEATURES_H
#define BOOT_FEATURES_H

#include "lib/types.h"

struct cpu_features {
  bool nx, pcid, invpcid, smep, smap, pge, fsgsbase;
  bool noflush; /* PCIDs, and writes to CR3 keep what is cached under them */
  bool mce, mca; /* #MC exists; its registers exist */
};
extern struct cpu_features cpu_has;

/* Asks CPUID and the command line; for the boot CPU, before anything depends on a feature. */
void features_detect(void);
/* Sets EFER and CR4 of this CPU accordingly. CR3 must hold PCID 0 (SDM Vol. 3A, 4.10.1). */
void features_enable(void);

#endif
