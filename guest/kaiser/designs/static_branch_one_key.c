/*
 * D3 as one would write it first: one key for entries and exits, set in the steps of the patch of 2017. The sites are
 * patched one after the other, and while that lasts some switch and some do not: a CPU leaves by a site that switches and
 * comes back by one that does not.
 */
#include "kaiser/designs/designs.h"
#include "kaiser/sites.h"
#include "sched/quiescent.h"

#define KEY (BIT(SITE_TO_KERNEL) | BIT(SITE_TO_USER) | BIT(SITE_SAVE) | BIT(SITE_RESTORE))

static s64 disable(void)
{
  kaiser_poison_out();
  sites_patch_live(KEY, false, true);
  kaiser_flush_everywhere();
  return 0;
}

static s64 enable(void)
{
  WRITE_ONCE(kaiser_enabled, 1);
  synchronize_quiescent();
  sites_patch_live(KEY, true, true);
  synchronize_quiescent();
  kaiser_poison_all(true);
  kaiser_flush_everywhere();
  return 0;
}

const struct kaiser_design kaiser_static_branch_one_key = {
  .name = "static_branch_one_key",
  .asks = ASKS_CODE,
  .enable = enable,
  .disable = disable,
};
