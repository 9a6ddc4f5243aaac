/* A guest of 32-bit code without a kernel: PVH entry, flat segments, 4 MiB pages, one workload, debug exit. WORKLOAD is 1 integer
   loop, 2 streaming, 3 calls, as in bench.S. */

#include "pvh.h"
  lgdt gdt_pointer
  ljmp $8, $1f
1:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $tables, %edi
  mov $0x83, %eax /* present, writable, 4 MiB */
  xor %ecx, %ecx
1:
  mov %eax, (%edi, %ecx, 4)
  add $0x400000, %eax
  inc %ecx
  cmp $16, %ecx
  jne 1b
  mov %edi, %cr3
  mov %cr4, %eax
  or $0x10, %eax /* PSE */
  mov %eax, %cr4
  mov %cr0, %eax
  or $0x80000001, %eax
  mov %eax, %cr0

  mov $COUNT, %ecx
#if WORKLOAD == 1
  /* 10 instructions each time round. */
  mov $1, %eax
  mov $0x9e3779b9, %edx
1:
  add %edx, %eax
  mov %eax, %ebx
  shr $13, %ebx
  xor %ebx, %eax
  lea (%eax, %eax, 4), %esi
  imul $0x5bd1e995, %esi, %esi
  xor %esi, %edx
  add $1, %edi
  dec %ecx
  jnz 1b
#elif WORKLOAD == 2
  /* COUNT passes through 8 MiB, reading and writing; 4 instructions for each 4 bytes. */
2:
  mov $buffer, %esi
  lea 0x800000(%esi), %edi
1:
  add (%esi), %eax
  mov %eax, (%esi)
  add $4, %esi
  cmp %edi, %esi
  jne 1b
  dec %ecx
  jnz 2b
#else
  /* 12 instructions each time round: a direct and an indirect call. */
  mov $callee, %ebx
1:
  call callee
  call *%ebx
  dec %ecx
  jnz 1b
#endif
  mov $1, %eax
  mov $0xf4, %edx
  out %eax, %dx
  hlt

callee:
  push %eax
  add $3, %eax
  pop %edx
  ret

  .balign 8
gdt:
  .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .long gdt

  .bss
  .balign 4096
tables:
  .skip 0x1000
  .skip 0x1000
stack_end:
  .balign 0x100000
buffer:
  .skip 0x800000
