/*
 * gs: has GS point at memory of its own, full of zeros, and stays in user mode. GS is the user's until SWAPGS: an entry that looks at %gs before
 * finds what this program wants it to find. RFLAGS.AC is set so that SMAP does not stop the kernel from reading it.
 */
#include "user/lib.h"

int gs_main(int argc, char **argv);

static u64 area[16];

int gs_main(int argc, char **argv)
{
  (void)argc;
  (void)argv;
  *(volatile u64 *)area = 0; /* there, before the kernel looks */
  asm volatile("pushfq; orl $1 << 18, (%%rsp); popfq; wrgsbase %0" : : "r"(area) : "memory", "cc");
  for (volatile u64 i = 0;; i++) continue;
}
