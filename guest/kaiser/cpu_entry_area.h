/*
 * What the CPU itself reads and writes while it enters the kernel: descriptor tables, TSS and stacks. It needs them
 * before any code has run, so they are mapped in both halves: PGD slot 508, whose whole subtree the halves share.
 *
 *   page  per CPU            first the IDT, alone on a page, for all CPUs
 *     0   GDT, read only     (an entry stack that overflows runs into it and faults)
 *     1   entry stack
 *     2   TSS, read only
 *     3   not mapped; stacks grow down into such pages
 *   4-5   #DF stack
 *   7-8   NMI stack
 * 10-11   #DB stack
 * 13-14   #BP stack
 * 16-17   #MC stack
 */
#ifndef KAISER_CPU_ENTRY_AREA_H
#define KAISER_CPU_ENTRY_AREA_H

#include "lib/types.h"
#include "mm/layout.h"

#define IDT_ADDRESS 0xfffffe0000000000ull
#define CPU_ENTRY_AREA_BASE (IDT_ADDRESS + PAGE_SIZE)
#define CPU_ENTRY_AREA_STRIDE (32 * (u64)PAGE_SIZE)

enum { AREA_GDT = 0, AREA_ENTRY_STACK = 1, AREA_TSS = 2, AREA_IST_STACKS = 4 };
enum { IST_STACK_PAGES = 2, IST_STACK_SPACING = 3 };

/* IST numbers, as they stand in the gates; 0 means no IST. */
enum ist { IST_NONE, IST_DOUBLE_FAULT, IST_NMI, IST_DEBUG, IST_BREAKPOINT, IST_MACHINE_CHECK, NR_IST = IST_MACHINE_CHECK };

static inline u64 cpu_entry_area(u32 cpu)
{
  return CPU_ENTRY_AREA_BASE + cpu * CPU_ENTRY_AREA_STRIDE;
}

static inline u64 entry_stack_top(u32 cpu)
{
  return cpu_entry_area(cpu) + (AREA_ENTRY_STACK + 1) * PAGE_SIZE;
}

/* Below the two words at the end of an IST stack; the last one holds the base of the per-CPU area (entry/paranoid.S). */
static inline u64 ist_stack_top(u32 cpu, enum ist ist)
{
  u64 first = AREA_IST_STACKS + (ist - 1) * IST_STACK_SPACING;
  return cpu_entry_area(cpu) + (first + IST_STACK_PAGES) * PAGE_SIZE - 16;
}

/* Maps the areas of CPUs 0 to count - 1, and the IDT, in init_mm. */
void cpu_entry_area_init(u32 count);

#endif
