/*
 * The ways in from 32-bit programs: INT 0x80, SYSENTER where the CPU is Intel's, SYSCALL where it is AMD's (in compatibility
 * mode each refuses the other's: SDM Vol. 2, SYSCALL; APM Vol. 3, SYSENTER). The number is in EAX; arguments are in EBX, ESI and EDI. Neither
 * SYSENTER nor SYSCALL keeps all that is needed to go back: programs leave ESP in ECX for SYSENTER, with the address to
 * return to in EDX, and ESP in EBP for SYSCALL.
 */
#include "entry/calling.h"

#define RFLAGS_IF (1 << 9)

  .section .entry.text, "ax"

/* A gate: the frame is on the entry stack already, as for an interrupt. */
FUNCTION entry_int80
  push %rax
  PUSH_REGS
  call irq_entry
  mov %rsp, %rdi
  call do_syscall32
  jmp return_to_user
END_FUNCTION entry_int80

/*
 * SYSENTER loads RSP from IA32_SYSENTER_ESP, the entry stack, and clears IF; flags such as TF it keeps, so a debug trap may come
 * before the first instruction has been executed.
 */
FUNCTION entry_sysenter
  swapgs
  SWITCH_TO_KERNEL_CR3 scratch=%rsp label=entry_sysenter_cr3
  mov %gs:PERCPU_KERNEL_STACK_TOP, %rsp
  mov %ecx, %ecx
  mov %edx, %edx
  push $USER_DS
  push %rcx
  pushfq
  orl $RFLAGS_IF, (%rsp)
  push $USER_CS32
  push %rdx
  jmp .Lsyscall32
END_FUNCTION entry_sysenter

/* SYSCALL leaves RIP in ECX and RFLAGS in R11; RSP is the user's. */
FUNCTION entry_syscall32
  swapgs
  SWITCH_TO_KERNEL_CR3 scratch=%rsp label=entry_syscall32_cr3
  mov %gs:PERCPU_KERNEL_STACK_TOP, %rsp
  mov %ebp, %ebp
  push $USER_DS
  push %rbp
  push %r11
  push $USER_CS32
  push %rcx
.Lsyscall32:
  push %rax
  PUSH_REGS
  xor %ebp, %ebp                        /* kernel frames end here */
  cld
  CLEAR_AC
  mov %rsp, %rdi
  call do_syscall32

  /* SYSRET is the way back for both, unless a debugger's flags are set or the frame was changed. */
  cmpl $USER_CS32, REGS_CS(%rsp)
  jne return_to_user
  cmpl $USER_DS, REGS_SS(%rsp)
  jne return_to_user
  testl $(1 << 16 | 1 << 8), REGS_RFLAGS(%rsp)
  jnz return_to_user
  /*
   * No stack is needed any more, so the switch comes after the last touch of the task's; R8 to R11 do not exist for a
   * 32-bit program, but what the kernel had in them must not stay there for a 64-bit one that it turns into.
   */
  POP_REGS_BUT_RDI
  pop %rdi
  mov REGS_RIP - REGS_ORIG_RAX(%rsp), %ecx
  mov REGS_RFLAGS - REGS_ORIG_RAX(%rsp), %r11d
  mov REGS_RSP - REGS_ORIG_RAX(%rsp), %r10d
  SWITCH_TO_USER_CR3_NOSTACK scratch=%r8 index=%r9 label=exit_sysret32_cr3
  mov %r10d, %esp
  xor %r8d, %r8d
  xor %r9d, %r9d
  xor %r10d, %r10d
  swapgs
  .globl exit_sysret32
exit_sysret32:
  sysretl
END_FUNCTION entry_syscall32

  .section .note.GNU-stack, "", @progbits
