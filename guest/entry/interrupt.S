/*
 * Interrupts of the local APIC, and the way back by IRET that they share with exceptions.
 *
 * From user mode the CPU switches to the entry stack (TSS.RSP0); from kernel mode it stays where it is.
 */
#include "entry/calling.h"

  .section .entry.text, "ax"

.macro INTERRUPT path:req handler:req
FUNCTION entry_\path
  push $-1                              /* no system call, no error code */
  PUSH_REGS
  call irq_entry
  mov %rsp, %rdi
  call \handler
  jmp interrupt_return
END_FUNCTION entry_\path
.endm

INTERRUPT timer, do_timer_interrupt
INTERRUPT ipi_tlb, do_ipi_tlb_interrupt
INTERRUPT ipi_call, do_ipi_call_interrupt
INTERRUPT ipi_resched, do_ipi_resched_interrupt
INTERRUPT spurious, do_spurious

/* Registers are pushed. From user mode: to the kernel's GS, CR3 and stack. */
FUNCTION irq_entry
  cld
  testb $3, 8 + REGS_CS(%rsp)
  jz 1f
  swapgs
  SWITCH_TO_KERNEL_CR3 scratch=%rax label=entry_irq_cr3
  CLEAR_AC
  jmp move_to_task_stack
1:
  CLEAR_AC
  ret
END_FUNCTION irq_entry

/*
 * Moves struct registers from the entry stack, or an IST stack, to the stack of the current task, where the task may be
 * preempted. Entered by a jump with a return address on the stack, and returns there.
 */
FUNCTION move_to_task_stack
  xor %ebp, %ebp                        /* kernel frames end here */
  pop %r12
  mov %rsp, %rdi
  call sync_registers
  mov %rax, %rsp
  push %r12
  ret
END_FUNCTION move_to_task_stack

/* The end of every interrupt and exception that is not paranoid. */
FUNCTION interrupt_return
  cli
  mov %rsp, %rdi
  testb $3, REGS_CS(%rsp)
  jz 1f
  call prepare_user_mode
  jmp return_to_user
1:
  call prepare_kernel_mode
END_FUNCTION interrupt_return

FUNCTION return_to_kernel
  POP_REGS_BUT_RDI
  pop %rdi
  add $8, %rsp
  .globl exit_iret_kernel
exit_iret_kernel:
  iretq
END_FUNCTION return_to_kernel

/* A new task begins here, when it is first switched to: RBX is what a kernel task is to call, R12 its argument. */
FUNCTION ret_from_fork
  call schedule_tail
  test %rbx, %rbx
  jz 1f
  mov %r12, %rdi
  call *%rbx                            /* returns only when it has become a user process */
1:
  cli
  mov %rsp, %rdi
  call prepare_user_mode
END_FUNCTION ret_from_fork

/* To user mode by IRET: interrupts are off and nothing is left to do. */
FUNCTION return_to_user
  POP_REGS_BUT_RDI
  mov %rsp, %rdi
  mov %gs:PERCPU_ENTRY_STACK_TOP, %rsp
  push REGS_SS - REGS_RDI(%rdi)
  push REGS_RSP - REGS_RDI(%rdi)
  push REGS_RFLAGS - REGS_RDI(%rdi)
  push REGS_CS - REGS_RDI(%rdi)
  push REGS_RIP - REGS_RDI(%rdi)
  push (%rdi)
  SWITCH_TO_USER_CR3 scratch=%rdi label=exit_iret_cr3
  pop %rdi
  swapgs
  testb $4, 32(%rsp)                    /* a stack segment of the LDT may be a 16-bit one */
  jnz .Lespfix
  .globl exit_iret_user
exit_iret_user:
  iretq

/*
 * kaiser/espfix.h. Everything is the user's already, but the stack to return from can only be written on the kernel's
 * half: back, fill it, and out again, three switches in all.
 */
.Lespfix:
  push %rdi
  swapgs
  SWITCH_TO_KERNEL_CR3 scratch=%rdi label=exit_espfix_kernel_cr3
  mov %gs:PERCPU_ESPFIX_WRITABLE, %rdi
  mov %rax, (%rdi)
  mov 8(%rsp), %rax                     /* RIP, CS, RFLAGS, RSP, SS */
  mov %rax, 8(%rdi)
  mov 16(%rsp), %rax
  mov %rax, 16(%rdi)
  mov 24(%rsp), %rax
  mov %rax, 24(%rdi)
  mov 40(%rsp), %rax
  mov %rax, 40(%rdi)
  mov 32(%rsp), %rax
  mov %rax, 32(%rdi)
  and $0xffff0000, %eax
  or %gs:PERCPU_ESPFIX_STACK, %rax
  SWITCH_TO_USER_CR3 scratch=%rdi label=exit_espfix_user_cr3
  pop %rdi
  swapgs
  mov %rax, %rsp
  pop %rax
  .globl exit_iret_espfix
exit_iret_espfix:
  iretq
END_FUNCTION return_to_user

  .section .note.GNU-stack, "", @progbits
