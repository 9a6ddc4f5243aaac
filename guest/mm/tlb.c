/*
 * PCIDs, the pairs of them that KAISER needs, and the shootdown.
 *
 * A CPU keeps up to six address spaces in its TLB at a time, one for each asid. An asid is a pair of PCIDs: asid + 1 for
 * the kernel half, the same with bit 11 for the shadow half (PCID 0 is for code that knows nothing of PCIDs). The kernel
 * flushes its own PCID at once. The user's twin it cannot flush by INVLPG, which knows only the current PCID: INVPCID
 * does it where the CPU has that; else a bit in user_pcid_flush_mask makes the next switch to the shadow half flush.
 *
 * mm->tlb_gen counts the flushes that an address space has needed, asid.tlb_gen says how many of them this CPU has done.
 * A CPU that does not have the mm loaded gets no IPI; it finds itself behind when it loads the mm again (switch_mm).
 */
#include "mm/tlb.h"

#include "boot/features.h"
#include "entry/handlers.h"
#include "entry/offsets.h"
#include "kaiser/kaiser.h"
#include "lib/asm.h"
#include "lib/panic.h"
#include "mm/ldt.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/task.h"
#include "smp/ipi.h"
#include "smp/spinlock.h"

/* Above this many pages one flush of the whole PCID is cheaper (Linux: tlb_single_page_flush_ceiling). */
enum { MAX_SINGLE_FLUSHES = 33 };

static u64 kernel_pcid(u32 asid)
{
  return cpu_has.pcid ? asid + 1 : 0;
}

static u64 user_pcid(u32 asid)
{
  return kernel_pcid(asid) | CR3_SHADOW_PCID;
}

/* The user's twin of an asid is to be flushed before its next use. */
static void invalidate_user_asid(struct percpu *cpu, u32 asid)
{
  if (!cpu_has.pcid || !kaiser_maintains_user_pcids()) return;
  if (kaiser_design->keeps_user_cr3) return; /* without bit 63 in user_cr3 every exit flushes */
  cpu->user_pcid_flush_mask |= BIT(kernel_pcid(asid));
}

static void load_cr3(struct percpu *cpu, struct mm *mm, u32 asid, bool flush)
{
  if (flush) invalidate_user_asid(cpu, asid);
  write_cr3(to_physical(mm->pgd) | kernel_pcid(asid) | (cpu_has.noflush && !flush ? CR3_NOFLUSH : 0));
}

/* The asid of `mm` on this CPU; takes one away from another mm when it has none. */
static u32 choose_asid(struct percpu *cpu, struct mm *mm, bool *flush)
{
  u64 generation = READ_ONCE(mm->tlb_gen);
  *flush = true;
  u32 asid = 0;
  if (cpu_has.pcid) {
    while (asid < NR_ASIDS && cpu->asids[asid].ctx_id != mm->ctx_id) asid++;
    if (asid < NR_ASIDS) *flush = cpu->asids[asid].tlb_gen < generation;
    else asid = cpu->next_asid++ % NR_ASIDS;
  }
  cpu->asids[asid] = (struct asid){ mm->ctx_id, generation };
  return asid;
}

void switch_mm(struct mm *mm)
{
  struct percpu *cpu = this_percpu();
  if (cpu->loaded_mm == mm) return;
  bool previous_ldt = cpu->loaded_mm && cpu->loaded_mm->ldt;
  if (cpu->loaded_mm) __atomic_and_fetch(&cpu->loaded_mm->cpus, ~BIT(cpu->cpu), __ATOMIC_SEQ_CST);
  /* The bit first, then tlb_gen: a flush that does not see our bit has counted tlb_gen up before we read it. */
  __atomic_or_fetch(&mm->cpus, BIT(cpu->cpu), __ATOMIC_SEQ_CST);
  bool flush;
  u32 asid = choose_asid(cpu, mm, &flush);
  cpu->loaded_mm = mm;
  cpu->loaded_asid = asid;
  if (mm->ldt || previous_ldt) ldt_load(mm);
  if (kaiser_design->per_process) cpu->kaiser_word = mm->isolated;
  if (kaiser_design->keeps_user_cr3 && (cpu->kaiser_word || has_cure(CURE_USER_CR3)))
    cpu->user_cr3 = to_physical(shadow_half(mm->pgd)) | (cpu_has.pcid ? user_pcid(asid) : 0);
  load_cr3(cpu, mm, asid, flush);
}

static void flush_page_here(struct percpu *cpu, u64 address)
{
  invlpg(address);
  if (!cpu_has.pcid) return; /* the next write to CR3 drops everything that is not global */
  if (cpu_has.invpcid && kaiser_maintains_user_pcids()) invpcid(INVPCID_ADDRESS, user_pcid(cpu->loaded_asid), address);
  else invalidate_user_asid(cpu, cpu->loaded_asid);
}

