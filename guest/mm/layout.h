/* Where things lie in virtual and physical memory. Used from C and from assembly. */
#ifndef MM_LAYOUT_H
#define MM_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 0x1000
#define MAX_CPUS 8

/*
 * PGD slot   address              what
 *     0-255  0                    the process: text 0x400000, mmap from MMAP_BASE (slot 64), stack below USER_END (255)
 *       273  PHYSMAP_BASE         all RAM, as in Linux with 4 levels
 *       508  CPU_ENTRY_AREA_BASE  shared with the shadow half
 *       509  LDT_BASE             the LDT of the process, if it has one; likewise
 *       510  ESPFIX_BASE          stacks for IRET to 16-bit stack segments; likewise
 *       511  KERNEL_BASE          kernel image; the local APIC
 */
#define USER_END 0x00007ffffffff000
#define MMAP_BASE 0x0000200000000000
#define PHYSMAP_BASE 0xffff888000000000
#define CPU_ENTRY_AREA_PGD 508
#define LDT_PGD 509
#define LDT_BASE 0xfffffe8000000000
#define ESPFIX_PGD 510
#define ESPFIX_BASE 0xffffff0000000000
#define KERNEL_PGD 511
#define KERNEL_BASE 0xffffffff80000000
#define LOCAL_APIC_BASE 0xffffffffff5fb000

/* Application processors start here in real mode; the SIPI vector is its page number. */
#define TRAMPOLINE_PHYS 0x8000

#define KERNEL_STACK_SIZE 0x4000

#endif
