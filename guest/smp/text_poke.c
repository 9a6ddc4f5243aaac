#include "smp/text_poke.h"

#include "lib/asm.h"
#include "lib/string.h"
#include "smp/cross_call.h"

enum { INT3 = 0xcc };

static const struct text_poke *active;
static unsigned nr_active;

/* A CPU that has executed a serializing instruction fetches anew (SDM Vol. 3A, 8.3). */
static void serialize(void *argument)
{
  (void)argument;
  u32 a, b, c, d;
  cpuid(0, 0, &a, &b, &c, &d);
}

static void serialize_all(void)
{
  on_each_cpu(serialize, NULL);
}

void text_poke(const struct text_poke *pokes, unsigned count)
{
  active = pokes;
  __atomic_store_n(&nr_active, count, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < count; i++) WRITE_ONCE(pokes[i].alias[0], INT3);
  serialize_all();
  for (unsigned i = 0; i < count; i++) memcpy(pokes[i].alias + 1, pokes[i].bytes + 1, sizeof pokes[i].bytes - 1);
  serialize_all();
  for (unsigned i = 0; i < count; i++) WRITE_ONCE(pokes[i].alias[0], pokes[i].bytes[0]);
  serialize_all();
  /* A trap that was taken before the last step has been handled: its CPU has answered since. */
  __atomic_store_n(&nr_active, 0, __ATOMIC_SEQ_CST);
}

bool text_poke_trap(struct registers *regs)
{
  unsigned count = __atomic_load_n(&nr_active, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < count; i++) {
    if (regs->rip != active[i].address + 1) continue;
    regs->rip = active[i].behind;
    return true;
  }
  /* It was hit right before it was taken away: what stands there now is to be executed. */
  const u8 *instruction = (const u8 *)(regs->rip - 1);
  if (count == 0 && READ_ONCE(*instruction) != INT3) {
    regs->rip--;
    return true;
  }
  return false;
}
