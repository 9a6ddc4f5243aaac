/*
 * 32-bit code. For user/compat.c: u32 compat_call(u32 way, u32 number) goes to compatibility mode, makes one system call there by
 * the way chosen (0: INT 0x80, 1: SYSENTER, 2: SYSCALL), and comes back with its result. Far returns change the mode: CS decides.
 */
#include "entry/offsets.h"

  .text
  .globl compat_call
  .type compat_call, @function
compat_call:
  push %rbp
  push %rbx
  push %r12
  mov %rsp, %r12
  mov %edi, %ecx
  mov %esi, %eax
  /* The stack of a 64-bit program is out of reach. */
  mov $compat_stack_top, %esp
  pushq $USER_CS32
  pushq $.Lcompat
  lretq

  .code32
.Lcompat:
  cmp $1, %ecx
  jb .Lint80
  je .Lsysenter
  mov %esp, %ebp
  syscall
  jmp .Lback
.Lint80:
  int $0x80
  jmp .Lback
.Lsysenter:
  mov %esp, %ecx
  mov $.Lback, %edx
  sysenter
.Lback:
  push $USER_CS
  push $.Llong
  lretl

  .code64
.Llong:
  mov %r12, %rsp
  mov %eax, %eax
  pop %r12
  pop %rbx
  pop %rbp
  ret
  .size compat_call, . - compat_call

/* u32 count_on_stack(u32 selector, u32 esp, u32 count): for user/ldt.c. */
  .globl count_on_stack
  .type count_on_stack, @function
count_on_stack:
  push %rbx
  mov %rsp, %r11
  mov $compat_stack_top, %ecx
  mov %ecx, %esp
  pushq $USER_CS32
  pushq $.Lcount
  lretq

  .code32
.Lcount:
  mov %ss, %ebx
  mov %edi, %ss
  mov %esi, %esp                        /* from here on nothing is pushed */
1:
  dec %edx
  jnz 1b
  mov %esp, %eax
  mov %ebx, %ss
  mov %ecx, %esp
  push $USER_CS
  push $.Lcounted
  lretl

  .code64
.Lcounted:
  mov %r11, %rsp
  mov %eax, %eax
  pop %rbx
  ret
  .size count_on_stack, . - count_on_stack

  .bss
  .balign 16
  .skip 1024
compat_stack_top:

  .section .note.GNU-stack, "", @progbits