void tlb_flush_page_local(struct mm *mm, u64 address)
{
  u64 flags = local_irq_save();
  if (this_percpu()->loaded_mm == mm) flush_page_here(this_percpu(), address);
  local_irq_restore(flags);
}

void tlb_flush_all_local(void)
{
  u64 flags = local_irq_save();
  struct percpu *cpu = this_percpu();
  if (cpu_has.pge) {
    /* A change of CR4.PGE drops all entries of all PCIDs, global ones included (SDM Vol. 3A, 4.10.4.1). */
    u64 cr4 = read_cr4();
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
  } else if (cpu_has.invpcid) {
    invpcid(INVPCID_ALL_AND_GLOBALS, 0, 0);
  } else {
    /* Forget who had which PCID: all but the current ones are flushed when they are next used. */
    for (u32 i = 0; i < NR_ASIDS; i++)
      if (i != cpu->loaded_asid) cpu->asids[i].ctx_id = 0;
    if (cpu_has.pcid) cpu->user_pcid_flush_mask = ~0ull;
    write_cr3(read_cr3());
  }
  local_irq_restore(flags);
}

/* What one CPU asks of others; under request_lock, one at a time. */
enum kind { FLUSH_MM, FLUSH_EVERYTHING, DROP_MM };
static struct {
  enum kind kind;
  struct mm *mm;
  u64 start, end, tlb_gen;
} request;
static struct spinlock request_lock;
u32 tlb_unanswered;

/* Brings this CPU up to the request's tlb_gen. */
static void flush_mm_here(struct percpu *cpu)
{
  struct mm *mm = request.mm;
  if (cpu->loaded_mm != mm) return;
  if (current()->mm != mm) {
    /* A kernel task that only has it loaded (lazily) needs none of it: leaving spares all further IPIs. */
    switch_mm(&init_mm);
    return;
  }
  struct asid *asid = &cpu->asids[cpu->loaded_asid];
  if (asid->tlb_gen >= request.tlb_gen) return;
  bool single = asid->tlb_gen == request.tlb_gen - 1 && request.end - request.start <= MAX_SINGLE_FLUSHES * PAGE_SIZE;
  asid->tlb_gen = single ? request.tlb_gen : READ_ONCE(mm->tlb_gen);
  if (!single) {
    load_cr3(cpu, mm, cpu->loaded_asid, true);
    return;
  }
  for (u64 at = request.start; at < request.end; at += PAGE_SIZE) flush_page_here(cpu, at);
}

static void serve_request(void)
{
  u64 flags = local_irq_save();
  struct percpu *cpu = this_percpu();
  switch (request.kind) {
  case FLUSH_MM: flush_mm_here(cpu); break;
  case FLUSH_EVERYTHING: tlb_flush_all_local(); break;
  case DROP_MM:
    if (cpu->loaded_mm == request.mm && current()->mm != request.mm) switch_mm(&init_mm);
    break;
  }
  local_irq_restore(flags);
}

void do_ipi_tlb(struct registers *regs)
{
  (void)regs;
  serve_request();
  __atomic_and_fetch(&tlb_unanswered, ~BIT(this_cpu_read(cpu)), __ATOMIC_SEQ_CST);
}

/* Serves the request here and on the CPUs of `targets`, and waits for them. */
static void send_request(enum kind kind, struct mm *mm, u64 start, u64 end)
{
  if (!irqs_enabled()) panic("a TLB shootdown with interrupts off would wait for ever");
  spin_lock(&request_lock);
  request.kind = kind;
  request.mm = mm;
  request.start = start;
  request.end = end;
  if (kind == FLUSH_MM) request.tlb_gen = __atomic_add_fetch(&mm->tlb_gen, 1, __ATOMIC_SEQ_CST);
  u32 targets = mm ? __atomic_load_n(&mm->cpus, __ATOMIC_SEQ_CST) : (u32)BIT(nr_cpus) - 1;
  targets &= ~(u32)BIT(this_cpu_read(cpu));
  __atomic_store_n(&tlb_unanswered, targets, __ATOMIC_SEQ_CST);
  for (u32 cpu = 0; cpu < nr_cpus; cpu++)
    if (targets & BIT(cpu)) ipi_send(cpu, VECTOR_IPI_TLB);
  serve_request();
  while (__atomic_load_n(&tlb_unanswered, __ATOMIC_SEQ_CST)) cpu_relax();
  spin_unlock(&request_lock);
}

void tlb_flush_range(struct mm *mm, u64 start, u64 end)
{
  send_request(FLUSH_MM, mm, start, end);
}

void tlb_flush_mm(struct mm *mm)
{
  send_request(FLUSH_MM, mm, 0, ~0ull);
}

void tlb_flush_all(void)
{
  send_request(FLUSH_EVERYTHING, NULL, 0, 0);
}

void tlb_drop_mm(struct mm *mm)
{
  send_request(DROP_MM, mm, 0, 0);
}
