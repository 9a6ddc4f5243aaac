#include "smp/percpu.h"

#include "entry/offsets.h"
#include "lib/asm.h"
#include "lib/string.h"

_Static_assert(offsetof(struct percpu, scratch_rsp) == PERCPU_SCRATCH_RSP, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, current) == PERCPU_CURRENT, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, kernel_stack_top) == PERCPU_KERNEL_STACK_TOP, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, entry_stack_top) == PERCPU_ENTRY_STACK_TOP, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, user_pcid_flush_mask) == PERCPU_USER_PCID_FLUSH_MASK, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, preempt_count) == PERCPU_PREEMPT_COUNT, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, cpu) == PERCPU_CPU, "entry/offsets.h");

_Static_assert(offsetof(struct percpu, espfix_writable) == PERCPU_ESPFIX_WRITABLE, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, espfix_stack) == PERCPU_ESPFIX_STACK, "entry/offsets.h");
_Static_assert(offsetof(struct percpu, user_cr3) == PERCPU_USER_CR3, "entry/offsets.h");

struct percpu percpu_areas[MAX_CPUS] section(".bss.page_aligned");
u64 percpu_base[MAX_CPUS];
u32 nr_cpus = 1;

void percpu_init(u32 cpu)
{
  struct percpu *area = &percpu_areas[cpu];
  area->cpu = cpu;
  /* What is below is for a CPU that has been out of use: its TLB is empty now, and no task runs. */
  area->preempt_count = area->need_resched = 0;
  area->loaded_mm = NULL;
  memset(area->asids, 0, sizeof area->asids);
  area->offline = area->parked = false;
  percpu_base[cpu] = (u64)area;
  wrmsr(MSR_GS_BASE, (u64)area);
  wrmsr(MSR_KERNEL_GS_BASE, 0);
}
