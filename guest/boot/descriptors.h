/* GDT, TSS and IDT. The CPU uses them through read-only aliases in the cpu_entry_area. */
#ifndef BOOT_DESCRIPTORS_H
#define BOOT_DESCRIPTORS_H

#include "lib/types.h"
#include "mm/layout.h"

struct gdt {
  u64 entries[PAGE_SIZE / 8];
};
/* SDM Vol. 3A, figure 8-11. */
struct tss {
  u32 reserved0;
  u64 rsp[3];
  u64 reserved1;
  u64 ist[7];
  u64 reserved2;
  u16 reserved3, io_map_base;
  u8 rest_of_page[PAGE_SIZE - 104];
} packed;
struct gate {
  u64 low, high;
};

extern struct gdt gdts[MAX_CPUS];
extern struct tss tsss[MAX_CPUS];
extern struct gate idt[256];

/* Fills in the IDT, which all CPUs share. */
void idt_init(void);
/* Loads this CPU's GDT, TSS and IDT and sets the MSRs of SYSCALL. */
void descriptors_load(u32 cpu);
/* `stack_top` is that of the task which runs on the CPU now; for kernels without CURE_ENTRY_STACK. */
void descriptors_task_switched(u32 cpu, u64 stack_top);

#endif
