/*
 * void switch_to(struct task *previous, struct task *next)
 * Leaves one kernel stack for another. Only what a C function must preserve is saved; the caller has saved the rest.
 */
#include "entry/offsets.h"

  .text
  .globl switch_to
  .type switch_to, @function
switch_to:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, TASK_KERNEL_RSP(%rdi)
  mov TASK_KERNEL_RSP(%rsi), %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
  .size switch_to, . - switch_to
  .section .note.GNU-stack, "", @progbits
