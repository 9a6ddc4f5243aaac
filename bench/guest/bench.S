/* A guest without a kernel: PVH entry, long mode with the first 64 MiB mapped by 2 MiB pages, one workload, debug exit.
   WORKLOAD is 0 empty, 1 integer loop, 2 streaming, 3 calls, 4 memory with branches, 5 memory in one page, 6 strings. */

#define RIGHTS 3 /* present, writable */
#define EFER_BITS 0
#define CR0_BITS 0
.macro MORE_TABLES
.endm
#include "start.h"

#if WORKLOAD == 1
  /* 10 instructions each time round. */
  mov $COUNT, %ecx
  mov $1, %eax
  mov $0x9e3779b9, %edx
hot_loop:
1:
  add %rdx, %rax
  mov %rax, %rbx
  shr $13, %rbx
  xor %rbx, %rax
  lea (%rax, %rax, 4), %rsi
  imul $0x5bd1e995, %rsi, %rsi
  xor %rsi, %rdx
  add $1, %rdi
  dec %ecx
  jnz 1b
#elif WORKLOAD == 2
  /* COUNT passes through 8 MiB, reading and writing; 4 instructions for each 8 bytes. */
  mov $COUNT, %ecx
2:
  mov $buffer, %esi
  lea 0x800000(%rsi), %rdi
1:
  add (%rsi), %rax
  mov %rax, (%rsi)
  add $8, %rsi
  cmp %rdi, %rsi
  jne 1b
  dec %ecx
  jnz 2b
#elif WORKLOAD == 3
  /* 12 instructions each time round: a direct and an indirect call. */
  mov $COUNT, %ecx
  mov $callee, %ebx
1:
  call callee
  call *%rbx
  dec %ecx
  jnz 1b
#elif WORKLOAD == 4
  /* Sieve of Eratosthenes: byte stores with a stride, loads, branches that are hard to foresee. */
  mov $COUNT, %ebp
3:
  mov $buffer, %edi
  mov $0x40000, %ecx
  xor %eax, %eax
  rep stosq
  mov $2, %ebx
2:
  cmpb $0, buffer(%rbx)
  jne 4f
  lea (%rbx, %rbx), %rcx
1:
  movb $1, buffer(%rcx)
  add %rbx, %rcx
  cmp $0x200000, %rcx
  jb 1b
4:
  inc %ebx
  cmp $1449, %ebx
  jb 2b
  dec %ebp
  jnz 3b
#elif WORKLOAD == 5
  /* 6 instructions each time round: two loads, two stores, all in the buffer's first page. */
  mov $COUNT, %ecx
  mov $buffer, %ebx
hot_loop:
1:
  mov (%rbx), %rax
  add %rcx, %rax
  mov %rax, 0x100(%rbx)
  add %rax, 0x208(%rbx)
  dec %ecx
  jnz 1b
#elif WORKLOAD == 6
  /* Short and long copies, a page filled, 100 bytes searched and 100 compared. */
  mov $COUNT, %ebp
1:
  mov $buffer, %esi
  mov $buffer + 0x8000, %edi
  mov $10, %ecx
  rep movsb
  mov $600, %ecx
  rep movsq
  mov $buffer + 0x10000, %edi
  xor %eax, %eax
  mov $512, %ecx
  rep stosq
  mov $buffer + 0x10000, %edi
  mov $100, %ecx
  inc %eax
  repne scasb
  mov $buffer + 0x10000, %esi
  mov $buffer + 0x10800, %edi
  mov $100, %ecx
  repe cmpsb
  dec %ebp
  jnz 1b
#endif
  mov $1, %eax
  mov $0xf4, %edx
  out %eax, %dx
  hlt

callee:
  push %rax
  add $3, %rax
  pop %rdx
  ret

  .balign 8
gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .long gdt

  .bss
  .balign 4096
tables:
  .skip 0x3000
  .skip 0x1000
stack_end:
  .balign 4096
  .globl buffer
buffer:
  .skip 0x800000
