/*
 * The beginning of a guest without a kernel: PVH entry, long mode with the first 64 MiB mapped by 2 MiB pages, RSP at stack_end, and on to what
 * follows the include. Before it are defined: RIGHTS (bits 2:0 of paging-structure entries), EFER_BITS and CR0_BITS beside those that long
 * mode needs, and the macro MORE_TABLES (EDI is the PML4, with the PDPT and a page directory behind it; EAX may be changed). The GDT at
 * gdt_pointer has a 64-bit code segment at 8 and a data segment at 16.
 */
#include "pvh.h"
  mov $tables, %edi
  lea 0x1000 + RIGHTS(%edi), %eax /* PML4[0] -> PDPT */
  mov %eax, (%edi)
  lea 0x2000 + RIGHTS(%edi), %eax /* PDPT[0] -> page directory */
  mov %eax, 0x1000(%edi)
  MORE_TABLES
  mov $0x80 | RIGHTS, %eax
  xor %ecx, %ecx
1:
  mov %eax, 0x2000(%edi, %ecx, 8)
  add $0x200000, %eax
  inc %ecx
  cmp $32, %ecx
  jne 1b
  mov %edi, %cr3
  mov %cr4, %eax
  or $0x20, %eax /* PAE */
  mov %eax, %cr4
  mov $0xc0000080, %ecx
  rdmsr
  or $0x100 | EFER_BITS, %eax
  wrmsr
  mov %cr0, %eax
  or $0x80000001 | CR0_BITS, %eax
  mov %eax, %cr0
  lgdt gdt_pointer
  ljmp $8, $long_mode

  .code64
long_mode:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $stack_end, %esp
