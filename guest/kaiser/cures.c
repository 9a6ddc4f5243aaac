#include "kaiser/cures.h"

#include "boot/boot_info.h"
#include "lib/panic.h"
#include "lib/string.h"

static const char *const names[NR_CURES] = {
  [CURE_MIRROR] = "mirror",
  [CURE_PREEMPT] = "preempt",
  [CURE_ATOMIC] = "atomic",
  [CURE_MUTEX] = "mutex",
  [CURE_PARANOID] = "paranoid",
  [CURE_EXIT_WINDOW] = "exit_window",
  [CURE_PARANOID_IRQS] = "paranoid_irqs",
  [CURE_PARANOID_EXIT] = "paranoid_exit",
  [CURE_FLUSH] = "flush",
  [CURE_USER_PCIDS] = "user_pcids",
  [CURE_NONGLOBAL] = "nonglobal",
  [CURE_VECTORS] = "vectors",
  [CURE_ENTRY_STACK] = "entry_stack",
  [CURE_PGD_PAIR] = "pgd_pair",
  [CURE_FORK] = "fork",
  [CURE_SHOOTDOWN] = "shootdown",
  [CURE_DEFERRED] = "deferred",
  [CURE_LDT] = "ldt",
  [CURE_OFFLINE] = "offline",
  [CURE_ORDER] = "order",
  [CURE_WAIT] = "wait",
  [CURE_USER_RULE] = "user_rule",
  [CURE_GS] = "gs",
  [CURE_ONE_WORD] = "one_word",
  [CURE_USER_CR3] = "user_cr3",
  [CURE_AT_EXIT] = "at_exit",
  [CURE_RAW_POKE] = "raw_poke",
};

static u32 missing;

/* The cures of a list of names with commas between them. */
static u32 parse(const char *option)
{
  char list[128];
  u32 mask = 0;
  if (!command_line_value(option, list, sizeof list)) return 0;
  for (char *name = list, *end; *name; name = end) {
    end = name;
    while (*end && *end != ',') end++;
    if (*end) *end++ = 0;
    unsigned cure = 0;
    while (cure < NR_CURES && strcmp(names[cure], name)) cure++;
    if (cure == NR_CURES) panic("%s=%s on the command line: there is no such cure; guest/README.md lists them", option, name);
    mask |= (u32)BIT(cure);
  }
  return mask;
}

void cures_init(u32 lacks)
{
  missing = (lacks | parse("kaiser_without")) & ~parse("kaiser_with");
}

bool has_cure(enum kaiser_cure cure)
{
  return !(missing & BIT(cure));
}
