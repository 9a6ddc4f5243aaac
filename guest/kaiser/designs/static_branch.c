/*
 * D3. Static branches at run time: the code itself says on or off, and is patched while all CPUs run, by INT3. Two keys, one for
 * entries and one for exits, and an order: an entry that switches is right whatever CR3 has, an exit that switches is right
 * only if every entry does.
 *
 *   on:  entries, then exits; when every CPU has been in an interrupt since, none is in user mode on the kernel's half, and
 *        the poison may come, first that of new entries (the policy), then that of those there are.
 *   off: poison out, then exits; when every CPU has been in an interrupt since, none is in user mode on the shadow half or
 *        can get there, and the entries may stop switching.
 *
 * No CPU is stopped. Paranoid entries are no part of either key: they go by CR3.
 */
#include "kaiser/designs/designs.h"
#include "kaiser/sites.h"
#include "smp/cross_call.h"

#define ENTRIES_KEY BIT(SITE_TO_KERNEL)
#define EXITS_KEY BIT(SITE_TO_USER)

static void nothing(void *argument)
{
  (void)argument;
}

/* Exits run with interrupts off: a CPU that answers is not between the look at its code and the IRET or SYSRET. */
static void wait_for_exits(void)
{
  on_each_cpu(nothing, NULL);
}

static s64 enable(void)
{
  kaiser_flush_everywhere(); /* of the users' PCIDs nobody has used any since KAISER was switched off */
  sites_patch_live(ENTRIES_KEY, true, false);
  sites_patch_live(EXITS_KEY, true, false);
  wait_for_exits();
  kaiser_poison_in();
  return 0;
}

static s64 disable(void)
{
  kaiser_poison_out();
  sites_patch_live(EXITS_KEY, false, false);
  wait_for_exits();
  sites_patch_live(ENTRIES_KEY, false, false);
  return 0;
}

/* The keys are set here and not while the command line is read: the sites are written between the two. */
static void late_init(void)
{
  if (!has_cure(CURE_DEFERRED) || !kaiser_enabled) return;
  sites_patch_live(ENTRIES_KEY | EXITS_KEY | BIT(SITE_SAVE) | BIT(SITE_RESTORE), true, false);
}

const struct kaiser_design kaiser_static_branch = {
  .name = "static_branch",
  .asks = ASKS_CODE,
  .keys_off_at_boot = true,
  .enable = enable,
  .disable = disable,
  .late_init = late_init,
};
