/*
 * D8. As distributions shipped it (RHEL 6 and 7): entry code asks a word of its own CPU, in a page that the shadow half
 * maps, and the stopped section writes the words of all CPUs that could ever run (offline).
 */
#include "kaiser/designs/designs.h"

const struct kaiser_design kaiser_per_cpu_word = {
  .name = "per_cpu_word",
  .asks = ASKS_CPU_WORD,
  .enable = kaiser_enable_stopped,
  .disable = kaiser_disable_stopped,
};
