/*
 * D9. NetBSD's way: it can be switched off and never on again, so nothing has to be kept ready for that. All CPUs meet in an interrupt; one
 * patches entry code while the others wait; each goes on with an empty TLB.
 */
#include "kaiser/designs/designs.h"
#include "kaiser/sites.h"
#include "lib/asm.h"
#include "smp/bringup.h"
#include "smp/cross_call.h"
#include "smp/percpu.h"

static u32 arrived, patched;

static void meet(void *argument)
{
  (void)argument;
  bool first = __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == 1;
  while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < nr_cpus) cpu_relax();
  if (first) {
    sites_patch(BIT(SITE_TO_KERNEL) | BIT(SITE_TO_USER) | BIT(SITE_SAVE) | BIT(SITE_RESTORE), false);
    __atomic_store_n(&patched, 1, __ATOMIC_SEQ_CST);
  }
  while (!__atomic_load_n(&patched, __ATOMIC_SEQ_CST)) cpu_relax();
  u32 a, b, c, d;
  cpuid(0, 0, &a, &b, &c, &d); /* serializes: what this CPU has fetched of the old code is gone */
  kaiser_flush_here();
}

static s64 disable(void)
{
  /* A CPU that is out of use would come back with its old translations and its old idea of the code. */
  if (has_cure(CURE_OFFLINE) && nr_cpus != smp_possible()) return -EINVAL;
  kaiser_poison_out();
  on_each_cpu(meet, NULL);
  return 0;
}

const struct kaiser_design kaiser_one_way = {
  .name = "one_way",
  .asks = ASKS_CODE,
  .disable = disable,
};
