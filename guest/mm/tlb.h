/*
 * Which translations the CPUs may hold, and how they are made to drop them. Every change that takes a right away must
 * be followed by one of the flushes below; those that can reach other CPUs need interrupts on, because they wait for
 * the others' answers while the others may be waiting for ours.
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "lib/types.h"

struct mm;

/* Bit n: CPU n has not yet answered the shootdown that is under way. */
extern u32 tlb_unanswered;

#define CR3_NOFLUSH (1ull << 63)

/* Makes `mm` this CPU's address space. Interrupts are off. */
void switch_mm(struct mm *mm);

void tlb_flush_mm(struct mm *mm);
void tlb_flush_range(struct mm *mm, u64 start, u64 end);
/* One page of the current mm on this CPU; enough when a right was added. */
void tlb_flush_page_local(struct mm *mm, u64 address);
/* Everything on all CPUs: every PCID, and global pages. */
void tlb_flush_all(void);
void tlb_flush_all_local(void);
/* Makes every CPU that still has `mm` loaded without running it let go of it. */
void tlb_drop_mm(struct mm *mm);

#endif
