/*
 * What each CPU has of its own. Kernel code finds it at %gs:0; the GS base is swapped with the user's at every entry.
 */
#ifndef SMP_PERCPU_H
#define SMP_PERCPU_H

#include "lib/types.h"
#include "mm/layout.h"

struct task;
struct mm;

/* Address space identifiers that one CPU keeps alive at a time, as in Linux (TLB_NR_DYN_ASIDS). */
#define NR_ASIDS 6

struct asid {
  u64 ctx_id;  /* whose translations the PCID holds; 0 = nobody's */
  u64 tlb_gen; /* the mm's tlb_gen up to which they have been flushed */
};

struct percpu {
  /*
   * The exported page: the only part that the shadow half maps. SYSCALL leaves RSP as it was, so its entry needs one
   * word to put it in before it may switch CR3 (Linux keeps that word in the TSS page, cpu_tss_rw.sp2, since 4.20).
   */
  union {
    struct {
      u64 scratch_rsp;
      u32 kaiser_word;       /* 1: this CPU is to switch CR3; for designs that ask each CPU's own word */
    };
    u8 exported_page[PAGE_SIZE];
  };

  /* Read by entry code after the switch to the kernel's CR3; offsets in entry/offsets.h. */
  struct task *current;
  u64 kernel_stack_top;      /* of `current` */
  u64 entry_stack_top;       /* the same as TSS.RSP0; never changes */
  u64 user_pcid_flush_mask;  /* bit n: flush the user PCID of asid n-1 before it is used again */
  u32 preempt_count;         /* above zero: no task switch on this CPU */
  u32 cpu;
  u32 need_resched;
  u32 apic_id;
  u64 espfix_writable;       /* kaiser/espfix.h: this CPU's stack where it can be written */
  u64 espfix_stack;          /* and where IRET reads it, but for bits 31:16 */
  u64 user_cr3;              /* for designs whose exits load it: the shadow half of loaded_mm */

  struct task *idle;
  struct task *stopper;
  struct mm *loaded_mm;      /* whose root is in CR3 */
  u32 loaded_asid;
  u32 next_asid;
  struct asid asids[NR_ASIDS];
  bool offline, parked;      /* is to leave, and has left; smp/hotplug.c */
  bool idling;               /* in the idle task: a good target for work */
  u64 quiescent;             /* counts moments at which no kernel code of this CPU was in the middle of anything */
  u64 nmis, machine_checks;
} aligned_to(PAGE_SIZE);

extern struct percpu percpu_areas[MAX_CPUS];
/* Base addresses as a table, for the debugger. */
extern u64 percpu_base[MAX_CPUS];
extern u32 nr_cpus;        /* online */

/* Sets up the area of one CPU and points GS at it. */
void percpu_init(u32 cpu);

/* `this_cpu_read(field)` and the like are one instruction each: preemption cannot come in between. */
#define this_cpu_read(field)                                                                                           \
  ({                                                                                                                   \
    typeof(((struct percpu *)0)->field) value_;                                                                        \
    asm volatile("mov %%gs:%c1, %0" : "=r"(value_) : "i"(offsetof(struct percpu, field)) : "memory");                  \
    value_;                                                                                                            \
  })
#define this_cpu_write(field, value)                                                                                   \
  do {                                                                                                                 \
    typeof(((struct percpu *)0)->field) value_ = (value);                                                              \
    asm volatile("mov %0, %%gs:%c1" : : "r"(value_), "i"(offsetof(struct percpu, field)) : "memory");                  \
  } while (0)

/* The task that runs on this CPU: for itself always the same, wherever it runs. */
static inline struct task *current(void)
{
  return this_cpu_read(current);
}

/* This CPU's area; only meaningful while preemption or interrupts are off. */
static inline struct percpu *this_percpu(void)
{
  return &percpu_areas[this_cpu_read(cpu)];
}

#endif
